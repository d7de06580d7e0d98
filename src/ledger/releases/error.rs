//! Why a release is not ordered or not decided.

use super::model::State;
use crate::{
    db::DbError,
    ledger::rules::release::NoRelease,
    web::{FieldError, Problem},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("no such institution or order in the caller's reach")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    #[error("the institution has no escrow account in use")]
    NoAccount,
    #[error(transparent)]
    Nothing(#[from] NoRelease),
    #[error("this number of the period is taken by an order that begins on another day")]
    OtherPeriod,
    #[error("the order is {0}")]
    State(State),
    #[error("the order has changed since it was read")]
    Changed,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for ReleaseError {
    fn from(error: diesel::result::Error) -> Self {
        ReleaseError::Db(error.into())
    }
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Problem {
        match error {
            ReleaseError::NotFound => Problem::not_found(),
            ReleaseError::Forbidden => Problem::forbidden(),
            ReleaseError::Invalid(errors) => Problem::invalid(errors),
            ReleaseError::NoAccount => Problem::conflict(
                "releases/no-account",
                "这家机构没有在用的监管账户，不能划拨。请先备案监管账户。",
                "The institution has no escrow account in use, so nothing can be released. File the account first.",
            ),
            ReleaseError::Nothing(NoRelease::RiskDeposit) => Problem::conflict(
                "releases/risk-deposit",
                "风险保证金账户不随消课划拨。",
                "A risk deposit is not released in step with lessons.",
            ),
            ReleaseError::Nothing(NoRelease::Nothing) => Problem::conflict(
                "releases/nothing",
                "到这一天为止，没有已确认而未划拨的课时。",
                "Up to this day no lesson is confirmed that was not released.",
            ),
            ReleaseError::OtherPeriod => Problem::conflict(
                "releases/other-period",
                "这个结算期的序号已用于另一个起始日。请换序号。",
                "This number of the period is taken by an order that begins on another day; take the next number.",
            ),
            ReleaseError::State(state) => Problem::conflict(
                "releases/state",
                format!("这张划拨指令的状态是“{}”，不能这样办理。", state.words().0),
                format!("The order is {state}; this cannot be done to it."),
            ),
            ReleaseError::Changed => Problem::conflict(
                "releases/changed",
                "这张划拨指令刚有变化，请看过最新内容再办理。",
                "The order has changed since you read it. Look at it again, then act.",
            ),
            ReleaseError::Db(error) => error.into(),
        }
    }
}
