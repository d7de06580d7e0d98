//! What is kept about one's own account.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Integer, Jsonb},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, Pools, ScopedConn, prepared},
    identity::Actor,
};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Jsonb)]
    value: Value,
}

/// The account and its sessions, without anything by which one signs in. Read by the sign-in role, for the one signed in.
pub async fn account(pools: &Pools, actor: &Actor) -> Result<(Value, Value), DbError> {
    let mut conn = pools.auth().get().await?;
    let account: Row = prepared(
        "SELECT to_jsonb(u) || jsonb_build_object('username', p.username) AS value FROM users u \
             JOIN people p ON p.id = u.person_id WHERE u.tenant_id = $1 AND u.id = $2",
    )
    .bind::<Integer, _>(actor.tenant)
    .bind::<BigInt, _>(actor.user_id)
    .get_result(&mut conn)
    .await?;
    let sessions: Row = prepared(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('begun', created_at, 'ended', ended_at, 'why', end_reason, 'device', agent) \
         ORDER BY created_at DESC), '[]') AS value FROM sessions WHERE tenant_id = $1 AND user_id = $2",
    )
    .bind::<Integer, _>(actor.tenant)
    .bind::<BigInt, _>(actor.user_id)
    .get_result(&mut conn)
    .await?;
    Ok((account.value, sessions.value))
}

/// What the account did, the newest first.
pub async fn deeds(conn: &mut ScopedConn, actor: &Actor, limit: i64) -> Result<Value, DbError> {
    let row: Row = prepared(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'action', e.action, 'subject', e.subject_kind || ' ' || e.subject_id, \
         'reason', e.reason) ORDER BY e.seq DESC), '[]') AS value \
         FROM (SELECT * FROM audit_events WHERE tenant_id = $1 AND actor_id = $2 ORDER BY seq DESC LIMIT $3) e",
    )
    .bind::<Integer, _>(actor.tenant)
    .bind::<BigInt, _>(actor.user_id)
    .bind::<BigInt, _>(limit)
    .get_result(conn.sql())
    .await?;
    Ok(row.value)
}
