//! The service's one secret, from which every key is derived for its purpose.
//!
//! `keys/master` under the data directory holds 32 random bytes in hex, made at first start and readable by the
//! service's user alone. Whoever loses it loses the sealed secrets of banks and ends all sessions, nothing else.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use rand::{RngCore, rngs::OsRng};
use sha2::Sha256;

/// The master secret; shows nothing of itself.
#[derive(Clone)]
pub struct Secrets([u8; 32]);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// A sealed value that cannot be opened: another key, or bytes that were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open with this key")]
pub struct Unsealable;

impl Secrets {
    /// Reads the master secret of a data directory, or makes it on first use.
    pub fn load(directory: &Path) -> io::Result<Secrets> {
        let keys = directory.join("keys");
        let path = keys.join("master");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let bytes = hex::decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                bytes.map(Secrets).ok_or_else(|| {
                    io::Error::other(format!(
                        "{} does not hold 64 hex digits; restore it from the backup",
                        path.display()
                    ))
                })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let secrets = Secrets(random());
                fs::create_dir_all(&keys)?;
                let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
                writeln!(file, "{}", hex::encode(secrets.0))?;
                file.sync_all()?;
                Ok(secrets)
            }
            Err(e) => Err(e),
        }
    }

    /// A key for one purpose; different purposes give unrelated keys.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        keyed_hash(&self.0, &[purpose.as_bytes()])
    }

    /// Seals `plain` so that it opens only with this secret and under the same `label` (AES-256-GCM, random nonce first).
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let nonce: [u8; 12] = random();
        let payload = Payload { msg: plain, aad: label.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce.into(), payload).map_err(|_| Unsealable)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Secrets::seal`] sealed under the same `label`.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (nonce, body) = sealed.split_first_chunk::<12>().ok_or(Unsealable)?;
        let payload = Payload { msg: body, aad: label.as_bytes() };
        self.cipher().decrypt(&(*nonce).into(), payload).map_err(|_| Unsealable)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.derive("seal:1").into())
    }
}

/// HMAC-SHA256 of the parts, one after the other.
pub fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // An HMAC takes a key of any length, so this cannot fail; an empty key is as good as any for the fallback.
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Default::default()));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Bytes from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_label() {
        let (one, other) = (Secrets([1; 32]), Secrets([2; 32]));
        let sealed = one.seal("bank", b"s3cret").unwrap();
        assert_eq!(one.open("bank", &sealed).unwrap(), b"s3cret");
        assert_eq!(one.open("other", &sealed), Err(Unsealable));
        assert_eq!(other.open("bank", &sealed), Err(Unsealable));
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert_eq!(one.open("bank", &changed), Err(Unsealable));
        assert_eq!(one.open("bank", &sealed[..5]), Err(Unsealable));
    }

    #[test]
    fn the_secret_is_made_once_and_a_damaged_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let first = Secrets::load(directory.path()).unwrap();
        assert_eq!(Secrets::load(directory.path()).unwrap().0, first.0);
        fs::write(directory.path().join("keys/master"), "short").unwrap();
        assert!(Secrets::load(directory.path()).is_err());
    }
}
