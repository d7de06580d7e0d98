//! One's sessions and the keys of machines, in the browser.

use crate::{
    app::{World, app},
    chromium::Browser,
};

async fn check(browser: &Browser, path: &str) {
    for lang in ["en", "zh-CN"] {
        browser.go(&format!("{path}?lang={lang}")).await;
        fits(browser, &format!("{path} in {lang}")).await;
    }
}

async fn fits(browser: &Browser, what: &str) {
    let violations = browser.axe().await;
    assert!(violations.is_empty(), "{what}: {violations:#?}");
    assert!(browser.overflow().await <= 0, "{what} is wider than its window");
}

#[tokio::test]
async fn sessions_and_keys_are_looked_after_in_the_browser() {
    let world = World::new().await;
    for (width, user, base) in [(1280, &world.admin, "/b/keys"), (390, &world.org, "/org/keys")] {
        let browser = Browser::open(width).await;
        browser.sign_in(user).await;
        check(&browser, base).await;
        browser.fill("#name", "台州银行核心系统").await;
        browser.click("form[action$=keys] button").await;
        browser.says("请保存新密钥").await;
        browser.picture(&format!("key-made-{width}")).await;
        fits(&browser, "the secret").await;
        browser.click("main .govuk-button").await;
        browser.says("台州银行核心系统").await;
        check(&browser, base).await;
        // Nothing is revoked by one click.
        browser.click("details:last-of-type summary").await;
        browser.click("form[action$=revoke] button").await;
        browser.says("作废后不能恢复").await;
        browser.picture(&format!("keys-{width}")).await;
        fits(&browser, "an unsure revocation").await;

        app().sign_in(&user.name).await;
        check(&browser, "/account/sessions").await;
        browser.picture(&format!("sessions-{width}")).await;
        browser.click("main form.gap-t button").await;
        browser.says("其他登录都已结束").await;
        fits(&browser, "the sessions").await;
        browser.close().await;
    }
}
