//! The operator's look: what must be mended is said with the row that is wrong, whatever of it was damaged.

use std::process::{Command, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{NOW, TestApp, World, app},
    samples::{GRAB, OPENING, camt},
};

/// What the doctor says, a document each, and its exit status.
fn look(app: &TestApp, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["doctor", "--json", "--data"])
        .arg(&app.data)
        .args(arguments)
        .env("MINGJIAN_CLOCK", NOW)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "the look broke off: {said}{complaint}");
    let found = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (found, output.status.code())
}

/// Check and row of each fault of the books.
fn faults(app: &TestApp, region: &str) -> Vec<(String, String)> {
    let (found, _) = look(app, &["--deep", "--region", region]);
    let fault = |one: &Value| {
        assert!(!one["message_zh"].as_str()?.is_empty() && !one["fix_en"].as_str()?.is_empty());
        Some((one["check"].as_str()?.to_owned(), one["row"].as_str()?.to_owned()))
    };
    found.iter().filter_map(fault).collect()
}

#[tokio::test]
async fn the_doctor_says_of_each_part_whether_it_works() {
    let app = app();
    World::new().await;
    let (found, _) = look(app, &[]);
    let checks: Vec<&str> = found.iter().map(|one| one["check"].as_str().unwrap()).collect();
    for check in ["configuration", "database", "keys", "clock", "disk", "mail", "jobs"] {
        assert!(checks.contains(&check), "{check}: {found:?}");
    }
    let of = |check: &str| found.iter().find(|one| one["check"] == check).unwrap();
    assert_eq!(of("database")["grade"], "fine", "{found:?}");
    assert_eq!(of("keys")["grade"], "fine", "{found:?}");
    // Tests run with a clock that stands still.
    let clock = found
        .iter()
        .find(|one| one["grade"] == "mend" && one["message_en"].as_str().unwrap().contains("MINGJIAN_CLOCK"));
    assert!(clock.is_some(), "{found:?}");
    // A key that others may read is named with the mend.
    let key = app.data.join("keys/data");
    let mode = |mode: &str| assert!(Command::new("chmod").arg(mode).arg(&key).status().unwrap().success());
    mode("644");
    let (found, status) = look(app, &[]);
    mode("600");
    let told = found.iter().find(|one| one["check"] == "keys").unwrap();
    assert!(told["message_en"].as_str().unwrap().contains("chmod 600") && status == Some(1), "{told}");
}

/// What is done to the database behind the service's back and how it is undone, and the fault that must be named. `$T` is the
/// bureau, `$A` the account, `$I` the institution, `$C` the contract.
const DAMAGES: [(&str, &str, &str, &str); 16] = [
    (
        "UPDATE escrow_accounts SET balance_fen = balance_fen + 1 WHERE id = $A",
        "UPDATE escrow_accounts SET balance_fen = balance_fen - 1 WHERE id = $A",
        "balance",
        "escrow_accounts $A",
    ),
    (
        "UPDATE escrow_accounts SET entry_count = entry_count + 1 WHERE id = $A",
        "UPDATE escrow_accounts SET entry_count = entry_count - 1 WHERE id = $A",
        "entries",
        "escrow_accounts $A",
    ),
    (
        "INSERT INTO entries SELECT (e).* FROM (SELECT jsonb_populate_record(e, '{\"booked_at\": \"2026-03-16T12:00:00+08:00\"}') AS e \
         FROM entries e WHERE account_id = $A AND bank_ref = 'A1') x",
        "DELETE FROM entries WHERE account_id = $A AND booked_at = '2026-03-16T12:00:00+08:00'",
        "entries",
        "entries $A/A1",
    ),
    (
        "UPDATE statements SET balanced = NOT balanced WHERE account_id = $A",
        "UPDATE statements SET balanced = NOT balanced WHERE account_id = $A",
        "statement_chain",
        "statements $S",
    ),
    (
        "UPDATE entries SET amount_fen = amount_fen + 1 WHERE account_id = $A AND bank_ref = 'A2'",
        "UPDATE entries SET amount_fen = amount_fen - 1 WHERE account_id = $A AND bank_ref = 'A2'",
        "balance",
        "escrow_accounts $A",
    ),
    (
        "UPDATE contracts SET consumed_fen = consumed_fen + 100 WHERE id = $C",
        "UPDATE contracts SET consumed_fen = consumed_fen - 100 WHERE id = $C",
        "contracts",
        "contracts $C",
    ),
    (
        "UPDATE owed_days SET contracted_fen = contracted_fen + 1 WHERE institution_id = $I AND day = '2026-02-10'",
        "UPDATE owed_days SET contracted_fen = contracted_fen - 1 WHERE institution_id = $I AND day = '2026-02-10'",
        "owed_days",
        "owed_days $I/2026-02-10",
    ),
    (
        "UPDATE warnings SET bank_ref = 'nowhere' WHERE id = $W",
        "UPDATE warnings SET bank_ref = 'A3' WHERE id = $W",
        "warnings",
        "warnings $W",
    ),
    (
        "UPDATE warnings SET account_id = NULL WHERE id = $W",
        "UPDATE warnings SET account_id = $A WHERE id = $W",
        "warnings",
        "escrow_accounts $A",
    ),
    (
        "UPDATE proof_days SET consumed_fen = consumed_fen + 1 WHERE institution_id = $I AND day = '$D' AND version = 1",
        "UPDATE proof_days SET consumed_fen = consumed_fen - 1 WHERE institution_id = $I AND day = '$D' AND version = 1",
        "proofs",
        "proof_days $I/$D/1",
    ),
    (
        "UPDATE proof_days SET version = 2 WHERE institution_id = $I AND day = '$D' AND version = 1",
        "UPDATE proof_days SET version = 1 WHERE institution_id = $I AND day = '$D' AND version = 2",
        "proofs",
        "proof_days $I/$D/2",
    ),
    (
        "UPDATE proof_items SET bank_fen = bank_fen + 1 WHERE id = $P",
        "UPDATE proof_items SET bank_fen = bank_fen - 1 WHERE id = $P",
        "proofs",
        "proof_days $I/$D/1",
    ),
    (
        "UPDATE contracts SET pupil_sealed = set_byte(pupil_sealed, 20, get_byte(pupil_sealed, 20) # 1) WHERE id = $C",
        "UPDATE contracts SET pupil_sealed = set_byte(pupil_sealed, 20, get_byte(pupil_sealed, 20) # 1) WHERE id = $C",
        "sealed",
        "contracts $C",
    ),
    (
        "UPDATE public_institutions SET detail = jsonb_set(detail, '{status}', '\"white\"') WHERE institution_id = $I",
        "UPDATE public_institutions SET detail = jsonb_set(detail, '{status}', '\"operating\"') WHERE institution_id = $I",
        "public_rows",
        "public_institutions $I",
    ),
    (
        "UPDATE audit_events SET subject_id = 'x' || subject_id WHERE tenant_id = $T AND seq = 3",
        "UPDATE audit_events SET subject_id = substr(subject_id, 2) WHERE tenant_id = $T AND seq = 3",
        "audit_chain",
        "audit_events $T6/3",
    ),
    ("DELETE FROM entries WHERE account_id = $A AND bank_ref = 'A2'", "SELECT", "entries", "statements $S"),
];

#[tokio::test]
async fn whatever_is_damaged_behind_the_services_back_the_doctor_names_the_row() {
    let app = app();
    let world = World::new().await;
    let region = world.county.to_string();
    let contract = json!({
        "contract_no": "D1", "subject": "初中数学", "basis": "both", "pupil": "王小明", "guardian_phone": "13812345678",
        "signed_on": "2026-02-10", "price_fen": 480_000, "units_bought": 60,
        "first_lesson_on": "2026-03-01", "last_lesson_on": "2026-05-31",
    });
    let (status, contract) = world.org.post_json("/contracts", contract).await;
    assert_eq!(status, StatusCode::CREATED, "{contract}");
    let contract = contract["id"].as_i64().unwrap();
    let payment = json!({"receipt_no": "R1", "paid_at": "2026-02-10T10:00:00+08:00", "amount_fen": 480_000, "channel": "bank_transfer"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{contract}/payments"), payment).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let account = world.account_id().await;
    let root = app.database("mingjian_root").await;
    let number = |sql: String| {
        let root = &root;
        async move { root.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) }
    };
    let institution = number(format!("SELECT institution_id FROM escrow_accounts WHERE id = {account}")).await;
    let statement = number(format!("SELECT id FROM statements WHERE account_id = {account}")).await;
    let warning =
        number(format!("SELECT min(id) FROM warnings WHERE account_id = {account} AND bank_ref = 'A3'")).await;
    let proof = world.admin.submit(&format!("/b/proof/{}", world.credit_code), &[]).await;
    assert_eq!(proof.status(), StatusCode::SEE_OTHER);
    let sql = format!("SELECT id, day::text FROM proof_items WHERE institution_id = {institution} ORDER BY id LIMIT 1");
    let row = root.query_one(&sql, &[]).await.unwrap();
    let (item, day) = (row.get::<_, i64>(0), row.get::<_, String>(1));
    // The bureau's next look would put some of it right: let it be an hour away, and the first one of the day over.
    app.sweep(world.county, "2026-03-18T09:00");
    let (_, status) = look(app, &["--deep", "--region", &region]);
    assert_eq!(status, Some(1), "the clock of tests stands still");
    assert_eq!(faults(app, &region), [], "nothing is wrong at first");
    let tenant = world.county.tenant_id();
    let fill = |text: &str| {
        text.replace("$T6", &format!("{tenant:06}"))
            .replace("$T", &tenant.to_string())
            .replace("$A", &account.to_string())
            .replace("$I", &institution.to_string())
            .replace("$C", &contract.to_string())
            .replace("$S", &statement.to_string())
            .replace("$W", &warning.to_string())
            .replace("$P", &item.to_string())
            .replace("$D", &day)
    };
    for (damage, undo, check, row) in DAMAGES {
        assert_eq!(root.execute(&fill(damage), &[]).await.unwrap(), 1, "{damage}");
        let found = faults(app, &region);
        let named = (check.to_owned(), fill(row));
        assert!(found.contains(&named), "{damage}: {named:?} is not among {found:?}");
        root.execute(&fill(undo), &[]).await.unwrap();
        if undo != "SELECT" {
            assert_eq!(faults(app, &region), [], "{undo}");
        }
    }
}
