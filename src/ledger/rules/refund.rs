//! What a family gets back and by when (domain-rules §5.3): the contract's facts in, the sum with each of its steps out.
//!
//! The amount is what is paid and neither consumed, refunded nor frozen; which ground it rests on decides the limit of days
//! and whether an official has to agree. Money is exact to the fen; a division never takes anything from the family.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    escrow::detector::Level,
    kernel::{Calendar, Fen, Finding, Severity},
    ledger::model::{Channel, Terms},
};

/// On what a refund rests.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Ground {
    /// Asked within days of the payment (REFUND-COOLING-OFF).
    CoolingOff,
    /// Asked before the first lesson (REFUND-BEFORE-START).
    BeforeStart,
    /// Asked later (REFUND-AFTER-START).
    AfterStart,
    /// The institution closed, or changed what was agreed (REFUND-INSTITUTION-FAULT).
    InstitutionFault,
    /// What was taken beyond a cap goes back; the contract goes on.
    Excess,
}

impl Ground {
    /// The rule that it rests on.
    pub fn rule(self) -> &'static str {
        match self {
            Ground::CoolingOff => "REFUND-COOLING-OFF",
            Ground::BeforeStart => "REFUND-BEFORE-START",
            Ground::AfterStart => "REFUND-AFTER-START",
            Ground::InstitutionFault => "REFUND-INSTITUTION-FAULT",
            Ground::Excess => "PREPAY-CAP-5000",
        }
    }

    /// As people read it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Ground::CoolingOff => ("付款后冷静期内", "within the cooling-off days"),
            Ground::BeforeStart => ("开课前", "before the first lesson"),
            Ground::AfterStart => ("开课后", "after the first lesson"),
            Ground::InstitutionFault => ("机构原因", "the institution's fault"),
            Ground::Excess => ("退还超限收取的费用", "what was taken beyond a cap"),
        }
    }

    /// Whether the family leaves: what is left of the contract is given back and it ends.
    pub fn ends_the_contract(self) -> bool {
        self != Ground::Excess
    }

    fn basis(self) -> &'static str {
        match self {
            Ground::CoolingOff => "法释〔2025〕4号；中小学生校外培训服务合同（GF-2021-2604）",
            Ground::InstitutionFault => "消费者权益保护法第五十三条；法释〔2025〕4号",
            Ground::BeforeStart | Ground::AfterStart => "地方预收费退费规定；中小学生校外培训服务合同（GF-2021-2604）",
            Ground::Excess => "教监管〔2022〕4号；校外培训机构财务管理暂行办法（2023）",
        }
    }
}

/// One payment of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    pub on: NaiveDate,
    pub amount: Fen,
    pub channel: Channel,
}

/// The units of a contract by what became of them; the rest was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    pub consumed: i64,
    /// Given, and neither confirmed nor disputed yet.
    pub awaiting: i64,
    pub disputed: i64,
}

/// What a contract's refund is worked out from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub terms: Terms,
    pub payments: Vec<Paid>,
    pub units: Units,
    pub consumed: Fen,
    pub awaiting: Fen,
    pub disputed: Fen,
    /// Given back before, and asked for already.
    pub refunded: Fen,
    pub is_renewal: bool,
    pub first_lesson_on: NaiveDate,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub on: NaiveDate,
    /// Absent: the best ground that the facts give.
    pub ground: Option<Ground>,
    /// A part alone; needed for what was taken beyond a cap.
    pub part: Option<Fen>,
    /// What the institution would keep (手续费、违约金).
    pub fee: Fen,
    /// Paid out to another account than it came from.
    pub elsewhere: bool,
    /// Why, as the guardian signed it.
    pub elsewhere_reason: String,
}

impl Asked {
    /// All of it, by the best ground, without a fee, to where it came from.
    pub fn on(on: NaiveDate) -> Asked {
        Asked { on, ground: None, part: None, fee: Fen::ZERO, elsewhere: false, elsewhere_reason: String::new() }
    }
}

/// Limits that a bureau may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub cooling_off_days: u32,
    pub before_start_days: u32,
    pub after_start_days: u32,
    /// Of the sum given back.
    pub fee_max_bp: i64,
    pub overdue_yellow_days: i64,
    pub overdue_orange_days: i64,
    pub overdue_red_days: i64,
    pub overdue_red_families: i64,
}

/// One line of the sum, as the family reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub zh: String,
    pub en: String,
    /// What it adds or takes away; absent where it only explains.
    pub amount_fen: Option<i64>,
}

/// A refund worked out.
#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    pub ground: Ground,
    pub amount: Fen,
    pub steps: Vec<Step>,
    /// The last lawful day.
    pub due_on: NaiveDate,
    /// The workday to aim at.
    pub target_on: NaiveDate,
    /// What refers it to an official, or blocks it.
    pub findings: Vec<Finding>,
}

impl Refund {
    /// Whether an official has to agree.
    pub fn is_referred(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Refer)
    }

    /// Whether a rule forbids it as it stands.
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Block)
    }
}

/// The last lawful day and the workday to aim at of a period that began on `from`, which is day zero (民法典 Art 201–203).
///
/// A period that ends on a day off ends on the next workday. Where the year's holidays are not known the plain day stands:
/// it is never later than the lawful one.
pub fn due(calendar: &Calendar, from: NaiveDate, days: u32) -> (NaiveDate, NaiveDate) {
    let plain = from.checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX);
    let works = |day: &NaiveDate| calendar.is_workday(*day).unwrap_or(true);
    let last = plain.iter_days().find(works).unwrap_or(plain);
    let target = std::iter::successors(Some(plain), NaiveDate::pred_opt).take_while(|day| *day > from).find(works);
    (last, target.unwrap_or(last))
}

/// Whether what was paid on `paid_on` may be taken back without a reason on `asked_on` (REFUND-COOLING-OFF).
fn is_within(calendar: &Calendar, paid_on: NaiveDate, asked_on: NaiveDate, days: u32) -> bool {
    paid_on <= asked_on && asked_on <= due(calendar, paid_on, days).0
}

/// Whether no lesson has been given yet.
fn is_before_start(facts: &Facts, on: NaiveDate) -> bool {
    let given = facts.units.consumed + facts.units.awaiting + facts.units.disputed;
    given == 0 && on <= facts.first_lesson_on
}

/// The best ground that the facts give.
pub fn ground_of(facts: &Facts, on: NaiveDate, limits: &Limits, calendar: &Calendar) -> Ground {
    let cooling = |paid: &Paid| is_within(calendar, paid.on, on, limits.cooling_off_days);
    let all = !facts.payments.is_empty() && facts.payments.iter().all(cooling);
    if is_before_start(facts, on) {
        // The same sum within the same days, and no renewal is asked about.
        Ground::BeforeStart
    } else if all {
        Ground::CoolingOff
    } else {
        Ground::AfterStart
    }
}

/// Works a refund out. Never fails; what the rules do not allow stands among its findings.
pub fn refund(facts: &Facts, asked: &Asked, limits: &Limits, calendar: &Calendar) -> Refund {
    let ground = asked.ground.unwrap_or_else(|| ground_of(facts, asked.on, limits, calendar));
    let paid: Fen = facts.payments.iter().map(|payment| payment.amount).sum();
    let left = [facts.consumed, facts.awaiting, facts.disputed, facts.refunded]
        .iter()
        .fold(paid.0, |left, taken| left.saturating_sub(taken.0))
        .max(0);
    let part = asked.part.map_or(left, |part| part.0);
    let fee_max = Fen(part.clamp(0, left)).share_bp(limits.fee_max_bp).0;
    let amount = part.clamp(0, left).saturating_sub(asked.fee.0).max(0);
    let days = if matches!(ground, Ground::AfterStart) || !is_before_start(facts, asked.on) {
        limits.after_start_days
    } else {
        limits.before_start_days
    };
    let (due_on, target_on) = due(calendar, asked.on, days);
    let mut findings = ground_findings(facts, asked, ground, limits, calendar);
    findings.extend(part_findings(asked, ground, left));
    findings.extend(fee_finding(asked.fee, Fen(fee_max), limits));
    findings.extend(route_finding(asked));
    if calendar.is_workday(due_on).is_none() {
        findings.push(unknown_year(ground, due_on));
    }
    let mut steps = sum_steps(facts, paid, Fen(left));
    if part != left {
        steps.push(step("其中申请退还", "of this is asked for", Some(part)));
    }
    if asked.fee.0 > 0 {
        steps.push(step("减：手续费、违约金", "less a fee", Some(-asked.fee.0)));
    }
    steps.push(step("应退", "To be given back", Some(amount)));
    steps.extend(route_steps(facts, Fen(amount), asked.elsewhere));
    Refund { ground, amount: Fen(amount), steps, due_on, target_on, findings }
}

fn step(zh: impl Into<String>, en: impl Into<String>, amount_fen: Option<i64>) -> Step {
    Step { zh: zh.into(), en: en.into(), amount_fen }
}

/// From what was paid to what is left.
fn sum_steps(facts: &Facts, paid: Fen, left: Fen) -> Vec<Step> {
    let (units, terms) = (facts.units, &facts.terms);
    let (each, last, all) = (terms.unit_price(), terms.amount(terms.units()), terms.units());
    let less = |fen: Fen| Some(-fen.0);
    let (last_zh, last_en) = if each == last {
        (String::new(), String::new())
    } else {
        (format!("，最后一课时 {}", last.yuan()), format!("; the last one costs {}", last.yuan()))
    };
    let materials = terms.materials != Fen::ZERO;
    let net =
        if materials { format!("({} − {})", terms.price.yuan(), terms.materials.yuan()) } else { terms.price.yuan() };
    let (with_zh, with_en) = if materials && units.consumed > 0 {
        (
            format!("，含资料费 {}", terms.materials.yuan()),
            format!(", materials of {} among it", terms.materials.yuan()),
        )
    } else {
        (String::new(), String::new())
    };
    let mut steps = vec![
        step(
            format!("已缴，共 {} 笔", facts.payments.len()),
            format!("Paid, in {} payments", facts.payments.len()),
            Some(paid.0),
        ),
        step(
            format!("每课时 {}：{net} ÷ {all} 课时（含赠送）{last_zh}", each.yuan()),
            format!("{} a unit: {net} ÷ {all} units, gifted ones among them{last_en}", each.yuan()),
            None,
        ),
        step(
            format!("减：已消 {} 课时{with_zh}", units.consumed),
            format!("less {} units consumed{with_en}", units.consumed),
            less(facts.consumed),
        ),
    ];
    if units.awaiting > 0 {
        steps.push(step(
            format!("减：{} 课时已上、待确认；不确认的另行退还", units.awaiting),
            format!(
                "less {} units given and not confirmed yet; what is not confirmed is given back later",
                units.awaiting
            ),
            less(facts.awaiting),
        ));
    }
    if units.disputed > 0 {
        steps.push(step(
            format!("减：{} 课时有异议、冻结；查明后另行退还", units.disputed),
            format!("less {} units disputed and frozen; given back later as it is settled", units.disputed),
            less(facts.disputed),
        ));
    }
    if facts.refunded.0 > 0 {
        steps.push(step("减：此前已退或已申请", "less given back or asked for before", less(facts.refunded)));
    }
    steps.push(step("剩余未消费", "Left unconsumed", Some(left.0)));
    steps
}

/// Where the money goes back to: the payments, the latest first (REFUND-ROUTE).
fn route_steps(facts: &Facts, amount: Fen, elsewhere: bool) -> Vec<Step> {
    if elsewhere {
        return vec![step(
            "退到监护人书面指定的账户",
            "to the account that the guardian named in writing",
            Some(amount.0),
        )];
    }
    let mut left = amount.0;
    let mut payments = facts.payments.clone();
    payments.sort_by_key(|payment| std::cmp::Reverse(payment.on));
    let mut steps = Vec::new();
    for payment in payments {
        let back = payment.amount.0.min(left);
        if back == 0 {
            break;
        }
        left -= back;
        let (zh, en) = (payment.channel.zh(), payment.channel.en());
        steps.push(step(
            format!("原路退回：{} {zh}付款的账户", payment.on),
            format!("back to where it came from: {en} of {}", payment.on),
            Some(back),
        ));
    }
    steps
}

fn found(
    ground: Ground,
    rule: &'static str,
    severity: Severity,
    path: &str,
    (zh, en): (String, String),
    (fix_zh, fix_en): (&str, &str),
    evidence: Value,
) -> Finding {
    Finding {
        rule: Cow::Borrowed(rule),
        severity,
        path: path.to_owned(),
        message_zh: zh,
        message_en: en,
        evidence: if let Value::Object(fields) = evidence { fields } else { Map::new() },
        legal_basis: Cow::Borrowed(match rule {
            "REFUND-ROUTE" => "教监管函〔2021〕2号及地方退费规定",
            "REFUND-FEE" => "民法典第四百九十六条、第四百九十七条",
            _ => ground.basis(),
        }),
        fix_zh: fix_zh.to_owned(),
        fix_en: fix_en.to_owned(),
    }
}

/// REFUND-COOLING-OFF, -BEFORE-START, -AFTER-START, -INSTITUTION-FAULT: whether the ground is borne out.
fn ground_findings(facts: &Facts, asked: &Asked, ground: Ground, limits: &Limits, calendar: &Calendar) -> Vec<Finding> {
    let find = |severity, zh: String, en: String, fix, evidence| {
        found(ground, ground.rule(), severity, "reason", (zh, en), fix, evidence)
    };
    let given = facts.units.consumed + facts.units.awaiting + facts.units.disputed;
    let latest = facts.payments.iter().map(|paid| paid.on).max();
    match ground {
        Ground::CoolingOff => {
            let days = limits.cooling_off_days;
            let within = latest.is_some_and(|on| is_within(calendar, on, asked.on, days));
            let evidence = json!({"paid_on": latest, "asked_on": asked.on, "days": days});
            if !within {
                return vec![find(
                    Severity::Block,
                    format!("申请日已过付款后 {days} 天的冷静期。"),
                    format!("It was asked for later than {days} days after the payment."),
                    ("按“开课前”或“开课后”申请。", "Ask by the ground before or after the start."),
                    evidence,
                )];
            }
            let mut findings = Vec::new();
            if facts.is_renewal {
                findings.push(find(
                    Severity::Refer,
                    "续费一般不适用冷静期（已接受过相同服务）。".to_owned(),
                    "A renewal has no cooling-off as a rule: the same service was received before.".to_owned(),
                    ("由工作人员核定。", "An official decides."),
                    json!({"is_renewal": true}),
                ));
            }
            if given > 0 {
                findings.push(find(
                    Severity::Refer,
                    format!("冷静期内已上 {given} 课时，按当地规定或合同处理。"),
                    format!(
                        "{given} units were given within the cooling-off days; the local rule or the contract decides."
                    ),
                    ("由工作人员核定已上课时是否收费。", "An official decides whether they are charged."),
                    json!({"units_given": given}),
                ));
            }
            findings
        }
        Ground::BeforeStart if !is_before_start(facts, asked.on) => vec![find(
            Severity::Block,
            "已经开课。".to_owned(),
            "Lessons have begun.".to_owned(),
            ("按“开课后”申请。", "Ask by the ground after the start."),
            json!({"first_lesson_on": facts.first_lesson_on, "asked_on": asked.on, "units_given": given}),
        )],
        Ground::AfterStart if is_before_start(facts, asked.on) => vec![find(
            Severity::Block,
            "还没有开课。".to_owned(),
            "No lesson was given yet.".to_owned(),
            ("按“开课前”申请，期限更短。", "Ask by the ground before the start; its limit is shorter."),
            json!({"first_lesson_on": facts.first_lesson_on, "asked_on": asked.on}),
        )],
        Ground::InstitutionFault => vec![find(
            Severity::Refer,
            "机构原因须由工作人员认定；未消费部分全额退还，约定的违约金另计。".to_owned(),
            "An official establishes the fault; all that is unconsumed is due, an agreed penalty comes on top."
                .to_owned(),
            ("附停课、变更地点或教师等材料。", "Show the closing, or the change of place, teacher or time."),
            json!({}),
        )],
        _ => Vec::new(),
    }
}

/// A part is more than nothing and at most what is left; of what was taken beyond a cap it must be said how much.
fn part_findings(asked: &Asked, ground: Ground, left: i64) -> Option<Finding> {
    let (zh, en) = match asked.part {
        Some(part) if part.0 <= 0 => ("退费金额须大于 0。".to_owned(), "The amount must be above zero.".to_owned()),
        Some(part) if part.0 > left => (
            format!("退费金额不得超过剩余未消费的 {}。现为 {}。", Fen(left).yuan(), part.yuan()),
            format!("At most {} is left; {} was asked for.", Fen(left).yuan(), part.yuan()),
        ),
        None if ground == Ground::Excess => {
            ("退还超限收取的费用须写明金额。".to_owned(), "Say how much was taken beyond the cap.".to_owned())
        }
        None if left == 0 => (
            "没有剩余未消费的金额，无可退费用。".to_owned(),
            "Nothing is left unconsumed; there is nothing to give back.".to_owned(),
        ),
        _ => return None,
    };
    Some(found(
        ground,
        ground.rule(),
        Severity::Block,
        "amount_fen",
        (zh, en),
        ("改正金额。", "Mend the amount."),
        json!({"measured": asked.part, "limit": left}),
    ))
}

/// REFUND-FEE: what is kept of a refund, by the local maximum.
fn fee_finding(fee: Fen, fee_max: Fen, limits: &Limits) -> Option<Finding> {
    if fee.0 >= 0 && fee <= fee_max {
        return None;
    }
    Some(found(
        Ground::AfterStart,
        "REFUND-FEE",
        Severity::Refer,
        "fee_fen",
        (
            format!("手续费、违约金 {} 超过当地上限 {}。", fee.yuan(), fee_max.yuan()),
            format!("A fee of {} is above the local maximum of {}.", fee.yuan(), fee_max.yuan()),
        ),
        ("不收，或由工作人员核定合同条款是否公平。", "Charge none, or an official decides whether the clause is fair."),
        json!({"measured": fee, "limit": fee_max, "fee_max_bp": limits.fee_max_bp}),
    ))
}

/// REFUND-ROUTE: to where it came from, or elsewhere with the guardian's signed reason.
fn route_finding(asked: &Asked) -> Option<Finding> {
    (asked.elsewhere && asked.elsewhere_reason.trim().is_empty()).then(|| {
        found(
            Ground::AfterStart,
            "REFUND-ROUTE",
            Severity::Block,
            "elsewhere_reason",
            (
                "退到其他账户须有监护人签字的理由。".to_owned(),
                "Another account than it was paid from needs the guardian's signed reason.".to_owned(),
            ),
            ("写明理由，或原路退回。", "Give the reason, or send it back to where it came from."),
            json!({"elsewhere": true}),
        )
    })
}

fn unknown_year(ground: Ground, due_on: NaiveDate) -> Finding {
    found(
        ground,
        ground.rule(),
        Severity::Warn,
        "due_on",
        (
            format!("{due_on} 所在年份的放假安排还没有公布，期限未按节假日顺延。"),
            format!("The holidays of the year of {due_on} are not known; the limit was not put off for them."),
        ),
        ("放假安排公布后核对。", "Check again once the notice is out."),
        json!({"due_on": due_on}),
    )
}

/// REFUND-OVERDUE: the level of a refund that is unpaid on `today`, when `families` of the institution wait past their day.
pub fn overdue(due_on: NaiveDate, today: NaiveDate, families: i64, limits: &Limits) -> Option<Level> {
    let days = (today - due_on).num_days();
    if days < limits.overdue_yellow_days {
        None
    } else if days >= limits.overdue_red_days || families >= limits.overdue_red_families {
        Some(Level::Red)
    } else if days >= limits.overdue_orange_days {
        Some(Level::Orange)
    } else {
        Some(Level::Yellow)
    }
}
