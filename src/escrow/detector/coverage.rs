//! W5 `FUND-COVERAGE` (托管覆盖率不足): the balance at the end of a day against what it stands for.
//!
//! In custody that is the unearned fees; of a deposit, the fees of one charging period, which is at most three months.
//! Source: 教监管函〔2021〕2号 (应托管、尽托管; 风险保证金); thresholds by policy.

use chrono::Months;
use serde_json::{Map, Value};

use super::{days, model::fields, obligations::Obligations};
use crate::escrow::{
    model::Mode,
    policy::{Coverage, CoverageTier},
};

/// The charging period of a deposit.
const DEPOSIT_MONTHS: u32 = 3;

/// What a balance must cover at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cover {
    mode: Mode,
    /// Zero where nothing is owed: then there is no share.
    pub(super) needed_fen: i64,
    /// What rounding may take from it.
    tolerance_fen: i64,
    pub(super) unearned_fen: i64,
}

impl Cover {
    pub(super) fn of(policy: &Coverage, mode: Option<Mode>, obligations: &Obligations, day: i64) -> Cover {
        let owed = obligations.at(days::last_micro(day));
        match mode.unwrap_or(Mode::Custody) {
            Mode::Custody => Cover {
                mode: Mode::Custody,
                needed_fen: owed.unearned_fen,
                tolerance_fen: policy.order_tolerance_fen.saturating_mul(i64::from(owed.contracts)),
                unearned_fen: owed.unearned_fen,
            },
            Mode::RiskDeposit => {
                let first = days::date(day).and_then(|date| date.checked_sub_months(Months::new(DEPOSIT_MONTHS)));
                let before =
                    first.map_or(0, |date| obligations.at(days::last_micro(days::number(date))).contracted_fen);
                Cover {
                    mode: Mode::RiskDeposit,
                    needed_fen: owed.contracted_fen.saturating_sub(before),
                    tolerance_fen: 0,
                    unearned_fen: owed.unearned_fen,
                }
            }
        }
    }

    /// The gravest tier that the balance is below.
    pub(super) fn tier<'p>(&self, policy: &'p Coverage, balance_fen: i64) -> Option<&'p CoverageTier> {
        let held = i128::from(balance_fen) * 10_000;
        let below = |tier: &&CoverageTier| held < i128::from(tier.below_bp) * i128::from(self.needed_fen);
        let rounded = i128::from(balance_fen) + i128::from(self.tolerance_fen) >= i128::from(self.needed_fen);
        if self.needed_fen <= 0 || rounded {
            return None;
        }
        policy.tiers.iter().filter(below).max_by_key(|tier| tier.level)
    }

    /// What an officer needs to check the warning by hand.
    pub(super) fn evidence(&self, tier: &CoverageTier, balance_fen: i64) -> Map<String, Value> {
        let share = (i128::from(balance_fen) * 10_000).div_euclid(i128::from(self.needed_fen.max(1)));
        let formula = match self.mode {
            Mode::Custody => "balance_fen * 10000 / unearned_fen < threshold",
            Mode::RiskDeposit => "balance_fen * 10000 / fees_of_3_months_fen < threshold",
        };
        fields([
            ("value", i64::try_from(share).unwrap_or(i64::MIN).into()),
            ("threshold", tier.below_bp.into()),
            ("unit", "bp".into()),
            ("formula", formula.into()),
            ("balance_fen", balance_fen.into()),
            ("needed_fen", self.needed_fen.into()),
            ("lacking_fen", self.needed_fen.saturating_sub(balance_fen).into()),
            ("unearned_fen", self.unearned_fen.into()),
            ("tolerance_fen", self.tolerance_fen.into()),
            ("mode", <&str>::from(self.mode).into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::detector::Level::{self, Blue, Orange, Red, Yellow};

    fn level(cover: Cover, balance_fen: i64) -> Option<Level> {
        cover.tier(&Coverage::default(), balance_fen).map(|tier| tier.level)
    }

    #[test]
    fn tiers_on_both_sides_of_each_boundary() {
        let cover =
            |needed_fen, tolerance_fen| Cover { mode: Mode::Custody, needed_fen, tolerance_fen, unearned_fen: 0 };
        for (case, needed, balance, expected) in [
            ("F8: 0.8930", 43_000_000, 38_400_000, Some(Yellow)),
            ("F23: nothing owed, nothing held", 0, 0, None),
            ("nothing owed, overdrawn", 0, -1, None),
            ("1.00 exactly", 10_000, 10_000, None),
            ("a fen under 1.00", 10_000, 9_999, Some(Blue)),
            ("0.95 exactly", 10_000, 9_500, Some(Blue)),
            ("a fen under 0.95", 10_000, 9_499, Some(Yellow)),
            ("0.80 exactly", 10_000, 8_000, Some(Yellow)),
            ("a fen under 0.80", 10_000, 7_999, Some(Orange)),
            ("0.50 exactly", 10_000, 5_000, Some(Orange)),
            ("a fen under 0.50", 10_000, 4_999, Some(Red)),
            ("nothing held", 1, 0, Some(Red)),
            ("overdrawn", 10_000, -1, Some(Red)),
        ] {
            assert_eq!(level(cover(needed, 0), balance), expected, "{case}");
        }
        let three_orders = cover(10_000, 3);
        assert_eq!(
            (level(three_orders, 9_997), level(three_orders, 9_996)),
            (None, Some(Blue)),
            "a fen for each order"
        );
        assert_eq!(level(cover(3, 3), 0), None, "no more is owed than rounding may take");
    }
}
