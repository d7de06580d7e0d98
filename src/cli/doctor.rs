//! `mingjian doctor`: whether the service can work here, and with `--deep` whether what it keeps holds together.

use std::io::{self, Write};

use serde_json::json;

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{self, Storage},
    db::Database,
    doctor::{self, Grade, Progress},
    kernel::{Fault, RegionCode},
    web::AppState,
};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mingjian doctor --deep --region 331002\n\
    Checks configuration, database, keys, clock, disk, mail and background work, a line each: fine, note or mend, and what to do.\n\
    --deep asks the books as well: that every balance is the sum of its entries, no entry lost or twice, statements chained,\n\
    contracts and owed days what their facts come to, warnings those of a back-test, the trail whole, sealed values openable,\n\
    published rows true; each fault with the row that is wrong. Exit status 1 when something must be mended. It mends nothing.")]
pub struct Args {
    /// Ask everything that is kept whether it holds together; takes a while, and the service may go on
    #[arg(long)]
    deep: bool,
    /// With --deep, a bureau and all below it alone [default: all]
    #[arg(long, value_name = "C", requires = "deep")]
    region: Option<RegionCode>,
    /// Say it as JSON, a line each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: config::Service,
}

/// Runs it.
pub fn run(args: Args) -> CommandResult {
    let runtime = super::runtime()?;
    let database = match runtime.block_on(Database::open(&args.storage)) {
        Ok(database) => database,
        Err(error) => {
            // What keeps the database from opening is the first thing that a doctor is asked.
            line(args.json, "database", Grade::Mend, "", (&error.to_string(), &error.to_string()))?;
            return Ok(Outcome::Blocking);
        }
    };
    let clock = args.service.clock();
    let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
    let mut outcome = Outcome::Done;
    for found in runtime.block_on(doctor::checks(&state)).map_err(Refusal::new)? {
        if found.grade == Grade::Mend {
            outcome = Outcome::Blocking;
        }
        line(args.json, found.check, found.grade, "", (&found.zh, &found.en))?;
    }
    if args.deep && runtime.block_on(deep(&state, args.region, args.json))? > 0 {
        outcome = Outcome::Blocking;
    }
    Ok(outcome)
}

/// Asks every bureau; how many faults there were.
async fn deep(state: &AppState, region: Option<RegionCode>, json: bool) -> Result<u64, Refusal> {
    let range = region.map_or((0, 999_999), RegionCode::range);
    let (mut faults, mut printed) = (0, Ok(()));
    let now = state.clock.now();
    for tenant in doctor::bureaus(state, range).await.map_err(Refusal::new)? {
        let before = faults;
        let mut told = |fault: Fault| {
            faults += 1;
            if printed.is_ok() {
                printed = say(json, &fault);
            }
        };
        doctor::bureau(state, tenant, now, &mut told, &mut progress).await.map_err(Refusal::new)?;
        if faults == before && printed.is_ok() {
            let (zh, en) = ("账目前后一致", "everything holds together");
            printed = line(json, "books", Grade::Fine, &format!("{tenant:06}"), (zh, en));
        }
    }
    printed.map(|()| faults)
}

fn say(json: bool, fault: &Fault) -> Result<(), Refusal> {
    let (zh, en) = fault.invariant.mend();
    if json {
        return print_line(
            &json!({"check": fault.invariant.to_string(), "grade": Grade::Mend.to_string(), "region": format!("{:06}", fault.tenant),
                    "row": fault.row, "message_zh": fault.zh, "message_en": fault.en, "fix_zh": zh, "fix_en": en})
            .to_string(),
        );
    }
    print_line(&format!("mend  {fault}; {en}"))
}

fn line(json: bool, check: &str, grade: Grade, region: &str, (zh, en): (&str, &str)) -> Result<(), Refusal> {
    if json {
        let mut document = json!({"check": check, "grade": grade.to_string(), "message_zh": zh, "message_en": en});
        if !region.is_empty() {
            document["region"] = region.into();
        }
        return print_line(&document.to_string());
    }
    let place = if region.is_empty() { String::new() } else { format!(" {region}") };
    print_line(&format!("{:<5} {check}{place}: {en}", grade.to_string()))
}

/// A word for whoever waits; standard output holds the findings alone.
fn progress(progress: Progress) {
    let Progress { tenant, what, count } = progress;
    // Progress alone.
    let _ = writeln!(io::stderr(), "{tenant:06}: {count} {what} looked at");
}
