//! What the rules say of a refund: whether its ground is borne out, its units, its part, its fee, its way back.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{Asked, Facts, Ground, Limits, is_before_start, is_within, start_is_known};
use crate::{
    escrow::model::Mode,
    kernel::{Calendar, Fen, Finding, Severity},
};

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
            "FUND-MODE" => "教监管函〔2021〕2号",
            "REFUND-FEE" => "民法典第四百九十六条、第四百九十七条",
            _ => ground.basis(),
        }),
        fix_zh: fix_zh.to_owned(),
        fix_en: fix_en.to_owned(),
    }
}

/// REFUND-COOLING-OFF, -BEFORE-START, -AFTER-START, -INSTITUTION-FAULT: whether the ground is borne out.
pub(super) fn of_ground(
    facts: &Facts,
    asked: &Asked,
    ground: Ground,
    limits: &Limits,
    calendar: &Calendar,
) -> Vec<Finding> {
    let find = |severity, zh: String, en: String, fix, evidence| {
        found(ground, ground.rule(), severity, "reason", (zh, en), fix, evidence)
    };
    let given = facts.units.given();
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
        Ground::BeforeStart if !is_before_start(facts) => vec![find(
            Severity::Block,
            format!("已经开课：已上 {given} 课时。"),
            format!("Lessons have begun: {given} units were given."),
            ("按“开课后”申请。", "Ask by the ground after the start."),
            json!({"first_lesson_on": facts.first_lesson_on, "asked_on": asked.on, "units_given": given}),
        )],
        Ground::BeforeStart | Ground::AfterStart if !start_is_known(facts, asked.on) => vec![find(
            Severity::Refer,
            format!("计划 {} 开课，但机构没有登记任何消课，是否已经开课无法判断。", facts.first_lesson_on),
            format!(
                "The first lesson was planned for {}, but the institution tells no lessons; whether they have begun is \
                 unknown.",
                facts.first_lesson_on
            ),
            ("登记消课；由工作人员核定是否已开课。", "Tell the lessons; an official decides whether they have begun."),
            json!({"first_lesson_on": facts.first_lesson_on, "asked_on": asked.on, "missing": ["attendance"]}),
        )],
        Ground::AfterStart if is_before_start(facts) => vec![find(
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
pub(super) fn of_part(asked: &Asked, ground: Ground, left: i64) -> Option<Finding> {
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
pub(super) fn of_fee(fee: Fen, fee_max: Fen, limits: &Limits) -> Option<Finding> {
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

/// How many of the units that were given are charged, where an official decides it: none to all of them.
pub(super) fn of_units(facts: &Facts, asked: &Asked, ground: Ground) -> Option<Finding> {
    let (charged, given) = (asked.charged?, facts.units.given());
    let open = ground.leaves_units_open();
    if open && i64::from(charged) <= given {
        return None;
    }
    let (zh, en) = if open {
        (
            format!("核定收取的课时不得超过已上的 {given} 课时。现为 {charged}。"),
            format!("At most the {given} units that were given are charged, not {charged}."),
        )
    } else {
        (
            "这一依据按已消课时结算，不另行核定收取的课时。".to_owned(),
            "By this ground the units that were consumed are charged; no other number is decided.".to_owned(),
        )
    };
    Some(found(
        ground,
        ground.rule(),
        Severity::Block,
        "charged_units",
        (zh, en),
        ("改正收取的课时数，或留空。", "Mend the number of units, or leave it empty."),
        json!({"measured": charged, "limit": if open { given } else { 0 }, "boundary": "<="}),
    ))
}

/// REFUND-ROUTE: to where it came from, or elsewhere with the guardian's signed reason and an official's word; who paid must
/// be known.
pub(super) fn of_route(facts: &Facts, asked: &Asked) -> Vec<Finding> {
    let find = |severity, path: &str, words: (String, String), fix, evidence| {
        found(Ground::AfterStart, "REFUND-ROUTE", severity, path, words, fix, evidence)
    };
    let mut findings = Vec::new();
    if asked.elsewhere && asked.elsewhere_reason.trim().is_empty() {
        findings.push(find(
            Severity::Block,
            "elsewhere_reason",
            (
                "退到其他账户须有监护人签字的理由。".to_owned(),
                "Another account than it was paid from needs the guardian's signed reason.".to_owned(),
            ),
            ("写明理由，或原路退回。", "Give the reason, or send it back to where it came from."),
            json!({"elsewhere": true}),
        ));
    }
    if asked.elsewhere && !asked.elsewhere_named {
        findings.push(find(
            Severity::Block,
            "elsewhere_account",
            (
                "退到其他账户须写明账号，银行付款时核对。".to_owned(),
                "The other account must be named; the bank's payment is compared with it.".to_owned(),
            ),
            (
                "填写监护人签字的收款账号，或原路退回。",
                "Enter the account that the guardian signed, or send it back to where it came from.",
            ),
            json!({"elsewhere": true}),
        ));
    }
    if asked.elsewhere {
        findings.push(find(
            Severity::Refer,
            "elsewhere_reason",
            (
                "退到其他账户须由工作人员核定。".to_owned(),
                "That it goes to another account, an official decides.".to_owned(),
            ),
            ("附监护人签字的书面理由。", "Show the guardian's signed reason."),
            json!({"elsewhere": true}),
        ));
    } else if !facts.payers.are_known() {
        let unknown = facts.payers.unknown();
        findings.push(find(
            Severity::Refer,
            "payments",
            (
                format!("{unknown} 笔缴费在银行流水中查不到付款账户（未到账、现金或银行未提供），能否原路退回无法判断。"),
                format!(
                    "Of {unknown} payments the bank's entries do not tell who paid (not seen in escrow, cash, or not named); \
                     whether it goes back to where it came from is unknown."
                ),
            ),
            ("由工作人员核对家长的付款凭证。", "An official checks the family's proof of payment."),
            json!({"payments": unknown, "missing": ["payer_account"]}),
        ));
    }
    findings
}

/// FUND-MODE: a risk deposit is used for refunds only after the authority's approval.
pub(super) fn of_mode(facts: &Facts) -> Option<Finding> {
    let (zh, en, evidence) = match facts.mode {
        Some(Mode::Custody) => return None,
        Some(Mode::RiskDeposit) => (
            "从风险保证金退费，须经主管部门批准。",
            "A refund out of the risk deposit needs the authority's approval.",
            json!({"mode": Mode::RiskDeposit}),
        ),
        None => (
            "没有在用的监管账户，退费从哪里付出无法判断。",
            "There is no escrow account in use; where the refund is paid from is unknown.",
            json!({"missing": ["mode"]}),
        ),
    };
    Some(found(
        Ground::AfterStart,
        "FUND-MODE",
        Severity::Refer,
        "mode",
        (zh.to_owned(), en.to_owned()),
        ("由教育局决定。", "The bureau decides."),
        evidence,
    ))
}

pub(super) fn unknown_year(ground: Ground, due_on: NaiveDate) -> Finding {
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
