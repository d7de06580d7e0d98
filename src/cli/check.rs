//! `mingjian check course` and `mingjian check credit-code`.

use clap::Subcommand;
use serde::Serialize;

use super::{CommandResult, Outcome, Refusal, from_json, print_json, print_line, read_input};
use crate::{
    courses::{Filing, Verdict},
    kernel::{
        Calendar, CreditCode, RegionCode,
        credit_code::{CreditCodeError, normalise},
        finding::Decision,
    },
};

const COURSE_EXAMPLE: &str = "Example:
  echo '{\"region\":\"331002\",\"as_of\":\"2026-02-10\",\"institution\":{},\"course\":{\"category\":\"arts\",
    \"stage\":\"primary\",\"delivery\":\"offline\",\"sessions\":[{\"date\":\"2026-03-02\",\"start\":\"18:30\",
    \"end\":\"20:31\"}]}}' | mingjian check course -

Exit status: 0 nothing blocks, 1 something blocks, 2 the input could not be read.";

const CREDIT_CODE_EXAMPLE: &str = "Example:
  mingjian check credit-code 52331002MJ0000018U 91331003MA2A00018Y

Exit status: 0 all are valid, 1 one is not, 2 no code was given.";

/// What to check.
#[derive(Debug, Subcommand)]
pub enum Check {
    /// Judge a course filing, or an array of them, by the rules: JSON in, findings out
    #[command(after_help = COURSE_EXAMPLE)]
    Course {
        /// A JSON file; standard input when absent or `-`
        file: Option<String>,
    },
    /// Check unified social credit codes (GB 32100-2015): one JSON line per code
    #[command(after_help = CREDIT_CODE_EXAMPLE)]
    CreditCode {
        /// Codes as people write them: full-width, lower-case, spaced and hyphened ones are normalised first
        #[arg(value_name = "CODE", allow_hyphen_values = true)]
        codes: Vec<String>,
    },
}

/// Runs the check.
pub fn run(command: Check) -> CommandResult {
    match command {
        Check::Course { file } => course(file.as_deref()),
        Check::CreditCode { codes } => credit_codes(&codes),
    }
}

fn course(file: Option<&str>) -> CommandResult {
    let bytes = read_input(file)?;
    let name = file.filter(|path| *path != "-").unwrap_or("standard input");
    // The first character decides, so that an error names its path instead of "no variant matched".
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).trim_ascii_start();
    let decision = if start.first() == Some(&b'[') {
        let filings: Vec<Filing> = from_json(name, &bytes)?;
        for (i, filing) in filings.iter().enumerate() {
            filing.validate().map_err(|e| Refusal::new(format!("{name}: at [{i}].{}: {}", e.path, e.message)))?;
        }
        let verdicts: Vec<Verdict> = filings.iter().map(|one| Verdict::of(one, Calendar::statutory())).collect();
        print_json(&verdicts)?;
        verdicts.iter().map(|verdict| verdict.decision).max().unwrap_or(Decision::Pass)
    } else {
        let filing: Filing = from_json(name, &bytes)?;
        filing.validate().map_err(|e| Refusal::new(format!("{name}: {e}")))?;
        let verdict = Verdict::of(&filing, Calendar::statutory());
        print_json(&verdict)?;
        verdict.decision
    };
    Ok(if decision == Decision::Block { Outcome::Blocking } else { Outcome::Done })
}

/// What a credit code tells; what an invalid one cannot tell is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct CodeReport<'a> {
    input: &'a str,
    code: Option<CreditCode>,
    valid: bool,
    reason: Option<CreditCodeError>,
    /// Whether the input was not yet in normal form.
    normalised: bool,
    authority: Option<String>,
    region: Option<String>,
    region_known: Option<bool>,
    organisation_check_ok: Option<bool>,
}

impl CodeReport<'_> {
    fn of(input: &str) -> CodeReport<'_> {
        let normal = normalise(input);
        let (code, reason) = match CreditCode::new(&normal) {
            Ok(code) => (Some(code), None),
            Err(reason) => (None, Some(reason)),
        };
        let region = code.map(|code| code.region().to_owned());
        CodeReport {
            input,
            code,
            valid: code.is_some(),
            reason,
            normalised: normal != input,
            authority: code.and_then(|code| code.authority()).map(|authority| authority.to_string()),
            region_known: region
                .as_ref()
                .map(|region| region.parse::<RegionCode>().is_ok_and(|region| region.name().is_some())),
            region,
            organisation_check_ok: code.map(|code| code.organisation_check_ok()),
        }
    }
}

fn credit_codes(codes: &[String]) -> CommandResult {
    if codes.is_empty() {
        return Err(Refusal::new("check credit-code: no code given; give one or more, e.g. 52331002MJ0000018U"));
    }
    let reports: Vec<CodeReport> = codes.iter().map(|input| CodeReport::of(input)).collect();
    for report in &reports {
        print_line(&serde_json::to_string(report).map_err(Refusal::new)?)?;
    }
    Ok(if reports.iter().all(|report| report.valid) { Outcome::Done } else { Outcome::Blocking })
}
