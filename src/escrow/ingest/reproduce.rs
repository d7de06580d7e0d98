//! A warning found once more from the facts that are kept, to show that it follows from them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{IngestError, reconcile::Write, rejudge::Nothing, siblings, transaction::Transaction};
use crate::{
    db::Scope,
    escrow::{
        detector::{Level, Step},
        policy::Policies,
    },
    identity::{Actor, Caller},
    kernel::clock,
    policies,
    web::AppState,
};

/// What a replay of an account's history says of one of its warnings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reproduced {
    /// Entries that were replayed, and the day of the last one.
    pub entries: i64,
    pub last_on: Option<NaiveDate>,
    pub outcome: Outcome,
}

/// How the replay compares with what is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The same warning, with the same steps and the same evidence.
    Same { steps: Vec<Step> },
    /// The facts say otherwise by now; `pending`: the next sweep judges by them.
    Other { level: Level, raised_at: DateTime<Utc>, steps: Vec<Step>, pending: bool },
    /// It does not follow from entries: a sweep found it in the ledger, the filings or what lacks.
    NotOfEntries,
}

/// Replays an account's whole history by the policies of its days and looks for the warning `id`. Nothing is written; the
/// account is locked meanwhile, as by a delivery.
pub async fn reproduce(
    state: &AppState,
    (tenant, account): (i32, i64),
    id: i64,
    now: DateTime<Utc>,
) -> Result<Reproduced, IngestError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "replay".to_owned(), now };
    let tx = Transaction::begin(&state.pools, Scope::system(tenant)).await?;
    let policies = Arc::new(Policies::of(&policies::chain_by(&tx, tenant).await?));
    let nothing = Nothing::default();
    let work = nothing.work(state, &tx, &caller, policies);
    let account = siblings::locked(&tx, tenant, account).await?.ok_or(IngestError::UnknownAccount(None))?;
    let (stored, judged) = work.judge_on_record(&account).await?;
    tx.commit().await?;
    let other = judged.writes.into_iter().find_map(|write| match write {
        Write::Update { id: of, warning, .. } if of == id => Some(warning),
        _ => None,
    });
    let outcome = match (other, stored.into_iter().find(|row| row.id == id)) {
        (Some(warning), _) => Outcome::Other {
            level: warning.level,
            raised_at: warning.raised_at.to_utc(),
            steps: warning.history,
            pending: account.owed_changed_on.is_some(),
        },
        (None, Some(row)) => Outcome::Same { steps: row.warning.history },
        (None, None) => Outcome::NotOfEntries,
    };
    Ok(Reproduced { entries: account.entry_count, last_on: account.last_booked_at.map(clock::day), outcome })
}
