//! Machine users (banks): keys and signed requests.
//!
//! The signature is HMAC-SHA256 over timestamp, nonce, method, path with query and the body's SHA-256, a line each.

use chrono::{DateTime, Duration, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Actor, Caller, Role, store};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools},
    kernel::RegionCode,
    secrets::{Secrets, keyed_hash, random},
};

/// How far a request's timestamp may be from the service's clock.
const SKEW_MAX: Duration = Duration::seconds(300);
/// How long a nonce is remembered: longer than a signed request can stay fresh.
const NONCE_LIFE: Duration = Duration::minutes(10);
/// How long a key is good.
const KEY_LIFE: Duration = Duration::days(365);

/// The headers of a signed request, as sent.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub key: &'a str,
    pub timestamp: &'a str,
    pub nonce: &'a str,
    pub signature: &'a str,
    pub method: &'a str,
    /// With the query.
    pub path: &'a str,
}

/// Why a signed request is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("the key, the signature or the timestamp is not right")]
    Refused,
    #[error("a nonce has 16 to 64 characters")]
    NonceShape,
    #[error("the nonce has been used; sign each request with a new one")]
    NonceUsed,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The signature of a request under `secret`, in lower-case hex.
pub fn signature(secret: &[u8], timestamp: &str, nonce: &str, method: &str, path: &str, body: &[u8]) -> String {
    let head = format!("{timestamp}\n{nonce}\n{method}\n{path}\n{}", hex::encode(Sha256::digest(body)));
    hex::encode(keyed_hash(secret, &[head.as_bytes()]))
}

fn tenant_of(key: &str) -> Option<i32> {
    key.strip_prefix("mjk-")?.split('-').next()?.parse().ok()
}

/// A key that is known, with its secret: what is found out before the body is read.
#[derive(Debug)]
pub struct Recognised {
    tenant: i32,
    key: String,
    name: String,
    role: Role,
    secret: Vec<u8>,
}

/// Looks at the headers alone: an unknown key, a stale timestamp or a nonce of another length is refused before anything
/// of the body is taken in.
pub async fn recognise(
    pools: &Pools,
    secrets: &Secrets,
    head: Signed<'_>,
    now: DateTime<Utc>,
) -> Result<Recognised, SignatureError> {
    if !(16..=64).contains(&head.nonce.len()) {
        return Err(SignatureError::NonceShape);
    }
    let sent_at = head.timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    if sent_at.is_none_or(|sent_at| (now - sent_at).abs() > SKEW_MAX) {
        return Err(SignatureError::Refused);
    }
    let tenant = tenant_of(head.key).ok_or(SignatureError::Refused)?;
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let key = store::machine_key(&mut conn, tenant, head.key, now).await?.ok_or(SignatureError::Refused)?;
    Ok(Recognised {
        tenant,
        key: head.key.to_owned(),
        role: key.role.parse().map_err(|_| SignatureError::Refused)?,
        secret: secrets.open(head.key, &key.sealed_secret).map_err(|_| SignatureError::Refused)?,
        name: key.name,
    })
}

/// Who signed the request; uses its nonce up.
pub async fn authenticate(
    pools: &Pools,
    recognised: Recognised,
    request: Signed<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Actor, SignatureError> {
    let expected = signature(&recognised.secret, request.timestamp, request.nonce, request.method, request.path, body);
    if !bool::from(expected.as_bytes().ct_eq(request.signature.as_bytes())) {
        return Err(SignatureError::Refused);
    }
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    if !store::use_nonce(&mut conn, recognised.tenant, &recognised.key, request.nonce, now, now - NONCE_LIFE).await? {
        return Err(SignatureError::NonceUsed);
    }
    Ok(Actor {
        display_name: recognised.name,
        role: recognised.role,
        session: recognised.key,
        ..Actor::system(recognised.tenant)
    })
}

/// Makes a key for a machine user; the secret is returned here and nowhere else.
pub async fn add_key(
    pools: &Pools,
    secrets: &Secrets,
    region: RegionCode,
    role: Role,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(String, String), DbError> {
    let key = format!("mjk-{}-{}", region.tenant_id(), hex::encode(random::<8>()));
    let secret = hex::encode(random::<32>());
    let sealed = secrets.seal(&key, secret.as_bytes()).map_err(|e| DbError::Pool(e.to_string()))?;
    let mut conn = pools.auth().get().await?;
    let (tenant, role) = (region.tenant_id(), role.to_string());
    let bureau = super::commands::bureau_name(Some(region));
    let caller = Caller { actor: Actor::system(tenant), request_id: "command line".to_owned(), now };
    AsyncPgConnection::transaction(&mut conn, async |conn: &mut AsyncPgConnection| -> Result<(), DbError> {
        store::establish_tenant(conn, tenant, &bureau, now).await?;
        store::add_machine_key(conn, tenant, &key, &role, name, &sealed, now, now + KEY_LIFE).await?;
        let event = Event {
            action: "key.added",
            subject_kind: "machine_key",
            subject_id: key.clone(),
            after: Some(serde_json::json!({"name": name, "role": role, "expires_at": now + KEY_LIFE})),
            ..Event::default()
        };
        audit::store::append(conn, &caller, event).await
    })
    .await?;
    Ok((key, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_example_signature() {
        let body = br#"{"account":"33105001","entries":[]}"#;
        let made = signature(
            b"s3cret-for-the-example",
            "1767225600",
            "0123456789abcdef",
            "POST",
            "/api/v1/bank/entries",
            body,
        );
        assert_eq!(made, "da58c9a9f63e3fe3d8d1e856d2af8eea93a430a2906d41735ef8a0fd9de2a0f1");
    }

    #[test]
    fn a_key_names_its_bureau() {
        assert_eq!(tenant_of("mjk-331002-00ff"), Some(331_002));
        assert_eq!(tenant_of("331002"), None);
    }
}
