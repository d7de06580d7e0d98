//! CSV files in the encodings and with the separators that spreadsheet programs write.

use std::borrow::Cow;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::{
    error::{ImportError, Limits},
    header,
    table::{Gatherer, Sheet},
};

/// The file as one sheet, with the separator that yields the better header; the comma when none does. `named` counts the
/// columns that a header among the first rows names.
pub(super) fn sheets(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    named: impl Fn(&[(u32, Vec<String>)]) -> usize,
) -> Result<Vec<Sheet>, ImportError> {
    let text = decode(bytes)?;
    let start: String = text.trim_start().chars().take(64).flat_map(char::to_lowercase).collect();
    if text.contains('\0')
        || ["<html", "<!doctype", "<?xml", "<table", "%pdf", "{"].iter().any(|s| start.starts_with(s))
    {
        return Err(ImportError::Unreadable { cause: format!("{file_name}: neither a workbook nor a table of text") });
    }
    // Before the rows are taken apart: every separator of a row costs eight bytes there.
    let row_bytes_max = limits.columns.saturating_mul(4 * limits.cell_chars + 3);
    if let Some((_, row)) = text.split(['\n', '\r']).zip(1..).find(|(line, _)| line.len() > row_bytes_max) {
        return Err(ImportError::TooManyColumns { row, limit: limits.columns });
    }
    // Only the head of the file is tried, so that a large file is not taken apart four times.
    let head_end = text.match_indices('\n').nth(header::HEADER_WITHIN * 2).map_or(text.len(), |(at, _)| at + 1);
    let fields = |separator: u8| {
        let head = rows(&text[..head_end], separator, limits).ok();
        head.map_or(0, |sheet| named(&sheet.rows))
    };
    let mut separator = b',';
    for candidate in [b'\t', b';'] {
        if fields(candidate) > fields(separator) {
            separator = candidate;
        }
    }
    Ok(vec![rows(&text, separator, limits)?])
}

/// UTF-8 or UTF-16 by their mark, UTF-8 when valid, GB18030 (which includes GBK) otherwise.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ImportError> {
    let (encoding, body) = match bytes {
        [0xff, 0xfe, body @ ..] => (UTF_16LE, body),
        [0xfe, 0xff, body @ ..] => (UTF_16BE, body),
        _ => {
            let body = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
            match std::str::from_utf8(body) {
                Ok(text) => return Ok(Cow::Borrowed(text)),
                Err(error) if body.len() < bytes.len() || mostly_utf8(body) => {
                    return Err(ImportError::Encoding { line: line_of(body, error.valid_up_to()) });
                }
                Err(_) => (GB18030, body),
            }
        }
    };
    encoding.decode_without_bom_handling_and_without_replacement(body).ok_or_else(|| {
        // Decoding line by line finds the first that cannot be read.
        let bad = |line: &[u8]| encoding.decode_without_bom_handling_and_without_replacement(line).is_none();
        let line = body.split(|byte| *byte == b'\n').position(bad).map_or(1, |index| index + 1);
        ImportError::Encoding { line }
    })
}

/// Whether a text that is not valid UTF-8 was meant to be: far more of its Chinese is valid than by chance.
fn mostly_utf8(body: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in body.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| ('\u{3000}'..='\u{ffef}').contains(c)).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > 8 * bad
}

fn line_of(body: &[u8], at: usize) -> usize {
    body[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn rows(text: &str, separator: u8, limits: &Limits) -> Result<Sheet, ImportError> {
    let mut gatherer = Gatherer::new(limits);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut number = 0;
    loop {
        let mut start = position(&reader);
        // Of a line end of two characters the reader has taken the first only.
        if text[..start].ends_with('\r') && text[start..].starts_with('\n') {
            start += 1;
        }
        let more = reader
            .read_record(&mut record)
            .map_err(|error| ImportError::Unreadable { cause: format!("CSV: {error}") })?;
        if !more {
            break;
        }
        // The reader passes over empty lines; a spreadsheet counts them.
        number += 1 + empty_lines(&text[start..]);
        let raw = &text[start..position(&reader)];
        if raw.trim().contains('\n') && raw.matches('"').count() % 2 == 1 {
            return Err(ImportError::UnclosedQuote { row: number });
        }
        for (column, cell) in record.iter().enumerate() {
            gatherer.put(number, column, cell)?;
        }
    }
    Ok(gatherer.sheet(""))
}

fn position(reader: &csv::Reader<&[u8]>) -> usize {
    usize::try_from(reader.position().byte()).unwrap_or(usize::MAX)
}

/// How many empty lines a text begins with.
fn empty_lines(text: &str) -> u32 {
    let mut lines = 0;
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])) {
        lines += 1;
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str, separator: u8) -> Vec<(u32, Vec<String>)> {
        rows(text, separator, &Limits::default()).unwrap().rows
    }

    #[test]
    fn rows_count_as_a_spreadsheet_counts() {
        for text in ["甲,1\n\n\"乙\n丙\",2\n,\n丁,3\n", "甲,1\r\n\r\n\"乙\n丙\",2\r\n,\r\n丁,3"] {
            let counted: Vec<(u32, String)> =
                numbers(text, b',').into_iter().map(|(number, cells)| (number, cells[0].clone())).collect();
            assert_eq!(counted, [(1, "甲".to_owned()), (3, "乙\n丙".to_owned()), (5, "丁".to_owned())], "{text:?}");
        }
        assert_eq!(numbers("\n\n甲\n", b',')[0].0, 3);
    }

    #[test]
    fn a_quotation_mark_left_open_is_told_and_one_inside_a_cell_is_not() {
        for text in ["甲,1\n\"乙,2\n丙,3\n丁,4", "甲,1\n\"乙,2\n丙,3\n"] {
            let open = rows(text, b',', &Limits::default());
            assert_eq!(open.err(), Some(ImportError::UnclosedQuote { row: 2 }), "{text:?}");
        }
        assert_eq!(numbers("甲,3\" 屏\n乙,2\n", b',').len(), 2);
    }
}
