//! Passkeys (WebAuthn): made by the one signed in, and used as second factor or instead of the password.
//!
//! A passkey that asked its owner for a finger or a PIN is two factors by itself, so that it signs in alone. What is asked
//! of it is bound to this service's address, and good for one answer.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, RequestChallengeResponse, Url, Uuid, Webauthn, WebauthnBuilder,
};

use super::{
    Doorway, STEP_LIFE, Visitor,
    password_step::{EnrolState, Goal},
    second::{self, Passed, passed, second_of},
    setup,
    store::{
        factors::{self, PasskeyRow},
        steps::{self, Purpose},
    },
    tell::{self, News},
};
use crate::{
    db::{AuthConn, DbError},
    identity::commands::SignInError,
    secrets::{Secrets, keyed_hash},
};

/// Longest name of a passkey.
const NAME_MAX: usize = 40;

/// Passkeys for a service at this address; `None` where it is an IP address, to which no passkey can be bound.
pub fn for_address(public_url: &str) -> Option<Webauthn> {
    let origin = Url::parse(public_url).ok()?;
    let domain = origin.domain()?.to_owned();
    WebauthnBuilder::new(&domain, &origin).ok()?.rp_name("Mingjian 明鉴").build().ok()
}

/// Under which number authenticators know a person; tells nothing to whoever reads it there.
fn handle(secrets: &Secrets, person: i64) -> Uuid {
    let hash = keyed_hash(&secrets.derive("passkey:1"), &[&person.to_be_bytes()]);
    Uuid::from_bytes(hash.first_chunk().copied().unwrap_or_default())
}

#[derive(Serialize, Deserialize)]
struct Asked {
    state: DiscoverableAuthentication,
    /// The step of a password that was right before.
    second: Option<String>,
}

/// Asks for a signature: of one of the person's passkeys after a password, otherwise of any. The token is for the answer.
pub async fn ask(
    door: &Doorway<'_>,
    visitor: &Visitor,
    second: Option<&str>,
) -> Result<(RequestChallengeResponse, String), SignInError> {
    let webauthn = door.passkeys.ok_or(SignInError::NoPasskeys)?;
    let (mut question, state) = webauthn.start_discoverable_authentication().map_err(refused)?;
    // The page asks when its button is pressed, not behind the field of the name.
    question.mediation = None;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let mut person = None;
    if let Some(token) = second {
        let step = steps::find(&mut conn, token, Purpose::Second, visitor.now).await?.ok_or(SignInError::StepEnded)?;
        let own = second_of(door.secrets, &step)?.0;
        person = Some(own);
        let rows = factors::passkeys(&mut conn, own).await?;
        let allowed: Vec<_> = rows.iter().map(allowed).collect();
        question.public_key.allow_credentials =
            serde_json::from_value(allowed.into()).map_err(|_| SignInError::PasskeyRefused)?;
    }
    let asked = Asked { state, second: second.map(str::to_owned) };
    let token = steps::open(&mut conn, door.secrets, Purpose::Passkey, person, &asked, visitor.now, STEP_LIFE).await?;
    Ok((question, token))
}

/// A passkey that may answer, as the standard writes it.
fn allowed(row: &PasskeyRow) -> serde_json::Value {
    serde_json::json!({"type": "public-key", "id": URL_SAFE_NO_PAD.encode(&row.credential_id)})
}

/// Takes the answer. Whatever is wrong with it, the question is used up.
pub async fn answered(
    door: &Doorway<'_>,
    visitor: &Visitor,
    token: &str,
    answer: &PublicKeyCredential,
) -> Result<Passed, SignInError> {
    let (webauthn, now) = (door.passkeys.ok_or(SignInError::NoPasskeys)?, visitor.now);
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let question = steps::take(&mut conn, token, Purpose::Passkey, now).await?.ok_or(SignInError::StepEnded)?;
    drop(conn);
    let asked: Asked = question.state(door.secrets).ok_or(SignInError::StepEnded)?;
    let follows = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        // The step before the person, as everywhere.
        let goal = match &asked.second {
            None => Goal::SignIn,
            Some(token) => {
                let step = steps::take(conn.sql(), token, Purpose::Second, now).await?.ok_or(SignInError::StepEnded)?;
                second_of(door.secrets, &step)?.1.goal
            }
        };
        let row = factors::passkey_locked(conn.sql(), answer.get_credential_id()).await?;
        let row = row.ok_or(SignInError::PasskeyRefused)?;
        if question.person.is_some_and(|person| person != row.person_id) {
            return Err(SignInError::PasskeyRefused);
        }
        let theirs = answer.get_user_unique_id();
        if theirs.is_some_and(|theirs| theirs != handle(door.secrets, row.person_id).as_bytes()) {
            return Err(SignInError::PasskeyRefused);
        }
        let mut passkey: Passkey = serde_json::from_value(row.passkey).map_err(|_| SignInError::PasskeyRefused)?;
        // Checks origin, question, signature, that the owner was asked, and that the counter went forward.
        let result =
            webauthn.finish_discoverable_authentication_v2(answer, asked.state.clone(), &passkey).map_err(refused)?;
        passkey.update_credential(&result);
        let kept = serde_json::to_value(&passkey).map_err(|_| SignInError::PasskeyRefused)?;
        factors::passkey_used(conn.sql(), &row.credential_id, &kept, now).await?;
        passed(conn, door, visitor, row.person_id, &goal).await
    })
    .await?;
    follows.finished(door, visitor)
}

/// Why an authenticator's answer was not taken is for the log; whoever sent it learns that it was not.
fn refused(error: webauthn_rs::prelude::WebauthnError) -> SignInError {
    tracing::info!(%error, "a passkey's answer was refused");
    SignInError::PasskeyRefused
}

/// For whom a passkey is made.
#[derive(Debug, Clone)]
pub enum For<'a> {
    /// The one signed in, who has just shown who they are.
    Person(i64, &'a str),
    /// Who must have a second factor before they are signed in, by the step of their password.
    Enrolling(&'a str),
}

#[derive(Serialize, Deserialize)]
struct Making {
    state: PasskeyRegistration,
    enrolling: Option<String>,
}

/// Asks for a new passkey.
pub async fn make(
    door: &Doorway<'_>,
    visitor: &Visitor,
    whose: For<'_>,
) -> Result<(CreationChallengeResponse, String), SignInError> {
    let webauthn = door.passkeys.ok_or(SignInError::NoPasskeys)?;
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let (person, username, enrolling) = match whose {
        For::Person(person, username) => (person, username.to_owned(), None),
        For::Enrolling(token) => {
            let step = steps::find(&mut conn, token, Purpose::Enrol, visitor.now).await?;
            let step = step.ok_or(SignInError::StepEnded)?;
            let state: EnrolState = step.state(door.secrets).ok_or(SignInError::StepEnded)?;
            (step.person.ok_or(SignInError::StepEnded)?, state.username, Some(token.to_owned()))
        }
    };
    let own = factors::passkeys(&mut conn, person).await?;
    let known = own.into_iter().map(|row| row.credential_id).collect();
    let (mut question, state) = webauthn
        .start_passkey_registration(handle(door.secrets, person), &username, &username, Some(known))
        .map_err(refused)?;
    if let Some(choice) = &mut question.public_key.authenticator_selection {
        // One that the browser finds by itself signs in without a name being typed.
        choice.resident_key = serde_json::from_value("preferred".into()).ok();
    }
    let making = Making { state, enrolling };
    let purpose = Purpose::AddPasskey;
    let token = steps::open(&mut conn, door.secrets, purpose, Some(person), &making, visitor.now, STEP_LIFE).await?;
    Ok((question, token))
}

/// Keeps a new passkey. Returns recovery codes where the person had none, and signs in whoever had to do this first.
pub async fn made(
    door: &Doorway<'_>,
    visitor: &Visitor,
    token: &str,
    signed_in: Option<i64>,
    name: &str,
    answer: &RegisterPublicKeyCredential,
) -> Result<(Vec<String>, Option<Passed>), SignInError> {
    let (webauthn, now) = (door.passkeys.ok_or(SignInError::NoPasskeys)?, visitor.now);
    let mut conn = door.pools.auth().get().await.map_err(DbError::from)?;
    let question = steps::take(&mut conn, token, Purpose::AddPasskey, now).await?.ok_or(SignInError::StepEnded)?;
    drop(conn);
    let making: Making = question.state(door.secrets).ok_or(SignInError::StepEnded)?;
    let person = question.person.ok_or(SignInError::StepEnded)?;
    if making.enrolling.is_none() && signed_in != Some(person) {
        return Err(SignInError::StepEnded);
    }
    let passkey = webauthn.finish_passkey_registration(answer, &making.state).map_err(refused)?;
    let kept = serde_json::to_value(&passkey).map_err(|_| SignInError::PasskeyRefused)?;
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let name = if name.is_empty() { "通行密钥 Passkey".to_owned() } else { name };
    let outcome = AuthConn::transaction(door.pools, async |conn: &mut AuthConn| -> Result<_, SignInError> {
        if let Some(token) = &making.enrolling {
            steps::take(conn.sql(), token, Purpose::Enrol, now).await?.ok_or(SignInError::StepEnded)?;
        }
        factors::add_passkey(conn.sql(), person, passkey.cred_id(), &name, &kept, now).await?;
        let codes = setup::codes_if_none(conn.sql(), door.secrets, person).await?;
        let follows = match making.enrolling {
            Some(_) => Some(passed(conn, door, visitor, person, &Goal::SignIn).await?),
            None => None,
        };
        tell::by_person(conn, visitor, person, &News::PasskeyAdded(name.clone())).await?;
        Ok((codes, follows))
    })
    .await;
    let (codes, follows) = outcome.map_err(|error| match error {
        SignInError::Db(DbError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            SignInError::PasskeyRefused
        }
        other => other,
    })?;
    Ok((codes, follows.map(|follows: second::Follows| follows.finished(door, visitor)).transpose()?))
}
