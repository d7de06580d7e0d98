//! W11 `PREPAY-OVER-CAP` (超限预收), and W10 `FUND-STRUCTURING` (化整为零) on the side of the orders.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{reaches, share_bp};
use crate::escrow::{
    detector::{Level, WarningKind},
    oversight::{
        limits::PrepayLimits,
        model::{Alarm, evidence, gravest},
    },
};

/// Days that the number of orders and pupils is counted over.
const WINDOW: TimeDelta = TimeDelta::days(30);
/// Payments of one pupil within less than this are one.
const SPLIT: TimeDelta = TimeDelta::days(1);

/// A paid contract that breaks a limit of prepayment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverCap {
    pub contract: i64,
    /// Keyed hash of the pupil.
    pub pupil: Vec<u8>,
    /// When it was paid last.
    pub paid_at: DateTime<Utc>,
}

/// The rules whose breach is an over-cap prepayment.
const CAPS: [&str; 3] = ["PREPAY-SPAN-3M", "PREPAY-UNITS-60", "PREPAY-CAP-5000"];

/// How much of a contract's payments is beyond the limits: the greatest excess among what was found of it. All that was paid,
/// where a finding does not say how much; `None` where no limit is broken.
pub fn excess_fen(findings: &Value, paid_fen: i64) -> Option<i64> {
    let breaks = |finding: &&Value| {
        let rule = finding["rule"].as_str().unwrap_or_default();
        CAPS.contains(&rule) || rule.starts_with("PREPAY-EARLIEST-")
    };
    let excess = |finding: &Value| finding["evidence"]["gap_fen"].as_i64().unwrap_or(paid_fen);
    findings.as_array()?.iter().filter(breaks).map(excess).max()
}

/// W11: yellow for one; orange from so many orders or such a share of the pupils in thirty days, red from a greater share.
pub fn over_cap(orders: &[OverCap], pupils: i64, limits: &PrepayLimits, now: DateTime<Utc>) -> Option<Alarm> {
    let latest = orders.iter().max_by_key(|order| (order.paid_at, order.contract))?;
    let recent: Vec<&OverCap> = orders.iter().filter(|order| now - WINDOW < order.paid_at).collect();
    let count = i64::try_from(recent.len()).unwrap_or(i64::MAX);
    let hit: BTreeSet<&[u8]> = recent.iter().map(|order| order.pupil.as_slice()).collect();
    let hit = i64::try_from(hit.len()).unwrap_or(i64::MAX);
    let level = gravest([
        Some(Level::Yellow),
        (limits.orange_orders <= count).then_some(Level::Orange),
        reaches(hit, limits.orange_share_bp, pupils).then_some(Level::Orange),
        reaches(hit, limits.red_share_bp, pupils).then_some(Level::Red),
    ])?;
    let by_share = level > Level::Yellow && (level == Level::Red || count < limits.orange_orders);
    let share = share_bp(hit, pupils);
    let all = i64::try_from(orders.len()).unwrap_or(i64::MAX);
    let (measured, formula) = match (level, share.filter(|_| by_share)) {
        (Level::Red, Some(share)) => {
            ((share, limits.red_share_bp, "bp"), "pupils_over_cap * 10000 / pupils >= threshold")
        }
        (_, Some(share)) => ((share, limits.orange_share_bp, "bp"), "pupils_over_cap * 10000 / pupils >= threshold"),
        (Level::Yellow, _) => ((all, 1, "orders"), "orders beyond the limits >= threshold"),
        _ => ((count, limits.orange_orders, "orders"), "orders beyond the limits in 30 days >= threshold"),
    };
    let inputs = [
        ("orders_over_cap", all.into()),
        ("orders_in_30_days", count.into()),
        ("pupils_over_cap", hit.into()),
        ("pupils", pupils.into()),
    ];
    Some(Alarm {
        kind: WarningKind::OverCap,
        level,
        at: latest.paid_at,
        evidence: evidence(measured, formula, inputs),
        basis: format!("{all} {}", latest.contract),
    })
}

/// A payment that a family made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: i64,
    /// Keyed hash of the pupil.
    pub pupil: Vec<u8>,
    pub paid_at: DateTime<Utc>,
    pub amount_fen: i64,
}

/// W10, orders: several payments of one pupil within a day, each within the limit of one payment and together beyond it.
pub fn split_orders(payments: &[Payment], limits: &PrepayLimits) -> Option<Alarm> {
    let mut by_pupil: BTreeMap<&[u8], Vec<&Payment>> = BTreeMap::new();
    for payment in payments.iter().filter(|payment| payment.amount_fen <= limits.payment_max_fen) {
        by_pupil.entry(&payment.pupil).or_default().push(payment);
    }
    let mut cases = 0;
    let mut gravest: Option<(i128, DateTime<Utc>, i64, usize)> = None;
    for payments in by_pupil.values_mut() {
        payments.sort_by_key(|payment| (payment.paid_at, payment.id));
        if let Some(split) = split_of(payments, limits.payment_max_fen) {
            cases += 1;
            gravest = gravest.max(Some(split));
        }
    }
    let (sum, at, last, count) = gravest?;
    let sum = i64::try_from(sum).unwrap_or(i64::MAX);
    let inputs = [("side", "orders".into()), ("payments", count.into()), ("pupils_split", cases.into())];
    let newest = payments.iter().map(|payment| payment.id).max().unwrap_or(last);
    Some(Alarm {
        kind: WarningKind::Structuring,
        level: Level::Yellow,
        at,
        evidence: evidence(
            (sum, limits.payment_max_fen, "fen"),
            "sum of one pupil's payments within a day > threshold, each <= threshold",
            inputs,
        ),
        basis: format!("{cases} {newest}"),
    })
}

/// The greatest sum of at least two payments in `(t − 1 day, t]` beyond the limit, with the last of them and their number.
fn split_of(payments: &[&Payment], limit: i64) -> Option<(i128, DateTime<Utc>, i64, usize)> {
    let (mut first, mut sum, mut found) = (0, 0_i128, None);
    for (place, payment) in payments.iter().enumerate() {
        sum += i128::from(payment.amount_fen);
        while payments[first].paid_at <= payment.paid_at - SPLIT {
            sum -= i128::from(payments[first].amount_fen);
            first += 1;
        }
        if sum > i128::from(limit) && place > first {
            found = found.max(Some((sum, payment.paid_at, payment.id, place - first + 1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::at, *};
    use crate::escrow::oversight::limits::Limits;
    use Level::{Orange, Red, Yellow};

    fn orders(count: usize, pupils: usize) -> Vec<OverCap> {
        let order = |n: usize| OverCap {
            contract: i64::try_from(n).unwrap(),
            pupil: vec![u8::try_from(n % pupils).unwrap()],
            paid_at: at("2026-03-17T10:00"),
        };
        (0..count).map(order).collect()
    }

    fn level(orders: &[OverCap], pupils: i64, now: &str) -> Option<Level> {
        over_cap(orders, pupils, &Limits::default().prepay, at(now)).map(|alarm| alarm.level)
    }

    #[test]
    fn orders_beyond_the_limits_by_number_and_by_share() {
        for (case, count, hit, pupils, expected) in [
            ("one of many", 1, 1, 1_000, Some(Yellow)),
            ("nine orders", 9, 1, 1_000, Some(Yellow)),
            ("ten orders", 10, 1, 1_000, Some(Orange)),
            ("a twentieth", 5, 5, 100, Some(Orange)),
            ("a little less", 5, 5, 101, Some(Yellow)),
            ("a fifth", 20, 20, 100, Some(Red)),
            ("a little less than a fifth", 20, 20, 101, Some(Orange)),
            ("pupils are not known", 9, 9, 0, Some(Yellow)),
        ] {
            assert_eq!(level(&orders(count, hit), pupils, "2026-03-18T09:00"), expected, "{case}");
        }
        assert_eq!(level(&[], 100, "2026-03-18T09:00"), None);
    }

    #[test]
    fn the_excess_is_the_greatest_that_was_found() {
        let finding = |rule: &str, gap: Option<i64>| json!({"rule": rule, "evidence": {"gap_fen": gap}});
        for (case, findings, expected) in [
            ("nothing found", vec![], None),
            ("another rule", vec![finding("PREPAY-LOAN", Some(1))], None),
            ("one cap", vec![finding("PREPAY-CAP-5000", Some(100_000))], Some(100_000)),
            (
                "the greatest of several",
                vec![finding("PREPAY-UNITS-60", Some(8_000)), finding("PREPAY-CAP-5000", Some(100))],
                Some(8_000),
            ),
            ("too early", vec![finding("PREPAY-EARLIEST-PERIOD", Some(240_000))], Some(240_000)),
            ("one that does not say", vec![finding("PREPAY-SPAN-3M", None)], Some(480_000)),
        ] {
            assert_eq!(excess_fen(&Value::Array(findings), 480_000), expected, "{case}");
        }
    }

    #[test]
    fn after_thirty_days_they_count_as_orders_and_no_longer_as_many() {
        let orders = orders(10, 10);
        assert_eq!(level(&orders, 1_000, "2026-04-16T09:59"), Some(Orange));
        assert_eq!(level(&orders, 1_000, "2026-04-16T10:00"), Some(Yellow), "the window leaves its start out");
    }

    fn payment(id: i64, pupil: u8, when: &str, amount_fen: i64) -> Payment {
        Payment { id, pupil: vec![pupil], paid_at: at(when), amount_fen }
    }

    fn split(payments: &[Payment]) -> Option<(Level, i64)> {
        let alarm = split_orders(payments, &Limits::default().prepay)?;
        Some((alarm.level, alarm.evidence["value"].as_i64().unwrap()))
    }

    #[test]
    fn f6_two_payments_of_one_pupil_within_a_day_are_one() {
        let first = payment(1, 7, "2026-03-17T10:00", 260_000);
        for (case, other, expected) in [
            ("F6", payment(2, 7, "2026-03-17T10:05", 260_000), Some((Yellow, 520_000))),
            ("exactly the limit together", payment(2, 7, "2026-03-17T10:05", 240_000), None),
            ("a fen more", payment(2, 7, "2026-03-17T10:05", 240_001), Some((Yellow, 500_001))),
            ("a minute less than a day", payment(2, 7, "2026-03-18T09:59", 260_000), Some((Yellow, 520_000))),
            ("a day", payment(2, 7, "2026-03-18T10:00", 260_000), None),
            ("another pupil", payment(2, 8, "2026-03-17T10:05", 260_000), None),
            ("one beyond the limit by itself", payment(2, 7, "2026-03-17T10:05", 500_001), None),
        ] {
            assert_eq!(split(&[other.clone(), first.clone()]), expected, "{case}");
        }
    }

    #[test]
    fn the_greatest_sum_is_told_and_every_pupil_counted() {
        let payments = [
            payment(1, 7, "2026-03-16T10:00", 300_000),
            payment(2, 7, "2026-03-16T11:00", 300_000),
            payment(3, 7, "2026-03-17T09:00", 300_000),
            payment(4, 8, "2026-03-17T09:00", 300_000),
            payment(5, 8, "2026-03-17T09:00", 300_000),
        ];
        let alarm = split_orders(&payments, &Limits::default().prepay).unwrap();
        assert_eq!((&alarm.evidence["value"], &alarm.evidence["payments"]), (&900_000.into(), &3.into()));
        assert_eq!((&alarm.evidence["pupils_split"], alarm.basis.as_str()), (&2.into(), "2 5"));
    }
}
