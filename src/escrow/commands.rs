//! What people change about a warning.

use serde_json::{Value, json};

use super::{
    desk::{Closing, steps_of},
    detector::Level,
    error::EscrowError,
    evidence::{
        self,
        store::{NewDocument, Whereto},
    },
    model::{self, Conclusion, Status, Step, due_workdays, needs_two},
    oversight::store::telling::{self, Colleague},
    store::warnings::{self, Standing, Warning},
};
use crate::{
    approvals::{self, ApprovalError, Draft, Kind},
    audit::{self, Event},
    db::{DbError, ScopedConn},
    identity::{Action, Caller, may, roles},
    kernel::Calendar,
    lists::{self, ListError, ListMove, Proposal},
    policies::{self, InForce},
    web::{AppState, FieldError, attached::Sent},
};

/// Longest comment in characters.
const COMMENT_MAX: usize = 2000;

/// A step about a warning.
#[derive(Debug, Clone, Copy)]
pub struct Handling<'a> {
    pub step: Step,
    pub comment: &'a str,
    /// The version that was read, where the caller says so.
    pub version: Option<i32>,
    /// The post of the colleague to whom it is handed over.
    pub to: Option<i64>,
    /// Files that bear it out, each of at most so many bytes.
    pub files: (&'a [Sent], usize),
    /// Of who closes it, where they say so; no other step has one.
    pub conclusion: Option<Conclusion>,
}

/// What became of a step.
#[derive(Debug)]
pub struct Handled {
    /// The warning as it was.
    pub warning: Warning,
    /// The proposal that waits for a second official, who then takes the step; nothing has changed yet.
    pub proposed: Option<i64>,
}

/// Takes a step about a warning of the caller's bureau. Closing one that takes two officials is proposed to a colleague
/// ([`desk`](super::desk)); a red warning that is escalated proposes to suspend the listing.
pub async fn handle(
    state: &AppState,
    caller: &Caller,
    id: i64,
    handling: Handling<'_>,
) -> Result<Handled, EscrowError> {
    let Handling { step, comment, version, to, files, conclusion } = handling;
    let conclusion = conclusion.filter(|_| step == Step::Resolve);
    let action = if step == Step::Explain { Action::ExplainWarning } else { Action::HandleWarning };
    if !may(caller.actor.role, action) {
        return Err(EscrowError::Forbidden);
    }
    let (comment, files) = checked(step, comment, files)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let documents = evidence::sealed(&mut conn, files).await?;
    if step == Step::Resolve {
        // Proposals before what they are about, in which order deciding locks them, too.
        approvals::give_way(&mut conn, caller, Kind::CloseWarning, &[id.to_string()]).await?;
    }
    let warning = warnings::for_update(&mut conn, id).await?.ok_or(EscrowError::NotFound)?;
    if version.is_some_and(|version| version != warning.version) {
        return Err(EscrowError::Changed);
    }
    let before = standing_of(&warning)?;
    let (status, level) = model::after(before.0, before.1, step).map_err(EscrowError::Refused)?;
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    if step == Step::Resolve && needs_two(&in_force, level) {
        let id = propose_closing(&mut conn, caller, &warning, (comment, conclusion)).await?;
        if !documents.is_empty() {
            // The colleague who decides reads them beside the warning.
            let note = format!("提议办结，附材料：{comment}");
            act(&mut conn, caller, &warning, (Step::Note, None, before), (&note, &documents)).await?;
        }
        warnings::notify(&mut conn).await?;
        conn.commit().await?;
        return Ok(Handled { warning, proposed: Some(id) });
    }
    let due_on = if level == before.1 { warning.due_on } else { due_on(&state.calendar, caller, &in_force, level) };
    let colleague = if step == Step::HandOver { Some(colleague(&mut conn, to).await?) } else { None };
    let handler = match (&colleague, step) {
        (Some(colleague), _) => Some(colleague.display_name.as_str()),
        (None, Step::Explain | Step::Note) => None,
        _ => Some(caller.actor.display_name.as_str()),
    };
    let standing = Standing {
        status: status.into(),
        level: level.into(),
        due_on,
        handler,
        resolved_by: (status == Status::Resolved).then_some(&caller.actor.display_name),
    };
    warnings::stand(&mut conn, id, &standing, caller.now).await?;
    warnings::conclude(&mut conn, id, conclusion.map(Into::into)).await?;
    let comment = match &colleague {
        Some(colleague) if comment.is_empty() => format!("移交给{}", colleague.display_name),
        Some(colleague) => format!("移交给{}：{comment}", colleague.display_name),
        None => comment.to_owned(),
    };
    act(&mut conn, caller, &warning, (step, conclusion, (status, level)), (&comment, &documents)).await?;
    if let Some(colleague) = &colleague {
        tell_colleague(state, &mut conn, caller, &warning, colleague).await?;
    }
    if let Some(institution) = warning.institution_id.filter(|_| step == Step::Escalate && level == Level::Red) {
        propose_suspension(&mut conn, caller, institution).await?;
    }
    warnings::notify(&mut conn).await?;
    conn.commit().await?;
    Ok(Handled { warning, proposed: None })
}

/// Writes what was done about a warning, with what is attached to it and its audit event.
async fn act(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    (step, conclusion, now): (Step, Option<Conclusion>, (Status, Level)),
    (comment, documents): (&str, &[NewDocument]),
) -> Result<(), DbError> {
    let name = <&str>::from(step);
    let action = warnings::add_action(conn, caller, warning, name, comment).await?;
    let (institution, internal) = (warning.institution_id, warnings::is_internal(name));
    let to = Whereto { warning: warning.id, action, institution, internal };
    let attached = evidence::attach(conn, caller, to, documents).await?;
    record(conn, caller, warning, (step, attached, conclusion), now, comment).await
}

/// The colleague to whom a warning is handed over.
async fn colleague(conn: &mut ScopedConn, to: Option<i64>) -> Result<Colleague, EscrowError> {
    let roles: Vec<String> = roles(Action::HandleWarning).iter().map(ToString::to_string).collect();
    let colleagues = telling::colleagues(conn, &roles).await?;
    let unknown = || {
        let (zh, en) = ("请选择本局能办理预警的同事", "choose a colleague of this bureau who may handle warnings");
        EscrowError::Invalid(vec![FieldError::new("to", "to", zh, en)])
    };
    colleagues.into_iter().find(|colleague| Some(colleague.id) == to).ok_or_else(unknown)
}

/// The colleague hears of it by mail.
async fn tell_colleague(
    state: &AppState,
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    colleague: &Colleague,
) -> Result<(), DbError> {
    let Some(email) = &colleague.email else { return Ok(()) };
    let (name, by) = (&warning.institution_name, &caller.actor.display_name);
    let link = format!("{}/b/escrow/warnings/{}", state.public_url(), warning.id);
    let subject = format!("【预警移交】{name} / A warning is handed over to you: {name}");
    let body = format!(
        "{by}把{name}的一条预警移交给您办理。\n查看：{link}\n\n{by} hands a warning about {name} over to you.\nSee it: {link}\n"
    );
    let key = format!("warning:{}:handed:{}:{}", warning.id, warning.version, colleague.id);
    telling::mail_to(conn, (email, &key), (&subject, &body), caller.now).await
}

/// How a stored warning stands.
pub(super) fn standing_of(warning: &Warning) -> Result<(Status, Level), DbError> {
    let unknown = |_| DbError::Pool("a warning is stored with an unknown status or level".to_owned());
    Ok((warning.status.parse().map_err(unknown)?, warning.level.parse().map_err(unknown)?))
}

/// Asks a second official to close a warning; returns the proposal's id.
async fn propose_closing(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    (comment, conclusion): (&str, Option<Conclusion>),
) -> Result<i64, EscrowError> {
    let payload = Closing {
        account: warning.account_id,
        about: warning.institution_name.clone(),
        kind: warning.kind.clone(),
        level: warning.level.clone(),
        status: warning.status.clone(),
        steps: steps_of(warning),
        conclusion,
    };
    let draft = Draft {
        subject: warning.id.to_string(),
        institution: warning.institution_id,
        payload: json!(payload),
        told: json!({ "kind": warning.kind, "level": warning.level }),
    };
    let ids = approvals::propose(conn, caller, Kind::CloseWarning, comment, &[draft]).await?;
    ids.first().copied().ok_or(EscrowError::NotFound)
}

/// A confirmed red asks a second official to suspend the listing (WL-SUSPEND). An institution that is not listed, or
/// whose suspension waits already, needs none.
pub(super) async fn propose_suspension(
    conn: &mut ScopedConn,
    caller: &Caller,
    institution: i64,
) -> Result<(), EscrowError> {
    // Parents may read the reason, so it says nothing of what was found.
    let reason = "资金监管红色预警经核实".to_owned();
    let proposal = Proposal { institution, step: ListMove::Suspend, ground: None, reason };
    match lists::propose(conn, caller, proposal).await {
        Err(ListError::Db(error) | ListError::Approval(ApprovalError::Db(error))) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What is wrong with the text and with the files, all at once.
fn checked<'c>(
    step: Step,
    comment: &'c str,
    (files, limit): (&[Sent], usize),
) -> Result<(&'c str, Vec<evidence::Checked>), EscrowError> {
    match (checked_comment(step, comment), evidence::checked(files, limit)) {
        (Ok(comment), Ok(files)) => Ok((comment, files)),
        (comment, files) => {
            Err(EscrowError::Invalid([comment.err(), files.err()].into_iter().flatten().flatten().collect()))
        }
    }
}

fn checked_comment(step: Step, comment: &str) -> Result<&str, Vec<FieldError>> {
    let comment = comment.trim();
    let length = comment.chars().count();
    let wrong = |zh: &str, en: &str| Err(vec![FieldError::new("comment", "comment", zh, en)]);
    if length > COMMENT_MAX {
        return wrong("说明不超过 2000 字", "2000 characters at most");
    }
    if length == 0 && step.needs_comment() {
        return wrong("请写明情况或理由", "say what was found, or why");
    }
    Ok(comment)
}

fn due_on(calendar: &Calendar, caller: &Caller, in_force: &InForce, level: Level) -> Option<chrono::NaiveDate> {
    calendar.add_workdays(caller.today(), due_workdays(in_force, level)?)
}

pub(super) async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    (step, attached, conclusion): (Step, Option<Value>, Option<Conclusion>),
    now: (Status, Level),
    comment: &str,
) -> Result<(), DbError> {
    let action = match step {
        Step::Acknowledge => "warning.acknowledged",
        Step::Explain => "warning.explained",
        Step::Investigate => "warning.investigated",
        Step::Resolve => "warning.resolved",
        Step::Escalate => "warning.escalated",
        Step::Note => "warning.noted",
        Step::HandOver => "warning.handed_over",
    };
    // What officials say among themselves does not stand in the institution's own trail.
    let among_officials = matches!(step, Step::Note | Step::HandOver);
    let mut after = json!({"status": now.0, "level": now.1});
    if let Some(attached) = attached {
        after["documents"] = attached;
    }
    if let Some(conclusion) = conclusion {
        after["conclusion"] = json!(conclusion);
    }
    let event = Event {
        action,
        subject_kind: "warning",
        subject_id: warning.id.to_string(),
        institution: warning.institution_id.filter(|_| !among_officials),
        before: Some(json!({"status": warning.status, "level": warning.level})),
        after: Some(after),
        reason: (!comment.is_empty()).then_some(comment),
    };
    audit::store::record(conn, caller, event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_but_seeing_and_handing_over_needs_a_reason() {
        assert!(checked_comment(Step::Acknowledge, " ").is_ok());
        assert!(checked_comment(Step::HandOver, "").is_ok());
        for step in [Step::Explain, Step::Investigate, Step::Resolve, Step::Escalate, Step::Note] {
            assert!(checked_comment(step, " ").is_err() && checked_comment(step, "已核对合同").is_ok(), "{step}");
        }
        assert!(checked_comment(Step::Explain, &"字".repeat(2000)).is_ok());
        assert!(checked_comment(Step::Explain, &"字".repeat(2001)).is_err());
    }
}
