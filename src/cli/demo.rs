//! `mingjian demo load`.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{Service, Storage},
    db::Database,
    demo,
    web::AppState,
};

/// Demonstration data.
#[derive(Debug, clap::Subcommand)]
pub enum Demo {
    /// Load the 台州 counties: bureaus, users, institutions, courses, statements
    #[command(after_help = "Example: mingjian demo load --data ./demo-data")]
    Load(Load),
}

/// Arguments of `demo load`.
#[derive(Debug, clap::Args)]
pub struct Load {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: Service,
}

/// Runs it.
pub fn run(command: Demo) -> CommandResult {
    let Demo::Load(load) = command;
    super::runtime()?.block_on(async {
        let database = Database::open(&load.storage).await.map_err(Refusal::new)?;
        let clock = load.service.clock();
        let state = AppState::new(&database, load.service, clock).map_err(Refusal::new)?;
        demo::load(&state).await.map_err(Refusal::new)
    })?;
    for line in demo::sign_ins() {
        print_line(&line)?;
    }
    Ok(Outcome::Done)
}
