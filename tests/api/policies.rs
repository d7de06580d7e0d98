//! Policies: who sets what, from when, and what it changes.

use std::sync::OnceLock;

use mingjian::kernel::RegionCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{TestApp, User, World},
    samples::{OPENING, camt, good_course},
};

/// A service apart: what a province sets here must not reach the counties of other tests.
fn service() -> &'static TestApp {
    static SERVICE: OnceLock<TestApp> = OnceLock::new();
    SERVICE.get_or_init(|| TestApp::start(&[]))
}

async fn world() -> World {
    World::within(service()).await
}

fn offline_end(value: &str, from: &str) -> Value {
    json!({"value": value, "effective_from": from, "reason": "县教〔2026〕7 号"})
}

async fn propose(user: &User, parameter: &str, body: Value) -> (StatusCode, Value) {
    user.post_json(&format!("/policies/{parameter}/proposals"), body).await
}

/// Proposed by one, adopted by the other.
async fn adopt(one: &User, other: &User, parameter: &str, body: Value) {
    let (status, approval) = propose(one, parameter, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    let (status, answer) = other.post_json(&path, json!({"decision": "approve"})).await;
    assert_eq!((status, answer["state"].as_str()), (StatusCode::OK, Some("approved")), "{answer}");
}

/// Two administrators of a bureau above.
async fn bureau(region: &str) -> (User, User) {
    let region: RegionCode = region.parse().unwrap();
    (service().user("bureau_admin", region).await, service().user("bureau_admin", region).await)
}

fn filing(world: &World, date: &str, end: &str) -> Value {
    json!({"region": world.county.to_string(), "as_of": "2026-03-18", "institution": {},
        "course": {"category": "arts", "stage": "primary", "delivery": "offline",
            "sessions": [{"date": date, "start": "18:30", "end": end}]}})
}

async fn latest_end(world: &World, date: &str, end: &str) -> Option<String> {
    let (status, verdict) = world.approver.post_json("/courses/check", filing(world, date, end)).await;
    assert_eq!(status, StatusCode::OK, "{verdict}");
    let findings = verdict["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["rule"] == "COURSE-TIME-OFFLINE-END")?;
    Some(found["evidence"]["limit"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_county_tightens_from_a_day_on_and_lessons_are_judged_by_their_days() {
    let world = world().await;
    let before = world.approver.json("/policies/course.offline_end").await;
    assert_eq!(
        (&before["value"], &before["from"], &before["default_binds"]),
        (&json!("20:30"), &json!([]), &json!(true))
    );
    let (status, approval) = propose(&world.admin, "course.offline_end", offline_end("20:00", "2026-04-01")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{approval}");
    assert_eq!(approval["changes"][0]["after_zh"], "20:00", "{approval}");
    let id = approval["id"].as_i64().unwrap();
    assert_eq!(latest_end(&world, "2026-04-01", "20:15").await, None, "nothing has changed yet");
    let path = format!("/approvals/{id}/decisions");
    let (status, _) = world.admin.post_json(&path, json!({"decision": "approve"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "not by oneself");
    let (status, _) = world.approver.post_json(&path, json!({"decision": "approve"})).await;
    assert_eq!(status, StatusCode::OK);
    let now = world.approver.json("/policies/course.offline_end").await;
    assert_eq!(now["value"], "20:30");
    assert_eq!(
        (&now["planned"][0]["value"], &now["planned"][0]["effective_from"]),
        (&json!("20:00"), &json!("2026-04-01"))
    );
    assert_eq!(now["planned"][0]["proposed_by_name"], world.admin.name.as_str());
    assert_eq!(now["planned"][0]["approved_by_name"], world.approver.name.as_str());
    assert_eq!(latest_end(&world, "2026-03-31", "20:15").await, None, "the day before");
    assert_eq!(latest_end(&world, "2026-04-01", "20:15").await, Some("20:00".to_owned()), "the first day counts");

    // The institution's own form is judged alike, and the decision says by which policy.
    let (_, filed) = world.org.post_json("/courses", good_course("七年级数学")).await;
    let findings = filed["findings"].as_array().unwrap();
    let end = findings.iter().find(|f| f["rule"] == "COURSE-TIME-OFFLINE-END").unwrap_or_else(|| panic!("{filed}"));
    assert_eq!((&end["path"], &end["evidence"]["limit"]), (&json!("course.sessions[1].end"), &json!("20:00")));
    let courses = world.approver.json("/courses").await;
    let version = courses["items"][0]["policy_version"].as_str().unwrap();
    assert!(
        version.starts_with(&format!("2026-01+{}.", world.county)) && version.ends_with("@2026-04-01"),
        "{version}"
    );
    let given = json!({"makeup_day": "refer", "offline_end": "20:30", "online_end": "21:00", "float_bp": 1000});
    let mut asked = filing(&world, "2026-04-01", "20:15");
    asked["policy"] = given;
    let (_, verdict) = world.approver.post_json("/courses/check", asked).await;
    let late = verdict["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "COURSE-TIME-OFFLINE-END");
    assert!(!late, "a policy that is given is the one asked about: {verdict}");
}

#[tokio::test]
async fn what_is_above_holds_below_and_a_looser_value_is_refused_with_both_sources() {
    let world = world().await;
    let city = format!("{:06}", world.county.number() / 100 * 100);
    let (one, other) = bureau(&city).await;
    let parameter = "course.online_end";
    let value = |value: &str, from: &str| json!({"value": value, "effective_from": from, "reason": "文号 1"});
    adopt(&world.admin, &world.approver, parameter, value("20:50", "2026-03-19")).await;
    adopt(&one, &other, parameter, value("20:30", "2026-05-01")).await;
    for (given, from, set_by) in [
        ("21:01", "2026-03-20", Value::Null),
        ("20:40", "2026-04-01", json!(city)),
        ("20:31", "2026-06-01", json!(city)),
    ] {
        let (status, problem) = propose(&world.admin, parameter, value(given, from)).await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some("/problems/policies/looser")),
            "{given}"
        );
        let limit = &problem["limits"][0];
        assert_eq!((&limit["proposed"], &limit["limit_set_by"]), (&json!(given), &set_by), "{problem}");
        let told = problem["errors"][0]["message_en"].as_str().unwrap();
        assert!(told.contains(given) && told.contains(limit["limit"].as_str().unwrap()), "{told}");
    }
    // What the city sets reaches a county that has set nothing, and wins over the looser one of the county that has.
    let (status, verdict) = {
        let mut asked = filing(&world, "2026-05-01", "20:40");
        asked["course"]["delivery"] = json!("online");
        asked["course"]["sessions"][0]["start"] = json!("20:15");
        world.approver.post_json("/courses/check", asked).await
    };
    assert_eq!(
        (status, verdict["findings"][0]["evidence"]["limit"].as_str()),
        (StatusCode::OK, Some("20:30")),
        "{verdict}"
    );
    let seen = world.approver.json(&format!("/policies/{parameter}")).await;
    assert_eq!(seen["chain"].as_array().unwrap().len(), 4);
    assert!(seen["planned"].as_array().unwrap().iter().any(|row| row["region"] == city.as_str()), "{seen}");
    let page = world.approver.page(&format!("/b/policies/{parameter}")).await;
    assert!(page.contains("20:30") && page.contains("20:50") && page.contains("这个值从哪里来"));
    let page = one.page("/b/policies").await;
    assert!(page.contains("下级另定"), "the city sees that counties deviate");
    let page = one.page(&format!("/b/policies/{parameter}")).await;
    assert!(!page.contains("下级另有规定"), "not before it is in force there");
    // A city's officials adopt nothing in a county, nor a county's in a city.
    let (_, pending) = propose(&world.admin, "course.makeup_day", value("deny", "2026-03-18")).await;
    let path = format!("/approvals/{}/decisions", pending["id"]);
    assert_eq!(one.post_json(&path, json!({"decision": "approve"})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_says_why() {
    let world = world().await;
    let tomorrow = "2026-03-19";
    for (parameter, body, status, path) in [
        ("course.nothing", offline_end("20:00", tomorrow), 404, ""),
        ("course.offline_end", offline_end("25:00", tomorrow), 422, "value"),
        ("course.offline_end", offline_end("8 点", tomorrow), 422, "value"),
        ("course.offline_end", json!({"value": 2000, "effective_from": tomorrow, "reason": "x"}), 422, "value"),
        ("course.offline_end", offline_end("20:00", "2026-03-17"), 422, "effective_from"),
        ("course.offline_end", offline_end("20:30", tomorrow), 422, "value"),
        ("course.offline_end", json!({"value": "20:00", "effective_from": tomorrow, "reason": " "}), 422, "reason"),
        (
            "course.offline_end",
            json!({"value": "20:00", "effective_from": "next week", "reason": "x"}),
            400,
            "effective_from",
        ),
        (
            "course.offline_end",
            json!({"value": "20:00", "effective_from": tomorrow, "reason": "x", "more": 1}),
            400,
            "more",
        ),
        (
            "escrow.minimum.fixed_fen",
            json!({"value": 100, "effective_from": "2026-03-18", "reason": "x"}),
            422,
            "effective_from",
        ),
        // A graver level that is easier to reach than a lesser one.
        (
            "escrow.rolling.7.red_bp",
            json!({"value": 4_000, "effective_from": tomorrow, "reason": "x"}),
            422,
            "escrow.rolling.7.red_bp",
        ),
        (
            "approvals.four_eyes",
            json!({"value": ["list_entry"], "effective_from": tomorrow, "reason": "x"}),
            422,
            "approvals.four_eyes",
        ),
    ] {
        let (found, problem) = propose(&world.admin, parameter, body.clone()).await;
        assert_eq!(found.as_u16(), status, "{parameter} {body}: {problem}");
        if !path.is_empty() {
            assert_eq!(problem["errors"][0]["path"], path, "{parameter} {body}: {problem}");
        }
    }
    let (status, _) = propose(&world.approver, "course.offline_end", offline_end("20:00", tomorrow)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "the administrator proposes");
    assert_eq!(
        propose(&world.org, "course.offline_end", offline_end("20:00", tomorrow)).await.0,
        StatusCode::FORBIDDEN
    );
    // To tighten, today is early enough; the same waits once only.
    let (status, answer) = propose(&world.admin, "course.offline_end", offline_end("20:00", "2026-03-18")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let (status, problem) = propose(&world.admin, "course.offline_end", offline_end("19:00", tomorrow)).await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/approvals/already-pending")));
    let forms = [
        ([("value", "20:45"), ("effective_from", tomorrow), ("reason", "试行")], "20:45"),
        ([("value", "abc"), ("effective_from", tomorrow), ("reason", "试行")], "abc"),
        ([("value", "19:30"), ("effective_from", "2026-02-30"), ("reason", "试行")], "生效日"),
    ];
    for (fields, said) in forms {
        let answer = world.admin.submit("/b/policies/course.offline_end", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains(said) && page.contains("试行"), "what was typed is kept, and the error said");
    }
}

async fn put(user: &User, tag: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut request = user.api(Method::PUT, "/policies/escrow").json(body);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn thresholds_change_by_document_and_what_comes_in_is_judged_by_its_day() {
    let world = world().await;
    // 1,500 yuan leave on the day before and are nothing to speak of.
    let first = [("2026-03-17", false, 150_000, "A1")];
    world.delivered(camt(&world.account, OPENING, &first)).await;
    assert!(world.admin.json("/warnings").await["items"].as_array().unwrap().is_empty());
    let answer = world.admin.api(Method::GET, "/policies/escrow").send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let mut policy: Value = answer.json().await.unwrap();
    assert_eq!(policy["version"], "2026-01");
    policy["FUND-LARGE-SINGLE"]["tiers"][0]["amount_fen"] = json!(100_000);

    let (status, test) = world.admin.post_json("/policies/escrow/simulate", json!({"policy": policy})).await;
    assert_eq!(status, StatusCode::OK, "{test}");
    assert_eq!((&test["accounts"], &test["entries"], &test["complete"]), (&json!(1), &json!(1), &json!(true)));
    let appear = test["appear"].as_array().unwrap();
    assert_eq!(
        (appear.len(), &appear[0]["kind"], &appear[0]["level_after"]),
        (1, &json!("FUND-LARGE-SINGLE"), &json!("yellow"))
    );
    assert!(world.admin.json("/warnings").await["items"].as_array().unwrap().is_empty(), "a simulation writes nothing");

    let body = json!({"policy": policy, "effective_from": "2026-03-18", "reason": "县教〔2026〕8 号"});
    assert_eq!(put(&world.admin, None, &body).await.0, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(put(&world.admin, Some("\"other\""), &body).await.0, StatusCode::PRECONDITION_FAILED);
    let mut strange = body.clone();
    strange["policy"]["FUND-CUM-ROLLING"]["windows"][0]["days"] = json!(14);
    let (status, problem) = put(&world.admin, Some(&tag), &strange).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let (status, approval) = put(&world.admin, Some(&tag), &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{approval}");
    assert_eq!(approval["values"][0]["parameter"], "escrow.large.yellow.amount_fen", "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    assert_eq!(world.approver.post_json(&path, json!({"decision": "approve"})).await.0, StatusCode::OK);
    let answer = world.admin.api(Method::GET, "/policies/escrow").send().await.unwrap();
    assert_ne!(answer.headers()["etag"].to_str().unwrap(), tag);
    let now: Value = answer.json().await.unwrap();
    let version = now["version"].as_str().unwrap().to_owned();
    assert!(version.starts_with(&format!("2026-01+{}.", world.county)), "{version}");
    assert_eq!(put(&world.admin, Some(&tag), &body).await.0, StatusCode::PRECONDITION_FAILED, "the race is lost");

    let second = [("2026-03-18", false, 150_000, "A2")];
    world.delivered(camt(&world.account, OPENING - 150_000, &second)).await;
    // The day before comes once more with an entry that was missing, so that the whole history is judged anew.
    let late = [("2026-03-16", false, 150_000, "A0")];
    world.delivered(camt(&world.account, OPENING + 150_000, &late)).await;
    let warnings = world.admin.json("/warnings").await;
    let items = warnings["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "only what came in since is judged by the new threshold: {warnings}");
    assert_eq!((&items[0]["bank_ref"], &items[0]["policy_version"]), (&json!("A2"), &json!(version)));
    assert_eq!(items[0]["evidence"]["policy_version"], json!(version));
}

#[tokio::test]
async fn a_page_tells_what_a_change_would_do_before_it_is_proposed() {
    let world = world().await;
    let (_, filed) = world.org.post_json("/courses", good_course("八年级物理")).await;
    let (status, answer) = world.org.post_json(&format!("/courses/{}/submit", filed["id"]), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let ask = |value: &'static str, path: &'static str| {
        let admin = &world.admin;
        async move {
            let fields = [("value", value), ("effective_from", "2026-04-01"), ("reason", ""), ("do", "preview")];
            let answer = admin.submit(path, &fields).await;
            assert_eq!(answer.status(), StatusCode::OK);
            answer.text().await.unwrap()
        }
    };
    let page = ask("20:00", "/b/policies/course.offline_end").await;
    assert!(page.contains("改了会怎样") && page.contains("八年级物理") && page.contains("须改正"), "{page}");
    let page = ask("20:29", "/b/policies/course.online_end").await;
    assert!(page.contains("0 门结论会变"));
    let page = ask("5", "/b/policies/approvals.days").await;
    assert!(page.contains("不影响已有课程和预警"));
    let proposed = world.admin.json("/approvals").await;
    assert!(proposed["items"].as_array().unwrap().is_empty(), "looking proposes nothing");
    let fields = [("value", "5"), ("effective_from", "2026-03-18"), ("reason", "提速"), ("do", "propose")];
    let answer = world.admin.submit("/b/policies/approvals.days", &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    let page = world.approver.page(&to).await;
    assert!(page.contains("双人复核提议的有效期") && page.contains("7 天") && page.contains("5 天"));
    let path = to.split('?').next().unwrap();
    let answer = world.approver.submit(path, &[("decision", "approve"), ("comment", "")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let (_, approval) = propose(&world.admin, "course.offline_end", offline_end("20:00", "2026-04-01")).await;
    assert!(
        approval["expires_at"].as_str().unwrap().starts_with("2026-03-23"),
        "the new life of a proposal: {approval}"
    );
    let page = world.approver.page("/b/policies?from=own").await;
    assert!(page.contains("双人复核提议的有效期") && !page.contains("线下培训最晚下课"));
    assert!(world.approver.page("/b/policies?q=没有这样的").await.contains("没有符合条件的参数"));
}

#[tokio::test]
async fn a_bureau_may_want_two_officials_for_more() {
    let world = world().await;
    let all = world.approver.json("/policies/approvals.four_eyes").await;
    let mut actions: Vec<Value> = all["value"].as_array().unwrap().clone();
    actions.push(json!("warning_close_orange"));
    let body = json!({"value": actions, "effective_from": "2026-03-18", "reason": "从严"});
    adopt(&world.admin, &world.approver, "approvals.four_eyes", body).await;
    let grab = crate::samples::GRAB;
    world.delivered(camt(&world.account, OPENING, &grab)).await;
    let warnings = world.admin.json("/warnings?level=orange&kind=FUND-LARGE-SINGLE").await;
    let path = format!("/warnings/{}/actions", warnings["items"][0]["id"]);
    let (status, answer) = world.admin.post_json(&path, json!({"action": "resolve", "comment": "已核对"})).await;
    assert_eq!((status, answer["state"].as_str()), (StatusCode::ACCEPTED, Some("pending")), "{answer}");
}

#[tokio::test]
async fn the_watch_page_says_the_times_to_act_that_the_bureau_has_set() {
    let world = world().await;
    let page = world.admin.page("/b/escrow").await;
    for told in ["须当日处置", "2 个工作日内约谈", "3 个工作日内说明", "提示关注"] {
        assert!(page.contains(told), "by the program's own policy the page lacks {told}");
    }
    for (parameter, days) in [("warnings.due.orange", 1), ("warnings.due.yellow", 0)] {
        let body = json!({"value": days, "effective_from": "2026-03-18", "reason": "从严"});
        adopt(&world.admin, &world.approver, parameter, body).await;
    }
    let page = world.admin.page("/b/escrow").await;
    assert!(page.contains("1 个工作日内约谈") && page.contains("须当日说明"), "{page}");
    assert!(!page.contains("2 个工作日内约谈") && !page.contains("3 个工作日内说明"));
    let page = world.admin.page("/b/escrow?lang=en").await;
    assert!(page.contains("Talk within 1 workday<") && page.contains("Answer today"), "{page}");
}
