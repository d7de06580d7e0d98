//! SQL of accounts, sessions, tokens and machine keys, on connections of the sign-in role.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::DbError;

/// An account as signing in needs it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Account {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub username: String,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub password_hash: Option<String>,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// The account of a sign-in name.
pub async fn account_by_name(conn: &mut AsyncPgConnection, username: &str) -> Result<Option<Account>, DbError> {
    Ok(sql_query(
        "SELECT u.tenant_id, u.id, u.username, u.display_name, u.role, u.institution_id, u.password_hash, u.status \
         FROM sign_in_names n JOIN users u ON u.tenant_id = n.home_tenant AND u.id = n.user_id WHERE n.username = $1",
    )
    .bind::<Text, _>(username)
    .get_result(conn)
    .await
    .optional()?)
}

/// The account of a session, if the session has not ended at `now`.
pub async fn account_of_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
) -> Result<Option<Account>, DbError> {
    Ok(sql_query(
        "SELECT u.tenant_id, u.id, u.username, u.display_name, u.role, u.institution_id, u.password_hash, u.status \
         FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND u.status = 'active'",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?)
}

/// What a new account is made of.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    pub tenant: i32,
    pub username: &'a str,
    pub display_name: &'a str,
    pub role: &'a str,
    pub institution: Option<i64>,
    pub email: Option<&'a str>,
    pub password_hash: Option<&'a str>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Adds an account with its sign-in name; a name that is taken is a unique violation.
pub async fn add_account(
    conn: &mut AsyncPgConnection,
    account: &NewAccount<'_>,
    now: DateTime<Utc>,
) -> Result<i64, DbError> {
    let row: Id = sql_query(
        "INSERT INTO users (tenant_id, username, display_name, role, institution_id, email, password_hash, status, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8) RETURNING id",
    )
    .bind::<Integer, _>(account.tenant)
    .bind::<Text, _>(account.username)
    .bind::<Text, _>(account.display_name)
    .bind::<Text, _>(account.role)
    .bind::<Nullable<BigInt>, _>(account.institution)
    .bind::<Nullable<Text>, _>(account.email)
    .bind::<Nullable<Text>, _>(account.password_hash)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    sql_query("INSERT INTO sign_in_names (username, home_tenant, user_id) VALUES ($1, $2, $3)")
        .bind::<Text, _>(account.username)
        .bind::<Integer, _>(account.tenant)
        .bind::<BigInt, _>(row.id)
        .execute(conn)
        .await?;
    Ok(row.id)
}

/// Makes the bureau's own row if it is not there yet.
pub async fn establish_tenant(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sql_query("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(name)
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// The institution of a credit code in one bureau, for making its users' accounts.
pub async fn institution_by_code(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    code: &str,
) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = sql_query("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
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
    agent: &str,
) -> Result<(), DbError> {
    sql_query(
        "INSERT INTO sessions (tenant_id, id, user_id, created_at, expires_at, agent) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(session)
    .bind::<BigInt, _>(user)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(expires_at)
    .bind::<Text, _>(agent)
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a session, and says whose it was; one that has ended keeps its first reason and is nobody's.
pub async fn end_session(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    session: &str,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<Option<Account>, DbError> {
    Ok(sql_query(
        "UPDATE sessions s SET ended_at = $3, end_reason = $4 FROM users u \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND u.tenant_id = s.tenant_id AND u.id = s.user_id \
         RETURNING u.tenant_id, u.id, u.username, u.display_name, u.role, u.institution_id, u.password_hash, u.status",
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
        sql_query("SELECT id FROM sessions WHERE ended_at > $1").bind::<Timestamptz, _>(since).load(conn).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Keeps a refresh token by its hash.
pub async fn add_refresh(conn: &mut AsyncPgConnection, tenant: i32, hash: &[u8], session: &str) -> Result<(), DbError> {
    sql_query("INSERT INTO refresh_tokens (tenant_id, token_hash, session_id) VALUES ($1, $2, $3)")
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
        sql_query("SELECT used_at FROM refresh_tokens WHERE tenant_id = $1 AND token_hash = $2 FOR UPDATE")
            .bind::<Integer, _>(tenant)
            .bind::<Binary, _>(hash)
            .get_result(conn)
            .await
            .optional()?;
    let Some(Used { used_at }) = found else { return Ok(None) };
    if used_at.is_none() {
        sql_query("UPDATE refresh_tokens SET used_at = $3 WHERE tenant_id = $1 AND token_hash = $2")
            .bind::<Integer, _>(tenant)
            .bind::<Binary, _>(hash)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
    }
    Ok(Some(used_at))
}

/// A machine user's key with its sealed secret.
#[derive(Debug, Clone, QueryableByName)]
pub struct MachineKey {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Binary)]
    pub sealed_secret: Vec<u8>,
}

/// A key that is neither expired nor revoked at `now`.
pub async fn machine_key(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<MachineKey>, DbError> {
    Ok(sql_query(
        "SELECT name, role, sealed_secret FROM machine_keys \
         WHERE tenant_id = $1 AND key_id = $2 AND expires_at > $3 AND revoked_at IS NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?)
}

/// Adds a machine user's key.
#[expect(clippy::too_many_arguments, reason = "one argument a column")]
pub async fn add_machine_key(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    key: &str,
    role: &str,
    name: &str,
    sealed: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sql_query(
        "INSERT INTO machine_keys (tenant_id, key_id, role, name, sealed_secret, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Text, _>(role)
    .bind::<Text, _>(name)
    .bind::<Binary, _>(sealed)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a nonce up; `false` when it had been used. Nonces older than `forget_before` are dropped on the way.
pub async fn use_nonce(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    key: &str,
    nonce: &str,
    now: DateTime<Utc>,
    forget_before: DateTime<Utc>,
) -> Result<bool, DbError> {
    sql_query("DELETE FROM machine_nonces WHERE tenant_id = $1 AND key_id = $2 AND used_at < $3")
        .bind::<Integer, _>(tenant)
        .bind::<Text, _>(key)
        .bind::<Timestamptz, _>(forget_before)
        .execute(conn)
        .await?;
    let added = sql_query(
        "INSERT INTO machine_nonces (tenant_id, key_id, nonce, used_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Text, _>(nonce)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(added == 1)
}

/// Whether a refresh token is one of ours, used or not.
pub async fn refresh_exists(conn: &mut AsyncPgConnection, tenant: i32, hash: &[u8]) -> Result<bool, DbError> {
    let found: Option<Used> = sql_query("SELECT used_at FROM refresh_tokens WHERE tenant_id = $1 AND token_hash = $2")
        .bind::<Integer, _>(tenant)
        .bind::<Binary, _>(hash)
        .get_result(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}
