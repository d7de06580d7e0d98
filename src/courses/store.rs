//! SQL of course filings.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::db::{DbError, ScopedConn, prepared};

/// What the register knows of an institution that files a course.
#[derive(Debug, Clone, QueryableByName)]
pub struct Filer {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Text)]
    pub category: String,
    #[diesel(sql_type = Array<Text>)]
    pub stages: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub delivery: Vec<String>,
    #[diesel(sql_type = Bool)]
    pub for_profit: bool,
    #[diesel(sql_type = Text)]
    pub list_status: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub vacations: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub school_hours: Option<Value>,
}

/// The institution with its list status and its county's school calendar.
pub async fn filer(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Option<Filer>, DbError> {
    Ok(prepared(
        "SELECT i.id, i.name, i.credit_code, i.category, i.stages, i.delivery, i.for_profit, \
           coalesce((SELECT d.status FROM list_decisions d WHERE d.tenant_id = i.tenant_id AND d.institution_id = i.id \
                     ORDER BY d.id DESC LIMIT 1), 'none') AS list_status, \
           s.vacations, s.school_hours \
         FROM institutions i LEFT JOIN school_calendars s ON s.tenant_id = i.tenant_id \
         WHERE i.tenant_id = $1 AND i.id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// A course as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct CourseRow {
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
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Jsonb)]
    pub filing: Value,
    #[diesel(sql_type = Jsonb)]
    pub form: Value,
    #[diesel(sql_type = Jsonb)]
    pub findings: Value,
    #[diesel(sql_type = Text)]
    pub decision: String,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub submitted_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub decided_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub comment: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub policy_version: Option<String>,
}

const SELECT: &str = "SELECT c.tenant_id, c.id, c.institution_id, i.name AS institution_name, i.credit_code, c.name, c.status, \
     c.filing, c.form, c.findings, c.decision, c.version, c.updated_at, c.submitted_at, c.decided_at, c.comment, c.policy_version \
     FROM courses c JOIN institutions i ON i.tenant_id = c.tenant_id AND i.id = c.institution_id";

/// One course in the caller's range.
pub async fn course(conn: &mut ScopedConn, id: i64) -> Result<Option<CourseRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{SELECT} WHERE c.tenant_id BETWEEN $1 AND $2 AND c.id = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// One course of the caller's own bureau, locked until the transaction ends.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<CourseRow>, DbError> {
    Ok(prepared(format!("{SELECT} WHERE c.tenant_id = $1 AND c.id = $2 FOR UPDATE OF c"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Courses in the caller's range, newest first, older than the course `before` (0: from the newest); those of one county
/// alone where `county` names one.
pub async fn courses(
    conn: &mut ScopedConn,
    status: Option<&str>,
    credit_code: Option<&str>,
    county: Option<i32>,
    before: i64,
    limit: i64,
) -> Result<Vec<CourseRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{SELECT} WHERE (c.tenant_id, c.id) IN (SELECT c.tenant_id, c.id FROM courses c \
         WHERE c.tenant_id BETWEEN $1 AND $2 AND ($3::text IS NULL OR c.status = $3) \
         AND ($4::text IS NULL OR (c.tenant_id, c.institution_id) IN (SELECT o.tenant_id, o.id FROM institutions o \
              WHERE o.tenant_id BETWEEN $1 AND $2 AND o.credit_code = $4)) \
         AND ($5 = 0 OR c.id < $5) AND ($7::int IS NULL OR c.tenant_id = $7) ORDER BY c.id DESC LIMIT $6) ORDER BY c.id DESC"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(status)
    .bind::<Nullable<Text>, _>(credit_code)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .bind::<Nullable<Integer>, _>(county)
    .load(conn.sql())
    .await?)
}

/// What is written of a course each time it is saved.
#[derive(Debug, Clone)]
pub struct Saved<'a> {
    pub name: &'a str,
    pub status: &'a str,
    pub filing: Value,
    pub form: Value,
    pub findings: Value,
    pub decision: String,
    /// Of the policies it was judged by; `None` for what cannot be judged.
    pub policy_version: Option<String>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Adds a course; returns its id.
pub async fn add(
    conn: &mut ScopedConn,
    institution: i64,
    saved: &Saved<'_>,
    now: DateTime<Utc>,
) -> Result<i64, DbError> {
    let row: Id = prepared(
        "INSERT INTO courses (tenant_id, institution_id, name, status, filing, form, findings, decision, created_at, updated_at, \
         submitted_at, department, township, policy_version) \
         SELECT $1, i.id, $3, $4, $5, $6, $7, $8, $9, $9, CASE WHEN $4 = 'submitted' THEN $9 END, i.department, i.township, $10 \
         FROM institutions i WHERE i.tenant_id = $1 AND i.id = $2 RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Text, _>(saved.name)
    .bind::<Text, _>(saved.status)
    .bind::<Jsonb, _>(&saved.filing)
    .bind::<Jsonb, _>(&saved.form)
    .bind::<Jsonb, _>(&saved.findings)
    .bind::<Text, _>(&saved.decision)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(saved.policy_version.as_deref())
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Saves a course that was changed or submitted.
pub async fn save(conn: &mut ScopedConn, id: i64, saved: &Saved<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "UPDATE courses SET name = $3, status = $4, filing = $5, form = $6, findings = $7, decision = $8, updated_at = $9, \
         policy_version = $10, version = version + 1, submitted_at = CASE WHEN $4 = 'submitted' THEN $9 ELSE submitted_at END WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(saved.name)
    .bind::<Text, _>(saved.status)
    .bind::<Jsonb, _>(&saved.filing)
    .bind::<Jsonb, _>(&saved.form)
    .bind::<Jsonb, _>(&saved.findings)
    .bind::<Text, _>(&saved.decision)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(saved.policy_version.as_deref())
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// An official's decision with the findings of that moment.
#[derive(Debug, Clone)]
pub struct Decided<'a> {
    pub status: &'a str,
    pub comment: &'a str,
    pub findings: Value,
    pub by: i64,
    /// Of the policies it was judged by.
    pub policy_version: &'a str,
}

/// Writes it.
pub async fn decide(conn: &mut ScopedConn, id: i64, decided: &Decided<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "UPDATE courses SET status = $3, comment = $4, findings = $5, decided_by = $6, decided_at = $7, updated_at = $7, \
         policy_version = $8, version = version + 1 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(decided.status)
    .bind::<Text, _>(decided.comment)
    .bind::<Jsonb, _>(&decided.findings)
    .bind::<BigInt, _>(decided.by)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(decided.policy_version)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Courses of the caller's range that are submitted or approved, the newest first.
pub async fn filed(conn: &mut ScopedConn, limit: i64) -> Result<Vec<CourseRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{SELECT} WHERE (c.tenant_id, c.id) IN (SELECT tenant_id, id FROM courses \
         WHERE tenant_id BETWEEN $1 AND $2 AND status IN ('submitted', 'approved') ORDER BY id DESC LIMIT $3) \
         ORDER BY c.id DESC"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many submitted courses of the visible range wait for a decision, and those of them that wait the longest.
pub async fn longest_waiting(conn: &mut ScopedConn, limit: i64) -> Result<(i64, Vec<CourseRow>), DbError> {
    let (lo, hi) = conn.scope().range();
    let count: Count =
        prepared("SELECT count(*) AS n FROM courses WHERE tenant_id BETWEEN $1 AND $2 AND status = 'submitted'")
            .bind::<Integer, _>(lo)
            .bind::<Integer, _>(hi)
            .get_result(conn.sql())
            .await?;
    let rows = prepared(format!(
        "{SELECT} WHERE (c.tenant_id, c.id) IN (SELECT tenant_id, id FROM courses \
         WHERE tenant_id BETWEEN $1 AND $2 AND status = 'submitted' ORDER BY submitted_at, id LIMIT $3) \
         ORDER BY c.submitted_at, c.id"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    Ok((count.n, rows))
}

/// The school calendar of a county.
#[derive(Debug, Clone, QueryableByName)]
pub struct CalendarRow {
    #[diesel(sql_type = Jsonb)]
    pub vacations: Value,
    #[diesel(sql_type = Jsonb)]
    pub school_hours: Value,
    /// Where it stands, e.g. the number of the notice.
    #[diesel(sql_type = Text)]
    pub source: String,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

/// The school calendar of the caller's county, if it was set.
pub async fn calendar(conn: &mut ScopedConn) -> Result<Option<CalendarRow>, DbError> {
    Ok(prepared("SELECT vacations, school_hours, source, updated_at FROM school_calendars WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Writes the school calendar of the caller's county.
pub async fn set_calendar(
    conn: &mut ScopedConn,
    vacations: &Value,
    school_hours: &Value,
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO school_calendars (tenant_id, vacations, school_hours, source, updated_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id) DO UPDATE SET vacations = $2, school_hours = $3, source = $4, updated_at = $5",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Jsonb, _>(vacations)
    .bind::<Jsonb, _>(school_hours)
    .bind::<Text, _>(source)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
