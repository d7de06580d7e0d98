//! An institution changes its agreement with the bank, or the own account that releases go to; the bureau confirms it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{User, World, app},
    escrow::Bank,
};

const OLD: &str = "6222000011112222";
const NEW: &str = "6222000099998888";

async fn filed(world: &World) -> i64 {
    let filing = json!({"credit_code": world.credit_code, "bank": "台州银行椒江支行", "account": world.account, "mode": "custody",
                        "agreement_no": "TG-1", "payee_account": OLD});
    let (status, account) = world.org.post_json("/escrow/accounts", filing).await;
    assert!(status.is_success(), "{account}");
    account["id"].as_i64().unwrap()
}

async fn amend(user: &User, account: i64, body: Value) -> (StatusCode, Value) {
    user.post_json(&format!("/escrow/accounts/{account}/amendments"), body).await
}

async fn act(user: &User, id: &Value, action: &str, comment: &str) -> (StatusCode, Value) {
    let mut body = json!({ "action": action });
    if action != "withdraw" {
        body["comment"] = json!(comment);
    }
    user.post_json(&format!("/escrow/amendments/{id}/actions"), body).await
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().trim_start_matches("/problems/")
}

/// A payment of 9,000 on a day: nobody's matter but for where it goes.
fn payment(bank_ref: &str, day: &str, account: &str) -> Value {
    json!({"bank_ref": bank_ref, "booked_on": day, "direction": "debit", "amount_fen": 900_000,
           "counterparty_name": "启明星教育有限公司", "counterparty_account": account, "remittance": "划拨"})
}

async fn pushed(world: &World, nonce: &str, entries: Value) {
    let body = json!({"account": world.account, "entries": entries}).to_string();
    let answer = Bank::of(world).push(&body, nonce, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

/// The payments that stand in the warnings about unusual recipients, each once.
async fn unusual(world: &World) -> Vec<String> {
    let warnings = world.admin.json("/warnings?kind=FUND-UNUSUAL-COUNTERPARTY").await.to_string();
    let refs = ["K0", "K1", "K2", "K3", "K4", "K5"].into_iter();
    refs.filter(|bank_ref| warnings.contains(&format!("\"{bank_ref}\""))).map(str::to_owned).collect()
}

#[tokio::test]
async fn another_agreement_is_filed_by_the_institution_and_confirmed_by_one_official() {
    let world = World::new().await;
    let account = filed(&world).await;
    let wish = |number: &str| json!({"agreement_no": number, "reason": "协议到期续签"});
    for user in [&world.admin, &world.approver] {
        assert_eq!(amend(user, account, wish("TG-2")).await.0, StatusCode::FORBIDDEN, "the institution files it");
    }
    let stranger = World::new().await;
    assert_eq!(amend(&stranger.org, account, wish("TG-2")).await.0, StatusCode::NOT_FOUND);
    let (status, problem) = amend(&world.org, account, wish("TG-1")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "that is on file: {problem}");
    let (status, change) = amend(&world.org, account, wish("TG-2")).await;
    assert_eq!((status, &change["state"]), (StatusCode::CREATED, &json!("filed")), "{change}");
    let (status, problem) = amend(&world.org, account, wish("TG-3")).await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "escrow/amendment-under-way"));
    let path = format!("/escrow/accounts/{account}");
    assert_eq!(world.admin.json(&path).await["agreement_no"], "TG-1", "nothing is other than it was");
    let id = change["id"].clone();
    assert_eq!(act(&world.approver, &id, "confirm", "核对原件").await.0, StatusCode::FORBIDDEN, "not this role's");
    assert_eq!(act(&stranger.admin, &id, "confirm", "核对原件").await.0, StatusCode::NOT_FOUND);
    assert_eq!(act(&world.org, &id, "confirm", "核对原件").await.0, StatusCode::FORBIDDEN);
    assert_eq!(act(&world.admin, &id, "confirm", " ").await.0, StatusCode::UNPROCESSABLE_ENTITY, "what was checked");
    let (status, done) = act(&world.admin, &id, "confirm", "与银行原件一致").await;
    assert_eq!(
        (status, &done["state"], &done["agreement_before"]),
        (StatusCode::OK, &json!("confirmed"), &json!("TG-1"))
    );
    assert_eq!(done["in_force_from"], "2026-03-18");
    assert_eq!(world.admin.json(&path).await["agreement_no"], "TG-2");
    let (status, problem) = act(&world.admin, &id, "refuse", "晚了").await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "escrow/amendment-settled"));
    // Taken back, and refused.
    let (_, change) = amend(&world.org, account, wish("TG-3")).await;
    assert_eq!(act(&world.org, &change["id"], "withdraw", "").await.1["state"], "withdrawn");
    let (_, change) = amend(&world.org, account, wish("TG-4")).await;
    assert_eq!(act(&world.admin, &change["id"], "refuse", "没有原件").await.1["state"], "refused");
    assert_eq!(world.admin.json(&path).await["agreement_no"], "TG-2");
    let history = world.org.json(&format!("{path}/amendments")).await;
    let states: Vec<_> = history["items"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["refused", "withdrawn", "confirmed"]);
    let page = world.org.page("/org/escrow/accounts").await;
    assert!(page.contains("备案变更记录") && page.contains("没有原件") && page.contains("TG-1"));
}

#[tokio::test]
async fn another_payee_takes_two_officials_and_is_known_from_the_next_day_alone() {
    let world = World::new().await;
    let account = filed(&world).await;
    let money = json!({"bank_ref": "C0", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 100_000_000,
                       "counterparty_name": "家长", "counterparty_account": "6217000000000001"});
    pushed(&world, "nonce-amend-000001", json!([money, payment("K0", "2026-03-16", OLD)])).await;
    assert_eq!(unusual(&world).await, Vec::<String>::new(), "it goes where it is filed to go");
    // The institution files it on its page; what was typed stays when something is missing.
    let page = "/org/escrow/accounts";
    let (old, number) = (account.to_string(), "6222 0000 9999 8888");
    let form = |reason: &'static str| {
        vec![
            ("what", "amend"),
            ("account_id", old.as_str()),
            ("amend_agreement_no", "TG-1"),
            ("amend_payee_account", number),
            ("amend_reason", reason),
        ]
    };
    let answer = world.org.submit(page, &form("")).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told = answer.text().await.unwrap();
    assert!(told.contains("请写明变更原因") && told.contains(number), "{told}");
    assert_eq!(world.org.submit(page, &form("基本户迁移")).await.status(), StatusCode::SEE_OTHER);
    let own = world.org.page(page).await;
    assert!(own.contains("备案变更待教育局确认") && own.contains(NEW) && own.contains(OLD));
    // Money to it is told until it is confirmed, as money to anybody is.
    pushed(&world, "nonce-amend-000002", json!([payment("K1", "2026-03-17", NEW), payment("K2", "2026-03-17", OLD)]))
        .await;
    assert_eq!(unusual(&world).await, ["K1"]);
    let bureau = format!("/b/escrow/accounts/{}", world.credit_code);
    let seen = world.admin.page(&bureau).await;
    assert!(seen.contains("****8888") && !seen.contains(NEW), "officials read the mask");
    assert!(seen.contains("确认之前已有 1 笔、共 ¥9,000.00 付到这个账户"), "and hear of what went there before");
    let wish = json!({"kind": "escrow_account", "id": account.to_string(), "field": "new_payee_account", "purpose": "funds",
                      "reason": "与银行核对"});
    assert_eq!(world.admin.post_json("/personal/unmask", wish).await.1["value"], NEW);
    let list = world.admin.json(&format!("/escrow/accounts/{account}/amendments")).await;
    let id = list["items"][0]["id"].clone();
    let (status, approval) = act(&world.admin, &id, "confirm", "已电话核实").await;
    assert_eq!(status, StatusCode::ACCEPTED, "a colleague decides: {approval}");
    let (status, problem) = act(&world.admin, &id, "confirm", "再来").await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "escrow/amendment-proposed"));
    let (status, problem) = act(&world.admin, &id, "refuse", "不行").await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "escrow/amendment-proposed"));
    assert!(world.admin.page(&bureau).await.contains("同事已核对并提议"));
    let decisions = format!("/approvals/{}/decisions", approval["id"]);
    let decision = json!({"decision": "approve", "comment": "银行书面确认"});
    assert_eq!(world.admin.post_json(&decisions, decision.clone()).await.0, StatusCode::FORBIDDEN, "not one alone");
    let shown = world.approver.page(&format!("/b/approvals/{}", approval["id"])).await;
    assert!(shown.contains("变更划拨收款账户") && shown.contains("****2222") && shown.contains("****8888"));
    assert!(!shown.contains(NEW) && !shown.contains(OLD));
    let path = format!("/escrow/accounts/{account}");
    assert_eq!(world.org.json(&path).await["payee_account"], OLD, "not before the second");
    let (status, answer) = world.approver.post_json(&decisions, decision).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(world.org.json(&path).await["payee_account"], NEW);
    let change = world.org.json(&format!("{path}/amendments")).await["items"][0].clone();
    assert_eq!(
        (&change["state"], &change["in_force_from"], &change["payee_before"]),
        (&json!("confirmed"), &json!("2026-03-19"), &json!(OLD))
    );
    // Of the day itself the old one is right, the new one is not; the history is judged as it was.
    pushed(&world, "nonce-amend-000003", json!([payment("K3", "2026-03-18", OLD), payment("K4", "2026-03-18", NEW)]))
        .await;
    assert_eq!(unusual(&world).await, ["K1", "K4"]);
    let anew = format!(
        "WITH set AS (UPDATE escrow_accounts SET owed_changed_on = '1990-01-01' WHERE tenant_id = {} RETURNING 1) SELECT count(*)::text FROM set",
        world.county
    );
    app().run_sql(&anew).await;
    app().sweep(world.county, "2026-03-18T20:00");
    assert_eq!(unusual(&world).await, ["K1", "K4"], "a replay comes to the same");
    let trail = world.admin.page("/b/audit?kind=escrow").await;
    assert!(trail.contains("确认监管账户备案变更") && trail.contains("银行书面确认"), "{trail}");
    assert!(!trail.contains(NEW) && !trail.contains(OLD), "the trail holds masks");
    let sealed = format!(
        "SELECT count(*)::text FROM account_amendments m WHERE tenant_id = {} AND m::text LIKE ANY ('{{%{NEW}%,%{OLD}%}}')",
        world.county
    );
    assert_eq!(app().run_sql(&sealed).await, "0");
}

#[tokio::test]
async fn from_its_day_the_new_payee_is_the_own_account_and_the_old_one_is_not() {
    let world = World::new().await;
    let account = filed(&world).await;
    let (status, change) =
        amend(&world.org, account, json!({"payee_account": NEW, "agreement_no": "TG-5", "reason": "基本户迁移"})).await;
    assert_eq!(status, StatusCode::CREATED, "{change}");
    let (_, approval) = act(&world.admin, &change["id"], "confirm", "已核实").await;
    let decision = json!({"decision": "approve", "comment": ""});
    let (status, answer) =
        world.approver.post_json(&format!("/approvals/{}/decisions", approval["id"]), decision).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(world.admin.json(&format!("/escrow/accounts/{account}")).await["agreement_no"], "TG-5");
    // As if it had been confirmed a week ago.
    let earlier = format!(
        "WITH set AS (UPDATE account_amendments SET in_force_from = '2026-03-12' WHERE tenant_id = {} RETURNING 1) SELECT count(*)::text FROM set",
        world.county
    );
    app().run_sql(&earlier).await;
    let money = json!({"bank_ref": "C0", "booked_on": "2026-03-10", "direction": "credit", "amount_fen": 100_000_000,
                       "counterparty_name": "家长", "counterparty_account": "6217000000000001"});
    let entries = json!([
        money,
        payment("K0", "2026-03-11", OLD),
        payment("K1", "2026-03-11", NEW),
        payment("K2", "2026-03-12", NEW),
        payment("K3", "2026-03-12", OLD),
        payment("K4", "2026-03-13", NEW),
    ]);
    pushed(&world, "nonce-amend-000004", entries).await;
    assert_eq!(unusual(&world).await, ["K1", "K3"], "both sides of the day");
}

#[tokio::test]
async fn an_account_that_a_sheet_named_alone_is_completed_first() {
    let world = World::new().await;
    let account = world.account_id().await;
    let (status, problem) = amend(&world.org, account, json!({"payee_account": NEW, "reason": "迁移"})).await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "escrow/not-amendable"));
    let answer = world.org.api(Method::GET, &format!("/escrow/accounts/{account}/amendments")).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["items"], json!([]));
    assert!(!world.org.page("/org/escrow/accounts").await.contains("变更协议编号或划拨收款账户"));
}
