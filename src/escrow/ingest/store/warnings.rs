//! SQL of warnings, mails and the audit trail as the ingest writes them.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use serde_json::{Map, Value};
use tokio_postgres::{Error, Row, types::Json};

use crate::{
    db::Statements,
    escrow::{
        detector::{Step, Warning, WarningKind},
        ingest::reconcile::StoredWarning,
        model::Status,
    },
    kernel::clock::BEIJING,
    web::live::CHANNEL,
};

/// All warnings of an account that the detector found, locked; a row that this version cannot read is left alone.
pub async fn of_account(client: &ClientWrapper, tenant: i32, account: i64) -> Result<Vec<StoredWarning>, Error> {
    let sql =
        format!("{FOUND} WHERE tenant_id = $1 AND account_id = $2 AND judged_by = 'detector' ORDER BY id FOR UPDATE");
    let rows = client.rows(&sql, &[&tenant, &account]).await?;
    Ok(rows.iter().filter_map(stored).collect())
}

/// What [`stored`] reads, and whose it is.
pub(super) const FOUND: &str = "SELECT account_id, id, kind, level, status, raised_at, bank_ref, evidence, history, resolved_at, \
     resolved_by, resolved_through, conclusion FROM warnings";

pub(super) fn stored(row: &Row) -> Option<StoredWarning> {
    let kind: WarningKind = row.get::<_, &str>("kind").parse().ok()?;
    let Json(history): Json<Vec<Step>> = row.try_get("history").ok()?;
    let Json(evidence) = row.try_get("evidence").ok()?;
    let local = |at: DateTime<Utc>| at.with_timezone(&BEIJING);
    Some(StoredWarning {
        id: row.get("id"),
        status: row.get::<_, &str>("status").parse().ok()?,
        resolved_by: row.get("resolved_by"),
        resolved_through: row.get("resolved_through"),
        conclusion: row.get::<_, Option<&str>>("conclusion").and_then(|word| word.parse().ok()),
        warning: Warning {
            kind,
            level: row.get::<_, &str>("level").parse().ok()?,
            raised_at: local(row.get("raised_at")),
            bank_ref: row.get("bank_ref"),
            evidence,
            history,
            resolved_at: row.get::<_, Option<DateTime<Utc>>>("resolved_at").map(local),
        },
    })
}

/// Whose warning it is, and when somebody must have acted.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub tenant: i32,
    pub account: i64,
    pub institution: i64,
    pub policy_version: &'a str,
    pub due_on: Option<NaiveDate>,
    pub now: DateTime<Utc>,
}

/// Adds a warning; returns its id.
pub async fn insert(client: &ClientWrapper, about: About<'_>, status: Status, warning: &Warning) -> Result<i64, Error> {
    let row = client
        .row(
            "INSERT INTO warnings (tenant_id, account_id, institution_id, kind, level, status, raised_at, bank_ref, evidence, \
             history, policy_version, due_on, detected_at, resolved_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
            &[
                &about.tenant,
                &about.account,
                &about.institution,
                &<&str>::from(warning.kind),
                &<&str>::from(warning.level),
                &<&str>::from(status),
                &warning.raised_at.to_utc(),
                &warning.bank_ref,
                &Json(&warning.evidence),
                &Json(&warning.history),
                &about.policy_version,
                &about.due_on,
                &about.now,
                &warning.resolved_at.map(|at| at.to_utc()),
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// A warning as it is from now on.
#[derive(Debug, Clone)]
pub struct Update {
    pub id: i64,
    pub status: Status,
    pub warning: Warning,
    /// How many of its steps are stored as they are: a history may be long, and only the others are sent. 0 writes all anew.
    pub kept: usize,
    pub policy_version: String,
    /// The day by which to act, where that moves.
    pub due_on: Option<NaiveDate>,
}

/// Brings locked warnings up to date.
pub async fn update(client: &ClientWrapper, tenant: i32, updates: &[Update]) -> Result<(), Error> {
    if updates.is_empty() {
        return Ok(());
    }
    let text = |of: fn(&Update) -> Option<&str>| updates.iter().map(of).collect::<Vec<_>>();
    let ids: Vec<i64> = updates.iter().map(|one| one.id).collect();
    let raised: Vec<DateTime<Utc>> = updates.iter().map(|one| one.warning.raised_at.to_utc()).collect();
    let resolved: Vec<Option<DateTime<Utc>>> =
        updates.iter().map(|one| one.warning.resolved_at.map(|at| at.to_utc())).collect();
    let evidence: Vec<Json<&Map<String, Value>>> = updates.iter().map(|one| Json(&one.warning.evidence)).collect();
    let steps: Vec<Json<&[Step]>> =
        updates.iter().map(|one| Json(one.warning.history.get(one.kept..).unwrap_or_default())).collect();
    let anew: Vec<bool> = updates.iter().map(|one| one.kept == 0).collect();
    let due: Vec<Option<NaiveDate>> = updates.iter().map(|one| one.due_on).collect();
    client
        .change(
            "UPDATE warnings w SET level = n.level, status = n.status, raised_at = n.raised_at, bank_ref = n.bank_ref, \
             evidence = n.evidence, history = CASE WHEN n.anew THEN n.steps ELSE w.history || n.steps END, \
             policy_version = n.policy_version, due_on = coalesce(n.due_on, w.due_on), \
             digested_on = CASE WHEN w.level = n.level THEN w.digested_on END, resolved_at = n.resolved_at, version = w.version + 1 \
             FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::jsonb[], $8::jsonb[], $9::boolean[], \
             $10::text[], $11::date[], $12::timestamptz[]) \
             AS n (id, level, status, raised_at, bank_ref, evidence, steps, anew, policy_version, due_on, resolved_at) \
             WHERE w.tenant_id = $1 AND w.id = ANY($2) AND w.id = n.id",
            &[
                &tenant,
                &ids,
                &text(|one| Some(one.warning.level.into())),
                &text(|one| Some(one.status.into())),
                &raised,
                &text(|one| one.warning.bank_ref.as_deref()),
                &evidence,
                &steps,
                &anew,
                &text(|one| Some(&one.policy_version)),
                &due,
                &resolved,
            ],
        )
        .await?;
    Ok(())
}

/// A mail about a warning.
#[derive(Debug)]
pub struct Mail<'a> {
    /// Tells this news of this warning from any other; one mail for each recipient and key.
    pub key: &'a str,
    pub subject: &'a str,
    /// `None`: the officials read of it in their daily mail.
    pub body_for_bureau: Option<&'a str>,
    pub body_for_institution: &'a str,
    pub due_at: DateTime<Utc>,
    /// What the bureau's own systems are told, where it has set an address.
    pub call: &'a str,
}

/// Puts the mail into the outbox for the bureau's officers who handle funds and for the institution's administrators, and a
/// message for the bureau's own systems.
pub async fn mail(client: &ClientWrapper, about: About<'_>, mail: &Mail<'_>) -> Result<(), Error> {
    client
        .change(
            "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
             SELECT tenant_id, 'mail', email, $3, CASE WHEN institution_id IS NULL THEN $4 ELSE $5 END, $6::text || ':' || id, $8, $7 \
             FROM users WHERE tenant_id = $1 AND status = 'active' AND email IS NOT NULL \
             AND (($4::text IS NOT NULL AND institution_id IS NULL AND role IN ('finance_officer', 'bureau_admin')) \
                  OR (institution_id = $2 AND role = 'institution_admin')) ON CONFLICT DO NOTHING",
            &[
                &about.tenant,
                &about.institution,
                &mail.subject,
                &mail.body_for_bureau,
                &mail.body_for_institution,
                &mail.key,
                &about.now,
                &mail.due_at,
            ],
        )
        .await?;
    client
        .change(
            "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
             SELECT tenant_id, 'webhook', '', '', $2, $3, $4, $4 FROM webhooks WHERE tenant_id = $1 ON CONFLICT DO NOTHING",
            &[&about.tenant, &mail.call, &format!("webhook:{}", mail.key), &about.now],
        )
        .await?;
    Ok(())
}

/// Puts a short message for every officer on duty into the outbox, where the bureau has a gateway.
pub async fn message(
    client: &ClientWrapper,
    about: About<'_>,
    (key, variables): (&str, &str),
    due_at: DateTime<Utc>,
) -> Result<(), Error> {
    client
        .change(
            "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
             SELECT d.tenant_id, 'sms', d.id::text, '', $2, $3::text || encode(d.phone_index, 'hex'), $4, $5 FROM duty_phones d \
             JOIN sms_gateways g ON g.tenant_id = d.tenant_id WHERE d.tenant_id = $1 ON CONFLICT DO NOTHING",
            &[&about.tenant, &variables, &key, &due_at, &about.now],
        )
        .await?;
    Ok(())
}

/// Wakes open pages after the commit.
pub async fn notify(client: &ClientWrapper, tenant: i32) -> Result<(), Error> {
    client.change("SELECT pg_notify($1, $2)", &[&CHANNEL, &tenant.to_string()]).await?;
    Ok(())
}
