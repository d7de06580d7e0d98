//! Money goes back to families and on to the institution: refunds with each step of the sum, release orders.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, User, World, app},
    escrow::Bank,
};

/// A contract of 48 units for ¥4,800.00, paid on 2 March for lessons from 9 March, with lessons confirmed, in dispute and
/// waiting; its id.
async fn contract(world: &World, no: &str, confirmed: i64, disputed: i64, awaiting: i64) -> i64 {
    contract_within(app(), world, no, [confirmed, disputed, awaiting]).await
}

/// The same in a service of its own.
async fn contract_within(app: &TestApp, world: &World, no: &str, lessons: [i64; 3]) -> i64 {
    let [confirmed, disputed, awaiting] = lessons;
    let tenant = world.county.number();
    let code = &world.credit_code;
    let id = app
        .run_sql(&format!(
            "INSERT INTO contracts (tenant_id, institution_id, contract_no, subject, product, basis, pupil_sealed, pupil_index, \
               signed_on, is_renewal, price_fen, units_bought, first_lesson_on, last_lesson_on, paid_fen, consumed_units, \
               consumed_fen, status, findings, created_at) \
             SELECT tenant_id, id, '{no}', '初中数学', 'course', 'units', '\\x00', convert_to('{no}', 'UTF8'), '2026-03-01', false, \
               480000, 48, '2026-03-09', '2026-05-31', 480000, {confirmed}, {confirmed} * 10000, 'open', '[]', \
               '2026-03-01T09:00:00+08:00' FROM institutions WHERE tenant_id = {tenant} AND credit_code = '{code}' \
             RETURNING id::text"
        ))
        .await;
    let row = format!("SELECT tenant_id, institution_id, id FROM contracts WHERE tenant_id = {tenant} AND id = {id}");
    app
        .run_sql(&format!(
            "INSERT INTO payments (tenant_id, institution_id, contract_id, paid_at, amount_fen, channel, receipt_no, recorded_at) \
             SELECT *, '2026-03-02T10:00:00+08:00'::timestamptz, 480000, 'wechat', 'R-{no}', '2026-03-02T10:00:00+08:00'::timestamptz \
             FROM ({row}) c RETURNING id::text"
        ))
        .await;
    app
        .run_sql(&format!(
            "WITH given AS (INSERT INTO lessons (tenant_id, institution_id, contract_id, unit_no, ended_at, state, due_at, \
               confirmed_at, confirmed_by, amount_fen, token_hash, recorded_at) \
             SELECT c.*, n, '2026-03-10T19:00:00+08:00'::timestamptz, \
               CASE WHEN n <= {confirmed} THEN 'confirmed' WHEN n <= {confirmed} + {disputed} THEN 'disputed' ELSE 'awaiting' END, \
               '2026-03-30T19:00:00+08:00', CASE WHEN n <= {confirmed} THEN '2026-03-11T19:00:00+08:00'::timestamptz END, \
               CASE WHEN n <= {confirmed} THEN 'parent' END, 10000, convert_to('{no}' || n, 'UTF8'), \
               '2026-03-10T19:00:00+08:00' \
             FROM ({row}) c, generate_series(1, {confirmed} + {disputed} + {awaiting}) n RETURNING 1) \
             SELECT count(*)::text FROM given"
        ))
        .await;
    id.parse().unwrap()
}

async fn acted(user: &User, path: &str, body: Value, expected: u16) -> Value {
    let (status, answer) = user.post_json(path, body).await;
    assert_eq!(status.as_u16(), expected, "{path}: {answer}");
    answer
}

#[tokio::test]
async fn a_refund_shows_each_step_and_is_approved_by_the_sum_that_was_shown() {
    let app = TestApp::start(&[]);
    let world = World::within(&app).await;
    let id = contract_within(&app, &world, "HT-1", [17, 1, 2]).await;
    let path = format!("/contracts/{id}/refunds");
    let late = acted(&world.org, &path, json!({"reason": "cooling_off"}), 422).await;
    assert_eq!(late["errors"][0]["rule"], "REFUND-COOLING-OFF", "{late}");
    acted(&world.org, &path, json!({"asked_on": "2026-03-19"}), 422).await;
    acted(&world.org, &path, json!({"shown_fen": 1}), 409).await;
    acted(&world.admin, &path, json!({}), 403).await;

    let asked = acted(&world.org, &path, json!({"shown_fen": 280_000}), 201).await;
    assert_eq!((&asked["reason"], &asked["amount_fen"]), (&json!("after_start"), &json!(280_000)), "{asked}");
    // Day 15 after 18 March is 2 April, a workday.
    assert_eq!((&asked["due_on"], &asked["target_on"]), (&json!("2026-04-02"), &json!("2026-04-02")));
    let steps = asked["steps"].to_string();
    for words in ["已消 17 课时", "待确认", "冻结", "应退", "原路退回", "微信", "Left unconsumed"] {
        assert!(steps.contains(words), "{words}: {steps}");
    }
    assert_eq!((&asked["state"], &asked["overdue"]), (&json!("asked"), &Value::Null));
    let again = acted(&world.org, &path, json!({}), 409).await;
    assert_eq!(again["type"], "/problems/refunds/open", "{again}");

    let refund = asked["id"].as_i64().unwrap();
    let act = format!("/refunds/{refund}/actions");
    acted(&world.org, &act, json!({"action": "approve", "version": 2}), 409).await;
    let stranger = World::within(&app).await;
    acted(&stranger.org, &act, json!({"action": "approve"}), 404).await;
    acted(&stranger.admin, &act, json!({"action": "approve"}), 404).await;
    // No entry of the bank tells who paid: an official decides.
    assert_eq!(asked["findings"][0]["rule"], "REFUND-ROUTE", "{asked}");
    let refused = acted(&world.org, &act, json!({"action": "approve", "version": 1}), 409).await;
    assert_eq!(refused["type"], "/problems/refunds/official", "{refused}");
    let decided = json!({"action": "approve", "version": 1, "comment": "已核对家长付款凭证"});
    let approved = acted(&world.admin, &act, decided, 200).await;
    assert_eq!(approved["state"], "approved", "{approved}");
    acted(&world.org, &act, json!({"action": "withdraw", "comment": "家长继续上课"}), 409).await;
    let status = format!("SELECT status FROM contracts WHERE tenant_id = {} AND id = {id}", world.county.number());
    assert_eq!(app.run_sql(&status).await, "cancelled", "the family leaves");
    // The next day's look, a day after the last one, finds it overdue: nothing was stored for that.
    let later = app.beside("2026-04-03T09:00:00+08:00", &[]);
    let seen = later.sign_in(&world.admin.name).await.json("/refunds?overdue=true").await;
    assert_eq!(seen["items"][0]["overdue"], "yellow", "{seen}");
    assert_eq!(world.admin.json("/refunds?overdue=true").await["items"], json!([]));
}

#[tokio::test]
async fn what_the_rules_leave_open_an_official_decides_and_says_why() {
    let world = World::new().await;
    let id = contract(&world, "HT-2", 3, 0, 0).await;
    let asked = acted(
        &world.org,
        &format!("/contracts/{id}/refunds"),
        json!({"reason": "institution_fault", "elsewhere_reason": "原账户 6230550012031234 已注销",
               "elsewhere_account": "6230 5500 1203 5678"}),
        201,
    )
    .await;
    assert_eq!(asked["amount_fen"], 450_000, "{asked}");
    assert_eq!(asked["findings"][0]["rule"], "REFUND-INSTITUTION-FAULT", "{asked}");
    let act = format!("/refunds/{}/actions", asked["id"]);
    let refused = acted(&world.org, &act, json!({"action": "approve"}), 409).await;
    assert_eq!(refused["type"], "/problems/refunds/official", "{refused}");
    acted(&world.admin, &act, json!({"action": "approve"}), 422).await;
    // A lesson is confirmed in the meantime: the sum that was shown is no longer the sum.
    let more = format!(
        "INSERT INTO lessons (tenant_id, institution_id, contract_id, unit_no, ended_at, state, due_at, confirmed_at, \
           confirmed_by, amount_fen, token_hash, recorded_at) \
         SELECT tenant_id, institution_id, id, 4, '2026-03-17T19:00:00+08:00', 'confirmed', '2026-03-20T19:00:00+08:00', \
           '2026-03-17T20:00:00+08:00', 'parent', 10000, '\\x04', '2026-03-17T19:00:00+08:00' \
         FROM contracts WHERE tenant_id = {} AND id = {id} RETURNING id::text",
        world.county.number()
    );
    app().run_sql(&more).await;
    let changed = acted(&world.admin, &act, json!({"action": "approve", "comment": "已核实停课"}), 409).await;
    assert_eq!((&changed["type"], &changed["amount_fen"]), (&json!("/problems/refunds/sum"), &json!(440_000)));
    acted(&world.org, &act, json!({"action": "withdraw"}), 422).await;
    acted(&world.org, &act, json!({"action": "withdraw", "comment": "按新的金额重新申请"}), 200).await;
    let again =
        acted(&world.org, &format!("/contracts/{id}/refunds"), json!({"reason": "institution_fault"}), 201).await;
    assert!(again["order_ref"].as_str().unwrap().ends_with("N2"), "{again}");
    let act = format!("/refunds/{}/actions", again["id"]);
    let approved = acted(&world.approver, &act, json!({"action": "approve", "comment": "已核实停课"}), 200).await;
    assert_eq!((&approved["state"], &approved["amount_fen"]), (&json!("approved"), &json!(440_000)));
    let trail = world.admin.json("/audit?limit=200").await.to_string();
    assert!(trail.contains("refund.asked") && trail.contains("refund.withdrawn") && trail.contains("refund.approved"));
    assert!(!trail.contains("6230550012031234") && !trail.contains("12035678"), "the accounts are masked");
}

#[tokio::test]
async fn a_release_is_worked_out_once_for_a_period_and_goes_its_way() {
    let world = World::new().await;
    contract(&world, "HT-3", 10, 1, 5).await;
    let period = |seq: i64| json!({"period_from": "2026-03-01", "period_to": "2026-03-15", "seq": seq});
    let order = acted(&world.org, "/releases", period(1), 201).await;
    // Ten confirmed; one disputed is not among them, so that nothing is taken off for it.
    assert_eq!((&order["amount_fen"], &order["state"]), (&json!(100_000), &json!("calculated")), "{order}");
    assert_eq!(
        order["inputs"],
        json!({"confirmed_fen": 100_000, "materials_fen": 0, "released_fen": 0, "disputed_fen": 10_000})
    );
    let again = acted(&world.org, "/releases", period(1), 200).await;
    assert_eq!(again, order, "the same order");
    let nothing = acted(&world.org, "/releases", period(2), 409).await;
    assert_eq!(nothing["type"], "/problems/releases/nothing", "{nothing}");
    let other = json!({"period_from": "2026-03-02", "period_to": "2026-03-15", "seq": 1});
    assert_eq!(acted(&world.org, "/releases", other, 409).await["type"], "/problems/releases/other-period");
    for (from, to) in [("2026-03-15", "2026-03-14"), ("2026-03-01", "2026-03-19"), ("2024-03-01", "2026-03-01")] {
        acted(&world.org, "/releases", json!({"period_from": from, "period_to": to}), 422).await;
    }
    let stranger = World::new().await;
    let theirs = json!({"credit_code": world.credit_code, "period_from": "2026-03-01", "period_to": "2026-03-15"});
    acted(&stranger.org, "/releases", theirs.clone(), 404).await;
    acted(&stranger.admin, "/releases", theirs.clone(), 404).await;
    assert_eq!(acted(&world.admin, "/releases", theirs, 200).await["id"], order["id"]);
    assert_eq!(stranger.org.json("/releases").await["items"], json!([]));

    let act = format!("/releases/{}/actions", order["id"]);
    acted(&world.org, &act, json!({"action": "approve"}), 403).await;
    acted(&world.admin, &act, json!({"action": "send"}), 409).await;
    let approved = acted(&world.admin, &act, json!({"action": "approve", "version": 1}), 200).await;
    assert_eq!(approved["state"], "approved", "{approved}");
    assert!(!approved["approved_by"].is_null());
    acted(&world.admin, &act, json!({"action": "send", "version": 1}), 409).await;
    assert_eq!(acted(&world.admin, &act, json!({"action": "send"}), 200).await["state"], "sent");
    acted(&world.admin, &act, json!({"action": "reject"}), 422).await;
    let back = acted(&world.admin, &act, json!({"action": "reject", "comment": "银行退回：账户户名不符"}), 200).await;
    assert_eq!(back["state"], "rejected", "{back}");
    let next = acted(&world.org, "/releases", period(2), 201).await;
    assert_eq!(next["amount_fen"], 100_000, "what was rejected is to be released still");
    let (status, _) = world.org.post_json("/releases", json!({"period_from": "2026-03-01"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

/// One proposes, the other adopts, from today on.
async fn adopt(world: &World, parameter: &str, value: Value) {
    let body = json!({"value": value, "effective_from": "2026-03-18", "reason": "县教〔2026〕10 号"});
    let approval = acted(&world.admin, &format!("/policies/{parameter}/proposals"), body, 202).await;
    let path = format!("/approvals/{}/decisions", approval["id"]);
    acted(&world.approver, &path, json!({"decision": "approve"}), 200).await;
}

#[tokio::test]
async fn where_the_policy_says_so_the_first_release_waits_for_the_cooling_off() {
    let world = World::new().await;
    // Paid on 2 March; sixteen days later is today.
    contract(&world, "HT-9", 10, 0, 0).await;
    adopt(&world, "release.first", json!("after_cooling_off")).await;
    adopt(&world, "refund.cooling_off_days", json!(16)).await;
    let period = json!({"period_from": "2026-03-01", "period_to": "2026-03-15"});
    let nothing = acted(&world.org, "/releases", period.clone(), 409).await;
    assert_eq!(nothing["type"], "/problems/releases/nothing", "the last day of its cooling-off: {nothing}");
    // Another family's has run for a day.
    let other = contract(&world, "HT-10", 3, 0, 0).await;
    let earlier = "UPDATE payments SET paid_at = '2026-03-01T10:00:00+08:00' WHERE contract_id = $1";
    assert_eq!(app().database("mingjian_root").await.execute(earlier, &[&other]).await.unwrap(), 1);
    let order = acted(&world.org, "/releases", period, 201).await;
    assert_eq!((&order["amount_fen"], &order["inputs"]["cooling_fen"]), (&json!(30_000), &json!(100_000)), "{order}");
}

#[tokio::test]
async fn in_the_cooling_off_an_official_decides_how_many_units_are_charged() {
    let world = World::new().await;
    let id = contract(&world, "HT-4", 2, 0, 0).await;
    let body = json!({"reason": "cooling_off", "asked_on": "2026-03-09"});
    let asked = acted(&world.org, &format!("/contracts/{id}/refunds"), body, 201).await;
    assert_eq!(asked["amount_fen"], 460_000, "{asked}");
    let act = format!("/refunds/{}/actions", asked["id"]);
    let charging = |units: u32| json!({"action": "approve", "comment": "冷静期内，按规定全退", "charged_units": units});
    let refused = acted(&world.org, &act, charging(0), 409).await;
    assert_eq!(refused["type"], "/problems/refunds/official", "{refused}");
    let refused = acted(&world.admin, &act, charging(3), 422).await;
    assert_eq!(refused["errors"][0]["path"], "charged_units", "{refused}");
    let approved = acted(&world.admin, &act, charging(0), 200).await;
    assert_eq!(
        (&approved["amount_fen"], &approved["charged_units"]),
        (&json!(480_000), &json!(0)),
        "the full principal: {approved}"
    );
    assert!(approved["steps"].to_string().contains("核定收取 0 课时"), "{approved}");
}

#[tokio::test]
async fn materials_are_released_with_the_first_lesson_that_is_confirmed() {
    let world = World::new().await;
    let ids = [contract(&world, "HT-5", 1, 0, 0).await, contract(&world, "HT-6", 0, 1, 0).await];
    let tenant = world.county.number();
    let sql = format!(
        "WITH priced AS (UPDATE contracts SET materials_fen = 48000 WHERE tenant_id = {tenant} RETURNING 1) \
         SELECT count(*)::text FROM priced"
    );
    assert_eq!(app().run_sql(&sql).await, ids.len().to_string());
    let period = json!({"period_from": "2026-03-01", "period_to": "2026-03-15", "seq": 1});
    let order = acted(&world.org, "/releases", period, 201).await;
    assert_eq!(order["amount_fen"], 10_000 + 48_000, "{order}");
    assert_eq!(order["inputs"]["materials_fen"], 48_000, "of the other contract nothing was confirmed");
}

/// A family that paid 4,800.00 out of its account for lessons to come, as the bank tells it; the contract's id.
async fn paid_by_transfer(world: &World, bank: &Bank) -> i64 {
    let contract = json!({
        "contract_no": "HT-9", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-16",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-20", "last_lesson_on": "2026-06-15"});
    let contract = acted(&world.org, "/contracts", contract, 201).await;
    let payment = json!({"receipt_no": "SJ-9", "paid_at": "2026-03-16T10:00:00+08:00", "amount_fen": 480_000,
        "channel": "bank_transfer"});
    acted(&world.org, &format!("/contracts/{}/payments", contract["id"]), payment, 201).await;
    let family = json!({"bank_ref": "A1", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 480_000,
        "counterparty_name": "王建国", "counterparty_account": FAMILY, "remittance": "SJ-9 学费"});
    let others = json!({"bank_ref": "A2", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 30_000_000});
    push(world, bank, &format!("pay-nonce-{}", world.county), json!([family, others])).await;
    contract["id"].as_i64().unwrap()
}

const FAMILY: &str = "6217000000000001";
const OWNER: &str = "6230550012030091264";

async fn push(world: &World, bank: &Bank, nonce: &str, entries: Value) {
    let body = json!({"account": world.account, "entries": entries}).to_string();
    let answer = bank.push(&body, nonce, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

fn debit(reference: &str, order: &Value, name: &str, account: &str) -> Value {
    json!({"bank_ref": reference, "booked_on": "2026-03-17", "direction": "debit", "amount_fen": 480_000, "kind": "refund",
        "counterparty_name": name, "counterparty_account": account, "remittance": format!("退费 {}", order.as_str().unwrap())})
}

#[tokio::test]
async fn a_refund_that_goes_to_the_owners_card_is_no_refund_and_is_told() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let id = paid_by_transfer(&world, &bank).await;
    let asked = acted(&world.org, &format!("/contracts/{id}/refunds"), json!({}), 201).await;
    assert_eq!((&asked["amount_fen"], &asked["findings"]), (&json!(480_000), &json!([])), "{asked}");
    let act = format!("/refunds/{}/actions", asked["id"]);
    let own = acted(&world.org, &act, json!({"action": "approve"}), 409).await;
    assert_eq!(own["type"], "/problems/refunds/own", "whoever asked does not approve: {own}");
    let page = world.org.page("/org/refunds").await;
    assert!(page.contains("申请人不能自己同意") && !page.contains("value=\"approve\""), "{page}");
    let colleague = app().institution_user(world.county, &world.credit_code).await;
    assert!(colleague.page("/org/refunds").await.contains("同意退 ¥4,800.00"));
    acted(&colleague, &act, json!({"action": "approve"}), 200).await;

    // The owner has it paid to the own card, under the refund's number and as a refund.
    push(&world, &bank, "refund-nonce-0002", json!([debit("B1", &asked["order_ref"], "陈明", OWNER)])).await;
    assert_eq!(world.admin.json("/refunds").await["items"][0]["state"], "approved", "the family waits still");
    let account = world.account_id().await;
    let entries = world.admin.json(&format!("/escrow/accounts/{account}/entries")).await;
    let entry = entries["items"].as_array().unwrap().iter().find(|one| one["bank_ref"] == "B1").unwrap().clone();
    assert_eq!((&entry["kind"], &entry["order_ref"]), (&json!("other"), &Value::Null), "{entry}");
    let warnings = world.admin.json("/warnings?limit=50").await.to_string();
    for kind in ["FUND-WITHDRAW-UNMATCHED", "FUND-UNUSUAL-COUNTERPARTY"] {
        assert!(warnings.contains(kind), "{kind}: {warnings}");
    }
    assert!(world.admin.json("/audit?limit=200").await.to_string().contains("refund.astray"));

    // Paid back to where it came from, it is one.
    push(&world, &bank, "refund-nonce-0003", json!([debit("B2", &asked["order_ref"], "王建国", FAMILY)])).await;
    let paid = world.admin.json("/refunds").await["items"][0].clone();
    assert_eq!((&paid["state"], &paid["route"]), (&json!("paid"), &json!("original")), "{paid}");
    assert!(world.org.page("/org/refunds").await.contains("已退回原付款账户"));
}

#[tokio::test]
async fn another_account_and_a_deposit_need_an_officials_word() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let id = paid_by_transfer(&world, &bank).await;
    let path = format!("/contracts/{id}/refunds");
    let unnamed = acted(&world.org, &path, json!({"elsewhere_reason": "原账户已注销"}), 422).await;
    assert_eq!(unnamed["errors"][0]["path"], "elsewhere_account", "{unnamed}");
    let elsewhere = json!({"elsewhere_reason": "原账户已注销", "elsewhere_account": "6228480000000002"});
    let asked = acted(&world.org, &path, elsewhere, 201).await;
    assert_eq!(asked["elsewhere_account"], "****0002", "{asked}");
    let act = format!("/refunds/{}/actions", asked["id"]);
    let colleague = app().institution_user(world.county, &world.credit_code).await;
    let refused = acted(&colleague, &act, json!({"action": "approve"}), 409).await;
    assert_eq!(refused["type"], "/problems/refunds/official", "{refused}");
    acted(&world.admin, &act, json!({"action": "approve", "comment": "已核对监护人签字"}), 200).await;
    push(&world, &bank, "elsewhere-nonce-0002", json!([debit("B1", &asked["order_ref"], "陈明", OWNER)])).await;
    assert_eq!(world.admin.json("/refunds").await["items"][0]["state"], "approved", "neither of the two");
    push(
        &world,
        &bank,
        "elsewhere-nonce-0003",
        json!([debit("B2", &asked["order_ref"], "王建国", "6228480000000002")]),
    )
    .await;
    assert_eq!(world.admin.json("/refunds").await["items"][0]["route"], "elsewhere");

    let deposit = World::new().await;
    let bank = Bank::of(&deposit);
    let id = paid_by_transfer(&deposit, &bank).await;
    let sql = format!(
        "WITH filed AS (UPDATE escrow_accounts SET mode = 'risk_deposit' WHERE tenant_id = {} RETURNING 1) \
         SELECT count(*)::text FROM filed",
        deposit.county.number()
    );
    assert_eq!(app().run_sql(&sql).await, "1");
    let asked = acted(&deposit.org, &format!("/contracts/{id}/refunds"), json!({}), 201).await;
    assert_eq!(asked["findings"][0]["rule"], "FUND-MODE", "{asked}");
    let act = format!("/refunds/{}/actions", asked["id"]);
    let colleague = app().institution_user(deposit.county, &deposit.credit_code).await;
    assert_eq!(acted(&colleague, &act, json!({"action": "approve"}), 409).await["type"], "/problems/refunds/official");
    acted(&deposit.approver, &act, json!({"action": "approve", "comment": "同意从保证金退"}), 200).await;
}
