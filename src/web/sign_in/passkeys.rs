//! What the script of passkeys asks for: questions for the authenticator, and its answers.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::{gone_on, security::fresh_overview, step, with_cookies};
use crate::{
    identity::{
        Caller,
        commands::SignInError,
        sign_in::{
            Visitor,
            passkey::{self, For},
        },
    },
    web::{Access, Input, Problem, Route, page::State},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/auth/passkey/question", Access::Anyone, || web::post().to(ask)),
        Route::post("/api/v1/auth/passkey/answer", Access::Anyone, || web::post().to(answered)),
        Route::post("/api/v1/auth/passkeys/question", Access::Anyone, || web::post().to(make)),
        Route::post("/api/v1/auth/passkeys", Access::Anyone, || web::post().to(made)),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// After a password; otherwise instead of one.
    second: bool,
}

#[derive(Serialize)]
struct Question<T> {
    token: String,
    #[serde(flatten)]
    options: T,
}

async fn ask(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    input: Input<Asking>,
) -> Result<HttpResponse, Problem> {
    let token = step(&request);
    let second = input.second.then_some(token.as_str());
    let (options, token) = passkey::ask(&state.doorway(), &visitor, second).await?;
    Ok(HttpResponse::Ok().json(Question { token, options }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    token: String,
    #[serde(default)]
    next: String,
    credential: Value,
}

/// What an authenticator said; whatever cannot be read as that is refused like a wrong answer.
fn credential<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|_| SignInError::PasskeyRefused.into())
}

async fn answered(state: State, visitor: Visitor, input: Input<Answer>) -> Result<HttpResponse, Problem> {
    let Input(Answer { token, next, credential: said }) = input;
    let said: PublicKeyCredential = credential(said)?;
    let passed = passkey::answered(&state.doorway(), &visitor, &token, &said).await?;
    let (target, cookies) = gone_on(&state, &visitor, &passed, &next);
    with_cookies(HttpResponse::Ok().json(json!({"next": target})), cookies)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Making {}

async fn make(
    request: HttpRequest,
    state: State,
    caller: Option<Caller>,
    visitor: Visitor,
    _input: Input<Making>,
) -> Result<HttpResponse, Problem> {
    let (door, token) = (state.doorway(), step(&request));
    let (options, token) = match caller {
        Some(caller) => {
            let own = fresh_overview(&request, &state, &caller).await?;
            passkey::make(&door, &visitor, For::Person(own.person, &own.username)).await?
        }
        None => passkey::make(&door, &visitor, For::Enrolling(&token)).await?,
    };
    Ok(HttpResponse::Ok().json(Question { token, options }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    token: String,
    name: String,
    #[serde(default)]
    next: String,
    credential: Value,
}

async fn made(
    request: HttpRequest,
    state: State,
    caller: Option<Caller>,
    visitor: Visitor,
    input: Input<Made>,
) -> Result<HttpResponse, Problem> {
    let Input(Made { token, name, next, credential: said }) = input;
    let said: RegisterPublicKeyCredential = credential(said)?;
    let own = match caller {
        Some(caller) => Some(fresh_overview(&request, &state, &caller).await?.person),
        None => None,
    };
    let (codes, passed) = passkey::made(&state.doorway(), &visitor, &token, own, &name, &said).await?;
    let (target, cookies) = match &passed {
        Some(passed) => gone_on(&state, &visitor, passed, &next),
        None => ("/account/security?done=passkey".to_owned(), Vec::new()),
    };
    with_cookies(HttpResponse::Ok().json(json!({"next": target, "recovery_codes": codes})), cookies)
}
