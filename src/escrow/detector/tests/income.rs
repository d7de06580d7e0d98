//! W13 and W14: who pays in, and how much more than before.

use chrono::TimeDelta;

use super::*;
use Level::{Orange, Red, Yellow};
use ObligationEvent::Contract;
use WarningKind::{EnrolmentSurge, TrainingLoan};
use serde_json::json;

#[test]
fn f20_a_lenders_sum_is_that_of_many_families() {
    let report = Story::opened(0, "03-02")
        .receives("03-02T10:00:00", 96_000)
        .with("××消费金融有限公司", "1")
        .until("03-02T12:00:00");
    assert_eq!(levels(&report), [(TrainingLoan, Red)]);
    let warning = &report.warnings[0];
    for (name, value) in [
        ("value", json!(20)),
        ("threshold", json!(3)),
        ("unit", json!("families")),
        ("payer", json!("××消费金融有限公司")),
        ("lender_word", json!("消费金融")),
        ("family_fen", json!(500_000)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
}

#[test]
fn the_third_family_is_red_and_people_may_close_it() {
    let pays = |story: Story, when| story.receives(when, 4_800).with("张三丰", "6230").noted("学费 花呗分期");
    let story = pays(pays(Story::opened(0, "03-02"), "03-02T10:00:00"), "03-09T10:00:00");
    let report = story.until("03-09T12:00:00");
    let warning = only(&report, TrainingLoan).unwrap();
    assert_eq!(steps(warning), ["03-02T10:00:00 orange R001", "03-09T10:00:00 orange R002"]);
    assert_eq!((evidence(warning, "payer"), evidence(warning, "threshold")), (&json!("张*"), &json!(null)));
    let third = pays(story, "05-09T10:00:00").until("05-09T12:00:00");
    assert_eq!(level_of(&third, TrainingLoan), Some(Red));
    let plain = Story::opened(0, "03-02").receives("03-02T10:00:00", 96_000).with("张三丰", "6230").noted("学费");
    assert_eq!(level_of(&plain.until("03-02T12:00:00"), TrainingLoan), None);
}

/// `weekly` yuan every Monday for eight weeks from 01-05, then `last` yuan on 03-02, the ninth Monday.
fn weeks(weekly: i64, last: i64) -> Story {
    let monday =
        |week: i64| (at("01-05T10:00:00") + TimeDelta::days(7 * week)).with_timezone(&crate::kernel::clock::BEIJING);
    let story = (0..8).fold(Story::opened(0, "01-05"), |story, week| {
        story.receives(&monday(week).format("%m-%dT%H:%M:%S").to_string(), weekly)
    });
    story.receives("03-02T10:00:00", last)
}

#[test]
fn a_week_of_three_times_the_mean_of_eight_is_a_surge() {
    for (case, weekly, last, expected) in [
        ("three times exactly", 20_000, 60_000, Some(Yellow)),
        ("less than three times", 20_001, 60_000, None),
        ("under 50,000", 10_000, 49_999, None),
        ("50,000 exactly", 10_000, 50_000, Some(Yellow)),
    ] {
        // The sixty-third day is 03-08: before it there are no eight weeks before the week.
        let story = weeks(weekly, last);
        let before = story.until("03-07T23:59:59");
        assert_eq!(level_of(&before, EnrolmentSurge), None, "{case}");
        let lacks = if last >= 50_000 { vec!["63_days_of_entries".to_owned()] } else { vec![] };
        assert_eq!(lacking(&before, EnrolmentSurge), lacks, "{case}");
        let report = story.until("03-08T23:59:59");
        assert_eq!(level_of(&report, EnrolmentSurge), expected, "{case}");
        assert_eq!(lacking(&report, EnrolmentSurge), Vec::<String>::new(), "{case}");
    }
    let report = weeks(20_000, 60_000).until("03-20T23:59:59");
    let warning = only(&report, EnrolmentSurge).unwrap();
    assert_eq!(steps(warning), ["03-08T23:59:59 yellow -"]);
    for (name, value) in [
        ("value", json!(6_000_000)),
        ("threshold", json!(6_000_000)),
        ("mean_week_fen", json!(2_000_000)),
        ("falls_short", json!(false)),
    ] {
        assert_eq!(evidence(warning, name), &value, "{name}");
    }
}

#[test]
fn what_the_institution_or_the_bank_pays_in_is_no_enrolment() {
    for (kind, expected) in
        [(Kind::Other, Some(Yellow)), (Kind::TopUp, None), (Kind::Interest, None), (Kind::Reversal, None)]
    {
        let mut story = weeks(10_000, 0);
        story.rows.pop();
        let story = story.row("03-02T10:00:00", true, 9_000_000, kind, None);
        assert_eq!(level_of(&story.until("03-08T23:59:59"), EnrolmentSurge), expected, "{kind}");
    }
}

#[test]
fn with_coverage_or_run_off_open_it_is_one_level_up() {
    let story = weeks(10_000, 60_000).owed(&[("01-01T00:00:00", Contract, 1_000_000)]);
    assert_eq!(level_of(&story.until("03-08T23:59:59"), EnrolmentSurge), Some(Orange));
    // What is owed grows beyond what is held while the surge goes on.
    let story =
        weeks(10_000, 60_000).owed(&[("01-01T00:00:00", Contract, 10_000), ("03-10T00:00:00", Contract, 1_000_000)]);
    let report = story.until("03-08T23:59:59");
    assert_eq!(level_of(&report, EnrolmentSurge), Some(Yellow));
    let report = weeks(10_000, 60_000).receives("03-09T10:00:00", 60_000);
    let report = report
        .owed(&[("01-01T00:00:00", Contract, 10_000), ("03-10T00:00:00", Contract, 1_000_000)])
        .until("03-12T23:59:59");
    assert_eq!(steps(only(&report, EnrolmentSurge).unwrap()), ["03-08T23:59:59 yellow -", "03-10T23:59:59 orange -"]);
}
