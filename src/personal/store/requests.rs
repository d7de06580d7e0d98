//! Requests of bureaus above, and how much somebody has looked at today.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    audit,
    db::{DbError, ScopedConn, prepared},
    identity::Caller,
    kernel::private::Held,
    personal::model::{Purpose, Request, Subject},
};

/// Any number, the same for every look; with the user it names the lock.
const LOOK_LOCK: i32 = 0x6c6f;
/// The same for requests; with the person it names the lock.
const ASK_LOCK: i32 = 0x6173;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many values the caller has been shown since an instant. Two looks of one person at once are counted one after the
/// other.
pub async fn looks_since(conn: &mut ScopedConn, caller: &Caller, since: DateTime<Utc>) -> Result<i64, DbError> {
    prepared("SELECT pg_advisory_xact_lock($1, hashint8($2))")
        .bind::<Integer, _>(LOOK_LOCK)
        .bind::<BigInt, _>(caller.actor.user_id)
        .execute(conn.sql())
        .await?;
    let count: Count = prepared(
        "SELECT count(*) AS n FROM audit_events WHERE tenant_id = $1 AND actor_id = $2 AND action = $3 AND at >= $4",
    )
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(audit::UNMASKED)
    .bind::<Timestamptz, _>(since)
    .get_result(conn.sql())
    .await?;
    Ok(count.n)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = Integer)]
    asked_by_tenant: i32,
    #[diesel(sql_type = BigInt)]
    asked_by: i64,
    #[diesel(sql_type = Text)]
    asked_by_name: String,
    #[diesel(sql_type = Text)]
    subject_kind: String,
    #[diesel(sql_type = Text)]
    subject_id: String,
    #[diesel(sql_type = Text)]
    field: String,
    #[diesel(sql_type = Text)]
    institution_name: String,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    purpose: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Timestamptz)]
    asked_at: DateTime<Utc>,
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

impl From<Row> for Request {
    fn from(row: Row) -> Request {
        Request {
            id: row.id,
            region: row.tenant_id,
            asked_by_tenant: row.asked_by_tenant,
            asked_by: row.asked_by,
            asked_by_name: row.asked_by_name,
            kind: row.subject_kind,
            subject: row.subject_id,
            field: row.field,
            institution: row.institution_name,
            credit_code: row.credit_code,
            purpose: row.purpose,
            reason: row.reason,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            state: row.state,
            decided_by_name: row.decided_by_name,
            decided_at: row.decided_at,
            comment: row.comment,
            own: row.own,
        }
    }
}

const SELECT: &str = "SELECT r.id, r.tenant_id, r.asked_by_tenant, r.asked_by, r.asked_by_name, r.subject_kind, r.subject_id, r.field, \
     i.name AS institution_name, i.credit_code, r.purpose, r.reason, r.asked_at, r.expires_at, r.state, r.decided_by_name, \
     r.decided_at, r.comment, coalesce(r.asked_person = (SELECT me.person_id FROM users me \
       WHERE me.tenant_id = current_setting('app.tenant')::int AND me.id = current_setting('app.user')::bigint), false) AS own \
     FROM access_requests r JOIN institutions i ON i.tenant_id = r.tenant_id AND i.id = r.institution_id";

/// The caller's latest request about a value, whatever became of it.
pub async fn latest_of(
    conn: &mut ScopedConn,
    caller: &Caller,
    tenant: i32,
    subject: &Subject,
) -> Result<Option<Request>, DbError> {
    let row: Option<Row> = prepared(format!(
        "{SELECT} WHERE r.tenant_id = $1 AND r.asked_by_tenant = $2 AND r.asked_by = $3 AND r.subject_kind = $4 \
         AND r.subject_id = $5 AND r.field = $6 ORDER BY r.id DESC LIMIT 1"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(<&str>::from(subject.kind))
    .bind::<Text, _>(&subject.id)
    .bind::<Text, _>(&subject.field)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(Request::from))
}

/// Whether a request of the same person about a value waits, made in this post or in another. Of two that are made at
/// once, the second sees the first: until the transaction ends, nobody else asks as this person.
pub async fn waits(conn: &mut ScopedConn, caller: &Caller, tenant: i32, subject: &Subject) -> Result<bool, DbError> {
    prepared(
        "SELECT pg_advisory_xact_lock($1, hashint8(me.person_id)) FROM users me WHERE me.tenant_id = $2 AND me.id = $3",
    )
    .bind::<Integer, _>(ASK_LOCK)
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .execute(conn.sql())
    .await?;
    let count: Count = prepared(
        "SELECT count(*) AS n FROM access_requests WHERE tenant_id = $1 AND state = 'pending' AND expires_at > $2 \
         AND subject_kind = $3 AND subject_id = $4 AND field = $5 \
         AND asked_person = (SELECT me.person_id FROM users me WHERE me.tenant_id = $6 AND me.id = $7)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Text, _>(<&str>::from(subject.kind))
    .bind::<Text, _>(&subject.id)
    .bind::<Text, _>(&subject.field)
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .get_result(conn.sql())
    .await?;
    Ok(count.n > 0)
}

/// Puts a request before the county whose record it is.
pub async fn ask(
    conn: &mut ScopedConn,
    caller: &Caller,
    held: &Held,
    subject: &Subject,
    purpose: Purpose,
    reason: &str,
    expires_at: DateTime<Utc>,
) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Id = prepared(
        "INSERT INTO access_requests (tenant_id, asked_by_tenant, asked_by, asked_by_name, asked_by_role, subject_kind, subject_id, \
         field, institution_id, purpose, reason, asked_at, expires_at, state, asked_person) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending', \
           (SELECT me.person_id FROM users me WHERE me.tenant_id = $2 AND me.id = $3)) RETURNING id",
    )
    .bind::<Integer, _>(held.tenant)
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Text, _>(<&str>::from(caller.actor.role))
    .bind::<Text, _>(<&str>::from(subject.kind))
    .bind::<Text, _>(&subject.id)
    .bind::<Text, _>(&subject.field)
    .bind::<BigInt, _>(held.institution)
    .bind::<Text, _>(<&str>::from(purpose))
    .bind::<Text, _>(reason)
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Timestamptz, _>(expires_at)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Requests that concern the caller's bureau, the newest first: those put before it, and the caller's own elsewhere.
pub async fn list(conn: &mut ScopedConn, caller: &Caller, before: i64, limit: i64) -> Result<Vec<Request>, DbError> {
    let (lo, hi) = conn.scope().range();
    let rows: Vec<Row> = prepared(format!(
        "{SELECT} WHERE r.tenant_id BETWEEN $1 AND $2 AND ($6 = 0 OR r.id < $6) \
         AND (r.tenant_id = $3 OR (r.asked_by_tenant = $3 AND r.asked_by = $4)) ORDER BY r.id DESC LIMIT $5"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<BigInt, _>(limit)
    .bind::<BigInt, _>(before)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(Request::from).collect())
}

/// A request before the caller's own bureau, locked until the transaction ends.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<Request>, DbError> {
    let row: Option<Row> = prepared(format!("{SELECT} WHERE r.tenant_id = $1 AND r.id = $2 FOR UPDATE OF r"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(Request::from))
}

/// Writes the county's decision; a permission ends at `expires_at`.
pub async fn settle(
    conn: &mut ScopedConn,
    caller: &Caller,
    id: i64,
    state: &str,
    comment: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE access_requests SET state = $3, decided_by = $4, decided_by_name = $5, decided_at = $6, comment = $7, \
         expires_at = $8, decided_person = (SELECT me.person_id FROM users me WHERE me.tenant_id = $1 AND me.id = $4) \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(state)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Text, _>(comment)
    .bind::<Timestamptz, _>(expires_at)
    .execute(conn.sql())
    .await?;
    Ok(())
}
