//! What came of a simulated county: how early each flight was seen, and how often the watch cried for nothing.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::{Plan, drive::is_dishonest, store::Warning, world::School};
use crate::kernel::clock;

/// What was done on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    pub contracts: u32,
    pub lessons: u32,
    pub refunds: u32,
    pub releases: u32,
    /// Statement files that were taken in, and broken ones that were refused.
    pub files: u32,
    pub broken: u32,
    /// Steps that were repeated. How many broke off depends on the machine, so it is not part of the report.
    pub repeats: u32,
    #[serde(skip)]
    pub breaks: u32,
}

/// A kind of warning at one dishonest school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub kind: String,
    /// The gravest level that it reached.
    pub level: String,
    pub first_on: NaiveDate,
    /// Days from there to the day on which the school shut its doors; negative for what came after.
    pub lead_days: i64,
}

/// A dishonest school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flight {
    pub school: usize,
    pub owner: String,
    pub flees_on: NaiveDate,
    pub seen: Vec<Seen>,
}

/// An honest school that changed its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub school: usize,
    pub on: NaiveDate,
    /// How the old account stands in the end: `closed` once it is empty.
    pub old_account: Option<String>,
    /// Kind and level of the warnings about the school, which are false alarms.
    pub warnings: Vec<String>,
}

/// A kind of warning at honest schools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FalseAlarms {
    pub blue: u32,
    pub yellow: u32,
    pub orange: u32,
    pub red: u32,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub seed: u64,
    pub from: NaiveDate,
    pub days: u32,
    pub schools: usize,
    #[serde(flatten)]
    pub told: Told,
    pub flights: Vec<Flight>,
    pub changes: Vec<Changed>,
    /// By kind, over all honest schools.
    pub false_alarms: BTreeMap<String, FalseAlarms>,
}

impl Report {
    /// Puts it together; `institutions` are the schools' ids in the service.
    pub fn of(plan: &Plan, schools: &[School], institutions: &[i64], warnings: &[Warning], told: Told) -> Report {
        let (mut flights, mut changes) = (Vec::new(), Vec::new());
        let mut false_alarms: BTreeMap<String, FalseAlarms> = BTreeMap::new();
        for (school, institution) in schools.iter().zip(institutions) {
            let own = warnings.iter().filter(|warning| warning.institution_id == *institution);
            if let Some(on) = school.changes_on {
                let warnings = own.clone().map(|warning| format!("{} {}", warning.kind, warning.level)).collect();
                changes.push(Changed { school: school.at, on, old_account: None, warnings });
            }
            match school.flees_on.filter(|_| is_dishonest(school.owner)) {
                Some(flees_on) => flights.push(Flight {
                    school: school.at,
                    owner: school.owner.to_string(),
                    flees_on,
                    seen: seen(own, flees_on),
                }),
                None => {
                    for warning in own {
                        let count = false_alarms.entry(warning.kind.clone()).or_default();
                        match warning.level.as_str() {
                            "red" => count.red += 1,
                            "orange" => count.orange += 1,
                            "yellow" => count.yellow += 1,
                            _ => count.blue += 1,
                        }
                    }
                }
            }
        }
        Report {
            seed: plan.seed,
            from: plan.from,
            days: plan.days,
            schools: plan.schools,
            told,
            flights,
            changes,
            false_alarms,
        }
    }
}

fn seen<'w>(warnings: impl Iterator<Item = &'w Warning>, flees_on: NaiveDate) -> Vec<Seen> {
    let gravity = |level: &str| ["blue", "yellow", "orange", "red"].iter().position(|known| *known == level);
    let mut seen: Vec<Seen> = Vec::new();
    for warning in warnings {
        match seen.iter_mut().find(|one| one.kind == warning.kind) {
            Some(one) if gravity(&one.level) < gravity(&warning.level) => one.level = warning.level.clone(),
            Some(_) => {}
            None => {
                let first_on = clock::day(warning.raised_at);
                seen.push(Seen {
                    kind: warning.kind.clone(),
                    level: warning.level.clone(),
                    first_on,
                    lead_days: (flees_on - first_on).num_days(),
                });
            }
        }
    }
    seen
}
