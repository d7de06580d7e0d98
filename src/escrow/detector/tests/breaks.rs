//! W2, W10 and W14 where the statements broke off and go on with another balance.

use super::*;
use Level::{Red, Yellow};
use WarningKind::{CumRolling, EnrolmentSurge, Structuring};
use chrono::NaiveDate;

/// One account over several runs of statements, each told as a story of its own.
struct Runs {
    state: AccountState,
    policies: Policies,
    warnings: Vec<Warning>,
}

impl Runs {
    /// The first run, known up to the end of a day.
    fn first(story: &Story, until: &str) -> Runs {
        let policies = story.policy.clone().into();
        let mut runs = Runs { state: AccountState::new(story.opening), policies, warnings: Vec::new() };
        runs.take(story, until);
        runs
    }

    /// The next run, on its own opening.
    fn next(mut self, story: &Story, until: &str) -> Runs {
        self.state.begin_anew(story.opening);
        self.take(story, until);
        self
    }

    fn take(&mut self, story: &Story, until: &str) {
        let grounds = Grounds {
            policies: &self.policies,
            calendar: Calendar::statutory(),
            obligations: None,
            account: &story.facts,
        };
        let mut changes = Vec::new();
        for row in &story.rows {
            self.state.push(&grounds, &row.entry(), &mut changes).unwrap();
        }
        self.state.close_days_until(&grounds, at(&format!("{until}T23:59:59")), &mut changes).unwrap();
        changes.into_iter().for_each(|change| change.fold_into(&mut self.warnings));
    }

    fn of(&self, kind: WarningKind) -> Vec<&Warning> {
        self.warnings.iter().filter(|warning| warning.kind == kind).collect()
    }

    fn level(&self, kind: WarningKind) -> Option<Level> {
        self.of(kind).last().map(|warning| warning.level)
    }

    fn lacks_statements(&self, kind: WarningKind) -> bool {
        self.state.undetermined().iter().any(|lack| lack.kind == kind && lack.missing == ["statements"])
    }
}

fn opened_fen(fen: i64, on: &str) -> Story {
    let mut story = Story::opened(0, on);
    story.opening.balance_fen = fen;
    story
}

#[test]
fn what_left_before_a_break_counts_in_the_week_all_the_same() {
    // 45.00 are missing between the runs; 140,000 of 299,955 left within the week: 46.67 %.
    let before = Story::opened(300_000, "03-02").pays("03-02T10:00:00", 80_000);
    let after = Story::opened(219_955, "03-03").pays("03-04T10:00:00", 60_000);
    let runs = Runs::first(&before, "03-02").next(&after, "03-04");
    assert_eq!(runs.level(CumRolling), Some(Yellow));
    let warning = runs.of(CumRolling)[0];
    for (name, value) in [("debits_fen", 14_000_000), ("base_fen", 29_995_500), ("share_bp", 4_667)] {
        assert_eq!(evidence(warning, name), &Value::from(value), "{name}");
    }
    // Both sides of three tenths of what there was.
    for (case, fen, expected) in [("30 % exactly", 997_000, Some(Yellow)), ("a fen less", 996_999, None)] {
        let before = Story::opened(100_000, "03-02").pays("03-02T10:00:00", 20_000);
        let after = Story::opened(79_900, "03-03").pays_fen("03-04T10:00:00", fen);
        let runs = Runs::first(&before, "03-02").next(&after, "03-04");
        assert_eq!(runs.level(CumRolling), expected, "{case}");
        assert!(runs.lacks_statements(CumRolling), "{case}: more may have left");
    }
}

#[test]
fn an_open_rolling_warning_closes_only_once_its_windows_lie_behind_the_break() {
    let before = Story::opened(300_000, "03-02").pays("03-02T10:00:00", 120_000);
    let after = Story::opened(179_955, "03-03");
    for (until, lacks, closed) in [
        ("03-31", true, None),
        // The thirty days to the end of 1 April begin with the run.
        ("04-01", false, None),
        ("04-06", false, None),
        ("04-07", false, Some("04-07T23:59:59")),
    ] {
        let runs = Runs::first(&before, "03-02").next(&after, until);
        assert_eq!(runs.lacks_statements(CumRolling), lacks, "{until}");
        assert_eq!(resolved_at(runs.of(CumRolling)[0]).as_deref(), closed, "{until}");
    }
}

#[test]
fn withdrawals_under_the_large_amount_are_counted_across_a_break_within_a_day() {
    for (case, third, expected) in
        [("within 24 hours of the first", "03-03T09:59:59", Some(Red)), ("24 hours on", "03-03T10:00:00", None)]
    {
        let before = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 45_000).pays("03-02T11:00:00", 45_000);
        let after = Story::opened(909_955, "03-03").pays(third, 45_000);
        let mut runs = Runs::first(&before, "03-02").next(&after, "03-02");
        assert_eq!(runs.level(Structuring), expected, "{case}");
        assert!(runs.lacks_statements(Structuring), "{case}: the day is not over");
        runs.take(&Story::opened(0, "03-03"), "03-03");
        assert!(!runs.lacks_statements(Structuring), "{case}: the window lies behind the break");
    }
}

/// 20,000 on each of eight Mondays from 01-05, then 60,000 on the ninth; what is after the first of 16 February is another
/// run.
fn weeks(goes_on: &str) -> Runs {
    let monday = |week: u64| {
        let day = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap() + chrono::Days::new(7 * week);
        day.format("%m-%dT10:00:00").to_string()
    };
    let of = |story: Story, weeks: std::ops::Range<u64>| {
        weeks.fold(story, |story, week| story.receives(&monday(week), 20_000))
    };
    let before = of(Story::opened(0, "01-05"), 0..6);
    let after = of(opened_fen(11_995_500, goes_on), 6..8).receives("03-02T10:00:00", 60_000);
    Runs::first(&before, "02-14").next(&after, "03-08")
}

#[test]
fn a_surge_is_seen_across_a_break_and_not_guessed_where_days_are_missing() {
    let whole = weeks("02-15");
    assert_eq!(whole.level(EnrolmentSurge), Some(Yellow), "balances differ, no day is missing");
    assert!(!whole.lacks_statements(EnrolmentSurge));
    let missing = weeks("02-16");
    assert_eq!(missing.level(EnrolmentSurge), None, "a day of the eight weeks is missing");
    assert!(missing.lacks_statements(EnrolmentSurge), "which is not the same as none");
}
