//! SQL of the signing keys, on connections of the sign-in role.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::{DbError, prepared};

/// NOTIFY on it says that the signing keys have changed.
pub const CHANNEL: &str = "mingjian_signing_keys";

/// One generation as it is kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Row {
    #[diesel(sql_type = Integer)]
    pub generation: i32,
    #[diesel(sql_type = Text)]
    pub kid: String,
    #[diesel(sql_type = Binary)]
    pub sealed_seed: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub signs_from: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub verifies_until: Option<DateTime<Utc>>,
}

/// All generations, in order.
pub async fn all(conn: &mut AsyncPgConnection) -> Result<Vec<Row>, DbError> {
    Ok(prepared(
        "SELECT generation, kid, sealed_seed, created_at, signs_from, verifies_until FROM signing_keys ORDER BY generation",
    )
    .load(conn)
    .await?)
}

/// Until the transaction ends nobody else changes the keys: of two processes that find a successor due one comes second.
pub async fn lock(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    prepared("SELECT pg_advisory_xact_lock(hashtext('mingjian signing keys'))").execute(conn).await?;
    Ok(())
}

/// Adds a generation, and tells all processes when the transaction commits.
pub async fn add(conn: &mut AsyncPgConnection, row: &Row) -> Result<(), DbError> {
    prepared(
        "INSERT INTO signing_keys (generation, kid, sealed_seed, created_at, signs_from) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind::<Integer, _>(row.generation)
    .bind::<Text, _>(&row.kid)
    .bind::<Binary, _>(&row.sealed_seed)
    .bind::<Timestamptz, _>(row.created_at)
    .bind::<Timestamptz, _>(row.signs_from)
    .execute(conn)
    .await?;
    prepared("SELECT pg_notify($1, '')").bind::<Text, _>(CHANNEL).execute(conn).await?;
    Ok(())
}

/// Sets when the generations before `generation` stop verifying; one that stops earlier keeps its end.
pub async fn retire_before(conn: &mut AsyncPgConnection, generation: i32, until: DateTime<Utc>) -> Result<(), DbError> {
    prepared("UPDATE signing_keys SET verifies_until = least(verifies_until, $2) WHERE generation < $1")
        .bind::<Integer, _>(generation)
        .bind::<Timestamptz, _>(until)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets the private parts that nothing needs any more.
pub async fn forget(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<(), DbError> {
    prepared("UPDATE signing_keys SET sealed_seed = '' WHERE verifies_until < $1 AND sealed_seed <> ''")
        .bind::<Timestamptz, _>(before)
        .execute(conn)
        .await?;
    Ok(())
}
