//! What somebody is in the middle of.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    db::{DbError, prepared},
    secrets::{Secrets, random},
};

/// What a step leads to; a token of one is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// The password was right; the second factor is asked for.
    Second,
    /// The password was right; a second factor must be set up first.
    Enrol,
    /// A passkey is asked to sign.
    Passkey,
    /// A passkey is being made.
    AddPasskey,
    /// An authenticator app is being set up.
    AddTotp,
    /// The one signed in has just shown again who they are.
    Fresh,
    /// A mail with this token leads to a new password.
    Reset,
}

/// A step of a person, or of somebody who is not known yet.
#[derive(Debug, Clone)]
pub struct Step {
    pub person: Option<i64>,
    state: Vec<u8>,
}

impl Step {
    /// What was to be remembered.
    pub fn state<T: DeserializeOwned>(&self, secrets: &Secrets) -> Option<T> {
        let plain = secrets.open("step", &self.state).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<i64>,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

impl From<Row> for Step {
    fn from(row: Row) -> Step {
        Step { person: row.person_id, state: row.sealed }
    }
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

/// Begins a step and returns its token. Steps that have ended are cleared away on the way.
pub async fn open<T: Serialize + Sync>(
    conn: &mut AsyncPgConnection,
    secrets: &Secrets,
    purpose: Purpose,
    person: Option<i64>,
    state: &T,
    now: DateTime<Utc>,
    life: Duration,
) -> Result<String, DbError> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let plain = serde_json::to_vec(state).map_err(|e| DbError::Pool(format!("a step cannot be written: {e}")))?;
    let sealed = secrets.seal("step", &plain).map_err(|e| DbError::Pool(e.to_string()))?;
    // Those that somebody is ending at the moment are theirs to end.
    prepared(
        "DELETE FROM steps WHERE token_hash IN (SELECT token_hash FROM steps WHERE expires_at < $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    prepared("INSERT INTO steps (token_hash, purpose, person_id, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind::<Binary, _>(hash(&token))
        .bind::<Text, _>(<&str>::from(purpose))
        .bind::<Nullable<BigInt>, _>(person)
        .bind::<Binary, _>(sealed)
        .bind::<Timestamptz, _>(now + life)
        .execute(conn)
        .await?;
    Ok(token)
}

/// The step of a token, if it has not ended.
pub async fn find(
    conn: &mut AsyncPgConnection,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<Step>, DbError> {
    let row: Option<Row> =
        prepared("SELECT person_id, sealed FROM steps WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3")
            .bind::<Binary, _>(hash(token))
            .bind::<Text, _>(<&str>::from(purpose))
            .bind::<Timestamptz, _>(now)
            .get_result(conn)
            .await
            .optional()?;
    Ok(row.map(Step::from))
}

/// The same, with its row locked and one try counted; nothing after so many tries.
pub async fn try_once(
    conn: &mut AsyncPgConnection,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
    tries_max: i32,
) -> Result<Option<Step>, DbError> {
    let row: Option<Row> = prepared(
        "UPDATE steps SET tries = tries + 1 WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 AND tries < $4 \
         RETURNING person_id, sealed",
    )
    .bind::<Binary, _>(hash(token))
    .bind::<Text, _>(<&str>::from(purpose))
    .bind::<Timestamptz, _>(now)
    .bind::<Integer, _>(tries_max)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.map(Step::from))
}

/// Ends the step of a token and returns it; of two at once only one gets it.
pub async fn take(
    conn: &mut AsyncPgConnection,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<Step>, DbError> {
    let row: Option<Row> = prepared(
        "DELETE FROM steps WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING person_id, sealed",
    )
    .bind::<Binary, _>(hash(token))
    .bind::<Text, _>(<&str>::from(purpose))
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.map(Step::from))
}

/// Ends everything that a person is in the middle of.
pub async fn end_all(conn: &mut AsyncPgConnection, person: i64) -> Result<(), DbError> {
    prepared("DELETE FROM steps WHERE person_id = $1").bind::<BigInt, _>(person).execute(conn).await?;
    Ok(())
}
