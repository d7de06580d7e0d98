//! What an institution owes in lessons not yet given: contracts − consumed − refunded, over time.
//!
//! Source: domain-rules §5.2, `unearned_fees(t)`, never below zero for one contract.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

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
