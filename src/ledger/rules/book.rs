//! What became of a contract's money, day by day: paid, consumed by confirmed lessons, refunded (domain-rules §5.2).
//!
//! A function of the set of facts: the order in which they came does not matter. Nothing is consumed that was not paid, and
//! what goes back to the family is not consumed: Σ consumed + refunded + unearned = paid on every day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::{kernel::Fen, ledger::model::Terms};

/// All that counts of one contract, each fact on its own day in Beijing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub payments: Vec<(NaiveDate, Fen)>,
    /// The units that are confirmed.
    pub lessons: Vec<(NaiveDate, u32)>,
    /// Refunds that were paid out.
    pub refunds: Vec<(NaiveDate, Fen)>,
}

/// Sums of money; of a day, or over the whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    pub paid_fen: i64,
    pub consumed_fen: i64,
    pub refunded_fen: i64,
    /// Contracts with lessons to come: by how many there are more.
    pub contracts: i64,
}

impl Sums {
    /// What is owed in lessons still; never below zero.
    pub fn unearned_fen(&self) -> i64 {
        self.paid_fen - self.consumed_fen - self.refunded_fen
    }

    /// What is here and was not in `before`.
    pub fn since(&self, before: &Sums) -> Sums {
        Sums {
            paid_fen: self.paid_fen - before.paid_fen,
            consumed_fen: self.consumed_fen - before.consumed_fen,
            refunded_fen: self.refunded_fen - before.refunded_fen,
            contracts: self.contracts - before.contracts,
        }
    }

    /// Whether there is nothing.
    pub fn is_zero(&self) -> bool {
        *self == Sums::default()
    }

    /// Both together.
    pub fn plus(self, more: &Sums) -> Sums {
        Sums {
            paid_fen: self.paid_fen.saturating_add(more.paid_fen),
            consumed_fen: self.consumed_fen.saturating_add(more.consumed_fen),
            refunded_fen: self.refunded_fen.saturating_add(more.refunded_fen),
            contracts: self.contracts.saturating_add(more.contracts),
        }
    }
}

/// What each day adds.
pub fn by_day(terms: &Terms, facts: &Facts) -> BTreeMap<NaiveDate, Sums> {
    let days: BTreeSet<NaiveDate> = facts
        .payments
        .iter()
        .map(|(day, _)| *day)
        .chain(facts.lessons.iter().map(|(day, _)| *day))
        .chain(facts.refunds.iter().map(|(day, _)| *day))
        .collect();
    let refunded_in_all: Fen = facts.refunds.iter().map(|(_, fen)| *fen).sum();
    let until = |list: &[(NaiveDate, Fen)], day: NaiveDate| -> i64 {
        list.iter().filter(|(on, _)| *on <= day).map(|(_, fen)| *fen).sum::<Fen>().0
    };
    let mut before = Sums::default();
    let mut found = BTreeMap::new();
    for day in days {
        let paid_fen = until(&facts.payments, day);
        let earned = terms.earned(facts.lessons.iter().filter(|(on, _)| *on <= day).map(|(_, unit_no)| *unit_no)).0;
        let mut now = Sums {
            paid_fen,
            consumed_fen: earned.min(paid_fen.saturating_sub(refunded_in_all.0)).max(0),
            refunded_fen: until(&facts.refunds, day).min(paid_fen),
            contracts: 0,
        };
        now.contracts = i64::from(now.unearned_fen() > 0);
        let added = now.since(&before);
        if !added.is_zero() {
            found.insert(day, added);
        }
        before = now;
    }
    found
}

/// The same over the whole life.
pub fn in_all(days: &BTreeMap<NaiveDate, Sums>) -> Sums {
    days.values().fold(Sums::default(), Sums::plus)
}

/// What one state of a contract adds to another, by day: what is to be booked when facts were added or changed.
pub fn difference(before: &BTreeMap<NaiveDate, Sums>, after: &BTreeMap<NaiveDate, Sums>) -> BTreeMap<NaiveDate, Sums> {
    let days: BTreeSet<&NaiveDate> = before.keys().chain(after.keys()).collect();
    let of = |days: &BTreeMap<NaiveDate, Sums>, day: &NaiveDate| days.get(day).copied().unwrap_or_default();
    let changed = |day: &NaiveDate| {
        let by = of(after, day).since(&of(before, day));
        (!by.is_zero()).then_some((*day, by))
    };
    days.into_iter().filter_map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 1).unwrap() + chrono::Days::new(number.into())
    }

    const TERMS: Terms = Terms { price: Fen(400_000), materials: Fen(0), units_bought: 40, units_gifted: 8 };

    #[test]
    fn f17_after_ten_lessons_the_rest_goes_back_and_it_comes_to_what_was_paid() {
        let lessons: Vec<_> = (1..=10).map(|no| (day(no), no)).collect();
        let mut facts = Facts { payments: vec![(day(0), Fen(400_000))], lessons, refunds: Vec::new() };
        let sums = in_all(&by_day(&TERMS, &facts));
        assert_eq!((sums.consumed_fen, sums.unearned_fen()), (83_330, 316_670));
        facts.refunds.push((day(20), Fen(316_670)));
        let sums = in_all(&by_day(&TERMS, &facts));
        assert_eq!((sums.consumed_fen, sums.refunded_fen, sums.unearned_fen()), (83_330, 316_670, 0));
    }

    #[test]
    fn what_is_taught_before_it_is_paid_is_consumed_once_it_is() {
        let lessons = vec![(day(1), 1), (day(2), 2)];
        let mut facts = Facts { payments: vec![(day(0), Fen(10_000))], lessons, refunds: Vec::new() };
        assert_eq!(by_day(&TERMS, &facts)[&day(2)].consumed_fen, 1_667, "no more than was paid");
        facts.payments.push((day(5), Fen(390_000)));
        let days = by_day(&TERMS, &facts);
        assert_eq!((days[&day(5)].paid_fen, days[&day(5)].consumed_fen), (390_000, 6_666));
        assert_eq!(in_all(&days).consumed_fen, 16_666);
    }

    /// Adds one fact.
    type Step = Box<dyn Fn(&mut Facts)>;

    fn facts() -> impl Strategy<Value = (Facts, Vec<usize>)> {
        let money = || prop::collection::vec((0u32..40, 0i64..200_000), 0..5);
        let lessons = prop::collection::btree_map(1u32..49, 0u32..40, 0..48);
        (money(), lessons, money(), prop::collection::vec(0usize..1_000, 60)).prop_map(
            |(paid, lessons, back, order)| {
                let fen = |list: Vec<(u32, i64)>| list.into_iter().map(|(on, fen)| (day(on), Fen(fen))).collect();
                let lessons = lessons.into_iter().map(|(no, on)| (day(on), no)).collect();
                (Facts { payments: fen(paid), lessons, refunds: fen(back) }, order)
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_is_consumed_or_refunded_that_was_not_paid((facts, _) in facts()) {
            let mut sums = Sums::default();
            for day in by_day(&TERMS, &facts).values() {
                prop_assert!(day.paid_fen >= 0 && day.consumed_fen >= 0 && day.refunded_fen >= 0, "{day:?}");
                sums = sums.plus(day);
                prop_assert!(sums.unearned_fen() >= 0, "{sums:?}");
                prop_assert_eq!(sums.consumed_fen + sums.refunded_fen + sums.unearned_fen(), sums.paid_fen);
            }
            prop_assert_eq!(sums.paid_fen, facts.payments.iter().map(|(_, fen)| fen.0).sum::<i64>());
        }

        /// Booking the difference after each fact comes to the same days as all facts at once, in whatever order they came.
        #[test]
        fn facts_in_any_order_come_to_the_same_days((facts, order) in facts()) {
            let mut steps: Vec<(usize, Step)> = Vec::new();
            let mut place = order.into_iter();
            let mut at = || place.next().unwrap_or_default();
            for one in facts.payments.clone() {
                steps.push((at(), Box::new(move |facts: &mut Facts| facts.payments.push(one))));
            }
            for one in facts.lessons.clone() {
                steps.push((at(), Box::new(move |facts: &mut Facts| facts.lessons.push(one))));
            }
            for one in facts.refunds.clone() {
                steps.push((at(), Box::new(move |facts: &mut Facts| facts.refunds.push(one))));
            }
            steps.sort_by_key(|(at, _)| *at);
            let (mut sofar, mut booked) = (Facts::default(), BTreeMap::<NaiveDate, Sums>::new());
            for (_, step) in &steps {
                let before = by_day(&TERMS, &sofar);
                step(&mut sofar);
                for (day, by) in difference(&before, &by_day(&TERMS, &sofar)) {
                    let sums = booked.entry(day).or_default();
                    *sums = sums.plus(&by);
                }
            }
            booked.retain(|_, sums| !sums.is_zero());
            prop_assert_eq!(booked, by_day(&TERMS, &facts));
        }
    }
}
