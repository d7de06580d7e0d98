//! What happens to every request before and after its handler: who is visiting, may they, and how the answer leaves.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};

use serde_json::json;
use tracing::Instrument;

use super::{Access, AppState, Problem, client, extract, once, page, routes::Route, session, signed};
use crate::{db::DbError, identity::may, secrets::random};

/// The scripts, styles and pictures of a page come from here and nowhere else; nothing inline runs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who may call each method of one path. It is asked by the resource that routing chose, so that no way of writing the
/// path gets around it.
#[derive(Debug, Clone)]
pub struct AccessTable {
    methods: Arc<HashMap<Method, Access>>,
    /// Whether the path is one of the API. The route says so: a request may write its path in many ways.
    api: bool,
}

impl AccessTable {
    /// The table of the routes of one path.
    pub fn new<'a>(routes: impl Iterator<Item = &'a Route> + Clone) -> AccessTable {
        AccessTable {
            api: routes.clone().any(Route::is_api),
            methods: Arc::new(routes.map(|route| (route.method.clone(), route.access)).collect()),
        }
    }
}

/// Lets a request through to its handler, or refuses it. A method that the path does not have is 405.
pub async fn enforce(
    table: AccessTable,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(access) = table.methods.get(request.method()).copied()
        && signed::is_signed(&request, access, table.api)
        && let Err(problem) = signed::visit(&mut request).await
    {
        return Ok(request.error_response(problem));
    }
    // No name of anything holds the character U+0000, and no statement to the database may.
    let refused = match table.methods.get(request.method()) {
        Some(_) if request.path().contains("%00") => Some(Problem::not_found()),
        Some(access) => refusal(&request, *access, table.api),
        None => Some(no_such_method(&table)),
    };
    match refused {
        Some(problem) => {
            // By its pattern, because a path may name somebody.
            let route = request.match_pattern().unwrap_or_default();
            tracing::info!(status = problem.status.as_u16(), kind = problem.kind, method = %request.method(), route, "refused");
            Ok(request.error_response(problem))
        }
        None => match once::key_of(&request).filter(|_| table.api) {
            Some(key) => once::once(key, request, next).await,
            None => next.call(request).await,
        },
    }
}

/// To who asks too fast: a few bytes, because there may be very many of them.
fn answer_fast(wait: std::time::Duration) -> actix_web::HttpResponse {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX - 1);
    actix_web::ResponseError::error_response(&Problem::too_many(chrono::Duration::seconds(seconds)))
}

fn no_such_method(table: &AccessTable) -> Problem {
    let mut methods: Vec<&str> = table.methods.keys().map(Method::as_str).collect();
    methods.sort_unstable();
    let methods = methods.join(", ");
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!("这个地址只接受 {methods}。"),
        format!("This address takes {methods} only."),
    )
}

/// The middleware.
pub async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return Err(Problem::internal().into());
    };
    let request_id = hex::encode(random::<8>());
    if !request.path().starts_with("/static/")
        && let Err(wait) = state.pace.check(client::address(request.request(), &state.service.trusted_proxies))
    {
        return Ok(leave(request.into_response(answer_fast(wait)), &state, &request_id));
    }
    // HEAD is GET without the body, which the server leaves out by itself.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    // Files and public answers of the API need nobody; finding out who it is would only cost time. Whatever is reached
    // without a visitor is reached as nobody.
    let plain = request.path().starts_with("/static/") || request.path().starts_with("/api/v1/public/");
    let mut renewed = None;
    if !plain {
        let (visit, fresh) = session::visit(&request, &state, request_id.clone()).await;
        request.extensions_mut().insert(visit);
        renewed = fresh;
    }
    // The request may not be held across the call: routing writes its match into it.
    let span = tracing::error_span!("request", id = %request_id);
    let mut response = pages_for_people(next.call(request).instrument(span).await?.map_into_boxed_body(), &request_id);
    if let Some(signed_in) = renewed {
        for cookie in session::cookies(&state, &signed_in) {
            let _ = response.response_mut().add_cookie(&cookie);
        }
    }
    Ok(leave(response, &state, &request_id))
}

/// Why a request goes no further.
fn refusal(request: &ServiceRequest, access: Access, api: bool) -> Option<Problem> {
    let extensions = request.extensions();
    let visit = extensions.get::<session::Visit>();
    let actor = visit.and_then(|visit| visit.actor.as_ref());
    let bearer = request.headers().contains_key("authorization");
    let signed = visit.is_some_and(|visit| visit.actions.is_some());
    if !request.method().is_safe() && !bearer && !signed && access != Access::Machine {
        if !same_site(request) {
            return Some(cross_site());
        }
        // Forms carry the token among their fields, where whoever reads the form looks at it.
        let token = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
        if api && let Err(problem) = extract::check_csrf(request.request(), token) {
            return Some(problem);
        }
    }
    if visit.is_some_and(|visit| visit.unknown) && !matches!(access, Access::Anyone | Access::Machine) {
        return Some(DbError::Pool("whether a session has ended could not be asked".to_owned()).into());
    }
    match access {
        Access::Anyone | Access::Machine => None,
        Access::SignedIn => actor.is_none().then(Problem::unauthorized),
        Access::May(action) | Access::Official(action) => match actor {
            None => Some(Problem::unauthorized()),
            Some(actor) if matches!(access, Access::Official(_)) && actor.role.is_institution() => {
                Some(Problem::forbidden())
            }
            Some(actor) if may(actor.role, action) && visit.is_some_and(|visit| signed::allows(visit, action)) => None,
            Some(_) => Some(Problem::forbidden()),
        },
    }
}

/// Refuses what a browser says another site sent (Fetch metadata, then Origin). Programs send neither.
fn same_site(request: &ServiceRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (header("origin"), header("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        _ => true,
    }
}

/// 403: the form did not come from our own page.
pub(super) fn cross_site() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "这份表单不是从本系统的页面发出的，或页面已过期。请返回、刷新页面后再提交。",
        "This form did not come from a page of this service, or the page is too old. Go back, reload and submit again.",
    )
}

fn from_actix(error: &Error) -> Problem {
    let status = error.as_response_error().status_code();
    if status.is_server_error() {
        tracing::error!(%error, "unhandled error");
        return Problem::internal();
    }
    if status == StatusCode::NOT_FOUND {
        return Problem::not_found();
    }
    Problem::new(
        status,
        "bad-request",
        "请求无法读取，请核对后重试。",
        "The request could not be read; check it and try again.",
    )
}

/// A problem as a page where a browser asked for a page, as a document elsewhere. Who is not signed in is sent to sign in.
fn answer_problem(request: HttpRequest, problem: &Problem, request_id: &str) -> ServiceResponse<BoxBody> {
    if request.path().starts_with("/api/") || request.path().ends_with("/events") {
        let problem = problem.clone().with_more(json!({"instance": format!("{}#{request_id}", request.path())}));
        let response = actix_web::ResponseError::error_response(&problem);
        return ServiceResponse::new(request, response);
    }
    if problem.kind == "unauthorized" && request.method().is_safe() {
        let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
        let next = percent_encoding::utf8_percent_encode(here, percent_encoding::NON_ALPHANUMERIC);
        let response = page::see_other(&format!("/login?next={next}"));
        return ServiceResponse::new(request, response);
    }
    let response = page::problem_page(&request, problem, request_id);
    ServiceResponse::new(request, response)
}

/// Errors that handlers answered as documents become pages where a person looks.
fn pages_for_people(response: ServiceResponse<BoxBody>, request_id: &str) -> ServiceResponse<BoxBody> {
    let problem = response
        .response()
        .error()
        .map(|error| error.as_error::<Problem>().cloned().unwrap_or_else(|| from_actix(error)));
    match problem {
        Some(problem) => answer_problem(response.request().clone(), &problem, request_id),
        None => response,
    }
}

/// What every answer has on its way out: its headers, and its place in the count.
fn leave(mut response: ServiceResponse<BoxBody>, state: &AppState, request_id: &str) -> ServiceResponse<BoxBody> {
    metrics::counter!("http_requests_total", "status" => response.status().as_u16().to_string()).increment(1);
    let headers = response.headers_mut();
    if state.is_secure() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(HeaderName::from_static("strict-transport-security"), year);
    }
    // A file that somebody sent has a stricter one of its own.
    if !headers.contains_key("content-security-policy") {
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        headers.insert(HeaderName::from_static("content-security-policy"), policy);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key("cache-control") {
        headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
