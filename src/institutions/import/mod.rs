//! Spreadsheets of institutions as bureaus have them: a file in, checked rows and findings out.
//!
//! [`Table::parse`] takes a CSV, XLSX or XLS file apart, [`check`] judges every cell. The table in between
//! can be kept as JSON, mended cell by cell with [`Table::set`] and checked again. Nothing here stores anything.

mod cells;
mod check;
mod dates;
mod error;
mod extent;
mod header;
mod reading;
mod rule;
mod table;
mod text;
mod words;
mod workbook;

pub use check::check;
pub use error::{ImportError, Limits};
pub use header::Field;
pub use reading::{CellFinding, ImportReport, Reading, ReportLine, Row};
pub use rule::{Rule, Severity};
pub use table::{Table, TableRow, UnknownCell};

use crate::kernel::RegionCode;

/// Reads a whole file for `region`, a county or a whole range; see [`Table::parse`] and [`check`].
pub fn read(file_name: &str, bytes: &[u8], region: RegionCode, limits: &Limits) -> Result<Reading, ImportError> {
    Ok(check(&Table::parse(file_name, bytes, limits)?, region))
}
