//! What the bank of the simulation knows against what the service made of it, and what a report needs.
//!
//! Whether the service's books hold together is asked by [`doctor`](crate::doctor).

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Integer, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::SimulationError;
use crate::db::{DbError, Pools, Scope, ScopedConn, prepared};

#[derive(QueryableByName)]
struct Money {
    #[diesel(sql_type = BigInt)]
    balance_fen: i64,
    #[diesel(sql_type = BigInt)]
    entry_count: i64,
}

/// Compares a school's account with what its bank has booked, once every statement has arrived.
pub async fn school(
    conn: &mut ScopedConn,
    institution: i64,
    (balance_fen, entries): (i64, i64),
    day: NaiveDate,
) -> Result<(), SimulationError> {
    let money: Money = prepared(
        "SELECT coalesce(sum(balance_fen), 0)::bigint AS balance_fen, coalesce(sum(entry_count), 0)::bigint AS entry_count \
         FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .map_err(DbError::from)?;
    let fail = |what: &'static str, found: i64, wanted: i64| {
        if found == wanted { Ok(()) } else { Err(SimulationError::Invariant { what, day, institution, found, wanted }) }
    };
    fail("entries that the bank booked", money.entry_count, entries)?;
    fail("the balance that the bank has", money.balance_fen, balance_fen)
}

/// Warnings about statements that connect again, for an official to sign.
pub async fn to_sign(pools: &Pools, tenant: i32) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let mut conn = Scope::system(tenant).begin(pools).await?;
    let rows: Vec<Row> = prepared(
        "SELECT id FROM warnings WHERE tenant_id = $1 AND mended_at IS NOT NULL AND level <> 'red' \
         AND status NOT IN ('resolved', 'withdrawn') ORDER BY id",
    )
    .bind::<Integer, _>(tenant)
    .load(conn.sql())
    .await?;
    conn.commit().await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The order number and amount of a refund.
pub async fn refund_order(conn: &mut ScopedConn, id: i64) -> Result<(String, i64), DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        order_ref: String,
        #[diesel(sql_type = BigInt)]
        amount_fen: i64,
    }
    let row: Row = prepared("SELECT order_ref, amount_fen FROM refunds WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await?;
    Ok((row.order_ref, row.amount_fen))
}

/// How the account stands that had a successor; `None` where there is none.
pub async fn old_account(pools: &Pools, tenant: i32, institution: i64) -> Result<Option<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        status: String,
    }
    let mut conn = Scope::system(tenant).begin(pools).await?;
    let rows: Vec<Row> = prepared(
        "SELECT status FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 AND in_use_until IS NOT NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?;
    conn.commit().await?;
    Ok(rows.into_iter().next().map(|row| row.status))
}

/// A warning as far as the report needs it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Warning {
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = Timestamptz)]
    pub raised_at: DateTime<Utc>,
}

/// All warnings about schools of the county that later facts did not withdraw, in order of time.
pub async fn warnings(pools: &Pools, tenant: i32) -> Result<Vec<Warning>, DbError> {
    let mut conn = Scope::system(tenant).begin(pools).await?;
    let rows = prepared(
        "SELECT institution_id, kind, level, raised_at FROM warnings WHERE tenant_id = $1 AND status <> 'withdrawn' AND institution_id IS NOT NULL \
         ORDER BY raised_at, kind, institution_id",
    )
    .bind::<Integer, _>(tenant)
    .load(conn.sql())
    .await?;
    conn.commit().await?;
    Ok(rows)
}
