//! XLS workbooks (BIFF5, BIFF8): the cells of their sheets, row by row.
//!
//! Read here and not by a library that lays a sheet out as a grid and believes what a file claims: a few bytes could
//! claim four billion cells. Records that are shorter than they must be are refused; formulas count with the value that
//! was saved.

use std::collections::BTreeMap;

use calamine::{Data, ExcelDateTime, ExcelDateTimeType};
use encoding_rs::{Encoding, GBK, UTF_16LE, WINDOWS_1252};

use super::compound::{self, Broken, u16_at, u32_at};

/// A sheet's cells by row and column, both from 0.
pub struct Sheet {
    pub name: String,
    pub rows: BTreeMap<u16, BTreeMap<u16, Data>>,
}

/// A record: its kind and its parts, of which all but the first stood in CONTINUE records.
struct Record<'a> {
    kind: u16,
    parts: Vec<&'a [u8]>,
}

impl<'a> Record<'a> {
    fn body(&self) -> &'a [u8] {
        self.parts.first().copied().unwrap_or_default()
    }
}

const CONTINUE: u16 = 0x003C;

/// Reads the record at `at` and the place after it; `None` at the end of the stream.
fn record(stream: &[u8], at: usize) -> Result<Option<(Record<'_>, usize)>, Broken> {
    if at + 4 > stream.len() {
        return Ok(None);
    }
    let kind = u16_at(stream, at)?;
    let mut parts = Vec::new();
    let mut next = at;
    loop {
        let length = usize::from(u16_at(stream, next + 2)?);
        parts.push(stream.get(next + 4..next + 4 + length).ok_or(Broken)?);
        next += 4 + length;
        if next + 4 > stream.len() || u16_at(stream, next)? != CONTINUE {
            return Ok(Some((Record { kind, parts }, next)));
        }
    }
}

/// What the workbook's globals say.
#[derive(Default)]
struct Globals {
    sheets: Vec<(usize, String)>,
    strings: Vec<String>,
    /// Whether each cell format shows a date.
    dates: Vec<bool>,
    since_1904: bool,
    /// Unicode strings (BIFF8), else one code page.
    unicode: bool,
    code_page: Option<&'static Encoding>,
}

/// Why a stream cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Damaged, cut short or protected by a password.
    Broken,
    /// Its cells take up more than they may.
    Large,
}

impl From<Broken> for Fault {
    fn from(_: Broken) -> Fault {
        Fault::Broken
    }
}

/// What a cell costs besides its text, and what a row costs besides its cells.
pub const CELL_BYTES: u64 = 64;
const ROW_BYTES: u64 = 400;

/// Reads the worksheets of an XLS workbook. `bytes_max` bounds what all of them take up, [`CELL_BYTES`] a cell and its
/// text, and some hundred a row: ten bytes of a file suffice to name a text of 60,000 once more, and a sheet may be
/// listed many times.
pub fn xls(bytes: &[u8], bytes_max: u64) -> Result<Vec<Sheet>, Fault> {
    let stream = compound::stream(bytes, &["Workbook", "Book"])?;
    let globals = globals(&stream)?;
    let mut left = bytes_max;
    globals.sheets.iter().map(|(at, name)| sheet(&stream, *at, name, &globals, &mut left)).collect()
}

fn globals(stream: &[u8]) -> Result<Globals, Broken> {
    let mut globals = Globals { code_page: Some(GBK), ..Globals::default() };
    let mut custom: BTreeMap<u16, bool> = BTreeMap::new();
    let mut formats: Vec<u16> = Vec::new();
    let mut at = 0;
    while let Some((record, next)) = record(stream, at)? {
        at = next;
        let body = record.body();
        match record.kind {
            0x0809 => globals.unicode = u16_at(body, 0)? >= 0x0600,
            0x0042 if u16_at(body, 0)? == 1252 => globals.code_page = Some(WINDOWS_1252),
            0x0022 => globals.since_1904 = u16_at(body, 0)? == 1,
            0x002F => return Err(Broken),
            0x0085 => {
                let place = u32_at(body, 0)? as usize;
                let is_sheet = *body.get(5).ok_or(Broken)? == 0;
                let name = short_string(body.get(6..).ok_or(Broken)?, &globals)?;
                if is_sheet {
                    globals.sheets.push((place, name));
                }
            }
            0x041E => {
                let pattern = if globals.unicode {
                    long_string(body.get(2..).ok_or(Broken)?)?
                } else {
                    short_string(body.get(2..).ok_or(Broken)?, &globals)?
                };
                custom.insert(u16_at(body, 0)?, shows_date(&pattern));
            }
            0x00E0 => formats.push(u16_at(body, 2)?),
            0x00FC => globals.strings = shared_strings(&record)?,
            0x000A => break,
            _ => {}
        }
    }
    let builtin = |format: u16| matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58);
    globals.dates =
        formats.iter().map(|format| custom.get(format).copied().unwrap_or_else(|| builtin(*format))).collect();
    Ok(globals)
}

/// Whether a number format is of a day or a time: it has such letters outside quotes and brackets.
fn shows_date(pattern: &str) -> bool {
    let mut hidden = false;
    pattern.chars().any(|c| {
        match c {
            '"' => hidden = !hidden,
            '[' => hidden = true,
            ']' => hidden = false,
            _ => {}
        }
        !hidden && matches!(c, 'y' | 'Y' | 'd' | 'D' | 'h' | 'H' | '年' | '月' | '日')
    })
}

fn sheet(stream: &[u8], at: usize, name: &str, globals: &Globals, left: &mut u64) -> Result<Sheet, Fault> {
    let mut sheet = Sheet { name: name.to_owned(), rows: BTreeMap::new() };
    let mut at = at;
    let mut depth = 0u32;
    let mut formula = (0, 0);
    while let Some((record, next)) = record(stream, at)? {
        at = next;
        let body = record.body();
        // Records without cells count a little, and so does each part of one, so that a sheet listed a million times ends.
        *left = left.checked_sub(record.parts.len() as u64).ok_or(Fault::Large)?;
        match record.kind {
            0x0809 => depth += 1,
            0x000A if depth <= 1 => break,
            0x000A => depth -= 1,
            // An embedded chart has cells of its own.
            _ if depth > 1 => {}
            0x00FD => {
                let text = globals.strings.get(u32_at(body, 6)? as usize).cloned().unwrap_or_default();
                sheet.put(position(body)?, Data::String(text), left)?;
            }
            0x0203 => sheet.put(position(body)?, number(f64_at(body, 6)?, u16_at(body, 4)?, globals), left)?,
            0x027E => sheet.put(position(body)?, number(rk(u32_at(body, 6)?), u16_at(body, 4)?, globals), left)?,
            0x00BD => {
                let (row, first) = position(body)?;
                let cells = body.get(4..body.len().saturating_sub(2)).ok_or(Broken)?;
                for (column, cell) in (first..=u16::MAX).zip(cells.as_chunks::<6>().0) {
                    sheet.put((row, column), number(rk(u32_at(cell, 2)?), u16_at(cell, 0)?, globals), left)?;
                }
            }
            0x0204 | 0x00D6 => {
                let text = long_text(body.get(6..).ok_or(Broken)?, globals)?;
                sheet.put(position(body)?, Data::String(text), left)?;
            }
            0x0205 => {
                let value = *body.get(6).ok_or(Broken)?;
                let cell = if *body.get(7).ok_or(Broken)? == 0 { Data::Bool(value != 0) } else { fault(value) };
                sheet.put(position(body)?, cell, left)?;
            }
            0x0006 => {
                formula = position(body)?;
                // Two bytes FF FF mark a value that is no number: a text that follows, a truth value or an error.
                match (u16_at(body, 12)?, *body.get(6).ok_or(Broken)?, *body.get(8).ok_or(Broken)?) {
                    (0xFFFF, 1, value) => sheet.put(formula, Data::Bool(value != 0), left)?,
                    (0xFFFF, 2, value) => sheet.put(formula, fault(value), left)?,
                    (0xFFFF, ..) => {}
                    _ => sheet.put(formula, number(f64_at(body, 6)?, u16_at(body, 4)?, globals), left)?,
                }
            }
            0x0207 => sheet.put(formula, Data::String(long_text(body, globals)?), left)?,
            _ => {}
        }
    }
    Ok(sheet)
}

impl Sheet {
    fn put(&mut self, (row, column): (u16, u16), cell: Data, left: &mut u64) -> Result<(), Fault> {
        let text = if let Data::String(text) = &cell { text.len() } else { 0 };
        let row_bytes = if self.rows.contains_key(&row) { 0 } else { ROW_BYTES };
        *left = left.checked_sub(row_bytes + CELL_BYTES + text as u64).ok_or(Fault::Large)?;
        self.rows.entry(row).or_default().insert(column, cell);
        Ok(())
    }
}

fn position(body: &[u8]) -> Result<(u16, u16), Broken> {
    Ok((u16_at(body, 0)?, u16_at(body, 2)?))
}

fn f64_at(body: &[u8], at: usize) -> Result<f64, Broken> {
    let bytes = body.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or(Broken)?;
    Ok(f64::from_le_bytes(bytes))
}

/// The packed number form: an integer of 30 bits or the upper half of a double, perhaps times a hundred.
fn rk(packed: u32) -> f64 {
    let value = if packed & 2 != 0 {
        f64::from(packed.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(packed & !3) << 32)
    };
    if packed & 1 != 0 { value / 100.0 } else { value }
}

fn number(value: f64, format: u16, globals: &Globals) -> Data {
    if globals.dates.get(usize::from(format)).copied().unwrap_or(false) {
        return Data::DateTime(ExcelDateTime::new(value, ExcelDateTimeType::DateTime, globals.since_1904));
    }
    Data::Float(value)
}

/// The value of a formula that could not be worked out.
fn fault(code: u8) -> Data {
    use calamine::CellErrorType::{Div0, NA, Name, Null, Num, Ref, Value};
    Data::Error(match code {
        0x00 => Null,
        0x07 => Div0,
        0x17 => Ref,
        0x1D => Name,
        0x24 => Num,
        0x2A => NA,
        _ => Value,
    })
}

/// A string with a one-byte length.
fn short_string(body: &[u8], globals: &Globals) -> Result<String, Broken> {
    let count = usize::from(*body.first().ok_or(Broken)?);
    if globals.unicode { characters(body.get(1..).ok_or(Broken)?, count) } else { coded(body, 1, count, globals) }
}

/// A string with a two-byte length.
fn long_text(body: &[u8], globals: &Globals) -> Result<String, Broken> {
    if globals.unicode { long_string(body) } else { coded(body, 2, usize::from(u16_at(body, 0)?), globals) }
}

/// A Unicode string with a two-byte length.
fn long_string(body: &[u8]) -> Result<String, Broken> {
    characters(body.get(2..).ok_or(Broken)?, usize::from(u16_at(body, 0)?))
}

/// A flag byte, then `count` characters of one or two bytes.
fn characters(body: &[u8], count: usize) -> Result<String, Broken> {
    let wide = *body.first().ok_or(Broken)? & 1 != 0;
    let bytes = body.get(1..1 + if wide { 2 * count } else { count }).ok_or(Broken)?;
    Ok(decoded(bytes, wide))
}

fn coded(body: &[u8], from: usize, count: usize, globals: &Globals) -> Result<String, Broken> {
    let bytes = body.get(from..from + count).ok_or(Broken)?;
    Ok(globals.code_page.unwrap_or(GBK).decode_without_bom_handling(bytes).0.into_owned())
}

fn decoded(bytes: &[u8], wide: bool) -> String {
    if wide {
        UTF_16LE.decode_without_bom_handling(bytes).0.into_owned()
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }
}

/// The shared strings. One may be cut by the end of a record: its characters then go on in the next, after a new flag
/// byte; its formatting runs go on without one.
fn shared_strings(record: &Record<'_>) -> Result<Vec<String>, Broken> {
    let mut parts = Parts { parts: &record.parts, part: 0, at: 8 };
    let count = u32_at(record.body(), 4)? as usize;
    let mut strings = Vec::with_capacity(count.min(1 << 16));
    for _ in 0..count {
        let characters = usize::from(u16::from_le_bytes([parts.byte()?, parts.byte()?]));
        let flags = parts.byte()?;
        let mut extra = 0;
        if flags & 8 != 0 {
            extra += 4 * usize::from(u16::from_le_bytes([parts.byte()?, parts.byte()?]));
        }
        if flags & 4 != 0 {
            let size = [parts.byte()?, parts.byte()?, parts.byte()?, parts.byte()?];
            extra += u32::from_le_bytes(size) as usize;
        }
        strings.push(parts.characters(characters, flags & 1 != 0)?);
        parts.pass(extra)?;
    }
    Ok(strings)
}

struct Parts<'a> {
    parts: &'a [&'a [u8]],
    part: usize,
    at: usize,
}

impl Parts<'_> {
    fn rest(&self) -> &[u8] {
        self.parts.get(self.part).and_then(|part| part.get(self.at..)).unwrap_or_default()
    }

    fn next_part(&mut self) -> Result<(), Broken> {
        self.part += 1;
        self.at = 0;
        if self.part < self.parts.len() { Ok(()) } else { Err(Broken) }
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        while self.rest().is_empty() {
            self.next_part()?;
        }
        let byte = self.rest()[0];
        self.at += 1;
        Ok(byte)
    }

    fn characters(&mut self, count: usize, wide: bool) -> Result<String, Broken> {
        let (mut left, mut wide) = (count, wide);
        let mut text = String::new();
        while left > 0 {
            if self.rest().is_empty() {
                self.next_part()?;
                wide = self.byte()? & 1 != 0;
            }
            let width = if wide { 2 } else { 1 };
            let here = left.min(self.rest().len() / width);
            if here == 0 {
                return Err(Broken);
            }
            text.push_str(&decoded(&self.rest()[..here * width], wide));
            self.at += here * width;
            left -= here;
        }
        Ok(text)
    }

    fn pass(&mut self, bytes: usize) -> Result<(), Broken> {
        let mut left = bytes;
        while left > 0 {
            if self.rest().is_empty() {
                self.next_part()?;
            }
            let here = left.min(self.rest().len());
            self.at += here;
            left -= here;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_string_goes_on_in_the_next_record() {
        let mut first = vec![2, 0, 0, 0, 2, 0, 0, 0];
        first.extend([4, 0, 0, b'a', b'b']);
        let second = [1, 0x59, 0x4F, 0x9D, 0x98, 1, 0, 0, b'z'];
        let record = Record { kind: 0x00FC, parts: vec![&first, &second] };
        assert_eq!(shared_strings(&record), Ok(vec!["ab余额".to_owned(), "z".to_owned()]));
        let cut = Record { kind: 0x00FC, parts: vec![&first] };
        assert_eq!(shared_strings(&cut), Err(Broken));
    }

    #[test]
    fn truth_values_and_errors_are_cells_whether_written_or_worked_out() {
        let record = |kind: u16, body: &[u8]| {
            [&kind.to_le_bytes()[..], &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
        };
        let written = |column: u8, value: u8, is_error: u8| record(0x0205, &[0, 0, column, 0, 0, 0, value, is_error]);
        let formula =
            |column: u8, result: [u8; 8]| record(0x0006, &[&[0, 0, column, 0, 0, 0][..], &result, &[0; 8]].concat());
        let stream = [
            written(0, 1, 0),
            written(1, 0x2A, 1),
            formula(2, [1, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            formula(3, [2, 0, 7, 0, 0, 0, 0xFF, 0xFF]),
            formula(4, [0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            record(0x0207, &[1, 0, 0, b'x']),
            formula(5, 2.5f64.to_le_bytes()),
        ]
        .concat();
        let globals = Globals { unicode: true, ..Globals::default() };
        let sheet = sheet(&stream, 0, "A", &globals, &mut 10_000).unwrap();
        let cells: Vec<String> = sheet.rows[&0].values().map(ToString::to_string).collect();
        assert_eq!(cells, ["true", "#N/A", "false", "#DIV/0!", "x", "2.5"]);
    }

    #[test]
    fn packed_numbers_and_date_formats_are_understood() {
        assert_eq!(rk((123_456 << 2) | 3), 1234.56);
        assert_eq!(rk(((-5i32 << 2) | 2).cast_unsigned()), -5.0);
        for (pattern, expected) in [
            ("yyyy-mm-dd", true),
            ("#,##0.00", false),
            ("[Red]0.00", false),
            ("yyyy\"年\"m\"月\"", true),
            ("\"day\"0", false),
        ] {
            assert_eq!(shows_date(pattern), expected, "{pattern}");
        }
    }
}
