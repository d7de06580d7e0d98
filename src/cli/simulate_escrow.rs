//! `mingjian simulate escrow`.

use super::{CommandResult, Outcome};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args) -> CommandResult {
    Ok(Outcome::Done)
}
