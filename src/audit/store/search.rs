//! Events for the pages: narrowed down by an index where there is one, and never further than a window of rows at a time.
//!
//! Row-level security keeps all but plain comparisons from being index conditions, and no index serves every pair of
//! filters. So a search reads at most [`WINDOW`] rows of the most selective index and says how far it came: the page
//! offers to search on from there. No filter, however rare what it asks for, reads a trail of millions in one go.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use crate::{
    audit::UNMASKED,
    db::{DbError, ScopedConn},
};

/// Rows that one search reads at most.
pub const WINDOW: i64 = 20_000;
/// Institutions, courses or persons that a name stands for at most.
const NAMED_MAX: i64 = 200;

/// One event as shown.
#[derive(Debug, Clone, QueryableByName)]
pub struct EventRow {
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub actor_id: Option<i64>,
    #[diesel(sql_type = Integer)]
    pub actor_tenant: i32,
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
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    /// As JSON text, to the byte.
    #[diesel(sql_type = Nullable<Text>)]
    pub before: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub after: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    #[diesel(sql_type = Text)]
    pub request_id: String,
    #[diesel(sql_type = Binary)]
    pub hash: Vec<u8>,
    /// Its number in the window, and whether it is what was asked for or the window's last.
    #[diesel(sql_type = BigInt)]
    pub place: i64,
    #[diesel(sql_type = Nullable<Bool>)]
    pub asked_for: Option<bool>,
    /// The institution that it concerns, and the course that it is about.
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub credit_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub course_name: Option<String>,
}

/// Which events to list; what is empty asks for all.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The account that acted.
    pub actor: Option<i64>,
    /// Part of the name of whoever acted.
    pub who: String,
    /// The role in which it was done; `system` for the system itself.
    pub role: String,
    /// What the action begins with, e.g. `list.`.
    pub kind: String,
    /// Actions, one of which it is.
    pub actions: Option<Vec<String>>,
    /// Kind and id of what was changed.
    pub subject_kind: String,
    pub subject: String,
    pub institutions: Option<Vec<i64>>,
    /// From this instant, and before that one.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Only looks at unmasked personal data.
    pub looks: bool,
    pub text: Option<FreeText>,
    /// Older than this event; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

/// A text that stands somewhere in an event, or in the name of what it is about.
#[derive(Debug, Clone, Default)]
pub struct FreeText {
    pub text: String,
    /// Actions whose words hold the text.
    pub actions: Vec<&'static str>,
    /// Institutions and courses whose names hold it.
    pub institutions: Vec<i64>,
    pub courses: Vec<String>,
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    pub rows: Vec<EventRow>,
    /// The event to go on before, when there may be more.
    pub next: Option<i64>,
    /// How far back was searched, where the window ended before the page was full.
    pub searched_to: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// Events of the caller's own bureau, newest first.
pub async fn search(conn: &mut ScopedConn, search: &Search) -> Result<Found, DbError> {
    let mut upper = (search.until.unwrap_or(FAR), 0);
    if search.before > 0 {
        match place(conn, search.before).await? {
            Some(before) => upper = upper.min((before.at, before.seq)),
            None => return Ok(Found { rows: Vec::new(), next: None, searched_to: None }),
        }
    }
    conn.sql().batch_execute(BY_INDEX).await?;
    let mut rows: Vec<EventRow> = bound(page(&index(search)), conn.tenant(), search, upper).load(conn.sql()).await?;
    // The window's last row ends the answer, whether it is asked for or not.
    let searched_to = rows.last().filter(|last| last.place == WINDOW).map(|last| last.at);
    let full = i64::try_from(rows.len()).is_ok_and(|found| found == search.limit);
    let next = rows.last().filter(|_| full || searched_to.is_some()).map(|last| last.seq);
    rows.retain(|row| row.asked_for == Some(true));
    Ok(Found { rows, next, searched_to })
}

/// The planner takes the conditions of row-level security for selective, expects a handful of rows where there are
/// millions, and would read and sort them all. The window is read in order of its index.
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; \
     SET LOCAL max_parallel_workers_per_gather = 0";

/// Later than any event.
const FAR: DateTime<Utc> = DateTime::from_timestamp_nanos(i64::MAX);

fn page(index: &str) -> String {
    format!(
        "SELECT e.seq, e.at, e.actor_id, e.actor_tenant, e.actor_name, e.actor_role, e.action, e.subject_kind, e.subject_id, \
           e.institution_id, e.before::text, e.after::text, e.reason, e.request_id, e.hash, e.place, e.asked_for, \
           i.name AS institution_name, i.credit_code, c.name AS course_name \
         FROM (SELECT * FROM (SELECT e.*, \
                 ($6 = '' OR e.subject_id = $6) AND ($7 IS NULL OR e.institution_id = ANY($7)) \
                 AND ($8 IS NULL OR e.actor_id = $8) AND ($17 = '' OR position($17 in e.actor_name) > 0) \
                 AND ($18 = '' OR e.subject_kind = $18) AND ($9 = '' OR e.actor_role = $9) AND starts_with(e.action, $10) \
                 AND ($11 IS NULL OR e.action = ANY($11)) AND (NOT $12 OR e.action = '{UNMASKED}') \
                 AND ($13 = '' OR position($13 in e.actor_name) > 0 OR position($13 in e.action) > 0 \
                      OR position($13 in e.subject_id) > 0 OR position($13 in coalesce(e.reason, '')) > 0 OR e.request_id = $13 \
                      OR e.action = ANY($14) OR coalesce(e.institution_id = ANY($15), false) \
                      OR (e.subject_kind = 'course' AND e.subject_id = ANY($16))) AS asked_for \
               FROM (SELECT e.*, row_number() OVER (ORDER BY e.at DESC, e.seq DESC) AS place \
                     FROM (SELECT e.* FROM audit_events e \
                           WHERE e.tenant_id = $1 AND (e.at, e.seq) < ($2, $3) AND e.at >= $4 {index} \
                           ORDER BY e.at DESC, e.seq DESC LIMIT {WINDOW}) e) e) e \
               WHERE e.asked_for OR e.place = {WINDOW} ORDER BY e.at DESC, e.seq DESC LIMIT $5) e \
         LEFT JOIN institutions i ON i.tenant_id = e.tenant_id AND i.id = e.institution_id \
         LEFT JOIN courses c ON c.tenant_id = e.tenant_id \
           AND c.id = CASE WHEN e.subject_kind = 'course' THEN e.subject_id::bigint END \
         ORDER BY e.at DESC, e.seq DESC"
    )
}

/// The condition by whose index a search reads, beside that of time.
fn index(search: &Search) -> String {
    match (&search.institutions.as_deref(), search.actor) {
        _ if !search.subject.is_empty() => "AND e.subject_id = $6".to_owned(),
        // Whole numbers only, so nothing can be injected.
        (Some([institution]), _) => format!("AND e.institution_id = {institution}"),
        (_, Some(actor)) => format!("AND e.actor_id = {actor}"),
        _ if search.looks => format!("AND e.action = '{UNMASKED}'"),
        _ => String::new(),
    }
}

type Bound<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

fn bound<'a>(sql: String, tenant: i32, search: &'a Search, upper: (DateTime<Utc>, i64)) -> Bound<'a> {
    let text = search.text.clone().unwrap_or_default();
    sql_query(sql)
        .into_boxed()
        .bind::<Integer, _>(tenant)
        .bind::<Timestamptz, _>(upper.0)
        .bind::<BigInt, _>(upper.1)
        .bind::<Timestamptz, _>(search.from.unwrap_or(DateTime::<Utc>::UNIX_EPOCH))
        .bind::<BigInt, _>(search.limit)
        .bind::<Text, _>(&search.subject)
        .bind::<Nullable<Array<BigInt>>, _>(&search.institutions)
        .bind::<Nullable<BigInt>, _>(search.actor)
        .bind::<Text, _>(&search.role)
        .bind::<Text, _>(&search.kind)
        .bind::<Nullable<Array<Text>>, _>(&search.actions)
        .bind::<Bool, _>(search.looks)
        .bind::<Text, _>(text.text)
        .bind::<Array<Text>, _>(text.actions)
        .bind::<Array<BigInt>, _>(text.institutions)
        .bind::<Array<Text>, _>(text.courses)
        .bind::<Text, _>(&search.who)
        .bind::<Text, _>(&search.subject_kind)
}

async fn place(conn: &mut ScopedConn, seq: i64) -> Result<Option<Place>, DbError> {
    Ok(sql_query("SELECT at, seq FROM audit_events WHERE tenant_id = $1 AND seq = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(seq)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// One event of the caller's own bureau.
pub async fn one(conn: &mut ScopedConn, seq: i64) -> Result<Option<EventRow>, DbError> {
    let Some(place) = place(conn, seq).await? else { return Ok(None) };
    let search = Search { from: Some(place.at), limit: 1, ..Search::default() };
    Ok(bound(page(&format!("AND e.seq = {seq}")), conn.tenant(), &search, (FAR, 0))
        .get_result(conn.sql())
        .await
        .optional()?)
}

#[derive(QueryableByName)]
struct HashRow {
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

/// The hash before an event: that of the one before, or of the last one that was removed when its time was over.
pub async fn hash_before(conn: &mut ScopedConn, seq: i64) -> Result<Option<Vec<u8>>, DbError> {
    let row: Option<HashRow> = sql_query(
        "SELECT hash FROM audit_events WHERE tenant_id = $1 AND seq = $2 \
         UNION ALL SELECT hash FROM audit_archives WHERE tenant_id = $1 AND seq = $2 LIMIT 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(seq - 1)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.hash))
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

async fn ids(conn: &mut ScopedConn, sql: &str, text: &str) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Id> = sql_query(sql)
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(text)
        .bind::<BigInt, _>(NAMED_MAX)
        .load(conn.sql())
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Institutions of the caller's own bureau whose names or codes hold a text.
pub async fn institutions_named(conn: &mut ScopedConn, text: &str) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT id FROM institutions WHERE tenant_id = $1 \
               AND (position($2 in name) > 0 OR position(upper($2) in credit_code) > 0) ORDER BY id LIMIT $3";
    ids(conn, sql, text).await
}

/// The account of the caller's own bureau that bears exactly this name, if there is one such.
pub async fn actor_named(conn: &mut ScopedConn, name: &str) -> Result<Option<i64>, DbError> {
    let sql = "SELECT id FROM users WHERE tenant_id = $1 AND display_name = $2 ORDER BY id LIMIT $3";
    Ok(match ids(conn, sql, name).await?.as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}

/// A text with everything that it may stand for.
pub async fn free_text(conn: &mut ScopedConn, text: &str, actions: Vec<&'static str>) -> Result<FreeText, DbError> {
    let institutions = institutions_named(conn, text).await?;
    let sql = "SELECT id FROM courses WHERE tenant_id = $1 AND position($2 in name) > 0 ORDER BY id LIMIT $3";
    let courses = ids(conn, sql, text).await?.iter().map(i64::to_string).collect();
    Ok(FreeText { text: text.to_owned(), actions, institutions, courses })
}

/// What the latest check of the bureau's chain found.
#[derive(Debug, Clone, QueryableByName)]
pub struct CheckRow {
    #[diesel(sql_type = Timestamptz)]
    pub checked_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub fault: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub fault_seq: Option<i64>,
}

/// The latest check of the caller's own bureau.
pub async fn check(conn: &mut ScopedConn) -> Result<Option<CheckRow>, DbError> {
    Ok(sql_query("SELECT checked_at, seq, last_at, fault, fault_seq FROM audit_checks WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// What of the caller's own trail was removed because its time was over.
#[derive(Debug, Clone, QueryableByName)]
pub struct RemovedRow {
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = Timestamptz)]
    pub last_at: DateTime<Utc>,
}

/// The latest removal from the caller's own trail.
pub async fn removed(conn: &mut ScopedConn) -> Result<Option<RemovedRow>, DbError> {
    Ok(sql_query("SELECT seq, last_at FROM audit_archives WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?)
}
