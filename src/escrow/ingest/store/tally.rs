//! SQL that counts an account's entries again.

use chrono::{DateTime, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use crate::db::Statements;

/// Faults of one sort that are told of one account; one is enough to look at it.
const TOLD_MAX: i64 = 20;

/// Accounts of a bureau in order of id, after one.
pub async fn accounts_after(client: &ClientWrapper, tenant: i32, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let sql = "SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    Ok(client.rows(sql, &[&tenant, &after, &limit]).await?.iter().map(|row| row.get(0)).collect())
}

/// What is there.
#[derive(Debug)]
pub struct Tally {
    pub entries: i64,
    pub last_at: Option<DateTime<Utc>>,
    /// Entries that stand in another institution's name.
    pub strange: i64,
}

/// Counts the entries of an account.
pub async fn tally(client: &ClientWrapper, tenant: i32, account: i64, institution: i64) -> Result<Tally, Error> {
    let row = client
        .row(
            "SELECT count(*), max(booked_at), count(*) FILTER (WHERE institution_id <> $3) FROM entries \
             WHERE tenant_id = $1 AND account_id = $2",
            &[&tenant, &account, &institution],
        )
        .await?;
    Ok(Tally { entries: row.get(0), last_at: row.get(1), strange: row.get(2) })
}

/// A statement of which another number of entries is there than it brought.
#[derive(Debug)]
pub struct Short {
    pub id: i64,
    pub file_name: String,
    pub inserted: i64,
    pub entries: i64,
}

/// The statements of an account that lack entries or have too many.
pub async fn statements(client: &ClientWrapper, tenant: i32, account: i64) -> Result<Vec<Short>, Error> {
    let rows = client
        .rows(
            "SELECT s.id, s.file_name, s.inserted::bigint, coalesce(e.n, 0) FROM statements s LEFT JOIN (SELECT statement_id, \
             count(*) AS n FROM entries WHERE tenant_id = $1 AND account_id = $2 GROUP BY statement_id) e ON e.statement_id = s.id \
             WHERE s.tenant_id = $1 AND s.account_id = $2 AND s.inserted <> coalesce(e.n, 0) ORDER BY s.id LIMIT $3",
            &[&tenant, &account, &TOLD_MAX],
        )
        .await?;
    let short = |row: &tokio_postgres::Row| Short {
        id: row.get(0),
        file_name: row.get(1),
        inserted: row.get(2),
        entries: row.get(3),
    };
    Ok(rows.iter().map(short).collect())
}

/// References that an account has more than once, and how often.
pub async fn twice(client: &ClientWrapper, tenant: i32, account: i64) -> Result<Vec<(String, i64)>, Error> {
    let rows = client
        .rows(
            "SELECT bank_ref, count(*) FROM entries WHERE tenant_id = $1 AND account_id = $2 GROUP BY bank_ref \
             HAVING count(*) > 1 ORDER BY bank_ref LIMIT $3",
            &[&tenant, &account, &TOLD_MAX],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
