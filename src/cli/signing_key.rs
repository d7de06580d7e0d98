//! `mingjian signing-key`.

use super::{CommandResult, Outcome, Refusal};
use crate::{
    config::{Now, Storage},
    db::Database,
    identity::tokens::signing::{self, Takeover},
};

/// What to do with the keys that sign access tokens.
#[derive(Debug, clap::Subcommand)]
pub enum SigningKey {
    /// Make a successor; it is published a day before it signs, and tokens of the old key stay good until they expire
    #[command(after_help = "Example: mingjian signing-key rotate --at-once")]
    Rotate(Rotate),
    /// List the keys, the newest first
    #[command(after_help = "Example: mingjian signing-key list")]
    List(List),
}

/// Arguments of `signing-key rotate`.
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// The old key is compromised: the new one signs now, and every token of the old one is refused
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `signing-key list`.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: SigningKey) -> CommandResult {
    let runtime = super::runtime()?;
    match command {
        SigningKey::Rotate(rotate) => {
            let made = runtime.block_on(async {
                let database = Database::open(&rotate.storage).await.map_err(Refusal::new)?;
                let caller = super::caller(0, rotate.now.get());
                let takeover = if rotate.at_once { Takeover::AtOnce } else { Takeover::Overlapping };
                signing::rotate(&database.pools, &database.secrets, &caller, takeover).await.map_err(Refusal::new)
            })?;
            if let Some((kid, signs_from)) = made {
                super::print_json(&serde_json::json!({"kid": kid, "signs_from": signs_from}))?;
            }
        }
        SigningKey::List(list) => {
            let listed = runtime.block_on(async {
                let database = Database::open(&list.storage).await.map_err(Refusal::new)?;
                signing::list(&database.pools, &database.secrets, list.now.get()).await.map_err(Refusal::new)
            })?;
            super::print_json(&listed)?;
        }
    }
    Ok(Outcome::Done)
}
