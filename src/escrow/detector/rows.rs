//! The CSV forms of entries and obligations, as `mingjian simulate escrow` reads them.
//!
//! Columns are found by name, in any order; an unknown one is refused. Rows may stand in any order.

use std::{
    collections::{BTreeMap, HashMap, hash_map},
    str::FromStr,
};

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{
    account::Opening,
    days,
    model::{Entry, Kind},
    obligations::{Obligation, Obligations},
};
use crate::kernel::clock;

const ENTRY_COLUMNS: [&str; 9] = [
    "account",
    "booked_at",
    "direction",
    "amount_fen",
    "bank_ref",
    "kind",
    "counterparty_name",
    "counterparty_account",
    "remittance",
];
const OBLIGATION_COLUMNS: [&str; 5] = ["account", "at", "event", "amount_fen", "contract_ref"];

/// What is wrong with a file, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {problem}; {mend}", column.as_ref().map(|name| format!(", column {name}")).unwrap_or_default())]
pub struct RowError {
    /// As a text editor counts, from 1.
    pub line: u64,
    pub column: Option<String>,
    pub problem: String,
    pub mend: String,
}

/// One row that is an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    pub booked_at: DateTime<Utc>,
    pub credit: bool,
    pub amount_fen: i64,
    pub bank_ref: String,
    pub kind: Kind,
    pub order_ref: Option<String>,
    pub counterparty_name: Option<String>,
    pub counterparty_account: Option<String>,
    pub remittance: Option<String>,
}

impl EntryRow {
    /// As the detector takes it.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            booked_at: self.booked_at,
            credit: self.credit,
            amount_fen: self.amount_fen,
            bank_ref: &self.bank_ref,
            kind: self.kind,
            order_ref: self.order_ref.as_deref(),
            counterparty_name: self.counterparty_name.as_deref(),
            counterparty_account: self.counterparty_account.as_deref(),
            remittance: self.remittance.as_deref(),
        }
    }
}

/// The rows of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountRows {
    opening: Option<(DateTime<Utc>, i64)>,
    /// In order of instant, then `bank_ref`.
    entries: Vec<EntryRow>,
}

impl AccountRows {
    /// Where the history begins: at the row of kind `opening`, else with nothing before the first entry.
    pub fn opening(&self) -> Opening {
        self.opening
            .map_or_else(Opening::default, |(at, balance_fen)| Opening { balance_fen, on: Some(clock::day(at)) })
    }

    /// The entries in order of instant, then `bank_ref`.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries.iter().map(EntryRow::entry)
    }

    /// The earliest row, the opening included.
    pub fn first_at(&self) -> Option<DateTime<Utc>> {
        self.opening.map(|(at, _)| at).or_else(|| self.entries.first().map(|row| row.booked_at))
    }

    /// The latest row, the opening included.
    pub fn last_at(&self) -> Option<DateTime<Utc>> {
        self.entries.last().map(|row| row.booked_at).max(self.opening.map(|(at, _)| at))
    }
}

/// What makes two rows of one `bank_ref` the same row.
#[derive(PartialEq)]
struct Content {
    at: i64,
    cells: [String; 7],
}

/// Reads entries by account. A `bank_ref` given twice with the same content counts once; with other content, two
/// openings of an account, and an entry before its account's opening are refused.
pub fn read_entries(csv: &[u8]) -> Result<BTreeMap<String, AccountRows>, RowError> {
    let mut table = Table::open(csv, &ENTRY_COLUMNS, &["order_ref"])?;
    let mut accounts: BTreeMap<String, AccountRows> = BTreeMap::new();
    let mut openings: HashMap<String, u64> = HashMap::new();
    let mut seen: HashMap<(String, String), (u64, Content)> = HashMap::new();
    while let Some(row) = table.next_row()? {
        let account = row.filled("account")?.to_owned();
        let booked_at = row.instant("booked_at")?;
        let credit = match row.cell("direction") {
            "credit" => true,
            "debit" => false,
            other => return Err(row.refuse("direction", other, "is no direction", "write credit or debit")),
        };
        let amount_fen = row.fen("amount_fen")?;
        let is_opening = row.cell("kind") == "opening";
        let bank_ref = if is_opening { row.cell("bank_ref") } else { row.filled("bank_ref")? }.to_owned();
        let cells =
            ["direction", "amount_fen", "kind", "counterparty_name", "counterparty_account", "remittance", "order_ref"];
        let content = Content { at: booked_at.timestamp_micros(), cells: cells.map(|name| row.cell(name).to_owned()) };
        match seen.entry((account.clone(), bank_ref.clone())) {
            hash_map::Entry::Occupied(earlier) if earlier.get().1 == content => continue,
            hash_map::Entry::Occupied(earlier) => {
                let problem = format!("was given with other content on line {}", earlier.get().0);
                return Err(row.refuse("bank_ref", &bank_ref, &problem, "a bank_ref is unique within its account"));
            }
            hash_map::Entry::Vacant(place) => place.insert((row.line, content)),
        };
        let rows = accounts.entry(account.clone()).or_default();
        if is_opening {
            rows.opening = Some((booked_at, if credit { amount_fen } else { -amount_fen }));
            if let Some(line) = openings.insert(account, row.line) {
                let problem = format!("is the account's second one, after line {line}");
                return Err(row.refuse("kind", "opening", &problem, "keep one opening row for each account"));
            }
            continue;
        }
        let kinds = "write opening, prepayment, release, refund, interest, bank_fee, top_up, reversal or other";
        let kind = row.one_of("kind", "is no kind", kinds)?;
        rows.entries.push(EntryRow {
            booked_at,
            credit,
            amount_fen,
            bank_ref,
            kind,
            order_ref: row.text("order_ref"),
            counterparty_name: row.text("counterparty_name"),
            counterparty_account: row.text("counterparty_account"),
            remittance: row.text("remittance"),
        });
    }
    for (account, rows) in &mut accounts {
        rows.entries.sort_by(|a, b| (a.booked_at, &a.bank_ref).cmp(&(b.booked_at, &b.bank_ref)));
        if let (Some((opened, _)), Some(first)) = (rows.opening, rows.entries.first())
            && first.booked_at < opened
        {
            let line = seen.get(&(account.clone(), first.bank_ref.clone())).map_or(0, |(line, _)| *line);
            return Err(RowError {
                line,
                column: Some("booked_at".to_owned()),
                problem: format!("“{}” is booked before the opening of account {account}", quoted(&first.bank_ref)),
                mend: "give the balance before the first entry as the opening row".to_owned(),
            });
        }
    }
    Ok(accounts)
}

/// Reads obligations by account; `at` may be a date, meaning its beginning in Beijing.
pub fn read_obligations(csv: &[u8]) -> Result<BTreeMap<String, Obligations>, RowError> {
    let mut table = Table::open(csv, &OBLIGATION_COLUMNS, &[])?;
    let mut accounts: BTreeMap<String, Vec<Obligation>> = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let at = match NaiveDate::from_str(row.cell("at")) {
            Ok(date) => {
                row.in_years("at", days::instant(days::last_micro(days::number(date) - 1) + 1).with_timezone(&Utc))?
            }
            Err(_) => row.instant("at")?,
        };
        let event = row.one_of("event", "is no event", "write contract, consumed or refunded")?;
        let amount_fen = row.fen("amount_fen")?;
        let contract_ref = row.cell("contract_ref").to_owned();
        let account = row.filled("account")?.to_owned();
        accounts.entry(account).or_default().push(Obligation { at, event, amount_fen, contract_ref });
    }
    Ok(accounts.into_iter().map(|(account, events)| (account, Obligations::from_events(&events))).collect())
}

/// A CSV file with a header line.
pub(in crate::escrow) struct Table<'c> {
    reader: csv::Reader<&'c [u8]>,
    columns: HashMap<String, usize>,
    record: csv::StringRecord,
}

/// The current row of a [`Table`].
pub(in crate::escrow) struct Row<'t> {
    line: u64,
    columns: &'t HashMap<String, usize>,
    record: &'t csv::StringRecord,
}

impl<'c> Table<'c> {
    pub(in crate::escrow) fn open(csv: &'c [u8], required: &[&str], optional: &[&str]) -> Result<Table<'c>, RowError> {
        let csv = csv.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(csv);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv);
        let header = reader.headers().map_err(unreadable)?.clone();
        let refuse = |column: &str, problem: &str, mend: String| RowError {
            line: 1,
            column: Some(quoted(column)),
            problem: problem.to_owned(),
            mend,
        };
        let mut columns = HashMap::new();
        for (index, name) in header.iter().enumerate() {
            if !required.contains(&name) && !optional.contains(&name) {
                let known = [required, optional].concat().join(",");
                return Err(refuse(name, "is not a known column", format!("the header may name {known}")));
            }
            if columns.insert(name.to_owned(), index).is_some() {
                return Err(refuse(name, "is named twice in the header", "keep one".to_owned()));
            }
        }
        match required.iter().find(|name| !columns.contains_key(**name)) {
            Some(name) => Err(refuse(name, "is missing from the header", format!("begin with {}", required.join(",")))),
            None => Ok(Table { reader, columns, record: csv::StringRecord::new() }),
        }
    }

    pub(in crate::escrow) fn next_row(&mut self) -> Result<Option<Row<'_>>, RowError> {
        if !self.reader.read_record(&mut self.record).map_err(unreadable)? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(Some(Row { line, columns: &self.columns, record: &self.record }))
    }
}

impl Row<'_> {
    /// Empty for a column that the file does not have.
    pub(in crate::escrow) fn cell(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|index| self.record.get(*index)).unwrap_or("")
    }

    /// `None` for an empty cell.
    pub(in crate::escrow) fn text(&self, column: &str) -> Option<String> {
        Some(self.cell(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(in crate::escrow) fn refuse(&self, column: &str, value: &str, problem: &str, mend: &str) -> RowError {
        let problem = format!("“{}” {problem}", quoted(value));
        RowError { line: self.line, column: Some(column.to_owned()), problem, mend: mend.to_owned() }
    }

    pub(in crate::escrow) fn filled(&self, column: &str) -> Result<&str, RowError> {
        match self.cell(column) {
            "" => Err(self.refuse(column, "", "is empty", "fill it in")),
            text => Ok(text),
        }
    }

    pub(in crate::escrow) fn one_of<T: FromStr>(&self, column: &str, problem: &str, mend: &str) -> Result<T, RowError> {
        let text = self.cell(column);
        text.parse().map_err(|_| self.refuse(column, text, problem, mend))
    }

    pub(in crate::escrow) fn instant(&self, column: &str) -> Result<DateTime<Utc>, RowError> {
        let text = self.cell(column);
        let mend = "write RFC 3339 with an offset, e.g. 2026-03-02T10:15:00+08:00";
        let at = DateTime::parse_from_rfc3339(text)
            .ok()
            .and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()))
            .ok_or_else(|| self.refuse(column, text, "is not an instant", mend))?;
        self.in_years(column, at)
    }

    fn in_years(&self, column: &str, at: DateTime<Utc>) -> Result<DateTime<Utc>, RowError> {
        if days::YEARS.contains(&clock::day(at).year()) {
            return Ok(at);
        }
        Err(self.refuse(column, self.cell(column), "is not in the years 1990 to 2099", "check the year"))
    }

    pub(in crate::escrow) fn fen(&self, column: &str) -> Result<i64, RowError> {
        let text = self.cell(column);
        let mend = "write digits only, e.g. 125000 for 1250.00 yuan";
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.refuse(column, text, "is not a whole number of fen", mend));
        }
        text.parse().map_err(|_| self.refuse(column, text, "is beyond what an account can hold", "check its digits"))
    }
}

/// A cell as it is quoted in a message: not longer than a line can bear.
fn quoted(text: &str) -> String {
    const LENGTH_MAX: usize = 40;
    let mut short: String = text.chars().take(LENGTH_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn unreadable(error: csv::Error) -> RowError {
    let line = error.position().map_or(1, csv::Position::line);
    let (problem, mend) = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => ("not UTF-8".to_owned(), "save the file as CSV in UTF-8"),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (format!("{len} cells where the header has {expected_len}"), "fill in or remove cells")
        }
        _ => (error.to_string(), "give CSV with a header line"),
    };
    RowError { line, column: None, problem, mend: mend.to_owned() }
}
