//! Demonstration data.

use crate::{db::DbError, web::AppState};

/// Loads it when the database holds no institution.
pub async fn load_if_empty(_state: &AppState) -> Result<(), DbError> {
    Ok(())
}

/// The demonstration sign-ins, a line each.
pub fn sign_ins() -> Vec<String> {
    Vec::new()
}
