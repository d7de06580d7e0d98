//! What other pages show of the lists.

use chrono::{DateTime, Utc};

use super::{
    Approval, ListEntry, ListError, ListMove, rules,
    store::{self, ApprovalFilter},
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::{Finding, clock::BEIJING, finding::Decision},
};

/// A step that may be proposed now, and what the rules say to it.
#[derive(Debug, Clone)]
pub struct OpenStep {
    pub step: ListMove,
    pub findings: Vec<Finding>,
    /// Whether a finding forbids it.
    pub blocked: bool,
}

/// One institution and the lists.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Newest first.
    pub history: Vec<ListEntry>,
    /// Proposals that wait for a decision.
    pub pending: Vec<Approval>,
    /// Empty outside the caller's own county.
    pub steps: Vec<OpenStep>,
}

/// The history of one institution, newest first.
pub async fn history(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<ListEntry>, DbError> {
    store::history(conn, tenant, institution).await
}

/// Everything of the lists that an institution's page shows.
pub async fn overview(
    conn: &mut ScopedConn,
    tenant: i32,
    institution: i64,
    now: DateTime<Utc>,
) -> Result<Overview, ListError> {
    let today = now.with_timezone(&BEIJING).date_naive();
    let filter = ApprovalFilter { pending: true, institution: Some(institution), before: 0, limit: 10 };
    let steps = store::subjects(conn, &[institution])
        .await?
        .into_iter()
        .flat_map(|subject| {
            ListMove::from_status(subject.standing.list).iter().map(move |step| {
                let findings = rules::findings(*step, &subject.standing, None, today);
                OpenStep { step: *step, blocked: Decision::of(&findings) == Decision::Block, findings }
            })
        })
        .collect();
    Ok(Overview {
        history: store::history(conn, tenant, institution).await?,
        pending: store::approvals(conn, filter, now).await?,
        steps,
    })
}
