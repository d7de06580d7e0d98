//! What a bank delivers that contradicts itself or what was kept (W8): told as a warning, put right by the bank, signed.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, User, World},
    escrow::Bank,
    oversight::of_kind,
    samples::{OPENING, camt},
};

/// Level, status and whether it waits for a signature, of each warning of a kind.
async fn standing(user: &User, kind: &str) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = |one: &Value| (text(&one["level"]), text(&one["status"]), one["mended_at"].is_string());
    of_kind(user, kind).await.iter().map(told).collect()
}

fn is(level: &str, status: &str, mended: bool) -> Vec<(String, String, bool)> {
    vec![(level.to_owned(), status.to_owned(), mended)]
}

/// Sends an export of the bank; the answer's status and body.
async fn export(world: &World, name: &str, rows: &str) -> (StatusCode, Value) {
    let path = format!("/escrow/accounts/{}/statements", world.account_id().await);
    let text = format!("交易日期,收入,支出,余额,流水号\n{rows}");
    let answer = world.admin.post_file(&path, &[], name, text).await;
    (answer.status(), answer.json().await.unwrap())
}

async fn sign(user: &User, warning: &Value) {
    let signed = json!({"action": "resolve", "comment": "已与银行逐笔核对"});
    let (status, answer) = user.post_json(&format!("/warnings/{}/actions", warning["id"]), signed).await;
    assert!(status.is_success(), "{status} {answer}");
}

#[tokio::test]
async fn a_running_balance_that_does_not_follow_is_orange_with_its_line_until_the_bank_sends_it_right() {
    let world = World::new().await;
    let account = world.account_id().await;
    let rows = |middle: &str| {
        format!("20260316,100.00,,1100.00,A1\n20260316,,50.00,{middle},A2\n20260317,,50.00,1000.00,A3\n")
    };
    let (status, answer) = export(&world, "三月.csv", &rows("1050.01")).await;
    assert_eq!((status, &answer["inserted"]), (StatusCode::OK, &json!(3)), "{answer}");
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised", false));
    let warning = of_kind(&world.admin, "STMT-CHAIN-BREAK").await.remove(0);
    let evidence = &warning["evidence"];
    assert_eq!(
        (
            &evidence["file_name"],
            &evidence["place"],
            &evidence["balance_expected_fen"],
            &evidence["balance_written_fen"]
        ),
        (&json!("三月.csv"), &json!("line 3"), &json!(105_000), &json!(105_001)),
        "{evidence}"
    );
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    for told in
        ["三月.csv 第 3 行 流水 A2 之后余额应为 ¥1,050.00，所写为 ¥1,050.01", "部分预警无法判定", "按上一笔推算的余额"]
    {
        assert!(page.contains(told), "{told}");
    }
    // The same file changes nothing; the right one does, and then an official signs.
    export(&world, "三月.csv", &rows("1050.01")).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised", false));
    let (status, _) = export(&world, "三月（更正）.csv", &rows("1050.00")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised", true));
    sign(&world.admin, &warning).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "resolved", true));
}

#[tokio::test]
async fn an_export_that_does_not_add_up_says_where_and_one_that_does_raises_nothing() {
    let world = World::new().await;
    let (status, problem) = export(&world, "a.csv", "20260316,100.00,,1100.00,A1\n20260317,,50.00,1050.01,A2\n").await;
    assert_eq!((status, &problem["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/problems/escrow/unbalanced")));
    assert!(problem["detail_zh"].as_str().unwrap().contains("流水 A2 (line 3) 起余额不连续"), "{problem}");
    assert_eq!(
        standing(&world.admin, "STMT-CHAIN-BREAK").await,
        is("orange", "raised", false),
        "though nothing was kept"
    );
    let other = World::new().await;
    export(&other, "b.csv", "20260316,100.00,,1100.00,A1\n20260317,,50.00,1050.00,A2\n").await;
    assert_eq!(standing(&other.admin, "STMT-CHAIN-BREAK").await, []);
}

#[tokio::test]
async fn a_push_that_is_missing_shows_in_the_balance_of_the_next_one() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let push = async |number: u32, time: &str, fen: i64, after: i64| {
        let entry = json!({"bank_ref": format!("P{number}"), "booked_on": "2026-03-17", "booked_at": format!("2026-03-17T{time}:00+08:00"),
            "direction": "credit", "amount_fen": fen, "balance_after_fen": after});
        let body = json!({"account": world.account, "entries": [entry]}).to_string();
        let answer = bank.push(&body, &format!("nonce-of-balance-{number}"), None).await;
        assert_eq!(answer.status(), StatusCode::OK);
    };
    push(1, "09:00", 100_000, 100_000).await;
    push(2, "10:00", 5, 100_005).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, [], "it follows to the fen");
    push(4, "12:00", 1, 100_016).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised", false));
    push(5, "13:00", 1, 100_017).await;
    let warning = of_kind(&world.admin, "STMT-CHAIN-BREAK").await.remove(0);
    assert_eq!(
        (&warning["evidence"]["reference"], &warning["evidence"]["places"]),
        (&json!("P4"), &json!(1)),
        "{warning}"
    );
    push(3, "11:00", 10, 100_015).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised", true), "to be signed");
}

#[tokio::test]
async fn a_reference_that_comes_again_with_other_content_is_yellow_until_it_comes_as_it_was_kept() {
    let world = World::new().await;
    let account = world.account_id().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", true, 10_000, "D1")])).await;
    let bank = Bank::of(&world);
    let push = async |fen: i64, nonce: &str| {
        let entry = json!({"bank_ref": "D1", "booked_on": "2026-03-17", "direction": "credit", "amount_fen": fen});
        bank.push(&json!({"account": world.account, "entries": [entry]}).to_string(), nonce, None).await.status()
    };
    assert_eq!(push(10_000, "nonce-of-content-1").await, StatusCode::OK);
    assert_eq!(standing(&world.admin, "STMT-GAP").await, [], "the same once more is no news");
    assert_eq!(push(10_001, "nonce-of-content-2").await, StatusCode::CONFLICT);
    assert_eq!(standing(&world.admin, "STMT-GAP").await, is("yellow", "raised", false));
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains("流水号 D1 已入账为 2026-03-17 +¥100.00，又报送为 2026-03-17 +¥100.01"), "{page}");
    assert_eq!(push(10_001, "nonce-of-content-3").await, StatusCode::CONFLICT);
    let file = world.deliver(camt(&world.account, OPENING, &[("2026-03-17", false, 10_000, "D1")])).await;
    assert_eq!(file.status(), StatusCode::CONFLICT, "a file with it is refused as well");
    let warning = of_kind(&world.admin, "STMT-GAP").await;
    assert_eq!(warning.len(), 1, "once for the reference");
    assert_eq!(push(10_000, "nonce-of-content-4").await, StatusCode::OK);
    assert_eq!(standing(&world.admin, "STMT-GAP").await, is("yellow", "raised", true));
    sign(&world.admin, &warning[0]).await;
    assert_eq!(standing(&world.admin, "STMT-GAP").await, is("yellow", "resolved", true));
}

#[tokio::test]
async fn a_forged_push_under_a_banks_own_key_is_red_once_and_a_strangers_is_nothing() {
    // A service of its own, because its clock is moved.
    let app = &TestApp::start(&[]);
    let (world, neighbour) = (World::within(app).await, World::within(app).await);
    world.account_id().await;
    let bank = Bank::within(app, &world);
    let now = (app, "2026-03-18T09:00:00+08:00");
    let body = |account: &str| json!({"account": account, "entries": []}).to_string();
    let forged = ("x-mj-signature", "00");
    for (case, body, tampered) in [
        ("a stranger's key", body(&world.account), ("x-mj-key", "mjk-331002-00ff00ff00ff00ff")),
        ("an old request", body(&world.account), ("x-mj-timestamp", "1767225600")),
        ("an account of nobody", body("33109999999999"), forged),
        ("another bureau's account", body(&neighbour.account), forged),
        ("garbage", "{\"account\":".to_owned(), forged),
    ] {
        let answer = bank.push_at(now, &body, "nonce-of-forgery-1", Some(tampered)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{case}");
        assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, [], "{case}");
    }
    for number in 0..5 {
        let answer =
            bank.push_at(now, &body(&world.account), &format!("nonce-of-forgery-{number}"), Some(forged)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("red", "raised", false), "once for the bank");
    let warning = of_kind(&world.admin, "STMT-CHAIN-BREAK").await.remove(0);
    let page = world.admin.page(&format!("/b/escrow/warnings/{}", warning["id"])).await;
    assert!(page.contains("以“台州银行”的密钥为尾号") && page.contains("签名不符，未入账"), "{page}");
    assert!(!page.contains(&world.account), "the account's last digits alone");
    assert_eq!(standing(&neighbour.admin, "STMT-CHAIN-BREAK").await, []);
    let public = app.visitor().page(&format!("/i/{}", world.credit_code)).await;
    assert!(!public.contains("签名"), "nothing of it is the institution's");
    // The bank itself signs again a minute later.
    let at = "2026-03-18T09:02:00+08:00";
    let later = app.beside(at, &[]);
    let answer = bank.push_at((&later, at), &body(&world.account), "nonce-of-the-bank-1", None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    app.sweep(world.county, "2026-03-18T10:00");
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("red", "raised", true), "to be signed");
}
