//! Refunds that were paid, looked at again once more is told of whom they went to or of who paid (docs/adr/0021).
//!
//! Each is judged as if all had been known from the start: where it went becomes known, or it turns out to have gone astray, waits
//! again, and may be carried out by another entry that the account has.

use std::{collections::HashSet, sync::Arc};

use serde_json::json;

use super::{
    IngestError,
    entries::NewEntry,
    matching::Accounts,
    store::{
        accounts::Account,
        entries::{self as rows, Bettered},
        orders::{self, Known, Paid},
    },
    work::Work,
};
use crate::{
    audit::Event,
    escrow::detector::Kind,
    ledger::{self, Route},
};

/// Whether an entry was found to bear a payment out.
fn is_borne(entry: &NewEntry) -> bool {
    entry.credit && entry.kind == Kind::Prepayment
}

/// Whether entries that come together bear payments out and carry refunds out: who paid is read from what is stored, so that
/// they are looked at again once they are.
pub(super) fn tells_of_itself(entries: &[NewEntry]) -> bool {
    let is_refund = |entry: &NewEntry| entry.kind == Kind::Refund && entry.order_ref.is_some();
    entries.iter().any(is_borne) && entries.iter().any(is_refund)
}

impl Work<'_> {
    /// Looks again at the refunds that these entries tell more of: `bettered` of which more is known now, and `fresh` ones that
    /// bear out a payment. Whether what left the account is another thing than it was.
    pub(super) async fn refunds_again(
        &self,
        account: &Account,
        known: Known,
        bettered: &[Bettered],
        fresh: &[NewEntry],
    ) -> Result<bool, IngestError> {
        let told = bettered.iter().map(|one| &one.entry);
        let looks = known.unsure || tells_of_itself(fresh);
        let tied = fresh.iter().filter(|entry| looks && is_borne(entry));
        let refs: Vec<&str> = told.chain(tied).map(|entry| entry.bank_ref.as_str()).collect();
        if refs.is_empty() {
            return Ok(false);
        }
        let mut paid = orders::paid(self.tx, self.tenant(), account, &refs).await?;
        if paid.is_empty() {
            return Ok(false);
        }
        let contracts: Vec<i64> = paid.iter().map(|one| one.contract).collect();
        let house = (self.tenant(), account.institution_id);
        let payers = ledger::payers(self.tx, &self.vault, house, &contracts).await?;
        let has_hash = |number: &str, hash: &[u8]| self.has_hash(number, hash);
        let accounts = Accounts { is_payee: &|_, _| false, has_hash: &has_hash };
        let mut astray = Vec::new();
        for mut one in paid.drain(..) {
            one.order.to.payers = payers.get(&one.contract).cloned().unwrap_or_default();
            match one.order.to.route(&one.entry, &accounts) {
                route @ Some(_) if route == one.route => {}
                Some(route) => self.route_known(account, &one, route).await?,
                None => astray.push(one),
            }
        }
        if astray.is_empty() {
            return Ok(false);
        }
        self.take_back(account, known, astray).await?;
        Ok(true)
    }

    async fn route_known(&self, account: &Account, paid: &Paid, route: Route) -> Result<(), IngestError> {
        ledger::refund_route(self.tx, self.tenant(), paid.order.id, route).await?;
        let event = Event {
            action: "refund.route_known",
            subject_kind: "refund",
            subject_id: paid.order.id.to_string(),
            institution: Some(account.institution_id),
            before: paid.route.map(|route| json!({"route": route.to_string()})),
            after: Some(
                json!({"order_ref": paid.order.order_ref, "bank_ref": paid.entry.bank_ref, "route": route.to_string()}),
            ),
            ..Event::default()
        };
        self.tx.record(self.caller, event);
        Ok(())
    }

    /// The orders wait again; what the account has is looked through for the entries that carry them out, which tells as well
    /// that these went astray.
    async fn take_back(&self, account: &Account, known: Known, astray: Vec<Paid>) -> Result<(), IngestError> {
        let ids: Vec<i64> = astray.iter().map(|one| one.order.id).collect();
        ledger::refunds_unpaid(self.tx, self.tenant(), account.institution_id, &ids).await?;
        let numbers: HashSet<String> = astray.iter().map(|one| one.order.order_ref.clone()).collect();
        let amounts: Vec<i64> = astray.iter().map(|one| one.order.amount_fen).collect();
        let loose = orders::loose(self.tx, self.tenant(), account.id, &amounts).await?;
        let carries = |entry: &NewEntry| numbers.iter().any(|number| entry.carries(number));
        let mut stored: Vec<NewEntry> = loose.into_iter().filter(carries).collect();
        stored.extend(astray.into_iter().map(|one| one.entry));
        stored.sort_unstable_by(|a, b| (a.booked_at, a.seq, &a.bank_ref).cmp(&(b.booked_at, b.seq, &b.bank_ref)));
        let free = |entry: &NewEntry| match entry.order_ref {
            Some(_) => NewEntry { order_ref: None, kind: Kind::Other, ..entry.clone() },
            None => entry.clone(),
        };
        let mut open = Arc::new(stored.iter().map(free).collect::<Vec<NewEntry>>());
        self.settle(account, Known { waiting: true, ..known }, &mut open).await?;
        let changed = stored.into_iter().zip(open.iter().cloned()).filter(|(was, is)| was != is);
        let changed: Vec<Bettered> = changed.map(|(stored, entry)| Bettered { stored, entry }).collect();
        Ok(rows::better(self.tx, self.tenant(), account.id, &changed).await?)
    }
}
