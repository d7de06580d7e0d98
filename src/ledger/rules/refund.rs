//! What a family gets back and by when (domain-rules §5.3): the contract's facts in, the sum with each of its steps out.
//!
//! The amount is what is paid and neither consumed, refunded nor frozen; which ground it rests on decides the limit of days
//! and whether an official has to agree. Money is exact to the fen; a division never takes anything from the family.

mod findings;
pub mod route;
mod steps;
#[cfg(test)]
mod tests;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use self::route::Payers;
use crate::{
    escrow::{detector::Level, model::Mode},
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

    /// Whether an official decides how many of the units that were given are charged.
    pub fn leaves_units_open(self) -> bool {
        matches!(self, Ground::CoolingOff | Ground::InstitutionFault)
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

impl Units {
    /// All that were given.
    pub fn given(self) -> i64 {
        self.consumed + self.awaiting + self.disputed
    }
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
    /// Whether the institution tells lessons at all since the first one was to be given: without any, no lesson of this contract
    /// means nothing.
    pub attendance_kept: bool,
    pub payers: Payers,
    /// Of the account in use; `None` where there is none.
    pub mode: Option<Mode>,
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
    /// Whether the other account was named.
    pub elsewhere_named: bool,
    /// Units that an official decided are charged, of those that were given; absent: all of them.
    pub charged: Option<u32>,
}

impl Asked {
    /// All of it, by the best ground, without a fee, to where it came from.
    pub fn on(on: NaiveDate) -> Asked {
        Asked {
            on,
            ground: None,
            part: None,
            fee: Fen::ZERO,
            elsewhere: false,
            elsewhere_reason: String::new(),
            elsewhere_named: false,
            charged: None,
        }
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

/// Whether no lesson has been given yet; a course that was put off has not started, whatever day it was planned for.
fn is_before_start(facts: &Facts) -> bool {
    facts.units.given() == 0
}

/// Whether that no lesson was told means that none was given.
fn start_is_known(facts: &Facts, on: NaiveDate) -> bool {
    facts.units.given() > 0 || on <= facts.first_lesson_on || facts.attendance_kept
}

/// The best ground that the facts give.
pub fn ground_of(facts: &Facts, on: NaiveDate, limits: &Limits, calendar: &Calendar) -> Ground {
    let cooling = |paid: &Paid| is_within(calendar, paid.on, on, limits.cooling_off_days);
    let all = !facts.payments.is_empty() && facts.payments.iter().all(cooling);
    if is_before_start(facts) {
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
    let charged = asked.charged.filter(|_| ground.leaves_units_open());
    let kept = match charged {
        Some(units) => vec![facts.terms.earned(1..=units)],
        None => vec![facts.consumed, facts.awaiting, facts.disputed],
    };
    let left = kept.iter().chain([&facts.refunded]).fold(paid.0, |left, taken| left.saturating_sub(taken.0)).max(0);
    let part = asked.part.map_or(left, |part| part.0);
    let fee_max = Fen(part.clamp(0, left)).share_bp(limits.fee_max_bp).0;
    let amount = part.clamp(0, left).saturating_sub(asked.fee.0).max(0);
    let days = if matches!(ground, Ground::AfterStart) || !is_before_start(facts) {
        limits.after_start_days
    } else {
        limits.before_start_days
    };
    let (due_on, target_on) = due(calendar, asked.on, days);
    let mut findings = findings::of_ground(facts, asked, ground, limits, calendar);
    findings.extend(findings::of_units(facts, asked, ground));
    findings.extend(findings::of_part(asked, ground, left));
    findings.extend(findings::of_fee(asked.fee, Fen(fee_max), limits));
    findings.extend(findings::of_route(facts, asked));
    findings.extend(findings::of_mode(facts));
    if calendar.is_workday(due_on).is_none() {
        findings.push(findings::unknown_year(ground, due_on));
    }
    let mut told = steps::sum(facts, charged, paid, Fen(left));
    if part != left {
        told.push(steps::step("其中申请退还", "of this is asked for", Some(part)));
    }
    if asked.fee.0 > 0 {
        told.push(steps::step("减：手续费、违约金", "less a fee", Some(-asked.fee.0)));
    }
    told.push(steps::step("应退", "To be given back", Some(amount)));
    told.extend(steps::route(facts, Fen(amount), asked.elsewhere));
    Refund { ground, amount: Fen(amount), steps: told, due_on, target_on, findings }
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
