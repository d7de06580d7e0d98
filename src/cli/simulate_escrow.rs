//! `mingjian simulate escrow`: replays entries under a policy, without a database.

use std::{collections::BTreeMap, str::FromStr};

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use serde_json::{Value, json};

use super::{CommandResult, Outcome, Refusal, from_json, print_json, read_input};
use crate::{
    escrow::{
        back_test::{
            outcomes::{Assessment, Known},
            read_outcomes,
        },
        detector::{AccountReport, Simulation, read_entries, read_obligations, simulate},
        policy::Policy,
    },
    kernel::{Calendar, clock},
};

/// Arguments.
///
/// Judged are the kinds that an account's entries show; those that rest on what is owed need obligations.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  mingjian simulate escrow --entries entries.csv --obligations obligations.csv \
    --as-of 2026-03-31T23:59:59+08:00\n\nEntries are CSV with the columns account,booked_at,direction,amount_fen,\
    bank_ref,kind,counterparty_name,counterparty_account,remittance and optionally order_ref;\nobligations with \
    account,at,event,amount_fen,contract_ref. Lessons dated after an instant are those still to come at it.\n\
    Judged are FUND-LARGE-SINGLE, FUND-CUM-ROLLING, FUND-BELOW-MIN, FUND-UNUSUAL-COUNTERPARTY, FUND-STRUCTURING, \
    TRAINING-LOAN and ENROLMENT-SURGE;\nwith obligations also FUND-WITHDRAW-UNMATCHED, FUND-COVERAGE and \
    FUND-RUNOFF-DATE.\n\n\
    With --outcomes (CSV: account,on,outcome and optionally kind; outcome is flight, founded or unfounded) the answer has an \
    assessment:\nhits, false alarms and days ahead, in all, by kind and level, and of each flight; with --against FILE those of \
    another policy beside it.")]
pub struct Args {
    /// The policy document (JSON); the default policy when absent
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// The entries (CSV); - for standard input
    #[arg(long, value_name = "FILE")]
    entries: Option<String>,
    /// What is owed (CSV); unknown when absent
    #[arg(long, value_name = "FILE")]
    obligations: Option<String>,
    /// Where the replay ends: RFC 3339, or a date for its end; the end of the last entry's day when absent
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<String>,
    /// What is known to have become of the accounts (CSV), to tell hits from false alarms
    #[arg(long, value_name = "FILE")]
    outcomes: Option<String>,
    /// Another policy document (JSON), to see what it does otherwise
    #[arg(long, value_name = "FILE", requires = "outcomes")]
    against: Option<String>,
    /// Print the policy and do nothing else
    #[arg(long)]
    print_policy: bool,
}

/// Runs it. Warnings are what a replay is for, so they are not blocking.
pub fn run(args: Args) -> CommandResult {
    let policy = read_policy(args.policy.as_deref())?;
    if args.print_policy {
        print_json(&policy)?;
        return Ok(Outcome::Done);
    }
    let as_of = args.as_of.as_deref().map(read_as_of).transpose()?;
    let Some(file) = args.entries else {
        return Err(Refusal::new("--entries is missing; give --entries FILE, a CSV of bank entries"));
    };
    let entries = read_entries(&read_input(Some(&file))?).map_err(|e| Refusal::new(format!("{file}: {e}")))?;
    let obligations = match args.obligations {
        Some(name) => {
            let owed = read_obligations(&read_input(Some(&name))?);
            Some(owed.map_err(|e| Refusal::new(format!("{name}: {e}")))?)
        }
        None => None,
    };
    let replay = |policy: &Policy| {
        simulate(policy, Calendar::statutory(), &entries, obligations.as_ref(), as_of)
            .map_err(|e| Refusal::new(format!("{file}: {e}")))
    };
    let outcomes = match &args.outcomes {
        Some(name) => {
            let known = read_outcomes(&read_input(Some(name))?);
            Some(known.map_err(|e| Refusal::new(format!("{name}: {e}")))?)
        }
        None => None,
    };
    let other = match &args.against {
        Some(name) => Some(read_policy(Some(name))?),
        None => None,
    };
    let simulation = replay(&policy)?;
    let Some(known) = outcomes else {
        print_json(&simulation)?;
        return Ok(Outcome::Done);
    };
    let mut document = json!(simulation);
    document["assessment"] = assessed(&simulation, &known);
    if let Some(other) = other {
        let other = replay(&other)?;
        document["against"] = json!({"policy_version": other.policy_version, "accounts": differing(&simulation, &other),
            "assessment": assessed(&other, &known)});
    }
    print_json(&document)?;
    Ok(Outcome::Done)
}

/// How the warnings do against what is known.
fn assessed(simulation: &Simulation, known: &BTreeMap<String, Known>) -> Value {
    let nothing = Known::default();
    let mut assessment = Assessment::default();
    for report in &simulation.accounts {
        assessment.add(&report.account, known.get(&report.account).unwrap_or(&nothing), &report.warnings);
    }
    assessment.document("account")
}

/// The accounts that the other policy warns of otherwise.
fn differing<'s>(one: &Simulation, other: &'s Simulation) -> Vec<&'s AccountReport> {
    let differs = |(one, other): &(&AccountReport, &AccountReport)| {
        let told = |report: &AccountReport| -> Vec<_> {
            report.warnings.iter().map(|warning| (warning.kind, warning.raised_at, warning.level)).collect()
        };
        told(one) != told(other)
    };
    one.accounts.iter().zip(&other.accounts).filter(differs).map(|(_, other)| other).collect()
}

fn read_policy(file: Option<&str>) -> Result<Policy, Refusal> {
    let Some(file) = file else { return Ok(Policy::default()) };
    let policy: Policy = from_json(file, &read_input(Some(file))?)?;
    policy.validate().map_err(|e| Refusal::new(format!("{file}: at {e}")))?;
    Ok(policy)
}

/// RFC 3339 ends here, too.
const LAST_YEAR: i32 = 9_999;

fn read_as_of(text: &str) -> Result<DateTime<Utc>, Refusal> {
    let end_of =
        |date: NaiveDate| Some(clock::midnight(date.checked_add_days(Days::new(1))?) - TimeDelta::microseconds(1));
    let instant = DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc));
    let date = NaiveDate::from_str(text).ok().filter(|date| date.year() <= LAST_YEAR);
    instant.or_else(|| date.and_then(end_of)).ok_or_else(|| {
        Refusal::new(format!("--as-of: “{text}” is not an instant; write e.g. 2026-03-31T23:59:59+08:00 or 2026-03-31"))
    })
}
