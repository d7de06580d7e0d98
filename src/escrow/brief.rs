//! Warnings in a sentence: what was found, against which threshold. Pure.
//!
//! All figures come from the evidence that the detector kept, so a sentence can say nothing that the record does not.

use serde_json::Value;

use super::oversight;
use crate::{
    kernel::Fen,
    web::{Lang, show},
};

fn number(evidence: &Value, field: &str) -> Option<i64> {
    evidence.get(field).and_then(Value::as_i64)
}

fn money(fen: i64) -> String {
    Fen(fen).yuan()
}

/// The claim of a warning of `kind`, e.g. 单笔转出 ¥400,000.00，占转出前余额的 40.0%，达到 35.0% 的预警线。
pub fn claim(lang: Lang, kind: &str, evidence: &Value) -> String {
    let found = match kind {
        "FUND-LARGE-SINGLE" => large_single(lang, evidence),
        "FUND-CUM-ROLLING" => cum_rolling(lang, evidence),
        "FUND-BELOW-MIN" => below_min(lang, evidence),
        _ => oversight::words::claim(lang, kind, evidence),
    };
    found.unwrap_or_else(|| show::warning_kind(lang, kind).to_owned())
}

fn large_single(lang: Lang, evidence: &Value) -> Option<String> {
    let amount = money(number(evidence, "amount_fen")?);
    let balance = number(evidence, "balance_before_fen")?;
    let share = show::percent(number(evidence, "share_bp")?);
    let threshold = number(evidence, "threshold")?;
    let by_share = evidence.get("unit").and_then(Value::as_str) == Some("bp");
    let line = if by_share { show::percent(threshold) } else { money(threshold) };
    let before = money(balance);
    Some(match lang {
        Lang::Zh => format!("单笔转出 {amount}，占转出前余额 {before} 的 {share}，达到 {line} 的预警线"),
        Lang::En => format!(
            "A single withdrawal of {amount}, {share} of the {before} held before it, reaches the threshold of {line}"
        ),
    })
}

fn cum_rolling(lang: Lang, evidence: &Value) -> Option<String> {
    let days = number(evidence, "window_days")?;
    let paid = money(number(evidence, "debits_fen")?);
    let (share, line) = (show::percent(number(evidence, "share_bp")?), show::percent(number(evidence, "threshold")?));
    Some(match lang {
        Lang::Zh => format!("{days} 天内累计转出 {paid}，占同期可用资金的 {share}，达到 {line} 的预警线"),
        Lang::En => {
            format!("{paid} paid out within {days} days, {share} of the money at hand, reaches the threshold of {line}")
        }
    })
}

fn below_min(lang: Lang, evidence: &Value) -> Option<String> {
    let balance = number(evidence, "balance_fen")?;
    let minimum = number(evidence, "minimum_fen")?;
    let lacking = money(minimum.saturating_sub(balance));
    let (balance, minimum) = (money(balance), money(minimum));
    Some(match lang {
        Lang::Zh => format!("日终余额 {balance}，比最低余额 {minimum} 少 {lacking}"),
        Lang::En => {
            format!("The balance of {balance} at the end of the day is {lacking} short of the minimum of {minimum}")
        }
    })
}

/// A warning in a few words for a table, e.g. 单笔转出 40.0%.
pub fn reason(lang: Lang, kind: &str, evidence: &Value) -> String {
    let word = show::warning_kind(lang, kind);
    let share = number(evidence, "share_bp").map(show::percent);
    match (kind, share, number(evidence, "amount_fen")) {
        ("FUND-LARGE-SINGLE", Some(share), Some(amount)) => {
            format!("{word} {}{}{share}{}", money(amount), lang.t("（", " ("), lang.t("）", ")"))
        }
        ("FUND-CUM-ROLLING", Some(share), _) => match (lang, number(evidence, "window_days")) {
            (Lang::Zh, Some(days)) => format!("{days} 天累计支出 {share}"),
            (Lang::En, Some(days)) => format!("{share} paid out in {days} days"),
            _ => word.to_owned(),
        },
        _ => word.to_owned(),
    }
}

/// The word of a warning's status.
pub fn status_word(lang: Lang, status: &str) -> &'static str {
    match status {
        "raised" => lang.t("待签收", "New"),
        "acknowledged" => lang.t("已签收", "Acknowledged"),
        "explained" => lang.t("机构已说明", "Answered"),
        "investigating" => lang.t("核查中", "Under investigation"),
        "escalated" => lang.t("已上报", "Escalated"),
        "resolved" => lang.t("已办结", "Closed"),
        _ => lang.t("已撤回", "Withdrawn"),
    }
}

/// The word of what somebody did.
pub fn action_word(lang: Lang, action: &str) -> &'static str {
    match action {
        "acknowledge" => lang.t("签收", "Acknowledged"),
        "explain" => lang.t("机构说明", "The institution answered"),
        "investigate" => lang.t("开始核查", "Investigation begun"),
        "resolve" => lang.t("办结", "Closed"),
        "note" => lang.t("备注", "Note"),
        "hand_over" => lang.t("移交", "Handed over"),
        "overdue" => lang.t("逾期自动升级", "Overdue: one level up"),
        "reopen" => lang.t("再次出现，升一级", "Raised again: one level up"),
        _ => lang.t("升级上报", "Escalated"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_says_amount_share_and_threshold() {
        let share = json!({"value": 4000, "threshold": 3500, "unit": "bp", "amount_fen": 40_000_000, "balance_before_fen": 100_000_000, "share_bp": 4000});
        assert_eq!(
            claim(Lang::Zh, "FUND-LARGE-SINGLE", &share),
            "单笔转出 ¥400,000.00，占转出前余额 ¥1,000,000.00 的 40.0%，达到 35.0% 的预警线"
        );
        let amount = json!({"value": 1, "threshold": 5_000_000, "unit": "fen", "amount_fen": 6_000_000, "balance_before_fen": 100_000_000, "share_bp": 600});
        assert!(claim(Lang::En, "FUND-LARGE-SINGLE", &amount).ends_with("the threshold of ¥50,000.00"));
        let minimum = json!({"balance_fen": -500, "minimum_fen": 1000});
        assert_eq!(claim(Lang::Zh, "FUND-BELOW-MIN", &minimum), "日终余额 −¥5.00，比最低余额 ¥10.00 少 ¥15.00");
        assert_eq!(
            claim(Lang::Zh, "FUND-BELOW-MIN", &json!({})),
            "低于最低余额",
            "evidence that lacks its fields is not guessed"
        );
    }
}
