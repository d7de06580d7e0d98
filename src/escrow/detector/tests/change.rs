//! Two accounts beside each other, while one takes the place of the other.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::*;
use Level::{Orange, Red, Yellow};
use ObligationEvent::{Consumed, Contract};
use WarningKind::{Coverage, CumRolling, LargeSingle, WithdrawUnmatched};

const NEW: &str = "8123 0000 771";

fn day(text: &str) -> NaiveDate {
    format!("2026-{text}").parse().unwrap()
}

/// An account of the institution with a balance in yuan, and what its days did to it and released, in yuan.
fn other(account: &str, yuan: i64, days: &[(&str, i64, i64)]) -> Sibling {
    let day = |(on, effect, spent): &(&str, i64, i64)| SiblingDay {
        day: day(on),
        effect_fen: effect * 100,
        spent_fen: spent * 100,
    };
    Sibling { account_no: account.to_owned(), balance_fen: yuan * 100, days: days.iter().map(day).collect() }
}

/// The old account, in use until 10 March; what is known of its entries.
fn old(mut story: Story, known: &[(&str, bool)]) -> Story {
    let known: HashMap<String, bool> = known.iter().map(|(bank_ref, is)| ((*bank_ref).to_owned(), *is)).collect();
    story.facts.siblings = Siblings::new((None, Some(day("03-10"))), &[other(NEW, 0, &[])], known, &[]);
    story
}

#[test]
fn money_that_moves_to_the_new_account_is_no_withdrawal_unless_it_is_missing() {
    let owed = [("02-01T00:00:00", Contract, 90_000)];
    let told = |known: &[(&str, bool)], name: &str, account: &str, remark: &str| {
        let story = Story::opened(100_000, "03-02").owed(&owed).pays("03-10T10:00:00", 100_000).with(name, account);
        levels(&old(story.noted(remark), known).until("03-20T23:59:59"))
    };
    let withdrawal = vec![(CumRolling, Red), (LargeSingle, Red), (WithdrawUnmatched, Red)];
    for (case, known, account, remark, expected) in [
        ("named by its number", &[][..], "81230000771", "", vec![]),
        ("named in what was written", &[][..], "", "账户变更 81230000771", vec![]),
        ("not named, and answered by a credit", &[("R001", true)][..], "", "", vec![]),
        ("not named, and not answered", &[][..], "", "", withdrawal.clone()),
        ("named, and missing", &[("R001", false)][..], "81230000771", "", withdrawal.clone()),
    ] {
        let found: Vec<_> = told(known, "", account, remark)
            .into_iter()
            .filter(|(kind, _)| [CumRolling, LargeSingle, WithdrawUnmatched].contains(kind))
            .collect();
        assert_eq!(found, expected, "{case}");
    }
    // To somebody else: W4 tells of it on the old account, too, by the lack of an order alone.
    let elsewhere = told(&[], "某某商贸有限公司", "9999", "");
    assert!(elsewhere.contains(&(WithdrawUnmatched, Red)), "{elsewhere:?}");
}

#[test]
fn what_the_old_account_lacked_is_a_matter_of_the_new_one_from_its_day_on() {
    let story = || Story::opened(100_000, "03-02").owing(120_000).receives("03-05T10:00:00", 1);
    let without = story().until("03-20T23:59:59");
    assert_eq!(only(&without, Coverage).unwrap().resolved_at, None);
    let report = old(story(), &[]).until("03-20T23:59:59");
    let warning = only(&report, Coverage).unwrap();
    assert_eq!((warning.level, resolved_at(warning).as_deref()), (Yellow, Some("03-10T23:59:59")));
    assert_eq!(lacking(&report, Coverage), Vec::<String>::new(), "it is judged, only elsewhere");
}

#[test]
fn the_new_account_answers_with_what_both_hold_and_what_is_between_them() {
    let story =
        || Story::opened(0, "03-10").owing(100_000).receives("03-12T10:00:00", 100_000).with("", "111122223333");
    let beside = |moving: &[OnItsWay], before: i64| {
        let mut story = story();
        let days = [("03-10", -100_000, 0)];
        let sibling = other("1111 2222 3333", before, &days);
        story.facts.siblings = Siblings::new((Some(day("03-10")), None), &[sibling], HashMap::new(), moving);
        story.until("03-20T23:59:59")
    };
    let arrived = OnItsWay { amount_fen: 10_000_000, sent_on: day("03-10"), arrived_on: Some(day("03-12")) };
    assert_eq!(level_of(&story().until("03-20T23:59:59"), Coverage), Some(Red), "alone it would be empty for two days");
    assert_eq!(level_of(&beside(&[arrived], 0), Coverage), None);
    let missing = beside(&[], 0);
    assert_eq!(level_of(&missing, Coverage), Some(Red), "what is missing covers nothing");
    assert_eq!(level_of(&beside(&[], 60_000), Coverage), Some(Orange), "60 % lie in the old account until it arrives");
}

#[test]
fn what_the_old_account_released_is_not_released_again() {
    let owed = [("02-01T00:00:00", Contract, 90_000), ("03-01T09:00:00", Consumed, 40_000)];
    let story = |released: i64| {
        let mut story = Story::opened(90_000, "03-10").owed(&owed).releases("03-15T10:00:00", 20_000);
        let days = [("03-05", -released, released)];
        let sibling = other("1111", 0, &days);
        story.facts.siblings = Siblings::new((Some(day("03-10")), None), &[sibling], HashMap::new(), &[]);
        story.obligations = story.obligations.map(|owed| owed.beside(story.facts.siblings.spent()));
        story.until("03-15T12:00:00")
    };
    for (released, expected) in [(0, None), (20_000, None), (30_000, Some(Red))] {
        assert_eq!(level_of(&story(released), WithdrawUnmatched), expected, "{released}");
    }
    let report = story(30_000);
    let warning = only(&report, WithdrawUnmatched).unwrap();
    let fen = |name: &str| evidence(warning, name).as_i64().unwrap() / 100;
    assert_eq!((fen("earned_fen"), fen("elsewhere_fen"), fen("consumable_fen")), (40_000, 30_000, 10_000));
}

#[test]
fn what_the_old_account_released_was_for_the_oldest_lessons_first() {
    let owed = [
        ("01-02T00:00:00", Contract, 200_000),
        ("01-31T18:00:00", Consumed, 30_000),
        ("02-20T18:00:00", Consumed, 50_000),
        ("03-08T18:00:00", Consumed, 20_000),
    ];
    // In February the old account paid out for January's lessons, and for so much of February's.
    let story = |of_february: i64, released: i64| {
        let mut story = Story::opened(90_000, "03-10").owed(&owed).releases("03-15T10:00:00", released);
        let sum = 30_000 + of_february;
        let days = [("02-10", -sum, sum)];
        let sibling = other("1111", 0, &days);
        story.facts.siblings = Siblings::new((Some(day("03-10")), None), &[sibling], HashMap::new(), &[]);
        story.obligations = story.obligations.map(|owed| owed.beside(story.facts.siblings.spent()));
        story.until("03-15T12:00:00")
    };
    assert_eq!(level_of(&story(40_000, 30_000), WithdrawUnmatched), None, "10,000 of February and 20,000 of March");
    assert_eq!(level_of(&story(40_000, 30_200), WithdrawUnmatched), Some(Yellow));
    assert_eq!(level_of(&story(0, 70_000), WithdrawUnmatched), None);
    assert_eq!(level_of(&story(-30_000, 70_000), WithdrawUnmatched), None, "nothing released in February");
    let report = story(-30_000, 75_000);
    let warning = only(&report, WithdrawUnmatched).unwrap();
    assert_eq!(evidence(warning, "carried_fen"), &serde_json::json!(5_000_000), "January's lessons count as released");
}
