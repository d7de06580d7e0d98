//! The envelope of a sealed value: `version | key number | nonce | ciphertext | tag`, and where it belongs.

use std::{fmt, marker::PhantomData};

use aes_gcm::aead::{Aead, Payload};
use diesel::{deserialize::FromSql, pg::Pg, sql_types::Binary};
use rand::RngCore;

use super::{Vault, VaultError, ring::DataKey};
use crate::kernel::{Private, private::Kind};

/// AES-256-GCM with a random nonce of 12 bytes and a tag of 16. Another cipher (SM4-GCM) would be another version.
const VERSION: u8 = 1;
const KEY_AT: std::ops::Range<usize> = 1..3;
const NONCE_AT: std::ops::Range<usize> = 3..15;
const BODY_AT: usize = 15;

/// Where a value is kept. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub table: &'static str,
    pub column: &'static str,
    pub tenant: i32,
    /// What the row is known by for good, e.g. the credit code.
    pub row: &'a str,
}

impl Place<'_> {
    /// Unambiguous: no name of a table or column holds the character between.
    fn bytes(&self) -> Vec<u8> {
        format!("{VERSION}\x1f{}\x1f{}\x1f{}\x1f{}", self.table, self.column, self.tenant, self.row).into_bytes()
    }
}

/// Number of the key that sealed these bytes; `None` where they are no envelope.
pub fn key_id_of(sealed: &[u8]) -> Option<u16> {
    match sealed {
        [VERSION, high, low, rest @ ..] if rest.len() >= NONCE_AT.len() + 16 => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

pub(super) fn seal(key: &DataKey, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; 12];
    // Fresh from the operating system's entropy, and a hundred times faster over a large import than asking it each time.
    rand::thread_rng().fill_bytes(&mut nonce);
    let body = key
        .cipher
        .encrypt(&nonce.into(), Payload { msg: plain, aad: &place.bytes() })
        .map_err(|_| VaultError::Damaged)?;
    let mut sealed = Vec::with_capacity(BODY_AT + body.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&key.id.to_be_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

pub(super) fn open(key: &DataKey, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    debug_assert_eq!(sealed.get(KEY_AT), Some(key.id.to_be_bytes().as_slice()));
    let nonce: [u8; 12] = sealed.get(NONCE_AT).and_then(|part| part.try_into().ok()).ok_or(VaultError::Damaged)?;
    let body = sealed.get(BODY_AT..).ok_or(VaultError::Damaged)?;
    key.cipher.decrypt(&nonce.into(), Payload { msg: body, aad: &place.bytes() }).map_err(|_| VaultError::Damaged)
}

/// A sealed value of one kind, as a column holds it.
pub struct Sealed<K> {
    bytes: Vec<u8>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Sealed<K> {
    /// Seals a value for its place.
    pub fn seal(vault: &Vault, place: &Place<'_>, plain: &Private<K>) -> Result<Sealed<K>, VaultError> {
        Ok(Sealed { bytes: vault.seal(place, plain.expose().as_bytes())?, kind: PhantomData })
    }

    /// Opens it at its place.
    pub fn open(&self, vault: &Vault, place: &Place<'_>) -> Result<Private<K>, VaultError> {
        let plain = vault.open_sealed(place, &self.bytes)?;
        String::from_utf8(plain).map(Private::new).map_err(|_| VaultError::Damaged)
    }

    /// For the column.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<K> Clone for Sealed<K> {
    fn clone(&self) -> Sealed<K> {
        Sealed { bytes: self.bytes.clone(), kind: PhantomData }
    }
}

impl<K: Kind> fmt::Debug for Sealed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", K::NAME)
    }
}

impl<K: Kind> FromSql<Binary, Pg> for Sealed<K> {
    fn from_sql(bytes: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Sealed { bytes: bytes.as_bytes().to_vec(), kind: PhantomData })
    }
}
