//! W9 and W10: whom money goes to, and in what parts.

use super::*;
use Level::{Blue, Orange, Red, Yellow};
use WarningKind::{Structuring, UnusualCounterparty};
use serde_json::json;

/// An institution whose filed own account is 6222 0001.
fn filed(opening_yuan: i64) -> Story {
    let mut story = Story::opened(opening_yuan, "03-02");
    story.facts = AccountFacts {
        institution: Some("启明星培训中心".to_owned()),
        payee: Some(FiledAccount::number("6222 0001")),
        own_accounts: vec![FiledAccount::number("3310 77")],
        persons: vec![
            Person { name: FiledName::text("王 小明"), relation: Relation::LegalRepresentative },
            Person { name: FiledName::text("星光控股有限公司"), relation: Relation::Sponsor },
            Person { name: FiledName::text("林晓"), relation: Relation::Staff },
        ],
        ..AccountFacts::default()
    };
    story
}

#[test]
fn each_recipient_has_its_level_on_both_sides_of_each_boundary() {
    for (case, name, account, fen, expected) in [
        ("the filed account", "启明星培训中心", "62220001", 30_000_000, None),
        ("the filed account, spaced and named otherwise", "启明星", "6222-0001", 30_000_000, None),
        ("another dedicated account", "启明星培训中心", "331077", 30_000_000, None),
        ("the own name without a number", "启明星培训中心", "", 30_000_000, None),
        ("the own name on another account", "启明星培训中心", "62220002", 100, Some(Yellow)),
        ("a company, first paid", "某某商贸有限公司", "9999", 1_000_000, Some(Yellow)),
        ("a company, first paid little", "某某商贸有限公司", "9999", 100, Some(Yellow)),
        ("a person", "张三丰", "6230", 100, Some(Yellow)),
        ("a person, a fen under 50,000 and under a fifth", "张三丰", "6230", 4_999_999, Some(Yellow)),
        ("a person, 50,000 exactly", "张三丰", "6230", 5_000_000, Some(Red)),
        ("a fifth of the balance is W9's of persons alone", "某某商贸有限公司", "9999", 20_000_000, Some(Yellow)),
        ("the legal representative", "王小明", "6230", 100, Some(Orange)),
        ("the legal representative, 50,000", "王小明", "6230", 5_000_000, Some(Red)),
        ("somebody of the staff", "林 晓", "6230", 100, Some(Orange)),
        ("somebody of the staff, a fen under 50,000", "林晓", "6230", 4_999_999, Some(Orange)),
        ("somebody of the staff, 50,000 exactly", "林晓", "6230", 5_000_000, Some(Red)),
        ("the sponsor, a company", "星光控股有限公司", "6666", 20_000_000, Some(Orange)),
    ] {
        let report = filed(1_000_000).pays_fen("03-02T10:00:00", fen).with(name, account).until("03-02T12:00:00");
        assert_eq!(level_of(&report, UnusualCounterparty), expected, "{case}");
        assert_eq!(lacking(&report, UnusualCounterparty), Vec::<String>::new(), "{case}");
    }
    for (fen, expected) in [(2_000_000, Red), (1_999_999, Yellow)] {
        let report = filed(100_000).pays_fen("03-02T10:00:00", fen).with("张三丰", "6230").until("03-02T12:00:00");
        assert_eq!(level_of(&report, UnusualCounterparty), Some(expected), "a fifth of 100,000: {fen}");
    }
    let overdrawn = filed(0).pays_fen("03-02T10:00:00", 1).with("张三丰", "6230").until("03-02T12:00:00");
    assert_eq!(level_of(&overdrawn, UnusualCounterparty), Some(Red), "of nothing it is all");
}

#[test]
fn refunds_reversals_and_the_banks_own_fees_have_no_recipient_to_look_at() {
    for kind in [Kind::Refund, Kind::Reversal, Kind::BankFee, Kind::Interest] {
        let story = filed(1_000_000).row("03-02T10:00:00", false, 6_000_000, kind, None).with("张三丰", "6230");
        assert_eq!(level_of(&story.until("03-02T12:00:00"), UnusualCounterparty), None, "{kind}");
    }
    let income = filed(1_000_000).receives("03-02T10:00:00", 60_000).with("张三丰", "6230").until("03-02T12:00:00");
    assert_eq!(level_of(&income, UnusualCounterparty), None);
}

#[test]
fn the_evidence_says_why_and_shows_the_mask_of_a_person() {
    let report =
        filed(1_000_000).pays("03-02T10:00:00", 60_000).with("张三丰", "6230550012030091264").until("03-02T12:00:00");
    let warning = only(&report, UnusualCounterparty).unwrap();
    for (name, value) in [
        ("value", json!(6_000_000)),
        ("threshold", json!(5_000_000)),
        ("unit", json!("fen")),
        ("payee", json!("张*")),
        ("payee_account", json!("****1264")),
        ("payee_is_person", json!(true)),
        ("first_seen", json!(true)),
        ("relation", json!(null)),
        ("policy_version", json!("2026-01")),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
    let text = serde_json::to_string(&report.warnings).unwrap();
    assert!(!text.contains("三丰") && !text.contains("6230550012"), "{text}");
}

#[test]
fn without_filed_accounts_what_is_new_or_personal_counts_and_the_rest_is_said_to_be_unknown() {
    let story = || Story::opened(10_000_000, "03-02");
    for (case, fen, expected) in [("first paid 10,000", 1_000_000, Some(Yellow)), ("a fen less", 999_999, None)] {
        let report = story().pays_fen("03-02T10:00:00", fen).with("某某商贸有限公司", "9999").until("03-02T12:00:00");
        assert_eq!(level_of(&report, UnusualCounterparty), expected, "{case}");
    }
    let again = story().pays_fen("03-02T10:00:00", 1).with("某某商贸有限公司", "9999");
    let again = again.pays("03-20T10:00:00", 30_000).with("某某商贸有限公司（台州）", "99-99").until("03-20T12:00:00");
    assert_eq!(level_of(&again, UnusualCounterparty), None, "the account was paid before, whatever it is called");
    let release = story().releases("03-02T10:00:00", 300_000).with("启明星培训中心", "6222").until("03-02T12:00:00");
    assert_eq!(level_of(&release, UnusualCounterparty), None);
    assert_eq!(
        lacking(&release, UnusualCounterparty),
        ["payee_account"],
        "where an approved release may go is unknown"
    );
    let unapproved =
        story().row("03-02T10:00:00", false, 1_000_000, Kind::Release, None).with("启明星培训中心", "6222");
    assert_eq!(level_of(&unapproved.until("03-02T12:00:00"), UnusualCounterparty), Some(Yellow));
}

#[test]
fn f21_without_counterparty_fields_it_is_not_evaluable() {
    let report = filed(1_000_000).pays("03-02T10:00:00", 60_000).until("03-02T12:00:00");
    assert_eq!(level_of(&report, UnusualCounterparty), None);
    assert_eq!(lacking(&report, UnusualCounterparty), ["counterparty"]);
    let numbered = filed(1_000_000).pays("03-02T10:00:00", 60_000).with("", "6230").until("03-02T12:00:00");
    assert_eq!(
        (level_of(&numbered, UnusualCounterparty), lacking(&numbered, UnusualCounterparty)),
        (Some(Yellow), vec!["counterparty_name".to_owned()])
    );
    let quiet = filed(1_000_000).receives("03-02T10:00:00", 60_000).until("03-02T12:00:00");
    assert_eq!(lacking(&quiet, UnusualCounterparty), Vec::<String>::new(), "nothing went out");
}

#[test]
fn three_new_recipients_within_seven_days() {
    let pays = |story: Story, when, account| story.pays_fen(when, 100).with("某某商贸有限公司", account);
    for (case, third, expected) in [
        ("the third a second within", "03-09T09:59:59", Some(Yellow)),
        ("the third seven days on", "03-09T10:00:00", None),
    ] {
        let story = pays(pays(Story::opened(1_000_000, "03-02"), "03-02T10:00:00", "1"), "03-03T10:00:00", "2");
        let report = pays(story, third, "3").until("03-10T12:00:00");
        assert_eq!(level_of(&report, UnusualCounterparty), expected, "{case}");
        if let Some(warning) = only(&report, UnusualCounterparty) {
            assert_eq!((evidence(warning, "value"), evidence(warning, "unit")), (&json!(3), &json!("payees")));
        }
    }
    let story = pays(pays(Story::opened(1_000_000, "03-02"), "03-02T10:00:00", "1"), "03-03T10:00:00", "2");
    let known = pays(pays(story, "03-04T10:00:00", "1"), "03-05T10:00:00", "2").until("03-10T12:00:00");
    assert_eq!(level_of(&known, UnusualCounterparty), None, "two, paid twice each");
}

#[test]
fn it_does_not_close_by_itself_and_lists_at_most_a_hundred_more() {
    let days = (0..150).map(|n| format!("03-{:02}T{:02}:{:02}:00", 2 + n / 60, n / 10 % 6 + 8, n % 10));
    let story = days.fold(filed(10_000_000), |story, when| story.pays_fen(&when, 100).with("张三丰", "6230"));
    let report = story.until("05-31T23:59:59");
    let warning = only(&report, UnusualCounterparty).unwrap();
    assert_eq!((warning.history.len(), warning.resolved_at, warning.level), (101, None, Yellow));
    let graver = story.pays("06-01T10:00:00", 60_000).with("张三丰", "6230").until("06-01T12:00:00");
    assert_eq!(only(&graver, UnusualCounterparty).unwrap().level, Red, "what is graver is always told");
}

#[test]
fn recipients_paid_longest_ago_are_forgotten_beyond_the_bound() {
    let policies = Policy::default().into();
    let grounds = Grounds {
        policies: &policies,
        calendar: Calendar::statutory(),
        obligations: None,
        account: AccountFacts::unknown(),
    };
    let mut state = AccountState::new(Opening { balance_fen: 100_000_000_000, on: None });
    let pay = |state: &mut AccountState, n: i64, account: &str| {
        let row = Story::opened(0, "03-02").pays("03-02T10:00:00", 10_000).with("某某商贸有限公司", account);
        let booked_at = row.rows[0].booked_at + chrono::TimeDelta::days(n);
        let mut changes = Vec::new();
        state.resolve(UnusualCounterparty);
        state.push(&grounds, &Entry { booked_at, ..row.rows[0].entry() }, &mut changes).unwrap();
        changes.iter().any(|change| change.kind() == UnusualCounterparty)
    };
    for n in 0..1_024 {
        assert!(pay(&mut state, n, &format!("7{n}")), "{n} is new");
    }
    assert!(!pay(&mut state, 1_024, "70"), "the first is known still, and now of late");
    assert!(pay(&mut state, 1_025, "8888"), "one more is new");
    assert!(!pay(&mut state, 1_026, "70"));
    assert!(pay(&mut state, 1_027, "71"), "the second was forgotten");
    assert!(serde_json::to_vec(&state).unwrap().len() < 80_000);
}

#[test]
fn f10_three_withdrawals_close_under_the_large_amount_are_red() {
    let story = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 45_000).pays("03-02T11:00:00", 45_000);
    assert_eq!(level_of(&story.until("03-02T11:30:00"), Structuring), None, "two are not three");
    let report = story.pays("03-02T12:00:00", 45_000).until("03-02T23:59:59");
    let warning = only(&report, Structuring).unwrap();
    assert_eq!((warning.level, warning.bank_ref.as_deref()), (Red, Some("R003")));
    for (name, value) in [
        ("value", json!(3)),
        ("threshold", json!(3)),
        ("sum_fen", json!(13_500_000)),
        ("line_fen", json!(5_000_000)),
        ("band_from_fen", json!(4_000_000)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
}

#[test]
fn both_sides_of_the_band_of_the_day_and_of_the_sums() {
    let three = |fen: i64, times: [&str; 3], payee: [&str; 3]| {
        let pays = |story: Story, i: usize| story.pays_fen(times[i], fen).with("某某商贸有限公司", payee[i]);
        // All were paid before, so that nobody is new.
        let known = ["1", "2", "3"].iter().fold(Story::opened(10_000_000, "03-01"), |story, account| {
            story.pays_fen("03-01T00:00:00", 1).with("某某商贸有限公司", account)
        });
        let report = (0..3).fold(known, pays).until("03-20T23:59:59");
        level_of(&report, Structuring)
    };
    let day = ["03-10T10:00:00", "03-10T11:00:00", "03-10T12:00:00"];
    let apart = ["1", "2", "3"];
    for (case, fen, times, payee, expected) in [
        ("40,000 exactly", 4_000_000, day, apart, Some(Red)),
        ("a fen under the band", 3_999_999, day, apart, None),
        ("a fen under the line", 4_999_999, day, apart, Some(Red)),
        ("the line itself is W1's", 5_000_000, day, apart, None),
        ("a second within 24 hours", 4_000_000, [day[0], day[1], "03-11T09:59:59"], apart, Some(Red)),
        ("24 hours on", 4_000_000, [day[0], day[1], "03-11T10:00:00"], apart, None),
        ("to one, the line exactly", 1_666_667, day, ["1"; 3], Some(Orange)),
        ("to one, under the line", 1_666_666, day, ["1"; 3], None),
        ("to one, twice the line", 3_333_334, day, ["1"; 3], Some(Red)),
        ("to one, under twice the line", 3_333_333, day, ["1"; 3], Some(Orange)),
        ("to several known", 1_666_667, day, apart, None),
        ("to several new", 1_666_667, day, ["4", "5", "6"], Some(Orange)),
        ("to two new and one known", 1_666_667, day, ["4", "5", "1"], None),
    ] {
        assert_eq!(three(fen, times, payee), expected, "{case}");
    }
}

#[test]
fn all_that_goes_to_a_new_recipient_within_24_hours_counts_and_not_its_first_payment_alone() {
    let pays = |story: Story, when: &str, fen, account| story.pays_fen(when, fen).with("某某商贸有限公司", account);
    let three = |last: &str, fen| {
        let story = pays(Story::opened(10_000_000, "03-01"), "03-10T10:00:00", 1_800_000, "A");
        let story = pays(story, "03-10T11:00:00", 1_800_000, "B");
        level_of(&pays(story, last, fen, "A").until("03-20T23:59:59"), Structuring)
    };
    for (case, last, fen, expected) in [
        ("18,000 three times", "03-10T12:00:00", 1_800_000, Some(Orange)),
        ("the line exactly", "03-10T12:00:00", 1_400_000, Some(Orange)),
        ("a fen under it", "03-10T12:00:00", 1_399_999, None),
        ("a second within 24 hours", "03-11T09:59:59", 1_800_000, Some(Orange)),
        ("24 hours on it is new no more", "03-11T10:00:00", 4_000_000, None),
    ] {
        assert_eq!(three(last, fen), expected, "{case}");
    }
    // Known since the day before: what it gets is not that of somebody new.
    let known = pays(Story::opened(10_000_000, "03-01"), "03-09T09:00:00", 1, "A");
    let story = pays(known, "03-10T10:00:00", 1_800_000, "A");
    let story = pays(pays(story, "03-10T11:00:00", 1_800_000, "B"), "03-10T12:00:00", 1_800_000, "C");
    assert_eq!(level_of(&story.until("03-10T12:00:00"), Structuring), None);
}

#[test]
fn withdrawals_that_all_settle_orders_are_a_note_and_refunds_none() {
    let row = |story: Story, when, kind, order| story.row(when, false, 4_500_000, kind, order);
    let story = |kind, last| {
        let story = row(Story::opened(1_000_000, "03-02"), "03-02T10:00:00", kind, Some("O1"));
        row(row(story, "03-02T11:00:00", kind, Some("O2")), "03-02T12:00:00", kind, last).until("03-02T13:00:00")
    };
    assert_eq!(level_of(&story(Kind::Release, Some("O3")), Structuring), Some(Blue));
    assert_eq!(level_of(&story(Kind::Release, None), Structuring), Some(Red));
    assert_eq!(level_of(&story(Kind::Refund, None), Structuring), None);
}

#[test]
fn without_a_large_amount_there_is_no_line_to_stay_under() {
    let story = Story::opened(1_000_000, "03-02").pays("03-02T10:00:00", 45_000).pays("03-02T11:00:00", 45_000);
    let mut story = story.pays("03-02T12:00:00", 45_000);
    story.policy.large_single.tiers.iter_mut().for_each(|tier| tier.amount_fen = None);
    assert_eq!(level_of(&story.until("03-02T13:00:00"), Structuring), None);
}
