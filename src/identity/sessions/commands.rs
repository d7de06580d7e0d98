//! Seeing and ending one's own sessions.

use chrono::{DateTime, Duration, Utc};

use super::store::{self, Session};
use crate::{
    db::{AuthConn, DbError, Pools},
    identity::{
        Actor, Caller,
        commands::{self, SignInError},
        machine::NONCE_LIFE,
        store as people,
        tokens::{ACCESS_LIFE, SKEW, Tokens},
    },
};

/// The open sessions of the caller's person, in whichever post, the last used first.
pub async fn own(pools: &Pools, caller: &Caller) -> Result<Vec<Session>, DbError> {
    let mut conn = pools.auth().get().await?;
    store::open_of_person(&mut conn, caller.actor.tenant, caller.actor.user_id, caller.now).await
}

/// Ends one of the caller's own sessions. `false`: there is no such session of this person.
pub async fn end_one(pools: &Pools, tokens: &Tokens, caller: &Caller, id: &str) -> Result<bool, SignInError> {
    Ok(end_where(pools, tokens, caller, |session| session == id).await? > 0)
}

/// Ends all of the caller's sessions but the one that asks; returns how many.
pub async fn end_others(pools: &Pools, tokens: &Tokens, caller: &Caller) -> Result<usize, SignInError> {
    end_where(pools, tokens, caller, |session| session != caller.actor.session).await
}

async fn end_where(
    pools: &Pools,
    tokens: &Tokens,
    caller: &Caller,
    wanted: impl Fn(&str) -> bool + Send + Sync,
) -> Result<usize, SignInError> {
    let Caller { actor, request_id, now } = caller;
    let ended = AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<Vec<String>, SignInError> {
        let own = people::post_of_session(conn.sql(), actor.tenant, &actor.session, *now).await?;
        let person = own.ok_or(SignInError::SessionEnded)?.person_id;
        Ok(end_of_person(conn, person, &wanted, *now, "ended by its owner", request_id).await?)
    })
    .await?;
    tokens.ended().add(ended.iter().map(String::as_str), *now);
    Ok(ended.len())
}

/// Ends those of a person's open sessions that are wanted, in whichever post, and says which ended.
pub(in crate::identity) async fn end_of_person(
    conn: &mut AuthConn,
    person: i64,
    wanted: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
    reason: &str,
    request_id: &str,
) -> Result<Vec<String>, DbError> {
    let mut ended = Vec::new();
    for session in store::all_open(conn.sql(), person, now).await? {
        if wanted(&session.id)
            && commands::end(conn, session.tenant_id, &session.id, now, reason, request_id).await?.is_some()
        {
            ended.push(session.id);
        }
    }
    Ok(ended)
}

/// Whether the session behind a token that was found right is still open. Answered from memory, unless ends in other
/// processes are not heard of at the moment.
pub async fn is_open(pools: &Pools, tokens: &Tokens, actor: &Actor, now: DateTime<Utc>) -> Result<bool, DbError> {
    if tokens.ended().is_informed() {
        return Ok(true);
    }
    let mut conn = pools.auth().get().await?;
    store::is_live(&mut conn, actor.tenant, &actor.session, now).await
}

/// Remembers all sessions that ended while their tokens may still be about: whenever news begins to be heard.
pub async fn remember_ended(pools: &Pools, tokens: &Tokens, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = pools.auth().get().await?;
    let ended = people::lately_ended(&mut conn, now - ACCESS_LIFE - SKEW).await?;
    tokens.ended().add(ended.iter().map(String::as_str), now);
    Ok(())
}

/// Forgets refresh tokens and nonces that can do nothing any more.
pub async fn sweep(pools: &Pools, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut conn = pools.auth().get().await?;
    store::sweep(&mut conn, now - Duration::days(1), now - NONCE_LIFE).await
}
