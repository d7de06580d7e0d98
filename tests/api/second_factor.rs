//! The second step of signing in: codes of an app, recovery codes, and who must have one.

use mingjian::kernel::RegionCode;
use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::app::{NOW, PASSWORD, TestApp, app};

fn browser() -> Client {
    Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap()
}

/// The code of a shown secret, so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    let now = chrono::DateTime::parse_from_rfc3339(NOW).unwrap().timestamp();
    totp.generate(u64::try_from(now + 30 * steps).unwrap()).to_string()
}

fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let at = page.find(from).unwrap_or_else(|| panic!("{from} in {page}")) + from.len();
    page[at..].split(to).next().unwrap()
}

struct Person<'a> {
    app: &'a TestApp,
    name: String,
    browser: Client,
}

impl<'a> Person<'a> {
    fn new(app: &'a TestApp, role: &str, region: RegionCode) -> Person<'a> {
        Person { app, name: app.stranger(role, region), browser: browser() }
    }

    async fn get(&self, path: &str) -> Response {
        self.browser.get(format!("{}{path}", self.app.address)).send().await.unwrap()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        // The browser may be signed in already, and then its forms carry the token of that session.
        let page = self.get("/login").await.text().await.unwrap();
        let csrf = between(&page, "name=\"_csrf\" value=\"", "\"");
        let fields: Vec<_> = fields.iter().copied().chain([("_csrf", csrf)]).collect();
        self.browser.post(format!("{}{path}", self.app.address)).form(&fields).send().await.unwrap()
    }

    async fn password(&self) -> Response {
        self.post("/login", &[("username", &self.name), ("password", PASSWORD), ("next", "/b/audit")]).await
    }

    /// Signs in, sets an app up and returns its secret with the recovery codes.
    async fn enrol(&self) -> (String, Vec<String>) {
        let answer = self.password().await;
        assert_eq!(answer.headers()["location"], "/login/enrol?next=%2Fb%2Faudit");
        let page = self.get("/login/enrol").await.text().await.unwrap();
        let secret = between(&page, "enrol__key\">", "<").to_owned();
        let answer = self.post("/login/enrol", &[("code", &code(&secret, -1)), ("next", "/b/audit")]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.text().await.unwrap();
        let codes = page.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
        (secret, codes)
    }

    async fn api(&self, totp: Option<&str>) -> (StatusCode, Value) {
        let mut login = json!({"username": self.name, "password": PASSWORD});
        if let Some(totp) = totp {
            login["totp"] = json!(totp);
        }
        let answer = self.app.visitor().request(Method::POST, "/api/v1/auth/login").json(&login).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn an_official_reaches_nothing_before_a_second_factor_is_set_up() {
    let app = app();
    let officer = Person::new(app, "approver", app.county());
    assert_eq!(officer.api(None).await.1["type"], "/problems/second-factor-enrolment-needed");
    assert!(officer.password().await.headers()["location"].to_str().unwrap().starts_with("/login/enrol"));
    for path in ["/b", "/account/security", "/b/audit"] {
        assert_eq!(officer.get(path).await.status(), StatusCode::SEE_OTHER, "{path} leads to signing in");
    }
    let wrong = officer.post("/login/enrol", &[("code", "000000")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(officer.get("/b").await.status(), StatusCode::SEE_OTHER, "a wrong code sets nothing up");
    let (_, codes) = officer.enrol().await;
    assert_eq!(codes.len(), 10);
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK);
    let page = officer.get("/account/security").await.text().await.unwrap();
    assert!(page.contains("已启用") && !page.contains("确认停用"), "the only factor of one who must have one stays");
    let answer = officer.post("/account/totp/remove", &[]).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    // An institution's user may do without.
    let world = crate::app::World::new().await;
    assert_eq!(world.org.get("/org").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_asked_for_after_the_password_and_good_once() {
    let app = app();
    let officer = Person::new(app, "approver", app.county());
    let (secret, _) = officer.enrol().await;
    let other = Person { app, name: officer.name.clone(), browser: browser() };
    assert_eq!(other.password().await.headers()["location"], "/login/second?next=%2Fb%2Faudit");
    assert_eq!(other.get("/b").await.status(), StatusCode::SEE_OTHER);
    let used = other.post("/login/second", &[("code", &code(&secret, -1))]).await;
    assert_eq!(used.status(), StatusCode::UNAUTHORIZED, "the code that set the app up is used");
    let page = used.text().await.unwrap();
    assert!(page.contains("验证码不对，或已经用过") && !page.contains(&code(&secret, -1)));
    let answer = other.post("/login/second", &[("code", &code(&secret, 0)), ("next", "/b/audit")]).await;
    assert_eq!(answer.headers()["location"], "/b/audit");
    assert_eq!(other.get("/b").await.status(), StatusCode::OK);
    // The API tells that a code is needed only after the right password.
    assert_eq!(officer.api(None).await.1["type"], "/problems/second-factor-needed");
    let (status, problem) = officer.api(Some(&code(&secret, 0))).await;
    assert_eq!((status.as_u16(), &problem["type"]), (401, &json!("/problems/second-factor-refused")), "used already");
    let next = code(&secret, 1);
    let (first, second) = tokio::join!(officer.api(Some(&next)), officer.api(Some(&next)));
    let mut both = [first.0.as_u16(), second.0.as_u16()];
    both.sort_unstable();
    assert_eq!(both, [200, 401], "of two uses at once one comes second");
    let login = json!({"username": officer.name, "password": "not the password at all", "totp": "123456"});
    let answer = app.visitor().request(Method::POST, "/api/v1/auth/login").json(&login).send().await.unwrap();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/sign-in-refused");
    // The secret is not in the database as it is, neither its bytes nor its text.
    let kept = format!(
        "SELECT encode(t.sealed, 'hex') FROM totp_secrets t JOIN people p ON p.id = t.person_id WHERE p.username = '{}'",
        officer.name
    );
    let kept = app.run_sql(&kept).await;
    let text = secret.replace(' ', "");
    let bytes = Secret::try_from_base32(&text).unwrap();
    assert!(!kept.contains(&hex::encode(&bytes)) && !kept.contains(&hex::encode(&text)), "{kept}");
}

#[tokio::test]
async fn wrong_codes_end_the_step_and_then_the_waiting_begins() {
    let app = app();
    let officer = Person::new(app, "approver", app.county());
    let (secret, _) = officer.enrol().await;
    let other = Person { app, name: officer.name.clone(), browser: browser() };
    other.password().await;
    for _ in 0..5 {
        let answer = other.post("/login/second", &[("code", "000000")]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = other.post("/login/second", &[("code", &code(&secret, 0))]).await;
    assert!(answer.text().await.unwrap().contains("从头再来一次"), "even the right one comes too late");
    let mut last = StatusCode::OK;
    for n in 0..12 {
        if n % 5 == 0 {
            other.password().await;
        }
        last = other.post("/login/second", &[("code", "000000")]).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    // Whoever knows the password and guesses codes elsewhere does not keep the owner out.
    officer.password().await;
    let answer = officer.post("/login/second", &[("code", &code(&secret, 0))]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "the owner's browser is a known one");
}

#[tokio::test]
async fn recovery_codes_work_once_and_new_ones_end_the_old() {
    let app = app();
    let officer = Person::new(app, "approver", app.county());
    let (_, codes) = officer.enrol().await;
    let typed = codes[0].to_uppercase().replace('-', " ");
    assert_eq!(officer.api(Some(&typed)).await.0, StatusCode::OK);
    assert_eq!(officer.api(Some(&typed)).await.0, StatusCode::UNAUTHORIZED);
    let page = officer.get("/account/security").await.text().await.unwrap();
    assert!(page.contains("<span class=\"num\">9</span>"), "{page}");
    let answer = officer.post("/account/recovery", &[]).await.text().await.unwrap();
    assert_eq!(answer.matches("<li><code>").count(), 10);
    assert!(answer.contains("旧的都已作废") && !answer.contains("两步验证已启用"), "{answer}");
    assert_eq!(officer.api(Some(&codes[1])).await.0, StatusCode::UNAUTHORIZED);
    let fresh = between(&answer, "<li><code>", "<");
    assert_eq!(officer.api(Some(fresh)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn changes_ask_who_one_is_unless_one_has_just_signed_in() {
    let app = app();
    let officer = Person::new(app, "approver", app.county());
    let (secret, _) = officer.enrol().await;
    // An hour ago, as far as the service knows.
    app.run_sql(&format!(
        "UPDATE sessions s SET created_at = s.created_at - interval '1 hour' FROM users u JOIN people p ON p.id = u.person_id \
         WHERE u.id = s.user_id AND u.tenant_id = s.tenant_id AND p.username = '{}' RETURNING '1'",
        officer.name
    ))
    .await;
    let page = officer.get("/account/security").await.text().await.unwrap();
    assert!(page.contains("确认身份") && !page.contains("换一部手机"), "{page}");
    for path in ["/account/totp", "/account/totp/remove", "/account/recovery"] {
        let answer = officer.post(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let wrong = officer.post("/account/confirm", &[("password", "wrong")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let right = officer.post("/account/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(right.headers()["location"], "/login/second?next=%2Faccount%2Fsecurity");
    let now = code(&secret, 0);
    let fields = [("code", now.as_str()), ("next", "/account/security")];
    assert_eq!(officer.post("/login/second", &fields).await.headers()["location"], "/account/security");
    let page = officer.get("/account/security").await.text().await.unwrap();
    assert!(page.contains("换一部手机"), "{page}");
    // Another phone: the old one's codes end.
    let answer = officer.post("/account/totp", &[]).await;
    assert_eq!(answer.headers()["location"], "/account/totp");
    let page = officer.get("/account/totp").await.text().await.unwrap();
    let newer = between(&page, "enrol__key\">", "<").to_owned();
    let answer = officer.post("/account/totp/confirm", &[("code", &code(&newer, 0))]).await;
    assert_eq!(answer.headers()["location"], "/account/security?done=totp");
    assert_eq!(officer.api(Some(&code(&secret, 1))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(officer.api(Some(&code(&newer, 1))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn who_has_lost_every_factor_sets_up_another_after_an_operator_took_the_lost_ones() {
    let app = app();
    let (county, elsewhere) = (app.county().to_string(), app.county().to_string());
    let officer = Person::new(app, "approver", county.parse().unwrap());
    let (secret, codes) = officer.enrol().await;
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK);
    let reset = |region: &str, name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mingjian"));
        command.args([
            "user",
            "reset-factors",
            "--region",
            region,
            "--reason",
            "李敏、陈立当面核对身份证",
            name,
            "--data",
        ]);
        let output = command.arg(&app.data).env("MINGJIAN_CLOCK", NOW).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), said[0].clone() + &said[1])
    };
    for (region, name) in [(&elsewhere, officer.name.as_str()), (&county, "nobody.at.all")] {
        let (status, said) = reset(region, name);
        assert!(status == 2 && said.contains("holds a post in use"), "{said}");
    }
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK, "nothing was changed");
    officer.password().await;
    let (status, said) = reset(&county, &officer.name);
    assert_eq!(status, 0, "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told, json!({"totp": true, "passkeys": 0, "recovery_codes": 10, "sessions_ended": 1}));
    assert_eq!(reset(&county, &officer.name).0, 2, "there is nothing left to take");
    let ended = async || officer.get("/b").await.status() == StatusCode::SEE_OTHER;
    for _ in 0..100 {
        if ended().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    assert!(ended().await, "the session is over in the process that serves");
    let lost = [code(&secret, 1), codes[0].clone()];
    for old in [None, Some(lost[0].as_str()), Some(lost[1].as_str())] {
        assert_eq!(officer.api(old).await.1["type"], "/problems/second-factor-enrolment-needed", "{old:?}");
    }
    // The step of the password from before is over as well; the next sign-in sets another app up.
    let stale = officer.post("/login/second", &[("code", &lost[0])]).await;
    assert!(stale.text().await.unwrap().contains("从头再来一次"));
    let (newer, fresh) = officer.enrol().await;
    assert_eq!((officer.get("/b").await.status(), fresh.len()), (StatusCode::OK, 10));
    assert_eq!(officer.api(Some(&code(&newer, 1))).await.0, StatusCode::OK);
    let sql = |what: &str| {
        format!(
            "SELECT coalesce(string_agg({what}, '|'), '') FROM audit_events e \
        WHERE e.action = 'factors.reset' AND e.after->>'username' = '{}'",
            officer.name
        )
    };
    let on_record = app.run_sql(&sql("e.tenant_id || ' ' || e.actor_role || ' ' || e.reason")).await;
    assert_eq!(on_record, format!("{county} system 李敏、陈立当面核对身份证"));
    let mails = format!(
        "SELECT count(*)::text FROM outbox WHERE recipient = '{}@test.example' AND subject LIKE '%两步验证已由%'",
        officer.name
    );
    assert_eq!(app.run_sql(&mails).await, "1");
}
