//! What an institution owes in lessons not yet given: contracts − consumed − refunded, over time.
//!
//! Source: domain-rules §5.2, `unearned_fees(t)`, never below zero for one contract.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};

use super::days;

/// What happened to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum ObligationEvent {
    /// Signed and paid for.
    Contract,
    /// Lessons confirmed as given.
    Consumed,
    Refunded,
}

/// One event of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    pub at: DateTime<Utc>,
    pub event: ObligationEvent,
    /// Zero or more.
    pub amount_fen: i64,
    pub contract_ref: String,
}

/// What one day added to what an institution owes, all its contracts together. No contract is below zero, so the sums of
/// sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwedDay {
    pub day: NaiveDate,
    pub contracted_fen: i64,
    pub consumed_fen: i64,
    pub refunded_fen: i64,
    /// The latest lesson that anybody had paid for by then.
    pub until_on: Option<NaiveDate>,
}

/// The unearned fees of one account as a function of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Obligations {
    /// From this instant (microseconds) on, these unearned fees; ascending.
    steps: Vec<(i64, i64)>,
}

impl Obligations {
    /// Adds up events given in any order. A sum beyond `i64` stands at `i64::MAX`: it must not look small.
    pub fn from_events(events: &[Obligation]) -> Obligations {
        let mut by_instant: BTreeMap<i64, Vec<&Obligation>> = BTreeMap::new();
        for event in events {
            by_instant.entry(event.at.timestamp_micros()).or_default().push(event);
        }
        let mut owed_by_contract: HashMap<&str, i128> = HashMap::new();
        let mut total: i128 = 0;
        let mut steps = Vec::with_capacity(by_instant.len());
        for (at, events) in by_instant {
            for event in events {
                let owed = owed_by_contract.entry(&event.contract_ref).or_default();
                let before = (*owed).max(0);
                let amount = i128::from(event.amount_fen);
                *owed += if event.event == ObligationEvent::Contract { amount } else { -amount };
                total += (*owed).max(0) - before;
            }
            steps.push((at, i64::try_from(total).unwrap_or(i64::MAX)));
        }
        Obligations { steps }
    }

    /// Adds up days given in any order. A day counts at its end: what of it came before an entry of the same day is not
    /// known to the minute, and an entry must be judged alike whenever it comes.
    pub fn from_days(owed: &[OwedDay]) -> Obligations {
        let mut days: Vec<&OwedDay> = owed.iter().collect();
        days.sort_by_key(|day| day.day);
        let mut total: i128 = 0;
        let step = |day: &OwedDay| {
            let gone = i128::from(day.consumed_fen) + i128::from(day.refunded_fen);
            total += i128::from(day.contracted_fen) - gone;
            (days::last_micro(days::number(day.day)), i64::try_from(total.max(0)).unwrap_or(i64::MAX))
        };
        Obligations { steps: days.into_iter().map(step).collect() }
    }

    /// Unearned fees with all events up to and at `at`.
    pub fn unearned_fen(&self, at: DateTime<Utc>) -> i64 {
        self.unearned_at(at.timestamp_micros())
    }

    /// The same, by microseconds.
    pub(super) fn unearned_at(&self, micros: i64) -> i64 {
        let after = self.steps.partition_point(|(at, _)| *at <= micros);
        after.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, unearned)| *unearned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ObligationEvent::{Consumed, Contract, Refunded};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn days_of_a_ledger_count_at_their_ends_in_whatever_order_they_come() {
        let day = |text: &str, contracted_fen, consumed_fen, refunded_fen| OwedDay {
            day: text.parse().unwrap(),
            contracted_fen,
            consumed_fen,
            refunded_fen,
            until_on: None,
        };
        let mut owed =
            vec![day("2026-03-02", 1_000, 0, 0), day("2026-03-04", 500, 300, 0), day("2026-03-05", 0, 0, 700)];
        for _ in 0..2 {
            let obligations = Obligations::from_days(&owed);
            for (at, unearned) in [
                ("2026-03-02T23:59:59.999998+08:00", 0),
                ("2026-03-02T23:59:59.999999+08:00", 1_000),
                ("2026-03-04T12:00:00+08:00", 1_000),
                ("2026-03-05T00:00:00+08:00", 1_200),
                ("2026-03-06T00:00:00+08:00", 500),
            ] {
                assert_eq!(obligations.unearned_fen(at.parse().unwrap()), unearned, "{at}");
            }
            owed.reverse();
        }
    }

    #[test]
    fn fees_are_unearned_until_consumed_or_refunded_and_never_below_zero_for_one_contract() {
        let event = |second, event, amount_fen, contract: &str| Obligation {
            at: at(second),
            event,
            amount_fen,
            contract_ref: contract.to_owned(),
        };
        let mut events = vec![
            event(10, Contract, 1_000, "a"),
            event(20, Contract, 500, "b"),
            event(30, Consumed, 300, "a"),
            event(40, Refunded, 900, "a"),
            event(50, Contract, 250, "a"),
        ];
        let expected = [(9, 0), (10, 1_000), (19, 1_000), (20, 1_500), (30, 1_200), (40, 500), (50, 550), (99, 550)];
        for _ in 0..2 {
            let obligations = Obligations::from_events(&events);
            for (second, unearned) in expected {
                assert_eq!(obligations.unearned_fen(at(second)), unearned, "{second}");
            }
            events.reverse();
        }
    }
}
