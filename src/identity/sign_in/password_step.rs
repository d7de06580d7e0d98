//! The first step: a name and a password.

use serde::{Deserialize, Serialize};

use super::{
    Doorway, STEP_LIFE, Visitor, policy,
    store::{
        factors, people,
        steps::{self, Purpose},
    },
    totp::TotpSecret,
};
use crate::{
    db::{AuthConn, DbError},
    identity::{
        commands::{SignInError, SignedIn, begin},
        password::{self, PasswordError},
        store,
        throttle::{Lanes, device, store as throttle},
        tokens::SESSION_LIFE,
    },
};

/// What comes after a right password.
#[derive(Debug, Clone)]
pub enum Next {
    SignedIn(SignedIn),
    /// The second factor, by the token of the step.
    Second(String),
    /// Setting one up, by the token of the step.
    Enrol(String),
}

/// What a second factor that is right leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Goal {
    SignIn,
    /// The one signed in by this session has shown again who they are.
    Confirm {
        session: String,
    },
}

/// Remembered between the password and the second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SecondState {
    pub username: String,
    pub goal: Goal,
}

/// Remembered while an app is set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EnrolState {
    pub username: String,
    /// Sealed once more by the step itself.
    pub secret: Vec<u8>,
}

/// Checks a name and password. Takes the same time, and is refused as often, whether the person exists or not.
pub async fn password(door: &Doorway<'_>, visitor: &Visitor, name: &str, password: &str) -> Result<Next, SignInError> {
    let (name, now) = (name.trim(), visitor.now);
    let device = device::known(door.secrets, &visitor.device, name, now);
    let lanes = Lanes::password(door.secrets, name, visitor.address, device);
    let person = {
        let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
        throttle::attempt(&mut conn, &lanes, now).await?.map_err(SignInError::TooMany)?;
        people::by_name(&mut conn, name).await?
    };
    // The connection is given back first: guessers must not hold all of them while their guesses are hashed.
    let hash = person.as_ref().and_then(|person| person.password_hash.clone());
    let matches = password::verify(password, hash).await;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    if let Err(PasswordError::Busy) = matches {
        throttle::taken_off(&mut conn, &lanes, now).await?;
        return Err(SignInError::Busy);
    }
    let person = person.filter(|_| matches == Ok(true)).ok_or_else(|| {
        tracing::info!(address = %visitor.address, known_device = device.is_some(), "a sign-in was refused");
        SignInError::Refused
    })?;
    throttle::succeeded(&mut conn, &lanes, now).await?;
    let posts = store::posts_of(&mut conn, person.id).await?;
    let post = posts.first().ok_or(SignInError::Refused)?;
    let username = person.username;
    if factors::of(&mut conn, person.id).await?.any() {
        let state = SecondState { username, goal: Goal::SignIn };
        let token = steps::open(&mut conn, door.secrets, Purpose::Second, Some(person.id), &state, now, STEP_LIFE);
        return Ok(Next::Second(token.await?));
    }
    if policy::required(&mut conn, &posts, person.second_factor_off, now).await? {
        let state = EnrolState { username, secret: TotpSecret::new().seal(door.secrets)? };
        let token = steps::open(&mut conn, door.secrets, Purpose::Enrol, Some(person.id), &state, now, STEP_LIFE);
        return Ok(Next::Enrol(token.await?));
    }
    drop(conn);
    let begun = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        begin(conn, post, &visitor.on, &visitor.request_id, now, now + SESSION_LIFE).await
    });
    let (actor, refresh) = begun.await?;
    let (access, mark) = (door.tokens.access(&actor, now)?, visitor.on.mark.clone());
    Ok(Next::SignedIn(SignedIn { access, refresh: Some(refresh.text()), mark, actor }))
}
