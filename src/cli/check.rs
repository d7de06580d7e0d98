//! `mingjian check course` and `mingjian check credit-code`.

use clap::Subcommand;

use super::{CommandResult, Outcome};

/// What to check.
#[derive(Debug, Subcommand)]
pub enum Check {}

/// Runs the check.
pub fn run(command: Check) -> CommandResult {
    match command {}
    #[allow(unreachable_code)]
    Ok(Outcome::Done)
}
