//! How much may be paid ahead, for how many units, over what span and how early (domain-rules §5.1): what a course filing
//! and a contract are judged by alike.

use chrono::{Days, NaiveDate};
use serde_json::json;

use super::rule::{Rule, count, with_fix};
use crate::kernel::{Fen, Finding, Severity, calendar::add_months};

pub const CAP_5000: Rule = Rule {
    id: "PREPAY-CAP-5000",
    title_zh: "一次性收费金额",
    title_en: "the amount of one payment",
    legal_basis: "教监管〔2022〕4号；校外培训机构财务管理暂行办法（2023）",
    fix_zh: "分期收取，每次不超过 ¥5,000.00。",
    fix_en: "Charge in instalments of at most ¥5,000.00.",
};
pub const UNITS_60: Rule = Rule {
    id: "PREPAY-UNITS-60",
    title_zh: "一次性收费课时数",
    title_en: "the units of one payment",
    legal_basis: "教监管函〔2021〕2号",
    fix_zh: "分期收取，每次不超过 60 课时（含赠送课时）。",
    fix_en: "Charge for at most 60 units at a time, gifted ones included.",
};
pub const SPAN_3M: Rule = Rule {
    id: "PREPAY-SPAN-3M",
    title_zh: "一次性收费时间跨度",
    title_en: "the period of one payment",
    legal_basis: "教监管函〔2021〕2号；国办发〔2018〕80号；校外培训机构财务管理暂行办法（2023）",
    fix_zh: "把课程分成不超过 3 个月的收费周期。",
    fix_en: "Split the course into charging periods of at most three months.",
};
pub const EARLIEST_PERIOD: Rule = Rule {
    id: "PREPAY-EARLIEST-PERIOD",
    title_zh: "最早收费日期",
    title_en: "the earliest day of payment",
    legal_basis: "教监管函〔2021〕2号及地方预收费规定",
    fix_zh: "推迟收费。",
    fix_en: "Collect the fee later.",
};

/// What one payment may come to; each limit is itself allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub payment: Fen,
    /// Units of one payment, gifted ones included.
    pub units: u32,
    /// Calendar months that one payment may cover.
    pub span_months: i32,
    /// Calendar months before the first lesson from which a payment may be taken.
    pub earliest_months: i32,
}

impl Limits {
    /// Of the national rules.
    pub const NATIONAL: Limits = Limits { payment: Fen(500_000), units: 60, span_months: 3, earliest_months: 1 };

    /// The latest day that a period which begins on `first` may end on; `None` beyond the calendar of the library, where
    /// nothing is too late.
    pub fn last_day(&self, first: NaiveDate) -> Option<NaiveDate> {
        add_months(first, self.span_months).and_then(|end| end.checked_sub_days(Days::new(1)))
    }

    /// The first day on which a course may be paid for whose first lesson is on `first`, clamped to the month's last day.
    pub fn first_payment_day(&self, first: NaiveDate) -> Option<NaiveDate> {
        add_months(first, -self.earliest_months)
    }
}

/// PREPAY-CAP-5000 (a): one payment is at most so much.
pub fn payment_cap(limits: &Limits, path: &str, fee: Fen) -> Option<Finding> {
    let most = limits.payment;
    (most < fee).then(|| {
        let gap = Fen(fee.0.saturating_sub(most.0));
        let finding = CAP_5000.found(
            Severity::Block,
            path,
            (
                format!("一次性收费 {}，须不超过 {}，超出 {}。", fee.yuan(), most.yuan(), gap.yuan()),
                format!("One payment of {}; {} is the most, {} too much.", fee.yuan(), most.yuan(), gap.yuan()),
            ),
            json!({"measured_fen": fee, "limit_fen": most, "boundary": "<=", "gap_fen": gap}),
        );
        with_fix(
            finding,
            format!("分期收取，每次不超过 {}。", most.yuan()),
            format!("Charge in instalments of at most {}.", most.yuan()),
        )
    })
}

/// PREPAY-UNITS-60: one payment is for at most so many units, gifted ones included.
pub fn payment_units(limits: &Limits, path: &str, units: u32) -> Option<Finding> {
    let most = limits.units;
    (most < units).then(|| {
        let gap = units - most;
        let finding = UNITS_60.found(
            Severity::Block,
            path,
            (
                format!("一次性收费 {units} 课时，须不超过 {most} 课时（含赠送），超出 {gap} 课时。"),
                format!("One payment for {units} units; {most} with gifts are the most, {gap} too many."),
            ),
            json!({"measured": units, "limit": most, "boundary": "<=", "gap": gap, "unit": "lesson"}),
        );
        with_fix(
            finding,
            format!("分期收取，每次不超过 {most} 课时（含赠送课时）。"),
            format!("Charge for at most {most} units at a time, gifted ones included."),
        )
    })
}

/// PREPAY-SPAN-3M: the last lesson lies before the day so many calendar months after the first.
pub fn payment_span(limits: &Limits, path: &str, first: NaiveDate, last: NaiveDate) -> Option<Finding> {
    let limit = limits.last_day(first)?;
    let (months, spelled) = (limits.span_months, spelled(limits.span_months));
    (limit < last).then(|| {
        let gap = (last - limit).num_days();
        let finding = SPAN_3M.found(
            Severity::Block,
            path,
            (
                format!("首课 {first}、末课 {last}，超过 {months} 个月；末课须不晚于 {limit}，超出 {gap} 天。"),
                format!(
                    "First lesson {first}, last {last}: more than {spelled}; {limit} is the latest, {} too late.",
                    count(gap, "day")
                ),
            ),
            json!({"first_lesson_on": first, "measured": last, "limit": limit, "boundary": "<=", "gap_days": gap}),
        );
        with_fix(
            finding,
            format!("把课程分成不超过 {months} 个月的收费周期。"),
            format!("Split the course into charging periods of at most {spelled}."),
        )
    })
}

/// PREPAY-EARLIEST-PERIOD: no payment earlier than so many calendar months before the first lesson.
pub fn payment_earliest(limits: &Limits, path: &str, first: NaiveDate, paid: NaiveDate) -> Option<Finding> {
    let limit = limits.first_payment_day(first)?;
    let months = limits.earliest_months;
    let ahead = if months == 1 { "a month".to_owned() } else { spelled(months) };
    (paid < limit).then(|| {
        let gap = (limit - paid).num_days();
        let finding = EARLIEST_PERIOD.found(
            Severity::Block,
            path,
            (
                format!("首次收费 {paid}，首课 {first}；须不早于开课前 {months} 个月（{limit}），提前了 {gap} 天。"),
                format!(
                    "First payment {paid}, first lesson {first}: {limit}, {ahead} before, is the earliest, {} too early.",
                    count(gap, "day")
                ),
            ),
            json!({"first_lesson_on": first, "measured": paid, "limit": limit, "boundary": ">=", "gap_days": gap}),
        );
        with_fix(finding, format!("改在 {limit} 或以后收费。"), format!("Collect the fee on {limit} or later."))
    })
}

/// `three months`, as a sentence writes it.
fn spelled(months: i32) -> String {
    match months {
        1 => "one month".to_owned(),
        2 => "two months".to_owned(),
        3 => "three months".to_owned(),
        _ => format!("{months} months"),
    }
}
