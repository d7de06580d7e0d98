//! What the escrow watch shows of an institution's ledger.

use chrono::NaiveDate;

use super::pages::store;
use crate::db::{DbError, ScopedConn};

/// An institution's ledger at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    pub contracts: i64,
    /// What is owed in lessons still.
    pub unearned_fen: i64,
    /// Lessons in dispute, and refunds past their day.
    pub disputed: i64,
    pub refunds_late: i64,
}

/// The ledger of an institution of the caller's range; nothing where it has no contract: unknown is not zero.
pub async fn glance(conn: &mut ScopedConn, place: (i32, i64), today: NaiveDate) -> Result<Option<Glance>, DbError> {
    let totals = store::totals(conn, place, today).await?;
    Ok((totals.contracts > 0).then(|| Glance {
        contracts: totals.contracts,
        unearned_fen: totals.unearned_fen(),
        disputed: totals.disputed,
        refunds_late: totals.refunds_late,
    }))
}
