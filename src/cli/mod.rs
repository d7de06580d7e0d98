//! The command line: one file per subcommand, each a thin call into the feature that does the work.
//!
//! Exit status: 0 done and nothing blocking; 1 done, and something blocking was found; 2 the input could not
//! be read or the usage is wrong, with one line on standard error and nothing on standard output.

use std::{
    fmt::Display,
    fs,
    io::{self, Read, Write},
    process::ExitCode,
};

use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use serde::{Serialize, de::DeserializeOwned};

use crate::identity::{Actor, Caller};

pub mod audit;
pub mod check;
pub mod demo;
mod doctor;
pub mod import;
pub mod key;
pub mod keys;
pub mod migrate;
pub mod oidc;
pub mod parse_statement;
pub mod personal;
pub mod serve;
pub mod signing_key;
pub mod simulate_county;
pub mod simulate_escrow;
pub mod statements;
pub mod sweep;
pub mod user;
pub mod worker;

/// 明鉴: supervision of off-campus training institutions by county education bureaus.
#[derive(Debug, Parser)]
#[command(name = "mingjian", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service; without DATABASE_URL on its own private PostgreSQL
    Serve(serve::Args),
    /// Run the background work alone, without HTTP
    Worker(worker::Args),
    /// Look over institutions, feeds and warnings now
    Sweep(sweep::Args),
    /// Apply pending migrations
    Migrate(migrate::Args),
    /// Check configuration, database, keys, clock, disk and mail; with --deep everything that is kept
    Doctor(Box<doctor::Args>),
    /// Add a person's account and print a one-time password; take lost second factors away
    #[command(subcommand)]
    User(user::User),
    /// Check the audit trail, sign how far it goes, remove what is over
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Demonstration data
    #[command(subcommand)]
    Demo(demo::Demo),
    /// Add a machine user's key and print its secret, once
    #[command(subcommand)]
    Key(key::Key),
    /// The keys under which personal data lie sealed
    #[command(subcommand)]
    Keys(keys::Keys),
    /// What is kept about a person: a copy, or its erasure
    #[command(subcommand)]
    Personal(personal::Personal),
    /// The keys that sign access tokens
    #[command(subcommand)]
    SigningKey(signing_key::SigningKey),
    /// Identity providers for signing in, and what their claims mean
    #[command(subcommand)]
    Oidc(oidc::Oidc),
    /// Take records in from files
    #[command(subcommand)]
    Import(import::Import),
    /// Bank statements from a folder
    #[command(subcommand)]
    Statements(statements::Statements),
    /// Check a course filing or credit codes against the rules, without a database
    #[command(subcommand)]
    Check(check::Check),
    /// Read a file of another system, without a database
    #[command(subcommand)]
    Parse(Parse),
    /// Replay history under a policy, without a database
    #[command(subcommand)]
    Simulate(Simulate),
}

#[derive(Debug, Subcommand)]
enum Parse {
    /// Bank statement in (camt.052/053/054, MT940/942, CSV, XLS, XLSX, zip of these), normalised entries out
    Statement(parse_statement::Args),
}

#[derive(Debug, Subcommand)]
enum Simulate {
    /// Escrow entries in, warnings out
    Escrow(simulate_escrow::Args),
    /// Let a county live: parents, lessons, banks, honest and dishonest owners
    County(Box<simulate_county::Args>),
}

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit status 0.
    Done,
    /// Exit status 1: something blocking was found.
    Blocking,
}

/// Why a command could not do its work: one line saying what, where and how to mend it. Exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// A refusal in one line; line breaks in `message` become spaces.
    pub fn new(message: impl Display) -> Refusal {
        Refusal(message.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// What every subcommand returns.
pub type CommandResult = Result<Outcome, Refusal>;

/// Parses the command line, runs one subcommand and turns its result into an exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version go to standard output whole; a usage error is one line, as every other complaint.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let text = error.render().to_string();
            // What is missing stands on lines of its own below the complaint.
            let said = text.split("\n\n").find_map(|part| part.strip_prefix("error: "));
            let complaint = said.unwrap_or("a command is missing");
            let _ = writeln!(io::stderr(), "mingjian: {}; see mingjian --help", Refusal::new(complaint));
            return ExitCode::from(2);
        }
    };
    let result = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Worker(args) => worker::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Doctor(args) => doctor::run(*args),
        Command::User(command) => user::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Demo(command) => demo::run(command),
        Command::Key(command) => key::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Personal(command) => personal::run(command),
        Command::SigningKey(command) => signing_key::run(command),
        Command::Oidc(command) => oidc::run(command),
        Command::Import(command) => import::run(command),
        Command::Statements(command) => statements::run(command),
        Command::Check(command) => check::run(command),
        Command::Parse(Parse::Statement(args)) => parse_statement::run(args),
        Command::Simulate(Simulate::Escrow(args)) => simulate_escrow::run(args),
        Command::Simulate(Simulate::County(args)) => simulate_county::run(*args),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Blocking) => ExitCode::from(1),
        Err(refusal) => {
            let _ = writeln!(io::stderr(), "mingjian: {refusal}");
            ExitCode::from(2)
        }
    }
}

/// No input of a command is larger unless the command says so.
const INPUT_BYTES_MAX: u64 = 1 << 30;

/// The bytes of a file, or of standard input for `-` and for no path.
pub fn read_input(path: Option<&str>) -> Result<Vec<u8>, Refusal> {
    read_input_within(path, INPUT_BYTES_MAX)
}

/// As [`read_input`]; what has more than `bytes_max` bytes is refused, and no more than that is read.
pub fn read_input_within(path: Option<&str>, bytes_max: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let name = path.filter(|path| *path != "-").unwrap_or("standard input");
    let read = match path {
        None | Some("-") => io::stdin().take(bytes_max.saturating_add(1)).read_to_end(&mut bytes),
        Some(path) => {
            fs::File::open(path).and_then(|file| file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes))
        }
    };
    read.map_err(|e| Refusal::new(format!("{name}: {e}; give the path of a file that can be read")))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Refusal::new(format!("{name}: more than {bytes_max} bytes; split the file")));
    }
    Ok(bytes)
}

/// Reads JSON; the refusal names the JSON path, line and column of what is wrong. Unknown fields are refused
/// where the type says `deny_unknown_fields`.
pub fn from_json<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Refusal> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|e| Refusal::new(format!("{name}: at {}: {}", e.path(), e.inner())))?;
    reader.end().map_err(|e| Refusal::new(format!("{name}: {e}; give one JSON value only")))?;
    Ok(value)
}

/// The first line of standard input, for what must not stand on a command line; no more than `bytes_max` bytes of it.
fn first_line(bytes_max: u64) -> Result<String, Refusal> {
    let mut text = String::new();
    let read = io::stdin().take(bytes_max).read_to_string(&mut text);
    read.map_err(|e| Refusal::new(format!("standard input: {e}")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The system at work in one bureau's rows, as commands act.
fn caller(tenant: i32, now: DateTime<Utc>) -> Caller {
    Caller { actor: Actor::system(tenant), request_id: "command-line".to_owned(), now }
}

/// Writes one JSON value and a line break to standard output; a reader that went away is no error.
pub fn print_json(value: &impl Serialize) -> Result<(), Refusal> {
    let text = serde_json::to_string_pretty(value).map_err(Refusal::new)?;
    print_line(&text)
}

/// Writes one line to standard output; a reader that went away is no error.
pub fn print_line(line: &str) -> Result<(), Refusal> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::new(format!("standard output: {e}"))),
        _ => Ok(()),
    }
}

/// The runtime of commands that use the database; several threads, because migrations block on their connection.
fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    let filter = match tracing_subscriber::EnvFilter::try_from_env("MINGJIAN_LOG") {
        // However much is asked for: its debug lines quote the parameters of statements, which are people's data.
        Ok(filter) => filter.add_directive("tokio_postgres=info".parse().map_err(Refusal::new)?),
        Err(_) => "warn".into(),
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Refusal::new)
}
