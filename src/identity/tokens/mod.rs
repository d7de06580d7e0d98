//! Access tokens (JWT, EdDSA, 15 minutes) and refresh tokens (opaque, used once).
//!
//! A token that was verified once is not verified again: its digest is remembered with what it said. Whether its session
//! has ended is asked every time.

use std::{
    collections::HashSet,
    sync::{Arc, RwLock},
};

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Actor, Department, Role};

mod ended;
mod keys;
mod refresh;
pub mod signing;
pub mod store;

pub use ended::Ended;
pub use keys::{Generation, PUBLISHED_AHEAD, Ring, kid_of};
pub use refresh::{RefreshToken, session_id};

/// How long an access token is good.
pub const ACCESS_LIFE: Duration = Duration::minutes(15);
/// How long a session lasts at most.
pub const SESSION_LIFE: Duration = Duration::hours(12);
/// How far the clocks of two processes of one service may be apart.
pub const SKEW: Duration = Duration::seconds(30);

const ISSUER: &str = "mingjian";
const AUDIENCE: &str = "mingjian-api";
/// Tells an access token from whatever else a key of ours may sign (RFC 9068).
const TYPE: &str = "at+jwt";
/// No access token of ours is longer.
const TOKEN_MAX: usize = 2048;
/// Verified tokens that are remembered; the least used give way.
const SEEN_MAX: usize = 20_000;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    tenant: i32,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    institution: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    department: Option<Department>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    township: Option<i32>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    switches: bool,
    name: String,
    sid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// What a token said whose signature was found right.
#[derive(Debug)]
struct Verified {
    actor: Actor,
    not_before: i64,
    expires: i64,
    /// The ring that verified it; after a change of keys it is verified again.
    epoch: u64,
}

#[derive(Debug, Default)]
struct Keys {
    ring: Ring,
    epoch: u64,
}

/// Makes and checks access tokens, and knows the sessions that ended before their tokens did.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<RwLock<Arc<Keys>>>,
    seen: Arc<Cache<[u8; 32], Arc<Verified>>>,
    ended: Arc<Ended>,
    validation: Arc<Validation>,
    /// An official's session that is not used for this long ends.
    idle_max: Duration,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("keys", &self.keys().ring).finish_non_exhaustive()
    }
}

/// A token that is not good (any more), without saying why to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct TokenError;

impl Default for Tokens {
    fn default() -> Self {
        Tokens::new(Ring::default())
    }
}

impl Tokens {
    /// With the keys of `ring`.
    pub fn new(ring: Ring) -> Tokens {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.required_spec_claims = HashSet::from(["iss", "aud", "sub", "exp", "nbf"].map(str::to_owned));
        // Times are judged by the injected clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        Tokens {
            keys: Arc::new(RwLock::new(Arc::new(Keys { ring, epoch: 0 }))),
            seen: Arc::new(Cache::new(SEEN_MAX)),
            ended: Arc::default(),
            validation: Arc::new(validation),
            idle_max: SESSION_LIFE,
        }
    }

    /// With another limit to how long an official's session may rest.
    pub fn with_idle_max(self, idle_max: Duration) -> Tokens {
        Tokens { idle_max, ..self }
    }

    /// Whether a session that was last seen `rested` ago has rested for too long. It is seen when it is refreshed, at most
    /// every [`ACCESS_LIFE`].
    pub fn is_idle(&self, role: Role, rested: Duration) -> bool {
        !role.is_institution() && self.idle_max <= rested
    }

    fn keys(&self) -> Arc<Keys> {
        // Nothing is left half done under this lock, so what a panicking thread left is whole.
        Arc::clone(&self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Goes on with other keys; tokens that were verified by the old ones are verified again.
    pub fn change_keys(&self, ring: Ring) {
        let mut keys = self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !keys.ring.same_as(&ring) {
            *keys = Arc::new(Keys { ring, epoch: keys.epoch + 1 });
        }
    }

    /// Whether the keys ask for a successor at `now`.
    pub fn rotation_is_due(&self, now: DateTime<Utc>) -> bool {
        self.keys().ring.is_due(now)
    }

    /// The sessions that ended.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// An access token for `actor`, good for [`ACCESS_LIFE`] from `now`.
    pub fn access(&self, actor: &Actor, now: DateTime<Utc>) -> Result<String, TokenError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: actor.user_id.to_string(),
            tenant: actor.tenant,
            role: actor.role,
            institution: actor.institution,
            department: actor.department,
            township: actor.township,
            switches: actor.switches,
            name: actor.display_name.clone(),
            sid: actor.session.clone(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + ACCESS_LIFE).timestamp(),
        };
        let keys = self.keys();
        let signer = keys.ring.signer(now).ok_or(TokenError)?;
        let header =
            Header { typ: Some(TYPE.to_owned()), kid: Some(signer.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &signer.encoding).map_err(|_| TokenError)
    }

    /// Who the token says is acting, if it is ours, good at `now`, and its session has not ended.
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Actor, TokenError> {
        if TOKEN_MAX < token.len() {
            return Err(TokenError);
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        let keys = self.keys();
        let known = self.seen.get(&digest).filter(|seen| seen.epoch == keys.epoch);
        let verified = match known {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(self.verify(&keys, token, now)?);
                self.seen.insert(digest, Arc::clone(&verified));
                verified
            }
        };
        let begun = verified.not_before <= (now + SKEW).timestamp();
        if !begun || verified.expires <= now.timestamp() || self.ended.holds(&verified.actor.session) {
            return Err(TokenError);
        }
        Ok(verified.actor.clone())
    }

    fn verify(&self, keys: &Keys, token: &str, now: DateTime<Utc>) -> Result<Verified, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError);
        }
        let verifier = header.kid.and_then(|kid| keys.ring.verifier(&kid, now)).ok_or(TokenError)?;
        let claims =
            jsonwebtoken::decode::<Claims>(token, &verifier.decoding, &self.validation).map_err(|_| TokenError)?.claims;
        let actor = Actor {
            user_id: claims.sub.parse().map_err(|_| TokenError)?,
            display_name: claims.name,
            tenant: claims.tenant,
            role: claims.role,
            institution: claims.institution,
            department: claims.department,
            township: claims.township,
            switches: claims.switches,
            session: claims.sid,
        };
        Ok(Verified { actor, not_before: claims.nbf, expires: claims.exp, epoch: keys.epoch })
    }

    /// From now on tokens of this session are refused.
    pub fn end(&self, session: &str, now: DateTime<Utc>) {
        self.ended.add([session], now);
    }

    /// The public keys as a JWK set.
    pub fn jwks(&self, now: DateTime<Utc>) -> serde_json::Value {
        self.keys().ring.jwks(now)
    }
}

#[cfg(test)]
mod tests;
