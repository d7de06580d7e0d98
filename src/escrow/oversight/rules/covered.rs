//! Which bank days an account's statements cover, and which of their numbers are missing: the facts of W7 and W8 (a).
//!
//! A day is covered by a statement whose days it lies in, by an entry that is booked on it, by a push of that day, and where
//! two statements with consecutive numbers stand on both sides of it, for then the bank issued none. Only what lies between
//! covered days is looked at here: what comes after the last of them is W7's silence.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::instant;
use crate::{escrow::oversight::limits::FeedLimits, kernel::Calendar};

/// The days of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Numbers run on within a format.
    pub format: String,
    /// The day of its opening balance.
    pub opening_on: Option<NaiveDate>,
    /// The day of its first entry.
    pub first_on: Option<NaiveDate>,
    pub last_on: NaiveDate,
    /// Its number in the bank's series.
    pub number: Option<i32>,
}

impl Span {
    /// The first day that it covers. Some banks date an opening by the day before: of a statement with one bank day after
    /// its opening nothing says that it covers that of the opening as well.
    fn first_day(&self, calendar: &Calendar) -> NaiveDate {
        let Some(opening) = self.opening_on.filter(|opening| *opening <= self.last_on) else {
            return self.first_on.map_or(self.last_on, |first| first.min(self.last_on));
        };
        let bank_days = opening.iter_days().skip(1).take_while(|day| *day <= self.last_on);
        let several = bank_days.filter(|day| calendar.is_workday(*day) != Some(false)).nth(1).is_some();
        let first = match opening.succ_opt() {
            Some(next) if opening < self.last_on && !several => next,
            _ => opening,
        };
        self.first_on.map_or(first, |entry| entry.min(first))
    }
}

/// A place at which the numbers of statements leave some out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The last day before, and that of the statement after.
    pub after: NaiveDate,
    pub before: NaiveDate,
    /// The numbers on both sides.
    pub from: i32,
    pub to: i32,
}

/// Statements with a number, by series, in the order in which they were issued.
fn numbered(spans: &[Span]) -> BTreeMap<&str, Vec<(NaiveDate, i32)>> {
    let mut series: BTreeMap<&str, Vec<(NaiveDate, i32)>> = BTreeMap::new();
    for span in spans {
        if let Some(number) = span.number {
            series.entry(&span.format).or_default().push((span.last_on, number));
        }
    }
    series.values_mut().for_each(|statements| statements.sort_unstable());
    series
}

/// Numbers that no statement has: `seq(i+1) != seq(i) + 1`. A series that begins anew skips none, nor does one that counts
/// the days of the year.
pub fn skipped(spans: &[Span]) -> Vec<Skipped> {
    let mut found = Vec::new();
    for statements in numbered(spans).into_values() {
        for pair in statements.windows(2) {
            let [(after, from), (before, to)] = [pair[0], pair[1]];
            let by_days = i64::from(to) - i64::from(from) == (before - after).num_days();
            if to > from.saturating_add(1) && !by_days {
                found.push(Skipped { after, before, from, to });
            }
        }
    }
    found.sort_unstable();
    found
}

/// The bank days between covered ones of which there is nothing, in order; `days` are those of pushes. Days of a year
/// without a holiday notice are not guessed.
pub fn uncovered(spans: &[Span], days: &[NaiveDate], calendar: &Calendar) -> Vec<NaiveDate> {
    let mut ranges: Vec<(NaiveDate, NaiveDate)> =
        spans.iter().map(|span| (span.first_day(calendar), span.last_on)).collect();
    ranges.extend(days.iter().map(|day| (*day, *day)));
    for statements in numbered(spans).into_values() {
        let next = |pair: &[(NaiveDate, i32)]| pair[0].1.checked_add(1) == Some(pair[1].1);
        ranges.extend(statements.windows(2).filter(|pair| next(pair)).map(|pair| (pair[0].0, pair[1].0)));
    }
    ranges.sort_unstable();
    let mut found = Vec::new();
    let mut until: Option<NaiveDate> = None;
    for (first, last) in ranges {
        if let Some(until) = until {
            let between = until.iter_days().skip(1).take_while(|day| *day < first);
            found.extend(between.filter(|day| calendar.is_workday(*day) == Some(true)));
        }
        until = until.max(Some(last));
    }
    found
}

/// Of days without data, those whose cut-off has passed: the data of a bank day are due by the cut-off of the next.
pub fn due(days: &BTreeSet<NaiveDate>, calendar: &Calendar, limits: &FeedLimits, now: DateTime<Utc>) -> Vec<NaiveDate> {
    let is_due =
        |day: &NaiveDate| calendar.add_workdays(*day, 1).is_some_and(|next| instant(next, limits.cutoff) <= now);
    days.iter().copied().filter(is_due).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, day},
        *,
    };
    use crate::escrow::oversight::limits::Limits;

    fn span(opening: &str, last: &str, number: Option<i32>) -> Span {
        Span { format: "mt940".to_owned(), opening_on: Some(day(opening)), first_on: None, last_on: day(last), number }
    }

    fn holes(spans: &[Span], days: &[&str]) -> Vec<String> {
        let days: Vec<NaiveDate> = days.iter().map(|text| day(text)).collect();
        uncovered(spans, &days, Calendar::statutory()).iter().map(|day| day.format("%m-%d").to_string()).collect()
    }

    #[test]
    fn a_bank_day_between_statements_is_covered_or_missing() {
        let one = |on: &str| span(on, on, None);
        for (case, spans, days, expected) in [
            ("nothing at all", vec![], vec![], vec![]),
            ("one day alone", vec![one("2026-03-10")], vec![], vec![]),
            ("day after day", vec![one("2026-03-10"), one("2026-03-11")], vec![], vec![]),
            ("a day between", vec![one("2026-03-12"), one("2026-03-10")], vec![], vec!["03-11"]),
            ("a push of that day", vec![one("2026-03-12"), one("2026-03-10")], vec!["2026-03-11"], vec![]),
            ("over a weekend", vec![one("2026-03-13"), one("2026-03-16")], vec![], vec![]),
            ("over the May holiday", vec![one("2026-04-30"), one("2026-05-08")], vec![], vec!["05-06", "05-07"]),
            ("a month within", vec![one("2026-03-10"), span("2026-03-01", "2026-03-31", None)], vec![], vec![]),
            (
                "from the first of a month",
                vec![span("2026-02-02", "2026-02-28", None), span("2026-03-02", "2026-03-31", None)],
                vec![],
                vec![],
            ),
            (
                "an opening dated by the day before",
                vec![one("2026-03-10"), span("2026-03-11", "2026-03-12", None)],
                vec![],
                vec!["03-11"],
            ),
            (
                "the day of its first entry",
                vec![
                    one("2026-03-10"),
                    Span { first_on: Some(day("2026-03-11")), ..span("2026-03-11", "2026-03-12", None) },
                ],
                vec![],
                vec![],
            ),
            (
                "numbers that go on",
                vec![span("2026-03-10", "2026-03-10", Some(41)), span("2026-03-13", "2026-03-13", Some(42))],
                vec![],
                vec![],
            ),
            (
                "numbers that do not",
                vec![span("2026-03-10", "2026-03-10", Some(41)), span("2026-03-12", "2026-03-12", Some(43))],
                vec![],
                vec!["03-11"],
            ),
        ] {
            assert_eq!(holes(&spans, &days), expected, "{case}");
        }
    }

    #[test]
    fn a_number_that_is_left_out_is_seen_whatever_the_balances_say() {
        let numbers = |list: &[(&str, i32)]| {
            let spans: Vec<Span> = list.iter().map(|(on, number)| span(on, on, Some(*number))).collect();
            skipped(&spans).iter().map(|skip| (skip.from, skip.to)).collect::<Vec<_>>()
        };
        for (case, list, expected) in [
            ("one after the other", vec![("2026-03-10", 7), ("2026-03-11", 8)], vec![]),
            ("told in any order", vec![("2026-03-11", 8), ("2026-03-10", 7)], vec![]),
            ("the same again", vec![("2026-03-10", 7), ("2026-03-10", 7)], vec![]),
            ("one is missing", vec![("2026-03-10", 7), ("2026-03-11", 9)], vec![(7, 9)]),
            ("anew with the year", vec![("2026-03-10", 251), ("2026-03-11", 1)], vec![]),
            ("the day of the year", vec![("2026-03-13", 72), ("2026-03-16", 75)], vec![]),
        ] {
            assert_eq!(numbers(&list), expected, "{case}");
        }
        let other = Span { format: "camt.053".to_owned(), ..span("2026-03-11", "2026-03-11", Some(90)) };
        assert!(skipped(&[span("2026-03-10", "2026-03-10", Some(7)), other]).is_empty(), "series of their own");
    }

    #[test]
    fn a_day_is_missing_once_its_cut_off_has_passed() {
        let days = BTreeSet::from([day("2026-03-16"), day("2026-03-17")]);
        let due = |now| due(&days, Calendar::statutory(), &Limits::default().feed, at(now)).len();
        assert_eq!((due("2026-03-17T09:59"), due("2026-03-17T10:00"), due("2026-03-18T10:00")), (0, 1, 2));
    }
}
