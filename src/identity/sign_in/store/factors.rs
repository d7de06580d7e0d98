//! Second factors of people.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::db::{DbError, prepared};

/// Which second factors a person has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Factors {
    /// Since when there is an app.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub totp: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    pub passkeys: i64,
    #[diesel(sql_type = BigInt)]
    pub recovery_codes: i64,
}

impl Factors {
    /// Whether there is one to ask for.
    pub fn any(self) -> bool {
        self.totp.is_some() || 0 < self.passkeys
    }
}

/// The second factors of a person.
pub async fn of(conn: &mut AsyncPgConnection, person: i64) -> Result<Factors, DbError> {
    Ok(prepared(
        "SELECT (SELECT added_at FROM totp_secrets WHERE person_id = $1) AS totp, \
           (SELECT count(*) FROM passkeys WHERE person_id = $1) AS passkeys, \
           (SELECT count(*) FROM recovery_codes WHERE person_id = $1 AND used_at IS NULL) AS recovery_codes",
    )
    .bind::<BigInt, _>(person)
    .get_result(conn)
    .await?)
}

/// Locks the second factors of a person, so that what changes them or uses them up comes one after another.
pub async fn lock(conn: &mut AsyncPgConnection, person: i64) -> Result<(), DbError> {
    prepared("SELECT FROM people WHERE id = $1 FOR UPDATE").bind::<BigInt, _>(person).execute(conn).await?;
    Ok(())
}

/// An authenticator app as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Totp {
    #[diesel(sql_type = Binary)]
    pub sealed: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    pub last_step: i64,
}

/// The app of a person, its row locked so that one code is not used twice at once.
pub async fn totp_locked(conn: &mut AsyncPgConnection, person: i64) -> Result<Option<Totp>, DbError> {
    Ok(prepared("SELECT sealed, last_step FROM totp_secrets WHERE person_id = $1 FOR UPDATE")
        .bind::<BigInt, _>(person)
        .get_result(conn)
        .await
        .optional()?)
}

/// Remembers the step of the code that was used.
pub async fn totp_used(conn: &mut AsyncPgConnection, person: i64, step: i64) -> Result<(), DbError> {
    prepared("UPDATE totp_secrets SET last_step = $2 WHERE person_id = $1")
        .bind::<BigInt, _>(person)
        .bind::<BigInt, _>(step)
        .execute(conn)
        .await?;
    Ok(())
}

/// Sets the app of a person; a former one is none any more.
pub async fn set_totp(
    conn: &mut AsyncPgConnection,
    person: i64,
    sealed: &[u8],
    step: i64,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO totp_secrets (person_id, sealed, last_step, added_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (person_id) DO UPDATE SET sealed = $2, last_step = $3, added_at = $4",
    )
    .bind::<BigInt, _>(person)
    .bind::<Binary, _>(sealed)
    .bind::<BigInt, _>(step)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes the app of a person; `false` where there was none.
pub async fn remove_totp(conn: &mut AsyncPgConnection, person: i64) -> Result<bool, DbError> {
    let gone =
        prepared("DELETE FROM totp_secrets WHERE person_id = $1").bind::<BigInt, _>(person).execute(conn).await?;
    Ok(gone == 1)
}

/// Removes all second factors of a person, and the recovery codes.
pub async fn remove_all(conn: &mut AsyncPgConnection, person: i64) -> Result<(), DbError> {
    remove_totp(conn, person).await?;
    prepared("DELETE FROM passkeys WHERE person_id = $1").bind::<BigInt, _>(person).execute(conn).await?;
    set_recovery(conn, person, &[]).await
}

/// Replaces the recovery codes of a person; with none they are only removed.
pub async fn set_recovery(conn: &mut AsyncPgConnection, person: i64, hashes: &[Vec<u8>]) -> Result<(), DbError> {
    prepared("DELETE FROM recovery_codes WHERE person_id = $1").bind::<BigInt, _>(person).execute(conn).await?;
    prepared("INSERT INTO recovery_codes (person_id, code_hash) SELECT $1, unnest($2)")
        .bind::<BigInt, _>(person)
        .bind::<Array<Binary>, _>(hashes)
        .execute(conn)
        .await?;
    Ok(())
}

/// Uses a recovery code up; `false` where there is no such code or it was used before.
pub async fn use_recovery(
    conn: &mut AsyncPgConnection,
    person: i64,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let used =
        prepared("UPDATE recovery_codes SET used_at = $3 WHERE person_id = $1 AND code_hash = $2 AND used_at IS NULL")
            .bind::<BigInt, _>(person)
            .bind::<Binary, _>(hash)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
    Ok(used == 1)
}

/// A passkey as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct PasskeyRow {
    #[diesel(sql_type = Binary)]
    pub credential_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Jsonb)]
    pub passkey: Value,
    #[diesel(sql_type = Timestamptz)]
    pub added_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub used_at: Option<DateTime<Utc>>,
}

/// The passkeys of a person, in order of age.
pub async fn passkeys(conn: &mut AsyncPgConnection, person: i64) -> Result<Vec<PasskeyRow>, DbError> {
    Ok(prepared(
        "SELECT credential_id, person_id, name, passkey, added_at, used_at FROM passkeys WHERE person_id = $1 ORDER BY added_at",
    )
    .bind::<BigInt, _>(person)
    .load(conn)
    .await?)
}

/// The passkey of a credential, locked after its person, as [`lock`] does, so that its counter only goes forward.
pub async fn passkey_locked(conn: &mut AsyncPgConnection, credential: &[u8]) -> Result<Option<PasskeyRow>, DbError> {
    Ok(prepared(
        "SELECT k.credential_id, k.person_id, k.name, k.passkey, k.added_at, k.used_at FROM passkeys k \
         JOIN people p ON p.id = k.person_id WHERE k.credential_id = $1 AND p.status = 'active' FOR UPDATE OF p, k",
    )
    .bind::<Binary, _>(credential)
    .get_result(conn)
    .await
    .optional()?)
}

/// Adds a passkey; a credential that is somebody's already is a unique violation.
pub async fn add_passkey(
    conn: &mut AsyncPgConnection,
    person: i64,
    credential: &[u8],
    name: &str,
    passkey: &Value,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared("INSERT INTO passkeys (credential_id, person_id, name, passkey, added_at) VALUES ($1, $2, $3, $4, $5)")
        .bind::<Binary, _>(credential)
        .bind::<BigInt, _>(person)
        .bind::<Text, _>(name)
        .bind::<Jsonb, _>(passkey)
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps a passkey's counter after it was used.
pub async fn passkey_used(
    conn: &mut AsyncPgConnection,
    credential: &[u8],
    passkey: &Value,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared("UPDATE passkeys SET passkey = $2, used_at = $3 WHERE credential_id = $1")
        .bind::<Binary, _>(credential)
        .bind::<Jsonb, _>(passkey)
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes a passkey of a person; `None` where the person has no such one, otherwise its name.
pub async fn remove_passkey(
    conn: &mut AsyncPgConnection,
    person: i64,
    credential: &[u8],
) -> Result<Option<String>, DbError> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let row: Option<Name> = prepared("DELETE FROM passkeys WHERE person_id = $1 AND credential_id = $2 RETURNING name")
        .bind::<BigInt, _>(person)
        .bind::<Binary, _>(credential)
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(|row| row.name))
}
