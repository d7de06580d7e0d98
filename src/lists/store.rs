//! SQL of the lists: who stands how, what is proposed, what was decided.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::{Approval, ListEntry, ListMove, ListStatus, rules::Standing};
use crate::{
    db::{DbError, ScopedConn},
    kernel::CreditCode,
};

/// An institution about which something is proposed or decided.
#[derive(Debug, Clone)]
pub struct Subject {
    pub id: i64,
    pub name: String,
    pub standing: Standing,
}

#[derive(QueryableByName)]
struct SubjectRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    category: String,
    #[diesel(sql_type = Array<Text>)]
    stages: Vec<String>,
    #[diesel(sql_type = Text)]
    licence_no: String,
    #[diesel(sql_type = Nullable<Date>)]
    licence_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    licence_to: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Bool)]
    escrow_filed: bool,
    #[diesel(sql_type = Text)]
    list_status: String,
}

/// A word of the database that the code no longer knows: migrations and enums have come apart.
fn unreadable(what: &str, word: &str) -> DbError {
    DbError::Diesel(diesel::result::Error::DeserializationError(format!("unknown {what} {word}").into()))
}

fn word<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, DbError> {
    text.parse().map_err(|_| unreadable(what, text))
}

impl TryFrom<SubjectRow> for Subject {
    type Error = DbError;

    fn try_from(row: SubjectRow) -> Result<Subject, DbError> {
        let standing = Standing {
            credit_code: CreditCode::new(&row.credit_code).map_err(|_| unreadable("credit code", &row.credit_code))?,
            category: word("category", &row.category)?,
            stages: row.stages.iter().map(|stage| word("stage", stage)).collect::<Result<_, _>>()?,
            licence_no: row.licence_no,
            licence_from: row.licence_from,
            licence_to: row.licence_to,
            status: word("status", &row.status)?,
            escrow_filed: row.escrow_filed,
            list: word("list status", &row.list_status)?,
        };
        Ok(Subject { id: row.id, name: row.name, standing })
    }
}

/// The institutions `ids` of the caller's own bureau, locked until the transaction ends, in order of id.
///
/// Locked first and read afterwards, so that what a transaction before this one decided is seen.
pub async fn lock_subjects(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<Subject>, DbError> {
    let tenant = conn.tenant();
    sql_query("SELECT id FROM institutions WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE")
        .bind::<Integer, _>(tenant)
        .bind::<Array<BigInt>, _>(ids)
        .execute(conn.sql())
        .await?;
    subjects(conn, ids).await
}

/// The same without locking, for showing which steps are open.
pub async fn subjects(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<Subject>, DbError> {
    let tenant = conn.tenant();
    let rows: Vec<SubjectRow> = sql_query(
        "SELECT i.id, i.credit_code, i.name, i.category, i.stages, i.licence_no, i.licence_from, i.licence_to, i.status, \
         EXISTS (SELECT FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id AND a.status = 'active') \
             AS escrow_filed, \
         coalesce((SELECT d.status FROM list_decisions d WHERE d.tenant_id = i.tenant_id AND d.institution_id = i.id \
             ORDER BY d.id DESC LIMIT 1), 'none') AS list_status \
         FROM institutions i WHERE i.tenant_id = $1 AND i.id = ANY($2) ORDER BY i.id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(ids)
    .load(conn.sql())
    .await?;
    rows.into_iter().map(Subject::try_from).collect()
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn plain(rows: Vec<Id>) -> Vec<i64> {
    rows.into_iter().map(|row| row.id).collect()
}

/// A proposal that ran out.
#[derive(QueryableByName)]
pub struct Expired {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
}

/// Marks proposals about these institutions that ran out, which lets the same step be proposed again.
pub async fn expire(conn: &mut ScopedConn, institutions: &[i64], now: DateTime<Utc>) -> Result<Vec<Expired>, DbError> {
    Ok(sql_query(
        "UPDATE approvals SET state = 'expired' \
         WHERE tenant_id = $1 AND institution_id = ANY($2) AND state = 'pending' AND expires_at <= $3 \
         RETURNING id, institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?)
}

/// Those of the proposals `ids` of the caller's own bureau that propose `step` and are not decided, in order.
pub async fn pending_of(conn: &mut ScopedConn, ids: &[i64], step: ListMove) -> Result<Vec<i64>, DbError> {
    let rows = sql_query(
        "SELECT id FROM approvals WHERE tenant_id = $1 AND id = ANY($2) AND action = $3 AND state = 'pending' ORDER BY id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Text, _>(step.to_string())
    .load(conn.sql())
    .await?;
    Ok(plain(rows))
}

/// Those of the institutions about which `step` is proposed and not decided.
pub async fn already_pending(conn: &mut ScopedConn, institutions: &[i64], step: ListMove) -> Result<Vec<i64>, DbError> {
    let rows = sql_query(
        "SELECT institution_id AS id FROM approvals \
         WHERE tenant_id = $1 AND institution_id = ANY($2) AND action = $3 AND state = 'pending'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Text, _>(step.to_string())
    .load(conn.sql())
    .await?;
    Ok(plain(rows))
}

/// What all rows of one proposal share.
#[derive(Debug, Clone)]
pub struct NewApprovals<'a> {
    pub step: ListMove,
    pub reason: &'a str,
    pub by: i64,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Writes one proposal for each institution with its payload; returns the proposals' ids in the same order.
pub async fn add_approvals(
    conn: &mut ScopedConn,
    shared: &NewApprovals<'_>,
    institutions: &[i64],
    payloads: &[Value],
) -> Result<Vec<i64>, DbError> {
    let rows = sql_query(
        "INSERT INTO approvals (tenant_id, action, institution_id, payload, reason, proposed_by, proposed_at, expires_at, state) \
         SELECT $1, $2, t.institution, t.payload, $5, $6, $7, $8, 'pending' \
         FROM unnest($3, $4) WITH ORDINALITY AS t (institution, payload, n) ORDER BY t.n RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(shared.step.to_string())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Array<Jsonb>, _>(payloads)
    .bind::<Text, _>(shared.reason)
    .bind::<BigInt, _>(shared.by)
    .bind::<Timestamptz, _>(shared.at)
    .bind::<Timestamptz, _>(shared.expires_at)
    .load(conn.sql())
    .await?;
    Ok(plain(rows))
}

#[derive(QueryableByName)]
struct ApprovalRow {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    action: String,
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
}

/// What a proposal's payload holds.
#[derive(serde::Deserialize)]
struct Payload {
    ground: Option<super::Ground>,
    findings: Vec<crate::kernel::Finding>,
}

impl TryFrom<ApprovalRow> for Approval {
    type Error = DbError;

    fn try_from(row: ApprovalRow) -> Result<Approval, DbError> {
        let payload: Payload = serde_json::from_value(row.payload)
            .map_err(|e| DbError::Diesel(diesel::result::Error::DeserializationError(Box::new(e))))?;
        Ok(Approval {
            id: row.id,
            region: row.tenant_id,
            institution: row.institution_id,
            credit_code: row.credit_code,
            name: row.name,
            step: word("step", &row.action)?,
            ground: payload.ground,
            reason: row.reason,
            proposed_by: row.proposed_by,
            proposed_by_name: row.proposed_by_name,
            proposed_at: row.proposed_at,
            expires_at: row.expires_at,
            state: row.state,
            decided_by_name: row.decided_by_name,
            decided_at: row.decided_at,
            comment: row.comment,
            findings: payload.findings,
        })
    }
}

/// The columns of [`ApprovalRow`]; a pending proposal that has run out by `$1` reads as expired.
const APPROVALS: &str = "SELECT a.tenant_id, a.id, a.institution_id, i.credit_code, i.name, a.action, a.payload, a.reason, \
     a.proposed_by, p.display_name AS proposed_by_name, a.proposed_at, a.expires_at, \
     CASE WHEN a.state = 'pending' AND a.expires_at <= $1 THEN 'expired' ELSE a.state END AS state, \
     d.display_name AS decided_by_name, a.decided_at, a.comment \
     FROM approvals a JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
     JOIN users p ON p.tenant_id = a.tenant_id AND p.id = a.proposed_by \
     LEFT JOIN users d ON d.tenant_id = a.tenant_id AND d.id = a.decided_by ";

/// Which proposals to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Those that wait for a decision (`true`), or all others.
    pub pending: bool,
    pub institution: Option<i64>,
    /// Older than this proposal; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

/// Proposals of the visible range, newest first.
pub async fn approvals(
    conn: &mut ScopedConn,
    filter: ApprovalFilter,
    now: DateTime<Utc>,
) -> Result<Vec<Approval>, DbError> {
    let (lo, hi) = conn.scope().range();
    let rows: Vec<ApprovalRow> = sql_query(format!(
        "{APPROVALS} WHERE a.tenant_id BETWEEN $2 AND $3 AND (a.state = 'pending' AND a.expires_at > $1) = $4 \
         AND ($5 IS NULL OR a.institution_id = $5) AND ($6 = 0 OR a.id < $6) ORDER BY a.id DESC LIMIT $7"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Bool, _>(filter.pending)
    .bind::<Nullable<BigInt>, _>(filter.institution)
    .bind::<BigInt, _>(filter.before)
    .bind::<BigInt, _>(filter.limit)
    .load(conn.sql())
    .await?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// One proposal of the visible range.
pub async fn approval(conn: &mut ScopedConn, id: i64, now: DateTime<Utc>) -> Result<Option<Approval>, DbError> {
    let (lo, hi) = conn.scope().range();
    let row: Option<ApprovalRow> = sql_query(format!("{APPROVALS} WHERE a.tenant_id BETWEEN $2 AND $3 AND a.id = $4"))
        .bind::<Timestamptz, _>(now)
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    row.map(Approval::try_from).transpose()
}

/// How many proposals of an official of the own bureau nobody has decided yet.
pub async fn open_proposals_of(conn: &mut ScopedConn, user: i64, now: DateTime<Utc>) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let count: Count = sql_query(
        "SELECT count(*) AS n FROM approvals WHERE tenant_id = $1 AND state = 'pending' AND proposed_by = $2 AND expires_at > $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await?;
    Ok(count.n)
}

/// How many proposals of the visible range wait, and those of them that wait the longest.
pub async fn longest_waiting(
    conn: &mut ScopedConn,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<(i64, Vec<Approval>), DbError> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let (lo, hi) = conn.scope().range();
    let count: Count = sql_query(
        "SELECT count(*) AS n FROM approvals WHERE tenant_id BETWEEN $2 AND $3 AND state = 'pending' AND expires_at > $1",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .get_result(conn.sql())
    .await?;
    let rows: Vec<ApprovalRow> = sql_query(format!(
        "{APPROVALS} WHERE a.tenant_id BETWEEN $2 AND $3 AND a.state = 'pending' AND a.expires_at > $1 ORDER BY a.id LIMIT $4"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    Ok((count.n, rows.into_iter().map(Approval::try_from).collect::<Result<_, _>>()?))
}

/// The institutions that the proposals `ids` are about.
pub async fn institutions_of(conn: &mut ScopedConn, ids: &[i64]) -> Result<Vec<i64>, DbError> {
    let rows = sql_query("SELECT DISTINCT institution_id AS id FROM approvals WHERE tenant_id = $1 AND id = ANY($2)")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(ids)
        .load(conn.sql())
        .await?;
    Ok(plain(rows))
}

/// The proposals `ids` of the caller's own bureau, locked, in order of id.
pub async fn lock_approvals(conn: &mut ScopedConn, ids: &[i64], now: DateTime<Utc>) -> Result<Vec<Approval>, DbError> {
    let tenant = conn.tenant();
    let rows: Vec<ApprovalRow> =
        sql_query(format!("{APPROVALS} WHERE a.tenant_id = $2 AND a.id = ANY($3) ORDER BY a.id FOR UPDATE OF a"))
            .bind::<Timestamptz, _>(now)
            .bind::<Integer, _>(tenant)
            .bind::<Array<BigInt>, _>(ids)
            .load(conn.sql())
            .await?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// Settles proposals that the caller holds locked.
pub async fn settle(
    conn: &mut ScopedConn,
    ids: &[i64],
    approved: bool,
    by: i64,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sql_query("UPDATE approvals SET state = $3, decided_by = $4, decided_at = $5, comment = $6 WHERE tenant_id = $1 AND id = ANY($2)")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Text, _>(if approved { "approved" } else { "rejected" })
        .bind::<BigInt, _>(by)
        .bind::<Timestamptz, _>(now)
        .bind::<Text, _>(comment)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// One new line of the history.
#[derive(Debug, Clone)]
pub struct NewDecision {
    pub institution: i64,
    pub status: ListStatus,
    pub ground: String,
    pub approval: i64,
}

/// Appends to the history.
pub async fn add_decisions(
    conn: &mut ScopedConn,
    decisions: &[NewDecision],
    on: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let institutions: Vec<i64> = decisions.iter().map(|decision| decision.institution).collect();
    let statuses: Vec<&str> = decisions.iter().map(|decision| decision.status.into()).collect();
    let grounds: Vec<&str> = decisions.iter().map(|decision| decision.ground.as_str()).collect();
    let approvals: Vec<i64> = decisions.iter().map(|decision| decision.approval).collect();
    sql_query(
        "INSERT INTO list_decisions (tenant_id, institution_id, status, ground, effective_on, approval_id, decided_at) \
         SELECT $1, t.institution, t.status, t.ground, $6, t.approval, $7 \
         FROM unnest($2, $3, $4, $5) AS t (institution, status, ground, approval)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Array<Text>, _>(statuses)
    .bind::<Array<Text>, _>(grounds)
    .bind::<Array<BigInt>, _>(approvals)
    .bind::<Date, _>(on)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    ground: String,
    #[diesel(sql_type = Date)]
    effective_on: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    decided_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    proposed_by: String,
    #[diesel(sql_type = Text)]
    decided_by: String,
}

/// The history of one institution, newest first. Officials' names are empty for an institution's own users.
pub async fn history(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<ListEntry>, DbError> {
    let rows: Vec<EntryRow> = sql_query(
        "SELECT l.status, l.ground, l.effective_on, l.decided_at, coalesce(p.display_name, '') AS proposed_by, \
         coalesce(d.display_name, '') AS decided_by FROM list_decisions l \
         LEFT JOIN approvals a ON a.tenant_id = l.tenant_id AND a.id = l.approval_id \
         LEFT JOIN users p ON p.tenant_id = a.tenant_id AND p.id = a.proposed_by \
         LEFT JOIN users d ON d.tenant_id = a.tenant_id AND d.id = a.decided_by \
         WHERE l.tenant_id = $1 AND l.institution_id = $2 ORDER BY l.id DESC LIMIT 200",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ListEntry {
                status: word("list status", &row.status)?,
                ground: row.ground,
                effective_on: row.effective_on,
                decided_at: row.decided_at,
                proposed_by: row.proposed_by,
                decided_by: row.decided_by,
            })
        })
        .collect()
}
