//! SQL of the audit trail. What others append with stands here; the pages' and the verifier's statements in files of
//! their own.

pub mod chain;
pub mod search;

use diesel_async::AsyncPgConnection;

use super::Event;
use crate::{
    db::{
        DbError, ScopedConn,
        trail::{self, Draft, Who},
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

/// The same on a connection of the sign-in role, which has no scope. Others wait for the transaction's end from here on,
/// so that it is its last statement; what has several events takes [`append_all`].
pub async fn append(conn: &mut AsyncPgConnection, caller: &Caller, event: Event<'_>) -> Result<(), DbError> {
    append_all(conn, caller, vec![event]).await
}

/// Several events on a connection of the sign-in role, as the last statement of its transaction.
pub async fn append_all(conn: &mut AsyncPgConnection, caller: &Caller, events: Vec<Event<'_>>) -> Result<(), DbError> {
    let events = events.into_iter().map(|event| draft(caller, caller.actor.tenant, event)).collect();
    trail::append(conn, events).await
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
