//! W6 `FUND-RUNOFF-DATE` (预计耗尽日): at the rate at which money leaves, it is gone before the last lesson that was paid for.
//!
//! Source: 教监管函〔2021〕2号; plan item 16. Thresholds by policy, the rate by [`daily`](super::daily).

use serde_json::{Map, Value};

use super::{
    daily::Outflow,
    days,
    model::{Level, fields},
};
use crate::escrow::policy::{Runoff, RunoffTier};

/// A forecast that falls short.
pub(super) struct Forecast<'p> {
    tier: Option<&'p RunoffTier>,
    days: i64,
    runoff: i64,
    until: i64,
    outflow: Outflow,
    balance_fen: i64,
}

/// How long a balance lasts at a rate, against the last lesson to come (`until`, a day's number) on `today`.
///
/// `None` where it lasts as long or nothing leaves on balance.
pub(super) fn judge(
    policy: &Runoff,
    balance_fen: i64,
    outflow: Outflow,
    today: i64,
    until: i64,
) -> Option<Forecast<'_>> {
    if outflow.sum_fen <= 0 {
        return None;
    }
    let held = i128::from(balance_fen.max(0)) * i128::from(outflow.days);
    // d* ≤ days, without a division.
    let lasts_at_most = |days: u32| held <= i128::from(days) * outflow.sum_fen;
    if !lasts_at_most(policy.horizon_days) {
        return None;
    }
    let days = i64::try_from(held / outflow.sum_fen).unwrap_or(i64::MAX);
    let runoff = today.saturating_add(days);
    let tier = policy.tiers.iter().filter(|tier| lasts_at_most(tier.days)).max_by_key(|tier| tier.level);
    (runoff < until).then_some(Forecast { tier, days, runoff, until, outflow, balance_fen })
}

impl Forecast<'_> {
    pub(super) fn level(&self) -> Level {
        self.tier.map_or(Level::Blue, |tier| tier.level)
    }

    /// What an officer needs to check the warning by hand.
    pub(super) fn evidence(&self, policy: &Runoff, unearned_fen: i64) -> Map<String, Value> {
        let date = |day: i64| days::date(day).map(|date| date.to_string());
        let daily = i64::try_from(self.outflow.sum_fen / i128::from(self.outflow.days)).unwrap_or(i64::MAX);
        let looked_back = i64::try_from(self.outflow.weeks).unwrap_or(i64::MAX).saturating_mul(7);
        fields([
            ("value", self.days.into()),
            ("threshold", self.tier.map_or(policy.horizon_days, |tier| tier.days).into()),
            ("unit", "days".into()),
            ("formula", "balance_fen / outflow_per_day_fen <= threshold, and runoff_on < last_obligation_on".into()),
            ("balance_fen", self.balance_fen.into()),
            ("outflow_per_day_fen", daily.into()),
            ("outflow_formula", "median of the net outflows of the last whole weeks / 7".into()),
            ("window_days", looked_back.into()),
            ("runoff_on", date(self.runoff).into()),
            ("last_obligation_on", date(self.until).into()),
            ("unearned_fen", unearned_fen.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Blue, Orange, Red, Yellow};

    #[test]
    fn f13_and_both_sides_of_each_boundary() {
        let day = |text: &str| days::number(text.parse().unwrap());
        let (today, until) = (day("2026-03-01"), day("2026-05-31"));
        let outflow = |per_day: i128| Outflow { sum_fen: per_day * 14, days: 14, weeks: 4 };
        let policy = Runoff::default();
        let found = judge(&policy, 20_000_000, outflow(640_000), today, until).unwrap();
        let evidence = found.evidence(&policy, 1);
        assert_eq!((found.level(), found.days), (Yellow, 31));
        assert_eq!(
            (&evidence["runoff_on"], &evidence["last_obligation_on"]),
            (&"2026-04-01".into(), &"2026-05-31".into())
        );
        assert_eq!((&evidence["value"], &evidence["threshold"]), (&31.into(), &60.into()));
        let far = day("2027-01-01");
        for (case, balance_fen, per_day, until, expected) in [
            ("14 days exactly", 1_400, 100, far, Some(Red)),
            ("a hundredth beyond", 1_401, 100, far, Some(Orange)),
            ("30 days exactly", 3_000, 100, far, Some(Orange)),
            ("beyond 30 days", 3_001, 100, far, Some(Yellow)),
            ("60 days exactly", 6_000, 100, far, Some(Yellow)),
            ("beyond 60 days", 6_001, 100, far, Some(Blue)),
            ("beyond 90 days it is blue, too", 9_100, 100, far, Some(Blue)),
            ("the horizon exactly", 18_000, 100, far, Some(Blue)),
            ("beyond the horizon", 18_001, 100, far, None),
            ("the day before the last lesson", 9_000, 100, until, Some(Blue)),
            ("on the day of the last lesson", 9_100, 100, until, None),
            ("nothing left", 0, 100, until, Some(Red)),
            ("overdrawn", -5, 100, until, Some(Red)),
            ("nothing leaves", 100, 0, until, None),
            ("more comes in", 100, -100, until, None),
        ] {
            let found = judge(&policy, balance_fen, outflow(per_day), today, until);
            assert_eq!(found.map(|found| found.level()), expected, "{case}");
        }
    }
}
