//! Books what facts about contracts come to: the contracts' totals, and what their institution owes by day.
//!
//! Whoever adds or changes a payment, a confirmed lesson or a refund that was paid does it between [`Booking::begin`] and
//! [`Booking::finish`], in one transaction. What is booked is the difference, so facts may come late and in any order.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    model::ContractStatus,
    rules::book::{self, Sums},
    store::owed::{self, Booked, Totals},
};
use crate::{
    db::{DbError, ScopedConn},
    escrow,
};

/// Contracts whose facts are about to change, locked with their institution's ledger and escrow account.
#[derive(Debug)]
pub struct Booking {
    institution: i64,
    before: BTreeMap<i64, Booked>,
}

impl Booking {
    /// Locks the ledger of an institution of the own bureau, and these contracts of it.
    pub async fn begin(conn: &mut ScopedConn, institution: i64, contracts: &[i64]) -> Result<Booking, DbError> {
        owed::lock_ledger(conn, institution).await?;
        escrow::lock_account(conn, institution).await?;
        Ok(Booking { institution, before: owed::booked(conn, contracts).await? })
    }

    /// A contract as it was booked before.
    pub fn contract(&self, id: i64) -> Option<&Booked> {
        self.before.get(&id)
    }

    /// Books what has changed since.
    pub async fn finish(self, conn: &mut ScopedConn) -> Result<(), DbError> {
        let ids: Vec<i64> = self.before.keys().copied().collect();
        let after = owed::booked(conn, &ids).await?;
        let outcome = Outcome::of(&self.before, &after);
        owed::set_totals(conn, &outcome.totals).await?;
        if let Some(first) = outcome.days.keys().next().copied() {
            owed::book(conn, self.institution, &outcome.days, outcome.paid_until).await?;
            escrow::owed_changed(conn, self.institution, first).await?;
        }
        Ok(())
    }
}

/// What changed facts come to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What each day adds to what the institution owes.
    pub days: BTreeMap<NaiveDate, Sums>,
    pub totals: Vec<Totals>,
    /// The last lesson that was newly paid for.
    pub paid_until: Option<NaiveDate>,
}

impl Outcome {
    /// Of contracts as they were and as they are now.
    pub(super) fn of(before: &BTreeMap<i64, Booked>, after: &BTreeMap<i64, Booked>) -> Outcome {
        let mut outcome = Outcome::default();
        for (id, contract) in after {
            let now = book::by_day(&contract.terms, &contract.facts);
            let was = before.get(id).map(|before| book::by_day(&before.terms, &before.facts)).unwrap_or_default();
            for (day, by) in book::difference(&was, &now) {
                if by.paid_fen > 0 {
                    outcome.paid_until = outcome.paid_until.max(Some(contract.last_lesson_on));
                }
                let sums = outcome.days.entry(day).or_default();
                *sums = sums.plus(&by);
            }
            outcome.totals.push(totals_of(*id, contract, book::in_all(&now)));
        }
        outcome
    }
}

fn totals_of(id: i64, contract: &Booked, sums: Sums) -> Totals {
    let units = contract.facts.lessons.len();
    let all = u32::try_from(units).is_ok_and(|units| units >= contract.terms.units());
    let status = match contract.status {
        ContractStatus::Open if all => ContractStatus::Finished,
        status => status,
    };
    Totals { contract: id, sums, consumed_units: i32::try_from(units).unwrap_or(i32::MAX), status }
}
