//! SQL of proposals.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::{Approval, Concerned, Kind, State};
use crate::db::{DbError, Pools, ScopedConn, prepared};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    credit_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Jsonb)]
    payload: Value,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = BigInt)]
    proposed_by: i64,
    #[diesel(sql_type = Text)]
    proposed_by_name: String,
    #[diesel(sql_type = Timestamptz)]
    proposed_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    decided_by_name: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    decided_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
    #[diesel(sql_type = Bool)]
    own: bool,
}

/// A word of the database that the code no longer knows: migrations and enums have come apart.
fn word<T: std::str::FromStr>(text: &str) -> Result<T, DbError> {
    let unknown =
        || DbError::Diesel(diesel::result::Error::DeserializationError(format!("unknown word {text}").into()));
    text.parse().map_err(|_| unknown())
}

impl TryFrom<Row> for Approval {
    type Error = DbError;

    fn try_from(row: Row) -> Result<Approval, DbError> {
        let institution = match (row.institution_id, row.credit_code, row.name) {
            (Some(id), Some(credit_code), Some(name)) => Some(Concerned { id, credit_code, name }),
            _ => None,
        };
        let (kind, state): (Kind, State) = (word(&row.kind)?, word(&row.state)?);
        Ok(Approval {
            id: row.id,
            tenant: row.tenant_id,
            kind,
            subject: row.subject,
            institution,
            payload: row.payload,
            reason: row.reason,
            proposed_by: row.proposed_by,
            proposed_by_name: row.proposed_by_name,
            proposed_at: row.proposed_at,
            expires_at: row.expires_at,
            state,
            decided_by_name: row.decided_by_name,
            decided_at: row.decided_at,
            comment: row.comment,
            own: row.own,
        })
    }
}

/// The columns of [`Row`] for the post `$2` who looks at the instant `$1`; a proposal that has run out by then reads as
/// expired. A person may have several posts: what one of them proposed is the person's own.
const APPROVALS: &str = "SELECT a.tenant_id, a.id, a.kind, a.subject, a.institution_id, i.credit_code, i.name, a.payload, a.reason, \
     coalesce(a.proposed_by, 0) AS proposed_by, coalesce(p.display_name, '明鉴') AS proposed_by_name, a.proposed_at, a.expires_at, \
     CASE WHEN a.state = 'pending' AND a.expires_at <= $1 THEN 'expired' ELSE a.state END AS state, \
     d.display_name AS decided_by_name, a.decided_at, a.comment, coalesce(a.proposed_person = (SELECT me.person_id FROM users me \
     WHERE me.tenant_id = a.tenant_id AND me.id = $2), false) AS own \
     FROM approvals a LEFT JOIN users p ON p.tenant_id = a.tenant_id AND p.id = a.proposed_by \
     LEFT JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
     LEFT JOIN users d ON d.tenant_id = a.tenant_id AND d.id = a.decided_by ";

/// Which proposals to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that wait for a decision (`true`), or all others.
    pub pending: bool,
    /// Older than this proposal; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

fn read(rows: Vec<Row>) -> Result<Vec<Approval>, DbError> {
    rows.into_iter().map(Approval::try_from).collect()
}

/// Proposals of the visible range, newest first.
pub async fn approvals(
    conn: &mut ScopedConn,
    filter: Filter,
    user: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Approval>, DbError> {
    let (lo, hi) = conn.scope().range();
    read(
        prepared(format!(
            "{APPROVALS} WHERE a.tenant_id BETWEEN $3 AND $4 AND (a.state = 'pending' AND a.expires_at > $1) = $5 \
             AND ($6 = 0 OR a.id < $6) ORDER BY a.id DESC LIMIT $7"
        ))
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(user)
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<Bool, _>(filter.pending)
        .bind::<BigInt, _>(filter.before)
        .bind::<BigInt, _>(filter.limit)
        .load(conn.sql())
        .await?,
    )
}

/// What waits about one institution of the visible range, newest first.
pub async fn pending_of_institution(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    user: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Approval>, DbError> {
    read(
        prepared(format!(
            "{APPROVALS} WHERE a.tenant_id = $3 AND a.institution_id = $4 AND a.state = 'pending' AND a.expires_at > $1 \
             ORDER BY a.id DESC LIMIT 20"
        ))
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(user)
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(institution)
        .load(conn.sql())
        .await?,
    )
}

/// One proposal of the visible range.
pub async fn approval(
    conn: &mut ScopedConn,
    id: i64,
    user: i64,
    now: DateTime<Utc>,
) -> Result<Option<Approval>, DbError> {
    let (lo, hi) = conn.scope().range();
    let row: Option<Row> = prepared(format!("{APPROVALS} WHERE a.tenant_id BETWEEN $3 AND $4 AND a.id = $5"))
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(user)
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    row.map(Approval::try_from).transpose()
}

/// The proposals `ids` of the caller's own bureau, locked, in order of id.
pub async fn lock(conn: &mut ScopedConn, ids: &[i64], user: i64, now: DateTime<Utc>) -> Result<Vec<Approval>, DbError> {
    let tenant = conn.tenant();
    read(
        prepared(format!("{APPROVALS} WHERE a.tenant_id = $3 AND a.id = ANY($4) ORDER BY a.id FOR UPDATE OF a"))
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(user)
            .bind::<Integer, _>(tenant)
            .bind::<Array<BigInt>, _>(ids)
            .load(conn.sql())
            .await?,
    )
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many proposals of the visible range wait, and those of them that wait the longest.
pub async fn longest_waiting(
    conn: &mut ScopedConn,
    user: i64,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<(i64, Vec<Approval>), DbError> {
    let (lo, hi) = conn.scope().range();
    let count: Count = prepared(
        "SELECT count(*) AS n FROM approvals WHERE tenant_id BETWEEN $2 AND $3 AND state = 'pending' AND expires_at > $1",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .get_result(conn.sql())
    .await?;
    let rows = prepared(format!(
        "{APPROVALS} WHERE a.tenant_id BETWEEN $3 AND $4 AND a.state = 'pending' AND a.expires_at > $1 ORDER BY a.id LIMIT $5"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(user)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    Ok((count.n, read(rows)?))
}

/// How many proposals of an official of the own bureau nobody has decided yet.
pub async fn open_proposals_of(conn: &mut ScopedConn, user: i64, now: DateTime<Utc>) -> Result<i64, DbError> {
    let count: Count = prepared(
        "SELECT count(*) AS n FROM approvals WHERE tenant_id = $1 AND state = 'pending' AND proposed_by = $2 AND expires_at > $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await?;
    Ok(count.n)
}

#[derive(QueryableByName)]
struct Subject {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    subject: String,
}

/// The subjects of a kind about which something waits, in the caller's own bureau.
pub async fn pending_subjects(
    conn: &mut ScopedConn,
    kind: Kind,
    subjects: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<(i64, String)>, DbError> {
    let rows: Vec<Subject> = prepared(
        "SELECT id, subject FROM approvals WHERE tenant_id = $1 AND kind = $2 AND subject = ANY($3) AND state = 'pending' \
         AND expires_at > $4",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(kind.to_string())
    .bind::<Array<Text>, _>(subjects)
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.subject)).collect())
}

/// What all rows of one proposal share.
#[derive(Debug, Clone)]
pub struct Shared<'a> {
    pub kind: Kind,
    pub reason: &'a str,
    /// `None`: the system itself, because a rule says so.
    pub by: Option<i64>,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Writes one proposal for each subject; ids with their subjects. A subject about which the same waits already is left out.
pub async fn add(
    conn: &mut ScopedConn,
    shared: &Shared<'_>,
    subjects: &[&str],
    institutions: &[Option<i64>],
    payloads: &[&Value],
) -> Result<Vec<(i64, String)>, DbError> {
    let rows: Vec<Subject> = prepared(
        "INSERT INTO approvals (tenant_id, kind, subject, institution_id, payload, reason, proposed_by, proposed_person, proposed_at, \
         expires_at, state) \
         SELECT $1, $2, t.subject, t.institution, t.payload, $6, $7, \
           (SELECT me.person_id FROM users me WHERE me.tenant_id = $1 AND me.id = $7), $8, $9, 'pending' \
         FROM unnest($3, $4, $5) WITH ORDINALITY AS t (subject, institution, payload, n) ORDER BY t.n \
         ON CONFLICT (tenant_id, kind, subject) WHERE state = 'pending' DO NOTHING RETURNING id, subject",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(shared.kind.to_string())
    .bind::<Array<Text>, _>(subjects)
    .bind::<Array<Nullable<BigInt>>, _>(institutions)
    .bind::<Array<Jsonb>, _>(payloads)
    .bind::<Text, _>(shared.reason)
    .bind::<Nullable<BigInt>, _>(shared.by)
    .bind::<Timestamptz, _>(shared.at)
    .bind::<Timestamptz, _>(shared.expires_at)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.subject)).collect())
}

/// One proposal that has run out.
#[derive(Debug, Clone, QueryableByName)]
pub struct RunOut {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
}

/// Marks what has run out in the caller's own bureau: of one kind about `subjects`, or everything.
pub async fn expire(
    conn: &mut ScopedConn,
    about: Option<(Kind, &[String])>,
    now: DateTime<Utc>,
) -> Result<Vec<RunOut>, DbError> {
    let (kind, subjects) = about.map_or((None, &[][..]), |(kind, subjects)| (Some(kind.to_string()), subjects));
    // In the order in which deciding locks them.
    Ok(prepared(
        "UPDATE approvals SET state = 'expired', decided_at = $2 WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM approvals \
         WHERE tenant_id = $1 AND state = 'pending' AND expires_at <= $2 AND ($3 IS NULL OR kind = $3 AND subject = ANY($4)) \
         ORDER BY id FOR UPDATE) RETURNING id, kind, institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(kind)
    .bind::<Array<Text>, _>(subjects)
    .load(conn.sql())
    .await?)
}

/// The bureaus in which a proposal has run out and is not marked so.
pub async fn bureaus_due(pools: &Pools, now: DateTime<Utc>) -> Result<Vec<i32>, DbError> {
    let client = pools.worker().get().await?;
    let sql =
        "SELECT DISTINCT tenant_id FROM approvals WHERE state = 'pending' AND expires_at <= $1 ORDER BY tenant_id";
    Ok(client.query(sql, &[&now]).await?.iter().map(|row| row.get(0)).collect())
}

/// Settles proposals that the caller holds locked; `by` is absent for one that is taken back.
pub async fn settle(
    conn: &mut ScopedConn,
    ids: &[i64],
    state: State,
    by: Option<i64>,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE approvals SET state = $3, decided_by = $4, decided_at = $5, comment = $6, \
         decided_person = (SELECT me.person_id FROM users me WHERE me.tenant_id = $1 AND me.id = $4) \
         WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Text, _>(state.to_string())
    .bind::<Nullable<BigInt>, _>(by)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(comment)
    .execute(conn.sql())
    .await?;
    Ok(())
}
