//! Proposing a step on the lists; deciding it is [`approvals`](crate::approvals), carrying it out [`desk`](super::desk).

use std::collections::HashMap;

use serde_json::json;

use super::{
    Ground, ListError, ListMove, Proposal, Refused, rules,
    store::{self, Subject},
};
use crate::{
    approvals::{self, Draft},
    db::{Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::finding::Decision,
};

/// The same step proposed for many institutions.
#[derive(Debug, Clone)]
pub struct Proposals<'a> {
    pub institutions: &'a [i64],
    pub step: ListMove,
    pub ground: Option<Ground>,
    pub reason: &'a str,
}

/// What came of proposing a step for many institutions.
#[derive(Debug, Default)]
pub struct Proposed {
    /// Ids of the new proposals.
    pub ids: Vec<i64>,
    pub refused: Vec<Refused>,
}

/// Proposes a step within the caller's transaction, e.g. a suspension when a red warning is confirmed. Returns the
/// proposal's id.
///
/// The command that calls it has checked that its caller may do what leads to the proposal. Refused like
/// [`propose_many`] refuses one institution.
pub async fn propose(conn: &mut ScopedConn, caller: &Caller, proposal: Proposal) -> Result<i64, ListError> {
    let Proposal { institution, step, ground, reason } = proposal;
    let many = Proposals { institutions: &[institution], step, ground, reason: &reason };
    let mut proposed = propose_in(conn, caller, &many).await?;
    match (proposed.ids.pop(), proposed.refused.pop()) {
        (Some(id), _) => Ok(id),
        (None, Some(refused)) => Err(refused.why),
        (None, None) => Err(ListError::NotFound),
    }
}

/// Proposes one step for many institutions: those that the rules allow are proposed, the others are told.
pub async fn propose_many(pools: &Pools, caller: &Caller, proposals: Proposals<'_>) -> Result<Proposed, ListError> {
    if !may(caller.actor.role, Action::ProposeListing) {
        return Err(ListError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let proposed = propose_in(&mut conn, caller, &proposals).await?;
    conn.commit().await?;
    Ok(proposed)
}

async fn propose_in(conn: &mut ScopedConn, caller: &Caller, proposals: &Proposals<'_>) -> Result<Proposed, ListError> {
    let Proposals { step, ground, .. } = *proposals;
    let reason = approvals::commands::reason(proposals.reason)?;
    if step != ListMove::Blacklist && ground.is_some() {
        return Err(ListError::GroundNotApplicable);
    }
    let kind = step.kind();
    let about: Vec<String> = proposals.institutions.iter().map(i64::to_string).collect();
    approvals::give_way(conn, caller, kind, &about).await?;
    let subjects = store::lock_subjects(conn, proposals.institutions).await?;
    let waiting = approvals::waiting_about(conn, kind, &about, caller.now).await?;
    let waiting: HashMap<String, i64> = waiting.into_iter().map(|(id, subject)| (subject, id)).collect();
    let mut proposed = Proposed::default();
    let mut drafts = Vec::new();
    for subject in &subjects {
        let findings = rules::findings(step, &subject.standing, ground, caller.today());
        let why = if Decision::of(&findings) == Decision::Block {
            Some(ListError::Blocked(findings.clone()))
        } else {
            waiting.contains_key(&subject.id.to_string()).then_some(ListError::AlreadyPending)
        };
        match why {
            Some(why) => proposed.refused.push(refused(subject, why)),
            None => {
                drafts.push(Draft {
                    subject: subject.id.to_string(),
                    institution: Some(subject.id),
                    payload: json!({ "ground": ground, "findings": findings, "list_status": subject.standing.list }),
                    told: json!({ "ground": ground }),
                });
            }
        }
    }
    proposed.ids = approvals::propose(conn, caller, kind, reason, &drafts).await?;
    Ok(proposed)
}

fn refused(subject: &Subject, why: ListError) -> Refused {
    Refused { credit_code: subject.standing.credit_code, name: subject.name.clone(), why }
}
