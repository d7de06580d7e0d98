//! An institution files a course, the bureau approves it, parents see it (story 3).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{World, app};

/// A filing that every rule lets pass: Thursday evening, a qualified teacher, a fee within the caps.
pub fn good_course(name: &str) -> Value {
    json!({
        "course": {"name": name, "category": "academic", "subject": "mathematics", "stage": "junior", "grade": 7, "delivery": "offline",
            "lesson_minutes": 45, "break_minutes": 10, "class_size": 30, "area_m2": 120, "lessons": 40, "fee_fen": 200_000,
            "benchmark_fen": 5_000, "first_payment_on": "2026-03-20", "materials_filed": true, "homework": false,
            "overseas_curriculum": false, "photo_search": false,
            "sessions": [{"date": "2026-03-26", "start": "18:30", "end": "20:30"}, {"date": "2026-04-02", "start": "18:30", "end": "20:30"}]},
        "instructors": [{"name": "林晓", "role": "teaching", "nationality": "CN", "located_in": "CN",
            "teacher_certificate": "20153301032000123", "certificate_subject": "mathematics", "certificate_stage": "junior",
            "skill_certificate": null, "published": true, "in_service_teacher": false, "banned": false, "inquiry_on": "2026-01-05"}]
    })
}

#[tokio::test]
async fn a_course_is_filed_approved_and_published() {
    let world = World::new().await;
    world.list().await;
    let (status, filed) = world.org.post_json("/courses", good_course("七年级数学")).await;
    assert_eq!(status, StatusCode::CREATED, "{filed}");
    let id = filed["id"].as_i64().unwrap();
    let (status, answer) = world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let public = format!("/api/v1/public/institutions/{}", world.credit_code);
    assert!(!app().visitor().json(&public).await.to_string().contains("七年级数学"), "not before it is approved");
    let decision = json!({"decision": "approve"});
    let (status, _) = world.org.post_json(&format!("/courses/{id}/decisions"), decision.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "nobody approves for himself");
    let (status, answer) = world.approver.post_json(&format!("/courses/{id}/decisions"), decision.clone()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, _) = world.approver.post_json(&format!("/courses/{id}/decisions"), decision).await;
    assert_eq!(status, StatusCode::CONFLICT, "once");
    let page = app().visitor().page(&format!("/i/{}", world.credit_code)).await;
    for words in ["七年级数学", "林晓", "20:30", "2,000.00", "学科类"] {
        assert!(page.contains(words), "the public page lacks {words}");
    }
    assert!(!page.contains("20153301032000123"), "certificate numbers are masked");
}

#[tokio::test]
async fn a_late_end_a_rest_day_and_a_teacher_without_qualification_are_refused_with_basis_and_mend() {
    let world = World::new().await;
    let mut filing = good_course("七年级数学");
    filing["course"]["sessions"][0]["end"] = json!("20:31");
    filing["course"]["sessions"][1]["date"] = json!("2026-03-28");
    filing["instructors"][0]["teacher_certificate"] = Value::Null;
    let (status, filed) = world.org.post_json("/courses", filing).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = filed["id"].as_i64().unwrap();
    let (status, refused) = world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for (rule, path) in [
        ("COURSE-TIME-OFFLINE-END", "course.sessions[0].end"),
        ("COURSE-DAY-REST", "course.sessions[1].date"),
        ("STAFF-ACAD-QUALIFICATION", "instructors[0].teacher_certificate"),
    ] {
        let findings = refused["findings"].as_array().unwrap();
        let finding = findings
            .iter()
            .find(|f| f["rule"] == rule && f["path"] == path)
            .unwrap_or_else(|| panic!("{rule}: {refused}"));
        for part in ["message_zh", "message_en", "legal_basis", "fix_zh", "fix_en"] {
            assert!(!finding[part].as_str().unwrap().is_empty(), "{rule} says nothing in {part}");
        }
    }
    let (status, _) =
        world.approver.post_json(&format!("/courses/{id}/decisions"), json!({"decision": "approve"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "it was never submitted");
}

#[tokio::test]
async fn the_form_keeps_what_was_typed_and_shows_each_finding_beside_its_field() {
    let world = World::new().await;
    let fields = [
        ("name", "初一数学班"),
        ("category", "academic"),
        ("subject", "mathematics"),
        ("stage", "junior"),
        ("delivery", "offline"),
        ("lesson_minutes", "45"),
        ("lessons", "40"),
        ("fee_fen", "2,000.00"),
        ("first_payment_on", "2026-03-20"),
        ("class_size", "30"),
        ("area_m2", "120"),
        ("materials_filed", "yes"),
        ("homework", "no"),
        ("overseas_curriculum", "no"),
        ("photo_search", "no"),
        ("date", "2026-03-26"),
        ("start", "18:30"),
        ("end", "20:31"),
        ("p_name", "林晓"),
        ("p_role", "teaching"),
        ("p_nationality", "CN"),
        ("p_located_in", "CN"),
        ("p_teacher_certificate", ""),
        ("p_certificate_subject", ""),
        ("p_certificate_stage", ""),
        ("p_skill_certificate", ""),
        ("p_published", "yes"),
        ("p_in_service_teacher", "no"),
        ("p_inquiry_on", "2026-01-05"),
        ("do", "submit"),
    ];
    let answer = world.org.submit("/org/courses/new", &fields).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    for words in [
        "初一数学班",
        "20:31",
        "COURSE-TIME-OFFLINE-END",
        "STAFF-ACAD-QUALIFICATION",
        "id=\"session-0-end-e0\"",
        "href=\"#session-0-end\"",
    ] {
        assert!(page.contains(words), "the form lacks {words}");
    }
    let mut mended = fields;
    for (name, value) in &mut mended {
        match *name {
            "end" => *value = "20:30",
            "p_teacher_certificate" => *value = "20153301032000123",
            "p_certificate_subject" => *value = "mathematics",
            "p_certificate_stage" => *value = "junior",
            _ => {}
        }
    }
    let answer = world.org.submit("/org/courses/new", &mended).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    let waiting = world.approver.json("/courses?status=submitted").await;
    assert_eq!(waiting["items"][0]["name"], "初一数学班");
    let audit = world.admin.page("/b/audit").await;
    assert!(audit.contains("course.submitted"));
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_a_draft_loses_nothing() {
    let world = World::new().await;
    let typed = [
        ("name", "草稿课"),
        ("category", "academic"),
        ("fee_fen", "二千"),
        ("date", "2026-02-30"),
        ("start", "18:30"),
        ("end", "25:00"),
    ];
    let mut check = typed.to_vec();
    check.push(("do", "check"));
    let page = world.org.submit("/org/courses/new", &check).await.text().await.unwrap();
    for words in ["“二千”须是金额", "“2026-02-30”须是日期", "“25:00”不是时间", "请填写学段"]
    {
        assert!(page.contains(words), "the form does not say {words}");
    }
    let mut draft = typed.to_vec();
    draft.push(("do", "draft"));
    let answer = world.org.submit("/org/courses/new", &draft).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    let page = world.org.page(&path).await;
    assert!(page.contains("二千") && page.contains("2026-02-30") && page.contains("25:00"));
}

#[tokio::test]
async fn the_check_of_the_api_is_the_check_of_the_command() {
    let world = World::new().await;
    let filing = json!({"region": "331002", "as_of": "2026-02-10", "institution": {}, "course": {"category": "arts", "stage": "primary",
        "delivery": "offline", "sessions": [{"date": "2026-03-18", "start": "18:31", "end": "20:31"}]}});
    let (status, verdict) = world.org.post_json("/courses/check", filing.clone()).await;
    assert_eq!(status, StatusCode::OK, "{verdict}");
    assert_eq!(verdict["decision"], "block");
    let (_, several) = world.org.post_json("/courses/check", json!([filing, filing])).await;
    assert_eq!(several[1], verdict);
    let mut unknown = filing;
    unknown["course"]["colour"] = json!("red");
    let answer = world.org.api(Method::POST, "/courses/check").json(&unknown).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("colour"));
}
