//! Why a policy is not changed.

use actix_web::http::StatusCode;
use chrono::NaiveDate;
use serde_json::json;

use super::{model::InvalidValue, rules::Looser, words};
use crate::{
    approvals::ApprovalError,
    db::DbError,
    web::{FieldError, Problem, show},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such parameter")]
    NotFound,
    /// The parameter, and what is wrong.
    #[error("a value cannot be taken")]
    Invalid(Vec<(String, InvalidValue)>),
    #[error("looser than a level above")]
    Looser(Vec<Looser>),
    #[error("the day lies in the past, or is today for a change that does not tighten")]
    Day { given: NaiveDate, earliest: NaiveDate },
    #[error("nothing would change")]
    Unchanged,
    #[error("the policy has changed since it was read")]
    Changed,
    #[error("If-Match is missing")]
    NoMatch,
    #[error("the first day has passed while the proposal waited")]
    TooLate,
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Names the proposed value and the limit with the sources of both.
fn looser(found: &Looser, tenant: i32) -> FieldError {
    let Looser { parameter, proposed, limit, set_by, row, on } = found;
    let zh = format!(
        "{}：{}拟定的 {} 比上级规定宽；{} 当日的上限是 {}（{}；依据：{}）。只能更严。",
        parameter.title_zh,
        show::bureau(tenant),
        parameter.say_zh(proposed),
        on,
        parameter.say_zh(limit),
        words::set_by_zh(*set_by, row.as_ref(), parameter.standing),
        parameter.legal_basis,
    );
    let en = format!(
        "{}: {}, proposed by {}, is looser than {} in force above on {} ({}; {}). A level may only tighten.",
        parameter.title_en,
        parameter.say_en(proposed),
        show::bureau(tenant),
        parameter.say_en(limit),
        on,
        words::set_by_en(*set_by, row.as_ref(), parameter.standing),
        parameter.legal_basis,
    );
    FieldError::new(parameter.id, "POLICY-LOOSER", zh, en)
}

impl PolicyError {
    /// As a problem of the bureau `tenant`, whose name goes beside its value.
    pub fn problem(self, tenant: i32) -> Problem {
        match self {
            PolicyError::Forbidden => Problem::forbidden(),
            PolicyError::NotFound => Problem::not_found(),
            PolicyError::Invalid(errors) => {
                let field = |(path, InvalidValue { zh, en })| FieldError::new(path, "VALUE", zh, en);
                Problem::invalid(errors.iter().map(|(path, error)| field((path.as_str(), error.clone()))).collect())
            }
            PolicyError::Looser(found) => {
                let limits: Vec<_> = found
                    .iter()
                    .map(|one| {
                        json!({
                            "parameter": one.parameter.id,
                            "proposed": one.parameter.write(&one.proposed),
                            "proposed_by": format!("{tenant:06}"),
                            "limit": one.parameter.write(&one.limit),
                            "limit_set_by": one.set_by.map(|level| format!("{level:06}")),
                            "limit_since": one.row.as_ref().map(|row| row.effective_from),
                            "on": one.on,
                            "legal_basis": one.parameter.legal_basis,
                        })
                    })
                    .collect();
                let errors = found.iter().map(|one| looser(one, tenant)).collect();
                let (zh, en) = ("下级只能比上级更严。", "A level may only tighten what stands above it.");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "policies/looser", zh, en)
                    .with_errors(errors)
                    .with_more(json!({ "limits": limits }))
            }
            PolicyError::Day { given, earliest } => Problem::invalid(vec![FieldError::new(
                "effective_from",
                "POLICY-DAY",
                format!("{given} 太早：最早从 {earliest} 起（收紧可从今天起，其他至少从明天起）"),
                format!("{given} is too early: {earliest} is the earliest (today to tighten, else tomorrow)"),
            )]),
            PolicyError::Unchanged => Problem::invalid(vec![FieldError::new(
                "value",
                "POLICY-UNCHANGED",
                "与当日已有的值相同，没有变化",
                "that is what holds on that day already; nothing would change",
            )]),
            PolicyError::Changed => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "policies/changed",
                "政策在您读取之后有变化。请重新读取，再提议。",
                "The policy has changed since you read it. Read it again, then propose.",
            ),
            PolicyError::NoMatch => Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "须带 If-Match，其值取自读取时的 ETag。",
                "Send If-Match with the ETag that the read returned.",
            ),
            PolicyError::TooLate => Problem::conflict(
                "policies/too-late",
                "等待审批期间已过生效日；请以新的生效日重新提议",
                "the first day has passed while the proposal waited; propose it again for a later one",
            ),
            PolicyError::Approval(error) => error.into(),
            PolicyError::Db(error) => error.into(),
        }
    }
}
