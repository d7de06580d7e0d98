//! What parents see of the money: the official account, the share that is in escrow where the bureau publishes it, the day of
//! the last statement; nothing of a warning before it is confirmed, and what to do afterwards.

use serde_json::{Value, json};

use crate::{
    app::{World, app},
    samples::{OPENING, camt},
};

/// A contract with what was paid on it.
async fn paid(world: &World, number: &str, amount_fen: i64) {
    let contract = json!({"contract_no": number, "subject": "初中数学", "basis": "units", "pupil": "欧阳小草",
        "signed_on": "2026-02-10", "price_fen": amount_fen, "units_bought": 48, "first_lesson_on": "2026-03-01",
        "last_lesson_on": "2026-05-31"});
    let (status, made) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{made}");
    let payment = json!({"receipt_no": format!("R-{number}"), "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": amount_fen,
        "channel": "bank_transfer"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{}/payments", made["id"]), payment).await;
    assert!(status.is_success(), "{answer}");
}

/// Proposed by one, adopted by the other, from a day on.
async fn adopt(world: &World, parameter: &str, value: &str, from: &str) {
    let body = json!({"value": value, "effective_from": from, "reason": "县教〔2026〕9 号"});
    let (status, approval) = world.admin.post_json(&format!("/policies/{parameter}/proposals"), body).await;
    assert!(status.is_success(), "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    let (status, answer) = world.approver.post_json(&path, json!({"decision": "approve"})).await;
    assert!(status.is_success(), "{answer}");
}

/// All that anyone may see of an institution: its page in both languages, the search list, verification, the API.
async fn all_that_is_public(world: &World) -> Vec<String> {
    let code = &world.credit_code;
    let mut seen = Vec::new();
    for path in [
        format!("/i/{code}"),
        format!("/i/{code}?lang=en"),
        format!("/v/{code}"),
        format!("/s?q={code}"),
        format!("/api/v1/public/institutions/{code}"),
        format!("/api/v1/public/institutions?q={code}"),
    ] {
        seen.push(app().visitor().page(&path).await);
    }
    seen
}

#[tokio::test]
async fn parents_read_the_share_in_escrow_only_where_the_bureau_publishes_it_and_with_its_day() {
    let world = World::new().await;
    world.list().await;
    paid(&world, "HT-1", 480_000).await;
    paid(&world, "HT-2", 480_000).await;
    // 8,928.00 of 9,600.00 is there at the end of the 16th; what leaves on the 17th is beyond the last statement.
    world
        .delivered(camt(&world.account, 0, &[("2026-03-16", true, 960_000, "A1"), ("2026-03-16", false, 67_200, "A2")]))
        .await;
    let code = &world.credit_code;
    let api = format!("/api/v1/public/institutions/{code}");
    let page = format!("/i/{code}");
    app().sweep(world.county, "2026-03-18T09:00");
    let before = app().visitor().json(&api).await;
    assert_eq!(before["escrow"].get("coverage"), None, "by default nothing is published");
    assert!(!app().visitor().page(&page).await.contains("家长预缴的学费"));
    assert_eq!(before["statement_on"], "2026-03-16", "the day of the last statement always is");
    assert!(app().visitor().page(&page).await.contains("银行流水截至"));
    assert_eq!(before["escrow"]["account_no"], world.account.as_str(), "and the official account");

    adopt(&world, "public.coverage", "on", "2026-03-19").await;
    app().sweep(world.county, "2026-03-18T23:00");
    assert_eq!(app().visitor().json(&api).await["escrow"].get("coverage"), None, "not before its first day");
    app().sweep(world.county, "2026-03-19T10:00");
    let told = app().visitor().json(&api).await["escrow"]["coverage"].clone();
    assert_eq!(told, json!({"share_bp": 9_300, "on": "2026-03-16"}));
    let shown = app().visitor().page(&page).await;
    assert!(shown.contains("家长预缴的学费") && shown.contains("93%") && shown.contains("3 月 16 日"), "{shown}");
    let list = app().visitor().json(&format!("/api/v1/public/institutions?q={code}")).await;
    assert_eq!(list["items"][0]["coverage"], told);
    assert!(app().visitor().page(&format!("/s?q={code}")).await.contains("93%"));

    // Another day's statement, another share; a broken one leaves the last that is known, with its day.
    world.delivered(camt(&world.account, 892_800, &[("2026-03-17", true, 67_200, "A3")])).await;
    app().sweep(world.county, "2026-03-19T11:00");
    let told = app().visitor().json(&api).await["escrow"]["coverage"].clone();
    assert_eq!(told, json!({"share_bp": 10_000, "on": "2026-03-17"}));
    assert!(app().visitor().page(&page).await.contains("全部在监管账户里"));
    world.delivered(camt(&world.account, 5, &[("2026-03-18", true, 100, "A4")])).await;
    app().sweep(world.county, "2026-03-19T12:00");
    assert_eq!(app().visitor().json(&api).await["escrow"]["coverage"], told, "while a statement is missing");

    adopt(&world, "public.coverage", "off", "2026-03-20").await;
    app().sweep(world.county, "2026-03-20T00:30");
    assert_eq!(app().visitor().json(&api).await["escrow"].get("coverage"), None, "taken back");
    assert!(!app().visitor().page(&page).await.contains("家长预缴的学费"));
}

#[tokio::test]
async fn of_a_risk_deposit_parents_read_what_it_is_of_the_fees_of_three_months() {
    let world = World::new().await;
    world.list().await;
    let filing = json!({"credit_code": world.credit_code, "bank": "台州银行", "account": world.account, "mode": "risk_deposit",
        "agreement_no": "BZJ-2026-1", "payee_account": "6222000000000001"});
    let (status, answer) = world.org.post_json("/escrow/accounts", filing).await;
    assert!(status.is_success(), "{status} {answer}");
    paid(&world, "HT-1", 480_000).await;
    world.delivered(camt(&world.account, 383_999, &[("2026-03-16", true, 1, "A1")])).await;
    adopt(&world, "public.coverage", "on", "2026-03-19").await;
    app().sweep(world.county, "2026-03-19T10:00");
    let code = &world.credit_code;
    let told = app().visitor().json(&format!("/api/v1/public/institutions/{code}")).await["escrow"]["coverage"].clone();
    assert_eq!(told, json!({"share_bp": 8_000, "on": "2026-03-16", "of": "fees_of_3_months"}));
    let page = app().visitor().page(&format!("/i/{code}")).await;
    assert!(page.contains("风险保证金，只有最近 3 个月所收学费的") && page.contains("80%"), "{page}");
    assert!(!page.contains("家长预缴的学费，在监管账户里"), "it holds no fees: {page}");
    let english = app().visitor().page(&format!("/i/{code}?lang=en")).await;
    assert!(english.contains("of the fees taken in the last three months"), "{english}");
    assert!(app().visitor().page(&format!("/s?q={code}")).await.contains("保证金占 3 个月收费"));
    world.delivered(camt(&world.account, 384_000, &[("2026-03-17", true, 96_000, "A2")])).await;
    app().sweep(world.county, "2026-03-19T11:00");
    assert!(app().visitor().page(&format!("/i/{code}")).await.contains("不少于最近 3 个月收的学费"));
}

#[tokio::test]
async fn nothing_public_changes_while_a_warning_is_examined_and_a_confirmed_red_says_what_to_do() {
    let world = World::new().await;
    world.list().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", true, 100, "A0")])).await;
    app().sweep(world.county, "2026-03-18T09:00");
    let before = all_that_is_public(&world).await;
    // A red one of the same day, by the bank's push of the day that the statement covered already: no published fact moves.
    let lines = [("2026-03-17", true, 100, "A0"), ("2026-03-17", false, 40_000_000, "R1")];
    world.delivered(camt(&world.account, OPENING, &lines)).await;
    let warnings = world.admin.json("/warnings?level=red").await;
    let red = warnings["items"].as_array().unwrap().iter().find(|w| w["kind"] == "FUND-LARGE-SINGLE").unwrap().clone();
    let id = red["id"].as_i64().unwrap();
    for action in [
        json!({"action": "acknowledge"}),
        json!({"action": "investigate", "comment": "调取合同"}),
        json!({"action": "note", "comment": "疑似抽逃"}),
    ] {
        let (status, answer) = world.admin.post_json(&format!("/warnings/{id}/actions"), action).await;
        assert!(status.is_success(), "{answer}");
    }
    let explain = json!({"action": "explain", "comment": "购置教具"});
    assert!(world.org.post_json(&format!("/warnings/{id}/actions"), explain).await.0.is_success());
    app().sweep(world.county, "2026-03-18T10:00");
    assert_eq!(all_that_is_public(&world).await, before, "not a byte of what anyone may see");

    // Confirmed, and decided by a second official.
    let confirmed = json!({"action": "escalate", "comment": "核实资金被转走"});
    let (status, answer) = world.admin.post_json(&format!("/warnings/{id}/actions"), confirmed).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(all_that_is_public(&world).await, before, "proposed is not decided");
    let pending = world.approver.json("/approvals").await;
    let approval = pending["items"].as_array().unwrap().iter().find(|a| a["step"] == "suspend").unwrap()["id"].clone();
    let decision = json!({"decision": "approve", "comment": "确认"});
    let (status, answer) = world.approver.post_json(&format!("/approvals/{approval}/decisions"), decision).await;
    assert!(status.is_success(), "{answer}");
    let code = &world.credit_code;
    let page = app().visitor().page(&format!("/i/{code}")).await;
    for words in
        ["白名单已暂停展示", "已经缴费的家长，请这样做", "不再缴费", "书面向机构申请退费", "没有上的课不要确认"]
    {
        assert!(page.contains(words), "{words}");
    }
    for secret in ["FUND-LARGE-SINGLE", "调取合同", "疑似抽逃", "购置教具", "400,000.00"] {
        assert!(!page.contains(secret), "what was found stays in the bureau: {secret}");
    }
    let list = app().visitor().page(&format!("/s?q={code}")).await;
    assert!(list.contains("请先不要缴费") && list.contains("#what-to-do"), "the search list says so, too");
    let one: Value = app().visitor().json(&format!("/api/v1/public/institutions/{code}")).await;
    assert_eq!(one["list"]["status"], "suspended");
}
