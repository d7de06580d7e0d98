//! What the oversight speaks of: whom a rule is about, and what it found.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::escrow::detector::{Level, WarningKind};

/// Whom a warning is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The feed of one account.
    Account { account: i64, institution: i64 },
    /// An institution as a whole, with an account or without.
    Institution(i64),
    /// A bank, by its name as it is filed.
    Bank(String),
}

impl Subject {
    /// The institution that it concerns.
    pub fn institution(&self) -> Option<i64> {
        match self {
            Subject::Account { institution, .. } | Subject::Institution(institution) => Some(*institution),
            Subject::Bank(_) => None,
        }
    }
}

/// What a rule found. The same facts give the same alarm whenever they are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub kind: WarningKind,
    pub level: Level,
    /// When the facts reached this level.
    pub at: DateTime<Utc>,
    pub evidence: Map<String, Value>,
    /// Tells the facts that it rests on from any others: what people closed stays closed until they are others.
    pub basis: String,
}

/// Evidence in the shape that all warnings have: what was measured, the threshold, the formula, the inputs.
pub fn evidence(
    (value, threshold, unit): (i64, i64, &str),
    formula: &str,
    inputs: impl IntoIterator<Item = (&'static str, Value)>,
) -> Map<String, Value> {
    let head: [(&str, Value); 4] =
        [("value", value.into()), ("threshold", threshold.into()), ("unit", unit.into()), ("formula", formula.into())];
    head.into_iter().chain(inputs).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The gravest of some levels that were reached.
pub fn gravest(levels: impl IntoIterator<Item = Option<Level>>) -> Option<Level> {
    levels.into_iter().flatten().max()
}
