//! `mingjian migrate`.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{config::Storage, db::Database};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: DATABASE_URL=postgres://admin@db.example/mingjian mingjian migrate")]
pub struct Args {
    #[command(flatten)]
    storage: Storage,
}

/// Makes roles, schema and tables that are missing.
pub fn run(args: Args) -> CommandResult {
    let database = super::runtime()?.block_on(Database::open(&args.storage)).map_err(Refusal::new)?;
    print_line(&format!("the database of {} is up to date", database.directory.display()))?;
    Ok(Outcome::Done)
}
