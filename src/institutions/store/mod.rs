//! SQL of the register and of files on their way into it.

pub mod drafts;
pub mod intake;
pub mod places;
pub mod register;
pub mod sponsors;

pub use register::{AccountRow, Filter, InstitutionRow};

use crate::db::DbError;

/// A value of the database that the code cannot read: migrations and types have come apart.
fn unreadable(error: serde_json::Error) -> DbError {
    DbError::Diesel(diesel::result::Error::DeserializationError(Box::new(error)))
}

/// A value that cannot be written as JSON.
fn unwritable(error: serde_json::Error) -> DbError {
    DbError::Diesel(diesel::result::Error::SerializationError(Box::new(error)))
}
