//! SQL of machine users: keys on connections of the sign-in role, lists in the caller's scope.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::nonces::Nonce;
use crate::db::{DbError, ScopedConn, prepared};

/// What a signed request is checked with.
#[derive(Debug, Clone, QueryableByName)]
pub struct Credentials {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Array<Text>)]
    pub scopes: Vec<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub accounts: Option<Vec<String>>,
    #[diesel(sql_type = Binary)]
    pub sealed_secret: Vec<u8>,
    /// The secret before, while it still counts.
    #[diesel(sql_type = Nullable<Binary>)]
    pub previous_secret: Option<Vec<u8>>,
}

/// A key that is neither expired nor revoked at `now`.
pub async fn credentials(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Credentials>, DbError> {
    Ok(prepared(
        "SELECT name, role, scopes, institution_id, accounts, sealed_secret, \
           CASE WHEN previous_until > $3 THEN previous_secret END AS previous_secret \
         FROM machine_keys WHERE tenant_id = $1 AND key_id = $2 AND expires_at > $3 AND revoked_at IS NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?)
}

/// A new key.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    pub tenant: i32,
    pub key: &'a str,
    pub role: &'a str,
    pub name: &'a str,
    pub scopes: &'a [String],
    pub institution: Option<i64>,
    pub accounts: Option<&'a [String]>,
    pub sealed: &'a [u8],
    pub created_by: &'a str,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Adds a key.
pub async fn add(conn: &mut AsyncPgConnection, new: &NewKey<'_>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO machine_keys (tenant_id, key_id, role, name, scopes, institution_id, accounts, sealed_secret, created_by, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Integer, _>(new.tenant)
    .bind::<Text, _>(new.key)
    .bind::<Text, _>(new.role)
    .bind::<Text, _>(new.name)
    .bind::<Array<Text>, _>(new.scopes)
    .bind::<Nullable<BigInt>, _>(new.institution)
    .bind::<Nullable<Array<Text>>, _>(new.accounts)
    .bind::<Binary, _>(new.sealed)
    .bind::<Text, _>(new.created_by)
    .bind::<Timestamptz, _>(new.created_at)
    .bind::<Timestamptz, _>(new.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a key another secret; the one before counts until `previous_until`. `false` for a key that is revoked or expired.
pub async fn rotate(
    conn: &mut AsyncPgConnection,
    tenant: i32,
    key: &str,
    sealed: &[u8],
    now: DateTime<Utc>,
    previous_until: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, DbError> {
    // What is before the previous secret stops counting here.
    let changed = prepared(
        "UPDATE machine_keys SET previous_secret = sealed_secret, previous_until = least($5, expires_at), sealed_secret = $3, \
         rotated_at = $4, expires_at = $6 \
         WHERE tenant_id = $1 AND key_id = $2 AND expires_at > $4 AND revoked_at IS NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Binary, _>(sealed)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(previous_until)
    .bind::<Timestamptz, _>(expires_at)
    .execute(conn)
    .await?;
    Ok(changed == 1)
}

/// Ends a key for good. `false` for one that is revoked already.
pub async fn revoke(conn: &mut AsyncPgConnection, tenant: i32, key: &str, now: DateTime<Utc>) -> Result<bool, DbError> {
    let changed = prepared(
        "UPDATE machine_keys SET revoked_at = $3, previous_secret = NULL, previous_until = NULL \
         WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(changed == 1)
}

#[derive(QueryableByName)]
struct UsedNow {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = Text)]
    key_id: String,
    #[diesel(sql_type = Text)]
    nonce: String,
}

/// Uses nonces up; those that had not been used. Old ones are forgotten by [`sweep`](crate::identity::sessions::store::sweep).
pub(super) async fn use_nonces(
    conn: &mut AsyncPgConnection,
    nonces: &[(Nonce, DateTime<Utc>)],
) -> Result<HashSet<Nonce>, DbError> {
    let added: Vec<UsedNow> = prepared(
        "INSERT INTO machine_nonces (tenant_id, key_id, nonce, used_at) \
         SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING \
         RETURNING tenant_id, key_id, nonce",
    )
    .bind::<Array<Integer>, _>(nonces.iter().map(|(one, _)| one.tenant).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(nonces.iter().map(|(one, _)| one.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(nonces.iter().map(|(one, _)| one.nonce.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(nonces.iter().map(|(_, at)| *at).collect::<Vec<_>>())
    .load(conn)
    .await?;
    let nonce = |one: UsedNow| Nonce { tenant: one.tenant_id, key: one.key_id, nonce: one.nonce };
    Ok(added.into_iter().map(nonce).collect())
}

/// Notes when a key was last used, to the minute, so that not every request writes the row.
pub async fn used(conn: &mut AsyncPgConnection, tenant: i32, key: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "UPDATE machine_keys SET last_used_at = $3 WHERE tenant_id = $1 AND key_id = $2 \
         AND (last_used_at IS NULL OR last_used_at < $3 - interval '1 minute')",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A key as its keepers see it.
#[derive(Debug, Clone, QueryableByName, serde::Serialize)]
pub struct Key {
    #[diesel(sql_type = Text)]
    pub key_id: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Array<Text>)]
    pub scopes: Vec<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub accounts: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Text)]
    pub created_by: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub previous_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub rotated_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_used_at: Option<DateTime<Utc>>,
}

const KEYS: &str = "SELECT k.key_id, k.role, k.name, k.scopes, k.accounts, k.institution_id, i.name AS institution_name, \
       k.created_by, k.created_at, k.expires_at, k.previous_until, k.rotated_at, k.revoked_at, k.last_used_at \
     FROM machine_keys k LEFT JOIN institutions i ON i.tenant_id = k.tenant_id AND i.id = k.institution_id \
     WHERE k.tenant_id = $1";

/// The keys of the caller's bureau, or of the caller's institution; those that work first, the newest of them first; as
/// many as a page shows.
pub async fn keys(conn: &mut ScopedConn, now: DateTime<Utc>) -> Result<Vec<Key>, DbError> {
    Ok(prepared(format!(
        "{KEYS} ORDER BY (k.revoked_at IS NULL AND k.expires_at > $2) DESC, k.created_at DESC, k.key_id LIMIT 500"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?)
}

/// One of them by its name.
pub async fn key(conn: &mut ScopedConn, key: &str) -> Result<Option<Key>, DbError> {
    Ok(prepared(format!("{KEYS} AND k.key_id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(key)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// A key that will end soon, and one who is to hear of it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Ending {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = Text)]
    pub key_id: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub email: String,
}

/// The keys that end between two instants, with every address that is to hear of it: administrators of the bureau for a
/// bank's key, of the institution for its system's.
pub async fn ending(
    conn: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Ending>, DbError> {
    Ok(prepared(
        "SELECT k.tenant_id, k.key_id, k.name, k.expires_at, u.email FROM machine_keys k \
         JOIN users u ON u.tenant_id = k.tenant_id AND u.status = 'active' AND u.email IS NOT NULL \
           AND u.institution_id IS NOT DISTINCT FROM k.institution_id \
           AND u.role = CASE WHEN k.institution_id IS NULL THEN 'bureau_admin' ELSE 'institution_admin' END \
         WHERE k.revoked_at IS NULL AND k.expires_at > $1 AND k.expires_at <= $2 ORDER BY k.tenant_id, k.key_id, u.id",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(until)
    .load(conn)
    .await?)
}
