//! Whether what is kept holds together: every invariant, asked of the facts themselves.
//!
//! Each feature looks at its own; here they are asked in turn. Accounts, contracts and rows come as streams, so memory does
//! not grow with the database.

use chrono::{DateTime, Utc};

use super::store;
use crate::{
    audit::keep::{KeepError, Keeper},
    db::DbError,
    escrow::ingest::{self, IngestError},
    kernel::{Fault, Invariant, fault::Told},
    ledger, personal, proof, public,
    web::AppState,
};

/// Why the look broke off.
#[derive(Debug, thiserror::Error)]
pub enum DeepError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the accounts could not be looked at: {0}")]
    Accounts(#[from] IngestError),
    #[error("the audit trail could not be looked at: {0}")]
    Trail(#[from] KeepError),
}

/// How far the look at a bureau is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub tenant: i32,
    pub what: &'static str,
    /// How many there were.
    pub count: u64,
}

/// The bureaus of a closed range of codes.
pub async fn bureaus(state: &AppState, range: (i32, i32)) -> Result<Vec<i32>, DbError> {
    store::bureaus(&state.pools, range).await
}

/// Looks at everything that one bureau keeps; `told` hears each fault at once, `progress` how many of each sort were looked
/// at.
pub async fn bureau(
    state: &AppState,
    tenant: i32,
    now: DateTime<Utc>,
    told: Told<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), DeepError> {
    let mut step = |what, count| progress(Progress { tenant, what, count });
    step("accounts", ingest::examine(state, tenant, now, told).await?);
    step("contracts", ledger::examine(&state.pools, tenant, told).await?);
    step("proven days", proof::examine(&state.pools, &state.secrets, tenant, told).await?);
    step("published rows", public::examine(&state.pools, tenant, told).await?);
    step("sealed values", personal::examine(&state.pools, tenant, told).await?);
    step("events", trail(state, tenant, now, told).await?);
    Ok(())
}

async fn trail(state: &AppState, tenant: i32, now: DateTime<Utc>, told: Told<'_>) -> Result<u64, KeepError> {
    let keeper = Keeper::new(&state.pools, &state.secrets, &state.directory);
    let mut events = 0;
    let look = |verdict: &crate::audit::verify::Verdict| {
        events += u64::try_from(verdict.events).unwrap_or_default();
        if let Some((seq, fault)) = verdict.fault {
            let (zh, en) = fault.words();
            told(Fault {
                invariant: Invariant::AuditChain,
                tenant,
                row: format!("audit_events {tenant:06}/{seq}"),
                zh: zh.to_owned(),
                en: en.to_owned(),
            });
        }
    };
    keeper.verify((tenant, tenant), &[], now, look, |_, _| {}).await?;
    Ok(events)
}
