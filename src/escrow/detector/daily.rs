//! What moved on the days of the last nine weeks: enough for the forecast of W6 and the comparison of W14.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::model::{Entry, Kind};

/// Days that the forecast looks back, in whole weeks.
const FORECAST_WEEKS: usize = 4;
const WEEK: usize = 7;
/// The week of W14 and the eight before it.
const SURGE_DAYS: usize = 9 * WEEK;

/// Sums of one day, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "(i64, i64, bool)", into = "(i64, i64, bool)")]
struct Day {
    /// Out less in, whatever it was for.
    outflow: i64,
    /// What families paid in.
    income: i64,
    /// No statement shows what came in.
    unknown: bool,
}

impl From<(i64, i64, bool)> for Day {
    fn from((outflow, income, unknown): (i64, i64, bool)) -> Day {
        Day { outflow, income, unknown }
    }
}

impl From<Day> for (i64, i64, bool) {
    fn from(day: Day) -> (i64, i64, bool) {
        (day.outflow, day.income, day.unknown)
    }
}

/// The days that are over, the latest last, and the one under way.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Daily {
    past: VecDeque<Day>,
    today: Day,
    /// The last of them that the forecast may look at: those since the history broke off.
    run: usize,
}

/// The robust mean of what leaves an account in a day: `sum_fen` over `days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outflow {
    pub sum_fen: i128,
    /// The days of the weeks that count.
    pub days: i64,
    /// Weeks looked at.
    pub weeks: usize,
}

/// A week's income and that of the eight weeks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Income {
    pub week_fen: i128,
    /// `None` where the history is shorter.
    pub before_fen: Option<i128>,
    /// Days of the week, and of those before it, that no statement shows: more may have come in.
    pub week_lacks: bool,
    pub before_lacks: bool,
}

impl Daily {
    /// Takes in an entry of the day under way.
    pub(super) fn add(&mut self, entry: &Entry) {
        let amount = entry.amount_fen;
        if entry.credit {
            self.today.outflow = self.today.outflow.saturating_sub(amount);
            if matches!(entry.kind, Kind::Prepayment | Kind::Other) {
                self.today.income = self.today.income.saturating_add(amount);
            }
        } else {
            self.today.outflow = self.today.outflow.saturating_add(amount);
        }
    }

    /// The day under way is over.
    pub(super) fn close(&mut self) {
        if self.past.len() == SURGE_DAYS {
            self.past.pop_front();
        }
        self.past.push_back(std::mem::take(&mut self.today));
        self.run = (self.run + 1).min(SURGE_DAYS);
    }

    /// The history breaks off: the forecast begins anew, and the days from the first that was not closed to the first of
    /// what comes are unknown. Where it is not known which they are, nothing of what was before is kept.
    pub(super) fn break_off(&mut self, between: Option<(i64, i64)>) {
        let Some(missing) = between.and_then(|(from, to)| usize::try_from(to - from).ok()) else {
            *self = Daily::default();
            return;
        };
        for _ in 0..missing.min(SURGE_DAYS) {
            self.today.unknown = true;
            self.close();
        }
        self.run = 0;
    }

    /// The median of the sums of the last whole weeks, four at most: of an even number, the mean of the two in the middle.
    ///
    /// Whole weeks, because releases often come once a week and never on Sundays; the median, because neither one grab nor
    /// one day of enrolments says what leaves the account from now on. `None` under two weeks.
    pub(super) fn outflow(&self) -> Option<Outflow> {
        let weeks = (self.run / WEEK).min(FORECAST_WEEKS);
        if weeks < 2 {
            return None;
        }
        let mut sums = [0_i128; FORECAST_WEEKS];
        let sums = &mut sums[..weeks];
        for (ago, day) in self.past.iter().rev().take(weeks * WEEK).enumerate() {
            sums[ago / WEEK] += i128::from(day.outflow);
        }
        sums.sort_unstable();
        let middle = &sums[(weeks - 1) / 2..=weeks / 2];
        let days = if middle.len() == 1 { 7 } else { 14 };
        Some(Outflow { sum_fen: middle.iter().sum(), days, weeks })
    }

    /// In less out of each day that is over, the latest last, with the day under way where it has begun.
    pub(super) fn flow(&self, has_begun: bool) -> Vec<i64> {
        let today = has_begun.then_some(&self.today);
        self.past.iter().chain(today).map(|day| day.outflow.saturating_neg()).collect()
    }

    /// The income of the last seven days against the eight weeks before.
    pub(super) fn income(&self) -> Income {
        let of = |days: usize| self.past.iter().rev().take(days).map(|day| i128::from(day.income)).sum::<i128>();
        let week_fen = of(WEEK);
        let before_fen = (self.past.len() == SURGE_DAYS).then(|| of(SURGE_DAYS) - week_fen);
        let week = self.past.len().saturating_sub(WEEK);
        Income {
            week_fen,
            before_fen,
            week_lacks: self.past.range(week..).any(|day| day.unknown),
            before_lacks: self.past.range(..week).any(|day| day.unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(outflows: &[i64]) -> Daily {
        let mut daily = Daily::default();
        for outflow in outflows {
            daily.today = Day { outflow: *outflow, income: -*outflow, unknown: false };
            daily.close();
        }
        daily
    }

    #[test]
    fn the_robust_mean_is_the_median_week() {
        let mean = |outflows: &[i64]| after(outflows).outflow().map(|found| (found.sum_fen, found.days, found.weeks));
        assert_eq!(mean(&[6_400; 13]), None, "under fourteen days");
        assert_eq!(mean(&[6_400; 14]), Some((89_600, 14, 2)));
        assert_eq!(mean(&[6_400; 27]), Some((44_800, 7, 3)));
        assert_eq!(mean(&[6_400; 28]), Some((89_600, 14, 4)));
        assert_eq!(mean(&[6_400; 90]), Some((89_600, 14, 4)));
        let mut weekly = [0; 28];
        [3, 10, 17, 24].into_iter().for_each(|day| weekly[day] = 44_800);
        assert_eq!(mean(&weekly), Some((89_600, 14, 4)), "once a week is as good as every day");
        let mut grab = [6_400; 28];
        grab[20] = 9_000_000;
        assert_eq!(mean(&grab), Some((89_600, 14, 4)), "one grab says nothing of the days to come");
        let mut term = [6_400; 28];
        term[2] = -9_000_000;
        assert_eq!(mean(&term), Some((89_600, 14, 4)), "nor does one day of enrolments");
    }

    #[test]
    fn a_week_is_compared_with_the_eight_before_it_once_there_are_any() {
        let days: Vec<i64> = (0..63).map(|day| if day < 56 { -1 } else { -10 }).collect();
        let income = |before_fen| Income { week_fen: 70, before_fen, week_lacks: false, before_lacks: false };
        assert_eq!(after(&days[1..]).income(), income(None));
        assert_eq!(after(&days).income(), income(Some(56)));
        let again: Vec<i64> = [&[-5_000; 30], days.as_slice()].concat();
        assert_eq!(after(&again).income(), income(Some(56)));
    }

    #[test]
    fn after_a_break_the_forecast_begins_anew_and_the_days_between_are_unknown() {
        let mut daily = after(&[-1; 63]);
        daily.break_off(Some((63, 63)));
        assert_eq!((daily.outflow(), daily.income().before_fen), (None, Some(56)), "no day is missing");
        assert!(!daily.income().week_lacks && !daily.income().before_lacks);
        daily.break_off(Some((63, 65)));
        let income = daily.income();
        assert_eq!((income.week_fen, income.before_fen), (5, Some(56)));
        assert!(income.week_lacks && !income.before_lacks, "two days of this week");
        (0..7).for_each(|_| daily.close());
        assert!(!daily.income().week_lacks && daily.income().before_lacks, "then of the weeks before");
        (0..56).for_each(|_| daily.close());
        assert!(!daily.income().before_lacks, "until they are out of sight");
        let mut lost = after(&[-1; 63]);
        lost.break_off(None);
        assert_eq!(lost.income().before_fen, None);
    }
}
