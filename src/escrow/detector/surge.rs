//! W14 `ENROLMENT-SURGE` (异常促销吸储): a week's income far above that of the eight weeks before.
//!
//! Source: plan item 16 (大额异动); thresholds by policy.

use serde_json::{Map, Value};

use super::{
    daily::Income,
    model::{Level, fields},
};
use crate::escrow::policy::Surge;

/// The weeks that are compared with.
const WEEKS: i128 = 8;

/// Whether the week's income alone could be a surge.
pub(super) fn is_much(policy: &Surge, income: &Income) -> bool {
    income.week_fen >= i128::from(policy.floor_fen)
}

/// Whether it is one. Equality counts.
pub(super) fn is_surge(policy: &Surge, week_fen: i128, before_fen: i128) -> bool {
    week_fen >= i128::from(policy.floor_fen) && week_fen * WEEKS * 10_000 >= i128::from(policy.times_bp) * before_fen
}

/// One level up where what is owed is uncovered or will run out.
pub(super) fn level(falls_short: bool) -> Level {
    if falls_short { Level::Orange } else { Level::Yellow }
}

/// What an officer needs to check the warning by hand.
pub(super) fn evidence(policy: &Surge, week_fen: i128, before_fen: i128, falls_short: bool) -> Map<String, Value> {
    let clamp = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
    let line = (i128::from(policy.times_bp) * before_fen + WEEKS * 10_000 - 1).div_euclid(WEEKS * 10_000);
    fields([
        ("value", clamp(week_fen).into()),
        ("threshold", clamp(line.max(i128::from(policy.floor_fen))).into()),
        ("unit", "fen".into()),
        ("formula", "income_fen >= mean_week_fen * times_bp / 10000, and income_fen >= floor_fen".into()),
        ("window_days", 7.into()),
        ("income_fen", clamp(week_fen).into()),
        ("mean_week_fen", clamp(before_fen / WEEKS).into()),
        ("times_bp", policy.times_bp.into()),
        ("floor_fen", policy.floor_fen.into()),
        ("falls_short", falls_short.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_the_multiple_and_of_the_floor() {
        let policy = Surge::default();
        for (case, week_fen, before_fen, expected) in [
            ("three times exactly", 6_000_000, 16_000_000, true),
            ("a fen less", 5_999_999, 16_000_000, false),
            ("the floor exactly", 5_000_000, 8_000_000, true),
            ("a fen under the floor", 4_999_999, 8_000_000, false),
            ("after weeks without any", 5_000_000, 0, true),
        ] {
            assert_eq!(is_surge(&policy, week_fen, before_fen), expected, "{case}");
        }
        let evidence = evidence(&policy, 6_000_000, 16_000_000, true);
        assert_eq!((&evidence["value"], &evidence["threshold"]), (&6_000_000.into(), &6_000_000.into()));
        assert_eq!((level(false), level(true)), (Level::Yellow, Level::Orange));
    }
}
