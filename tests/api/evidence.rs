//! What bears an answer out: documents attached to steps about a warning, by page and by program, read by who may, refused
//! with what is to be mended, sealed at rest.

use reqwest::{
    Method, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::{TestApp, User, World, app},
    samples::{GRAB, OPENING, camt},
};

/// A document as a program for texts writes it; `text` stands in it as it is.
pub fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n% {text}\ntrailer<</Root 1 0 R>>\n%%EOF\n").into_bytes()
}

const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\0IEND\xaeB`\x82";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0....\xff\xd9";

fn xlsx() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().write_string(0, 0, "付款清单").unwrap();
    book.save_to_buffer().unwrap()
}

/// A warning of a world with a statement that the grab shows in; its number.
async fn warned(world: &World) -> i64 {
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let warnings = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    warnings["items"][0]["id"].as_i64().unwrap()
}

/// A step of the API with files; its answer.
async fn act(user: &User, warning: i64, fields: &[(&str, &str)], files: &[(&str, Vec<u8>)]) -> Response {
    let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(name.to_string(), value.to_string()));
    let attach = |form: Form, (name, bytes): &(&str, Vec<u8>)| {
        form.part("file", Part::bytes(bytes.clone()).file_name(name.to_string()))
    };
    let form = files.iter().fold(form, attach);
    user.api(Method::POST, &format!("/warnings/{warning}/actions")).multipart(form).send().await.unwrap()
}

/// The same by the form of a page.
async fn submit(user: &User, path: &str, fields: &[(&str, &str)], files: &[(&str, Vec<u8>)]) -> Response {
    let csrf = user.csrf().await;
    let form = Form::new().text("_csrf", csrf);
    let form = fields.iter().fold(form, |form, (name, value)| form.text(name.to_string(), value.to_string()));
    // A browser sends an empty field of files as well.
    let form = if files.is_empty() { form.part("file", Part::bytes(Vec::new()).file_name("")) } else { form };
    let form = files
        .iter()
        .fold(form, |form, (name, bytes)| form.part("file", Part::bytes(bytes.clone()).file_name(name.to_string())));
    user.browser.post(format!("{}{path}", app().address)).multipart(form).send().await.unwrap()
}

/// All documents of a warning as somebody reads them.
async fn documents(user: &User, warning: i64) -> Vec<Value> {
    let told = user.json(&format!("/warnings/{warning}")).await;
    let actions = told["actions"].as_array().unwrap().iter();
    actions.flat_map(|action| action["documents"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn an_institution_answers_with_documents_and_the_officer_reads_them_and_nobody_else() {
    let world = World::new().await;
    let warning = warned(&world).await;
    let invoice = pdf("发票 0317");
    let files = [
        ("发票0317.pdf", invoice.clone()),
        ("收据.jpg", JPEG.to_vec()),
        ("截图.png", PNG.to_vec()),
        ("付款清单.xlsx", xlsx()),
    ];
    let path = format!("/org/escrow/warnings/{warning}");
    let answer = submit(&world.org, &path, &[("comment", "购置教具，发票见附件")], &files).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    let own = world.org.page("/org/escrow").await;
    assert!(own.contains("发票0317.pdf") && own.contains("付款清单.xlsx"), "the institution sees what it sent");
    let seen = documents(&world.admin, warning).await;
    let kinds: Vec<&str> = seen.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["pdf", "jpeg", "png", "xlsx"]);
    assert_eq!(seen[0]["sha256"], hex::encode(Sha256::digest(&invoice)));
    assert_eq!((&seen[0]["name"], &seen[0]["bytes"]), (&json!("发票0317.pdf"), &json!(invoice.len())));

    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    let file = format!("/b/escrow/warnings/{warning}/documents/{}", seen[0]["id"]);
    assert!(page.contains(&file) && page.contains("发票0317.pdf"), "it is on the officer's page");
    let got = world.admin.get(&file).await;
    assert_eq!(got.status(), StatusCode::OK);
    let header = |name: &str| got.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert!(header("content-disposition").starts_with("attachment; filename=\"document-"), "it is saved, not shown");
    assert!(header("content-disposition").contains("filename*=UTF-8''%E5%8F%91%E7%A5%A8"), "under its own name");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").starts_with("sandbox"), "nothing in it acts on a page of ours");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(got.bytes().await.unwrap(), invoice);
    // The look is in the bureau's trail and in the institution's own.
    let trail = world.admin.json("/audit?kind=document.read").await.to_string();
    assert!(trail.contains("warning_document"), "{trail}");
    assert!(world.org.page("/org/audit").await.contains("查看预警材料"));

    let api = format!("/warnings/{warning}/documents/{}", seen[0]["id"]);
    assert_eq!(world.org.api(Method::GET, &api).send().await.unwrap().status(), StatusCode::OK, "its own");
    let stranger = World::new().await;
    let anonymous = app().visitor().get(&format!("/api/v1{api}")).await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    for user in [&stranger.admin, &stranger.org] {
        assert_eq!(user.api(Method::GET, &api).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{}", user.name);
    }
    let theirs = warned(&stranger).await;
    let crossed = format!("/warnings/{theirs}/documents/{}", seen[0]["id"]);
    assert_eq!(world.admin.api(Method::GET, &crossed).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // The institution's own pages are not the officer's, nor the other way round.
    assert_eq!(world.org.get(&file).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name_with_the_mend_and_the_text_stays() {
    let world = World::new().await;
    let warning = warned(&world).await;
    let path = format!("/org/escrow/warnings/{warning}");
    let mut locked = pdf("x");
    locked = String::from_utf8(locked).unwrap().replace("/Root 1 0 R", "/Root 1 0 R/Encrypt 5 0 R").into_bytes();
    let mut large = pdf("x");
    large.resize((10 << 20) + 1, b'\n');
    let many: Vec<(&str, Vec<u8>)> = (0..6).map(|_| ("一页.pdf", pdf("x"))).collect();
    for (files, rule, said) in [
        (vec![("空.pdf", Vec::new())], "FILE-EMPTY", "“空.pdf”是空文件"),
        (vec![("程序.pdf", b"MZ\x90\0\x03".to_vec())], "FILE-TYPE", "“程序.pdf”的内容不是 PDF"),
        (vec![("网页.png", b"<html><script>alert(1)</script>".to_vec())], "FILE-TYPE", "“网页.png”"),
        (vec![("加密.pdf", locked)], "FILE-ENCRYPTED", "“加密.pdf”设有密码"),
        (vec![("半页.pdf", pdf("x")[..30].to_vec())], "FILE-CUT-OFF", "“半页.pdf”不完整"),
        (vec![("太大.pdf", large)], "FILE-SIZE", "“太大.pdf”超过 10 MB"),
        (many, "FILE-COUNT", "一次最多附 5 个文件，现有 6 个"),
        (vec![("好.pdf", pdf("x")), ("坏.pdf", b"x".to_vec())], "FILE-TYPE", "“坏.pdf”"),
    ] {
        let answer = submit(&world.org, &path, &[("comment", "我写了很久的说明")], &files).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(said), "{said} in {page}");
        assert!(page.contains("我写了很久的说明"), "what was typed stays: {said}");
        assert!(page.contains(&format!("href=\"#file-{warning}\"")), "the summary leads to the field");
        let answer = act(&world.org, warning, &[("action", "explain"), ("comment", "说明")], &files).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let problem: Value = answer.json().await.unwrap();
        let first = &problem["errors"][0];
        assert_eq!((&first["path"], &first["rule"]), (&json!("file"), &json!(rule)), "{problem}");
    }
    // Text and file wrong at once are told at once, and nothing half in.
    let answer =
        submit(&world.org, &path, &[("comment", "")], &[("坏.pdf", b"x".to_vec())]).await.text().await.unwrap();
    assert!(answer.contains("请写明情况或理由") && answer.contains("“坏.pdf”"), "{answer}");
    assert!(documents(&world.admin, warning).await.is_empty());
    assert_eq!(world.admin.json(&format!("/warnings/{warning}")).await["status"], "raised");
    // Without any file a form is as it always was.
    let answer = submit(&world.org, &path, &[("comment", "没有附件的说明")], &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let answer = act(&world.admin, warning, &[("action", "note"), ("comment", "x"), ("colour", "red")], &[]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "an unknown field");
    let answer = act(&world.admin, warning, &[("action", "shrug")], &[]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "an unknown step");
}

#[tokio::test]
async fn what_officials_attach_to_a_note_is_their_own_and_to_a_resolution_is_told() {
    let world = World::new().await;
    let warning = warned(&world).await;
    let place = format!("/b/escrow/warnings/{warning}");
    let note =
        submit(&world.admin, &place, &[("action", "note"), ("comment", "谈话")], &[("笔录.pdf", pdf("笔录"))]).await;
    assert_eq!(note.status(), StatusCode::SEE_OTHER);
    let internal = documents(&world.approver, warning).await.remove(0);
    let api = format!("/warnings/{warning}/documents/{}", internal["id"]);
    assert_eq!(world.approver.api(Method::GET, &api).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.org.api(Method::GET, &api).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(documents(&world.org, warning).await.is_empty());
    assert!(!world.org.page("/org/escrow").await.contains("笔录"));
    assert!(!world.org.page("/org/audit").await.contains("查看预警材料"), "nor that somebody read it");
    let same = "A-1";
    let body = |name: &str| {
        let part = Part::bytes(pdf("核查结论")).file_name(name.to_owned());
        Form::new().text("action", "resolve").text("comment", "发票核对无误").part("file", part)
    };
    let form = body("结论.pdf");
    let request = world.admin.api(Method::POST, &format!("/warnings/{warning}/actions"));
    let answer = request.header("idempotency-key", same).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    let told = documents(&world.org, warning).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["name"], "结论.pdf", "the institution reads what its warning was resolved by");
}

#[tokio::test]
async fn a_red_one_is_closed_by_two_and_the_second_reads_what_the_first_attached() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let warnings = world.admin.json("/warnings?level=red&kind=FUND-LARGE-SINGLE").await;
    let warning = warnings["items"][0]["id"].as_i64().unwrap();
    let fields = [("action", "resolve"), ("comment", "资金已追回")];
    let answer = act(&world.admin, warning, &fields, &[("回单.pdf", pdf("回单"))]).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
    let attached = documents(&world.approver, warning).await;
    assert_eq!(attached[0]["name"], "回单.pdf");
    assert!(documents(&world.org, warning).await.is_empty(), "until it is decided it is the officials' own");
}

#[tokio::test]
async fn files_lie_sealed_and_are_sealed_anew_and_erased() {
    let app = TestApp::start(&[]);
    let world = World::within(&app).await;
    let warning = warned(&world).await;
    let part = Part::bytes(pdf("PLAIN-MARKER-0317")).file_name("张三13812345678.pdf");
    let form = Form::new().text("action", "explain").text("comment", "见附件").part("file", part);
    let request = world.org.api(Method::POST, &format!("/warnings/{warning}/actions")).multipart(form);
    assert!(request.send().await.unwrap().status().is_success());
    let raw = "SELECT count(*)::text FROM warning_documents WHERE position('PLAIN-MARKER'::bytea IN file_sealed) > 0 \
               OR position('1381234'::bytea IN name_sealed) > 0";
    assert_eq!(app.run_sql(raw).await, "0", "nothing of it is legible at rest");
    let trail =
        "SELECT coalesce(string_agg(after::text, ' '), '') FROM audit_events WHERE action = 'warning.explained'";
    let trail = app.run_sql(trail).await;
    assert!(trail.contains("sha256:") && !trail.contains("138"), "the trail tells the digest and no name: {trail}");
    let document = documents(&world.admin, warning).await.remove(0);
    assert_eq!(document["name"], "张三138****5678.pdf", "officials read numbers masked");
    assert_eq!(documents(&world.org, warning).await[0]["name"], "张三13812345678.pdf");
    // Whoever asks what is kept about them is told of it, with the law.
    let told = world.admin.submit("/b/personal", &[("person", "13812345678")]).await.text().await.unwrap();
    assert!(told.contains("预警材料的文件名") && told.contains("档案法"), "{told}");

    app.run(&["keys", "rotate"], "");
    let keys: Value = serde_json::from_str(&app.run(&["keys", "list"], "")).unwrap();
    assert_eq!(keys[0]["values"], 0, "all is sealed with the new key: {keys}");
    let (admin, org) = (app.sign_in(&world.admin.name).await, app.sign_in(&world.org.name).await);
    let api = format!("/warnings/{warning}/documents/{}", document["id"]);
    let got = org.api(Method::GET, &api).send().await.unwrap();
    assert!(String::from_utf8_lossy(&got.bytes().await.unwrap()).contains("PLAIN-MARKER-0317"));

    let place = format!("/b/escrow/warnings/{warning}/documents/{}/erase", document["id"]);
    assert!(admin.page(&place).await.contains("删除后不能恢复"), "an irreversible act asks first");
    let refused = admin.submit(&place, &[("reason", "误")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let approver = app.sign_in(&world.approver.name).await;
    assert_eq!(approver.submit(&place, &[("reason", "误传了学员名单")]).await.status(), StatusCode::FORBIDDEN);
    let done = admin.submit(&place, &[("reason", "误传了学员名单")]).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER, "{}", done.text().await.unwrap());
    assert_eq!(org.api(Method::GET, &api).send().await.unwrap().status(), StatusCode::GONE);
    let left = documents(&admin, warning).await.remove(0);
    assert_eq!((&left["name"], &left["erased"]), (&Value::Null, &json!(true)));
    assert_eq!(left["sha256"], document["sha256"], "that it was there stays");
    let kept = "SELECT count(*)::text FROM warning_documents WHERE file_sealed IS NOT NULL OR name_sealed IS NOT NULL";
    assert_eq!(app.run_sql(kept).await, "0");
    assert!(admin.page("/b/audit").await.contains("删除预警材料"));
    assert!(admin.page(&format!("/b/escrow/warnings/{warning}")).await.contains("一个文件已按要求删除"));
}
