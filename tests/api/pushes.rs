//! A bank's pushes that come at the same time, for one account and for many.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{HEADER, TestApp, World, app, credit_code, row},
    escrow::Bank,
    samples::{OPENING, camt},
};

/// Schools of the world's county besides its own: their accounts, each with a statement up to 16 March.
async fn schools(world: &World, count: usize) -> Vec<String> {
    let mut csv = format!("{HEADER}\n");
    let mut accounts = Vec::new();
    for _ in 0..count {
        let number = u32::try_from(TestApp::next_number()).unwrap();
        let account = format!("{}{number:08}", world.county);
        let name = format!("同时报送学科培训中心{number}（样例）");
        csv += &format!("{}\n", row(world.county, &name, &credit_code(world.county, number), &account));
        accounts.push(account);
    }
    let (status, report) = world.admin.import(&[("region", &world.county.to_string())], csv).await;
    assert!(status.is_success() && report["accepted"] == count, "{status} {report}");
    for account in &accounts {
        let path = format!("/escrow/accounts/{}/statements", id_of(world, account).await);
        let day = camt(account, OPENING, &[("2026-03-16", true, 480_000, "A1")]);
        assert!(world.admin.post_file(&path, &[], "day.xml", day).await.status().is_success());
    }
    accounts
}

async fn id_of(world: &World, account: &str) -> i64 {
    let accounts = world.admin.json("/escrow/accounts?limit=100").await;
    let own = accounts["items"].as_array().unwrap().iter().find(|item| item["account"] == account);
    own.unwrap_or_else(|| panic!("{account} in {accounts}"))["id"].as_i64().unwrap()
}

fn entry(bank_ref: &str, second: usize, fen: i64) -> Value {
    json!({"bank_ref": bank_ref, "booked_on": "2026-03-17", "booked_at": format!("2026-03-17T10:{:02}:{:02}+08:00", second / 60, second % 60),
           "direction": if fen > 0 { "credit" } else { "debit" }, "amount_fen": fen.abs()})
}

#[tokio::test]
async fn pushes_that_come_at_the_same_time_are_each_taken_in_or_refused_by_themselves() {
    let world = World::new().await;
    let accounts = schools(&world, 6).await;
    let bank = Bank::of(&world);
    let push = async |turn: usize, account: &str, entries: Vec<Value>| {
        let body = json!({"account": account, "entries": entries}).to_string();
        let answer = bank.push(&body, &format!("nonce-at-once-{turn:04}"), None).await;
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    // Ten for each account, one after the other within it; of the first account one contradicts what it has, and one account is none.
    let mut waiting = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        for turn in 0..10 {
            let bank_ref = if (at, turn) == (0, 5) { "A1".to_owned() } else { format!("P{turn}") };
            waiting.push(push(
                at * 10 + turn,
                account,
                vec![entry(&bank_ref, turn, 10_000), entry(&format!("Q{turn}"), turn, -5_000)],
            ));
        }
    }
    waiting.push(push(900, "99999999", vec![entry("X", 0, 1)]));
    let answers = join_all(waiting).await;
    for (place, (status, answer)) in answers.iter().enumerate() {
        let expected = match place {
            5 => StatusCode::CONFLICT,
            60 => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        assert_eq!(*status, expected, "{place} {answer}");
    }
    for (at, account) in accounts.iter().enumerate() {
        let id = id_of(&world, account).await;
        let pushed = if at == 0 { 9 } else { 10 };
        let kept = world.admin.json(&format!("/escrow/accounts/{id}")).await;
        assert_eq!(kept["balance_fen"], OPENING + 480_000 + pushed * 5_000, "{kept}");
        let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries?limit=100")).await;
        assert_eq!(entries["items"].as_array().unwrap().len() as i64, 1 + 2 * pushed);
    }
    // The same once more is no news, whoever asks for it at the same time.
    let again = join_all(
        accounts
            .iter()
            .enumerate()
            .map(|(at, account)| push(950 + at, account, vec![entry("P1", 1, 10_000), entry("Z", 700, 1)])),
    )
    .await;
    assert!(
        again.iter().all(|(_, answer)| (&answer["inserted"], &answer["duplicates"]) == (&json!(1), &json!(1))),
        "{again:?}"
    );
    let trail = app().run(&["audit", "verify", "--region", &world.county.to_string()], "");
    assert!(!trail.contains("fault"), "{trail}");
}

#[tokio::test]
async fn of_two_requests_with_one_nonce_at_the_same_time_one_is_taken() {
    let world = World::new().await;
    let account = schools(&world, 1).await.remove(0);
    let bank = Bank::of(&world);
    let body = json!({"account": account, "entries": [entry("N1", 0, 100)]}).to_string();
    let answers = join_all((0..8).map(|_| bank.push(&body, "nonce-once-for-all", None))).await;
    let taken = answers.iter().filter(|answer| answer.status() == StatusCode::OK).count();
    let used = answers.iter().filter(|answer| answer.status() == StatusCode::CONFLICT).count();
    assert_eq!((taken, used), (1, 7));
}

/// The grab of one school among others is seen in the same moment, and only there.
#[tokio::test]
async fn a_warning_among_pushes_that_go_in_together_is_that_of_its_own_account() {
    let world = World::new().await;
    let accounts = schools(&world, 4).await;
    let bank = Bank::of(&world);
    let pushes = accounts.iter().enumerate().map(|(at, account)| {
        let fen = if at == 2 { -18_288_000 } else { -1_000 };
        let body = json!({"account": account, "entries": [entry("G", 0, fen)]}).to_string();
        let bank = &bank;
        async move { bank.push(&body, &format!("nonce-of-a-grab-{at}"), None).await }
    });
    assert!(join_all(pushes).await.iter().all(|answer| answer.status() == StatusCode::OK));
    let warnings = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    let found: Vec<&Value> =
        warnings["items"].as_array().unwrap().iter().map(|warning| &warning["account_id"]).collect();
    assert_eq!(found, [&json!(id_of(&world, &accounts[2]).await)], "{warnings}");
}
