//! SQL of accounts and statements as the ingest sees them.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::{Client, Error, Row, types::Json};

use crate::{
    escrow::{
        detector::AccountState,
        ingest::{Incoming, Target},
    },
    identity::Caller,
};

/// An account, locked until the transaction ends.
#[derive(Debug)]
pub struct Account {
    pub id: i64,
    pub institution_id: i64,
    pub institution_name: String,
    pub account_no: String,
    pub opening_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub balance_fen: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub statement_on: Option<NaiveDate>,
    /// `None` before the first entry, or where an older version wrote what this one cannot read: then it is replayed.
    pub detector: Option<AccountState>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Account {
        let detector: Option<String> = row.get("detector");
        Account {
            id: row.get("id"),
            institution_id: row.get("institution_id"),
            institution_name: row.get("name"),
            account_no: row.get("account_no"),
            opening_fen: row.get("opening_fen"),
            opening_on: row.get("opening_on"),
            balance_fen: row.get("balance_fen"),
            entry_count: row.get("entry_count"),
            last_booked_at: row.get("last_booked_at"),
            statement_on: row.get("statement_on"),
            detector: detector.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

/// The account that a statement is for, if the bureau has it.
pub async fn find(client: &Client, tenant: i32, target: &Target) -> Result<Option<i64>, Error> {
    let row = match target {
        Target::Id(id) => {
            client.query_opt("SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND id = $2", &[&tenant, id]).await?
        }
        Target::Number(number) => {
            client
                .query_opt(
                    "SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND account_no = $2",
                    &[&tenant, number],
                )
                .await?
        }
    };
    Ok(row.map(|row| row.get(0)))
}

/// Locks an account.
pub async fn lock(client: &Client, tenant: i32, id: i64) -> Result<Option<Account>, Error> {
    let row = client
        .query_opt(
            "SELECT a.id, a.institution_id, i.name, a.account_no, a.opening_fen, a.opening_on, a.balance_fen, a.entry_count, \
             a.last_booked_at, a.statement_on, a.detector::text FROM escrow_accounts a \
             JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
             WHERE a.tenant_id = $1 AND a.id = $2 FOR UPDATE OF a",
            &[&tenant, &id],
        )
        .await?;
    Ok(row.map(Account::from))
}

/// What an ingest leaves behind on its account.
#[derive(Debug)]
pub struct Outcome {
    pub opening_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub balance_fen: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub statement_on: Option<NaiveDate>,
    pub detector: AccountState,
}

/// Writes the outcome.
pub async fn update(client: &Client, tenant: i32, id: i64, outcome: &Outcome) -> Result<(), Error> {
    client
        .execute(
            "UPDATE escrow_accounts SET opening_fen = $3, opening_on = $4, balance_fen = $5, entry_count = $6, \
             last_booked_at = $7, statement_on = $8, detector = $9 WHERE tenant_id = $1 AND id = $2",
            &[
                &tenant,
                &id,
                &outcome.opening_fen,
                &outcome.opening_on,
                &outcome.balance_fen,
                &outcome.entry_count,
                &outcome.last_booked_at,
                &outcome.statement_on,
                &Json(&outcome.detector),
            ],
        )
        .await?;
    Ok(())
}

/// A statement as it is recorded.
#[derive(Debug)]
pub struct Record<'a> {
    pub account_id: i64,
    pub file_name: &'a str,
    pub sha256: &'a [u8],
    pub format: &'a str,
    pub statement: &'a Incoming,
    pub balanced: Option<bool>,
    pub inserted: i64,
    pub duplicates: i64,
}

/// The record of the same file's statement, if it came before.
pub async fn statement_of_file(client: &Client, tenant: i32, record: &Record<'_>) -> Result<Option<i64>, Error> {
    let row = client
        .query_opt(
            "SELECT id FROM statements WHERE tenant_id = $1 AND account_id = $2 AND sha256 = $3 \
             AND statement_ref IS NOT DISTINCT FROM $4 ORDER BY id LIMIT 1",
            &[&tenant, &record.account_id, &record.sha256, &record.statement.statement_ref],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Records a statement; returns its id.
pub async fn add_statement(client: &Client, caller: &Caller, record: &Record<'_>) -> Result<i64, Error> {
    let count = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    let row = client
        .query_one(
            "INSERT INTO statements (tenant_id, account_id, file_name, sha256, format, statement_ref, opening_fen, closing_fen, \
             opening_on, closing_on, balanced, inserted, duplicates, received_at, received_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id",
            &[
                &caller.actor.tenant,
                &record.account_id,
                &record.file_name,
                &record.sha256,
                &record.format,
                &record.statement.statement_ref,
                &record.statement.opening_fen,
                &record.statement.closing_fen,
                &record.statement.opening_on,
                &record.statement.closing_on,
                &record.balanced,
                &count(record.inserted),
                &count(record.duplicates),
                &caller.now,
                &caller.actor.display_name,
            ],
        )
        .await?;
    Ok(row.get(0))
}
