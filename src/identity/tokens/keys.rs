//! The keys that sign access tokens: one generation after the other, each published before it signs and verifying until
//! the last token that it signed has expired.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, Error as Pkcs8Error},
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A generation signs for this long before the next one takes over.
pub const ROTATE_AFTER: Duration = Duration::days(90);
/// A new key stands in the published set for this long before it signs, so that everybody who keeps a copy of the set
/// has it by then.
pub const PUBLISHED_AHEAD: Duration = Duration::hours(24);

/// One key.
#[derive(Clone)]
pub struct Generation {
    pub number: i32,
    pub kid: String,
    pub signs_from: DateTime<Utc>,
    /// From then on its tokens are refused; `None` while no successor is known.
    pub verifies_until: Option<DateTime<Utc>>,
    public: [u8; 32],
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("number", &self.number).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The name of the key that grows from `seed`: a digest of its public half, so that no other key can bear it.
pub fn kid_of(seed: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(SigningKey::from_bytes(seed).verifying_key().to_bytes())[..9])
}

impl Generation {
    /// The key that grows from `seed`.
    pub fn new(
        number: i32,
        seed: &[u8; 32],
        signs_from: DateTime<Utc>,
        verifies_until: Option<DateTime<Utc>>,
    ) -> Result<Generation, Pkcs8Error> {
        let key = SigningKey::from_bytes(seed);
        let public = key.verifying_key().to_bytes();
        Ok(Generation {
            number,
            kid: kid_of(seed),
            signs_from,
            verifies_until,
            public,
            encoding: EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes()),
            decoding: DecodingKey::from_ed_der(&public),
        })
    }

    fn verifies_at(&self, now: DateTime<Utc>) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}

/// All generations that still matter, in order.
#[derive(Debug, Clone, Default)]
pub struct Ring(Vec<Generation>);

impl Ring {
    /// Of these generations, in any order.
    pub fn new(mut generations: Vec<Generation>) -> Ring {
        generations.sort_by_key(|generation| generation.number);
        Ring(generations)
    }

    /// The key that signs at `now`: the newest whose time has come.
    pub fn signer(&self, now: DateTime<Utc>) -> Option<&Generation> {
        self.0.iter().rev().find(|one| one.signs_from <= now && one.verifies_at(now))
    }

    /// The key of this name, if tokens that it signed are good at `now`.
    pub fn verifier(&self, kid: &str, now: DateTime<Utc>) -> Option<&Generation> {
        self.0.iter().find(|one| one.kid == kid && one.verifies_at(now))
    }

    /// Whether the newest key has signed for so long that its successor must be published.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.0.last().is_none_or(|newest| newest.signs_from + ROTATE_AFTER - PUBLISHED_AHEAD <= now)
    }

    /// The public keys as a JWK set (RFC 7517, RFC 8037): those that verify, and the one that will sign next.
    pub fn jwks(&self, now: DateTime<Utc>) -> Value {
        let key = |one: &Generation| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": one.kid, "x": URL_SAFE_NO_PAD.encode(one.public),
            })
        };
        json!({"keys": self.0.iter().filter(|one| one.verifies_at(now)).map(key).collect::<Vec<_>>()})
    }

    /// Whether both hold the same keys with the same times.
    pub fn same_as(&self, other: &Ring) -> bool {
        let facts = |ring: &Ring| -> Vec<_> {
            ring.0.iter().map(|one| (one.kid.clone(), one.signs_from, one.verifies_until)).collect()
        };
        facts(self) == facts(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::hours(hours)
    }

    fn ring() -> Ring {
        let old = Generation::new(1, &[1; 32], at(0), Some(at(50))).unwrap();
        let new = Generation::new(2, &[2; 32], at(48), None).unwrap();
        Ring::new(vec![new, old])
    }

    #[test]
    fn a_new_key_is_published_before_it_signs_and_the_old_one_verifies_for_a_while_after() {
        let (old, new) = (kid_of(&[1; 32]), kid_of(&[2; 32]));
        for (hour, signs, verify) in [
            (47, &old, vec![&old, &new]),
            (48, &new, vec![&old, &new]),
            (49, &new, vec![&old, &new]),
            (50, &new, vec![&new]),
        ] {
            let (ring, now) = (ring(), at(hour));
            assert_eq!(&ring.signer(now).unwrap().kid, signs, "{hour}");
            let published = ring.jwks(now);
            let published: Vec<&str> =
                published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
            assert_eq!(published, verify, "{hour}");
            for kid in [&old, &new] {
                assert_eq!(ring.verifier(kid, now).is_some(), verify.contains(&kid), "{hour} {kid}");
            }
        }
    }

    #[test]
    fn a_successor_is_due_a_day_before_the_ninety_are_over() {
        let ring = ring();
        let due = at(48) + ROTATE_AFTER - PUBLISHED_AHEAD;
        assert!(!ring.is_due(due - Duration::seconds(1)));
        assert!(ring.is_due(due));
        assert!(Ring::default().is_due(at(0)), "no key at all");
    }
}
