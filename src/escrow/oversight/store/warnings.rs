//! SQL of warnings as the oversight writes them, and of their life over time.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{
        detector::Step,
        oversight::model::{Alarm, Subject},
    },
};

/// A stored warning, as far as its life goes on.
#[derive(Debug, Clone, QueryableByName)]
pub struct Stored {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    account_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    bank: Option<String>,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Text)]
    pub basis: String,
    #[diesel(sql_type = Jsonb)]
    history: Value,
    #[diesel(sql_type = Timestamptz)]
    pub raised_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Date>)]
    pub due_on: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    pub proposed: bool,
    /// The statements were found to connect again.
    #[diesel(sql_type = Bool)]
    pub mended: bool,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

impl Stored {
    /// Whom it is about.
    pub fn subject(&self) -> Subject {
        match (self.account_id, self.institution_id) {
            (Some(account), Some(institution)) => Subject::Account { account, institution },
            (_, Some(institution)) => Subject::Institution(institution),
            _ => Subject::Bank(self.bank.clone().unwrap_or_default()),
        }
    }

    /// What a rule found, step by step.
    pub fn steps(&self) -> Vec<Step> {
        serde_json::from_value(self.history.clone()).unwrap_or_default()
    }
}

const STORED: &str = "SELECT w.id, w.account_id, w.institution_id, w.bank, w.kind, w.level, w.status, \
     coalesce(w.evidence->>'basis', '') AS basis, w.history, w.raised_at, w.due_on, w.red_proposal IS NOT NULL AS proposed, w.mended_at IS NOT NULL AS mended, w.version \
     FROM warnings w";
const OPEN: &str = "w.status NOT IN ('resolved', 'withdrawn')";

/// The open warnings of the caller's own bureau that the oversight found.
pub async fn open(conn: &mut ScopedConn) -> Result<Vec<Stored>, DbError> {
    Ok(prepared(format!("{STORED} WHERE w.tenant_id = $1 AND w.judged_by = 'oversight' AND {OPEN} ORDER BY w.id"))
        .bind::<Integer, _>(conn.tenant())
        .load(conn.sql())
        .await?)
}

fn parts(subject: &Subject) -> (Option<i64>, Option<i64>, Option<&str>) {
    match subject {
        Subject::Account { account, institution } => (Some(*account), Some(*institution), None),
        Subject::Institution(institution) => (None, Some(*institution), None),
        Subject::Bank(bank) => (None, None, Some(bank)),
    }
}

/// The last warning of a subject and kind, if people closed it.
pub async fn closed(conn: &mut ScopedConn, subject: &Subject, kind: &str) -> Result<Option<Stored>, DbError> {
    let (account, institution, bank) = parts(subject);
    let row: Option<Stored> = prepared(format!(
        "{STORED} WHERE w.tenant_id = $1 AND w.account_id IS NOT DISTINCT FROM $2 AND w.institution_id IS NOT DISTINCT FROM $3 \
         AND w.bank IS NOT DISTINCT FROM $4 AND w.kind = $5 AND w.judged_by = 'oversight' AND w.status = 'resolved' \
         AND w.resolved_by IS NOT NULL ORDER BY w.id DESC LIMIT 1"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Nullable<BigInt>, _>(account)
    .bind::<Nullable<BigInt>, _>(institution)
    .bind::<Nullable<Text>, _>(bank)
    .bind::<Text, _>(kind)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn evidence(alarm: &Alarm, policy_version: &str) -> Value {
    let mut evidence = alarm.evidence.clone();
    evidence.insert("policy_version".to_owned(), policy_version.into());
    evidence.insert("basis".to_owned(), alarm.basis.as_str().into());
    Value::Object(evidence)
}

fn step(alarm: &Alarm) -> Value {
    json!({"at": alarm.at.with_timezone(&crate::kernel::clock::BEIJING), "level": alarm.level, "bank_ref": null})
}

/// What a warning is written with beside what was found.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    pub policy_version: &'a str,
    pub due_on: Option<NaiveDate>,
    pub now: DateTime<Utc>,
}

/// Raises a warning; `None` when another process has just done so.
pub async fn raise(
    conn: &mut ScopedConn,
    subject: &Subject,
    alarm: &Alarm,
    beside: Beside<'_>,
) -> Result<Option<i64>, DbError> {
    let (account, institution, bank) = parts(subject);
    let row: Option<Id> = prepared(
        "INSERT INTO warnings (tenant_id, account_id, institution_id, bank, judged_by, kind, level, status, raised_at, evidence, \
         history, policy_version, due_on, detected_at) \
         VALUES ($1, $2, $3, $4, 'oversight', $5, $6, 'raised', $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Nullable<BigInt>, _>(account)
    .bind::<Nullable<BigInt>, _>(institution)
    .bind::<Nullable<Text>, _>(bank)
    .bind::<Text, _>(<&str>::from(alarm.kind))
    .bind::<Text, _>(<&str>::from(alarm.level))
    .bind::<Timestamptz, _>(alarm.at)
    .bind::<Jsonb, _>(evidence(alarm, beside.policy_version))
    .bind::<Jsonb, _>(json!([step(alarm)]))
    .bind::<Text, _>(beside.policy_version)
    .bind::<Nullable<Date>, _>(beside.due_on)
    .bind::<Timestamptz, _>(beside.now)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// Adds a step; whether the warning was still as it had been read. What was acknowledged or explained was not this. The day
/// by which to act moves where `due_on` is given.
pub async fn join(
    conn: &mut ScopedConn,
    stored: &Stored,
    level: &str,
    alarm: &Alarm,
    beside: Beside<'_>,
) -> Result<bool, DbError> {
    let done = prepared(format!(
        "UPDATE warnings w SET level = $4, evidence = $5, history = w.history || $6, policy_version = $7, \
         digested_on = CASE WHEN w.level = $4 THEN w.digested_on END, \
         mended_at = NULL, due_on = coalesce($8, w.due_on), status = CASE WHEN w.status IN ('acknowledged', 'explained') THEN 'raised' ELSE w.status END, \
         version = w.version + 1 WHERE w.tenant_id = $1 AND w.id = $2 AND w.version = $3 AND {OPEN}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(stored.id)
    .bind::<Integer, _>(stored.version)
    .bind::<Text, _>(level)
    .bind::<Jsonb, _>(evidence(alarm, beside.policy_version))
    .bind::<Jsonb, _>(json!([step(alarm)]))
    .bind::<Text, _>(beside.policy_version)
    .bind::<Nullable<Date>, _>(beside.due_on)
    .execute(conn.sql())
    .await?;
    Ok(done == 1)
}

/// Brings the figures of a warning up to date, and nothing else.
pub async fn renew(
    conn: &mut ScopedConn,
    stored: &Stored,
    alarm: &Alarm,
    policy_version: &str,
) -> Result<bool, DbError> {
    let done = prepared(format!(
        "UPDATE warnings w SET evidence = $4 WHERE w.tenant_id = $1 AND w.id = $2 AND w.version = $3 AND {OPEN}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(stored.id)
    .bind::<Integer, _>(stored.version)
    .bind::<Jsonb, _>(evidence(alarm, policy_version))
    .execute(conn.sql())
    .await?;
    Ok(done == 1)
}

/// Closes a warning whose condition is gone.
pub async fn close(conn: &mut ScopedConn, stored: &Stored, now: DateTime<Utc>) -> Result<bool, DbError> {
    let done = prepared(format!(
        "UPDATE warnings w SET status = 'resolved', resolved_at = $4, version = w.version + 1 \
         WHERE w.tenant_id = $1 AND w.id = $2 AND w.version = $3 AND {OPEN}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(stored.id)
    .bind::<Integer, _>(stored.version)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(done == 1)
}

/// Notes that the statements connect again; the warning waits for a signature by the day `due_on`.
pub async fn mend(
    conn: &mut ScopedConn,
    stored: &Stored,
    due_on: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = prepared(format!(
        "UPDATE warnings w SET mended_at = $4, due_on = coalesce($5, w.due_on), version = w.version + 1 \
         WHERE w.tenant_id = $1 AND w.id = $2 AND w.version = $3 AND {OPEN}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(stored.id)
    .bind::<Integer, _>(stored.version)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Date>, _>(due_on)
    .execute(conn.sql())
    .await?;
    Ok(done == 1)
}

/// The next open warnings in order of id whose day is past; the caller decides which of them nobody has answered.
pub async fn past_due(conn: &mut ScopedConn, today: NaiveDate, after: i64, limit: i64) -> Result<Vec<Stored>, DbError> {
    Ok(prepared(format!(
        "{STORED} WHERE w.tenant_id = $1 AND {OPEN} AND w.due_on < $2 AND w.id > $3 AND w.level IN ('yellow', 'orange') \
         ORDER BY w.id LIMIT $4"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Date, _>(today)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// A warning of which it was not yet looked up whether the same was closed before.
#[derive(Debug, Clone, QueryableByName)]
pub struct Fresh {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The last of the same subject and kind that was closed, and when.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub before: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub closed_at: Option<DateTime<Utc>>,
}

/// The next of them in order of id.
pub async fn fresh(conn: &mut ScopedConn, limit: i64) -> Result<Vec<Fresh>, DbError> {
    Ok(prepared(format!(
        "SELECT w.id, b.id AS before, b.resolved_at AS closed_at FROM warnings w \
         LEFT JOIN LATERAL (SELECT b.id, b.resolved_at FROM warnings b WHERE b.tenant_id = w.tenant_id AND b.kind = w.kind \
           AND b.account_id IS NOT DISTINCT FROM w.account_id AND b.institution_id IS NOT DISTINCT FROM w.institution_id \
           AND b.bank IS NOT DISTINCT FROM w.bank AND b.id < w.id AND b.status = 'resolved' ORDER BY b.id DESC LIMIT 1) b ON true \
         WHERE w.tenant_id = $1 AND NOT w.reopen_checked AND {OPEN} ORDER BY w.id LIMIT $2"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Notes that it was looked up, and of which warnings there was nothing to say.
pub async fn looked_up(conn: &mut ScopedConn, ids: &[i64]) -> Result<(), DbError> {
    if ids.is_empty() {
        return Ok(());
    }
    // In the order in which everybody locks several.
    prepared(
        "UPDATE warnings SET reopen_checked = true WHERE tenant_id = $1 AND id IN \
         (SELECT id FROM warnings WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Locks one open warning.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<Stored>, DbError> {
    Ok(prepared(format!("{STORED} WHERE w.tenant_id = $1 AND w.id = $2 AND {OPEN} FOR UPDATE OF w"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Puts an open warning that the caller holds locked at another level. `reopens` is the warning that it takes up.
pub async fn put_at(
    conn: &mut ScopedConn,
    id: i64,
    level: &str,
    due_on: Option<NaiveDate>,
    reopens: Option<i64>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE warnings SET level = $3, due_on = coalesce($4, due_on), digested_on = NULL, reopens = coalesce($5, reopens), \
         reopen_checked = reopen_checked OR $5 IS NOT NULL, version = version + 1 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(level)
    .bind::<Nullable<Date>, _>(due_on)
    .bind::<Nullable<BigInt>, _>(reopens)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// The next institutions in order of id with more than one open warning that is orange or red, with those warnings.
pub async fn grave(conn: &mut ScopedConn, after: i64, limit: i64) -> Result<Vec<Stored>, DbError> {
    Ok(prepared(format!(
        "{STORED} WHERE w.tenant_id = $1 AND {OPEN} AND w.level IN ('orange', 'red') AND w.institution_id IN (SELECT g.institution_id \
           FROM warnings g WHERE g.tenant_id = $1 AND g.institution_id > $2 AND g.level = 'orange' \
           AND g.status NOT IN ('resolved', 'withdrawn') GROUP BY g.institution_id HAVING count(DISTINCT g.kind) > 1 \
           ORDER BY g.institution_id LIMIT $3) ORDER BY w.institution_id, w.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Notes the proposal in which warnings took part.
pub async fn took_part(conn: &mut ScopedConn, ids: &[i64], proposal: i64) -> Result<(), DbError> {
    prepared("UPDATE warnings SET red_proposal = $3 WHERE tenant_id = $1 AND id = ANY($2)")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(ids)
        .bind::<BigInt, _>(proposal)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Adds what the system did to the warning's history among people.
pub async fn add_act(
    conn: &mut ScopedConn,
    stored: &Stored,
    action: &str,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO warning_actions (tenant_id, warning_id, institution_id, action, comment, actor_name, actor_role, at) \
         VALUES ($1, $2, $3, $4, $5, '明鉴', 'system', $6)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(stored.id)
    .bind::<Nullable<BigInt>, _>(stored.institution_id)
    .bind::<Text, _>(action)
    .bind::<Text, _>(comment)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
