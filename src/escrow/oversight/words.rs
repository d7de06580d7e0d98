//! Warnings of the oversight in words: a sentence, the names of what they rest on, the formulas. Pure.

use serde_json::Value;

use crate::{
    escrow::detector::WarningKind,
    kernel::Fen,
    web::{Lang, show},
};

/// The inputs in the order in which a person reads them: field of the evidence, name in Chinese, in English.
pub const NAMES: &[(&str, &str, &str)] = &[
    ("covered_on", "报送到", "Data up to"),
    ("missing_from", "缺报起始日", "Missing since"),
    ("cutoff", "次一银行工作日截止", "Due on the next bank day by"),
    ("accounts", "该行监管账户数", "Accounts with the bank"),
    ("gap_after", "断点之前一日", "Last day before"),
    ("gap_before", "断点之后一日", "First day after"),
    ("closing_fen", "之前的期末余额", "Closing balance before"),
    ("opening_fen", "之后的期初余额", "Opening balance after"),
    ("bank_days_missing", "缺对账单的银行工作日", "Bank days without a statement"),
    ("days_in_between", "其中已报送日之间缺报", "Of them between days that came"),
    ("number_before", "之前的对账单编号", "Number of the statement before"),
    ("number_after", "之后的对账单编号", "Number of the statement after"),
    ("reference", "银行流水号", "Bank's reference"),
    ("file_name", "文件", "File"),
    ("place", "位置", "Place"),
    ("balance_expected_fen", "按上一笔推算的余额", "Balance expected"),
    ("balance_written_fen", "文件所写余额", "Balance written"),
    ("kept_as", "已入账", "Kept as"),
    ("received_as", "再次报送", "Came again as"),
    ("key_id", "密钥", "Key"),
    ("key_name", "密钥用途", "Whose key"),
    ("account_tail", "报送账户尾号", "Account, last digits"),
    ("last_on", "最近一次", "Last on"),
    ("places", "不衔接之处", "Places that do not connect"),
    ("since_on", "应备案起算日", "To be filed from"),
    ("due_on", "备案期限", "To be filed by"),
    ("fees_fen", "已收费用", "Fees taken"),
    ("has_account", "有账户而无协议", "An account without an agreement"),
    ("overdue", "逾期未退单数", "Refunds overdue"),
    ("oldest_due_on", "最早到期日", "The oldest was due on"),
    ("families_late", "逾期未退的家庭", "Families past their day"),
    ("pupils_asking", "7 日内申请退费的学员", "Pupils asking for refunds in 7 days"),
    ("pupils", "在读学员", "Pupils with lessons to come"),
    ("orders_over_cap", "超限单数", "Orders beyond the limits"),
    ("orders_in_30_days", "其中 30 日内", "Of them in 30 days"),
    ("pupils_over_cap", "涉及学员（30 日内）", "Pupils concerned in 30 days"),
    ("side", "来源", "Found in"),
    ("payments", "同一学员一日内的缴费笔数", "Payments of one pupil within a day"),
    ("pupils_split", "拆单的学员", "Pupils whose payments were split"),
    ("pupils_outside", "涉及学员", "Pupils concerned"),
    ("pupils_personal_payee", "付到个人账户的学员", "Pupils who paid a person's account"),
    ("paid_elsewhere_fen", "付到其他账户", "Paid to other accounts"),
    ("pupils_unpaid", "消课而无缴费的学员", "Pupils taught without a payment"),
    ("fees_unpaid_fen", "其中未进监管账户的费用", "Their fees, not found in escrow"),
    ("pupils_undetermined", "流水未覆盖、无法判断的学员", "Pupils of whom the statements do not tell"),
    ("due_fen", "应收", "Due"),
    ("inflow_fen", "账户实收", "Came into the account"),
    ("pupils_with_loan", "台账中贷款缴费的学员", "Pupils with a loan in the ledger"),
    ("loan_payments", "台账中贷款缴费笔数", "Payments by loan in the ledger"),
    ("complaints", "家长投诉", "Complaints of families"),
];

/// A formula in words; `None` for one of the detector's.
pub fn formula(written: &str) -> Option<(&'static str, &'static str)> {
    Some(match written {
        "missing bank days >= threshold" => ("缺报的银行工作日 ≥ 预警线", "missing bank days ≥ threshold"),
        "a bank day without a statement, and balances that differ" => (
            "有银行工作日没有对账单，且前后余额不符",
            "a bank day without a statement, and balances that differ across it",
        ),
        "a bank day that no statement covers" => ("有银行工作日没有对账单", "a bank day that no statement covers"),
        "the number of a statement != that of the one before + 1" => {
            ("对账单编号 ≠ 上一份编号 + 1", "number of a statement ≠ number of the one before + 1")
        }
        "opening_fen != closing_fen of the bank day before" => {
            ("期初余额 ≠ 前一银行工作日期末余额", "opening balance ≠ closing balance of the bank day before")
        }
        "balance after an entry != balance before + amount" => {
            ("本笔之后余额 ≠ 上一笔余额 ± 本笔金额", "balance after an entry ≠ balance before ± amount")
        }
        "a reference that is kept came with other content" => (
            "同一流水号再次报送，日期、方向或金额不同",
            "a reference came again with another date, direction or amount",
        ),
        "the signature of a push is not that of its key" => {
            ("报送签名与所用密钥不符", "the signature of a push is not that of its key")
        }
        "fees_fen > 0 without an agreement" => ("没有协议而已收费", "fees were taken without an agreement"),
        "workdays without an agreement > threshold" => {
            ("没有协议的工作日 > 期限", "workdays without an agreement > limit")
        }
        "overdue >= threshold" => ("逾期未退单数 ≥ 预警线", "overdue refunds ≥ threshold"),
        "days past the oldest refund's limit >= threshold" => {
            ("最早一单已逾期天数 ≥ 预警线", "days past the oldest refund's limit ≥ threshold")
        }
        "families past their day >= threshold" => ("逾期未退的家庭 ≥ 预警线", "families past their day ≥ threshold"),
        "fees outside escrow >= threshold" => ("账外费用 ≥ 预警线", "fees outside escrow ≥ threshold"),
        "pupils_asking * 10000 / pupils >= threshold" => (
            "7 日内申请退费的学员 ÷ 在读学员 ≥ 预警线",
            "pupils asking in 7 days ÷ pupils with lessons to come ≥ threshold",
        ),
        "pupils_over_cap * 10000 / pupils >= threshold" => (
            "30 日内超限的学员 ÷ 在读学员 ≥ 预警线",
            "pupils beyond the limits in 30 days ÷ pupils with lessons to come ≥ threshold",
        ),
        "orders beyond the limits >= threshold" => ("超限单数 ≥ 预警线", "orders beyond the limits ≥ threshold"),
        "orders beyond the limits in 30 days >= threshold" => {
            ("30 日内超限单数 ≥ 预警线", "orders beyond the limits in 30 days ≥ threshold")
        }
        "sum of one pupil's payments within a day > threshold, each <= threshold" => (
            "同一学员一日内每笔不超限、合计超过限额",
            "one pupil's payments within a day: each within the limit, together beyond it",
        ),
        "pupils who paid a person's account >= threshold" => {
            ("付到个人账户的学员 ≥ 预警线", "pupils who paid a person's account ≥ threshold")
        }
        "pupils outside escrow >= threshold" => ("账外收费涉及学员 ≥ 预警线", "pupils outside escrow ≥ threshold"),
        "due_fen - inflow_fen > max(due_fen * share, floor)" => {
            ("应收 − 账户实收 > 容差（比例与金额取大）", "due − came in > tolerance (the greater of a share and a sum)")
        }
        "families with a loan >= threshold" => ("使用培训贷的家庭 ≥ 预警线", "families with a loan ≥ threshold"),
        _ => return None,
    })
}

/// The claim of a warning, from its evidence; `None` for a kind of the detector's, or evidence that lacks its fields.
pub fn claim(lang: Lang, kind: &str, evidence: &Value) -> Option<String> {
    let number = |field: &str| evidence.get(field).and_then(Value::as_i64);
    let text = |field: &str| evidence.get(field).and_then(Value::as_str);
    let yuan = |field: &str| number(field).map(|fen| Fen(fen).yuan());
    let kind: WarningKind = kind.parse().ok()?;
    let (zh, en) = match kind {
        WarningKind::FeedSilent => {
            let (days, until) = (number("value")?, text("covered_on")?);
            match number("accounts") {
                Some(accounts) => (
                    format!("整家银行 {accounts} 个账户自 {until} 后已有 {days} 个银行工作日没有报送"),
                    format!("Nothing of the bank's {accounts} accounts for {days} bank days after {until}"),
                ),
                None if number("days_in_between").is_some() => {
                    let first = text("missing_from")?;
                    (
                        format!("有 {days} 个银行工作日没有报送，最早为 {first}"),
                        format!("Nothing from the bank for {days} bank days, the first of them {first}"),
                    )
                }
                None => (
                    format!("银行自 {until} 后已有 {days} 个银行工作日没有报送"),
                    format!("Nothing from the bank for {days} bank days after {until}"),
                ),
            }
        }
        WarningKind::StatementGap if text("unit")? == "bank_days" => {
            let (after, before, days) = (text("gap_after")?, text("gap_before")?, number("value")?);
            (
                format!("{after} 至 {before} 之间有 {days} 个银行工作日没有对账单"),
                format!("{days} bank days between {after} and {before} are without a statement"),
            )
        }
        WarningKind::StatementGap if text("unit")? == "statements" => {
            let (before, after) = (number("number_before")?, number("number_after")?);
            (
                format!("第 {before} 号之后为第 {after} 号，缺 {} 份对账单", number("value")?),
                format!("Number {before} is followed by number {after}: {} statements are missing", number("value")?),
            )
        }
        WarningKind::StatementGap if text("kept_as").is_some() => {
            let (reference, kept, came) = (text("reference")?, text("kept_as")?, text("received_as")?);
            (
                format!("流水号 {reference} 已入账为 {kept}，又报送为 {came}"),
                format!("The reference {reference} is kept as {kept} and came again as {came}"),
            )
        }
        WarningKind::StatementGap => {
            let (after, before, fen) = (text("gap_after")?, text("gap_before")?, yuan("value")?);
            (
                format!("{after} 至 {before} 之间缺对账单，余额相差 {fen}"),
                format!("Statements between {after} and {before} are missing, {fen} in all"),
            )
        }
        WarningKind::ChainBreak if text("key_id").is_some() => {
            let (name, tail) = (text("key_name")?, text("account_tail")?);
            (
                format!("以“{name}”的密钥为尾号 {tail} 的账户报送，签名不符，未入账"),
                format!(
                    "A push for the account ending in {tail} under the key of {name} was not signed by it; nothing was kept"
                ),
            )
        }
        WarningKind::ChainBreak if number("balance_written_fen").is_some() => {
            let (reference, file) = (text("reference")?, text("file_name")?);
            let (expected, written) = (yuan("balance_expected_fen")?, yuan("balance_written_fen")?);
            let place = |lang| text("place").map(|place| format!(" {}", place_in(lang, place))).unwrap_or_default();
            (
                format!("{file}{} 流水 {reference} 之后余额应为 {expected}，所写为 {written}", place(Lang::Zh)),
                format!(
                    "{file}{}: after {reference} the balance should be {expected}, and {written} is written",
                    place(Lang::En)
                ),
            )
        }
        WarningKind::ChainBreak => {
            let (after, before, fen) = (text("gap_after")?, text("gap_before")?, yuan("value")?);
            (
                format!("{before} 的期初余额与 {after} 的期末余额相差 {fen}"),
                format!("The opening balance of {before} differs from the closing balance of {after} by {fen}"),
            )
        }
        WarningKind::AccountNotFiled => match text("since_on")? {
            since if number("fees_fen")? > 0 => (
                format!("没有备案的监管账户协议，已收费 {}", yuan("fees_fen")?),
                format!("No escrow agreement on file since {since}, and {} taken in fees", yuan("fees_fen")?),
            ),
            since => (
                format!("自 {since} 起 {} 个工作日没有备案监管账户协议", number("value")?),
                format!("No escrow agreement on file for {} workdays since {since}", number("value")?),
            ),
        },
        WarningKind::RefundBacklog if text("unit")? == "bp" => {
            let share = show::percent(number("value")?);
            (
                format!("7 日内有 {} 名学员申请退费，占在读的 {share}", number("pupils_asking")?),
                format!("{} pupils asked for refunds in 7 days, {share} of all", number("pupils_asking")?),
            )
        }
        WarningKind::RefundBacklog => {
            let (count, oldest) = (number("overdue")?, text("oldest_due_on")?);
            (
                format!("{count} 单退费逾期未付，最早应于 {oldest} 前退清"),
                format!("{count} refunds are overdue, the oldest since {oldest}"),
            )
        }
        WarningKind::OverCap => {
            let (all, recent) = (number("orders_over_cap")?, number("orders_in_30_days")?);
            (
                format!("{all} 单收费超过预收限制，其中 30 日内 {recent} 单"),
                format!("{all} paid orders are beyond the limits of prepayment, {recent} of them in 30 days"),
            )
        }
        WarningKind::Structuring => {
            let (count, sum, limit) = (number("payments")?, yuan("value")?, yuan("threshold")?);
            (
                format!("同一学员一日内缴费 {count} 笔，合计 {sum}，超过单次限额 {limit}"),
                format!("One pupil's {count} payments within a day come to {sum}, beyond the {limit} of one payment"),
            )
        }
        WarningKind::OutsideEscrow if text("formula")?.starts_with("due_fen") => {
            let (due, inflow, missing) = (yuan("due_fen")?, yuan("inflow_fen")?, yuan("value")?);
            (
                format!("已签约到期应收 {due}，监管账户实收 {inflow}，少 {missing}"),
                format!("{due} was due, {inflow} came into the escrow account: {missing} is missing"),
            )
        }
        WarningKind::OutsideEscrow => {
            let (pupils, personal) = (number("pupils_outside")?, number("pupils_personal_payee")?);
            let sum = number("paid_elsewhere_fen")?.saturating_add(number("fees_unpaid_fen").unwrap_or_default());
            let paid = Fen(sum).yuan();
            let zh = format!("{pupils} 名学员的费用没有进监管账户，其中 {personal} 名付到个人账户");
            let en = format!("The fees of {pupils} pupils went past escrow, {personal} of them to a person");
            match sum {
                // Of what families alone say the sum is not told: it would tell who they are.
                0 => (zh, en),
                _ => (format!("{zh}，共 {paid}"), format!("{en}; {paid} in all")),
            }
        }
        WarningKind::TrainingLoan => {
            let families = number("value")?;
            (format!("{families} 个家庭以培训贷缴费"), format!("{families} families paid by a training loan"))
        }
        _ => return None,
    };
    Some(lang.t(&zh, &en).to_owned())
}

/// A number with its unit, where it is one of the oversight's.
pub fn counted(lang: Lang, number: i64, unit: &str) -> Option<String> {
    let (zh, en) = match unit {
        "bank_days" => ("个银行工作日", "bank days"),
        "workdays" => ("个工作日", "workdays"),
        "refunds" => ("单", "refunds"),
        "keys" => ("个密钥", "keys"),
        "statements" => ("份", "statements"),
        "orders" => ("单", "orders"),
        "pupils" => ("名", "pupils"),
        "families" => ("户", "families"),
        _ => return None,
    };
    Some(format!("{number} {}", lang.t(zh, en)))
}

/// A place in a file as people say it.
fn place_in(lang: Lang, place: &str) -> String {
    let row = |text: &str| text.parse::<u64>().ok();
    let zh = match place.strip_prefix("line ").and_then(row) {
        Some(line) => Some(format!("第 {line} 行")),
        None => place
            .strip_prefix("sheet ")
            .and_then(|rest| rest.rsplit_once(", row "))
            .and_then(|(sheet, line)| Some(format!("工作表“{sheet}”第 {} 行", row(line)?))),
    };
    match (lang, zh) {
        (Lang::Zh, Some(zh)) => zh,
        _ => place.to_owned(),
    }
}

/// A value that is a word of the evidence.
pub fn said(lang: Lang, field: &str, value: &Value) -> Option<String> {
    match (field, value) {
        ("place", Value::String(place)) => Some(place_in(lang, place)),
        ("side", _) => Some(lang.t("缴费订单", "payments of families").to_owned()),
        (_, Value::Bool(yes)) => Some(if *yes { lang.t("是", "yes") } else { lang.t("否", "no") }.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whatever the rules write has a name here, so that no page shows the name of a field.
    #[test]
    fn every_field_and_formula_of_the_rules_has_words() {
        let rules = concat!(
            include_str!("rules/contradictions.rs"),
            include_str!("rules/feed.rs"),
            include_str!("rules/filing.rs"),
            include_str!("rules/orders.rs"),
            include_str!("rules/outside.rs"),
            include_str!("rules/refunds.rs"),
            include_str!("rules/statements.rs")
        );
        let mut fields = 0;
        for line in rules.lines().map(str::trim).filter(|line| line.starts_with("(\"") && line.contains(".into())")) {
            let field = line[2..].split('"').next().unwrap();
            assert!(NAMES.iter().any(|(name, ..)| *name == field), "{field} has no name");
            fields += 1;
        }
        assert!(fields > 25, "the fields were found: {fields}");
        let mut formulas = 0;
        for written in rules.split('"').filter(|text| {
            [
                ">= threshold",
                "> threshold",
                "without an agreement",
                "balances that differ",
                "bank day before",
                "statement covers",
                "before + 1",
                "before + amount",
                "other content",
                "of its key",
                "floor)",
            ]
            .iter()
            .any(|end| text.contains(end) && !text.contains('\n'))
        }) {
            assert!(formula(written).is_some(), "{written}");
            formulas += 1;
        }
        assert!(formulas > 14, "the formulas were found: {formulas}");
    }

    #[test]
    fn a_claim_says_what_was_found_and_guesses_nothing() {
        let silent = json!({"value": 2, "unit": "bank_days", "covered_on": "2026-04-30"});
        assert_eq!(
            claim(Lang::Zh, "FEED-SILENT", &silent).as_deref(),
            Some("银行自 2026-04-30 后已有 2 个银行工作日没有报送")
        );
        let broken = json!({"value": 4500, "unit": "fen", "gap_after": "2026-03-10", "gap_before": "2026-03-11"});
        assert_eq!(
            claim(Lang::Zh, "STMT-CHAIN-BREAK", &broken).as_deref(),
            Some("2026-03-11 的期初余额与 2026-03-10 的期末余额相差 ¥45.00")
        );
        assert_eq!(claim(Lang::Zh, "STMT-CHAIN-BREAK", &json!({})), None);
        assert_eq!(claim(Lang::Zh, "FUND-LARGE-SINGLE", &silent), None);
        assert_eq!(counted(Lang::En, 3, "families").as_deref(), Some("3 families"));
    }
}
