//! Signing in with a real browser: a passkey made and used, and how the pages look.

use std::{net::TcpListener, sync::OnceLock};

use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{
    app::{NOW, PASSWORD, TestApp, app},
    chromium::Browser,
    looks::check,
};

/// A service that is reached by a name, as passkeys need it.
fn by_name() -> &'static (TestApp, String) {
    static APP: OnceLock<(TestApp, String)> = OnceLock::new();
    APP.get_or_init(|| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("http://localhost:{port}");
        let app = TestApp::start(&["--listen", &format!("127.0.0.1:{port}"), "--public-url", &address]);
        (app, address)
    })
}

/// Gives the browser an authenticator that holds passkeys and always recognises its owner (WebDriver extension of WebAuthn).
#[derive(Debug)]
struct AddAuthenticator;

impl WebDriverCompatibleCommand for AddAuthenticator {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/webauthn/authenticator", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let authenticator = json!({"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "isUserConsenting": true});
        (Method::POST, Some(authenticator.to_string()))
    }
}

async fn type_password(browser: &Browser, address: &str, name: &str) {
    browser.client.goto(&format!("{address}/login?lang=zh-CN")).await.unwrap();
    browser.fill("#username", name).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form button[type=submit].w100").await;
}

#[tokio::test]
async fn a_passkey_is_made_once_and_then_one_press_signs_in() {
    let (app, address) = by_name();
    let name = app.stranger("approver", app.county());
    let browser = Browser::open(1280).await;
    browser.client.issue_cmd(AddAuthenticator).await.unwrap();
    type_password(&browser, address, &name).await;
    browser.arrived("/login/enrol").await;
    browser.picture("login-enrol").await;
    browser.click("[data-passkey=make] button").await;
    browser.says("保存恢复码").await;
    let codes = browser.client.find_all(fantoccini::Locator::Css(".codes code")).await.unwrap();
    assert_eq!(codes.len(), 10);
    browser.click("[data-go-on]").await;
    browser.arrived("/b").await;
    browser.client.goto(&format!("{address}/account/security")).await.unwrap();
    browser.says("办公电脑").await;
    browser.picture("account-security-passkey").await;
    browser.click(".mj-tools form button").await;
    browser.arrived("/login").await;
    browser.click("[data-passkey=sign-in] button").await;
    browser.arrived("/b").await;
    // As the second step after the password as well.
    browser.click(".mj-tools form button").await;
    browser.arrived("/login").await;
    type_password(&browser, address, &name).await;
    browser.arrived("/login/second").await;
    browser.picture("login-second").await;
    browser.click("[data-passkey=second] button").await;
    browser.arrived("/b").await;
    browser.close().await;
}

/// The code of a shown secret, so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret.replace(' ', "")).unwrap()).build().unwrap();
    let now = chrono::DateTime::parse_from_rfc3339(NOW).unwrap().timestamp();
    totp.generate(u64::try_from(now + 30 * steps).unwrap()).to_string()
}

#[tokio::test]
async fn the_pages_of_signing_in_are_accessible_and_fit_the_phone() {
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        let name = app().stranger("approver", app().county());
        for path in ["/login", "/reset", "/reset/nothing"] {
            check(&browser, path).await;
        }
        browser.go("/login?lang=zh-CN").await;
        browser.picture(&format!("login-{width}")).await;
        type_password(&browser, &app().address, &name).await;
        browser.arrived("/login/enrol").await;
        check(&browser, "/login/enrol").await;
        browser.go("/login/enrol?lang=zh-CN").await;
        browser.picture(&format!("login-enrol-{width}")).await;
        let secret = browser.wait(".enrol__key").await.text().await.unwrap();
        browser.fill("#code", &code(&secret, -1)).await;
        browser.click("ol button[type=submit]").await;
        browser.says("恢复码：只显示这一次").await;
        browser.picture(&format!("recovery-codes-{width}")).await;
        assert!(browser.axe().await.is_empty() && browser.overflow().await <= 0);
        for path in ["/account/security", "/account/password", "/account/confirm", "/account/security?done=password"] {
            check(&browser, path).await;
        }
        browser.go("/account/security?lang=zh-CN").await;
        browser.picture(&format!("account-security-{width}")).await;
        browser.go("/account/password").await;
        browser.picture(&format!("account-password-{width}")).await;
        browser.client.delete_all_cookies().await.unwrap();
        type_password(&browser, &app().address, &name).await;
        browser.arrived("/login/second").await;
        check(&browser, "/login/second").await;
        browser.go("/login/second?lang=zh-CN").await;
        browser.fill("#code", "000000").await;
        browser.click("form button[type=submit].w100").await;
        browser.says("验证码不对").await;
        browser.picture(&format!("login-second-wrong-{width}")).await;
        assert!(browser.axe().await.is_empty() && browser.overflow().await <= 0);
        browser.close().await;
    }
}

#[tokio::test]
async fn codes_are_saved_to_a_file_by_the_page_itself() {
    let browser = Browser::open(1280).await;
    let name = app().stranger("approver", app().county());
    type_password(&browser, &app().address, &name).await;
    browser.arrived("/login/enrol").await;
    let secret = browser.wait(".enrol__key").await.text().await.unwrap();
    browser.fill("#code", &code(&secret, 0)).await;
    browser.click("ol button[type=submit]").await;
    browser.wait("[data-download]:not([hidden])").await;
    // What the button would save, without a folder for downloads.
    let script = "const made = []; URL.createObjectURL = blob => { blob.text().then(text => made.push(text)); return '#'; }; \
                  const done = arguments[0]; document.querySelector('[data-download]').click(); setTimeout(() => done(made), 300)";
    let made: Value = browser.client.execute_async(script, vec![]).await.unwrap();
    assert_eq!(made[0].as_str().unwrap().trim().lines().count(), 10);
    browser.close().await;
}
