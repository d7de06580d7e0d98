//! Money that a school says it took and that nobody sees: what the watch makes of it (domain-rules §5.4, W11 and W12), until it
//! is paid back or moved in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{World, app},
    samples::{OPENING, camt},
};

/// Level and status of each warning of a kind.
async fn standing(world: &World, kind: &str) -> Vec<String> {
    app().sweep(world.county, "2026-03-18T10:00");
    let warnings = world.admin.json(&format!("/warnings?kind={kind}")).await;
    let told = |one: &Value| format!("{} {}", one["level"].as_str().unwrap(), one["status"].as_str().unwrap());
    warnings["items"].as_array().unwrap().iter().map(told).collect()
}

/// A contract of 48 units for 4,800.00 with a lesson from 9 March; its id.
async fn contract(world: &World, no: &str) -> i64 {
    let contract = json!({
        "contract_no": no, "subject": "初中数学", "basis": "units", "pupil": format!("学员{no}"), "signed_on": "2026-03-01",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-09", "last_lesson_on": "2026-05-31"});
    let (status, answer) = world.org.post_json("/contracts", contract).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["id"].as_i64().unwrap()
}

async fn paid(world: &World, contract: i64, more: Value) -> Value {
    let mut payment = json!({"receipt_no": format!("R-{contract}"), "paid_at": "2026-03-02T10:00:00+08:00",
        "amount_fen": 480_000, "channel": "cash"});
    payment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = world.org.post_json(&format!("/contracts/{contract}/payments"), payment).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

/// A lesson of the contract that was given and confirmed a week ago.
async fn taught(world: &World, contract: i64) {
    change(&format!(
        "INSERT INTO lessons (tenant_id, institution_id, contract_id, unit_no, ended_at, state, due_at, confirmed_at, confirmed_by, \
           amount_fen, token_hash, recorded_at) \
         SELECT tenant_id, institution_id, id, 1, '2026-03-09T19:00+08', 'confirmed', '2026-03-12T19:00+08', '2026-03-10T19:00+08', \
           'parent', 10000, convert_to(id::text, 'UTF8'), '2026-03-09T19:00+08' FROM contracts \
         WHERE tenant_id = {} AND id = {contract}",
        world.county.number()
    ))
    .await;
}

async fn change(sql: &str) {
    let sql = format!("WITH changed AS ({sql} RETURNING 1) SELECT count(*)::text FROM changed");
    assert_ne!(app().run_sql(&sql).await, "0", "{sql}");
}

const OUTSIDE: &str = "FUND-OUTSIDE-ESCROW";

#[tokio::test]
async fn cash_that_the_ledger_says_was_paid_in_and_the_bank_never_saw_is_outside_escrow() {
    let world = World::new().await;
    let id = contract(&world, "HT-1").await;
    paid(&world, id, json!({})).await;
    taught(&world, id).await;
    let day = |on: &'static str, reference: &'static str| (on, true, 100, reference);
    assert!(standing(&world, OUTSIDE).await.is_empty(), "no statement tells whether it came in");
    world.delivered(camt(&world.account, OPENING, &[day("2026-03-02", "B1"), day("2026-03-13", "B2")])).await;
    assert!(standing(&world, OUTSIDE).await.is_empty(), "nor do those that end before it had to be in");
    world.delivered(camt(&world.account, OPENING + 200, &[day("2026-03-16", "B3")])).await;
    assert_eq!(standing(&world, OUTSIDE).await, ["yellow raised"]);
    // It is moved in under its receipt's number.
    let receipt = format!("R-{id}");
    world.delivered(camt(&world.account, OPENING + 300, &[("2026-03-17", true, 480_000, &receipt)])).await;
    assert_eq!(standing(&world, OUTSIDE).await, ["yellow resolved"]);
}

#[tokio::test]
async fn a_persons_account_without_a_number_is_another_account_whatever_credit_the_day_has() {
    let world = World::new().await;
    let credit = ("2026-03-02", true, 480_000, "B1");
    world.delivered(camt(&world.account, OPENING, &[credit, ("2026-03-17", true, 100, "B2")])).await;
    let id = contract(&world, "HT-1").await;
    let answer = paid(&world, id, json!({"channel": "wechat", "payee_is_person": true})).await;
    assert_eq!(answer["findings"][0]["rule"], "PREPAY-CHANNEL", "{answer}");
    assert_eq!(answer["entry"], Value::Null, "another family's credit does not bear it out");
    assert_eq!(standing(&world, OUTSIDE).await, ["orange raised"], "F19: one pupil who paid a person");
    let ledger = format!("/b/ledger/{}", world.credit_code);
    assert!(world.admin.page(&ledger).await.contains("没有进监管账户的缴费"));
    // The credit that comes after is not it either, but one that carries its number is.
    let later = [("2026-03-17", true, 480_000, "B3")];
    world.delivered(camt(&world.account, OPENING + 480_100, &later)).await;
    assert_eq!(standing(&world, OUTSIDE).await, ["orange raised"]);
    let receipt = format!("R-{id}");
    world.delivered(camt(&world.account, OPENING + 960_100, &[("2026-03-17", true, 480_000, &receipt)])).await;
    assert_eq!(standing(&world, OUTSIDE).await, ["orange resolved"]);
    assert!(!world.admin.page(&ledger).await.contains("没有进监管账户的缴费"), "it was moved in");
    let proof = format!("/b/proof/{}", world.credit_code);
    assert_eq!(world.admin.submit(&proof, &[]).await.status(), StatusCode::SEE_OTHER);
    let page = world.admin.page(&format!("{proof}?month=2026-03")).await;
    assert!(page.contains("银行流水 B3") && !page.contains(&receipt), "the proof finds it on both sides: {page}");
}

#[tokio::test]
async fn a_refund_that_is_approved_and_never_paid_ends_no_warning() {
    let world = World::new().await;
    world
        .delivered(camt(&world.account, OPENING, &[("2026-03-02", true, 100, "B1"), ("2026-03-16", true, 100, "B2")]))
        .await;
    let mut contracts = Vec::new();
    for no in ["HT-1", "HT-2", "HT-3"] {
        let id = contract(&world, no).await;
        paid(&world, id, json!({"channel": "wechat", "payee_account": "6230550012030091264", "payee_is_person": true}))
            .await;
        contracts.push(id);
    }
    assert_eq!(standing(&world, OUTSIDE).await, ["red raised"], "F19: three pupils");
    // The official sees which fees they were, whose and to whom, masked.
    let page = world.admin.page(&format!("/b/ledger/{}", world.credit_code)).await;
    let past = page.split("id=\"past-escrow\"").nth(1).and_then(|rest| rest.split("</section>").next()).unwrap();
    assert!(past.contains("3 笔，共 ¥14,400.00") && past.matches("个人账户").count() == 3, "{past}");
    assert!(past.contains("****1264") && !past.contains("6230550012030091264"), "{past}");
    assert!(["HT-1", "HT-2", "HT-3"].iter().all(|no| past.contains(no)), "{past}");
    assert!(past.contains("学*") && !past.contains("学员HT"), "{past}");
    let mut refunds = Vec::new();
    for id in contracts {
        let (status, asked) = world.org.post_json(&format!("/contracts/{id}/refunds"), json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{asked}");
        let path = format!("/refunds/{}/actions", asked["id"]);
        let (status, answer) =
            world.admin.post_json(&path, json!({"action": "approve", "comment": "已核对家长付款凭证"})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        refunds.push(asked["order_ref"].as_str().unwrap().to_owned());
    }
    assert_eq!(standing(&world, OUTSIDE).await, ["red raised"], "approved is not paid");
    let line = |day: &'static str, at: usize| (day, false, 480_000, refunds[at].as_str());
    let most = [line("2026-03-17", 0), line("2026-03-17", 1)];
    world.delivered(camt(&world.account, OPENING + 200, &most)).await;
    let waiting = standing(&world, OUTSIDE).await;
    assert_eq!(waiting, ["red raised"], "one family waits still: what was told stands until people look at it");
    world.delivered(camt(&world.account, OPENING + 200 - 960_000, &[line("2026-03-18", 2)])).await;
    assert_eq!(standing(&world, OUTSIDE).await, ["red resolved"]);
}

#[tokio::test]
async fn an_over_cap_payment_ends_with_the_refund_of_all_that_was_too_much() {
    let world = World::new().await;
    let over = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-01",
        "price_fen": 600_000, "units_bought": 48, "first_lesson_on": "2026-03-20", "last_lesson_on": "2026-06-15",
        "instalments": 2});
    let (status, answer) = world.org.post_json("/contracts", over).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let id = answer["id"].as_i64().unwrap();
    // 1,000.00 more than one payment may be.
    paid(&world, id, json!({"amount_fen": 600_000, "already_taken": true})).await;
    const OVER: &str = "PREPAY-OVER-CAP";
    assert_eq!(standing(&world, OVER).await, ["red raised"], "the only pupil");
    let refunded = |fen: i64, n: u8| {
        format!(
            "INSERT INTO refunds (tenant_id, institution_id, contract_id, order_ref, asked_on, reason, amount_fen, steps, due_on, \
               target_on, state, created_at, paid_at) SELECT tenant_id, institution_id, id, 'TF-{n}-' || tenant_id, '2026-03-16', 'excess', {fen}, \
               '[]', '2026-03-31', '2026-03-31', 'paid', '2026-03-16T09:00+08', '2026-03-17T09:00+08' FROM contracts \
             WHERE tenant_id = {} AND id = {id}",
            world.county.number()
        )
    };
    change(&refunded(99_999, 1)).await;
    assert_eq!(standing(&world, OVER).await, ["red raised"], "a fen is missing");
    change(&refunded(1, 2)).await;
    assert_eq!(standing(&world, OVER).await, ["red resolved"]);
}

#[tokio::test]
async fn money_taken_without_a_receipt_is_kept_and_told() {
    let world = World::new().await;
    let id = contract(&world, "HT-1").await;
    let payment =
        json!({"receipt_no": "", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 480_000, "channel": "cash"});
    let path = format!("/contracts/{id}/payments");
    let (status, problem) = world.org.post_json(&path, payment.clone()).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["rule"]), (422, &json!("PREPAY-INVOICE")), "{problem}");
    let mut taken = payment;
    taken["already_taken"] = json!(true);
    let (status, answer) = world.org.post_json(&path, taken.clone()).await;
    assert_eq!((status.as_u16(), &answer["findings"][0]["rule"]), (201, &json!("PREPAY-INVOICE")), "{answer}");
    let (status, again) = world.org.post_json(&path, taken).await;
    assert_eq!((status.as_u16(), &again["id"]), (200, &answer["id"]), "told twice it is one");
}

#[tokio::test]
async fn two_payments_of_one_day_for_six_months_are_found_together() {
    let world = World::new().await;
    let half_year = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "period", "pupil": "王小明", "signed_on": "2026-03-01",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-20", "last_lesson_on": "2026-09-19",
        "instalments": 2});
    let (status, answer) = world.org.post_json("/contracts", half_year).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let id = answer["id"].as_i64().unwrap();
    let first = paid(&world, id, json!({"receipt_no": "R-1", "amount_fen": 240_000})).await;
    assert_eq!(first["findings"], json!([]), "{first}");
    let second =
        json!({"receipt_no": "R-2", "paid_at": "2026-03-02T11:00:00+08:00", "amount_fen": 240_000, "channel": "cash"});
    let (status, problem) = world.org.post_json(&format!("/contracts/{id}/payments"), second).await;
    let rules: Vec<&str> =
        problem["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!((status.as_u16(), rules), (422, vec!["PREPAY-EARLIEST-PERIOD", "PREPAY-SPAN-3M"]), "{problem}");
}
