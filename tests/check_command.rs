//! `mingjian check …` as other programs call it: exit statuses, streams, JSON shapes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// Runs the built program with `input` on standard input.
fn mingjian(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that refuses its arguments does not read its input.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn check(filing: &Value) -> (Option<i32>, Value) {
    let output = mingjian(&["check", "course", "-"], filing.to_string().as_bytes());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Asserts exit status 2, nothing on standard output and one line on standard error that holds every word.
fn refused(output: &Output, words: &[&str]) {
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty());
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told:?}");
    }
}

/// The contract's example, with a valid credit code and certificate.
fn example() -> Value {
    json!({"region": "331002", "as_of": "2026-02-10",
        "institution": {"credit_code": "52331002MJ0000018U", "licensed_categories": ["academic"], "stages": ["junior"],
            "delivery": ["offline"], "for_profit": false, "list_status": "white"},
        "course": {"name": "七年级数学", "category": "academic", "subject": "mathematics", "stage": "junior", "grade": 7,
            "delivery": "offline", "lesson_minutes": 45, "break_minutes": 10, "class_size": 30, "area_m2": 120,
            "lessons": 48, "fee_fen": 240000, "benchmark_fen": 5000, "first_payment_on": "2026-02-20",
            "materials_filed": true, "homework": false, "overseas_curriculum": false, "photo_search": false,
            "sessions": [{"date": "2026-03-02", "start": "18:30", "end": "20:10"}]},
        "instructors": [{"name": "王老师", "role": "teaching", "nationality": "CN", "located_in": "CN",
            "teacher_certificate": "20213310132000123", "certificate_subject": "mathematics",
            "certificate_stage": "junior", "skill_certificate": null, "published": true, "in_service_teacher": false,
            "banned": false, "inquiry_on": "2026-01-05"}],
        "calendar": {"vacations": [{"from": "2026-01-24", "to": "2026-02-28"}],
            "school_hours": [{"start": "08:00", "end": "16:30"}]},
        "policy": {"makeup_day": "refer", "offline_end": "20:30", "online_end": "21:00", "float_bp": 1000}})
}

#[test]
fn the_contracts_example_passes() {
    assert_eq!(check(&example()), (Some(0), json!({"decision": "pass", "findings": []})));
}

#[test]
fn a_blocking_finding_exits_1_with_every_field_of_the_contract() {
    let mut late = example();
    late["course"]["sessions"][0]["end"] = json!("20:31");
    let (status, verdict) = check(&late);
    assert_eq!((status, &verdict["decision"]), (Some(1), &json!("block")));
    let finding = verdict["findings"][0].as_object().unwrap();
    let fields: Vec<&str> = finding.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["rule", "severity", "path", "message_zh", "message_en", "evidence", "legal_basis", "fix_zh", "fix_en",]
    );
    assert_eq!(finding["rule"], "COURSE-TIME-OFFLINE-END");
    assert_eq!(finding["severity"], "block");
    assert_eq!(finding["path"], "course.sessions[0].end");
    assert!(finding["evidence"].is_object());
}

#[test]
fn warnings_and_references_exit_0() {
    let mut homework = example();
    homework["course"]["homework"] = json!(true);
    let (status, verdict) = check(&homework);
    assert_eq!((status, &verdict["decision"]), (Some(0), &json!("warn")));
    homework["instructors"][0].as_object_mut().unwrap().remove("teacher_certificate");
    let (status, verdict) = check(&homework);
    assert_eq!((status, &verdict["decision"]), (Some(0), &json!("refer")));
    assert_eq!(verdict["findings"][0]["evidence"]["missing"], json!(["instructors[0].teacher_certificate"]));
}

#[test]
fn an_array_is_answered_by_an_array() {
    let mut late = example();
    late["course"]["sessions"][0]["end"] = json!("20:31");
    let (status, verdicts) = check(&json!([example(), late]));
    assert_eq!(status, Some(1));
    assert_eq!((&verdicts[0]["decision"], &verdicts[1]["decision"]), (&json!("pass"), &json!("block")));
    assert_eq!(check(&json!([example()])), (Some(0), json!([{"decision": "pass", "findings": []}])));
    assert_eq!(check(&json!([])), (Some(0), json!([])));
}

#[test]
fn a_file_and_standard_input_without_a_dash_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("课程.json");
    std::fs::write(&file, format!("\u{feff}\n {}\n", json!([example()]))).unwrap();
    let output = mingjian(&["check", "course", file.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(serde_json::from_slice::<Value>(&output.stdout).unwrap().is_array());
    assert_eq!(mingjian(&["check", "course"], example().to_string().as_bytes()).status.code(), Some(0));
    refused(&mingjian(&["check", "course", folder.path().join("none.json").to_str().unwrap()], b""), &["none.json"]);
}

#[test]
fn what_cannot_be_read_exits_2_and_says_where() {
    let course = |input: &[u8]| mingjian(&["check", "course", "-"], input);
    refused(&course(b""), &["standard input", "line 1"]);
    refused(&course(b"{\"region\":\n"), &["line 2"]);
    refused(&course(b"[1]"), &["[0]"]);
    refused(&course(b"\xff\xfe"), &["line 1"]);
    refused(&course(format!("{} {}", example(), example()).as_bytes()), &["one JSON value"]);
    let changes: [(&str, Value, &[&str]); 13] = [
        ("/course/room", json!(1), &["course.room", "unknown field"]),
        ("/remark", json!(1), &["remark", "unknown field"]),
        ("/course/sessions/0/room", json!(1), &["course.sessions[0].room"]),
        ("/instructors/0/phone", json!(1), &["instructors[0].phone"]),
        ("/course/category", json!("maths"), &["course.category", "academic"]),
        ("/course/sessions", json!(null), &["course.sessions"]),
        ("/course/sessions/0/end", json!("24:00"), &["course.sessions[0].end", "HH:MM"]),
        ("/course/sessions/0/date", json!("2026-02-30"), &["course.sessions[0].date", "YYYY-MM-DD"]),
        ("/instructors/0/inquiry_on", json!("2026-1-5"), &["instructors[0].inquiry_on"]),
        ("/course/fee_fen", json!(1.5), &["course.fee_fen"]),
        ("/course/fee_fen", json!(-1), &["course.fee_fen"]),
        ("/region", json!("33100"), &["region"]),
        ("/policy/float_bp", json!(1200), &["policy.float_bp", "1000"]),
    ];
    for (pointer, value, words) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let mut filing = example();
        filing.pointer_mut(parent).unwrap()[field] = value.clone();
        refused(&course(filing.to_string().as_bytes()), words);
        if let [path, ..] = words {
            refused(&course(json!([example(), filing]).to_string().as_bytes()), &[&format!("[1].{path}")]);
        }
    }
    for required in ["/region", "/as_of", "/institution", "/course/category", "/course/stage", "/course/delivery"] {
        let (parent, field) = required.rsplit_once('/').unwrap();
        let mut filing = example();
        filing.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        refused(&course(filing.to_string().as_bytes()), &[field, "missing field"]);
    }
}

fn credit_code(codes: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = mingjian(&[&["check", "credit-code"], codes].concat(), b"");
    let lines = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn credit_codes_are_told_one_line_each() {
    let (status, lines) = credit_code(&["52331002MJ0000018U", "５２３３１００２－ｍｊ００００ ０１８ｕ"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        lines[0],
        json!({"input": "52331002MJ0000018U", "code": "52331002MJ0000018U", "valid": true, "reason": null,
        "normalised": false, "authority": "民政", "region": "331002", "region_known": true, "organisation_check_ok": true})
    );
    assert_eq!((&lines[1]["code"], &lines[1]["normalised"]), (&json!("52331002MJ0000018U"), &json!(true)));
    let fields: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "input",
            "code",
            "valid",
            "reason",
            "normalised",
            "authority",
            "region",
            "region_known",
            "organisation_check_ok",
        ]
    );

    let (status, lines) = credit_code(&["52331002MJ0000018U", "52331002MJ0000018V"]);
    assert_eq!((status, lines.len()), (Some(1), 2));
    assert_eq!(
        lines[1],
        json!({"input": "52331002MJ0000018V", "code": null, "valid": false, "reason": "alphabet",
        "normalised": false, "authority": null, "region": null, "region_known": null, "organisation_check_ok": null})
    );
}

#[test]
fn the_worked_examples_x1_to_x13() {
    for (case, code, reason) in [
        ("X1", "52331002MJ0000018U", None),
        ("X2", "91331003MA2A00018Y", None),
        ("X3", "5233108150000012X6", None),
        ("X4", "12330000470000187Q", None),
        ("X5", "93331022MA2B00094P", None),
        ("X6", "52331002MJ0000018V", Some("alphabet")),
        ("X7", "52331002MJ0000081U", Some("check_character")),
        ("X8", "91331003MA2A00108Y", Some("check_character")),
        ("X9", "52331002MI0000018U", Some("alphabet")),
        ("X10", "52331002MJ000001U", Some("length")),
        ("X11", "52331002mj0000018u", None),
        ("X12", "25331002MJ0000018U", Some("check_character")),
        ("X13", "91350100M000100Y43", None),
        ("too long before a wrong letter", "52331002MI0000018UU", Some("length")),
        ("wrong letter before the check", "52331002MI0000081U", Some("alphabet")),
        ("empty", "", Some("length")),
        ("a hyphen", "-", Some("length")),
    ] {
        let (status, lines) = credit_code(&[code]);
        assert_eq!(lines[0]["reason"], json!(reason), "{case}");
        assert_eq!(lines[0]["valid"], json!(reason.is_none()), "{case}");
        assert_eq!(status, Some(i32::from(reason.is_some())), "{case}");
    }
}

#[test]
fn an_unknown_authority_a_retired_region_and_a_failed_inner_check_are_told_not_refused() {
    let (status, lines) = credit_code(&["123456789012345678"]);
    assert_eq!((status, &lines[0]["organisation_check_ok"]), (Some(0), &json!(false)));
    // 330104 江干区 was dissolved in 2021; one check character of the 31 fits.
    let retired = (0..31).map(|i| format!("91330104MA2A00012{}", char::from(b"0123456789ABCDEFGHJKLMNPQRTUWXY"[i])));
    let retired: Vec<String> = retired.collect();
    let (_, all) = credit_code(&retired.iter().map(String::as_str).collect::<Vec<_>>());
    let valid: Vec<&Value> = all.iter().filter(|line| line["valid"] == json!(true)).collect();
    assert_eq!(valid.len(), 1);
    assert_eq!((&valid[0]["region"], &valid[0]["region_known"]), (&json!("330104"), &json!(false)));
    // No first character 0 is assigned.
    let unknown: Vec<String> =
        (0..31).map(|i| format!("01331002470000187{}", char::from(b"0123456789ABCDEFGHJKLMNPQRTUWXY"[i]))).collect();
    let (_, all) = credit_code(&unknown.iter().map(String::as_str).collect::<Vec<_>>());
    let valid: Vec<&Value> = all.iter().filter(|line| line["valid"] == json!(true)).collect();
    assert_eq!((valid.len(), &valid[0]["authority"]), (1, &json!(null)));
}

#[test]
fn no_code_at_all_is_refused_and_help_has_an_example() {
    refused(&mingjian(&["check", "credit-code"], b""), &["no code given"]);
    for command in ["course", "credit-code"] {
        let output = mingjian(&["check", command, "--help"], b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("Example:"), "{command}");
    }
}

/// The folder of samples beside the project, or where `MINGJIAN_SHARED` says.
fn samples() -> PathBuf {
    std::env::var_os("MINGJIAN_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
}

#[test]
fn the_shared_vectors_of_credit_codes_agree() {
    let file = samples().join("data/uscc-vectors.csv");
    let Ok(mut rows) = csv::Reader::from_path(&file) else {
        eprintln!("skipped: {} is not there; MINGJIAN_SHARED may name the folder", file.display());
        return;
    };
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert!(!rows.is_empty());
    let codes: Vec<&str> = rows.iter().map(|row| &row[0]).collect();
    let (_, lines) = credit_code(&codes);
    assert_eq!(lines.len(), rows.len());
    for (row, line) in rows.iter().zip(&lines) {
        let (code, expected, reason) = (&row[0], &row[1], &row[2]);
        assert_eq!(line["valid"], json!(expected.starts_with("valid")), "{code}");
        assert_eq!(line["normalised"], json!(expected.starts_with("valid_after")), "{code}");
        if !expected.starts_with("valid") {
            let short = reason.split('_').next().unwrap();
            let reason = match short {
                "checksum" => "check_character",
                "charset" => "alphabet",
                other => other,
            };
            assert_eq!(line["reason"], reason, "{code}");
        } else if !row[4].is_empty() {
            assert_eq!(line["organisation_check_ok"], json!(&row[4] == "True"), "{code}");
        }
    }
}
