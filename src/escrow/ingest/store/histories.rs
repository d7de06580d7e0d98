//! SQL of whole histories: all accounts of a bureau with one statement each for what is on record of them.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{
    Error,
    binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream},
    types::Type,
};

use super::{
    accounts::{Account, Claimed, LOCKED},
    warnings::stored,
};
use crate::db::Statements;
use crate::escrow::{
    detector::{Kind, Obligations, OwedDay},
    ingest::{chain::Claim, history::Owed, reconcile::StoredWarning},
};

/// Reads as of one instant, and lets PostgreSQL sort a year of a county in memory.
pub const SNAPSHOT: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL work_mem = '256MB'; SET LOCAL jit = off";

/// These accounts of a bureau, without what the detector remembers of them.
pub async fn accounts(client: &ClientWrapper, tenant: i32, wanted: &[i64]) -> Result<Vec<Account>, Error> {
    let sql = LOCKED.replacen("a.detector::text", "NULL::text AS detector", 1);
    let rows = client.rows(&format!("{sql} WHERE a.tenant_id = $1 AND a.id = ANY($2)"), &[&tenant, &wanted]).await?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// What all statements of a bureau claim, by account.
pub async fn claims(client: &ClientWrapper, tenant: i32) -> Result<HashMap<i64, Vec<Claim>>, Error> {
    let sql = format!(
        "SELECT account_id, {} FROM statements WHERE tenant_id = $1 AND opening_fen IS NOT NULL",
        super::accounts::CLAIM
    );
    let mut claims: HashMap<i64, Vec<Claim>> = HashMap::new();
    for row in client.rows(&sql, &[&tenant]).await? {
        let Some(claimed) = Claimed::of(&row) else { continue };
        claims.entry(row.get("account_id")).or_default().push(claimed.claim);
    }
    Ok(claims)
}

/// The warnings of all accounts of a bureau that the detector found.
pub async fn warnings(client: &ClientWrapper, tenant: i32) -> Result<HashMap<i64, Vec<StoredWarning>>, Error> {
    let rows = client
        .rows(
            "SELECT account_id, id, kind, level, status, raised_at, bank_ref, evidence, history, resolved_at, resolved_by, \
             resolved_through, conclusion FROM warnings WHERE tenant_id = $1 AND judged_by = 'detector' AND account_id IS NOT NULL ORDER BY id",
            &[&tenant],
        )
        .await?;
    let mut warnings: HashMap<i64, Vec<StoredWarning>> = HashMap::new();
    for row in &rows {
        let Some(warning) = stored(row) else { continue };
        warnings.entry(row.get("account_id")).or_default().push(warning);
    }
    Ok(warnings)
}

/// What all institutions of a bureau owe, day by day.
pub async fn owed(client: &ClientWrapper, tenant: i32) -> Result<Owed, Error> {
    let rows = client
        .rows(
            "SELECT institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on, contracts FROM owed_days \
             WHERE tenant_id = $1 ORDER BY institution_id, day",
            &[&tenant],
        )
        .await?;
    let mut days: HashMap<i64, Vec<OwedDay>> = HashMap::new();
    for row in &rows {
        days.entry(row.get(0)).or_default().push(OwedDay {
            day: row.get(1),
            contracted_fen: row.get(2),
            consumed_fen: row.get(3),
            refunded_fen: row.get(4),
            until_on: row.get(5),
            contracts: row.get(6),
        });
    }
    Ok(days.into_iter().map(|(institution, days)| (institution, Arc::new(Obligations::from_days(&days)))).collect())
}

/// What the detector takes of an entry, as it comes from the database.
#[derive(Debug)]
pub struct Packed<'r> {
    pub account: i64,
    pub booked_at: DateTime<Utc>,
    pub credit: bool,
    pub amount_fen: i64,
    pub kind: Kind,
    pub balance_after_fen: Option<i64>,
    /// Reference, order, counterparty's name and account, remark.
    pub texts: [Option<&'r str>; 5],
}

/// All entries of a bureau in order of account, then in the detector's.
pub async fn entries(client: &ClientWrapper, tenant: i32) -> Result<BinaryCopyOutStream, Error> {
    // COPY takes no parameters; a bureau's code is a number.
    let copy = format!(
        "COPY (SELECT account_id, booked_at, credit, amount_fen, kind, balance_after_fen, bank_ref, order_ref, counterparty_name, \
         counterparty_account, remittance FROM entries WHERE tenant_id = {tenant} ORDER BY account_id, booked_at, seq, bank_ref) \
         TO STDOUT (FORMAT binary)"
    );
    let types = [
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::BOOL,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ];
    Ok(BinaryCopyOutStream::new(client.copy_out(&copy).await?, &types))
}

/// A row of [`entries`].
pub fn packed(row: &BinaryCopyOutRow) -> Result<Packed<'_>, Error> {
    Ok(Packed {
        account: row.try_get(0)?,
        booked_at: row.try_get(1)?,
        credit: row.try_get(2)?,
        amount_fen: row.try_get(3)?,
        kind: row.try_get::<&str>(4)?.parse().unwrap_or(Kind::Other),
        balance_after_fen: row.try_get(5)?,
        texts: [row.try_get(6)?, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?, row.try_get(10)?],
    })
}
