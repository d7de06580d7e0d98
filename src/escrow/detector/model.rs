//! What the detector speaks of: entries in, warnings and their changes out. Money is fen, never negative here.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How grave a warning is, least grave first (蓝, 黄, 橙, 红).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    /// A note.
    Blue,
    /// The institution explains within three working days.
    Yellow,
    /// The bureau talks to the institution (约谈) within two working days.
    Orange,
    /// The same day, joint action.
    Red,
}

/// Which rule of domain-rules §5.4 warns; in the order of the ids' letters, which is the order of output.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum WarningKind {
    /// W16, 未备案账户/未签协议.
    #[serde(rename = "ACCOUNT-NOT-FILED")]
    #[strum(serialize = "ACCOUNT-NOT-FILED")]
    AccountNotFiled,
    /// W14, 异常促销吸储.
    #[serde(rename = "ENROLMENT-SURGE")]
    #[strum(serialize = "ENROLMENT-SURGE")]
    EnrolmentSurge,
    /// W7, 银行报送中断.
    #[serde(rename = "FEED-SILENT")]
    #[strum(serialize = "FEED-SILENT")]
    FeedSilent,
    /// W3, 低于最低余额.
    #[serde(rename = "FUND-BELOW-MIN")]
    #[strum(serialize = "FUND-BELOW-MIN")]
    BelowMin,
    /// W5, 托管覆盖率不足.
    #[serde(rename = "FUND-COVERAGE")]
    #[strum(serialize = "FUND-COVERAGE")]
    Coverage,
    /// W2, 滚动累计支出.
    #[serde(rename = "FUND-CUM-ROLLING")]
    #[strum(serialize = "FUND-CUM-ROLLING")]
    CumRolling,
    /// W1, 单笔大额支出.
    #[serde(rename = "FUND-LARGE-SINGLE")]
    #[strum(serialize = "FUND-LARGE-SINGLE")]
    LargeSingle,
    /// W12, 账外收费.
    #[serde(rename = "FUND-OUTSIDE-ESCROW")]
    #[strum(serialize = "FUND-OUTSIDE-ESCROW")]
    OutsideEscrow,
    /// W6, 预计耗尽日.
    #[serde(rename = "FUND-RUNOFF-DATE")]
    #[strum(serialize = "FUND-RUNOFF-DATE")]
    RunoffDate,
    /// W10, 化整为零(拆分规避).
    #[serde(rename = "FUND-STRUCTURING")]
    #[strum(serialize = "FUND-STRUCTURING")]
    Structuring,
    /// W9, 异常交易对手.
    #[serde(rename = "FUND-UNUSUAL-COUNTERPARTY")]
    #[strum(serialize = "FUND-UNUSUAL-COUNTERPARTY")]
    UnusualCounterparty,
    /// W4, 划拨与消课不符.
    #[serde(rename = "FUND-WITHDRAW-UNMATCHED")]
    #[strum(serialize = "FUND-WITHDRAW-UNMATCHED")]
    WithdrawUnmatched,
    /// W11, 超限预收.
    #[serde(rename = "PREPAY-OVER-CAP")]
    #[strum(serialize = "PREPAY-OVER-CAP")]
    OverCap,
    /// W15, 退费积压.
    #[serde(rename = "REFUND-BACKLOG")]
    #[strum(serialize = "REFUND-BACKLOG")]
    RefundBacklog,
    /// W8, 余额不连续.
    #[serde(rename = "STMT-CHAIN-BREAK")]
    #[strum(serialize = "STMT-CHAIN-BREAK")]
    ChainBreak,
    /// W8, 流水断档.
    #[serde(rename = "STMT-GAP")]
    #[strum(serialize = "STMT-GAP")]
    StatementGap,
    /// W13, 培训贷.
    #[serde(rename = "TRAINING-LOAN")]
    #[strum(serialize = "TRAINING-LOAN")]
    TrainingLoan,
}

/// What an entry is for. An opening balance is no entry: it is the [`Opening`](super::Opening) of an account.
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
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Prepayment,
    Release,
    Refund,
    Interest,
    BankFee,
    TopUp,
    Reversal,
    Other,
}

impl Kind {
    /// Refunds go back to parents and reversals mend a mistake: neither is spending.
    pub fn is_exempt(self) -> bool {
        matches!(self, Kind::Refund | Kind::Reversal)
    }
}

/// One booked entry of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Finer than a microsecond is cut off.
    pub booked_at: DateTime<Utc>,
    /// Whether the balance grows.
    pub credit: bool,
    /// Zero or more.
    pub amount_fen: i64,
    /// Unique within the account.
    pub bank_ref: &'a str,
    pub kind: Kind,
    /// The approved release or refund order that the entry settles; an entry with one is matched.
    pub order_ref: Option<&'a str>,
    /// Who is on the other side, as far as the bank says.
    pub counterparty_name: Option<&'a str>,
    pub counterparty_account: Option<&'a str>,
    /// What the payer or the bank wrote.
    pub remittance: Option<&'a str>,
}

/// One step in the life of a warning: its raising first, then what made it graver or joined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at: DateTime<FixedOffset>,
    /// The level that this step alone reached.
    pub level: Level,
    /// Null for what an end of day, not an entry, brought about.
    pub bank_ref: Option<String>,
}

/// A warning as it is shown and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub kind: WarningKind,
    /// The gravest level so far; it never falls.
    pub level: Level,
    /// When it was first raised.
    pub raised_at: DateTime<FixedOffset>,
    /// The entry that first raised it.
    pub bank_ref: Option<String>,
    /// Value, threshold, formula and inputs of the level that it has; names its own entry and instant.
    pub evidence: Map<String, Value>,
    pub history: Vec<Step>,
    pub resolved_at: Option<DateTime<FixedOffset>>,
}

/// What happened to the one open warning of a kind. Small on purpose: a state that carried the whole history of an
/// open warning would grow without bound; [`Change::fold_into`] gives the current value of the stored warnings.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new warning, whose history holds its raising.
    Raised(Warning),
    /// A graver tier, `step.level`, was reached; the evidence is that of the graver level.
    Escalated { kind: WarningKind, step: Step, evidence: Map<String, Value> },
    /// A like event, not graver, is added to the history.
    Joined { kind: WarningKind, step: Step },
    /// The closing condition is met.
    Resolved { kind: WarningKind, at: DateTime<FixedOffset> },
}

impl Change {
    /// The kind of warning that changed.
    pub fn kind(&self) -> WarningKind {
        match self {
            Change::Raised(warning) => warning.kind,
            Change::Escalated { kind, .. } | Change::Joined { kind, .. } | Change::Resolved { kind, .. } => *kind,
        }
    }

    /// Brings `warnings` of the account up to date: adds a raised one, changes the open one of the kind otherwise.
    /// A change of a warning that is not there, or no longer open, is left out. A level that people raised stays.
    pub fn fold_into(self, warnings: &mut Vec<Warning>) {
        let kind = self.kind();
        if let Change::Raised(warning) = self {
            warnings.push(warning);
            return;
        }
        let open = |warning: &&mut Warning| warning.kind == kind && warning.resolved_at.is_none();
        let Some(warning) = warnings.iter_mut().rev().find(open) else { return };
        match self {
            Change::Raised(_) => {}
            Change::Escalated { step, evidence, .. } => {
                warning.level = warning.level.max(step.level);
                warning.evidence = evidence;
                warning.history.push(step);
            }
            Change::Joined { step, .. } => warning.history.push(step),
            Change::Resolved { at, .. } => warning.resolved_at = Some(at),
        }
    }
}

/// A rule that could not be judged, and what was lacking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undetermined {
    pub kind: WarningKind,
    pub missing: Vec<String>,
}
