//! `mingjian sweep`: looks over institutions, feeds and warnings now, without waiting for the hour.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{self, Storage},
    db::Database,
    escrow::oversight,
    kernel::RegionCode,
    web::AppState,
};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mingjian sweep --region 331002 --data /var/lib/mingjian")]
pub struct Args {
    /// The bureau to look over [default: every bureau whose turn it is]
    #[arg(long, value_name = "REGION")]
    region: Option<RegionCode>,
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: config::Service,
}

/// Looks over one bureau, or all whose turn it is; may be repeated.
pub fn run(args: Args) -> CommandResult {
    let runtime = super::runtime()?;
    let database = runtime.block_on(Database::open(&args.storage)).map_err(Refusal::new)?;
    let clock = args.service.clock();
    let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
    let now = state.clock.now();
    let count = runtime.block_on(async {
        match args.region {
            Some(region) => oversight::sweep_bureau(&state, region.tenant_id(), now).await.map(usize::from),
            None => oversight::sweep(&state, now).await,
        }
    });
    let count = count.map_err(Refusal::new)?;
    print_line(&format!("{count} looked over"))?;
    Ok(Outcome::Done)
}
