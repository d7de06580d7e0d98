//! What a course may cost and how far ahead it may be paid (domain-rules §4.3, §5.1).

use serde_json::json;

use super::{
    prepay::{self, CAP_5000, EARLIEST_PERIOD, Limits, SPAN_3M, UNITS_60},
    rule::{Rule, count, paths, with_fix},
    time::in_force,
};
use crate::{
    courses::model::{Category, Filing, Known, Stage},
    kernel::{Fen, Finding, Severity},
};

pub(super) const BENCHMARK_CAP: Rule = Rule {
    id: "FEE-BENCHMARK-CAP",
    title_zh: "政府指导价",
    title_en: "the government-guided price",
    legal_basis: "发改价格〔2021〕1279号",
    fix_zh: "降低课程总价。",
    fix_en: "Lower the fee.",
};

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

/// PREPAY-CAP-5000 (a).
fn payment_cap(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.fee_fen";
    match filing.course.fee_fen.value() {
        None => Some(CAP_5000.unknown(PATH, &paths([PATH]))),
        Some(&fee) => prepay::payment_cap(&Limits::NATIONAL, PATH, fee),
    }
}

/// PREPAY-UNITS-60. Null: not charged by units.
fn payment_units(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.lessons";
    match filing.course.lessons {
        Known::Unknown => Some(UNITS_60.unknown(PATH, &paths([PATH]))),
        Known::Nothing => None,
        Known::Value(lessons) => prepay::payment_units(&Limits::NATIONAL, PATH, lessons),
    }
}

/// PREPAY-SPAN-3M.
fn payment_span(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.sessions";
    match filing.course.span() {
        None => Some(SPAN_3M.unknown(PATH, &paths([PATH]))),
        // A year beyond the calendar of the library has no holiday table either.
        Some((first, last)) => prepay::payment_span(&Limits::NATIONAL, PATH, first, last),
    }
}

/// PREPAY-EARLIEST-PERIOD. Null: nothing is paid ahead.
fn payment_earliest(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.first_payment_on";
    let paid = match filing.course.first_payment_on {
        Known::Unknown => return Some(EARLIEST_PERIOD.unknown(PATH, &paths([PATH]))),
        Known::Nothing => return None,
        Known::Value(paid) => paid,
    };
    match filing.course.span() {
        None => Some(EARLIEST_PERIOD.unknown(PATH, &paths(["course.sessions"]))),
        Some((first, _)) => prepay::payment_earliest(&Limits::NATIONAL, PATH, first, paid),
    }
}
