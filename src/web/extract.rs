//! What handlers take from a request, with errors that say what to mend.

use std::{future::Future, ops::Deref, pin::Pin};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::StatusCode, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::{Problem, gate::cross_site, session::Visit};

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// Largest form or JSON body in bytes; files come by [`Upload`](super::upload::Upload).
const BODY_MAX: usize = 8 << 20;
/// The same for whoever is not signed in.
const STRANGERS_BODY_MAX: usize = 64 << 10;

fn body_max(request: &HttpRequest) -> usize {
    let known = request.extensions().get::<Visit>().is_some_and(|visit| visit.actor.is_some());
    if known { BODY_MAX } else { STRANGERS_BODY_MAX }
}

/// The character U+0000 is text to nobody, and the database does not keep it.
pub(super) fn without_nul(path: &str, text: &str) -> Result<(), Problem> {
    if !text.contains('\0') {
        return Ok(());
    }
    Err(Problem::invalid(vec![super::FieldError::new(
        path,
        "NUL",
        "含有不可见的空字符（U+0000），请删去后重试。",
        "holds the character U+0000; take it out and try again",
    )]))
}

/// The whole body, up to `limit` bytes.
pub async fn body(payload: Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut payload = payload;
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|e| Problem::bad_request(format!("请求在中途断开：{e}"), format!("the request broke off: {e}")))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// 413, with the limit.
pub fn too_large(limit: usize) -> Problem {
    let size = if limit < 1 << 20 { format!("{} KiB", limit >> 10) } else { format!("{} MiB", limit >> 20) };
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("内容超过 {size} 的上限。请拆分后再传。"),
        format!("More than the limit of {size}; split it and send the parts."),
    )
}

/// A form with the token of a session that has ended since keeps what was typed, if the browser itself says that it
/// comes from our own page: the one signed in sees it and sends it once more.
fn too_old(request: &HttpRequest, problem: Problem, form: &SafeForm) -> Problem {
    let header = request.headers().get("sec-fetch-site").map(|value| value.as_bytes());
    if header != Some(b"same-origin") || form.get("_csrf").is_empty() {
        return problem;
    }
    let kept = form.0.iter().filter(|(name, _)| name != "_csrf").cloned().collect();
    let mut problem = Problem::new(
        StatusCode::FORBIDDEN,
        "form-too-old",
        "打开这个页面之后重新登录过，刚才没有提交。",
        "You have signed in again since this page was opened, so it was not submitted.",
    );
    problem.kept = kept;
    problem
}

/// Refuses a form of a cookie session that lacks its token.
pub(super) fn check_csrf(request: &HttpRequest, token: Option<&str>) -> Result<(), Problem> {
    let extensions = request.extensions();
    let Some(visit) = extensions.get::<Visit>().filter(|visit| visit.by_cookie) else { return Ok(()) };
    let right = token.is_some_and(|token| bool::from(token.as_bytes().ct_eq(visit.csrf.as_bytes())));
    if right { Ok(()) } else { Err(cross_site()) }
}

/// A submitted form, after its `_csrf` was found right. Fields in the order of the page; names may repeat.
#[derive(Debug, Clone, Default)]
pub struct SafeForm(Vec<(String, String)>);

impl SafeForm {
    /// A form of these fields.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> SafeForm {
        SafeForm(pairs)
    }

    /// The first value of a field, trimmed; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All values of a field, trimmed.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim()).collect()
    }

    /// The value as it was typed, not trimmed (passwords).
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// All fields.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl FromRequest for SafeForm {
    type Error = Problem;
    type Future = Extracting<SafeForm>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body(payload, body_max(&request)).await?;
            let pairs: Vec<(String, String)> = form_urlencoded::parse(&bytes).into_owned().collect();
            pairs.iter().try_for_each(|(name, value)| without_nul(name, value))?;
            let form = SafeForm(pairs);
            check_csrf(&request, Some(form.get("_csrf"))).map_err(|problem| too_old(&request, problem, &form))?;
            Ok(form)
        })
    }
}

/// A JSON body; unknown fields are refused where the type says so, and the error names the JSON path.
#[derive(Debug, Clone)]
pub struct Input<T>(pub T);

impl<T> Deref for Input<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Input<T> {
    type Error = Problem;
    type Future = Extracting<Input<T>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_csrf(&request, request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok()))?;
            let bytes = body(payload, body_max(&request)).await?;
            from_json(&bytes).map(Input)
        })
    }
}

/// Reads a JSON body that was taken as bytes (signed requests need those).
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        Problem::bad_request(
            format!("JSON 在 {path} 处无法读取：{reason}"),
            format!("the JSON cannot be read at {path}: {reason}"),
        )
        .with_errors(vec![super::FieldError::new(&path, "json", format!("无法读取：{reason}"), reason)])
    })?;
    reader.end().map_err(|e| {
        Problem::bad_request(format!("JSON 之后还有内容：{e}"), format!("something follows the JSON value: {e}"))
    })?;
    if memchr::memmem::find(bytes, br"\u0000").is_some() {
        without_nul("$", "\0")?;
    }
    Ok(value)
}

/// The query of an address; a value that cannot be read is a 400 that says so.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Query<T>, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(match web::Query::<T>::from_query(request.query_string()) {
            Ok(query) => form_urlencoded::parse(request.query_string().as_bytes())
                .try_for_each(|(name, value)| without_nul(&name, &value))
                .map(|()| Query(query.into_inner())),
            Err(error) => Err(Problem::bad_request(
                format!("网址参数无法读取：{error}"),
                format!("the query cannot be read: {error}"),
            )),
        })
    }
}
