//! `mingjian parse statement`.

use super::{CommandResult, Outcome, Refusal, from_json, print_json, read_input, read_input_within};
use crate::escrow::statement::{Format, Layout, Limits, parse_file};

/// Exit status 1 when the arithmetic of some statement does not hold, 2 when the file cannot be read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  mingjian parse statement 对账单.xlsx\n  mingjian parse statement --format mt940 - < statement.sta\n  mingjian parse statement --layout 台州银行.json 明细.csv"
)]
pub struct Args {
    /// The statement file; `-` for standard input. A zip is read as its members, in an array
    file: String,
    /// camt.052, camt.053, camt.054, mt940, mt942, csv, xls, xlsx or txt; detected when absent
    #[arg(long, value_name = "F", value_parser = format)]
    format: Option<Format>,
    /// What the columns of a table mean, repeatable: {"columns":[{"name":"发生日","role":"date"},…]}, as the service keeps
    /// it for a bank; a column without a role does not count
    #[arg(long, value_name = "FILE")]
    layout: Vec<String>,
    /// Refuse files that are, or unpack to, more bytes than this
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_bytes_unpacked)]
    max_bytes: u64,
    /// Refuse files of more entries than this
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_entries)]
    max_entries: usize,
}

fn format(text: &str) -> Result<Format, String> {
    use strum::VariantNames;
    text.parse().map_err(|_| format!("give one of {}", Format::VARIANTS.join(", ")))
}

fn layout(path: &str) -> Result<Layout, Refusal> {
    let layout: Layout = from_json(path, &read_input(Some(path))?)?;
    match layout.faults().into_iter().next() {
        Some(fault) => Err(Refusal::new(format!("{path}: {fault} / {}", fault.message_zh))),
        None => Ok(layout),
    }
}

/// Reads the file and prints what it says.
pub fn run(args: Args) -> CommandResult {
    let layouts = args.layout.iter().map(|path| layout(path)).collect::<Result<Vec<_>, _>>()?;
    let bytes = read_input_within(Some(&args.file), args.max_bytes)?;
    let limits = Limits { max_bytes_unpacked: args.max_bytes, max_entries: args.max_entries, ..Limits::default() };
    let name = if args.file == "-" { "standard input" } else { &args.file };
    let file = parse_file(name, &bytes, args.format, &layouts, &limits)
        .map_err(|error| Refusal::new(format!("{name}: {error}")))?;
    print_json(&file)?;
    Ok(if file.is_unbalanced() { Outcome::Blocking } else { Outcome::Done })
}
