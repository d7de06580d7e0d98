//! Machine users (banks): keys and signed requests.
//!
//! The signature is HMAC-SHA256 over timestamp, nonce, method, path with query and the body's SHA-256, a line each.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Actor, Role, store};
use crate::{
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
    pub body: &'a [u8],
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

/// Who signed the request; uses its nonce up.
pub async fn authenticate(
    pools: &Pools,
    secrets: &Secrets,
    request: Signed<'_>,
    now: DateTime<Utc>,
) -> Result<Actor, SignatureError> {
    if !(16..=64).contains(&request.nonce.len()) {
        return Err(SignatureError::NonceShape);
    }
    let sent_at = request.timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let tenant = tenant_of(request.key).ok_or(SignatureError::Refused)?;
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let key = store::machine_key(&mut conn, tenant, request.key, now).await?.ok_or(SignatureError::Refused)?;
    let secret = secrets.open(request.key, &key.sealed_secret).map_err(|_| SignatureError::Refused)?;
    let expected = signature(&secret, request.timestamp, request.nonce, request.method, request.path, request.body);
    let genuine = bool::from(expected.as_bytes().ct_eq(request.signature.as_bytes()));
    if !genuine || sent_at.is_none_or(|sent_at| (now - sent_at).abs() > SKEW_MAX) {
        return Err(SignatureError::Refused);
    }
    if !store::use_nonce(&mut conn, tenant, request.key, request.nonce, now, now - NONCE_LIFE).await? {
        return Err(SignatureError::NonceUsed);
    }
    Ok(Actor {
        user_id: 0,
        display_name: key.name,
        tenant,
        role: key.role.parse().map_err(|_| SignatureError::Refused)?,
        institution: None,
        session: request.key.to_owned(),
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
    store::establish_tenant(&mut conn, region.tenant_id(), &format!("{}教育局", region.full_name()), now).await?;
    store::add_machine_key(&mut conn, region.tenant_id(), &key, &role.to_string(), name, &sealed, now, now + KEY_LIFE)
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
