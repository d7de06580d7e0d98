//! Passwords: Argon2id, off the async threads.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use rand::rngs::OsRng;

/// Shortest password that is taken (NIST SP 800-63B asks for 8, and for 15 without a second factor).
pub const LENGTH_MIN: usize = 12;
/// Longest password that is taken, so that hashing cannot be made to do endless work.
pub const LENGTH_MAX: usize = 128;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {LENGTH_MIN} characters")]
    TooShort,
    #[error("a password has at most {LENGTH_MAX} characters")]
    TooLong,
    #[error("the password could not be hashed")]
    Hashing,
}

/// 19 MiB, two passes, one lane: the first choice of the OWASP password storage sheet for Argon2id.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Hashes a password for keeping. Takes some tens of milliseconds on a thread for blocking work.
pub async fn hash(password: String) -> Result<String, PasswordError> {
    match password.chars().count() {
        n if n < LENGTH_MIN => return Err(PasswordError::TooShort),
        n if n > LENGTH_MAX => return Err(PasswordError::TooLong),
        _ => {}
    }
    tokio::task::spawn_blocking(move || {
        let salt = SaltString::generate(&mut OsRng);
        argon2()
            .hash_password(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|_| PasswordError::Hashing)
    })
    .await
    .map_err(|_| PasswordError::Hashing)?
}

/// Whether `password` is the one that `hash` was made of. Without a hash (no such account, or none set yet) the same
/// work is done and the answer is no, so that the time taken tells nothing about whether an account exists.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    tokio::task::spawn_blocking(move || {
        let stand_in = "$argon2id$v=19$m=19456,t=2,p=1$c3RhbmQtaW4tc2FsdA$Ud0rYuD8yyEoa9hNPAQQlUmTRtVbVIJvN7UTVqLh9Bc";
        let known = hash.is_some();
        let text = hash.as_deref().unwrap_or(stand_in);
        let matches =
            PasswordHash::new(text).is_ok_and(|parsed| argon2().verify_password(password.as_bytes(), &parsed).is_ok());
        matches && known
    })
    .await
    .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let kept = hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(verify("correct horse battery".to_owned(), Some(kept.clone())).await);
        assert!(!verify("correct horse batterz".to_owned(), Some(kept)).await);
        assert!(!verify("anything at all".to_owned(), None).await);
        assert_eq!(hash("elevenchars".to_owned()).await, Err(PasswordError::TooShort));
        assert_eq!(hash("x".repeat(129)).await, Err(PasswordError::TooLong));
    }
}
