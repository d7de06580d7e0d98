//! Why a refund is not asked for or not decided.

use serde_json::json;

use super::model::State;
use crate::{
    db::DbError,
    kernel::{Fen, Severity},
    ledger::rules::refund::Refund,
    web::{FieldError, Problem},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("no such contract or refund in the caller's reach")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    #[error("a rule forbids the refund as it was asked for")]
    Blocked(Box<Refund>),
    #[error("a refund of the contract is open already")]
    Open(i64),
    #[error("the rules leave this refund to an official")]
    Official,
    #[error("whoever asked for it does not approve it")]
    Own,
    #[error("the refund is {0}")]
    State(State),
    #[error("the refund has changed since it was read")]
    Changed,
    #[error("the sum is {0} by now")]
    Sum(Fen),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for RefundError {
    fn from(error: diesel::result::Error) -> Self {
        RefundError::Db(error.into())
    }
}

/// What blocks a refund, by the field that it speaks of.
pub fn blocking(refund: &Refund) -> Vec<FieldError> {
    let blocking = refund.findings.iter().filter(|finding| finding.severity == Severity::Block);
    let told = blocking.map(|found| {
        FieldError::new(
            &found.path,
            &found.rule,
            format!("{}{}", found.message_zh, found.fix_zh),
            format!("{} {}", found.message_en, found.fix_en),
        )
    });
    told.collect()
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Problem {
        match error {
            RefundError::NotFound => Problem::not_found(),
            RefundError::Forbidden => Problem::forbidden(),
            RefundError::Invalid(errors) => Problem::invalid(errors),
            RefundError::Blocked(refund) => {
                Problem::invalid(blocking(&refund)).with_more(json!({"findings": refund.findings}))
            }
            RefundError::Open(id) => Problem::conflict(
                "refunds/open",
                "这份合同已有一笔退费在办。请先办完或撤回，再申请。",
                "A refund of this contract is under way. Finish it or take it back before asking again.",
            )
            .with_more(json!({"refund_id": id})),
            RefundError::Official => Problem::conflict(
                "refunds/official",
                "这笔退费有须核定的事项，由教育局决定。",
                "The rules leave something of this refund to an official; the bureau decides.",
            ),
            RefundError::Own => Problem::conflict(
                "refunds/own",
                "申请退费的人不能自己同意：请本机构另一名人员同意；只有一人的机构由教育局决定。",
                "Whoever asked for a refund does not approve it: somebody else of the institution does; where there is nobody \
                 else, the bureau decides.",
            ),
            RefundError::State(state) => Problem::conflict(
                "refunds/state",
                format!("这笔退费的状态是“{}”，不能这样办理。", state.words().0),
                format!("The refund is {state}; this cannot be done to it."),
            ),
            RefundError::Changed => Problem::conflict(
                "refunds/changed",
                "这笔退费刚有变化，请看过最新内容再办理。",
                "The refund has changed since you read it. Look at it again, then act.",
            ),
            RefundError::Sum(sum) => Problem::conflict(
                "refunds/sum",
                format!("合同在此期间有变化，现在应退 {}。请看过新的计算再办理。", sum.yuan()),
                format!("The contract has changed; {} is due by now. Look at the new sum, then act.", sum.yuan()),
            )
            .with_more(json!({"amount_fen": sum})),
            RefundError::Db(error) => error.into(),
        }
    }
}
