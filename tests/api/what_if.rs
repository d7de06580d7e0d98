//! A threshold is changed after a year of own history has answered: which warnings come and go, with hits and false alarms
//! against what became of the institutions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{TestApp, World, app},
    samples::{OPENING, camt, good_course},
};

async fn policy(world: &World) -> Value {
    world.admin.api(Method::GET, "/policies/escrow").send().await.unwrap().json().await.unwrap()
}

/// Closes every open warning of the world with a conclusion.
async fn close_all(world: &World, conclusion: &str) {
    let open = world.admin.json("/warnings?status=open").await;
    for warning in open["items"].as_array().unwrap() {
        let path = format!("/warnings/{}/actions", warning["id"]);
        let body = json!({"action": "resolve", "comment": "已核查", "conclusion": conclusion});
        let (status, answer) = world.admin.post_json(&path, body).await;
        assert!(status.is_success(), "{answer}");
        if status == StatusCode::ACCEPTED {
            assert!(answer["changes"][0]["after_zh"].as_str().unwrap().contains("误报"), "{answer}");
            let path = format!("/approvals/{}/decisions", answer["id"]);
            let (status, answer) = world.approver.post_json(&path, json!({"decision": "approve"})).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
        let closed = world.admin.json(&format!("/warnings/{}", warning["id"])).await;
        assert_eq!((&closed["status"], &closed["conclusion"]), (&json!("resolved"), &json!(conclusion)), "{closed}");
    }
}

fn score(assessment: &Value, kind: &str) -> (i64, i64, i64) {
    let all = assessment["by_kind"].as_array().unwrap().iter().filter(|score| score["kind"] == kind);
    let sum = |field: &str| all.clone().map(|score| score[field].as_i64().unwrap()).sum();
    (sum("hits"), sum("false_alarms"), sum("open"))
}

#[tokio::test]
async fn thresholds_are_judged_by_what_people_found_and_what_became_of_the_institution() {
    let world = World::new().await;
    // A fifth leaves at once and is explained: a false alarm.
    world.delivered(camt(&world.account, OPENING, &[("2026-03-02", false, 10_000_000, "B1")])).await;
    close_all(&world, "unfounded").await;
    // Nearly a fifth leaves later, which is nothing by the thresholds as they are.
    world.delivered(camt(&world.account, OPENING - 10_000_000, &[("2026-03-10", false, 4_900_000, "B2")])).await;
    let mut stricter = policy(&world).await;
    stricter["FUND-LARGE-SINGLE"]["tiers"][0]["amount_fen"] = json!(4_000_000);
    let (status, test) = world.admin.post_json("/policies/escrow/simulate", json!({"policy": stricter})).await;
    assert_eq!(status, StatusCode::OK, "{test}");
    assert_eq!((&test["from"], &test["to"]), (&json!("2025-03-11"), &json!("2026-03-10")), "the last year of own data");
    assert_eq!(score(&test["before"], "FUND-LARGE-SINGLE"), (0, 1, 0), "{test}");
    assert_eq!(score(&test["after"], "FUND-LARGE-SINGLE"), (0, 1, 1), "what nobody looked at is not known");
    let come = &test["appear"][0];
    assert_eq!((&come["kind"], &come["outcome"]["verdict"]), (&json!("FUND-LARGE-SINGLE"), &json!("open")), "{test}");

    // The institution is put on the blacklist: whatever warned before was right, and so many days ahead.
    let (status, approval) = world
        .admin
        .post_json("/lists/black", json!({"credit_code": world.credit_code, "reason": "卷款跑路", "ground": "run_off"}))
        .await;
    assert!(status.is_success(), "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    let (status, answer) = world.approver.post_json(&path, json!({"decision": "approve"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (_, test) = world.admin.post_json("/policies/escrow/simulate", json!({"policy": stricter})).await;
    assert_eq!(score(&test["before"], "FUND-LARGE-SINGLE"), (1, 0, 0), "{test}");
    assert_eq!(score(&test["after"], "FUND-LARGE-SINGLE"), (2, 0, 0));
    assert_eq!(test["before"]["flights"], json!([{"institution": world.name, "lead_days": 16}]));
    assert_eq!(test["appear"][0]["outcome"], json!({"verdict": "hit", "lead_days": 8}), "{test}");

    // The same on the page, with a picture, and from there it is adopted by two.
    let parameter = "/b/policies/escrow.large.yellow.amount_fen";
    let fields =
        [("value", "40000"), ("effective_from", "2026-03-19"), ("reason", "县教〔2026〕9 号"), ("do", "preview")];
    let answer = world.admin.submit(parameter, &fields).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    for said in ["对照已知的结果", "列入黑名单", "报对，提前 8 天", "<svg class=\"lane\"", "tlv--yellow", "lane__x"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let fields =
        [("value", "40000"), ("effective_from", "2026-03-19"), ("reason", "县教〔2026〕9 号"), ("do", "propose")];
    let answer = world.admin.submit(parameter, &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    let answer =
        world.approver.submit(to.split('?').next().unwrap(), &[("decision", "approve"), ("comment", "")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let planned = world.admin.json("/policies/escrow.large.yellow.amount_fen").await;
    assert_eq!(planned["planned"][0]["value"], json!(4_000_000), "{planned}");
}

#[tokio::test]
async fn without_anything_known_the_page_says_what_to_do() {
    let app: &TestApp = app();
    let world = World::within(app).await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-10", false, 4_900_000, "C1")])).await;
    let fields = [("value", "40000"), ("effective_from", "2026-03-19"), ("reason", ""), ("do", "preview")];
    let answer = world.admin.submit("/b/policies/escrow.large.yellow.amount_fen", &fields).await;
    let page = answer.text().await.unwrap();
    assert!(page.contains("还没有已知的结果可供对照") && page.contains("会多出 1 个预警"), "{page}");
}

#[tokio::test]
async fn where_a_statement_is_missing_the_warning_says_what_cannot_be_judged() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-10", true, 100, "D1")])).await;
    world.delivered(camt(&world.account, OPENING + 4_500, &[("2026-03-12", true, 100, "D2")])).await;
    let open = world.admin.json("/warnings?status=open").await;
    let gap = open["items"].as_array().unwrap().iter().find(|one| one["kind"].as_str().unwrap().starts_with("STMT"));
    let id = &gap.unwrap_or_else(|| panic!("{open}"))["id"];
    let warning = world.admin.json(&format!("/warnings/{id}")).await;
    let held: Vec<&str> =
        warning["undetermined"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(held, ["FUND-BELOW-MIN", "FUND-COVERAGE", "FUND-RUNOFF-DATE"], "{warning}");
    assert_eq!(warning["undetermined"][0]["after"], "2026-03-10", "{warning}");
}

#[tokio::test]
async fn money_to_somebody_of_the_staff_is_told_also_when_the_filing_comes_later() {
    let world = World::new().await;
    let (_, filed) = world.org.post_json("/courses", good_course("七年级数学")).await;
    let name = good_course("")["instructors"][0]["name"].as_str().unwrap().to_owned();
    let csv = format!(
        "交易日期,交易时间,借方发生额,贷方发生额,余额,对方户名,对方账号,摘要,流水号\n\
         2026-03-10,09:00:00,,10000.00,110000.00,家长甲,6217000000000001,学费,S1\n\
         2026-03-11,10:00:00,3000.00,,107000.00,{name},6230550012030091264,劳务费,S2\n"
    );
    let path = format!("/escrow/accounts/{}/statements", world.account_id().await);
    let answer = world.admin.post_file(&path, &[], "day.csv", csv).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let level = || async {
        let all = world.admin.json("/warnings?kind=FUND-UNUSUAL-COUNTERPARTY").await;
        all["items"].as_array().unwrap().first().map(|one| one["level"].as_str().unwrap().to_owned())
    };
    assert_eq!(level().await.as_deref(), Some("yellow"), "a person");
    let course = format!("/courses/{}", filed["id"]);
    let (status, answer) = world.org.post_json(&format!("{course}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, answer) = world
        .approver
        .post_json(&format!("{course}/decisions"), json!({"decision": "approve", "comment": "同意"}))
        .await;
    assert!(status.is_success(), "{answer}");
    app().sweep(world.county, "2026-03-18T09:00");
    assert_eq!(level().await.as_deref(), Some("orange"), "somebody of the staff");
}
