//! Tables as text: commas, tabs, bars or semicolons between the cells.

use super::{
    super::{
        error::{Place, StatementError},
        model::{Format, Limits},
        settle::Draft,
    },
    COLUMNS_MAX, TableReader,
    columns::Columns,
    no_header, records,
};

/// Lines that are looked through for a header; wallets put some thirty lines before theirs.
const HEADER_WITHIN: usize = 200;

/// Reads a text table. The format is `csv` for commas and semicolons, else `txt`.
///
/// Fails when no header row is found, and on a row whose amount, direction or date cannot be read.
pub(in super::super) fn read(text: &str, limits: &Limits) -> Result<(Format, Vec<Draft>), StatementError> {
    if records::looks_like(text) {
        return Ok((Format::Txt, records::read(text, limits)?));
    }
    let row_bytes_max = limits.max_field_bytes.saturating_mul(64);
    let too_long =
        |line| StatementError::over_limit(Place::Line(line), ("一行的字节数", "bytes of one row"), row_bytes_max);
    // Before the rows are taken apart: every comma of a row costs eight bytes there.
    if let Some((_, line)) = text.split('\n').zip(1..).find(|(line, _)| line.len() > row_bytes_max) {
        return Err(too_long(line));
    }
    let delimiter = delimiter(text).ok_or_else(no_header)?;
    let mut reader = TableReader::new(limits, None);
    let mut source = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // A bar or a tab is never quoted away, and a stray quote must not swallow the rest of the file.
        .quoting(matches!(delimiter, b',' | b';'))
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        match source.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(unreadable(&error)),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.as_slice().len() > row_bytes_max {
            return Err(too_long(line));
        }
        let cells: Vec<&str> = record.iter().take(COLUMNS_MAX).collect();
        reader.row(line, &cells)?;
    }
    if !reader.is_table() {
        return Err(no_header());
    }
    let format = if matches!(delimiter, b',' | b';') { Format::Csv } else { Format::Txt };
    Ok((format, reader.finish()?))
}

/// The delimiter under which some early line is the header with most known columns.
fn delimiter(text: &str) -> Option<u8> {
    [b',', b'\t', b'|', b';']
        .into_iter()
        .filter_map(|delimiter| {
            let known = text.lines().take(HEADER_WITHIN).filter_map(|line| {
                let cells: Vec<&str> =
                    line.split(char::from(delimiter)).take(100).map(|cell| cell.trim_matches('"')).collect();
                Columns::of(&cells).map(|columns| columns.len())
            });
            known.max().map(|known| (known, delimiter))
        })
        // The first of equals: a comma.
        .rev()
        .max_by_key(|(known, _)| *known)
        .map(|(_, delimiter)| delimiter)
}

fn unreadable(error: &csv::Error) -> StatementError {
    let line = error.position().map_or(1, csv::Position::line);
    StatementError::new(
        Place::Line(line),
        "CSV",
        ("无法读取该行".to_owned(), format!("the line cannot be read ({error})")),
        ("请重新导出该文件", "export the file again"),
    )
}
