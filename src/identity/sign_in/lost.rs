//! Somebody who has lost every second factor. An operator takes them away from the shell of the server, once two
//! administrators know whom they have before them; the next sign-in begins with setting up another.

use serde::Serialize;
use serde_json::json;

use super::{
    store::{factors, people, steps},
    tell::{self, News},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{Actor, Caller, sessions::commands::end_of_person, store},
};

/// Why nothing was taken away.
#[derive(Debug, thiserror::Error)]
pub enum LostError {
    #[error("nobody with the sign-in name {0} holds a post in use in this bureau; check the name and --region")]
    Nobody(String),
    #[error("{0} has no second factor; nothing was changed")]
    Nothing(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reset {
    pub totp: bool,
    pub passkeys: i64,
    pub recovery_codes: i64,
    pub sessions_ended: usize,
}

/// Takes every second factor from a person who holds a post in the caller's bureau, and ends what they are in the middle
/// of and all their sessions. On record in each of their bureaus, and told to them by mail.
pub async fn reset(pools: &Pools, caller: &Caller, username: &str, reason: Option<&str>) -> Result<Reset, LostError> {
    let (request_id, now) = (caller.request_id.as_str(), caller.now);
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<Reset, LostError> {
        let nobody = || LostError::Nobody(username.to_owned());
        let person = people::by_name(conn.sql(), username).await?.ok_or_else(nobody)?.id;
        let posts = store::posts_of(conn.sql(), person).await?;
        if !posts.iter().any(|post| post.tenant_id == caller.actor.tenant) {
            return Err(nobody());
        }
        steps::end_all(conn.sql(), person).await?;
        factors::lock(conn.sql(), person).await?;
        let had = factors::of(conn.sql(), person).await?;
        if !had.any() && had.recovery_codes == 0 {
            return Err(LostError::Nothing(username.to_owned()));
        }
        factors::remove_all(conn.sql(), person).await?;
        let ended = end_of_person(conn, person, |_| true, now, "second factors reset", request_id).await?;
        let reset = Reset {
            totp: had.totp.is_some(),
            passkeys: had.passkeys,
            recovery_codes: had.recovery_codes,
            sessions_ended: ended.len(),
        };
        for post in posts {
            let event = Event {
                action: News::FactorsReset.action(),
                subject_kind: "user",
                subject_id: post.id.to_string(),
                institution: post.institution_id,
                after: Some(json!({"username": username, "removed": reset})),
                reason,
                ..Event::default()
            };
            let there = Caller { actor: Actor::system(post.tenant_id), ..caller.clone() };
            audit::store::record_own(conn, &there, event);
        }
        tell::by_mail(conn, (request_id, now), person, &News::FactorsReset).await?;
        Ok(reset)
    })
    .await
}
