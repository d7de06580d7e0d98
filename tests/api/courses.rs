//! An institution files a course, the bureau approves it, parents see it (story 3).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{TestApp, World, app},
    samples::good_course,
};

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
    let (status, silent) =
        world.approver.post_json(&format!("/courses/{id}/decisions"), json!({"decision": "approve"})).await;
    assert_eq!(
        (status, silent["errors"][0]["path"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("comment")),
        "what is referred is decided in words"
    );
    assert!(!app().visitor().json(&public).await.to_string().contains("七年级数学"), "not before it is approved");
    let decision = json!({"decision": "approve", "comment": "校历和许可范围已核对"});
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

/// Two officials approve two courses of one school at the same moment, again and again: parents see both every time.
#[tokio::test(flavor = "multi_thread")]
async fn courses_approved_at_the_same_moment_are_both_published() {
    const ROUNDS: usize = 12;
    let world = World::new().await;
    let colleague = app().user("approver", world.county).await;
    let public = format!("/api/v1/public/institutions/{}", world.credit_code);
    let decision = json!({"decision": "approve", "comment": "校历和许可范围已核对"});
    for round in 0..ROUNDS {
        let mut paths = Vec::new();
        for half in ["甲", "乙"] {
            let (_, filed) = world.org.post_json("/courses", good_course(&format!("数学{half}{round}班"))).await;
            let id = filed["id"].as_i64().unwrap();
            let (status, answer) = world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            paths.push(format!("/courses/{id}/decisions"));
        }
        let ((one, _), (other, _)) = tokio::join!(
            world.approver.post_json(&paths[0], decision.clone()),
            colleague.post_json(&paths[1], decision.clone())
        );
        assert_eq!((one, other), (StatusCode::OK, StatusCode::OK), "round {round}");
        let shown = app().visitor().json(&public).await.to_string();
        for half in ["甲", "乙"] {
            assert!(shown.contains(&format!("数学{half}{round}班")), "round {round}: 数学{half} is not published");
        }
    }
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
    assert!(audit.contains("提交课程备案"));
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

/// A filing with one thing changed: at a path a value, or nothing there any more.
fn changed(path: &str, value: Option<Value>) -> Value {
    let mut filing = good_course("七年级数学");
    let (above, name) = path.rsplit_once('/').unwrap();
    let object = filing.pointer_mut(above).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    filing
}

#[tokio::test]
async fn a_filing_is_judged_as_it_was_sent_from_the_check_to_the_bureau() {
    let world = World::new().await;
    let register = json!({"credit_code": world.credit_code, "licensed_categories": ["academic"], "delivery": ["offline"],
        "for_profit": false, "list_status": "none"});
    let (area, certificate) = ("/course/area_m2", "/instructors/0/teacher_certificate");
    for (case, path, value, rule, severity) in [
        ("a person who is barred", "/instructors/0/banned", Some(json!(true)), "STAFF-BLACKLIST", Some("block")),
        ("nobody asked whether", "/instructors/0/banned", None, "STAFF-BLACKLIST", Some("refer")),
        ("no word of a benchmark", "/course/benchmark_fen", None, "FEE-BENCHMARK-CAP", Some("refer")),
        ("a place without one", "/course/benchmark_fen", Some(Value::Null), "FEE-BENCHMARK-CAP", None),
        ("a certificate not told of", certificate, None, "STAFF-ACAD-QUALIFICATION", Some("refer")),
        ("no certificate", certificate, Some(Value::Null), "STAFF-ACAD-QUALIFICATION", Some("block")),
        ("a room not told of", area, None, "", None),
        ("no room", area, Some(Value::Null), "", None),
        ("nobody named", "/instructors", None, "", None),
        ("no instructors", "/instructors", Some(Value::Null), "", None),
    ] {
        let sent = changed(path, value);
        let mut whole = sent.clone();
        whole["region"] = json!(world.county.to_string());
        whole["as_of"] = json!("2026-03-18");
        whole["institution"] = register.clone();
        let (status, verdict) = world.org.post_json("/courses/check", whole).await;
        assert_eq!(status, StatusCode::OK, "{case}: {verdict}");
        if !rule.is_empty() {
            let found = verdict["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule);
            assert_eq!(found.map(|finding| finding["severity"].as_str().unwrap()), severity, "{case}: {verdict}");
        }
        let (status, filed) = world.org.post_json("/courses", sent.clone()).await;
        assert_eq!(status, StatusCode::CREATED, "{case}: {filed}");
        assert_eq!((&filed["findings"], &filed["decision"]), (&verdict["findings"], &verdict["decision"]), "{case}");
        let (status, answer) = world.org.post_json(&format!("/courses/{}/submit", filed["id"]), json!({})).await;
        if verdict["decision"] == "block" {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{case}: {answer}");
            assert_eq!(answer["findings"], verdict["findings"], "{case}");
        } else {
            assert_eq!(status, StatusCode::OK, "{case}: {answer}");
        }
        let kept = world.org.json("/courses?limit=1").await["items"][0].clone();
        assert_eq!(kept["findings"], verdict["findings"], "{case}");
        assert_eq!(kept["course"], sent["course"], "{case}");
        assert_eq!(
            kept.get("instructors").filter(|kept| !kept.is_null()),
            sent.get("instructors").filter(|sent| !sent.is_null()),
            "{case}"
        );
    }
}

#[tokio::test]
async fn the_form_asks_for_the_inquiry_and_takes_an_empty_benchmark_for_unknown() {
    let world = World::new().await;
    let sent = good_course("七年级数学");
    let (_, filed) = world.org.post_json("/courses", sent).await;
    let path = format!("/org/courses/{}", filed["id"]);
    let page = world.org.page(&path).await;
    for words in ["从业禁止查询结果", "name=\"p_banned\"", "value=\"50.00\"", "name=\"version\" value=\"1\""] {
        assert!(page.contains(words), "the form lacks {words}");
    }
    let typed = |benchmark: &'static str, banned: &'static str| {
        vec![
            ("name", "七年级数学"),
            ("category", "academic"),
            ("subject", "mathematics"),
            ("stage", "junior"),
            ("grade", "7"),
            ("delivery", "offline"),
            ("lesson_minutes", "45"),
            ("class_size", "30"),
            ("area_m2", "120"),
            ("lessons", "40"),
            ("fee_fen", "2000"),
            ("benchmark_fen", benchmark),
            ("first_payment_on", "2026-03-20"),
            ("materials_filed", "yes"),
            ("homework", "no"),
            ("overseas_curriculum", "no"),
            ("photo_search", "no"),
            ("date", "2026-03-26"),
            ("start", "18:30"),
            ("end", "20:30"),
            ("p_name", "林晓"),
            ("p_role", "teaching"),
            ("p_nationality", "CN"),
            ("p_located_in", "CN"),
            ("p_teacher_certificate", "20153301032000123"),
            ("p_certificate_subject", "mathematics"),
            ("p_certificate_stage", "junior"),
            ("p_skill_certificate", ""),
            ("p_published", "yes"),
            ("p_in_service_teacher", "no"),
            ("p_banned", banned),
            ("p_inquiry_on", "2026-01-05"),
            ("do", "check"),
        ]
    };
    for (benchmark, banned, rule, there) in [
        ("", "no", "FEE-BENCHMARK-CAP", true),
        ("无", "no", "FEE-BENCHMARK-CAP", false),
        ("50", "no", "FEE-BENCHMARK-CAP", false),
        ("50", "", "STAFF-BLACKLIST", true),
        ("50", "yes", "STAFF-BLACKLIST", true),
        ("50", "no", "STAFF-BLACKLIST", false),
    ] {
        let page = world.org.submit("/org/courses/new", &typed(benchmark, banned)).await.text().await.unwrap();
        assert_eq!(page.contains(rule), there, "benchmark {benchmark:?}, banned {banned:?}");
    }
    let mut barred = typed("50", "yes");
    barred.retain(|(name, _)| *name != "do");
    barred.push(("do", "submit"));
    let answer = world.org.submit("/org/courses/new", &barred).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "nobody barred is handed to the bureau");
}

#[tokio::test]
async fn nobody_overwrites_or_decides_on_what_he_has_not_seen() {
    let world = World::new().await;
    let (_, filed) = world.org.post_json("/courses", good_course("七年级数学")).await;
    let id = filed["id"].as_i64().unwrap();
    let path = format!("/org/courses/{id}");
    let first = world.org.submit(&path, &[("version", "1"), ("name", "第一个窗口"), ("do", "draft")]).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    assert_eq!(first.headers()["location"], format!("{path}?done=draft").as_str());
    assert!(world.org.page(&format!("{path}?done=draft")).await.contains("草稿已保存"));
    for stale in [&[("version", "1")][..], &[]] {
        let typed = [stale, &[("name", "第二个窗口"), ("do", "draft")]].concat();
        let second = world.org.submit(&path, &typed).await;
        assert_eq!(second.status(), StatusCode::CONFLICT);
        let page = second.text().await.unwrap();
        for words in ["第二个窗口", "在另一个页面改过", "name=\"version\" value=\"2\""] {
            assert!(page.contains(words), "the form lacks {words}");
        }
        assert!(world.org.page(&path).await.contains("第一个窗口"), "nothing was overwritten");
    }
    let (_, filed) = world.org.post_json("/courses", good_course("八年级数学")).await;
    let id = filed["id"].as_i64().unwrap();
    let (status, _) = world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let listed = world.approver.json("/courses?status=submitted").await;
    assert_eq!(listed["items"][0]["version"], 2);
    let decisions = format!("/courses/{id}/decisions");
    let (status, problem) = world.approver.post_json(&decisions, json!({"decision": "approve", "version": 1})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/courses/changed")));
    let review = format!("/b/courses/{id}");
    let stale = [("version", "1"), ("decision", "return"), ("comment", "请补充教材备案")];
    let answer = world.approver.submit(&review, &stale).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = answer.text().await.unwrap();
    assert!(page.contains("请补充教材备案") && page.contains("在您打开之后又改过"), "what was typed is kept");
    let (status, _) = world
        .approver
        .post_json(&decisions, json!({"decision": "approve", "version": 2, "comment": "许可学段已核对"}))
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn one_check_takes_ten_thousand_sessions_and_says_so() {
    let world = World::new().await;
    let session = json!({"date": "2026-03-18", "start": "18:30", "end": "20:30"});
    let filing = |sessions: usize| {
        json!({"region": "331002", "as_of": "2026-02-10", "institution": {},
            "course": {"category": "arts", "stage": "primary", "delivery": "offline", "sessions": vec![&session; sessions]}})
    };
    let (status, problem) = world.org.post_json("/courses/check", json!([filing(5_000), filing(5_001)])).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(problem["errors"][0]["message_en"].as_str().unwrap().contains("10000"), "{problem}");
    let (status, several) = world.org.post_json("/courses/check", json!([filing(50), filing(51)])).await;
    assert_eq!((status, several.as_array().map(Vec::len)), (StatusCode::OK, Some(2)));
}

#[tokio::test]
async fn an_institution_begins_with_what_waits_for_it() {
    let world = World::new().await;
    assert!(world.org.page("/org").await.contains("没有预警，也没有退回的备案"));
    let (_, filed) = world.org.post_json("/courses", good_course("七年级数学")).await;
    let id = &filed["id"];
    world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
    let returned = json!({"decision": "return", "comment": "请补充教材备案"});
    let (status, _) = world.approver.post_json(&format!("/courses/{id}/decisions"), returned).await;
    assert_eq!(status, StatusCode::OK);
    let page = world.org.page("/org").await;
    assert!(page.contains("课程备案被退回") && page.contains("请补充教材备案"), "{page}");
}

/// The form is checked while it is typed, and each of these checks gives its connection back.
#[tokio::test]
async fn checking_a_form_costs_no_connection() {
    let service = TestApp::start(&[]);
    let world = World::within(&service).await;
    let form = || world.org.submit("/org/courses/check", &[("name", "七年级数学")]);
    let connections = || async {
        let sql =
            "SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_activity WHERE usename = 'mingjian_app'";
        service.run_sql(sql).await
    };
    world.org.page("/org").await;
    let before = connections().await;
    assert!(!before.is_empty(), "the page has left its connection in the pool");
    for _ in 0..3 {
        assert_eq!(form().await.status(), StatusCode::OK);
    }
    let after = connections().await;
    for pid in before.split(' ') {
        assert!(after.split(' ').any(|other| other == pid), "{pid} of {before} was thrown away: {after}");
    }
}

#[tokio::test]
async fn a_list_that_fills_its_page_to_the_last_row_leads_nowhere() {
    let world = World::new().await;
    let file = async |name: String| {
        assert_eq!(world.org.post_json("/courses", good_course(&name)).await.0, StatusCode::CREATED)
    };
    for number in 1..=50 {
        file(format!("数学第{number}班")).await;
    }
    let page = world.org.page("/org/courses").await;
    assert!(page.contains("数学第1班<") && !page.contains("更早的"), "all are on this page");
    file("数学第51班".to_owned()).await;
    let page = world.org.page("/org/courses").await;
    assert!(page.contains("数学第51班<") && !page.contains("数学第1班<"));
    let older = page.split("before=").nth(1).expect("a link to the one that is left").split('"').next().unwrap();
    let page = world.org.page(&format!("/org/courses?before={older}")).await;
    assert!(page.contains("数学第1班<") && !page.contains("数学第2班<") && !page.contains("更早的"), "{page}");
}
