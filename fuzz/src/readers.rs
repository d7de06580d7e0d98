//! Every reader of bytes from outside, each with what must hold whatever the bytes are.
//!
//! A function here returns when its reader read or refused, and panics when the reader did or when what was read
//! contradicts itself. The fuzz targets and `tests/outside_bytes.rs` share this file.

use std::{
    collections::HashSet,
    io::{Cursor, Write},
};

use mingjian::{
    courses::{Filing, Verdict},
    escrow::{
        detector::{read_entries, read_obligations, simulate},
        ingest::{self, Incoming, Push},
        policy::Policy,
        statement::{self, AMOUNT_FEN_LIMIT, ColumnRole, Document, Entry, Format, Layout, Limits, Statement},
    },
    institutions::{import, search_keys},
    kernel::{Calendar, CreditCode, RegionCode, credit_code::normalise},
    public::Asked,
};

/// A reader by name.
pub type Reader = fn(&[u8]);

/// All of them, under the names of the fuzz targets.
pub const READERS: [(&str, Reader); 13] = [
    ("statement", any_statement),
    ("statement_camt", camt),
    ("statement_mt940", mt940),
    ("statement_table", table),
    ("statement_layout", layout),
    ("statement_xls", xls),
    ("statement_xlsx", xlsx),
    ("institutions", institutions),
    ("credit_code", credit_code),
    ("course", course),
    ("search", search),
    ("simulate", simulation),
    ("push", push),
];

/// Small, so that a run that comes to a limit is a short one.
fn limits() -> Limits {
    Limits { max_bytes_unpacked: 8 << 20, max_entries: 50_000, ..Limits::default() }
}

/// A statement file of whatever kind: what it is is found out from its bytes.
pub fn any_statement(bytes: &[u8]) {
    statement("statement.csv", bytes, None);
}

/// ISO 20022.
pub fn camt(bytes: &[u8]) {
    statement("statement.xml", bytes, Some(Format::Camt053));
}

/// SWIFT.
pub fn mt940(bytes: &[u8]) {
    statement("statement.sta", bytes, Some(Format::Mt940));
}

/// An export as text.
pub fn table(bytes: &[u8]) {
    statement("statement.txt", bytes, Some(Format::Csv));
}

/// The records of an old workbook, put into a file that is whole around them, so that damage reaches the records.
pub fn xls(bytes: &[u8]) {
    let file = compound(bytes);
    statement("statement.xls", &file, None);
    let _ = import::read("institutions.xls", &file, region(), &import_limits());
}

/// The parts of a workbook, apart by NUL: the sheet, the shared strings, the styles, the list of sheets.
pub fn xlsx(bytes: &[u8]) {
    let file = workbook(bytes);
    statement("statement.xlsx", &file, None);
    let _ = import::read("institutions.xlsx", &file, region(), &import_limits());
}

/// What a person says of the columns (JSON, or nothing: as proposed), and after a NUL the table itself.
pub fn layout(bytes: &[u8]) {
    let (said, table) =
        bytes.iter().position(|byte| *byte == 0).map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]));
    if let Ok(layout) = serde_json::from_slice::<Layout>(said) {
        let text = serde_json::to_string(&layout).expect("a layout is JSON");
        assert_eq!(serde_json::from_str::<Layout>(&text).ok().as_ref(), Some(&layout), "as written, so read back");
        let names: Vec<&str> = layout.columns.iter().map(|column| column.name.as_str()).collect();
        let roles: Vec<Option<ColumnRole>> = layout.columns.iter().map(|column| column.role).collect();
        assert_eq!(Layout::of("", &names, &roles).fingerprint(), Layout::of("b", &names, &[]).fingerprint());
        if layout.faults().is_empty() {
            by_layouts("statement.csv", table, None, &[layout]);
        }
    }
    let Ok(Some(peek)) = statement::peek(table, None, &limits()) else { return };
    let (_, header) =
        peek.rows.iter().find(|(number, _)| *number == peek.header).expect("the header is one of the rows");
    let proposed = Layout::proposed("", header);
    assert!(proposed.columns.len() <= header.len() && proposed.is_header(header));
    if proposed.faults().is_empty() {
        by_layouts("statement.csv", table, None, &[proposed]);
    }
}

fn statement(name: &str, bytes: &[u8], wanted: Option<Format>) {
    by_layouts(name, bytes, wanted, &[]);
}

fn by_layouts(name: &str, bytes: &[u8], wanted: Option<Format>, layouts: &[Layout]) {
    match statement::parse_file(name, bytes, wanted, layouts, &limits()) {
        Ok(file) => {
            file.documents().iter().for_each(agrees_with_itself);
            let again = statement::parse_file(name, bytes, wanted, layouts, &limits());
            assert_eq!(again, Ok(file), "read twice, read alike");
        }
        Err(error) => {
            assert!(!error.rule.is_empty() && !error.path().is_empty());
            for message in [error.message_zh(), error.message_en()] {
                assert!(message.len() < 4_000, "a message is one line to read: {}", message.len());
            }
        }
    }
}

fn agrees_with_itself(document: &Document) {
    let entries: usize = document.statements.iter().map(|statement| statement.entries.len()).sum();
    assert!(entries <= limits().max_entries);
    assert!(document.statements.len() <= limits().max_statements);
    for statement in &document.statements {
        let mut refs = HashSet::new();
        for (entry, seq) in statement.entries.iter().zip(1..) {
            assert_eq!(entry.seq, seq);
            assert!(0 < entry.amount_fen && entry.amount_fen < AMOUNT_FEN_LIMIT, "{entry:?}");
            assert!(!entry.bank_ref.trim().is_empty(), "{entry:?}");
            assert!(refs.insert(&entry.bank_ref), "{} stands for two entries", entry.bank_ref);
        }
        assert_eq!(statement.balanced, balanced(statement));
    }
    let text = serde_json::to_string(document).expect("a document is JSON");
    let mut printed = document.clone();
    // What is not printed.
    printed.unread.clear();
    for statement in &mut printed.statements {
        statement.number = None;
        statement.jumps.clear();
    }
    assert_eq!(serde_json::from_str::<Document>(&text).ok(), Some(printed), "as written, so read back");
}

fn balanced(statement: &Statement) -> Option<bool> {
    let moved: i128 = statement.entries.iter().map(|entry| i128::from(entry.effect_fen())).sum();
    Some(i128::from(statement.opening_fen?) + moved == i128::from(statement.closing_fen?))
}

fn region() -> RegionCode {
    RegionCode::from_number(331_000).expect("a city of the table")
}

fn import_limits() -> import::Limits {
    import::Limits { file_bytes: 1 << 20, unpacked_bytes: 8 << 20, rows: 2_000, ..import::Limits::default() }
}

/// A spreadsheet of institutions.
pub fn institutions(bytes: &[u8]) {
    let table = match import::Table::parse("institutions", bytes, &import_limits()) {
        Ok(table) => table,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.message_zh().is_empty());
            return;
        }
    };
    let text = serde_json::to_string(&table).expect("a table is JSON");
    assert!(!text.contains("\\u0000"), "PostgreSQL keeps no NUL");
    assert_eq!(serde_json::from_str::<import::Table>(&text).ok().as_ref(), Some(&table));
    let reading = import::check(&table, region());
    let (whole, partial) = (reading.report(false), reading.report(true));
    assert_eq!(partial.accepted, reading.institutions().count());
    assert!(whole.accepted == 0 || whole.rejected.is_empty());
    let rows: HashSet<u32> = reading.rows.iter().map(|row| row.number).collect();
    assert!(whole.rejected.iter().all(|line| rows.contains(&line.row)));
    assert!(reading.findings.is_sorted_by_key(|finding| finding.row));
    assert!(reading.institutions().all(|(_, institution)| region().contains(institution.county)));
}

/// Credit codes, one a line.
pub fn credit_code(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let normal = normalise(line);
        assert_eq!(normalise(&normal), normal, "normal once, normal for good");
        if let Ok(code) = CreditCode::new(&normal) {
            assert_eq!((code.as_str(), code.as_str().len()), (normal.as_str(), 18));
            let _ = (code.authority(), code.region().parse::<RegionCode>(), code.organisation_check_ok());
        }
    }
}

/// A course filing.
pub fn course(bytes: &[u8]) {
    let Ok(filing) = serde_json::from_slice::<Filing>(bytes) else { return };
    if filing.validate().is_ok() {
        let verdict = Verdict::of(&filing, Calendar::statutory());
        assert!(serde_json::to_string(&verdict).is_ok());
        assert_eq!(Verdict::of(&filing, Calendar::statutory()), verdict);
    }
}

/// A search: words, region, category, list, limit, cursor, a line each.
pub fn search(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let asked = Asked { q: next(), region: next(), category: next(), list: next(), limit: next(), cursor: next() };
    if let Ok(Some(search)) = asked.search() {
        assert!((1..=100).contains(&search.limit) && search.tokens.len() <= 500);
    }
    let (name, words) = (next(), asked.words());
    let _ = (search_keys::latin(&name), search_keys::matches(&name, &asked.q, &asked.region, &words));
    assert!(search_keys::tokens(&name, &words, "").iter().all(|token| !token.is_empty()));
}

/// An escrow policy, entries and obligations, apart by NUL.
pub fn simulation(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (policy, entries, obligations) = (next(), next(), next());
    let policy: Policy = match serde_json::from_slice::<Policy>(policy) {
        Ok(policy) if policy.validate().is_ok() => policy,
        _ => Policy::default(),
    };
    let obligations = read_obligations(obligations).ok();
    let run = |entries: &[u8]| {
        let rows = read_entries(entries).ok()?;
        let done = simulate(&policy, Calendar::statutory(), &rows, obligations.as_ref(), None).ok()?;
        Some(serde_json::to_string(&done).expect("a replay is JSON"))
    };
    let forwards = run(entries);
    if !entries.contains(&b'"') && !entries.contains(&b'\r') {
        let mut lines = entries.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let head = lines.next().unwrap_or_default();
        let backwards: Vec<&[u8]> = std::iter::once(head).chain(lines.collect::<Vec<_>>().into_iter().rev()).collect();
        assert_eq!(run(&backwards.join(&b'\n')), forwards, "the order of rows does not matter");
    }
}

/// A bank's push.
pub fn push(bytes: &[u8]) {
    let Ok(Push { entries, .. }) = serde_json::from_slice::<Push>(bytes) else { return };
    let sum = |entries: &[Entry]| entries.iter().map(|entry| i128::from(entry.effect_fen())).sum::<i128>();
    let (count, all) = (entries.len(), sum(&entries));
    let mut statements = [Incoming { entries, ..Incoming::default() }];
    let collected = ingest::collect(&mut statements, &[0], chrono::NaiveDate::MAX);
    if let Ok(ingest::Collected { entries: taken, repeated, .. }) = collected {
        assert_eq!(taken.len() as i64 + repeated[0], count as i64, "every entry is taken or a repetition");
        let refs: HashSet<&str> = taken.iter().map(|entry| entry.bank_ref.as_str()).collect();
        assert_eq!(refs.len(), taken.len());
        if repeated[0] == 0 {
            assert_eq!(taken.iter().map(|entry| i128::from(entry.effect_fen())).sum::<i128>(), all);
        }
    }
}

/// A compound file with one stream, `Workbook`, of these bytes.
pub fn compound(stream: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 512;
    const LAST: u32 = 0xffff_fffe;
    // A chain of one table has room for 126 sectors besides itself and the directory.
    let mut stream = stream[..stream.len().min(126 * SECTOR)].to_vec();
    let length = stream.len().max(4096);
    stream.resize(length.next_multiple_of(SECTOR), 0);
    let sectors = (stream.len() / SECTOR) as u32;
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(24, 0);
    file.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([0, 1, 1, 0, 4096, LAST, 0, LAST, 0, 0].iter().flat_map(|word: &u32| word.to_le_bytes()));
    file.resize(SECTOR, 0xff);
    // Sector 0 holds the chains, sector 1 the directory, the stream follows.
    let mut chains = vec![0xffff_fffd, LAST];
    chains.extend(3..sectors + 2);
    chains.push(LAST);
    chains.resize(128, u32::MAX);
    file.extend(chains.iter().flat_map(|next| next.to_le_bytes()));
    for (name, kind, first, length) in [("Root Entry", 5, LAST, 0), ("Workbook", 2, 2, length as u64)] {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name_bytes = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(name_bytes.to_le_bytes());
        entry.extend([kind, 1]);
        entry.extend([0xff; 12]);
        entry.resize(116, 0);
        entry.extend(first.to_le_bytes());
        entry.extend(length.to_le_bytes());
        file.extend(entry);
    }
    file.resize(SECTOR * 3, 0);
    file.extend(stream);
    file
}

const WORKBOOK: &[u8] = br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &[u8] = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;

const PACKAGE: &[u8] = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

/// A workbook of these parts, apart by NUL: the sheet, the shared strings, the styles, the list of sheets. The list of
/// parts is whole, and so is every part that is not given.
pub fn workbook(bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.splitn(4, |byte| *byte == 0);
    let mut next = |default: &'static [u8]| parts.next().filter(|part| !part.is_empty()).unwrap_or(default).to_vec();
    let members = [
        ("_rels/.rels", PACKAGE.to_vec()),
        ("xl/worksheets/sheet1.xml", next(b"<worksheet><sheetData/></worksheet>")),
        ("xl/sharedStrings.xml", next(b"<sst/>")),
        ("xl/styles.xml", next(b"<styleSheet/>")),
        ("xl/workbook.xml", next(WORKBOOK)),
        ("xl/_rels/workbook.xml.rels", RELATIONS.to_vec()),
        ("[Content_Types].xml", b"<Types/>".to_vec()),
    ];
    zip(&members.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())))
}

/// A zip of these members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member begins");
        writer.write_all(bytes).expect("a member is written");
    }
    writer.finish().expect("a zip ends").into_inner()
}
