//! `mingjian simulate escrow` as other programs call it: files in, one JSON document and an exit status out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const HEADER: &str =
    "account,booked_at,direction,amount_fen,bank_ref,kind,counterparty_name,counterparty_account,remittance,order_ref";

struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_mingjian");
        Command::new(program).args(["simulate", "escrow"]).args(args).current_dir(self.0.path()).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The one line of a refusal.
    fn refusal(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}

fn entries(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

#[test]
fn a_replay_tells_balances_warnings_and_what_is_undetermined() {
    let desk = Desk::new();
    let rows = [
        "B,2026-03-02T09:00:00+08:00,credit,1000,B1,prepayment,,,,",
        "A,2026-03-01T00:00:00+08:00,credit,10000000,A0,opening,,,,",
        "A,2026-03-02T10:00:00+08:00,debit,5000000,A1,other,某公司,6222,\"货款, 三月\",",
    ];
    desk.file("e.csv", entries(&rows));
    let output = desk.json(&["--entries", "e.csv"]);
    assert_eq!(output["policy_version"], "2026-01");
    let accounts = output["accounts"].as_array().unwrap();
    assert_eq!(accounts.iter().map(|a| a["account"].as_str().unwrap()).collect::<Vec<_>>(), ["A", "B"]);
    let a = &accounts[0];
    assert_eq!((&a["balance_fen"], &a["unearned_fen"]), (&json!(5_000_000), &Value::Null));
    let warnings = a["warnings"].as_array().unwrap();
    let shape = |w: &Value| (w["kind"].clone(), w["level"].clone(), w["bank_ref"].clone());
    assert_eq!(
        warnings.iter().map(shape).collect::<Vec<_>>(),
        [
            (json!("FUND-CUM-ROLLING"), json!("orange"), json!("A1")),
            (json!("FUND-LARGE-SINGLE"), json!("red"), json!("A1")),
            (json!("FUND-UNUSUAL-COUNTERPARTY"), json!("yellow"), json!("A1"))
        ]
    );
    let large = &warnings[1];
    let step = json!([{"at": "2026-03-02T10:00:00+08:00", "level": "red", "bank_ref": "A1"}]);
    assert_eq!((&large["history"], &large["resolved_at"]), (&step, &Value::Null));
    assert_eq!((&large["evidence"]["value"], &large["evidence"]["threshold"]), (&json!(5_000), &json!(5_000)));
    let lacking = |kind| json!({"kind": kind, "missing": ["obligations"]});
    let expected = json!(["FUND-COVERAGE", "FUND-RUNOFF-DATE", "FUND-WITHDRAW-UNMATCHED"].map(lacking));
    assert_eq!(a["undetermined"], expected);

    let mut reversed = rows;
    reversed.reverse();
    desk.file("r.csv", entries(&[reversed.as_slice(), &rows[..2]].concat()));
    assert_eq!(desk.json(&["--entries", "r.csv"]), output, "any order, some rows twice");
}

#[test]
fn obligations_set_the_minimum_and_the_replay_ends_with_the_last_entrys_day() {
    let desk = Desk::new();
    desk.file("e.csv", entries(&["A,2026-03-02T10:00:00+08:00,credit,8999999,A0,opening,,,,"]));
    let owed = "account,at,event,amount_fen,contract_ref\nA,2026-03-01,contract,50000000,c1\n\
        A,2026-03-02T23:59:59+08:00,consumed,5000000,c1\nA,2026-03-03,refunded,45000000,c1\nZ,2026-03-01,contract,7,z\n";
    desk.file("o.csv", owed);
    let output = desk.json(&["--entries", "e.csv", "--obligations", "o.csv"]);
    let a = &output["accounts"][0];
    let young = json!([{"kind": "FUND-RUNOFF-DATE", "missing": ["14_days_of_entries"]}]);
    assert_eq!((&a["unearned_fen"], &a["undetermined"]), (&json!(45_000_000), &young));
    let warning = &a["warnings"][0];
    assert_eq!((&warning["kind"], &warning["level"]), (&json!("FUND-BELOW-MIN"), &json!("yellow")));
    assert_eq!((&warning["raised_at"], &warning["bank_ref"]), (&json!("2026-03-02T23:59:59+08:00"), &Value::Null));
    assert_eq!(warning["resolved_at"], Value::Null);
    let lack = |kind: &str| json!({"kind": kind, "missing": ["entries"]});
    let lacking = ["FUND-BELOW-MIN", "FUND-COVERAGE", "FUND-RUNOFF-DATE"].map(lack);
    let unknown =
        json!({"account": "Z", "balance_fen": null, "unearned_fen": 7, "warnings": [], "undetermined": lacking});
    assert_eq!(output["accounts"][1], unknown, "it owes, but of its money nothing is known");

    let later = desk.json(&["--entries", "e.csv", "--obligations", "o.csv", "--as-of", "2026-03-03"]);
    assert_eq!(later["accounts"][0]["warnings"][0]["resolved_at"], "2026-03-03T23:59:59+08:00");
    let sooner = ["--entries", "e.csv", "--obligations", "o.csv", "--as-of", "2026-03-02T23:59:58+08:00"];
    assert_eq!(desk.json(&sooner)["accounts"][0]["warnings"], json!([]));
    let before = desk.json(&["--entries", "e.csv", "--as-of", "2026-03-01"]);
    assert_eq!(before["accounts"], json!([]), "the account has not begun");
}

/// Kind, level and entry of each warning of the first account.
fn told(output: &Value) -> Vec<String> {
    let told = |w: &Value| {
        format!(
            "{} {} {}",
            w["kind"].as_str().unwrap(),
            w["level"].as_str().unwrap(),
            w["bank_ref"].as_str().unwrap_or("-")
        )
    };
    output["accounts"][0]["warnings"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn f8_is_told_by_what_left_and_by_what_is_left() {
    let desk = Desk::new();
    let rows = [
        "A,2026-03-01T00:00:00+08:00,credit,48000000,A0,opening,,,,",
        "A,2026-03-10T10:00:00+08:00,debit,9600000,A1,other,,,,",
    ];
    desk.file("e.csv", entries(&rows));
    let owed = "account,at,event,amount_fen,contract_ref\nA,2026-02-01,contract,47000000,c1\nA,2026-03-05,consumed,4000000,c1\n";
    desk.file("o.csv", owed);
    let output = desk.json(&["--entries", "e.csv", "--obligations", "o.csv"]);
    assert_eq!(
        told(&output),
        ["FUND-LARGE-SINGLE yellow A1", "FUND-WITHDRAW-UNMATCHED red A1", "FUND-COVERAGE yellow -"]
    );
    assert_eq!(output["accounts"][0]["warnings"][2]["evidence"]["value"], 8_930);
    let unknown = json!([{"kind": "FUND-RUNOFF-DATE", "missing": ["14_days_of_entries"]},
        {"kind": "FUND-UNUSUAL-COUNTERPARTY", "missing": ["counterparty"]}]);
    assert_eq!(output["accounts"][0]["undetermined"], unknown, "F21: a feed without counterparties");
}

#[test]
fn f10_f13_and_f20_are_told_from_files() {
    let desk = Desk::new();
    let split = |n: u32| format!("A,2026-03-10T1{n}:00:00+08:00,debit,4500000,A{n},other,某某商贸有限公司,6222,,");
    let rows = [split(0), split(1), split(2), "A,2026-03-01T00:00:00+08:00,credit,100000000,,opening,,,,".to_owned()];
    desk.file("e.csv", entries(&rows.each_ref().map(String::as_str)));
    let output = desk.json(&["--entries", "e.csv"]);
    assert_eq!(told(&output), ["FUND-UNUSUAL-COUNTERPARTY yellow A0", "FUND-STRUCTURING red A2"]);

    desk.file(
        "e.csv",
        entries(&["A,2026-03-10T10:00:00+08:00,credit,9600000,A1,prepayment,××消费金融有限公司,1,20 单,"]),
    );
    assert_eq!(told(&desk.json(&["--entries", "e.csv"])), ["TRAINING-LOAN red A1"]);

    let day = |n: u32| format!("A,2026-02-{n:02}T10:00:00+08:00,debit,640000,D{n},refund,,,,R{n}");
    let mut rows: Vec<String> = (2..=28).map(day).collect();
    rows.push("A,2026-02-02T00:00:00+08:00,credit,37920000,,opening,,,,".to_owned());
    rows.push("A,2026-03-01T10:00:00+08:00,debit,640000,D29,refund,,,,R29".to_owned());
    desk.file("e.csv", entries(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
    desk.file("o.csv", "account,at,event,amount_fen,contract_ref\nA,2026-01-01,contract,19000000,c\nA,2026-05-31,consumed,19000000,c\n");
    let output = desk.json(&["--entries", "e.csv", "--obligations", "o.csv"]);
    assert_eq!(
        (told(&output), &output["accounts"][0]["balance_fen"]),
        (vec!["FUND-RUNOFF-DATE yellow -".to_owned()], &json!(20_000_000))
    );
}

#[test]
fn the_policy_is_printed_and_a_printed_policy_is_read() {
    let desk = Desk::new();
    let policy = desk.json(&["--print-policy"]);
    assert_eq!(policy["FUND-LARGE-SINGLE"]["tiers"][0]["amount_fen"], 5_000_000);
    let mut own = policy.clone();
    own["version"] = json!("331002-2");
    own["FUND-LARGE-SINGLE"]["tiers"][0]["amount_fen"] = json!(100);
    desk.file("p.json", own.to_string());
    assert_eq!(desk.json(&["--policy", "p.json", "--print-policy"]), own);
    let rows =
        ["A,2026-03-01T00:00:00Z,credit,100000,,opening,,,,", "A,2026-03-02T02:00:00Z,debit,100,A1,bank_fee,,,,"];
    desk.file("e.csv", entries(&rows));
    let output = desk.json(&["--policy", "p.json", "--entries", "e.csv"]);
    let warning = &output["accounts"][0]["warnings"][0];
    assert_eq!((&output["policy_version"], &warning["level"]), (&json!("331002-2"), &json!("yellow")));
    assert_eq!(warning["evidence"]["policy_version"], "331002-2");
    assert_eq!(warning["raised_at"], "2026-03-02T10:00:00+08:00");

    own["FUND-LARGE-SINGLE"]["tiers"][0]["amount"] = json!(1);
    desk.file("bad.json", own.to_string());
    let line = desk.refusal(&["--policy", "bad.json", "--print-policy"]);
    assert!(
        line.contains("bad.json") && line.contains("FUND-LARGE-SINGLE.tiers[0]") && line.contains("amount"),
        "{line}"
    );
    own["FUND-LARGE-SINGLE"]["tiers"][0] = json!({"level": "yellow", "share_bp": 0});
    desk.file("bad.json", own.to_string());
    let line = desk.refusal(&["--policy", "bad.json", "--entries", "e.csv"]);
    assert!(line.contains("FUND-LARGE-SINGLE.tiers[0].share_bp"), "{line}");
}

#[test]
fn a_bad_row_is_refused_by_line_column_and_mend() {
    let desk = Desk::new();
    let opening = "A,2026-03-01T00:00:00+08:00,credit,100,A0,opening,,,,";
    for (row, expected) in [
        (",2026-03-02T10:00:00+08:00,debit,1,A1,other,,,,", "line 3, column account"),
        ("A,2026-03-02 10:00,debit,1,A1,other,,,,", "line 3, column booked_at"),
        ("A,2026-03-02T10:00:00,debit,1,A1,other,,,,", "line 3, column booked_at"),
        ("A,4052-03-02T10:00:00+08:00,debit,1,A1,other,,,,", "line 3, column booked_at"),
        ("A,2026-03-02T10:00:00+08:00,out,1,A1,other,,,,", "line 3, column direction"),
        ("A,2026-03-02T10:00:00+08:00,debit,1.5,A1,other,,,,", "line 3, column amount_fen"),
        ("A,2026-03-02T10:00:00+08:00,debit,-1,A1,other,,,,", "line 3, column amount_fen"),
        ("A,2026-03-02T10:00:00+08:00,debit,9223372036854775808,A1,other,,,,", "line 3, column amount_fen"),
        ("A,2026-03-02T10:00:00+08:00,debit,1,,other,,,,", "line 3, column bank_ref"),
        ("A,2026-03-02T10:00:00+08:00,debit,1,A1,salary,,,,", "line 3, column kind"),
        ("A,2026-03-02T10:00:00+08:00,debit,1,A1,other,,,", "line 3: 9 cells"),
        ("A,2026-03-01T00:00:00+08:00,credit,100,A9,opening,,,,", "line 3, column kind"),
        ("A,2026-03-01T00:00:00+08:00,credit,101,A0,opening,,,,", "line 3, column bank_ref"),
        ("A,2026-02-28T10:00:00+08:00,debit,1,A1,other,,,,", "line 3, column booked_at"),
        ("A,2026-03-02T10:00:00+08:00,credit,9223372036854775807,A1,other,,,,", "account A: entry A1"),
    ] {
        desk.file("e.csv", entries(&[opening, row]));
        let line = desk.refusal(&["--entries", "e.csv"]);
        assert!(line.contains("e.csv: ") && line.contains(expected) && line.contains(';'), "{row}: {line}");
    }
}

#[test]
fn one_bank_ref_of_an_account_has_one_content() {
    let desk = Desk::new();
    let first = "A,2026-03-02T10:00:00+08:00,credit,5,A1,other,甲,1,x,";
    for (second, same) in [
        (first, true),
        ("A,2026-03-02T02:00:00Z,credit,5,A1,other,甲,1,x,", true),
        ("B,2026-03-02T10:00:00+08:00,credit,6,A1,other,甲,1,x,", true),
        ("A,2026-03-02T10:00:01+08:00,credit,5,A1,other,甲,1,x,", false),
        ("A,2026-03-02T10:00:00+08:00,debit,5,A1,other,甲,1,x,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,6,A1,other,甲,1,x,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,5,A1,top_up,甲,1,x,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,5,A1,other,乙,1,x,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,5,A1,other,甲,2,x,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,5,A1,other,甲,1,y,", false),
        ("A,2026-03-02T10:00:00+08:00,credit,5,A1,other,甲,1,x,O1", false),
    ] {
        desk.file("e.csv", entries(&[first, second]));
        if same {
            assert_eq!(desk.json(&["--entries", "e.csv"])["accounts"][0]["balance_fen"], 5, "{second}");
        } else {
            let line = desk.refusal(&["--entries", "e.csv"]);
            assert!(line.contains("line 3, column bank_ref") && line.contains("line 2"), "{second}: {line}");
        }
    }
}

#[test]
fn an_unreadable_file_or_a_wrong_use_is_one_line() {
    let desk = Desk::new();
    desk.file("empty.csv", "");
    desk.file("extra.csv", format!("{HEADER},colour\n"));
    desk.file("twice.csv", format!("{HEADER},account\n"));
    desk.file(
        "gbk.csv",
        [HEADER.as_bytes(), b"\nA,2026-03-02T10:00:00+08:00,credit,5,A1,other,\xBC\xD7,1,x,\n"].concat(),
    );
    desk.file("none.csv", format!("{HEADER}\n"));
    desk.file("o.csv", "account,at,event,amount_fen,contract_ref\nA,2026-03-01,signed,1,c\n");
    for (args, expected) in [
        (&["--entries", "empty.csv"][..], "column account"),
        (&["--entries", "extra.csv"], "column colour"),
        (&["--entries", "twice.csv"], "column account"),
        (&["--entries", "gbk.csv"], "UTF-8"),
        (&["--entries", "missing.csv"], "missing.csv"),
        (&["--entries", "none.csv", "--obligations", "o.csv"], "o.csv: line 2, column event"),
        (&["--entries", "none.csv", "--as-of", "yesterday"], "--as-of"),
        (&[], "--entries"),
    ] {
        let line = desk.refusal(args);
        assert!(line.contains(expected), "{args:?}: {line}");
    }
    assert_eq!(desk.json(&["--entries", "none.csv"]), json!({"policy_version": "2026-01", "accounts": []}));
    let without_order_ref =
        format!("\u{feff}{}\nA,2026-03-02T10:00:00+08:00,credit,5,A1,other,,,\n", &HEADER[..HEADER.len() - 10]);
    desk.file("short.csv", without_order_ref);
    assert_eq!(desk.json(&["--entries", "short.csv"])["accounts"][0]["balance_fen"], 5);
}

#[test]
fn a_policy_is_judged_by_what_became_of_the_accounts_beside_another() {
    let desk = Desk::new();
    let rows = [
        "A,2026-03-01T00:00:00+08:00,credit,10000000,,opening,,,,",
        "A,2026-03-02T10:00:00+08:00,debit,5000000,A1,other,某公司,6222,货款,",
        "B,2026-03-01T00:00:00+08:00,credit,10000000,,opening,,,,",
        "B,2026-03-03T10:00:00+08:00,debit,2500000,B1,other,某公司,6222,货款,",
    ];
    desk.file("e.csv", entries(&rows));
    desk.file("o.csv", "account,on,outcome,kind\nA,2026-03-12,flight,\nB,2026-03-31,unfounded,FUND-LARGE-SINGLE\n");
    let mut policy: Value = serde_json::from_slice(&desk.run(&["--print-policy"]).stdout).unwrap();
    // By the other policy a quarter of the balance is nothing to speak of.
    policy["FUND-LARGE-SINGLE"]["tiers"][0]["share_bp"] = json!(3_000);
    desk.file("p.json", policy.to_string());
    let output = desk.json(&["--entries", "e.csv", "--outcomes", "o.csv", "--against", "p.json"]);
    let of = |assessment: &Value, kind: &str| {
        let by_kind = assessment["by_kind"].as_array().unwrap();
        let all = by_kind.iter().filter(|score| score["kind"] == kind);
        let sum = |field: &str| all.clone().map(|score| score[field].as_i64().unwrap()).sum::<i64>();
        (sum("hits"), sum("false_alarms"), sum("open"))
    };
    let (now, then) = (&output["assessment"], &output["against"]["assessment"]);
    assert_eq!(of(now, "FUND-LARGE-SINGLE"), (1, 1, 0), "{output}");
    assert_eq!(of(then, "FUND-LARGE-SINGLE"), (1, 0, 0), "the false alarm is gone, the hit is not");
    assert_eq!(now["flights"], json!([{"account": "A", "lead_days": 10}]));
    assert_eq!(output["against"]["accounts"][0]["account"], "B", "only what differs is told again");
    let plain = desk.json(&["--entries", "e.csv"]);
    assert_eq!(plain.as_object().unwrap().len(), 2, "without outcomes the answer is as ever");
    let line = desk.refusal(&["--entries", "e.csv", "--against", "p.json"]);
    assert!(line.contains("--outcomes"), "{line}");
    desk.file("o.csv", "account,on,outcome\nA,12 March,flight\n");
    let line = desk.refusal(&["--entries", "e.csv", "--outcomes", "o.csv"]);
    assert!(line.contains("o.csv: line 2, column on"), "{line}");
}
