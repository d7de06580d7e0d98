//! `mingjian sweep`: looks over institutions, feeds and warnings now, without waiting for the hour, or forecasts accounts.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{self, Storage},
    db::Database,
    escrow::{Forecast, oversight},
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
    /// Only forecast every account by its whole history, as the first look of each day does
    #[arg(long)]
    forecast: bool,
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: config::Service,
}

/// Looks over one bureau, or all whose turn it is, or forecasts their accounts; may be repeated.
pub fn run(args: Args) -> CommandResult {
    let runtime = super::runtime()?;
    let database = runtime.block_on(Database::open(&args.storage)).map_err(Refusal::new)?;
    let clock = args.service.clock();
    let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
    let now = state.clock.now();
    if args.forecast {
        let told = runtime.block_on(oversight::forecast(&state, args.region.map(RegionCode::tenant_id)));
        let Forecast { accounts, rewritten, rejudged } = told.map_err(Refusal::new)?;
        print_line(&format!("{accounts} forecast, {rewritten} rewritten, {rejudged} judged anew"))?;
        return Ok(Outcome::Done);
    }
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
