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
const LICENSED: Licence =
    Licence { operating: true, from: NaiveDate::from_ymd_opt(2020, 1, 1), to: NaiveDate::from_ymd_opt(2030, 12, 31) };

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
        receipted: true,
        contracts: &[],
        payments: &[],
        of_contract: &[],
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
            before: true,
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
        ("four instalments that are paid at once", Offer { instalments: 4, ..long.clone() }, vec!["PREPAY-SPAN-3M"]),
    ] {
        assert_eq!(both(&offer, "2026-02-10"), expected, "{case}");
    }
    for (case, instalments, expected) in
        [("four cover a year", 4, vec![]), ("three do not", 3, vec![("PREPAY-SPAN-3M", Severity::Block)])]
    {
        let offer = Offer { instalments, ..long.clone() };
        assert_eq!(rules(&contract(&LIMITS, &signing(&offer))), expected, "{case}");
    }
    let card = Offer { product: Product::Card, last_lesson_on: day("2026-06-01"), ..offer() };
    let found = contract(&LIMITS, &signing(&card));
    assert_eq!(found[0].evidence["treated_by"], "PREPAY-VARIANTS");
    assert_eq!(found[0].evidence["binds_by"], "PREPAY-BOTH-MODES");
}

/// Six months from March for 4,800.00, in two instalments.
fn half_year(basis: Basis) -> Offer {
    Offer { basis, instalments: 2, last_lesson_on: day("2026-08-31"), ..offer() }
}

fn paid(on: &str, amount: i64) -> OtherPayment {
    OtherPayment { receipt_no: format!("R-{on}"), paid_on: day(on), amount: Fen(amount) }
}

#[test]
fn an_instalment_is_judged_by_the_units_that_it_pays_for() {
    let offer = Offer {
        terms: Terms { price: Fen(960_000), materials: Fen(0), units_bought: 120, units_gifted: 0 },
        ..half_year(Basis::Units)
    };
    assert!(contract(&LIMITS, &signing(&offer)).is_empty());
    let block = |gap: i64| vec![("PREPAY-UNITS-60", Severity::Block, gap)];
    let warn = |gap: i64| vec![("PREPAY-UNITS-60", Severity::Warn, gap)];
    for (case, before, amount, expected) in [
        ("sixty", vec![], 480_000, vec![]),
        ("a fen more begins another", vec![], 480_001, block(1)),
        ("sixty-one", vec![], 488_000, block(8_000)),
        ("sixty in two payments of one day", vec![paid("2026-02-10", 240_000)], 240_000, vec![]),
        ("and a unit more", vec![paid("2026-02-10", 240_000)], 248_000, warn(8_000)),
        ("within a month", vec![paid("2026-01-11", 480_000)], 480_000, warn(480_000)),
        ("a month ago", vec![paid("2026-01-10", 480_000)], 480_000, vec![]),
        ("told before, paid within a month after", vec![paid("2026-03-09", 480_000)], 480_000, warn(480_000)),
        ("paid a month after", vec![paid("2026-03-10", 480_000)], 480_000, vec![]),
    ] {
        let found = payment(&LIMITS, &Paying { amount: Fen(amount), of_contract: &before, ..paying(&offer) });
        assert_eq!(gaps(&found), expected, "{case}");
    }
}

fn gaps(findings: &[Finding]) -> Vec<(&str, Severity, i64)> {
    let gap = |finding: &Finding| finding.evidence["gap_fen"].as_i64().unwrap_or_default();
    findings.iter().map(|finding| (finding.rule.as_ref(), finding.severity, gap(finding))).collect()
}

#[test]
fn units_at_forty_yuan_are_judged_together() {
    let offer = Offer {
        terms: Terms { price: Fen(480_000), materials: Fen(0), units_bought: 120, units_gifted: 0 },
        ..half_year(Basis::Units)
    };
    let before = [paid("2026-02-10", 240_000)];
    let found = payment(&LIMITS, &Paying { amount: Fen(240_000), of_contract: &before, ..paying(&offer) });
    assert_eq!(gaps(&found), [("PREPAY-UNITS-60", Severity::Warn, 240_000)], "120 at 40.00 in two of one day");
    assert_eq!(found[0].evidence["receipts"][0], "R-2026-02-10");
}

#[test]
fn a_payment_covers_three_months_and_is_made_a_month_before_they_begin() {
    let span = |severity, gap: i64| ("PREPAY-SPAN-3M", severity, gap);
    let early = |amount: i64| ("PREPAY-EARLIEST-PERIOD", Severity::Block, amount);
    use Severity::{Block, Warn};
    for (case, before, paid_on, amount, expected) in [
        ("six months at once, whatever was agreed", vec![], "2026-02-10", 480_000, vec![span(Block, 240_000)]),
        ("three months", vec![], "2026-02-10", 240_000, vec![]),
        ("a fen more", vec![], "2026-02-10", 240_001, vec![span(Block, 1)]),
        ("the second half from May on", vec![paid("2026-02-10", 240_000)], "2026-05-01", 240_000, vec![]),
        ("a day earlier", vec![paid("2026-02-10", 240_000)], "2026-04-30", 240_000, vec![early(240_000)]),
        (
            "both of one day",
            vec![paid("2026-02-10", 240_000)],
            "2026-02-10",
            240_000,
            vec![early(240_000), span(Warn, 240_000)],
        ),
        ("monthly, a month ahead", vec![paid("2026-03-01", 80_000)], "2026-03-01", 80_000, vec![]),
        ("paid late, and the next in time", vec![paid("2026-05-25", 240_000)], "2026-05-30", 240_000, vec![]),
        ("the late one told after it", vec![paid("2026-05-30", 240_000)], "2026-05-25", 240_000, vec![]),
        (
            "paid a day late, and the next at once",
            vec![paid("2026-03-02", 240_000)],
            "2026-03-02",
            240_000,
            vec![early(240_000), span(Warn, 240_000)],
        ),
    ] {
        let offer = half_year(Basis::Period);
        let paying = Paying { paid_on: day(paid_on), amount: Fen(amount), of_contract: &before, ..paying(&offer) };
        assert_eq!(gaps(&payment(&LIMITS, &paying)), expected, "{case}");
    }
    let offer = half_year(Basis::Both);
    let before = [paid("2026-02-10", 240_000)];
    let paying = Paying { amount: Fen(240_000), of_contract: &before, ..paying(&offer) };
    let found = payment(&LIMITS, &paying);
    assert_eq!(found[0].evidence["period_from"], "2026-06-01", "{found:?}");
    assert_eq!(found[1].evidence["binds_by"], "PREPAY-BOTH-MODES");
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
            before: true,
        }]
    };
    let later = |units_left| left("初中数学", units_left).map(|one| OtherContract { before: false, ..one });
    let unsaid = Offer { is_renewal: false, ..renewal.clone() };
    let early = vec![("PREPAY-EARLIEST-RENEWAL", Severity::Block)];
    let by_period = Offer { basis: Basis::Period, ..renewal.clone() };
    for (case, offer, contracts, paid_on, expected) in [
        ("20 left", &renewal, left("初中数学", 20), "2026-03-01", vec![]),
        ("21 left", &renewal, left("初中数学", 21), "2026-03-01", early.clone()),
        ("21 left of another subject", &renewal, left("初中英语", 21), "2026-03-01", vec![]),
        ("a month before the course", &renewal, left("初中数学", 48), "2026-03-15", vec![]),
        ("a day earlier", &renewal, left("初中数学", 48), "2026-03-14", early.clone()),
        ("by period the month alone counts", &by_period, left("初中数学", 0), "2026-03-14", early.clone()),
        ("a renewal that is not called one, 21 left", &unsaid, left("初中数学", 21), "2026-03-01", early),
        ("20 left", &unsaid, left("初中数学", 20), "2026-03-01", vec![]),
        ("of another subject it is none", &unsaid, left("初中英语", 48), "2026-03-01", vec![]),
        ("nor the earlier contract, where a later one runs", &unsaid, later(48), "2026-03-01", vec![]),
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
    let unknown = vec![("PREPAY-BEFORE-LICENCE", Severity::Refer)];
    for (case, licence, paid_on, expected) in [
        ("on its only day", dated, "2026-02-10", vec![]),
        ("the day before", dated, "2026-02-09", none.clone()),
        ("the day after", dated, "2026-02-11", none.clone()),
        ("suspended", Licence { operating: false, ..LICENSED }, "2026-02-10", none.clone()),
        ("no end is on record", Licence { to: None, ..dated }, "2026-02-10", unknown.clone()),
        ("but it had not begun", Licence { to: None, ..dated }, "2026-02-09", none.clone()),
        ("no beginning is on record", Licence { from: None, ..dated }, "2026-02-10", unknown.clone()),
        ("but it had ended", Licence { from: None, ..dated }, "2026-02-11", none.clone()),
        ("neither is", Licence { operating: true, from: None, to: None }, "2026-02-10", unknown),
        ("suspended, and neither is", Licence { operating: false, from: None, to: None }, "2026-02-10", none),
    ] {
        let found = payment(&LIMITS, &Paying { licence, paid_on: day(paid_on), ..paying(&offer) });
        assert_eq!(rules(&found), expected, "{case}");
    }
    let found = payment(&LIMITS, &Paying { channel: Channel::Loan, elsewhere: true, ..paying(&offer) });
    assert_eq!(rules(&found), [("PREPAY-LOAN", Severity::Block), ("PREPAY-CHANNEL", Severity::Warn)]);
    let found = payment(&LIMITS, &Paying { receipted: false, ..paying(&offer) });
    assert_eq!(rules(&found), [("PREPAY-INVOICE", Severity::Warn)]);
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
