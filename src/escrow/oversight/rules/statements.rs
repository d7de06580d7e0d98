//! W8 `STMT-GAP`, `STMT-CHAIN-BREAK` (流水断档, 余额不连续): what the chain of an account's statements says is missing.
//!
//! A bank day that nothing covers and a number that no statement has are a statement that did not come, whatever the
//! balances say; balances that do not connect without one are a break.

use chrono::NaiveDate;
use serde::Serialize;

use super::{covered::Skipped, midnight};
use crate::{
    escrow::{
        detector::{Level, WarningKind},
        oversight::model::{Alarm, evidence},
    },
    kernel::Calendar,
};

/// A place at which an account's statements do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Break {
    /// The last day before it.
    pub after: NaiveDate,
    /// The first day after it; the same day where a statement contradicts itself or others of its days.
    pub before: NaiveDate,
    /// What is missing: positive where money came in that no statement shows.
    pub fen: i64,
    /// The balances on both sides, where they are known.
    pub closing_fen: Option<i64>,
    pub opening_fen: Option<i64>,
}

/// What else says that statements did not come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lacking {
    /// Bank days between covered ones that nothing covers, in order.
    pub days: Vec<NaiveDate>,
    /// Numbers that no statement has, in order.
    pub numbers: Vec<Skipped>,
}

impl Lacking {
    /// The latest of them: the days on both sides, what is measured, in which unit, and the formula.
    fn latest(&self) -> Option<(NaiveDate, NaiveDate, i64, &'static str, &'static str)> {
        let day = self.days.last().and_then(|last| {
            let count = i64::try_from(self.days.len()).unwrap_or(i64::MAX);
            let first = self.days.first()?.pred_opt()?;
            Some((first, last.succ_opt()?, count, "bank_days", "a bank day that no statement covers"))
        });
        let number = self.numbers.last().map(|skip| {
            let count = i64::from(skip.to) - i64::from(skip.from) - 1;
            (skip.after, skip.before, count, "statements", "the number of a statement != that of the one before + 1")
        });
        day.or(number)
    }

    fn basis(&self) -> String {
        let days = self.days.iter().map(NaiveDate::to_string);
        let numbers = self.numbers.iter().map(|skip| format!("#{}..{}:{}", skip.from, skip.to, skip.before));
        days.chain(numbers).collect::<Vec<_>>().join(" ")
    }

    fn alarm(&self) -> Option<Alarm> {
        let (after, before, count, unit, formula) = self.latest()?;
        let skip = self.numbers.last();
        let inputs = [
            ("gap_after", after.to_string().into()),
            ("gap_before", before.to_string().into()),
            ("bank_days_missing", self.days.len().into()),
            ("number_before", skip.map(|skip| skip.from).into()),
            ("number_after", skip.map(|skip| skip.to).into()),
        ];
        Some(Alarm {
            kind: WarningKind::StatementGap,
            level: Level::Yellow,
            at: midnight(before),
            evidence: evidence((count, 1, unit), formula, inputs),
            basis: self.basis(),
        })
    }
}

/// The bank days that lie wholly within a break; `None` where the holidays are not known.
fn bank_days_within(calendar: &Calendar, broken: &Break) -> Option<usize> {
    let within = broken.after.iter_days().skip(1).take_while(|day| *day < broken.before);
    within.map(|day| calendar.is_workday(day)).try_fold(0, |count, works| Some(count + usize::from(works?)))
}

/// W8: at most one alarm of either kind for an account, of the latest place of that kind; where balances differ, that is told
/// before what is missing without a difference.
pub fn broken_chain(breaks: &[Break], lacking: &Lacking, calendar: &Calendar) -> Vec<Alarm> {
    let mut gaps: Vec<(&Break, usize)> = Vec::new();
    let mut jumps: Vec<(&Break, usize)> = Vec::new();
    for broken in breaks {
        // Days of an unknown year may be bank days: then no statement is known to be missing, and the balances still do
        // not connect.
        match bank_days_within(calendar, broken) {
            Some(days) if days > 0 => gaps.push((broken, days)),
            _ => jumps.push((broken, 0)),
        }
    }
    let alarms = [
        (WarningKind::StatementGap, Level::Yellow, gaps, "a bank day without a statement, and balances that differ"),
        (WarningKind::ChainBreak, Level::Orange, jumps, "opening_fen != closing_fen of the bank day before"),
    ];
    let mut found: Vec<Alarm> =
        alarms.into_iter().filter_map(|(kind, level, places, formula)| alarm(kind, level, &places, formula)).collect();
    match found.iter_mut().find(|alarm| alarm.kind == WarningKind::StatementGap) {
        Some(gap) => gap.basis = format!("{} {}", gap.basis, lacking.basis()).trim_end().to_owned(),
        None => found.extend(lacking.alarm()),
    }
    found
}

fn alarm(kind: WarningKind, level: Level, places: &[(&Break, usize)], formula: &str) -> Option<Alarm> {
    let (latest, days) = places.iter().max()?;
    let inputs = [
        ("gap_after", latest.after.to_string().into()),
        ("gap_before", latest.before.to_string().into()),
        ("closing_fen", latest.closing_fen.into()),
        ("opening_fen", latest.opening_fen.into()),
        ("bank_days_missing", (*days).into()),
        ("places", places.len().into()),
    ];
    let mut all: Vec<String> =
        places.iter().map(|(place, _)| format!("{}..{}:{}", place.after, place.before, place.fen)).collect();
    all.sort();
    Some(Alarm {
        kind,
        level,
        at: midnight(latest.before),
        evidence: evidence((latest.fen.saturating_abs(), 0, "fen"), formula, inputs),
        basis: all.join(" "),
    })
}

/// What cannot be judged while a place is open, and for which days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    pub kind: WarningKind,
    /// The days between which movements are missing.
    pub after: NaiveDate,
    pub before: NaiveDate,
}

/// W3, W5 and W6 while a warning of W8 about the place is open.
pub fn undetermined(after: NaiveDate, before: NaiveDate) -> [Undetermined; 3] {
    [WarningKind::BelowMin, WarningKind::Coverage, WarningKind::RunoffDate].map(|kind| Undetermined {
        kind,
        after,
        before,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::day, *};

    fn broken(after: &str, before: &str, fen: i64) -> Break {
        Break { after: day(after), before: day(before), fen, closing_fen: None, opening_fen: None }
    }

    fn told(breaks: &[Break]) -> Vec<(WarningKind, Level, i64)> {
        let alarms = broken_chain(breaks, &Lacking::default(), Calendar::statutory());
        alarms.iter().map(|alarm| (alarm.kind, alarm.level, alarm.evidence["value"].as_i64().unwrap())).collect()
    }

    const BREAK: (WarningKind, Level) = (WarningKind::ChainBreak, Level::Orange);
    const GAP: (WarningKind, Level) = (WarningKind::StatementGap, Level::Yellow);

    #[test]
    fn a_missing_bank_day_is_a_gap_and_balances_that_jump_are_a_break() {
        for (case, place, (kind, level)) in [
            ("the next day", broken("2026-03-10", "2026-03-11", -4_500), BREAK),
            ("over a weekend", broken("2026-03-13", "2026-03-16", 1), BREAK),
            ("a bank day between", broken("2026-03-10", "2026-03-12", 1), GAP),
            ("over the May holiday", broken("2026-04-30", "2026-05-06", 1), BREAK),
            ("the day after it is missing", broken("2026-04-30", "2026-05-07", 1), GAP),
            ("within its own day", broken("2026-03-10", "2026-03-10", 7), BREAK),
            ("over a year without a notice", broken("2026-12-30", "2027-01-05", 7), BREAK),
        ] {
            assert_eq!(told(&[place]), [(kind, level, place.fen.abs())], "{case}");
        }
        assert_eq!(told(&[]), []);
    }

    #[test]
    fn f14_the_opening_is_not_the_closing_of_the_day_before() {
        // Closing of 10 March 312,450.00, opening of 11 March 312,405.00.
        let jump = broken("2026-03-10", "2026-03-11", -4_500);
        let place = Break { closing_fen: Some(31_245_000), opening_fen: Some(31_240_500), ..jump };
        let alarms = broken_chain(&[place], &Lacking::default(), Calendar::statutory());
        assert_eq!((alarms[0].kind, alarms[0].level), BREAK);
        assert_eq!(alarms[0].evidence["value"], 4_500, "45.00");
        let held = undetermined(place.after, place.before);
        assert_eq!(held.map(|one| one.kind.to_string()), ["FUND-BELOW-MIN", "FUND-COVERAGE", "FUND-RUNOFF-DATE"]);
    }

    #[test]
    fn several_places_are_one_warning_of_the_latest_and_another_place_is_news() {
        let (one, other) = (broken("2026-03-10", "2026-03-11", 1), broken("2026-03-12", "2026-03-13", -9));
        let chained = |breaks: &[Break]| broken_chain(breaks, &Lacking::default(), Calendar::statutory());
        let both = chained(&[other, one]);
        assert_eq!((both.len(), &both[0].evidence["value"], &both[0].evidence["places"]), (1, &9.into(), &2.into()));
        let alone = chained(&[other]);
        assert_ne!(both[0].basis, alone[0].basis);
        assert_eq!(both, chained(&[one, other]), "in whichever order they are read");
    }

    #[test]
    fn a_day_or_a_number_that_is_missing_is_a_gap_though_the_balances_agree() {
        let days = Lacking { days: vec![day("2026-05-06"), day("2026-05-07")], numbers: Vec::new() };
        let skip = Skipped { after: day("2026-03-10"), before: day("2026-03-11"), from: 7, to: 9 };
        let number = Lacking { days: Vec::new(), numbers: vec![skip] };
        for (case, lacking, value, unit, between) in [
            ("two bank days", &days, 2, "bank_days", ("2026-05-05", "2026-05-08")),
            ("a number", &number, 1, "statements", ("2026-03-10", "2026-03-11")),
        ] {
            let alarms = broken_chain(&[], lacking, Calendar::statutory());
            assert_eq!((alarms.len(), alarms[0].kind, alarms[0].level), (1, GAP.0, GAP.1), "{case}");
            let evidence = &alarms[0].evidence;
            assert_eq!((&evidence["value"], &evidence["unit"]), (&value.into(), &unit.into()), "{case}");
            assert_eq!(
                (&evidence["gap_after"], &evidence["gap_before"]),
                (&between.0.into(), &between.1.into()),
                "{case}"
            );
        }
        let differ = broken("2026-05-05", "2026-05-08", -4_500);
        let both = broken_chain(&[differ], &days, Calendar::statutory());
        assert_eq!((both.len(), &both[0].evidence["value"]), (1, &4_500.into()), "the difference says more");
    }
}
