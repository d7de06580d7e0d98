//! Signing in and out: pages for browsers, the API for programs.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::{
    Access, Input, Page, Problem, Query, Route, SafeForm,
    page::{Note, State, see_other},
    session::{self, Visit},
};
use crate::identity::{
    Actor, Caller,
    commands::{self, SignInError, SignedIn},
    tokens::{ACCESS_LIFE, RefreshToken},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/login", Access::Anyone, || web::get().to(login_page)),
        Route::post("/login", Access::Anyone, || web::post().to(login)),
        Route::post("/logout", Access::SignedIn, || web::post().to(logout)),
        Route::post("/api/v1/auth/login", Access::Anyone, || web::post().to(api_login)),
        Route::post("/api/v1/auth/refresh", Access::Anyone, || web::post().to(api_refresh)),
        Route::post("/api/v1/auth/logout", Access::Anyone, || web::post().to(api_logout)),
        Route::get("/.well-known/jwks.json", Access::Anyone, || web::get().to(jwks)),
    ]
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Problem {
        match error {
            SignInError::Refused => Problem::new(
                StatusCode::UNAUTHORIZED,
                "sign-in-refused",
                "账号或密码不对。请核对后再试；忘记密码请联系本单位管理员。",
                "The name or the password is wrong. Check both; if you forgot the password, ask your administrator.",
            ),
            SignInError::SessionEnded => Problem::new(
                StatusCode::UNAUTHORIZED,
                "session-ended",
                "登录已失效，请重新登录。",
                "The session has ended; sign in again.",
            ),
            SignInError::Db(error) => error.into(),
        }
    }
}

/// Where each role begins its day.
pub fn home(actor: &Actor) -> &'static str {
    if actor.role.is_institution() { "/org" } else { "/b" }
}

/// Only a path of this service may follow a sign-in, never another site's address.
fn safe_next(next: &str) -> Option<&str> {
    (next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control))
        .then_some(next)
}

#[derive(Template)]
#[template(path = "shared/login.html")]
struct LoginPage<'a> {
    page: &'a Page,
    next: &'a str,
    username: &'a str,
    error: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct LoginQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
}

async fn login_page(request: HttpRequest, query: Query<LoginQuery>) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&request, "登录", "Sign in");
    if query.done == "joined" {
        let text = page.t("请用刚才设置的登录名和密码登录。", "Sign in with the name and password that you chose.");
        page.note = Some(Note::new(page.t("邀请已接受", "Invitation accepted"), text));
    }
    page.render(&LoginPage { page: &page, next: safe_next(&query.next).unwrap_or_default(), username: "", error: None })
}

pub(super) fn agent(request: &HttpRequest) -> String {
    request.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn request_id(request: &HttpRequest) -> String {
    use actix_web::HttpMessage;
    request.extensions().get::<Visit>().map(|visit| visit.request_id.clone()).unwrap_or_default()
}

async fn login(request: HttpRequest, state: State, form: SafeForm) -> Result<HttpResponse, Problem> {
    let (username, password) = (form.get("username"), form.raw("password"));
    let outcome = commands::sign_in(
        &state.pools,
        &state.tokens,
        username,
        password,
        &agent(&request),
        &request_id(&request),
        state.clock.now(),
    )
    .await;
    match outcome {
        Ok(signed_in) => {
            let target = safe_next(form.get("next")).unwrap_or(home(&signed_in.actor));
            let mut response = see_other(target);
            for cookie in session::cookies(&state, &signed_in) {
                response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
            }
            Ok(response)
        }
        Err(SignInError::Refused) => {
            let page = Page::new(&request, "登录", "Sign in");
            let problem = Problem::from(SignInError::Refused);
            let error = page.t(&problem.detail_zh, &problem.detail_en).to_owned();
            let next = safe_next(form.get("next")).unwrap_or_default();
            page.render_as(StatusCode::UNAUTHORIZED, &LoginPage { page: &page, next, username, error: Some(&error) })
        }
        Err(error) => Err(error.into()),
    }
}

async fn logout(state: State, caller: Caller, _form: SafeForm) -> Result<HttpResponse, Problem> {
    commands::sign_out(&state.pools, &state.tokens, &caller).await?;
    let mut response = see_other("/login");
    for cookie in session::removal_cookies() {
        response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    username: String,
    password: String,
    /// A second factor; accounts without one ignore it.
    #[serde(default, rename = "totp")]
    _totp: Option<String>,
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

async fn api_login(request: HttpRequest, state: State, input: Input<LoginRequest>) -> Result<HttpResponse, Problem> {
    let Input(login) = input;
    let signed_in = commands::sign_in(
        &state.pools,
        &state.tokens,
        &login.username,
        &login.password,
        &agent(&request),
        &request_id(&request),
        state.clock.now(),
    )
    .await?;
    tokens_view(&signed_in)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    refresh_token: String,
}

async fn api_refresh(
    request: HttpRequest,
    state: State,
    input: Input<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let signed_in = commands::refresh(
        &state.pools,
        &state.tokens,
        &input.0.refresh_token,
        chrono::Duration::zero(),
        &request_id(&request),
        state.clock.now(),
    )
    .await?;
    tokens_view(&signed_in)
}

async fn api_logout(request: HttpRequest, state: State, input: Input<RefreshRequest>) -> Result<HttpResponse, Problem> {
    if let Some(token) = RefreshToken::parse(&input.0.refresh_token) {
        commands::end_by_refresh(&state.pools, &state.tokens, &token, &request_id(&request), state.clock.now()).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn jwks(state: State) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "public, max-age=300")).json(state.tokens.jwks())
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert_eq!(safe_next("/b/escrow?level=red"), Some("/b/escrow?level=red"));
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nset-cookie: x"] {
            assert_eq!(safe_next(elsewhere), None, "{elsewhere}");
        }
    }
}
