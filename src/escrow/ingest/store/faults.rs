//! SQL of where banks' deliveries contradict themselves or what was kept before.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use tokio_postgres::{Error, Row};

use crate::db::Statements;
use crate::escrow::ingest::{faults::Sort, transaction::Transaction};

/// A contradiction to be kept.
#[derive(Debug, Clone)]
pub struct NewFault {
    pub account: i64,
    pub sort: Sort,
    /// The bank's reference, or the name of a key.
    pub about: String,
    pub on: NaiveDate,
    pub file_name: String,
    pub place: Option<String>,
    pub details: Value,
}

/// One that the bank has not put right yet.
#[derive(Debug, Clone)]
pub struct OpenFault {
    pub account: i64,
    pub id: i64,
    pub sort: Sort,
    pub about: String,
    pub on: NaiveDate,
}

fn of_row(row: &Row) -> Option<OpenFault> {
    Some(OpenFault {
        account: row.get(0),
        id: row.get(1),
        sort: row.get::<_, &str>(2).parse().ok()?,
        about: row.get(3),
        on: row.get(4),
    })
}

/// Those of some accounts' entries that are open.
pub async fn open(tx: &Transaction, tenant: i32, accounts: &[i64]) -> Result<Vec<OpenFault>, Error> {
    let rows = tx
        .rows(
            "SELECT account_id, id, sort, about, day FROM statement_faults \
             WHERE tenant_id = $1 AND account_id = ANY($2) AND mended_at IS NULL AND sort <> 'signature' ORDER BY id",
            &[&tenant, &accounts],
        )
        .await?;
    Ok(rows.iter().filter_map(of_row).collect())
}

/// Keeps one; `None` where it is known and open, or where the same key was told of less than a minute ago.
pub async fn add(tx: &Transaction, tenant: i32, fault: &NewFault, now: DateTime<Utc>) -> Result<Option<i64>, Error> {
    let NewFault { account, sort, about, on, file_name, place, details } = fault;
    let sort = <&str>::from(*sort);
    let conflict = if sort == <&str>::from(Sort::Signature) {
        "ON CONFLICT (tenant_id, about) WHERE mended_at IS NULL AND sort = 'signature' DO UPDATE \
         SET last_at = $9, details = $8, account_id = $2, day = $5 WHERE statement_faults.last_at < $9 - interval '1 minute'"
    } else {
        "ON CONFLICT DO NOTHING"
    };
    let sql = format!(
        "INSERT INTO statement_faults (tenant_id, account_id, sort, about, day, file_name, place, details, found_at, last_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) {conflict} RETURNING id"
    );
    let rows = tx.rows(&sql, &[&tenant, account, &sort, about, on, file_name, place, details, &now]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Notes that the bank has put some right.
pub async fn mend(tx: &Transaction, tenant: i32, ids: &[i64], now: DateTime<Utc>) -> Result<(), Error> {
    if !ids.is_empty() {
        tx.change(
            "UPDATE statement_faults SET mended_at = $3 WHERE tenant_id = $1 AND id = ANY($2) AND mended_at IS NULL",
            &[&tenant, &ids, &now],
        )
        .await?;
    }
    Ok(())
}

/// The balance that the bank wrote beside the account's only entry at an instant.
pub async fn balance_at(tx: &Transaction, tenant: i32, account: i64, at: DateTime<Utc>) -> Result<Option<i64>, Error> {
    let rows = tx
        .rows(
            "SELECT balance_after_fen FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at = $3 LIMIT 2",
            &[&tenant, &account, &at],
        )
        .await?;
    Ok(if let [row] = &rows[..] { row.get(0) } else { None })
}

/// Whether the balance that the bank wrote beside an entry follows from the one that it wrote beside the entry before.
pub async fn follows(
    tx: &Transaction,
    (tenant, account): (i32, i64),
    bank_ref: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, Error> {
    let rows = tx
        .rows(
            "SELECT p.balance_after_fen + CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END = e.balance_after_fen \
             FROM entries e CROSS JOIN LATERAL (SELECT p.balance_after_fen FROM entries p WHERE p.tenant_id = e.tenant_id \
               AND p.account_id = e.account_id AND (p.booked_at, p.seq, p.bank_ref) < (e.booked_at, e.seq, e.bank_ref) \
               ORDER BY p.booked_at DESC, p.seq DESC, p.bank_ref DESC LIMIT 1) p \
             WHERE e.tenant_id = $1 AND e.account_id = $2 AND e.bank_ref = $3 AND e.booked_at >= $4 AND e.booked_at < $5",
            &[&tenant, &account, &bank_ref, &from, &until],
        )
        .await?;
    Ok(rows.first().and_then(|row| row.get::<_, Option<bool>>(0)) == Some(true))
}
