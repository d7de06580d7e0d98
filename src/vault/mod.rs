//! Personal data at rest: sealed with AES-256-GCM under a ring of keys, found again by keyed hash.
//!
//! A sealed value is bound to its table, column, bureau and row, so that bytes copied elsewhere do not open there. Plain
//! values travel as [`Private`](crate::kernel::Private), which shows only its mask; what is stored is a [`Sealed`].
//! Loss of a key is loss of what it sealed: `keys/` belongs in the backup.

mod ring;
mod seal;

use std::{
    path::Path,
    sync::{Arc, RwLock},
    time::Instant,
};

use chrono::{DateTime, Utc};

pub use ring::{ENVIRONMENT, KeyInfo, RingError};
use ring::{Ring, Source};
pub use seal::{Place, Sealed, key_id_of};

use crate::{
    kernel::private::Kind,
    secrets::{Secrets, keyed_hash},
};

/// How long a process may go on with the ring it knows before it looks whether there is a newer key.
pub const RING_LOOKED_AT_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Bytes of a keyed hash that are kept: enough that no two values of a country collide.
const DIGEST_BYTES: usize = 16;

/// A sealed value that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the key ring has no key {0}; restore keys/data or MINGJIAN_DATA_KEYS from the backup")]
    NoKey(u16),
    #[error("a sealed value does not open at its place: its bytes were changed, or belong to another row")]
    Damaged,
}

/// The key ring and the key of the hashes; cheap to clone, shared by the whole process.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    source: Source,
    hash_key: [u8; 32],
    state: RwLock<State>,
}

struct State {
    ring: Ring,
    looked: Instant,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// The ring of a data directory, made on first use, or the one that the environment gives.
    pub fn open(directory: &Path, environment: Option<&str>, secrets: &Secrets) -> Result<Vault, RingError> {
        let source = match environment {
            Some(keys) => Source::Environment(keys.to_owned()),
            None => Source::File(directory.join("keys").join("data")),
        };
        let ring = source.read_or_make(Utc::now())?;
        let hash_key = secrets.derive("personal-hash:1");
        Ok(Vault(Arc::new(Inner { source, hash_key, state: RwLock::new(State { ring, looked: Instant::now() }) })))
    }

    /// Seals a value for its place with the current key.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.look_again(false);
        let state = self.0.state.read().map_err(|_| VaultError::Damaged)?;
        seal::seal(state.ring.current(), place, plain)
    }

    /// Opens what [`Vault::seal`] sealed for the same place.
    pub fn open_sealed(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let id = key_id_of(sealed).ok_or(VaultError::Damaged)?;
        let known = self.0.state.read().is_ok_and(|state| state.ring.key(id).is_some());
        if !known {
            // Another process has begun a new key since.
            self.look_again(true);
        }
        let state = self.0.state.read().map_err(|_| VaultError::Damaged)?;
        let key = state.ring.key(id).ok_or(VaultError::NoKey(id))?;
        seal::open(key, place, sealed)
    }

    /// The keyed hash of one value of a kind, by which equal values are found.
    pub fn digest<K: Kind>(&self, normal: &str) -> Vec<u8> {
        keyed_hash(&self.0.hash_key, &[K::NAME.as_bytes(), &[0], normal.as_bytes()])[..DIGEST_BYTES].to_vec()
    }

    /// The keyed hashes of everything that a text holds; most hold one value.
    pub fn digests<K: Kind>(&self, text: &str) -> Vec<Vec<u8>> {
        K::normal(text).iter().map(|one| self.digest::<K>(one)).collect()
    }

    /// The keys, the oldest first; the last one seals.
    pub fn keys(&self) -> Result<Vec<KeyInfo>, RingError> {
        Ok(self.0.source.read()?.infos())
    }

    /// Number of the key that seals now.
    pub fn current(&self) -> u16 {
        self.look_again(true);
        self.0.state.read().map_or(0, |state| state.ring.current().id)
    }

    /// Begins a new key in the data directory's ring; returns its number. A ring of the environment is the operator's.
    pub fn add_key(&self, now: DateTime<Utc>) -> Result<u16, RingError> {
        let id = self.0.source.add(now)?;
        self.look_again(true);
        Ok(id)
    }

    /// Takes a key out of the data directory's ring for good.
    pub fn remove_key(&self, id: u16) -> Result<(), RingError> {
        self.0.source.remove(id)?;
        self.look_again(true);
        Ok(())
    }

    /// Whether keys can be begun and removed here, rather than by whoever sets the environment.
    pub fn owns_ring(&self) -> bool {
        matches!(self.0.source, Source::File(_))
    }

    /// Reads the ring again, at once or if the last look is long ago. A ring that cannot be read leaves the known one.
    fn look_again(&self, at_once: bool) {
        let due = self.0.state.read().is_ok_and(|state| at_once || state.looked.elapsed() >= RING_LOOKED_AT_EVERY);
        if !due {
            return;
        }
        match self.0.source.read() {
            Ok(ring) => {
                if let Ok(mut state) = self.0.state.write() {
                    *state = State { ring, looked: Instant::now() };
                }
            }
            Err(error) => tracing::error!(%error, "the key ring cannot be read; going on with the one known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{
        Private,
        private::{CitizenNumber, Phone},
    };

    fn vault(directory: &Path) -> Vault {
        Vault::open(directory, None, &Secrets::load(directory).unwrap()).unwrap()
    }

    const HERE: Place<'static> =
        Place { table: "institutions", column: "phone", tenant: 331_002, row: "52331002MJ0000018U" };

    #[test]
    fn a_value_opens_only_at_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(directory.path());
        let sealed = vault.seal(&HERE, b"13812345678").unwrap();
        assert_eq!(vault.open_sealed(&HERE, &sealed).unwrap(), b"13812345678");
        assert!(!sealed.windows(5).any(|part| part == b"13812"), "nothing of it is legible");
        for elsewhere in [
            Place { table: "escrow_accounts", ..HERE },
            Place { column: "legal_person_id", ..HERE },
            Place { tenant: 331_003, ..HERE },
            Place { row: "52331002MJ00000190", ..HERE },
        ] {
            assert_eq!(vault.open_sealed(&elsewhere, &sealed), Err(VaultError::Damaged));
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open_sealed(&HERE, &changed).is_err(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(vault.open_sealed(&HERE, &sealed[..length]).is_err(), "{length} bytes");
        }
        assert_ne!(vault.seal(&HERE, b"13812345678").unwrap(), sealed, "no two alike");
    }

    #[test]
    fn another_process_opens_what_a_new_key_sealed_and_seals_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let (serving, rotating) = (vault(directory.path()), vault(directory.path()));
        let old = serving.seal(&HERE, b"1").unwrap();
        let id = rotating.add_key(Utc::now()).unwrap();
        let new = rotating.seal(&HERE, b"2").unwrap();
        assert_eq!((key_id_of(&old), key_id_of(&new)), (Some(1), Some(id)));
        assert_eq!(serving.open_sealed(&HERE, &new).unwrap(), b"2");
        assert_eq!(serving.current(), id);
        rotating.remove_key(1).unwrap();
        assert_eq!(rotating.open_sealed(&HERE, &old), Err(VaultError::NoKey(1)));
    }

    #[test]
    fn equal_values_of_a_kind_have_equal_hashes() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(directory.path());
        assert_eq!(vault.digests::<Phone>("138 1234 5678"), vault.digests::<Phone>("+8613812345678"));
        assert_ne!(vault.digest::<Phone>("13812345678"), vault.digest::<CitizenNumber>("13812345678"));
        assert_eq!(vault.digest::<Phone>("1").len(), DIGEST_BYTES);
        let sealed = Sealed::seal(&vault, &HERE, &Private::<Phone>::new("13812345678")).unwrap();
        assert_eq!(sealed.open(&vault, &HERE).unwrap().expose(), "13812345678");
        assert_eq!(format!("{sealed:?}"), "Sealed(phone)");
    }
}
