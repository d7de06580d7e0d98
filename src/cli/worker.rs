//! `mingjian worker`: the background work alone, without HTTP, beside services that have work enough.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{self, Storage},
    db::Database,
    identity::tokens::signing,
    jobs,
    web::AppState,
};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mingjian worker --data /var/lib/mingjian")]
pub struct Args {
    #[command(flatten)]
    pub storage: Storage,
    #[command(flatten)]
    pub service: config::Service,
}

/// Works until SIGTERM or SIGINT.
pub fn run(args: Args) -> CommandResult {
    let runtime = super::runtime()?;
    let database = runtime.block_on(Database::open(&args.storage)).map_err(Refusal::new)?;
    let clock = args.service.clock();
    let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
    let now = state.clock.now();
    runtime.block_on(signing::load(&state.pools, &state.secrets, &state.tokens, now)).map_err(Refusal::new)?;
    runtime.block_on(async {
        // Whoever reads that it works may end it at once.
        let mut term =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(Refusal::new)?;
        print_line("mingjian works")?;
        let ended = async {
            tokio::select! {
                _ = term.recv() => Ok(()),
                ended = tokio::signal::ctrl_c() => ended,
            }
        };
        tokio::select! {
            () = jobs::run(state) => Err(Refusal::new("the background work ended; the log says why")),
            ended = ended => ended.map_err(Refusal::new),
        }
    })?;
    drop(database);
    Ok(Outcome::Done)
}
