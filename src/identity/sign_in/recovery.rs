//! Recovery codes: ten words for a drawer, each good once where the telephone or the passkey is lost.

use crate::secrets::{Secrets, keyed_hash, random};

/// How many are made at a time.
pub const COUNT: usize = 10;
/// Letters and digits that nobody mistakes for one another.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const LENGTH: usize = 12;

/// New codes, as shown once.
pub fn make() -> Vec<String> {
    (0..COUNT)
        .map(|_| {
            let letters: Vec<char> =
                random::<LENGTH>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
            letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
        })
        .collect()
}

/// As kept. A code has sixty bits from the system's generator, so a keyed hash keeps it as well as a slow one would.
pub fn hash(secrets: &Secrets, person: i64, code: &str) -> Vec<u8> {
    let code = super::totp::plain(code);
    keyed_hash(&secrets.derive("recovery:1"), &[&person.to_be_bytes(), code.as_bytes()]).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_are_read_however_they_are_typed() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = Secrets::load(directory.path()).unwrap();
        let codes = make();
        let distinct: std::collections::BTreeSet<&String> = codes.iter().collect();
        assert_eq!(distinct.len(), COUNT);
        let code = &codes[0];
        assert_eq!(code.len(), LENGTH + 2);
        let typed = code.to_uppercase().replace('-', " ");
        assert_eq!(hash(&secrets, 7, code), hash(&secrets, 7, &typed));
        assert_ne!(hash(&secrets, 7, code), hash(&secrets, 8, code));
    }
}
