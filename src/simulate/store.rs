//! What money obeys, asked of the database after the fact.
//!
//! Σ entries = balance for every account; no entry twice, none lost; consumed + refunded + unearned = paid for every contract;
//! and the days of what is owed add up to the contracts.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::SimulationError;
use crate::db::{DbError, Pools, Scope, ScopedConn};

/// What the banks know of a school's accounts; `None` while a statement is on its way.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub balance_fen: Option<i64>,
    pub entries: Option<i64>,
}

#[derive(QueryableByName)]
struct Money {
    #[diesel(sql_type = BigInt)]
    balance_fen: i64,
    #[diesel(sql_type = BigInt)]
    entry_count: i64,
    #[diesel(sql_type = BigInt)]
    sum_fen: i64,
    #[diesel(sql_type = BigInt)]
    entries: i64,
    #[diesel(sql_type = BigInt)]
    refs: i64,
}

#[derive(QueryableByName)]
struct Owed {
    /// A contract whose totals are not those of its payments, lessons and refunds.
    #[diesel(sql_type = Nullable<Text>)]
    wrong: Option<String>,
    #[diesel(sql_type = BigInt)]
    unearned_fen: i64,
    #[diesel(sql_type = BigInt)]
    by_days_fen: i64,
}

/// Asks all of it of one school.
pub async fn school(
    conn: &mut ScopedConn,
    institution: i64,
    expected: &Expected,
    day: NaiveDate,
) -> Result<(), SimulationError> {
    let money: Money = sql_query(
        "SELECT coalesce(sum(a.balance_fen), 0)::bigint AS balance_fen, coalesce(sum(a.entry_count), 0)::bigint AS entry_count, \
         coalesce(sum(e.sum_fen), 0)::bigint AS sum_fen, coalesce(sum(e.entries), 0)::bigint AS entries, \
         coalesce(sum(e.refs), 0)::bigint AS refs FROM escrow_accounts a \
         JOIN LATERAL (SELECT coalesce(sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END), 0) AS sum_fen, \
           count(e.bank_ref) AS entries, count(DISTINCT e.bank_ref) AS refs FROM entries e \
           WHERE e.tenant_id = a.tenant_id AND e.account_id = a.id) e ON true \
         WHERE a.tenant_id = $1 AND a.institution_id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .map_err(DbError::from)?;
    let fail = |what: &'static str, found: i64, wanted: i64| {
        if found == wanted { Ok(()) } else { Err(SimulationError::Invariant { what, day, institution, found, wanted }) }
    };
    fail("the number of entries on record", money.entry_count, money.entries)?;
    fail("bank references, each once", money.refs, money.entries)?;
    if let Some(entries) = expected.entries {
        fail("entries that the bank booked", money.entries, entries)?;
        fail("the sum of the entries", money.sum_fen, money.balance_fen)?;
    }
    if let Some(balance) = expected.balance_fen {
        fail("the balance that the bank has", money.balance_fen, balance)?;
    }
    let owed: Owed = sql_query(
        "SELECT (SELECT min(c.contract_no) FROM contracts c WHERE c.tenant_id = $1 AND c.institution_id = $2 AND (c.paid_fen, c.consumed_fen) \
             IS DISTINCT FROM ((SELECT coalesce(sum(p.amount_fen), 0) FROM payments p WHERE p.tenant_id = $1 AND p.contract_id = c.id), \
             (SELECT coalesce(sum(l.amount_fen), 0) FROM lessons l WHERE l.tenant_id = $1 AND l.contract_id = c.id AND l.state = 'confirmed'))) AS wrong, \
         (SELECT coalesce(sum(paid_fen - consumed_fen - refunded_fen), 0)::bigint FROM contracts WHERE tenant_id = $1 AND institution_id = $2) AS unearned_fen, \
         (SELECT coalesce(sum(contracted_fen - consumed_fen - refunded_fen), 0)::bigint FROM owed_days WHERE tenant_id = $1 AND institution_id = $2) AS by_days_fen",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .map_err(DbError::from)?;
    if let Some(contract) = owed.wrong {
        return Err(SimulationError::Contract { contract, day });
    }
    fail("what is owed, by contract and by day", owed.by_days_fen, owed.unearned_fen)
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
    let row: Row = sql_query("SELECT order_ref, amount_fen FROM refunds WHERE tenant_id = $1 AND id = $2")
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
    let rows: Vec<Row> = sql_query(
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
    let rows = sql_query(
        "SELECT institution_id, kind, level, raised_at FROM warnings WHERE tenant_id = $1 AND status <> 'withdrawn' AND institution_id IS NOT NULL \
         ORDER BY raised_at, kind, institution_id",
    )
    .bind::<Integer, _>(tenant)
    .load(conn.sql())
    .await?;
    conn.commit().await?;
    Ok(rows)
}
