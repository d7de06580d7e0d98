//! Which warnings of an account are open, and how an event changes them.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::{Change, Level, Step, Warning, WarningKind};

/// Events that join one open warning without making it graver, for the kinds that single entries raise. Later ones stand
/// in the account's entries; a warning that listed thousands would help nobody.
const JOINED_MAX: u32 = 100;

/// The open warnings of one account: one of each kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    levels: BTreeMap<WarningKind, Level>,
    /// How many events joined.
    joined: BTreeMap<WarningKind, u32>,
}

impl Open {
    pub(super) fn level(&self, kind: WarningKind) -> Option<Level> {
        self.levels.get(&kind).copied()
    }

    /// Raises a warning, makes the open one graver, or joins it where single entries raise its kind.
    pub(super) fn note(
        &mut self,
        kind: WarningKind,
        step: &Step,
        evidence: impl FnOnce() -> Map<String, Value>,
        changes: &mut Vec<Change>,
    ) {
        let step = step.clone();
        match self.level(kind) {
            Some(level) if level >= step.level => {
                if self.joins(kind) {
                    changes.push(Change::Joined { kind, step });
                }
            }
            Some(_) => {
                self.levels.insert(kind, step.level);
                changes.push(Change::Escalated { kind, evidence: evidence(), step });
            }
            None => {
                self.levels.insert(kind, step.level);
                self.joined.remove(&kind);
                changes.push(Change::Raised(Warning {
                    kind,
                    level: step.level,
                    raised_at: step.at,
                    bank_ref: step.bank_ref.clone(),
                    evidence: evidence(),
                    history: vec![step],
                    resolved_at: None,
                }));
            }
        }
    }

    /// Whether an event that is not graver is kept with the open warning. Kinds with a closing condition of their own
    /// tell how things stand, not what happened, and take none.
    fn joins(&mut self, kind: WarningKind) -> bool {
        match kind {
            WarningKind::LargeSingle => true,
            WarningKind::UnusualCounterparty | WarningKind::Structuring | WarningKind::TrainingLoan => {
                let joined = self.joined.entry(kind).or_default();
                *joined = joined.saturating_add(1);
                *joined <= JOINED_MAX
            }
            _ => false,
        }
    }

    /// The closing condition of a kind is met.
    pub(super) fn resolve(&mut self, kind: WarningKind, at: DateTime<FixedOffset>, changes: &mut Vec<Change>) {
        if self.forget(kind) {
            changes.push(Change::Resolved { kind, at });
        }
    }

    /// The kind has no open warning any more; whether it had one.
    pub(super) fn forget(&mut self, kind: WarningKind) -> bool {
        self.joined.remove(&kind);
        self.levels.remove(&kind).is_some()
    }
}
