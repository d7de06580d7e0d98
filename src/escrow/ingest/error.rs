//! Why a delivery is refused. Nothing of a refused delivery is kept.

use actix_web::http::StatusCode;
use serde_json::json;

use super::{
    entries::{Conflict, Content},
    model::Target,
};
use crate::{
    db::DbError,
    escrow::{
        detector::DetectorError,
        statement::{Jump, StatementError},
    },
    kernel::Fen,
    web::{FieldError, Problem},
};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the role may not take entries in")]
    Forbidden,
    #[error("the bureau has no such escrow account")]
    UnknownAccount(Option<String>),
    #[error("the statement is for the account {found}, not for {wanted}")]
    OtherAccount { found: String, wanted: String },
    #[error("the statement names no account")]
    NoAccount,
    #[error("the statement is in {0}, not in CNY")]
    Currency(String),
    /// With the places at which its running balance does not follow, each for its account where that is known.
    #[error("opening balance and entries do not add up to the closing balance")]
    Unbalanced(Vec<(Option<Target>, Jump)>),
    #[error("the statement ends before its closing balance")]
    CutOff,
    #[error("some entries are wrong")]
    Invalid(Vec<FieldError>),
    #[error("references that are known with another content")]
    Conflict(Option<Target>, Vec<Conflict>),
    #[error("the balance does not fit")]
    TooLarge,
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl IngestError {
    /// Says of a conflict of which account it is.
    pub(super) fn of(self, account: Target) -> IngestError {
        match self {
            IngestError::Conflict(_, conflicts) => IngestError::Conflict(Some(account), conflicts),
            other => other,
        }
    }
}

impl From<tokio_postgres::Error> for IngestError {
    fn from(error: tokio_postgres::Error) -> Self {
        IngestError::Db(error.into())
    }
}

impl From<DetectorError> for IngestError {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::TooLarge { .. } => IngestError::TooLarge,
            // A replay of entries in order by a fixed policy can be neither late nor too short.
            other => {
                tracing::error!(%other, "the detector refused a replay");
                IngestError::Db(DbError::Pool(other.to_string()))
            }
        }
    }
}

fn unprocessable(kind: &'static str, zh: String, en: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, zh, en)
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Problem {
        match error {
            IngestError::Forbidden => Problem::forbidden(),
            IngestError::UnknownAccount(number) => {
                let number = number.map(|number| format!(" {number}")).unwrap_or_default();
                Problem::new(
                    StatusCode::NOT_FOUND,
                    "escrow/unknown-account",
                    format!("本单位没有备案这个监管账户{number}。请核对账号，或先备案账户。"),
                    format!("The bureau has no escrow account{number} on file. Check the number, or file the account first."),
                )
            }
            IngestError::OtherAccount { found, wanted } => unprocessable(
                "escrow/other-account",
                format!("对账单是账户 {found} 的，不是 {wanted} 的。请选对账户再传。"),
                format!("The statement is for the account {found}, not for {wanted}. Choose the right account and send it again."),
            ),
            IngestError::NoAccount => unprocessable(
                "escrow/no-account",
                "对账单里没有账号，无法判断是哪个账户。请在账户页面上传，或补上账号。".to_owned(),
                "The statement names no account. Upload it on the account's own page, or add the account number.".to_owned(),
            ),
            IngestError::Currency(currency) => unprocessable(
                "escrow/currency",
                format!("对账单币种是 {currency}。监管账户只收人民币，请换人民币账户的对账单。"),
                format!("The statement is in {currency}. Escrow accounts are in CNY; send the statement of the CNY account."),
            ),
            IngestError::Unbalanced(jumps) => {
                let (zh, en) = jumps.first().map(|(_, jump)| first_jump(jump)).unwrap_or_default();
                unprocessable(
                    "escrow/unbalanced",
                    format!("期初余额加减流水不等于期末余额，未入账。{zh}请向银行核对；确认无误的，勾选“仍然入账”再传。"),
                    format!(
                        "Opening balance and entries do not add up to the closing balance; nothing was kept. {en}Check with the bank; \
                         if it is right, tick “keep it all the same” and send it again."
                    ),
                )
            }
            IngestError::CutOff => unprocessable(
                "escrow/cut-off",
                "对账单没有期末余额（:62F:），文件可能没有传完，未入账。请向银行要完整的文件；确认就是这样的，勾选“仍然入账”再传。"
                    .to_owned(),
                "The statement has no closing balance (:62F:), so the file may have been cut off; nothing was kept. Ask the bank for the \
                 whole file; if this is all of it, tick “keep it all the same” and send it again."
                    .to_owned(),
            ),
            IngestError::Invalid(errors) => Problem::invalid(errors),
            IngestError::Conflict(_, conflicts) => conflict(&conflicts),
            IngestError::TooLarge => unprocessable(
                "escrow/too-large",
                "金额过大，余额超出可记录的范围。请核对金额（单位：分）。".to_owned(),
                "The balance would be too large to record. Check the amounts, which are in fen.".to_owned(),
            ),
            IngestError::Statement(error) => {
                let (zh, en) = (error.message_zh(), error.message_en());
                unprocessable("escrow/statement", format!("{}：{zh}", error.path()), format!("{}: {en}", error.path()))
                    .with_errors(vec![FieldError::new(&error.path(), error.rule, zh, en)])
            }
            IngestError::Db(error) => error.into(),
        }
    }
}

/// Where the running balance does not follow, in Chinese and in English.
fn first_jump(jump: &Jump) -> (String, String) {
    let Jump { bank_ref, path, expected_fen, written_fen, .. } = jump;
    let (expected, written) = (Fen(*expected_fen).yuan(), Fen(*written_fen).yuan());
    let place = path.as_ref().map(|path| format!(" ({path})")).unwrap_or_default();
    (
        format!("流水 {bank_ref}{place} 起余额不连续：按上一笔应为 {expected}，文件为 {written}。"),
        format!("From {bank_ref}{place} on the balance does not follow: {expected} expected, {written} written. "),
    )
}

fn conflict(conflicts: &[Conflict]) -> Problem {
    let version = |content: &Content| json!({"booked_on": content.booked_on, "direction": if content.credit { "credit" } else { "debit" }, "amount_fen": content.amount_fen});
    let words = |content: &Content| {
        format!("{} {}{}", content.booked_on, if content.credit { "+" } else { "−" }, Fen(content.amount_fen).yuan())
    };
    let list: Vec<_> = conflicts
        .iter()
        .map(|c| json!({"bank_ref": c.bank_ref, "stored": version(&c.stored), "received": version(&c.received)}))
        .collect();
    let errors = conflicts
        .iter()
        .map(|c| {
            let (stored, received) = (words(&c.stored), words(&c.received));
            FieldError::new(
                &format!("entries[{}]", c.bank_ref),
                "bank_ref",
                format!("流水号 {} 已入账为 {stored}，这次是 {received}", c.bank_ref),
                format!("{} is kept as {stored}; this time it is {received}", c.bank_ref),
            )
        })
        .collect();
    Problem::conflict(
        "escrow/entry-conflict",
        "同一流水号两次的金额、日期或方向不同，本批全部未入账。请向银行核对后重报。",
        "A bank reference came again with another amount, date or direction; nothing of the batch was kept. Clear it up with the bank and send it again.",
    )
    .with_errors(errors)
    .with_more(json!({"conflicts": list}))
}
