//! What a contract and a payment on it may be (domain-rules §5.1). Limits are those of the day of the payment.
//!
//! A contract that is paid in several instalments is judged by its share of one; a payment by the units and the part of the
//! period that it pays for ([`cover`](super::cover)), with what was paid on the contract within a month of it.

use chrono::NaiveDate;
use serde_json::json;

use super::{
    cover::Part,
    found::{BEFORE_LICENCE, CHANNEL, EARLIEST_RENEWAL, INVOICE, LOAN},
    split,
};
use crate::{
    courses::rules::{prepay, with_fix},
    kernel::{Calendar, Fen, Finding, Severity},
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
    /// Whether fees may be taken on a day; `None` where what is known does not tell.
    fn holds(&self, on: NaiveDate) -> Option<bool> {
        let begun = self.from.map(|from| from <= on);
        let lasts = self.to.map(|to| on <= to);
        match (self.operating, begun, lasts) {
            (false, ..) | (_, Some(false), _) | (_, _, Some(false)) => Some(false),
            (true, Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// The dates that the register does not say.
    fn missing(&self) -> Vec<&'static str> {
        let dates = [("licence_from", self.from), ("licence_to", self.to)];
        dates.into_iter().filter(|(_, date)| date.is_none()).map(|(name, _)| name).collect()
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
    /// Signed before the one that is judged.
    pub before: bool,
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
    let whole = Part::after(0, offer.terms.price.0, offer.terms.price.0);
    if offer.basis.by_units() {
        let most = limits.prepay.units.saturating_mul(parts);
        let found = prepay::payment_units(&limits.prepay, "units_bought", offer.terms.units().div_ceil(parts));
        findings.extend(found.map(|finding| with_gap(finding, whole.beyond_units(offer, most))));
    }
    if offer.basis.by_period() {
        let most = limits.prepay.span_months.saturating_mul(i32::try_from(parts).unwrap_or(i32::MAX));
        findings.extend(span(limits, offer, parts).map(|finding| with_gap(finding, whole.beyond_months(offer, most))));
    }
    findings.extend(split::contracts(limits, signing));
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
    /// A receipt or an invoice was given to the family.
    pub receipted: bool,
    pub contracts: &'a [OtherContract],
    /// The pupil's other payments, on this contract among them.
    pub payments: &'a [OtherPayment],
    /// Those on this contract.
    pub of_contract: &'a [OtherPayment],
}

impl Paying<'_> {
    /// The contract's payments within its price in order of their days, each with the part that it pays for; this one is the
    /// last of its day.
    fn parts(&self) -> Vec<(NaiveDate, Part, &str)> {
        let mut all: Vec<(NaiveDate, Fen, &str)> =
            self.of_contract.iter().map(|one| (one.paid_on, one.amount, one.receipt_no.as_str())).collect();
        all.push((self.paid_on, self.amount, ""));
        all.sort_by_key(|(on, ..)| *on);
        let mut paid = 0;
        let parts = all.into_iter().map(|(on, amount, receipt)| {
            let part = Part::after(paid, amount.0, self.offer.terms.price.0);
            paid = part.to;
            (on, part, receipt)
        });
        parts.collect()
    }
}

/// What is found of a payment, gravest first.
pub fn payment(limits: &Limits, paying: &Paying<'_>) -> Vec<Finding> {
    let Paying { offer, paid_on, .. } = *paying;
    let mut findings = Vec::from_iter(before_licence(paying.licence, &at(paying, "paid_at"), paid_on));
    findings.extend(prepay::payment_cap(&limits.prepay, &at(paying, "amount_fen"), paying.amount));
    let parts = paying.parts();
    let own = parts.iter().rfind(|(on, _, receipt)| *on == paid_on && receipt.is_empty()).map(|(_, part, _)| *part);
    let own = own.unwrap_or(Part::after(0, paying.amount.0, offer.terms.price.0));
    if offer.basis.by_units() {
        let found = prepay::payment_units(&limits.prepay, &at(paying, "amount_fen"), own.units(offer));
        findings.extend(found.map(|finding| with_gap(finding, own.beyond_units(offer, limits.prepay.units))));
    }
    let days = own.days(offer);
    if let Some((first, last)) = days.filter(|_| offer.basis.by_period()) {
        let found = prepay::payment_span(&limits.prepay, &at(paying, "amount_fen"), first, last);
        findings.extend(found.map(|finding| with_gap(finding, own.beyond_months(offer, limits.prepay.span_months))));
    }
    findings.extend(split::together(limits, paying, &parts));
    let begins = days.filter(|_| offer.basis.by_period()).map_or(offer.first_lesson_on, |(first, _)| first);
    let early = if is_renewal(paying) {
        earliest_renewal(limits, paying, begins)
    } else if offer.basis.by_period() {
        earliest(limits, paying, begins)
    } else {
        None
    };
    findings.extend(early.map(|finding| with_gap(finding, paying.amount.0)));
    findings.extend(loan(paying));
    findings.extend(elsewhere(paying));
    findings.extend(invoice(paying));
    findings.extend(split::payments(limits, paying));
    marked(findings, offer)
}

/// The finding with the sum that is too much, which is to be refunded.
pub(super) fn with_gap(mut finding: Finding, gap_fen: i64) -> Finding {
    finding.evidence.insert("gap_fen".to_owned(), json!(gap_fen));
    finding
}

/// PREPAY-EARLIEST-PERIOD, by the beginning of the part of the period that the payment pays for.
fn earliest(limits: &Limits, paying: &Paying<'_>, begins: NaiveDate) -> Option<Finding> {
    let mut finding = prepay::payment_earliest(&limits.prepay, &at(paying, "paid_at"), begins, paying.paid_on)?;
    if begins != paying.offer.first_lesson_on {
        let limit = limits.prepay.first_payment_day(begins)?;
        let (paid, months) = (paying.paid_on, limits.prepay.earliest_months);
        finding.message_zh =
            format!("这笔费用所付的时段自 {begins} 起，须不早于其前 {months} 个月（{limit}）；收费日为 {paid}。");
        finding.message_en = format!(
            "What this payment pays for begins on {begins}; {limit} is the earliest day for it. It was paid on {paid}."
        );
        finding.evidence.insert("period_from".to_owned(), json!(begins));
    }
    Some(finding)
}

/// PREPAY-INVOICE: a receipt or an invoice is given for each payment.
fn invoice(paying: &Paying<'_>) -> Option<Finding> {
    (!paying.receipted).then(|| {
        INVOICE.found(
            Severity::Warn,
            at(paying, "receipt_no"),
            ("这笔费用没有开具票据。".to_owned(), "No receipt or invoice was given for this fee.".to_owned()),
            json!({"missing": ["receipt_no"], "amount_fen": paying.amount}),
        )
    })
}

/// Whether it is on a renewal: it says so, or the pupil has units left of an earlier contract of the subject.
fn is_renewal(paying: &Paying<'_>) -> bool {
    paying.offer.is_renewal || units_left(paying) > 0
}

/// The units left of the pupil's earlier contracts of the subject.
fn units_left(paying: &Paying<'_>) -> u32 {
    let same = paying.contracts.iter().filter(|other| other.before && other.subject == paying.subject);
    same.map(|other| other.units_left).fold(0, u32::saturating_add)
}

pub(super) fn at(paying: &Paying<'_>, field: &str) -> String {
    if paying.path.is_empty() { field.to_owned() } else { format!("{}.{field}", paying.path) }
}

fn ceiling(whole: i128, parts: i128) -> i64 {
    i64::try_from((whole + parts - 1).div_euclid(parts)).unwrap_or(i64::MAX)
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

/// PREPAY-BEFORE-LICENCE: who may not operate takes no fee at all. Where the register does not say from when to when the
/// licence is valid, an official decides.
fn before_licence(licence: Licence, path: &str, on: NaiveDate) -> Option<Finding> {
    let evidence =
        json!({"measured": on, "operating": licence.operating, "licence_from": licence.from, "licence_to": licence.to});
    match licence.holds(on) {
        Some(true) => None,
        Some(false) => Some(BEFORE_LICENCE.found(
            Severity::Block,
            path,
            (
                format!("{on} 机构不在正常办学状态或许可有效期内，不得收费。"),
                format!("On {on} the institution was not operating under a valid licence and may take no fee."),
            ),
            evidence,
        )),
        None => {
            let mut finding = BEFORE_LICENCE.found(
                Severity::Refer,
                path,
                (
                    format!("机构台账没有登记许可证有效期，{on} 能否收费无法判断。"),
                    format!("The register does not say when the licence is valid; whether fees may be taken on {on} is unknown."),
                ),
                evidence,
            );
            finding.evidence.insert("missing".to_owned(), json!(licence.missing()));
            Some(with_fix(
                finding,
                "请教育局在机构台账补登许可证有效期。".to_owned(),
                "Let the bureau enter the licence's dates in the register.".to_owned(),
            ))
        }
    }
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
fn earliest_renewal(limits: &Limits, paying: &Paying<'_>, begins: NaiveDate) -> Option<Finding> {
    let limit = limits.prepay.first_payment_day(begins)?;
    if limit <= paying.paid_on {
        return None;
    }
    let left = units_left(paying);
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
