//! A filing as it is typed, and as it is once its fields are right.

use chrono::NaiveDate;

use crate::{
    escrow::model::{Mode, account_number},
    kernel::CreditCode,
    web::FieldError,
};

/// Longest name of a bank, and longest number, in characters.
const TEXT_MAX: usize = 100;
/// Most branches of one filing, and the longest name of one, in characters.
const BRANCHES_MAX: usize = 100;
const BRANCH_MAX: usize = 60;

/// An account as filed, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Filing<'a> {
    pub credit_code: &'a str,
    pub bank: &'a str,
    pub account: &'a str,
    pub mode: &'a str,
    pub agreement_no: &'a str,
    pub payee_account: &'a str,
    /// The branches that it serves, none for the whole institution; absent where nothing is said about them.
    pub branches: Option<Vec<String>>,
    /// The day from which it takes the place of the one in use; empty where it takes nobody's.
    pub in_use_from: &'a str,
}

/// A filing whose fields are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub credit_code: CreditCode,
    pub bank: String,
    pub account_no: String,
    pub mode: Mode,
    pub agreement_no: String,
    pub payee_account: String,
    pub branches: Option<Vec<String>>,
    pub in_use_from: Option<NaiveDate>,
}

/// The names of branches, one a line, as a form gives them.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

impl Filing<'_> {
    /// Checks every field.
    pub fn check(&self) -> Result<Checked, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |path: &str, rule: &str, zh: &str, en: &str| errors.push(FieldError::new(path, rule, zh, en));
        let code = self.credit_code.parse::<CreditCode>().ok();
        if code.is_none() {
            wrong(
                "credit_code",
                "ADM-USCC-VALID",
                "统一社会信用代码不对，应为 18 位且校验位正确",
                "not a valid unified social credit code of 18 characters",
            );
        }
        let (account_no, payee_account) = (account_number(self.account), account_number(self.payee_account));
        for (path, number) in [("account", &account_no), ("payee_account", &payee_account)] {
            if !(8..=40).contains(&number.len()) {
                wrong(
                    path,
                    "FUND-ACCOUNT-UNIQUE",
                    "账号应为 8 至 40 位数字或字母",
                    "an account number has 8 to 40 digits or letters",
                );
            }
        }
        if payee_account == account_no && !account_no.is_empty() {
            wrong(
                "payee_account",
                "FUND-ACCOUNT-UNIQUE",
                "划拨收款账户须与监管账户不同",
                "releases go to another account than the escrow account itself",
            );
        }
        for (path, text) in [("bank", self.bank), ("agreement_no", self.agreement_no)] {
            if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
                wrong(path, "FUND-MODE", "请填写，不超过 100 字", "fill this in, 100 characters at most");
            }
        }
        let mode = self.mode.parse::<Mode>().ok();
        if mode.is_none() {
            wrong("mode", "FUND-MODE", "请选择银行托管或风险保证金", "choose custody or risk_deposit");
        }
        let day = self.in_use_from.trim();
        let in_use_from = day.parse::<NaiveDate>().ok();
        if !day.is_empty() && in_use_from.is_none() {
            wrong("in_use_from", "FUND-ACCOUNT-UNIQUE", "日期写成 2026-04-01 这样", "write the day as in 2026-04-01");
        }
        let branches = self.branches.as_deref().map(branches).transpose();
        errors.extend(branches.as_ref().err().cloned());
        match (code, mode, branches) {
            (Some(credit_code), Some(mode), Ok(branches)) if errors.is_empty() => Ok(Checked {
                credit_code,
                bank: self.bank.trim().to_owned(),
                account_no,
                mode,
                agreement_no: self.agreement_no.trim().to_owned(),
                payee_account,
                branches,
                in_use_from,
            }),
            _ => Err(errors),
        }
    }
}

/// Names of branches without blanks around them, each once, in the order given.
pub fn branches(names: &[String]) -> Result<Vec<String>, FieldError> {
    let mut kept: Vec<String> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        if kept.iter().all(|known| known != name) {
            kept.push(name.to_owned());
        }
    }
    if kept.len() > BRANCHES_MAX || kept.iter().any(|name| name.chars().count() > BRANCH_MAX) {
        return Err(FieldError::new(
            "branches",
            "FUND-ACCOUNT-UNIQUE",
            "校区最多 100 个，每个名称不超过 60 字",
            "100 branches at most, each name of 60 characters at most",
        ));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filing() -> Filing<'static> {
        Filing {
            credit_code: "52331002MJ0000018U",
            bank: " 台州银行 ",
            account: "8123 0000-001",
            mode: "custody",
            agreement_no: "TG-1",
            payee_account: "62220000111122223",
            ..Filing::default()
        }
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        let paths = |filing: Filing<'_>| -> Vec<String> {
            filing.check().err().unwrap_or_default().into_iter().map(|error| error.path).collect()
        };
        let long = |count: usize| vec!["分".repeat(61); count];
        for (case, filing, wrong) in [
            ("right", filing(), vec![]),
            ("no code", Filing { credit_code: "52331002MJ0000018V", ..filing() }, vec!["credit_code"]),
            ("7 digits", Filing { account: "1234567", ..filing() }, vec!["account"]),
            ("8 digits", Filing { account: "12345678", ..filing() }, vec![]),
            ("paid out to itself", Filing { payee_account: "81230000001", ..filing() }, vec!["payee_account"]),
            ("no agreement", Filing { agreement_no: " ", ..filing() }, vec!["agreement_no"]),
            ("no mode", Filing { mode: "", ..filing() }, vec!["mode"]),
            ("no day", Filing { in_use_from: "4月1日", ..filing() }, vec!["in_use_from"]),
            ("a branch of 61 characters", Filing { branches: Some(long(1)), ..filing() }, vec!["branches"]),
        ] {
            assert_eq!(paths(filing), wrong, "{case}");
        }
    }

    #[test]
    fn branches_are_named_once_each() {
        let typed = lines("东校区\n\n 西校区 \r\n东校区\n");
        let checked = Filing { branches: Some(typed), ..filing() }.check().unwrap();
        assert_eq!(checked.branches, Some(vec!["东校区".to_owned(), "西校区".to_owned()]));
        assert_eq!((checked.bank.as_str(), checked.account_no.as_str()), ("台州银行", "81230000001"));
    }
}
