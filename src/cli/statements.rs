//! `mingjian statements`.

use std::{path::PathBuf, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{Service, Storage},
    db::Database,
    escrow::{
        account_number,
        folder::{self, Folder, Whose},
    },
    kernel::RegionCode,
    web::AppState,
};

/// Bank statements.
#[derive(Debug, clap::Subcommand)]
pub enum Statements {
    /// Take statements in that are put into a folder
    #[command(after_help = "Example: mingjian statements watch /srv/bank --region 331002\n\
        A file that is whole (no longer growing, or renamed in) is taken in and moved to done/, or to refused/ beside a text that\n\
        says what is wrong. Names that begin with a dot or end in .part or .tmp are left alone. One line of JSON a file; exit\n\
        status 1 when --once refused something.")]
    Watch(Watch),
}

/// Arguments of `statements watch`.
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// The folder; done/ and refused/ are made inside it
    dir: PathBuf,
    /// Division code of the bureau whose accounts they are
    #[arg(long, value_name = "C")]
    region: String,
    /// Number of the escrow account that every file is for [default: each statement names its own]
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// Take in what is there and end
    #[arg(long)]
    once: bool,
    /// Seconds between two looks; a file that is still being written is not the same at both
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Seconds for which nobody may have written to a file before it counts as whole
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(..=3600))]
    rest: u64,
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: Service,
}

/// Runs it.
pub fn run(command: Statements) -> CommandResult {
    let Statements::Watch(args) = command;
    let region: RegionCode = args.region.parse().map_err(|e| Refusal::new(format!("--region {}: {e}", args.region)))?;
    let account = args.account.as_deref().map(account_number);
    let whose = Whose { tenant: region.tenant_id(), account };
    super::runtime()?.block_on(async {
        let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
        // Opening a database of its own may change whom this process runs as: the folders inside must be that user's.
        let mut folder = Folder::open(&args.dir, Duration::from_secs(args.rest)).map_err(Refusal::new)?;
        let clock = args.service.clock();
        let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(Refusal::new)?;
        let ended = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        let mut refused = false;
        let tell = |settled: &folder::Settled| {
            refused |= settled.refused;
            if let Ok(line) = serde_json::to_string(settled) {
                let _ = print_line(&line);
            }
        };
        let pace = (Duration::from_secs(args.every), args.once);
        folder::watch(&state, &mut folder, &whose, pace, ended, tell).await.map_err(Refusal::new)?;
        Ok(if refused && args.once { Outcome::Blocking } else { Outcome::Done })
    })
}
