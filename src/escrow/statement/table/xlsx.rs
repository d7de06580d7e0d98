//! XLSX workbooks, cell by cell: no sheet is laid out in memory as a grid, so a cell far away costs nothing.

use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use super::{
    super::{
        error::{Place, StatementError},
        model::Limits,
        settle::Draft,
    },
    TableReader, no_header,
};

/// Columns that are looked at; exports have some thirty.
const COLUMNS_MAX: u32 = 256;

/// Reads every sheet that has a header row. What the workbook unpacks to must have been checked before.
pub(in super::super) fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Draft>, StatementError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let names = book.sheet_names();
    let mut drafts = Vec::new();
    for name in names {
        let mut reader = TableReader::new(limits, Some(name.clone()));
        match sheet(&mut book, &name, &mut reader) {
            Ok(()) => {}
            Err(SheetFault::NotASheet) => continue,
            Err(SheetFault::Broken(error)) => return Err(broken(&error)),
            Err(SheetFault::Statement(error)) => return Err(*error),
        }
        if reader.is_table() {
            drafts.extend(reader.finish());
        }
    }
    if drafts.is_empty() { Err(no_header()) } else { Ok(drafts) }
}

enum SheetFault {
    /// A chart or a macro sheet.
    NotASheet,
    Broken(XlsxError),
    Statement(Box<StatementError>),
}

fn sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, reader: &mut TableReader<'_>) -> Result<(), SheetFault> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|error| match error {
        XlsxError::NotAWorksheet(_) => SheetFault::NotASheet,
        other => SheetFault::Broken(other),
    })?;
    let refuse = |error| SheetFault::Statement(Box::new(error));
    let mut row: Vec<String> = Vec::new();
    let mut at = 0u32;
    while let Some(cell) = cells.next_cell().map_err(SheetFault::Broken)? {
        let (cell_row, column) = cell.get_position();
        if cell_row != at {
            reader.row(u64::from(at) + 1, &row).map_err(refuse)?;
            row.clear();
            at = cell_row;
        }
        if column < COLUMNS_MAX {
            let column = column as usize;
            if row.len() <= column {
                row.resize(column + 1, String::new());
            }
            row[column] = text(cell.get_value());
        }
    }
    reader.row(u64::from(at) + 1, &row).map_err(refuse)
}

/// A cell as text: numbers as decimals without an exponent, days and times as exports write them.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => super::xls::decimal(*number),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(moment) => super::xls::moment(moment),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

fn broken(error: &XlsxError) -> StatementError {
    StatementError::new(
        Place::File,
        "XLSX",
        (format!("工作簿已损坏或受密码保护（{error}）"), format!("the workbook is broken or protected ({error})")),
        ("请另存为不带密码的 xlsx 或 CSV 后重试", "save it again as xlsx without a password, or as CSV"),
    )
}
