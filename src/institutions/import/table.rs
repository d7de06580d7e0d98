//! A sheet taken apart, before anything in it is judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    error::{ImportError, Limits},
    header::{self, Field, Found},
    text, workbook,
};

/// The rows below a header. It can be kept as JSON, and its cells can be mended by row and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The sheet that was read; empty for a CSV file.
    pub sheet: String,
    /// Sheets of the same file that have a header of institutions as well and were not read.
    pub other_sheets: Vec<String>,
    /// The (last) row of the header, as the spreadsheet counts.
    pub header_row: u32,
    /// The columns as the file names them; empty where it does not.
    pub header: Vec<String>,
    /// Rows that are not empty, in order.
    pub rows: Vec<TableRow>,
}

/// A row as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    /// As the spreadsheet counts, from 1.
    pub number: u32,
    /// As many as the header has; a date cell as YYYY-MM-DD.
    pub cells: Vec<String>,
}

/// A cell that the table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table has no row {row} with a column {column}")]
pub struct UnknownCell {
    pub row: u32,
    pub column: String,
}

impl Table {
    /// Takes a CSV (UTF-8, UTF-16 with mark, GBK, GB18030; comma, semicolon or tab), XLSX or XLS file apart.
    ///
    /// The kind is told by the content; `file_name` only says what the file claims to be when it is neither.
    /// Of several sheets the one whose header names the most columns is read.
    pub fn parse(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Table, ImportError> {
        let named = |rows: &[(u32, Vec<String>)]| header::find(rows).map_or(0, |found| found.fields);
        Table::best_of(sheets(file_name, bytes, limits, named)?)
    }

    fn best_of(sheets: Vec<Sheet>) -> Result<Table, ImportError> {
        let looked_at = sheets.iter().map(|sheet| sheet.rows.len().min(header::HEADER_WITHIN)).max().unwrap_or(0);
        if looked_at == 0 {
            return Err(ImportError::Empty);
        }
        let mut found: Vec<(Sheet, Found)> =
            sheets.into_iter().filter_map(|sheet| header::find(&sheet.rows).map(|found| (sheet, found))).collect();
        // The first of equals: `max_by_key` would take the last.
        let best = found.iter().map(|(_, header)| header.fields).max().ok_or(ImportError::NoHeader { looked_at })?;
        let at = found.iter().position(|(_, header)| header.fields == best).unwrap_or(0);
        let (sheet, header) = found.swap_remove(at);
        let other_sheets = found
            .into_iter()
            .filter(|(other, header)| !other.name.is_empty() && header.last + 1 < other.rows.len())
            .map(|(other, _)| other.name)
            .collect();
        let table = Table::below(sheet, header, other_sheets);
        table.require_columns()?;
        if table.rows.is_empty() { Err(ImportError::Empty) } else { Ok(table) }
    }

    fn below(sheet: Sheet, header: Found, other_sheets: Vec<String>) -> Table {
        let header_row = sheet.rows.get(header.last).map_or(0, |(number, _)| *number);
        let body = sheet.rows.into_iter().skip(header.last + 1);
        let rows: Vec<TableRow> = body.map(|(number, cells)| TableRow { number, cells }).collect();
        let width = rows.iter().map(|row| row.cells.len()).chain([header.labels.len()]).max().unwrap_or(0);
        let mut table = Table { sheet: sheet.name, other_sheets, header_row, header: header.labels, rows };
        table.header.resize(width, String::new());
        table.rows.iter_mut().for_each(|row| row.cells.resize(width, String::new()));
        table
    }

    fn require_columns(&self) -> Result<(), ImportError> {
        let known = header::columns(&self.header);
        let columns: Vec<&'static str> = [Field::Name, Field::CreditCode, Field::Category]
            .into_iter()
            .filter(|field| known.iter().all(|(_, column)| column != field))
            .map(Field::label_zh)
            .collect();
        if columns.is_empty() { Ok(()) } else { Err(ImportError::MissingColumns { row: self.header_row, columns }) }
    }

    /// Writes `value` into the cell of `row` (as the spreadsheet counts) and `column` (as the file names it).
    pub fn set(&mut self, row: u32, column: &str, value: &str) -> Result<(), UnknownCell> {
        let unknown = || UnknownCell { row, column: column.to_owned() };
        // Where two columns share a name, the one that is read is the one that findings speak of.
        let read = header::columns(&self.header).into_iter().map(|(at, _)| at).find(|at| self.header[*at] == column);
        let at = read
            .or_else(|| self.header.iter().position(|label| !label.is_empty() && label == column))
            .ok_or_else(unknown)?;
        let found = self.rows.iter_mut().find(|found| found.number == row).ok_or_else(unknown)?;
        let cell = found.cells.get_mut(at).ok_or_else(unknown)?;
        *cell = storable(value);
        Ok(())
    }
}

/// The sheets of a CSV, XLSX or XLS file, whatever they hold; the kind is told by the content. `named` counts the columns
/// that a header among rows names, by which the separator of a text is found.
pub fn sheets(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    named: impl Fn(&[(u32, Vec<String>)]) -> usize,
) -> Result<Vec<Sheet>, ImportError> {
    if bytes.len() > limits.file_bytes {
        return Err(ImportError::TooLarge { bytes: bytes.len(), limit: limits.file_bytes });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty);
    }
    if bytes.starts_with(b"PK") {
        workbook::xlsx(bytes, limits)
    } else if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        workbook::xls(bytes, limits)
    } else {
        text::sheets(file_name, bytes, limits, named)
    }
}

/// A sheet as it stands in the file, without empty rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub name: String,
    /// With the number that the spreadsheet gives to the row, from 1.
    pub rows: Vec<(u32, Vec<String>)>,
}

/// So many sheets of a file may be as large as one may be.
const SHEETS_FULL: usize = 4;

/// Gathers the cells of a file, sheet by sheet, within the limits.
pub(super) struct Gatherer<'a> {
    limits: &'a Limits,
    bytes: usize,
    /// Cells that are kept, empty ones before a filled one included.
    slots: usize,
    rows: BTreeMap<u32, Vec<String>>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Gatherer { limits, bytes: 0, slots: 0, rows: BTreeMap::new() }
    }

    /// Takes a cell; `row` counts from 1, `column` from 0.
    pub(super) fn put(&mut self, row: u32, column: usize, text: &str) -> Result<(), ImportError> {
        let limits = self.limits;
        if text.is_empty() {
            return Ok(());
        }
        if column >= limits.columns {
            return Err(ImportError::TooManyColumns { row, limit: limits.columns });
        }
        if text.len() > limits.cell_chars && text.chars().count() > limits.cell_chars {
            return Err(ImportError::CellTooLong { row, column: column + 1, limit: limits.cell_chars });
        }
        self.bytes += text.len();
        if self.bytes > limits.unpacked_bytes {
            return Err(ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes });
        }
        let cells = self.rows.entry(row).or_default();
        if cells.len() <= column {
            // A sheet may be listed many times, and one cell at the right edge costs as much as a full row.
            self.slots += column + 1 - cells.len();
            if self.slots > SHEETS_FULL.saturating_mul(limits.rows).saturating_mul(limits.columns) {
                return Err(ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes });
            }
            cells.resize(column + 1, String::new());
        }
        cells[column] = storable(text);
        if self.rows.len() > limits.rows {
            return Err(ImportError::TooManyRows { limit: limits.rows });
        }
        Ok(())
    }

    /// Ends a sheet; what was counted against the whole file stays counted.
    pub(super) fn sheet(&mut self, name: &str) -> Sheet {
        let rows = std::mem::take(&mut self.rows).into_iter();
        let written = |(_, cells): &(u32, Vec<String>)| cells.iter().any(|cell| !cell.trim().is_empty());
        Sheet { name: storable(name), rows: rows.filter(written).collect() }
    }
}

/// The text without NUL, which neither text nor JSON of PostgreSQL can hold.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}
