//! What the detector takes for an entry: a year of one account, in nanoseconds for each of its entries.
//!
//! `cargo bench --bench detector` prints one line of JSON. Without `--bench` (as `cargo test` calls it) it takes one short
//! round and prints nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on fails, and prints")]

use std::{hint::black_box, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use mingjian::{
    escrow::{
        detector::{
            AccountFacts, AccountState, Entry, FiledAccount, Grounds, Kind, Obligation, ObligationEvent, Obligations,
            Opening,
        },
        policy::{Policies, Policy},
    },
    kernel::Calendar,
};

/// An entry with what it borrows.
struct Row {
    booked_at: DateTime<Utc>,
    credit: bool,
    amount_fen: i64,
    bank_ref: String,
    name: String,
    account: String,
}

/// A quiet year: families pay in, and what lessons earned goes to the filed account.
fn year(count: i64) -> Vec<Row> {
    let first: DateTime<Utc> = "2025-01-01T00:00:00+08:00".parse().unwrap();
    let step = 365 * 86_400_000_000 / count;
    let row = |number: i64| {
        let credit = number % 4 != 0;
        Row {
            booked_at: first + TimeDelta::microseconds(number * step),
            credit,
            amount_fen: if credit { 480_000 + number % 1_000 } else { 1_000_000 + number % 1_000 },
            bank_ref: format!("2025{number:012}"),
            name: if credit { format!("家长{}", number % 5_000) } else { "启明星培训中心".to_owned() },
            account: if credit { format!("6217{:012}", number % 5_000) } else { "6222000100020003".to_owned() },
        }
    };
    (0..count).map(row).collect()
}

/// Nanoseconds for each entry.
fn round(rows: &[Row], grounds: &Grounds) -> f64 {
    let start = Instant::now();
    let mut state = AccountState::new(Opening { balance_fen: 100_000_000_000, on: None });
    let mut changes = Vec::new();
    for row in rows {
        let entry = Entry {
            booked_at: row.booked_at,
            credit: row.credit,
            amount_fen: row.amount_fen,
            bank_ref: &row.bank_ref,
            kind: if row.credit { Kind::Prepayment } else { Kind::Release },
            order_ref: (!row.credit).then_some("R"),
            counterparty_name: Some(&row.name),
            counterparty_account: Some(&row.account),
            remittance: Some("2025 年春季学期 数学 学费"),
        };
        state.push(grounds, &entry, &mut changes).unwrap();
    }
    black_box((state.balance_fen(), changes.len()));
    start.elapsed().as_nanos() as f64 / rows.len() as f64
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let (rounds, count) = if full { (7, 1_000_000) } else { (1, 500) };
    let rows = year(count);
    let policies = Policies::from(Policy::default());
    let calendar = Calendar::statutory();
    let facts = AccountFacts { payee: Some(FiledAccount::number("6222 0001 0002 0003")), ..AccountFacts::default() };
    let owed: Vec<Obligation> = (0..365)
        .map(|day| Obligation {
            at: rows[0].booked_at + TimeDelta::days(day),
            event: if day == 0 { ObligationEvent::Contract } else { ObligationEvent::Consumed },
            amount_fen: if day == 0 { 500_000_000_000 } else { 700_000_000 },
            contract_ref: "c".to_owned(),
        })
        .collect();
    let obligations = Obligations::from_events(&owed);
    let unknown = Grounds { policies: &policies, calendar, obligations: None, account: AccountFacts::unknown() };
    let known = Grounds { policies: &policies, calendar, obligations: Some(&obligations), account: &facts };
    let (mut without, mut with): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(round(&rows, &unknown));
        with.push(round(&rows, &known));
    }
    if full {
        let middle = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "{{\"entries\":{count},\"ns_per_entry\":{:.0},\"ns_per_entry_with_ledger_and_filing\":{:.0}}}",
            middle(without),
            middle(with)
        );
    }
}
