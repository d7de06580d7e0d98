//! The ledger on pages: contracts, lessons with the parent's link, refunds, and the bureau's view of them.

use reqwest::{Method, StatusCode};

use crate::app::{User, Visitor, World, app};

const CONTRACT: [(&str, &str); 11] = [
    ("contract_no", "HT-2026-001"),
    ("subject", "初中数学"),
    ("product", "course"),
    ("basis", "both"),
    ("pupil", "王小明"),
    ("guardian_phone", "13812345678"),
    ("signed_on", "2026-03-01"),
    ("first_lesson_on", "2026-03-09"),
    ("last_lesson_on", "2026-05-31"),
    ("price_fen", "4,800.00"),
    ("units_bought", "48"),
];

/// Where a form leads.
async fn leads(user: &User, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = user.submit(path, fields).await;
    let status = answer.status();
    if status != StatusCode::SEE_OTHER {
        panic!("{path}: {status} {}", answer.text().await.unwrap());
    }
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// What a form that is not right is answered.
async fn refused(user: &User, path: &str, fields: &[(&str, &str)], status: u16) -> String {
    let answer = user.submit(path, fields).await;
    let (is, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!(is, status, "{path}: {text}");
    text
}

/// Records a contract that is paid, by the pages; its address.
async fn paid_contract(org: &User) -> String {
    let place = leads(org, "/org/contracts/new", &CONTRACT).await;
    let place = place.split('?').next().unwrap().to_owned();
    let payment = [
        ("paid_on", "2026-03-02"),
        ("paid_time", "10:00"),
        ("amount_fen", "4800"),
        ("channel", "wechat"),
        ("receipt_no", "R-1"),
    ];
    leads(org, &format!("{place}/payments"), &payment).await;
    place
}

/// Records one lesson of a class; the parent's link in the message.
async fn lesson(org: &User, on: &str) -> String {
    let session = [("ended_on", on), ("ended_time", "19:00"), ("units", "1"), ("contract", "HT-2026-001")];
    let place = leads(org, "/org/lessons", &session).await;
    let page = org.page(&place).await;
    assert!(page.contains("王*家长") && page.contains("<svg"), "{page}");
    page[page.find("/c/").unwrap()..].split(['"', ' ', '<', '&']).next().unwrap().trim().to_owned()
}

async fn says(parent: &Visitor, link: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let answer = parent.request(Method::POST, link).form(fields).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_contract_is_recorded_with_its_findings_and_seen_by_nobody_else() {
    let (world, stranger) = (World::new().await, World::new().await);
    assert!(world.org.page("/org/contracts").await.contains("还没有合同"));
    let text = refused(&world.org, "/org/contracts/new", &CONTRACT[1..], 422).await;
    assert!(text.contains("href=\"#contract_no\""), "{text}");
    let mut many = CONTRACT.to_vec();
    many.iter_mut().filter(|(name, _)| *name == "units_bought").for_each(|field| field.1 = "61");
    let text = refused(&world.org, "/org/contracts/new", &many, 422).await;
    assert!(text.contains("PREPAY-UNITS-60") && text.contains("王小明"), "what was typed is kept: {text}");
    let answer = world.org.submit("/org/contracts/check", &many).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("PREPAY-UNITS-60"));
    assert!(world.org.page("/org/contracts").await.contains("还没有合同"), "a check keeps nothing");

    let place = paid_contract(&world.org).await;
    let page = world.org.page(&place).await;
    for words in ["王小明", "¥4,800.00", "微信", "R-1", "class=\"parts\"", "申请退费"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let list = world.org.page("/org/contracts?q=数学").await;
    assert!(list.contains("HT-2026-001") && !world.org.page("/org/contracts?q=英语").await.contains("HT-2026-001"));
    let file = world.org.page("/org/contracts.csv").await;
    assert!(file.contains("HT-2026-001,王*,"), "{file}");
    for path in [place.clone(), format!("{place}/refund")] {
        for other in [&stranger.org, &world.admin] {
            let status = other.get(&path).await.status();
            assert!(matches!(status.as_u16(), 403 | 404), "{path} {status} as {}", other.name);
        }
    }
    assert!(!stranger.org.page("/org/contracts").await.contains("HT-2026-001"));
    assert_eq!(stranger.admin.get(&format!("/b/ledger/{}", world.credit_code)).await.status(), StatusCode::NOT_FOUND);
    let bureau = world.admin.page(&format!("/b/ledger/{}", world.credit_code)).await;
    assert!(bureau.contains("王*") && !bureau.contains("王小明") && !bureau.contains("13812345678"));
    assert!(world.admin.page("/b/ledger").await.contains(&world.name));
}

#[tokio::test]
async fn a_parent_confirms_or_disputes_by_the_link_once() {
    let world = World::new().await;
    let place = paid_contract(&world.org).await;
    let parent = app().visitor();
    let link = lesson(&world.org, "2026-03-16").await;
    let answer = parent.get(&link).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let page = answer.text().await.unwrap();
    for words in ["初中数学", "王*", "¥100.00", "已上课，确认", &world.name] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("王小明") && !page.contains("HT-2026-001") && !page.contains("13812345678"));
    assert!(world.org.page(&place).await.contains("待确认"), "looking confirms nothing");

    assert_eq!(says(&parent, &link, &[("do", "confirm")]).await.0, 303);
    let page = parent.page(&link).await;
    assert!(page.contains("已确认") && page.contains("这个链接已用过"), "{page}");
    assert_eq!(says(&parent, &link, &[("do", "confirm")]).await.0, 303, "the same word twice changes nothing");
    let (status, text) = says(&parent, &link, &[("do", "dispute"), ("text", "没有上课")]).await;
    assert!(status == 409 && text.contains("已确认"), "{status} {text}");
    let one = world.org.page(&place).await;
    assert!(one.contains("¥100.00") && one.contains("已确认"), "{one}");

    let second = lesson(&world.org, "2026-03-17").await;
    assert_ne!(link, second);
    let (status, text) = says(&parent, &second, &[("do", "dispute"), ("text", " ")]).await;
    assert!(status == 422 && text.contains("href=\"#text\""), "{status} {text}");
    assert_eq!(says(&parent, &second, &[("do", "dispute"), ("text", "那天老师没来，电话 13900001111")]).await.0, 303);
    assert!(parent.page(&second).await.contains("已收到异议"));
    let bureau = world.admin.page(&format!("/b/ledger/{}", world.credit_code)).await;
    assert!(bureau.contains("那天老师没来") && !bureau.contains("13900001111"), "{bureau}");
    let id = bureau[bureau.find("/b/lessons/").unwrap() + 11..].split('"').next().unwrap().to_owned();
    refused(&world.admin, &format!("/b/lessons/{id}"), &[("action", "not_given"), ("comment", "")], 422).await;
    let settled = [("action", "not_given"), ("comment", "查监控，当天没有上课")];
    leads(&world.admin, &format!("/b/lessons/{id}"), &settled).await;
    assert!(parent.page(&second).await.contains("这节课不计"));

    // A forged token, one of another bureau, and nonsense are all the same dead link.
    let mut forged = second.clone().into_bytes();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let forged = String::from_utf8(forged).unwrap();
    let elsewhere = second.replacen(&world.county.to_string(), "110101", 1);
    for dead in [forged.as_str(), &elsewhere, "/c/1", "/c/nonsense", "/c/%E4%BD%A0%E5%A5%BD"] {
        let answer = parent.get(dead).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{dead}");
        assert!(answer.text().await.unwrap().contains("这个链接不能用"), "{dead}");
        assert_eq!(says(&parent, dead, &[("do", "confirm")]).await.0, 404, "{dead}");
    }
}

#[tokio::test]
async fn a_refund_is_shown_step_by_step_before_it_is_asked_for_and_paid_out_in_time() {
    let world = World::new().await;
    let place = paid_contract(&world.org).await;
    let link = lesson(&world.org, "2026-03-16").await;
    assert_eq!(says(&app().visitor(), &link, &[("do", "confirm")]).await.0, 303);
    let path = format!("{place}/refund");
    let page = world.org.page(&path).await;
    assert!(
        page.contains("确认申请退 ¥4,700.00") && page.contains("已消 1 课时") && page.contains("原路退回"),
        "{page}"
    );
    let text = refused(&world.org, &path, &[("do", "show"), ("reason", "before_start")], 422).await;
    assert!(text.contains("REFUND-BEFORE-START") && !text.contains("value=\"ask\""), "{text}");
    let text = refused(&world.org, &path, &[("do", "ask"), ("amount", "abc")], 422).await;
    assert!(text.contains("href=\"#amount\""), "{text}");
    // The sum that was shown is the sum that is asked for, or nothing is.
    refused(&world.org, &path, &[("do", "ask"), ("shown_fen", "480000")], 422).await;
    let asked = leads(&world.org, &path, &[("do", "ask"), ("shown_fen", "470000")]).await;
    let list = world.org.page(&asked).await;
    assert!(list.contains("已申请退费") && list.contains("等教育局决定") && !list.contains("同意退"), "{list}");
    let id = list[list.find("/org/refunds/").unwrap() + 13..].split('"').next().unwrap().to_owned();
    refused(&world.org, &format!("/org/refunds/{id}"), &[("action", "withdraw"), ("version", "1")], 422).await;
    refused(&world.org, &format!("/org/refunds/{id}"), &[("action", "approve"), ("version", "9")], 409).await;
    let stranger = World::new().await;
    refused(&stranger.org, &format!("/org/refunds/{id}"), &[("action", "approve"), ("version", "1")], 404).await;
    // Nobody sees at the bank who paid: the bureau decides, and says what it rests on.
    refused(&world.org, &format!("/org/refunds/{id}"), &[("action", "approve"), ("version", "1")], 409).await;
    let bureau = format!("/b/ledger/{}", world.credit_code);
    assert!(world.admin.page(&bureau).await.contains("同意退 ¥4,700.00"));
    refused(&world.admin, &format!("/b/refunds/{id}"), &[("version", "1")], 422).await;
    let typed = [("version", "1"), ("comment", "已核对"), ("charged_units", "几节")];
    let text = refused(&world.admin, &format!("/b/refunds/{id}"), &typed, 422).await;
    assert!(text.contains("不是课时数") && text.contains("已核对"), "{text}");
    leads(&world.admin, &format!("/b/refunds/{id}"), &[("version", "1"), ("comment", "已核对付款凭证")]).await;
    let page = world.org.page(&place).await;
    assert!(page.contains("待付款") && page.contains("已解除"), "{page}");
    assert!(!page.contains(">登记考勤<"), "no lesson is given any more");
    let bureau = world.admin.page(&format!("/b/ledger/{}", world.credit_code)).await;
    assert!(bureau.contains("¥4,700.00") && bureau.contains("待付款"), "{bureau}");
}

#[tokio::test]
async fn a_release_is_worked_out_approved_and_sent_on_the_bureaus_page() {
    let world = World::new().await;
    let account = serde_json::json!({
        "credit_code": world.credit_code, "bank": "台州银行", "account": world.account, "mode": "custody",
        "agreement_no": "TG-1", "payee_account": "622202000000001"});
    // The sheet has filed the account already, in custody.
    let _ = world.admin.post_json("/escrow/accounts", account).await;
    paid_contract(&world.org).await;
    let link = lesson(&world.org, "2026-03-16").await;
    assert_eq!(says(&app().visitor(), &link, &[("do", "confirm")]).await.0, 303);
    let code = &world.credit_code;
    let path = format!("/b/ledger/{code}");
    let period = [("period_from", "2026-03-01"), ("period_to", "2026-03-18"), ("seq", "1")];
    let text = refused(&world.admin, &format!("{path}/releases"), &period[..1], 422).await;
    assert!(text.contains("href=\"#period_to\""), "{text}");
    leads(&world.admin, &format!("{path}/releases"), &period).await;
    let page = world.admin.page(&path).await;
    assert!(page.contains("待批准") && page.contains("¥100.00"), "{page}");
    let id = page[page.find("/b/releases/").unwrap() + 12..].split('"').next().unwrap().to_owned();
    refused(&world.admin, &format!("/b/releases/{id}"), &[("action", "reject"), ("version", "1")], 422).await;
    leads(&world.admin, &format!("/b/releases/{id}"), &[("action", "approve"), ("version", "1")]).await;
    leads(&world.admin, &format!("/b/releases/{id}"), &[("action", "send"), ("version", "2")]).await;
    assert!(world.admin.page(&path).await.contains("已发银行"));
}

#[tokio::test]
async fn a_sheet_of_contracts_comes_in_as_a_whole_or_not_at_all() {
    let world = World::new().await;
    let header = "合同编号,学员姓名,课程,收费方式,签订日期,合同金额,购买课时,首课日期,末课日期\n";
    let row = |no: &str, units: &str| {
        format!("{no},李小红,初中英语,按课时,2026-03-01,2400.00,{units},2026-03-09,2026-05-31\n")
    };
    let bad = format!("{header}{}{}", row("HT-9", "24"), row("HT-10", "many"));
    let answer =
        world.org.upload("/org/contracts/import", &[("sheet", "contracts")], "合同.csv", bad.into_bytes()).await;
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    assert!(text.contains("没有登记任何一行") && text.contains(">3</td>"), "{text}");
    assert!(!world.org.page("/org/contracts").await.contains("HT-9"));
    let good = format!("{header}{}{}", row("HT-9", "24"), row("HT-10", "24"));
    let answer =
        world.org.upload("/org/contracts/import", &[("sheet", "contracts")], "合同.csv", good.into_bytes()).await;
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains("已登记 2 行"), "{text}");
    let list = world.org.page("/org/contracts").await;
    assert!(list.contains("HT-9") && list.contains("HT-10"));
}
