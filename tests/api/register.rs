//! A bureau imports its spreadsheet, mends what is wrong, and lists by two persons (story 2); parents find it (story 5).

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{HEADER, World, app, credit_code, row};

async fn import(world: &World, csv: String, more: &[(&str, &str)]) -> (StatusCode, serde_json::Value) {
    let region = world.county.to_string();
    world.admin.import(&[&[("region", region.as_str())], more].concat(), csv).await
}

#[tokio::test]
async fn bad_rows_keep_the_good_ones_out_unless_asked_and_a_repeat_doubles_nothing() {
    let world = World::new().await;
    let (good, bad) = (credit_code(world.county, 90_001), credit_code(world.county, 90_002));
    let csv = format!(
        "{HEADER}\n{}\n{}\n",
        row(world.county, "青禾编程（样例）", &good, "990001"),
        row(world.county, "乐学美术（样例）", &bad[..17], "990002")
    );
    let (_, report) = import(&world, csv.clone(), &[]).await;
    assert_eq!(report["accepted"], 0, "all or none: {report}");
    let rejected = &report["rejected"][0];
    assert_eq!(
        (&rejected["row"], &rejected["column"], &rejected["rule"]),
        (&json!(3), &json!("credit_code"), &json!("BAD_LENGTH")),
        "{report}"
    );
    assert!(
        !rejected["message_zh"].as_str().unwrap().is_empty() && !rejected["message_en"].as_str().unwrap().is_empty()
    );
    let count = |list: &serde_json::Value| list["items"].as_array().unwrap().len();
    assert_eq!(count(&world.admin.json("/institutions").await), 1, "nothing was written");
    let (_, report) = import(&world, csv.clone(), &[("partial", "true")]).await;
    assert_eq!(report["accepted"], 1, "{report}");
    import(&world, csv, &[("partial", "true")]).await;
    assert_eq!(count(&world.admin.json("/institutions").await), 2);
    assert_eq!(
        world.org.api(Method::POST, "/institutions/import").send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn the_import_page_shows_good_and_bad_rows_and_takes_the_mend() {
    let world = World::new().await;
    let code = credit_code(world.county, 90_010);
    let csv = format!("{HEADER}\n{}\n", row(world.county, "青禾编程（样例）", &code[..17], "990010"));
    let (gbk, _, _) = encoding_rs::GBK.encode(&csv);
    let answer = world.admin.upload("/b/imports", &[], "台账.csv", gbk.into_owned()).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    let page = world.admin.page(&path).await;
    for words in ["青禾编程（样例）", &code[..17], "18"] {
        assert!(page.contains(words), "the import page lacks {words}");
    }
}

/// Before anything is written the page says what would be, and a file that is missing is asked for on the form itself.
#[tokio::test]
async fn an_import_says_what_it_would_change_and_is_not_discarded_by_a_slip() {
    let world = World::new().await;
    let new = credit_code(world.county, 90_020);
    let csv = format!(
        "{HEADER}\n{}\n{}\n",
        row(world.county, "启明星新名培训中心（样例）", &world.credit_code, &world.account),
        row(world.county, "青禾编程（样例）", &new, "99002099")
    );
    let answer = world.admin.upload("/b/imports", &[], "台账.csv", csv.into_bytes()).await;
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    let page = world.admin.page(&path).await;
    for words in ["导入：新增 1、更新 1", "启明星新名培训中心", &world.name, "名称"] {
        assert!(page.contains(words), "the draft lacks {words}");
    }
    let kept = world.admin.submit(&format!("{path}/discard"), &[("version", "1")]).await;
    assert_eq!(kept.status(), StatusCode::UNPROCESSABLE_ENTITY, "an unticked box discards nothing");
    let gone = world.admin.submit(&format!("{path}/discard"), &[("version", "1"), ("sure", "yes")]).await;
    assert_eq!(gone.headers()["location"], "/b/imports?done=discarded");
    for (path, kept) in [("/b/imports", "没有收到文件"), ("/b/escrow/upload?account=7", "没有收到文件")] {
        let answer = world.admin.upload(path, &[], "空.csv", Vec::new()).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(kept) && page.contains("type=\"file\""), "{path} asks again");
    }
}

/// A blacklisting is announced at once: whoever approves it on the page confirms that the decision was looked at.
#[tokio::test]
async fn a_blacklisting_is_confirmed_by_itself() {
    let world = World::new().await;
    let fields = [("step", "blacklist"), ("ground", "run_off"), ("reason", "处罚决定〔2026〕3号")];
    let path = format!("/b/institutions/{}/proposals", world.credit_code);
    assert_eq!(world.admin.submit(&path, &fields).await.status(), StatusCode::SEE_OTHER);
    let approvals = world.approver.json("/approvals").await;
    let id = approvals["items"][0]["id"].to_string();
    let fields = [("id", id.as_str()), ("decision", "approve"), ("comment", "同意")];
    let refused = world.approver.submit("/b/approvals", &fields).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(page.contains(&format!("href=\"#sure-{id}\"")), "the summary leads to the box");
    let fields = [("id", id.as_str()), ("decision", "approve"), ("comment", "同意"), ("sure", id.as_str())];
    assert_eq!(world.approver.submit("/b/approvals", &fields).await.status(), StatusCode::SEE_OTHER);
    assert!(app().visitor().page(&format!("/i/{}", world.credit_code)).await.contains("黑名单"));
}

#[tokio::test]
async fn nobody_lists_alone_and_parents_see_the_status_and_since_when() {
    let world = World::new().await;
    let visitor = app().visitor();
    let page_path = format!("/i/{}", world.credit_code);
    assert!(visitor.page(&page_path).await.contains("不在名单"));
    let (status, approval) =
        world.admin.post_json("/lists/white", json!({"credit_code": world.credit_code, "reason": "资料齐全"})).await;
    assert!(status.is_success(), "{status} {approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    let decision = json!({"decision": "approve", "comment": "同意"});
    let (status, answer) = world.admin.post_json(&path, decision.clone()).await;
    assert!(status.is_client_error(), "the proposer decides nothing: {status} {answer}");
    assert!(visitor.page(&page_path).await.contains("不在名单"), "a proposal changes nothing for parents");
    let (status, _) = world.approver.post_json(&path, decision).await;
    assert!(status.is_success());
    let page = visitor.page(&page_path).await;
    for words in ["白名单", "3 月 18 日", &world.account] {
        assert!(page.contains(words), "the public page lacks {words}");
    }
    for private in ["15412345678", "陈明的身份证"] {
        assert!(!page.contains(private), "{private} is public");
    }
}

#[tokio::test]
async fn parents_find_a_school_by_name_pinyin_initials_and_code() {
    let world = World::new().await;
    world.list().await;
    let visitor = app().visitor();
    let number: String = world.name.chars().filter(char::is_ascii_digit).collect();
    for query in [
        "启明",
        "启",
        "qiming",
        "QIMING",
        "qmx",
        "qimingxing",
        &world.credit_code,
        &world.credit_code.to_lowercase(),
        &world.credit_code[..10],
        &format!("中心{number}"),
    ] {
        let query_text: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let found =
            visitor.json(&format!("/api/v1/public/institutions?q={query_text}&region={}&limit=50", world.county)).await;
        let codes: Vec<_> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["credit_code"].as_str().unwrap().to_owned())
            .collect();
        assert!(codes.contains(&world.credit_code), "{query} finds {codes:?}");
        assert!(visitor.page(&format!("/s?q={query_text}")).await.contains("href=\"/i/"), "{query} on the page");
    }
    let nothing = visitor.json("/api/v1/public/institutions?q=%E6%9F%A5%E6%97%A0%E6%AD%A4%E6%A0%A1").await;
    assert!(nothing["items"].as_array().unwrap().is_empty());
    for bad in ["/v/52331002MJ0000018V", "/v/hello"] {
        assert!(visitor.get(bad).await.text().await.unwrap().contains("请先不要缴费"), "{bad}");
    }
    let unknown = visitor.get("/i/52331002MJ0000018U").await;
    assert_eq!(
        unknown.status(),
        StatusCode::SEE_OTHER,
        "a code of nobody's is answered by the page that verifies codes"
    );
    assert_eq!(unknown.headers()["location"], "/v/52331002MJ0000018U");
}
