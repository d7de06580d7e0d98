//! What every statement format is turned into, and the bounds that a file is read under.
//!
//! Money is in minor units of the statement's currency (fen for CNY); an entry's amount is always positive and its
//! direction is the effect on the balance.

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};

use super::error::StatementError;

/// Amounts and balances of this many minor units or more are refused: ten trillion yuan is no training fee.
pub const AMOUNT_FEN_LIMIT: i64 = 1_000_000_000_000_000;

/// The formats that are read; the names are those of the command line and of the output.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
pub enum Format {
    #[serde(rename = "camt.052")]
    #[strum(serialize = "camt.052")]
    Camt052,
    #[serde(rename = "camt.053")]
    #[strum(serialize = "camt.053")]
    Camt053,
    #[serde(rename = "camt.054")]
    #[strum(serialize = "camt.054")]
    Camt054,
    #[serde(rename = "mt940")]
    #[strum(serialize = "mt940")]
    Mt940,
    #[serde(rename = "mt942")]
    #[strum(serialize = "mt942")]
    Mt942,
    #[serde(rename = "csv")]
    #[strum(serialize = "csv")]
    Csv,
    #[serde(rename = "xls")]
    #[strum(serialize = "xls")]
    Xls,
    #[serde(rename = "xlsx")]
    #[strum(serialize = "xlsx")]
    Xlsx,
    #[serde(rename = "txt")]
    #[strum(serialize = "txt")]
    Txt,
}

/// The effect of an entry on the balance of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// Money in (贷).
    Credit,
    /// Money out (借).
    Debit,
}

impl Direction {
    /// The other direction.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Credit => Direction::Debit,
            Direction::Debit => Direction::Credit,
        }
    }
}

/// Where an entry's reference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefSource {
    /// The file gives it.
    #[default]
    Bank,
    /// Made here from what the line says, the same however often the line is delivered.
    Synthetic,
}

/// One movement of an account. In the bank's JSON pushes everything but `bank_ref`, `booked_on`, `direction` and
/// `amount_fen` may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unique within an account for good.
    pub bank_ref: String,
    #[serde(default)]
    pub ref_source: RefSource,
    /// Place in booking order within the statement, from 1; 0 when not given.
    #[serde(default)]
    pub seq: u32,
    pub booked_on: NaiveDate,
    /// The booking instant, in Beijing time, when the file gives a time of day.
    #[serde(default)]
    pub booked_at: Option<DateTime<FixedOffset>>,
    #[serde(default)]
    pub value_on: Option<NaiveDate>,
    pub direction: Direction,
    /// Positive, below [`AMOUNT_FEN_LIMIT`].
    pub amount_fen: i64,
    /// The entry takes an earlier one back.
    #[serde(default)]
    pub reversal: bool,
    #[serde(default)]
    pub counterparty_name: Option<String>,
    #[serde(default)]
    pub counterparty_account: Option<String>,
    #[serde(default)]
    pub remittance: Option<String>,
    #[serde(default)]
    pub balance_after_fen: Option<i64>,
    /// What the bank says the entry is; only in the bank's pushes, judged on ingest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl Entry {
    /// The signed effect on the balance, in minor units.
    pub fn effect_fen(&self) -> i64 {
        match self.direction {
            Direction::Credit => self.amount_fen,
            Direction::Debit => self.amount_fen.saturating_neg(),
        }
    }
}

/// Lines that are no bookings and were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Skipped {
    /// Announced, not booked: `PDNG`, `FUTR`, MT942's expected marks.
    pub pending: u32,
    /// For information only: `INFO`, a wallet's neutral lines, lines of amount zero.
    pub info: u32,
}

/// Something about a statement that its reader should know; never an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where in the file, e.g. `line 7`.
    pub path: String,
    pub rule: String,
    pub message_zh: String,
    pub message_en: String,
}

/// A line whose balance is not that of the line before and its own amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    pub bank_ref: String,
    pub booked_on: NaiveDate,
    /// Where in the file; `None` in a push.
    pub path: Option<String>,
    /// What the line before and the amount come to.
    pub expected_fen: i64,
    pub written_fen: i64,
}

/// Jumps told of one statement or push.
pub const JUMPS_MAX: usize = 20;

/// The entries of one account in one currency over one period.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Statement {
    /// As the file writes it; masked in some exports, absent in others.
    pub account: Option<String>,
    /// ISO 4217; absent when the file names none.
    pub currency: Option<String>,
    pub statement_ref: Option<String>,
    /// Its number in the bank's series, where it has a short one; no part of what `parse statement` prints.
    #[serde(skip)]
    pub number: Option<u32>,
    pub opening_fen: Option<i64>,
    pub closing_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub closing_on: Option<NaiveDate>,
    /// Whether opening ± entries = closing; absent when either balance is.
    pub balanced: Option<bool>,
    pub skipped: Skipped,
    pub notes: Vec<Note>,
    /// Where its running balance does not follow, the first [`JUMPS_MAX`] of them; no part of what `parse statement` prints.
    #[serde(skip)]
    pub jumps: Vec<Jump>,
    pub entries: Vec<Entry>,
}

/// Notes kept per statement; a file with an error in every line must not double in size.
const NOTES_MAX: usize = 100;

impl Statement {
    /// Adds a note; after [`NOTES_MAX`] of them one last note says that there are more.
    pub(super) fn note(&mut self, path: impl ToString, rule: &str, message_zh: String, message_en: String) {
        match self.notes.len().cmp(&NOTES_MAX) {
            std::cmp::Ordering::Less => {
                self.notes.push(Note { path: path.to_string(), rule: rule.to_owned(), message_zh, message_en });
            }
            std::cmp::Ordering::Equal => self.notes.push(Note {
                path: path.to_string(),
                rule: "NOTES_CUT".to_owned(),
                message_zh: "提示过多，其余从略。".to_owned(),
                message_en: "There are more notes; the rest is left out.".to_owned(),
            }),
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// One statement file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The member of the zip that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    pub format: Format,
    /// The message version of an ISO 20022 file, e.g. `camt.053.001.02`.
    pub version: Option<String>,
    pub statements: Vec<Statement>,
    /// Sheets that look like statements and whose header nobody knows, each with its place and the mend.
    #[serde(skip)]
    pub unread: Vec<StatementError>,
}

impl Document {
    /// Whether some statement's arithmetic does not hold, so that it must stay out of the books until someone decides.
    pub fn is_unbalanced(&self) -> bool {
        self.statements.iter().any(|statement| statement.balanced == Some(false))
    }

    /// Whether some statement ends before its closing balance, which an end-of-day statement of this format always has
    /// (MT940, field 62a mandatory): the file may have been cut off on its way.
    pub fn lacks_its_end(&self) -> bool {
        self.format == Format::Mt940 && self.statements.iter().any(|statement| statement.closing_fen.is_none())
    }
}

/// What one file may cost at most. An operator may set each bound; what exceeds one is refused, never cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of the file, and of all that is unpacked from it together.
    pub max_bytes_unpacked: u64,
    /// Entries of one file, details of batches included.
    pub max_entries: usize,
    /// Statements of one file; a bank's file for a whole province has some thousands.
    pub max_statements: usize,
    /// Members of a zip.
    pub max_members: usize,
    /// Nesting of XML elements; camt needs some fifteen.
    pub max_depth: usize,
    /// Bytes of one field, cell or element.
    pub max_field_bytes: usize,
}

impl Limits {
    /// What is left of the limits when these statements have been read from the same file.
    pub(super) fn spend<'s>(&mut self, statements: impl ExactSizeIterator<Item = &'s Statement>) {
        self.max_statements = self.max_statements.saturating_sub(statements.len());
        let entries: usize = statements.map(|statement| statement.entries.len()).sum();
        self.max_entries = self.max_entries.saturating_sub(entries);
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_bytes_unpacked: 1 << 30,
            max_entries: 2_000_000,
            max_statements: 10_000,
            max_members: 500,
            max_depth: 40,
            max_field_bytes: 16 << 10,
        }
    }
}
