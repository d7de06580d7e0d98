//! Proposing a step on the lists and deciding it: four eyes, one transaction each.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use serde_json::json;

use super::{
    Approval, Ground, ListError, ListMove, Proposal, Refused, Verdict, rules,
    store::{self, NewApprovals, NewDecision, Subject},
};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::{Finding, clock::BEIJING, finding::Decision},
};

/// How long a proposal waits for a decision.
pub const PROPOSAL_LIFE: Duration = Duration::days(7);
/// Longest reason or comment, in characters.
pub const TEXT_MAX: usize = 500;

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
    /// What the rules want the deciding official to look at, of all proposals together.
    pub findings: Vec<Finding>,
}

fn text(given: &str, missing: ListError) -> Result<&str, ListError> {
    let given = given.trim();
    if given.chars().count() > TEXT_MAX {
        return Err(ListError::TooLong);
    }
    if given.is_empty() { Err(missing) } else { Ok(given) }
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
    let reason = text(proposals.reason, ListError::ReasonMissing)?;
    if step != ListMove::Blacklist && ground.is_some() {
        return Err(ListError::GroundNotApplicable);
    }
    let today = caller.now.with_timezone(&BEIJING).date_naive();
    let subjects = store::lock_subjects(conn, proposals.institutions).await?;
    let expired = store::expire(conn, proposals.institutions, caller.now).await?;
    audit::store::record_all(conn, caller, expired.iter().map(expiry).collect()).await?;
    let pending: HashSet<i64> = store::already_pending(conn, proposals.institutions, step).await?.into_iter().collect();
    let mut proposed = Proposed::default();
    let (mut ids, mut payloads) = (Vec::new(), Vec::new());
    for subject in &subjects {
        let findings = rules::findings(step, &subject.standing, ground, today);
        let why = if Decision::of(&findings) == Decision::Block {
            Some(ListError::Blocked(findings.clone()))
        } else {
            pending.contains(&subject.id).then_some(ListError::AlreadyPending)
        };
        match why {
            Some(why) => proposed.refused.push(refused(subject, why)),
            None => {
                ids.push(subject.id);
                payloads.push(json!({ "ground": ground, "findings": findings }));
                proposed.findings.extend(findings);
            }
        }
    }
    let shared =
        NewApprovals { step, reason, by: caller.actor.user_id, at: caller.now, expires_at: caller.now + PROPOSAL_LIFE };
    proposed.ids = store::add_approvals(conn, &shared, &ids, &payloads).await?;
    let events = ids
        .iter()
        .zip(&proposed.ids)
        .map(|(institution, id)| Event {
            action: "list.proposed",
            subject_kind: "approval",
            subject_id: id.to_string(),
            institution: Some(*institution),
            before: None,
            after: Some(json!({ "step": step, "ground": ground })),
            reason: Some(reason),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await?;
    Ok(proposed)
}

/// A proposal's time is over before the next about the same institution is made; that one brings it to light.
fn expiry(expired: &store::Expired) -> Event<'static> {
    Event {
        action: "list.expired",
        subject_kind: "approval",
        subject_id: expired.id.to_string(),
        institution: Some(expired.institution_id),
        before: Some(json!({ "state": "pending" })),
        after: Some(json!({ "state": "expired" })),
        reason: None,
    }
}

fn refused(subject: &Subject, why: ListError) -> Refused {
    Refused { credit_code: subject.standing.credit_code, name: subject.name.clone(), why }
}

/// What came of deciding many proposals at once.
#[derive(Debug, Default)]
pub struct Decided {
    /// How many were settled.
    pub count: usize,
    pub refused: Vec<Refused>,
}

/// Decides one proposal.
pub async fn decide(pools: &Pools, caller: &Caller, id: i64, verdict: Verdict, comment: &str) -> Result<(), ListError> {
    let mut decided = decide_many(pools, caller, &[id], verdict, comment).await?;
    match decided.refused.pop() {
        Some(refused) => Err(refused.why),
        None if decided.count == 1 => Ok(()),
        None => Err(ListError::NotFound),
    }
}

/// Decides many proposals alike: each that may be decided is settled, the others are told. An approval is judged by the
/// rules as they stand now; a rejection needs a comment.
pub async fn decide_many(
    pools: &Pools,
    caller: &Caller,
    ids: &[i64],
    verdict: Verdict,
    comment: &str,
) -> Result<Decided, ListError> {
    if !may(caller.actor.role, Action::DecideApproval) {
        return Err(ListError::Forbidden);
    }
    let comment = match (text(comment, ListError::CommentMissing), verdict) {
        (Err(ListError::CommentMissing), Verdict::Approve) => "",
        (checked, _) => checked?,
    };
    let mut conn = caller.actor.scope().begin(pools).await?;
    // Institutions before proposals, in which order a proposal takes them too.
    let institutions = store::institutions_of(&mut conn, ids).await?;
    let subjects = store::lock_subjects(&mut conn, &institutions).await?;
    let approvals = store::lock_approvals(&mut conn, ids, caller.now).await?;
    let subjects: HashMap<i64, Subject> = subjects.into_iter().map(|subject| (subject.id, subject)).collect();
    let mut decided = Decided::default();
    let mut settled: Vec<(&Approval, &Subject)> = Vec::new();
    // Two proposals about one institution in one go: the second is judged by a status that the first has changed.
    let mut moved = HashSet::new();
    for approval in &approvals {
        let Some(subject) = subjects.get(&approval.institution) else { continue };
        let why = objection(approval, subject, verdict, caller).or_else(|| {
            (verdict == Verdict::Approve && !moved.insert(subject.id)).then_some(ListError::AlreadyDecided)
        });
        match why {
            Some(why) => decided.refused.push(refused(subject, why)),
            None => settled.push((approval, subject)),
        }
    }
    decided.count = settled.len();
    write(&mut conn, caller, &settled, verdict, comment).await?;
    conn.commit().await?;
    Ok(decided)
}

/// Why this caller may not decide this proposal so.
fn objection(approval: &Approval, subject: &Subject, verdict: Verdict, caller: &Caller) -> Option<ListError> {
    match approval.state.as_str() {
        "pending" => {}
        "expired" => return Some(ListError::Expired),
        _ => return Some(ListError::AlreadyDecided),
    }
    if approval.proposed_by == caller.actor.user_id {
        return Some(ListError::OwnProposal);
    }
    let today = caller.now.with_timezone(&BEIJING).date_naive();
    let findings = rules::findings(approval.step, &subject.standing, approval.ground, today);
    (verdict == Verdict::Approve && Decision::of(&findings) == Decision::Block).then_some(ListError::Blocked(findings))
}

async fn write(
    conn: &mut ScopedConn,
    caller: &Caller,
    settled: &[(&Approval, &Subject)],
    verdict: Verdict,
    comment: &str,
) -> Result<(), ListError> {
    let approved = verdict == Verdict::Approve;
    let ids: Vec<i64> = settled.iter().map(|(approval, _)| approval.id).collect();
    store::settle(conn, &ids, approved, caller.actor.user_id, comment, caller.now).await?;
    let events = settled
        .iter()
        .map(|(approval, subject)| Event {
            action: if approved { "list.approved" } else { "list.rejected" },
            subject_kind: "approval",
            subject_id: approval.id.to_string(),
            institution: Some(subject.id),
            before: Some(json!({ "state": "pending", "list_status": subject.standing.list })),
            after: Some(json!({
                "state": if approved { "approved" } else { "rejected" },
                "list_status": if approved { approval.step.leads_to() } else { subject.standing.list },
                "step": approval.step,
            })),
            reason: (!comment.is_empty()).then_some(comment),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await?;
    if !approved {
        return Ok(());
    }
    let decisions: Vec<NewDecision> = settled
        .iter()
        .map(|(approval, subject)| NewDecision {
            institution: subject.id,
            status: approval.step.leads_to(),
            ground: public_ground(approval),
            approval: approval.id,
        })
        .collect();
    let today = caller.now.with_timezone(&BEIJING).date_naive();
    store::add_decisions(conn, &decisions, today, caller.now).await?;
    let institutions: Vec<i64> = settled.iter().map(|(_, subject)| subject.id).collect();
    Ok(crate::public::publish_all(conn, &institutions, caller.now).await?)
}

/// The ground as parents read it: the legal ground before the reason.
fn public_ground(approval: &Approval) -> String {
    match approval.ground {
        Some(ground) => format!("{}：{}", ground.words().0, approval.reason),
        None => approval.reason.clone(),
    }
}
