//! What an institution's other dedicated accounts have to do with one, while it changes its account (账户变更).
//!
//! On each day one of them is in use and answers for what is owed: what the others hold counts for it, and so does what they
//! released. Money that moves between them is no withdrawal, as long as it arrives. Source: 教监管函〔2021〕2号 (专用账户);
//! domain-rules §5.1 FUND-ACCOUNT-UNIQUE (no gap), §5.2 (account migration).

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::{days, model::Entry};
use crate::escrow::model::{account_number, mentions};

/// A day of another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiblingDay {
    pub day: NaiveDate,
    /// What the day's entries did to its balance.
    pub effect_fen: i64,
    /// What it released on the day, as W4 counts: less what was put back, without what moved between own accounts.
    pub spent_fen: i64,
}

/// Another account of the institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    pub account_no: String,
    /// After all its days.
    pub balance_fen: i64,
    pub days: Vec<SiblingDay>,
}

/// Money that moves from one of the institution's accounts to another and is not missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnItsWay {
    pub amount_fen: i64,
    pub sent_on: NaiveDate,
    pub arrived_on: Option<NaiveDate>,
}

/// The other accounts as one account is judged beside them; without any nothing is other than it was.
#[derive(Debug, Clone, Default)]
pub struct Siblings {
    /// The first day on which the account is in use, and the first on which it is no more.
    from: Option<i64>,
    until: Option<i64>,
    numbers: Vec<String>,
    /// Entries of the account that were looked up: whether each is a transfer.
    known: HashMap<String, bool>,
    /// What the others hold before the first of the days, and from the end of each day on.
    base_fen: i64,
    held: Vec<(i64, i64)>,
    spent: Vec<(NaiveDate, i64)>,
}

impl Siblings {
    /// Beside `others`. `in_use` are the days of the account itself, the last excluded; `known` tells of its own entries whether
    /// they are transfers; `moving` is all money between any two of the accounts.
    pub fn new(
        in_use: (Option<NaiveDate>, Option<NaiveDate>),
        others: &[Sibling],
        known: HashMap<String, bool>,
        moving: &[OnItsWay],
    ) -> Siblings {
        let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
        let mut spent: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        let mut base_fen = 0_i64;
        for other in others {
            base_fen = base_fen.saturating_add(other.balance_fen);
            for day in &other.days {
                base_fen = base_fen.saturating_sub(day.effect_fen);
                add(changes.entry(days::number(day.day)).or_default(), day.effect_fen);
                add(spent.entry(day.day).or_default(), day.spent_fen);
            }
        }
        for one in moving {
            add(changes.entry(days::number(one.sent_on)).or_default(), one.amount_fen);
            if let Some(arrived_on) = one.arrived_on {
                add(changes.entry(days::number(arrived_on)).or_default(), one.amount_fen.saturating_neg());
            }
        }
        let mut sum = base_fen;
        let held = changes.into_iter().map(|(day, fen)| {
            add(&mut sum, fen);
            (day, sum)
        });
        Siblings {
            from: in_use.0.map(days::number),
            until: in_use.1.map(days::number),
            numbers: others.iter().map(|other| account_number(&other.account_no)).collect(),
            known,
            base_fen,
            held: held.collect(),
            spent: spent.into_iter().filter(|(_, fen)| *fen != 0).collect(),
        }
    }

    /// What the others released, by day.
    pub fn spent(&self) -> &[(NaiveDate, i64)] {
        &self.spent
    }

    /// Whether the account is the one in use on a day.
    pub(super) fn carries(&self, day: i64) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// What the others hold at the end of a day, and what is on its way between any two accounts.
    pub(super) fn held_fen(&self, day: i64) -> i64 {
        let after = self.held.partition_point(|(on, _)| *on <= day);
        after.checked_sub(1).and_then(|last| self.held.get(last)).map_or(self.base_fen, |(_, fen)| *fen)
    }

    /// Whether an entry moves money between the institution's accounts. One that nobody has looked up is, if it names one.
    pub(super) fn is_transfer(&self, entry: &Entry) -> bool {
        if self.numbers.is_empty() || entry.order_ref.is_some() {
            return false;
        }
        let named = || names(&self.numbers, entry.counterparty_account, entry.remittance);
        self.known.get(entry.bank_ref).copied().unwrap_or_else(named)
    }
}

fn add(sum: &mut i64, fen: i64) {
    *sum = sum.saturating_add(fen);
}

/// Whether the other side is one of these accounts (letters and digits only): by its number, or, where the bank gives none, by
/// what was written.
pub fn names(numbers: &[String], counterparty_account: Option<&str>, remittance: Option<&str>) -> bool {
    match counterparty_account.map(account_number).filter(|number| !number.is_empty()) {
        Some(number) => numbers.contains(&number),
        None => remittance.is_some_and(|text| numbers.iter().any(|number| mentions(text, number))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn other(balance_fen: i64, days: &[(&str, i64, i64)]) -> Sibling {
        let days = days.iter().map(|(on, effect_fen, spent_fen)| SiblingDay {
            day: day(on),
            effect_fen: *effect_fen,
            spent_fen: *spent_fen,
        });
        Sibling { account_no: "6230 5500 1203".to_owned(), balance_fen, days: days.collect() }
    }

    #[test]
    fn what_the_others_hold_and_what_is_between_counts_from_the_end_of_each_day() {
        let moving = [
            OnItsWay { amount_fen: 700, sent_on: day("2026-03-10"), arrived_on: Some(day("2026-03-12")) },
            OnItsWay { amount_fen: 50, sent_on: day("2026-03-13"), arrived_on: None },
        ];
        let days = [("2026-03-10", -700, 0), ("2026-03-13", -150, 100)];
        let beside = Siblings::new((Some(day("2026-03-10")), None), &[other(150, &days)], HashMap::new(), &moving);
        for (on, held) in [
            ("2026-03-09", 1_000),
            ("2026-03-10", 1_000),
            ("2026-03-11", 1_000),
            ("2026-03-12", 300),
            ("2026-03-13", 200),
        ] {
            assert_eq!(beside.held_fen(days::number(day(on))), held, "{on}");
        }
        assert_eq!(beside.spent(), [(day("2026-03-13"), 100)]);
        let carries = |on: &str| beside.carries(days::number(day(on)));
        assert_eq!((carries("2026-03-09"), carries("2026-03-10"), carries("2027-01-01")), (false, true, true));
    }

    #[test]
    fn the_other_account_is_told_by_its_number_or_by_what_was_written_where_there_is_none() {
        let numbers = vec!["623055001203".to_owned()];
        for (account, remittance, named) in [
            (Some("6230 5500-1203"), None, true),
            (Some("623055001204"), Some("623055001203"), false),
            (Some(" "), Some("转入 623055001203"), true),
            (None, Some("转入6230550012034"), false),
            (None, None, false),
        ] {
            assert_eq!(names(&numbers, account, remittance), named, "{account:?} {remittance:?}");
        }
    }
}
