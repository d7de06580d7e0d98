//! `Idempotency-Key`: a write of the API that is sent again with the same key is not done again, and reads the same.
//!
//! An answer is kept for a day, for the one who asked. The key goes with the request's digest: the same key on another
//! request is refused. Between the write's commit and the keeping of its answer the process may die; then a repeat is
//! judged by the command itself, which refuses what is done already (409).

mod store;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use sha2::{Digest, Sha256};

pub use store::sweep;
use store::{Kept, keep, kept};

use super::{AppState, FieldError, Problem, extract, session::Visit};
use crate::identity::Actor;

/// Put on an answer that must not be kept, because it shows personal data in the clear: a repeat is done again.
#[derive(Debug, Clone, Copy)]
pub struct NotKept;

/// Name of the header.
pub const HEADER: &str = "idempotency-key";
const KEY_MAX: usize = 128;
/// Requests with a key are held in memory; files of this size and more are told apart by their entries instead.
const BODY_MAX: usize = 8 << 20;

/// The keys of writes that are under way in this process.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<(i32, i64, String)>>>);

/// Holds a key until the write is over, however it ends.
struct Held {
    keys: UnderWay,
    key: (i32, i64, String),
}

impl UnderWay {
    fn hold(&self, actor: &Actor, key: &str) -> Option<Held> {
        let key = (actor.tenant, actor.user_id, key.to_owned());
        let fresh = self.0.lock().is_ok_and(|mut keys| keys.insert(key.clone()));
        fresh.then(|| Held { keys: self.clone(), key })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(mut keys) = self.keys.0.lock() {
            keys.remove(&self.key);
        }
    }
}

/// The key of a write.
pub(super) fn key_of(request: &ServiceRequest) -> Option<HeaderValue> {
    request.headers().get(HEADER).filter(|_| !request.method().is_safe()).cloned()
}

/// Lets the write through once; after that its first answer stands.
pub(super) async fn once(
    key: HeaderValue,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let actor = request.extensions().get::<Visit>().and_then(|visit| visit.actor.clone());
    let (Some(actor), Some(state)) = (actor, request.app_data::<web::Data<AppState>>().cloned()) else {
        return next.call(request).await;
    };
    let Some(key) = readable(&key) else { return Ok(request.error_response(unreadable_key())) };
    // Machine users have no number of their own; the name of the key keeps their keys apart.
    let key = if actor.user_id == 0 { format!("{}:{key}", actor.session) } else { key };
    let Some(held) = state.under_way.hold(&actor, &key) else { return Ok(request.error_response(under_way())) };
    let body = match extract::body(request.take_payload(), BODY_MAX).await {
        Ok(body) => body,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let digest = digest(&request, &body);
    request.set_payload(Payload::from(web::Bytes::from(body)));
    match kept(&state.pools, &actor, &key).await {
        Ok(Some(before)) if before.request == digest => return Ok(request.into_response(replay(&before))),
        Ok(Some(_)) => return Ok(request.error_response(another_request())),
        Ok(None) => {}
        Err(error) => return Ok(request.error_response(Problem::from(error))),
    }
    let now = state.clock.now();
    let response = next.call(request).await?;
    let status = response.status();
    let may_be_kept = !response.response().extensions().contains::<NotKept>();
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body).await.map_err(|_| Problem::internal())?;
    if status.is_success() && may_be_kept {
        let answer = serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null);
        let kept = Kept { request: digest, status: i32::from(status.as_u16()), answer };
        if let Err(error) = keep(&state.pools, &actor, &key, &kept, now).await {
            tracing::warn!(%error, "the answer to a write with an idempotency key was not kept");
        }
    }
    drop(held);
    Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(bytes))))
}

fn readable(key: &HeaderValue) -> Option<String> {
    let text = key.to_str().ok()?;
    let fine = (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| text.to_owned())
}

fn digest(request: &ServiceRequest, body: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(format!("{} {}\n", request.method(), request.uri()));
    digest.update(body);
    digest.finalize().to_vec()
}

fn replay(before: &Kept) -> HttpResponse {
    let status = u16::try_from(before.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::OK));
    response.insert_header((HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true")));
    if before.answer.is_null() { response.finish() } else { response.json(&before.answer) }
}

fn unreadable_key() -> Problem {
    Problem::invalid(vec![FieldError::new(
        HEADER,
        "IDEMPOTENCY-KEY",
        "Idempotency-Key 须为 1 至 128 个可见 ASCII 字符",
        "an Idempotency-Key has 1 to 128 visible ASCII characters",
    )])
}

fn another_request() -> Problem {
    Problem::invalid(vec![FieldError::new(
        HEADER,
        "IDEMPOTENCY-KEY",
        "这个 Idempotency-Key 已用于另一请求，请换一个",
        "this Idempotency-Key was used for another request; take a new one",
    )])
}

fn under_way() -> Problem {
    Problem::conflict(
        "idempotency-under-way",
        "同一 Idempotency-Key 的请求正在办理，请稍后再查。",
        "A request with this Idempotency-Key is under way; ask again shortly.",
    )
}
