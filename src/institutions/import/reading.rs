//! What was read: every row with what became of it, and everything that was found.

use serde::{Deserialize, Serialize};

use super::{
    header::Field,
    rule::{Rule, Severity},
};
use crate::institutions::model::NewInstitution;

/// One thing that was found in a cell, or in a whole row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFinding {
    /// As the spreadsheet counts, from 1.
    pub row: u32,
    /// As the file names it; `*` for the whole row.
    pub column: String,
    pub rule: Rule,
    pub severity: Severity,
    pub as_written: String,
    /// The value that was taken instead, for [`Severity::Fix`].
    pub value: Option<String>,
    pub message_zh: String,
    pub message_en: String,
}

/// One row of the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// As the spreadsheet counts, from 1.
    pub number: u32,
    /// As written, one for each column of the header.
    pub cells: Vec<String>,
    /// `None` for a row that is refused or is not data; the findings say why.
    pub institution: Option<NewInstitution>,
    /// Whether the row is no row of data: a line of totals, a remark.
    pub skipped: bool,
}

/// A sheet, read and judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The columns as the file names them, in its order; [`Row::cells`] are in the same order.
    pub header: Vec<String>,
    /// The columns that were understood.
    pub columns: Vec<(String, Field)>,
    pub rows: Vec<Row>,
    /// In order of row, then of column.
    pub findings: Vec<CellFinding>,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLine {
    pub row: u32,
    pub column: String,
    pub rule: Rule,
    pub message_zh: String,
    pub message_en: String,
}

/// The public report of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Rows that go into the register.
    pub accepted: usize,
    /// Why rows are refused.
    pub rejected: Vec<ReportLine>,
    /// What was mended, warned of or left out.
    pub notes: Vec<ReportLine>,
}

impl Reading {
    /// The institutions of the good rows, in order.
    pub fn institutions(&self) -> impl Iterator<Item = (&Row, &NewInstitution)> {
        self.rows.iter().filter_map(|row| Some((row, row.institution.as_ref()?)))
    }

    /// The findings of one row.
    pub fn findings_of(&self, row: u32) -> impl Iterator<Item = &CellFinding> {
        self.findings.iter().filter(move |finding| finding.row == row)
    }

    /// Whether no row is refused.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// The report: with `partial` the good rows are accepted, otherwise all rows or none.
    pub fn report(&self, partial: bool) -> ImportReport {
        let (rejected, notes): (Vec<_>, Vec<_>) =
            self.findings.iter().partition(|finding| finding.severity == Severity::Error);
        let lines = |findings: Vec<&CellFinding>| findings.into_iter().map(ReportLine::from).collect();
        let accepted = if partial || rejected.is_empty() { self.institutions().count() } else { 0 };
        ImportReport { accepted, rejected: lines(rejected), notes: lines(notes) }
    }
}

impl From<&CellFinding> for ReportLine {
    fn from(finding: &CellFinding) -> Self {
        ReportLine {
            row: finding.row,
            column: finding.column.clone(),
            rule: finding.rule,
            message_zh: finding.message_zh.clone(),
            message_en: finding.message_en.clone(),
        }
    }
}
