//! `mingjian import institutions --dry-run` as other programs call it.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{files::*, shared::data};

fn dry_run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["import", "institutions", "--region", "331000", "--dry-run"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A file that is refused is not read to its end.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn report(arguments: &[&str], input: &[u8]) -> (Option<i32>, Value) {
    let output = dry_run(arguments, input);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_command_reports_every_row_and_exits_1_when_one_is_refused() {
    let mut wrong = OTHER;
    (wrong[1], wrong[4]) = ("91331003", "１５４00000001");
    let good = csv(&[&HEADER, &GOOD]);
    let (status, told) = report(&["-"], good.as_bytes());
    assert_eq!((status, &told["accepted"], &told["rejected"]), (Some(0), &json!(1), &json!([])), "{told}");
    let mixed = encoding_rs::GBK.encode(&csv(&[&HEADER, &GOOD, &wrong])).0.into_owned();
    for (arguments, accepted) in [(&["-"][..], 0), (&["-", "--partial"], 1)] {
        let (status, told) = report(arguments, &mixed);
        assert_eq!((status, &told["accepted"]), (Some(1), &json!(accepted)), "{told}");
        let rejected = told["rejected"][0].as_object().unwrap();
        let fields: Vec<&str> = rejected.keys().map(String::as_str).collect();
        assert_eq!(fields, ["row", "column", "rule", "message_zh", "message_en"]);
        assert_eq!(
            (&rejected["row"], &rejected["column"], &rejected["rule"]),
            (&json!(3), &json!(HEADER[1]), &json!("BAD_LENGTH"))
        );
        assert_eq!(told["notes"][0]["rule"], "FULL_WIDTH");
    }
}

#[test]
fn a_file_that_cannot_be_read_exits_2_with_one_line() {
    for (case, arguments, input, word) in [
        ("nothing", &["-"][..], &b""[..], "no rows"),
        ("no header", &["-"], b"a,b\n1,2\n", "no header"),
        ("no file", &["none.xlsx"], b"", "none.xlsx"),
    ] {
        let output = dry_run(arguments, input);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{case}: {told}");
        assert!(told.trim_end().lines().count() == 1 && told.contains(word), "{case}: {told}");
    }
}

#[test]
fn the_command_tells_what_the_list_of_the_dirty_files_expects() {
    let Some(data) = data() else { return };
    let mut expected = csv::Reader::from_path(data.join("dirty/expected-errors.csv")).unwrap();
    let lines: Vec<csv::StringRecord> = expected.records().map(Result::unwrap).collect();
    let files: BTreeSet<&str> = lines.iter().map(|line| &line[0]).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let (status, told) = report(&[data.join("dirty").join(file).to_str().unwrap()], b"");
        assert_eq!((status, &told["accepted"]), (Some(1), &json!(0)), "{file}");
        for (part, refuses) in [("rejected", true), ("notes", false)] {
            let wanted: BTreeSet<(String, String, String)> = lines
                .iter()
                .filter(|line| &line[0] == file && (&line[4] == "error") == refuses)
                .map(|line| (line[1].to_owned(), line[2].to_owned(), line[3].to_owned()))
                .collect();
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let found: BTreeSet<(String, String, String)> = told[part]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| (text(&line["row"]), text(&line["column"]), text(&line["rule"])))
                .collect();
            assert_eq!(found, wanted, "{file}: {part}");
        }
    }
}
