//! What a refund is, from asking to the bank's entry.

use serde::{Deserialize, Serialize};

use crate::{
    kernel::{Fen, Finding, Severity},
    ledger::rules::refund::Step,
};

/// Where a refund stands. Paid it becomes by the bank's entry alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Asked,
    Approved,
    Paid,
    Withdrawn,
}

impl State {
    /// As people read it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            State::Asked => ("已申请", "Asked for"),
            State::Approved => ("待付款", "To be paid"),
            State::Paid => ("已退", "Paid back"),
            State::Withdrawn => ("已撤回", "Taken back"),
        }
    }

    /// Whether the family still waits for its money.
    pub fn is_open(self) -> bool {
        matches!(self, State::Asked | State::Approved)
    }
}

/// What can be done to a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Act {
    Approve,
    Withdraw,
}

/// What is kept of how a refund was worked out: each step as it was shown, and what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worked {
    pub steps: Vec<Step>,
    pub findings: Vec<Finding>,
    /// A part alone was asked for.
    pub part_fen: Option<Fen>,
    pub fee_fen: Fen,
    /// Why it goes to another account than it came from, numbers masked; empty when it does not.
    pub elsewhere: String,
    /// That account, masked.
    #[serde(default)]
    pub elsewhere_account: Option<String>,
    /// How many of the units that were given an official charged.
    #[serde(default)]
    pub charged_units: Option<u32>,
    /// Of the limits that it was judged by.
    pub policy_version: String,
}

impl Worked {
    /// Whether an official has to agree.
    pub fn is_referred(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Refer)
    }
}
