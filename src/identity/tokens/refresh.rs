//! Refresh tokens: opaque, used once, kept only as a hash.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::secrets::random;

/// No refresh token is longer: a tenant, a session's 24 characters, a secret's 43, and two dots.
const REFRESH_MAX: usize = 80;

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

    #[test]
    fn a_refresh_token_reads_back() {
        let token = RefreshToken::issue(331_002, &session_id());
        assert_eq!(RefreshToken::parse(&token.text()), Some(token));
        assert_eq!(RefreshToken::parse("x.y.z"), None);
        assert_eq!(RefreshToken::parse(&format!("1.{}.z", "y".repeat(100))), None);
    }
}
