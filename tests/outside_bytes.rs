//! Bytes from outside, damaged on purpose: every reader reads them or refuses them, soon and within its memory.
//!
//! The samples are `fuzz/seeds` (among them the inputs of every fault that fuzzing has found) and those of
//! `tests/parse_statement`. With `SOAK=1` the damage goes on two hundred times as long. What a run does follows from
//! its number alone, so a failure can be repeated.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../fuzz/src/readers.rs"]
#[expect(clippy::expect_used, reason = "a reader that contradicts itself fails the test")]
mod readers;

use std::{
    fs,
    io::Write,
    panic,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use readers::{READERS, Reader};

fn soak() -> bool {
    std::env::var_os("SOAK").is_some_and(|value| value == "1")
}

/// Small, fast and the same everywhere (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap()
    }
}

/// Pieces that mean something to one reader or another.
const PIECES: [&[u8]; 26] = [
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\r",
    b",",
    b"\"",
    b";",
    b"|",
    b"\t",
    b"-",
    b"99999999999999999999",
    b"0.005",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&b;",
    b"</Ntry>",
    b"<TxDtls/>",
    b"]]>",
    b":20:",
    b":61:",
    b"{4:",
    b"H|",
    "\u{3000}合计".as_bytes(),
    "\u{202e}５".as_bytes(),
    b"{}",
];

fn damage(sample: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=dice.below(4) {
        let (at, to) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
        let (from, to) = (at.min(to), at.max(to).min(at.min(to) + 400));
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << dice.below(8);
            }
            2 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'<'][dice.below(8)];
            }
            3 => drop(bytes.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
            4 => drop(bytes.splice(from..to, [])),
            5 => {
                let piece = bytes[from..to].repeat(1 + dice.below(20));
                drop(bytes.splice(from..from, piece));
            }
            6 => {
                let cut = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[cut..]);
            }
            7 => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
                if !lines.is_empty() {
                    lines.swap(a, b);
                    lines.insert(a, lines[b]);
                }
                bytes = lines.concat();
            }
            _ => drop(bytes.splice(from..to, PIECES[dice.below(PIECES.len())].iter().copied())),
        }
    }
    bytes
}

/// Samples by the reader that they are for.
fn samples(reader: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("fuzz/seeds").join(reader)];
    if reader.starts_with("statement") && !reader.contains("xls") {
        folders.push(root.join("tests/parse_statement"));
    }
    let mut files: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|folder| folder.map(|file| file.unwrap().path()))
        .filter(|file| {
            !(file.extension().is_some_and(|kind| kind == "json")
                && file.starts_with(&folders[folders.len() - 1])
                && folders.len() > 1)
        })
        .collect();
    files.sort();
    let mut samples: Vec<_> =
        files.into_iter().map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect();
    // Archives are written on the spot.
    let packed: Vec<(&str, &[u8])> = samples.iter().take(3).map(|(_, bytes)| ("a.csv", bytes.as_slice())).collect();
    match reader {
        "statement" => {
            let zips = [readers::zip(&packed[..1]), readers::workbook(b""), readers::compound(b"")];
            samples.extend(zips.map(|zip| ("written on the spot".to_owned(), zip)));
        }
        "institutions" => samples.push(("written on the spot".to_owned(), readers::workbook(b""))),
        _ => {}
    }
    samples
}

/// Runs the reader; a panic or a long run fails the test and leaves the bytes in a file.
fn run(name: &str, reader: Reader, bytes: &[u8], what: &str) {
    let begun = Instant::now();
    let done = panic::catch_unwind(|| reader(bytes));
    if done.is_err() || begun.elapsed() > Duration::from_secs(10) {
        let file = std::env::temp_dir().join(format!("mingjian-outside-{name}-{}", std::process::id()));
        fs::write(&file, bytes).unwrap();
        let said = LAST_PANIC.lock().unwrap().clone();
        let took = begun.elapsed();
        panic!("{name}, {what}: {said} after {took:?}; the bytes are in {}", file.display());
    }
}

/// However slow the machine, each reader gets so many damaged files.
const LEAST_ROUNDS: usize = 20;
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

#[test]
fn damaged_files_are_read_or_refused() {
    // The workbook library's panics are caught and answered; they must not fill the report.
    panic::set_hook(Box::new(|panic| *LAST_PANIC.lock().unwrap() = panic.to_string()));
    let (budget, rounds) = if soak() { (Duration::from_secs(120), 60_000) } else { (Duration::from_secs(4), 600) };
    let failed = panic::catch_unwind(|| {
        for (number, (name, reader)) in (1..).zip(READERS) {
            let samples = samples(name);
            assert!(!samples.is_empty(), "no sample for {name}");
            for (file, bytes) in &samples {
                run(name, reader, bytes, file);
            }
            let mut dice = Dice(0x5eed_0000 + number);
            let begun = Instant::now();
            let mut done = 0;
            while done < LEAST_ROUNDS || done < rounds && begun.elapsed() < budget {
                let (sample, other) = (&samples[dice.below(samples.len())].1, &samples[dice.below(samples.len())].1);
                run(name, reader, &damage(sample, other, &mut dice), &format!("round {done}"));
                done += 1;
            }
        }
    });
    let _ = panic::take_hook();
    if let Err(failed) = failed {
        let said = failed.downcast_ref::<String>().map(String::as_str);
        panic!("{}", said.or_else(|| failed.downcast_ref::<&str>().copied()).unwrap_or("a reader panicked"));
    }
}

/// Runs the program with a bound on its memory; exit status and what it said on standard error.
fn bounded(arguments: &[&str], input: Vec<u8>) -> (Option<i32>, String, Duration) {
    let begun = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 2500000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mingjian")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap(), begun.elapsed())
}

const CAMT: &str = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>";

fn camt(open: &str, again: &str, bytes: usize) -> Vec<u8> {
    format!("{CAMT}{open}{}", again.repeat(bytes / again.len())).into_bytes()
}

fn biff(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

/// An old workbook that lists one sheet `times` times, whose records are these; `strings` is the table of shared texts.
fn old_workbook(times: usize, strings: &[u8], records: &[u8]) -> Vec<u8> {
    let begin = |kind: u8| biff(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0]);
    let listed = |at: u32| biff(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 1, 0, b'A']].concat());
    let end = || biff(0x000a, &[]);
    let globals = begin(5).len() + times * listed(0).len() + strings.len() + end().len();
    let lists = listed(u32::try_from(globals).unwrap()).repeat(times);
    readers::compound(&[begin(5), lists, strings.to_vec(), end(), begin(16), records.to_vec(), end()].concat())
}

/// An old workbook of 60 kB whose every cell shows one shared text of 8,000 characters.
fn shown_again_and_again() -> Vec<u8> {
    let text = [&8_000u16.to_le_bytes()[..], &[0], &[b'x'; 8_000]].concat();
    let strings = biff(0x00fc, &[&[1, 0, 0, 0, 1, 0, 0, 0], &text[..]].concat());
    let cell = |at: u16| biff(0x00fd, &[&(at / 10).to_le_bytes()[..], &(at % 10).to_le_bytes(), &[0; 6]].concat());
    old_workbook(1, &strings, &(0..3_500).flat_map(cell).collect::<Vec<_>>())
}

/// Sheets of nothing but one record that goes on and on, walked once for each time that the sheet is listed.
fn continued_again_and_again() -> Vec<u8> {
    old_workbook(2_500, &[], &[biff(0x0200, &[]), biff(0x003c, &[]).repeat(6_000)].concat())
}

/// Sheets of rows of one cell each: little in the file, a whole row in memory.
fn rows_again_and_again() -> Vec<u8> {
    let cell = |row: u16| biff(0x0203, &[&row.to_le_bytes()[..], &[0; 12]].concat());
    old_workbook(2_500, &[], &(0..1_000).flat_map(cell).collect::<Vec<_>>())
}

/// A workbook that lists one sheet of a megabyte a hundred thousand times.
fn listed_again_and_again() -> Vec<u8> {
    let sheets: String =
        (0..100_000).map(|number| format!("<sheet name=\"{number}\" sheetId=\"1\" r:id=\"rId1\"/>")).collect();
    let book = format!(
        "<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{sheets}</sheets></workbook>"
    );
    let sheet = format!("<worksheet><sheetData>{}</sheetData></worksheet>", "<row r=\"1\"></row>".repeat(50_000));
    readers::workbook(format!("{sheet}\0\0\0{book}").as_bytes())
}

const MANY: usize = 48 << 20;

#[test]
fn what_is_made_to_harm_is_refused_soon_and_within_memory() {
    let line = "20260301,1.00,,0\n";
    let claim = "\0<sst uniqueCount=\"100000000000\"><si><t>a</t></si></sst>";
    let entries: String = (0..30_000).map(|n| format!("20260301,{}.00,,0\n", n + 1)).collect();
    let accounts: String = (0..30_000).map(|n| format!("20260301,1.00,,0,{n}\n")).collect();
    let balances = "<Bal><Tp><CdOrPrtry><Cd>ITBD</Cd></CdOrPrtry></Tp></Bal>".repeat(MANY / 8 / 56);
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("statements without end", camt("", "<Stmt></Stmt>", MANY), Some("number of statements")),
        ("details without end", camt("<Stmt><Ntry><NtryDtls>", "<TxDtls/>", MANY), Some("number of entries")),
        ("elements in elements", camt("<Stmt>", "<a>", MANY), Some("nesting of elements")),
        ("elements before any message", camt("", "<a>", MANY), Some("nesting of elements")),
        ("one text", camt("<Stmt><Id>", "a", MANY), Some("bytes of one element")),
        ("one attribute", camt("<Stmt a=\"", "a", MANY), Some("XML is broken")),
        (
            "balances by the hundred thousand",
            format!("{CAMT}<Stmt>{balances}</Stmt></BkToCstmrStmt></Document>").into_bytes(),
            None,
        ),
        ("a SWIFT statement a line", ":20:A\n".repeat(MANY / 6).into_bytes(), Some("number of statements")),
        ("one SWIFT field", format!(":20:A\n:86:{}", "a".repeat(MANY)).into_bytes(), Some("bytes of one field")),
        ("nothing but commas", ",".repeat(MANY).into_bytes(), Some("bytes of one row")),
        (
            "a quotation mark left open",
            format!("日期,收入,支出\n\"{}", line.repeat(MANY / line.len())).into_bytes(),
            Some("over the limit"),
        ),
        ("one reference for all", format!("日期,收入,支出,流水号\n{entries}").into_bytes(), None),
        (
            "an account a line",
            format!("日期,收入,支出,流水号,账号\n{accounts}").into_bytes(),
            Some("number of statements"),
        ),
        ("records without end", "H|20260301|1|CNY|0|0\n".repeat(200_000).into_bytes(), Some("number of statements")),
        ("a shared text again and again", shown_again_and_again(), Some("bytes of all cells")),
        ("a record that goes on and on", continued_again_and_again(), Some("bytes of all cells")),
        ("rows of one cell again and again", rows_again_and_again(), Some("bytes of all cells")),
        ("a hundred billion shared strings", readers::workbook(claim.as_bytes()), Some("shared strings")),
        ("a sheet again and again", listed_again_and_again(), Some("number of sheets")),
    ];
    for (case, bytes, word) in cases {
        let limits = ["parse", "statement", "--max-bytes", "67108864", "--max-entries", "500000", "-"];
        // What old workbooks hold adds up to less than the usual limit.
        let small = ["parse", "statement", "--max-bytes", "8388608", "-"];
        let old = word == Some("bytes of all cells");
        let (status, told, took) = bounded(if old { &small } else { &limits }, bytes);
        match word {
            Some(word) => {
                assert_eq!(status, Some(2), "{case}: {told}");
                assert!(told.contains(word) && told.trim_end().lines().count() == 1, "{case}: {told}");
            }
            None => assert_eq!((status, told.as_str()), (Some(0), ""), "{case}"),
        }
        assert!(took < Duration::from_secs(30), "{case} took {took:?}");
    }
}

#[test]
fn sheets_of_institutions_that_are_made_to_harm_are_refused_as_well() {
    let claim = "\0<sst uniqueCount=\"100000000000\"><si><t>a</t></si></sst>";
    let comma = ",".repeat(15 << 20);
    for (case, bytes, word) in [
        ("a hundred billion shared strings", readers::workbook(claim.as_bytes()), "shared strings"),
        ("a sheet again and again", listed_again_and_again(), "unpacks to more"),
        ("nothing but commas", comma.into_bytes(), "beyond column"),
        ("a shared text again and again", shown_again_and_again(), "longer than"),
        ("rows of one cell again and again", rows_again_and_again(), "unpacks to more"),
    ] {
        let arguments = ["import", "institutions", "-", "--region", "331000", "--dry-run"];
        let (status, told, took) = bounded(&arguments, bytes);
        assert_eq!(status, Some(2), "{case}: {told}");
        assert!(told.contains(word) && told.trim_end().lines().count() == 1, "{case}: {told}");
        assert!(took < Duration::from_secs(30), "{case} took {took:?}");
    }
}
