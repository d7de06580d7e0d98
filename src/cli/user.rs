//! `mingjian user`: accounts from the shell of the server.

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{Now, Storage},
    db::Database,
    identity::{Department, Role, commands, sign_in::lost},
    kernel::{Clock, CreditCode, RegionCode},
};

/// What to do with accounts.
#[derive(Debug, clap::Subcommand)]
pub enum User {
    /// Add an account; prints a one-time password unless one is given
    #[command(after_help = "Example: mingjian user add --role approver --region 331002 wang.jingyi")]
    Add(Add),
    /// Take every second factor from somebody who has lost them all; ends their sessions, and the next sign-in sets up another
    #[command(
        after_help = "Example: mingjian user reset-factors --region 331002 --reason 李敏、陈立当面核对身份证 wang.jingyi\n\
            Prints {\"totp\":…,\"passkeys\":n,\"recovery_codes\":n,\"sessions_ended\":n}. On record, and told to the person by mail."
    )]
    ResetFactors(ResetFactors),
}

/// Arguments of `user add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Role, e.g. bureau_admin, approver, finance_officer, institution_admin
    #[arg(long)]
    role: Role,
    /// Division code of the bureau, or of the township for a township officer; 000000 is the ministry
    #[arg(long, value_name = "C")]
    region: String,
    /// Credit code of the institution, for institutions' users
    #[arg(long, value_name = "CODE")]
    institution: Option<String>,
    /// Department of a department officer, e.g. culture, sports, science [default: education]
    #[arg(long, value_name = "D")]
    department: Option<Department>,
    /// Name shown beside what the person does [default: NAME]
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Address for mails
    #[arg(long)]
    email: Option<String>,
    /// Take the password from standard input (one line)
    #[arg(long)]
    password_stdin: bool,
    /// `off`: sign in by password alone
    #[arg(long, value_name = "off", value_parser = ["off"])]
    second_factor: Option<String>,
    /// Sign-in name
    name: String,
    #[command(flatten)]
    storage: Storage,
}

/// Arguments of `user reset-factors`.
#[derive(Debug, clap::Args)]
pub struct ResetFactors {
    /// Division code of a bureau in which the person holds a post; 000000 is the ministry
    #[arg(long, value_name = "C")]
    region: String,
    /// Who made sure of the person, and how; goes on record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Sign-in name
    name: String,
    #[command(flatten)]
    now: Now,
    #[command(flatten)]
    storage: Storage,
}

/// Runs it.
pub fn run(command: User) -> CommandResult {
    match command {
        User::Add(args) => add(args),
        User::ResetFactors(args) => reset_factors(&args),
    }
}

fn reset_factors(args: &ResetFactors) -> CommandResult {
    let tenant = region_of("--region", &args.region)?.map_or(0, RegionCode::tenant_id);
    let caller = super::caller(tenant, args.now.get());
    let reset = super::runtime()?.block_on(async {
        let database = Database::open(&args.storage).await.map_err(Refusal::new)?;
        lost::reset(&database.pools, &caller, &args.name, args.reason.as_deref()).await.map_err(Refusal::new)
    })?;
    super::print_json(&reset)?;
    Ok(Outcome::Done)
}

fn add(add: Add) -> CommandResult {
    let region = region_of("--region", &add.region)?;
    let password = add.password_stdin.then(|| super::first_line(1024)).transpose()?;
    let institution = add
        .institution
        .as_deref()
        .map(|code| CreditCode::new(&crate::kernel::credit_code::normalise(code)))
        .transpose()
        .map_err(|e| Refusal::new(format!("--institution: {e}")))?;
    let runtime = super::runtime()?;
    let (_, one_time) = runtime.block_on(async {
        let database = Database::open(&add.storage).await.map_err(Refusal::new)?;
        let tenant = region.map_or(0, RegionCode::tenant_id);
        let caller = super::caller(tenant, Clock::system().now());
        let request = commands::AccountRequest {
            region,
            role: add.role,
            username: &add.name,
            display_name: add.display_name.as_deref().unwrap_or(&add.name),
            email: add.email.as_deref(),
            institution,
            department: add.department,
            password,
            second_factor_off: add.second_factor.is_some(),
        };
        commands::add_account(&database.pools, &caller, request).await.map_err(Refusal::new)
    })?;
    match one_time {
        Some(password) => print_line(&format!("{} {password}", add.name))?,
        None => print_line(&add.name)?,
    }
    Ok(Outcome::Done)
}

/// The division that an argument, such as `--region`, names; `None` for the ministry.
pub(super) fn region_of(option: &str, text: &str) -> Result<Option<RegionCode>, Refusal> {
    if matches!(text, "0" | "000000") {
        return Ok(None);
    }
    let region: RegionCode = text.parse().map_err(|e| Refusal::new(format!("{option} {text}: {e}")))?;
    if region.name().is_none() || region.is_grouping() {
        return Err(Refusal::new(format!(
            "{option} {text}: no division with a government has this code today; look it up in reference/divisions.csv"
        )));
    }
    Ok(Some(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_division_is_told_of_the_option_where_it_stands() {
        assert_eq!(region_of("--region", "000000").unwrap(), None);
        for (option, text) in [("--region", "999999"), ("--at", "331099"), ("--at", "x")] {
            let told = region_of(option, text).unwrap_err().to_string();
            assert!(told.starts_with(&format!("{option} {text}: ")), "{told}");
        }
    }
}
