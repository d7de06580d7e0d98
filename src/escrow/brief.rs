//! Warnings in a sentence: what was found, against which threshold. Pure.
//!
//! All figures come from the evidence that the detector kept, so a sentence can say nothing that the record does not.

use serde_json::Value;

use super::{model::Conclusion, oversight};
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
        "FUND-WITHDRAW-UNMATCHED" => withdraw_unmatched(lang, evidence),
        "FUND-COVERAGE" => coverage(lang, evidence),
        "FUND-RUNOFF-DATE" => runoff(lang, evidence),
        "FUND-UNUSUAL-COUNTERPARTY" => counterparty(lang, evidence),
        "FUND-STRUCTURING" => structuring(lang, evidence).or_else(|| oversight::words::claim(lang, kind, evidence)),
        "TRAINING-LOAN" => training_loan(lang, evidence).or_else(|| oversight::words::claim(lang, kind, evidence)),
        "ENROLMENT-SURGE" => surge(lang, evidence),
        _ => oversight::words::claim(lang, kind, evidence),
    };
    found.unwrap_or_else(|| show::warning_kind(lang, kind).to_owned())
}

fn text<'e>(evidence: &'e Value, field: &str) -> Option<&'e str> {
    evidence.get(field).and_then(Value::as_str)
}

fn withdraw_unmatched(lang: Lang, evidence: &Value) -> Option<String> {
    let amount = money(number(evidence, "amount_fen")?);
    if text(evidence, "formula")? != "released_fen - consumable_fen > threshold" {
        return Some(match lang {
            Lang::Zh => format!("转出 {amount}，没有对应的划拨或退费单"),
            Lang::En => format!("{amount} was withdrawn without a release or refund order"),
        });
    }
    let released = money(number(evidence, "released_fen")?);
    let consumable = money(number(evidence, "consumable_fen")?);
    let excess = money(number(evidence, "excess_fen")?);
    Some(match lang {
        Lang::Zh => format!("本结算周期已划拨 {released}，可划拨的消课金额 {consumable}，多划 {excess}"),
        Lang::En => format!(
            "{released} was released in this settlement period, {excess} more than the {consumable} that lessons earned"
        ),
    })
}

fn coverage(lang: Lang, evidence: &Value) -> Option<String> {
    let balance = money(number(evidence, "balance_fen")?);
    let needed = money(number(evidence, "needed_fen")?);
    let share = show::percent(number(evidence, "value")?);
    let is_deposit = text(evidence, "mode") == Some("risk_deposit");
    Some(match (lang, is_deposit) {
        (Lang::Zh, false) => format!("日终余额 {balance}，为未消课金额 {needed} 的 {share}"),
        (Lang::Zh, true) => format!("保证金余额 {balance}，为 3 个月收费 {needed} 的 {share}"),
        (Lang::En, false) => format!("The balance of {balance} covers {share} of the {needed} of fees not yet earned"),
        (Lang::En, true) => format!("The deposit of {balance} is {share} of the {needed} of three months' fees"),
    })
}

fn runoff(lang: Lang, evidence: &Value) -> Option<String> {
    let outflow = money(number(evidence, "outflow_per_day_fen")?);
    let days = number(evidence, "value")?;
    let (gone, last) = (text(evidence, "runoff_on")?, text(evidence, "last_obligation_on")?);
    Some(match lang {
        Lang::Zh => format!("按每天净流出 {outflow} 计，余额还够 {days} 天，{gone} 耗尽；已收费的最后一课在 {last}"),
        Lang::En => format!(
            "At {outflow} a day the money lasts {days} days, until {gone}; the last lesson paid for is on {last}"
        ),
    })
}

/// What somebody is to the institution.
pub fn relation_word(lang: Lang, relation: &str) -> &'static str {
    match relation {
        "sponsor" => lang.t("举办者", "the sponsor"),
        "legal_representative" => lang.t("法定代表人", "the legal representative"),
        "relative" => lang.t("已登记的亲属", "a filed relative"),
        _ => lang.t("从业人员", "a member of staff"),
    }
}

fn counterparty(lang: Lang, evidence: &Value) -> Option<String> {
    let amount = money(number(evidence, "amount_fen")?);
    let unnamed = lang.t("未具名的账户", "an account without a name");
    let payee = text(evidence, "payee").unwrap_or(unnamed);
    let (zh, en) = match text(evidence, "formula")? {
        "amount_fen >= threshold to a natural person"
        | "amount_fen * 10000 / balance_before_fen >= threshold to a natural person" => {
            let share = show::percent(number(evidence, "share_bp")?);
            (format!("，收款人为个人，占转出前余额的 {share}"), format!(", a natural person: {share} of the balance"))
        }
        "the recipient is related to the institution" => {
            let relation = text(evidence, "relation")?;
            (
                format!("，收款人与{}同名", relation_word(lang, relation)),
                format!(", who bears the name of {}", relation_word(lang, relation)),
            )
        }
        "amount_fen >= threshold to a recipient never paid before" => {
            ("，首次向其付款".to_owned(), ", who was never paid before".to_owned())
        }
        "recipients first paid within window_days >= threshold" => {
            let count = number(evidence, "new_payees")?;
            (format!("，7 日内新增收款人 {count} 个"), format!(", one of {count} new recipients within 7 days"))
        }
        "the recipient is a natural person" => ("，收款人为个人".to_owned(), ", a natural person".to_owned()),
        _ => ("，不是备案的自有账户".to_owned(), ", which is not the filed account".to_owned()),
    };
    Some(match lang {
        Lang::Zh => format!("转出 {amount} 给{payee}{zh}"),
        Lang::En => format!("{amount} went to {payee}{en}"),
    })
}

fn structuring(lang: Lang, evidence: &Value) -> Option<String> {
    let (count, sum) = (number(evidence, "value")?, money(number(evidence, "sum_fen")?));
    let line = money(number(evidence, "line_fen")?);
    Some(match lang {
        Lang::Zh => format!("24 小时内 {count} 笔转出，每笔都不到大额标准 {line}，合计 {sum}"),
        Lang::En => format!("{count} withdrawals within 24 hours, each under the {line} of a large one, come to {sum}"),
    })
}

fn training_loan(lang: Lang, evidence: &Value) -> Option<String> {
    let amount = money(number(evidence, "received_fen")?);
    let (families, word) = (number(evidence, "value")?, text(evidence, "lender_word")?);
    let payer = text(evidence, "payer").unwrap_or(lang.t("未具名的付款人", "an unnamed payer"));
    Some(match lang {
        Lang::Zh => format!("{payer}转入 {amount}，名称或附言含“{word}”，累计涉及至少 {families} 个家庭"),
        Lang::En => format!(
            "{amount} came from {payer}; the name or the remark says “{word}”; at least {families} families in all"
        ),
    })
}

fn surge(lang: Lang, evidence: &Value) -> Option<String> {
    let (week, mean) = (money(number(evidence, "income_fen")?), money(number(evidence, "mean_week_fen")?));
    Some(match lang {
        Lang::Zh => format!("7 日收入 {week}，前 8 周平均每周 {mean}"),
        Lang::En => format!("{week} came in within 7 days; the mean week of the eight before is {mean}"),
    })
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

/// Why a kind of warning cannot be judged on an account, by what it lacks.
pub fn lack(lang: Lang, what: &str) -> String {
    let (zh, en) = match what {
        "obligations" => {
            ("没有合同台账，不知道应付多少", "there is no ledger of contracts, so what is owed is unknown")
        }
        "base_fen" => ("期内没有可用资金，算不出占比", "there was no money at hand to take a share of"),
        "counterparty" => ("银行没有提供收款人", "the bank does not say who was paid"),
        "counterparty_name" => ("银行没有提供收款人名称", "the bank does not name who was paid"),
        "payee_account" => ("没有备案划拨的收款账户", "the account that releases go to is not filed"),
        "14_days_of_entries" => ("流水不足 14 天", "there are less than 14 days of entries"),
        "63_days_of_entries" => ("流水不足 9 周", "there are less than nine weeks of entries"),
        "last_obligation_on" => ("不知道已收费的最后一课在哪天", "the day of the last lesson paid for is unknown"),
        _ => match what.strip_prefix("holidays_") {
            Some(year) => return lang.t("缺少节假日表 ", "no holiday table of ").to_owned() + year,
            None => (what, what),
        },
    };
    lang.t(zh, en).to_owned()
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

/// The word of what was found when a warning was closed.
pub fn conclusion_word(lang: Lang, conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Founded => lang.t("属实", "founded"),
        Conclusion::Unfounded => lang.t("误报", "a false alarm"),
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
    fn claims_of_flows_say_what_was_found() {
        let grab = json!({"formula": "released_fen - consumable_fen > threshold", "amount_fen": 9_600_000, "released_fen": 9_600_000,
            "consumable_fen": 4_000_000, "excess_fen": 5_600_000});
        assert_eq!(
            claim(Lang::Zh, "FUND-WITHDRAW-UNMATCHED", &grab),
            "本结算周期已划拨 ¥96,000.00，可划拨的消课金额 ¥40,000.00，多划 ¥56,000.00"
        );
        let cover = json!({"value": 8930, "balance_fen": 38_400_000, "needed_fen": 43_000_000, "mode": "custody"});
        assert_eq!(claim(Lang::Zh, "FUND-COVERAGE", &cover), "日终余额 ¥384,000.00，为未消课金额 ¥430,000.00 的 89.3%");
        let person = json!({"formula": "amount_fen >= threshold to a natural person", "amount_fen": 6_000_000, "share_bp": 600, "payee": "张*"});
        assert_eq!(
            claim(Lang::Zh, "FUND-UNUSUAL-COUNTERPARTY", &person),
            "转出 ¥60,000.00 给张*，收款人为个人，占转出前余额的 6.0%"
        );
        let loan =
            json!({"value": 20, "received_fen": 9_600_000, "payer": "××消费金融有限公司", "lender_word": "消费金融"});
        assert!(claim(Lang::En, "TRAINING-LOAN", &loan).ends_with("at least 20 families in all"));
        let runoff = json!({"value": 31, "outflow_per_day_fen": 640_000, "runoff_on": "2026-04-01", "last_obligation_on": "2026-05-31"});
        assert!(claim(Lang::Zh, "FUND-RUNOFF-DATE", &runoff).contains("还够 31 天，2026-04-01 耗尽"));
        let split = json!({"value": 3, "sum_fen": 13_500_000, "line_fen": 5_000_000});
        assert!(claim(Lang::Zh, "FUND-STRUCTURING", &split).ends_with("合计 ¥135,000.00"));
        let surge = json!({"income_fen": 6_000_000, "mean_week_fen": 2_000_000});
        assert!(claim(Lang::En, "ENROLMENT-SURGE", &surge).starts_with("¥60,000.00 came in"));
    }

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
