//! An event before it has its place in the chain.

use chrono::{DateTime, SubsecRound, Utc};

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The account; none for the system itself and for machine users.
    pub id: Option<i64>,
    /// The bureau of the account.
    pub tenant: i32,
    pub name: String,
    pub role: String,
}

/// An event that is to be appended to a bureau's chain. Values of before and after are JSON text, kept to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whose chain it goes into.
    pub tenant: i32,
    pub at: DateTime<Utc>,
    pub who: Who,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub institution: Option<i64>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: Option<String>,
    pub request_id: String,
}

impl Draft {
    /// The event's time as PostgreSQL keeps it, in whole microseconds: what is hashed must be what is read back.
    pub(super) fn stored_at(&self) -> DateTime<Utc> {
        self.at.trunc_subsecs(6)
    }
}
