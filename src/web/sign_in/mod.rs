//! Pages of signing in and of one's own sign-in.

mod enrol;
mod login;
mod passkeys;
mod reset;
mod second;
mod security;
mod words;

use actix_web::{HttpRequest, HttpResponse, cookie::Cookie};

use super::{
    AppState, Page, Problem, Route,
    page::see_other,
    session::{self, Keepsake},
};
use crate::identity::{
    commands::SignedIn,
    sign_in::{Visitor, second::Passed},
    throttle::device,
};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = login::routes();
    routes.extend(second::routes());
    routes.extend(enrol::routes());
    routes.extend(passkeys::routes());
    routes.extend(security::routes());
    routes.extend(reset::routes());
    routes
}

/// Only a path of this service may follow a sign-in, never another site's address.
pub fn safe_next(next: &str) -> Option<&str> {
    (next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control))
        .then_some(next)
}

/// A path of signing in that leads on to `next`.
fn leading_to(path: &str, next: &str) -> String {
    match safe_next(next) {
        None => path.to_owned(),
        Some(next) => {
            format!("{path}?next={}", percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC))
        }
    }
}

fn with_cookies(mut response: HttpResponse, cookies: Vec<Cookie<'static>>) -> Result<HttpResponse, Problem> {
    for cookie in cookies {
        response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    }
    Ok(response)
}

/// What a browser keeps of a sign-in that succeeded: the session, that it is a known one, and no step any more.
pub(super) fn cookies_of(
    state: &AppState,
    visitor: &Visitor,
    signed_in: &SignedIn,
    username: &str,
) -> Vec<Cookie<'static>> {
    let device = device::remember(&state.secrets, &visitor.device, username, visitor.now);
    let mut cookies = session::cookies(state, signed_in);
    cookies.push(Keepsake::Device.keep(state, device));
    cookies.push(Keepsake::Step.keep(state, String::new()));
    cookies
}

/// Where somebody who passed goes on, and what their browser keeps.
fn gone_on(state: &AppState, visitor: &Visitor, passed: &Passed, next: &str) -> (String, Vec<Cookie<'static>>) {
    match passed {
        Passed::SignedIn(signed_in, username) => {
            let target = safe_next(next).unwrap_or(super::auth::home(&signed_in.actor)).to_owned();
            (target, cookies_of(state, visitor, signed_in, username))
        }
        Passed::Confirmed(token) => {
            let target = safe_next(next).unwrap_or("/account/security").to_owned();
            (target, vec![Keepsake::Fresh.keep(state, token.clone()), Keepsake::Step.keep(state, String::new())])
        }
    }
}

fn goes_on(state: &AppState, visitor: &Visitor, passed: &Passed, next: &str) -> Result<HttpResponse, Problem> {
    let (target, cookies) = gone_on(state, visitor, passed, next);
    with_cookies(see_other(&target), cookies)
}

/// What went wrong, in the language of the page.
fn said(page: &Page, problem: &Problem) -> String {
    page.t(&problem.detail_zh, &problem.detail_en).to_owned()
}

/// Adds how long to wait to a page that says so.
fn with_wait(mut response: HttpResponse, problem: &Problem) -> HttpResponse {
    if let Some(value) = problem.retry_after_s.and_then(|seconds| seconds.to_string().parse().ok()) {
        response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, value);
    }
    response
}

/// The token of the step that the browser is in the middle of.
fn step(request: &HttpRequest) -> String {
    Keepsake::Step.of(request).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert_eq!(safe_next("/b/escrow?level=red"), Some("/b/escrow?level=red"));
        assert_eq!(leading_to("/login/second", "/b?x=1"), "/login/second?next=%2Fb%3Fx%3D1");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nset-cookie: x"] {
            assert_eq!(safe_next(elsewhere), None, "{elsewhere}");
            assert_eq!(leading_to("/login/second", elsewhere), "/login/second");
        }
    }
}
