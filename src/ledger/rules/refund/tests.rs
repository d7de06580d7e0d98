use chrono::NaiveDate;
use proptest::prelude::*;

use crate::{
    escrow::{detector::Level, model::Mode},
    kernel::{Calendar, Fen},
    ledger::{
        model::{Channel, Terms},
        rules::refund::{
            Asked, Facts, Ground, Limits, Paid, Refund, Units, due, ground_of, overdue, refund,
            route::{Credited, House, Party, Payers},
        },
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

const LIMITS: Limits = Limits {
    cooling_off_days: 7,
    before_start_days: 5,
    after_start_days: 15,
    fee_max_bp: 0,
    overdue_yellow_days: 1,
    overdue_orange_days: 5,
    overdue_red_days: 15,
    overdue_red_families: 5,
};

/// 48 units for ¥4,800.00, paid on 2 March for lessons from 9 March; `consumed` of them confirmed.
fn facts(consumed: i64) -> Facts {
    Facts {
        terms: Terms { price: Fen(480_000), materials: Fen::ZERO, units_bought: 48, units_gifted: 0 },
        payments: vec![Paid { on: day("2026-03-02"), amount: Fen(480_000), channel: Channel::Wechat }],
        units: Units { consumed, ..Units::default() },
        consumed: Fen(10_000 * consumed),
        awaiting: Fen::ZERO,
        disputed: Fen::ZERO,
        refunded: Fen::ZERO,
        is_renewal: false,
        first_lesson_on: day("2026-03-09"),
        attendance_kept: true,
        payers: payers(true),
        mode: Some(Mode::Custody),
    }
}

/// Who paid, where the bank's entries tell.
fn payers(known: bool) -> Payers {
    let by = Party::new(known.then_some("6222001"), None);
    Payers::of(vec![Credited { channel: Channel::Wechat, elsewhere: false, by }], &House::default())
}

fn asked(on: &str, ground: Option<Ground>) -> Asked {
    Asked { ground, ..Asked::on(day(on)) }
}

fn work_out(facts: &Facts, asked: &Asked) -> Refund {
    refund(facts, asked, &LIMITS, Calendar::statutory())
}

fn rules(refund: &Refund) -> Vec<String> {
    refund.findings.iter().map(|finding| format!("{} {}", finding.rule, finding.severity)).collect()
}

#[test]
fn after_the_start_what_is_unconsumed_goes_back_within_fifteen_days_f16() {
    let found = work_out(&facts(17), &asked("2026-03-20", None));
    assert_eq!((found.ground, found.amount), (Ground::AfterStart, Fen(310_000)));
    // Day 15 is 清明节; the lawful last day comes after it, the day to aim at before it.
    assert_eq!((found.due_on, found.target_on), (day("2026-04-07"), day("2026-04-03")));
    assert_eq!(found.findings, []);
    let shown: Vec<Option<i64>> = found.steps.iter().map(|step| step.amount_fen).collect();
    assert_eq!(shown, [Some(480_000), None, Some(-170_000), Some(310_000), Some(310_000), Some(310_000)]);
    assert!(found.steps[1].zh.contains("¥100.00") && found.steps[1].zh.contains("48 课时"), "{}", found.steps[1].zh);
    assert!(found.steps[5].zh.contains("微信") && found.steps[5].en.contains("WeChat"), "{}", found.steps[5].zh);
}

#[test]
fn gifted_units_count_and_the_last_one_takes_the_remainder_f17() {
    let mut bought = facts(10);
    bought.terms = Terms { price: Fen(400_000), materials: Fen::ZERO, units_bought: 40, units_gifted: 8 };
    bought.payments[0].amount = Fen(400_000);
    bought.consumed = Fen(83_330);
    let found = work_out(&bought, &asked("2026-03-20", None));
    assert_eq!(found.amount, Fen(316_670));
    assert_eq!(found.amount.0 + bought.consumed.0, 400_000, "refundable and releasable are all that was paid");
    assert!(found.steps[1].zh.contains("¥83.49"), "{}", found.steps[1].zh);
}

#[test]
fn materials_billed_apart_are_no_price_of_units_and_are_named() {
    let mut bought = facts(1);
    bought.terms.materials = Fen(48_000);
    bought.consumed = Fen(9_000 + 48_000);
    let found = work_out(&bought, &asked("2026-03-20", None));
    assert_eq!(found.amount, Fen(480_000 - 57_000));
    assert!(
        found.steps[1].zh.contains("¥90.00") && found.steps[2].zh.contains("含资料费 ¥480.00"),
        "{:?}",
        found.steps
    );
}

#[test]
fn limits_of_days_end_on_workdays() {
    let calendar = Calendar::statutory();
    for (case, from, days, last, target) in [
        ("a workday", "2026-03-10", 15, "2026-03-25", "2026-03-25"),
        ("F16: a holiday", "2026-03-20", 15, "2026-04-07", "2026-04-03"),
        ("K5: ninety days", "2026-01-05", 90, "2026-04-07", "2026-04-03"),
        ("a Saturday", "2026-03-09", 5, "2026-03-16", "2026-03-13"),
        ("a make-up workday", "2026-02-09", 5, "2026-02-14", "2026-02-14"),
        ("holidays as long as the limit", "2026-02-14", 5, "2026-02-24", "2026-02-24"),
        ("an unknown year is not put off", "2026-12-30", 15, "2027-01-14", "2027-01-14"),
    ] {
        assert_eq!(due(calendar, day(from), days), (day(last), day(target)), "{case}");
    }
}

#[test]
fn the_ground_follows_from_the_facts() {
    let calendar = Calendar::statutory();
    for (case, consumed, on, expected) in [
        ("before the first lesson", 0, "2026-03-08", Ground::BeforeStart),
        ("on its day, none given yet", 0, "2026-03-09", Ground::BeforeStart),
        ("put off, the day after it", 0, "2026-03-10", Ground::BeforeStart),
        ("a lesson given, day 7 of the payment", 1, "2026-03-09", Ground::CoolingOff),
        ("a lesson given, day 8", 1, "2026-03-10", Ground::AfterStart),
    ] {
        assert_eq!(ground_of(&facts(consumed), day(on), &LIMITS, calendar), expected, "{case}");
    }
}

#[test]
fn a_ground_that_the_facts_do_not_bear_out_is_refused_or_referred() {
    use Ground::{AfterStart, BeforeStart, CoolingOff, Excess, InstitutionFault};
    for (case, consumed, on, ground, expected) in [
        ("cooling off, day 7", 0, "2026-03-09", CoolingOff, vec![]),
        ("cooling off, day 8", 0, "2026-03-10", CoolingOff, vec!["REFUND-COOLING-OFF block"]),
        ("cooling off, before it was paid", 0, "2026-03-01", CoolingOff, vec!["REFUND-COOLING-OFF block"]),
        ("cooling off, lessons taken", 1, "2026-03-09", CoolingOff, vec!["REFUND-COOLING-OFF refer"]),
        ("before the start", 0, "2026-03-09", BeforeStart, vec![]),
        ("before the start, which was put off", 0, "2026-03-12", BeforeStart, vec![]),
        ("a lesson given ahead of time", 1, "2026-03-08", BeforeStart, vec!["REFUND-BEFORE-START block"]),
        ("too early for after the start", 0, "2026-03-09", AfterStart, vec!["REFUND-AFTER-START block"]),
        ("put off, and asked as after the start", 0, "2026-03-10", AfterStart, vec!["REFUND-AFTER-START block"]),
        ("after the start", 1, "2026-03-10", AfterStart, vec![]),
        (
            "a fault is established by an official",
            3,
            "2026-03-20",
            InstitutionFault,
            vec!["REFUND-INSTITUTION-FAULT refer"],
        ),
        ("beyond a cap, without an amount", 3, "2026-03-20", Excess, vec!["PREPAY-CAP-5000 block"]),
    ] {
        let found = work_out(&facts(consumed), &asked(on, Some(ground)));
        assert_eq!(rules(&found), expected, "{case}");
        assert_eq!(found.is_blocked(), expected.iter().any(|rule| rule.ends_with("block")), "{case}");
        assert_eq!(found.is_referred(), expected.iter().any(|rule| rule.ends_with("refer")), "{case}");
    }
    let renewal = Facts { is_renewal: true, ..facts(0) };
    assert_eq!(rules(&work_out(&renewal, &asked("2026-03-09", Some(CoolingOff)))), ["REFUND-COOLING-OFF refer"]);
    assert_eq!(
        rules(&work_out(&renewal, &asked("2026-03-09", None))),
        Vec::<String>::new(),
        "before the start, all of it"
    );
}

#[test]
fn before_the_start_all_goes_back_within_five_days() {
    let found = work_out(&facts(0), &asked("2026-03-04", None));
    assert_eq!((found.ground, found.amount), (Ground::BeforeStart, Fen(480_000)));
    assert_eq!((found.due_on, found.target_on), (day("2026-03-09"), day("2026-03-09")));
    let fault = work_out(&facts(0), &asked("2026-03-04", Some(Ground::InstitutionFault)));
    assert_eq!((fault.amount, fault.due_on), (Fen(480_000), day("2026-03-09")));
}

#[test]
fn a_course_that_was_put_off_has_not_started_where_lessons_are_told() {
    let found = work_out(&facts(0), &asked("2026-03-12", None));
    assert_eq!((found.ground, found.amount, rules(&found)), (Ground::BeforeStart, Fen(480_000), vec![]));
    assert_eq!(found.due_on, day("2026-03-17"), "five days");
    let untold = Facts { attendance_kept: false, ..facts(0) };
    for (case, on, ground, expected, due_on) in [
        ("on the day planned", "2026-03-09", None, vec![], "2026-03-16"),
        ("the day after it", "2026-03-10", None, vec!["REFUND-BEFORE-START refer"], "2026-03-16"),
        ("as after the start", "2026-03-10", Some(Ground::AfterStart), vec!["REFUND-AFTER-START refer"], "2026-03-25"),
    ] {
        let found = work_out(&untold, &asked(on, ground));
        assert_eq!(
            (rules(&found), found.due_on),
            (expected.into_iter().map(str::to_owned).collect(), day(due_on)),
            "{case}"
        );
    }
    let told = Facts { attendance_kept: false, ..facts(1) };
    assert_eq!(rules(&work_out(&told, &asked("2026-03-10", None))), Vec::<String>::new(), "a lesson was given");
}

#[test]
fn an_official_decides_how_many_units_are_charged() {
    use Ground::{AfterStart, CoolingOff, InstitutionFault};
    let mut given = facts(2);
    given.units.awaiting = 1;
    given.awaiting = Fen(10_000);
    for (case, ground, charged, amount, blocked) in [
        ("nothing decided", CoolingOff, None, 450_000, false),
        ("none: the full principal", CoolingOff, Some(0), 480_000, false),
        ("one", CoolingOff, Some(1), 470_000, false),
        ("all that were given", CoolingOff, Some(3), 450_000, false),
        ("more than were given", CoolingOff, Some(4), 440_000, true),
        ("the institution's fault", InstitutionFault, Some(0), 480_000, false),
        ("not after the start", AfterStart, Some(0), 450_000, true),
    ] {
        let asked = Asked { charged, ..asked("2026-03-09", Some(ground)) };
        let found = work_out(&given, &asked);
        assert_eq!((found.amount, found.is_blocked()), (Fen(amount), blocked), "{case}: {:?}", found.findings);
    }
    let mut dear = given.clone();
    dear.terms.materials = Fen(48_000);
    let none = Asked { charged: Some(0), ..asked("2026-03-09", Some(CoolingOff)) };
    let one = Asked { charged: Some(1), ..none.clone() };
    assert_eq!(work_out(&dear, &none).amount, Fen(480_000), "with nothing charged the materials go back too");
    let found = work_out(&dear, &one);
    assert_eq!(found.amount, Fen(480_000 - 9_000 - 48_000));
    assert!(found.steps[2].zh.contains("核定收取 1 课时"), "{:?}", found.steps);
}

#[test]
fn an_official_decides_where_the_payer_is_unknown_or_a_deposit_pays() {
    for (case, facts, expected) in [
        ("custody, and who paid is known", facts(1), vec![]),
        ("nobody knows who paid", Facts { payers: payers(false), ..facts(1) }, vec!["REFUND-ROUTE refer"]),
        ("no payment at all is seen", Facts { payers: Payers::default(), ..facts(1) }, vec!["REFUND-ROUTE refer"]),
        ("a deposit", Facts { mode: Some(Mode::RiskDeposit), ..facts(1) }, vec!["FUND-MODE refer"]),
        ("no account in use", Facts { mode: None, ..facts(1) }, vec!["FUND-MODE refer"]),
    ] {
        assert_eq!(rules(&work_out(&facts, &asked("2026-03-20", None))), expected, "{case}");
    }
}

#[test]
fn unsettled_lessons_are_held_back_and_shown() {
    let mut given = facts(10);
    given.units = Units { consumed: 10, awaiting: 2, disputed: 1 };
    given.awaiting = Fen(20_000);
    given.disputed = Fen(10_000);
    given.refunded = Fen(50_000);
    let found = work_out(&given, &asked("2026-03-20", None));
    assert_eq!(found.amount, Fen(480_000 - 100_000 - 20_000 - 10_000 - 50_000));
    let lines: Vec<&str> = found.steps.iter().map(|step| step.zh.as_str()).collect();
    for words in ["待确认", "冻结", "此前已退"] {
        assert!(lines.iter().any(|line| line.contains(words)), "{words}: {lines:?}");
    }
}

#[test]
fn a_part_is_more_than_nothing_and_at_most_what_is_left() {
    for (case, part, amount, expected) in [
        ("all of it", 310_000, 310_000, vec![]),
        ("one fen", 1, 1, vec![]),
        ("one fen too much", 310_001, 310_000, vec!["PREPAY-CAP-5000 block"]),
        ("nothing", 0, 0, vec!["PREPAY-CAP-5000 block"]),
        ("less than nothing", -1, 0, vec!["PREPAY-CAP-5000 block"]),
    ] {
        let asked = Asked { part: Some(Fen(part)), ..asked("2026-03-20", Some(Ground::Excess)) };
        let found = work_out(&facts(17), &asked);
        assert_eq!(
            (found.amount, rules(&found)),
            (Fen(amount), expected.iter().map(|r| (*r).to_owned()).collect()),
            "{case}"
        );
    }
    let mut spent = facts(48);
    spent.consumed = Fen(480_000);
    assert_eq!(rules(&work_out(&spent, &asked("2026-03-20", None))), ["REFUND-AFTER-START block"], "nothing is left");
}

#[test]
fn a_fee_above_the_local_maximum_is_referred() {
    let limits = Limits { fee_max_bp: 500, ..LIMITS };
    for (case, fee, limits, amount, expected) in [
        ("no fee where none is allowed", 0, LIMITS, 310_000, vec![]),
        ("one fen where none is allowed", 1, LIMITS, 309_999, vec!["REFUND-FEE refer"]),
        ("five per cent exactly", 15_500, limits, 294_500, vec![]),
        ("one fen above five per cent", 15_501, limits, 294_499, vec!["REFUND-FEE refer"]),
    ] {
        let asked = Asked { fee: Fen(fee), ..asked("2026-03-20", None) };
        let found = refund(&facts(17), &asked, &limits, Calendar::statutory());
        assert_eq!(
            (found.amount, rules(&found)),
            (Fen(amount), expected.iter().map(|r| (*r).to_owned()).collect()),
            "{case}"
        );
    }
}

#[test]
fn money_goes_back_to_where_it_came_from_unless_the_guardian_signs() {
    let mut twice = facts(17);
    twice.payments = vec![
        Paid { on: day("2026-03-02"), amount: Fen(280_000), channel: Channel::BankTransfer },
        Paid { on: day("2026-03-05"), amount: Fen(200_000), channel: Channel::Alipay },
    ];
    let found = work_out(&twice, &asked("2026-03-20", None));
    let back: Vec<_> = found.steps.iter().filter(|step| step.zh.starts_with("原路")).collect();
    assert_eq!(back.iter().map(|step| step.amount_fen).collect::<Vec<_>>(), [Some(200_000), Some(110_000)]);
    assert!(back[0].zh.contains("支付宝") && back[1].zh.contains("银行转账"));
    let (block, refer) = ("REFUND-ROUTE block", "REFUND-ROUTE refer");
    for (reason, named, expected) in [
        ("", true, vec![block, refer]),
        ("  ", true, vec![block, refer]),
        ("原账户已注销", false, vec![block, refer]),
        ("", false, vec![block, block, refer]),
        ("原账户已注销", true, vec![refer]),
    ] {
        let asked = Asked {
            elsewhere: true,
            elsewhere_reason: reason.to_owned(),
            elsewhere_named: named,
            ..asked("2026-03-20", None)
        };
        let found = work_out(&twice, &asked);
        assert_eq!(rules(&found), expected, "{reason} {named}");
        assert!(found.steps.last().unwrap().zh.contains("书面指定"));
    }
}

#[test]
fn a_refund_is_overdue_from_the_day_after() {
    use Level::{Orange, Red, Yellow};
    for (case, today, families, expected) in [
        ("the last day", "2026-04-07", 1, None),
        ("the last day, many families", "2026-04-07", 9, None),
        ("a day late", "2026-04-08", 1, Some(Yellow)),
        ("four days late", "2026-04-11", 4, Some(Yellow)),
        ("five days late", "2026-04-12", 1, Some(Orange)),
        ("fourteen days late", "2026-04-21", 4, Some(Orange)),
        ("fifteen days late", "2026-04-22", 1, Some(Red)),
        ("a day late, five families", "2026-04-08", 5, Some(Red)),
    ] {
        assert_eq!(overdue(day("2026-04-07"), day(today), families, &LIMITS), expected, "{case}");
    }
}

#[test]
fn a_limit_into_a_year_without_holidays_says_so() {
    let mut late = facts(17);
    late.payments[0].on = day("2026-12-01");
    let found = work_out(&late, &asked("2026-12-28", None));
    assert_eq!((found.due_on, rules(&found)), (day("2027-01-12"), vec!["REFUND-AFTER-START warn".to_owned()]));
}

proptest! {
    /// Whatever the facts: no refund with what is consumed and given back before is more than was paid, the lines add up,
    /// and a lawful last day is no day off.
    #[test]
    fn no_refund_is_more_than_what_is_left(
        paid in 0i64..10_000_000,
        taken in proptest::array::uniform4(0i64..3_000_000),
        part in proptest::option::of(-100i64..20_000_000),
        fee in 0i64..100_000,
        offset in 0u64..600,
    ) {
        let mut facts = facts(3);
        facts.payments[0].amount = Fen(paid);
        (facts.consumed, facts.awaiting, facts.disputed, facts.refunded) =
            (Fen(taken[0]), Fen(taken[1]), Fen(taken[2]), Fen(taken[3]));
        facts.units.awaiting = 1;
        facts.units.disputed = 1;
        let on = day("2025-01-01") + chrono::Days::new(offset);
        let asked = Asked { part: part.map(Fen), fee: Fen(fee), ..Asked::on(on) };
        let found = work_out(&facts, &asked);
        let left = (paid - taken.iter().sum::<i64>()).max(0);
        prop_assert!((0..=left).contains(&found.amount.0));
        let back: i64 = found.steps.iter().filter(|s| s.zh.starts_with("原路")).filter_map(|s| s.amount_fen).sum();
        prop_assert_eq!(back, found.amount.0);
        prop_assert!(found.target_on <= found.due_on && on < found.due_on);
        prop_assert_eq!(Calendar::statutory().is_workday(found.due_on), Some(true));
    }
}
