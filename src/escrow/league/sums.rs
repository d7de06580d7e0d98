//! What the accounts of a place come to, and how places rank by it.

use std::cmp::{Ordering, Reverse};

use chrono::NaiveDate;

use crate::escrow::figures::share_bp;

/// Sums of the accounts in use of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    pub accounts: i64,
    /// Of them, those of which nobody says what is owed.
    pub unknown: i64,
    /// Of them, those of which the bank has said nothing.
    pub unheard: i64,
    pub held_fen: i64,
    /// Where it is known.
    pub unearned_fen: i64,
    /// What is to be covered, where it is known.
    pub needed_fen: i64,
    /// What of it is covered, account by account: plenty in one hides no lack in another.
    pub covered_fen: i64,
    /// Institutions and banks with an open red warning.
    pub red: i64,
    /// The day up to which the bank's data reach on the account that has waited longest.
    pub oldest_on: Option<NaiveDate>,
}

impl Sums {
    /// Both together.
    pub fn plus(self, other: Sums) -> Sums {
        Sums {
            accounts: self.accounts + other.accounts,
            unknown: self.unknown + other.unknown,
            unheard: self.unheard + other.unheard,
            held_fen: self.held_fen.saturating_add(other.held_fen),
            unearned_fen: self.unearned_fen.saturating_add(other.unearned_fen),
            needed_fen: self.needed_fen.saturating_add(other.needed_fen),
            covered_fen: self.covered_fen.saturating_add(other.covered_fen),
            red: self.red + other.red,
            oldest_on: match (self.oldest_on, other.oldest_on) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// The share of what is to be covered that is covered, in basis points rounded down; `None` where nothing is to be covered, or
    /// nobody says what.
    pub fn coverage_bp(&self) -> Option<i64> {
        share_bp(self.covered_fen.into(), self.needed_fen.into())
    }

    /// Fees not yet earned; `None` where nobody says so of any account.
    pub fn unearned(&self) -> Option<i64> {
        (self.unknown < self.accounts).then_some(self.unearned_fen)
    }

    /// Balances; `None` where the bank has said nothing of any account.
    pub fn held(&self) -> Option<i64> {
        (self.unheard < self.accounts).then_some(self.held_fen)
    }

    /// Days since the bank's data of the account that has waited longest.
    pub fn silent_days(&self, today: NaiveDate) -> Option<i64> {
        self.oldest_on.map(|on| (today - on).num_days().max(0))
    }

    /// The shade of the map: 0 covered in full to 4 less than half; `None` for unknown. The bounds are those of W5's default tiers.
    pub fn shade(&self) -> Option<usize> {
        let share = self.coverage_bp()?;
        Some([10_000, 9_500, 8_000, 5_000].iter().filter(|least| share < **least).count())
    }
}

/// By what the league is in order; what needs looking at stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Rank {
    /// The least covered first, unknown last.
    #[default]
    Coverage,
    Red,
    Accounts,
    Unearned,
    Balance,
    /// Longest without bank data first.
    Silent,
}

impl Rank {
    /// Compares two places.
    pub fn compare(self, one: &Sums, other: &Sums) -> Ordering {
        // `None` sorts before anything; of coverage and silence it belongs at the end.
        let coverage = |sums: &Sums| (sums.coverage_bp().is_none(), sums.coverage_bp());
        match self {
            Rank::Coverage => coverage(one).cmp(&coverage(other)),
            Rank::Red => Reverse(one.red).cmp(&Reverse(other.red)),
            Rank::Accounts => Reverse(one.accounts).cmp(&Reverse(other.accounts)),
            Rank::Unearned => Reverse(one.unearned()).cmp(&Reverse(other.unearned())),
            Rank::Balance => Reverse(one.held()).cmp(&Reverse(other.held())),
            Rank::Silent => (one.oldest_on.is_none(), one.oldest_on).cmp(&(other.oldest_on.is_none(), other.oldest_on)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(needed_fen: i64, covered_fen: i64) -> Sums {
        Sums { accounts: 1, needed_fen, covered_fen, ..Sums::default() }
    }

    #[test]
    fn shades_on_both_sides_of_each_boundary() {
        for (covered, shade) in
            [(10_000, 0), (9_999, 1), (9_500, 1), (9_499, 2), (8_000, 2), (7_999, 3), (5_000, 3), (4_999, 4), (0, 4)]
        {
            assert_eq!(sums(10_000, covered).shade(), Some(shade), "{covered}");
        }
        assert_eq!(sums(0, 0).shade(), None, "nothing to cover is not covered in full");
    }

    #[test]
    fn what_nobody_knows_is_not_zero_and_comes_last() {
        let unknown = Sums { accounts: 2, unknown: 2, unheard: 2, ..Sums::default() };
        assert_eq!((unknown.unearned(), unknown.held(), unknown.coverage_bp()), (None, None, None));
        let half = Sums { accounts: 2, unknown: 1, unheard: 1, held_fen: 3, unearned_fen: 5, ..Sums::default() };
        assert_eq!((half.unearned(), half.held()), (Some(5), Some(3)));
        assert_eq!(Sums::default().held(), None);
        let mut ranked = [sums(0, 0), sums(10, 9), sums(10, 4)];
        ranked.sort_by(|one, other| Rank::Coverage.compare(one, other));
        assert_eq!(ranked.map(|sums| sums.covered_fen), [4, 9, 0]);
        let on = |text: &str| Sums { oldest_on: text.parse().ok(), ..Sums::default() };
        let mut ranked = [Sums::default(), on("2026-03-17"), on("2026-03-01")];
        ranked.sort_by(|one, other| Rank::Silent.compare(one, other));
        assert_eq!(ranked[0], on("2026-03-01"));
        assert_eq!(ranked[2].oldest_on, None);
    }

    #[test]
    fn sums_add_up_and_the_oldest_day_stays() {
        let one = Sums { accounts: 1, red: 1, held_fen: 5, oldest_on: "2026-03-02".parse().ok(), ..Sums::default() };
        let other = Sums { accounts: 2, red: 0, held_fen: 7, oldest_on: "2026-03-01".parse().ok(), ..Sums::default() };
        let both = one.plus(other);
        assert_eq!((both.accounts, both.red, both.held_fen, both.oldest_on), (3, 1, 12, other.oldest_on));
        assert_eq!(one.plus(Sums::default()).oldest_on, one.oldest_on);
        assert_eq!(both.silent_days("2026-03-18".parse().unwrap()), Some(17));
    }
}
