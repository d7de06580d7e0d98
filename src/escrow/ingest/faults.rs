//! Where what a bank delivers contradicts itself or what was kept before (W8): a running balance that does not follow (c), a
//! reference that comes again with other content (d), a push whose signature is not that of its key (e).
//!
//! Kept beside the entries until the bank has put it right; the oversight makes warnings of it. Of an unbalanced file and of one
//! with a known reference nothing else is kept.

use chrono::{DateTime, Days, Utc};
use serde_json::json;

use super::{
    IngestError,
    entries::{Conflict, Content, NewEntry},
    model::{PUSH, PUSHED_TO, Target},
    store::{
        accounts::{self, Account},
        faults::{self as store, NewFault, OpenFault},
    },
    transaction::Transaction,
    work::{Batch, Work},
};
use crate::{
    audit::Event,
    db::Scope,
    escrow::statement::{JUMPS_MAX, Jump},
    identity::{Actor, Caller},
    kernel::clock,
    web::AppState,
};

/// What contradicts what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Sort {
    /// (c) The balance after an entry is not that of the entry before and its amount.
    Balance,
    /// (d) A reference came again with another day, direction or amount.
    Reference,
    /// (e) The signature of a push is not that of its key.
    Signature,
}

/// Entries of one place in the order of booking at most among which the order is looked for that their balances tell.
const LIKE_MAX: usize = 100;

/// Where the balances of entries in order of booking do not follow, the first [`JUMPS_MAX`] of them; `before` is the balance
/// before all of them, where it is known. Entries at one place have no order but that of their balances.
pub fn jumps(before: Option<i64>, entries: &[NewEntry]) -> Vec<Jump> {
    let mut found = Vec::new();
    if entries.iter().all(|entry| entry.balance_after_fen.is_none()) {
        return found;
    }
    let mut balance = before;
    for like in entries.chunk_by(|a, b| a.position() == b.position()) {
        if like.len() > LIKE_MAX || (like.len() > 1 && balance.is_none()) {
            balance = None;
            continue;
        }
        let mut left: Vec<&NewEntry> = like.iter().collect();
        while !left.is_empty() {
            let expected = |entry: &NewEntry| balance.and_then(|before| before.checked_add(entry.effect_fen()));
            let follows = |entry: &&NewEntry| expected(entry).is_some() && expected(entry) == entry.balance_after_fen;
            let entry = left.remove(left.iter().position(follows).unwrap_or_default());
            let pair = expected(entry).zip(entry.balance_after_fen);
            if let Some((expected_fen, written_fen)) = pair.filter(|(expected, written)| expected != written)
                && found.len() < JUMPS_MAX
            {
                let (bank_ref, booked_on) = (entry.bank_ref.clone(), entry.booked_on());
                found.push(Jump { bank_ref, booked_on, path: None, expected_fen, written_fen });
            }
            balance = entry.balance_after_fen.or(expected(entry));
        }
    }
    found
}

fn of_jump(account: i64, file_name: &str, jump: &Jump) -> NewFault {
    NewFault {
        account,
        sort: Sort::Balance,
        about: jump.bank_ref.clone(),
        on: jump.booked_on,
        file_name: file_name.to_owned(),
        place: jump.path.clone(),
        details: json!({"expected_fen": jump.expected_fen, "written_fen": jump.written_fen}),
    }
}

fn of_conflict(account: i64, file_name: &str, conflict: &Conflict) -> NewFault {
    let told = |content: Content| json!({"on": content.booked_on, "credit": content.credit, "fen": content.amount_fen});
    NewFault {
        account,
        sort: Sort::Reference,
        about: conflict.bank_ref.clone(),
        on: conflict.stored.booked_on,
        file_name: file_name.to_owned(),
        place: None,
        details: json!({"stored": told(conflict.stored), "received": told(conflict.received)}),
    }
}

/// Keeps some, each once; whether any is news.
async fn keep(tx: &Transaction, caller: &Caller, faults: &[NewFault]) -> Result<bool, IngestError> {
    let mut any = false;
    for fault in faults {
        let Some(id) = store::add(tx, caller.actor.tenant, fault, caller.now).await? else { continue };
        any = true;
        let after = json!({"id": id, "sort": <&str>::from(fault.sort), "about": fault.about, "file_name": fault.file_name,
                           "place": fault.place, "details": fault.details});
        tx.record(
            caller,
            Event {
                action: "statement.contradicted",
                subject_kind: "escrow_account",
                subject_id: fault.account.to_string(),
                after: Some(after),
                ..Event::default()
            },
        );
    }
    Ok(any)
}

/// Keeps what a refused delivery contradicts; the accounts of which there is news.
pub async fn keep_refused(
    state: &AppState,
    caller: &Caller,
    refusal: &IngestError,
    file_name: Option<&str>,
) -> Result<Vec<i64>, IngestError> {
    let tenant = caller.actor.tenant;
    let file_name = file_name.unwrap_or(PUSHED_TO);
    let tx = Transaction::begin_by_key(&state.pools, Scope::system(tenant)).await?;
    let mut faults = Vec::new();
    match refusal {
        IngestError::Conflict(Some(of), conflicts) => {
            if let Some(account) = accounts::find(&tx, tenant, of).await? {
                faults.extend(conflicts.iter().map(|conflict| of_conflict(account, file_name, conflict)));
            }
        }
        IngestError::Unbalanced(jumps) => {
            for (of, jump) in jumps.iter().filter_map(|(of, jump)| Some((of.as_ref()?, jump))).take(JUMPS_MAX) {
                if let Some(account) = accounts::find(&tx, tenant, of).await? {
                    faults.push(of_jump(account, file_name, jump));
                }
            }
        }
        _ => {}
    }
    let news = keep(&tx, caller, &faults).await?;
    tx.commit().await?;
    let mut accounts: Vec<i64> = faults.into_iter().map(|fault| fault.account).filter(|_| news).collect();
    accounts.dedup();
    Ok(accounts)
}

/// Whose signature was not right.
#[derive(Debug, Clone, Copy)]
pub struct Forged<'a> {
    pub tenant: i32,
    pub key: &'a str,
    /// Whose system the key is.
    pub name: &'a str,
    /// The account that the push names.
    pub account: &'a str,
}

/// Keeps that a push for one of the bureau's accounts came under a valid key with a wrong signature; whether that is news. Of a
/// key it is told once a minute at most.
pub async fn keep_forged(state: &AppState, forged: Forged<'_>, now: DateTime<Utc>) -> Result<bool, IngestError> {
    let Forged { tenant, key, name, account } = forged;
    let tx = Transaction::begin_by_key(&state.pools, Scope::system(tenant)).await?;
    let Some(account) = accounts::find(&tx, tenant, &Target::Number(account.to_owned())).await? else {
        tx.commit().await?;
        return Ok(false);
    };
    let caller = Caller { actor: Actor::system(tenant), request_id: "background".to_owned(), now };
    let fault = NewFault {
        account,
        sort: Sort::Signature,
        about: key.to_owned(),
        on: clock::day(now),
        file_name: PUSHED_TO.to_owned(),
        place: None,
        details: json!({"name": name}),
    };
    let news = keep(&tx, &caller, &[fault]).await?;
    tx.commit().await?;
    Ok(news)
}

/// The balance before a push that follows on what its account has, as far as any of its entries asks for it.
pub async fn before(
    tx: &Transaction,
    tenant: i32,
    account: &Account,
    entries: &[NewEntry],
    open: &[OpenFault],
) -> Result<Option<i64>, IngestError> {
    if entries.iter().all(|entry| entry.balance_after_fen.is_none()) {
        return Ok(None);
    }
    // Once the bank's balances went their own way they are followed, so that one jump is one.
    let parted = open.iter().any(|fault| fault.sort == Sort::Balance);
    match account.last_booked_at {
        _ if account.opening_fen.is_some() && !parted => Ok(Some(account.balance_fen)),
        Some(at) => Ok(store::balance_at(tx, tenant, account.id, at).await?),
        None => Ok(None),
    }
}

impl Work<'_> {
    /// What is open of an account, and what of it a batch puts right by bringing a reference as it was kept. Asked before what is
    /// known is taken out of it.
    pub(super) async fn open_faults(
        &self,
        account: i64,
        batch: &Batch,
    ) -> Result<(Vec<OpenFault>, Vec<i64>), IngestError> {
        let open = store::open(self.tx, self.tenant(), &[account]).await?;
        let told = |fault: &&OpenFault| {
            fault.sort == Sort::Reference && batch.entries.iter().any(|entry| entry.bank_ref == fault.about)
        };
        let mended = open.iter().filter(told).map(|fault| fault.id).collect();
        Ok((open, mended))
    }

    /// Keeps where the balances that came with a batch do not follow, and notes what it puts right; whether either is so.
    /// `follows_on` tells that its entries come after all that the account had.
    pub(super) async fn judge_balances(
        &self,
        account: &Account,
        batch: &Batch,
        (open, mut mended): (Vec<OpenFault>, Vec<i64>),
        follows_on: bool,
    ) -> Result<bool, IngestError> {
        let mut found: Vec<Jump> = Vec::new();
        if self.delivery.format == PUSH {
            let before =
                if follows_on { before(self.tx, self.tenant(), account, &batch.entries, &open).await? } else { None };
            found = jumps(before, &batch.entries);
        }
        for place in &batch.places {
            let Some(statement) = self.delivery.statements.get(*place) else { continue };
            found.extend(statement.jumps.iter().cloned());
        }
        let jumps_on = |fault: &OpenFault| found.iter().any(|jump| jump.booked_on == fault.on);
        for fault in open.iter().filter(|fault| fault.sort == Sort::Balance && !jumps_on(fault)) {
            let came_again = batch.places.iter().any(|place| self.covers(*place, fault));
            let day = clock::midnight(fault.on);
            let span = (day, day + Days::new(1));
            let of = (self.tenant(), account.id);
            if came_again || store::follows(self.tx, of, &fault.about, span).await? {
                mended.push(fault.id);
            }
        }
        let faults: Vec<NewFault> =
            found.iter().map(|jump| of_jump(account.id, &self.delivery.file_name, jump)).collect();
        store::mend(self.tx, self.tenant(), &mended, self.caller.now).await?;
        let news = keep(self.tx, self.caller, &faults).await?;
        Ok(news || !mended.is_empty())
    }

    /// Whether a statement whose own arithmetic holds has entries up to, on or after the day of a fault and before it or on it.
    fn covers(&self, place: usize, fault: &OpenFault) -> bool {
        let holds = self.delivery.statements.get(place).is_some_and(|statement| statement.balanced == Some(true));
        let extent = self.extents.get(&place);
        holds && extent.is_some_and(|extent| clock::day(extent.first_at) <= fault.on && fault.on <= extent.last_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::ingest::entries::tests::booked;

    /// Entries of one day, each a second after the one before, of effect and balance.
    fn entries(lines: &[(i64, Option<i64>)], apart: i64) -> Vec<NewEntry> {
        let entry = |(place, (effect, after)): (usize, &(i64, Option<i64>))| {
            let entry = booked("2026-03-10".parse().unwrap(), *effect);
            let at = entry.booked_at + chrono::TimeDelta::seconds(apart * (1 + i64::try_from(place).unwrap()));
            NewEntry { booked_at: at, bank_ref: format!("R{place}"), balance_after_fen: *after, ..entry }
        };
        lines.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn a_balance_follows_to_the_fen_from_the_one_before() {
        for (case, before, lines, expected) in [
            ("follows", Some(100), vec![(-30, Some(70)), (5, Some(75))], vec![]),
            ("a fen more", Some(100), vec![(-30, Some(71)), (5, Some(76))], vec![("R0", 70, 71)]),
            ("a fen less, later", Some(100), vec![(-30, Some(70)), (5, Some(74))], vec![("R1", 75, 74)]),
            (
                "one figure wrong",
                Some(100),
                vec![(1, Some(999)), (1, Some(102))],
                vec![("R0", 101, 999), ("R1", 1_000, 102)],
            ),
            ("nothing before", None, vec![(-30, Some(70)), (5, Some(74))], vec![("R1", 75, 74)]),
            ("only one, nothing before", None, vec![(-30, Some(1))], vec![]),
            ("one without a balance", Some(100), vec![(-30, None), (5, Some(75))], vec![]),
            ("one without a balance, then wrong", Some(100), vec![(-30, None), (5, Some(76))], vec![("R1", 75, 76)]),
            ("no balances", Some(100), vec![(-30, None), (5, None)], vec![]),
            ("too large to add", Some(i64::MAX), vec![(5, Some(7))], vec![]),
        ] {
            let found = jumps(before, &entries(&lines, 1));
            let told: Vec<_> =
                found.iter().map(|jump| (jump.bank_ref.as_str(), jump.expected_fen, jump.written_fen)).collect();
            assert_eq!(told, expected, "{case}");
        }
    }

    #[test]
    fn entries_of_one_instant_are_in_the_order_of_their_balances() {
        let lines = [(5, Some(75)), (-30, Some(70))];
        assert_eq!(jumps(Some(100), &entries(&lines, 0)), [], "whatever their references say");
        assert_eq!(jumps(None, &entries(&lines, 0)), [], "without a balance before nobody knows");
        assert_ne!(jumps(Some(101), &entries(&lines, 0)), [], "no order fits");
    }
}
