//! Access tokens (JWT, EdDSA, 15 minutes) and refresh tokens (opaque, used once).

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Actor, Department, Role};
use crate::secrets::{Secrets, random};

/// How long an access token is good.
pub const ACCESS_LIFE: Duration = Duration::minutes(15);
/// How long a session lasts at most.
pub const SESSION_LIFE: Duration = Duration::hours(12);

/// No refresh token is longer: a tenant, a session's 24 characters, a secret's 43, and two dots.
const REFRESH_MAX: usize = 80;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
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
    exp: i64,
}

const ISSUER: &str = "mingjian";

/// Makes and checks access tokens, and knows the sessions that ended before their tokens did.
#[derive(Clone)]
pub struct Tokens {
    kid: String,
    public: [u8; 32],
    encoding: EncodingKey,
    decoding: DecodingKey,
    ended: Arc<RwLock<HashMap<String, DateTime<Utc>>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A token that is not good (any more), without saying why to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct TokenError;

impl Tokens {
    /// The signing key is derived from the service's secret.
    pub fn new(secrets: &Secrets) -> Result<Tokens, ed25519_dalek::pkcs8::Error> {
        let key = SigningKey::from_bytes(&secrets.derive("jwt:1"));
        let public = key.verifying_key().to_bytes();
        Ok(Tokens {
            kid: URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..9]),
            public,
            encoding: EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes()),
            decoding: DecodingKey::from_ed_der(&public),
            ended: Arc::default(),
        })
    }

    /// An access token for `actor`, good for [`ACCESS_LIFE`] from `now`.
    pub fn access(&self, actor: &Actor, now: DateTime<Utc>) -> Result<String, TokenError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
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
            exp: (now + ACCESS_LIFE).timestamp(),
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|_| TokenError)
    }

    /// Who the token says is acting, if it is ours, unexpired at `now`, and its session has not ended.
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Actor, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError)?;
        if header.kid.as_deref() != Some(&self.kid) {
            return Err(TokenError);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        // Expiry is judged by the injected clock, below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).map_err(|_| TokenError)?.claims;
        if claims.exp <= now.timestamp() || self.has_ended(&claims.sid) {
            return Err(TokenError);
        }
        Ok(Actor {
            user_id: claims.sub.parse().map_err(|_| TokenError)?,
            display_name: claims.name,
            tenant: claims.tenant,
            role: claims.role,
            institution: claims.institution,
            department: claims.department,
            township: claims.township,
            switches: claims.switches,
            session: claims.sid,
        })
    }

    /// From now on tokens of this session are refused.
    pub fn end(&self, session: &str, now: DateTime<Utc>) {
        if let Ok(mut ended) = self.ended.write() {
            // No token lives longer than this, so older ends need not be remembered.
            ended.retain(|_, at| now - *at < ACCESS_LIFE);
            ended.insert(session.to_owned(), now);
        }
    }

    fn has_ended(&self, session: &str) -> bool {
        self.ended.read().map_or(true, |ended| ended.contains_key(session))
    }

    /// The public key as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(self.public),
        }]})
    }
}

/// A refresh token: the bureau, the session, and a secret that is kept only as its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub tenant: i32,
    pub session: String,
    secret: String,
}

impl RefreshToken {
    /// A new one for a session.
    pub fn issue(tenant: i32, session: &str) -> RefreshToken {
        RefreshToken { tenant, session: session.to_owned(), secret: URL_SAFE_NO_PAD.encode(random::<32>()) }
    }

    /// Reads what [`RefreshToken::text`] wrote.
    pub fn parse(text: &str) -> Option<RefreshToken> {
        if text.len() > REFRESH_MAX {
            return None;
        }
        let mut parts = text.splitn(3, '.');
        let tenant = parts.next()?.parse().ok()?;
        Some(RefreshToken { tenant, session: parts.next()?.to_owned(), secret: parts.next()?.to_owned() })
    }

    /// As handed out.
    pub fn text(&self) -> String {
        format!("{}.{}.{}", self.tenant, self.session, self.secret)
    }

    /// As kept.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text()).to_vec()
    }
}

/// An identifier for a new session, not to be guessed.
pub fn session_id() -> String {
    URL_SAFE_NO_PAD.encode(random::<18>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> (Tokens, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Tokens::new(&Secrets::load(directory.path()).unwrap()).unwrap(), directory)
    }

    fn actor() -> Actor {
        Actor { session: "s1".to_owned(), ..Actor::system(331_002) }
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_its_session_ends() {
        let (tokens, _kept) = tokens();
        let now = Utc::now();
        let token = tokens.access(&actor(), now).unwrap();
        assert_eq!(tokens.check(&token, now), Ok(actor()));
        assert_eq!(tokens.check(&token, now + ACCESS_LIFE), Err(TokenError));
        tokens.end("s1", now);
        assert_eq!(tokens.check(&token, now), Err(TokenError));
    }

    #[test]
    fn a_token_that_was_tampered_with_is_refused() {
        let (tokens, _kept) = tokens();
        let (others, _other) = super::tests::tokens();
        let now = Utc::now();
        let token = tokens.access(&actor(), now).unwrap();
        let mut parts = token.split('.');
        let (_, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let header = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for forged in [
            format!("{}.{body}.", header(r#"{"alg":"none"}"#)),
            format!("{}.{body}.{signature}", header(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, tokens.kid))),
            format!("{}.{body}.{signature}", header(r#"{"alg":"EdDSA","kid":"another"}"#)),
            others.access(&actor(), now).unwrap(),
            token.replace('.', ".a"),
            String::new(),
        ] {
            assert_eq!(tokens.check(&forged, now), Err(TokenError), "{forged}");
        }
    }

    #[test]
    fn a_refresh_token_reads_back() {
        let token = RefreshToken::issue(331_002, &session_id());
        assert_eq!(RefreshToken::parse(&token.text()), Some(token));
        assert_eq!(RefreshToken::parse("x.y.z"), None);
        assert_eq!(RefreshToken::parse(&format!("1.{}.z", "y".repeat(100))), None);
    }
}
