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
    /// The institution that it concerns, and the course that it is about.
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub credit_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub course_name: Option<String>,
}

/// Which events to list; empty texts ask for all.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Part of the actor's name, the action, the subject, the institution's or the course's name, or the reason.
    pub text: String,
    /// Actions whose words on the page hold the text.
    pub actions: Vec<&'static str>,
    /// From this instant, and before that one.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// What the action begins with, e.g. `list.`.
    pub kind: String,
    /// Older than this event; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

/// Events of the caller's own bureau, newest first.
pub async fn search(conn: &mut ScopedConn, search: &Search) -> Result<Vec<EventRow>, DbError> {
    Ok(sql_query(
        "SELECT e.id, e.at, e.actor_name, e.actor_role, e.action, e.subject_kind, e.subject_id, e.before, e.after, e.reason, \
           e.request_id, i.name AS institution_name, i.credit_code, c.name AS course_name \
         FROM audit_events e \
         LEFT JOIN institutions i ON i.tenant_id = e.tenant_id AND i.id = e.institution_id \
         LEFT JOIN courses c ON c.tenant_id = e.tenant_id \
           AND c.id = CASE WHEN e.subject_kind = 'course' THEN e.subject_id::bigint END \
         WHERE e.tenant_id = $1 AND ($2 = 0 OR e.id < $2) AND starts_with(e.action, $3) \
         AND ($4 = '' OR position($4 in e.actor_name) > 0 OR position($4 in e.action) > 0 OR position($4 in e.subject_id) > 0 \
              OR position($4 in coalesce(e.reason, '')) > 0 OR e.action = ANY($6) OR position($4 in coalesce(i.name, '')) > 0 \
              OR position($4 in coalesce(i.credit_code, '')) > 0 OR position($4 in coalesce(c.name, '')) > 0) \
         AND ($7::timestamptz IS NULL OR e.at >= $7) AND ($8::timestamptz IS NULL OR e.at < $8) \
         ORDER BY e.id DESC LIMIT $5",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(search.before)
    .bind::<Text, _>(&search.kind)
    .bind::<Text, _>(&search.text)
    .bind::<BigInt, _>(search.limit)
    .bind::<Array<Text>, _>(&search.actions)
    .bind::<Nullable<Timestamptz>, _>(search.from)
    .bind::<Nullable<Timestamptz>, _>(search.until)
    .load(conn.sql())
    .await?)
}
