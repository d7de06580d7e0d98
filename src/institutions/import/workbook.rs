//! XLSX and XLS workbooks.

use std::io::{BufReader, Cursor, Read};

use calamine::{Data, DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};

use super::{
    error::{ImportError, Limits},
    table::{Gatherer, Sheet},
};
use crate::kernel::workbook::{self, CELL_BYTES, Fault, claims_what_it_holds, is_shared_strings};

/// Members that a workbook may have; a hundred sheets with their drawings stay far below.
const MEMBERS: usize = 2_000;

/// A list of sheets may name one sheet many times, each to be read anew: all of them together may not come to more than
/// this many times what the file may unpack to.
const READ_AGAIN_MAX: u64 = 8;

/// The worksheets of an XLSX workbook; hidden rows, columns and sheets are read like any other.
pub(super) fn xlsx(bytes: &[u8], limits: &Limits) -> Result<Vec<Sheet>, ImportError> {
    let largest = check_archive(bytes, limits)?;
    guarded(|| {
        let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
        let mut gatherer = Gatherer::new(limits);
        let mut sheets = Vec::new();
        let names = book.sheet_names();
        if largest.saturating_mul(names.len() as u64) > READ_AGAIN_MAX.saturating_mul(limits.unpacked_bytes as u64) {
            return Err(ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes });
        }
        for name in names {
            let mut cells = match book.worksheet_cells_reader(&name) {
                Ok(cells) => cells,
                Err(XlsxError::NotAWorksheet(_)) => continue,
                Err(error) => return Err(unreadable(error)),
            };
            // Cell by cell: a range would reserve room for all that lies between two far corners.
            while let Some(cell) = cells.next_cell().map_err(unreadable)? {
                let (row, column) = cell.get_position();
                let written = match cell.get_value() {
                    DataRef::SharedString(text) => (*text).to_owned(),
                    other => shown(&Data::from(other.clone())),
                };
                gatherer.put(row + 1, column as usize, &written)?;
            }
            sheets.push(gatherer.sheet(&name));
        }
        Ok(sheets)
    })
}

/// The worksheets of an XLS workbook (Excel 5 to 2003).
pub(super) fn xls(bytes: &[u8], limits: &Limits) -> Result<Vec<Sheet>, ImportError> {
    // A table as full as it may be fits, with all its text.
    let cells = (limits.rows as u64).saturating_mul(limits.columns as u64);
    let bytes_max = cells.saturating_mul(CELL_BYTES).saturating_add(limits.unpacked_bytes as u64);
    let found = workbook::xls(bytes, bytes_max).map_err(|fault| match fault {
        Fault::Broken => unreadable("the workbook is damaged, cut short or protected by a password"),
        Fault::Large => ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes },
    })?;
    let mut gatherer = Gatherer::new(limits);
    let mut sheets = Vec::new();
    for sheet in found {
        for (row, cells) in sheet.rows {
            for (column, cell) in cells {
                gatherer.put(u32::from(row) + 1, usize::from(column), &shown(&cell))?;
            }
        }
        sheets.push(gatherer.sheet(&sheet.name));
    }
    Ok(sheets)
}

/// Unpacks the archive once, to nowhere, so that nothing is read that unpacks to more than it may.
///
/// The sizes in the directory are only claims, so that the bytes are counted as well. Returns the size of the largest
/// member.
fn check_archive(bytes: &[u8], limits: &Limits) -> Result<u64, ImportError> {
    let bomb = ImportError::UnpacksTooLarge { limit: limits.unpacked_bytes };
    let allowed = limits.unpacked_bytes as u64;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.len() > MEMBERS {
        return Err(bomb);
    }
    if archive.index_for_name("xl/workbook.xml").is_none() {
        return Err(ImportError::Unreadable { cause: "a zip archive without xl/workbook.xml".to_owned() });
    }
    let (mut claimed, mut unpacked, mut largest) = (0u64, 0u64, 0u64);
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(unreadable)?;
        claimed = claimed.saturating_add(member.size());
        if claimed > allowed {
            return Err(bomb);
        }
        let strings = is_shared_strings(&String::from_utf8_lossy(member.name_raw()));
        let mut rest = member.take(allowed - unpacked + 1);
        let read = std::io::copy(&mut rest, &mut std::io::sink()).map_err(unreadable)?;
        unpacked += read;
        largest = largest.max(read);
        if unpacked > allowed {
            return Err(bomb);
        }
        drop(rest);
        if strings {
            let member = archive.by_index(index).map_err(unreadable)?;
            if !claims_what_it_holds(BufReader::new(member.take(read)), read) {
                return Err(unreadable("more shared strings are claimed than there are"));
            }
        }
    }
    Ok(largest)
}

/// Runs the workbook reader; a broken file that makes it panic is an unreadable file, not a fault of the service.
fn guarded(read: impl FnOnce() -> Result<Vec<Sheet>, ImportError>) -> Result<Vec<Sheet>, ImportError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ImportError::Unreadable { cause: "the workbook is damaged".to_owned() }))
}

fn unreadable(error: impl std::fmt::Display) -> ImportError {
    ImportError::Unreadable { cause: error.to_string().chars().take(200).collect() }
}

/// A cell as text: whole numbers as digits, numbers too long to be exact in scientific notation, dates YYYY-MM-DD.
fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number_shown(*number),
        Data::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Data::DateTime(day) => day_shown(day),
        Data::Error(error) => error.to_string(),
    }
}

/// A sheet's number keeps 15 digits; from 10¹⁵ on the last ones are made up, which the notation shows.
fn number_shown(number: f64) -> String {
    if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}").replace('e', "e+") }
}

fn day_shown(day: &ExcelDateTime) -> String {
    if !day.is_datetime() {
        return number_shown(day.as_f64());
    }
    let (year, month, date, hour, minute, second, _) = day.to_ymd_hms_milli();
    let midnight = (hour, minute, second) == (0, 0, 0);
    let time = if midnight { String::new() } else { format!(" {hour:02}:{minute:02}:{second:02}") };
    format!("{year:04}-{month:02}-{date:02}{time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_see_them() {
        for (number, expected) in [
            (1005.0, "1005"),
            (100.5, "100.5"),
            (15_400_007_726.0, "15400007726"),
            (999_999_999_999_999.0, "999999999999999"),
            (9.999531924320145e18, "9.999531924320145e+18"),
            (1e15, "1e+15"),
        ] {
            assert_eq!(number_shown(number), expected);
        }
    }
}
