//! What a course may cost and how far ahead it may be paid (domain-rules §4.3, §5.1).

use chrono::Days;
use serde_json::json;

use super::{
    rule::{Rule, count, paths, with_fix},
    time::in_force,
};
use crate::{
    courses::model::{Category, Filing, Known, Stage},
    kernel::{Fen, Finding, Severity, calendar::add_months},
};

pub(super) const BENCHMARK_CAP: Rule = Rule {
    id: "FEE-BENCHMARK-CAP",
    title_zh: "政府指导价",
    title_en: "the government-guided price",
    legal_basis: "发改价格〔2021〕1279号",
    fix_zh: "降低课程总价。",
    fix_en: "Lower the fee.",
};
pub(super) const CAP_5000: Rule = Rule {
    id: "PREPAY-CAP-5000",
    title_zh: "一次性收费金额",
    title_en: "the amount of one payment",
    legal_basis: "教监管〔2022〕4号；校外培训机构财务管理暂行办法（2023）",
    fix_zh: "分期收取，每次不超过 ¥5,000.00。",
    fix_en: "Charge in instalments of at most ¥5,000.00.",
};
pub(super) const UNITS_60: Rule = Rule {
    id: "PREPAY-UNITS-60",
    title_zh: "一次性收费课时数",
    title_en: "the units of one payment",
    legal_basis: "教监管函〔2021〕2号",
    fix_zh: "分期收取，每次不超过 60 课时（含赠送课时）。",
    fix_en: "Charge for at most 60 units at a time, gifted ones included.",
};
pub(super) const SPAN_3M: Rule = Rule {
    id: "PREPAY-SPAN-3M",
    title_zh: "一次性收费时间跨度",
    title_en: "the period of one payment",
    legal_basis: "教监管函〔2021〕2号；国办发〔2018〕80号；校外培训机构财务管理暂行办法（2023）",
    fix_zh: "把课程分成不超过 3 个月的收费周期。",
    fix_en: "Split the course into charging periods of at most three months.",
};
pub(super) const EARLIEST_PERIOD: Rule = Rule {
    id: "PREPAY-EARLIEST-PERIOD",
    title_zh: "最早收费日期",
    title_en: "the earliest day of payment",
    legal_basis: "教监管函〔2021〕2号及地方预收费规定",
    fix_zh: "推迟收费。",
    fix_en: "Collect the fee later.",
};

/// Most that one payment may be, itself allowed.
const PAYMENT_MAX: Fen = Fen(500_000);
/// Most units of one payment, themselves allowed.
const UNITS_MAX: u32 = 60;
/// Calendar months that one payment may cover.
const SPAN_MONTHS_MAX: i32 = 3;
/// Calendar months before the first lesson from which a payment may be taken.
const EARLIEST_MONTHS: i32 = 1;

/// All rules of this file.
pub(super) fn check(filing: &Filing) -> Vec<Finding> {
    let mut findings = Vec::from_iter(benchmark_cap(filing));
    let course = &filing.course;
    let free = matches!(course.fee_fen, Known::Nothing | Known::Value(Fen::ZERO));
    let paid_before_the_rules = course.first_payment_on.value().is_some_and(|day| !in_force(*day));
    if !free && !paid_before_the_rules {
        findings.extend(payment_cap(filing));
        findings.extend(payment_units(filing));
        findings.extend(payment_span(filing));
        findings.extend(payment_earliest(filing));
    }
    findings
}

/// FEE-BENCHMARK-CAP: the price of a standard unit is at most the benchmark plus the float, in exact integers.
///
/// `fee × standard × 10000 <= benchmark × (10000 + float_bp) × lessons × lesson_minutes`, in 128 bits. For academic
/// courses of the compulsory stages, and of senior secondary by reference. A benchmark of null is a place that set
/// none: the rule is not evaluated there.
fn benchmark_cap(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.fee_fen";
    let course = &filing.course;
    let priced = matches!(course.stage, Stage::Primary | Stage::Junior | Stage::Senior);
    if course.category != Category::Academic || !priced {
        return None;
    }
    if course.fee_fen == Known::Nothing || course.benchmark_fen == Known::Nothing {
        return None;
    }
    let (Some(&fee), Some(&benchmark), Some(&lessons), Some(&minutes)) =
        (course.fee_fen.value(), course.benchmark_fen.value(), course.lessons.value(), course.lesson_minutes.value())
    else {
        let fields = [
            ("course.fee_fen", course.fee_fen.value().is_none()),
            ("course.benchmark_fen", course.benchmark_fen.value().is_none()),
            ("course.lessons", course.lessons.value().is_none()),
            ("course.lesson_minutes", course.lesson_minutes.value().is_none()),
        ];
        let missing: Vec<String> =
            fields.iter().filter(|(_, none)| *none).map(|(path, _)| (*path).to_owned()).collect();
        return Some(BENCHMARK_CAP.unknown(PATH, &missing));
    };
    let offer = Offer { fee, benchmark, lessons, minutes, standard: course.delivery.standard_minutes() };
    let paid_on = course.first_payment_on.value().copied().unwrap_or(filing.as_of);
    over_benchmark(&offer, filing.policy_on(paid_on).float_bp)
}

/// What the price of a standard unit is worked out from; lengths in minutes.
struct Offer {
    fee: Fen,
    benchmark: Fen,
    lessons: u32,
    minutes: u16,
    standard: u16,
}

fn over_benchmark(offer: &Offer, float_bp: u16) -> Option<Finding> {
    let &Offer { fee, benchmark, lessons, minutes, standard } = offer;
    let taught = i128::from(lessons) * i128::from(minutes);
    let ceiling = (i128::from(benchmark.0) * i128::from(10_000 + u32::from(float_bp))).saturating_mul(taught);
    let divisor = i128::from(standard) * 10_000;
    if i128::from(fee.0) * divisor <= ceiling {
        return None;
    }
    let fen = |amount: i128| Fen(i64::try_from(amount).unwrap_or(i64::MAX));
    let fee_limit = fen(ceiling.div_euclid(divisor));
    let unit_limit = benchmark.share_bp(i64::from(float_bp) + 10_000);
    // Rounded up for reading only: a price over the limit must not look equal to it.
    let unit_price = (taught > 0).then(|| fen((i128::from(fee.0) * i128::from(standard) + taught - 1) / taught));
    let gap = Fen(fee.0.saturating_sub(fee_limit.0));
    let shown = unit_price.map_or_else(|| "—".to_owned(), Fen::yuan);
    let percent = format!("{}.{:02}", float_bp / 100, float_bp % 100);
    let [paid, most, base, limit, over] = [fee, unit_limit, benchmark, fee_limit, gap].map(Fen::yuan);
    let finding = BENCHMARK_CAP.found(
        Severity::Block,
        "course.fee_fen",
        (
            format!(
                "课程总价 {paid}（{lessons} 课时 × {minutes} 分钟），折合每标准课时（{standard} 分钟）{shown}，\
                 须不超过 {most}（基准价 {base} 上浮 {percent}%）；总价须不超过 {limit}，超出 {over}。"
            ),
            format!(
                "The fee is {paid} for {} of {minutes} minutes, {shown} per standard unit of {standard} \
                 minutes; the limit is {most} (benchmark {base} plus {percent} %), a fee of {limit}: {over} too much.",
                count(lessons, "unit")
            ),
        ),
        json!({"fee_fen": fee, "lessons": lessons, "lesson_minutes": minutes, "standard_minutes": standard,
            "benchmark_fen": benchmark, "float_bp": float_bp, "measured_fen": unit_price, "limit_fen": unit_limit,
            "fee_limit_fen": fee_limit, "boundary": "<=", "gap_fen": gap}),
    );
    Some(with_fix(finding, format!("把课程总价降到 {limit} 或以下。"), format!("Lower the fee to {limit} or less.")))
}

/// PREPAY-CAP-5000 (a): one payment is at most ¥5,000.00.
fn payment_cap(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.fee_fen";
    let Some(&fee) = filing.course.fee_fen.value() else {
        return Some(CAP_5000.unknown(PATH, &paths([PATH])));
    };
    (PAYMENT_MAX < fee).then(|| {
        let gap = Fen(fee.0.saturating_sub(PAYMENT_MAX.0));
        CAP_5000.found(
            Severity::Block,
            PATH,
            (
                format!("一次性收费 {}，须不超过 {}，超出 {}。", fee.yuan(), PAYMENT_MAX.yuan(), gap.yuan()),
                format!("One payment of {}; {} is the most, {} too much.", fee.yuan(), PAYMENT_MAX.yuan(), gap.yuan()),
            ),
            json!({"measured_fen": fee, "limit_fen": PAYMENT_MAX, "boundary": "<=", "gap_fen": gap}),
        )
    })
}

/// PREPAY-UNITS-60: one payment is for at most 60 units, gifted ones included. Null: not charged by units.
fn payment_units(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.lessons";
    let lessons = match filing.course.lessons {
        Known::Unknown => return Some(UNITS_60.unknown(PATH, &paths([PATH]))),
        Known::Nothing => return None,
        Known::Value(lessons) => lessons,
    };
    (UNITS_MAX < lessons).then(|| {
        let gap = lessons - UNITS_MAX;
        UNITS_60.found(
            Severity::Block,
            PATH,
            (
                format!("一次性收费 {lessons} 课时，须不超过 {UNITS_MAX} 课时（含赠送），超出 {gap} 课时。"),
                format!("One payment for {lessons} units; {UNITS_MAX} with gifts are the most, {gap} too many."),
            ),
            json!({"measured": lessons, "limit": UNITS_MAX, "boundary": "<=", "gap": gap, "unit": "lesson"}),
        )
    })
}

/// PREPAY-SPAN-3M: the last lesson lies before the day three calendar months after the first.
fn payment_span(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.sessions";
    let Some((first, last)) = filing.course.span() else {
        return Some(SPAN_3M.unknown(PATH, &paths([PATH])));
    };
    // Beyond the calendar of the library nothing is too late; such a year has no holiday table either.
    let limit = add_months(first, SPAN_MONTHS_MAX).and_then(|end| end.checked_sub_days(Days::new(1)))?;
    (limit < last).then(|| {
        let gap = (last - limit).num_days();
        SPAN_3M.found(
            Severity::Block,
            PATH,
            (
                format!("首课 {first}、末课 {last}，超过 3 个月；末课须不晚于 {limit}，超出 {gap} 天。"),
                format!(
                    "First lesson {first}, last {last}: more than three months; {limit} is the latest, \
                     {} too late.",
                    count(gap, "day")
                ),
            ),
            json!({"first_lesson_on": first, "measured": last, "limit": limit, "boundary": "<=", "gap_days": gap}),
        )
    })
}

/// PREPAY-EARLIEST-PERIOD: no payment earlier than one calendar month before the first lesson (clamped to the month's
/// last day). Null: nothing is paid ahead.
fn payment_earliest(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.first_payment_on";
    let paid = match filing.course.first_payment_on {
        Known::Unknown => return Some(EARLIEST_PERIOD.unknown(PATH, &paths([PATH]))),
        Known::Nothing => return None,
        Known::Value(paid) => paid,
    };
    let Some((first, _)) = filing.course.span() else {
        return Some(EARLIEST_PERIOD.unknown(PATH, &paths(["course.sessions"])));
    };
    let limit = add_months(first, -EARLIEST_MONTHS)?;
    (paid < limit).then(|| {
        let gap = (limit - paid).num_days();
        let finding = EARLIEST_PERIOD.found(
            Severity::Block,
            PATH,
            (
                format!("首次收费 {paid}，首课 {first}；须不早于开课前 1 个月（{limit}），提前了 {gap} 天。"),
                format!(
                    "First payment {paid}, first lesson {first}: {limit}, a month before, is the earliest, \
                     {} too early.",
                    count(gap, "day")
                ),
            ),
            json!({"first_lesson_on": first, "measured": paid, "limit": limit, "boundary": ">=", "gap_days": gap}),
        );
        with_fix(finding, format!("改在 {limit} 或以后收费。"), format!("Collect the fee on {limit} or later."))
    })
}
