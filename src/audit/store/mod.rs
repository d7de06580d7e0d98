//! SQL of the audit trail. What others append with stands here; the pages' and the verifier's statements in files of
//! their own.

pub mod chain;
pub mod search;

use super::Event;
use crate::{
    db::{
        AuthConn, DbError, ScopedConn,
        trail::{Draft, Who},
    },
    identity::Caller,
};

/// Writes an event into the caller's transaction.
pub async fn record(conn: &mut ScopedConn, caller: &Caller, event: Event<'_>) -> Result<(), DbError> {
    let tenant = conn.tenant();
    conn.record(draft(caller, tenant, event));
    Ok(())
}

/// Writes many events at once.
pub async fn record_all(conn: &mut ScopedConn, caller: &Caller, events: Vec<Event<'_>>) -> Result<(), DbError> {
    let tenant = conn.tenant();
    events.into_iter().for_each(|event| conn.record(draft(caller, tenant, event)));
    Ok(())
}

/// The same in a transaction of the sign-in role, which has no scope: into the trail of the actor's bureau.
pub fn record_own(conn: &mut AuthConn, caller: &Caller, event: Event<'_>) {
    conn.record(draft(caller, caller.actor.tenant, event));
}

/// An event as the trail takes it, for the bureau `tenant`.
pub fn draft(caller: &Caller, tenant: i32, event: Event<'_>) -> Draft {
    let actor = &caller.actor;
    // A machine user has a key for its session and no account; the system has neither.
    let system = actor.user_id == 0 && actor.session.is_empty();
    Draft {
        tenant,
        at: caller.now,
        who: Who {
            id: (actor.user_id != 0).then_some(actor.user_id),
            tenant: actor.tenant,
            name: actor.display_name.clone(),
            role: if system { "system".to_owned() } else { actor.role.to_string() },
        },
        action: event.action.to_owned(),
        subject_kind: event.subject_kind.to_owned(),
        subject_id: event.subject_id,
        institution: event.institution,
        before: event.before.map(|value| value.to_string()),
        after: event.after.map(|value| value.to_string()),
        reason: event.reason.map(str::to_owned),
        request_id: caller.request_id.clone(),
    }
}
