//! The escrow policy document: the thresholds of the prepaid-fund warnings, versioned and effective-dated.
//!
//! National law says only "大额异动" and "最低余额" (教监管函〔2021〕2号); every number here is a platform default that
//! a county may set. A document is used only after [`Policy::validate`]. Rates are basis points, money is fen.

mod sections;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use sections::{
    COUNT_MAX, Counterparty, Coverage, CoverageTier, Period, Runoff, RunoffTier, Structuring, Surge, TrainingLoan,
    WithdrawUnmatched,
};

use super::detector::Level;

/// One version of the policy. A section that a document leaves out has its default; an unknown one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Stands in the evidence of every warning, so that an old one can be explained.
    pub version: String,
    #[serde(default)]
    pub minimum_balance: MinimumBalance,
    #[serde(rename = "FUND-LARGE-SINGLE", default)]
    pub large_single: LargeSingle,
    #[serde(rename = "FUND-CUM-ROLLING", default)]
    pub cum_rolling: CumRolling,
    #[serde(rename = "FUND-BELOW-MIN", default)]
    pub below_min: BelowMin,
    #[serde(rename = "FUND-WITHDRAW-UNMATCHED", default)]
    pub withdraw_unmatched: WithdrawUnmatched,
    #[serde(rename = "FUND-COVERAGE", default)]
    pub coverage: Coverage,
    #[serde(rename = "FUND-RUNOFF-DATE", default)]
    pub runoff: Runoff,
    #[serde(rename = "FUND-UNUSUAL-COUNTERPARTY", default)]
    pub counterparty: Counterparty,
    #[serde(rename = "FUND-STRUCTURING", default)]
    pub structuring: Structuring,
    #[serde(rename = "TRAINING-LOAN", default)]
    pub training_loan: TrainingLoan,
    #[serde(rename = "ENROLMENT-SURGE", default)]
    pub surge: Surge,
}

/// 最低存款余额: the greater of a fixed sum and a share of the unearned fees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumBalance {
    pub fixed_fen: i64,
    pub unearned_bp: i64,
}

/// W1, 单笔大额支出.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargeSingle {
    /// A share of the balance counts only from this amount, unless the tier has its own floor.
    pub share_floor_fen: i64,
    pub tiers: Vec<LargeTier>,
}

/// Reached by the amount, or by the share of the balance before it; a condition that is absent is never met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargeTier {
    pub level: Level,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_bp: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_fen: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_floor_fen: Option<i64>,
}

/// W2, 滚动累计支出.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CumRolling {
    pub windows: Vec<RollingWindow>,
}

/// One window `(t − days, t]` and the shares of the money at hand in it that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollingWindow {
    pub days: u32,
    pub tiers: Vec<ShareTier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareTier {
    pub level: Level,
    pub share_bp: i64,
}

/// W3, 低于最低余额.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BelowMin {
    pub tiers: Vec<MinimumTier>,
    /// Red on this many consecutive bank days below the minimum, however little below.
    pub red_after_bank_days: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumTier {
    pub level: Level,
    pub of_minimum_bp: i64,
}

/// The policies of an account's whole history: each day is judged by the one that was in force on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    first: Policy,
    /// Those that came into force later, in order of their first days.
    later: Vec<(NaiveDate, Policy)>,
}

impl Policies {
    /// `later` in order of the first days.
    pub fn new(first: Policy, later: Vec<(NaiveDate, Policy)>) -> Policies {
        Policies { first, later }
    }

    /// The only one, where it never changed.
    pub fn constant(&self) -> Option<&Policy> {
        self.later.is_empty().then_some(&self.first)
    }

    /// The one that is in force on a day; its first day counts.
    pub fn on(&self, day: NaiveDate) -> &Policy {
        let place = self.later.partition_point(|(from, _)| *from <= day);
        place.checked_sub(1).and_then(|last| self.later.get(last)).map_or(&self.first, |(_, policy)| policy)
    }
}

impl From<Policy> for Policies {
    /// One for all days.
    fn from(policy: Policy) -> Policies {
        Policies { first: policy, later: Vec::new() }
    }
}

/// What is wrong with a policy document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message_en}")]
pub struct PolicyError {
    /// JSON path, e.g. `FUND-LARGE-SINGLE.tiers[0].share_bp`.
    pub path: String,
    pub message_zh: &'static str,
    pub message_en: &'static str,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            version: "2026-01".to_owned(),
            minimum_balance: MinimumBalance::default(),
            large_single: LargeSingle::default(),
            cum_rolling: CumRolling::default(),
            below_min: BelowMin::default(),
            withdraw_unmatched: WithdrawUnmatched::default(),
            coverage: Coverage::default(),
            runoff: Runoff::default(),
            counterparty: Counterparty::default(),
            structuring: Structuring::default(),
            training_loan: TrainingLoan::default(),
            surge: Surge::default(),
        }
    }
}

impl Default for MinimumBalance {
    fn default() -> MinimumBalance {
        MinimumBalance { fixed_fen: 0, unearned_bp: 2_000 }
    }
}

impl Default for LargeSingle {
    fn default() -> LargeSingle {
        let tier = |level, share_bp, amount_fen, share_floor_fen| LargeTier {
            level,
            share_bp: Some(share_bp),
            amount_fen,
            share_floor_fen,
        };
        LargeSingle {
            share_floor_fen: 500_000,
            tiers: vec![
                tier(Level::Yellow, 2_000, Some(5_000_000), None),
                tier(Level::Orange, 3_500, Some(20_000_000), None),
                tier(Level::Red, 5_000, None, Some(5_000_000)),
            ],
        }
    }
}

impl Default for CumRolling {
    fn default() -> CumRolling {
        let window = |days, shares: [i64; 3]| RollingWindow {
            days,
            tiers: [Level::Yellow, Level::Orange, Level::Red]
                .into_iter()
                .zip(shares)
                .map(|(level, share_bp)| ShareTier { level, share_bp })
                .collect(),
        };
        CumRolling { windows: vec![window(7, [3_000, 5_000, 7_000]), window(30, [6_000, 8_000, 9_000])] }
    }
}

impl Default for BelowMin {
    fn default() -> BelowMin {
        let tier = |level, of_minimum_bp| MinimumTier { level, of_minimum_bp };
        BelowMin {
            tiers: vec![tier(Level::Yellow, 10_000), tier(Level::Orange, 8_000), tier(Level::Red, 5_000)],
            red_after_bank_days: 3,
        }
    }
}

impl RollingWindow {
    /// The least share that reaches any tier.
    pub fn lowest_share_bp(&self) -> i64 {
        self.tiers.iter().map(|tier| tier.share_bp).min().unwrap_or(i64::MAX)
    }
}

/// No rate above ten times the whole means anything; it also keeps products far inside 128 bits.
const RATE_MAX_BP: i64 = 100_000;
/// What the detector keeps of an account in memory is bounded by the longest window.
const WINDOW_MAX_DAYS: u32 = 366;
const BANK_DAYS_MAX: u32 = 366;

impl Policy {
    /// Checks what the types cannot say; the first fault found is returned.
    pub fn validate(&self) -> Result<(), PolicyError> {
        require(!self.version.trim().is_empty(), "version", VERSION)?;
        money(self.minimum_balance.fixed_fen, "minimum_balance.fixed_fen")?;
        let unearned_bp = self.minimum_balance.unearned_bp;
        require((0..=RATE_MAX_BP).contains(&unearned_bp), "minimum_balance.unearned_bp", RATE_OR_ZERO)?;
        self.validate_large_single()?;
        self.validate_cum_rolling()?;
        self.validate_below_min()?;
        self.withdraw_unmatched.validate()?;
        self.coverage.validate()?;
        self.runoff.validate()?;
        self.counterparty.validate()?;
        self.structuring.validate()?;
        self.training_loan.validate()?;
        self.surge.validate()
    }

    /// L1, the least single amount that is large; `None` where only shares count.
    pub fn large_fen(&self) -> Option<i64> {
        self.large_single.tiers.iter().filter_map(|tier| tier.amount_fen).min()
    }

    fn validate_large_single(&self) -> Result<(), PolicyError> {
        let path = "FUND-LARGE-SINGLE";
        money(self.large_single.share_floor_fen, &format!("{path}.share_floor_fen"))?;
        let tiers = &self.large_single.tiers;
        levels(tiers.iter().map(|tier| tier.level), path)?;
        for (i, tier) in tiers.iter().enumerate() {
            let at = format!("{path}.tiers[{i}]");
            require(tier.share_bp.is_some() || tier.amount_fen.is_some(), &at, CONDITION)?;
            tier.share_bp.map_or(Ok(()), |bp| share(bp, &format!("{at}.share_bp")))?;
            tier.amount_fen.map_or(Ok(()), |fen| require(fen > 0, &format!("{at}.amount_fen"), AMOUNT))?;
            tier.share_floor_fen.map_or(Ok(()), |fen| money(fen, &format!("{at}.share_floor_fen")))?;
        }
        Ok(())
    }

    fn validate_cum_rolling(&self) -> Result<(), PolicyError> {
        let path = "FUND-CUM-ROLLING.windows";
        let windows = &self.cum_rolling.windows;
        require(!windows.is_empty(), path, WINDOWS)?;
        for (i, window) in windows.iter().enumerate() {
            let at = format!("{path}[{i}]");
            require((1..=WINDOW_MAX_DAYS).contains(&window.days), &format!("{at}.days"), DAYS)?;
            require(windows[..i].iter().all(|other| other.days != window.days), &format!("{at}.days"), WINDOW_TWICE)?;
            levels(window.tiers.iter().map(|tier| tier.level), &at)?;
            for (j, tier) in window.tiers.iter().enumerate() {
                let field = format!("{at}.tiers[{j}].share_bp");
                share(tier.share_bp, &field)?;
                let order = |other: &ShareTier| other.level >= tier.level || other.share_bp <= tier.share_bp;
                require(window.tiers.iter().all(order), &field, GRAVER_IS_HARDER)?;
            }
        }
        Ok(())
    }

    fn validate_below_min(&self) -> Result<(), PolicyError> {
        let path = "FUND-BELOW-MIN";
        let tiers = &self.below_min.tiers;
        levels(tiers.iter().map(|tier| tier.level), path)?;
        for (i, tier) in tiers.iter().enumerate() {
            let field = format!("{path}.tiers[{i}].of_minimum_bp");
            require((1..=RATE_MAX_BP).contains(&tier.of_minimum_bp), &field, RATE)?;
            let order = |other: &MinimumTier| other.level >= tier.level || other.of_minimum_bp >= tier.of_minimum_bp;
            require(tiers.iter().all(order), &field, GRAVER_IS_HARDER)?;
        }
        let days = self.below_min.red_after_bank_days;
        require((1..=BANK_DAYS_MAX).contains(&days), &format!("{path}.red_after_bank_days"), DAYS)
    }
}

/// A sentence in Chinese and in English.
type Sentence = (&'static str, &'static str);

const VERSION: Sentence = ("版本号为空；请填写，例如 2026-01", "the version is empty; give one, e.g. 2026-01");
const MONEY: Sentence = ("金额不能为负；请填写 0 或以上的分数", "money is negative; give fen, 0 or more");
const AMOUNT: Sentence = ("金额须大于 0（单位：分）", "the amount must be more than 0 fen");
const RATE: Sentence = ("比率须在 1 至 100000 基点之间", "the rate must be 1 to 100000 basis points");
const RATE_OR_ZERO: Sentence = ("比率须在 0 至 100000 基点之间", "the rate must be 0 to 100000 basis points");
const SHARE: Sentence = ("占比须在 1 至 10000 基点之间", "the share must be 1 to 10000 basis points");
const DAYS: Sentence = ("天数须在 1 至 366 之间", "the number of days must be 1 to 366");
const WINDOWS: Sentence = ("没有统计窗口；请至少给出一个", "there is no window; give at least one");
const WINDOW_TWICE: Sentence = ("同一天数的窗口重复；请合并", "a window of these days is given twice; keep one");
const TIERS: Sentence = ("没有预警级别；请至少给出一级", "there is no tier; give at least one");
const LEVEL_TWICE: Sentence = ("同一级别重复；每级只能出现一次", "a level is given twice; keep one tier of each level");
const CONDITION: Sentence =
    ("该级没有条件；请填写 share_bp 或 amount_fen", "the tier has no condition; give share_bp or amount_fen");
const GRAVER_IS_HARDER: Sentence = (
    "更严重的级别反而更易触发；请调整两级的数值",
    "a graver level is easier to reach than a lesser one; put the values in order of gravity",
);

fn require(holds: bool, path: &str, (message_zh, message_en): Sentence) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError { path: path.to_owned(), message_zh, message_en }) }
}

fn money(fen: i64, path: &str) -> Result<(), PolicyError> {
    require(fen >= 0, path, MONEY)
}

fn share(bp: i64, path: &str) -> Result<(), PolicyError> {
    require((1..=10_000).contains(&bp), path, SHARE)
}

fn levels(levels: impl Iterator<Item = Level>, path: &str) -> Result<(), PolicyError> {
    let mut seen = Vec::new();
    for level in levels {
        require(!seen.contains(&level), &format!("{path}.tiers[{}].level", seen.len()), LEVEL_TWICE)?;
        seen.push(level);
    }
    require(!seen.is_empty(), &format!("{path}.tiers"), TIERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CONTRACT: &str = r#"{"version":"2026-01","minimum_balance":{"fixed_fen":0,"unearned_bp":2000},
        "FUND-LARGE-SINGLE":{"share_floor_fen":500000,"tiers":[
          {"level":"yellow","share_bp":2000,"amount_fen":5000000},{"level":"orange","share_bp":3500,"amount_fen":20000000},
          {"level":"red","share_bp":5000,"share_floor_fen":5000000}]},
        "FUND-CUM-ROLLING":{"windows":[
          {"days":7,"tiers":[{"level":"yellow","share_bp":3000},{"level":"orange","share_bp":5000},{"level":"red","share_bp":7000}]},
          {"days":30,"tiers":[{"level":"yellow","share_bp":6000},{"level":"orange","share_bp":8000},{"level":"red","share_bp":9000}]}]},
        "FUND-BELOW-MIN":{"tiers":[{"level":"yellow","of_minimum_bp":10000},{"level":"orange","of_minimum_bp":8000},
          {"level":"red","of_minimum_bp":5000}],"red_after_bank_days":3}}"#;

    #[test]
    fn each_day_has_its_policy_and_the_first_day_counts() {
        let version = |version: &str| Policy { version: version.to_owned(), ..Policy::default() };
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let later = vec![(day("2026-04-01"), version("b")), (day("2026-05-01"), version("c"))];
        let policies = Policies::new(version("a"), later);
        for (on, expected) in
            [("2026-03-31", "a"), ("2026-04-01", "b"), ("2026-04-30", "b"), ("2026-05-01", "c"), ("2027-01-01", "c")]
        {
            assert_eq!(policies.on(day(on)).version, expected, "{on}");
        }
    }

    #[test]
    fn the_default_is_the_published_document() {
        let published: Value = serde_json::from_str(CONTRACT).unwrap();
        let mut written = serde_json::to_value(Policy::default()).unwrap();
        written.as_object_mut().unwrap().retain(|section, _| published.get(section).is_some());
        assert_eq!(written, published, "a document from before the later kinds");
        assert_eq!(serde_json::from_str::<Policy>(CONTRACT).unwrap(), Policy::default());
        assert_eq!(Policy::default().validate(), Ok(()));
    }

    #[test]
    fn a_section_left_out_has_its_default_and_an_unknown_field_is_refused() {
        let short: Policy = serde_json::from_str(r#"{"version":"county"}"#).unwrap();
        assert_eq!(Policy { version: "2026-01".into(), ..short }, Policy::default());
        for text in [
            r#"{"version":"x","FUND-LARGE-SINGEL":{}}"#,
            r#"{"version":"x","minimum_balance":{"fixed_fen":0,"unearned_bp":1,"more":1}}"#,
            r#"{"minimum_balance":{"fixed_fen":0,"unearned_bp":1}}"#,
            r#"{"version":"x","minimum_balance":{"fixed_fen":0}}"#,
        ] {
            assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_is_named_by_its_path() {
        let large = "/FUND-LARGE-SINGLE/tiers/0";
        let window = "/FUND-CUM-ROLLING/windows/0";
        for (pointer, value, path) in [
            ("/version", json!(" "), Some("version")),
            ("/minimum_balance/fixed_fen", json!(-1), Some("minimum_balance.fixed_fen")),
            ("/minimum_balance/unearned_bp", json!(100_001), Some("minimum_balance.unearned_bp")),
            ("/minimum_balance/unearned_bp", json!(0), None),
            (&format!("{large}/share_bp"), json!(0), Some("FUND-LARGE-SINGLE.tiers[0].share_bp")),
            (&format!("{large}/share_bp"), json!(10_001), Some("FUND-LARGE-SINGLE.tiers[0].share_bp")),
            (&format!("{large}/share_bp"), json!(1), None),
            (&format!("{large}/amount_fen"), json!(0), Some("FUND-LARGE-SINGLE.tiers[0].amount_fen")),
            (large, json!({"level":"yellow"}), Some("FUND-LARGE-SINGLE.tiers[0]")),
            (&format!("{large}/level"), json!("red"), Some("FUND-LARGE-SINGLE.tiers[2].level")),
            ("/FUND-LARGE-SINGLE/tiers", json!([]), Some("FUND-LARGE-SINGLE.tiers")),
            (&format!("{window}/days"), json!(0), Some("FUND-CUM-ROLLING.windows[0].days")),
            (&format!("{window}/days"), json!(366), None),
            (&format!("{window}/days"), json!(367), Some("FUND-CUM-ROLLING.windows[0].days")),
            (&format!("{window}/days"), json!(30), Some("FUND-CUM-ROLLING.windows[1].days")),
            (&format!("{window}/tiers/0/share_bp"), json!(5_000), None),
            (
                &format!("{window}/tiers/0/share_bp"),
                json!(5_001),
                Some("FUND-CUM-ROLLING.windows[0].tiers[1].share_bp"),
            ),
            ("/FUND-CUM-ROLLING/windows", json!([]), Some("FUND-CUM-ROLLING.windows")),
            ("/FUND-BELOW-MIN/tiers/2/of_minimum_bp", json!(8_001), Some("FUND-BELOW-MIN.tiers[2].of_minimum_bp")),
            ("/FUND-BELOW-MIN/red_after_bank_days", json!(0), Some("FUND-BELOW-MIN.red_after_bank_days")),
        ] {
            let mut document: Value = serde_json::from_str(CONTRACT).unwrap();
            *document.pointer_mut(pointer).unwrap() = value.clone();
            let policy: Policy = serde_json::from_value(document).unwrap();
            assert_eq!(policy.validate().err().map(|e| e.path), path.map(str::to_owned), "{pointer} = {value}");
        }
    }
}
