//! Passwords: what is taken, and Argon2id at a pace that leaves the rest of the service its cores.

mod breached;
mod hashing;
mod rules;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use rand::rngs::OsRng;

pub use rules::{Context, LENGTH_MAX, PasswordError, judge};

/// No password that could be right is longer in bytes.
const BYTES_MAX: usize = 4 * LENGTH_MAX;

/// 19 MiB, two passes, one lane: the first choice of the OWASP password storage sheet for Argon2id.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// Hashes a password for keeping, as one that is asked for alone and of somebody of whom nothing is known.
pub async fn hash(password: String) -> Result<String, PasswordError> {
    hash_for(&password, &Context::default()).await
}

/// Judges a password and hashes it for keeping. Takes some tens of milliseconds on a thread of its own.
pub async fn hash_for(password: &str, context: &Context<'_>) -> Result<String, PasswordError> {
    let password = judge(password, context)?;
    hashing::run(move || {
        let salt = SaltString::generate(&mut OsRng);
        argon2()
            .hash_password(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|_| PasswordError::Hashing)
    })
    .await?
}

/// Whether `password` is the one that `hash` was made of. Without a hash (no such account, or none set yet) the same
/// work is done and the answer is no, so that the time taken tells nothing about whether an account exists.
pub async fn verify(password: &str, hash: Option<String>) -> Result<bool, PasswordError> {
    if BYTES_MAX < password.len() {
        return Ok(false);
    }
    let password = rules::normal(password);
    hashing::run(move || {
        let stand_in = "$argon2id$v=19$m=19456,t=2,p=1$c3RhbmQtaW4tc2FsdA$Ud0rYuD8yyEoa9hNPAQQlUmTRtVbVIJvN7UTVqLh9Bc";
        let known = hash.is_some();
        let text = hash.as_deref().unwrap_or(stand_in);
        let matches =
            PasswordHash::new(text).is_ok_and(|parsed| argon2().verify_password(password.as_bytes(), &parsed).is_ok());
        matches && known
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let kept = hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(verify("correct horse battery", Some(kept.clone())).await.unwrap());
        assert!(!verify("correct horse batterz", Some(kept)).await.unwrap());
        assert!(!verify("anything at all", None).await.unwrap());
        assert!(!verify(&"x".repeat(BYTES_MAX + 1), None).await.unwrap());
    }

    #[tokio::test]
    async fn it_is_the_same_however_a_keyboard_composes_it() {
        let kept = hash("résumé ＡＢＣ 椒江区 ②".to_owned()).await.unwrap();
        assert!(verify("re\u{301}sume\u{301} ABC 椒江区 2", Some(kept)).await.unwrap());
    }
}
