//! SQL of the audit trail.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;

use super::Event;
use crate::{
    db::{DbError, ScopedConn},
    identity::Caller,
};

/// Writes an event into the caller's transaction.
pub async fn record(conn: &mut ScopedConn, caller: &Caller, event: Event<'_>) -> Result<(), DbError> {
    append(conn.sql(), caller, event).await
}

/// The same on a connection of the sign-in role, which has no scope.
pub async fn append(conn: &mut AsyncPgConnection, caller: &Caller, event: Event<'_>) -> Result<(), DbError> {
    sql_query(
        "INSERT INTO audit_events (tenant_id, at, actor_id, actor_name, actor_role, action, subject_kind, subject_id, \
         institution_id, before, after, reason, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind::<Integer, _>(caller.actor.tenant)
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Nullable<BigInt>, _>((caller.actor.user_id != 0).then_some(caller.actor.user_id))
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Text, _>(if caller.actor.user_id == 0 { "system".to_owned() } else { caller.actor.role.to_string() })
    .bind::<Text, _>(event.action)
    .bind::<Text, _>(event.subject_kind)
    .bind::<Text, _>(&event.subject_id)
    .bind::<Nullable<BigInt>, _>(event.institution)
    .bind::<Nullable<Jsonb>, _>(event.before)
    .bind::<Nullable<Jsonb>, _>(event.after)
    .bind::<Nullable<Text>, _>(event.reason)
    .bind::<Text, _>(&caller.request_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes many events of the same kind at once; their `action`, `subject_kind` and `reason` are those of the first.
pub async fn record_all(conn: &mut ScopedConn, caller: &Caller, events: Vec<Event<'_>>) -> Result<(), DbError> {
    let Some(first) = events.as_slice().first() else { return Ok(()) };
    let (action, kind, reason) =
        (first.action.to_owned(), first.subject_kind.to_owned(), first.reason.map(str::to_owned));
    let subjects: Vec<String> = events.iter().map(|event| event.subject_id.clone()).collect();
    let institutions: Vec<Option<i64>> = events.iter().map(|event| event.institution).collect();
    let (before, after): (Vec<Option<Value>>, Vec<Option<Value>>) =
        events.into_iter().map(|event| (event.before, event.after)).unzip();
    sql_query(
        "INSERT INTO audit_events (tenant_id, at, actor_id, actor_name, actor_role, action, subject_kind, subject_id, \
         institution_id, before, after, reason, request_id) \
         SELECT $1, $2, $3, $4, $5, $6, $7, t.subject, t.institution, t.before, t.after, $12, $13 \
         FROM unnest($8, $9, $10, $11) WITH ORDINALITY AS t (subject, institution, before, after, n) ORDER BY t.n",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Nullable<BigInt>, _>((caller.actor.user_id != 0).then_some(caller.actor.user_id))
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Text, _>(if caller.actor.user_id == 0 { "system".to_owned() } else { caller.actor.role.to_string() })
    .bind::<Text, _>(action)
    .bind::<Text, _>(kind)
    .bind::<Array<Text>, _>(subjects)
    .bind::<Array<Nullable<BigInt>>, _>(institutions)
    .bind::<Array<Nullable<Jsonb>>, _>(before)
    .bind::<Array<Nullable<Jsonb>>, _>(after)
    .bind::<Nullable<Text>, _>(reason)
    .bind::<Text, _>(&caller.request_id)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// One event as shown.
#[derive(Debug, Clone, QueryableByName, Serialize)]
pub struct EventRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub actor_name: String,
    #[diesel(sql_type = Text)]
    pub actor_role: String,
    #[diesel(sql_type = Text)]
    pub action: String,
    #[diesel(sql_type = Text)]
    pub subject_kind: String,
    #[diesel(sql_type = Text)]
    pub subject_id: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub before: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub after: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    #[diesel(sql_type = Text)]
    pub request_id: String,
}

/// Which events to list; empty texts ask for all.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Part of the actor's name, the action, the subject or the reason.
    pub text: String,
    /// What the action begins with, e.g. `list.`.
    pub kind: String,
    /// Older than this event; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

/// Events of the caller's own bureau, newest first.
pub async fn search(conn: &mut ScopedConn, search: &Search) -> Result<Vec<EventRow>, DbError> {
    Ok(sql_query(
        "SELECT id, at, actor_name, actor_role, action, subject_kind, subject_id, before, after, reason, request_id \
         FROM audit_events WHERE tenant_id = $1 AND ($2 = 0 OR id < $2) AND starts_with(action, $3) \
         AND ($4 = '' OR position($4 in actor_name) > 0 OR position($4 in action) > 0 OR position($4 in subject_id) > 0 \
              OR position($4 in coalesce(reason, '')) > 0) \
         ORDER BY id DESC LIMIT $5",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(search.before)
    .bind::<Text, _>(&search.kind)
    .bind::<Text, _>(&search.text)
    .bind::<BigInt, _>(search.limit)
    .load(conn.sql())
    .await?)
}
