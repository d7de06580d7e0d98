//! The thresholds document put together from the parameters that are in force, and taken apart again.
//!
//! Pure. The parameters are the truth (`policies`); the document is how the detector, the command line and the API see them.

use super::{
    detector::Level,
    policy::{
        BelowMin, Counterparty, Coverage, CoverageTier, CumRolling, LargeSingle, LargeTier, MinimumBalance,
        MinimumTier, Period, Policies, Policy, PolicyError, RollingWindow, Runoff, RunoffTier, ShareTier, Structuring,
        Surge, TrainingLoan, WithdrawUnmatched,
    },
};
use crate::policies::{Chain, InForce, Setting, Value, parameter_of};

/// Whether a parameter is one of the thresholds.
pub fn is_threshold(id: &str) -> bool {
    id.starts_with("escrow.")
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const ALL_LEVELS: [Level; 4] = [Level::Blue, Level::Yellow, Level::Orange, Level::Red];
const LEVELS: [Level; 3] = [Level::Yellow, Level::Orange, Level::Red];
/// The windows of W2; their shares are parameters, their lengths are not.
const WINDOWS: [u32; 2] = [7, 30];

fn name(level: Level) -> &'static str {
    level.into()
}

impl Policy {
    /// The document of a day.
    pub fn of(in_force: &InForce) -> Policy {
        let number = |id: &str| in_force.number(id);
        let optional = |id: &str| in_force.optional_number(id);
        let large = |level: Level| LargeTier {
            level,
            share_bp: optional(&format!("escrow.large.{}.share_bp", name(level))),
            amount_fen: optional(&format!("escrow.large.{}.amount_fen", name(level))),
            share_floor_fen: (level == Level::Red).then(|| number("escrow.large.red.share_floor_fen")),
        };
        let window = |days: u32| RollingWindow {
            days,
            tiers: LEVELS
                .map(|level| ShareTier {
                    level,
                    share_bp: number(&format!("escrow.rolling.{days}.{}_bp", name(level))),
                })
                .to_vec(),
        };
        let below =
            |level: Level| MinimumTier { level, of_minimum_bp: number(&format!("escrow.below.{}_bp", name(level))) };
        Policy {
            version: in_force.version(&Policy::default().version, is_threshold),
            minimum_balance: MinimumBalance {
                fixed_fen: number("escrow.minimum.fixed_fen"),
                unearned_bp: number("escrow.minimum.unearned_bp"),
            },
            large_single: LargeSingle {
                share_floor_fen: number("escrow.large.share_floor_fen"),
                // A tier that neither condition reaches is none.
                tiers: LEVELS
                    .map(large)
                    .into_iter()
                    .filter(|tier| tier.share_bp.is_some() || tier.amount_fen.is_some())
                    .collect(),
            },
            cum_rolling: CumRolling { windows: WINDOWS.map(window).to_vec() },
            below_min: BelowMin {
                tiers: LEVELS.map(below).to_vec(),
                red_after_bank_days: count(number("escrow.below.red_after_days")),
            },
            withdraw_unmatched: WithdrawUnmatched {
                period: in_force.word("escrow.unmatched.period").parse().unwrap_or(Period::Month),
                tolerance_fen: number("escrow.unmatched.tolerance_fen"),
                tolerance_bp: number("escrow.unmatched.tolerance_bp"),
                orange_over_bp: number("escrow.unmatched.orange_bp"),
                red_over_bp: number("escrow.unmatched.red_bp"),
                red_excess_fen: number("escrow.unmatched.red_excess_fen"),
                red_single_fen: number("escrow.unmatched.red_single_fen"),
            },
            coverage: Coverage {
                tiers: ALL_LEVELS
                    .map(|level| CoverageTier {
                        level,
                        below_bp: number(&format!("escrow.coverage.{}_bp", name(level))),
                    })
                    .to_vec(),
                order_tolerance_fen: number("escrow.coverage.order_tolerance_fen"),
            },
            runoff: Runoff {
                tiers: LEVELS
                    .map(|level| RunoffTier {
                        level,
                        days: count(number(&format!("escrow.runoff.{}_days", name(level)))),
                    })
                    .to_vec(),
                horizon_days: count(number("escrow.runoff.horizon_days")),
            },
            counterparty: Counterparty {
                first_seen_fen: number("escrow.payee.first_seen_fen"),
                new_payees: count(number("escrow.payee.new_count")),
                person_red_fen: number("escrow.payee.person_red_fen"),
                person_red_bp: number("escrow.payee.person_red_bp"),
            },
            structuring: Structuring {
                band_bp: number("escrow.split.band_bp"),
                count: count(number("escrow.split.count")),
                red_bp: number("escrow.split.red_bp"),
            },
            training_loan: TrainingLoan {
                red_families: count(number("escrow.loan.red_families")),
                family_fen: number("escrow.loan.family_fen"),
            },
            surge: Surge { times_bp: number("escrow.surge.times_bp"), floor_fen: number("escrow.surge.floor_fen") },
        }
    }

    /// The values of all parameters in this document; its version says nothing new.
    ///
    /// A document may hold what no parameter says, such as another window: that is refused with its path.
    pub fn settings(&self) -> Result<Vec<Setting>, PolicyError> {
        self.validate()?;
        let mut values = vec![
            ("escrow.minimum.fixed_fen".to_owned(), Some(self.minimum_balance.fixed_fen)),
            ("escrow.minimum.unearned_bp".to_owned(), Some(self.minimum_balance.unearned_bp)),
            ("escrow.large.share_floor_fen".to_owned(), Some(self.large_single.share_floor_fen)),
            ("escrow.below.red_after_days".to_owned(), Some(i64::from(self.below_min.red_after_bank_days))),
        ];
        self.large_settings(&mut values)?;
        self.window_settings(&mut values)?;
        let tiers = &self.below_min.tiers;
        for level in LEVELS {
            let tier = tiers.iter().find(|tier| tier.level == level);
            let tier = tier.ok_or_else(|| missing(format!("FUND-BELOW-MIN.tiers ({})", name(level))))?;
            values.push((format!("escrow.below.{}_bp", name(level)), Some(tier.of_minimum_bp)));
        }
        self.flow_settings(&mut values)?;
        let period = <&str>::from(self.withdraw_unmatched.period);
        let numbers = values.into_iter().map(|(id, number)| (id, number.map_or(serde_json::Value::Null, Into::into)));
        let words = [("escrow.unmatched.period".to_owned(), serde_json::Value::from(period))];
        let setting = |(id, json): (String, serde_json::Value)| {
            let parameter = parameter_of(&id).ok_or_else(|| missing(id.clone()))?;
            let value: Value = parameter.read(&json).map_err(|_| PolicyError {
                path: id,
                message_zh: "超出可设的范围",
                message_en: "is outside the range that may be set",
            })?;
            Ok(Setting { parameter, value })
        };
        numbers.chain(words).map(setting).collect()
    }

    fn flow_settings(&self, values: &mut Vec<(String, Option<i64>)>) -> Result<(), PolicyError> {
        let (unmatched, payee, split) = (&self.withdraw_unmatched, &self.counterparty, &self.structuring);
        let (loan, surge) = (&self.training_loan, &self.surge);
        for (id, number) in [
            ("escrow.unmatched.tolerance_fen", unmatched.tolerance_fen),
            ("escrow.unmatched.tolerance_bp", unmatched.tolerance_bp),
            ("escrow.unmatched.orange_bp", unmatched.orange_over_bp),
            ("escrow.unmatched.red_bp", unmatched.red_over_bp),
            ("escrow.unmatched.red_excess_fen", unmatched.red_excess_fen),
            ("escrow.unmatched.red_single_fen", unmatched.red_single_fen),
            ("escrow.coverage.order_tolerance_fen", self.coverage.order_tolerance_fen),
            ("escrow.runoff.horizon_days", self.runoff.horizon_days.into()),
            ("escrow.payee.first_seen_fen", payee.first_seen_fen),
            ("escrow.payee.new_count", payee.new_payees.into()),
            ("escrow.payee.person_red_fen", payee.person_red_fen),
            ("escrow.payee.person_red_bp", payee.person_red_bp),
            ("escrow.split.band_bp", split.band_bp),
            ("escrow.split.count", split.count.into()),
            ("escrow.split.red_bp", split.red_bp),
            ("escrow.loan.red_families", loan.red_families.into()),
            ("escrow.loan.family_fen", loan.family_fen),
            ("escrow.surge.times_bp", surge.times_bp),
            ("escrow.surge.floor_fen", surge.floor_fen),
        ] {
            values.push((id.to_owned(), Some(number)));
        }
        for level in ALL_LEVELS {
            let tier = self.coverage.tiers.iter().find(|tier| tier.level == level);
            let tier = tier.ok_or_else(|| missing(format!("FUND-COVERAGE.tiers ({})", name(level))))?;
            values.push((format!("escrow.coverage.{}_bp", name(level)), Some(tier.below_bp)));
        }
        for level in LEVELS {
            let tier = self.runoff.tiers.iter().find(|tier| tier.level == level);
            let tier = tier.ok_or_else(|| missing(format!("FUND-RUNOFF-DATE.tiers ({})", name(level))))?;
            values.push((format!("escrow.runoff.{}_days", name(level)), Some(tier.days.into())));
        }
        Ok(())
    }

    fn large_settings(&self, values: &mut Vec<(String, Option<i64>)>) -> Result<(), PolicyError> {
        if let Some(tier) = self.large_single.tiers.iter().find(|tier| !LEVELS.contains(&tier.level)) {
            return Err(unknown(format!("FUND-LARGE-SINGLE.tiers ({})", name(tier.level))));
        }
        for level in LEVELS {
            let tier = self.large_single.tiers.iter().find(|tier| tier.level == level);
            let id = |field: &str| format!("escrow.large.{}.{field}", name(level));
            values.push((id("share_bp"), tier.and_then(|tier| tier.share_bp)));
            values.push((id("amount_fen"), tier.and_then(|tier| tier.amount_fen)));
            let floor = tier.and_then(|tier| tier.share_floor_fen);
            match level {
                Level::Red => values.push((id("share_floor_fen"), floor.or(Some(self.large_single.share_floor_fen)))),
                _ if floor.is_some() => {
                    return Err(unknown(format!("FUND-LARGE-SINGLE.{}.share_floor_fen", name(level))));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn window_settings(&self, values: &mut Vec<(String, Option<i64>)>) -> Result<(), PolicyError> {
        for window in &self.cum_rolling.windows {
            if !WINDOWS.contains(&window.days) {
                return Err(unknown(format!("FUND-CUM-ROLLING.windows ({})", window.days)));
            }
        }
        for days in WINDOWS {
            let window = self.cum_rolling.windows.iter().find(|window| window.days == days);
            let window = window.ok_or_else(|| missing(format!("FUND-CUM-ROLLING.windows ({days})")))?;
            for level in LEVELS {
                let tier = window.tiers.iter().find(|tier| tier.level == level);
                let tier =
                    tier.ok_or_else(|| missing(format!("FUND-CUM-ROLLING.windows ({days}, {})", name(level))))?;
                values.push((format!("escrow.rolling.{days}.{}_bp", name(level)), Some(tier.share_bp)));
            }
        }
        Ok(())
    }
}

fn missing(path: String) -> PolicyError {
    PolicyError { path, message_zh: "缺少；不能取消这一项", message_en: "is missing; it cannot be left out" }
}

fn unknown(path: String) -> PolicyError {
    PolicyError { path, message_zh: "没有这个参数", message_en: "is no parameter that can be set" }
}

impl Policies {
    /// The documents of all days: what was in force first, and every change since, planned ones included.
    pub fn of(chain: &Chain) -> Policies {
        let days = chain.changes_after(chrono::NaiveDate::MIN, is_threshold);
        let first = Policy::of(&chain.on(chrono::NaiveDate::MIN));
        Policies::new(first, days.into_iter().map(|day| (day, Policy::of(&chain.on(day)))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_defaults_are_the_default_document_and_back() {
        let in_force = Chain::default().on("2026-03-18".parse().unwrap());
        assert_eq!(Policy::of(&in_force), Policy::default());
        let settings = Policy::default().settings().unwrap();
        for setting in &settings {
            assert_eq!(setting.value, setting.parameter.default_value(), "{}", setting.parameter.id);
        }
        let thresholds = crate::policies::PARAMETERS.iter().filter(|parameter| is_threshold(parameter.id)).count();
        assert_eq!(settings.len(), thresholds, "every threshold stands in the document");
    }

    #[test]
    fn what_no_parameter_says_is_refused_with_its_place() {
        let mut other = Policy::default();
        other.cum_rolling.windows[0].days = 14;
        assert!(other.settings().unwrap_err().path.contains("14"));
        let mut fewer = Policy::default();
        fewer.below_min.tiers.pop();
        assert!(fewer.settings().unwrap_err().path.contains("red"));
        let mut floor = Policy::default();
        floor.large_single.tiers[0].share_floor_fen = Some(1);
        assert!(floor.settings().is_err());
        let mut without = Policy::default();
        without.large_single.tiers.remove(0);
        let settings = without.settings().unwrap();
        let yellow = settings.iter().find(|one| one.parameter.id == "escrow.large.yellow.amount_fen").unwrap();
        assert_eq!(yellow.value, Value::Never, "a tier that is left out is never reached");
    }
}
