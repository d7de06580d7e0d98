//! A family's prepaid money as people live it, in Chromium: a contract, a lesson that the parent confirms on the phone, and
//! what is left goes back.

use crate::{app::World, chromium::Browser, looks::check, story::accessible};

#[tokio::test]
async fn a_parent_confirms_a_lesson_by_the_link_and_the_rest_is_refunded() {
    let world = World::new().await;
    let org = Browser::open(1280).await;
    org.sign_in(&world.org).await;
    org.go("/org/contracts").await;
    org.says("还没有合同").await;
    org.go("/org/contracts/new").await;
    for (field, text) in [
        ("#contract_no", "HT-2026-001"),
        ("#subject", "初中数学"),
        ("#pupil", "王小明"),
        ("#price_fen", "4880"),
        ("#units_bought", "61"),
    ] {
        org.fill(field, text).await;
    }
    org.choose("#product", "course").await;
    org.choose("#basis", "both").await;
    for (field, day) in
        [("#signed_on", "2026-03-01"), ("#first_lesson_on", "2026-03-09"), ("#last_lesson_on", "2026-05-31")]
    {
        org.set(field, day).await;
    }
    org.fill("#instalments", "1\u{E004}").await;
    // The rules answer before anything is sent.
    org.wait("#findings .find--block").await;
    org.says("PREPAY-UNITS-60").await;
    org.click("button[name=do][value=record]").await;
    org.wait(".govuk-error-summary").await;
    accessible(&org, "a refused contract").await;
    org.picture("contract-refused-1280").await;
    org.fill("#units_bought", "48").await;
    org.fill("#price_fen", "4800").await;
    org.click("button[name=do][value=record]").await;
    org.says("合同已登记").await;

    org.set("#paid_on", "2026-03-02").await;
    org.set("#paid_time", "10:00").await;
    org.fill("#amount_fen", "4800").await;
    org.choose("#channel", "wechat").await;
    org.fill("#receipt_no", "R-1").await;
    org.click("form[action$='/payments'] button[type=submit]").await;
    org.says("收款已登记").await;
    org.go("/org/lessons").await;
    org.set("#ended_on", "2026-03-17").await;
    org.set("#ended_time", "19:00").await;
    org.click("form[action='/org/lessons'] .actions button[type=submit]").await;
    org.says("给家长的短信").await;
    accessible(&org, "one session").await;
    org.picture("session-1280").await;
    let link = org.wait("main a[href*='/c/']").await.prop("href").await.unwrap().unwrap();
    let link = link[link.find("/c/").unwrap()..].to_owned();

    let parent = Browser::open(390).await;
    parent.go(&link).await;
    parent.says("孩子上了这节课吗").await;
    accessible(&parent, "the parent's page").await;
    parent.picture("parent-390").await;
    parent.click("button[value=confirm]").await;
    parent.says("这个链接已用过").await;
    check(&parent, &link).await;
    parent.close().await;

    org.go("/org/contracts").await;
    org.click("main table a").await;
    org.says("已确认").await;
    accessible(&org, "a contract").await;
    org.picture("contract-1280").await;
    org.click("a[href$='/refund']").await;
    org.says("确认申请退 ¥4,700.00").await;
    accessible(&org, "a refund step by step").await;
    org.picture("refund-1280").await;
    org.click("button[value=ask]").await;
    org.says("已申请退费").await;
    org.says("等教育局决定").await;
    accessible(&org, "the refunds").await;
    org.close().await;

    // The bank has not told yet who paid: the bureau decides.
    let bureau = Browser::open(1280).await;
    bureau.sign_in(&world.admin).await;
    bureau.go(&format!("/b/ledger/{}", world.credit_code)).await;
    bureau.fill("textarea[name=comment]", "已核对家长付款凭证").await;
    bureau.click("button[value=approve]").await;
    bureau.says("已同意退费").await;
    accessible(&bureau, "a refund that the bureau decides").await;
    bureau.close().await;
}

#[tokio::test]
async fn the_pages_of_the_ledger_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    let contract = serde_json::json!({
        "contract_no": "HT-2026-001", "subject": "初中数学", "basis": "both", "pupil": "王小明", "signed_on": "2026-03-01",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-09", "last_lesson_on": "2026-05-31"});
    let (status, contract) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{contract}");
    let one = format!("/org/contracts/{}", contract["id"]);
    let paid = serde_json::json!({
        "receipt_no": "R-1", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 480_000, "channel": "wechat"});
    world.org.post_json(&format!("/contracts/{}/payments", contract["id"]), paid).await;
    let session = serde_json::json!({
        "ended_at": "2026-03-16T19:00:00+08:00", "attendance": [{"contract_no": "HT-2026-001", "units": 2}]});
    world.org.post_json("/lessons", session).await;
    let page = world.org.page(&one).await;
    let link = page[page.find("/c/").unwrap()..].split('"').next().unwrap().to_owned();
    let bureau = format!("/b/ledger/{}", world.credit_code);
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        for path in [link.as_str(), "/c/nonsense"] {
            check(&browser, path).await;
        }
        browser.sign_in(&world.org).await;
        for path in [
            "/org/contracts",
            "/org/contracts?q=nothing",
            "/org/contracts/new",
            "/org/contracts/import",
            &one,
            &format!("{one}/refund"),
            "/org/lessons",
            "/org/lessons/session?at=1773658800",
            "/org/refunds",
        ] {
            check(&browser, path).await;
        }
        browser.go(&link).await;
        browser.click("details summary").await;
        browser.fill("#text", "老师没有来").await;
        if width == 1280 {
            browser.click("button[value=dispute]").await;
            browser.wait(".banner--yellow").await;
            let (status, refund) =
                world.org.post_json(&format!("/contracts/{}/refunds", contract["id"]), serde_json::json!({})).await;
            assert!(status.is_success(), "{refund}");
            check(&browser, "/org/refunds").await;
        }
        browser.sign_in(&world.admin).await;
        for path in ["/b/ledger", &bureau] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}
