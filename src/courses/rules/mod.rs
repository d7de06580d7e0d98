//! The course rules: a filing and the holiday table in, findings out.
//!
//! One function per rule, named in `docs/regulations.md`. No rule reads a clock, a database or the network; none fails.
//! A rule that applies and lacks a field says so with severity `refer`; it is never silent.

mod content;
mod fees;
mod licence;
pub mod prepay;
mod qualification;
mod rule;
mod staff;
#[cfg(test)]
mod tests;
mod time;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use rule::{Rule, with_fix};

use super::model::Filing;
use crate::kernel::{Calendar, Finding, finding::Decision};

/// Every rule that [`check`] evaluates, in the order of the contract.
pub const RULES: [&Rule; 33] = [
    &time::OFFLINE_END,
    &time::ONLINE_END,
    &time::CROSS_MIDNIGHT,
    &time::ONLINE_UNIT,
    &time::ONLINE_GAP,
    &time::SCHOOL_HOURS,
    &time::HOLIDAY,
    &time::REST,
    &time::MAKEUP,
    &time::VACATION,
    &content::HOMEWORK,
    &content::FOREIGN_CURRICULUM,
    &content::PHOTO_SEARCH,
    &content::MATERIAL_FILED,
    &content::PRESCHOOL_ACADEMIC,
    &content::PRESCHOOL_ONLINE,
    &licence::SCOPE_LICENCE,
    &fees::BENCHMARK_CAP,
    &prepay::CAP_5000,
    &prepay::UNITS_60,
    &prepay::SPAN_3M,
    &prepay::EARLIEST_PERIOD,
    &content::ROOM_CAPACITY,
    &staff::RATIO_OFFLINE,
    &licence::NONPROFIT_ACADEMIC,
    &licence::USCC_VALID,
    &qualification::ACAD_QUALIFICATION,
    &qualification::NONACAD_SKILL,
    &staff::INSERVICE_BAN,
    &staff::BLACKLIST,
    &staff::INQUIRY_FRESH,
    &staff::FOREIGN_ABROAD,
    &staff::PUBLISH,
];

/// What a filing comes to: the shape of `check course`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The gravest severity of the findings.
    pub decision: Decision,
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Judges `filing`; see [`check`].
    pub fn of(filing: &Filing, statutory: &Calendar) -> Verdict {
        let findings = check(filing, statutory);
        Verdict { decision: Decision::of(&findings), findings }
    }
}

/// Everything that the rules find in `filing`, gravest first, then by path (indexes as numbers), then by rule; at
/// most one finding per rule and path.
///
/// `statutory` is the table of the State Council's holiday notices; a lesson in a year without one is referred.
/// Expects a filing that [`Filing::validate`] accepts; for another it still neither fails nor panics.
pub fn check(filing: &Filing, statutory: &Calendar) -> Vec<Finding> {
    let mut findings = time::check(filing, statutory);
    findings.extend(content::check(filing));
    findings.extend(licence::check(filing));
    findings.extend(fees::check(filing));
    findings.extend(staff::check(filing));
    findings.sort_by_cached_key(|finding| {
        (std::cmp::Reverse(finding.severity), path_key(&finding.path), finding.rule.clone())
    });
    let mut seen = HashSet::new();
    findings.retain(|finding| seen.insert((finding.rule.clone(), finding.path.clone())));
    findings
}

/// A step of a path; an index counts as a number, so that `[2]` stands before `[10]`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Field(String),
}

fn path_key(path: &str) -> Vec<Step> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.map(|step| step.parse().map_or_else(|_| Step::Field(step.to_owned()), Step::Index)).collect()
}
