//! A change as it is filed and as it stands.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::{
    escrow::model::account_number,
    kernel::{Private, private::AccountNumber},
    web::FieldError,
};

/// Longest agreement number and reason, in characters.
const NUMBER_MAX: usize = 100;
pub const REASON_MAX: usize = 500;

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The bureau has to confirm it.
    Filed,
    Confirmed,
    Refused,
    /// The institution took it back.
    Withdrawn,
}

impl State {
    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            State::Filed => ("待教育局确认", "Waits for the bureau"),
            State::Confirmed => ("已确认", "Confirmed"),
            State::Refused => ("不同意", "Refused"),
            State::Withdrawn => ("已撤回", "Taken back"),
        }
    }
}

/// One change of an account.
#[derive(Debug, Clone)]
pub struct Amendment {
    pub id: i64,
    pub institution: i64,
    pub institution_name: String,
    pub credit_code: String,
    pub account: i64,
    pub account_no: String,
    /// What is to hold; `None` stays as it is.
    pub agreement_no: Option<String>,
    pub payee: Option<Private<AccountNumber>>,
    pub reason: String,
    pub state: State,
    pub filed_by_name: String,
    pub filed_at: DateTime<Utc>,
    pub decided_by_name: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub comment: Option<String>,
    /// What held before, once it is confirmed.
    pub agreement_before: Option<String>,
    pub payee_before: Option<Private<AccountNumber>>,
    pub in_force_from: Option<NaiveDate>,
    /// Whether the person who looks filed it, in this post or in another.
    pub own: bool,
}

impl Amendment {
    /// Whether two officials have to confirm it.
    pub fn takes_two(&self) -> bool {
        self.payee.is_some()
    }
}

/// What an institution wants to change; empty stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    pub agreement_no: &'a str,
    pub payee_account: &'a str,
    pub reason: &'a str,
}

/// What is on file of the account.
#[derive(Debug, Clone, Copy)]
pub struct OnFile<'a> {
    pub account_no: &'a str,
    pub agreement_no: &'a str,
    pub payee: &'a str,
    /// Numbers of the institution's dedicated accounts, between which money is held and not released.
    pub dedicated: &'a [&'a str],
}

/// A change whose fields are right, with what differs alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub agreement_no: Option<String>,
    pub payee: Option<String>,
    pub reason: String,
}

impl Wish<'_> {
    /// Checks it against what is on file.
    pub fn check(&self, on_file: &OnFile<'_>) -> Result<Checked, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |path: &str, rule: &str, zh: &str, en: &str| errors.push(FieldError::new(path, rule, zh, en));
        let agreement = self.agreement_no.trim();
        if agreement.chars().count() > NUMBER_MAX {
            wrong("agreement_no", "FUND-MODE", "不超过 100 字", "100 characters at most");
        }
        let payee = account_number(self.payee_account);
        if !payee.is_empty() && !(8..=40).contains(&payee.len()) {
            wrong(
                "payee_account",
                "FUND-ACCOUNT-UNIQUE",
                "账号应为 8 至 40 位数字或字母",
                "an account number has 8 to 40 digits or letters",
            );
        }
        let held = |number: &str| account_number(number) == payee;
        if !payee.is_empty() && (held(on_file.account_no) || on_file.dedicated.iter().any(|number| held(number))) {
            wrong(
                "payee_account",
                "FUND-ACCOUNT-UNIQUE",
                "划拨收款账户须与监管账户不同",
                "releases go to another account than an escrow account itself",
            );
        }
        let agreement_no = Some(agreement).filter(|number| !number.is_empty() && *number != on_file.agreement_no);
        let payee = Some(payee).filter(|number| !number.is_empty() && *number != account_number(on_file.payee));
        if agreement_no.is_none() && payee.is_none() {
            wrong(
                "payee_account",
                "FUND-ACCOUNT-UNIQUE",
                "与已备案的相同，没有要变更的内容",
                "this is what is on file; nothing would change",
            );
        }
        let reason = self.reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_MAX {
            wrong("reason", "FUND-MODE", "请写明变更原因，不超过 500 字", "say why, in 500 characters at most");
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Checked { agreement_no: agreement_no.map(str::to_owned), payee, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_taken_and_what_is_wrong_is_named() {
        let on_file = OnFile {
            account_no: "81230000001",
            agreement_no: "TG-1",
            payee: "6222000011112222",
            dedicated: &["81230000001", "81230000002"],
        };
        let wish = |agreement_no, payee_account| Wish { agreement_no, payee_account, reason: "续签" };
        let paths = |wish: Wish<'_>| -> Vec<String> {
            wish.check(&on_file).err().unwrap_or_default().into_iter().map(|error| error.path).collect()
        };
        for (case, wish, wrong) in [
            ("another agreement", wish("TG-2", ""), vec![]),
            ("another payee", wish("", "6222 0000 1111 3333"), vec![]),
            ("what is on file", wish("TG-1", "6222-0000-1111-2222"), vec!["payee_account"]),
            ("nothing", wish("", ""), vec!["payee_account"]),
            ("7 digits", wish("TG-2", "1234567"), vec!["payee_account"]),
            ("8 digits", wish("TG-2", "12345678"), vec![]),
            ("the account itself", wish("", "8123 0000 001"), vec!["payee_account"]),
            ("another escrow account", wish("", "81230000002"), vec!["payee_account"]),
            ("no reason", Wish { reason: " ", ..wish("TG-2", "") }, vec!["reason"]),
        ] {
            assert_eq!(paths(wish), wrong, "{case}");
        }
        let checked = wish("TG-1", "6222 0000 1111 3333").check(&on_file).unwrap();
        assert_eq!((checked.agreement_no, checked.payee.as_deref()), (None, Some("6222000011113333")));
    }
}
