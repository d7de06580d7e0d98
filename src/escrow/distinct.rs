//! Whether references are used once, for batches in which nearly all are.

use std::hash::{BuildHasher, RandomState};

/// Whether all of `texts` differ. Quick, because it compares hashes only: `false` may be wrong (once in some thirty million
/// batches of a million texts), `true` never is.
pub(super) fn all_differ<'t>(texts: impl Iterator<Item = &'t str>) -> bool {
    // Keyed anew each time, so that nobody can choose texts whose hashes agree.
    let hasher = RandomState::new();
    let mut hashes: Vec<u64> = texts.map(|text| hasher.hash_one(text)).collect();
    hashes.sort_unstable();
    hashes.is_sorted_by(|a, b| a < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_that_comes_twice_is_found() {
        let mut texts: Vec<String> = (0..10_000).map(|number| format!("B{number}")).collect();
        assert!(all_differ(texts.iter().map(String::as_str)));
        texts.push("B77".to_owned());
        assert!(!all_differ(texts.iter().map(String::as_str)));
        assert!(all_differ(std::iter::empty()));
    }
}
