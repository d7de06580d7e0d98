//! XLSX workbooks, cell by cell: no sheet is laid out in memory as a grid, so a cell far away costs nothing.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, XlsxError};

use super::{
    super::{
        error::{Place, StatementError},
        layout::Layout,
        model::Limits,
    },
    COLUMNS_MAX, Sheets, TableReader,
    peek::Peeked,
    sheets::Read,
    xls::text,
};

/// A list of sheets may name one sheet many times, each to be read anew: all of them together may not come to more than
/// this many times what the file may unpack to.
const READ_AGAIN_MAX: u64 = 4;

/// Reads every sheet that has a header row, and tells of those that seem to lack one. What the workbook unpacks to must have been checked before; `largest` is
/// the size of its largest member.
pub(in super::super) fn read(
    bytes: &[u8],
    largest: u64,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<Read, StatementError> {
    // The library has met files that make it panic; such a file is broken, and no fault of the service.
    std::panic::catch_unwind(|| sheets(bytes, largest, layouts, limits)).unwrap_or_else(|_| Err(broken(&"damaged")))
}

/// The first rows of every sheet; what holds for [`read`] holds here.
pub(in super::super) fn peek(bytes: &[u8], largest: u64, limits: &Limits) -> Result<Vec<Peeked>, StatementError> {
    std::panic::catch_unwind(|| first_rows(bytes, largest, limits)).unwrap_or_else(|_| Err(broken(&"damaged")))
}

fn first_rows(bytes: &[u8], largest: u64, limits: &Limits) -> Result<Vec<Peeked>, StatementError> {
    let (mut book, names) = open(bytes, largest, limits)?;
    let mut found = Vec::new();
    for name in names {
        let mut peeked = Peeked::new(Some(name.clone()));
        match sheet(&mut book, &name, |row, cells| Ok(peeked.row(row, cells))) {
            Ok(()) => found.push(peeked),
            Err(SheetFault::NotASheet) => {}
            Err(SheetFault::Broken(error)) => return Err(broken(&error)),
            Err(SheetFault::Statement(error)) => return Err(*error),
        }
    }
    Ok(found)
}

type Book<'b> = Xlsx<Cursor<&'b [u8]>>;

/// The workbook and the names of its sheets.
fn open<'b>(bytes: &'b [u8], largest: u64, limits: &Limits) -> Result<(Book<'b>, Vec<String>), StatementError> {
    let book: Book<'b> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let names = book.sheet_names();
    if largest.saturating_mul(names.len() as u64) > limits.max_bytes_unpacked.saturating_mul(READ_AGAIN_MAX) {
        let what = ("工作表数", "number of sheets");
        return Err(StatementError::over_limit(Place::File, what, names.len().saturating_sub(1)));
    }
    Ok((book, names))
}

fn sheets(bytes: &[u8], largest: u64, layouts: &[Layout], limits: &Limits) -> Result<Read, StatementError> {
    let (mut book, names) = open(bytes, largest, limits)?;
    let mut found = Sheets::new(limits);
    for name in names {
        let limits = found.left();
        let mut reader = TableReader::new(&limits, layouts, Some(name.clone()));
        match sheet(&mut book, &name, |row, cells| reader.row(row, cells).map(|()| true)) {
            Ok(()) => {}
            Err(SheetFault::NotASheet) => continue,
            Err(SheetFault::Broken(error)) => return Err(broken(&error)),
            Err(SheetFault::Statement(error)) => return Err(*error),
        }
        found.take(reader)?;
    }
    found.finish()
}

enum SheetFault {
    /// A chart or a macro sheet.
    NotASheet,
    Broken(XlsxError),
    Statement(Box<StatementError>),
}

/// Hands over the rows of a sheet, each with its number, until `take` has had enough.
fn sheet(
    book: &mut Book<'_>,
    name: &str,
    mut take: impl FnMut(u64, &[String]) -> Result<bool, StatementError>,
) -> Result<(), SheetFault> {
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
            if !take(u64::from(at) + 1, &row).map_err(refuse)? {
                return Ok(());
            }
            row.clear();
            at = cell_row;
        }
        let column = column as usize;
        if column < COLUMNS_MAX {
            if row.len() <= column {
                row.resize(column + 1, String::new());
            }
            row[column] = text(Data::from(cell.get_value().clone()));
        }
    }
    take(u64::from(at) + 1, &row).map_err(refuse)?;
    Ok(())
}

fn broken(error: &impl std::fmt::Display) -> StatementError {
    StatementError::new(
        Place::File,
        "XLSX",
        ("工作簿已损坏或受密码保护".to_owned(), format!("the workbook is broken or protected ({error})")),
        ("请另存为不带密码的 xlsx 或 CSV 后重试", "save it again as xlsx without a password, or as CSV"),
    )
}
