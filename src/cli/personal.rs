//! `mingjian personal`: a copy of what is kept about a person, and its erasure.

use super::{CommandResult, Outcome, Refusal, print_json, user::region_of};
use crate::{
    config::Storage,
    db::Database,
    kernel::{Clock, RegionCode},
    personal::subject::{self, Person},
};

/// What to do for a person who asks.
#[derive(Debug, clap::Subcommand)]
pub enum Personal {
    /// Print what a bureau keeps about a person, in the clear; the export is put on record
    #[command(after_help = "Example: mingjian personal export --region 331002 --person - < number.txt")]
    Export(Asked),
    /// Erase what may go; what the law makes the bureau keep stays, and is said
    #[command(after_help = "Example: mingjian personal erase --region 331002 --person 13800001234 --yes")]
    Erase(Erase),
}

/// Arguments of `personal export`.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Division code of the bureau
    #[arg(long, value_name = "C")]
    region: String,
    /// Telephone, identity number, account number or e-mail address; `-` reads it from standard input, which leaves no
    /// trace in the shell's history
    #[arg(long, value_name = "TEXT")]
    person: String,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `personal erase`.
#[derive(Debug, clap::Args)]
pub struct Erase {
    #[command(flatten)]
    asked: Asked,
    /// Really erase; without it nothing is changed and what would go is printed
    #[arg(long)]
    yes: bool,
}

/// Runs it.
pub fn run(command: Personal) -> CommandResult {
    let (asked, erase) = match command {
        Personal::Export(asked) => (asked, None),
        Personal::Erase(erase) => (erase.asked, Some(erase.yes)),
    };
    let tenant = region_of("--region", &asked.region)?.map_or(0, RegionCode::tenant_id);
    let text = match asked.person.as_str() {
        "-" => String::from_utf8_lossy(&super::read_input_within(None, 1024)?).into_owned(),
        text => text.to_owned(),
    };
    let person = Person::parse(&text).ok_or_else(|| {
        Refusal::new("--person: give a telephone, an identity number, an account number or an e-mail address in full")
    })?;
    let caller = super::caller(tenant, Clock::system().now());
    super::runtime()?.block_on(async {
        let database = Database::open(&asked.storage).await.map_err(Refusal::new)?;
        let pools = &database.pools;
        match erase {
            None => {
                let places = subject::export(pools, &caller, &person).await.map_err(Refusal::new)?;
                print_json(&serde_json::json!({"person": person.masked(), "by": person.by, "made_at": caller.now, "places": places}))?;
            }
            Some(true) => print_json(&subject::erase(pools, &caller, &person).await.map_err(Refusal::new)?)?,
            Some(false) => {
                let places = subject::find(pools, &caller, &person).await.map_err(Refusal::new)?;
                let (kept, would_erase): (Vec<_>, Vec<_>) = places.into_iter().partition(|place| place.kept.is_some());
                print_json(&serde_json::json!({"would_erase": would_erase, "kept": kept}))?;
            }
        }
        Ok(Outcome::Done)
    })
}
