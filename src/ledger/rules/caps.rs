//! What a contract and a payment on it may be (domain-rules §5.1). Limits are those of the day of the payment.
//!
//! A contract that is paid in several instalments is judged by its share of one; a payment by the units that it pays for.

use chrono::NaiveDate;
use serde_json::json;

use super::found::{BEFORE_LICENCE, CHANNEL, EARLIEST_RENEWAL, LOAN};
use crate::{
    courses::rules::{prepay, with_fix},
    kernel::{Calendar, Fen, Finding, Severity, calendar::add_months},
    ledger::{
        model::{Basis, Channel, Product, Terms},
        policy::Limits,
    },
};

/// What a contract promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub product: Product,
    pub basis: Basis,
    pub terms: Terms,
    /// In how many payments the price is paid; 1 for all at once.
    pub instalments: u32,
    pub first_lesson_on: NaiveDate,
    pub last_lesson_on: NaiveDate,
    pub is_renewal: bool,
}

/// Whether the institution may take money at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Licence {
    /// 正常; neither suspended nor ending.
    pub operating: bool,
    /// `None`: the register does not say.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

impl Licence {
    fn holds(&self, on: NaiveDate) -> bool {
        self.operating && self.from.is_none_or(|from| from <= on) && self.to.is_none_or(|to| on <= to)
    }
}

/// Another contract of the same pupil at the same institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherContract {
    pub contract_no: String,
    pub subject: String,
    pub signed_on: NaiveDate,
    pub price: Fen,
    /// All its units, and those not yet confirmed.
    pub units: u32,
    pub units_left: u32,
}

/// Another payment of the same pupil at the same institution, on a contract that was not over by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPayment {
    pub receipt_no: String,
    pub paid_on: NaiveDate,
    pub amount: Fen,
}

/// A contract about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub offer: &'a Offer,
    pub subject: &'a str,
    pub signed_on: NaiveDate,
    pub licence: Licence,
    pub others: &'a [OtherContract],
}

/// What is found of a contract, gravest first.
pub fn contract(limits: &Limits, signing: &Signing<'_>) -> Vec<Finding> {
    let Signing { offer, licence, signed_on, .. } = *signing;
    let mut findings = Vec::from_iter(before_licence(licence, "signed_on", signed_on));
    let parts = offer.instalments.max(1);
    let share = Fen(ceiling(i128::from(offer.terms.price.0), i128::from(parts)));
    findings.extend(prepay::payment_cap(&limits.prepay, "price_fen", share));
    if offer.basis.by_units() {
        findings.extend(prepay::payment_units(&limits.prepay, "units_bought", offer.terms.units().div_ceil(parts)));
    }
    if offer.basis.by_period() {
        findings.extend(span(limits, offer, parts));
    }
    findings.extend(split_contracts(limits, signing));
    marked(findings, offer)
}

/// A payment about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Paying<'a> {
    pub offer: &'a Offer,
    pub subject: &'a str,
    /// Where it is found, e.g. `payments[R-1]`; empty for a payment by itself.
    pub path: &'a str,
    pub paid_on: NaiveDate,
    pub amount: Fen,
    pub channel: Channel,
    /// Whether it went to another account than the escrow account.
    pub elsewhere: bool,
    pub licence: Licence,
    pub contracts: &'a [OtherContract],
    pub payments: &'a [OtherPayment],
}

/// What is found of a payment, gravest first.
pub fn payment(limits: &Limits, paying: &Paying<'_>) -> Vec<Finding> {
    let Paying { offer, paid_on, .. } = *paying;
    let mut findings = Vec::from_iter(before_licence(paying.licence, &at(paying, "paid_at"), paid_on));
    findings.extend(prepay::payment_cap(&limits.prepay, &at(paying, "amount_fen"), paying.amount));
    if offer.basis.by_units() {
        let units = units_paid_for(&offer.terms, paying.amount);
        findings.extend(prepay::payment_units(&limits.prepay, &at(paying, "amount_fen"), units));
    }
    if offer.is_renewal {
        findings.extend(earliest_renewal(limits, paying));
    } else if offer.basis.by_period() {
        let path = at(paying, "paid_at");
        findings.extend(prepay::payment_earliest(&limits.prepay, &path, offer.first_lesson_on, paid_on));
    }
    findings.extend(loan(paying));
    findings.extend(elsewhere(paying));
    findings.extend(split_payments(limits, paying));
    marked(findings, offer)
}

fn at(paying: &Paying<'_>, field: &str) -> String {
    if paying.path.is_empty() { field.to_owned() } else { format!("{}.{field}", paying.path) }
}

fn ceiling(whole: i128, parts: i128) -> i64 {
    i64::try_from((whole + parts - 1).div_euclid(parts)).unwrap_or(i64::MAX)
}

/// How many units an amount pays for, a begun one counted whole.
fn units_paid_for(terms: &Terms, amount: Fen) -> u32 {
    let units = terms.units();
    if terms.price.0 <= 0 {
        return units;
    }
    let share = ceiling(i128::from(amount.0) * i128::from(units), i128::from(terms.price.0));
    u32::try_from(share).unwrap_or(units).min(units)
}

/// Gravest first; each tells by what it was charged where that made it bind.
fn marked(mut findings: Vec<Finding>, offer: &Offer) -> Vec<Finding> {
    for finding in &mut findings {
        if offer.product != Product::Course {
            finding.evidence.insert("product".to_owned(), json!(offer.product));
            finding.evidence.insert("treated_by".to_owned(), json!("PREPAY-VARIANTS"));
        }
        let of_modes = [prepay::UNITS_60.id, prepay::SPAN_3M.id].contains(&&*finding.rule);
        if offer.basis == Basis::Both && of_modes {
            finding.evidence.insert("binds_by".to_owned(), json!("PREPAY-BOTH-MODES"));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// PREPAY-SPAN-3M; of several instalments each may cover as long.
fn span(limits: &Limits, offer: &Offer, parts: u32) -> Option<Finding> {
    let months = limits.prepay.span_months;
    let whole = i32::try_from(parts).unwrap_or(i32::MAX).saturating_mul(months);
    let limits = prepay::Limits { span_months: whole, ..limits.prepay };
    let finding = prepay::payment_span(&limits, "last_lesson_on", offer.first_lesson_on, offer.last_lesson_on)?;
    Some(if parts == 1 {
        finding
    } else {
        with_fix(
            finding,
            format!("增加分期，使每期不超过 {months} 个月。"),
            format!("Agree on more instalments, so that each covers {months} months at most."),
        )
    })
}

/// PREPAY-BEFORE-LICENCE: who may not operate takes no fee at all.
fn before_licence(licence: Licence, path: &str, on: NaiveDate) -> Option<Finding> {
    (!licence.holds(on)).then(|| {
        BEFORE_LICENCE.found(
            Severity::Block,
            path,
            (
                format!("{on} 机构不在正常办学状态或许可有效期内，不得收费。"),
                format!("On {on} the institution was not operating under a valid licence and may take no fee."),
            ),
            json!({"measured": on, "operating": licence.operating, "licence_from": licence.from, "licence_to": licence.to}),
        )
    })
}

/// PREPAY-LOAN: training of minors is not paid by loan.
fn loan(paying: &Paying<'_>) -> Option<Finding> {
    (paying.channel == Channel::Loan).then(|| {
        LOAN.found(
            Severity::Block,
            at(paying, "channel"),
            (
                "以贷款、消费分期等方式缴纳培训费，属于“培训贷”，一律禁止。".to_owned(),
                "The fee is paid by a loan or consumer credit, which is forbidden for minors' training.".to_owned(),
            ),
            json!({"measured": paying.channel, "amount_fen": paying.amount}),
        )
    })
}

/// PREPAY-CHANNEL: fees may be taken in many ways, but must be settled into the escrow account.
fn elsewhere(paying: &Paying<'_>) -> Option<Finding> {
    paying.elsewhere.then(|| {
        CHANNEL.found(
            Severity::Warn,
            at(paying, "payee_account"),
            ("这笔费用没有进入监管账户。".to_owned(), "This fee was not paid into the escrow account.".to_owned()),
            json!({"measured": "elsewhere", "limit": "escrow_account", "channel": paying.channel,
                "amount_fen": paying.amount}),
        )
    })
}

/// PREPAY-CHANNEL: what was taken as cash, by wallet or by card is in the escrow account after so many workdays. Tells
/// nothing of what the bank has borne out, nor in a year without a holiday table.
pub fn unsettled(
    limits: &Limits,
    calendar: &Calendar,
    path: &str,
    (channel, paid_on): (Channel, NaiveDate),
    today: NaiveDate,
) -> Option<Finding> {
    if !matches!(channel, Channel::Cash | Channel::Wechat | Channel::Alipay | Channel::Pos) {
        return None;
    }
    let limit = calendar.add_workdays(paid_on, limits.cash_workdays)?;
    (limit < today).then(|| {
        CHANNEL.found(
            Severity::Warn,
            path,
            (
                format!("{paid_on} 收取的费用（{}）到 {limit} 仍未见进入监管账户。", channel.zh()),
                format!("Taken on {paid_on} ({}), and not seen in the escrow account by {limit}.", channel.en()),
            ),
            json!({"paid_on": paid_on, "measured": today, "limit": limit, "boundary": "<=", "channel": channel}),
        )
    })
}

/// PREPAY-EARLIEST-RENEWAL: a course is renewed when few units of its subject are left, or shortly before the new one.
fn earliest_renewal(limits: &Limits, paying: &Paying<'_>) -> Option<Finding> {
    let first = paying.offer.first_lesson_on;
    let limit = limits.prepay.first_payment_day(first)?;
    if limit <= paying.paid_on {
        return None;
    }
    let same = paying.contracts.iter().filter(|other| other.subject == paying.subject);
    let left: u32 = same.map(|other| other.units_left).fold(0, u32::saturating_add);
    let most = limits.renewal_units;
    if paying.offer.basis.by_units() && left <= most {
        return None;
    }
    let (paid, subject) = (paying.paid_on, paying.subject);
    let finding = EARLIEST_RENEWAL.found(
        Severity::Block,
        at(paying, "paid_at"),
        (
            format!("{subject}还剩 {left} 课时，续费须在剩余不超过 {most} 课时或开课前 1 个月内（{limit} 起）；收费日为 {paid}。"),
            format!(
                "{left} units of {subject} are left; a renewal is paid when {most} or fewer are left, or from {limit} on. \
                 It was paid on {paid}."
            ),
        ),
        json!({"measured": left, "limit": most, "boundary": "<=", "unit": "lesson", "paid_on": paid, "earliest_on": limit}),
    );
    Some(with_fix(finding, format!("改在 {limit} 或以后收费。"), format!("Collect the fee on {limit} or later.")))
}

/// Contracts of one pupil within a rolling period, this one among them, that together exceed what one may be.
fn split_contracts(limits: &Limits, signing: &Signing<'_>) -> Vec<Finding> {
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
fn split_payments(limits: &Limits, paying: &Paying<'_>) -> Option<Finding> {
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
