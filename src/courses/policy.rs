//! The course policy put together from the parameters that are in force, and what another one would change.

use std::{collections::HashMap, sync::Arc};

use chrono::NaiveDate;

use super::{
    model::{Filing, Policy, TimeOfDay},
    rules::Verdict,
    store,
};
use crate::{
    db::{DbError, ScopedConn},
    kernel::{Calendar, finding::Decision},
    policies::{Chain, InForce},
};

/// What the program's own values are called.
const BASE: &str = "2026-01";
/// Most courses that are checked again for a preview.
const COURSES_MAX: i64 = 2_000;

/// Whether a parameter is one by which courses are judged.
pub fn is_of_courses(id: &str) -> bool {
    id.starts_with("course.")
}

impl Policy {
    /// The policy of a day.
    pub fn of(in_force: &InForce) -> Policy {
        let national = Policy::NATIONAL;
        let time = |id: &str, national: TimeOfDay| {
            let minutes = in_force.optional_number(id).and_then(|minutes| u16::try_from(minutes).ok());
            minutes.map_or(national, |minutes| TimeOfDay::at(minutes / 60, minutes % 60))
        };
        Policy {
            makeup_day: in_force.word("course.makeup_day").parse().unwrap_or(national.makeup_day),
            offline_end: time("course.offline_end", national.offline_end),
            online_end: time("course.online_end", national.online_end),
            float_bp: u16::try_from(in_force.number("course.float_bp")).unwrap_or(national.float_bp),
        }
    }

    /// The policies of all days, by their first days.
    pub fn dated(chain: &Chain) -> Vec<(NaiveDate, Policy)> {
        let days = chain.changes_after(NaiveDate::MIN, is_of_courses);
        days.into_iter().map(|day| (day, Policy::of(&chain.on(day)))).collect()
    }
}

/// The version of all that a filing of this day with lessons up to `last` is judged by.
pub fn version(chain: &Chain, as_of: NaiveDate, last: Option<NaiveDate>) -> String {
    chain.on(last.unwrap_or(as_of).max(as_of)).version(BASE, is_of_courses)
}

/// A course that another policy would decide otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    pub id: i64,
    pub tenant: i32,
    pub name: String,
    pub institution: String,
    pub status: String,
    pub before: Decision,
    pub after: Decision,
}

/// What another policy would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recheck {
    /// How many filed courses were looked at; the newest.
    pub looked_at: usize,
    /// Whether there are more.
    pub more: bool,
    pub affected: Vec<Affected>,
}

/// Judges the filed courses of the caller's range by two policies. The chains hold the rows of all levels, those of the
/// bureaus below among them.
pub async fn recheck(
    conn: &mut ScopedConn,
    calendar: Arc<Calendar>,
    before: Chain,
    after: Chain,
) -> Result<Recheck, DbError> {
    let rows = store::filed(conn, COURSES_MAX + 1).await?;
    let judged = tokio::task::spawn_blocking(move || compare(rows, &calendar, &before, &after)).await;
    judged.map_err(|error| DbError::Pool(format!("a preview broke off: {error}")))
}

fn compare(mut rows: Vec<store::CourseRow>, calendar: &Calendar, before: &Chain, after: &Chain) -> Recheck {
    let limit = usize::try_from(COURSES_MAX).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    type Dated = Vec<(NaiveDate, Policy)>;
    let mut policies: HashMap<i32, (Dated, Dated)> = HashMap::new();
    let looked_at = rows.len();
    let mut affected = Vec::new();
    for row in rows {
        let Ok(filing) = serde_json::from_value::<Filing>(row.filing) else { continue };
        let (old, new) = policies.entry(row.tenant_id).or_insert_with(|| {
            let of = |chain: &Chain| Policy::dated(&chain.at(row.tenant_id));
            (of(before), of(after))
        });
        let judge = |dated: &Dated| {
            Verdict::of(&Filing { dated: dated.clone(), policy: None, ..filing.clone() }, calendar).decision
        };
        let (before, after) = (judge(old), judge(new));
        if before != after {
            affected.push(Affected {
                id: row.id,
                tenant: row.tenant_id,
                name: row.name,
                institution: row.institution_name,
                status: row.status,
                before,
                after,
            });
        }
    }
    Recheck { looked_at, more, affected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_defaults_are_the_national_policy() {
        assert_eq!(Policy::of(&Chain::default().on(NaiveDate::MIN)), Policy::NATIONAL);
        assert!(Policy::dated(&Chain::default()).is_empty());
    }
}
