//! SQL of the proof: whose days are proven, their outcomes, and the queue of what does not match.

pub mod examine;
mod facts;

pub use facts::facts;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::model::{Item, Outcome};
use crate::db::{DbError, Pools, Scope, ScopedConn, prepared};

/// An institution whose days are proven.
#[derive(Debug, Clone, QueryableByName)]
pub struct Subject {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    /// The day of the first contract; `None` where the ledger is empty, and there is nothing to compare with.
    #[diesel(sql_type = Nullable<Date>)]
    pub ledger_from: Option<NaiveDate>,
    /// The last day that statements of its account reach.
    #[diesel(sql_type = Nullable<Date>)]
    pub statement_on: Option<NaiveDate>,
}

const SUBJECT: &str = "SELECT i.tenant_id, i.id, i.name, i.credit_code, \
     (SELECT min(c.signed_on) FROM contracts c WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id) AS ledger_from, \
     (SELECT max(a.statement_on) FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id) AS statement_on \
     FROM institutions i";

/// The institution of a credit code in the caller's range.
pub async fn by_code(conn: &mut ScopedConn, code: &str) -> Result<Option<Subject>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{SUBJECT} WHERE i.tenant_id BETWEEN $1 AND $2 AND i.credit_code = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<Text, _>(code)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// An institution of the caller's own bureau.
pub async fn by_id(conn: &mut ScopedConn, id: i64) -> Result<Option<Subject>, DbError> {
    Ok(prepared(format!("{SUBJECT} WHERE i.tenant_id = $1 AND i.id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Institutions of the caller's own bureau that have statements and a ledger, in order of id after `after`.
pub async fn with_both(conn: &mut ScopedConn, after: i64, limit: i64) -> Result<Vec<Subject>, DbError> {
    Ok(prepared(format!(
        "{SUBJECT} WHERE i.tenant_id = $1 AND i.id IN (SELECT a.institution_id FROM escrow_accounts a WHERE a.tenant_id = $1 \
         AND a.institution_id > $2 AND a.statement_on IS NOT NULL AND EXISTS (SELECT FROM contracts c \
         WHERE c.tenant_id = $1 AND c.institution_id = a.institution_id) ORDER BY a.institution_id LIMIT $3) ORDER BY i.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Bureaus that have a ledger at all.
pub async fn bureaus(pools: &Pools) -> Result<Vec<i32>, DbError> {
    #[derive(QueryableByName)]
    struct Bureau {
        #[diesel(sql_type = Integer)]
        tenant_id: i32,
    }
    let mut conn = Scope::ministry(0).begin(pools).await?;
    let rows: Vec<Bureau> = prepared(
        "SELECT t.tenant_id FROM tenants t WHERE EXISTS (SELECT FROM contracts c WHERE c.tenant_id = t.tenant_id) ORDER BY 1",
    )
    .load(conn.sql())
    .await?;
    conn.commit().await?;
    Ok(rows.into_iter().map(|row| row.tenant_id).collect())
}

/// Makes whoever proves the same institution wait until this transaction ends.
pub async fn lock(conn: &mut ScopedConn, institution: i64) -> Result<(), DbError> {
    prepared("SELECT pg_advisory_xact_lock(hashtextextended(format('three-way proof %s %s', $1, $2), 0))")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// A proven day in its latest version.
#[derive(Debug, Clone, QueryableByName)]
pub struct Proven {
    #[diesel(sql_type = Date)]
    pub day: NaiveDate,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = BigInt)]
    pub bank_in_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub bank_out_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub released_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = Integer)]
    pub matched: i32,
    #[diesel(sql_type = Integer)]
    pub waiting: i32,
    #[diesel(sql_type = Integer)]
    pub exceptions: i32,
    #[diesel(sql_type = Binary)]
    pub digest: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    pub made_at: DateTime<Utc>,
}

/// The proven days of an institution from `from` to `to`, the latest first.
pub async fn days(
    conn: &mut ScopedConn,
    tenant: i32,
    institution: i64,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<Proven>, DbError> {
    Ok(prepared(
        "SELECT DISTINCT ON (day) day, version, bank_in_fen, bank_out_fen, paid_fen, refunded_fen, released_fen, consumed_fen, \
         matched, waiting, exceptions, digest, made_at FROM proof_days \
         WHERE tenant_id = $1 AND institution_id = $2 AND day BETWEEN $3 AND $4 ORDER BY day DESC, version DESC",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(from)
    .bind::<Date, _>(to)
    .load(conn.sql())
    .await?)
}

/// Keeps a further version of a day.
pub async fn add_day(
    conn: &mut ScopedConn,
    institution: i64,
    (day, version): (NaiveDate, i32),
    outcome: &Outcome,
    (digest, signature): (&[u8; 32], &[u8; 64]),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO proof_days (tenant_id, institution_id, day, version, bank_in_fen, bank_out_fen, paid_fen, refunded_fen, \
         released_fen, consumed_fen, matched, waiting, exceptions, digest, signature, made_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(day)
    .bind::<Integer, _>(version)
    .bind::<BigInt, _>(outcome.bank_in_fen)
    .bind::<BigInt, _>(outcome.bank_out_fen)
    .bind::<BigInt, _>(outcome.paid_fen)
    .bind::<BigInt, _>(outcome.refunded_fen)
    .bind::<BigInt, _>(outcome.released_fen)
    .bind::<BigInt, _>(outcome.consumed_fen)
    .bind::<Integer, _>(outcome.matched)
    .bind::<Integer, _>(outcome.waiting)
    .bind::<Integer, _>(i32::try_from(outcome.items.len()).unwrap_or(i32::MAX))
    .bind::<Binary, _>(&digest[..])
    .bind::<Binary, _>(&signature[..])
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Brings the queue in line with what a day's proof found: new items open, mended ones are settled. An item that an official
/// explained stays explained as long as its figures are the same.
pub async fn set_items(
    conn: &mut ScopedConn,
    institution: i64,
    day: NaiveDate,
    items: &[Item],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let subjects: Vec<&str> = items.iter().map(|item| item.subject.as_str()).collect();
    let kinds: Vec<&str> = items.iter().map(|item| item.kind.into()).collect();
    let bank: Vec<i64> = items.iter().map(|item| item.bank_fen).collect();
    let ledger: Vec<i64> = items.iter().map(|item| item.ledger_fen).collect();
    prepared(
        "UPDATE proof_items SET state = 'settled', closed_at = $4, version = version + 1 \
         WHERE tenant_id = $1 AND institution_id = $2 AND day = $3 AND state <> 'settled' AND subject <> ALL ($5)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(day)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(&subjects)
    .execute(conn.sql())
    .await?;
    prepared(
        "INSERT INTO proof_items (tenant_id, institution_id, day, kind, subject, bank_fen, ledger_fen, state, found_at) \
         SELECT $1, $2, $3, f.kind, f.subject, f.bank_fen, f.ledger_fen, 'open', $4 \
           FROM unnest($5::text[], $6::text[], $7::bigint[], $8::bigint[]) AS f (subject, kind, bank_fen, ledger_fen) \
         ON CONFLICT (tenant_id, institution_id, day, subject) DO UPDATE SET kind = excluded.kind, bank_fen = excluded.bank_fen, \
           ledger_fen = excluded.ledger_fen, state = 'open', comment = NULL, handler = NULL, closed_at = NULL, \
           version = proof_items.version + 1 \
         WHERE proof_items.state = 'settled' OR (proof_items.kind, proof_items.bank_fen, proof_items.ledger_fen) \
           IS DISTINCT FROM (excluded.kind, excluded.bank_fen, excluded.ledger_fen)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(day)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(&subjects)
    .bind::<Array<Text>, _>(&kinds)
    .bind::<Array<BigInt>, _>(&bank)
    .bind::<Array<BigInt>, _>(&ledger)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// An item of the queue with its institution.
#[derive(Debug, Clone, QueryableByName)]
pub struct Queued {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub institution_name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Date)]
    pub day: NaiveDate,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = BigInt)]
    pub bank_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub ledger_fen: i64,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub comment: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub handler: Option<String>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

const QUEUED: &str = "SELECT p.tenant_id, p.id, p.institution_id, i.name AS institution_name, i.credit_code, p.day, p.kind, p.subject, \
     p.bank_fen, p.ledger_fen, p.state, p.comment, p.handler, p.version FROM proof_items p \
     JOIN institutions i ON i.tenant_id = p.tenant_id AND i.id = p.institution_id";

/// Open items of the caller's range, the newest first; older than the id `before` where it is not 0.
pub async fn queue(conn: &mut ScopedConn, kind: Option<&str>, before: i64, limit: i64) -> Result<Vec<Queued>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{QUEUED} WHERE (p.tenant_id, p.id) IN (SELECT tenant_id, id FROM proof_items WHERE tenant_id BETWEEN $1 AND $2 \
         AND state = 'open' AND ($3 IS NULL OR kind = $3) AND ($4 = 0 OR id < $4) ORDER BY id DESC LIMIT $5) ORDER BY p.id DESC"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(kind)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// What a month of an institution has that does not match, settled items left out, in order of day.
pub async fn items(
    conn: &mut ScopedConn,
    tenant: i32,
    institution: i64,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<Queued>, DbError> {
    Ok(prepared(format!(
        "{QUEUED} WHERE p.tenant_id = $1 AND p.institution_id = $2 AND p.day BETWEEN $3 AND $4 AND p.state <> 'settled' \
         ORDER BY p.day DESC, p.id"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(from)
    .bind::<Date, _>(to)
    .load(conn.sql())
    .await?)
}

/// Days since `from` of which something is still open, at the institution.
pub async fn open_days(conn: &mut ScopedConn, institution: i64, from: NaiveDate) -> Result<Vec<NaiveDate>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Date)]
        day: NaiveDate,
    }
    let rows: Vec<Row> = prepared(
        "SELECT DISTINCT day FROM proof_items WHERE tenant_id = $1 AND institution_id = $2 AND day >= $3 AND state <> 'settled'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(from)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.day).collect())
}

/// One item of the caller's own bureau, locked.
pub async fn lock_item(conn: &mut ScopedConn, id: i64) -> Result<Option<Queued>, DbError> {
    Ok(prepared(format!("{QUEUED} WHERE p.tenant_id = $1 AND p.id = $2 FOR UPDATE OF p"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Marks an item as explained.
pub async fn explain(
    conn: &mut ScopedConn,
    id: i64,
    comment: &str,
    handler: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE proof_items SET state = 'explained', comment = $3, handler = $4, closed_at = $5, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(comment)
    .bind::<Text, _>(handler)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
