//! Files written on the spot: CSV in any encoding, XLSX, XLS, archives.

use std::io::Write;

use mingjian::{
    institutions::import::{self, ImportError, Limits, Reading, Rule},
    kernel::RegionCode,
};
use rust_xlsxwriter::Workbook;

pub const HEADER: [&str; 6] = ["机构名称", "统一社会信用代码", "所属县（市、区）", "培训类别", "联系电话", "监管账号"];
pub const GOOD: [&str; 6] =
    ["启明艺术（样例）", "52331002MJ0000018U", "椒江区", "文化艺术类", "15400000001", "9999000011112222333"];
pub const OTHER: [&str; 6] =
    ["晨星体育（样例）", "91331003MA2A00018Y", "黄岩区", "体育类", "15400000002", "9999000011112222334"];

pub fn region(code: &str) -> RegionCode {
    code.parse().unwrap()
}

/// Reads for the whole of 台州.
pub fn read(bytes: &[u8]) -> Result<Reading, ImportError> {
    import::read("sample", bytes, region("331000"), &Limits::default())
}

pub fn csv(rows: &[&[&str]]) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(*row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

pub fn xlsx(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            sheet.write_string(row, column, *cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
}

/// An Excel 97 workbook: records in a stream, the stream in a compound file.
pub fn xls(rows: &[&[&str]]) -> Vec<u8> {
    let cells = (0u16..).zip(rows).flat_map(|(row, cells)| {
        (0u16..).zip(*cells).flat_map(move |(column, text)| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let count = u16::try_from(units.len() / 2).unwrap();
            let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0], count.to_le_bytes()].concat();
            record(0x0204, &[&place[..], &[1], &units].concat())
        })
    });
    xls_of(cells.collect())
}

/// A workbook of one sheet with these records.
pub fn xls_of(sheet_records: Vec<u8>) -> Vec<u8> {
    let bof = |kind: u8| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let listed = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 1, 0], b"A"].concat());
    let globals = bof(5).len() + listed(0).len() + 4;
    let mut stream = [bof(5), listed(u32::try_from(globals).unwrap()), record(0x000a, &[]), bof(16)].concat();
    stream.extend(sheet_records);
    stream.extend(record(0x000a, &[]));
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    let sectors = u32::try_from(stream.len() / 512).unwrap();
    assert!(sectors <= 126, "one sector of chains");
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(24, 0);
    file.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    let words = [0u32, 1, 1, 0, 4096, 0xffff_fffe, 0, 0xffff_fffe, 0, 0];
    file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    file.resize(512, 0xff);
    // Sector 0 holds the chains, sector 1 the directory, the stream follows.
    let mut chains = vec![0xffff_fffdu32, 0xffff_fffe];
    chains.extend(3..sectors + 2);
    chains.push(0xffff_fffe);
    chains.resize(128, 0xffff_ffff);
    file.extend(chains.iter().flat_map(|next| next.to_le_bytes()));
    let entry = |name: &str, kind: u8, first: u32, length: usize| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name_bytes = u16::try_from(entry.len() + 2).unwrap();
        entry.resize(64, 0);
        entry.extend(name_bytes.to_le_bytes());
        entry.extend([kind, 1]);
        entry.extend([0xff; 12]);
        entry.resize(116, 0);
        entry.extend(first.to_le_bytes());
        entry.extend(u64::try_from(length).unwrap().to_le_bytes());
        entry
    };
    file.extend(entry("Root Entry", 5, 0xffff_fffe, 0));
    file.extend(entry("Workbook", 2, 2, stream.len()));
    file.resize(512 * 3, 0);
    file.extend(stream);
    file
}

/// Row, column and rule of every finding.
pub fn told(reading: &Reading) -> Vec<(u32, &str, Rule)> {
    reading.findings.iter().map(|found| (found.row, found.column.as_str(), found.rule)).collect()
}
