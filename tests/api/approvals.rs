//! Four eyes: one official proposes, another decides, and the record names both.

use mingjian::approvals::expire_due;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{NOW, User, World, app},
    samples::{GRAB, OPENING, camt},
};

/// A red warning of a county.
async fn red(world: &World) -> i64 {
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let warnings = world.admin.json("/warnings?level=red&kind=FUND-LARGE-SINGLE").await;
    warnings["items"][0]["id"].as_i64().unwrap_or_else(|| panic!("{warnings}"))
}

async fn propose(user: &User, world: &World) -> i64 {
    let (status, approval) =
        user.post_json("/lists/white", json!({"credit_code": world.credit_code, "reason": "资料齐全"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{approval}");
    approval["id"].as_i64().unwrap()
}

async fn decide(user: &User, id: i64, decision: &str) -> (StatusCode, Value) {
    let comment = if decision == "reject" { "材料不全" } else { "" };
    user.post_json(&format!("/approvals/{id}/decisions"), json!({"decision": decision, "comment": comment})).await
}

#[tokio::test]
async fn a_red_warning_is_closed_by_two_persons_and_the_record_names_both() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let id = red(&world).await;
    let path = format!("/warnings/{id}/actions");
    let close = json!({"action": "resolve", "comment": "资金已全部退回监管账户"});
    let (status, approval) = world.admin.post_json(&path, close.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{approval}");
    assert_eq!((&approval["kind"], &approval["state"]), (&json!("close_warning"), &json!("pending")));
    assert_eq!(approval["warning"]["id"], id, "{approval}");
    let open = world.admin.json("/warnings?level=red&status=open").await;
    assert!(open["items"].as_array().unwrap().iter().any(|w| w["id"] == id), "still open: {open}");
    let (status, problem) = world.approver.post_json(&path, close).await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/warnings/closing-proposed")));

    let proposal = approval["id"].as_i64().unwrap();
    let page = world.admin.page(&format!("/b/approvals/{proposal}")).await;
    assert!(page.contains("撤回提议") && page.contains(&world.name) && page.contains("已办结"), "what would change");
    let (status, problem) = decide(&world.admin, proposal, "approve").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/approvals/own-proposal")));
    assert_eq!(decide(&elsewhere.approver, proposal, "approve").await.0, StatusCode::NOT_FOUND, "another bureau's");
    assert_eq!(
        world.org.api(Method::GET, &format!("/approvals/{proposal}")).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let account = world.account_id().await;
    let page = world.approver.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains(&format!("/b/approvals/{proposal}")), "the account's page leads to what waits");
    let page = world.approver.page(&format!("/b/approvals/{proposal}")).await;
    assert!(page.contains("7 天") && page.contains(&world.admin.name), "the clock and the proposer");

    let form = [("decision", "approve"), ("comment", "已核对回单")];
    let answer = world.approver.submit(&format!("/b/approvals/{proposal}"), &form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let warnings = world.admin.json("/warnings?status=resolved").await;
    let closed = warnings["items"].as_array().unwrap().iter().find(|w| w["id"] == id).unwrap();
    assert_eq!(closed["resolved_by"], world.approver.name.as_str());
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains(&format!("{}提议：资金已全部退回监管账户", world.admin.name)) && page.contains("已核对回单"));
    let (status, problem) = decide(&world.approver, proposal, "approve").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/approvals/already-decided")));
    assert!(problem["detail"].as_str().unwrap().contains(&world.approver.name), "by whom: {problem}");
    let trail = world.admin.page("/b/audit").await;
    assert!(trail.contains("复核同意") && trail.contains("办结预警"), "both are on record");
}

#[tokio::test]
async fn news_about_a_warning_must_be_looked_at_before_it_is_closed() {
    let world = World::new().await;
    let id = red(&world).await;
    let close = json!({"action": "resolve", "comment": "已说明"});
    let (_, approval) = world.admin.post_json(&format!("/warnings/{id}/actions"), close).await;
    let after = OPENING - 30_000_000;
    world.delivered(camt(&world.account, after, &[("2026-03-18", false, 9_000_000, "R2")])).await;
    let (status, problem) = decide(&world.approver, approval["id"].as_i64().unwrap(), "approve").await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (StatusCode::CONFLICT, Some("/problems/warnings/changed")),
        "{problem}"
    );
    let open = world.admin.json("/warnings?level=red&status=open").await;
    assert!(open["items"].as_array().unwrap().iter().any(|w| w["id"] == id), "nothing was changed: {open}");
}

#[tokio::test]
async fn a_lesser_warning_is_still_closed_by_one() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let warnings = world.admin.json("/warnings?level=orange&kind=FUND-LARGE-SINGLE").await;
    let path = format!("/warnings/{}/actions", warnings["items"][0]["id"]);
    let (status, answer) = world.admin.post_json(&path, json!({"action": "resolve", "comment": "已核对"})).await;
    assert_eq!((status, answer["status"].as_str()), (StatusCode::OK, Some("resolved")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_wins_and_the_other_is_told() {
    let world = World::new().await;
    let colleague = app().user("approver", world.county).await;
    for round in 0..6 {
        let id = propose(&world.admin, &world).await;
        let second = if round % 2 == 0 { "reject" } else { "approve" };
        let (one, other) = tokio::join!(decide(&world.approver, id, "reject"), decide(&colleague, id, second));
        let mut found = [one.0, other.0];
        found.sort();
        assert_eq!(found, [StatusCode::OK, StatusCode::CONFLICT], "{} {}", one.1, other.1);
        let loser = if one.0 == StatusCode::CONFLICT { &one.1 } else { &other.1 };
        assert_eq!(loser["type"], "/problems/approvals/already-decided");
        let settled = world.admin.json(&format!("/approvals/{id}")).await;
        assert!(settled["decided_by_name"].is_string(), "{settled}");
        if settled["state"] == "approved" {
            return;
        }
    }
}

#[tokio::test]
async fn one_person_is_one_pair_of_eyes_whatever_their_posts() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let id = propose(&world.admin, &world).await;
    // The proposer's post is handed over, and the person takes up the approver's.
    let root = app().database("mingjian_root").await;
    let post = |name: &str| {
        format!("SELECT u.person_id FROM users u JOIN people p ON p.id = u.person_id WHERE p.username = '{name}'")
    };
    let sql = format!(
        "CREATE TEMP TABLE was AS SELECT ({}) AS proposer, ({}) AS decider, ({}) AS third; \
         UPDATE users SET person_id = (SELECT third FROM was) WHERE tenant_id = {county} AND person_id = (SELECT proposer FROM was); \
         UPDATE users SET person_id = (SELECT proposer FROM was) WHERE tenant_id = {county} AND person_id = (SELECT decider FROM was)",
        post(&world.admin.name),
        post(&world.approver.name),
        post(&elsewhere.admin.name),
        county = world.county,
    );
    root.batch_execute(&sql).await.unwrap();
    let (status, problem) = decide(&world.approver, id, "approve").await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (StatusCode::FORBIDDEN, Some("/problems/approvals/own-proposal")),
        "{problem}"
    );
    let forced = root
        .execute(
            "UPDATE approvals SET state = 'approved', decided_by = proposed_by + 1, decided_person = proposed_person WHERE id = $1",
            &[&id],
        )
        .await;
    assert!(forced.is_err(), "the database refuses it, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_ran_out_is_decided_by_nobody_and_may_be_made_again() {
    let world = World::new().await;
    let id = propose(&world.admin, &world).await;
    let root = app().database("mingjian_root").await;
    let now: chrono::DateTime<chrono::Utc> = NOW.parse().unwrap();
    root.execute("UPDATE approvals SET expires_at = $2 WHERE id = $1", &[&id, &now]).await.unwrap();
    let (status, problem) = decide(&world.approver, id, "approve").await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/approvals/expired")));
    assert_eq!(world.admin.json(&format!("/approvals/{id}")).await["state"], "expired");
    assert!(world.admin.json("/approvals").await["items"].as_array().unwrap().is_empty());
    let pools = crate::audit::pools();
    assert!(expire_due(&pools, now).await.unwrap() >= 1);
    assert_eq!(expire_due(&pools, now).await.unwrap(), 0, "once");
    let trail = world.admin.page("/b/audit").await;
    assert!(trail.contains("提议过期失效"), "it is on record");
    let again = propose(&world.admin, &world).await;
    root.execute("UPDATE approvals SET expires_at = $2 WHERE id = $1", &[&again, &now]).await.unwrap();
    propose(&world.admin, &world).await;
}

#[tokio::test]
async fn a_proposal_is_taken_back_by_its_author_alone() {
    let world = World::new().await;
    let id = propose(&world.admin, &world).await;
    let withdraw = |user: &User| user.api(Method::POST, &format!("/approvals/{id}/withdrawal")).send();
    let answer = withdraw(&world.approver).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = withdraw(&world.admin).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Value>().await.unwrap()["state"], "withdrawn");
    assert_eq!(decide(&world.approver, id, "approve").await.0, StatusCode::CONFLICT);
    assert_eq!(withdraw(&world.admin).await.unwrap().status(), StatusCode::CONFLICT);
    propose(&world.admin, &world).await;
}

#[tokio::test]
async fn a_rejection_says_why_and_a_blacklisting_is_confirmed() {
    let world = World::new().await;
    let id = propose(&world.admin, &world).await;
    let (status, problem) =
        world.approver.post_json(&format!("/approvals/{id}/decisions"), json!({"decision": "reject"})).await;
    assert_eq!((status, problem["errors"][0]["path"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("comment")));
    let long = "长".repeat(501);
    let form = [("decision", "reject"), ("comment", long.as_str())];
    let answer = world.approver.submit(&format!("/b/approvals/{id}"), &form).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("500 字"));
    assert_eq!(decide(&world.approver, id, "reject").await.0, StatusCode::OK);
    let body = json!({"credit_code": world.credit_code, "reason": "决定书 3 号", "ground": "run_off"});
    let (_, black) = world.admin.post_json("/lists/black", body).await;
    let black = black["id"].as_i64().unwrap();
    let path = format!("/b/approvals/{black}");
    let answer = world.approver.submit(&path, &[("decision", "approve"), ("comment", "")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "not without looking");
    let sure = black.to_string();
    let answer = world.approver.submit(&path, &[("decision", "approve"), ("comment", ""), ("sure", &sure)]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(app().visitor().page(&format!("/i/{}", world.credit_code)).await.contains("黑名单"));
}
