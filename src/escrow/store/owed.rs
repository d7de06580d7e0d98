//! SQL of what the ledger tells the watch of accounts, and of what is owed by day.

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{
        detector::{OwedDay, Required},
        model::mentions,
    },
};

/// Calendar days after a payment in which the bank books it at the latest.
const BOOKED_WITHIN: u64 = 10;

/// Locks the accounts of an institution of the own bureau that are not closed against the ingest, until the transaction ends. Whoever
/// books what is owed does so first, so that no day is judged meanwhile by what was owed before.
pub async fn lock_account(conn: &mut ScopedConn, institution: i64) -> Result<(), DbError> {
    prepared(
        "SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 AND status <> 'closed' ORDER BY id \
         FOR NO KEY UPDATE",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Notes that from `day` on another sum is owed than was known, where that day may have been judged already.
pub async fn owed_changed(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<(), DbError> {
    prepared(
        "UPDATE escrow_accounts SET owed_changed_on = least(owed_changed_on, $3) \
         WHERE tenant_id = $1 AND institution_id = $2 AND (status = 'active' OR in_use_until > $3 OR in_use_from IS NOT NULL) \
         AND ($3 <= statement_on OR $3 <= (last_booked_at AT TIME ZONE interval '8 hours')::date)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(day)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// The account in use of an institution of the own bureau, as far as what it must hold depends on it.
#[derive(Debug, QueryableByName)]
pub struct InUse {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub mode: String,
    /// The day up to which the bank's data reach.
    #[diesel(sql_type = Nullable<Date>)]
    pub known_on: Option<NaiveDate>,
}

/// The account in use of an institution of the own bureau.
pub async fn in_use(conn: &mut ScopedConn, institution: i64) -> Result<Option<InUse>, DbError> {
    Ok(prepared(
        "SELECT id, mode, greatest(statement_on, (last_booked_at AT TIME ZONE interval '8 hours')::date) AS known_on \
         FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 AND status = 'active'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// Writes what an account of the own bureau must hold.
pub async fn set_required(conn: &mut ScopedConn, account: i64, required: &Required) -> Result<(), DbError> {
    prepared(
        "UPDATE escrow_accounts SET unearned_fen = $3, needed_fen = $4, minimum_fen = $5 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(account)
    .bind::<Nullable<BigInt>, _>(required.unearned_fen)
    .bind::<Nullable<BigInt>, _>(required.needed_fen)
    .bind::<Nullable<BigInt>, _>(required.minimum_fen)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    contracted_fen: i64,
    #[diesel(sql_type = BigInt)]
    consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    refunded_fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    until_on: Option<NaiveDate>,
    #[diesel(sql_type = Integer)]
    contracts: i32,
}

/// What is owed by an institution, day by day; empty where nobody keeps a ledger of it.
pub async fn owed_days(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<OwedDay>, DbError> {
    let rows: Vec<Row> = prepared(
        "SELECT day, contracted_fen, consumed_fen, refunded_fen, until_on, contracts FROM owed_days \
         WHERE tenant_id = $1 AND institution_id = $2 ORDER BY day",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?;
    let day = |row: Row| OwedDay {
        day: row.day,
        contracted_fen: row.contracted_fen,
        consumed_fen: row.consumed_fen,
        refunded_fen: row.refunded_fen,
        until_on: row.until_on,
        contracts: row.contracts,
    };
    Ok(rows.into_iter().map(day).collect())
}

/// A credit of an account that is not closed and that no payment is tied to.
#[derive(Debug, Clone, QueryableByName)]
pub struct Credit {
    #[diesel(sql_type = BigInt)]
    pub account_id: i64,
    #[diesel(sql_type = Timestamptz)]
    pub booked_at: DateTime<Utc>,
    /// The day of booking.
    #[diesel(sql_type = Date)]
    pub on: NaiveDate,
    #[diesel(sql_type = Text)]
    pub bank_ref: String,
    #[diesel(sql_type = Nullable<Text>)]
    remittance: Option<String>,
}

impl Credit {
    /// Whether the bank passes a number on with it.
    pub fn carries(&self, number: &str) -> bool {
        mentions(&self.bank_ref, number) || self.remittance.as_deref().is_some_and(|text| mentions(text, number))
    }
}

/// The credits of an amount that may bear out a payment of a day.
pub async fn open_credits(
    conn: &mut ScopedConn,
    institution: i64,
    amount_fen: i64,
    day: NaiveDate,
) -> Result<Vec<Credit>, DbError> {
    Ok(prepared(
        "SELECT e.account_id, e.booked_at, (e.booked_at AT TIME ZONE interval '8 hours')::date AS \"on\", e.bank_ref, e.remittance \
         FROM escrow_accounts a JOIN entries e ON e.tenant_id = a.tenant_id AND e.account_id = a.id \
         WHERE a.tenant_id = $1 AND a.institution_id = $2 AND a.status <> 'closed' AND e.credit AND NOT e.reversal \
         AND e.amount_fen = $3 AND e.booked_at >= $4::date::timestamp AT TIME ZONE interval '8 hours' \
         AND e.booked_at < $5::date::timestamp AT TIME ZONE interval '8 hours' \
         AND NOT EXISTS (SELECT FROM payments p WHERE p.tenant_id = a.tenant_id AND p.institution_id = a.institution_id \
              AND p.account_id = a.id AND p.amount_fen = e.amount_fen AND p.entry_ref = e.bank_ref) \
         ORDER BY e.booked_at, e.bank_ref LIMIT 50",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(amount_fen)
    .bind::<Date, _>(day)
    .bind::<Date, _>(day.checked_add_days(Days::new(BOOKED_WITHIN)).unwrap_or(day))
    .load(conn.sql())
    .await?)
}

/// The day since which the account in use of an institution does not cover what it has to, by its open warning.
pub async fn short_since(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Option<NaiveDate>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Date>)]
        since: Option<NaiveDate>,
    }
    let row: Row = prepared(
        "SELECT min((w.raised_at AT TIME ZONE interval '8 hours')::date) AS since FROM warnings w \
         JOIN escrow_accounts a ON a.tenant_id = w.tenant_id AND a.id = w.account_id AND a.status = 'active' \
         WHERE w.tenant_id = $1 AND w.institution_id = $2 AND w.kind = 'FUND-COVERAGE' AND w.status NOT IN ('resolved', 'withdrawn')",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await?;
    Ok(row.since)
}
