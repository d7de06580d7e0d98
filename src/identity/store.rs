//! SQL of people, posts, sessions and tokens, on connections of the sign-in role.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Actor, Caller, Department, Role, sessions::Device};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, prepared},
    kernel::department,
};

/// A post: what a person is in one bureau, or for one institution.
#[derive(Debug, Clone, QueryableByName)]
pub struct Post {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub department: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub township: Option<i32>,
    /// The person holds other active posts as well.
    #[diesel(sql_type = Bool)]
    pub switches: bool,
}

/// What a [`Post`] is read from; `u` is the post.
const POST: &str = "u.tenant_id, u.id, u.person_id, u.display_name, u.role, u.institution_id, u.department, u.township, \
     (SELECT i.name FROM institutions i WHERE i.tenant_id = u.tenant_id AND i.id = u.institution_id) AS institution_name, \
     EXISTS (SELECT FROM users o WHERE o.person_id = u.person_id AND o.status = 'active' \
             AND (o.tenant_id, o.id) <> (u.tenant_id, u.id)) AS switches";

/// The active posts of a person, the one that was used last before the others, which come in order of age.
pub async fn posts_of(conn: &mut AsyncPgConnection, person: i64) -> Result<Vec<Post>, DbError> {
    Ok(prepared(format!(
        "SELECT {POST} FROM users u JOIN people p ON p.id = u.person_id \
         WHERE u.person_id = $1 AND u.status = 'active' AND p.status = 'active' \
         ORDER BY (u.tenant_id, u.id) IS NOT DISTINCT FROM (p.last_tenant, p.last_post) DESC, u.created_at, u.id"
    ))
    .bind::<BigInt, _>(person)
    .load(conn)
    .await?)
}

/// The post of a session, if neither the session nor the post has ended at `now`.
pub async fn post_of_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
) -> Result<Option<Post>, DbError> {
    Ok(prepared(format!(
        "SELECT {POST} FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id \
         JOIN people p ON p.id = u.person_id \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 \
         AND u.status = 'active' AND p.status = 'active'"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Adds a person; a name that is taken is a unique violation.
pub async fn add_person(
    conn: &mut AsyncPgConnection,
    username: &str,
    password_hash: Option<&str>,
    second_factor_off: bool,
    now: DateTime<Utc>,
) -> Result<i64, DbError> {
    let row: Id = prepared(
        "INSERT INTO people (username, password_hash, status, second_factor_off, created_at) \
         VALUES ($1, $2, 'active', $3, $4) RETURNING id",
    )
    .bind::<Text, _>(username)
    .bind::<Nullable<Text>, _>(password_hash)
    .bind::<Bool, _>(second_factor_off)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.id)
}

/// What a new post is made of.
#[derive(Debug, Clone)]
pub struct NewPost<'a> {
    pub tenant: i32,
    pub person: i64,
    pub display_name: &'a str,
    pub role: Role,
    pub institution: Option<i64>,
    pub department: Option<Department>,
    pub township: Option<i32>,
    pub email: Option<&'a str>,
}

/// Adds a post of a person.
pub async fn add_post(conn: &mut AsyncPgConnection, post: &NewPost<'_>, now: DateTime<Utc>) -> Result<i64, DbError> {
    let row: Id = prepared(
        "INSERT INTO users (tenant_id, person_id, display_name, role, institution_id, department, township, email, status, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9) RETURNING id",
    )
    .bind::<Integer, _>(post.tenant)
    .bind::<BigInt, _>(post.person)
    .bind::<Text, _>(post.display_name)
    .bind::<Text, _>(post.role.to_string())
    .bind::<Nullable<BigInt>, _>(post.institution)
    .bind::<Nullable<Text>, _>(post.department.map(|department| department.to_string()))
    .bind::<Nullable<Integer>, _>(post.township)
    .bind::<Nullable<Text>, _>(post.email)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.id)
}

/// Remembers the post that a person used last.
pub async fn used_last(conn: &mut AsyncPgConnection, post: &Post) -> Result<(), DbError> {
    prepared("UPDATE people SET last_tenant = $2, last_post = $3 WHERE id = $1")
        .bind::<BigInt, _>(post.person_id)
        .bind::<Integer, _>(post.tenant_id)
        .bind::<BigInt, _>(post.id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes the bureau's own row if it is not there yet, with the usual division of work between its departments, within a
/// transaction.
pub async fn establish_tenant(conn: &mut AuthConn, tenant: i32, name: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    let made = prepared("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(name)
        .bind::<Timestamptz, _>(now)
        .execute(conn.sql())
        .await?;
    if made == 0 {
        return Ok(());
    }
    let (categories, departments): (Vec<&str>, Vec<&str>) =
        department::ROUTES.iter().map(|(category, department)| (*category, department.as_ref())).unzip();
    prepared(
        "INSERT INTO department_routes (tenant_id, category, department, updated_at) \
         SELECT $1, t.category, t.department, $4 FROM unnest($2, $3) AS t (category, department) ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Array<Text>, _>(categories)
    .bind::<Array<Text>, _>(departments)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    let caller = Caller { actor: Actor::system(tenant), request_id: "bureau".to_owned(), now };
    let event = Event {
        action: "bureau.established",
        subject_kind: "bureau",
        subject_id: format!("{tenant:06}"),
        after: Some(serde_json::json!({"name": name})),
        ..Event::default()
    };
    audit::store::record_own(conn, &caller, event);
    Ok(())
}

/// The institution of a credit code in one bureau, for making its users' accounts.
pub async fn institution_by_code(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    code: &str,
) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(code)
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(|row| row.id))
}

/// Begins a session.
pub async fn begin_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    user: i64,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    device: &Device,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO sessions (tenant_id, id, user_id, created_at, last_seen_at, expires_at, agent, network, device) \
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(expires_at)
    .bind::<Text, _>(&device.agent)
    .bind::<Text, _>(&device.network)
    .bind::<Binary, _>(device.digest())
    .execute(conn)
    .await?;
    Ok(())
}

/// A session that was ended.
#[derive(Debug, Clone, QueryableByName)]
pub struct Ended {
    #[diesel(sql_type = BigInt)]
    pub user_id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// Ends a session, and says whose it was; one that has ended keeps its first reason and is nobody's.
pub async fn end_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<Option<Ended>, DbError> {
    Ok(prepared(
        "UPDATE sessions s SET ended_at = $3, end_reason = $4 FROM users u \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND u.tenant_id = s.tenant_id AND u.id = s.user_id \
         RETURNING s.user_id, u.display_name, u.role, u.institution_id, s.expires_at",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(reason)
    .get_result(conn)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct SessionId {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Sessions that ended after `since`: their access tokens may still be about.
pub async fn lately_ended(conn: &mut AsyncPgConnection, since: DateTime<Utc>) -> Result<Vec<String>, DbError> {
    let rows: Vec<SessionId> =
        prepared("SELECT id FROM sessions WHERE ended_at > $1").bind::<Timestamptz, _>(since).load(conn).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Keeps a refresh token by its hash.
pub async fn add_refresh(conn: &mut AsyncPgConnection, tenant: i32, hash: &[u8], session: &str) -> Result<(), DbError> {
    prepared("INSERT INTO refresh_tokens (tenant_id, token_hash, session_id) VALUES ($1, $2, $3)")
        .bind::<Integer, _>(tenant)
        .bind::<Binary, _>(hash)
        .bind::<Text, _>(session)
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Used {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    used_at: Option<DateTime<Utc>>,
}

/// Marks a refresh token used. `None`: no such token. Otherwise when it had been used before, if it had.
///
/// The row is locked first, so that of two uses at once one comes second.
pub async fn use_refresh(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Option<DateTime<Utc>>>, DbError> {
    let found: Option<Used> =
        prepared("SELECT used_at FROM refresh_tokens WHERE tenant_id = $1 AND token_hash = $2 FOR UPDATE")
            .bind::<Integer, _>(tenant)
            .bind::<Binary, _>(hash)
            .get_result(conn)
            .await
            .optional()?;
    let Some(Used { used_at }) = found else { return Ok(None) };
    if used_at.is_none() {
        prepared("UPDATE refresh_tokens SET used_at = $3 WHERE tenant_id = $1 AND token_hash = $2")
            .bind::<Integer, _>(tenant)
            .bind::<Binary, _>(hash)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
    }
    Ok(Some(used_at))
}

/// Whether a refresh token is one of ours, used or not.
pub async fn refresh_exists(conn: &mut AsyncPgConnection, tenant: i32, hash: &[u8]) -> Result<bool, DbError> {
    let found: Option<Used> = prepared("SELECT used_at FROM refresh_tokens WHERE tenant_id = $1 AND token_hash = $2")
        .bind::<Integer, _>(tenant)
        .bind::<Binary, _>(hash)
        .get_result(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}
