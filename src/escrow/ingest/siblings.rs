//! The institution's other accounts while one takes the place of another: what moves between them, and what they hold.

use std::sync::PoisonError;

use chrono::{DateTime, Days, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::{
    IngestError,
    entries::NewEntry,
    store::{
        accounts::{self, Account},
        siblings::{self as store, Other},
    },
    transfers::{self, Fate, Move, Transfer},
    work::Work,
};
use crate::{
    escrow::{
        detector::{Kind, Siblings},
        model::account_number,
    },
    kernel::clock,
};

/// Days before the change in which money may move, and in which what was released still counts (two settlement periods).
pub const BEFORE: u64 = 62;

/// What a look at the other accounts brought.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub siblings: Siblings,
    /// The earliest day on which what moves between the accounts is another than was known.
    pub changed_on: Option<NaiveDate>,
    /// The earliest day of which the others have to be judged anew.
    pub others_from: Option<NaiveDate>,
}

/// An account, locked, with what its institution's others have to do with it by what is on record.
pub(super) async fn locked(client: &ClientWrapper, tenant: i32, id: i64) -> Result<Option<Account>, Error> {
    let Some(mut account) = accounts::lock(client, tenant, id).await? else { return Ok(None) };
    account.siblings = on_record(client, tenant, &account).await?;
    Ok(Some(account))
}

/// What the others have to do with an account, by what is on record; nothing is written.
pub(super) async fn on_record(client: &ClientWrapper, tenant: i32, account: &Account) -> Result<Siblings, Error> {
    if account.other_ids.is_empty() {
        return Ok(Siblings::default());
    }
    let institution = account.institution_id;
    let (others, first_on) = store::others(client, tenant, (institution, account.id)).await?;
    let Some(first_on) = first_on else { return Ok(Siblings::default()) };
    let since = clock::midnight(first_on.checked_sub_days(Days::new(BEFORE)).unwrap_or(first_on));
    let found = store::transfers(client, tenant, institution, since).await?;
    let days = store::days(client, tenant, &others, since).await?;
    let (known, moving) = (store::known_of(&found, account.id), store::on_their_way(&found));
    Ok(Siblings::new((account.in_use_from, account.in_use_until), &days, known, &moving))
}

impl Work<'_> {
    /// Works out what moves between the accounts of the institution, `entries` of the given one among it, puts that on record,
    /// and says what the others have to do with this one. Nothing where no account takes another's place.
    pub(super) async fn beside(&self, account: &Account, entries: &[NewEntry]) -> Result<Beside, IngestError> {
        if account.other_ids.is_empty() {
            return Ok(Beside::default());
        }
        let (tenant, institution) = (self.tenant(), account.institution_id);
        store::lock(self.tx, tenant, institution).await?;
        let (others, first_on) = store::others(self.tx, tenant, (institution, account.id)).await?;
        let Some(first_on) = first_on else { return Ok(Beside::default()) };
        let since = clock::midnight(first_on.checked_sub_days(Days::new(BEFORE)).unwrap_or(first_on));
        let found = self.transfers(account, &others, entries, since).await?;
        let before = store::transfers(self.tx, tenant, institution, since).await?;
        let changed = differing(&before, &found);
        if changed.is_some() {
            store::replace(self.tx, tenant, institution, (since, &found)).await?;
        }
        let days = store::days(self.tx, tenant, &others, since).await?;
        let known = store::known_of(&found, account.id);
        let moving = store::on_their_way(&found);
        if changed.is_some() || !entries.is_empty() {
            *self.tells_others.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        let first = entries.iter().map(NewEntry::booked_on).filter(|on| clock::midnight(*on) >= since).min();
        Ok(Beside {
            siblings: Siblings::new((account.in_use_from, account.in_use_until), &days, known, &moving),
            changed_on: changed,
            others_from: first.into_iter().chain(changed).min(),
        })
    }

    async fn transfers(
        &self,
        account: &Account,
        others: &[Other],
        entries: &[NewEntry],
        since: DateTime<Utc>,
    ) -> Result<Vec<Transfer>, IngestError> {
        let mut numbers: Vec<String> = others.iter().map(|other| account_number(&other.account_no)).collect();
        numbers.push(account_number(&account.account_no));
        let mut ids: Vec<i64> = others.iter().map(|other| other.id).collect();
        ids.push(account.id);
        let name = account.institution_name.trim();
        let mut moves = store::moves(self.tx, self.tenant(), (&ids, &numbers, name), since).await?;
        let may_move = |entry: &&NewEntry| {
            let other =
                matches!(entry.kind, Kind::Interest | Kind::BankFee | Kind::Refund | Kind::Prepayment | Kind::Reversal);
            !other && !entry.reversal && entry.order_ref.is_none() && entry.booked_at >= since
        };
        moves.extend(entries.iter().filter(may_move).map(|entry| Move {
            account: account.id,
            bank_ref: entry.bank_ref.clone(),
            booked_at: entry.booked_at,
            credit: entry.credit,
            amount_fen: entry.amount_fen,
            side: store::side(
                &numbers,
                name,
                entry.counterparty_account.as_deref(),
                entry.counterparty_name.as_deref(),
                entry.remittance.as_deref(),
            ),
        }));
        let today = self.caller.today();
        let family_fen = self.policies.on(today).training_loan.family_fen;
        Ok(transfers::find(&moves, family_fen, &self.calendar, today))
    }
}

/// The earliest day of a transfer that is another than before, or was none.
fn differing(before: &[Transfer], after: &[Transfer]) -> Option<NaiveDate> {
    let of = |one: &Transfer| {
        let sent = clock::day(one.booked_at);
        match &one.fate {
            Fate::Arrived { at, .. } => sent.min(clock::day(*at)),
            Fate::UnderWay | Fate::Missing => sent,
        }
    };
    let gone = before.iter().filter(|one| !after.contains(one));
    let new = after.iter().filter(|one| !before.contains(one));
    gone.chain(new).map(of).min()
}
