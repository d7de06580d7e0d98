//! Files that are refused as a whole: within limits, in both languages, without harm.

use mingjian::institutions::import::{self, ImportError, Limits};
use proptest::prelude::*;

use crate::files::*;

fn code(bytes: &[u8], limits: &Limits) -> &'static str {
    match import::read("坏文件", bytes, region("331000"), limits) {
        Ok(reading) => panic!("read: {:?}", reading.header),
        Err(error) => {
            assert!(error.message_zh().contains(['请', '；']) && error.message_en().contains("; "), "{error}");
            error.code()
        }
    }
}

#[test]
fn every_kind_of_bad_file_has_its_error() {
    let rows: [&[&str]; 3] = [&HEADER, &GOOD, &OTHER];
    let text = csv(&rows);
    let book = xlsx(&rows);
    let mut broken_utf8 = text.clone().into_bytes();
    let last = broken_utf8.len() - 30;
    broken_utf8[last] = 0xff;
    for (case, bytes, expected) in [
        ("nothing", vec![], "EMPTY"),
        ("blank lines", b"\r\n \n".to_vec(), "EMPTY"),
        ("only commas", b",,\n,,\n".to_vec(), "EMPTY"),
        ("a header alone", csv(&rows[..1]).into_bytes(), "EMPTY"),
        ("no header", csv(&rows[1..]).into_bytes(), "NO_HEADER"),
        ("no category", csv(&[&HEADER[..3], &GOOD[..3]]).into_bytes(), "MISSING_COLUMNS"),
        ("a torn character", broken_utf8, "ENCODING"),
        ("no known encoding", [b"\xff\xff\x80".as_slice(), text.as_bytes()].concat(), "ENCODING"),
        ("a page", b"<html><table><tr><td>1</td></tr></table></html>".to_vec(), "UNREADABLE"),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "UNREADABLE"),
        ("half a workbook", book[..book.len() / 2].to_vec(), "UNREADABLE"),
        ("another archive", archive(&[("a.txt", b"1")]), "UNREADABLE"),
        ("an archive that claims", archive(&[("xl/workbook.xml", b"<workbook")]), "UNREADABLE"),
        ("half an old workbook", xls(&rows)[..1600].to_vec(), "UNREADABLE"),
        ("an open quotation mark", text.replacen(GOOD[0], "\"启明", 1).into_bytes(), "UNCLOSED_QUOTE"),
    ] {
        let found = import::read("坏文件", &bytes, region("331000"), &Limits::default());
        assert_eq!(found.as_ref().err().map(ImportError::code), Some(expected), "{case}: {found:?}");
        code(&bytes, &Limits::default());
    }
}

#[test]
fn both_sides_of_every_limit() {
    let rows: [&[&str]; 3] = [&HEADER, &GOOD, &OTHER];
    let text = csv(&rows);
    let longest = rows.concat().iter().map(|cell| cell.chars().count()).max().unwrap();
    let just = Limits { file_bytes: text.len(), unpacked_bytes: 1 << 20, rows: 3, columns: 6, cell_chars: longest };
    assert_eq!(import::read("x", text.as_bytes(), region("331000"), &just).unwrap().report(false).accepted, 2);
    for (limits, expected) in [
        (Limits { file_bytes: just.file_bytes - 1, ..just }, "FILE_TOO_LARGE"),
        (Limits { unpacked_bytes: 100, ..just }, "UNPACKS_TOO_LARGE"),
        (Limits { rows: 2, ..just }, "TOO_MANY_ROWS"),
        (Limits { columns: 5, ..just }, "TOO_MANY_COLUMNS"),
        (Limits { cell_chars: longest - 1, ..just }, "CELL_TOO_LONG"),
    ] {
        assert_eq!(code(text.as_bytes(), &limits), expected);
    }
}

#[test]
fn bombs_are_refused_before_they_unpack() {
    let zeros = vec![b' '; 70 << 20];
    let bomb = archive(&[("xl/workbook.xml", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(code(&bomb, &Limits::default()), "UNPACKS_TOO_LARGE");
    // The directory claims one byte; the content is counted all the same.
    let mut liar = bomb.clone();
    let size = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    for at in 0..liar.len() - 4 {
        if liar[at..at + 4] == size {
            liar[at..at + 4].copy_from_slice(&1u32.to_le_bytes());
        }
    }
    assert_ne!(liar, bomb);
    assert!(["UNPACKS_TOO_LARGE", "UNREADABLE"].contains(&code(&liar, &Limits::default())));
    // An old workbook of two cells in far corners, one that only claims to be large, and one with many cells.
    let cell = |row: u16, column: u16| {
        let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
        [&[0x03, 0x02, 14, 0][..], &place, &[0; 8]].concat()
    };
    let corners = xls_of([cell(0, 0), cell(65_535, 255)].concat());
    assert_eq!(code(&corners, &Limits::default()), "TOO_MANY_COLUMNS");
    let claim = [&[0x00, 0x02, 14, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0][..]].concat();
    assert_eq!(code(&xls_of(claim), &Limits::default()), "EMPTY");
    let many = xls_of((0..100).flat_map(|row| cell(row, 0)).collect());
    let small = Limits { unpacked_bytes: 1_000, rows: 10, columns: 1, ..Limits::default() };
    assert_eq!(code(&many, &small), "UNPACKS_TOO_LARGE");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any damage is either read or refused; nothing panics, and nothing takes long.
    #[test]
    fn damaged_files_never_panic(
        kind in 0usize..4, at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let rows: [&[&str]; 3] = [&HEADER, &GOOD, &OTHER];
        let mut bytes = match kind {
            0 => csv(&rows).into_bytes(),
            1 => encoding_rs::GBK.encode(&csv(&rows)).0.into_owned(),
            2 => xlsx(&rows),
            _ => xls(&rows),
        };
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let _ = read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(text.as_bytes());
        let _ = read(format!("{}\n{text}", HEADER.join(",")).as_bytes());
    }
}
