//! `mingjian import institutions|contracts|lessons`.

use super::{CommandResult, Outcome, Refusal, print_json};
use crate::{
    config::Storage,
    db::Database,
    identity::{self, Caller},
    institutions::{
        commands::{self, Direct},
        import::Limits,
        report::Report,
    },
    kernel::{Clock, RegionCode},
    ledger::commands::import::{File, Sheet, import as take_in},
};

/// What to import.
#[derive(Debug, clap::Subcommand)]
pub enum Import {
    /// Spreadsheet of institutions (CSV in UTF-8 or GBK, XLSX, XLS) into the register: all rows or none
    #[command(after_help = "Example: mingjian import institutions 机构名录.xlsx --region 331002\n\
        Prints {\"accepted\":n,…,\"rejected\":[…],\"notes\":[…]}; exit status 1 when rows are refused.")]
    Institutions(Institutions),
    /// Contracts with their payments (CSV or XLSX) into an institution's ledger: all rows or none
    #[command(
        after_help = "Example: mingjian import contracts 合同.xlsx --region 331002 --institution 52331002MJ0000018U\n\
        Prints {\"accepted\":n,\"recorded\":n,\"unchanged\":n,\"rejected\":[…],\"notes\":[…]}; exit status 1 when rows are refused."
    )]
    Contracts(Contracts),
    /// Lessons given (CSV or XLSX) into an institution's ledger: all rows or none
    #[command(
        after_help = "Example: mingjian import lessons 消课.csv --region 331002 --institution 52331002MJ0000018U"
    )]
    Lessons(Ledger),
}

/// Arguments of `import contracts`.
#[derive(Debug, clap::Args)]
pub struct Contracts {
    #[command(flatten)]
    ledger: Ledger,
    /// They have been signed and paid: what the rules forbid is kept with what was found, so that it can be mended
    #[arg(long)]
    already_taken: bool,
}

/// Whose ledger a file goes into.
#[derive(Debug, clap::Args)]
pub struct Ledger {
    /// The file
    file: String,
    /// Division code of the county
    #[arg(long, value_name = "C")]
    region: String,
    /// The institution's unified social credit code
    #[arg(long, value_name = "CODE")]
    institution: String,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `import institutions`.
#[derive(Debug, clap::Args)]
pub struct Institutions {
    /// The file
    file: String,
    /// Division code: a county, or a whole range (331000), each row then going to its own county
    #[arg(long, value_name = "C")]
    region: String,
    /// Check only, without a database
    #[arg(long)]
    dry_run: bool,
    /// Take the good rows even when others are refused
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: Import) -> CommandResult {
    match command {
        Import::Institutions(args) => institutions(&args),
        Import::Contracts(args) => ledger(&args.ledger, Sheet::Contracts { already_taken: args.already_taken }),
        Import::Lessons(args) => ledger(&args, Sheet::Lessons),
    }
}

fn ledger(args: &Ledger, sheet: Sheet) -> CommandResult {
    let region = region(&args.region)?;
    let bytes = super::read_input(Some(&args.file))?;
    let file = File {
        name: &args.file,
        bytes: &bytes,
        sheet,
        limits: Limits::default(),
        institution: Some(&args.institution),
    };
    let report = super::runtime()?.block_on(async {
        let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
        let report = take_in(&database.pools, &super::caller(region.tenant_id(), Clock::system().now()), &file).await;
        report.map_err(|error| Refusal::new(format!("{}: {error}", args.file)))
    })?;
    print_json(&report)?;
    Ok(if report.rejected.is_empty() { Outcome::Done } else { Outcome::Blocking })
}

fn region(text: &str) -> Result<RegionCode, Refusal> {
    text.parse().map_err(|e| Refusal::new(format!("--region {text}: {e}")))
}

fn institutions(args: &Institutions) -> CommandResult {
    let region = region(&args.region)?;
    let bytes = super::read_input(Some(&args.file))?;
    let limits = Limits::default();
    let direct = Direct { file_name: &args.file, bytes: &bytes, region, partial: args.partial, limits };
    let caller = super::caller(region.tenant_id(), Clock::system().now());
    let runtime = super::runtime()?;
    let report = runtime.block_on(async {
        if args.dry_run {
            return commands::dry_run(&caller, &direct).await.map_err(|e| Refusal::new(format!("{}: {e}", args.file)));
        }
        enter(args, &caller, &direct).await
    })?;
    print_json(&report)?;
    Ok(if report.rejected.is_empty() { Outcome::Done } else { Outcome::Blocking })
}

async fn enter(args: &Institutions, caller: &Caller, direct: &Direct<'_>) -> Result<Report, Refusal> {
    let refusal = |e: &dyn std::fmt::Display| Refusal::new(format!("{}: {e}", args.file));
    // Before the database is opened: a file that cannot be read must not start one.
    let counties = commands::counties_of(direct).await.map_err(|e| refusal(&e))?;
    let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
    for county in counties.into_iter().chain([direct.region.county()]) {
        identity::commands::establish_bureau(&database.pools, county, caller.now).await.map_err(Refusal::new)?;
    }
    commands::import(&database.pools, caller, direct).await.map_err(|e| refusal(&e))
}
