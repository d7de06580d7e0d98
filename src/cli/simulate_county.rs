//! `mingjian simulate county`: a county that lives, on a database of its own.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use chrono::{Datelike, NaiveDate};

use super::{CommandResult, Outcome, Refusal, print_json};
use crate::{
    config::{Service, Storage},
    db::Database,
    identity::tokens::signing,
    kernel::{Calendar, Clock},
    simulate::{Plan, SimulationError, drive::Drive},
    web::AppState,
};

/// Most schools and days: a year of a large county.
const SCHOOLS_MAX: u32 = 200;
const DAYS_MAX: u32 = 3_660;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mingjian simulate county --seed 7 --days 120\n\
    Prints one JSON document: what was done, how early each flight was seen, and the warnings at honest schools. The same seed\n\
    gives the same report. Exit status 1 when money was lost or made: an invariant was broken.\n\
    Without --data it lives in a directory of its own, which is removed afterwards; with it, look at the county with `mingjian serve`.")]
pub struct Args {
    /// What the county's life follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days it lives
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// How many schools it has; a third of them at most, six, are dishonest
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=i64::from(SCHOOLS_MAX)))]
    schools: u32,
    /// Its first day
    #[arg(long, value_name = "DATE", default_value = "2026-01-05")]
    from: NaiveDate,
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: Service,
}

/// Runs it.
pub fn run(mut args: Args) -> CommandResult {
    if !Calendar::statutory().knows(args.from.year()) {
        return Err(Refusal::new(format!("--from {}: no table of holidays is known for this year", args.from)));
    }
    let own = args.storage.data.is_none() && args.storage.database_url.is_none();
    let directory: Option<PathBuf> =
        own.then(|| std::env::temp_dir().join(format!("mingjian-county-{}", std::process::id())));
    if let Some(directory) = &directory {
        args.storage.data = Some(directory.clone());
    }
    let lived = live(args);
    if let Some(directory) = directory {
        // What is left of it is the operating system's to remove.
        let _ = std::fs::remove_dir_all(directory);
    }
    lived
}

fn live(args: Args) -> CommandResult {
    let plan = Plan {
        seed: args.seed,
        from: args.from,
        days: args.days,
        schools: usize::try_from(args.schools).unwrap_or_default(),
    };
    let report = super::runtime()?.block_on(async {
        let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
        let clock = Clock::fixed(crate::kernel::clock::midnight(args.from));
        let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
        let loaded = signing::load(&state.pools, &state.secrets, &state.tokens, state.clock.now()).await;
        loaded.map_err(Refusal::new)?;
        Ok::<_, Refusal>(match Drive::begin(&state, plan).await {
            Ok(drive) => drive.run(|day| tell(day, &plan)).await,
            Err(error) => Err(error),
        })
    })?;
    match report {
        Ok(report) => {
            print_json(&report)?;
            Ok(Outcome::Done)
        }
        Err(
            error @ (SimulationError::Invariant { .. } | SimulationError::Fault { .. } | SimulationError::Broken(_)),
        ) => {
            // Nothing can be said where standard error is closed.
            let _ = writeln!(io::stderr(), "mingjian: {error}");
            Ok(Outcome::Blocking)
        }
        Err(error) => Err(Refusal::new(error)),
    }
}

/// Says every tenth day how far it is.
fn tell(day: NaiveDate, plan: &Plan) {
    let lived = (day - plan.from).num_days() + 1;
    if lived % 10 == 0 {
        // Progress alone.
        let _ = writeln!(io::stderr(), "{day}: day {lived} of {}", plan.days);
    }
}
