//! What a delivery and the ledger have to do with each other: orders that its entries carry out, payments that they bear
//! out, and what is owed.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use serde_json::json;

use super::{
    IngestError,
    entries::NewEntry,
    matching::{self, Accounts, Match, Order, Waiting, What},
    store::{
        accounts::Account,
        orders::{self, Known},
    },
    work::Work,
};
use crate::{
    audit::Event,
    escrow::{
        detector::{Obligations, Required},
        policy::Policies,
    },
    kernel::private::AccountNumber,
    ledger::{self, PaidRefund, Route},
};

/// A payment is booked by the bank at most so long after it was told.
const PAYMENTS_SINCE: TimeDelta = TimeDelta::days(60);

impl Work<'_> {
    /// Finds the orders and payments that the new entries carry out or bear out, and settles them.
    pub(super) async fn settle(
        &self,
        account: &Account,
        known: Known,
        entries: &mut Arc<Vec<NewEntry>>,
    ) -> Result<(), IngestError> {
        let Some(first) = entries.first().filter(|_| known.waiting) else { return Ok(()) };
        let since = first.booked_at - PAYMENTS_SINCE;
        let amounts = |credit: bool| {
            let mut amounts: Vec<i64> =
                entries.iter().filter(|entry| entry.credit == credit).map(|entry| entry.amount_fen).collect();
            amounts.sort_unstable();
            amounts.dedup();
            amounts
        };
        let institution = account.institution_id;
        let mut orders = orders::orders(self.tx, self.tenant(), account, &amounts(false)).await?;
        let refunded: Vec<i64> = orders.iter().filter_map(|(_, contract)| *contract).collect();
        if !refunded.is_empty() {
            let payers = ledger::payers(self.tx, &self.vault, (self.tenant(), institution), &refunded).await?;
            for (order, contract) in &mut orders {
                order.to.payers = contract.and_then(|contract| payers.get(&contract).cloned()).unwrap_or_default();
            }
        }
        let orders: Vec<Order> = orders.into_iter().map(|(order, _)| order).collect();
        let payments = match account.takes_payments() {
            true => orders::payments(self.tx, self.tenant(), institution, &amounts(true), since).await?,
            false => Vec::new(),
        };
        if orders.is_empty() && payments.is_empty() {
            return Ok(());
        }
        let is_payee = |number: &str, on| account.is_payee(&self.vault, number, on);
        let has_hash = |number: &str, hash: &[u8]| self.has_hash(number, hash);
        let accounts = Accounts { is_payee: &is_payee, has_hash: &has_hash };
        let found = Waiting::new(orders, payments).settle(entries, &self.calendar, &accounts);
        if found.is_empty() {
            return Ok(());
        }
        matching::mark(Arc::make_mut(entries).as_mut_slice(), &found);
        self.write(account, entries, &found).await
    }

    /// Whether an account's number has a keyed hash.
    pub(super) fn has_hash(&self, number: &str, hash: &[u8]) -> bool {
        self.vault.digests::<AccountNumber>(number).iter().any(|digest| digest.as_slice() == hash)
    }

    async fn write(&self, account: &Account, entries: &[NewEntry], found: &[Match]) -> Result<(), IngestError> {
        let (mut ties, mut refunds) = (Vec::new(), Vec::new());
        for one in found {
            match one {
                Match::Payment { entry, payment } => ties.push((*payment, &entries[*entry])),
                Match::Astray { entry, refund, order_ref } => {
                    let entry = &entries[*entry];
                    let found = (*refund, entry.bank_ref.as_str());
                    // A later delivery of it tells nothing new.
                    if !orders::astray(self.tx, self.tenant(), account, found, self.caller.now).await? {
                        continue;
                    }
                    let event = Event {
                        action: "refund.astray",
                        subject_kind: "refund",
                        subject_id: refund.to_string(),
                        institution: Some(account.institution_id),
                        after: Some(json!({"order_ref": order_ref, "amount_fen": entry.amount_fen,
                                           "bank_ref": entry.bank_ref})),
                        ..Event::default()
                    };
                    self.tx.record(self.caller, event);
                }
                Match::Order { entry, order, route } => {
                    let entry = &entries[*entry];
                    match order.what {
                        What::Release => {
                            orders::settle_release(self.tx, self.tenant(), (order.id, account.id), entry).await?;
                        }
                        What::Refund => refunds.push(PaidRefund {
                            refund: order.id,
                            account: account.id,
                            booked_at: entry.booked_at,
                            bank_ref: &entry.bank_ref,
                            route: route.unwrap_or(Route::Undetermined),
                        }),
                    }
                    let mut after = json!({"order_ref": order.order_ref, "amount_fen": order.amount_fen,
                                           "bank_ref": entry.bank_ref});
                    if let Some(route) = route {
                        after["route"] = json!(route.to_string());
                    }
                    let event = Event {
                        action: "order.settled",
                        subject_kind: if order.what == What::Release { "release_order" } else { "refund" },
                        subject_id: order.id.to_string(),
                        institution: Some(account.institution_id),
                        after: Some(after),
                        ..Event::default()
                    };
                    self.tx.record(self.caller, event);
                }
            }
        }
        if !ties.is_empty() {
            orders::tie_payments(self.tx, self.tenant(), account.id, &ties).await?;
        }
        if !refunds.is_empty() {
            ledger::refunds_paid(self.tx, self.tenant(), account.institution_id, &refunds).await?;
        }
        Ok(())
    }

    /// What is owed by the institution, beside what its other accounts released; `None` where nobody keeps a ledger of it.
    /// On which days the account answers for it, the account's facts say.
    pub(super) async fn obligations(
        &self,
        account: &Account,
        known: Known,
    ) -> Result<Option<Arc<Obligations>>, IngestError> {
        if !known.ledger || !account.answers() {
            return Ok(None);
        }
        let days = orders::owed_days(self.tx, self.tenant(), account.institution_id).await?;
        Ok(Some(Arc::new(Obligations::from_days(&days).beside(account.siblings.spent()))))
    }

    /// What the account must hold, as of the latest day of which the bank, up to `known_on`, or the ledger says anything.
    pub(super) fn required(
        &self,
        account: &Account,
        known_on: Option<NaiveDate>,
        owed: Option<&Obligations>,
    ) -> Required {
        required(&self.policies, account, known_on, owed)
    }
}

/// The same by given policies.
pub(super) fn required(
    policies: &Policies,
    account: &Account,
    known_on: Option<NaiveDate>,
    owed: Option<&Obligations>,
) -> Required {
    let on = known_on.max(owed.and_then(Obligations::last_on));
    let mode = account.mode.parse().ok();
    on.map(|on| Required::at(policies.on(on), mode, owed, on)).unwrap_or_default()
}
