//! Setting an authenticator app up: a secret is shown, and kept once a code shows that the app has it.

use diesel_async::AsyncPgConnection;

use super::{
    Doorway, STEP_LIFE, TRIES_MAX, Visitor,
    password_step::{EnrolState, Goal},
    recovery,
    second::{Follows, Passed, passed},
    store::{
        factors,
        steps::{self, Purpose, Step},
    },
    tell::{self, News},
    totp::{self, TotpSecret},
};
use crate::{
    db::{AuthConn, DbError},
    identity::commands::SignInError,
    secrets::Secrets,
};

/// What an app needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub username: String,
    /// The address in the picture.
    pub address: String,
    /// The same secret for typing.
    pub text: String,
}

/// Begins for a person who is signed in and has just shown who they are; returns the token of the step.
pub async fn begin_totp(
    door: &Doorway<'_>,
    visitor: &Visitor,
    person: i64,
    username: &str,
) -> Result<String, SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let state = EnrolState { username: username.to_owned(), secret: TotpSecret::new().seal(door.secrets)? };
    let token =
        steps::open(&mut conn, door.secrets, Purpose::AddTotp, Some(person), &state, visitor.now, STEP_LIFE).await?;
    Ok(token)
}

fn purpose(enrolling: bool) -> Purpose {
    if enrolling { Purpose::Enrol } else { Purpose::AddTotp }
}

fn pending(secrets: &Secrets, step: &Step) -> Result<(i64, EnrolState, TotpSecret), SignInError> {
    let person = step.person.ok_or(SignInError::StepEnded)?;
    let state: EnrolState = step.state(secrets).ok_or(SignInError::StepEnded)?;
    let secret = TotpSecret::open(secrets, &state.secret)?;
    Ok((person, state, secret))
}

/// What the app of a step needs to know; `None` where the step has ended.
pub async fn pending_totp(
    door: &Doorway<'_>,
    visitor: &Visitor,
    token: &str,
    enrolling: bool,
) -> Result<Option<App>, SignInError> {
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let Some(step) = steps::find(&mut conn, token, purpose(enrolling), visitor.now).await? else { return Ok(None) };
    let (_, state, secret) = pending(door.secrets, &step)?;
    let address = secret.address(&state.username).ok_or(SignInError::StepEnded)?;
    Ok(Some(App { username: state.username, address, text: secret.text() }))
}

/// Keeps the app if the code is one of its own, and returns new recovery codes where the person had none; signs in whoever
/// had to do this first.
pub async fn add_totp(
    door: &Doorway<'_>,
    visitor: &Visitor,
    token: &str,
    code: &str,
    enrolling: bool,
) -> Result<(Vec<String>, Option<Passed>), SignInError> {
    let now = visitor.now;
    let outcome = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        let step = steps::try_once(conn.sql(), token, purpose(enrolling), now, 3 * TRIES_MAX).await?;
        let Some(step) = step else { return Ok(Err(SignInError::StepEnded)) };
        let (person, _, secret) = pending(door.secrets, &step)?;
        let Some(used) = secret.step_of(&totp::plain(code), now, 0) else {
            return Ok(Err(SignInError::CodeRefused));
        };
        steps::take(conn.sql(), token, purpose(enrolling), now).await?;
        factors::set_totp(conn.sql(), person, &secret.seal(door.secrets)?, used, now).await?;
        let codes = codes_if_none(conn.sql(), door.secrets, person).await?;
        let follows = match enrolling {
            true => Some(passed(conn, door, visitor, person, &Goal::SignIn).await?),
            false => None,
        };
        tell::by_person(conn, visitor, person, &News::TotpAdded).await?;
        Ok(Ok((codes, follows)))
    })
    .await??;
    let passed = outcome.1.map(|follows: Follows| follows.finished(door, visitor)).transpose()?;
    Ok((outcome.0, passed))
}

/// Recovery codes for a person who has none left; nothing for one who has.
pub(super) async fn codes_if_none(
    conn: &mut AsyncPgConnection,
    secrets: &Secrets,
    person: i64,
) -> Result<Vec<String>, SignInError> {
    if 0 < factors::of(conn, person).await?.recovery_codes {
        return Ok(Vec::new());
    }
    new_codes(conn, secrets, person).await
}

/// New recovery codes; former ones are none any more.
pub(super) async fn new_codes(
    conn: &mut AsyncPgConnection,
    secrets: &Secrets,
    person: i64,
) -> Result<Vec<String>, SignInError> {
    let codes = recovery::make();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| recovery::hash(secrets, person, code)).collect();
    factors::set_recovery(conn, person, &hashes).await?;
    Ok(codes)
}
