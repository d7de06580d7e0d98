//! Why something is not entered into the ledger. Nothing of it is kept then.

use serde_json::{Value, json};

use super::model::{ContractStatus, LessonState};
use crate::{
    db::DbError,
    kernel::{Finding, Severity},
    web::{FieldError, Problem},
};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("no such contract or lesson")]
    NotFound,
    #[error("fields are wrong: {}", told(.0))]
    Invalid(Vec<FieldError>),
    #[error("the rules do not allow it: {}", .0.iter().map(|one| one.message_en.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Finding>),
    #[error("the contract {number} is kept with another content")]
    ContractDiffers { number: String, stored: Value, received: Value },
    #[error("the receipt {number} is kept with another content")]
    ReceiptDiffers { number: String, stored: Value, received: Value },
    #[error("the contract {number} is {status}")]
    NotOpen { number: String, status: ContractStatus },
    #[error("the lesson is {0}")]
    LessonState(LessonState),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Fields and what is wrong with each. What somebody typed is not repeated: it may be personal.
fn told(fields: &[FieldError]) -> String {
    fields.iter().map(|field| format!("{}: {}", field.path, field.message_en)).collect::<Vec<_>>().join("; ")
}

impl LedgerError {
    /// What is wrong, field by field; empty where that is not the matter.
    pub fn fields(&self) -> Vec<FieldError> {
        match self {
            LedgerError::Invalid(errors) => errors.clone(),
            LedgerError::Refused(findings) => findings
                .iter()
                .filter(|finding| finding.severity == Severity::Block)
                .map(|finding| {
                    FieldError::new(
                        &finding.path,
                        &finding.rule,
                        format!("{}{}", finding.message_zh, finding.fix_zh),
                        format!("{} {}", finding.message_en, finding.fix_en),
                    )
                })
                .collect(),
            LedgerError::ContractDiffers { number, .. } => vec![FieldError::new(
                "contract_no",
                "CONTRACT-DIFFERS",
                format!("合同编号 {number} 已登记，内容不同；请核对编号和内容"),
                format!("the contract {number} is kept with another content; check the number and the content"),
            )],
            LedgerError::ReceiptDiffers { number, .. } => vec![FieldError::new(
                "receipt_no",
                "RECEIPT-DIFFERS",
                format!("票据号 {number} 已登记，内容不同；请核对票据号和内容"),
                format!("the receipt {number} is kept with another content; check the number and the content"),
            )],
            LedgerError::NotOpen { number, status } => vec![FieldError::new(
                "contract_no",
                "CONTRACT-NOT-OPEN",
                format!("合同 {number} {}，不能再登记；请核对合同编号", status.zh()),
                format!("the contract {number} is {}; check its number", status.en()),
            )],
            LedgerError::Forbidden | LedgerError::NotFound | LedgerError::LessonState(_) | LedgerError::Db(_) => {
                Vec::new()
            }
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Problem {
        let fields = error.fields();
        match error {
            LedgerError::Forbidden => Problem::forbidden(),
            LedgerError::NotFound => Problem::not_found(),
            LedgerError::Invalid(_) => Problem::invalid(fields),
            LedgerError::Refused(findings) => Problem::invalid(fields).with_more(json!({ "findings": findings })),
            LedgerError::ContractDiffers { stored, received, .. } => Problem::conflict(
                "ledger/contract-differs",
                "这个合同编号已登记，内容不同，本次未登记。请核对。",
                "This contract number is kept with another content; nothing was changed. Check the number and the content.",
            )
            .with_errors(fields)
            .with_more(json!({ "stored": stored, "received": received })),
            LedgerError::ReceiptDiffers { stored, received, .. } => Problem::conflict(
                "ledger/receipt-differs",
                "这个票据号已登记，内容不同，本次未登记。请核对。",
                "This receipt number is kept with another content; nothing was changed. Check the number and the content.",
            )
            .with_errors(fields)
            .with_more(json!({ "stored": stored, "received": received })),
            LedgerError::NotOpen { .. } => Problem::conflict(
                "ledger/not-open",
                "这份合同已履行完或已解除，不能再登记。",
                "The contract is finished or cancelled; nothing more can be entered on it.",
            )
            .with_errors(fields),
            LedgerError::LessonState(state) => Problem::conflict(
                "ledger/lesson-state",
                format!("这节课{}，不能这样办理。请刷新后查看最新状态。", state.zh()),
                format!("The lesson is {}; this cannot be done to it. Reload to see where it stands.", state.en()),
            )
            .with_more(json!({ "state": state })),
            LedgerError::Db(error) => error.into(),
        }
    }
}
