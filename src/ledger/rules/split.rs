//! What is one payment or one contract split up (domain-rules §5.1): each part within the limits, and together beyond them.

use chrono::NaiveDate;
use serde_json::json;

use super::{
    caps::{Offer, OtherContract, OtherPayment, Paying, Signing, at, with_gap},
    cover::Part,
};
use crate::{
    courses::rules::{prepay, with_fix},
    kernel::{Fen, Finding, Severity, calendar::add_months},
    ledger::policy::Limits,
};

/// A payment's day, what it pays for, and its receipt; the one that is judged has none.
type Paid<'a> = (NaiveDate, Part, &'a str);

/// Of payments in order of their days those that are ahead together, this one among them: one in arrears is not taken together
/// with the next one that is made in time. None where there are no two.
fn ahead<'a, 'b>(limits: &Limits, offer: &Offer, near: &'a [&'b Paid<'b>]) -> &'a [&'b Paid<'b>] {
    let begins = |part: &Part| part.days(offer).map_or(offer.first_lesson_on, |(first, _)| first);
    let in_time = |on: NaiveDate, part: &Part| {
        limits.prepay.first_payment_day(begins(part)).is_none_or(|earliest| earliest <= on)
    };
    let mut left = near;
    while let [(on, part, _), (next_on, next, _), ..] = left
        && begins(part) < *on
        && in_time(*next_on, next)
    {
        left = &left[1..];
    }
    if left.len() >= 2 && left.iter().any(|(.., receipt)| receipt.is_empty()) { left } else { &[] }
}

/// PREPAY-UNITS-60, PREPAY-SPAN-3M: payments on one contract within a month of each other, this one among them, that are each
/// within the limits and together beyond them.
pub(super) fn together(limits: &Limits, paying: &Paying<'_>, parts: &[Paid<'_>]) -> Vec<Finding> {
    let offer = paying.offer;
    let mut gravest: [Option<Finding>; 2] = [None, None];
    for (end, ..) in parts {
        let begin = add_months(*end, -1).unwrap_or(NaiveDate::MIN);
        let near: Vec<_> = parts.iter().filter(|(on, ..)| begin < *on && on <= end).collect();
        if near.len() < 2 || !near.iter().any(|(.., receipt)| receipt.is_empty()) {
            continue;
        }
        let Some(part) = near.iter().map(|(_, part, _)| *part).reduce(Part::through) else { continue };
        let receipts: Vec<&str> = near.iter().map(|(.., no)| *no).filter(|no| !no.is_empty()).collect();
        let path = at(paying, "amount_fen");
        let tell = |finding: Finding, gap: i64| {
            let mut finding = with_gap(finding, gap);
            finding.severity = Severity::Warn;
            finding.message_zh = format!("一个月内的 {} 笔合起来看：{}疑似拆分收费。", near.len(), finding.message_zh);
            finding.message_en = format!(
                "{} payments within a month together: {} They look like one split up.",
                near.len(),
                finding.message_en
            );
            finding.evidence.insert("receipts".to_owned(), json!(receipts));
            finding
        };
        let units = prepay::payment_units(&limits.prepay, &path, part.units(offer)).filter(|_| offer.basis.by_units());
        let units = units.map(|finding| tell(finding, part.beyond_units(offer, limits.prepay.units)));
        let ahead = ahead(limits, offer, &near);
        let span = ahead.iter().map(|(_, part, _)| *part).reduce(Part::through).filter(|_| offer.basis.by_period());
        let span = span.and_then(|part| {
            let (first, last) = part.days(offer)?;
            // What was paid late is not paid ahead.
            let first = ahead.first().map_or(first, |(on, ..)| first.max(*on)).min(last);
            let found = prepay::payment_span(&limits.prepay, &path, first, last)?;
            Some(tell(found, part.beyond_months(offer, limits.prepay.span_months)))
        });
        for (kept, found) in gravest.iter_mut().zip([units, span]) {
            let gap = |finding: &Option<Finding>| finding.as_ref().and_then(|one| one.evidence["gap_fen"].as_i64());
            if gap(kept) < gap(&found) {
                *kept = found;
            }
        }
    }
    gravest.into_iter().flatten().collect()
}

/// Contracts of one pupil within a rolling period, this one among them, that together exceed what one may be.
pub(super) fn contracts(limits: &Limits, signing: &Signing<'_>) -> Vec<Finding> {
    let Signing { offer, signed_on, subject, others, .. } = *signing;
    let near = |other: &&OtherContract| within(limits, other.signed_on, signed_on);
    let near: Vec<&OtherContract> = others.iter().filter(near).collect();
    let mut findings = Vec::new();
    let numbers = |of: &[&OtherContract]| of.iter().map(|other| other.contract_no.clone()).collect::<Vec<_>>();
    let sum: Fen = near.iter().map(|other| other.price).chain([offer.terms.price]).sum();
    if !near.is_empty() && limits.prepay.payment < sum {
        findings.push(over_together(limits, "price_fen", "contracts", sum, &numbers(&near)));
    }
    let same: Vec<&OtherContract> = near.into_iter().filter(|other| other.subject == subject).collect();
    let units = same.iter().map(|other| other.units).fold(offer.terms.units(), u32::saturating_add);
    let most = limits.prepay.units;
    if !same.is_empty() && offer.basis.by_units() && most < units {
        let months = limits.prepay.span_months;
        let finding = prepay::UNITS_60.found(
            Severity::Warn,
            "units_bought",
            (
                format!("该学员 {months} 个月内的{subject}合同共 {units} 课时，超过 {most} 课时，疑似拆分合同。"),
                format!(
                    "The pupil's contracts of {subject} within {months} months come to {units} units, more than {most}: \
                     they look like one contract split up."
                ),
            ),
            json!({"measured": units, "limit": most, "boundary": "<=", "unit": "lesson", "contracts": numbers(&same)}),
        );
        let whole = Part::after(0, offer.terms.price.0, offer.terms.price.0);
        let finding = with_gap(finding, whole.beyond_units(offer, offer.terms.units().saturating_sub(units - most)));
        findings.push(with_fix(
            finding,
            "核实是否为同一课程拆分；超出部分应退还。".to_owned(),
            "See whether it is one course split up; what is too much is to be refunded.".to_owned(),
        ));
    }
    findings
}

/// Whether two days lie within one rolling period of as many months as one payment may cover.
fn within(limits: &Limits, one: NaiveDate, other: NaiveDate) -> bool {
    let (first, last) = (one.min(other), one.max(other));
    limits.prepay.last_day(first).is_none_or(|end| last <= end)
}

/// PREPAY-CAP-5000 (b): what one pupil has paid within any rolling period that this payment belongs to.
pub(super) fn payments(limits: &Limits, paying: &Paying<'_>) -> Option<Finding> {
    let own = (paying.paid_on, paying.amount, "");
    let near = |other: &&OtherPayment| within(limits, other.paid_on, paying.paid_on);
    let others = paying.payments.iter().filter(near);
    let all: Vec<_> = others.map(|one| (one.paid_on, one.amount, one.receipt_no.as_str())).chain([own]).collect();
    let ending = |end: NaiveDate| {
        let begin = add_months(end, -limits.prepay.span_months).unwrap_or(NaiveDate::MIN);
        let inside = |day: NaiveDate| begin < day && day <= end;
        let sum: Fen = all.iter().filter(|(day, ..)| inside(*day)).map(|(_, amount, _)| *amount).sum();
        let receipts = all.iter().filter(|(day, _, no)| inside(*day) && !no.is_empty());
        let receipts: Vec<String> = receipts.map(|(.., no)| (*no).to_owned()).collect();
        (inside(paying.paid_on) && !receipts.is_empty()).then_some((sum, receipts))
    };
    let (sum, receipts) = all.iter().filter_map(|(day, ..)| ending(*day)).max_by_key(|(sum, _)| *sum)?;
    (limits.prepay.payment < sum).then(|| over_together(limits, &at(paying, "amount_fen"), "receipts", sum, &receipts))
}

fn over_together(limits: &Limits, path: &str, kind: &str, sum: Fen, others: &[String]) -> Finding {
    let (most, months) = (limits.prepay.payment, limits.prepay.span_months);
    let gap = Fen(sum.0.saturating_sub(most.0));
    let finding = prepay::CAP_5000.found(
        Severity::Warn,
        path,
        (
            format!(
                "该学员在本机构 {months} 个月内未消完的预付费共 {}，超过 {}，超出 {}，疑似拆分收费。",
                sum.yuan(),
                most.yuan(),
                gap.yuan()
            ),
            format!(
                "Within {months} months the pupil's prepayments at this institution come to {}; {} is the most, {} too \
                 much: they look like one payment split up.",
                sum.yuan(),
                most.yuan(),
                gap.yuan()
            ),
        ),
        json!({"measured_fen": sum, "limit_fen": most, "boundary": "<=", "gap_fen": gap, kind: others}),
    );
    with_fix(
        finding,
        format!("退还超出的 {}，或待先前的课时消完后再收。", gap.yuan()),
        format!("Refund the {} that is too much, or collect it once the lessons paid before are taken.", gap.yuan()),
    )
}
