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

/// What the contracts of an institution came to on one day. No contract is below zero, so the sums of sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwedDay {
    pub day: NaiveDate,
    /// Paid for on this day.
    pub contracted_fen: i64,
    /// Lessons confirmed as given on this day.
    pub consumed_fen: i64,
    pub refunded_fen: i64,
    /// By how many more contracts had lessons to come when the day ended than when it began.
    pub contracts: i32,
    /// The last lesson that anybody had paid for and not had when the day ended, where anybody had.
    pub until_on: Option<NaiveDate>,
}

/// What is owed from an instant on. Sums since the beginning; one beyond `i64` stands at `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owed {
    /// Microseconds.
    since: i64,
    pub unearned_fen: i64,
    pub contracted_fen: i64,
    /// Of each contract no more than was paid on it.
    pub consumed_fen: i64,
    /// What the institution's other accounts released: less is left to release from this one.
    pub elsewhere_fen: i64,
    /// Contracts with lessons to come, as far as single contracts are known.
    pub contracts: u32,
    /// The last lesson to come, as a day's number; `None` where nobody says.
    pub until: Option<i64>,
}

/// What the institution behind one account owes, as a function of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Obligations {
    /// Ascending, each instant once.
    steps: Vec<Owed>,
    /// Before this instant nobody wrote down what was owed, which is not the same as nothing; `None` where all is known.
    since: Option<i64>,
}

/// What became of one contract so far.
#[derive(Debug, Clone, Copy, Default)]
struct Contract {
    contracted: i128,
    consumed: i128,
    refunded: i128,
}

impl Contract {
    fn unearned(&self) -> i128 {
        (self.contracted - self.consumed - self.refunded).max(0)
    }

    /// Lessons beyond what was paid for earn nothing.
    fn earned(&self) -> i128 {
        self.consumed.min(self.contracted)
    }
}

impl Obligations {
    /// Adds up events given in any order. A sum beyond `i64` stands at `i64::MAX`: it must not look small.
    ///
    /// Lessons that are dated after an instant are those to come at it.
    pub fn from_events(events: &[Obligation]) -> Obligations {
        let mut by_instant: BTreeMap<i64, Vec<&Obligation>> = BTreeMap::new();
        let mut last_lesson: HashMap<&str, i64> = HashMap::new();
        for event in events {
            let at = event.at.timestamp_micros();
            by_instant.entry(at).or_default().push(event);
            if event.event == ObligationEvent::Consumed {
                let last = last_lesson.entry(&event.contract_ref).or_insert(at);
                *last = at.max(*last);
            }
        }
        let mut contracts: HashMap<&str, Contract> = HashMap::new();
        let (mut unearned, mut contracted, mut earned, mut open) = (0_i128, 0_i128, 0_i128, 0_u32);
        let mut until: Option<i64> = None;
        let mut steps = Vec::with_capacity(by_instant.len());
        for (since, events) in by_instant {
            for event in events {
                let contract = contracts.entry(&event.contract_ref).or_default();
                let before = *contract;
                let amount = i128::from(event.amount_fen);
                match event.event {
                    ObligationEvent::Contract => {
                        contract.contracted += amount;
                        until = until.max(last_lesson.get(event.contract_ref.as_str()).copied());
                    }
                    ObligationEvent::Consumed => contract.consumed += amount,
                    ObligationEvent::Refunded => contract.refunded += amount,
                }
                unearned += contract.unearned() - before.unearned();
                contracted += contract.contracted - before.contracted;
                earned += contract.earned() - before.earned();
                open = match (before.unearned() > 0, contract.unearned() > 0) {
                    (false, true) => open.saturating_add(1),
                    (true, false) => open.saturating_sub(1),
                    _ => open,
                };
            }
            steps.push(Owed {
                since,
                unearned_fen: clamp(unearned),
                contracted_fen: clamp(contracted),
                consumed_fen: clamp(earned),
                elsewhere_fen: 0,
                contracts: open,
                until: until.filter(|last| *last > since).map(days::day_of),
            });
        }
        Obligations { steps, since: None }
    }

    /// Adds up days given in any order; a day given twice counts as both. A day counts at its end: what of it came before
    /// an entry of the same day is not known to the minute, and an entry must be judged alike whenever it comes. What was
    /// owed before the first of them is unknown: an institution's ledger may begin long after its account.
    pub fn from_days(days: &[OwedDay]) -> Obligations {
        let mut ordered: Vec<&OwedDay> = days.iter().collect();
        ordered.sort_by_key(|owed| owed.day);
        let (mut contracted, mut consumed, mut refunded, mut open) = (0_i128, 0_i128, 0_i128, 0_i64);
        let mut steps: Vec<Owed> = Vec::with_capacity(ordered.len());
        for owed in ordered {
            contracted += i128::from(owed.contracted_fen);
            consumed += i128::from(owed.consumed_fen);
            refunded += i128::from(owed.refunded_fen);
            open += i64::from(owed.contracts);
            let since = days::last_micro(days::number(owed.day));
            let step = Owed {
                since,
                unearned_fen: clamp((contracted - consumed - refunded).max(0)),
                contracted_fen: clamp(contracted),
                consumed_fen: clamp(consumed),
                elsewhere_fen: 0,
                contracts: u32::try_from(open.max(0)).unwrap_or(u32::MAX),
                until: owed.until_on.map(days::number),
            };
            match steps.last_mut().filter(|last| last.since == since) {
                Some(last) => *last = Owed { until: step.until.max(last.until), ..step },
                None => steps.push(step),
            }
        }
        let since = steps.first().map(|first| days::first_micro(days::day_of(first.since)));
        Obligations { steps, since }
    }

    /// The same beside other accounts that released so much by day. Like what is owed, it counts at the end of the day.
    #[must_use]
    pub fn beside(self, spent: &[(NaiveDate, i64)]) -> Obligations {
        if spent.is_empty() {
            return self;
        }
        let mut others: BTreeMap<i64, i64> = BTreeMap::new();
        for (day, fen) in spent {
            let sum = others.entry(days::last_micro(days::number(*day))).or_default();
            *sum = sum.saturating_add(*fen);
        }
        let mut own = self.steps.into_iter().peekable();
        let mut others = others.into_iter().peekable();
        let (mut owed, mut elsewhere_fen) = (Owed::default(), 0_i64);
        let mut steps = Vec::with_capacity(own.len() + others.len());
        loop {
            let next = [own.peek().map(|step| step.since), others.peek().map(|(since, _)| *since)];
            let Some(since) = next.into_iter().flatten().min() else { break };
            if let Some(step) = own.next_if(|step| step.since == since) {
                owed = step;
            }
            if let Some((_, fen)) = others.next_if(|(at, _)| *at == since) {
                elsewhere_fen = elsewhere_fen.saturating_add(fen);
            }
            steps.push(Owed { since, elsewhere_fen, ..owed });
        }
        Obligations { steps, since: self.since }
    }

    /// The last day on which what is owed changed.
    pub fn last_on(&self) -> Option<NaiveDate> {
        self.steps.last().and_then(|step| days::date(days::day_of(step.since)))
    }

    /// Whether it is known at an instant what is owed.
    pub(super) fn is_known_at(&self, micros: i64) -> bool {
        self.since.is_none_or(|since| since <= micros)
    }

    /// Unearned fees with all events up to and at `at`.
    pub fn unearned_fen(&self, at: DateTime<Utc>) -> i64 {
        self.at(at.timestamp_micros()).unearned_fen
    }

    /// What the lessons confirmed up to and at `at` had earned.
    pub fn consumed_fen(&self, at: DateTime<Utc>) -> i64 {
        self.at(at.timestamp_micros()).consumed_fen
    }

    /// The day of the last lesson to come that is paid for at `at`; `None` where nothing says when it is.
    pub fn last_obligation_on(&self, at: DateTime<Utc>) -> Option<NaiveDate> {
        self.at(at.timestamp_micros()).until.and_then(days::date)
    }

    /// All of it, by microseconds. A last lesson whose day is over says nothing of those still to come.
    pub(super) fn at(&self, micros: i64) -> Owed {
        let after = self.steps.partition_point(|step| step.since <= micros);
        let mut owed = after.checked_sub(1).and_then(|last| self.steps.get(last)).copied().unwrap_or_default();
        owed.until = owed.until.filter(|until| micros < days::last_micro(*until));
        owed
    }
}

fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
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

    #[test]
    fn lessons_earn_no_more_than_was_paid_and_the_last_one_to_come_is_known_until_it_comes() {
        let event = |second, event, amount_fen, contract: &str| Obligation {
            at: at(second),
            event,
            amount_fen,
            contract_ref: contract.to_owned(),
        };
        let day = 86_400;
        let obligations = Obligations::from_events(&[
            event(day, Contract, 100, "a"),
            event(2 * day, Consumed, 60, "a"),
            event(3 * day, Contract, 500, "b"),
            event(4 * day, Consumed, 70, "a"),
            event(6 * day, Consumed, 10, "b"),
        ]);
        for (second, consumed, contracts, last) in [
            (0, 0, 0, None),
            (day, 0, 1, Some("1970-01-05")),
            (2 * day, 60, 1, Some("1970-01-05")),
            (3 * day, 60, 2, Some("1970-01-07")),
            (4 * day, 100, 1, Some("1970-01-07")),
            (6 * day - 1, 100, 1, Some("1970-01-07")),
            (6 * day, 110, 1, None),
        ] {
            let found = (obligations.consumed_fen(at(second)), obligations.at(second * 1_000_000).contracts);
            assert_eq!(found, (consumed, contracts), "{second}");
            let last = last.map(|day| day.parse().unwrap());
            assert_eq!(obligations.last_obligation_on(at(second)), last, "{second}");
        }
    }

    #[test]
    fn a_days_sums_count_at_its_end_in_beijing() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let owed = |day, contracted_fen, consumed_fen, refunded_fen, until: Option<&str>| OwedDay {
            day: date(day),
            contracted_fen,
            consumed_fen,
            refunded_fen,
            contracts: 0,
            until_on: until.map(date),
        };
        let obligations = Obligations::from_days(&[
            owed("2026-03-03", 0, 300, 200, None),
            owed("2026-03-02", 1_000, 0, 0, Some("2026-05-31")),
        ]);
        for (instant, unearned, consumed, last) in [
            ("2026-03-02T23:59:59.999998+08:00", 0, 0, None),
            ("2026-03-02T23:59:59.999999+08:00", 1_000, 0, Some("2026-05-31")),
            ("2026-03-03T12:00:00+08:00", 1_000, 0, Some("2026-05-31")),
            ("2026-03-04T00:00:00+08:00", 500, 300, None),
        ] {
            let at = instant.parse().unwrap();
            assert_eq!((obligations.unearned_fen(at), obligations.consumed_fen(at)), (unearned, consumed), "{instant}");
            assert_eq!(obligations.last_obligation_on(at), last.map(date), "{instant}");
        }
        for (instant, known) in [("2026-03-01T23:59:59.999999+08:00", false), ("2026-03-02T00:00:00+08:00", true)] {
            let at: DateTime<Utc> = instant.parse().unwrap();
            assert_eq!(obligations.is_known_at(at.timestamp_micros()), known, "{instant}");
        }
    }
}
