//! Balances by day, worked out backwards from the present balance. Pure.

use chrono::NaiveDate;

use super::{documents::Balance, store::entries::Day};

/// Most points of a chart.
pub const POINTS_MAX: usize = 200;

/// The balance at the end of each day from `from` to `to`, given the account's balance now and the movements by day from
/// `from` on, the latest first.
pub fn by_day(balance_fen: i64, movements: &[Day], from: NaiveDate, to: NaiveDate) -> Vec<Balance> {
    let mut balance = balance_fen;
    let mut movements = movements.iter().peekable();
    // What moved after the span lies between its last balance and the present one.
    while let Some(later) = movements.next_if(|movement| movement.day > to) {
        balance = before(balance, later);
    }
    let mut days = Vec::new();
    let mut day = to;
    while day >= from {
        let moved = movements.next_if(|movement| movement.day == day);
        let (credit_fen, debit_fen) = moved.map_or((0, 0), |movement| (movement.credit_fen, movement.debit_fen));
        days.push(Balance { date: day, balance_fen: balance, credit_fen, debit_fen });
        if let Some(movement) = moved {
            balance = before(balance, movement);
        }
        let Some(previous) = day.pred_opt() else { break };
        day = previous;
    }
    days.reverse();
    days
}

fn before(balance: i64, movement: &Day) -> i64 {
    balance.saturating_sub(movement.credit_fen).saturating_add(movement.debit_fen)
}

/// At most [`POINTS_MAX`] of the balances, evenly spaced, the last one always among them.
pub fn thinned(balances: &[Balance]) -> Vec<Balance> {
    let step = balances.len().div_ceil(POINTS_MAX).max(1);
    let mut points: Vec<Balance> = balances.iter().rev().step_by(step).copied().collect();
    points.reverse();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn balances_run_back_from_the_present_one() {
        let moved = |text: &str, credit_fen, debit_fen| Day { day: day(text), credit_fen, debit_fen };
        let movements = [moved("2026-03-05", 0, 40), moved("2026-03-03", 100, 10), moved("2026-03-01", 20, 0)];
        let found = by_day(70, &movements, day("2026-03-01"), day("2026-03-04"));
        let shown: Vec<(u32, i64, i64)> =
            found.iter().map(|b| (chrono::Datelike::day(&b.date), b.balance_fen, b.credit_fen)).collect();
        assert_eq!(shown, [(1, 20, 20), (2, 20, 0), (3, 110, 100), (4, 110, 0)]);
        assert_eq!(by_day(70, &movements, day("2026-03-05"), day("2026-03-04")), []);
        assert_eq!(by_day(70, &[], day("2026-03-05"), day("2026-03-05"))[0].balance_fen, 70);
    }

    #[test]
    fn a_chart_has_two_hundred_points_at_most_and_ends_at_the_last() {
        let balances = by_day(0, &[], day("2025-01-01"), day("2026-03-01"));
        for length in [0, 1, 200, 201, 401] {
            let points = thinned(&balances[..length]);
            assert!(points.len() <= POINTS_MAX && points.len() >= length.min(100), "{length}: {}", points.len());
            assert_eq!(points.last(), balances[..length].last());
        }
    }
}
