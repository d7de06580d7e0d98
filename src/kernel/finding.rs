//! The one shape of everything that a rule says, wherever it is shown.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How grave a finding is, least grave first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// Accepted; the finding is recorded and the user must acknowledge it.
    Warn,
    /// An official decides; the platform never decides by itself. Also for what cannot be evaluated.
    Refer,
    /// The platform refuses the submission.
    Block,
}

/// What a rule found about one place in the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule id of the law as computable rules, e.g. `COURSE-TIME-OFFLINE-END`.
    pub rule: Cow<'static, str>,
    pub severity: Severity,
    /// Where in the input, e.g. `course.sessions[0].end`.
    pub path: String,
    pub message_zh: String,
    pub message_en: String,
    /// Measured value, limit and what else the finding rests on; amounts in fen end in `_fen`.
    pub evidence: Map<String, Value>,
    /// Document and article.
    pub legal_basis: Cow<'static, str>,
    pub fix_zh: String,
    pub fix_en: String,
}

/// The outcome of a set of findings: the gravest severity, or `Pass` when there is none.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Decision {
    Pass,
    Warn,
    Refer,
    Block,
}

impl Decision {
    /// The gravest severity among `findings`.
    pub fn of(findings: &[Finding]) -> Decision {
        match findings.iter().map(|finding| finding.severity).max() {
            None => Decision::Pass,
            Some(Severity::Warn) => Decision::Warn,
            Some(Severity::Refer) => Decision::Refer,
            Some(Severity::Block) => Decision::Block,
        }
    }
}
