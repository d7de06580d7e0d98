//! How common a search term is, by a sample of what is published.
//!
//! A search has two ways through the table: by the index of tokens, which reads every match and sorts them, or along the
//! order of results until a page is full, which reads whatever stands before. The first is right for a rare term and takes
//! seconds for one that half of the names hold; the second is the other way about. PostgreSQL would choose well if it
//! planned each search anew, which costs more than most searches; so the choice is made here, between two ready plans.

use std::collections::HashMap;

/// Rows that a sample aims at.
pub(super) const SAMPLE: usize = 2_000;
/// A token in fewer rows of the sample than this is rare whatever its place.
const COMMON: usize = 10;

/// Which rows of the sample, counted in the order of results, hold each common token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breadth {
    places: HashMap<String, Vec<u32>>,
    /// Rows of the sample for one page of results.
    page: usize,
}

impl Breadth {
    /// From the tokens of the sampled rows in the order of results; `total` is the size of the table, `page` of a page.
    pub fn new<'a>(sample: impl Iterator<Item = Vec<&'a str>> + Clone, total: usize, page: usize) -> Breadth {
        // Few tokens are common, so only these are worth a list and a text of their own; counting first costs a look more,
        // and a tenth of the memory, which each worker would keep.
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut rows = 0usize;
        for tokens in sample.clone() {
            rows += 1;
            for token in tokens {
                *counts.entry(token).or_default() += 1;
            }
        }
        counts.retain(|_, count| *count >= COMMON);
        let mut places: HashMap<String, Vec<u32>> = HashMap::with_capacity(counts.len());
        for (place, tokens) in (0u32..).zip(sample) {
            for token in tokens {
                let Some(count) = counts.get(token) else { continue };
                match places.get_mut(token) {
                    Some(list) => list.push(place),
                    None => {
                        let mut list = Vec::with_capacity(*count);
                        list.push(place);
                        places.insert(token.to_owned(), list);
                    }
                }
            }
        }
        let page = (page * rows).div_ceil(total.max(rows).max(1)).max(1);
        Breadth { places, page }
    }

    /// Whether a page of results is sooner found by reading in order than by the index.
    pub fn in_order(&self, tokens: &[String]) -> bool {
        let mut lists = Vec::with_capacity(tokens.len());
        for token in tokens {
            match self.places.get(token) {
                Some(list) => lists.push(list),
                None => return false,
            }
        }
        let Some((first, rest)) = lists.split_first() else { return true };
        let matches: Vec<u32> =
            first.iter().copied().filter(|row| rest.iter().all(|list| list.binary_search(row).is_ok())).collect();
        // As many rows are read in order as stand before the last match of the page; by the index, as many as match.
        matches.len() >= COMMON && matches.get(self.page - 1).is_some_and(|last| (*last as usize) < matches.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn common_terms_are_read_in_order_and_rare_or_late_ones_by_the_index() {
        // 1,000 of 100,000: every row is a school, every fifth draws, the last hundred are in one town, one is unique.
        let sample = (0..1000).map(|row| {
            let mut row_tokens = vec!["school"];
            if row % 5 == 0 {
                row_tokens.push("draw");
            }
            if row >= 900 {
                row_tokens.push("town");
            }
            if row % 200 == 0 {
                row_tokens.push("rare");
            }
            row_tokens
        });
        let breadth = Breadth::new(sample, 100_000, 21);
        for (query, expected) in [
            ("", true),
            ("school", true),
            ("draw", true),
            ("school draw", true),
            ("town", false),
            ("rare", false),
            ("unheard", false),
            ("school unheard", false),
            ("draw town", false),
        ] {
            assert_eq!(breadth.in_order(&tokens(query)), expected, "{query}");
        }
    }

    #[test]
    fn without_a_sample_the_index_is_asked() {
        let none = Breadth::new(std::iter::empty(), 0, 21);
        assert!(!none.in_order(&tokens("school")));
    }
}
