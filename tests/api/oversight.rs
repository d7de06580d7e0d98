//! The watch over institutions, feeds and time: what a sweep finds, what becomes of warnings while nobody acts, who is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use mingjian::{identity::machine::signature, kernel::RegionCode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{NOW, TestApp, User, World, app},
    samples::{GRAB, Line, OPENING, camt},
};

pub async fn deliver(user: &User, account: i64, text: String) -> Value {
    let part = reqwest::multipart::Part::bytes(text.into_bytes()).file_name("day.xml");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = user.api(Method::POST, &format!("/escrow/accounts/{account}/statements"));
    let answer = request.multipart(form).send().await.unwrap();
    let status = answer.status();
    let value: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{status} {value}");
    value
}

pub async fn take(world: &World, opening_fen: i64, lines: &[Line<'_>]) {
    deliver(&world.admin, world.account_id().await, camt(&world.account, opening_fen, lines)).await;
}

/// The warnings of a kind as somebody reads them.
pub async fn of_kind(user: &User, kind: &str) -> Vec<Value> {
    user.json(&format!("/warnings?kind={kind}")).await["items"].as_array().unwrap().clone()
}

/// Level and status of each warning of a kind.
pub async fn standing(user: &User, kind: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_kind(user, kind).await.iter().map(|one| (text(&one["level"]), text(&one["status"]))).collect()
}

/// How many messages of a key wait or went out.
async fn messages(app: &TestApp, county: RegionCode, key: &str) -> i64 {
    let tenant = county.tenant_id();
    let sql = format!("SELECT count(*)::text FROM outbox WHERE tenant_id = {tenant} AND idempotency_key LIKE '{key}'");
    app.run_sql(&sql).await.parse().unwrap()
}

pub fn is(level: &str, status: &str) -> Vec<(String, String)> {
    vec![(level.to_owned(), status.to_owned())]
}

/// A fifth of what is there: yellow, and nothing else.
const FIFTH: [Line<'static>; 1] = [("2026-03-17", false, 9_000_000, "Y1")];

#[tokio::test]
async fn a_feed_falls_silent_over_a_holiday_and_is_filled_in_again() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-04-30T18:00:00+08:00")]);
    let world = World::within(&app).await;
    let account = world.account_id().await;
    deliver(&world.admin, account, camt(&world.account, OPENING, &[("2026-04-30", true, 100, "A1")])).await;
    for (now, expected) in [
        ("2026-05-05T23:00", vec![]),
        ("2026-05-07T09:59", vec![]),
        ("2026-05-07T10:00", is("blue", "raised")),
        ("2026-05-08T10:00", is("yellow", "raised")),
    ] {
        app.sweep(world.county, now);
        assert_eq!(standing(&world.admin, "FEED-SILENT").await, expected, "{now}");
    }
    let warning = &of_kind(&world.admin, "FEED-SILENT").await[0];
    assert_eq!((&warning["account_id"], &warning["evidence"]["value"]), (&json!(account), &json!(2)), "{warning}");
    assert!(
        world.admin.page(&format!("/b/escrow/{account}")).await.contains("自 2026-04-30 后已有 2 个银行工作日没有报送")
    );
    // The bank sends the days that were missing.
    let later = app.beside("2026-05-08T11:00:00+08:00", &[]);
    let officer = later.sign_in(&world.admin.name).await;
    let days = [("2026-05-06", true, 200, "A2"), ("2026-05-07", true, 300, "A3")];
    deliver(&officer, account, camt(&world.account, OPENING + 100, &days)).await;
    assert_eq!(standing(&officer, "FEED-SILENT").await, is("yellow", "resolved"), "closed as soon as it is complete");
}

#[tokio::test]
async fn an_unanswered_yellow_is_orange_the_day_after_its_deadline_and_told_once() {
    // Before the hour of the daily mail, which the service would write by itself.
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-03-18T08:00:00+08:00")]);
    let (app, world) = (&app, World::within(&app).await);
    take(&world, OPENING, &FIFTH).await;
    let warning = of_kind(&world.admin, "FUND-LARGE-SINGLE").await.remove(0);
    assert_eq!((&warning["level"], &warning["due_on"]), (&json!("yellow"), &json!("2026-03-23")), "{warning}");
    let (id, county) = (&warning["id"], world.county);
    assert_eq!(messages(app, county, &format!("warning:{id}:yellow:%")).await, 1, "the institution alone, at once");
    app.sweep(county, "2026-03-19T08:29");
    assert_eq!(messages(app, county, "warning-digest:%").await, 0);
    app.sweep(county, "2026-03-19T08:30");
    app.sweep(county, "2026-03-19T20:00");
    assert_eq!(messages(app, county, "warning-digest:2026-03-19:%").await, 1, "one daily mail for the one officer");
    app.sweep(county, "2026-03-23T23:59");
    assert_eq!(standing(&world.admin, "FUND-LARGE-SINGLE").await, is("yellow", "raised"));
    app.sweep(county, "2026-03-24T00:10");
    let now = of_kind(&world.admin, "FUND-LARGE-SINGLE").await.remove(0);
    assert_eq!((&now["level"], &now["due_on"]), (&json!("orange"), &json!("2026-03-26")), "{now}");
    assert_eq!(now["history"], warning["history"], "the detector's history is as it was");
    app.sweep(county, "2026-03-24T00:11");
    assert_eq!(messages(app, county, &format!("warning:{id}:orange:%")).await, 2, "officer and institution, once each");
    let acts = world.admin.json(&format!("/warnings/{id}")).await["actions"].clone();
    assert_eq!(acts.as_array().unwrap().iter().map(|act| &act["action"]).collect::<Vec<_>>(), [&json!("overdue")]);
    assert!(world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await.contains("逾期自动升级"));
    // More entries add to the detector's history and leave the level that people gave.
    take(&world, OPENING - 9_000_000, &[("2026-03-18", false, 100, "Y2")]).await;
    assert_eq!(of_kind(&world.admin, "FUND-LARGE-SINGLE").await[0]["level"], "orange");
}

#[tokio::test]
async fn what_was_answered_waits_and_what_comes_back_starts_one_level_higher() {
    let world = World::new().await;
    take(&world, OPENING, &FIFTH).await;
    let id = of_kind(&world.admin, "FUND-LARGE-SINGLE").await[0]["id"].clone();
    let path = format!("/warnings/{id}/actions");
    let (status, _) = world.org.post_json(&path, json!({"action": "explain", "comment": "购置教具"})).await;
    assert!(status.is_success());
    app().sweep(world.county, "2026-03-30T00:10");
    assert_eq!(standing(&world.admin, "FUND-LARGE-SINGLE").await, is("yellow", "explained"));
    let (status, _) = world.admin.post_json(&path, json!({"action": "resolve", "comment": "发票核对无误"})).await;
    assert!(status.is_success());
    take(&world, OPENING - 9_000_000, &[("2026-03-18", false, 7_300_000, "Y3")]).await;
    let again = of_kind(&world.admin, "FUND-LARGE-SINGLE").await.remove(0);
    assert_eq!((&again["level"], &again["status"]), (&json!("orange"), &json!("raised")), "{again}");
    assert_eq!(again["history"][0]["level"], "yellow", "as the detector found it");
}

#[tokio::test]
async fn two_oranges_are_proposed_to_be_red_and_a_second_official_decides() {
    let world = World::new().await;
    // Each under the 50,000.00 that need an order.
    let lines = [("2026-03-16", false, 3_600_000, "O1"), ("2026-03-17", false, 1_500_000, "O2")];
    take(&world, 10_000_000, &lines).await;
    for kind in ["FUND-LARGE-SINGLE", "FUND-CUM-ROLLING"] {
        assert_eq!(standing(&world.admin, kind).await, is("orange", "raised"), "{kind}");
    }
    let id = of_kind(&world.admin, "FUND-LARGE-SINGLE").await[0]["id"].clone();
    let seen = world.admin.post_json(&format!("/warnings/{id}/actions"), json!({"action": "acknowledge"})).await;
    assert!(seen.0.is_success());
    app().sweep(world.county, "2026-03-18T10:00");
    app().sweep(world.county, "2026-03-18T11:00");
    let pending = world.approver.json("/approvals").await;
    let proposals: Vec<&Value> =
        pending["items"].as_array().unwrap().iter().filter(|one| one["kind"] == "turn_red").collect();
    assert_eq!(proposals.len(), 1, "{pending}");
    assert_eq!(messages(app(), world.county, "turn-red:%").await, 1);
    let page = world.approver.page(&format!("/b/approvals/{}", proposals[0]["id"])).await;
    assert!(page.contains("明鉴") && page.contains("滚动累计支出"), "the system proposes, for two warnings");
    let path = format!("/approvals/{}/decisions", proposals[0]["id"]);
    let decision = json!({"decision": "approve", "comment": "属实"});
    let (status, problem) = world.admin.post_json(&path, decision.clone()).await;
    let own = problem["type"].as_str();
    assert_eq!((status, own), (StatusCode::CONFLICT, Some("/problems/warnings/own-case")), "{problem}");
    let (status, answer) = world.approver.post_json(&path, decision).await;
    assert!(status.is_success(), "{status} {answer}");
    for kind in ["FUND-LARGE-SINGLE", "FUND-CUM-ROLLING"] {
        assert_eq!(standing(&world.admin, kind).await, is("red", "escalated"), "{kind}");
    }
    assert!(world.admin.page(&format!("/b/institutions/{}", world.credit_code)).await.contains("lv--red"));
    assert!(world.admin.page("/b/escrow").await.contains("lv--red"));
    app().sweep(world.county, "2026-03-18T12:00");
    let all = world.approver.json("/approvals").await;
    let waits = |one: &&Value| one["kind"] == "turn_red" && one["state"] == "pending";
    assert_eq!(all["items"].as_array().unwrap().iter().filter(waits).count(), 0, "it is not proposed again: {all}");
}

#[tokio::test]
async fn an_institution_without_an_agreement_is_orange_after_ten_workdays_and_nobody_elses_to_see() {
    let world = World::new().await;
    app().sweep(world.county, "2026-04-01T12:00");
    assert!(standing(&world.admin, "ACCOUNT-NOT-FILED").await.is_empty(), "the tenth workday");
    app().sweep(world.county, "2026-04-02T00:30");
    assert_eq!(standing(&world.admin, "ACCOUNT-NOT-FILED").await, is("orange", "raised"));
    let warning = of_kind(&world.admin, "ACCOUNT-NOT-FILED").await.remove(0);
    assert!(warning["account_id"].is_null() && warning["institution"] == world.name.as_str(), "{warning}");
    let (id, path) = (warning["id"].clone(), format!("/warnings/{}/actions", warning["id"]));
    let place = format!("/b/escrow/warnings/{id}");
    assert!(world.admin.page(&place).await.contains("11 个工作日没有备案监管账户协议"));
    assert!(world.admin.page("/b/escrow").await.contains(&world.name));
    assert!(world.org.page("/org/escrow").await.contains("11 个工作日没有备案监管账户协议"));
    assert!(world.org.page("/org").await.contains("没有备案监管账户协议"));
    let other = World::new().await;
    assert_eq!(other.admin.get(&place).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        other.org.api(Method::GET, &format!("/warnings/{id}")).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert!(of_kind(&other.admin, "ACCOUNT-NOT-FILED").await.is_empty());
    // A note is the officials' own; a colleague goes on with it.
    let note = json!({"action": "note", "comment": "先不要惊动机构"});
    assert!(world.admin.post_json(&path, note).await.0.is_success());
    let own = world.org.json(&format!("/warnings/{id}")).await.to_string();
    assert!(!own.contains("惊动") && !world.org.page("/org/escrow").await.contains("惊动"), "{own}");
    assert!(!world.org.page("/org/audit?show=changes").await.contains("惊动"));
    let (status, problem) = world.admin.post_json(&path, json!({"action": "hand_over", "to": 0})).await;
    assert_eq!((status, &problem["errors"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("to")), "{problem}");
    let users = world.admin.json("/users").await;
    let posts = users["items"].as_array().unwrap();
    let colleague = posts.iter().find(|user| user["username"] == world.approver.name.as_str()).unwrap();
    let hand_over = json!({"action": "hand_over", "to": colleague["id"]});
    let (status, answer) = world.admin.post_json(&path, hand_over).await;
    assert!(status.is_success() && answer["handler"] == world.approver.name.as_str(), "{status} {answer}");
    assert_eq!(messages(app(), world.county, &format!("warning:{id}:handed:%")).await, 1);
    let refused = world.approver.submit(&place, &[("action", "resolve"), ("comment", "")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let done = world.approver.submit(&place, &[("action", "resolve"), ("comment", "协议已补交")]).await;
    assert_eq!(done.headers()["location"], format!("{place}?done=resolve"));
    app().sweep(world.county, "2026-04-03T00:30");
    let all = standing(&world.admin, "ACCOUNT-NOT-FILED").await;
    assert_eq!(all, is("orange", "resolved"), "what people closed on these facts stays closed");
}

#[tokio::test]
async fn statements_that_do_not_connect_hold_other_warnings_back_until_the_bank_mends_it() {
    let world = World::new().await;
    let account = world.account_id().await;
    take(&world, 31_235_000, &[("2026-03-10", true, 10_000, "A1")]).await;
    take(&world, 31_240_500, &[("2026-03-11", true, 100, "A2")]).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised"));
    let warning = of_kind(&world.admin, "STMT-CHAIN-BREAK").await.remove(0);
    assert_eq!(warning["evidence"]["value"], 4_500, "45.00: {warning}");
    let held = world.admin.json(&format!("/escrow/accounts/{account}")).await["undetermined"].clone();
    let kinds: Vec<&str> = held.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["FUND-BELOW-MIN", "FUND-COVERAGE", "FUND-RUNOFF-DATE"], "{held}");
    assert!(world.admin.page(&format!("/b/escrow/{account}")).await.contains("部分预警无法判定"));
    // The day again, whole.
    take(&world, 31_235_000, &[("2026-03-10", true, 10_000, "A1"), ("2026-03-10", false, 4_500, "A9")]).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised"), "it waits for a signature");
    let signed = json!({"action": "resolve", "comment": "已与银行逐笔核对"});
    let (status, answer) = world.admin.post_json(&format!("/warnings/{}/actions", warning["id"]), signed).await;
    assert!(status.is_success(), "{status} {answer}");
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "resolved"));
    assert_eq!(world.admin.json(&format!("/escrow/accounts/{account}")).await["undetermined"], json!([]));
    // A bank day without a statement is a gap.
    take(&world, 99, &[("2026-03-16", true, 100, "A3")]).await;
    assert_eq!(standing(&world.admin, "STMT-GAP").await, is("yellow", "raised"));
}

/// Runs statements as the database's own superuser.
async fn as_root(sql: &str) {
    let mut config = tokio_postgres::Config::new();
    config.host_path(app().data.join("run")).user("mingjian_root").dbname("mingjian");
    mingjian::db::open::connect(&config).await.unwrap().batch_execute(sql).await.unwrap();
}

/// Contracts and what was paid on them, as an institution's system would have sent them.
async fn ledger(world: &World) {
    let tenant = world.county.tenant_id();
    let institution =
        format!("(SELECT id FROM institutions WHERE tenant_id = {tenant} AND credit_code = '{}')", world.credit_code);
    let contract = |n: u8, findings: &str| {
        format!(
            "INSERT INTO contracts (tenant_id, institution_id, contract_no, subject, product, basis, pupil_sealed, pupil_index, signed_on, \
             is_renewal, price_fen, units_bought, first_lesson_on, last_lesson_on, paid_fen, status, findings, created_at) \
             VALUES ({tenant}, {institution}, 'C{n}', 'mathematics', 'course', 'units', '\\x00', '\\x0{n}', '2026-03-10', false, 400000, 40, \
             '2026-03-12', '2026-05-31', 400000, 'open', '{findings}', '2026-03-10T09:00+08');"
        )
    };
    let payment = |n: u8, channel: &str, person: bool, at: &str, fen: i64, receipt: &str| {
        let payee = if person { "'\\x01', '\\x02'" } else { "NULL, NULL" };
        format!(
            "INSERT INTO payments (tenant_id, institution_id, contract_id, paid_at, amount_fen, channel, payee_sealed, payee_index, \
             payee_is_person, receipt_no, recorded_at) VALUES ({tenant}, {institution}, (SELECT id FROM contracts WHERE tenant_id = {tenant} \
             AND institution_id = {institution} AND contract_no = 'C{n}'), '{at}+08', {fen}, '{channel}', {payee}, {person}, '{receipt}', '{at}+08');"
        )
    };
    let refund = |n: u8| {
        format!(
            "INSERT INTO refunds (tenant_id, institution_id, contract_id, order_ref, asked_on, reason, amount_fen, steps, due_on, target_on, \
             state, created_at) VALUES ({tenant}, {institution}, (SELECT id FROM contracts WHERE tenant_id = {tenant} AND institution_id = \
             {institution} AND contract_no = 'C{n}'), 'R{n}', '2026-02-20', 'after_start', 100, '[]', '2026-03-16', '2026-03-16', 'asked', \
             '2026-02-20T09:00+08');"
        )
    };
    let over = r#"[{"rule": "PREPAY-UNITS-60"}]"#;
    let sql = [
        contract(1, over),
        contract(2, "[]"),
        contract(3, "[]"),
        contract(4, "[]"),
        payment(1, "loan", true, "2026-03-11T10:00", 260_000, "P1"),
        payment(1, "loan", true, "2026-03-11T10:05", 260_000, "P2"),
        payment(2, "loan", true, "2026-03-11T11:00", 400_000, "P3"),
        payment(3, "wechat", true, "2026-03-11T12:00", 400_000, "P4"),
        payment(4, "bank_transfer", false, "2026-03-11T13:00", 400_000, "P5"),
        refund(1),
        refund(2),
        refund(3),
    ]
    .concat();
    as_root(&sql).await;
}

#[tokio::test]
async fn the_ledger_shows_fees_outside_escrow_loans_split_orders_and_a_backlog() {
    let world = World::new().await;
    take(&world, OPENING, &[("2026-03-09", true, 100, "B1")]).await;
    ledger(&world).await;
    app().sweep(world.county, "2026-03-18T10:00");
    for (kind, level) in [
        ("FUND-OUTSIDE-ESCROW", "red"),
        ("TRAINING-LOAN", "orange"),
        ("FUND-STRUCTURING", "yellow"),
        ("REFUND-BACKLOG", "yellow"),
        ("ACCOUNT-NOT-FILED", "red"),
        // One of four pupils.
        ("PREPAY-OVER-CAP", "red"),
    ] {
        assert_eq!(standing(&world.admin, kind).await, is(level, "raised"), "{kind}");
    }
    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    for claim in ["3 名学员的费用没有进监管账户，其中 3 名付到个人账户", "3 单退费逾期未付", "2 个家庭以培训贷缴费"]
    {
        assert!(page.contains(claim), "{claim}");
    }
    let before = world.admin.json("/warnings").await;
    let sent = messages(app(), world.county, "%").await;
    app().sweep(world.county, "2026-03-18T10:00");
    assert_eq!(world.admin.json("/warnings").await, before, "a sweep twice is a sweep once");
    assert_eq!(messages(app(), world.county, "%").await, sent);
    // The refunds are paid, and the warning closes; what people must review stays.
    let tenant = world.county.tenant_id();
    as_root(&format!("UPDATE refunds SET state = 'paid' WHERE tenant_id = {tenant}")).await;
    app().sweep(world.county, "2026-03-18T11:00");
    assert_eq!(standing(&world.admin, "REFUND-BACKLOG").await, is("yellow", "resolved"));
    assert_eq!(standing(&world.admin, "FUND-STRUCTURING").await, is("yellow", "raised"));
}

#[tokio::test]
async fn a_whole_banks_outage_is_one_warning_without_an_institution() {
    let world = World::new().await;
    let second = crate::app::credit_code(world.county, 77_001);
    let csv = format!(
        "{}\n{}\n",
        crate::app::HEADER,
        crate::app::row(world.county, "同一家银行的中心（样例）", &second, &format!("7{}", &world.account[1..]))
    );
    let part = reqwest::multipart::Part::bytes(csv.into_bytes()).file_name("more.csv");
    let form = reqwest::multipart::Form::new().text("region", world.county.to_string()).part("file", part);
    let answer = world.admin.api(Method::POST, "/institutions/import").multipart(form).send().await.unwrap();
    assert!(answer.status().is_success());
    app().sweep(world.county, "2026-03-20T10:00");
    let warnings = of_kind(&world.admin, "FEED-SILENT").await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["bank"], &warnings[0]["institution"]), (&json!("台州银行"), &Value::Null));
    let id = &warnings[0]["id"];
    assert!(world.admin.page("/b/escrow").await.contains("台州银行"));
    assert!(world.admin.page("/b").await.contains("台州银行"));
    assert!(world.admin.page(&format!("/b/escrow/warnings/{id}?lang=en")).await.contains("2 accounts"));
    assert_eq!(
        world.org.api(Method::GET, &format!("/warnings/{id}")).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let (status, _) = world.admin.post_json(&format!("/warnings/{id}/actions"), json!({"action": "acknowledge"})).await;
    assert!(status.is_success());
}

/// Takes one call in; its head and body.
fn one_call(listener: TcpListener) -> mpsc::Receiver<(String, String)> {
    let (arrived, calls) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(count) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = count.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            let _ = arrived.send((head, String::from_utf8(body).unwrap()));
        }
    });
    calls
}

#[tokio::test]
async fn a_bureaus_own_system_hears_of_a_warning_by_a_signed_call() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_WEBHOOK_PRIVATE", "127.0.0.0/8")]);
    let world = World::within(&app).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?of=mingjian", listener.local_addr().unwrap());
    let calls = one_call(listener);
    let put = world.admin.api(Method::PUT, "/webhook").json(&json!({ "url": url })).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let secret = put.json::<Value>().await.unwrap()["secret"].as_str().unwrap().to_owned();
    assert!(!world.admin.json("/webhook").await.to_string().contains(&secret), "it is shown once");
    assert!(!world.admin.page("/b/escrow/webhook").await.contains(&secret));
    let account = world.account_id().await;
    deliver(&world.admin, account, camt(&world.account, OPENING, &GRAB)).await;
    let (head, body) = calls.recv_timeout(Duration::from_secs(30)).expect("the call arrives");
    let header = |name: &str| {
        let found =
            head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.unwrap_or_else(|| panic!("{name} in {head}")).1.trim().to_owned()
    };
    assert!(head.starts_with("POST /hook?of=mingjian HTTP/1.1"), "{head}");
    let (timestamp, nonce) = (header("x-mj-timestamp"), header("x-mj-nonce"));
    let expected = signature(secret.as_bytes(), &timestamp, &nonce, "POST", "/hook?of=mingjian", body.as_bytes());
    assert_eq!(header("x-mj-signature"), expected);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["event"], &told["institution"]), (&json!("warning"), &json!(world.name)), "{told}");
    assert!(!body.contains("182880") && !body.contains(&world.account), "amounts and numbers stay in the system");
    let gone = world.admin.api(Method::DELETE, "/webhook").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn no_call_goes_to_a_private_address_and_only_the_administrator_sets_one() {
    let world = World::new().await;
    for url in ["http://127.0.0.1:5432/", "https://169.254.169.254/latest", "https://10.0.0.1/", "ftp://a.example/", ""]
    {
        let put = world.admin.api(Method::PUT, "/webhook").json(&json!({ "url": url })).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::UNPROCESSABLE_ENTITY, "{url}");
    }
    let page = world.admin.submit("/b/escrow/webhook", &[("action", "set"), ("url", "https://192.168.0.9/")]).await;
    assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text().await.unwrap().contains("MINGJIAN_WEBHOOK_PRIVATE"));
    for user in [&world.approver, &world.org] {
        let put = user.api(Method::PUT, "/webhook").json(&json!({"url": "https://a.example/"})).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::FORBIDDEN, "{}", user.name);
    }
    assert_eq!(world.admin.api(Method::GET, "/webhook").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_background_work_runs_without_http() {
    let app = app();
    let mut worker = Command::new("setpriv")
        .args(["--pdeathsig", "TERM", env!("CARGO_BIN_EXE_mingjian"), "worker", "--data"])
        .arg(&app.data)
        .env("MINGJIAN_CLOCK", NOW)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(worker.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "mingjian works");
    let term = Command::new("kill").arg(worker.id().to_string()).status().unwrap();
    assert!(term.success() && worker.wait().unwrap().success(), "it ends in order");
    assert_eq!(app.visitor().get("/healthz").await.status(), StatusCode::OK);
}
