//! Why a complaint is not recorded or settled.

use crate::{
    db::DbError,
    web::{FieldError, Problem},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ComplaintError {
    #[error("the role may not do this")]
    Forbidden,
    #[error("no such complaint in the caller's bureau")]
    NotFound,
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    #[error("it was settled already")]
    Settled,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ComplaintError> for Problem {
    fn from(error: ComplaintError) -> Problem {
        match error {
            ComplaintError::Forbidden => Problem::forbidden(),
            ComplaintError::NotFound => Problem::not_found(),
            ComplaintError::Invalid(errors) => Problem::invalid(errors),
            ComplaintError::Settled => Problem::conflict(
                "complaints/settled",
                "这条投诉已有结论，请刷新后再看。",
                "This complaint was settled already; look at it again.",
            ),
            ComplaintError::Db(error) => error.into(),
        }
    }
}
