//! A warning from raised to resolved as people live it, in Chromium: an answer with a document, a threshold looked at and
//! adopted by two, a broken statement mended by the file that was missing; and what parents and officers on duty see.

use std::path::PathBuf;

use fantoccini::Locator;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    app::{User, World, app},
    chromium::Browser,
    looks::check,
    samples::{GRAB, OPENING, camt},
    story::accessible,
};

/// A file to choose in a form.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = app().data.with_extension("papers");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

#[tokio::test]
async fn an_institution_answers_with_a_document_and_the_officer_reads_and_resolves() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let warnings = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    let id = warnings["items"][0]["id"].to_string();
    let (comment, files) = (format!("#comment-{id}"), format!("#file-{id}"));

    let org = Browser::open(390).await;
    org.sign_in(&world.org).await;
    org.go("/org/escrow").await;
    org.fill(&comment, "购置教具，发票见附件").await;
    // What is no document is refused beside its field, and nothing that was typed is lost.
    org.wait(&files).await.send_keys(file("发票.pdf", b"MZ this is a program").to_str().unwrap()).await.unwrap();
    org.click(&format!("form[action$='/warnings/{id}'] button[type=submit]")).await;
    org.wait(".govuk-error-summary").await;
    org.says("“发票.pdf”的内容不是 PDF").await;
    let typed = org.wait(&comment).await.prop("value").await.unwrap();
    assert_eq!(typed.as_deref(), Some("购置教具，发票见附件"), "what was typed stays");
    accessible(&org, "a refused document").await;
    org.picture("document-refused-390").await;
    let both = [file("发票0317.pdf", PDF), file("收据.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01....\xff\xd9")];
    let both: Vec<&str> = both.iter().map(|path| path.to_str().unwrap()).collect();
    org.wait(&files).await.send_keys(&both.join("\n")).await.unwrap();
    org.click(&format!("form[action$='/warnings/{id}'] button[type=submit]")).await;
    org.says("说明已提交").await;
    org.says("发票0317.pdf").await;
    accessible(&org, "an answer with documents").await;
    org.picture("document-sent-390").await;
    org.close().await;

    let officer = Browser::open(1280).await;
    officer.sign_in(&world.admin).await;
    officer.go(&format!("/b/escrow/warnings/{id}")).await;
    officer.says("购置教具，发票见附件").await;
    officer.says("收据.jpg").await;
    accessible(&officer, "a warning with documents").await;
    officer.picture("warning-documents-1280").await;
    // The file is the one that was sent; it is fetched as the link does, and lands on no page.
    let link = officer.wait("a[download]").await.attr("href").await.unwrap().unwrap();
    let fetched = "const done = arguments[arguments.length - 1]; fetch(arguments[0]).then(async r => \
        done([r.status, r.headers.get('content-disposition').startsWith('attachment'), (await r.text()).length]))";
    let fetched = officer.client.execute_async(fetched, vec![json!(link)]).await.unwrap();
    assert_eq!(fetched, json!([200, true, PDF.len()]));
    officer.fill(&comment, "发票与转账相符").await;
    officer.click("button[name=action][value=resolve]").await;
    officer.says("已办结").await;
    officer.says("发票0317.pdf").await;
    officer.close().await;
    let told = world.admin.json(&format!("/warnings/{id}")).await;
    assert_eq!(told["status"], "resolved", "{told}");
}

/// Uploads a statement on the officer's page.
async fn upload(browser: &Browser, name: &str, statement: &str) {
    browser.go("/b/escrow/upload").await;
    browser.wait("input[type=file]").await.send_keys(file(name, statement.as_bytes()).to_str().unwrap()).await.unwrap();
    browser.click("main form[enctype] button[type=submit]").await;
    browser.says("新入账 1 笔").await;
}

#[tokio::test]
async fn a_threshold_is_looked_at_on_the_own_history_and_adopted_by_two() {
    let world = World::new().await;
    // 15 % of what is there leaves: no warning by the platform's 20 %.
    world.delivered(camt(&world.account, 20_000_000, &[("2026-03-16", false, 3_000_000, "T1")])).await;
    let before = world.admin.json("/warnings").await;
    assert_eq!(before["items"], json!([]), "{before}");
    let one = Browser::open(1280).await;
    one.sign_in(&world.admin).await;
    one.go("/b/policies/escrow.large.yellow.share_bp").await;
    one.fill("#v", "10").await;
    one.set("#effective_from", "2026-03-18").await;
    one.fill("#reason", "县教〔2026〕9 号").await;
    one.click("button[name=do][value=preview]").await;
    one.says("会多出 1 个预警").await;
    one.says(&world.name).await;
    accessible(&one, "what a threshold would do").await;
    one.picture("what-if-1280").await;
    assert_eq!(world.admin.json("/warnings").await["items"], json!([]), "looking changes nothing");
    one.click("button[name=do][value=propose]").await;
    one.says("已提议，等待同事审批").await;
    // Nobody decides on what they proposed themselves.
    one.go("/b/approvals").await;
    one.says("您提议的").await;
    let own = one.client.find_all(Locator::Css("#pending input[type=checkbox]")).await.unwrap();
    assert!(own.is_empty(), "the one who proposed picks nothing to decide on");
    one.close().await;

    let other = Browser::open(1280).await;
    other.sign_in(&world.approver).await;
    other.go("/b/approvals").await;
    other.click("#pending td a[href^='/b/approvals/']").await;
    other.says("同意后会变什么").await;
    other.says("10%").await;
    other.click("button[name=decision][value=approve]").await;
    other.says("已同意").await;
    other.close().await;

    // From its first day on the new value holds: 20,000.00 of 170,000.00 is yellow now.
    let finance = app().user("finance_officer", world.county).await;
    let watch = Browser::open(1280).await;
    watch.sign_in(&finance).await;
    upload(&watch, "day.xml", &camt(&world.account, 17_000_000, &[("2026-03-18", false, 2_000_000, "T2")])).await;
    watch.go("/b/escrow").await;
    watch.wait("#watch tr[data-row] .lv--yellow").await;
    watch.click("#watch tr[data-row] a").await;
    watch.says("FUND-LARGE-SINGLE").await;
    watch.close().await;
}

#[tokio::test]
async fn a_broken_chain_of_statements_is_mended_by_the_file_that_was_missing() {
    let world = World::new().await;
    let finance = app().user("finance_officer", world.county).await;
    let account = format!("/b/escrow/{}", world.account_id().await);
    let browser = Browser::open(1280).await;
    browser.sign_in(&finance).await;
    upload(&browser, "10.xml", &camt(&world.account, 31_235_000, &[("2026-03-10", true, 10_000, "A1")])).await;
    upload(&browser, "12.xml", &camt(&world.account, 31_240_500, &[("2026-03-12", true, 100, "A3")])).await;
    browser.go(&account).await;
    browser.says("部分预警无法判定").await;
    browser.says("STMT-GAP").await;
    accessible(&browser, "an account with a gap").await;
    browser.picture("gap-1280").await;
    upload(&browser, "11.xml", &camt(&world.account, 31_245_000, &[("2026-03-11", false, 4_500, "A2")])).await;
    browser.go(&account).await;
    browser.says("2,405.00").await;
    // It connects again; an official signs that the account was reconciled.
    browser.says("已衔接，待对账签认").await;
    browser.says("签认对账并办结").await;
    accessible(&browser, "an account to be signed").await;
    browser.picture("gap-to-sign-1280").await;
    let gap = world.admin.json("/warnings?kind=STMT-GAP").await["items"][0]["id"].clone();
    let signed = json!({"action": "resolve", "comment": "已与银行逐笔核对"});
    let (status, answer) = world.admin.post_json(&format!("/warnings/{gap}/actions"), signed).await;
    assert!(status.is_success(), "{answer}");
    browser.go(&account).await;
    let text = browser.text().await;
    assert!(!text.contains("部分预警无法判定"), "all can be judged again:\n{text}");
    browser.picture("gap-mended-1280").await;
    browser.close().await;
    let warnings = world.admin.json("/warnings?kind=STMT-GAP").await;
    assert_eq!(warnings["items"][0]["status"], "resolved", "{warnings}");
    let told = world.admin.json(&format!("/escrow/accounts/{}", world.account_id().await)).await;
    assert_eq!(told["undetermined"], json!([]), "{told}");
}

/// A family's contract and what it paid.
async fn paid(world: &World) {
    let contract = json!({"contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "欧阳小草",
        "signed_on": "2026-02-10", "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-01",
        "last_lesson_on": "2026-05-31"});
    let (status, made) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{made}");
    let payment = json!({"receipt_no": "R-1", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 480_000,
        "channel": "bank_transfer"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{}/payments", made["id"]), payment).await;
    assert!(status.is_success(), "{answer}");
}

#[tokio::test]
async fn a_parent_reads_on_the_phone_which_share_is_in_escrow_once_the_bureau_publishes_it() {
    let world = World::new().await;
    world.list().await;
    paid(&world).await;
    world
        .delivered(camt(&world.account, 0, &[("2026-03-16", true, 480_000, "A1"), ("2026-03-16", false, 33_600, "A2")]))
        .await;
    let body = json!({"value": "on", "effective_from": "2026-03-19", "reason": "县教〔2026〕9 号"});
    let (status, approval) = world.admin.post_json("/policies/public.coverage/proposals", body).await;
    assert!(status.is_success(), "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    assert!(world.approver.post_json(&path, json!({"decision": "approve"})).await.0.is_success());
    let swept = std::process::Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["sweep", "--region", &world.county.to_string(), "--data"])
        .arg(&app().data)
        .env("MINGJIAN_CLOCK", "2026-03-19T08:00:00+08:00")
        .status()
        .unwrap();
    assert!(swept.success());
    for width in [390, 1280] {
        let parent = Browser::open(width).await;
        for path in [format!("/i/{}", world.credit_code), format!("/s?q={}", world.credit_code)] {
            check(&parent, &path).await;
        }
        parent.go(&format!("/s?q={}&lang=zh-CN", world.credit_code)).await;
        parent.says("93%").await;
        parent.picture(&format!("coverage-list-{width}")).await;
        parent.click("main a[href^='/i/']").await;
        parent.says("家长预缴的学费，在监管账户里的占 93%").await;
        parent.says("教育局按截至 3 月 16 日 的银行流水").await;
        parent.picture(&format!("coverage-{width}")).await;
        parent.close().await;
    }
}

async fn says(user: &User, path: &str, fields: &[(&str, &str)]) {
    let answer = user.submit(path, fields).await;
    assert!(answer.status().is_success() || answer.status() == StatusCode::SEE_OTHER, "{path}: {}", answer.status());
}

/// What is filled in looks as good as what is empty.
#[tokio::test]
async fn the_pages_of_evidence_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    world.list().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let code = world.credit_code.as_str();
    let said =
        [("credit_code", code), ("kind", "outside_escrow"), ("received_on", "2026-03-17"), ("personal_payee", "yes")];
    let more = [("amount", "2000"), ("phone", "13911112222"), ("note", "转到老师的微信，收据写的是个人户名")];
    says(&world.approver, "/b/complaints", &[&said[..], &more[..]].concat()).await;
    says(&world.approver, "/b/complaints", &said).await;
    let gateway = [("action", "set"), ("url", "https://8.8.8.8/sms"), ("template", "SMS_0317")];
    says(&world.admin, "/b/escrow/sms", &gateway).await;
    says(&world.admin, "/b/escrow/sms", &[("action", "add"), ("holder", "值班 王敏"), ("phone", "13900007777")]).await;
    let warnings = world.admin.json("/warnings?level=red&kind=FUND-LARGE-SINGLE").await;
    let id = &warnings["items"][0]["id"];
    let steps = format!("/warnings/{id}/actions");
    let fields = [("action", "note"), ("comment", "谈话笔录")];
    let text = String::from_utf8(PDF.to_vec()).unwrap();
    assert!(world.admin.post_file(&steps, &fields, "笔录.pdf", text).await.status().is_success());
    let told = world.admin.json(&format!("/warnings/{id}")).await;
    let document = &told["actions"][0]["documents"][0]["id"];
    let (status, _) = world.admin.post_json(&steps, json!({"action": "escalate", "comment": "核实"})).await;
    assert!(status.is_success());
    let pending = world.approver.json("/approvals").await;
    let approval = pending["items"].as_array().unwrap().iter().find(|one| one["step"] == "suspend").unwrap();
    let decide = format!("/approvals/{}/decisions", approval["id"]);
    let (status, answer) = world.approver.post_json(&decide, json!({"decision": "approve"})).await;
    assert!(status.is_success(), "{answer}");
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        for path in [format!("/i/{code}"), format!("/s?q={code}")] {
            check(&browser, &path).await;
        }
        browser.go(&format!("/i/{code}?lang=zh-CN")).await;
        browser.says("已经缴费的家长，请这样做").await;
        browser.picture(&format!("suspended-{width}")).await;
        browser.sign_in(&world.admin).await;
        for path in [
            "/b/complaints".to_owned(),
            "/b/escrow/sms".to_owned(),
            format!("/b/escrow/warnings/{id}"),
            format!("/b/escrow/warnings/{id}/documents/{document}/erase"),
        ] {
            check(&browser, &path).await;
        }
        for (path, name) in [("/b/complaints", "complaints"), ("/b/escrow/sms", "sms")] {
            browser.go(&format!("{path}?lang=zh-CN")).await;
            browser.picture(&format!("{name}-{width}")).await;
        }
        browser.close().await;
    }
}
