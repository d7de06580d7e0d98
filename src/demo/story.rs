//! The county with the most to see lives: its families pay and learn until last night, its banks report, and some of its owners
//! are emptying their accounts. Its officials have taken up what they saw.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{DemoError, caller, people::Officials, sheet::School};
use crate::{
    escrow::{
        commands::{self, Handling},
        model::Step,
        store::warnings::{self, Filter},
    },
    identity::{Actor, Caller},
    simulate::{
        Plan,
        drive::Drive,
        setup::{County, Pace},
        world::{Owner, World},
    },
    web::AppState,
};

/// Days that the county has lived when somebody looks.
pub(super) const DAYS: u32 = 28;
/// Everything follows from it.
const SEED: u64 = 8;
/// Warnings that are looked through at most.
const WARNINGS_MAX: i64 = 500;

/// Who empties an account, and how many days before (below zero) or after today the school shuts its doors.
const FLIGHTS: [(usize, Owner, i64); 6] = [
    (1, Owner::Structuring, 2),
    (2, Owner::OvernightGrab, -1),
    (4, Owner::SlowDrain, 18),
    (6, Owner::Loan, 6),
    (9, Owner::OutsideEscrow, 24),
    (11, Owner::Surge, 3),
];
/// The honest school that changes its account, so many days ago.
const CHANGES: (usize, u64) = (8, 4);

/// The day on which the county's story begins.
pub(super) fn first_day(today: NaiveDate) -> NaiveDate {
    today - Days::new(u64::from(DAYS))
}

/// Lives the days up to yesterday. `story` is the state whose clock goes with them; each school comes with its id and
/// administrator.
pub(super) async fn live(
    story: &AppState,
    officials: &Officials,
    schools: &[School],
    members: &[(i64, Actor)],
    today: NaiveDate,
) -> Result<(), DemoError> {
    let plan = Plan { seed: SEED, from: first_day(today), days: DAYS, schools: schools.len() };
    let on = |days: i64| today + chrono::TimeDelta::days(days);
    let flights: Vec<_> = FLIGHTS.iter().map(|(at, owner, days)| (*at, *owner, on(*days))).collect();
    let (changing, ago) = CHANGES;
    let world = World::new(&plan).cast(&flights, Some((changing, today - Days::new(ago))));
    let county = County {
        finance: officials.finance.clone(),
        official: officials.admin.clone(),
        schools: schools.to_vec(),
        members: members.to_vec(),
    };
    let drive = Drive::over(story, plan, world, county, Pace::Story).await?;
    drive.run(|_| {}).await?;
    Ok(())
}

/// What was done about the warnings of the last days: some are taken up, and one school has an explanation.
pub(super) async fn handle(state: &AppState, officials: &Officials, members: &[(i64, Actor)]) -> Result<(), DemoError> {
    let finance = caller(state, &officials.finance);
    let mut conn = finance.actor.scope().begin(&state.pools).await?;
    let filter = Filter { status: Some("open"), ..Filter::default() };
    let open = warnings::warnings(&mut conn, &filter, 0, WARNINGS_MAX).await?;
    conn.commit().await?;
    for warning in open {
        let Some(at) = members.iter().position(|(id, _)| Some(*id) == warning.institution_id) else { continue };
        let Some((_, school)) = members.get(at) else { continue };
        let by = caller(state, school);
        let steps: &[(&Caller, Step, &str)] = match FLIGHTS.iter().find(|(flees, ..)| *flees == at) {
            Some((_, Owner::SlowDrain | Owner::Loan, _)) => &[
                (&finance, Step::Acknowledge, ""),
                (&finance, Step::Investigate, "已约谈负责人，正在调取合同和银行回单。"),
            ],
            Some((_, Owner::Structuring, _)) => &[(&by, Step::Explain, "为教室装修分期付款，合同随后补交。")],
            _ => &[],
        };
        for (by, step, comment) in steps {
            let handling =
                Handling { step: *step, comment, version: None, to: None, files: (&[], 0), conclusion: None };
            commands::handle(state, by, warning.id, handling).await?;
        }
    }
    Ok(())
}

/// An instant of the story's first morning.
pub(super) fn first_morning(today: NaiveDate) -> DateTime<Utc> {
    crate::kernel::clock::midnight(first_day(today)) + chrono::TimeDelta::hours(7)
}
