//! domain-rules §5.1 and F1 to F7 of §10.2, both sides of each boundary.

use chrono::NaiveDate;

use super::{Licence, Offer, OtherContract, OtherPayment, Paying, Signing, contract, payment, unsettled};
use crate::{
    courses::rules::prepay,
    kernel::{Calendar, Fen, Finding, Severity},
    ledger::{
        model::{Basis, Channel, Product, Terms},
        policy::Limits,
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

const LIMITS: Limits =
    Limits { prepay: prepay::Limits::NATIONAL, renewal_units: 20, cash_workdays: 1, silence_hours: 72 };
const LICENSED: Licence = Licence { operating: true, from: None, to: None };

/// F1: 60 units at 80.00, three months to the day.
fn offer() -> Offer {
    Offer {
        product: Product::Course,
        basis: Basis::Both,
        terms: Terms { price: Fen(480_000), materials: Fen(0), units_bought: 60, units_gifted: 0 },
        instalments: 1,
        first_lesson_on: day("2026-03-01"),
        last_lesson_on: day("2026-05-31"),
        is_renewal: false,
    }
}

fn paying(offer: &Offer) -> Paying<'_> {
    Paying {
        offer,
        subject: "初中数学",
        path: "",
        paid_on: day("2026-02-10"),
        amount: offer.terms.price,
        channel: Channel::BankTransfer,
        elsewhere: false,
        licence: LICENSED,
        contracts: &[],
        payments: &[],
    }
}

fn signing(offer: &Offer) -> Signing<'_> {
    Signing { offer, subject: "初中数学", signed_on: day("2026-02-10"), licence: LICENSED, others: &[] }
}

fn rules(findings: &[Finding]) -> Vec<(&str, Severity)> {
    findings.iter().map(|finding| (finding.rule.as_ref(), finding.severity)).collect()
}

/// Contract and its one payment, each rule once.
fn both(offer: &Offer, paid_on: &str) -> Vec<String> {
    let mut findings = contract(&LIMITS, &signing(offer));
    findings.extend(payment(&LIMITS, &Paying { paid_on: day(paid_on), ..paying(offer) }));
    assert!(findings.iter().all(|finding| finding.severity == Severity::Block));
    let mut found: Vec<String> = findings.into_iter().map(|finding| finding.rule.into_owned()).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn f1_to_f5_and_f7() {
    let priced = |price: i64, units_bought, units_gifted| Offer {
        terms: Terms { price: Fen(price), materials: Fen(0), units_bought, units_gifted },
        ..offer()
    };
    let till = |last: &str| Offer { last_lesson_on: day(last), ..offer() };
    let from = |first: &str| Offer { first_lesson_on: day(first), last_lesson_on: day("2026-06-29"), ..offer() };
    for (case, offer, paid_on, expected) in [
        ("F1", offer(), "2026-02-10", vec![]),
        ("F1, exactly a month ahead", offer(), "2026-02-01", vec![]),
        ("F1, a day earlier", offer(), "2026-01-31", vec!["PREPAY-EARLIEST-PERIOD"]),
        ("F2", till("2026-06-01"), "2026-02-10", vec!["PREPAY-SPAN-3M"]),
        ("F3", priced(488_000, 61, 0), "2026-02-10", vec!["PREPAY-UNITS-60"]),
        ("F4", priced(400_000, 40, 21), "2026-02-10", vec!["PREPAY-UNITS-60"]),
        ("F4, a gift less", priced(400_000, 40, 20), "2026-02-10", vec![]),
        ("F5", priced(500_000, 60, 0), "2026-02-10", vec![]),
        ("F5, a fen more", priced(500_001, 60, 0), "2026-02-10", vec!["PREPAY-CAP-5000"]),
        ("F7", from("2026-03-31"), "2026-02-28", vec![]),
        ("F7, a day earlier", from("2026-03-31"), "2026-02-27", vec!["PREPAY-EARLIEST-PERIOD"]),
    ] {
        assert_eq!(both(&offer, paid_on), expected, "{case}");
    }
}

#[test]
fn f6_two_payments_of_one_pupil_pass_alone_and_together_are_over() {
    let offer =
        Offer { terms: Terms { price: Fen(260_000), materials: Fen(0), units_bought: 30, units_gifted: 0 }, ..offer() };
    assert!(payment(&LIMITS, &paying(&offer)).is_empty());
    let other = |paid_on: &str, amount: i64| {
        [OtherPayment { receipt_no: "R-1".into(), paid_on: day(paid_on), amount: Fen(amount) }]
    };
    for (case, others, expected) in [
        ("the same day", other("2026-02-10", 260_000), Some(520_000)),
        ("exactly 5,000.00 together", other("2026-02-10", 240_000), None),
        ("a fen more", other("2026-02-10", 240_001), Some(500_001)),
        ("the last day of the window", other("2025-11-11", 260_000), Some(520_000)),
        ("a day before it", other("2025-11-10", 260_000), None),
        ("recorded before, paid later", other("2026-05-09", 260_000), Some(520_000)),
        ("three months later", other("2026-05-10", 260_000), None),
    ] {
        let found = payment(&LIMITS, &Paying { payments: &others, ..paying(&offer) });
        assert!(found.iter().all(|finding| finding.severity == Severity::Warn), "{case}");
        let sums: Vec<_> = found.iter().map(|finding| finding.evidence["measured_fen"].as_i64()).collect();
        assert_eq!(sums, expected.map(Some).into_iter().collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn contracts_of_one_pupil_are_found_where_they_are_one_split_up() {
    let offer =
        Offer { terms: Terms { price: Fen(260_000), materials: Fen(0), units_bought: 31, units_gifted: 0 }, ..offer() };
    let other = |subject: &str, signed_on: &str, units| {
        [OtherContract {
            contract_no: "HT-1".into(),
            subject: subject.into(),
            signed_on: day(signed_on),
            price: Fen(240_000),
            units,
            units_left: units,
        }]
    };
    for (case, others, expected) in [
        ("at both limits", other("初中数学", "2026-02-10", 29), vec![]),
        ("a unit more", other("初中数学", "2026-02-10", 30), vec!["PREPAY-UNITS-60"]),
        ("another subject", other("初中英语", "2026-02-10", 30), vec![]),
        ("long ago", other("初中数学", "2025-11-09", 30), vec![]),
    ] {
        let found = contract(&LIMITS, &Signing { others: &others, ..signing(&offer) });
        assert_eq!(rules(&found), expected.into_iter().map(|id| (id, Severity::Warn)).collect::<Vec<_>>(), "{case}");
    }
    let mut dearer = other("初中英语", "2026-02-10", 30);
    dearer[0].price = Fen(240_001);
    let found = contract(&LIMITS, &Signing { others: &dearer, ..signing(&offer) });
    assert_eq!(rules(&found), [("PREPAY-CAP-5000", Severity::Warn)]);
    assert_eq!(found[0].evidence["contracts"][0], "HT-1");
}

#[test]
fn a_limit_binds_by_what_is_stated_and_every_product_is_prepayment() {
    let long = Offer { last_lesson_on: day("2026-12-31"), ..offer() };
    let many = Offer { terms: Terms { units_bought: 61, ..offer().terms }, ..offer() };
    for (case, offer, expected) in [
        ("units alone know no span", Offer { basis: Basis::Units, ..long.clone() }, vec![]),
        ("a period alone knows no units", Offer { basis: Basis::Period, ..many.clone() }, vec![]),
        ("both bind", Offer { last_lesson_on: long.last_lesson_on, ..many }, vec!["PREPAY-SPAN-3M", "PREPAY-UNITS-60"]),
        ("a card too", Offer { product: Product::Card, ..long.clone() }, vec!["PREPAY-SPAN-3M"]),
        ("four instalments cover a year", Offer { instalments: 4, ..long.clone() }, vec![]),
        ("three do not", Offer { instalments: 3, ..long }, vec!["PREPAY-SPAN-3M"]),
    ] {
        assert_eq!(both(&offer, "2026-02-10"), expected, "{case}");
    }
    let card = Offer { product: Product::Card, last_lesson_on: day("2026-06-01"), ..offer() };
    let found = contract(&LIMITS, &signing(&card));
    assert_eq!(found[0].evidence["treated_by"], "PREPAY-VARIANTS");
    assert_eq!(found[0].evidence["binds_by"], "PREPAY-BOTH-MODES");
}

#[test]
fn an_instalment_is_judged_by_the_units_that_it_pays_for() {
    let offer = Offer {
        terms: Terms { price: Fen(960_000), materials: Fen(0), units_bought: 120, units_gifted: 0 },
        instalments: 2,
        last_lesson_on: day("2026-08-31"),
        ..offer()
    };
    assert!(contract(&LIMITS, &signing(&offer)).is_empty());
    for (amount, expected) in [(480_000, vec![]), (480_001, vec![("PREPAY-UNITS-60", Severity::Block)])] {
        let found = payment(&LIMITS, &Paying { amount: Fen(amount), ..paying(&offer) });
        assert_eq!(rules(&found), expected, "{amount}");
    }
}

#[test]
fn a_renewal_waits_until_few_units_are_left_or_the_course_is_near() {
    let renewal = Offer { is_renewal: true, basis: Basis::Units, first_lesson_on: day("2026-04-15"), ..offer() };
    let left = |subject: &str, units_left| {
        [OtherContract {
            contract_no: "HT-1".into(),
            subject: subject.into(),
            signed_on: day("2025-09-01"),
            price: Fen(100_000),
            units: 48,
            units_left,
        }]
    };
    let early = vec![("PREPAY-EARLIEST-RENEWAL", Severity::Block)];
    let by_period = Offer { basis: Basis::Period, ..renewal.clone() };
    for (case, offer, contracts, paid_on, expected) in [
        ("20 left", &renewal, left("初中数学", 20), "2026-03-01", vec![]),
        ("21 left", &renewal, left("初中数学", 21), "2026-03-01", early.clone()),
        ("21 left of another subject", &renewal, left("初中英语", 21), "2026-03-01", vec![]),
        ("a month before the course", &renewal, left("初中数学", 48), "2026-03-15", vec![]),
        ("a day earlier", &renewal, left("初中数学", 48), "2026-03-14", early.clone()),
        ("by period the month alone counts", &by_period, left("初中数学", 0), "2026-03-14", early),
    ] {
        let found = payment(&LIMITS, &Paying { contracts: &contracts, paid_on: day(paid_on), ..paying(offer) });
        assert_eq!(rules(&found), expected, "{case}");
    }
}

#[test]
fn no_fee_without_licence_by_loan_or_past_the_escrow_account() {
    let offer = offer();
    let dated = Licence { operating: true, from: Some(day("2026-02-10")), to: Some(day("2026-02-10")) };
    let none = vec![("PREPAY-BEFORE-LICENCE", Severity::Block)];
    for (case, licence, paid_on, expected) in [
        ("on its only day", dated, "2026-02-10", vec![]),
        ("the day before", dated, "2026-02-09", none.clone()),
        ("the day after", dated, "2026-02-11", none.clone()),
        ("suspended", Licence { operating: false, ..LICENSED }, "2026-02-10", none),
    ] {
        let found = payment(&LIMITS, &Paying { licence, paid_on: day(paid_on), ..paying(&offer) });
        assert_eq!(rules(&found), expected, "{case}");
    }
    let found = payment(&LIMITS, &Paying { channel: Channel::Loan, elsewhere: true, ..paying(&offer) });
    assert_eq!(rules(&found), [("PREPAY-LOAN", Severity::Block), ("PREPAY-CHANNEL", Severity::Warn)]);
    let calendar = Calendar::statutory();
    for (case, channel, paid_on, today, expected) in [
        ("Friday's cash on Monday", Channel::Cash, "2026-03-13", "2026-03-16", false),
        ("on Tuesday", Channel::Cash, "2026-03-13", "2026-03-17", true),
        ("a transfer", Channel::BankTransfer, "2026-03-13", "2026-03-17", false),
    ] {
        let found = unsettled(&LIMITS, calendar, "payments[R-1]", (channel, day(paid_on)), day(today));
        assert_eq!(found.is_some(), expected, "{case}");
    }
}
