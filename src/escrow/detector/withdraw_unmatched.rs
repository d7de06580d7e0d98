//! W4 `FUND-WITHDRAW-UNMATCHED` (划拨与消课不符): more left the account than lessons earned, or something left it that no
//! order covers.
//!
//! Sums run on from one settlement period to the next: what was earned and not released may be released later, and what
//! was released too much stays an excess until it is put right. Where a history begins, what was released before is
//! unknown; the lessons of the settlement period before it count as not yet released. Where another account took in the
//! fees before, what that one released in that period is known, but not how far back the lessons lie that it was for: it
//! was first of all for those of one period earlier. Source: 教监管函〔2021〕2号 (与授课进度同步、同比例); thresholds by policy.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    days,
    model::{Entry, Kind, Level, fields},
    obligations::Obligations,
};
use crate::escrow::policy::{Period, WithdrawUnmatched};

/// What was released against what lessons earned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Released {
    /// The first day of the settlement period under way and the first day after it; `None` before anything is known.
    period: Option<(i64, i64)>,
    /// Earned before the period and not released; less than zero for what was released too much.
    carried_fen: i64,
    /// In the period, less what was put back.
    released_fen: i64,
    /// Withdrawn without an order and not put back.
    unmatched_fen: i64,
    /// People closed the warning: what was too much until then is settled, from the next event on.
    settled: bool,
    /// The history broke off while the warning was open: no later sum can tell that it was put right.
    unaccounted: bool,
}

/// How releases stand against lessons at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    earned_fen: i64,
    /// Released in the period from the institution's other accounts.
    elsewhere_fen: i64,
    consumable_fen: i64,
    excess_fen: i64,
}

/// Why a withdrawal has its level.
pub(super) struct Finding {
    pub level: Level,
    standing: Option<Standing>,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The excess of the period.
    Excess,
    /// No order covers the withdrawal.
    Single,
}

/// Whether an entry is covered by an order, or needs none: a reversal mends the bank's own mistake, and what a bank takes
/// for itself is no withdrawal of the institution's (FUND-BANK-NO-FEE).
fn is_covered(entry: &Entry) -> bool {
    entry.order_ref.is_some() || matches!(entry.kind, Kind::Reversal | Kind::BankFee)
}

/// Judges a withdrawal while it is unknown what is owed: one of this sum without an order is wrong whatever lessons earned.
pub(super) fn single(policy: &WithdrawUnmatched, entry: &Entry) -> Option<Finding> {
    let wrong = !is_covered(entry) && entry.amount_fen >= policy.red_single_fen;
    wrong.then_some(Finding { level: Level::Red, standing: None, by: By::Single })
}

/// The first day of the period that a day lies in, and the first day after it.
fn bounds(day: i64, period: Period) -> (i64, i64) {
    let span = |date: NaiveDate| match period {
        Period::Week => {
            let first = date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday())))?;
            Some((first, first.checked_add_days(Days::new(7))?))
        }
        Period::Month => {
            let first = date.with_day(1)?;
            Some((first, first.checked_add_months(Months::new(1))?))
        }
    };
    let found = days::date(day).and_then(span);
    found.map_or((day, day.saturating_add(1)), |(first, next)| (days::number(first), days::number(next)))
}

/// What lessons earned from one day on to an instant, and what was released of it from other accounts.
fn earned_and_elsewhere(obligations: &Obligations, first_day: i64, until: i64) -> (i64, i64) {
    let (before, now) = (obligations.at(days::first_micro(first_day) - 1), obligations.at(until));
    let earned = now.consumed_fen.saturating_sub(before.consumed_fen);
    (earned, now.elsewhere_fen.saturating_sub(before.elsewhere_fen))
}

/// What may still be released when the period begins whose first day is `first`, by what is known of the two before.
fn left_before(obligations: &Obligations, first: i64, period: Period) -> i64 {
    let (before, _) = bounds(first - 1, period);
    let (earlier, _) = bounds(before - 1, period);
    let (earned_earlier, _) = earned_and_elsewhere(obligations, earlier, days::first_micro(before) - 1);
    let (earned, elsewhere) = earned_and_elsewhere(obligations, before, days::first_micro(first) - 1);
    earned.saturating_sub(elsewhere.saturating_sub(earned_earlier).max(0))
}

/// What of it is left to release.
fn earned(obligations: &Obligations, first_day: i64, until: i64) -> i64 {
    let (earned, elsewhere) = earned_and_elsewhere(obligations, first_day, until);
    earned.saturating_sub(elsewhere)
}

impl Released {
    /// Moves on to the period that a day lies in; `period` is the length that policy gives the next one.
    pub(super) fn advance(&mut self, obligations: &Obligations, day: i64, period: impl Fn(i64) -> Period) {
        let (first, mut next) = *self.period.get_or_insert_with(|| {
            let (first, next) = bounds(day, period(day));
            self.carried_fen = left_before(obligations, first, period(day));
            (first, next)
        });
        let mut first = first;
        while day >= next {
            let earned = earned(obligations, first, days::first_micro(next) - 1);
            self.carried_fen = self.carried_fen.saturating_add(earned).saturating_sub(self.released_fen);
            self.released_fen = 0;
            let (_, end) = bounds(next, period(next));
            (first, next) = (next, end);
        }
        self.period = Some((first, next));
    }

    /// After a gap in the history; `is_open` is whether the warning is.
    pub(super) fn anew(is_open: bool) -> Released {
        Released { unaccounted: is_open, ..Released::default() }
    }

    /// People closed the warning.
    pub(super) fn settle(&mut self) {
        self.unaccounted = false;
        if self.period.is_none() {
            // Nothing was counted but what left without an order.
            self.unmatched_fen = 0;
            return;
        }
        self.settled = true;
    }

    /// Writes off what was too much at `at`, if people closed the warning since.
    pub(super) fn write_off(&mut self, obligations: &Obligations, at: i64) {
        if !std::mem::take(&mut self.settled) {
            return;
        }
        self.unmatched_fen = 0;
        if let Some(standing) = self.standing(obligations, at) {
            self.carried_fen = self.carried_fen.saturating_add(standing.excess_fen.max(0));
        }
    }

    /// Takes in an entry of the period under way. In a deposit there is nothing to release in step with lessons.
    pub(super) fn add(&mut self, entry: &Entry, in_step: bool) {
        let amount = entry.amount_fen;
        if entry.credit {
            if matches!(entry.kind, Kind::Reversal | Kind::TopUp) {
                self.released_fen = self.released_fen.saturating_sub(amount);
                self.unmatched_fen = self.unmatched_fen.saturating_sub(amount).max(0);
            }
            return;
        }
        if in_step && !entry.kind.is_exempt() && entry.kind != Kind::BankFee {
            self.released_fen = self.released_fen.saturating_add(amount);
        }
        if !is_covered(entry) {
            self.unmatched_fen = self.unmatched_fen.saturating_add(amount);
        }
    }

    /// Takes in an entry while it is unknown what is owed; of withdrawals, those that [`single`] finds.
    pub(super) fn add_single(&mut self, entry: &Entry, least_fen: i64) {
        let amount = entry.amount_fen;
        if entry.credit {
            if matches!(entry.kind, Kind::Reversal | Kind::TopUp) {
                self.unmatched_fen = self.unmatched_fen.saturating_sub(amount).max(0);
            }
        } else if !is_covered(entry) && amount >= least_fen {
            self.unmatched_fen = self.unmatched_fen.saturating_add(amount);
        }
    }

    /// Whether all that left without an order was put back, where nothing else was counted.
    pub(super) fn is_put_back(&self) -> bool {
        self.period.is_none() && !self.unaccounted && self.unmatched_fen == 0
    }

    fn standing(&self, obligations: &Obligations, at: i64) -> Option<Standing> {
        let (first, _) = self.period?;
        let (earned_fen, elsewhere_fen) = earned_and_elsewhere(obligations, first, at);
        let consumable_fen = self.carried_fen.saturating_add(earned_fen).saturating_sub(elsewhere_fen);
        let excess_fen = self.released_fen.saturating_sub(consumable_fen);
        Some(Standing { earned_fen, elsewhere_fen, consumable_fen, excess_fen })
    }

    /// Judges a withdrawal that was taken in; without obligations, of an account that is not in use, by itself alone.
    pub(super) fn judge(
        &self,
        policy: &WithdrawUnmatched,
        obligations: Option<&Obligations>,
        entry: &Entry,
        in_step: bool,
    ) -> Option<Finding> {
        let at = entry.booked_at.timestamp_micros();
        let standing = obligations.and_then(|owed| self.standing(owed, at)).filter(|_| in_step);
        let by_excess = standing.as_ref().and_then(|standing| standing.level(policy));
        let single = |entry: &Entry| {
            if entry.amount_fen >= policy.red_single_fen { Level::Red } else { Level::Yellow }
        };
        let alone = Some(entry).filter(|entry| !is_covered(entry)).map(single);
        // The excess explains more than the lack of an order; that counts where it is graver.
        let (level, by) = if by_excess >= alone { (by_excess?, By::Excess) } else { (alone?, By::Single) };
        Some(Finding { level, standing, by })
    }

    /// Whether nothing is wrong at an instant: no excess, and all that left without an order was put back.
    pub(super) fn is_right(
        &self,
        policy: &WithdrawUnmatched,
        obligations: &Obligations,
        at: i64,
        in_step: bool,
    ) -> bool {
        let excess = self.standing(obligations, at).filter(|_| in_step);
        !self.unaccounted && self.unmatched_fen == 0 && excess.is_none_or(|standing| standing.level(policy).is_none())
    }
}

/// The least that ratios are taken of: one yuan.
const LEAST_FEN: i64 = 100;

impl Standing {
    /// The level of the excess; what lies within the tolerance has none.
    fn level(&self, policy: &WithdrawUnmatched) -> Option<Level> {
        let scaled = i128::from(self.excess_fen) * 10_000;
        let by_share = i128::from(self.consumable_fen.max(0)) * i128::from(policy.tolerance_bp);
        if scaled <= by_share.max(i128::from(policy.tolerance_fen) * 10_000) {
            return None;
        }
        let over = |bp: i64| scaled > i128::from(bp) * i128::from(self.consumable_fen.max(LEAST_FEN));
        let level = if over(policy.red_over_bp) && self.excess_fen >= policy.red_excess_fen {
            Level::Red
        } else if over(policy.orange_over_bp) {
            Level::Orange
        } else {
            Level::Yellow
        };
        Some(level)
    }

    fn tolerance_fen(&self, policy: &WithdrawUnmatched) -> i64 {
        let share = i128::from(self.consumable_fen.max(0)) * i128::from(policy.tolerance_bp) / 10_000;
        i64::try_from(share).unwrap_or(i64::MAX).max(policy.tolerance_fen)
    }

    fn ratio_bp(&self) -> i64 {
        let ratio = i128::from(self.excess_fen) * 10_000 / i128::from(self.consumable_fen.max(LEAST_FEN));
        i64::try_from(ratio).unwrap_or(i64::MAX)
    }
}

/// What an officer needs to check the warning by hand.
pub(super) fn evidence(
    policy: &WithdrawUnmatched,
    released: &Released,
    finding: &Finding,
    entry: &Entry,
) -> Map<String, Value> {
    let standing = finding.standing;
    let of = |value: fn(&Standing) -> i64| standing.as_ref().map(value);
    let tolerance = standing.map(|standing| standing.tolerance_fen(policy));
    let (value, threshold, formula) = match finding.by {
        By::Excess => (of(|s| s.excess_fen), tolerance, "released_fen - consumable_fen > threshold"),
        By::Single if finding.level == Level::Red => {
            (Some(entry.amount_fen), Some(policy.red_single_fen), "amount_fen >= threshold without an order")
        }
        By::Single => (Some(entry.amount_fen), None, "any amount without an order"),
    };
    let first = released.period.and_then(|(first, _)| days::date(first)).map(|day| day.to_string());
    let mut evidence = fields([
        ("value", value.into()),
        ("threshold", threshold.into()),
        ("unit", "fen".into()),
        ("formula", formula.into()),
        ("amount_fen", entry.amount_fen.into()),
        ("order_ref", entry.order_ref.into()),
        ("period_from", first.into()),
        ("released_fen", standing.map(|_| released.released_fen).into()),
        ("earned_fen", of(|s| s.earned_fen).into()),
        ("carried_fen", standing.map(|_| released.carried_fen).into()),
        ("consumable_fen", of(|s| s.consumable_fen).into()),
        ("excess_fen", of(|s| s.excess_fen).into()),
        ("excess_bp", of(Standing::ratio_bp).into()),
        ("tolerance_fen", tolerance.into()),
        ("unmatched_fen", released.unmatched_fen.into()),
    ]);
    if let Some(elsewhere) = of(|s| s.elsewhere_fen).filter(|fen| *fen != 0) {
        evidence.insert("elsewhere_fen".to_owned(), elsewhere.into());
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Orange, Red, Yellow};

    fn level(consumable_fen: i64, released_fen: i64) -> Option<Level> {
        let excess_fen = released_fen - consumable_fen;
        Standing { earned_fen: 0, elsewhere_fen: 0, consumable_fen, excess_fen }.level(&WithdrawUnmatched::default())
    }

    #[test]
    fn tiers_on_both_sides_of_each_boundary() {
        for (case, consumable, released, expected) in [
            ("F8: 140 %", 4_000_000, 9_600_000, Some(Red)),
            ("all of it", 4_000_000, 4_000_000, None),
            ("the tolerance of half a hundredth", 4_000_000, 4_020_000, None),
            ("a fen beyond it", 4_000_000, 4_020_001, Some(Yellow)),
            ("one yuan of little", 1_000, 1_100, None),
            ("a fen beyond one yuan, 10.1 %", 1_000, 1_101, Some(Orange)),
            ("5 % exactly", 4_000_000, 4_200_000, Some(Yellow)),
            ("a fen beyond 5 %", 4_000_000, 4_200_001, Some(Orange)),
            ("20 % exactly", 4_000_000, 4_800_000, Some(Orange)),
            ("a fen beyond 20 %", 4_000_000, 4_800_001, Some(Red)),
            ("beyond 20 %, under 5,000 yuan", 2_000_000, 2_499_999, Some(Orange)),
            ("beyond 20 %, 5,000 yuan exactly", 2_000_000, 2_500_000, Some(Red)),
            ("nothing earned: of one yuan", 0, 101, Some(Orange)),
            ("nothing earned, 5,000 yuan", 0, 500_000, Some(Red)),
            ("released too much before", -100_000, 0, Some(Orange)),
        ] {
            assert_eq!(level(consumable, released), expected, "{case}");
        }
    }

    #[test]
    fn a_period_is_the_calendar_month_or_the_week_from_monday() {
        let day = |text: &str| days::number(text.parse().unwrap());
        for (period, on, first, next) in [
            (Period::Month, "2026-02-28", "2026-02-01", "2026-03-01"),
            (Period::Month, "2026-03-01", "2026-03-01", "2026-04-01"),
            (Period::Week, "2026-03-01", "2026-02-23", "2026-03-02"),
            (Period::Week, "2026-03-02", "2026-03-02", "2026-03-09"),
        ] {
            assert_eq!(bounds(day(on), period), (day(first), day(next)), "{on}");
        }
    }
}
