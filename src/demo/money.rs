//! Demonstration statements: of counties that are looked at from afar: honest schools, and one with a large withdrawal.

use chrono::{Datelike, Days, NaiveDate};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{DemoError, instant, sheet::School};
use crate::escrow::ingest::{Delivery, Incoming, Target};

/// How the money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// Fees in, weekly releases in step with the lessons.
    Honest,
    /// A quarter of the balance leaves at once, three days ago.
    Large,
}

impl Story {
    /// The story of the `at`-th school of a county.
    pub fn of(at: usize) -> Story {
        if at == 2 { Story::Large } else { Story::Honest }
    }
}

const DAYS: u64 = 60;
const OPENING_FEN: i64 = 32_000_000;

struct Book {
    entries: Vec<Value>,
    balance_fen: i64,
}

impl Book {
    fn add(&mut self, day: NaiveDate, hour: u32, credit: bool, amount_fen: i64, name: &str, remittance: &str) {
        self.balance_fen += if credit { amount_fen } else { -amount_fen };
        let number = self.entries.len() + 1;
        self.entries.push(json!({
            "bank_ref": format!("D{}{number:04}", day.format("%Y%m%d")), "seq": number, "booked_on": day,
            "booked_at": instant(day, hour, u32::try_from(number % 60).unwrap_or(0)), "value_on": day,
            "direction": if credit { "credit" } else { "debit" }, "amount_fen": amount_fen,
            "counterparty_name": name, "remittance": remittance,
        }));
    }
}

/// The statement of the last sixty days, up to yesterday.
pub fn statement(school: &School, story: Story, today: NaiveDate, random: &mut StdRng) -> Result<Delivery, DemoError> {
    let mut book = Book { entries: Vec::new(), balance_fen: OPENING_FEN };
    let first = today - Days::new(DAYS);
    for (ago, day) in first.iter_days().take_while(|day| *day < today).map(|day| ((today - day).num_days(), day)) {
        if day.weekday().number_from_monday() <= 5 {
            for _ in 0..random.gen_range(1..=2) {
                book.add(day, 10, true, random.gen_range(12..=40) * 10_000, "家长（样例）", "学费");
            }
        }
        if day.weekday().number_from_monday() == 5 {
            let amount = book.balance_fen / 25;
            book.add(day, 15, false, amount, &school.name, "按消课划拨");
        }
        if let Some(percent) = withdrawal(story, ago) {
            let amount = book.balance_fen * percent / 100;
            book.add(day, 16, false, amount, "某某商贸有限公司（样例）", "往来款");
        }
    }
    let entries = serde_json::from_value(Value::Array(book.entries))?;
    let incoming = Incoming {
        jumps: Vec::new(),
        account: Some(school.account.clone()),
        currency: Some("CNY".to_owned()),
        statement_ref: Some(format!("DEMO-{today}")),
        number: None,
        opening_fen: Some(OPENING_FEN),
        closing_fen: Some(book.balance_fen),
        opening_on: Some(first),
        closing_on: Some(today - Days::new(1)),
        balanced: Some(true),
        entries,
    };
    let sha256 = Sha256::digest(format!("{}{today}", school.account)).into();
    Ok(Delivery {
        file_name: format!("{}-{today}.xml", school.account),
        format: "camt.053".to_owned(),
        sha256,
        target: Some(Target::Number(school.account.clone())),
        statements: vec![incoming],
    })
}

/// How many per cent leave on the day so many days ago.
fn withdrawal(story: Story, days_ago: i64) -> Option<i64> {
    (story == Story::Large && days_ago == 3).then_some(24)
}
