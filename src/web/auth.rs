//! Sessions over the API, and signing out. The pages of signing in are in `sign_in`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{
    Access, Input, Problem, Route, SafeForm,
    page::{State, see_other},
    session::{self, Keepsake},
};
use crate::identity::{
    Actor, Caller,
    commands::{self, SignInError, SignedIn},
    sign_in::{
        self, Next, Visitor,
        second::{self, Passed},
    },
    throttle::device,
    tokens::{ACCESS_LIFE, RefreshToken},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/logout", Access::SignedIn, || web::post().to(logout)),
        Route::post("/api/v1/auth/login", Access::Anyone, || web::post().to(api_login)),
        Route::post("/api/v1/auth/refresh", Access::Anyone, || web::post().to(api_refresh)),
        Route::post("/api/v1/auth/logout", Access::Anyone, || web::post().to(api_logout)),
        Route::get("/.well-known/jwks.json", Access::Anyone, || web::get().to(jwks)),
    ]
}

/// Where each role begins its day.
pub fn home(actor: &Actor) -> &'static str {
    if actor.role.is_institution() { "/org" } else { "/b" }
}

async fn logout(state: State, caller: Caller, _form: SafeForm) -> Result<HttpResponse, Problem> {
    commands::sign_out(&state.pools, &state.tokens, &caller).await?;
    let mut response = see_other("/login");
    for cookie in session::removal_cookies().into_iter().chain([Keepsake::Fresh.keep(&state, String::new())]) {
        response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    username: String,
    password: String,
    /// A code of the app or a recovery code, for accounts that have a second factor.
    #[serde(default)]
    totp: Option<String>,
}

#[derive(Debug, Serialize)]
struct TokensView<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    expires_in: i64,
    user: UserView<'a>,
}

#[derive(Debug, Serialize)]
struct UserView<'a> {
    id: i64,
    name: &'a str,
    role: String,
    region: String,
}

pub(super) fn tokens_view(signed_in: &SignedIn) -> Result<HttpResponse, Problem> {
    // A program that lost the race for a refresh has no second token to hand out; it signs in again.
    let refresh = signed_in.refresh.as_deref().ok_or(SignInError::SessionEnded)?;
    Ok(HttpResponse::Ok().json(TokensView {
        access_token: &signed_in.access,
        refresh_token: refresh,
        expires_in: ACCESS_LIFE.num_seconds(),
        user: UserView {
            id: signed_in.actor.user_id,
            name: &signed_in.actor.display_name,
            role: signed_in.actor.role.to_string(),
            region: format!("{:06}", signed_in.actor.tenant),
        },
    }))
}

async fn api_login(state: State, visitor: Visitor, input: Input<LoginRequest>) -> Result<HttpResponse, Problem> {
    let Input(login) = input;
    let door = state.doorway();
    let signed_in = match sign_in::password(&door, &visitor, &login.username, &login.password).await? {
        Next::SignedIn(signed_in) => signed_in,
        Next::Enrol(_) => return Err(SignInError::EnrolmentNeeded.into()),
        Next::Second(token) => {
            let code = login.totp.ok_or(SignInError::SecondNeeded)?;
            match second::by_code(&door, &visitor, &token, &code).await? {
                Passed::SignedIn(signed_in, _) => signed_in,
                Passed::Confirmed(_) => return Err(Problem::internal()),
            }
        }
    };
    let mut response = tokens_view(&signed_in)?;
    let device = device::remember(&state.secrets, &visitor.device, login.username.trim(), visitor.now);
    response.add_cookie(&Keepsake::Device.keep(&state, device)).map_err(|_| Problem::internal())?;
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    refresh_token: String,
}

async fn api_refresh(state: State, visitor: Visitor, input: Input<RefreshRequest>) -> Result<HttpResponse, Problem> {
    let signed_in = commands::refresh(
        &state.pools,
        &state.tokens,
        &input.0.refresh_token,
        chrono::Duration::zero(),
        &visitor.request_id,
        visitor.now,
    )
    .await?;
    tokens_view(&signed_in)
}

async fn api_logout(state: State, visitor: Visitor, input: Input<RefreshRequest>) -> Result<HttpResponse, Problem> {
    if let Some(token) = RefreshToken::parse(&input.0.refresh_token) {
        commands::end_by_refresh(&state.pools, &state.tokens, &token, &visitor.request_id, visitor.now).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn jwks(state: State) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=300"))
        .json(state.tokens.jwks(state.clock.now()))
}
