//! Who is visiting: the bearer token of a program, or the cookies of a browser.

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    cookie::{Cookie, SameSite, time},
    dev::{Payload, ServiceRequest},
};
use chrono::{DateTime, Utc};
use std::future::{Ready, ready};

use super::{AppState, Problem, client};
use crate::{
    identity::{
        Action, Actor, Caller,
        commands::{self, SignInError, SignedIn},
        sessions::{self, Device},
        sign_in,
        throttle::device,
        tokens::{ACCESS_LIFE, SESSION_LIFE},
    },
    secrets::{Secrets, keyed_hash, random},
};

const ACCESS_COOKIE: &str = "mj_access";
const REFRESH_COOKIE: &str = "mj_refresh";
/// By it a browser is known again at the next sign-in; it opens nothing.
const MARK_COOKIE: &str = "mj_mark";
const MARK_LIFE: time::Duration = time::Duration::days(365);

/// What the gate found out about a request before any handler ran.
#[derive(Debug, Clone)]
pub struct Visit {
    pub actor: Option<Actor>,
    pub request_id: String,
    pub now: DateTime<Utc>,
    /// Signed in by cookie, so that forms must carry the token.
    pub by_cookie: bool,
    pub csrf: String,
    /// What a machine user's key is for; `None` for people.
    pub actions: Option<Vec<Action>>,
    /// Whether the session of a token has ended could not be asked: nobody is let in, and nobody is told to sign in.
    pub unknown: bool,
}

/// The signed-in caller; 401 when nobody is signed in.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request))
    }
}

fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let visit = request.extensions().get::<Visit>().cloned().ok_or_else(Problem::unauthorized)?;
    let actor = visit.actor.ok_or_else(Problem::unauthorized)?;
    Ok(Caller { actor, request_id: visit.request_id, now: visit.now })
}

/// The token that forms of a session carry; it cannot be made without the service's secret.
pub fn csrf_token(secrets: &Secrets, session: &str) -> String {
    hex::encode(&keyed_hash(&secrets.derive("csrf:1"), &[session.as_bytes()])[..16])
}

/// Finds the actor of a request. A browser whose access token has run out is given a new pair on the way.
pub(super) async fn visit(request: &ServiceRequest, state: &AppState, request_id: String) -> (Visit, Option<SignedIn>) {
    let now = state.clock.now();
    let mut visit =
        Visit { actor: None, request_id, now, by_cookie: false, csrf: String::new(), actions: None, unknown: false };
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        acting(state, token.trim(), &mut visit).await;
        return (visit, None);
    }
    let mut renewed = None;
    if let Some(access) = request.cookie(ACCESS_COOKIE) {
        acting(state, access.value(), &mut visit).await;
    }
    if visit.actor.is_none()
        && !visit.unknown
        && let Some(refresh) = request.cookie(REFRESH_COOKIE)
    {
        renewed = renew(state, refresh.value(), &mut visit).await;
    }
    if let Some(actor) = &visit.actor {
        visit.by_cookie = true;
        visit.csrf = csrf_token(&state.secrets, &actor.session);
    }
    (visit, renewed)
}

/// What signing in keeps in a browser besides the session; each is a secret of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepsake {
    /// The token of the step that the visitor is in the middle of.
    Step,
    /// The token that says that the one signed in has just shown who they are.
    Fresh,
    /// For whom this browser is a known one.
    Device,
}

impl Keepsake {
    const fn name(self) -> &'static str {
        match self {
            Keepsake::Step => "mj_step",
            Keepsake::Fresh => "mj_fresh",
            Keepsake::Device => "mj_device",
        }
    }

    /// What the browser has kept.
    pub fn of(self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.name()).map(|cookie| cookie.value().to_owned())
    }

    /// The cookie that keeps a value; an empty one removes it.
    pub fn keep(self, state: &AppState, value: String) -> Cookie<'static> {
        let life = match self {
            Keepsake::Step | Keepsake::Fresh => sign_in::STEP_LIFE,
            Keepsake::Device => device::LIFE,
        };
        let gone = value.is_empty();
        let mut cookie = Cookie::build(self.name(), value)
            .path("/")
            .http_only(true)
            .secure(state.is_secure())
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(life.num_seconds()))
            .finish();
        if gone {
            cookie.make_removal();
        }
        cookie
    }
}

/// Who an access token says is acting, if its session is still open.
async fn acting(state: &AppState, token: &str, visit: &mut Visit) {
    let Ok(actor) = state.tokens.check(token, visit.now) else { return };
    match sessions::commands::is_open(&state.pools, &state.tokens, &actor, visit.now).await {
        Ok(true) => visit.actor = Some(actor),
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(%error, "whether a session has ended could not be asked");
            visit.unknown = true;
        }
    }
}

/// Who a refresh token says goes on, with a new pair of tokens.
async fn renew(state: &AppState, token: &str, visit: &mut Visit) -> Option<SignedIn> {
    let (pools, tokens, grace) = (&state.pools, &state.tokens, commands::BROWSER_GRACE);
    match commands::refresh(pools, tokens, token, grace, &visit.request_id, visit.now).await {
        Ok(signed_in) => {
            visit.actor = Some(signed_in.actor.clone());
            Some(signed_in)
        }
        Err(SignInError::Db(error)) => {
            tracing::warn!(%error, "whether a session goes on could not be asked");
            visit.unknown = true;
            None
        }
        Err(_) => None,
    }
}

fn agent(request: &HttpRequest) -> &str {
    request.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The browser that a person signs in with; it gets a lasting mark if it has none.
pub(super) fn browser(request: &HttpRequest, state: &AppState) -> Device {
    let own = request.cookie(MARK_COOKIE).map(|cookie| cookie.value().to_owned());
    let mark = own.filter(|mark| mark.len() == 32).unwrap_or_else(|| hex::encode(random::<16>()));
    Device::new(agent(request), Some(client::address(request, &state.service.trusted_proxies)), Some(mark))
}

/// The program that signs in over the API.
pub(super) fn program(request: &HttpRequest, state: &AppState) -> Device {
    Device::new(agent(request), Some(client::address(request, &state.service.trusted_proxies)), None)
}

/// The cookies that keep a browser signed in: not readable by scripts, not sent from other sites' forms.
pub fn cookies(state: &AppState, signed_in: &SignedIn) -> Vec<Cookie<'static>> {
    let secure = state.is_secure();
    let seconds = |life: chrono::Duration| time::Duration::seconds(life.num_seconds());
    let cookie = |name: &'static str, value: String, life| {
        Cookie::build(name, value)
            .path("/")
            .http_only(true)
            .secure(secure)
            .same_site(SameSite::Lax)
            .max_age(life)
            .finish()
    };
    let mut cookies = vec![cookie(ACCESS_COOKIE, signed_in.access.clone(), seconds(ACCESS_LIFE))];
    if let Some(refresh) = &signed_in.refresh {
        cookies.push(cookie(REFRESH_COOKIE, refresh.clone(), seconds(SESSION_LIFE)));
    }
    if let Some(mark) = &signed_in.mark {
        cookies.push(cookie(MARK_COOKIE, mark.clone(), MARK_LIFE));
    }
    cookies
}

/// Cookies that remove those of [`cookies`].
pub fn removal_cookies() -> Vec<Cookie<'static>> {
    [ACCESS_COOKIE, REFRESH_COOKIE]
        .map(|name| {
            let mut cookie = Cookie::build(name, "").path("/").http_only(true).finish();
            cookie.make_removal();
            cookie
        })
        .into()
}
