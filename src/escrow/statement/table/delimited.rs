//! Tables as text: commas, tabs, bars or semicolons between the cells.

use super::{
    super::{
        error::{Place, StatementError},
        layout::Layout,
        model::{Format, Limits},
        settle::Draft,
    },
    COLUMNS_MAX, TableReader,
    columns::Columns,
    no_header,
    peek::{PEEK_ROWS, Peeked},
    records,
};

/// Lines that are looked through for a header; wallets put some thirty lines before theirs.
pub(super) const HEADER_WITHIN: usize = 200;

/// Reads a text table. The format is `csv` for commas and semicolons, else `txt`.
///
/// Fails when no header row is found, and on a row whose amount, direction or date cannot be read.
pub(in super::super) fn read(
    text: &str,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<(Format, Vec<Draft>), StatementError> {
    if records::looks_like(text) {
        return Ok((Format::Txt, records::read(text, limits)?));
    }
    check_rows(text, limits)?;
    let delimiter = delimiter(text, layouts).ok_or_else(|| no_header(Place::File))?;
    let mut reader = TableReader::new(limits, layouts, None);
    each_row(text, delimiter, limits, |line, cells| reader.row(line, cells).map(|()| true))?;
    if !reader.is_table() {
        return Err(no_header(Place::File));
    }
    let format = if matches!(delimiter, b',' | b';') { Format::Csv } else { Format::Txt };
    Ok((format, reader.finish()?))
}

/// The first rows, whether any of them is a known header or not.
pub(in super::super) fn peek(text: &str, limits: &Limits) -> Result<Vec<Peeked>, StatementError> {
    check_rows(text, limits)?;
    let Some(delimiter) =
        delimiter(text, &[]).or_else(|| likely_delimiter(text)).filter(|_| !records::looks_like(text))
    else {
        return Ok(Vec::new());
    };
    let mut peeked = Peeked::new(None);
    each_row(text, delimiter, limits, |line, cells| Ok(peeked.row(line, cells)))?;
    Ok(vec![peeked])
}

fn row_bytes_max(limits: &Limits) -> usize {
    limits.max_field_bytes.saturating_mul(64)
}

fn too_long(line: u64, limits: &Limits) -> StatementError {
    StatementError::over_limit(Place::Line(line), ("一行的字节数", "bytes of one row"), row_bytes_max(limits))
}

/// Before the rows are taken apart: every comma of a row costs eight bytes there.
fn check_rows(text: &str, limits: &Limits) -> Result<(), StatementError> {
    let long = text.split('\n').zip(1..).find(|(line, _)| line.len() > row_bytes_max(limits));
    long.map_or(Ok(()), |(_, line)| Err(too_long(line, limits)))
}

/// Hands over the rows, each with its line, until `take` has had enough.
pub(super) fn each_row(
    text: &str,
    delimiter: u8,
    limits: &Limits,
    mut take: impl FnMut(u64, &[&str]) -> Result<bool, StatementError>,
) -> Result<(), StatementError> {
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
            Ok(false) => return Ok(()),
            Err(error) => return Err(unreadable(&error)),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.as_slice().len() > row_bytes_max(limits) {
            return Err(too_long(line, limits));
        }
        let cells: Vec<&str> = record.iter().take(COLUMNS_MAX).collect();
        if !take(line, &cells)? {
            return Ok(());
        }
    }
}

const DELIMITERS: [u8; 4] = [b',', b'\t', b'|', b';'];

/// The delimiter that most of the early lines agree on.
fn likely_delimiter(text: &str) -> Option<u8> {
    let agreeing = |delimiter: u8| {
        let counts: Vec<usize> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .take(PEEK_ROWS)
            .map(|line| line.split(char::from(delimiter)).take(COLUMNS_MAX).count())
            .filter(|cells| *cells >= 3)
            .collect();
        counts.iter().map(|cells| counts.iter().filter(|other| *other == cells).count() * cells).max().unwrap_or(0)
    };
    // The first of equals: a comma.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| agreeing(*delimiter)).filter(|best| agreeing(*best) > 0)
}

/// The delimiter under which some early line is the header with most known columns.
pub(super) fn delimiter(text: &str, layouts: &[Layout]) -> Option<u8> {
    DELIMITERS
        .into_iter()
        .filter_map(|delimiter| {
            let known = text.lines().take(HEADER_WITHIN).filter_map(|line| {
                let cells: Vec<&str> =
                    line.split(char::from(delimiter)).take(100).map(|cell| cell.trim_matches('"')).collect();
                Columns::of(&cells, layouts).map(|columns| columns.len())
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
