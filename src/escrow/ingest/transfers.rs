//! Which entries of an institution's dedicated accounts move money from the old one to the new one, and what has not arrived.
//!
//! Pure, and a function of the set of entries and of the day on which it is asked. A withdrawal that names another account of
//! the institution is on its way there until a credit of its amount answers it; after three bank days without one it is missing,
//! and a withdrawal like any other. Where the bank names nobody, a withdrawal and a credit of one amount answer each other
//! within these days if one side names the other, or if the sum is more than one family may pay at once. Each entry is used
//! once, in order of booking.

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::kernel::{Calendar, clock};

/// Bank days in which the money arrives.
const ARRIVES_WITHIN: u32 = 3;
/// The same in a year whose holidays are not known, in calendar days.
const ARRIVES_WITHIN_DAYS: u64 = 5;

/// Who is on the other side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Another dedicated account of the institution.
    Own,
    /// The institution itself or nobody by name.
    Open,
    /// Somebody else.
    Other,
}

/// An entry that may move money between the institution's accounts: no order, payment or charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub account: i64,
    pub bank_ref: String,
    pub booked_at: DateTime<Utc>,
    pub credit: bool,
    pub amount_fen: i64,
    pub side: Side,
}

impl Move {
    fn on(&self) -> NaiveDate {
        clock::day(self.booked_at)
    }
}

/// What became of money that left for another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    UnderWay,
    Arrived { account: i64, bank_ref: String, at: DateTime<Utc> },
    Missing,
}

/// Money that left one account of the institution for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub account: i64,
    pub bank_ref: String,
    pub booked_at: DateTime<Utc>,
    pub amount_fen: i64,
    pub fate: Fate,
}

/// The last day on which money that left on a day arrives in time.
fn last_day(on: NaiveDate, calendar: &Calendar) -> NaiveDate {
    calendar.add_workdays(on, ARRIVES_WITHIN).unwrap_or_else(|| on + Days::new(ARRIVES_WITHIN_DAYS))
}

/// Finds the transfers among entries of one institution's accounts, as known on `today`; in order of booking.
pub fn find(moves: &[Move], family_fen: i64, calendar: &Calendar, today: NaiveDate) -> Vec<Transfer> {
    let mut moves: Vec<&Move> = moves.iter().filter(|one| one.side != Side::Other).collect();
    moves.sort_by(|a, b| (a.booked_at, a.account, &a.bank_ref).cmp(&(b.booked_at, b.account, &b.bank_ref)));
    let mut used: HashSet<(i64, &str)> = HashSet::new();
    let mut found = Vec::new();
    for sent in moves.iter().filter(|one| !one.credit) {
        let last = last_day(sent.on(), calendar);
        let first = sent.on() - Days::new(1);
        let answers = |come: &&&Move| {
            let in_time = first <= come.on() && (come.on() <= last || sent.side == Side::Own);
            let told = sent.side == Side::Own || come.side == Side::Own || sent.amount_fen > family_fen;
            let same = come.credit && come.account != sent.account && come.amount_fen == sent.amount_fen;
            same && in_time && told && !used.contains(&(come.account, come.bank_ref.as_str()))
        };
        // A credit that names the other side comes before one that names nobody.
        let come = moves.iter().filter(answers).min_by_key(|come| (come.side != Side::Own, come.booked_at));
        let fate = match come {
            Some(come) => {
                used.insert((come.account, &come.bank_ref));
                Fate::Arrived { account: come.account, bank_ref: come.bank_ref.clone(), at: come.booked_at }
            }
            None if sent.side != Side::Own => continue,
            None if last < today => Fate::Missing,
            None => Fate::UnderWay,
        };
        found.push(Transfer {
            account: sent.account,
            bank_ref: sent.bank_ref.clone(),
            booked_at: sent.booked_at,
            amount_fen: sent.amount_fen,
            fate,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(account: i64, on: &str, effect_fen: i64, side: Side) -> Move {
        let booked_at = format!("{on}T10:00:00+08:00").parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc();
        let bank_ref = format!("{account}{on}{effect_fen}");
        Move { account, bank_ref, booked_at, credit: effect_fen > 0, amount_fen: effect_fen.abs(), side }
    }

    fn told(moves: &[Move], today: &str) -> Vec<&'static str> {
        let found = find(moves, 500_000, Calendar::statutory(), today.parse().unwrap());
        found
            .iter()
            .map(|one| match one.fate {
                Fate::UnderWay => "under way",
                Fate::Arrived { .. } => "arrived",
                Fate::Missing => "missing",
            })
            .collect()
    }

    #[test]
    fn money_is_on_its_way_for_three_bank_days_and_missing_after_them() {
        use Side::{Open, Other, Own};
        // Friday 13 March; the third bank day after it is Wednesday 18 March.
        let sent = |side| entry(1, "2026-03-13", -90_000, side);
        let big = |side| entry(1, "2026-03-13", -500_001, side);
        for (case, moves, today, expected) in [
            ("the same day", vec![sent(Own)], "2026-03-13", vec!["under way"]),
            ("the third bank day", vec![sent(Own)], "2026-03-18", vec!["under way"]),
            ("the day after", vec![sent(Own)], "2026-03-19", vec!["missing"]),
            ("arrived", vec![sent(Own), entry(2, "2026-03-16", 90_000, Open)], "2026-03-19", vec!["arrived"]),
            (
                "the new bank was faster",
                vec![sent(Own), entry(2, "2026-03-12", 90_000, Own)],
                "2026-03-13",
                vec!["arrived"],
            ),
            ("arrived late", vec![sent(Own), entry(2, "2026-04-16", 90_000, Open)], "2026-04-19", vec!["arrived"]),
            ("a fen is missing", vec![sent(Own), entry(2, "2026-03-16", 89_999, Own)], "2026-03-19", vec!["missing"]),
            ("a family paid in", vec![sent(Own), entry(2, "2026-03-16", 90_000, Other)], "2026-03-19", vec!["missing"]),
            ("the same account", vec![sent(Own), entry(1, "2026-03-16", 90_000, Open)], "2026-03-19", vec!["missing"]),
            ("to somebody else", vec![sent(Other), entry(2, "2026-03-16", 90_000, Own)], "2026-03-13", vec![]),
            (
                "the credit names it",
                vec![sent(Open), entry(2, "2026-03-16", 90_000, Own)],
                "2026-03-13",
                vec!["arrived"],
            ),
            ("nobody is named", vec![sent(Open), entry(2, "2026-03-13", 90_000, Open)], "2026-03-13", vec![]),
            (
                "no family pays so much",
                vec![big(Open), entry(2, "2026-03-18", 500_001, Open)],
                "2026-03-13",
                vec!["arrived"],
            ),
            ("but too late", vec![big(Open), entry(2, "2026-03-19", 500_001, Open)], "2026-03-13", vec![]),
            (
                "one credit answers one withdrawal",
                vec![sent(Own), entry(1, "2026-03-14", -90_000, Own), entry(2, "2026-03-16", 90_000, Own)],
                "2026-03-30",
                vec!["arrived", "missing"],
            ),
        ] {
            assert_eq!(told(&moves, today), expected, "{case}");
            let mut turned = moves.clone();
            turned.reverse();
            assert_eq!(told(&turned, today), expected, "{case}, in another order");
        }
    }
}
