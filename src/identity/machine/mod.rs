//! Machine users (banks, institutions' systems): keys and signed requests.
//!
//! A key has one name for as long as it lives and one secret, or two while the secret is being changed.
//! The signature is HMAC-SHA256 over timestamp, nonce, method, path with query and the body's SHA-256, a line each.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Action, Actor, Role};
use crate::{
    db::{DbError, Pools},
    secrets::{Secrets, keyed_hash},
};

pub mod keys;
mod nonces;
pub mod pages;
mod scope;
mod store;

pub use nonces::Nonces;
pub use scope::MachineScope;

/// How far a request's timestamp may be from the service's clock.
const SKEW_MAX: Duration = Duration::seconds(300);
/// How long a nonce is remembered at the least: longer than a signed request can stay fresh.
pub(super) const NONCE_LIFE: Duration = Duration::minutes(10);
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
    /// The key is valid, and the signature is not its.
    #[error("the key, the signature or the timestamp is not right")]
    Forged(Box<Recognised>),
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

/// A key that is known, with its secrets: what is found out before the body is read.
#[derive(Debug)]
pub struct Recognised {
    tenant: i32,
    key: String,
    name: String,
    role: Role,
    scopes: Vec<MachineScope>,
    institution: Option<i64>,
    accounts: Option<Vec<String>>,
    /// The present one, and the one before while it still counts.
    secrets: Vec<Vec<u8>>,
}

impl Recognised {
    /// The bureau whose key it is.
    pub fn tenant(&self) -> i32 {
        self.tenant
    }

    /// The name of the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whose system it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The role of the key.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What the key may do, of what its role may.
    pub fn actions(&self) -> Vec<Action> {
        self.scopes.iter().map(|scope| scope.action()).collect()
    }

    /// Whether the key is for this escrow account; its number as accounts are compared.
    pub fn reaches(&self, account: &str) -> bool {
        reaches(self.accounts.as_deref(), account)
    }
}

fn reaches(accounts: Option<&[String]>, account: &str) -> bool {
    accounts.is_none_or(|accounts| accounts.iter().any(|own| own == account))
}

/// Who signed a request, and what the key is for.
#[derive(Debug, Clone)]
pub struct Machine {
    pub actor: Actor,
    scopes: Vec<MachineScope>,
    accounts: Option<Vec<String>>,
}

impl Machine {
    /// What the key may do, of what its role may.
    pub fn actions(&self) -> Vec<Action> {
        self.scopes.iter().map(|scope| scope.action()).collect()
    }

    /// Whether the key is for this escrow account; its number as accounts are compared.
    pub fn reaches(&self, account: &str) -> bool {
        reaches(self.accounts.as_deref(), account)
    }
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
    let found = store::credentials(&mut conn, tenant, head.key, now).await?.ok_or(SignatureError::Refused)?;
    let sealed = std::iter::once(&found.sealed_secret).chain(&found.previous_secret);
    Ok(Recognised {
        tenant,
        key: head.key.to_owned(),
        role: found.role.parse().map_err(|_| SignatureError::Refused)?,
        scopes: found.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
        secrets: sealed.filter_map(|sealed| secrets.open(head.key, sealed).ok()).collect(),
        institution: found.institution_id,
        accounts: found.accounts,
        name: found.name,
    })
}

/// Who signed the request; uses its nonce up.
pub async fn authenticate(
    pools: &Pools,
    nonces: &Nonces,
    recognised: Recognised,
    request: Signed<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Machine, SignatureError> {
    let Signed { timestamp, nonce, method, path, .. } = request;
    let right = recognised.secrets.iter().fold(false, |right, secret| {
        let expected = signature(secret, timestamp, nonce, method, path, body);
        right | bool::from(expected.as_bytes().ct_eq(request.signature.as_bytes()))
    });
    if !right {
        return Err(SignatureError::Forged(Box::new(recognised)));
    }
    let Recognised { tenant, key, .. } = &recognised;
    let used = nonces::Nonce { tenant: *tenant, key: key.clone(), nonce: nonce.to_owned() };
    if !nonces.use_up(pools, used, now).await? {
        return Err(SignatureError::NonceUsed);
    }
    if nonces.is_to_be_noted(key, now) {
        let mut conn = pools.auth().get().await.map_err(DbError::from)?;
        store::used(&mut conn, *tenant, key, now).await?;
    }
    let actor = Actor {
        display_name: recognised.name,
        role: recognised.role,
        institution: recognised.institution,
        session: recognised.key,
        ..Actor::system(recognised.tenant)
    };
    Ok(Machine { actor, scopes: recognised.scopes, accounts: recognised.accounts })
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
