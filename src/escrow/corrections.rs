//! Reversals beside what they take back, and entries that may be one delivered twice, made ready for the account's page.

use std::cmp::Reverse;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{
    batches::{self, Batch},
    chart::span,
    ingest::REPEAT_DAYS,
    shown::ShownEntry,
    store::{
        accounts::Account,
        entries::{self, Entry},
    },
    ties,
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::clock::{BEIJING, midnight},
};

/// Reversals, and possible repeats, that are shown.
const SHOWN_MAX: i64 = 20;

fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&BEIJING).date_naive()
}

/// The other half of a reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tie {
    /// This entry takes back the one of that day and reference.
    TakesBack(NaiveDate, String),
    /// It takes back something that is not found.
    Untied,
    /// This entry was taken back on that day, by the one of that reference.
    TakenBack(NaiveDate, String),
}

/// One reversal with what it takes back; masked.
pub struct Correction {
    pub reversal: Entry,
    pub of: Option<Entry>,
}

impl Correction {
    /// The day of the reversal.
    pub fn day(&self) -> NaiveDate {
        day(self.reversal.booked_at)
    }

    /// The day of what it takes back.
    pub fn of_day(&self) -> Option<NaiveDate> {
        self.of.as_ref().map(|entry| day(entry.booked_at))
    }
}

/// An entry and the earlier one that says the same; masked.
pub struct PossibleRepeat {
    pub entry: Entry,
    pub day: NaiveDate,
    pub like_day: NaiveDate,
    pub like_ref: String,
}

/// The account's reversals of the span that the page shows, the latest first.
pub async fn of_account(
    conn: &mut ScopedConn,
    account: &Account,
    today: NaiveDate,
) -> Result<Vec<Correction>, DbError> {
    let from = span(account, today).0;
    let (tenant, id) = (account.tenant_id, account.id);
    let reversals = entries::reversals(conn, tenant, id, midnight(from), SHOWN_MAX).await?;
    if reversals.is_empty() {
        return Ok(Vec::new());
    }
    let first = reversals.iter().map(|entry| day(entry.booked_at)).min().unwrap_or(from);
    let back = first.checked_sub_days(Days::new(ties::LOOK_BACK_DAYS)).unwrap_or(first);
    let amounts: Vec<i64> = reversals.iter().map(|entry| entry.amount_fen).collect();
    let candidates = entries::of_amounts(conn, tenant, id, midnight(back), &amounts).await?;
    let found = ties::tied(&reversals, &candidates);
    let corrections = reversals.into_iter().zip(found).map(|(reversal, at)| Correction {
        reversal: reversal.masked(),
        of: at.and_then(|at| candidates.get(at)).cloned().map(Entry::masked),
    });
    Ok(corrections.collect())
}

/// Writes each half beside the other in the entries that are shown.
pub fn mark(shown: &mut [ShownEntry], corrections: &[Correction]) {
    for one in shown {
        let reference = one.entry.bank_ref.as_str();
        one.tie = corrections.iter().find_map(|correction| {
            if correction.reversal.bank_ref == reference {
                return Some(match &correction.of {
                    Some(of) => Tie::TakesBack(day(of.booked_at), of.bank_ref.clone()),
                    None => Tie::Untied,
                });
            }
            let is_it = correction.of.as_ref().is_some_and(|of| of.bank_ref == reference);
            is_it.then(|| Tie::TakenBack(correction.day(), correction.reversal.bank_ref.clone()))
        });
    }
}

/// Entries of the span that the page shows which may be one, delivered under two dates, the latest first.
pub async fn repeats_of(
    conn: &mut ScopedConn,
    account: &Account,
    today: NaiveDate,
) -> Result<Vec<PossibleRepeat>, DbError> {
    let from = midnight(span(account, today).0);
    let found = entries::repeated(conn, account.tenant_id, account.id, from, REPEAT_DAYS, SHOWN_MAX).await?;
    let shape = |one: entries::Repeated| PossibleRepeat {
        day: day(one.entry.booked_at),
        like_day: day(one.like_at),
        like_ref: one.like_ref,
        entry: one.entry.masked(),
    };
    Ok(found.into_iter().map(shape).collect())
}

/// Lines that may hold others once more, on days of the span on which a statement contradicts the books; the latest first.
pub async fn batches_of(conn: &mut ScopedConn, account: &Account, today: NaiveDate) -> Result<Vec<Batch>, DbError> {
    let from = span(account, today).0;
    let mut found = batches::found(&entries::contradicted(conn, (account.tenant_id, account.id), from).await?);
    found.sort_by_key(|batch| Reverse(batch.on));
    Ok(found)
}
