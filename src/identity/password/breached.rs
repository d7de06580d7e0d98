//! The passwords that attackers try first, shipped as parts of their hashes (see `script/blocklist`).

use sha2::{Digest, Sha256};

static LIST: &[u8] = include_bytes!("../../../reference/breached-passwords.bin");

/// Bytes that say how many hashes begin with the same two bytes.
const COUNTS: usize = 1 << 16;
/// Bytes of a hash that are kept besides those two.
const REST: usize = 3;

/// Whether a password, in its normal form and in small letters, is on the list. One in two million others seems to be.
pub(super) fn contains(password: &str) -> bool {
    let hash = Sha256::digest(password);
    let bucket = usize::from(u16::from_be_bytes([hash[0], hash[1]]));
    let before: usize = LIST.iter().take(bucket).map(|count| usize::from(*count)).sum();
    let count = LIST.get(bucket).copied().map_or(0, usize::from);
    let from = COUNTS + REST * before;
    let own = LIST.get(from..from + REST * count).unwrap_or_default();
    own.chunks_exact(REST).any(|rest| rest == &hash[2..2 + REST])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        let count: usize = LIST[..COUNTS].iter().map(|count| usize::from(*count)).sum();
        assert!(count > 600_000, "{count}");
        assert_eq!(LIST.len(), COUNTS + REST * count);
    }

    #[test]
    fn what_is_tried_first_is_on_it_and_little_else() {
        for password in ["password", "1234567890", "qwertyuiop", "woaini1314", "1qaz2wsx3edc", "dragon"] {
            assert!(contains(password), "{password}");
        }
        let others = (0..20_000).filter(|n| contains(&format!("mirror of {n} bronze"))).count();
        assert!(others <= 1, "{others} seem to be on it");
    }
}
