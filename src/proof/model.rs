//! What is compared, and what comes of it.

use chrono::{DateTime, NaiveDate, Utc};

/// A booked movement of one of the institution's accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub account_id: i64,
    pub booked_at: DateTime<Utc>,
    pub bank_ref: String,
    pub credit: bool,
    pub amount_fen: i64,
    /// As the detector's kinds are called; `own_transfer` for what moves between the institution's own accounts.
    pub kind: String,
    pub order_ref: Option<String>,
}

/// The entry that bears something of the ledger out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    pub account_id: i64,
    pub booked_at: DateTime<Utc>,
    pub bank_ref: String,
}

impl Entry {
    pub fn tie(&self) -> Tie {
        Tie { account_id: self.account_id, booked_at: self.booked_at, bank_ref: self.bank_ref.clone() }
    }
}

/// A payment into the escrow account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub receipt_no: String,
    pub on: NaiveDate,
    pub amount_fen: i64,
    pub tie: Option<Tie>,
}

/// A refund or a release that the bank was told to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_ref: String,
    pub is_refund: bool,
    pub amount_fen: i64,
    /// The day of its entry, else the day on which it was marked as paid.
    pub done_on: Option<NaiveDate>,
    pub tie: Option<Tie>,
}

/// Lessons of one contract that were confirmed on the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    pub contract_no: String,
    pub amount_fen: i64,
    /// All lessons of the contract that were confirmed by the end of the day.
    pub taught_fen: i64,
    /// All that was paid on the contract into the escrow account by then.
    pub paid_fen: i64,
}

/// What is known of one institution's day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Booked on the day.
    pub entries: Vec<Entry>,
    /// Paid on the day, or borne out by an entry of it.
    pub payments: Vec<Payment>,
    /// Done on the day, or borne out by an entry of it.
    pub orders: Vec<Order>,
    /// Confirmed on the day.
    pub lessons: Vec<Attendance>,
}

/// How something does not match.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    OnlyBank,
    OnlyLedger,
    OnlyAttendance,
    AmountDiffers,
}

impl Kind {
    /// Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::OnlyBank => ("银行有、台账无", "only at the bank"),
            Kind::OnlyLedger => ("台账有、银行无", "only in the ledger"),
            Kind::OnlyAttendance => ("有消课、无缴费", "lessons without payment"),
            Kind::AmountDiffers => ("金额不符", "amounts differ"),
        }
    }
}

/// Something that does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub kind: Kind,
    /// `entry:…`, `payment:…`, `order:…` or `contract:…`; one item a subject and day.
    pub subject: String,
    pub bank_fen: i64,
    pub ledger_fen: i64,
}

/// The outcome of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub bank_in_fen: i64,
    pub bank_out_fen: i64,
    pub paid_fen: i64,
    pub refunded_fen: i64,
    pub released_fen: i64,
    pub consumed_fen: i64,
    pub matched: i32,
    pub waiting: i32,
    /// In order of subject.
    pub items: Vec<Item>,
}
