//! XLS workbooks, and how the cells of any workbook become text.

use calamine::{Data, ExcelDateTime};
use chrono::{NaiveTime, TimeDelta};

use super::{
    super::{
        error::{Place, StatementError},
        layout::Layout,
        model::Limits,
    },
    COLUMNS_MAX, Sheets, TableReader,
    peek::Peeked,
    sheets::Read,
};
use crate::kernel::workbook::{self, Fault, Sheet};

/// Reads every sheet that has a header row, and tells of those that seem to lack one.
pub(in super::super) fn read(bytes: &[u8], layouts: &[Layout], limits: &Limits) -> Result<Read, StatementError> {
    let mut found = Sheets::new(limits);
    for sheet in sheets(bytes, limits)? {
        let limits = found.left();
        let mut reader = TableReader::new(&limits, layouts, Some(sheet.name));
        for (row, cells) in sheet.rows {
            reader.row(u64::from(row) + 1, &texts(cells))?;
        }
        found.take(reader)?;
    }
    found.finish()
}

/// The first rows of every sheet.
pub(in super::super) fn peek(bytes: &[u8], limits: &Limits) -> Result<Vec<Peeked>, StatementError> {
    let mut found = Vec::new();
    for sheet in sheets(bytes, limits)? {
        let mut peeked = Peeked::new(Some(sheet.name));
        for (row, cells) in sheet.rows {
            if !peeked.row(u64::from(row) + 1, &texts(cells)) {
                break;
            }
        }
        found.push(peeked);
    }
    Ok(found)
}

fn sheets(bytes: &[u8], limits: &Limits) -> Result<Vec<Sheet>, StatementError> {
    workbook::xls(bytes, limits.max_bytes_unpacked).map_err(|fault| match fault {
        Fault::Broken => broken(),
        Fault::Large => {
            let what = ("单元格的字节数", "bytes of all cells");
            StatementError::over_limit(Place::File, what, limits.max_bytes_unpacked)
        }
    })
}

/// The cells of one row, each in its place.
fn texts(cells: impl IntoIterator<Item = (u16, Data)>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for (column, cell) in cells {
        let column = usize::from(column);
        if column < COLUMNS_MAX {
            texts.resize(texts.len().max(column + 1), String::new());
            texts[column] = text(cell);
        }
    }
    texts
}

/// A cell as text: numbers as decimals without an exponent, days and times as exports write them.
pub(super) fn text(cell: Data) -> String {
    match cell {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => decimal(number),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text,
        Data::Bool(flag) => flag.to_string(),
        Data::DateTime(at) => moment(&at),
        Data::Error(_) | Data::Empty => String::new(),
    }
}

fn broken() -> StatementError {
    StatementError::new(
        Place::File,
        "XLS",
        ("工作簿已损坏、不完整或受密码保护", "the workbook is broken, cut short or protected"),
        ("请另存为 xlsx 或 CSV 后重试", "save it again as xlsx or CSV"),
    )
}

/// A number as plain decimals. Spreadsheets keep fifteen digits; what lies beyond is noise of the binary form
/// (1234.5600000000001).
fn decimal(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    let shortest = number.to_string();
    let digits = shortest.bytes().filter(u8::is_ascii_digit).count();
    match shortest.find('.') {
        Some(point) if digits > 15 => {
            let whole = shortest[..point].trim_start_matches('-').len();
            let rounded = format!("{number:.*}", 15usize.saturating_sub(whole));
            rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => shortest,
    }
}

/// A moment as exports write it; midnight is a day only, and a moment before the first day is a time of day only.
fn moment(at: &ExcelDateTime) -> String {
    let serial = at.as_f64();
    // Beyond the year 9999 it is no moment.
    if !(0.0..2_958_466.0).contains(&serial) {
        return decimal(serial);
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    // Times are stored as fractions of a day, so 14:06:51 may come out as a hair less.
    let time = NaiveTime::from_hms_opt(hour.into(), minute.into(), second.into()).unwrap_or_default();
    let time = if milli >= 500 { time.overflowing_add_signed(TimeDelta::seconds(1)).0 } else { time };
    match (serial < 1.0, time == NaiveTime::MIN) {
        (true, _) => time.format("%H:%M:%S").to_string(),
        (false, true) => format!("{year:04}-{month:02}-{day:02}"),
        (false, false) => format!("{year:04}-{month:02}-{day:02} {}", time.format("%H:%M:%S")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_decimals_that_a_spreadsheet_shows() {
        for (number, expected) in [
            (4999.0, "4999"),
            (1234.56, "1234.56"),
            (0.1 + 0.2, "0.3"),
            (-1_234.560_000_000_000_1, "-1234.56"),
            (120_260_302_000_000.0, "120260302000000"),
            (f64::NAN, ""),
        ] {
            assert_eq!(decimal(number), expected);
        }
    }
}
