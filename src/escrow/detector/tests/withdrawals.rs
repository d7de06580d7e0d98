//! W1 and W2 along an account's history.

use super::*;
use Level::{Blue, Orange, Red, Yellow};
use WarningKind::{BelowMin, CumRolling, LargeSingle, Structuring, WithdrawUnmatched};
use serde_json::json;

#[test]
fn f8_a_fifth_of_the_balance_is_yellow() {
    let report = Story::opened(480_000, "03-02").pays("03-02T10:00:00", 96_000).until("03-02T12:00:00");
    // Without an order it is W4's as well, whatever is owed.
    assert_eq!(levels(&report), [(LargeSingle, Yellow), (WithdrawUnmatched, Red)]);
    let warning = &report.warnings[0];
    assert_eq!(warning.raised_at.to_rfc3339(), "2026-03-02T10:00:00+08:00");
    assert_eq!(warning.bank_ref.as_deref(), Some("R001"));
    for (name, value) in [
        ("value", json!(2_000)),
        ("threshold", json!(2_000)),
        ("amount_fen", json!(9_600_000)),
        ("balance_before_fen", json!(48_000_000)),
        ("policy_version", json!("2026-01")),
        ("capped", json!(false)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
    assert_eq!(report.balance_fen, Some(38_400_000));
}

#[test]
fn f9_half_of_a_young_account_is_red_and_orange_in_the_week_and_without_an_order() {
    let report = Story::opened(100_000, "03-02").pays("03-02T10:00:00", 50_000).until("03-02T12:00:00");
    assert_eq!(levels(&report), [(CumRolling, Orange), (LargeSingle, Red), (WithdrawUnmatched, Red)]);
    let report = Story::opened(100_000, "03-02").pays_fen("03-02T10:00:00", 4_999_999).until("03-02T12:00:00");
    assert_eq!(levels(&report), [(CumRolling, Yellow), (LargeSingle, Orange)]);
}

#[test]
fn f10_three_withdrawals_each_under_the_limit_are_neither_large_nor_a_large_share() {
    let story = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 45_000).pays("03-02T11:00:00", 45_000);
    let report = story.pays("03-02T12:00:00", 45_000).until("03-02T23:59:59");
    assert_eq!(levels(&report), [(Structuring, Red)]);
}

#[test]
fn f12_a_matched_share_of_ninety_in_a_hundred_caps_at_blue() {
    for (case, matched, unmatched, expected) in [
        ("F12: 84.6 %", 110_000, 20_000, Some(Yellow)),
        ("exactly 90 %", 117_000, 13_000, Some(Blue)),
        ("just under 90 %", 116_999, 13_001, Some(Yellow)),
        ("29.99 %", 110_000, 9_999, None),
        ("30 % exactly", 110_000, 10_000, Some(Blue)),
    ] {
        let story = Story::opened(300_000, "03-02").receives("03-02T09:00:00", 100_000);
        let report =
            story.releases("03-03T10:00:00", matched).pays("03-04T10:00:00", unmatched).until("03-04T12:00:00");
        assert_eq!(level_of(&report, CumRolling), expected, "{case}");
    }
    let story = Story::opened(300_000, "03-02").receives("03-02T09:00:00", 100_000);
    let report = story.releases("03-03T10:00:00", 110_000).pays("03-04T10:00:00", 20_000).until("03-04T12:00:00");
    let warning = only(&report, CumRolling).unwrap();
    for (name, value) in [
        ("value", json!(3_250)),
        ("threshold", json!(3_000)),
        ("window_days", json!(7)),
        ("debits_fen", json!(13_000_000)),
        ("balance_at_start_fen", json!(30_000_000)),
        ("credits_fen", json!(10_000_000)),
        ("base_fen", json!(40_000_000)),
        ("matched_bp", json!(8_461)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
}

#[test]
fn a_matched_withdrawal_is_a_note_only() {
    let report = Story::opened(100_000, "03-02").releases("03-02T10:00:00", 90_000).until("03-02T12:00:00");
    assert_eq!(levels(&report), [(CumRolling, Blue), (LargeSingle, Blue)]);
    assert_eq!(evidence(&report.warnings[1], "capped"), &json!(true));
    assert_eq!(evidence(&report.warnings[1], "reached_level"), &json!("red"));
}

#[test]
fn refunds_and_reversals_are_exempt_and_other_kinds_are_not() {
    use Kind::*;
    for (kind, expected) in [
        // A refund that no order covers is no spending, and left without an order all the same.
        (Refund, vec![(WithdrawUnmatched, Red)]),
        (Reversal, vec![]),
        (BankFee, vec![(CumRolling, Red), (LargeSingle, Red)]),
        (TopUp, vec![(CumRolling, Red), (LargeSingle, Red), (WithdrawUnmatched, Red)]),
        (Release, vec![(CumRolling, Red), (LargeSingle, Red), (WithdrawUnmatched, Red)]),
        (Other, vec![(CumRolling, Red), (LargeSingle, Red), (WithdrawUnmatched, Red)]),
    ] {
        let story = Story::opened(100_000, "03-02").row("03-02T10:00:00", false, 9_000_000, kind, None);
        assert_eq!(levels(&story.until("03-02T12:00:00")), expected, "{kind}");
    }
    let credit = Story::opened(100_000, "03-02").receives("03-02T10:00:00", 900_000).until("03-02T12:00:00");
    assert_eq!(levels(&credit), [], "money coming in");
}

#[test]
fn a_refund_lowers_neither_the_base_nor_counts_in_the_sum() {
    let story = Story::opened(100_000, "03-02").row("03-02T09:00:00", false, 5_000_000, Kind::Refund, None);
    let below = story.pays_fen("03-02T10:00:00", 2_999_999).until("03-02T12:00:00");
    assert_eq!(level_of(&below, CumRolling), None);
    let story = Story::opened(100_000, "03-02").row("03-02T09:00:00", false, 5_000_000, Kind::Refund, None);
    assert_eq!(level_of(&story.pays("03-02T10:00:00", 30_000).until("03-02T12:00:00"), CumRolling), Some(Yellow));
}

#[test]
fn the_window_excludes_its_beginning_and_includes_its_end() {
    // 15,000 then 15,000 of 100,000: 30 % if both are in one week; else 15,000 of 85,000.
    for (second, expected) in [("03-09T09:59:59", Some(Yellow)), ("03-09T10:00:00", None)] {
        let story = Story::opened(100_000, "03-02").pays("03-02T10:00:00", 15_000).pays(second, 15_000);
        assert_eq!(level_of(&story.until("03-10T00:00:00"), CumRolling), expected, "{second}");
    }
    // Credits of the window count as money at hand from whichever side of its beginning: they are in the balance.
    let story = Story::opened(50_000, "03-02").receives("03-02T10:00:00", 50_000).pays_fen("03-09T10:00:00", 2_999_999);
    assert_eq!(level_of(&story.until("03-10T00:00:00"), CumRolling), None);
}

#[test]
fn the_longer_window_sees_what_the_week_forgets() {
    // Six times 10,000 of 100,000, five days apart: 60 % in thirty days at the sixth.
    let days = ["03-02", "03-07", "03-12", "03-17", "03-22", "03-27"];
    let pays = |story: Story, day: &&str| story.pays(&format!("{day}T10:00:00"), 10_000);
    let fifth = days.iter().take(5).fold(Story::opened(100_000, "03-02"), pays).until("03-26T23:59:59");
    assert_eq!(level_of(&fifth, CumRolling), None, "20,000 of 70,000 in the week, 50,000 of 100,000 in thirty days");
    // At the sixth the week reaches a tier as well, 20,000 of 60,000; alone, the longer window still does.
    let mut monthly = Story::opened(100_000, "03-02");
    monthly.policy.cum_rolling.windows.remove(0);
    let report = days.iter().fold(monthly, pays).until("03-27T12:00:00");
    let warning = only(&report, CumRolling).unwrap();
    assert_eq!((warning.level, warning.bank_ref.as_deref()), (Yellow, Some("R006")));
    assert_eq!(evidence(warning, "window_days"), &json!(30));
}

#[test]
fn without_money_at_hand_the_share_is_undetermined() {
    let report = Story::opened(0, "03-02").pays("03-02T10:00:00", 1).until("03-02T12:00:00");
    let lack = Undetermined { kind: CumRolling, missing: vec!["base_fen".into()] };
    assert!(report.undetermined.contains(&lack), "{:?}", report.undetermined);
    assert_eq!(level_of(&report, CumRolling), None);
    let report = Story::opened(1, "03-02").pays_fen("03-02T10:00:00", 1).until("03-02T12:00:00");
    assert!(!report.undetermined.contains(&lack));
}

#[test]
fn one_large_withdrawal_warning_stays_open_and_later_ones_join_it() {
    let story = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 50_000).pays("03-03T10:00:00", 49_999);
    let story = story.pays("03-20T10:00:00", 200_000).pays("05-20T10:00:00", 50_000);
    let report = story.until("06-20T23:59:59");
    let warning = only(&report, LargeSingle).unwrap();
    assert_eq!(
        steps(warning),
        ["03-02T10:00:00 yellow R001", "03-20T10:00:00 orange R003", "05-20T10:00:00 yellow R004"]
    );
    assert_eq!((warning.level, warning.resolved_at), (Orange, None));
    assert_eq!(warning.raised_at.to_rfc3339(), "2026-03-02T10:00:00+08:00");
    assert_eq!((warning.bank_ref.as_deref(), evidence(warning, "bank_ref")), (Some("R001"), &json!("R003")));
}

#[test]
fn the_rolling_warning_escalates_and_closes_after_seven_ends_of_day_below() {
    let story = Story::opened(100_000, "03-02").pays("03-02T10:00:00", 30_000).pays("03-03T10:00:00", 20_000);
    // At the end of 03-09 the week no longer holds the first, and 20,000 of 70,000 is under 30 %; the month has 50 %.
    for (as_of, closed) in [("03-15T23:59:58", None), ("03-15T23:59:59", Some("2026-03-15T23:59:59+08:00"))] {
        let report = story.until(as_of);
        let warning = only(&report, CumRolling).unwrap();
        assert_eq!(steps(warning), ["03-02T10:00:00 yellow R001", "03-03T10:00:00 orange R002"]);
        assert_eq!(warning.resolved_at.map(|at| at.to_rfc3339()).as_deref(), closed, "{as_of}");
    }
    let story = story.pays("03-16T10:00:00", 15_000);
    let report = story.until("03-16T12:00:00");
    let rolling = report.warnings.iter().filter(|w| w.kind == CumRolling).collect::<Vec<_>>();
    assert_eq!(rolling.len(), 2, "a new one after the first has closed");
    assert_eq!((rolling[1].level, rolling[1].bank_ref.as_deref()), (Yellow, Some("R003")));
}

#[test]
fn a_day_at_the_tier_begins_the_seven_days_anew() {
    let story = Story::opened(100_000, "03-02").pays("03-02T10:00:00", 30_000);
    // 21,000 of 70,000 on 03-12 is 30 % again for the seven days to 03-18.
    let story = story.pays("03-12T10:00:00", 21_000);
    let report = story.until("03-25T23:59:58");
    assert_eq!(only(&report, CumRolling).unwrap().resolved_at, None);
    let report = story.until("03-25T23:59:59");
    assert!(only(&report, CumRolling).unwrap().resolved_at.is_some());
}

#[test]
fn people_may_close_a_warning_and_the_next_raises_a_new_one() {
    let policies = Policy::default().into();
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: None,
        account: AccountFacts::unknown(),
    };
    let story = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 50_000).pays("03-03T10:00:00", 50_000);
    let mut state = AccountState::new(story.opening);
    let mut changes = Vec::new();
    state.push(&grounds, &story.rows[0].entry(), &mut changes).unwrap();
    assert_eq!(state.open_level(LargeSingle), Some(Yellow));
    state.resolve(LargeSingle);
    state.push(&grounds, &story.rows[1].entry(), &mut changes).unwrap();
    changes.retain(|change| change.kind() == LargeSingle);
    assert!(matches!(changes[..], [Change::Raised(_), Change::Raised(_)]), "{changes:?}");
}

#[test]
fn what_comes_late_or_does_not_fit_is_refused_and_changes_nothing() {
    let policies = Policy::default().into();
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: None,
        account: AccountFacts::unknown(),
    };
    let story = Story::opened(10, "03-02").receives("03-03T10:00:00", 1).receives("03-03T09:59:59", 1);
    let mut state = AccountState::new(story.opening);
    let mut changes = Vec::new();
    state.push(&grounds, &story.rows[0].entry(), &mut changes).unwrap();
    let late = state.push(&grounds, &story.rows[1].entry(), &mut changes);
    assert!(matches!(late, Err(DetectorError::Late { .. })), "{late:?}");
    state.push(&grounds, &story.rows[0].entry(), &mut changes).unwrap();
    state.close_days_until(&grounds, at("03-03T23:59:59"), &mut changes).unwrap();
    let into_closed = Entry { booked_at: at("03-03T23:59:59"), ..story.rows[0].entry() };
    assert!(matches!(state.push(&grounds, &into_closed, &mut changes), Err(DetectorError::Late { .. })));
    let huge = Entry { booked_at: at("03-04T00:00:00"), amount_fen: i64::MAX, ..story.rows[0].entry() };
    assert!(matches!(state.push(&grounds, &huge, &mut changes), Err(DetectorError::TooLarge { .. })));
    assert_eq!((state.balance_fen(), changes.len()), (1_200, 0));
}

#[test]
fn a_policy_with_longer_windows_is_refused_once_its_movements_are_gone() {
    let policy = Policy::default().into();
    let mut longer = Policy::default();
    longer.cum_rolling.windows[1].days = 60;
    let longer = longer.into();
    let grounds = |policies| Grounds {
        policies,
        calendar: Calendar::statutory(),
        obligations: None,
        account: AccountFacts::unknown(),
    };
    let story = Story::opened(10, "03-02").receives("03-03T10:00:00", 1).receives("04-02T10:00:00", 1);
    let next = Story::opened(10, "03-02").receives("04-02T10:00:01", 1);
    for (count, fits) in [(1, true), (2, false)] {
        let mut state = AccountState::new(story.opening);
        for row in &story.rows[..count] {
            state.push(&grounds(&policy), &row.entry(), &mut Vec::new()).unwrap();
        }
        let pushed = state.push(&grounds(&longer), &next.rows[0].entry(), &mut Vec::new());
        assert_eq!(pushed.is_ok(), fits, "{count}: {pushed:?}");
    }
}

#[test]
fn each_entry_and_each_end_of_day_is_judged_by_the_policy_of_its_day() {
    let mut strict = Policy { version: "strict".to_owned(), ..Policy::default() };
    strict.large_single.tiers[0].amount_fen = Some(100);
    strict.minimum_balance.fixed_fen = 999_900;
    let policies = Policies::new(Policy::default(), vec![("2026-03-03".parse().unwrap(), strict)]);
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: None,
        account: AccountFacts::unknown(),
    };
    let story = Story::opened(10_000, "03-02").pays("03-02T23:59:59", 1).pays("03-03T00:00:00", 1);
    let report =
        replay("A", story.opening, story.rows.iter().map(EntryRow::entry), &grounds, at("03-03T23:59:59")).unwrap();
    assert_eq!(steps(only(&report, LargeSingle).unwrap()).len(), 1);
    assert_eq!(evidence(only(&report, LargeSingle).unwrap(), "policy_version"), "strict");
    let below = only(&report, BelowMin).unwrap();
    assert_eq!(below.raised_at.to_string(), "2026-03-03 23:59:59 +08:00", "the day before had no minimum");
}

#[test]
fn a_state_of_an_older_form_is_not_read_so_that_the_account_is_replayed() {
    let state = AccountState::new(Story::opened(10, "03-02").opening);
    let stored = serde_json::to_value(&state).unwrap();
    assert!(serde_json::from_value::<AccountState>(stored.clone()).is_ok());
    let mut older = stored.clone();
    older["form"] = json!(1);
    assert!(serde_json::from_value::<AccountState>(older).is_err());
    let first = json!({"balance_fen": 1, "next_day": null, "last_at": null, "rolling": {"movements": []}, "open": {},
        "days_below_share": 0, "bank_days_below_min": 0, "undetermined": {}});
    assert!(serde_json::from_value::<AccountState>(first).is_err());
}
