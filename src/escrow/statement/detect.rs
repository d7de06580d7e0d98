//! What kind of file it is, by its content; the name only tells `csv` from `txt`.

use super::{
    camt,
    error::{Place, StatementError},
    layout::Layout,
    model::{Document, Format, Limits},
    mt940,
    settle::{Draft, settle},
    table, text,
};

/// Whether the bytes are a zip archive.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Whether the bytes are an old Office file.
pub(super) fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0])
}

/// Reads one file that is no archive of statements; for a checked XLSX `workbook` is the size of its largest member.
pub(super) fn document(
    name: &str,
    bytes: &[u8],
    wanted: Option<Format>,
    workbook: Option<u64>,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<Document, StatementError> {
    if bytes.len() as u64 > limits.max_bytes_unpacked {
        return Err(StatementError::too_many_bytes(limits.max_bytes_unpacked));
    }
    let of_sheets = |format, (drafts, unread)| (format, None, drafts, unread);
    let (found, version, drafts, unread) = if let Some(largest) = workbook {
        of_sheets(Format::Xlsx, table::read_xlsx(bytes, largest, layouts, limits)?)
    } else if is_compound(bytes) {
        of_sheets(Format::Xls, table::read_xls(bytes, layouts, limits)?)
    } else {
        let (format, version, drafts) = written(name, bytes, wanted, layouts, limits)?;
        (format, version, drafts, Vec::new())
    };
    let format = agreed(found, wanted)?;
    Ok(Document { member: None, format, version, statements: settle(drafts), unread })
}

type Reading = (Format, Option<String>, Vec<Draft>);

/// Reads a file that is text.
fn written(
    name: &str,
    bytes: &[u8],
    wanted: Option<Format>,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<Reading, StatementError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(StatementError::new(
            Place::File,
            "EMPTY",
            ("文件是空的", "the file is empty"),
            ("请重新导出对账单", "export the statement again"),
        ));
    }
    if looks_like_xml(bytes) {
        let message = camt::read(&text::decode_xml(bytes)?, limits)?;
        return Ok((message.format, message.version, message.drafts));
    }
    let swift_wanted = matches!(wanted, Some(Format::Mt940 | Format::Mt942));
    let (content, guessed) = text::decode(bytes, true)?;
    if swift_wanted || (wanted.is_none() && mt940::looks_like(&content)) {
        let mut message = mt940::read(&content, limits)?;
        if let Some(draft) = message.drafts.first_mut().filter(|_| guessed) {
            draft.statement.note(
                Place::File,
                "ENCODING_GUESSED",
                "文件既非 UTF-8 也非 GBK，按 Latin-1 读取。".to_owned(),
                "The file is neither UTF-8 nor GBK; it is read as Latin-1.".to_owned(),
            );
        }
        return Ok((message.format, None, message.drafts));
    }
    let content = if guessed { text::decode(bytes, false)?.0 } else { content };
    let (format, drafts) = table::read_text(&content, layouts, limits)?;
    let lower = name.to_ascii_lowercase();
    let format = match format {
        Format::Txt if lower.ends_with(".csv") => Format::Csv,
        Format::Csv if lower.ends_with(".txt") => Format::Txt,
        other => other,
    };
    Ok((format, None, drafts))
}

/// Whether the bytes begin as XML does, be it UTF-16.
pub fn looks_like_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match bytes {
        // UTF-16 of `<`, after its mark.
        [0xFF, 0xFE, b'<', 0, ..] | [0xFE, 0xFF, 0, b'<', ..] => true,
        _ => bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<'),
    }
}

/// The format that was asked for, when the file can be it.
fn agreed(found: Format, wanted: Option<Format>) -> Result<Format, StatementError> {
    let family = |format: Format| match format {
        Format::Mt940 | Format::Mt942 => 1,
        Format::Csv | Format::Txt => 2,
        Format::Xls => 3,
        Format::Xlsx => 4,
        Format::Camt052 => 5,
        Format::Camt053 => 6,
        Format::Camt054 => 7,
    };
    match wanted {
        Some(wanted) if family(wanted) != family(found) => Err(StatementError::new(
            Place::File,
            "FORMAT",
            (format!("文件是 {found}，不是 {wanted}"), format!("the file is {found}, not {wanted}")),
            ("请不指定格式，或指定正确的格式", "leave the format out, or name the right one"),
        )),
        Some(wanted) => Ok(wanted),
        None => Ok(found),
    }
}
