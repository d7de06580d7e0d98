//! Requests that a machine user signed: on the bank's own route, and on every route of the API that its key is for.

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
    http::StatusCode,
    web,
};

use super::{Access, AppState, Problem, extract, session::Visit};
use crate::identity::{
    Action,
    machine::{self, Machine, Recognised, SignatureError, Signed},
};

/// The header that names the key.
const KEY: &str = "x-mj-key";
/// Largest body of a signed request but for the bank's, whose limit is that of an upload.
const BODY_MAX: usize = 8 << 20;

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Problem {
        match error {
            SignatureError::NonceUsed => Problem::conflict(
                "bank/nonce-used",
                "随机串（X-Mj-Nonce）已用过。每次请求请换新的并重新签名。",
                "The nonce has been used. Sign each request with a new one.",
            ),
            SignatureError::Db(error) => error.into(),
            SignatureError::Refused | SignatureError::Forged(_) | SignatureError::NonceShape => Problem::new(
                StatusCode::UNAUTHORIZED,
                "bank/signature",
                "签名、密钥、时间戳或随机串不对。请核对 X-Mj-Key、X-Mj-Timestamp（与北京时间相差不超过 300 秒）、X-Mj-Nonce（16 至 64 字符）和签名内容。",
                "Signature, key, timestamp or nonce is not right. Check X-Mj-Key, X-Mj-Timestamp (within 300 seconds), X-Mj-Nonce (16 to 64 characters) and what was signed.",
            ),
        }
    }
}

/// The headers of a signed request.
fn headers(request: &HttpRequest) -> Signed<'_> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Signed {
        key: header(KEY),
        timestamp: header("x-mj-timestamp"),
        nonce: header("x-mj-nonce"),
        signature: header("x-mj-signature"),
        method: request.method().as_str(),
        path: request.uri().path_and_query().map_or("", |path| path.as_str()),
    }
}

/// Who signed a request, and its body, all of which is taken in because its digest is signed.
pub async fn machine(
    request: &HttpRequest,
    state: &AppState,
    payload: Payload,
    limit: usize,
) -> Result<(Machine, Vec<u8>), Problem> {
    push(request, state, payload, limit).await?.map_err(|forged| SignatureError::Forged(forged.by).into())
}

/// A request under a valid key that another secret signed.
#[derive(Debug)]
pub struct Forged {
    pub by: Box<Recognised>,
    /// What nobody vouches for.
    pub body: Vec<u8>,
}

/// The same for a bank's push, of which it is told apart who forged one.
pub async fn push(
    request: &HttpRequest,
    state: &AppState,
    payload: Payload,
    limit: usize,
) -> Result<Result<(Machine, Vec<u8>), Forged>, Problem> {
    let now = state.clock.now();
    let recognised = machine::recognise(&state.pools, &state.secrets, headers(request), now).await?;
    let body = extract::body(payload, limit).await?;
    match machine::authenticate(&state.pools, &state.nonces, recognised, headers(request), &body, now).await {
        Ok(machine) => Ok(Ok((machine, body))),
        Err(SignatureError::Forged(by)) => Ok(Err(Forged { by, body })),
        Err(error) => Err(error.into()),
    }
}

/// Whether a request is signed and its route is one that a key can be for.
pub(super) fn is_signed(request: &ServiceRequest, access: Access, api: bool) -> bool {
    api && matches!(access, Access::May(_)) && request.headers().contains_key(KEY)
}

/// Finds out who signed a request, for the gate and the handler; the body is put back.
pub(super) async fn visit(request: &mut ServiceRequest) -> Result<(), Problem> {
    let state = request.app_data::<web::Data<AppState>>().cloned().ok_or_else(Problem::internal)?;
    let payload = request.take_payload();
    let (machine, body) = machine(request.request(), &state, payload, BODY_MAX).await?;
    request.set_payload(Payload::from(web::Bytes::from(body)));
    let mut extensions = request.extensions_mut();
    let visit = extensions.get_mut::<Visit>().ok_or_else(Problem::internal)?;
    visit.actions = Some(machine.actions());
    visit.actor = Some(machine.actor);
    (visit.by_cookie, visit.csrf) = (false, String::new());
    Ok(())
}

/// Whether the key of a visit, if it is a machine's, is for this action.
pub(super) fn allows(visit: &Visit, action: Action) -> bool {
    visit.actions.as_ref().is_none_or(|actions| actions.contains(&action))
}
