//! The holiday calendar: which day is a holiday, a rest day, a make-up workday, a workday.
//!
//! Only the years of the State Council's yearly notices are known; a day of any other year is
//! [`DayType`]-less (`None`), and whoever asks must say so instead of guessing.

use std::{collections::BTreeMap, sync::LazyLock};

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

/// Data older than this many bank days say nothing of today.
const STALE_AFTER_BANK_DAYS: usize = 2;

/// What kind of day a date is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DayType {
    /// Off by the yearly notice: the festival itself or a rest day adjusted to it (调休放假).
    Holiday,
    /// An ordinary Saturday or Sunday.
    Rest,
    /// A Saturday or Sunday worked by the yearly notice (调休上班).
    MakeupWorkday,
    Workday,
}

/// One line of the yearly notice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    works: bool,
    festival: String,
}

/// The days that the notices name, by date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    named: BTreeMap<NaiveDate, Named>,
}

/// A line of a holiday table that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holiday table, line {line}: {problem}; expected date,is_workday,holiday_name,kind")]
pub struct CalendarError {
    /// As a text editor counts, from 1.
    pub line: usize,
    pub problem: &'static str,
}

static STATUTORY: LazyLock<Calendar> =
    LazyLock::new(|| Calendar::parse(include_str!("../../reference/holidays-cn.csv")).unwrap_or_default());

impl Calendar {
    /// The table that ships with the system, 2022 to 2026.
    pub fn statutory() -> &'static Calendar {
        &STATUTORY
    }

    /// Reads a table `date,is_workday,holiday_name,kind` with a header line.
    pub fn parse(table: &str) -> Result<Calendar, CalendarError> {
        let mut named = BTreeMap::new();
        for (index, line) in table.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
            let refuse = |problem| CalendarError { line: index + 1, problem };
            let cells: Vec<&str> = line.split(',').collect();
            let [date, works, festival, _kind] = cells[..] else { return Err(refuse("not four cells")) };
            let date = date.parse().map_err(|_| refuse("not a date YYYY-MM-DD"))?;
            let works = match works {
                "0" => false,
                "1" => true,
                _ => return Err(refuse("is_workday is neither 0 nor 1")),
            };
            if named.insert(date, Named { works, festival: festival.to_owned() }).is_some() {
                return Err(refuse("a date given twice"));
            }
        }
        Ok(Calendar { named })
    }

    /// This table with the years of `other` in place of its own.
    pub fn with(&self, other: &Calendar) -> Calendar {
        let mut named: BTreeMap<_, _> =
            self.named.iter().filter(|(date, _)| !other.knows(date.year())).map(|(d, n)| (*d, n.clone())).collect();
        named.extend(other.named.iter().map(|(d, n)| (*d, n.clone())));
        Calendar { named }
    }

    /// Whether the notice of `year` is in the table.
    pub fn knows(&self, year: i32) -> bool {
        // 元旦 of a year stands in its own notice; a lone day off on 31 December comes from the next year's.
        NaiveDate::from_ymd_opt(year, 1, 1).is_some_and(|first| self.named.contains_key(&first))
    }

    /// The kind of `date`; `None` when its year is not known.
    pub fn day_type(&self, date: NaiveDate) -> Option<DayType> {
        if !self.knows(date.year()) {
            return None;
        }
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        Some(match (self.named.get(&date), weekend) {
            (Some(day), _) if !day.works => DayType::Holiday,
            (Some(_), true) => DayType::MakeupWorkday,
            (None, true) => DayType::Rest,
            (_, false) => DayType::Workday,
        })
    }

    /// The festival that the notice names for `date`, e.g. 清明节.
    pub fn festival(&self, date: NaiveDate) -> Option<&str> {
        self.named.get(&date).map(|day| day.festival.as_str())
    }

    /// Whether people work on `date`, make-up workdays included; `None` when its year is not known.
    pub fn is_workday(&self, date: NaiveDate) -> Option<bool> {
        self.day_type(date).map(|kind| matches!(kind, DayType::Workday | DayType::MakeupWorkday))
    }

    /// Whether data up to `last` are older than two bank days on `today` (domain-rules §5.4, §8); what never came is.
    ///
    /// A day of a year without a holiday table counts by the week alone: Monday to Friday are bank days.
    pub fn is_stale(&self, last: Option<NaiveDate>, today: NaiveDate) -> bool {
        let Some(last) = last else { return true };
        let is_weekday = |day: NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let passed = last.iter_days().skip(1).take_while(|day| *day <= today);
        let bank_days = passed.filter(|day| self.is_workday(*day).unwrap_or_else(|| is_weekday(*day)));
        bank_days.take(STALE_AFTER_BANK_DAYS + 1).count() > STALE_AFTER_BANK_DAYS
    }

    /// The `days`-th workday after `from`, which is day zero (行政许可法 Art 82); `None` beyond the known years.
    pub fn add_workdays(&self, from: NaiveDate, days: u32) -> Option<NaiveDate> {
        let mut date = from;
        let mut left = days;
        while left > 0 {
            date = date.checked_add_days(Days::new(1))?;
            if self.is_workday(date)? {
                left -= 1;
            }
        }
        Some(date)
    }
}

/// The same day of the month `months` later (earlier when negative), clamped to the month's last day.
pub fn add_months(date: NaiveDate, months: i32) -> Option<NaiveDate> {
    let span = Months::new(months.unsigned_abs());
    if months < 0 { date.checked_sub_months(span) } else { date.checked_add_months(span) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn data_are_stale_after_two_bank_days() {
        let stale = |last: &str, today: &str| Calendar::statutory().is_stale(Some(day(last)), day(today));
        for (last, today, expected) in [
            ("2026-03-16", "2026-03-18", false),
            ("2026-03-16", "2026-03-19", true),
            ("2026-03-13", "2026-03-17", false),
            ("2026-04-30", "2026-05-07", false),
            ("2026-04-30", "2026-05-08", true),
        ] {
            assert_eq!(stale(last, today), expected, "{last} on {today}");
        }
        assert!(Calendar::statutory().is_stale(None, day("2026-03-18")), "what never came");
    }

    #[test]
    fn both_checked_years_have_248_workdays() {
        let calendar = Calendar::statutory();
        for year in [2025, 2026] {
            let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let works = first.iter_days().take_while(|d| d.year() == year).filter(|d| calendar.is_workday(*d).unwrap());
            assert_eq!(works.count(), 248, "{year}");
        }
    }

    #[test]
    fn days_of_the_worked_examples() {
        let calendar = Calendar::statutory();
        for (date, expected) in [
            ("2026-03-13", Some(DayType::Workday)),
            ("2026-04-06", Some(DayType::Holiday)),
            ("2026-03-14", Some(DayType::Rest)),
            ("2025-09-28", Some(DayType::MakeupWorkday)),
            ("2026-02-14", Some(DayType::MakeupWorkday)),
            ("2026-10-08", Some(DayType::Workday)),
            ("2025-10-08", Some(DayType::Holiday)),
            ("2027-01-01", None),
            ("2021-12-31", None),
            ("2022-12-31", Some(DayType::Holiday)),
        ] {
            assert_eq!(calendar.day_type(day(date)), expected, "{date}");
        }
    }

    #[test]
    fn clocks_of_the_worked_examples_k1_to_k4() {
        let calendar = Calendar::statutory();
        for (case, from, days, due) in [
            ("K1", "2026-09-18", 5, "2026-09-24"),
            ("K2", "2026-09-18", 20, "2026-10-22"),
            ("K2+10", "2026-09-18", 30, "2026-11-05"),
            ("K3", "2026-02-12", 5, "2026-02-26"),
            ("K4", "2026-09-24", 7, "2026-10-12"),
        ] {
            assert_eq!(calendar.add_workdays(day(from), days), Some(day(due)), "{case}");
        }
        assert_eq!(calendar.add_workdays(day("2026-12-30"), 2), None, "runs into an unknown year");
    }

    #[test]
    fn an_operators_table_replaces_its_year_and_a_broken_one_names_its_line() {
        let own = Calendar::parse("h\n2027-01-01,0,元旦,off\n").unwrap();
        let both = Calendar::statutory().with(&own);
        assert!(both.knows(2027) && both.knows(2026) && !Calendar::statutory().knows(2027));
        assert_eq!(Calendar::parse("h\n2027-01-01,0,元旦,off\n2027-13-01,0,x,off").unwrap_err().line, 3);
    }

    proptest! {
        #[test]
        fn a_workday_clock_ends_on_a_workday(offset in 0u64..1400, days in 1u32..60) {
            let from = day("2022-01-01") + Days::new(offset);
            if let Some(due) = Calendar::statutory().add_workdays(from, days) {
                prop_assert_eq!(Calendar::statutory().is_workday(due), Some(true));
                let between = from.iter_days().skip(1).take_while(|d| *d <= due);
                prop_assert_eq!(between.filter(|d| Calendar::statutory().is_workday(*d) == Some(true)).count(), days as usize);
            }
        }
    }
}
