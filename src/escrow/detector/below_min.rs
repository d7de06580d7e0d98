//! W3 `FUND-BELOW-MIN` (低于最低余额): an end-of-day balance strictly below the minimum.
//!
//! Source: 教监管函〔2021〕2号 (最低余额); the minimum is max(fixed, rate × unearned fees), domain-rules §5.2.

use serde_json::{Map, Value};

use super::model::Level;
use crate::escrow::policy::{BelowMin, MinimumBalance, MinimumTier};

/// The minimum balance of one day, exact: in fen × 10 000.
#[derive(Debug, Clone, Copy)]
pub struct Minimum {
    scaled: i128,
    unearned_fen: Option<i64>,
}

impl Minimum {
    /// Where it is unknown what is owed (`None`), the fixed sum alone counts.
    pub fn of(policy: &MinimumBalance, unearned_fen: Option<i64>) -> Minimum {
        let share = i128::from(unearned_fen.unwrap_or(0)) * i128::from(policy.unearned_bp);
        Minimum { scaled: share.max(i128::from(policy.fixed_fen) * 10_000), unearned_fen }
    }

    /// Whether the minimum is above the balance; equal is enough.
    pub fn is_above(&self, balance_fen: i64) -> bool {
        i128::from(balance_fen) * 10_000 < self.scaled
    }

    /// The gravest tier that the balance is below.
    pub fn tier<'a>(&self, policy: &'a BelowMin, balance_fen: i64) -> Option<&'a MinimumTier> {
        let below =
            |tier: &&MinimumTier| i128::from(balance_fen) * 100_000_000 < self.scaled * i128::from(tier.of_minimum_bp);
        policy.tiers.iter().filter(below).max_by_key(|tier| tier.level)
    }

    /// The least whole balance that is not below `of_minimum_bp` of the minimum.
    pub(super) fn least_fen(&self, of_minimum_bp: i64) -> i64 {
        let scaled = self.scaled * i128::from(of_minimum_bp);
        let whole = scaled.div_euclid(100_000_000) + i128::from(scaled.rem_euclid(100_000_000) != 0);
        i64::try_from(whole).unwrap_or(i64::MAX)
    }
}

/// Why a day's balance has its level.
pub enum Reason<'a> {
    Tier(&'a MinimumTier),
    /// Below the minimum on so many consecutive bank days.
    BankDays,
}

impl Reason<'_> {
    /// The level that it gives.
    pub fn level(&self) -> Level {
        match self {
            Reason::Tier(tier) => tier.level,
            Reason::BankDays => Level::Red,
        }
    }
}

/// What an officer needs to check the warning by hand.
pub fn evidence(
    policy: &MinimumBalance,
    minimum: &Minimum,
    reason: &Reason,
    balance_fen: i64,
    bank_days: u32,
) -> Map<String, Value> {
    let (of_minimum_bp, formula) = match reason {
        Reason::Tier(tier) => (tier.of_minimum_bp, "balance_fen < minimum_fen * of_minimum_bp / 10000"),
        Reason::BankDays => (10_000, "balance_fen < minimum_fen on consecutive bank days"),
    };
    [
        ("value", balance_fen.into()),
        ("threshold", minimum.least_fen(of_minimum_bp).into()),
        ("unit", "fen".into()),
        ("formula", formula.into()),
        ("balance_fen", balance_fen.into()),
        ("minimum_fen", minimum.least_fen(10_000).into()),
        ("minimum_formula", "max(fixed_fen, unearned_fen * unearned_bp / 10000)".into()),
        ("fixed_fen", policy.fixed_fen.into()),
        ("unearned_fen", minimum.unearned_fen.into()),
        ("unearned_bp", policy.unearned_bp.into()),
        ("of_minimum_bp", of_minimum_bp.into()),
        ("bank_days_below", bank_days.into()),
    ]
    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Orange, Red, Yellow};

    #[test]
    fn f11_and_both_sides_of_each_tier() {
        let policy = MinimumBalance { fixed_fen: 5_000_000, unearned_bp: 2_000 };
        let minimum = Minimum::of(&policy, Some(45_000_000));
        for (balance_fen, expected) in [
            (9_000_000, None),
            (8_999_999, Some(Yellow)),
            (7_200_000, Some(Yellow)),
            (7_199_999, Some(Orange)),
            (4_500_000, Some(Orange)),
            (4_499_999, Some(Red)),
            (-1, Some(Red)),
        ] {
            let tier = minimum.tier(&BelowMin::default(), balance_fen).map(|tier| tier.level);
            assert_eq!(tier, expected, "{balance_fen}");
            assert_eq!(minimum.is_above(balance_fen), expected.is_some(), "{balance_fen}");
        }
    }

    #[test]
    fn the_minimum_is_the_greater_part_and_is_not_rounded() {
        let policy = MinimumBalance { fixed_fen: 100, unearned_bp: 2_000 };
        for (unearned, least, least_of_half) in [
            (None, 100, 50),
            (Some(0), 100, 50),
            (Some(500), 100, 50),
            (Some(501), 101, 51),
            (Some(i64::MAX), 1_844_674_407_370_955_162, 922_337_203_685_477_581),
        ] {
            let minimum = Minimum::of(&policy, unearned);
            assert_eq!((minimum.least_fen(10_000), minimum.least_fen(5_000)), (least, least_of_half), "{unearned:?}");
            assert!(minimum.is_above(least - 1) && !minimum.is_above(least), "{unearned:?}");
        }
    }
}
