//! `mingjian audit`: checking the trail, signing how far it goes, removing what is over.

use std::io::{self, Write};

use serde_json::json;

use super::{CommandResult, Outcome, Refusal, print_line, read_input};
use crate::{
    audit::{
        checkpoint::{CheckpointLine, region},
        keep::{self, KEEP_MONTHS_MIN, Keep, Keeper},
        verify::Verdict,
    },
    config::Storage,
    db::Database,
    kernel::{Clock, RegionCode},
};

/// What to do with the audit trail.
#[derive(Debug, clap::Subcommand)]
pub enum Audit {
    /// Check every bureau's chain; one line of JSON a bureau
    #[command(after_help = "Example: mingjian audit verify --region 331000 --checkpoint 2026-11.jsonl\n\
        Prints {\"region\":…,\"events\":n,\"through\":seq,\"ok\":true|false,\"bad_seq\":n|null,\"what\":…}; exit status 1 when a \
        chain is broken. What: edited, gap, reordered, inserted, truncated, rewritten, head, unsigned.")]
    Verify(Verify),
    /// Sign how far the chains go by now, and print it for keeping elsewhere
    #[command(after_help = "Example: mingjian audit checkpoint > 2026-11.jsonl\n\
        Whoever keeps the file elsewhere can tell later whether events were cut off: mingjian audit verify --checkpoint FILE")]
    Checkpoint(Checkpoint),
    /// Remove events that are older than must be kept; the rest stays verifiable
    #[command(after_help = "Example: mingjian audit expire --keep-months 36\n\
        Prints {\"removed\":n}; exit status 1 when a chain is broken, of which nothing is removed.")]
    Expire(Expire),
}

/// Arguments of `audit verify`.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Division code: a bureau and all below it [default: all]
    #[arg(long, value_name = "C")]
    region: Option<String>,
    /// Checkpoints that were kept elsewhere, to compare with
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `audit checkpoint`.
#[derive(Debug, clap::Args)]
pub struct Checkpoint {
    /// Division code: a bureau and all below it [default: all]
    #[arg(long, value_name = "C")]
    region: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `audit expire`.
#[derive(Debug, clap::Args)]
pub struct Expire {
    /// Division code: a bureau and all below it [default: all]
    #[arg(long, value_name = "C")]
    region: Option<String>,
    /// Months for which events are kept; six at least [default: as each bureau's policy says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(KEEP_MONTHS_MIN)..=1200))]
    keep_months: Option<u32>,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: Audit) -> CommandResult {
    match command {
        Audit::Verify(args) => verify(&args),
        Audit::Checkpoint(args) => checkpoint(&args),
        Audit::Expire(args) => expire(&args),
    }
}

fn range(region: Option<&str>) -> Result<(i32, i32), Refusal> {
    let Some(text) = region else { return Ok((0, 999_999)) };
    let region: RegionCode = text.parse().map_err(|e| Refusal::new(format!("--region {text}: {e}")))?;
    Ok(region.range())
}

async fn keeper(storage: &Storage) -> Result<(Keeper, Database), Refusal> {
    let database = Database::open(storage).await.map_err(Refusal::new)?;
    Ok((Keeper::new(&database.pools, &database.secrets, &database.directory), database))
}

fn line(verdict: &Verdict) -> String {
    let (bad_seq, what) = verdict.fault.map_or((None, None), |(seq, fault)| (Some(seq), Some(fault)));
    let message = what.map(|fault| fault.words());
    json!({
        "region": region(verdict.tenant), "events": verdict.events, "through": verdict.last.seq, "ok": what.is_none(),
        "bad_seq": bad_seq, "what": what.map(<&str>::from),
        "message_zh": message.map(|words| words.0), "message_en": message.map(|words| words.1),
    })
    .to_string()
}

fn verify(args: &Verify) -> CommandResult {
    let range = range(args.region.as_deref())?;
    let outside = match &args.checkpoint {
        Some(file) => {
            let bytes = read_input(Some(file))?;
            keep::read_checkpoints(&bytes).map_err(|error| Refusal::new(format!("{file}: {error}")))?
        }
        None => Vec::new(),
    };
    let (mut outcome, mut printed) = (Outcome::Done, Ok(()));
    super::runtime()?.block_on(async {
        let (keeper, _database) = keeper(&args.storage).await?;
        let told = |verdict: &Verdict| {
            if verdict.fault.is_some() {
                outcome = Outcome::Blocking;
            }
            if printed.is_ok() {
                printed = print_line(&line(verdict));
            }
        };
        keeper.verify(range, &outside, Clock::system().now(), told, progress).await.map_err(Refusal::new)
    })?;
    printed.map(|()| outcome)
}

/// A word for whoever waits; standard output holds the verdicts alone.
fn progress(tenant: i32, events: i64) {
    let _ = writeln!(io::stderr(), "{}: {events} events", region(tenant));
}

fn checkpoint(args: &Checkpoint) -> CommandResult {
    let range = range(args.region.as_deref())?;
    let signed = super::runtime()?.block_on(async {
        let (keeper, _database) = keeper(&args.storage).await?;
        keeper.checkpoint(range, Clock::system().now()).await.map_err(Refusal::new)
    })?;
    for checkpoint in &signed {
        print_line(&json!(CheckpointLine::from(checkpoint)).to_string())?;
    }
    Ok(Outcome::Done)
}

fn expire(args: &Expire) -> CommandResult {
    let range = range(args.region.as_deref())?;
    let (removed, verdicts) = super::runtime()?.block_on(async {
        let (keeper, _database) = keeper(&args.storage).await?;
        let keep = args.keep_months.map_or(Keep::ByPolicy, Keep::Months);
        keeper.expire(range, keep, Clock::system().now()).await.map_err(Refusal::new)
    })?;
    print_line(&json!({"removed": removed}).to_string())?;
    Ok(if verdicts.iter().all(|verdict| verdict.fault.is_none()) { Outcome::Done } else { Outcome::Blocking })
}
