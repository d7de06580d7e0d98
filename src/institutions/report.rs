//! The public report of an import, as the command, the API and the pages give it.

use serde::{Deserialize, Serialize};

use super::import::{Reading, ReportLine, Severity};

/// One line: where, which rule, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// As the spreadsheet counts, from 1.
    pub row: u32,
    /// As the file names it; `*` for the whole row.
    pub column: String,
    /// The sheet's rules, and the register's own: `UPDATED`, `ACCOUNT_OF_ANOTHER`, `ACCOUNT_DIFFERS`.
    pub rule: String,
    pub message_zh: String,
    pub message_en: String,
}

impl From<ReportLine> for Line {
    fn from(line: ReportLine) -> Line {
        let ReportLine { row, column, rule, message_zh, message_en } = line;
        Line { row, column, rule: rule.to_string(), message_zh, message_en }
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows that were taken in; those that changed nothing are among them.
    pub accepted: usize,
    /// Of the accepted rows: new to the register, with other facts than the register had, and with the same.
    pub added: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Why rows are refused.
    pub rejected: Vec<Line>,
    /// What was mended, warned of or left out.
    pub notes: Vec<Line>,
}

impl Report {
    /// Before the register has been asked: all rows or none, unless `partial`.
    pub fn of(reading: &Reading, partial: bool) -> Report {
        let report = reading.report(partial);
        let lines = |lines: Vec<ReportLine>| lines.into_iter().map(Line::from).collect();
        Report {
            accepted: report.accepted,
            rejected: lines(report.rejected),
            notes: lines(report.notes),
            ..Report::default()
        }
    }
}

/// How many rows are good and how many refused.
pub fn tally(reading: &Reading) -> (usize, usize) {
    let good = reading.institutions().count();
    let bad = reading.rows.iter().filter(|row| row.institution.is_none() && !row.skipped).count();
    (good, bad)
}

/// The numbers of the rows that are refused, in order.
pub fn bad_rows(reading: &Reading) -> Vec<u32> {
    let mut rows: Vec<u32> = reading
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.row)
        .collect();
    rows.dedup();
    rows
}
