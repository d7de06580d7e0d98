//! What a parent does by the link of a lesson: confirms it, or disputes it while silence has not confirmed it.
//!
//! The link is made from the lesson by a key of the service and can be made again whenever a message is sent; what is kept
//! of it is a digest, from which nobody can make it.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::lessons;
use crate::{
    db::{Pools, Scope},
    identity::{Actor, Caller},
    kernel::private::Kind,
    ledger::{
        booking::Booking,
        error::LedgerError,
        model::{ConfirmedBy, LessonState},
        rules::silence,
        store::lessons::{self as store, Lesson, Standing},
    },
    vault::Vault,
    web::FieldError,
};

/// Longest dispute in characters.
const TEXT_MAX: usize = 500;
/// Digits of the bureau's code before the rest of a token.
const CODE_DIGITS: usize = 6;

/// Keeps the keyed hash of links apart from all others.
struct Link;

impl Kind for Link {
    const NAME: &'static str = "lesson-link";

    fn mask(_: &str) -> String {
        String::new()
    }

    fn normal(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }
}

/// The token of a pupil's part in a session: the bureau's code, and what cannot be guessed.
pub fn token(vault: &Vault, tenant: i32, contract: i64, ended_at: DateTime<Utc>) -> String {
    let secret = vault.digest::<Link>(&format!("{tenant}/{contract}/{}", ended_at.timestamp_micros()));
    format!("{tenant:0CODE_DIGITS$}{}", hex::encode(secret))
}

/// What is kept of a token.
pub(super) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// The bureau of a token; `None` for what is none.
fn bureau(token: &str) -> Option<i32> {
    let fine =
        (CODE_DIGITS + 8..=CODE_DIGITS + 64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_hexdigit());
    token.get(..CODE_DIGITS).filter(|_| fine)?.parse().ok()
}

/// The lessons that a link is for.
pub async fn lessons(pools: &Pools, token: &str) -> Result<Vec<Lesson>, LedgerError> {
    let tenant = bureau(token).ok_or(LedgerError::NotFound)?;
    let mut conn = Scope::system(tenant).begin(pools).await?;
    let found = store::by_token(&mut conn, &hash(token)).await?;
    conn.commit().await?;
    if found.is_empty() { Err(LedgerError::NotFound) } else { Ok(found) }
}

/// What a parent says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// The lesson was given.
    Confirm,
    /// It was not, or not as it is told; with the parent's own words.
    Dispute(&'a str),
}

/// Does what the parent says, for all lessons of the link that still await it. What is confirmed already stays so; saying
/// the same twice changes nothing.
pub async fn say(
    pools: &Pools,
    token: &str,
    word: Word<'_>,
    request_id: &str,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let tenant = bureau(token).ok_or(LedgerError::NotFound)?;
    let text = match word {
        Word::Dispute(text) if text.trim().is_empty() || text.chars().count() > TEXT_MAX => {
            return Err(LedgerError::Invalid(vec![FieldError::new(
                "text",
                "TEXT",
                "请写明情况，不超过 500 字",
                "say what happened, in 500 characters at most",
            )]));
        }
        Word::Dispute(text) => text.trim(),
        Word::Confirm => "",
    };
    let actor = Actor { display_name: "家长".to_owned(), ..Actor::system(tenant) };
    let caller = Caller { actor, request_id: request_id.to_owned(), now };
    let mut conn = caller.actor.scope().begin(pools).await?;
    let digest = hash(token);
    let first = store::by_token(&mut conn, &digest).await?.pop().ok_or(LedgerError::NotFound)?;
    let booking = Booking::begin(&mut conn, first.institution_id, &[first.contract_id]).await?;
    let (target, action) = match word {
        Word::Confirm => (LessonState::Confirmed, "lesson.confirmed"),
        Word::Dispute(_) => (LessonState::Disputed, "lesson.disputed"),
    };
    for lesson in store::by_token(&mut conn, &digest).await? {
        let state = silence::state_at(lesson.state.parse().unwrap_or(LessonState::Confirmed), lesson.due_at, now);
        match (state, word) {
            (state, _) if state == target => continue,
            (LessonState::Awaiting, Word::Confirm) => {
                let standing = Standing {
                    state: target.into(),
                    confirmed_at: Some(now),
                    confirmed_by: Some(ConfirmedBy::Parent.into()),
                };
                store::stand(&mut conn, &[lesson.id], &standing).await?;
            }
            (LessonState::Awaiting, Word::Dispute(_)) => store::dispute(&mut conn, &lesson, text).await?,
            (state, _) => return Err(LedgerError::LessonState(state)),
        }
        lessons::record(&mut conn, &caller, &lesson, action, target, None).await?;
    }
    booking.finish(&mut conn).await?;
    Ok(conn.commit().await?)
}
