//! W1 `FUND-LARGE-SINGLE` (单笔大额支出): one withdrawal that is large by itself or by its share of the balance.
//!
//! Source: 教监管函〔2021〕2号 (大额异动); thresholds by policy.

use serde_json::{Map, Value};

use super::model::{Entry, Level};
use crate::escrow::policy::{LargeSingle, LargeTier, Policy};

/// The gravest tier that a withdrawal reaches.
pub struct Reached<'a> {
    tier: &'a LargeTier,
    /// What is compared: `share_bp`, or else `amount_fen`.
    by_share: bool,
}

impl Reached<'_> {
    /// The level that counts: a withdrawal that settles an approved order is a note only.
    pub fn level(&self, entry: &Entry) -> Level {
        if entry.order_ref.is_some() { self.tier.level.min(Level::Blue) } else { self.tier.level }
    }
}

/// Judges a non-exempt withdrawal of `amount_fen` from `balance_before_fen`. Equality reaches a tier.
pub fn judge(policy: &LargeSingle, amount_fen: i64, balance_before_fen: i64) -> Option<Reached<'_>> {
    let reached = |tier: &'_ _| -> Option<bool> {
        let LargeTier { share_bp, amount_fen: least_fen, share_floor_fen, .. } = tier;
        let floor_fen = share_floor_fen.unwrap_or(policy.share_floor_fen);
        if share_bp.is_some_and(|bp| amount_fen >= floor_fen && has_share(amount_fen, balance_before_fen, bp)) {
            return Some(true);
        }
        least_fen.is_some_and(|least| amount_fen >= least).then_some(false)
    };
    let hits = policy.tiers.iter().filter_map(|tier| Some(Reached { tier, by_share: reached(tier)? }));
    hits.max_by_key(|hit| hit.tier.level)
}

/// Whether the amount is at least `bp` of the balance; a balance of zero or less counts as a share of 100 %.
fn has_share(amount_fen: i64, balance_fen: i64, bp: i64) -> bool {
    if balance_fen <= 0 {
        return bp <= 10_000;
    }
    i128::from(amount_fen) * 10_000 >= i128::from(bp) * i128::from(balance_fen)
}

fn share_bp(amount_fen: i64, balance_fen: i64) -> i64 {
    if balance_fen <= 0 {
        return 10_000;
    }
    i64::try_from(i128::from(amount_fen) * 10_000 / i128::from(balance_fen)).unwrap_or(i64::MAX)
}

/// What an officer needs to check the warning by hand.
pub fn evidence(policy: &Policy, reached: &Reached, entry: &Entry, balance_before_fen: i64) -> Map<String, Value> {
    let tier = reached.tier;
    let share = share_bp(entry.amount_fen, balance_before_fen);
    let (value, threshold, unit, formula) = if !reached.by_share {
        (entry.amount_fen, tier.amount_fen, "fen", "amount_fen >= threshold")
    } else if balance_before_fen <= 0 {
        (share, tier.share_bp, "bp", "balance_before_fen <= 0 counts as 10000 bp, and amount_fen >= share_floor_fen")
    } else {
        let formula = "amount_fen * 10000 / balance_before_fen >= threshold, and amount_fen >= share_floor_fen";
        (share, tier.share_bp, "bp", formula)
    };
    let floor = tier.share_floor_fen.unwrap_or(policy.large_single.share_floor_fen);
    [
        ("value", value.into()),
        ("threshold", threshold.into()),
        ("unit", unit.into()),
        ("formula", formula.into()),
        ("amount_fen", entry.amount_fen.into()),
        ("balance_before_fen", balance_before_fen.into()),
        ("share_bp", share.into()),
        ("share_floor_fen", floor.into()),
        ("reached_level", <&str>::from(tier.level).into()),
        ("order_ref", entry.order_ref.into()),
        ("capped", (reached.level(entry) != tier.level).into()),
    ]
    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Orange, Red, Yellow};

    /// Amounts in yuan.
    fn level(balance: i64, amount_fen: i64) -> Option<Level> {
        judge(&LargeSingle::default(), amount_fen, balance * 100).map(|hit| hit.tier.level)
    }

    #[test]
    fn tiers_on_both_sides_of_each_boundary() {
        for (case, balance_yuan, amount_fen, expected) in [
            ("F8: 20 % and 50k", 480_000, 9_600_000, Some(Yellow)),
            ("F9: 50 % and 50k", 100_000, 5_000_000, Some(Red)),
            ("F9, a fen less: 35 %", 100_000, 4_999_999, Some(Orange)),
            ("F10: 4.5 %, under 50k", 1_000_000, 4_500_000, None),
            ("20 % exactly", 100_000, 2_000_000, Some(Yellow)),
            ("a fen under 20 %", 100_000, 1_999_999, None),
            ("35 % exactly", 100_000, 3_500_000, Some(Orange)),
            ("a fen under 35 %", 100_000, 3_499_999, Some(Yellow)),
            ("at the share floor", 5_000, 500_000, Some(Orange)),
            ("a fen under the share floor", 5_000, 499_999, None),
            ("50k exactly, small share", 10_000_000, 5_000_000, Some(Yellow)),
            ("a fen under 50k, small share", 10_000_000, 4_999_999, None),
            ("200k exactly, small share", 10_000_000, 20_000_000, Some(Orange)),
            ("a fen under 200k, small share", 10_000_000, 19_999_999, Some(Yellow)),
            ("balance zero is 100 %", 0, 5_000_000, Some(Red)),
            ("balance zero, under the red floor", 0, 4_999_999, Some(Orange)),
            ("balance below zero is 100 %", -1, 500_000, Some(Orange)),
            ("balance below zero, under the floor", -1, 499_999, None),
        ] {
            assert_eq!(level(balance_yuan, amount_fen), expected, "{case}");
        }
    }

    #[test]
    fn products_do_not_overflow() {
        let tier = |bp| LargeSingle {
            share_floor_fen: 0,
            tiers: vec![LargeTier { level: Red, share_bp: Some(bp), amount_fen: None, share_floor_fen: None }],
        };
        assert!(judge(&tier(10_000), i64::MAX, i64::MAX).is_some());
        assert!(judge(&tier(10_000), i64::MAX - 1, i64::MAX).is_none());
        assert_eq!(share_bp(i64::MAX, 1), i64::MAX);
    }
}
