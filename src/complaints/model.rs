//! What a complaint is.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::{Private, private::Phone};

/// What it speaks for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// 账外收费: a fee that was paid past the escrow account.
    OutsideEscrow,
    /// 培训贷: a fee that a lender paid.
    TrainingLoan,
}

impl Kind {
    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::OutsideEscrow => ("费用没有交进监管账户", "A fee paid past the escrow account"),
            Kind::TrainingLoan => ("用贷款或分期缴费", "A fee paid by a loan or in instalments of a lender"),
        }
    }
}

/// Where it stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Received,
    /// An official has seen the evidence.
    Confirmed,
    /// It is not so, or has been put right: it counts no more.
    Refuted,
}

impl State {
    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            State::Received => ("待核实", "To be verified"),
            State::Confirmed => ("已核实", "Verified"),
            State::Refuted => ("不属实或已整改", "Refuted or put right"),
        }
    }
}

/// One complaint.
#[derive(Debug, Clone)]
pub struct Complaint {
    pub id: i64,
    pub institution: String,
    pub credit_code: String,
    pub kind: Kind,
    pub received_on: NaiveDate,
    pub amount_fen: Option<i64>,
    pub personal_payee: bool,
    /// Of the family; pages show the mask.
    pub phone: Option<Private<Phone>>,
    pub note: Option<String>,
    pub state: State,
    pub settled_reason: Option<String>,
    pub settled_by: Option<String>,
    pub recorded_by: String,
    pub recorded_at: DateTime<Utc>,
}
