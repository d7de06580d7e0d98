//! What other pages show of the lists.

use super::{ListEntry, ListError, ListMove, rules, store};
use crate::{
    approvals::{self, Approval},
    db::{DbError, ScopedConn},
    identity::Caller,
    kernel::{Finding, finding::Decision},
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
    /// Proposed steps that wait for a decision.
    pub pending: Vec<(ListMove, Approval)>,
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
    caller: &Caller,
) -> Result<Overview, ListError> {
    let waiting =
        approvals::pending_of_institution(conn, (tenant, institution), caller.actor.user_id, caller.now).await?;
    let steps = store::subjects(conn, &[institution])
        .await?
        .into_iter()
        .flat_map(|subject| {
            ListMove::from_status(subject.standing.list).iter().map(move |step| {
                let findings = rules::findings(*step, &subject.standing, None, caller.today());
                OpenStep { step: *step, blocked: Decision::of(&findings) == Decision::Block, findings }
            })
        })
        .collect();
    Ok(Overview {
        history: store::history(conn, tenant, institution).await?,
        pending: waiting.into_iter().filter_map(|one| Some((ListMove::of(one.kind)?, one))).collect(),
        steps,
    })
}
