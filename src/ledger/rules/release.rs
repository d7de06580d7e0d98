//! What may be paid out of escrow for lessons that were given (domain-rules §5.2), and what a risk deposit has to hold.

#[cfg(test)]
mod tests;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::refund::due;
use crate::{
    escrow::model::Mode,
    kernel::{Calendar, Fen},
};

/// What a release is worked out from, up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Releasable {
    /// Confirmed lessons, at the price of their units; a unit in dispute is none.
    pub confirmed_fen: i64,
    /// Materials that are billed apart, of contracts whose first lesson was confirmed.
    #[serde(default)]
    pub materials_fen: i64,
    /// Released before, orders on their way among it.
    pub released_fen: i64,
    /// Units that families dispute: frozen, and in no other sum.
    pub disputed_fen: i64,
    /// Confirmed lessons of contracts whose cooling-off has not run, where the policy has their first release wait for it; not
    /// among the confirmed ones.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cooling_fen: i64,
}

fn is_nothing(fen: &i64) -> bool {
    *fen == 0
}

/// Days beyond the cooling-off that holidays may add to it at the most.
const HOLIDAYS_MAX: u64 = 30;

/// The last day of payment whose cooling-off has run by `today`: money that was paid first on a later day may still go back
/// whole.
pub fn cooled_until(calendar: &Calendar, today: NaiveDate, days: u32) -> NaiveDate {
    let latest = today.checked_sub_days(Days::new(u64::from(days) + 1)).unwrap_or(NaiveDate::MIN);
    let has_run = |paid_on: &NaiveDate| due(calendar, *paid_on, days).0 < today;
    let back = std::iter::successors(Some(latest), NaiveDate::pred_opt);
    back.take(usize::try_from(HOLIDAYS_MAX).unwrap_or_default()).find(has_run).unwrap_or(NaiveDate::MIN)
}

/// Why nothing may be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRelease {
    /// A risk deposit is kept, not paid out in step with lessons.
    #[error("a risk deposit knows no release")]
    RiskDeposit,
    /// Nothing was confirmed that is not released.
    #[error("nothing is left to release")]
    Nothing,
}

/// Σ confirmed and their materials − Σ released; never below zero. What is disputed is not among the confirmed, so that nothing
/// is taken off for it.
pub fn release_allowed(sums: Releasable) -> Fen {
    let earned = i128::from(sums.confirmed_fen) + i128::from(sums.materials_fen);
    let left = earned - i128::from(sums.released_fen);
    Fen(i64::try_from(left.max(0)).unwrap_or(i64::MAX))
}

/// The amount of a release order.
pub fn release(mode: Mode, sums: Releasable) -> Result<Fen, NoRelease> {
    match (mode, release_allowed(sums)) {
        (Mode::RiskDeposit, _) => Err(NoRelease::RiskDeposit),
        (Mode::Custody, Fen::ZERO) => Err(NoRelease::Nothing),
        (Mode::Custody, allowed) => Ok(allowed),
    }
}

/// What a risk deposit has to hold: the fees of all pupils in one charging period, or the local minimum if that is more.
pub fn deposit_needed(fees: Fen, minimum: Fen) -> Fen {
    fees.max(minimum)
}

/// What a deposit lacks; nothing when it holds exactly what it has to.
pub fn deposit_short(deposit: Fen, needed: Fen) -> Option<Fen> {
    (deposit < needed).then(|| Fen(needed.0.saturating_sub(deposit.0)))
}

/// The last day to fill up a deposit that is short since a day; `None` where the holidays are not known.
pub fn top_up_due(calendar: &Calendar, since: NaiveDate, workdays: u32) -> Option<NaiveDate> {
    calendar.add_workdays(since, workdays)
}
