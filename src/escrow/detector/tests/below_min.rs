//! W3 along an account's days. In 2026-03 the 2nd is a Monday.

use super::*;
use crate::escrow::policy::MinimumBalance;
use Level::{Orange, Red, Yellow};
use WarningKind::{BelowMin, Coverage, RunoffDate, WithdrawUnmatched};
use serde_json::json;

/// F11: U 450,000 and M = max(50,000, 20 %) = 90,000.
fn f11(opening_yuan: i64, on: &str) -> Story {
    let mut story = Story::opened(opening_yuan, on).owing(450_000);
    story.policy.minimum_balance.fixed_fen = 5_000_000;
    story
}

#[test]
fn f11_is_judged_at_the_end_of_the_day() {
    for (paid_fen, expected) in [
        (0, None),
        (1, Some(Yellow)),
        (1_800_000, Some(Yellow)),
        (1_800_001, Some(Orange)),
        (4_500_000, Some(Orange)),
        (4_500_001, Some(Red)),
    ] {
        let story = f11(90_000, "03-02").row("03-02T10:00:00", false, paid_fen, Kind::Refund, None);
        assert_eq!(level_of(&story.until("03-02T23:59:58"), BelowMin), None, "{paid_fen}: the day is not over");
        assert_eq!(level_of(&story.until("03-02T23:59:59"), BelowMin), expected, "{paid_fen}");
    }
    let report = f11(71_999, "03-02").until("03-02T23:59:59");
    let warning = only(&report, BelowMin).unwrap();
    assert_eq!((warning.raised_at.to_rfc3339().as_str(), &warning.bank_ref), ("2026-03-02T23:59:59+08:00", &None));
    for (name, value) in [
        ("value", json!(7_199_900)),
        ("threshold", json!(7_200_000)),
        ("minimum_fen", json!(9_000_000)),
        ("unearned_fen", json!(45_000_000)),
        ("of_minimum_bp", json!(8_000)),
        ("policy_version", json!("2026-01")),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
    assert_eq!((report.unearned_fen, lacking(&report, BelowMin)), (Some(45_000_000), vec![]));
}

#[test]
fn what_happens_within_a_day_does_not_count() {
    let story = f11(90_000, "03-02").row("03-02T10:00:00", false, 5_000_000, Kind::Refund, None);
    let story = story.receives("03-02T23:59:59", 50_000);
    assert_eq!(level_of(&story.until("03-02T23:59:59"), BelowMin), None);
}

#[test]
fn three_bank_days_below_are_red_and_rest_days_do_not_count() {
    for (case, on, as_of, expected) in [
        ("second workday", "03-02", "03-03T23:59:59", Yellow),
        ("third workday, not over", "03-02", "03-04T23:59:58", Yellow),
        ("third workday", "03-02", "03-04T23:59:59", Red),
        ("Friday, then the weekend", "03-06", "03-08T23:59:59", Yellow),
        ("Friday, Monday", "03-06", "03-09T23:59:59", Yellow),
        ("Friday, Monday, Tuesday", "03-06", "03-10T23:59:59", Red),
        ("Friday, a worked Saturday, then the festival", "02-13", "02-23T23:59:59", Yellow),
        ("Friday, a worked Saturday, the day after", "02-13", "02-24T23:59:59", Red),
    ] {
        assert_eq!(level_of(&f11(89_999, on).until(as_of), BelowMin), Some(expected), "{case}");
    }
    let report = f11(89_999, "03-02").until("03-10T23:59:59");
    let warning = only(&report, BelowMin).unwrap();
    assert_eq!(steps(warning), ["03-02T23:59:59 yellow -", "03-04T23:59:59 red -"]);
    assert_eq!(evidence(warning, "bank_days_below"), &json!(3));
}

#[test]
fn one_day_at_the_minimum_closes_and_the_count_begins_anew() {
    let story = f11(89_999, "03-02").receives("03-04T10:00:00", 1);
    let report = story.until("03-03T23:59:59");
    assert_eq!(only(&report, BelowMin).unwrap().resolved_at, None);
    let report = story.until("03-04T23:59:59");
    let warning = only(&report, BelowMin).unwrap();
    let resolved = warning.resolved_at.map(|at| at.to_rfc3339());
    assert_eq!((warning.level, resolved.as_deref()), (Yellow, Some("2026-03-04T23:59:59+08:00")));
    let report = story.row("03-05T10:00:00", false, 1, Kind::Refund, None).until("03-06T23:59:59");
    assert_eq!(levels_of(&report, BelowMin), [Yellow, Yellow]);
}

#[test]
fn it_gets_graver_and_never_milder() {
    let story = f11(89_999, "03-02").row("03-03T10:00:00", false, 2_000_000, Kind::Refund, None);
    let report = story.receives("03-04T10:00:00", 10_000).until("03-03T23:59:59");
    assert_eq!(steps(only(&report, BelowMin).unwrap()), ["03-02T23:59:59 yellow -", "03-03T23:59:59 orange -"]);
    let story = f11(44_999, "03-02").receives("03-03T10:00:00", 40_000);
    assert_eq!(level_of(&story.until("03-03T23:59:59"), BelowMin), Some(Red));
}

#[test]
fn without_obligations_the_fixed_sum_alone_is_no_minimum() {
    let mut story = Story::opened(40_000, "03-02");
    story.policy.minimum_balance.fixed_fen = 4_000_000;
    let report = story.until("03-02T23:59:59");
    assert_eq!((levels(&report).len(), report.unearned_fen), (0, None));
    let kinds: Vec<_> = report.undetermined.iter().map(|lack| (lack.kind, lack.missing.join(","))).collect();
    let unknown = [BelowMin, Coverage, RunoffDate, WithdrawUnmatched];
    assert_eq!(kinds, unknown.map(|kind| (kind, "obligations".to_owned())));
    story.policy.minimum_balance.fixed_fen = 4_000_001;
    let report = story.until("03-02T23:59:59");
    assert_eq!(levels(&report), [(BelowMin, Yellow)]);
    assert_eq!(evidence(&report.warnings[0], "unearned_fen"), &json!(null));
    assert_eq!(lacking(&report, BelowMin), Vec::<String>::new(), "below the least that it can be");
    // Above the fixed sum again, which may be less than the minimum: it neither closes nor passes.
    let report = story.receives("03-03T10:00:00", 1).until("03-04T23:59:59");
    assert_eq!(resolved_at(only(&report, BelowMin).unwrap()), None);
    assert_eq!(lacking(&report, BelowMin), ["obligations"]);
    // Where no share of what is owed is asked for, the fixed sum is the minimum.
    let mut story = Story::opened(40_000, "03-02");
    story.policy.minimum_balance = MinimumBalance { fixed_fen: 4_000_000, unearned_bp: 0 };
    assert_eq!(lacking(&story.until("03-02T23:59:59"), BelowMin), Vec::<String>::new());
    assert_eq!(levels(&Story::opened(0, "03-02").until("03-02T23:59:59")), [], "zero is not below zero");
    let overdrawn = Story::opened(-1, "03-02").until("03-02T23:59:59");
    assert_eq!(levels(&overdrawn), [(BelowMin, Red)], "an overdrawn account is below any part of zero");
}

#[test]
fn a_year_without_a_holiday_table_is_undetermined_and_not_guessed() {
    let as_of: DateTime<Utc> = "2027-01-10T23:59:59+08:00".parse().unwrap();
    let report = |balance_yuan, on| {
        let story = f11(balance_yuan, on);
        let calendar = Calendar::statutory();
        let grounds = Grounds {
            policies: &story.policy.clone().into(),
            calendar,
            obligations: story.obligations.as_ref(),
            account: AccountFacts::unknown(),
        };
        replay("A", story.opening, [], &grounds, as_of).unwrap()
    };
    let two_known_days = report(89_999, "12-30");
    assert_eq!(level_of(&two_known_days, BelowMin), Some(Yellow));
    assert_eq!(lacking(&two_known_days, BelowMin), ["holidays_2027"]);
    for (case, balance, on) in [
        ("red already by its days", 89_999, "12-29"),
        ("red by its sum", 44_999, "12-30"),
        ("not below", 90_000, "12-30"),
    ] {
        assert_eq!(lacking(&report(balance, on), BelowMin), Vec::<String>::new(), "{case}");
    }
}
