//! Money leaves, and the officer sees it (story 4): statements, signed pushes, warnings, mails, answers.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mingjian::identity::machine::signature;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{NOW, TestApp, World, app},
    samples::{GRAB, OPENING, camt},
};

#[tokio::test]
async fn every_entry_lands_once_however_often_it_comes_and_the_grab_is_orange() {
    let world = World::new().await;
    let first = world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    assert_eq!((&first["inserted"], &first["duplicates"]), (&json!(3), &json!(0)), "{first}");
    let again = world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    assert_eq!((&again["inserted"], &again["duplicates"]), (&json!(0), &json!(3)), "{again}");
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!(account["balance_fen"], OPENING + 480_000 + 240_000 - 18_288_000);
    let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries")).await;
    assert_eq!(entries["items"].as_array().unwrap().len(), 3);
    let warnings = world.admin.json("/warnings").await;
    let large: Vec<_> =
        warnings["items"].as_array().unwrap().iter().filter(|w| w["kind"] == "FUND-LARGE-SINGLE").collect();
    assert_eq!(large.len(), 1, "{warnings}");
    assert_eq!((&large[0]["level"], &large[0]["bank_ref"]), (&json!("orange"), &json!("A3")), "{warnings}");
    // Parents see nothing of a warning under examination.
    let page = app().visitor().page(&format!("/i/{}", world.credit_code)).await;
    let api = app().visitor().json(&format!("/api/v1/public/institutions/{}", world.credit_code)).await.to_string();
    for secret in ["FUND-LARGE-SINGLE", "橙色", "预警", "warning"] {
        assert!(!page.contains(secret) && !api.contains(secret), "{secret} is public");
    }
}

#[tokio::test]
async fn the_same_reference_with_another_amount_changes_nothing() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let forged =
        [("2026-03-17", false, 18_288_000, "A3"), ("2026-03-17", true, 100, "A9"), ("2026-03-16", true, 480_001, "A1")];
    let answer = world.deliver(camt(&world.account, OPENING, &forged)).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.text().await.unwrap().contains("A1"));
    let id = world.account_id().await;
    let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries")).await;
    assert_eq!(entries["items"].as_array().unwrap().len(), 3, "nothing of the file was kept");
}

#[tokio::test]
async fn entries_in_any_order_come_to_the_same_balance_and_warnings() {
    let (one, other) = (World::new().await, World::new().await);
    one.delivered(camt(&one.account, OPENING, &GRAB)).await;
    // The later day first, then the earlier one, as files sometimes arrive.
    let after_first_day = OPENING + 720_000;
    other.delivered(camt(&other.account, after_first_day, &GRAB[2..])).await;
    other.delivered(camt(&other.account, OPENING, &GRAB[..2])).await;
    let mut seen = Vec::new();
    for world in [&one, &other] {
        let id = world.account_id().await;
        let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
        let warnings = world.admin.json("/warnings").await;
        let mut found: Vec<String> = warnings["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| format!("{} {} {}", w["kind"], w["level"], w["bank_ref"]))
            .collect();
        found.sort();
        seen.push((account["balance_fen"].clone(), found));
    }
    assert_eq!(seen[0], seen[1]);
}

/// A bank with a key of its own.
pub struct Bank {
    key: String,
    secret: String,
}

impl Bank {
    /// Of the county.
    pub fn of(world: &World) -> Bank {
        Bank::within(app(), world)
    }

    /// In a service of its own.
    pub fn within(app: &TestApp, world: &World) -> Bank {
        let made = app.run(&["key", "add", "--role", "bank", "--region", &world.county.to_string(), "台州银行"], "");
        let made: Value = serde_json::from_str(&made).unwrap();
        Bank { key: made["key"].as_str().unwrap().to_owned(), secret: made["secret"].as_str().unwrap().to_owned() }
    }

    /// Pushes a body, signed, with one header tampered with.
    pub async fn push(&self, body: &str, nonce: &str, tamper: Option<(&str, &str)>) -> Response {
        self.push_at((app(), NOW), body, nonce, tamper).await
    }

    /// The same to another service, as of `at`.
    pub async fn push_at(
        &self,
        (app, at): (&TestApp, &str),
        body: &str,
        nonce: &str,
        tamper: Option<(&str, &str)>,
    ) -> Response {
        let path = "/api/v1/bank/entries";
        let timestamp = chrono::DateTime::parse_from_rfc3339(at).unwrap().timestamp().to_string();
        let signed = signature(self.secret.as_bytes(), &timestamp, nonce, "POST", path, body.as_bytes());
        let mut headers = vec![
            ("x-mj-key", self.key.as_str()),
            ("x-mj-timestamp", &timestamp),
            ("x-mj-nonce", nonce),
            ("x-mj-signature", &signed),
        ];
        if let Some((name, value)) = tamper {
            headers.iter_mut().filter(|(header, _)| *header == name).for_each(|header| header.1 = value);
        }
        let mut request = app.visitor().request(Method::POST, path).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn the_bank_pushes_the_same_entries_signed_and_gets_the_same_receipts() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let entries: Vec<Value> = GRAB
        .iter()
        .map(|(day, credit, fen, reference)| json!({"bank_ref": reference, "booked_on": day, "direction": if *credit { "credit" } else { "debit" }, "amount_fen": fen}))
        .collect();
    let body = json!({"account": world.account, "entries": entries}).to_string();
    let first = bank.push(&body, "nonce-number-0001", None).await;
    assert_eq!(first.status(), StatusCode::OK);
    let first: Value = first.json().await.unwrap();
    assert_eq!(first["inserted"], 3, "{first}");
    let replayed = bank.push(&body, "nonce-number-0001", None).await;
    assert_eq!(replayed.status(), StatusCode::CONFLICT, "a nonce is used once");
    let again: Value = bank.push(&body, "nonce-number-0002", None).await.json().await.unwrap();
    assert_eq!(
        (&again["inserted"], &again["duplicates"], &again["receipts"]),
        (&json!(0), &json!(3), &first["receipts"])
    );
    // The file of the day brings the same entries once more.
    let file = world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    assert_eq!((&file["inserted"], &file["duplicates"]), (&json!(0), &json!(3)));
    for (name, value) in [
        ("x-mj-signature", "00"),
        ("x-mj-key", "mjk-331002-0000"),
        ("x-mj-timestamp", "1767225600"),
        ("x-mj-key", "' OR 1=1"),
    ] {
        let answer = bank.push(&body, "nonce-number-0003", Some((name, value))).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}");
    }
    let others = World::new().await;
    let body = json!({"account": others.account, "entries": []}).to_string();
    assert_eq!(bank.push(&body, "nonce-number-0004", None).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_open_watch_page_hears_of_the_warning_within_a_second_and_a_mail_goes_out() {
    let world = World::new().await;
    world.account_id().await;
    let stream = world.admin.get("/b/escrow/events").await;
    assert_eq!(stream.status(), StatusCode::OK);
    assert!(stream.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let mut events = stream.bytes_stream();
    let listening = tokio::spawn(async move {
        let mut heard = String::new();
        while let Some(Ok(chunk)) = events.next().await {
            heard.push_str(&String::from_utf8_lossy(&chunk));
            if heard.contains("lv--orange") {
                return Instant::now();
            }
        }
        panic!("the stream ended: {heard}");
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let committed = Instant::now();
    let heard = tokio::time::timeout(Duration::from_secs(10), listening).await.expect("the page hears of it").unwrap();
    // Not a timed test of speed: it says that news are pushed, not polled for by the minute.
    assert!(heard.saturating_duration_since(committed) < Duration::from_secs(5));
    let mails = app().data.join("mail");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let found = std::fs::read_dir(&mails)
            .into_iter()
            .flatten()
            .flatten()
            .any(|mail| std::fs::read_to_string(mail.path()).is_ok_and(|text| text.contains(&world.admin.name)));
        if found {
            break;
        }
        assert!(Instant::now() < until, "a mail goes to the bureau");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_institution_answers_and_the_officer_resolves() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let warnings = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    let id = warnings["items"][0]["id"].as_i64().unwrap();
    let act = |action: &'static str, comment: &'static str| json!({"action": action, "comment": comment});
    let path = format!("/warnings/{id}/actions");
    assert_eq!(world.org.post_json(&path, act("resolve", "没事")).await.0, StatusCode::FORBIDDEN);
    let read = warnings["items"][0]["version"].as_i64().unwrap();
    let (status, answer) = world.admin.post_json(&path, json!({"action": "acknowledge", "version": read})).await;
    assert!(status.is_success(), "{status} {answer}");
    let (status, stale) =
        world.admin.post_json(&path, json!({"action": "escalate", "comment": "x", "version": read})).await;
    assert_eq!((status, stale["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/warnings/changed")), "{stale}");
    let (status, answer) = world.org.post_json(&path, act("explain", "购置教具，附发票编号 0317")).await;
    assert!(status.is_success(), "{status} {answer}");
    assert!(world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await.contains("附发票编号 0317"));
    let (status, answer) = world.admin.post_json(&path, act("resolve", "发票核对无误")).await;
    assert!(status.is_success(), "{status} {answer}");
    let open = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE&status=open").await;
    assert!(open["items"].as_array().unwrap().is_empty(), "{open}");
    let (status, _) = world.admin.post_json(&path, act("resolve", "再来一次")).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_person_never_paid_before_gets_sixty_thousand_and_the_watch_page_tells_it_by_the_mask() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let entries = json!([
        {"bank_ref": "P1", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 50_000_000, "kind": "prepayment",
         "counterparty_name": "家长", "counterparty_account": "6217000000000001"},
        {"bank_ref": "P2", "booked_on": "2026-03-17", "direction": "debit", "amount_fen": 6_000_000,
         "counterparty_name": "张三丰", "counterparty_account": "6230550012030091264", "remittance": "往来"},
    ]);
    let body = json!({"account": world.account, "entries": entries}).to_string();
    assert_eq!(bank.push(&body, "nonce-number-0005", None).await.status(), StatusCode::OK);
    let warnings = world.admin.json("/warnings?kind=FUND-UNUSUAL-COUNTERPARTY").await;
    let warning = &warnings["items"][0];
    assert_eq!((&warning["level"], &warning["bank_ref"]), (&json!("red"), &json!("P2")), "{warnings}");
    let evidence = &warning["evidence"];
    for (field, value) in [
        ("value", json!(6_000_000)),
        ("threshold", json!(5_000_000)),
        ("payee", json!("张*")),
        ("payee_account", json!("****1264")),
        ("first_seen", json!(true)),
        ("balance_before_fen", json!(50_000_000)),
    ] {
        assert_eq!(evidence[field], value, "{field} of {evidence}");
    }
    let watch = world.admin.page("/b/escrow").await;
    assert!(watch.contains("划拨与消课不符"), "the watch page tells that it left without an order as well");
    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    for told in ["转出 ¥60,000.00 给张*，收款人为个人", "收款人为个人，且金额 ≥ 预警线", "****1264", "数据距今"]
    {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("三丰") && !page.contains("6230550012030091264"), "the person stays masked");

    // The feed of another county carries nobody's name: that is said, and is not the same as no finding.
    let other = World::new().await;
    other.delivered(camt(&other.account, OPENING, &GRAB)).await;
    let none = other.admin.json("/warnings?kind=FUND-UNUSUAL-COUNTERPARTY").await;
    assert_eq!(none["items"].as_array().map(Vec::len), Some(0), "{none}");
    let page = other.admin.page(&format!("/b/escrow/{}", other.account_id().await)).await;
    assert!(page.contains("银行没有提供收款人") && page.contains("没有合同台账"), "what cannot be judged is said");
}

/// A sheet names the account, not the agreement nor where releases go: both stay unknown, and officials are told.
#[tokio::test]
async fn what_a_sheet_does_not_say_of_an_account_stays_unknown() {
    let world = World::new().await;
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert!(account["agreement_no"].is_null() && account["payee_account"].is_null(), "{account}");
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    assert!(page.matches("未登记").count() >= 2, "the account page says what is missing");
    let page = world.admin.page(&format!("/b/institutions/{}", world.credit_code)).await;
    assert!(page.contains("未登记"), "the institution's page says what is missing");
}

#[tokio::test]
async fn an_accounts_entries_leave_as_a_workbook_for_those_who_may_see_them() {
    use calamine::Reader;
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let path = format!("/b/escrow/{}/entries.xlsx", world.account_id().await);
    let bytes = world.admin.get(&path).await.bytes().await.unwrap();
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let rows = book.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(rows.height(), 1 + GRAB.len());
    assert_eq!(rows.get_value((1, 3)).unwrap().to_string(), "182880");
    assert_eq!(rows.get_value((1, 4)).unwrap().to_string(), "274320");
    assert_eq!(rows.get_value((3, 8)).unwrap().to_string(), "A1");
    let other = World::new().await;
    assert_eq!(other.admin.get(&path).await.status(), StatusCode::NOT_FOUND, "another county's");
    assert_eq!(world.org.get(&path).await.status(), StatusCode::FORBIDDEN, "institutions have their own page");
}

#[tokio::test]
async fn a_confirmed_red_suspends_the_listing_by_four_eyes() {
    let world = World::new().await;
    world.list().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let warnings = world.admin.json("/warnings?level=red").await;
    let id = warnings["items"].as_array().unwrap().iter().find(|w| w["kind"] == "FUND-LARGE-SINGLE").unwrap()["id"]
        .as_i64()
        .unwrap();
    let public = format!("/api/v1/public/institutions/{}", world.credit_code);
    assert_eq!(
        app().visitor().json(&public).await["list"]["status"],
        "white",
        "under examination nothing changes for parents"
    );
    let (status, answer) = world
        .admin
        .post_json(&format!("/warnings/{id}/actions"), json!({"action": "escalate", "comment": "核实资金被转走"}))
        .await;
    assert!(status.is_success(), "{status} {answer}");
    let pending = world.approver.json("/approvals").await;
    let approval = pending["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["step"] == "suspend" && a["state"] == "pending")
        .unwrap_or_else(|| panic!("{pending}"));
    let path = format!("/approvals/{}/decisions", approval["id"]);
    let decision = json!({"decision": "approve", "comment": "确认"});
    assert!(!world.admin.post_json(&path, decision.clone()).await.0.is_success(), "not by the one who proposed");
    let (status, answer) = world.approver.post_json(&path, decision).await;
    assert!(status.is_success(), "{status} {answer}");
    assert!(app().visitor().page(&format!("/i/{}", world.credit_code)).await.contains("暂停展示"));
}

#[tokio::test]
async fn what_is_no_statement_is_refused_with_the_place_and_changes_nothing() {
    let world = World::new().await;
    let whole = camt(&world.account, OPENING, &GRAB);
    let bomb =
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><Document>&y;</Document>";
    for (what, text) in [
        ("truncated", whole[..whole.len() / 2].to_owned()),
        ("entities", bomb.to_owned()),
        ("no statement", "hello".to_owned()),
        ("another account", camt("00000000", OPENING, &GRAB)),
        ("a bad amount", whole.replace("4800.00", "48x0.00")),
    ] {
        let answer = world.deliver(text).await;
        assert!(answer.status().is_client_error(), "{what}: {}", answer.status());
        let problem: Value = answer.json().await.unwrap();
        assert!(
            !problem["detail"].as_str().unwrap().is_empty() && !problem["detail_zh"].as_str().unwrap().is_empty(),
            "{what}"
        );
    }
    let id = world.account_id().await;
    assert!(world.admin.json(&format!("/escrow/accounts/{id}/entries")).await["items"].as_array().unwrap().is_empty());
    let huge = reqwest::Body::wrap_stream(futures_util::stream::iter(
        (0..80).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 20])),
    ));
    let form =
        reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::stream(huge).file_name("huge.xml"));
    let answer =
        world.admin.api(Method::POST, &format!("/escrow/accounts/{id}/statements")).multipart(form).send().await;
    // The service may hang up on a body that is too large before all of it was sent.
    assert!(answer.is_err() || answer.unwrap().status() == StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app().visitor().get("/healthz").await.status(), StatusCode::OK, "the service stays up");
}
