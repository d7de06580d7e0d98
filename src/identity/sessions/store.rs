//! SQL of sessions beyond their beginning, on connections of the sign-in role.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::{DbError, prepared};

/// NOTIFY on it carries the name of a session that ended.
pub const CHANNEL: &str = "mingjian_sessions";

/// A session as its owner sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Session {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = Text)]
    pub id: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Text)]
    pub agent: String,
    #[diesel(sql_type = Text)]
    pub network: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub last_seen_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// The sessions that are open at `now` in any post of the person who holds this one, the last used first; as many as a
/// page shows.
pub async fn open_of_person(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    user: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, DbError> {
    Ok(prepared(
        "SELECT s.tenant_id, s.id, u.role, s.agent, s.network, s.created_at, s.last_seen_at, s.expires_at \
         FROM users own JOIN users u ON u.person_id = own.person_id \
         JOIN sessions s ON s.tenant_id = u.tenant_id AND s.user_id = u.id \
         WHERE own.tenant_id = $1 AND own.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 \
         ORDER BY s.last_seen_at DESC, s.created_at DESC, s.id LIMIT 200",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await?)
}

/// A session by bureau and id.
#[derive(Debug, Clone, QueryableByName)]
pub struct Open {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = Text)]
    pub id: String,
}

/// All sessions of a person, in whichever post, that are open at `now`; in one order, in which they can be ended by
/// several at once.
pub async fn all_open(conn: &mut AsyncPgConnection, person: i64, now: DateTime<Utc>) -> Result<Vec<Open>, DbError> {
    Ok(prepared(
        "SELECT s.tenant_id, s.id FROM users u JOIN sessions s ON s.tenant_id = u.tenant_id AND s.user_id = u.id \
         WHERE u.person_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.tenant_id, s.id",
    )
    .bind::<BigInt, _>(person)
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await?)
}

#[derive(QueryableByName)]
struct Live {
    #[diesel(sql_type = Bool)]
    live: bool,
}

/// Whether a session has neither ended nor run out at `now`.
pub async fn is_live(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let row: Live = prepared(
        "SELECT EXISTS (SELECT FROM sessions WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3) AS live",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.live)
}

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Timestamptz)]
    seen_at: DateTime<Utc>,
}

/// Notes that a session is in use, and says when it was before; `None` for none that is open.
pub async fn touch(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbError> {
    let before: Option<Seen> = prepared(
        "WITH before AS (SELECT last_seen_at FROM sessions WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL) \
         UPDATE sessions s SET last_seen_at = greatest(s.last_seen_at, $3) FROM before \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL RETURNING before.last_seen_at AS seen_at",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?;
    Ok(before.map(|before| before.seen_at))
}

/// What is known of a device that a person begins a session on.
#[derive(Debug, Clone, QueryableByName)]
pub struct Acquaintance {
    /// The person has signed in before.
    #[diesel(sql_type = Bool)]
    pub earlier: bool,
    /// On this device, or with the same program from the same network.
    #[diesel(sql_type = Bool)]
    pub known: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
}

/// Whether a device is known, for the person of this post; asked before the session begins.
pub async fn acquaintance(
    conn: &mut AsyncPgConnection,
    post: (i32, i64),
    device: &super::Device,
) -> Result<Acquaintance, DbError> {
    Ok(prepared(
        "SELECT own.email, count(s.id) > 0 AS earlier, \
           count(s.id) FILTER (WHERE s.device = $3 OR (s.agent = $4 AND s.network = $5)) > 0 AS known \
         FROM users own JOIN users u ON u.person_id = own.person_id \
         LEFT JOIN sessions s ON s.tenant_id = u.tenant_id AND s.user_id = u.id \
         WHERE own.tenant_id = $1 AND own.id = $2 GROUP BY own.email",
    )
    .bind::<Integer, _>(post.0)
    .bind::<BigInt, _>(post.1)
    .bind::<Binary, _>(device.digest())
    .bind::<Text, _>(&device.agent)
    .bind::<Text, _>(&device.network)
    .get_result(conn)
    .await?)
}

#[derive(QueryableByName)]
struct SessionId {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Ends all open sessions of a post, in the order of [`all_open`], and tells all processes when the transaction commits.
pub async fn end_of_post(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    user: i64,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<Vec<String>, DbError> {
    let ended: Vec<SessionId> = prepared(
        "UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND id IN (SELECT id FROM sessions \
           WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL ORDER BY id FOR UPDATE) RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(reason)
    .load(conn)
    .await?;
    let ended: Vec<String> = ended.into_iter().map(|row| row.id).collect();
    announce(conn, &ended).await?;
    Ok(ended)
}

/// Tells all processes, when the transaction commits, that these sessions have ended.
pub async fn announce(conn: &mut AsyncPgConnection, sessions: &[String]) -> Result<(), DbError> {
    if !sessions.is_empty() {
        prepared("SELECT pg_notify($1, id) FROM unnest($2) AS id")
            .bind::<Text, _>(CHANNEL)
            .bind::<Array<Text>, _>(sessions)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Holds a person and their post as they are until the transaction ends, and says whether they are active: whoever disables
/// the post or changes its role comes before, and is seen, or after, and ends the session that begins here. Held before
/// any session is ended, as those who disable posts do, and not shared, because the person is written to afterwards.
pub async fn hold_post(conn: &mut AsyncPgConnection, tenant: i32, user: i64) -> Result<bool, DbError> {
    let held: Option<Live> = prepared(
        "SELECT u.status = 'active' AND p.status = 'active' AS live FROM people p JOIN users u ON u.person_id = p.id \
         WHERE u.tenant_id = $1 AND u.id = $2 FOR NO KEY UPDATE OF p, u",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(user)
    .get_result(conn)
    .await
    .optional()?;
    Ok(held.is_some_and(|held| held.live))
}

/// Puts a mail into the outbox; the same `key` is sent once.
pub async fn mail(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    recipient: &str,
    subject: &str,
    body: &str,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         VALUES ($1, 'mail', $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(recipient)
    .bind::<Text, _>(subject)
    .bind::<Text, _>(body)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the refresh tokens of sessions that ended or ran out before `before`, and nonces used before `nonces_before`.
pub async fn sweep(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    nonces_before: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "DELETE FROM refresh_tokens r USING sessions s WHERE s.tenant_id = r.tenant_id AND s.id = r.session_id \
         AND least(s.ended_at, s.expires_at) < $1",
    )
    .bind::<Timestamptz, _>(before)
    .execute(conn)
    .await?;
    prepared("DELETE FROM machine_nonces WHERE used_at < $1")
        .bind::<Timestamptz, _>(nonces_before)
        .execute(conn)
        .await?;
    Ok(())
}
