//! SQL of warnings as people see and handle them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{model::Status, oversight},
    identity::Caller,
    kernel::Calendar,
    web::live::CHANNEL,
};

/// A warning with whom it is about: an account, an institution as a whole, or a bank.
#[derive(Debug, Clone, QueryableByName)]
pub struct Warning {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub account_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    /// The bank's, where it is about one.
    #[diesel(sql_type = Text)]
    pub institution_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub credit_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub category: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub account_no: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub balance_fen: Option<i64>,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Timestamptz)]
    pub raised_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    pub bank_ref: Option<String>,
    #[diesel(sql_type = Jsonb)]
    pub evidence: Value,
    #[diesel(sql_type = Jsonb)]
    pub history: Value,
    #[diesel(sql_type = Text)]
    pub policy_version: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub due_on: Option<NaiveDate>,
    #[diesel(sql_type = Timestamptz)]
    pub detected_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub resolved_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub resolved_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub handler: Option<String>,
    /// When the statements were found to connect again, of a warning that they do not.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub mended_at: Option<DateTime<Utc>>,
    /// The last day of which the bank has said anything of the account.
    #[diesel(sql_type = Nullable<Date>)]
    pub data_on: Option<NaiveDate>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What people found when they closed it.
    #[diesel(sql_type = Nullable<Text>)]
    pub conclusion: Option<String>,
}

impl Warning {
    /// Whether the account's data are older than two bank days while somebody must still act by them (STALE).
    pub fn is_stale(&self, calendar: &Calendar, today: NaiveDate) -> bool {
        let is_open = self.status.parse().is_ok_and(Status::is_open);
        is_open && self.account_id.is_some() && calendar.is_stale(self.data_on, today)
    }

    /// Whether the bank has to send what is missing before anybody may close it.
    pub fn awaits_bank(&self) -> bool {
        self.mended_at.is_none() && self.kind.parse().is_ok_and(oversight::rules::is_to_be_mended)
    }
}

const WARNING: &str = "SELECT w.tenant_id, w.id, w.account_id, w.institution_id, coalesce(i.name, w.bank, '') AS institution_name, i.credit_code, i.category, \
     a.account_no, a.balance_fen, w.kind, w.level, w.status, w.raised_at, w.bank_ref, w.evidence, w.history, w.policy_version, \
     w.due_on, w.detected_at, w.resolved_at, w.resolved_by, w.handler, w.mended_at, w.version, w.conclusion, \
     greatest(a.statement_on, a.heard_on, (a.last_booked_at AT TIME ZONE interval '8 hours')::date) AS data_on FROM warnings w \
     LEFT JOIN escrow_accounts a ON a.tenant_id = w.tenant_id AND a.id = w.account_id \
     LEFT JOIN institutions i ON i.tenant_id = w.tenant_id AND i.id = w.institution_id";
/// Of `w.level`, the gravest greatest.
const GRAVITY: &str = "array_position(ARRAY['blue', 'yellow', 'orange', 'red'], w.level)";
/// Whom a warning is about, as a row of the watch page.
const SUBJECT: &str = "w.tenant_id, w.institution_id, w.bank";
const OPEN: &str = "w.status NOT IN ('resolved', 'withdrawn')";

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// A status, `open` for all that somebody must handle; `None` for all but those withdrawn.
    pub status: Option<&'a str>,
    pub level: Option<&'a str>,
    pub kind: Option<&'a str>,
}

/// Warnings of the caller's range, the newest first, older than the one with the id `before` (0: from the newest).
pub async fn warnings(
    conn: &mut ScopedConn,
    filter: &Filter<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<Warning>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{WARNING} WHERE (w.tenant_id, w.id) IN (SELECT w.tenant_id, w.id FROM warnings w \
         WHERE w.tenant_id BETWEEN $1 AND $2 AND ($3 = 0 OR w.id < $3) AND CASE WHEN $4 IS NULL THEN w.status <> 'withdrawn' WHEN $4 = 'open' THEN {OPEN} ELSE w.status = $4 END \
         AND ($5 IS NULL OR w.level = $5) AND ($6 IS NULL OR w.kind = $6) ORDER BY w.id DESC LIMIT $7) \
         ORDER BY w.id DESC"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(before)
    .bind::<Nullable<Text>, _>(filter.status)
    .bind::<Nullable<Text>, _>(filter.level)
    .bind::<Nullable<Text>, _>(filter.kind)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// The gravest open warning of each institution and bank of a range, which is its level; the gravest first. `text` is part of the
/// institution's name or credit code, or of the bank's name, empty for all.
pub async fn watch(
    conn: &mut ScopedConn,
    (lo, hi): (i32, i32),
    level: Option<&str>,
    text: &str,
    limit: i64,
) -> Result<Vec<Warning>, DbError> {
    Ok(prepared(format!(
        "{WARNING} WHERE (w.tenant_id, w.id) IN (SELECT g.tenant_id, g.id FROM (SELECT DISTINCT ON ({SUBJECT}) w.*, \
              {GRAVITY} AS gravity FROM warnings w WHERE w.tenant_id BETWEEN $1 AND $2 AND {OPEN} \
              ORDER BY {SUBJECT}, gravity DESC, w.raised_at, w.id) g \
            WHERE ($3 IS NULL OR g.level = $3) AND ($4 = '' OR strpos(g.bank, $4) > 0 OR (g.tenant_id, g.institution_id) IN (SELECT o.tenant_id, o.id \
              FROM institutions o WHERE o.tenant_id BETWEEN $1 AND $2 \
              AND (strpos(o.name, $4) > 0 OR strpos(o.credit_code, upper($4)) > 0))) \
            ORDER BY g.gravity DESC, g.due_on NULLS LAST, g.raised_at, g.id LIMIT $5) \
         ORDER BY {GRAVITY} DESC, w.due_on NULLS LAST, w.raised_at, w.id"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(level)
    .bind::<Text, _>(text)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Institutions and banks by the level of their gravest open warning.
#[derive(Debug, Clone, QueryableByName)]
pub struct LevelCount {
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = BigInt)]
    pub subjects: i64,
}

/// How many institutions and banks of a range stand at each level.
pub async fn counts(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Vec<LevelCount>, DbError> {
    Ok(prepared(format!(
        "SELECT level, count(*) AS subjects FROM (SELECT DISTINCT ON ({SUBJECT}) w.level FROM warnings w \
         WHERE w.tenant_id BETWEEN $1 AND $2 AND {OPEN} ORDER BY {SUBJECT}, {GRAVITY} DESC) g GROUP BY level"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?)
}

/// All warnings of one account but those withdrawn: open ones first, the gravest first.
pub async fn of_account(conn: &mut ScopedConn, tenant: i32, account: i64) -> Result<Vec<Warning>, DbError> {
    Ok(prepared(format!(
        "{WARNING} WHERE w.tenant_id = $1 AND w.account_id = $2 AND w.status <> 'withdrawn' \
         ORDER BY w.status = 'resolved', {GRAVITY} DESC, w.raised_at DESC, w.id LIMIT 100"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .load(conn.sql())
    .await?)
}

/// References of the entries that raised or joined an account's open warnings.
pub async fn fired(conn: &mut ScopedConn, tenant: i32, account: i64) -> Result<BTreeSet<String>, DbError> {
    #[derive(QueryableByName)]
    struct Fired {
        #[diesel(sql_type = Text)]
        bank_ref: String,
    }
    let rows: Vec<Fired> = prepared(format!(
        "SELECT DISTINCT step ->> 'bank_ref' AS bank_ref FROM warnings w, jsonb_array_elements(w.history) AS step \
         WHERE w.tenant_id = $1 AND w.account_id = $2 AND {OPEN} AND step ->> 'bank_ref' IS NOT NULL"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.bank_ref).collect())
}

/// The level of an institution: that of its gravest open warning, with their number; `None` without any.
pub async fn level_of(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Option<(String, i64)>, DbError> {
    #[derive(QueryableByName)]
    struct Standing {
        #[diesel(sql_type = Text)]
        level: String,
        #[diesel(sql_type = BigInt)]
        open: i64,
    }
    let row: Option<Standing> = prepared(format!(
        "SELECT w.level, count(*) OVER () AS open FROM warnings w WHERE w.tenant_id = $1 AND w.institution_id = $2 AND {OPEN} \
         ORDER BY {GRAVITY} DESC LIMIT 1"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| (row.level, row.open)))
}

/// All warnings of an institution as a whole but those withdrawn: open ones first, the gravest first.
pub async fn of_institution(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<Warning>, DbError> {
    Ok(prepared(format!(
        "{WARNING} WHERE w.tenant_id = $1 AND w.institution_id = $2 AND w.account_id IS NULL AND w.status <> 'withdrawn' \
         ORDER BY w.status = 'resolved', {GRAVITY} DESC, w.raised_at DESC, w.id LIMIT 100"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?)
}

/// One warning of the caller's range.
pub async fn warning(conn: &mut ScopedConn, id: i64) -> Result<Option<Warning>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{WARNING} WHERE w.tenant_id BETWEEN $1 AND $2 AND w.id = $3 AND w.status <> 'withdrawn'"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Locks a warning of the caller's own bureau.
pub async fn for_update(conn: &mut ScopedConn, id: i64) -> Result<Option<Warning>, DbError> {
    Ok(prepared(format!("{WARNING} WHERE w.tenant_id = $1 AND w.id = $2 FOR UPDATE OF w"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// How a warning stands after somebody's step.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    pub status: &'a str,
    pub level: &'a str,
    pub due_on: Option<NaiveDate>,
    /// The official who took the step; `None` leaves the handler.
    pub handler: Option<&'a str>,
    /// The official who closed it.
    pub resolved_by: Option<&'a str>,
}

/// Writes it. Closing notes how far the account's facts reached at that moment.
pub async fn stand(conn: &mut ScopedConn, id: i64, standing: &Standing<'_>, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "UPDATE warnings w SET status = $3, level = $4, due_on = $5, handler = coalesce($6, w.handler), \
         resolved_by = $7, resolved_at = CASE WHEN $7 IS NOT NULL THEN $8 END, \
         resolved_through = CASE WHEN $7 IS NOT NULL THEN (SELECT greatest(a.last_booked_at, \
           ((a.statement_on + 1)::timestamp AT TIME ZONE interval '8 hours') - interval '1 microsecond') FROM escrow_accounts a \
           WHERE a.tenant_id = w.tenant_id AND a.id = w.account_id) END, \
         version = w.version + 1 WHERE w.tenant_id = $1 AND w.id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(standing.status)
    .bind::<Text, _>(standing.level)
    .bind::<Nullable<Date>, _>(standing.due_on)
    .bind::<Nullable<Text>, _>(standing.handler)
    .bind::<Nullable<Text>, _>(standing.resolved_by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Writes what whoever closed it found; nothing where they did not say.
pub async fn conclude(conn: &mut ScopedConn, id: i64, conclusion: Option<&'static str>) -> Result<(), DbError> {
    if conclusion.is_some() {
        prepared("UPDATE warnings SET conclusion = $3 WHERE tenant_id = $1 AND id = $2")
            .bind::<Integer, _>(conn.tenant())
            .bind::<BigInt, _>(id)
            .bind::<Nullable<Text>, _>(conclusion)
            .execute(conn.sql())
            .await?;
    }
    Ok(())
}

/// What somebody did about a warning.
#[derive(Debug, Clone, QueryableByName)]
pub struct Action {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub warning_id: i64,
    #[diesel(sql_type = Text)]
    pub action: String,
    #[diesel(sql_type = Text)]
    pub comment: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub actor_id: Option<i64>,
    #[diesel(sql_type = Text)]
    pub actor_name: String,
    #[diesel(sql_type = Text)]
    pub actor_role: String,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
}

const ACTION: &str = "SELECT c.id, c.warning_id, c.action, c.comment, c.actor_id, c.actor_name, c.actor_role, c.at FROM warning_actions c";

/// Actions on one warning, in order.
pub async fn actions(conn: &mut ScopedConn, tenant: i32, warning: i64) -> Result<Vec<Action>, DbError> {
    Ok(prepared(format!("{ACTION} WHERE c.tenant_id = $1 AND c.warning_id = $2 ORDER BY c.id"))
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(warning)
        .load(conn.sql())
        .await?)
}

/// Actions on several warnings of a bureau, in order.
pub async fn actions_of(conn: &mut ScopedConn, tenant: i32, warnings: &[i64]) -> Result<Vec<Action>, DbError> {
    Ok(prepared(format!("{ACTION} WHERE c.tenant_id = $1 AND c.warning_id = ANY($2) ORDER BY c.id"))
        .bind::<Integer, _>(tenant)
        .bind::<Array<BigInt>, _>(warnings)
        .load(conn.sql())
        .await?)
}

/// Whether what officials do so is said among themselves.
pub fn is_internal(action: &str) -> bool {
    matches!(action, "note" | "hand_over")
}

/// Records what the caller did, and returns its number; a note among officials is not the institution's to read.
pub async fn add_action(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    action: &str,
    comment: &str,
) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Id = prepared(
        "INSERT INTO warning_actions (tenant_id, warning_id, institution_id, action, comment, actor_id, actor_name, actor_role, at, \
         internal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(warning.id)
    .bind::<Nullable<BigInt>, _>(warning.institution_id)
    .bind::<Text, _>(action)
    .bind::<Text, _>(comment)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Text, _>(caller.actor.role.to_string())
    .bind::<Timestamptz, _>(caller.now)
    .bind::<Bool, _>(is_internal(action))
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Wakes open pages after the commit.
pub async fn notify(conn: &mut ScopedConn) -> Result<(), DbError> {
    let tenant = conn.tenant().to_string();
    prepared("SELECT pg_notify($1, $2)").bind::<Text, _>(CHANNEL).bind::<Text, _>(tenant).execute(conn.sql()).await?;
    Ok(())
}
