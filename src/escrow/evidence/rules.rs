//! Whether a file may be attached. Pure: told by its bytes.

use std::io::Cursor;

use memchr::memmem;
use zip::ZipArchive;

use super::model::FileKind;

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Empty,
    /// Larger than so many bytes.
    TooLarge(usize),
    /// None of the types that are taken.
    Type,
    /// Nobody could read it without its password.
    Encrypted,
    /// It ends before it is complete.
    CutOff,
    /// A workbook with programs in it.
    Macros,
}

impl Fault {
    /// Its name as a rule, and what is wrong with how to mend it: Chinese, English.
    pub fn words(self, name: &str) -> (&'static str, String, String) {
        let name = if name.is_empty() { "?" } else { name };
        match self {
            Fault::Empty => (
                "FILE-EMPTY",
                format!("“{name}”是空文件。请打开核对，重新导出再传。"),
                format!("“{name}” is empty. Open it, export it again and send that."),
            ),
            Fault::TooLarge(limit) => {
                let most = limit >> 20;
                (
                    "FILE-SIZE",
                    format!("“{name}”超过 {most} MB。请压缩图片、降低扫描分辨率，或分成几个文件。"),
                    format!("“{name}” is larger than {most} MB. Scan it at a lower resolution, or split it."),
                )
            }
            Fault::Type => (
                "FILE-TYPE",
                format!("“{name}”的内容不是 PDF、JPEG、PNG 或 XLSX。请导出为 PDF 再传；改扩展名没有用。"),
                format!("“{name}” holds no PDF, JPEG, PNG or XLSX. Export it as PDF; another ending does not help."),
            ),
            Fault::Encrypted => (
                "FILE-ENCRYPTED",
                format!("“{name}”设有密码，无法查看。请去掉密码再传。"),
                format!("“{name}” is protected by a password. Take the protection off and send it again."),
            ),
            Fault::CutOff => (
                "FILE-CUT-OFF",
                format!("“{name}”不完整或已损坏。请确认能打开，再传一次。"),
                format!("“{name}” is incomplete or damaged. Make sure that it opens, then send it again."),
            ),
            Fault::Macros => (
                "FILE-MACROS",
                format!("“{name}”带有宏。请另存为不带宏的 XLSX。"),
                format!("“{name}” holds macros. Save it as a workbook without them."),
            ),
        }
    }
}

/// What a file is; `size` is that of the file as it was sent, of which `bytes` are all where it is within `limit`.
pub fn kind_of(bytes: &[u8], size: usize, limit: usize) -> Result<FileKind, Fault> {
    if size == 0 {
        return Err(Fault::Empty);
    }
    if size > limit || bytes.len() != size {
        return Err(Fault::TooLarge(limit));
    }
    match infer::get(bytes).map(|found| found.mime_type()) {
        Some("application/pdf") => pdf(bytes),
        Some("image/jpeg") => whole(FileKind::Jpeg, bytes, &[0xff, 0xd9]),
        Some("image/png") => whole(FileKind::Png, bytes, b"IEND"),
        // Excel seals a workbook with a password into a container of the older format.
        Some("application/x-ole-storage") if memmem::find(bytes, &utf16("EncryptedPackage")).is_some() => {
            Err(Fault::Encrypted)
        }
        _ if bytes.starts_with(b"PK\x03\x04") => workbook(bytes),
        _ if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
            && memmem::find(bytes, &utf16("EncryptedPackage")).is_some() =>
        {
            Err(Fault::Encrypted)
        }
        _ => Err(Fault::Type),
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn whole(kind: FileKind, bytes: &[u8], end: &[u8]) -> Result<FileKind, Fault> {
    if memmem::rfind(bytes, end).is_some() { Ok(kind) } else { Err(Fault::CutOff) }
}

/// How far from its end a document may say that it ends: some programs write on behind it.
const PDF_TAIL: usize = 4096;

fn pdf(bytes: &[u8]) -> Result<FileKind, Fault> {
    let tail = &bytes[bytes.len().saturating_sub(PDF_TAIL)..];
    if memmem::rfind(tail, b"%%EOF").is_none() {
        return Err(Fault::CutOff);
    }
    if memmem::find_iter(bytes, b"/Encrypt").any(|at| names_a_dictionary(&bytes[at + b"/Encrypt".len()..])) {
        return Err(Fault::Encrypted);
    }
    Ok(FileKind::Pdf)
}

/// Whether a reference such as ` 12 0 R`, or a dictionary, follows.
fn names_a_dictionary(after: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&after[..after.len().min(40)]).into_owned();
    let text = head.trim_start();
    if text.starts_with("<<") {
        return true;
    }
    let mut words = text.split_ascii_whitespace();
    let number = |word: Option<&str>| word.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    head.starts_with([' ', '\r', '\n', '\t'])
        && number(words.next())
        && number(words.next())
        && words.next().is_some_and(|word| word.starts_with('R'))
}

/// Members that a workbook may have.
const MEMBERS_MAX: usize = 10_000;

fn workbook(bytes: &[u8]) -> Result<FileKind, Fault> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Err(Fault::CutOff) };
    if archive.len() > MEMBERS_MAX {
        return Err(Fault::Type);
    }
    let named = archive.file_names().map(|name| name.map(|name| name.to_ascii_lowercase()));
    let Ok(names) = named.collect::<Result<Vec<String>, _>>() else { return Err(Fault::CutOff) };
    let has = |name: &str| names.iter().any(|known| known == name);
    if !has("[content_types].xml") || !has("xl/workbook.xml") {
        return Err(Fault::Type);
    }
    if names.iter().any(|name| name.ends_with("vbaproject.bin")) {
        return Err(Fault::Macros);
    }
    for index in 0..archive.len() {
        match archive.by_index_raw(index) {
            Ok(member) if member.encrypted() => return Err(Fault::Encrypted),
            Ok(_) => {}
            Err(_) => return Err(Fault::CutOff),
        }
    }
    Ok(FileKind::Xlsx)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LIMIT: usize = 1 << 20;
    const PDF: &[u8] = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

    fn archive(members: &[&str]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(b"<x/>").unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn told(bytes: &[u8]) -> Result<FileKind, Fault> {
        kind_of(bytes, bytes.len(), LIMIT)
    }

    #[test]
    fn a_file_is_told_by_what_it_holds() {
        let sheet = ["[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"];
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR....\0\0\0\0IEND\xaeB`\x82";
        let mut ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        ole.resize(600, 0);
        let mut sealed = ole.clone();
        sealed.extend(utf16("EncryptedPackage"));
        let locked = b"%PDF-1.7\ntrailer<</Root 1 0 R/Encrypt 9 0 R>>\n%%EOF".as_slice();
        let locked_within = b"%PDF-1.7\ntrailer<</Encrypt <</V 2>> >>\n%%EOF".as_slice();
        let about = b"%PDF-1.7\n(how to /Encrypt a file /EncryptMetadata true)\n%%EOF".as_slice();
        let with_macros = [&sheet[..], &["xl/vbaProject.bin"]].concat();
        for (case, bytes, expected) in [
            ("a document", PDF, Ok(FileKind::Pdf)),
            ("a document that speaks of encryption", about, Ok(FileKind::Pdf)),
            ("a document with a password", locked, Err(Fault::Encrypted)),
            ("the same, within", locked_within, Err(Fault::Encrypted)),
            ("half a document", &PDF[..30], Err(Fault::CutOff)),
            ("a photograph", b"\xff\xd8\xff\xe0\0\x10JFIF\0....\xff\xd9", Ok(FileKind::Jpeg)),
            ("half a photograph", b"\xff\xd8\xff\xe0\0\x10JFIF\0....", Err(Fault::CutOff)),
            ("a picture", png, Ok(FileKind::Png)),
            ("half a picture", &png[..20], Err(Fault::CutOff)),
            ("a workbook", &archive(&sheet), Ok(FileKind::Xlsx)),
            ("a workbook with macros", &archive(&with_macros), Err(Fault::Macros)),
            ("a workbook with a password", &sealed, Err(Fault::Encrypted)),
            ("a workbook of the older format", &ole, Err(Fault::Type)),
            ("another archive", &archive(&["a.txt"]), Err(Fault::Type)),
            ("half an archive", &archive(&sheet)[..80], Err(Fault::CutOff)),
            ("a page", b"<!DOCTYPE html><script>alert(1)</script>", Err(Fault::Type)),
            ("a program", b"MZ\x90\0\x03\0\0\0", Err(Fault::Type)),
            ("a text that calls itself one", "PDF".as_bytes(), Err(Fault::Type)),
            ("nothing", b"", Err(Fault::Empty)),
        ] {
            assert_eq!(told(bytes), expected, "{case}");
        }
    }

    #[test]
    fn a_file_is_as_large_as_its_limit_at_most() {
        let mut large = PDF.to_vec();
        large.resize(LIMIT, b'\n');
        large[LIMIT - 6..].copy_from_slice(b"%%EOF\n");
        assert_eq!(told(&large), Ok(FileKind::Pdf));
        large.push(b'\n');
        assert_eq!(told(&large), Err(Fault::TooLarge(LIMIT)));
        assert_eq!(kind_of(&[], LIMIT + 1, LIMIT), Err(Fault::TooLarge(LIMIT)), "its bytes were let go");
    }
}
