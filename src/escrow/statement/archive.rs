//! Zip archives: workbooks are told from bundles of statements, and nothing is unpacked beyond the limits.

use std::{
    borrow::Cow,
    io::{BufReader, Cursor, Read},
};

use encoding_rs::GB18030;
use zip::ZipArchive;

use super::{
    error::{Place, StatementError},
    model::Limits,
};
use crate::kernel::workbook::{claims_what_it_holds, is_shared_strings};

/// What a zip is.
pub(super) enum Content {
    /// An XLSX workbook; everything in it has been unpacked once to see that it stays within the limits. With the bytes
    /// of its largest member.
    Workbook { largest: u64 },
    /// Files by name, in the order of the archive.
    Members(Vec<(String, Vec<u8>)>),
}

/// Whether a zip is a workbook, by its list of members alone.
pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    ZipArchive::new(Cursor::new(bytes)).is_ok_and(|zip| zip.index_for_name("[Content_Types].xml").is_some())
}

/// What the members of a zip say they unpack to.
pub(super) fn claimed_bytes(bytes: &[u8]) -> u64 {
    let Ok(mut zip) = ZipArchive::new(Cursor::new(bytes)) else { return 0 };
    (0..zip.len()).fold(0, |sum: u64, index| sum.saturating_add(zip.by_index_raw(index).map_or(0, |file| file.size())))
}

/// Opens a zip.
///
/// Fails on a broken, encrypted or empty archive, on more members or more unpacked bytes than allowed, and on a name
/// that cannot be told apart.
pub(super) fn open(bytes: &[u8], limits: &Limits) -> Result<Content, StatementError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error.to_string()))?;
    if archive.len() > limits.max_members {
        let what = ("压缩包成员数", "number of members");
        return Err(StatementError::over_limit(Place::File, what, limits.max_members));
    }
    let workbook = archive.index_for_name("[Content_Types].xml").is_some();
    let mut members = Vec::new();
    let mut left = limits.max_bytes_unpacked;
    let mut largest = 0;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|error| broken(&error.to_string()))?;
        if file.encrypted() {
            return Err(encrypted());
        }
        let name = member_name(file.name_raw());
        if file.is_dir() || (!workbook && is_litter(&name)) {
            continue;
        }
        let mut content = Vec::new();
        let mut limited = (&mut file).take(left.saturating_add(1));
        let read = if workbook {
            std::io::copy(&mut limited, &mut std::io::sink())
        } else {
            limited.read_to_end(&mut content).map(|count| count as u64)
        };
        let read = read.map_err(|error| StatementError { member: Some(name.clone()), ..broken(&error.to_string()) })?;
        left = left.checked_sub(read).ok_or_else(|| {
            let what = ("解压后的字节数", "unpacked bytes");
            StatementError::over_limit(Place::File, what, limits.max_bytes_unpacked)
        })?;
        largest = largest.max(read);
        drop(file);
        if workbook && is_shared_strings(&name) {
            let file = archive.by_index(index).map_err(|error| broken(&error.to_string()))?;
            if !claims_what_it_holds(BufReader::new(file.take(read)), read) {
                return Err(broken("more shared strings are claimed than there are"));
            }
        }
        members.push((name, content));
    }
    if workbook {
        return Ok(Content::Workbook { largest });
    }
    if members.is_empty() { Err(empty()) } else { Ok(Content::Members(members)) }
}

/// Chinese systems write names in GBK without saying so.
fn member_name(raw: &[u8]) -> String {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => GB18030.decode_without_bom_handling(raw).0,
    };
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect()
}

/// What operating systems add to archives.
fn is_litter(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.starts_with("__MACOSX/") || matches!(last, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

fn broken(what: &str) -> StatementError {
    StatementError::new(
        Place::File,
        "ZIP",
        (format!("压缩包已损坏（{what}）"), format!("the zip is broken ({what})")),
        ("请重新下载或重新打包", "download or pack it again"),
    )
}

fn encrypted() -> StatementError {
    StatementError::new(
        Place::File,
        "ENCRYPTED",
        ("压缩包有密码", "the zip is encrypted"),
        ("请解压后上传其中的对账单", "unpack it and give the statements themselves"),
    )
}

fn empty() -> StatementError {
    StatementError::new(
        Place::File,
        "EMPTY",
        ("压缩包中没有文件", "the zip holds no file"),
        ("请把对账单放入压缩包", "put the statements into it"),
    )
}
