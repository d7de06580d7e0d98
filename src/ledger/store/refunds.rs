//! SQL of refunds as a contract shows them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::db::{DbError, ScopedConn, prepared};

/// A refund of a contract.
#[derive(Debug, Clone, Serialize, QueryableByName)]
pub struct Refund {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub order_ref: String,
    #[diesel(sql_type = Date)]
    pub asked_on: NaiveDate,
    #[diesel(sql_type = Text)]
    pub reason: String,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Date)]
    pub due_on: NaiveDate,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paid_at: Option<DateTime<Utc>>,
}

/// All refunds of a contract, in the order in which they were asked for.
pub async fn of_contract(conn: &mut ScopedConn, tenant: i32, contract: i64) -> Result<Vec<Refund>, DbError> {
    Ok(prepared(
        "SELECT id, order_ref, asked_on, reason, amount_fen, due_on, state, paid_at FROM refunds \
         WHERE tenant_id = $1 AND contract_id = $2 ORDER BY id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(contract)
    .load(conn.sql())
    .await?)
}
