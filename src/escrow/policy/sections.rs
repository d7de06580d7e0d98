//! The sections of the kinds that look at where money goes, what covers it and where it comes from (W4 to W6, W9, W10,
//! W13, W14). A section that a document leaves out has its default, so documents from before these kinds stay valid.

use serde::{Deserialize, Serialize};

use super::{
    AMOUNT, BANK_DAYS_MAX, DAYS, GRAVER_IS_HARDER, PolicyError, RATE, RATE_MAX_BP, RATE_OR_ZERO, Sentence, levels,
    money, require, share,
};
use crate::escrow::detector::Level;

/// How often releases are settled against lessons.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Period {
    /// From Monday.
    Week,
    /// The calendar month.
    Month,
}

/// W4, 划拨与消课不符.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawUnmatched {
    pub period: Period,
    /// What may be withdrawn too much: the greater of a sum and a share of what lessons earned.
    pub tolerance_fen: i64,
    pub tolerance_bp: i64,
    /// Orange above this ratio of the excess to what lessons earned; yellow up to it.
    pub orange_over_bp: i64,
    /// Red above this ratio, from an excess of `red_excess_fen` on.
    pub red_over_bp: i64,
    pub red_excess_fen: i64,
    /// Red from a single withdrawal of this amount on that no order covers.
    pub red_single_fen: i64,
}

/// W5, 托管覆盖率不足.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    pub tiers: Vec<CoverageTier>,
    /// What each order may lack by rounding, in custody.
    pub order_tolerance_fen: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageTier {
    pub level: Level,
    /// Reached strictly below this share.
    pub below_bp: i64,
}

/// W6, 预计耗尽日. It is blue when it fires, and graver the fewer days the money lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runoff {
    pub tiers: Vec<RunoffTier>,
    /// What lasts longer than this raises nothing.
    pub horizon_days: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunoffTier {
    pub level: Level,
    /// Reached at this many days or fewer.
    pub days: u32,
}

/// W9, 异常交易对手.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterparty {
    /// A recipient never paid before counts from this amount.
    pub first_seen_fen: i64,
    /// This many new recipients within seven days count whatever they got.
    pub new_payees: u32,
    /// A natural person is red from this amount, or this share of the balance before it.
    pub person_red_fen: i64,
    pub person_red_bp: i64,
}

/// W10, 化整为零. The line that withdrawals are kept under is the least amount of `FUND-LARGE-SINGLE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Structuring {
    /// Close under the line is from this share of it on.
    pub band_bp: i64,
    /// So many withdrawals within 24 hours.
    pub count: u32,
    /// Red when they come to this share of the line.
    pub red_bp: i64,
}

/// W13, 培训贷.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingLoan {
    pub red_families: u32,
    /// The most that one family may pay at once; a lender's larger sum is that of several.
    pub family_fen: i64,
}

/// W14, 异常促销吸储.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// A week's income against the mean week of the eight before it.
    pub times_bp: i64,
    pub floor_fen: i64,
}

impl Default for WithdrawUnmatched {
    fn default() -> WithdrawUnmatched {
        WithdrawUnmatched {
            period: Period::Month,
            tolerance_fen: 100,
            tolerance_bp: 50,
            orange_over_bp: 500,
            red_over_bp: 2_000,
            red_excess_fen: 500_000,
            red_single_fen: 5_000_000,
        }
    }
}

impl Default for Coverage {
    fn default() -> Coverage {
        let tier = |level, below_bp| CoverageTier { level, below_bp };
        Coverage {
            tiers: vec![
                tier(Level::Blue, 10_000),
                tier(Level::Yellow, 9_500),
                tier(Level::Orange, 8_000),
                tier(Level::Red, 5_000),
            ],
            order_tolerance_fen: 1,
        }
    }
}

impl Default for Runoff {
    fn default() -> Runoff {
        let tier = |level, days| RunoffTier { level, days };
        Runoff {
            tiers: vec![tier(Level::Yellow, 60), tier(Level::Orange, 30), tier(Level::Red, 14)],
            horizon_days: 180,
        }
    }
}

impl Default for Counterparty {
    fn default() -> Counterparty {
        Counterparty { first_seen_fen: 1_000_000, new_payees: 3, person_red_fen: 5_000_000, person_red_bp: 2_000 }
    }
}

impl Default for Structuring {
    fn default() -> Structuring {
        Structuring { band_bp: 8_000, count: 3, red_bp: 20_000 }
    }
}

impl Default for TrainingLoan {
    fn default() -> TrainingLoan {
        TrainingLoan { red_families: 3, family_fen: 500_000 }
    }
}

impl Default for Surge {
    fn default() -> Surge {
        Surge { times_bp: 30_000, floor_fen: 5_000_000 }
    }
}

/// More of anything than this is no sign of anything any more; it also bounds what an account's state holds.
pub const COUNT_MAX: u32 = 50;
const TIMES_MAX_BP: i64 = 1_000_000;

const COUNT: Sentence = ("笔数须在 1 至 50 之间", "the number must be 1 to 50");
const COUNT_OF_PARTS: Sentence = ("笔数须在 2 至 50 之间", "the number must be 2 to 50");
const TIMES: Sentence = ("倍数须在 1 至 1000000 基点之间", "the multiple must be 1 to 1000000 basis points");
const NO_BLUE: Sentence =
    ("触发即为蓝色；请只填写更严重的级别", "it is blue when it fires; give the graver levels alone");

impl WithdrawUnmatched {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let at = |field: &str| format!("FUND-WITHDRAW-UNMATCHED.{field}");
        money(self.tolerance_fen, &at("tolerance_fen"))?;
        money(self.red_excess_fen, &at("red_excess_fen"))?;
        require(self.red_single_fen > 0, &at("red_single_fen"), AMOUNT)?;
        for (bp, field) in [
            (self.tolerance_bp, "tolerance_bp"),
            (self.orange_over_bp, "orange_over_bp"),
            (self.red_over_bp, "red_over_bp"),
        ] {
            require((0..=RATE_MAX_BP).contains(&bp), &at(field), RATE_OR_ZERO)?;
        }
        require(self.orange_over_bp <= self.red_over_bp, &at("red_over_bp"), GRAVER_IS_HARDER)
    }
}

impl Coverage {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let path = "FUND-COVERAGE";
        levels(self.tiers.iter().map(|tier| tier.level), path)?;
        for (i, tier) in self.tiers.iter().enumerate() {
            let field = format!("{path}.tiers[{i}].below_bp");
            require((1..=RATE_MAX_BP).contains(&tier.below_bp), &field, RATE)?;
            let order = |other: &CoverageTier| other.level >= tier.level || other.below_bp >= tier.below_bp;
            require(self.tiers.iter().all(order), &field, GRAVER_IS_HARDER)?;
        }
        money(self.order_tolerance_fen, &format!("{path}.order_tolerance_fen"))
    }
}

impl Runoff {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let path = "FUND-RUNOFF-DATE";
        levels(self.tiers.iter().map(|tier| tier.level), path)?;
        for (i, tier) in self.tiers.iter().enumerate() {
            require(tier.level > Level::Blue, &format!("{path}.tiers[{i}].level"), NO_BLUE)?;
            let field = format!("{path}.tiers[{i}].days");
            require((1..=BANK_DAYS_MAX).contains(&tier.days), &field, DAYS)?;
            let order = |other: &RunoffTier| other.level >= tier.level || other.days >= tier.days;
            require(self.tiers.iter().all(order), &field, GRAVER_IS_HARDER)?;
        }
        require((1..=BANK_DAYS_MAX).contains(&self.horizon_days), &format!("{path}.horizon_days"), DAYS)
    }
}

impl Counterparty {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let at = |field: &str| format!("FUND-UNUSUAL-COUNTERPARTY.{field}");
        money(self.first_seen_fen, &at("first_seen_fen"))?;
        money(self.person_red_fen, &at("person_red_fen"))?;
        share(self.person_red_bp, &at("person_red_bp"))?;
        require((1..=COUNT_MAX).contains(&self.new_payees), &at("new_payees"), COUNT)
    }
}

impl Structuring {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let at = |field: &str| format!("FUND-STRUCTURING.{field}");
        share(self.band_bp, &at("band_bp"))?;
        require((2..=COUNT_MAX).contains(&self.count), &at("count"), COUNT_OF_PARTS)?;
        require((1..=TIMES_MAX_BP).contains(&self.red_bp), &at("red_bp"), TIMES)
    }
}

impl TrainingLoan {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let at = |field: &str| format!("TRAINING-LOAN.{field}");
        require((1..=COUNT_MAX).contains(&self.red_families), &at("red_families"), COUNT)?;
        require(self.family_fen > 0, &at("family_fen"), AMOUNT)
    }
}

impl Surge {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let at = |field: &str| format!("ENROLMENT-SURGE.{field}");
        require((1..=TIMES_MAX_BP).contains(&self.times_bp), &at("times_bp"), TIMES)?;
        money(self.floor_fen, &at("floor_fen"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::escrow::policy::Policy;

    #[test]
    fn a_fault_is_named_by_its_path() {
        let document = serde_json::to_value(Policy::default()).unwrap();
        for (pointer, value, path) in [
            ("FUND-WITHDRAW-UNMATCHED/tolerance_fen", json!(-1), Some("FUND-WITHDRAW-UNMATCHED.tolerance_fen")),
            ("FUND-WITHDRAW-UNMATCHED/orange_over_bp", json!(2_000), None),
            ("FUND-WITHDRAW-UNMATCHED/orange_over_bp", json!(2_001), Some("FUND-WITHDRAW-UNMATCHED.red_over_bp")),
            ("FUND-WITHDRAW-UNMATCHED/red_single_fen", json!(0), Some("FUND-WITHDRAW-UNMATCHED.red_single_fen")),
            ("FUND-COVERAGE/tiers/1/below_bp", json!(10_000), None),
            ("FUND-COVERAGE/tiers/1/below_bp", json!(10_001), Some("FUND-COVERAGE.tiers[1].below_bp")),
            ("FUND-COVERAGE/tiers", json!([]), Some("FUND-COVERAGE.tiers")),
            ("FUND-RUNOFF-DATE/tiers/0/level", json!("blue"), Some("FUND-RUNOFF-DATE.tiers[0].level")),
            ("FUND-RUNOFF-DATE/tiers/2/days", json!(31), Some("FUND-RUNOFF-DATE.tiers[2].days")),
            ("FUND-RUNOFF-DATE/tiers/2/days", json!(30), None),
            ("FUND-RUNOFF-DATE/horizon_days", json!(0), Some("FUND-RUNOFF-DATE.horizon_days")),
            ("FUND-UNUSUAL-COUNTERPARTY/new_payees", json!(51), Some("FUND-UNUSUAL-COUNTERPARTY.new_payees")),
            ("FUND-UNUSUAL-COUNTERPARTY/person_red_bp", json!(10_001), Some("FUND-UNUSUAL-COUNTERPARTY.person_red_bp")),
            ("FUND-STRUCTURING/count", json!(1), Some("FUND-STRUCTURING.count")),
            ("FUND-STRUCTURING/count", json!(2), None),
            ("FUND-STRUCTURING/band_bp", json!(0), Some("FUND-STRUCTURING.band_bp")),
            ("TRAINING-LOAN/family_fen", json!(0), Some("TRAINING-LOAN.family_fen")),
            ("TRAINING-LOAN/red_families", json!(0), Some("TRAINING-LOAN.red_families")),
            ("ENROLMENT-SURGE/times_bp", json!(0), Some("ENROLMENT-SURGE.times_bp")),
            ("ENROLMENT-SURGE/floor_fen", json!(-1), Some("ENROLMENT-SURGE.floor_fen")),
        ] {
            let mut changed: Value = document.clone();
            *changed.pointer_mut(&format!("/{pointer}")).unwrap() = value.clone();
            let policy: Policy = serde_json::from_value(changed).unwrap();
            let found = policy.validate().err().map(|error| error.path);
            assert_eq!(found, path.map(str::to_owned), "{pointer} = {value}");
        }
    }
}
