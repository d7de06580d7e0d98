//! What a filing does to what is on file, when a change may begin, and when an old account is empty. Pure.

use chrono::{Days, NaiveDate};

use super::model::Checked;
use crate::{escrow::model::Mode, web::FieldError};

/// How far ahead a change may be filed.
const AHEAD_DAYS: u64 = 90;

/// What is on file about an account.
#[derive(Debug, Clone, Copy)]
pub struct OnFile<'a> {
    pub bank: &'a str,
    /// `None` where a sheet named the account, which knows no mode.
    pub mode: Option<Mode>,
    /// `None` until somebody files it.
    pub agreement_no: Option<&'a str>,
    /// Whether the payee of the filing is the one on file; `None` until somebody files one.
    pub same_payee: Option<bool>,
    pub branches: &'a [String],
}

/// What a filing is to what is on file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It adds what was missing.
    Completes,
    /// It names other branches, and all else is as it was.
    NamesBranches,
    /// It says what is on file.
    Repeats,
    /// It says something else.
    Differs(Vec<Differing>),
}

/// A field that is filed otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    pub field: &'static str,
    /// What is on file; absent where it is not to be shown.
    pub filed: Option<String>,
}

impl Differing {
    /// As a form and a program are told.
    pub fn told(&self) -> FieldError {
        let (zh, en) = match &self.filed {
            Some(filed) => (
                format!("已备案为“{filed}”；协议编号的变更请提交备案变更，其他的请备案新的监管账户"),
                format!("on file as “{filed}”; file a change of the agreement, or the new account for anything else"),
            ),
            None => (
                "与已备案的划拨收款账户不同；如确已变更，请由机构提交备案变更，教育局核对后生效".to_owned(),
                "another payee account than the one on file; the institution files a change, which the bureau confirms"
                    .to_owned(),
            ),
        };
        FieldError::new(self.field, "FUND-ACCOUNT-UNIQUE", zh, en)
    }
}

/// Compares a filing with what is on file of the same account.
///
/// Whatever a sheet left out is added. The bank that it named stays, or is named more precisely: its branch after its name.
pub fn compare(filed: &OnFile<'_>, filing: &Checked) -> Outcome {
    let incomplete = filed.agreement_no.is_none() || filed.same_payee.is_none();
    let mut differing = Vec::new();
    let mut differs = |field, filed: Option<String>| differing.push(Differing { field, filed });
    let bank = filed.bank.trim();
    if if incomplete { !filing.bank.starts_with(bank) } else { filing.bank != bank } {
        differs("bank", Some(bank.to_owned()));
    }
    if let Some(mode) = filed.mode.filter(|mode| !incomplete && *mode != filing.mode) {
        differs("mode", Some(mode.to_string()));
    }
    if let Some(number) = filed.agreement_no.filter(|number| *number != filing.agreement_no) {
        differs("agreement_no", Some(number.to_owned()));
    }
    if filed.same_payee == Some(false) {
        differs("payee_account", None);
    }
    if !differing.is_empty() {
        Outcome::Differs(differing)
    } else if incomplete {
        Outcome::Completes
    } else if filing.branches.as_ref().is_some_and(|names| names != filed.branches) {
        Outcome::NamesBranches
    } else {
        Outcome::Repeats
    }
}

/// Whether an account may take the place of another from a day on: no day in the past, for until the filing parents were told
/// the old one, and none beyond three months.
pub fn begins(day: NaiveDate, today: NaiveDate) -> Result<(), FieldError> {
    let last = today.checked_add_days(Days::new(AHEAD_DAYS)).unwrap_or(today);
    if today <= day && day <= last {
        return Ok(());
    }
    Err(FieldError::new(
        "in_use_from",
        "FUND-ACCOUNT-UNIQUE",
        format!("启用日须在 {today} 至 {last} 之间：不能早于备案当天"),
        format!("the first day is between {today} and {last}: not before the day of filing"),
    ))
}

/// What is known of an account that had a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub in_use_until: NaiveDate,
    pub balance_fen: i64,
    /// The last day that statements cover, and the balance that the last of them ends with.
    pub statement_on: Option<NaiveDate>,
    pub closing_fen: Option<i64>,
    /// Whether statements do not fit together.
    pub is_broken: bool,
    /// Money that left it for another account of the institution and has not arrived.
    pub on_its_way: i64,
}

impl Left {
    /// Whether nothing is left to watch: it is empty, its last statement, drawn after its successor came into use, says so, and
    /// what left it for the successor has arrived.
    pub fn is_empty(&self) -> bool {
        self.balance_fen == 0
            && self.closing_fen == Some(0)
            && self.statement_on.is_some_and(|on| self.in_use_until <= on)
            && !self.is_broken
            && self.on_its_way == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn filing() -> Checked {
        Checked {
            credit_code: "52331002MJ0000018U".parse().unwrap(),
            bank: "台州银行椒江支行".to_owned(),
            account_no: "81230000001".to_owned(),
            mode: Mode::Custody,
            agreement_no: "TG-1".to_owned(),
            payee_account: "62220000111122223".to_owned(),
            branches: None,
            in_use_from: None,
        }
    }

    #[test]
    fn what_a_sheet_left_out_is_added_and_what_is_filed_stays() {
        let east = ["东校区".to_owned()];
        let sheet = OnFile { bank: "台州银行", mode: None, agreement_no: None, same_payee: None, branches: &[] };
        let whole = OnFile {
            bank: "台州银行椒江支行",
            mode: Some(Mode::Custody),
            agreement_no: Some("TG-1"),
            same_payee: Some(true),
            branches: &east,
        };
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let fields = |outcome: Outcome| match outcome {
            Outcome::Differs(fields) => fields.into_iter().map(|one| one.field).collect::<Vec<_>>(),
            outcome => vec![match outcome {
                Outcome::Completes => "completes",
                Outcome::NamesBranches => "branches",
                _ => "repeats",
            }],
        };
        for (case, filed, filing, expected) in [
            ("a sheet's account", sheet, filing(), vec!["completes"]),
            (
                "of the sheet's bank itself",
                sheet,
                Checked { bank: "台州银行".to_owned(), ..filing() },
                vec!["completes"],
            ),
            ("of another bank", sheet, Checked { bank: "农业银行".to_owned(), ..filing() }, vec!["bank"]),
            ("as a deposit", sheet, Checked { mode: Mode::RiskDeposit, ..filing() }, vec!["completes"]),
            ("the same again", whole, filing(), vec!["repeats"]),
            ("with its branches", whole, Checked { branches: names(&["东校区"]), ..filing() }, vec!["repeats"]),
            ("with other branches", whole, Checked { branches: names(&["西校区"]), ..filing() }, vec!["branches"]),
            ("with none", whole, Checked { branches: names(&[]), ..filing() }, vec!["branches"]),
            ("another agreement", whole, Checked { agreement_no: "TG-2".to_owned(), ..filing() }, vec!["agreement_no"]),
            ("another mode", whole, Checked { mode: Mode::RiskDeposit, ..filing() }, vec!["mode"]),
            ("another payee", OnFile { same_payee: Some(false), ..whole }, filing(), vec!["payee_account"]),
            ("the bank less precisely", whole, Checked { bank: "台州银行".to_owned(), ..filing() }, vec!["bank"]),
        ] {
            assert_eq!(fields(compare(&filed, &filing)), expected, "{case}");
        }
    }

    #[test]
    fn a_change_begins_on_the_day_of_filing_or_within_three_months() {
        let today = day("2026-03-18");
        for (on, may) in [("2026-03-17", false), ("2026-03-18", true), ("2026-06-16", true), ("2026-06-17", false)] {
            assert_eq!(begins(day(on), today).is_ok(), may, "{on}");
        }
    }

    #[test]
    fn an_old_account_is_empty_once_its_last_statement_says_so() {
        let empty = Left {
            in_use_until: day("2026-04-01"),
            balance_fen: 0,
            statement_on: Some(day("2026-04-01")),
            closing_fen: Some(0),
            is_broken: false,
            on_its_way: 0,
        };
        for (case, left, is_empty) in [
            ("empty", empty, true),
            ("a fen is left", Left { balance_fen: 1, closing_fen: Some(1), ..empty }, false),
            ("no statement", Left { statement_on: None, closing_fen: None, ..empty }, false),
            ("a statement of the day before", Left { statement_on: Some(day("2026-03-31")), ..empty }, false),
            ("the last statement says otherwise", Left { closing_fen: Some(5), ..empty }, false),
            ("statements do not fit together", Left { is_broken: true, ..empty }, false),
            ("money has not arrived", Left { on_its_way: 1, ..empty }, false),
        ] {
            assert_eq!(left.is_empty(), is_empty, "{case}");
        }
    }
}
