//! The way to a provider and back.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time},
    http::StatusCode,
    web,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use serde::Deserialize;

use super::{
    commands::{self, AdmitError},
    flow::{FlowError, Pending, Returned},
    settings,
    store::{self, Provider},
};
use crate::{
    db::{DbError, Pools},
    identity::sign_in::Visitor,
    web::{
        Access, Problem, Query, Route, auth,
        page::{State, see_other},
        session, sign_in,
    },
};

/// Holds what must be the same when the person comes back.
const COOKIE: &str = "mj_oidc";
const COOKIE_PATH: &str = "/login/oidc";
/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::minutes(10);

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/login/oidc/{region}/{provider}", Access::Anyone, || web::get().to(leave)),
        Route::get("/login/oidc/{region}/{provider}/callback", Access::Anyone, || web::get().to(come_back)),
    ]
}

/// One way in on the sign-in page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    pub href: String,
    /// The provider as people know it.
    pub name: String,
}

/// The ways in by providers; none when they cannot be read, because signing in by password does without.
pub async fn ways_in(pools: &Pools, next: &str) -> Vec<WayIn> {
    let read = async {
        let mut conn = pools.auth().get().await?;
        store::providers(&mut conn).await
    };
    let providers = read.await.unwrap_or_else(|error: DbError| {
        tracing::warn!(%error, "identity providers could not be read");
        Vec::new()
    });
    let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC).to_string();
    let way = |provider: Provider| WayIn {
        href: format!("{COOKIE_PATH}/{:06}/{}?next={next}", provider.tenant_id, provider.id),
        name: provider.name,
    };
    providers.into_iter().map(way).collect()
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Problem {
        tracing::warn!(%error, "a sign-in by an identity provider did not succeed");
        match error {
            FlowError::Settings(_) | FlowError::Provider(_) => Problem::new(
                StatusCode::BAD_GATEWAY,
                "oidc/provider",
                "统一身份认证系统没有正常应答，没有登录。请稍后再试；一直这样请告诉系统管理员。",
                "The identity provider did not answer as it should, so you are not signed in. Try again shortly, and tell the administrator if it lasts.",
            ),
            FlowError::Refused(_) => Problem::new(
                StatusCode::BAD_REQUEST,
                "oidc/refused",
                "统一身份认证没有完成，没有登录。请返回登录页重新开始。",
                "Signing in at the identity provider was not completed. Go back to the sign-in page and begin again.",
            ),
            FlowError::Mismatch(_) => Problem::new(
                StatusCode::BAD_REQUEST,
                "oidc/mismatch",
                "这次登录已过期，或不是从本浏览器开始的，没有登录。请返回登录页重新开始。",
                "This sign-in has run out or was not begun in this browser, so you are not signed in. Go back to the sign-in page and begin again.",
            ),
        }
    }
}

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Problem {
        match error {
            AdmitError::Unmapped => Problem::new(
                StatusCode::FORBIDDEN,
                "oidc/unmapped",
                "统一身份认证通过了，但您的身份还没有对应到明鉴的岗位。请联系本单位管理员，在统一身份系统里为您加上相应的组或岗位。",
                "The identity provider knows you, but nothing there corresponds to a post here. Ask your administrator to add you to the right group at the provider.",
            ),
            AdmitError::Disabled => Problem::new(
                StatusCode::FORBIDDEN,
                "oidc/disabled",
                "您在明鉴的岗位已停用。请联系本单位管理员。",
                "Your post here has been disabled. Ask your administrator.",
            ),
            AdmitError::SignIn(error) => error.into(),
            AdmitError::Db(error) => error.into(),
        }
    }
}

async fn provider(state: &State, path: &(String, String)) -> Result<Provider, Problem> {
    let tenant: i32 = path.0.parse().map_err(|_| Problem::not_found())?;
    let mut conn = state.pools.auth().get().await.map_err(DbError::from)?;
    store::provider(&mut conn, tenant, &path.1).await?.ok_or_else(Problem::not_found)
}

fn label(provider: &Provider) -> String {
    format!("oidc-pending:{}:{}", provider.tenant_id, provider.id)
}

#[derive(Debug, Deserialize)]
struct LeaveQuery {
    #[serde(default)]
    next: String,
}

async fn leave(
    state: State,
    path: web::Path<(String, String)>,
    query: Query<LeaveQuery>,
) -> Result<HttpResponse, Problem> {
    let provider = provider(&state, &path).await?;
    let client = settings::client(&state.secrets, state.public_url(), &provider)
        .map_err(|error| FlowError::Settings(error.to_string()))?;
    let next = sign_in::safe_next(&query.next).unwrap_or_default().to_owned();
    let (address, pending) = state.oidc.begin(&client, next, state.clock.now() + PATIENCE).await?;
    let plain = serde_json::to_vec(&pending).map_err(|_| Problem::internal())?;
    let sealed = state.secrets.seal(&label(&provider), &plain).map_err(|_| Problem::internal())?;
    let cookie = cookie(&state, URL_SAFE_NO_PAD.encode(sealed));
    let mut response = see_other(&address);
    response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    Ok(response)
}

/// Lax, because the browser comes back from another site, by a link and nothing else.
fn cookie(state: &State, value: String) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path(COOKIE_PATH)
        .http_only(true)
        .secure(state.is_secure())
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(PATIENCE.num_seconds()))
        .finish()
}

async fn come_back(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    path: web::Path<(String, String)>,
    query: Query<Returned>,
) -> Result<HttpResponse, Problem> {
    let provider = provider(&state, &path).await?;
    let opened = request.cookie(COOKIE).and_then(|cookie| {
        let sealed = URL_SAFE_NO_PAD.decode(cookie.value()).ok()?;
        let plain = state.secrets.open(&label(&provider), &sealed).ok()?;
        serde_json::from_slice::<Pending>(&plain).ok()
    });
    let pending = opened.ok_or_else(|| FlowError::Mismatch("no sign-in was begun in this browser".to_owned()))?;
    let client = settings::client(&state.secrets, state.public_url(), &provider)
        .map_err(|error| FlowError::Settings(error.to_string()))?;
    let identity = state.oidc.finish(&client, &pending, &query, visitor.now).await?;
    let signed_in = commands::sign_in(&state.pools, &state.tokens, &provider, &identity, visitor).await?;
    let target = sign_in::safe_next(&pending.next).unwrap_or(auth::home(&signed_in.actor));
    let mut response = see_other(target);
    for cookie in session::cookies(&state, &signed_in) {
        response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    }
    let mut spent = cookie(&state, String::new());
    spent.make_removal();
    response.add_cookie(&spent).map_err(|_| Problem::internal())?;
    Ok(response)
}
