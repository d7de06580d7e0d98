//! The second step: a code of the app or a recovery code. Passkeys are in [`passkey`](super::passkey).

use diesel_async::AsyncPgConnection;

use super::{
    Doorway, STEP_LIFE, TRIES_MAX, Visitor,
    password_step::{Goal, SecondState},
    recovery,
    store::{
        factors::{self, Factors},
        people,
        steps::{self, Purpose, Step},
    },
    tell::{self, News},
    totp::{self, TotpSecret},
};
use crate::{
    db::{AuthConn, DbError},
    identity::{
        commands::{SignInError, SignedIn, begin},
        store,
        throttle::{Lanes, device, store as throttle},
        tokens::{RefreshToken, SESSION_LIFE},
    },
    secrets::Secrets,
};

/// What a second factor that was right leads to.
#[derive(Debug, Clone)]
pub enum Passed {
    /// With the sign-in name.
    SignedIn(SignedIn, String),
    /// The token that says that the one signed in has just shown who they are.
    Confirmed(String),
}

/// Who is in the middle of signing in, and what may be asked of them.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub username: String,
    pub factors: Factors,
    /// Already signed in, and only confirming it.
    pub confirming: bool,
}

/// Whose step a token is; `None` where there is none (any more).
pub async fn waiting(door: &Doorway<'_>, visitor: &Visitor, token: &str) -> Result<Option<Waiting>, SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let Some(step) = steps::find(&mut conn, token, Purpose::Second, visitor.now).await? else { return Ok(None) };
    let (person, state) = second_of(door.secrets, &step)?;
    let factors = factors::of(&mut conn, person).await?;
    Ok(Some(Waiting { username: state.username, factors, confirming: state.goal != Goal::SignIn }))
}

pub(super) fn second_of(secrets: &Secrets, step: &Step) -> Result<(i64, SecondState), SignInError> {
    let state = step.state(secrets).ok_or(SignInError::StepEnded)?;
    Ok((step.person.ok_or(SignInError::StepEnded)?, state))
}

/// Checks a code. After a few wrong ones the password is asked for again.
pub async fn by_code(door: &Doorway<'_>, visitor: &Visitor, token: &str, code: &str) -> Result<Passed, SignInError> {
    let now = visitor.now;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let step = steps::find(&mut conn, token, Purpose::Second, now).await?.ok_or(SignInError::StepEnded)?;
    let (person, state) = second_of(door.secrets, &step)?;
    let device = device::known(door.secrets, &visitor.device, &state.username, now);
    let lanes = Lanes::second(door.secrets, person, device);
    throttle::attempt(&mut conn, &lanes, now).await?.map_err(SignInError::TooMany)?;
    drop(conn);
    let outcome = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        let step = steps::try_once(conn.sql(), token, Purpose::Second, now, TRIES_MAX).await?;
        if step.is_none() {
            return Ok(Err(SignInError::StepEnded));
        }
        factors::lock(conn.sql(), person).await?;
        let Some(used) = use_code(conn.sql(), door.secrets, visitor, person, code).await? else {
            // Kept, so that the try counts.
            return Ok(Err(SignInError::CodeRefused));
        };
        steps::take(conn.sql(), token, Purpose::Second, now).await?;
        let follows = passed(conn, door, visitor, person, &state.goal).await?;
        if used == Used::Recovery {
            tell::by_person(conn, visitor, person, &News::RecoveryCodeUsed).await?;
        }
        Ok(Ok(follows))
    })
    .await??;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    throttle::succeeded(&mut conn, &lanes, now).await?;
    outcome.finished(door, visitor)
}

/// What a code was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    App,
    Recovery,
}

/// Uses a code of the app or a recovery code up; `None` where it is neither, or was used before.
async fn use_code(
    conn: &mut AsyncPgConnection,
    secrets: &Secrets,
    visitor: &Visitor,
    person: i64,
    code: &str,
) -> Result<Option<Used>, SignInError> {
    let code = totp::plain(code);
    if code.len() <= 6 {
        let Some(app) = factors::totp_locked(conn, person).await? else { return Ok(None) };
        let Some(step) = TotpSecret::open(secrets, &app.sealed)?.step_of(&code, visitor.now, app.last_step) else {
            return Ok(None);
        };
        factors::totp_used(conn, person, step).await?;
        return Ok(Some(Used::App));
    }
    if !factors::use_recovery(conn, person, &recovery::hash(secrets, person, &code), visitor.now).await? {
        return Ok(None);
    }
    Ok(Some(Used::Recovery))
}

/// What follows, inside the transaction of what was shown.
pub(super) enum Follows {
    SignedIn(crate::identity::Actor, RefreshToken, String),
    Confirmed(String),
}

impl Follows {
    /// What is handed out once the transaction is kept.
    pub(super) fn finished(self, door: &Doorway<'_>, visitor: &Visitor) -> Result<Passed, SignInError> {
        Ok(match self {
            Follows::Confirmed(token) => Passed::Confirmed(token),
            Follows::SignedIn(actor, refresh, username) => {
                let access = door.tokens.access(&actor, visitor.now)?;
                Passed::SignedIn(
                    SignedIn { access, refresh: Some(refresh.text()), mark: visitor.on.mark.clone(), actor },
                    username,
                )
            }
        })
    }
}

pub(super) async fn passed(
    conn: &mut AuthConn,
    door: &Doorway<'_>,
    visitor: &Visitor,
    person: i64,
    goal: &Goal,
) -> Result<Follows, SignInError> {
    let now = visitor.now;
    match goal {
        Goal::SignIn => {
            let posts = store::posts_of(conn.sql(), person).await?;
            let post = posts.first().ok_or(SignInError::Refused)?;
            let begun = begin(conn, post, &visitor.on, &visitor.request_id, now, now + SESSION_LIFE).await?;
            let known = people::by_id(conn.sql(), person).await?.ok_or(SignInError::Refused)?;
            Ok(Follows::SignedIn(begun.0, begun.1, known.username))
        }
        Goal::Confirm { session } => {
            let token = steps::open(conn.sql(), door.secrets, Purpose::Fresh, Some(person), session, now, STEP_LIFE);
            Ok(Follows::Confirmed(token.await?))
        }
    }
}
