//! `mingjian keys`: the keys under which personal data lie sealed.

use std::io::Write;

use super::{CommandResult, Outcome, Refusal, print_json};
use crate::{
    config::Storage,
    db::Database,
    kernel::Clock,
    personal::rotation::{self, Progress},
};

/// What to do with the keys that seal personal data.
#[derive(Debug, clap::Subcommand)]
pub enum Keys {
    /// Show the keys, since when each seals, and how many values it seals
    #[command(after_help = "Example: mingjian keys list")]
    List(Only),
    /// Begin a new key and seal everything anew with it, while the service goes on
    #[command(after_help = "Example: mingjian keys rotate\nBroken off, it goes on with --resume.")]
    Rotate(Rotate),
    /// Let an old key go for good, once nothing is sealed with it
    #[command(after_help = "Example: mingjian keys drop 1")]
    Drop(DropKey),
}

/// Arguments of `keys list`.
#[derive(Debug, clap::Args)]
pub struct Only {
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `keys rotate`.
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// Go on with a rotation that broke off, without another new key
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `keys drop`.
#[derive(Debug, clap::Args)]
pub struct DropKey {
    /// Number of the key
    id: u16,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: Keys) -> CommandResult {
    let runtime = super::runtime()?;
    let now = Clock::system().now();
    runtime.block_on(async {
        match command {
            Keys::List(only) => {
                let database = Database::open(&only.storage).await.map_err(Refusal::new)?;
                let keys = rotation::list(&database.pools).await.map_err(Refusal::new)?;
                let shown: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        serde_json::json!({"id": key.info.id, "since": key.info.since, "retired": key.info.retired,
                                           "current": key.info.current, "values": key.values})
                    })
                    .collect();
                print_json(&shown)?;
            }
            Keys::Rotate(rotate) => {
                let database = Database::open(&rotate.storage).await.map_err(Refusal::new)?;
                let done = rotation::rotate(&database.pools, now, rotate.resume, tell).await;
                let (key, values) = done.map_err(Refusal::new)?;
                print_json(&serde_json::json!({"key": key, "values": values}))?;
            }
            Keys::Drop(drop) => {
                let database = Database::open(&drop.storage).await.map_err(Refusal::new)?;
                rotation::drop_key(&database.pools, now, drop.id).await.map_err(Refusal::new)?;
                print_json(&serde_json::json!({"dropped": drop.id}))?;
            }
        }
        Ok(Outcome::Done)
    })
}

fn tell(progress: Progress) {
    let Progress { table, column, tenant, values } = progress;
    let _ = writeln!(std::io::stderr(), "{values} values sealed anew; at {tenant:06} {table}.{column}");
}
