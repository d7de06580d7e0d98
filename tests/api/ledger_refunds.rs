//! Money goes back to families and on to the institution: refunds with each step of the sum, release orders.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{World, app};

/// A contract of 48 units for ¥4,800.00, paid on 2 March for lessons from 9 March, with lessons confirmed, in dispute and
/// waiting; its id.
async fn contract(world: &World, no: &str, confirmed: i64, disputed: i64, awaiting: i64) -> i64 {
    let tenant = world.county.number();
    let code = &world.credit_code;
    let id = app()
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
    app()
        .run_sql(&format!(
            "INSERT INTO payments (tenant_id, institution_id, contract_id, paid_at, amount_fen, channel, receipt_no, recorded_at) \
             SELECT *, '2026-03-02T10:00:00+08:00'::timestamptz, 480000, 'wechat', 'R-{no}', '2026-03-02T10:00:00+08:00'::timestamptz \
             FROM ({row}) c RETURNING id::text"
        ))
        .await;
    app()
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

async fn acted(user: &crate::app::User, path: &str, body: Value, expected: u16) -> Value {
    let (status, answer) = user.post_json(path, body).await;
    assert_eq!(status.as_u16(), expected, "{path}: {answer}");
    answer
}

#[tokio::test]
async fn a_refund_shows_each_step_and_is_approved_by_the_sum_that_was_shown() {
    let world = World::new().await;
    let id = contract(&world, "HT-1", 17, 1, 2).await;
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
    let stranger = World::new().await;
    acted(&stranger.org, &act, json!({"action": "approve"}), 404).await;
    acted(&stranger.admin, &act, json!({"action": "approve"}), 404).await;
    let approved = acted(&world.org, &act, json!({"action": "approve", "version": 1}), 200).await;
    assert_eq!(approved["state"], "approved", "{approved}");
    acted(&world.org, &act, json!({"action": "withdraw", "comment": "家长继续上课"}), 409).await;
    let status = format!("SELECT status FROM contracts WHERE tenant_id = {} AND id = {id}", world.county.number());
    assert_eq!(app().run_sql(&status).await, "cancelled", "the family leaves");
    // The next day's look, a day after the last one, finds it overdue: nothing was stored for that.
    let later = app().beside("2026-04-03T09:00:00+08:00", &[]);
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
        json!({"reason": "institution_fault", "elsewhere_reason": "原账户 6230550012031234 已注销"}),
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
    assert!(!trail.contains("6230550012031234"), "the other account is masked");
}

#[tokio::test]
async fn a_release_is_worked_out_once_for_a_period_and_goes_its_way() {
    let world = World::new().await;
    contract(&world, "HT-3", 10, 1, 5).await;
    let period = |seq: i64| json!({"period_from": "2026-03-01", "period_to": "2026-03-15", "seq": seq});
    let order = acted(&world.org, "/releases", period(1), 201).await;
    // Ten confirmed, one disputed.
    assert_eq!((&order["amount_fen"], &order["state"]), (&json!(90_000), &json!("calculated")), "{order}");
    assert_eq!(order["inputs"], json!({"confirmed_fen": 100_000, "released_fen": 0, "disputed_fen": 10_000}));
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
    assert_eq!(next["amount_fen"], 90_000, "what was rejected is to be released still");
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
