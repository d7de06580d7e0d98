//! What a bank delivers and what became of it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::chain::Gap;
use crate::escrow::{
    detector::{Level, WarningKind},
    statement::{Direction, Document, Entry, Jump, Statement},
};

/// Which account a statement is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By the system's own number.
    Id(i64),
    /// By the bank's number, within the bureau.
    Number(String),
}

/// One statement, or one push, for one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Incoming {
    /// The bank's number, as letters and digits; `None` where the file names none.
    pub account: Option<String>,
    pub currency: Option<String>,
    pub statement_ref: Option<String>,
    /// Its number in the bank's series.
    pub number: Option<u32>,
    pub opening_fen: Option<i64>,
    pub closing_fen: Option<i64>,
    pub opening_on: Option<NaiveDate>,
    pub closing_on: Option<NaiveDate>,
    /// Whether its own arithmetic holds.
    pub balanced: Option<bool>,
    /// Where its running balance does not follow; of a push it is found out when it is taken in.
    pub jumps: Vec<Jump>,
    pub entries: Vec<Entry>,
}

impl From<Statement> for Incoming {
    fn from(statement: Statement) -> Incoming {
        Incoming {
            account: statement.account.as_deref().and_then(whole_number),
            currency: statement.currency,
            statement_ref: statement.statement_ref,
            number: statement.number,
            opening_fen: statement.opening_fen,
            closing_fen: statement.closing_fen,
            opening_on: statement.opening_on,
            closing_on: statement.closing_on,
            balanced: statement.balanced,
            jumps: statement.jumps,
            entries: statement.entries,
        }
    }
}

/// An account number; `None` for one that the bank has masked, which tells nothing for certain.
fn whole_number(text: &str) -> Option<String> {
    let number = crate::escrow::model::account_number(text);
    (!number.is_empty() && !text.contains(['*', '＊'])).then_some(number)
}

/// What came in at once: a file or a push. All of it is kept, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    pub file_name: String,
    pub format: String,
    pub sha256: [u8; 32],
    /// The one account that all of it must be for; `None`: each statement names its own.
    pub target: Option<Target>,
    pub statements: Vec<Incoming>,
}

/// The body of a bank's push.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The account's number, as the bank writes it.
    pub account: String,
    /// As `parse statement` gives them.
    pub entries: Vec<Entry>,
}

/// What stands in the place of a file's name for what a bank pushes.
pub(super) const PUSHED_TO: &str = "POST /api/v1/bank/entries";
/// Format of what a bank pushes, as statements are recorded.
pub(super) const PUSH: &str = "push";

impl Delivery {
    /// What a bank pushed.
    pub fn pushed(sha256: [u8; 32], target: Target, statement: Incoming) -> Delivery {
        Delivery {
            file_name: PUSHED_TO.to_owned(),
            format: PUSH.to_owned(),
            sha256,
            target: Some(target),
            statements: vec![statement],
        }
    }

    /// A statement file.
    pub fn of_document(document: Document, file_name: &str, sha256: [u8; 32], target: Option<Target>) -> Delivery {
        Delivery {
            file_name: file_name.to_owned(),
            format: document.format.to_string(),
            sha256,
            target,
            statements: document.statements.into_iter().map(Incoming::from).collect(),
        }
    }
}

/// What became of the part of a delivery that was for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    pub account_id: i64,
    pub institution_name: String,
    /// The record of the first statement for this account; `None` when nothing new came and none was kept before.
    pub statement_id: Option<i64>,
    pub inserted: i64,
    pub duplicates: i64,
    /// Movements that the account's statements do not show, beside the first of these statements that has such a gap.
    pub gap: Option<Gap>,
    /// New entries that say the same as one of another day: the bank may have delivered a day again under another date. And
    /// entries that a line of the same day may hold once more in one sum, where a statement contradicts the books.
    pub repeats: Vec<Repeat>,
    /// Whether something in it contradicts what came before, or puts such a contradiction right.
    #[serde(skip)]
    pub faults_changed: bool,
    /// Warnings that this delivery raised, aggravated or closed.
    pub warnings: Vec<WarningNews>,
}

impl Received {
    /// Whether a warning was raised, became graver or is over.
    pub fn turns(&self) -> bool {
        self.warnings.iter().any(|news| news.turns)
    }
}

/// An entry without a reference of the bank's own that says the same as one of another day, or one that another line of its
/// day may hold in its sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeat {
    pub bank_ref: String,
    pub booked_on: NaiveDate,
    pub direction: Direction,
    pub amount_fen: i64,
    /// The entry that was there before, or the line that may hold it.
    pub like_ref: String,
    pub like_on: NaiveDate,
}

/// Days between two entries that may be one, delivered under two dates (docs/adr/0015): the longest statutory holiday, and
/// the weekend beside it.
pub const REPEAT_DAYS: i32 = 10;

/// A warning that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningNews {
    pub id: i64,
    pub kind: WarningKind,
    pub level: Level,
    pub status: crate::escrow::model::Status,
    /// Whether it is raised, graver than before, or over: then other things follow from it.
    #[serde(skip)]
    pub turns: bool,
}
