//! Spreadsheets of institutions as bureaus have them: a file in, checked rows and findings out.
//!
//! [`Table::parse`] takes a CSV, XLSX or XLS file apart, [`check`] judges every cell. The table in between
//! can be kept as JSON, mended cell by cell with [`Table::set`] and checked again. Nothing here stores anything.

mod cells;
mod check;
mod dates;
mod error;
mod header;
mod reading;
mod rule;
mod sponsors;
mod table;
mod text;
mod words;
mod workbook;

pub use check::check;
pub use error::{ImportError, Limits};
pub use header::Field;
pub use reading::{CellFinding, ImportReport, Reading, ReportLine, Row};
pub use rule::{Rule, Severity};
pub use sponsors::NAME_MAX as SPONSOR_MAX;
pub use table::{Sheet, Table, TableRow, UnknownCell, sheets};

use chrono::NaiveDate;

use crate::kernel::RegionCode;

/// Reads a whole file for `region`, a county or a whole range; see [`Table::parse`] and [`check`].
pub fn read(file_name: &str, bytes: &[u8], region: RegionCode, limits: &Limits) -> Result<Reading, ImportError> {
    Ok(check(&Table::parse(file_name, bytes, limits)?, region))
}

/// What is written in a cell of any sheet: half-width, without the marks by which a spreadsheet keeps digits as text, and
/// without blanks at its ends.
pub fn plain(written: &str) -> String {
    cells::narrow(cells::unmarked(written)).trim_matches(cells::is_blank).to_owned()
}

/// The day that is written in a cell of any sheet, in whatever way.
pub fn day(written: &str) -> Option<NaiveDate> {
    dates::date(written).value
}

/// The name of a column without what varies: width, case, blanks, punctuation, and remarks in brackets.
pub fn column_key(label: &str) -> String {
    header::key(label)
}
