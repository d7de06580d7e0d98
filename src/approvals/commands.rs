//! Proposing, deciding, taking back, running out.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{
    Approval, ApprovalError, Desks, Kind, Objection, State, Verdict, Work,
    store::{self, RunOut, Shared},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, Scope, ScopedConn},
    identity::{Action, Actor, Caller, may},
    policies,
    web::Problem,
};

/// Longest reason or comment, in characters.
pub const TEXT_MAX: usize = 500;

/// One proposal about one subject, not yet made.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it is about; the same is proposed once at a time.
    pub subject: String,
    pub institution: Option<i64>,
    /// What the feature needs for carrying it out and for showing it.
    pub payload: Value,
    /// What goes into the record.
    pub told: Value,
}

fn text<'a>(given: &'a str, field: &'static str, missing: ApprovalError) -> Result<&'a str, ApprovalError> {
    let given = given.trim();
    if given.chars().count() > TEXT_MAX {
        return Err(ApprovalError::TooLong(field));
    }
    if given.is_empty() { Err(missing) } else { Ok(given) }
}

/// A reason as it is kept.
pub fn reason(given: &str) -> Result<&str, ApprovalError> {
    text(given, "reason", ApprovalError::ReasonMissing)
}

/// Marks proposals of a kind about these subjects that ran out, so that the same may be proposed again.
///
/// Comes before a feature locks what it proposes about: a decision, too, locks proposals first.
pub async fn give_way(conn: &mut ScopedConn, caller: &Caller, kind: Kind, subjects: &[String]) -> Result<(), DbError> {
    let gone = store::expire(conn, Some((kind, subjects)), caller.now).await?;
    record_expired(conn, caller, gone).await
}

/// Those of the subjects about which a proposal of the kind waits, with its id.
pub async fn waiting_about(
    conn: &mut ScopedConn,
    kind: Kind,
    subjects: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<(i64, String)>, DbError> {
    store::pending_subjects(conn, kind, subjects, now).await
}

/// Makes proposals within the caller's transaction; returns their ids in order of the drafts.
///
/// The feature has checked that its caller may propose this, and has [given way](give_way) to what ran out.
pub async fn propose(
    conn: &mut ScopedConn,
    caller: &Caller,
    kind: Kind,
    given: &str,
    drafts: &[Draft],
) -> Result<Vec<i64>, ApprovalError> {
    let reason = reason(given)?;
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let shared = Shared {
        kind,
        reason,
        by: Some(caller.actor.user_id).filter(|id| *id != 0),
        at: caller.now,
        expires_at: caller.now + life(conn, caller).await?,
    };
    let subjects: Vec<&str> = drafts.iter().map(|draft| draft.subject.as_str()).collect();
    let institutions: Vec<Option<i64>> = drafts.iter().map(|draft| draft.institution).collect();
    let payloads: Vec<&Value> = drafts.iter().map(|draft| &draft.payload).collect();
    let ids = store::add(conn, &shared, &subjects, &institutions, &payloads).await?;
    if ids.len() < drafts.len() {
        return Err(ApprovalError::AlreadyPending);
    }
    let events = drafts
        .iter()
        .zip(&ids)
        .map(|(draft, (id, _))| Event {
            action: "approval.proposed",
            subject_kind: "approval",
            subject_id: id.to_string(),
            institution: draft.institution,
            before: None,
            after: Some(with_kind(kind, draft.told.clone())),
            reason: Some(reason),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await?;
    Ok(ids.into_iter().map(|(id, _)| id).collect())
}

fn with_kind(kind: Kind, told: Value) -> Value {
    let mut all = json!({ "step": kind });
    if let (Some(all), Value::Object(told)) = (all.as_object_mut(), told) {
        all.extend(told);
    }
    all
}

/// How long a proposal waits for a decision, by the bureau's policy of the day.
async fn life(conn: &mut ScopedConn, caller: &Caller) -> Result<Duration, DbError> {
    let in_force = policies::in_force(conn, caller.actor.tenant, caller.today()).await?;
    Ok(Duration::days(in_force.number(policies::APPROVAL_DAYS)))
}

/// What came of deciding many proposals at once.
#[derive(Debug, Default)]
pub struct Decided {
    /// How many were settled.
    pub count: usize,
    /// What stays as it was, and why.
    pub refused: Vec<(Approval, ApprovalError)>,
}

/// Decides one proposal.
pub async fn decide(
    pools: &Pools,
    desks: &Desks,
    caller: &Caller,
    id: i64,
    verdict: Verdict,
    comment: &str,
) -> Result<(), ApprovalError> {
    let mut decided = decide_many(pools, desks, caller, &[id], verdict, comment).await?;
    match decided.refused.pop() {
        Some((_, why)) => Err(why),
        None if decided.count == 1 => Ok(()),
        None => Err(ApprovalError::NotFound),
    }
}

/// Decides many proposals alike: each that may be decided is settled, the others are told. What an approval does, it does
/// in the same transaction; a rejection needs a comment.
///
/// The proposals are locked: of two officials who decide at once, the second is told that it is decided.
pub async fn decide_many(
    pools: &Pools,
    desks: &Desks,
    caller: &Caller,
    ids: &[i64],
    verdict: Verdict,
    comment: &str,
) -> Result<Decided, ApprovalError> {
    if !may(caller.actor.role, Action::DecideApproval) {
        return Err(ApprovalError::Forbidden);
    }
    let comment = match (text(comment, "comment", ApprovalError::CommentMissing), verdict) {
        (Err(ApprovalError::CommentMissing), Verdict::Approve) => "",
        (checked, _) => checked?,
    };
    let mut conn = caller.actor.scope().begin(pools).await?;
    let mut decided = Decided::default();
    let mut open = Vec::new();
    for approval in store::lock(&mut conn, ids, caller.actor.user_id, caller.now).await? {
        match objection(&approval) {
            Some(why) => decided.refused.push((approval, why)),
            None => open.push(approval),
        }
    }
    if verdict == Verdict::Approve {
        for (id, problem) in carry_out(&mut conn, desks, caller, comment, &open).await? {
            if let Some(place) = open.iter().position(|approval| approval.id == id) {
                decided.refused.push((open.remove(place), ApprovalError::Refused(Box::new(problem))));
            }
        }
    }
    let state = if verdict == Verdict::Approve { State::Approved } else { State::Rejected };
    let settled: Vec<i64> = open.iter().map(|approval| approval.id).collect();
    store::settle(&mut conn, &settled, state, Some(caller.actor.user_id), comment, caller.now).await?;
    record(&mut conn, caller, &open, state, comment).await?;
    decided.count = open.len();
    name_deciders(&mut conn, caller, &mut decided.refused).await?;
    conn.commit().await?;
    Ok(decided)
}

/// Why this proposal may not be decided by the one who looks.
fn objection(approval: &Approval) -> Option<ApprovalError> {
    match approval.state {
        State::Pending if approval.own => Some(ApprovalError::OwnProposal),
        State::Pending => None,
        State::Expired => Some(ApprovalError::Expired),
        _ => Some(ApprovalError::AlreadyDecided(None)),
    }
}

/// Hands the proposals to the desks of their kinds.
async fn carry_out(
    conn: &mut ScopedConn,
    desks: &Desks,
    caller: &Caller,
    comment: &str,
    open: &[Approval],
) -> Result<Vec<Objection>, DbError> {
    let mut objections = Vec::new();
    let mut done: Vec<Kind> = Vec::new();
    for kind in open.iter().map(|approval| approval.kind) {
        if done.contains(&kind) {
            continue;
        }
        let Some(desk) = desks.of(kind) else {
            done.push(kind);
            let nobody = |approval: &Approval| (approval.id, Problem::internal());
            objections.extend(open.iter().filter(|approval| approval.kind == kind).map(nobody));
            continue;
        };
        done.extend(desk.kinds());
        let own: Vec<Approval> =
            open.iter().filter(|approval| desk.kinds().contains(&approval.kind)).cloned().collect();
        objections.extend(desk.carry_out(Work { conn: &mut *conn, caller, comment }, &own).await?);
    }
    Ok(objections)
}

/// The lock that was waited for hides who came first; it is looked up for those who came second.
async fn name_deciders(
    conn: &mut ScopedConn,
    caller: &Caller,
    refused: &mut [(Approval, ApprovalError)],
) -> Result<(), DbError> {
    for (approval, why) in refused {
        if let ApprovalError::AlreadyDecided(by) = why {
            let now = store::approval(conn, approval.id, caller.actor.user_id, caller.now).await?;
            *by = now.and_then(|now| now.decided_by_name);
        }
    }
    Ok(())
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    settled: &[Approval],
    state: State,
    comment: &str,
) -> Result<(), DbError> {
    let action = match state {
        State::Approved => "approval.approved",
        State::Withdrawn => "approval.withdrawn",
        _ => "approval.rejected",
    };
    let events = settled
        .iter()
        .map(|approval| Event {
            action,
            subject_kind: "approval",
            subject_id: approval.id.to_string(),
            institution: approval.institution.as_ref().map(|institution| institution.id),
            before: Some(json!({ "state": State::Pending })),
            after: Some(json!({
                "state": state, "step": approval.kind, "proposed_by": approval.proposed_by_name,
                "proposed_at": approval.proposed_at,
            })),
            reason: (!comment.is_empty()).then_some(comment),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await
}

/// Takes one's own proposal back.
pub async fn withdraw(pools: &Pools, caller: &Caller, id: i64) -> Result<(), ApprovalError> {
    if !may(caller.actor.role, Action::WithdrawProposal) {
        return Err(ApprovalError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let mut locked = store::lock(&mut conn, &[id], caller.actor.user_id, caller.now).await?;
    let approval = locked.pop().ok_or(ApprovalError::NotFound)?;
    match objection(&approval) {
        Some(ApprovalError::OwnProposal) => {}
        Some(why) => return Err(why),
        None => return Err(ApprovalError::NotYours),
    }
    store::settle(&mut conn, &[id], State::Withdrawn, None, "", caller.now).await?;
    record(&mut conn, caller, &[approval], State::Withdrawn, "").await?;
    Ok(conn.commit().await?)
}

async fn record_expired(conn: &mut ScopedConn, caller: &Caller, gone: Vec<RunOut>) -> Result<(), DbError> {
    let system = Caller { actor: Actor::system(conn.tenant()), ..caller.clone() };
    let events = gone
        .iter()
        .map(|one| Event {
            action: "approval.expired",
            subject_kind: "approval",
            subject_id: one.id.to_string(),
            institution: one.institution_id,
            before: Some(json!({ "state": State::Pending })),
            after: Some(json!({ "state": State::Expired, "step": one.kind })),
            reason: None,
        })
        .collect();
    audit::store::record_all(conn, &system, events).await
}

/// Marks everything that has run out by `now`, bureau by bureau; returns how many proposals.
pub async fn expire_due(pools: &Pools, now: DateTime<Utc>) -> Result<usize, DbError> {
    let mut count = 0;
    for tenant in store::bureaus_due(pools, now).await? {
        let caller = Caller { actor: Actor::system(tenant), request_id: "background".to_owned(), now };
        let mut conn = Scope::system(tenant).begin(pools).await?;
        let gone = store::expire(&mut conn, None, now).await?;
        count += gone.len();
        record_expired(&mut conn, &caller, gone).await?;
        conn.commit().await?;
    }
    Ok(count)
}
