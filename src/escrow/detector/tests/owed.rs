//! W4, W5 and W6 along an account's history: what leaves and what is held against what is owed.

use super::*;
use crate::escrow::{model::Mode, policy::Period};
use Level::{Blue, Orange, Red, Yellow};
use ObligationEvent::{Consumed, Contract, Refunded};
use WarningKind::{Coverage, CumRolling, LargeSingle, RunoffDate, WithdrawUnmatched};
use serde_json::json;

/// F8: B0 480,000, U 430,000 after 40,000 of lessons in the period.
fn f8() -> Story {
    let owed = [("02-01T00:00:00", Contract, 470_000), ("03-05T20:00:00", Consumed, 40_000)];
    Story::opened(480_000, "03-02").owed(&owed).pays("03-10T10:00:00", 96_000)
}

#[test]
fn f8_more_left_than_lessons_earned_and_what_is_left_does_not_cover() {
    let report = f8().until("03-10T23:59:59");
    assert_eq!(levels(&report), [(LargeSingle, Yellow), (WithdrawUnmatched, Red), (Coverage, Yellow)]);
    let warning = only(&report, WithdrawUnmatched).unwrap();
    assert_eq!(
        (warning.raised_at.to_string().as_str(), &*steps(warning)[0]),
        ("2026-03-10 10:00:00 +08:00", "03-10T10:00:00 red R001")
    );
    for (name, value) in [
        ("value", json!(5_600_000)),
        ("threshold", json!(20_000)),
        ("released_fen", json!(9_600_000)),
        ("consumable_fen", json!(4_000_000)),
        ("excess_bp", json!(14_000)),
        ("period_from", json!("2026-03-01")),
        ("policy_version", json!("2026-01")),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
    let warning = only(&report, Coverage).unwrap();
    assert_eq!((warning.raised_at.to_string().as_str(), &warning.bank_ref), ("2026-03-10 23:59:59 +08:00", &None));
    for (name, value) in [
        ("value", json!(8_930)),
        ("threshold", json!(9_500)),
        ("needed_fen", json!(43_000_000)),
        ("lacking_fen", json!(4_600_000)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
}

#[test]
fn f9_a_single_withdrawal_of_fifty_thousand_without_an_order_is_red() {
    let story = |fen| Story::opened(100_000, "03-02").owed(&[]).pays_fen("03-02T10:00:00", fen);
    let report = story(5_000_000).until("03-02T12:00:00");
    assert_eq!(levels(&report), [(CumRolling, Orange), (LargeSingle, Red), (WithdrawUnmatched, Red)]);
    // A fen less, covered by lessons: only the order is lacking.
    let lessons = [("02-01T00:00:00", Contract, 90_000), ("03-02T09:00:00", Consumed, 60_000)];
    for (fen, expected, formula) in [
        (5_000_000, Red, "amount_fen >= threshold without an order"),
        (4_999_999, Yellow, "any amount without an order"),
    ] {
        let report = story(fen).owed(&lessons).until("03-02T12:00:00");
        let warning = only(&report, WithdrawUnmatched).unwrap();
        assert_eq!((warning.level, evidence(warning, "formula")), (expected, &json!(formula)), "{fen}");
    }
}

#[test]
fn an_order_covers_a_release_up_to_what_lessons_earned() {
    let owed = [("02-01T00:00:00", Contract, 90_000), ("03-02T10:00:00", Consumed, 40_000)];
    for (case, fen, when, expected) in [
        ("all of it", 4_000_000, "03-02T10:00:00", None),
        ("within the tolerance", 4_020_000, "03-02T10:00:00", None),
        ("a fen beyond it", 4_020_001, "03-02T10:00:00", Some(Yellow)),
        ("a second before the lessons were confirmed", 4_000_000, "03-02T09:59:59", Some(Red)),
    ] {
        let story = Story::opened(100_000, "03-01").owed(&owed).row(when, false, fen, Kind::Release, Some("O1"));
        assert_eq!(level_of(&story.until("03-02T12:00:00"), WithdrawUnmatched), expected, "{case}");
    }
    let refund = |order| {
        Story::opened(100_000, "03-01").owed(&owed).row("03-02T11:00:00", false, 4_999_999, Kind::Refund, order)
    };
    assert_eq!(
        level_of(&refund(Some("R1")).until("03-02T12:00:00"), WithdrawUnmatched),
        None,
        "an approved refund is no release"
    );
    assert_eq!(
        level_of(&refund(None).until("03-02T12:00:00"), WithdrawUnmatched),
        Some(Yellow),
        "one that nobody approved"
    );
    let reversal =
        Story::opened(100_000, "03-01").owed(&owed).row("03-02T11:00:00", false, 9_000_000, Kind::Reversal, None);
    assert_eq!(level_of(&reversal.until("03-02T12:00:00"), WithdrawUnmatched), None, "the bank mends its own mistake");
}

#[test]
fn what_was_earned_is_carried_over_and_so_is_what_was_released_too_much() {
    let owed = [
        ("01-01T00:00:00", Contract, 300_000),
        ("01-20T10:00:00", Consumed, 70_000),
        ("02-20T10:00:00", Consumed, 30_000),
        ("03-20T10:00:00", Consumed, 20_000),
        ("04-20T10:00:00", Consumed, 20_000),
    ];
    let release = |story: Story, when, yuan: i64| story.row(when, false, yuan * 100, Kind::Release, Some("O"));
    // The history begins in March: the lessons of February may still be to release, those of January are not.
    let story = release(Story::opened(300_000, "03-02").owed(&owed), "03-05T10:00:00", 30_000);
    assert_eq!(level_of(&story.until("03-05T12:00:00"), WithdrawUnmatched), None);
    let more = release(story, "03-25T10:00:00", 20_150);
    assert_eq!(
        level_of(&more.until("03-25T12:00:00"), WithdrawUnmatched),
        None,
        "150 of 50,000 is within the tolerance"
    );
    let too_much = release(more, "04-02T10:00:00", 10_000);
    let report = too_much.until("04-19T23:59:59");
    let warning = only(&report, WithdrawUnmatched).unwrap();
    assert_eq!((warning.level, evidence(warning, "carried_fen")), (Red, &json!(-15_000)));
    assert_eq!(resolved_at(warning), None);
    let report = too_much.until("04-20T23:59:59");
    let closed = resolved_at(only(&report, WithdrawUnmatched).unwrap());
    assert_eq!(closed.as_deref(), Some("04-20T23:59:59"), "the lessons of April make up for it");
}

#[test]
fn a_week_may_be_the_settlement_period() {
    let owed = [("01-01T00:00:00", Contract, 90_000), ("03-01T10:00:00", Consumed, 40_000)];
    let mut story = Story::opened(100_000, "02-23").owed(&owed).releases("03-03T10:00:00", 40_000);
    story.policy.withdraw_unmatched.period = Period::Week;
    assert_eq!(levels_of(&story.until("03-03T12:00:00"), WithdrawUnmatched), [], "carried over from the week before");
    let report = story.releases("03-10T10:00:00", 10_000).until("03-10T12:00:00");
    assert_eq!(evidence(only(&report, WithdrawUnmatched).unwrap(), "period_from"), "2026-03-09");
}

#[test]
fn it_closes_when_a_correction_is_posted_at_the_end_of_the_day() {
    for (case, kind, yuan, closed) in [
        ("the bank takes it back", Kind::Reversal, 96_000, Some("03-12T23:59:59")),
        ("the institution pays it back", Kind::TopUp, 96_000, Some("03-12T23:59:59")),
        ("a part of it", Kind::TopUp, 56_000, None),
        ("what parents pay is no correction", Kind::Prepayment, 96_000, None),
    ] {
        let report = f8().row("03-12T10:00:00", true, yuan * 100, kind, None).until("03-13T23:59:59");
        assert_eq!(resolved_at(only(&report, WithdrawUnmatched).unwrap()).as_deref(), closed, "{case}");
    }
}

#[test]
fn what_people_settled_is_not_held_against_the_next_release() {
    let owed = [
        ("02-01T00:00:00", Contract, 470_000),
        ("03-05T20:00:00", Consumed, 40_000),
        ("03-12T00:00:00", Consumed, 1_000),
    ];
    let story =
        f8().owed(&owed).row("03-12T10:00:00", false, 100_000, Kind::Release, Some("O")).pays_fen("03-13T10:00:00", 1);
    let policies = story.policy.clone().into();
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: story.obligations.as_ref(),
        account: &story.facts,
    };
    for settled in [false, true] {
        let mut state = AccountState::new(story.opening);
        let mut changes = Vec::new();
        state.push(&grounds, &story.rows[0].entry(), &mut changes).unwrap();
        if settled {
            state.resolve(WithdrawUnmatched);
            state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
            // Telling it again changes nothing.
            state.resolve(WithdrawUnmatched);
        }
        state.push(&grounds, &story.rows[1].entry(), &mut changes).unwrap();
        assert_eq!(state.open_level(WithdrawUnmatched), (!settled).then_some(Red));
        state.push(&grounds, &story.rows[2].entry(), &mut changes).unwrap();
        assert_eq!(
            state.open_level(WithdrawUnmatched),
            Some(if settled { Yellow } else { Red }),
            "the next event raises one"
        );
    }
}

#[test]
fn after_a_gap_it_stays_open_until_people_close_it() {
    let story = f8();
    let policies = story.policy.clone().into();
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: story.obligations.as_ref(),
        account: &story.facts,
    };
    let mut state = AccountState::new(story.opening);
    let mut changes = Vec::new();
    state.push(&grounds, &story.rows[0].entry(), &mut changes).unwrap();
    state.begin_anew(Opening { balance_fen: 90_000_000, on: "2026-04-01".parse().ok() });
    state.close_days_until(&grounds, at("04-20T23:59:59"), &mut changes).unwrap();
    assert_eq!(state.open_level(WithdrawUnmatched), Some(Red), "nobody knows what moved between");
    state.resolve(WithdrawUnmatched);
    assert_eq!(state.open_level(WithdrawUnmatched), None);
}

#[test]
fn a_deposit_is_not_released_in_step_but_needs_an_order_all_the_same() {
    let owed = [("02-01T00:00:00", Contract, 400_000)];
    for (case, order, expected) in [("an approved adjustment", Some("A1"), None), ("no order", None, Some(Red))] {
        let mut story = Story::opened(480_000, "03-02").owed(&owed);
        story.facts.mode = Some(Mode::RiskDeposit);
        let story = story.row("03-10T10:00:00", false, 7_000_000, Kind::Other, order);
        assert_eq!(level_of(&story.until("03-10T12:00:00"), WithdrawUnmatched), expected, "{case}");
    }
}

#[test]
fn f18_a_deposit_stands_against_the_fees_of_three_months() {
    for (case, opening_fen, expected) in [("432,000.00", 43_200_000, None), ("431,999.99", 43_199_999, Some(Blue))] {
        // Of what was paid before the three months nothing counts: the window opens after 02 December.
        let fees = [
            ("02-01T00:00:00", Contract, 400_000),
            ("03-02T09:00:00", Contract, 32_000),
            ("02-20T00:00:00", Refunded, 1),
        ];
        let mut story = Story::opened(0, "03-02").owed(&fees);
        (story.opening.balance_fen, story.facts.mode) = (opening_fen, Some(Mode::RiskDeposit));
        let report = story.until("03-02T23:59:59");
        assert_eq!(level_of(&report, Coverage), expected, "{case}");
        if let Some(warning) = only(&report, Coverage) {
            assert_eq!(
                (evidence(warning, "needed_fen"), evidence(warning, "mode")),
                (&json!(43_200_000), &json!("risk_deposit"))
            );
        }
    }
    let fees = [("01-02T00:00:00", Contract, 100)];
    let mut story = Story::opened(0, "04-01").owed(&fees);
    story.facts.mode = Some(Mode::RiskDeposit);
    let day = |as_of| level_of(&story.until(as_of), Coverage);
    assert_eq!((day("04-01T23:59:59"), day("04-02T23:59:58")), (Some(Red), Some(Red)));
    let mut later = Story::opened(0, "04-02").owed(&fees);
    later.facts.mode = Some(Mode::RiskDeposit);
    assert_eq!(level_of(&later.until("04-02T23:59:59"), Coverage), None, "three months on, to the day");
}

#[test]
fn f18_the_fees_of_120_pupils_stand_against_the_deposit() {
    for (case, opening_fen, expected) in [("432,000.00", 43_200_000, None), ("431,999.99", 43_199_999, Some(Blue))] {
        let fees: Vec<Obligation> = (0..120)
            .map(|pupil| Obligation {
                at: at("02-20T10:00:00"),
                event: Contract,
                amount_fen: 360_000,
                contract_ref: format!("C{pupil}"),
            })
            .collect();
        let mut story = Story::opened(0, "03-02");
        story.obligations = Some(Obligations::from_events(&fees));
        (story.opening.balance_fen, story.facts.mode) = (opening_fen, Some(Mode::RiskDeposit));
        assert_eq!(level_of(&story.until("03-02T23:59:59"), Coverage), expected, "{case}");
    }
}

/// A ledger as it is booked by the day: 430,000 owed on so many contracts, the last lesson on a day.
fn booked(contracts: i32, until: &str) -> Option<Obligations> {
    let day = OwedDay {
        day: "2026-03-01".parse().unwrap(),
        contracted_fen: 43_000_000,
        consumed_fen: 0,
        refunded_fen: 0,
        contracts,
        until_on: Some(until.parse().unwrap()),
    };
    Some(Obligations::from_days(&[day]))
}

#[test]
fn a_fen_of_each_booked_contract_is_tolerated() {
    for (contracts, balance_fen, expected) in [
        (100, 42_999_999, None),
        (100, 42_999_900, None),
        (100, 42_999_899, Some(Blue)),
        (1, 42_999_999, None),
        (0, 42_999_999, Some(Blue)),
    ] {
        let mut story = Story::opened(0, "03-02");
        (story.opening.balance_fen, story.obligations) = (balance_fen, booked(contracts, "2026-05-31"));
        assert_eq!(level_of(&story.until("03-02T23:59:59"), Coverage), expected, "{contracts} {balance_fen}");
    }
}

#[test]
fn a_last_lesson_that_is_past_says_nothing_of_those_still_owed() {
    for (until, lacks) in [("2026-03-28", vec!["last_obligation_on".to_owned()]), ("2026-03-29", vec![])] {
        let mut story = draining(200_000);
        story.obligations = booked(1, until);
        let report = story.until("03-28T23:59:59");
        assert_eq!(lacking(&report, RunoffDate), lacks, "{until}");
        assert_eq!(level_of(&report, RunoffDate), None, "{until}: the money lasts that long");
    }
}

#[test]
fn without_a_ledger_a_withdrawal_of_fifty_thousand_without_an_order_is_red() {
    let story = |fen, kind, order| Story::opened(1_000_000, "03-02").row("03-02T10:00:00", false, fen, kind, order);
    for (case, fen, kind, order, expected) in [
        ("50,000 exactly", 5_000_000, Kind::Other, None, Some(Red)),
        ("a fen less", 4_999_999, Kind::Other, None, None),
        ("an approved order", 5_000_000, Kind::Release, Some("O1"), None),
        ("a refund without an order", 5_000_000, Kind::Refund, None, Some(Red)),
        ("a mistake put right", 5_000_000, Kind::Reversal, None, None),
    ] {
        let report = story(fen, kind, order).until("03-02T12:00:00");
        assert_eq!(level_of(&report, WithdrawUnmatched), expected, "{case}");
        assert_eq!(lacking(&report, WithdrawUnmatched), ["obligations"], "{case}: the excess is not known");
    }
    let put_back = |fen| story(6_000_000, Kind::Other, None).row("03-03T10:00:00", true, fen, Kind::TopUp, None);
    for (fen, closed) in [(6_000_000, Some("03-03T23:59:59")), (5_999_999, None)] {
        let report = put_back(fen).until("03-04T23:59:59");
        assert_eq!(resolved_at(only(&report, WithdrawUnmatched).unwrap()).as_deref(), closed, "{fen}");
    }
}

#[test]
fn what_the_bank_takes_for_itself_is_not_held_against_the_institution() {
    for (kind, expected) in [(Kind::BankFee, None), (Kind::Other, Some(Red))] {
        let owed = [("02-01T00:00:00", Contract, 400_000), ("03-01T00:00:00", Consumed, 1)];
        let story = Story::opened(480_000, "03-02").owed(&owed);
        let report = story.row("03-10T10:00:00", false, 6_000_000, kind, None).until("03-10T12:00:00");
        assert_eq!(level_of(&report, WithdrawUnmatched), expected, "{kind}");
        let report = Story::opened(480_000, "03-02").row("03-10T10:00:00", false, 6_000_000, kind, None);
        assert_eq!(level_of(&report.until("03-10T12:00:00"), WithdrawUnmatched), expected, "{kind} without a ledger");
    }
}

#[test]
fn f23_nothing_owed_and_nothing_held_has_no_coverage() {
    let report = Story::opened(0, "03-02").owed(&[]).until("03-20T23:59:59");
    assert_eq!((levels(&report), report.undetermined.len()), (vec![], 0));
}

#[test]
fn coverage_gets_graver_and_closes_after_two_days_covered() {
    let owed = [("01-01T00:00:00", Contract, 100_000), ("03-06T10:00:00", Consumed, 60_000)];
    let story =
        Story::opened(96_000, "03-02").owed(&owed).row("03-03T10:00:00", false, 6_000_000, Kind::Refund, Some("R"));
    let report = story.until("03-06T23:59:59");
    let warning = only(&report, Coverage).unwrap();
    assert_eq!(
        (resolved_at(warning), steps(warning)),
        (None, vec!["03-02T23:59:59 blue -".to_owned(), "03-03T23:59:59 red -".to_owned()])
    );
    let under = story.row("03-06T11:00:00", true, 400_000, Kind::Prepayment, None);
    let closed = |story: &Story, until| resolved_at(only(&story.until(until), Coverage).unwrap());
    assert_eq!(closed(&under, "03-07T23:59:58"), None, "one day is not two");
    assert_eq!(closed(&under, "03-07T23:59:59").as_deref(), Some("03-07T23:59:59"));
    let again = under.row("03-07T10:00:00", false, 2, Kind::Refund, Some("R"));
    assert_eq!(closed(&again, "03-09T23:59:59"), None, "two fen short on the second day, of one order");
}

/// A day's net outflow of 6,400.00 from 03-02 on, after which `balance_yuan` is left on 03-29, four weeks on.
fn draining(balance_yuan: i64) -> Story {
    let days = (2..=29).map(|day| format!("03-{day:02}T10:00:00"));
    let story = Story::opened(balance_yuan + 28 * 6_400, "03-02");
    let drain = |story: Story, when: String| story.row(&when, false, 640_000, Kind::Refund, Some("R"));
    days.fold(story, drain)
}

#[test]
fn f13_the_money_is_gone_before_the_last_lesson() {
    let owed = [("01-01T00:00:00", Contract, 190_000), ("06-28T10:00:00", Consumed, 190_000)];
    let report = draining(200_000).owed(&owed).until("03-29T23:59:59");
    let warning = only(&report, RunoffDate).unwrap();
    assert_eq!((warning.level, &warning.bank_ref), (Yellow, &None));
    let report = draining(200_000).owed(&owed).until("03-29T23:59:59");
    let steps = steps(only(&report, RunoffDate).unwrap());
    assert_eq!(
        steps,
        ["03-15T23:59:59 yellow -"],
        "on the fourteenth day 289,600 last 45 days; the rule begins to speak"
    );
    let report = draining(200_000).owed(&owed).until("03-14T23:59:59");
    assert_eq!(
        (levels_of(&report, RunoffDate), lacking(&report, RunoffDate)),
        (vec![], vec!["14_days_of_entries".to_owned()])
    );
    let report = draining(200_000).owed(&owed).until("03-15T23:59:59");
    let warning = only(&report, RunoffDate).unwrap();
    for (name, value) in [
        ("value", json!(45)),
        ("threshold", json!(60)),
        ("outflow_per_day_fen", json!(640_000)),
        ("window_days", json!(14)),
        ("runoff_on", json!("2026-04-29")),
        ("last_obligation_on", json!("2026-06-28")),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
    assert_eq!(lacking(&report, RunoffDate), Vec::<String>::new());
}

#[test]
fn a_forecast_needs_to_know_the_last_lesson_unless_nothing_leaves() {
    let owed = [("01-01T00:00:00", Contract, 190_000)];
    let report = draining(200_000).owed(&owed).until("03-29T23:59:59");
    assert_eq!(lacking(&report, RunoffDate), ["last_obligation_on"]);
    let still = Story::opened(200_000, "03-02").owed(&owed).until("03-29T23:59:59");
    assert_eq!((lacking(&still, RunoffDate), levels_of(&still, RunoffDate)), (vec![], vec![]));
    let nothing_owed = draining(200_000).owed(&[]).until("03-29T23:59:59");
    assert_eq!((lacking(&nothing_owed, RunoffDate), levels_of(&nothing_owed, RunoffDate)), (vec![], vec![]));
}

#[test]
fn a_forecast_closes_after_three_days_on_which_the_money_lasts() {
    let owed = [("01-01T00:00:00", Contract, 190_000), ("06-28T10:00:00", Consumed, 190_000)];
    let story = draining(200_000).owed(&owed).row("03-30T10:00:00", true, 200_000_000, Kind::Prepayment, None);
    for (until, closed) in [("04-01T23:59:58", None), ("04-01T23:59:59", Some("04-01T23:59:59"))] {
        let report = story.until(until);
        assert_eq!(resolved_at(only(&report, RunoffDate).unwrap()).as_deref(), closed, "{until}");
    }
}

#[test]
fn before_the_ledger_begins_what_is_owed_is_unknown_and_not_nothing() {
    let day = |day: &str, contracted_fen, consumed_fen| OwedDay {
        day: day.parse().unwrap(),
        contracted_fen,
        consumed_fen,
        refunded_fen: 0,
        contracts: 0,
        until_on: None,
    };
    let mut story =
        Story::opened(500_000, "01-05").releases("01-20T10:00:00", 60_000).releases("03-03T10:00:00", 10_000);
    story.obligations =
        Some(Obligations::from_days(&[day("2026-03-01", 43_000_000, 0), day("2026-03-02", 0, 1_000_000)]));
    let before = story.until("02-28T23:59:59");
    for kind in [Coverage, RunoffDate, WithdrawUnmatched] {
        assert_eq!(
            (levels_of(&before, kind), lacking(&before, kind)),
            (vec![], vec!["obligations".to_owned()]),
            "{kind}"
        );
    }
    let report = story.until("03-03T23:59:59");
    assert_eq!((levels_of(&report, WithdrawUnmatched), levels_of(&report, Coverage)), (vec![], vec![]));
    assert_eq!(lacking(&report, WithdrawUnmatched), Vec::<String>::new());
    // A day counts at its end: a release of the same day is ahead of the lessons.
    let sooner = Story { rows: Vec::new(), ..story }.releases("03-02T10:00:00", 10_000).until("03-02T12:00:00");
    assert_eq!(level_of(&sooner, WithdrawUnmatched), Some(Red));
}
