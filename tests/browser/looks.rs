//! How pages look to everybody: accessible by axe-core, no wider than the phone, at both sizes and in both languages.

use crate::{app::World, chromium::Browser};

pub async fn check(browser: &Browser, path: &str) {
    for lang in ["zh-CN", "en"] {
        let separator = if path.contains('?') { '&' } else { '?' };
        browser.go(&format!("{path}{separator}lang={lang}")).await;
        let violations = browser.axe().await;
        assert!(violations.is_empty(), "{path} in {lang}: {violations:#?}");
        assert!(browser.overflow().await <= 0, "{path} in {lang} is wider than its window");
    }
}

#[tokio::test]
async fn public_pages_are_accessible_and_fit_the_phone() {
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        for path in [
            "/",
            "/s?q=启明",
            "/s?q=没有这家机构",
            "/v",
            "/v/52331002MJ0000018V",
            "/i/52331002MJ0000018U",
            "/login",
            "/login?next=/org",
            "/nothing",
        ] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn an_officers_pages_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    let unmask = format!("/b/unmask?kind=institution&id={}&field=phone", world.credit_code);
    let institution = format!("/b/institutions/{}", world.credit_code);
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.admin).await;
        for path in [
            "/b",
            &institution,
            &unmask,
            "/b/access",
            "/b/personal",
            "/b/approvals",
            "/b/courses",
            "/b/escrow",
            "/b/institutions",
            "/b/imports",
            "/b/calendar",
            "/b/audit",
            "/b/policies",
            "/b/policies/approvals.four_eyes",
            "/b/policies/course.makeup_day",
            "/b/audit/1",
        ] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn an_institutions_pages_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.org).await;
        for path in [
            "/org",
            "/org/courses",
            "/org/courses?status=draft",
            "/org/courses/new",
            "/org/escrow?done=answered",
            "/org/audit",
            "/org/audit?show=changes",
        ] {
            check(&browser, path).await;
        }
        // Enter checks what is typed and adds no lessons; the answer has a page in the other language.
        browser.go("/org/courses/new?lang=zh-CN").await;
        browser.fill("#name", "初一数学班\u{E007}").await;
        browser.wait(".govuk-error-summary").await;
        assert_eq!(browser.wait("#name").await.prop("value").await.unwrap().as_deref(), Some("初一数学班"));
        browser.click(".mj-tools .lang").await;
        browser.says("Course filing").await;
        browser.close().await;
    }
}
