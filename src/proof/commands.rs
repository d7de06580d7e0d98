//! Proving days, and explaining what does not match.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::json;

use super::{
    rules, seal,
    store::{self, Subject},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Scope, ScopedConn},
    identity::{Action, Actor, Caller, may},
    kernel::Calendar,
    secrets::Secrets,
    web::{AppState, Problem},
};

/// How far back a proof looks for days that were never proven or have something open.
const LOOK_BACK_DAYS: u64 = 40;
/// Institutions that the nightly run reads at once.
const AT_ONCE: i64 = 100;
/// Longest explanation, in characters.
const COMMENT_MAX: usize = 1000;

/// Why nothing was proven or explained.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("no such institution or item in the caller's bureau")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    /// The ledger or the statements are missing, so that there is nothing to compare.
    #[error("the institution has no {0}")]
    Lacking(&'static str),
    #[error("the explanation is empty or too long")]
    Comment,
    #[error("the item has changed since it was read")]
    Changed,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Problem {
        match error {
            ProofError::NotFound => Problem::not_found(),
            ProofError::Forbidden => Problem::forbidden(),
            ProofError::Lacking("ledger") => Problem::conflict(
                "proof/no-ledger",
                "机构还没有登记合同台账，无从核对。请机构先录入或导入合同。",
                "The institution has no contract ledger yet, so there is nothing to compare. It must enter or import its contracts first.",
            ),
            ProofError::Lacking(_) => Problem::conflict(
                "proof/no-statements",
                "监管账户还没有对账单，无从核对。请先上传对账单。",
                "The escrow account has no statement yet, so there is nothing to compare. Upload a statement first.",
            ),
            ProofError::Comment => Problem::invalid(vec![crate::web::FieldError::new(
                "comment",
                "COMMENT",
                "须写明差异的原因，不超过 1000 字",
                "say why it differs, in at most 1,000 characters",
            )]),
            ProofError::Changed => Problem::conflict(
                "proof/changed",
                "这条差异刚有变化，请看过最新内容再处理。",
                "This difference has just changed. Look at it again, then act.",
            ),
            ProofError::Db(error) => error.into(),
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// Days that got a new or another outcome.
    pub days: usize,
    /// What does not match on these days.
    pub exceptions: usize,
}

/// Proves an institution's days now.
pub async fn prove(state: &AppState, caller: &Caller, credit_code: &str) -> Result<Ran, ProofError> {
    if !may(caller.actor.role, Action::ProveFunds) {
        return Err(ProofError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let subject = store::by_code(&mut conn, credit_code).await?.ok_or(ProofError::NotFound)?;
    if subject.tenant_id != conn.tenant() {
        return Err(ProofError::NotFound);
    }
    let ran = prove_in(&mut conn, caller, &state.secrets, &state.calendar, &subject).await?;
    conn.commit().await?;
    Ok(ran)
}

/// The nightly run over every bureau; each institution is a transaction of its own, so that a crash costs nothing that
/// was done, and the next run goes on where days lack.
pub async fn nightly(state: &AppState, now: DateTime<Utc>) -> Result<Ran, DbError> {
    let mut total = Ran::default();
    for tenant in store::bureaus(&state.pools).await? {
        let caller = Caller { actor: Actor::system(tenant), request_id: "nightly-proof".to_owned(), now };
        let mut after = 0;
        loop {
            let mut conn = Scope::system(tenant).begin(&state.pools).await?;
            let subjects = store::with_both(&mut conn, after, AT_ONCE).await?;
            conn.commit().await?;
            let Some(last) = subjects.last() else { break };
            after = last.id;
            for subject in &subjects {
                let mut conn = Scope::system(tenant).begin(&state.pools).await?;
                match prove_in(&mut conn, &caller, &state.secrets, &state.calendar, subject).await {
                    Ok(ran) => {
                        conn.commit().await?;
                        total = Ran { days: total.days + ran.days, exceptions: total.exceptions + ran.exceptions };
                    }
                    Err(ProofError::Db(error)) => return Err(error),
                    Err(error) => tracing::warn!(%error, institution = subject.id, "an institution was not proven"),
                }
            }
        }
    }
    Ok(total)
}

/// Proves every day that was never proven, still waits or has something open.
async fn prove_in(
    conn: &mut ScopedConn,
    caller: &Caller,
    secrets: &Secrets,
    calendar: &Calendar,
    subject: &Subject,
) -> Result<Ran, ProofError> {
    let ledger_from = subject.ledger_from.ok_or(ProofError::Lacking("ledger"))?;
    let until = subject.statement_on.ok_or(ProofError::Lacking("statements"))?;
    store::lock(conn, subject.id).await?;
    let from = (until - Days::new(LOOK_BACK_DAYS)).max(ledger_from);
    let proven = store::days(conn, subject.tenant_id, subject.id, (from, until)).await?;
    let open: BTreeSet<NaiveDate> = store::open_days(conn, subject.id, from).await?.into_iter().collect();
    let mut ran = Ran::default();
    for day in from.iter_days().take_while(|day| *day <= until) {
        let before = proven.iter().find(|proven| proven.day == day);
        // The last week is always looked at anew: what came late belongs to it.
        let is_recent = until - Days::new(7) < day;
        if before.is_some_and(|before| before.waiting == 0) && !open.contains(&day) && !is_recent {
            continue;
        }
        let facts = store::facts(conn, subject.id, day).await?;
        let outcome = rules::prove(day, &facts, until, calendar);
        let (of, figures) =
            (seal::Subject { tenant: subject.tenant_id, institution: subject.id, day }, seal::figures(&outcome));
        let digest = seal::digest(&of, &figures, &outcome.items);
        if before.is_some_and(|before| before.digest == digest) {
            continue;
        }
        let version = before.map_or(1, |before| before.version + 1);
        let signature = seal::sign(secrets, &of, version, &figures, &digest);
        store::add_day(conn, subject.id, (day, version), &outcome, (&digest, &signature), caller.now).await?;
        store::set_items(conn, subject.id, day, &outcome.items, caller.now).await?;
        ran.days += 1;
        ran.exceptions += outcome.items.len();
    }
    if ran.days > 0 {
        let event = Event {
            action: "proof.made",
            subject_kind: "proof",
            subject_id: subject.id.to_string(),
            institution: Some(subject.id),
            after: Some(json!({"days": ran.days, "exceptions": ran.exceptions, "until": until})),
            ..Event::default()
        };
        audit::store::record(conn, caller, event).await?;
    }
    Ok(ran)
}

/// An official says why something does not match; returns the institution's credit code.
pub async fn explain(
    state: &AppState,
    caller: &Caller,
    id: i64,
    version: i32,
    comment: &str,
) -> Result<String, ProofError> {
    if !may(caller.actor.role, Action::ProveFunds) {
        return Err(ProofError::Forbidden);
    }
    let comment = comment.trim();
    if comment.is_empty() || comment.chars().count() > COMMENT_MAX {
        return Err(ProofError::Comment);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let item = store::lock_item(&mut conn, id).await?.ok_or(ProofError::NotFound)?;
    if item.version != version || item.state != "open" {
        return Err(ProofError::Changed);
    }
    store::explain(&mut conn, id, comment, &caller.actor.display_name, caller.now).await?;
    let event = Event {
        action: "proof.explained",
        subject_kind: "proof",
        subject_id: item.institution_id.to_string(),
        institution: Some(item.institution_id),
        before: Some(json!({"state": item.state})),
        after: Some(
            json!({"state": "explained", "day": item.day, "bank_fen": item.bank_fen, "ledger_fen": item.ledger_fen}),
        ),
        reason: Some(comment),
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(item.credit_code)
}
