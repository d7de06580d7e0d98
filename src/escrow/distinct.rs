//! Whether references are used once, for batches in which nearly all are.

use std::hash::{BuildHasher, RandomState};

/// Texts of which it is asked at last whether all differ; of each only a hash is kept.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    // Keyed anew each time, so that nobody can choose texts whose hashes agree.
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl Distinct {
    pub(super) fn add(&mut self, text: &str) {
        self.hashes.push(self.hasher.hash_one(text));
    }

    /// Quick, because it compares hashes only: `false` may be wrong (once in some thirty million batches of a million texts),
    /// `true` never is.
    pub(super) fn all_differ(mut self) -> bool {
        self.hashes.sort_unstable();
        self.hashes.is_sorted_by(|a, b| a < b)
    }
}

/// Whether all of `texts` [differ](Distinct::all_differ).
pub(super) fn all_differ<'t>(texts: impl Iterator<Item = &'t str>) -> bool {
    let mut distinct = Distinct::default();
    texts.for_each(|text| distinct.add(text));
    distinct.all_differ()
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
