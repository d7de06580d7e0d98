//! What a warning rests on, in words that an officer can check by hand: the formula, each input with its name and unit,
//! and the balance at which the threshold was reached. Pure.
//!
//! Names and figures come from the evidence that the detector kept; nothing is computed anew but the line of the chart.

use chrono::{DateTime, FixedOffset, Timelike};
use serde_json::{Map, Value};

use super::{brief, detector::lender_word_means, oversight::words};
use crate::{
    kernel::Fen,
    web::{Lang, show},
};

/// One input of a warning, named and with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: &'static str,
    pub value: String,
}

/// The inputs in the order in which a person reads them: field of the evidence, name in Chinese, in English.
const NAMES: [(&str, &str, &str); 61] = [
    ("value", "测得", "Measured"),
    ("threshold", "预警线", "Threshold"),
    ("at", "发生时间", "When"),
    ("bank_ref", "银行流水号", "Bank's reference"),
    ("window_days", "统计天数", "Days looked back"),
    ("period_from", "结算周期起", "Settlement period from"),
    ("amount_fen", "转出金额", "Amount withdrawn"),
    ("received_fen", "转入金额", "Amount received"),
    ("payee", "收款人", "Recipient"),
    ("payee_account", "收款账户", "Recipient's account"),
    ("payee_is_person", "收款人为个人", "Recipient is a natural person"),
    ("relation", "与机构的关系", "Related as"),
    ("first_seen", "首次收款", "Never paid before"),
    ("new_payees", "7 日内新增收款人", "New recipients within 7 days"),
    ("payer", "付款人", "Payer"),
    ("lender_word", "贷款特征词", "Word of a lender or a loan"),
    ("families_here", "本笔涉及家庭", "Families behind this entry"),
    ("family_fen", "一个家庭一次最多缴费", "Most that one family pays at once"),
    ("balance_before_fen", "转出前余额", "Balance before it"),
    ("share_bp", "占比", "Share"),
    ("share_floor_fen", "按占比预警的起点金额", "Least amount for the share to count"),
    ("sum_fen", "合计", "In all"),
    ("line_fen", "大额标准", "Large amount"),
    ("band_from_fen", "接近大额标准的起点", "Close to it from"),
    ("red_from_bp", "合计达到大额标准的此比例为红色", "Red when they come to this share of it"),
    ("matched_count", "其中有单据的笔数", "Of them covered by orders"),
    ("debits_fen", "期内转出", "Paid out in the period"),
    ("balance_at_start_fen", "期初余额", "Balance at its start"),
    ("credits_fen", "期内转入", "Paid in during it"),
    ("base_fen", "期内可用资金", "Money at hand in it"),
    (
        "exempt_fen",
        "其中退费、冲正、转入本机构其他监管账户（不计入）",
        "Refunds, reversals and moves to own escrow accounts, not counted",
    ),
    ("matched_fen", "其中有划拨单的", "Covered by release orders"),
    ("matched_bp", "有划拨单的占比", "Share covered by orders"),
    ("released_fen", "本周期已划拨", "Released in the period"),
    ("elsewhere_fen", "本周期从其他监管账户划拨", "Released in the period from other accounts"),
    ("earned_fen", "本周期确认消课", "Lessons confirmed in the period"),
    ("carried_fen", "上期结转", "Carried over"),
    ("consumable_fen", "可划拨金额", "What may be released"),
    ("excess_fen", "多划金额", "Released too much"),
    ("excess_bp", "多划占可划拨金额", "Of what may be released"),
    ("tolerance_fen", "容差", "Tolerance"),
    ("unmatched_fen", "无单据且未退回的转出", "Withdrawn without orders and not put back"),
    ("balance_fen", "余额", "Balance"),
    ("minimum_fen", "最低余额", "Minimum balance"),
    ("fixed_fen", "其中固定下限", "Of it the fixed floor"),
    ("needed_fen", "应有余额", "Balance needed"),
    ("lacking_fen", "缺口", "Lacking"),
    ("mode", "监管方式", "Mode"),
    ("outflow_per_day_fen", "每天净流出", "Net outflow a day"),
    ("runoff_on", "预计耗尽日", "Runs out on"),
    ("last_obligation_on", "已收费的最后一课", "Last lesson paid for"),
    ("unearned_fen", "未消课金额", "Fees not yet earned"),
    ("unearned_bp", "按未消课金额计的比例", "Share of unearned fees to be kept"),
    ("of_minimum_bp", "达到最低余额的", "Part of the minimum"),
    ("bank_days_below", "连续低于的银行工作日", "Bank days below it"),
    ("income_fen", "7 日收入", "Income of 7 days"),
    ("mean_week_fen", "前 8 周周均收入", "Mean week of the eight before"),
    ("times_bp", "触发倍数", "Multiple that counts"),
    ("floor_fen", "收入起点", "Income from which it counts"),
    ("falls_short", "覆盖率或耗尽日也有预警", "Coverage or run-off is open, too"),
    ("order_ref", "对应的划拨或退费单", "Release or refund order"),
];

/// Every input that the evidence holds, each once.
pub fn inputs(lang: Lang, evidence: &Value) -> Vec<Input> {
    let empty = Map::new();
    let fields = evidence.as_object().unwrap_or(&empty);
    let unit = fields.get("unit").and_then(Value::as_str).unwrap_or_default();
    let mut inputs: Vec<Input> = NAMES
        .iter()
        .chain(words::NAMES)
        .filter_map(|(field, zh, en)| Some((*field, lang.t(zh, en), fields.get(*field)?)))
        .filter(|(field, _, value)| !value.is_null() && !said_before(field, value, fields))
        .map(|(field, name, value)| Input { name, value: shown(lang, field, value, unit) })
        .collect();
    if fields.get("capped") == Some(&Value::Bool(true)) {
        let reached = fields.get("reached_level").and_then(Value::as_str).unwrap_or_default();
        let level = show::level_word(lang, reached);
        let value = match lang {
            Lang::Zh => format!("按金额达到{level}，因有单据降为蓝色"),
            Lang::En => format!("{level} by the amount, blue because orders cover it"),
        };
        inputs.push(Input { name: lang.t("降级", "Lowered"), value });
    }
    inputs
}

/// Whether a field repeats the measured value.
fn said_before(field: &str, value: &Value, fields: &Map<String, Value>) -> bool {
    matches!(field, "share_bp" | "amount_fen" | "balance_fen")
        && fields.get("value") == Some(value)
        && fields.get("unit").and_then(Value::as_str) == Some(if field.ends_with("_bp") { "bp" } else { "fen" })
}

fn shown(lang: Lang, field: &str, value: &Value, unit: &str) -> String {
    if let Some(word) = word(lang, field, value).or_else(|| words::said(lang, field, value)) {
        return word;
    }
    let unit = match field {
        "value" | "threshold" => unit,
        _ if field.ends_with("_fen") => "fen",
        _ if field.ends_with("_bp") => "bp",
        _ => "",
    };
    match (value.as_i64(), unit) {
        (Some(fen), "fen") => Fen(fen).yuan(),
        (Some(bp), "bp") => show::percent(bp),
        (Some(days), "days") => format!("{days} {}", lang.t("天", "days")),
        (Some(number), "families") => format!("{number} {}", lang.t("户", "families")),
        (Some(number), "withdrawals") => format!("{number} {}", lang.t("笔", "withdrawals")),
        (Some(number), "payees") => format!("{number} {}", lang.t("个", "recipients")),
        (Some(number), unit) if let Some(counted) = words::counted(lang, number, unit) => counted,
        _ if field == "at" => instant(value.as_str().unwrap_or_default()),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// A field that holds a word of the program, as people say it.
fn word(lang: Lang, field: &str, value: &Value) -> Option<String> {
    let text = value.as_str();
    let said = match (field, value) {
        (_, Value::Bool(yes)) => if *yes { lang.t("是", "yes") } else { lang.t("否", "no") }.to_owned(),
        ("relation", _) => brief::relation_word(lang, text?).to_owned(),
        ("mode", _) if text? == "risk_deposit" => lang.t("风险保证金", "risk deposit").to_owned(),
        ("mode", _) => lang.t("银行托管", "custody").to_owned(),
        ("lender_word", _) => {
            let (zh, en) = lender_word_means(text?)?;
            format!("{}（{}）", text?, lang.t(zh, en))
        }
        _ => return None,
    };
    Some(said)
}

/// Whether an instant stands for its day: the bank gave no time, or the end of the day was judged.
pub fn is_whole_day(local: DateTime<FixedOffset>) -> bool {
    matches!((local.hour(), local.minute(), local.second()), (0, 0, 0) | (23, 59, 59))
}

/// The instant that a warning's inputs are of.
pub fn at(evidence: &Value) -> Option<DateTime<FixedOffset>> {
    evidence.get("at").and_then(Value::as_str)?.parse().ok()
}

/// Day and time, or the day alone where the bank gave no time and where a whole day was judged.
fn instant(text: &str) -> String {
    let Ok(at) = text.parse::<DateTime<FixedOffset>>() else { return text.to_owned() };
    at.format(if is_whole_day(at) { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The formula in words; one that this version does not know is shown as the detector wrote it.
pub fn formula(lang: Lang, evidence: &Value) -> String {
    let written = evidence.get("formula").and_then(Value::as_str).unwrap_or_default();
    let (zh, en) = match written {
        "amount_fen >= threshold" => ("转出金额 ≥ 预警线", "amount withdrawn ≥ threshold"),
        "amount_fen * 10000 / balance_before_fen >= threshold, and amount_fen >= share_floor_fen" => (
            "转出金额 ÷ 转出前余额 ≥ 预警线，且转出金额 ≥ 起点金额",
            "amount withdrawn ÷ balance before it ≥ threshold, and amount ≥ least amount",
        ),
        "balance_before_fen <= 0 counts as 10000 bp, and amount_fen >= share_floor_fen" => (
            "转出前余额为零或为负，占比按 100% 计，且转出金额 ≥ 起点金额",
            "the balance before it was zero or less, which counts as 100 %, and amount ≥ least amount",
        ),
        "debits_fen * 10000 / (balance_at_start_fen + credits_fen) >= threshold" => {
            ("期内转出 ÷（期初余额 + 期内转入）≥ 预警线", "paid out ÷ (balance at the start + paid in) ≥ threshold")
        }
        "balance_fen < minimum_fen * of_minimum_bp / 10000" => {
            ("日终余额 < 最低余额 × 比例", "balance at the end of the day < minimum × part")
        }
        "balance_fen < minimum_fen on consecutive bank days" => {
            ("日终余额连续多个银行工作日 < 最低余额", "balance < minimum on consecutive bank days")
        }
        other => words::formula(other).unwrap_or_else(|| flow_formula(other)),
    };
    lang.t(zh, en).to_owned()
}

/// The formulas of where money goes, what covers it and where it comes from.
fn flow_formula(written: &str) -> (&str, &str) {
    match written {
        "released_fen - consumable_fen > threshold" => (
            "本周期已划拨 − 可划拨金额 > 容差；可划拨金额 = 上期结转 + 本周期确认消课",
            "released − what may be released > tolerance; what may be released = carried over + lessons confirmed",
        ),
        "amount_fen >= threshold without an order" => {
            ("没有划拨或退费单，且金额 ≥ 预警线", "no release or refund order, and amount ≥ threshold")
        }
        "any amount without an order" => ("没有划拨或退费单", "no release or refund order"),
        "balance_fen * 10000 / unearned_fen < threshold" => {
            ("日终余额 ÷ 未消课金额 < 预警线", "balance at the end of the day ÷ fees not yet earned < threshold")
        }
        "balance_fen * 10000 / fees_of_3_months_fen < threshold" => {
            ("保证金余额 ÷ 最近 3 个月收费 < 预警线", "deposit ÷ fees of the last three months < threshold")
        }
        "balance_fen / outflow_per_day_fen <= threshold, and runoff_on < last_obligation_on" => (
            "余额 ÷ 每天净流出 ≤ 预警线，且耗尽日早于已收费的最后一课；每天净流出 = 最近各整周净流出的中位数 ÷ 7",
            "balance ÷ net outflow a day ≤ threshold, and it runs out before the last lesson paid for; net outflow a day = median of the last whole weeks ÷ 7",
        ),
        "amount_fen >= threshold to a natural person" => {
            ("收款人为个人，且金额 ≥ 预警线", "to a natural person, and amount ≥ threshold")
        }
        "amount_fen * 10000 / balance_before_fen >= threshold to a natural person" => (
            "收款人为个人，且金额 ÷ 转出前余额 ≥ 预警线",
            "to a natural person, and amount ÷ balance before it ≥ threshold",
        ),
        "the recipient is related to the institution" => {
            ("收款人与机构的关联人同名", "the recipient bears the name of somebody related to the institution")
        }
        "amount_fen >= threshold to a recipient never paid before" => {
            ("首次向该收款人付款，且金额 ≥ 预警线", "the recipient was never paid before, and amount ≥ threshold")
        }
        "recipients first paid within window_days >= threshold" => {
            ("7 日内首次付款的收款人数 ≥ 预警线", "recipients first paid within 7 days ≥ threshold")
        }
        "the recipient is a natural person" => ("收款人为个人", "the recipient is a natural person"),
        "the recipient is not the filed account" => {
            ("收款账户不是备案的自有账户", "the recipient's account is not the filed one")
        }
        "withdrawals of band_from_fen or more and under line_fen within 24 hours >= threshold" => (
            "24 小时内接近而不到大额标准的转出笔数 ≥ 预警线",
            "withdrawals close under the large amount within 24 hours ≥ threshold",
        ),
        "withdrawals under line_fen to one recipient within 24 hours >= threshold, and sum_fen >= line_fen" => (
            "24 小时内向同一收款人、每笔不到大额标准的转出笔数 ≥ 预警线，且合计 ≥ 大额标准",
            "withdrawals under the large amount to one recipient within 24 hours ≥ threshold, and in all ≥ the large amount",
        ),
        "withdrawals under line_fen to recipients first paid within 24 hours >= threshold, and sum_fen >= line_fen" => {
            (
                "24 小时内向首次收款人、每笔不到大额标准的转出笔数 ≥ 预警线，且合计 ≥ 大额标准",
                "withdrawals under the large amount to new recipients within 24 hours ≥ threshold, and in all ≥ the large amount",
            )
        }
        "sum of amount_fen / family_fen, rounded up, of all payments by lenders" => (
            "各笔贷款机构转入 ÷ 一个家庭一次最多缴费，逐笔进一，合计为家庭数",
            "each payment by a lender ÷ the most that one family pays at once, rounded up, in all",
        ),
        "income_fen >= mean_week_fen * times_bp / 10000, and income_fen >= floor_fen" => (
            "7 日收入 ≥ 前 8 周周均收入 × 触发倍数，且 ≥ 收入起点",
            "income of 7 days ≥ mean week of the eight before × the multiple, and ≥ the least income",
        ),
        other => (other, other),
    }
}

/// The provision that a kind of warning rests on. National provisions name no figures: the thresholds are parameters of policy.
pub fn law(lang: Lang, kind: &str) -> &'static str {
    let (zh, en) = match kind {
        "FUND-LARGE-SINGLE" | "FUND-CUM-ROLLING" => {
            ("教监管函〔2021〕2号（大额资金异动）", "教监管函〔2021〕2号 (large movements)")
        }
        "FUND-STRUCTURING" => (
            "教监管函〔2021〕2号（大额资金异动、预收费限额）",
            "教监管函〔2021〕2号 (large movements, limits of prepayment)",
        ),
        "FUND-BELOW-MIN" => ("教监管函〔2021〕2号（最低余额）", "教监管函〔2021〕2号 (minimum balance)"),
        "FUND-WITHDRAW-UNMATCHED" => {
            ("教监管函〔2021〕2号（划拨与授课进度同步、同比例）", "教监管函〔2021〕2号 (released in step with lessons)")
        }
        "FUND-COVERAGE" => (
            "教监管函〔2021〕2号（应托管、尽托管；风险保证金）",
            "教监管函〔2021〕2号 (all fees under supervision; deposits)",
        ),
        "FUND-RUNOFF-DATE" => ("教监管函〔2021〕2号（风险监测预警）", "教监管函〔2021〕2号 (risks watched for)"),
        "FEED-SILENT" | "STMT-GAP" | "STMT-CHAIN-BREAK" => {
            ("教监管函〔2021〕2号（银行报送账户信息）", "教监管函〔2021〕2号 (the bank reports)")
        }
        "FUND-UNUSUAL-COUNTERPARTY" => (
            "教监管函〔2021〕2号（专用账户、备案的自有账户）",
            "教监管函〔2021〕2号 (one dedicated and one filed own account)",
        ),
        "PREPAY-OVER-CAP" => (
            "教监管函〔2021〕2号；教监管〔2022〕4号（3 个月、60 课时、5,000 元）",
            "教监管函〔2021〕2号; 教监管〔2022〕4号 (3 months, 60 units, ¥5,000)",
        ),
        "FUND-OUTSIDE-ESCROW" => {
            ("教监管函〔2021〕2号（预收费全部进入监管账户）", "教监管函〔2021〕2号 (all fees into escrow)")
        }
        "TRAINING-LOAN" => (
            "中办发〔2021〕40号（双减意见）；教监管函〔2021〕2号（不得使用培训贷）",
            "中办发〔2021〕40号; 教监管函〔2021〕2号 (no loans for training)",
        ),
        "REFUND-BACKLOG" => (
            "校外培训机构财务管理暂行办法（2023）；GF-2021-2604（退费）",
            "校外培训机构财务管理暂行办法 (2023); GF-2021-2604 (refunds)",
        ),
        "ACCOUNT-NOT-FILED" => {
            ("教监管函〔2021〕2号（账户和协议备案）", "教监管函〔2021〕2号 (account and agreement on file)")
        }
        _ => ("教监管函〔2021〕2号（预收费监管）", "教监管函〔2021〕2号 (prepayments supervised)"),
    };
    lang.t(zh, en)
}

/// The balance at or below which the warning was raised, in fen: the line of the chart.
pub fn line_fen(kind: &str, evidence: &Value) -> Option<i64> {
    let field = |name: &str| evidence.get(name).and_then(Value::as_i64);
    let threshold = field("threshold")?;
    let base = match kind {
        "FUND-LARGE-SINGLE" => field("balance_before_fen")?,
        "FUND-CUM-ROLLING" => field("base_fen")?,
        "FUND-BELOW-MIN" => return Some(threshold),
        _ => return None,
    };
    let gone = match evidence.get("unit").and_then(Value::as_str)? {
        "fen" => i128::from(threshold),
        "bp" => i128::from(base) * i128::from(threshold) / 10_000,
        _ => return None,
    };
    i64::try_from(i128::from(base) - gone).ok().filter(|line| *line >= 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pairs(evidence: &Value) -> Vec<String> {
        inputs(Lang::Zh, evidence).into_iter().map(|input| format!("{}={}", input.name, input.value)).collect()
    }

    #[test]
    fn inputs_carry_names_and_units_and_are_said_once() {
        let evidence = json!({"value": 4000, "threshold": 3500, "unit": "bp", "formula": "x", "amount_fen": 100, "share_bp": 4000,
            "window_days": 7, "order_ref": null, "capped": false, "reached_level": "orange", "at": "2026-03-17T00:00:00+08:00"});
        assert_eq!(
            pairs(&evidence),
            ["测得=40.0%", "预警线=35.0%", "发生时间=2026-03-17", "统计天数=7", "转出金额=¥1.00"]
        );
        let capped =
            json!({"capped": true, "reached_level": "red", "order_ref": "R-1", "at": "2026-03-17T16:42:00+08:00"});
        assert_eq!(
            pairs(&capped),
            ["发生时间=2026-03-17 16:42:00", "对应的划拨或退费单=R-1", "降级=按金额达到红色，因有单据降为蓝色"]
        );
    }

    /// Formulas stand in the detector in quotes, alone or as the last of a few values.
    #[test]
    fn every_formula_of_the_flows_is_said_in_words() {
        for written in [
            "released_fen - consumable_fen > threshold",
            "the recipient is not the filed account",
            "sum of amount_fen / family_fen, rounded up, of all payments by lenders",
        ] {
            let (zh, en) = flow_formula(written);
            assert!(zh != written && en != written, "{written}");
        }
    }

    /// Whatever the detector writes has a name here, so that no page shows the name of a field.
    #[test]
    fn every_field_of_the_evidence_has_a_name() {
        let detector = concat!(
            include_str!("detector/large_single.rs"),
            include_str!("detector/cum_rolling.rs"),
            include_str!("detector/below_min.rs"),
            include_str!("detector/withdraw_unmatched.rs"),
            include_str!("detector/coverage.rs"),
            include_str!("detector/runoff.rs"),
            include_str!("detector/counterparty.rs"),
            include_str!("detector/structuring.rs"),
            include_str!("detector/loan.rs"),
            include_str!("detector/surge.rs"),
        );
        let mut seen = 0;
        for line in
            detector.lines().map(str::trim).filter(|line| line.starts_with("(\"") && line.ends_with(".into()),"))
        {
            let field = line[2..].split('"').next().unwrap();
            let apart = matches!(
                field,
                "unit" | "formula" | "minimum_formula" | "outflow_formula" | "reached_level" | "capped"
            );
            assert!(apart || NAMES.iter().any(|(name, _, _)| *name == field), "{field} has no name");
            seen += 1;
        }
        assert!(seen > 100, "the detector's fields were found: {seen}");
    }

    #[test]
    fn formulas_are_in_words() {
        let evidence = json!({"formula": "debits_fen * 10000 / (balance_at_start_fen + credits_fen) >= threshold"});
        assert_eq!(formula(Lang::Zh, &evidence), "期内转出 ÷（期初余额 + 期内转入）≥ 预警线");
        assert_eq!(formula(Lang::En, &json!({"formula": "new_one >= 3"})), "new_one >= 3");
    }

    #[test]
    fn the_line_is_the_balance_at_which_the_threshold_is_reached() {
        let share = json!({"unit": "bp", "threshold": 3500, "balance_before_fen": 45_720_000});
        assert_eq!(line_fen("FUND-LARGE-SINGLE", &share), Some(29_718_000));
        let amount = json!({"unit": "fen", "threshold": 5_000_000, "balance_before_fen": 45_720_000});
        assert_eq!(line_fen("FUND-LARGE-SINGLE", &amount), Some(40_720_000));
        let rolling = json!({"unit": "bp", "threshold": 3000, "base_fen": 45_720_000});
        assert_eq!(line_fen("FUND-CUM-ROLLING", &rolling), Some(32_004_000));
        assert_eq!(line_fen("FUND-BELOW-MIN", &json!({"unit": "fen", "threshold": 7})), Some(7));
        assert_eq!(
            line_fen("FUND-LARGE-SINGLE", &json!({"unit": "bp", "threshold": 3500, "balance_before_fen": -5})),
            None
        );
    }
}
