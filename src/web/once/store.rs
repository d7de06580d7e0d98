//! What is kept of answers.

use chrono::{DateTime, Duration, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Integer, Jsonb, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, Pools, prepared},
    identity::Actor,
};

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::hours(24);

/// An answer as it was first given.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Kept {
    /// SHA-256 of method, address and body.
    #[diesel(sql_type = Binary)]
    pub request: Vec<u8>,
    #[diesel(sql_type = Integer)]
    pub status: i32,
    /// Null for an answer without a body.
    #[diesel(sql_type = Jsonb)]
    pub answer: Value,
}

/// The answer that `actor` was given under this key.
pub async fn kept(pools: &Pools, actor: &Actor, key: &str) -> Result<Option<Kept>, DbError> {
    let mut conn = actor.scope().begin(pools).await?;
    let row = prepared(
        "SELECT request, status, answer FROM idempotency_keys WHERE tenant_id = $1 AND user_id = $2 AND key = $3",
    )
    .bind::<Integer, _>(actor.tenant)
    .bind::<BigInt, _>(actor.user_id)
    .bind::<Text, _>(key)
    .get_result(conn.sql())
    .await
    .optional()?;
    conn.commit().await?;
    Ok(row)
}

/// Keeps an answer; the first one under a key stands.
pub async fn keep(pools: &Pools, actor: &Actor, key: &str, answer: &Kept, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = actor.scope().begin(pools).await?;
    prepared(
        "INSERT INTO idempotency_keys (tenant_id, user_id, key, request, status, answer, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(actor.tenant)
    .bind::<BigInt, _>(actor.user_id)
    .bind::<Text, _>(key)
    .bind::<Binary, _>(&answer.request)
    .bind::<Integer, _>(answer.status)
    .bind::<Jsonb, _>(&answer.answer)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    conn.commit().await
}

/// Forgets answers that are older than a day; returns how many.
pub async fn sweep(pools: &Pools, now: DateTime<Utc>) -> Result<u64, DbError> {
    let client = pools.worker().get().await?;
    Ok(tokio_postgres::Client::execute(
        &client,
        "DELETE FROM idempotency_keys WHERE created_at < $1",
        &[&(now - KEPT_FOR)],
    )
    .await?)
}
