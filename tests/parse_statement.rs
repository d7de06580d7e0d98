//! `mingjian parse statement` as other programs call it: every format, exit statuses, and files that are refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use mingjian::escrow::statement::AMOUNT_FEN_LIMIT;
use serde_json::{Value, json};

fn parse(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["parse", "statement"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // In a thread, because the answer may be long before the last byte is read; what is refused is not read to its end.
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

/// The exit status and what was read; nothing may be said on standard error.
fn read(arguments: &[&str], input: &[u8]) -> (i32, Value) {
    let output = parse(arguments, input);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Asserts exit status 2, nothing on standard output and one line on standard error; returns it.
fn refused(case: &str, output: &Output) -> String {
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{case}: {told}");
    assert!(output.stdout.is_empty(), "{case}");
    assert_eq!(told.trim_end().lines().count(), 1, "{case}: {told}");
    told
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parse_statement")
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(samples().join(name)).unwrap()
}

#[test]
fn our_samples_of_every_format_are_read_as_written_beside_them() {
    let mut read_of = 0;
    for file in fs::read_dir(samples()).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            continue;
        }
        let expected: Value = serde_json::from_slice(&sample(&format!("{name}.json"))).unwrap();
        assert_eq!(read(&[file.to_str().unwrap()], b""), (0, expected.clone()), "{name}");
        // From standard input, and with the format named, it is the same file.
        let format = expected["format"].as_str().unwrap();
        assert_eq!(read(&["--format", format, "-"], &sample(&name)), (0, expected), "{name}");
        read_of += 1;
    }
    assert_eq!(read_of, 7);
}

/// The rows of the CSV sample.
fn rows() -> Vec<Vec<String>> {
    let text = encoding_rs::GBK.decode(&sample("table.gbk.csv")).0.into_owned();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn xlsx(rows: &[Vec<String>]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().set_name("说明").unwrap().write_string(0, 0, "请勿修改").unwrap();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            let number = cell.replace(',', "").parse::<f64>().ok().filter(|_| (2..5).contains(&column) && row > 2);
            match number {
                Some(number) => sheet.write_number(row, column, number).unwrap(),
                None => sheet.write_string(row, column, cell).unwrap(),
            };
        }
    }
    book.save_to_buffer().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Statements without where notes stand: a sheet has rows, a text has lines.
fn statements(document: &Value) -> Value {
    let mut statements = document["statements"].clone();
    for note in statements.as_array_mut().unwrap().iter_mut().flat_map(|one| one["notes"].as_array_mut().unwrap()) {
        note.as_object_mut().unwrap().remove("path");
    }
    statements
}

#[test]
fn a_workbook_says_what_the_text_says() {
    let (_, text) = read(&["-"], &sample("table.gbk.csv"));
    let (status, book) = read(&["-"], &xlsx(&rows()));
    assert_eq!((status, &book["format"]), (0, &json!("xlsx")));
    assert_eq!(statements(&book), statements(&text));
    assert_eq!(book["statements"][0]["notes"][0]["path"], "sheet Sheet2, row 6");
}

#[test]
fn a_zip_is_read_as_its_members() {
    let book = xlsx(&rows());
    let members: [(&str, &[u8]); 4] = [
        ("三月/日终.xml", &sample("day.camt053.xml")),
        ("二月/日终.sta", &sample("two.mt940.sta")),
        ("明细.xlsx", &book),
        ("__MACOSX/._日终.xml", b"left by a system"),
    ];
    let (status, documents) = read(&["-"], &zip(&members));
    assert_eq!(status, 0);
    let documents = documents.as_array().unwrap();
    let told: Vec<_> = documents.iter().map(|one| (one["member"].as_str().unwrap(), one["format"].as_str())).collect();
    assert_eq!(
        told,
        [("三月/日终.xml", Some("camt.053")), ("二月/日终.sta", Some("mt940")), ("明细.xlsx", Some("xlsx"))]
    );
    let (_, alone) = read(&["-"], &sample("two.mt940.sta"));
    assert_eq!(documents[1]["statements"], alone["statements"]);

    let told = refused("a bad member", &parse(&["-"], &zip(&[members[0], ("坏.xml", b"<Document>")])));
    assert!(told.contains("坏.xml") && told.contains("line 1"), "{told}");
    let inner = zip(&members[..1]);
    assert!(refused("a zip in a zip", &parse(&["-"], &zip(&[("a.zip", &inner)]))).contains("zip inside the zip"));
    assert!(refused("an empty zip", &parse(&["-"], &zip(&[]))).contains("no file"));
    assert!(refused("half a zip", &parse(&["-"], &inner[..inner.len() / 2])).contains("zip is broken"));
}

#[test]
fn arithmetic_that_does_not_hold_exits_1_with_everything_read() {
    let wrong = String::from_utf8(sample("day.camt053.xml")).unwrap().replace("1480.50", "1480.51");
    let (status, document) = read(&["-"], wrong.as_bytes());
    assert_eq!((status, &document["statements"][0]["balanced"]), (1, &json!(false)));
    assert_eq!(document["statements"][0]["entries"].as_array().unwrap().len(), 3);
    let (status, documents) =
        read(&["-"], &zip(&[("good.sta", &sample("two.mt940.sta")), ("bad.xml", wrong.as_bytes())]));
    assert_eq!((status, documents.as_array().unwrap().len()), (1, 2));
}

#[test]
fn what_cannot_be_read_is_refused_with_what_where_and_how_to_mend() {
    let camt = String::from_utf8(sample("day.camt053.xml")).unwrap();
    let swift = String::from_utf8(sample("two.mt940.sta")).unwrap();
    let bomb =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n"
            .to_owned();
    let outside = "<?xml version=\"1.0\"?>\n<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n".to_owned();
    let body = camt.split_once('\n').unwrap().1;
    let table = |row: &str| format!("交易日期,收入,支出,余额\n{row}\n").into_bytes();
    let half = camt[..camt.find("</Ntry>").unwrap()].to_owned();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nothing", vec![], &["file", "empty", "export"]),
        ("blanks", b" \n\n".to_vec(), &["empty"]),
        ("half a message", half.into_bytes(), &["line 21", "ends inside an element"]),
        (
            "an end of another element",
            camt.replace("</BookgDt>", "</BkgDt>").into_bytes(),
            &["line 12", "XML is broken"],
        ),
        ("an entity bomb", format!("{bomb}{body}").into_bytes(), &["line ", "document type declaration", "remove"]),
        ("a file from elsewhere", format!("{outside}{body}").into_bytes(), &["line ", "document type declaration"]),
        ("an entity of its own", camt.replace("&amp;", "&kefei;").into_bytes(), &["line 17", "&kefei;"]),
        ("an amount of words", camt.replace("319.50", "many").into_bytes(), &["line ", "many", "not a number"]),
        ("a negative amount", camt.replace("319.50", "-319.50").into_bytes(), &["-319.50", "not a number"]),
        ("half a fen", camt.replace("319.50", "319.505").into_bytes(), &["319.505", "beyond the minor unit"]),
        ("half a yen", sample_with("hour.camt052.xml", ">1200<", ">1200.5<"), &["1200.5", "beyond the minor unit"]),
        ("ten trillion yuan", camt.replace("319.50", "10000000000000.00").into_bytes(), &["too large"]),
        ("a number without end", camt.replace("319.50", &"9".repeat(10_000)).into_bytes(), &["too large"]),
        ("no direction", camt.replace("DBIT", "OUT").into_bytes(), &["CdtDbtInd"]),
        (
            "no day",
            camt.replace("<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-02-30</Dt></ValDt>", "").into_bytes(),
            &["BookgDt"],
        ),
        ("a message of another kind", camt.replace("BkToCstmrStmt", "CstmrCdtTrfInitn").into_bytes(), &["Stmt"]),
        ("a page", b"<html><body>please sign in</body></html>".to_vec(), &["Stmt"]),
        ("XML in no encoding", [camt.as_bytes(), b"\xff\xfe\xff"].concat(), &["line 33", "neither UTF-8 nor GBK"]),
        ("an encoding nobody knows", camt.replace("UTF-8", "klingon").into_bytes(), &["line 1", "klingon"]),
        ("a message without a statement", swift.replace(":20:", ":19:").into_bytes(), &["no :20: field"]),
        ("a line without an amount", swift.replace("C500,", "C,").into_bytes(), &["line 6", "not a number"]),
        ("a line of another mark", swift.replace("RC20,50", "XC20,50").into_bytes(), &["line 8", ":61:"]),
        ("digits beyond the fen", swift.replace("20,50", "20,505").into_bytes(), &["line 8", "beyond the minor unit"]),
        (
            "a balance of another shape",
            swift.replace("C260302CNY", "C260302cny").into_bytes(),
            &["line 13", "C260302cny"],
        ),
        ("text without a table", "没有表头".as_bytes().to_vec(), &["no header row"]),
        (
            "a table in no encoding",
            [&table("20260301,1.00,,1.00")[..], b"\xff\xff\xff"].concat(),
            &["line 3", "neither UTF-8 nor GBK"],
        ),
        ("a row without a day", table("昨天,1.00,,1.00"), &["line 2", "交易日期", "昨天"]),
        ("a row of two directions", table("20260301,1.00,2.00,1.00"), &["line 2", "收入"]),
        (
            "a row beyond the fen",
            table("20260301,1.005,,1.00"),
            &["line 2, column 收入", "1.005", "beyond the minor unit"],
        ),
        ("a row too large", table("20260301,\"10,000,000,000,000.00\",,"), &["line 2, column 收入", "too large"]),
        ("an unknown record", b"H|20260302|1|CNY|0|0|0\nX|1\n".to_vec(), &["line 2", "H, D or T"]),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff".to_vec(), &["file"]),
        ("an old workbook cut short", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".repeat(100), &["workbook is broken", "xlsx"]),
    ];
    let mut unsaid = Vec::new();
    for (case, bytes, words) in cases {
        let told = refused(case, &parse(&["-"], &bytes));
        // What is wrong is followed by how to mend it, in English and in Chinese.
        for word in words.iter().chain(&["; ", "；"]).filter(|word| !told.contains(**word)) {
            unsaid.push(format!("{case}: {word:?} is not in {told:?}"));
        }
    }
    assert!(unsaid.is_empty(), "{unsaid:#?}");
}

fn sample_with(name: &str, old: &str, new: &str) -> Vec<u8> {
    let text = String::from_utf8(sample(name)).unwrap();
    assert!(text.contains(old));
    text.replacen(old, new, 1).into_bytes()
}

#[test]
fn amounts_up_to_the_limit_and_zeros_beyond_the_minor_unit_are_read() {
    let limit = AMOUNT_FEN_LIMIT - 1;
    let row = format!("交易日期,收入,支出\n20260301,{}.{:02}000,\n", limit / 100, limit % 100);
    let (status, document) = read(&["-"], row.as_bytes());
    assert_eq!((status, document["statements"][0]["entries"][0]["amount_fen"].as_i64()), (0, Some(limit)));
}

#[test]
fn a_zip_bomb_and_whatever_else_is_beyond_a_limit_is_refused() {
    let zeros = vec![b' '; 200 << 20];
    let bomb = zip(&[("a.csv", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    let told = refused("a zip bomb", &parse(&["--max-bytes", "100000000", "-"], &bomb));
    assert!(told.contains("unpacked bytes over the limit of 100000000") && told.contains("split"), "{told}");
    let book = zip(&[("[Content_Types].xml", b"<Types/>"), ("xl/worksheets/sheet1.xml", &zeros)]);
    assert!(refused("a workbook bomb", &parse(&["--max-bytes", "100000000", "-"], &book)).contains("unpacked bytes"));

    let camt = sample("day.camt053.xml");
    let told = refused("a file over the limit", &parse(&["--max-bytes", "1000", "-"], &camt));
    assert!(told.contains("more than 1000 bytes"), "{told}");
    let size = camt.len().to_string();
    assert_eq!(parse(&["--max-bytes", &size, "-"], &camt).status.code(), Some(0));
    let told = refused("entries over the limit", &parse(&["--max-entries", "2", "-"], &camt));
    assert!(told.contains("number of entries over the limit of 2"), "{told}");
    assert_eq!(parse(&["--max-entries", "3", "-"], &camt).status.code(), Some(0));
}

#[test]
fn columns_that_are_told_are_read_in_every_kind_of_table() {
    let folder = tempfile::tempdir().unwrap();
    let layout = |text: &str| {
        let path = folder.path().join("layout.json");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let table = "对公明细\n发生日,进账额,出账额,结余,往来单位,经办\n20260302,100.00,,1100.00,家长甲,01\n20260303,,50.00,1050.00,教师乙,01\n";
    assert!(refused("untold", &parse(&["-"], table.as_bytes())).contains("header"));
    let columns = "{\"name\":\"发生日\",\"role\":\"date\"},{\"name\":\"进账额\",\"role\":\"credit\"},{\"name\":\"出账额\",\"role\":\"debit\"},\
                   {\"name\":\"结余\",\"role\":\"balance\"},{\"name\":\"往来单位\",\"role\":\"counterparty_name\"},{\"name\":\"经办\"}";
    let told = layout(&format!("{{\"bank\":\"台州银行\",\"columns\":[{columns}]}}"));
    let (status, text) = read(&["--layout", &told, "-"], table.as_bytes());
    assert_eq!((status, text["statements"][0]["entries"].as_array().unwrap().len()), (0, 2), "{text}");
    assert_eq!(text["statements"][0]["entries"][1]["counterparty_name"], "教师乙");
    assert_eq!(
        (&text["statements"][0]["opening_fen"], &text["statements"][0]["balanced"]),
        (&json!(100_000), &json!(true))
    );
    let rows: Vec<Vec<String>> = table.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let (_, book) = read(&["--layout", &told, "-"], &xlsx(&rows));
    assert_eq!(statements(&book), statements(&text));
    let (_, zipped) = read(&["--layout", &told, "-"], &zip(&[("a.csv", table.as_bytes())]));
    assert_eq!(zipped[0]["statements"], text["statements"]);
    // A header in which money stands twice is not guessed at.
    let twice = table.replace("出账额", "进账额");
    assert!(
        refused("twice", &parse(&["-"], "交易日期,金额,金额,余额\n20260302,1,2,3\n".as_bytes()))
            .contains("two columns")
    );
    assert!(refused("untold", &parse(&["--layout", &told, "-"], twice.as_bytes())).contains("header"));
    // What is wrong with a layout is told, too.
    for (wrong, said) in [
        ("{\"columns\":[{\"name\":\"甲\"}]}", "booking date"),
        ("{\"columns\":[{\"name\":\"甲\",\"role\":\"x\"}]}", "role"),
    ] {
        let path = layout(wrong);
        assert!(refused(wrong, &parse(&["--layout", &path, "-"], table.as_bytes())).contains(said), "{wrong}");
    }
}

#[test]
fn usage_that_is_wrong_exits_2() {
    let output = parse(&["--format", "pdf", "-"], b"");
    assert!(refused("an unknown format", &output).contains("--format"));
    let told = refused("another format", &parse(&["--format", "mt940", "-"], &sample("day.camt053.xml")));
    assert!(told.contains("the file is camt.053, not mt940"), "{told}");
    let told = refused("no such file", &parse(&["none.sta"], b""));
    assert!(told.contains("none.sta"), "{told}");
    refused("no file at all", &parse(&[], b""));
    let help = parse(&["--help"], b"");
    assert!(String::from_utf8(help.stdout).unwrap().contains("Example:"));
}

/// The folder of samples beside the project, or where `MINGJIAN_SHARED` says; `None`, and said so, when it is not there.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("MINGJIAN_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
        .join("data/statements");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not run: no folder {}; set MINGJIAN_SHARED to run the shared files as well", folder.display());
    None
}

/// A decimal text in units of 10⁻⁵, so that texts of two and of five decimals compare.
fn decimal(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    sign * format!("{whole}{part:0<5}").parse::<i64>().unwrap()
}

/// A text of the list in minor units; no currency of the list but two-digit ones occurs.
fn fen(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| json!(decimal(text) / 1_000))
}

#[test]
fn every_shared_statement_is_read_as_its_list_expects() {
    let Some(folder) = shared() else { return };
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let expected = expected.as_object().unwrap();
    assert!(!expected.is_empty());
    for (name, wanted) in expected {
        let output = parse(&[folder.join(name).to_str().unwrap()], b"");
        if wanted["expect"] == "error" {
            assert!(refused(name, &output).contains(name.as_str()));
            continue;
        }
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
        shared_format(name, wanted, &document);
        let alone = [wanted.clone()];
        let wanted = wanted["statements"].as_array().map_or(&alone[..], Vec::as_slice);
        let statements = document["statements"].as_array().unwrap();
        assert_eq!(statements.len(), wanted.len(), "{name}");
        for (number, (statement, wanted)) in statements.iter().zip(wanted).enumerate() {
            shared_statement(&format!("{name}, statement {number}"), wanted, statement);
        }
        let unbalanced = statements.iter().any(|statement| statement["balanced"] == json!(false));
        assert_eq!(output.status.code(), Some(i32::from(unbalanced)), "{name}");
    }
}

fn shared_format(name: &str, wanted: &Value, document: &Value) {
    let format = document["format"].as_str().unwrap();
    match wanted["format"].as_str().unwrap() {
        "table export" => assert!(name.ends_with(format), "{name}: {format}"),
        camt if camt.starts_with("camt") => {
            assert_eq!((format, &document["version"]), (&camt[..8], &json!(camt)), "{name}");
        }
        swift => assert_eq!(format, swift.to_ascii_lowercase(), "{name}"),
    }
}

fn shared_statement(case: &str, wanted: &Value, statement: &Value) {
    let entries = statement["entries"].as_array().unwrap();
    let sum = |direction: &str| -> i64 {
        let of = entries.iter().filter(|entry| entry["direction"] == direction);
        of.map(|entry| entry["amount_fen"].as_i64().unwrap()).sum()
    };
    let skipped = statement["skipped"]["pending"].as_u64().unwrap() + statement["skipped"]["info"].as_u64().unwrap();
    // The list adds up what is announced only as well; where nothing is booked there is nothing to add.
    let booked = wanted["statuses"].as_array().is_none_or(|statuses| statuses.contains(&json!("BOOK")));
    if booked {
        assert_eq!(
            (json!(sum("credit")), json!(sum("debit"))),
            (fen(&wanted["sum_credit"]), fen(&wanted["sum_debit"])),
            "{case}"
        );
    } else {
        assert_eq!((entries.len(), json!(skipped)), (0, wanted["entries"].clone()), "{case}");
    }
    // A batch of several details is one entry in the list and one entry per detail here.
    let (lines, details) = (wanted["entries"].as_u64().unwrap(), wanted["tx_details"].as_u64().unwrap_or(0));
    let read = entries.len() as u64 + skipped;
    assert!(read == lines || (lines < read && read <= details), "{case}: {read} of {lines}");
    assert_eq!(statement["opening_fen"], fen(&wanted["opening"]), "{case}");
    assert_eq!(statement["closing_fen"], fen(&wanted["closing"]), "{case}");
    assert_eq!(statement["currency"], wanted["currency"], "{case}");
    for (own, listed) in [
        ("account", "account"),
        ("statement_ref", "id"),
        ("opening_on", "opening_date"),
        ("closing_on", "closing_date"),
        ("balanced", "arithmetic_ok"),
    ] {
        if let Some(listed) = wanted.get(listed) {
            assert_eq!(&statement[own], listed, "{case}: {own}");
        }
    }
    let reversals = entries.iter().filter(|entry| entry["reversal"] == json!(true)).count();
    if let Some(listed) = wanted["reversal_entries"].as_u64() {
        assert!(reversals as u64 >= listed, "{case}: {reversals} of {listed} reversals");
    }
}
