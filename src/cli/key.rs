//! `mingjian key`: machine users' keys.

use chrono::Duration;

use super::{CommandResult, Outcome, Refusal, user::region_of};
use crate::{
    config::{Now, Storage},
    db::Database,
    escrow::account_number,
    identity::{
        Caller, Role,
        machine::{
            MachineScope,
            keys::{self, Owner, Request},
        },
    },
    kernel::{CreditCode, RegionCode, credit_code},
};

/// What to do with keys of machine users.
#[derive(Debug, clap::Subcommand)]
pub enum Key {
    /// Add a key; prints the key and its secret, which is shown this once
    #[command(after_help = "Example: mingjian key add --role bank --region 331002 台州银行")]
    Add(Add),
    /// Change a key's secret; for a while the old one works as well
    #[command(after_help = "Example: mingjian key rotate mjk-331002-0f3a… --overlap 7d")]
    Rotate(Rotate),
    /// End a key for good
    #[command(after_help = "Example: mingjian key revoke mjk-331002-0f3a…")]
    Revoke(Named),
    /// List a bureau's keys, without their secrets
    #[command(after_help = "Example: mingjian key list --region 331002")]
    List(List),
}

/// Arguments of `key add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Role of the machine user: bank or institution_system
    #[arg(long, default_value = "bank")]
    role: Role,
    /// Division code of the bureau
    #[arg(long, value_name = "C")]
    region: String,
    /// Credit code of the institution, for an institution's system
    #[arg(long, value_name = "CODE")]
    institution: Option<String>,
    /// What the key may do, repeatable: push_entries; read_register, file_courses, read_escrow [default: all of its role's]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<MachineScope>,
    /// Escrow account that a bank's key is for, repeatable [default: all of the bureau's]
    #[arg(long, value_name = "NUMBER")]
    account: Vec<String>,
    /// How long the key is good
    #[arg(long, value_name = "DAYS", default_value_t = keys::LIFE_DAYS_MAX)]
    days: i64,
    /// Whose key it is
    name: String,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `key rotate`.
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// How long the old secret works as well, e.g. 7d, 12h or 0d
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    overlap: Duration,
    #[command(flatten)]
    named: Named,
}

/// A key by its name.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The key, as `key list` shows it
    key: String,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `key list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Division code of the bureau
    #[arg(long, value_name = "C")]
    region: String,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// A span of days (`7d`) or hours (`12h`).
fn span(text: &str) -> Result<Duration, String> {
    let read = |unit: char| text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok()).map(i64::from);
    let span = read('d').and_then(Duration::try_days).or_else(|| read('h').and_then(Duration::try_hours));
    span.ok_or_else(|| format!("{text} is no span; write days as 7d or hours as 12h"))
}

fn bureau(text: &str) -> Result<RegionCode, Refusal> {
    region_of("--region", text)?.ok_or_else(|| Refusal::new("--region: a key belongs to a county, city or province"))
}

fn caller_of(named: &Named) -> Result<Caller, Refusal> {
    let region =
        keys::bureau_of(&named.key).ok_or_else(|| Refusal::new(format!("{}: no key is called this", named.key)))?;
    Ok(super::caller(region.tenant_id(), named.now.get()))
}

/// Runs it.
pub fn run(command: Key) -> CommandResult {
    match command {
        Key::Add(args) => add(args),
        Key::Rotate(Rotate { overlap, named }) => {
            let caller = caller_of(&named)?;
            let made = super::runtime()?.block_on(async {
                let database = Database::open(&named.storage).await.map_err(Refusal::new)?;
                keys::rotate(&database.pools, &database.secrets, &caller, &named.key, overlap)
                    .await
                    .map_err(Refusal::new)
            })?;
            super::print_json(&made)?;
            Ok(Outcome::Done)
        }
        Key::Revoke(named) => {
            let caller = caller_of(&named)?;
            super::runtime()?.block_on(async {
                let database = Database::open(&named.storage).await.map_err(Refusal::new)?;
                keys::revoke(&database.pools, &caller, &named.key).await.map_err(Refusal::new)
            })?;
            Ok(Outcome::Done)
        }
        Key::List(args) => {
            let caller = super::caller(bureau(&args.region)?.tenant_id(), args.now.get());
            let listed = super::runtime()?.block_on(async {
                let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
                keys::list(&database.pools, &caller).await.map_err(Refusal::new)
            })?;
            super::print_json(&listed)?;
            Ok(Outcome::Done)
        }
    }
}

fn add(args: Add) -> CommandResult {
    let region = bureau(&args.region)?;
    let institution = args
        .institution
        .as_deref()
        .map(|code| CreditCode::new(&credit_code::normalise(code)))
        .transpose()
        .map_err(|e| Refusal::new(format!("--institution: {e}")))?;
    if institution.is_some() != (args.role == Role::InstitutionSystem) {
        return Err(Refusal::new("--institution goes with --role institution_system, and with it alone"));
    }
    let caller = super::caller(region.tenant_id(), args.now.get());
    let made = super::runtime()?.block_on(async {
        let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
        keys::establish(&database.pools, region, caller.now).await.map_err(Refusal::new)?;
        let request = Request {
            role: args.role,
            owner: institution.map_or(Owner::Bureau, Owner::Registered),
            name: &args.name,
            scopes: args.scope,
            accounts: args.account.iter().map(|number| account_number(number)).collect(),
            life_days: args.days,
        };
        keys::make(&database.pools, &database.secrets, &caller, request).await.map_err(Refusal::new)
    })?;
    super::print_json(&made)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_days_or_hours() {
        assert_eq!(span("7d"), Ok(Duration::days(7)));
        assert_eq!(span("12h"), Ok(Duration::hours(12)));
        assert_eq!(span("0d"), Ok(Duration::zero()));
        for wrong in ["", "7", "d", "-1d", "7w", "99999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
