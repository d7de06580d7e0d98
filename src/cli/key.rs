//! `mingjian key add`.

use super::{CommandResult, Outcome, Refusal, user::region_of};
use crate::{
    config::Storage,
    db::Database,
    identity::{Role, machine},
    kernel::Clock,
};

/// What to do with keys of machine users.
#[derive(Debug, clap::Subcommand)]
pub enum Key {
    /// Add a key; prints the key and its secret, which is shown this once
    #[command(after_help = "Example: mingjian key add --role bank --region 331002 台州银行")]
    Add(Add),
}

/// Arguments of `key add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Role of the machine user
    #[arg(long, default_value = "bank")]
    role: Role,
    /// Division code of the bureau
    #[arg(long, value_name = "C")]
    region: String,
    /// Whose key it is
    name: String,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: Key) -> CommandResult {
    let Key::Add(add) = command;
    if add.role != Role::Bank {
        return Err(Refusal::new(format!(
            "--role {}: only a bank uses keys; people have accounts (mingjian user add)",
            add.role
        )));
    }
    let region =
        region_of(&add.region)?.ok_or_else(|| Refusal::new("--region: a key belongs to a county, city or province"))?;
    let (key, secret) = super::runtime()?.block_on(async {
        let database = Database::open(&add.storage).await.map_err(Refusal::new)?;
        machine::add_key(&database.pools, &database.secrets, region, add.role, &add.name, Clock::system().now())
            .await
            .map_err(Refusal::new)
    })?;
    super::print_json(&serde_json::json!({"key": key, "secret": secret}))?;
    Ok(Outcome::Done)
}
