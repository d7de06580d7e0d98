//! SQL of lessons.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    vault::Place,
};

/// A lesson as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Lesson {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = BigInt)]
    pub contract_id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub institution_name: String,
    #[diesel(sql_type = Integer)]
    pub unit_no: i32,
    #[diesel(sql_type = Timestamptz)]
    pub ended_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Timestamptz)]
    pub due_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub confirmed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub confirmed_by: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    pub dispute_sealed: Option<Vec<u8>>,
}

/// Where what a parent wrote about a lesson is kept.
pub fn dispute_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "lessons", column: "dispute", tenant, row }
}

/// What the sealed value of a lesson is bound to.
pub fn row_of(contract: i64, unit_no: i32) -> String {
    format!("{contract}/{unit_no}")
}

const LESSON: &str = "SELECT l.tenant_id, l.id, l.institution_id, l.contract_id, c.contract_no, c.subject, i.name AS institution_name, \
     l.unit_no, l.ended_at, l.state, l.due_at, l.confirmed_at, l.confirmed_by, l.amount_fen, l.dispute_sealed \
     FROM lessons l JOIN contracts c ON c.tenant_id = l.tenant_id AND c.id = l.contract_id \
     JOIN institutions i ON i.tenant_id = l.tenant_id AND i.id = l.institution_id";

/// All lessons on contracts of one bureau, in order of their units.
pub async fn of_contracts(conn: &mut ScopedConn, tenant: i32, contracts: &[i64]) -> Result<Vec<Lesson>, DbError> {
    Ok(prepared(format!(
        "{LESSON} WHERE l.tenant_id = $1 AND l.contract_id = ANY($2) ORDER BY l.contract_id, l.unit_no"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(contracts)
    .load(conn.sql())
    .await?)
}

/// One lesson of the own bureau.
pub async fn lesson(conn: &mut ScopedConn, id: i64) -> Result<Option<Lesson>, DbError> {
    Ok(prepared(format!("{LESSON} WHERE l.tenant_id = $1 AND l.id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The lessons that a parent's link is for.
pub async fn by_token(conn: &mut ScopedConn, token_hash: &[u8]) -> Result<Vec<Lesson>, DbError> {
    Ok(prepared(format!("{LESSON} WHERE l.tenant_id = $1 AND l.token_hash = $2 ORDER BY l.unit_no"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Binary, _>(token_hash)
        .load(conn.sql())
        .await?)
}

/// A lesson about to be kept.
#[derive(Debug, Clone)]
pub struct NewRow {
    pub contract: i64,
    pub unit_no: i32,
    pub amount_fen: i64,
    pub token_hash: Vec<u8>,
}

/// When lessons ended and when silence confirms them.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub ended_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub told_at: DateTime<Utc>,
}

/// Keeps the lessons of a session. A unit that was voided is given anew; returns how many were kept.
pub async fn add(conn: &mut ScopedConn, institution: i64, rows: &[NewRow], times: &Times) -> Result<usize, DbError> {
    let (mut contracts, mut units, mut amounts, mut tokens) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        contracts.push(row.contract);
        units.push(row.unit_no);
        amounts.push(row.amount_fen);
        tokens.push(row.token_hash.as_slice());
    }
    Ok(prepared(
        "INSERT INTO lessons (tenant_id, institution_id, contract_id, unit_no, amount_fen, token_hash, ended_at, due_at, \
         recorded_at, state) SELECT $1, $2, n.contract, n.unit, n.amount, n.token, $7, $8, $9, 'awaiting' \
         FROM unnest($3::bigint[], $4::int[], $5::bigint[], $6::bytea[]) AS n (contract, unit, amount, token) \
         ON CONFLICT (tenant_id, contract_id, unit_no) DO UPDATE SET state = 'awaiting', ended_at = excluded.ended_at, \
         due_at = excluded.due_at, token_hash = excluded.token_hash, recorded_at = excluded.recorded_at, \
         confirmed_at = NULL, confirmed_by = NULL, dispute_sealed = NULL WHERE lessons.state = 'void'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Array<BigInt>, _>(contracts)
    .bind::<Array<Integer>, _>(units)
    .bind::<Array<BigInt>, _>(amounts)
    .bind::<Array<Binary>, _>(tokens)
    .bind::<Timestamptz, _>(times.ended_at)
    .bind::<Timestamptz, _>(times.due_at)
    .bind::<Timestamptz, _>(times.told_at)
    .execute(conn.sql())
    .await?)
}

/// Where lessons stand from now on.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub state: &'a str,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub confirmed_by: Option<&'a str>,
}

/// Writes it.
pub async fn stand(conn: &mut ScopedConn, ids: &[i64], standing: &Standing<'_>) -> Result<(), DbError> {
    prepared(
        "UPDATE lessons SET state = $3, confirmed_at = $4, confirmed_by = $5 WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Text, _>(standing.state)
    .bind::<Nullable<Timestamptz>, _>(standing.confirmed_at)
    .bind::<Nullable<Text>, _>(standing.confirmed_by)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Freezes a lesson with what the parent wrote.
pub async fn dispute(conn: &mut ScopedConn, lesson: &Lesson, text: &str) -> Result<(), DbError> {
    let row = row_of(lesson.contract_id, lesson.unit_no);
    let sealed = conn.vault().seal(&dispute_place(lesson.tenant_id, &row), text.as_bytes())?;
    prepared("UPDATE lessons SET state = 'disputed', dispute_sealed = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(lesson.id)
        .bind::<Binary, _>(sealed)
        .execute(conn.sql())
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Keeper {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
}

/// The next institution of the own bureau after `after` with lessons that silence has confirmed by `now`.
pub async fn next_overdue(conn: &mut ScopedConn, after: i64, now: DateTime<Utc>) -> Result<Option<i64>, DbError> {
    let row: Option<Keeper> = prepared(
        "SELECT institution_id FROM lessons WHERE tenant_id = $1 AND state = 'awaiting' AND due_at <= $3 \
         AND institution_id > $2 ORDER BY institution_id LIMIT 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.institution_id))
}

#[derive(QueryableByName)]
struct OfContract {
    #[diesel(sql_type = BigInt)]
    contract_id: i64,
}

/// The contracts of an institution with such lessons, at most so many.
pub async fn overdue_contracts(
    conn: &mut ScopedConn,
    institution: i64,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let rows: Vec<OfContract> = prepared(
        "SELECT DISTINCT contract_id FROM lessons WHERE tenant_id = $1 AND institution_id = $2 AND state = 'awaiting' \
         AND due_at <= $3 ORDER BY contract_id LIMIT $4",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.contract_id).collect())
}

#[derive(QueryableByName)]
struct Confirmed {
    #[diesel(sql_type = BigInt)]
    contract_id: i64,
    #[diesel(sql_type = BigInt)]
    units: i64,
}

/// Confirms by silence what awaits it on contracts, each lesson at its own instant; how many units of each contract.
pub async fn confirm_by_silence(
    conn: &mut ScopedConn,
    contracts: &[i64],
    now: DateTime<Utc>,
) -> Result<Vec<(i64, i64)>, DbError> {
    let rows: Vec<Confirmed> = prepared(
        "WITH done AS (UPDATE lessons SET state = 'confirmed', confirmed_at = due_at, confirmed_by = 'silence' \
           WHERE tenant_id = $1 AND contract_id = ANY($2) AND state = 'awaiting' AND due_at <= $3 RETURNING contract_id) \
         SELECT contract_id, count(*) AS units FROM done GROUP BY contract_id ORDER BY contract_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(contracts)
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.contract_id, row.units)).collect())
}
