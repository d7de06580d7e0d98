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
#[serde(from = "[i64; 2]", into = "[i64; 2]")]
struct Day {
    /// Out less in, whatever it was for.
    outflow: i64,
    /// What families paid in.
    income: i64,
}

impl From<[i64; 2]> for Day {
    fn from([outflow, income]: [i64; 2]) -> Day {
        Day { outflow, income }
    }
}

impl From<Day> for [i64; 2] {
    fn from(day: Day) -> [i64; 2] {
        [day.outflow, day.income]
    }
}

/// The days that are over, the latest last, and the one under way.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Daily {
    past: VecDeque<Day>,
    today: Day,
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
    }

    /// The median of the sums of the last whole weeks, four at most: of an even number, the mean of the two in the middle.
    ///
    /// Whole weeks, because releases often come once a week and never on Sundays; the median, because neither one grab nor
    /// one day of enrolments says what leaves the account from now on. `None` under two weeks.
    pub(super) fn outflow(&self) -> Option<Outflow> {
        let weeks = (self.past.len() / WEEK).min(FORECAST_WEEKS);
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
        Income { week_fen, before_fen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(outflows: &[i64]) -> Daily {
        let mut daily = Daily::default();
        for outflow in outflows {
            daily.today = Day { outflow: *outflow, income: -*outflow };
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
        assert_eq!(after(&days[1..]).income(), Income { week_fen: 70, before_fen: None });
        assert_eq!(after(&days).income(), Income { week_fen: 70, before_fen: Some(56) });
        let again: Vec<i64> = [&[-5_000; 30], days.as_slice()].concat();
        assert_eq!(after(&again).income(), Income { week_fen: 70, before_fen: Some(56) });
    }
}
