//! Passwords: guessing them, changing them, getting a new one by mail.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};
use serde_json::json;

use crate::{
    app::{NOW, PASSWORD, TestApp, app},
    personal_leaks::free_port,
};

/// A service behind a proxy on this machine, so that tests may come from any address.
fn behind_proxy() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    let (proxies, metrics) = (["--trusted-proxies", "127.0.0.0/8"], ["--metrics-listen", metrics()]);
    APP.get_or_init(|| TestApp::start(&[&proxies[..], &metrics, &["--requests-per-second", "20"]].concat()))
}

/// Where that service tells its figures.
fn metrics() -> &'static str {
    static METRICS: OnceLock<String> = OnceLock::new();
    METRICS.get_or_init(|| format!("127.0.0.1:{}", free_port()))
}

fn browser() -> Client {
    Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap()
}

async fn try_by_form(app: &TestApp, browser: &Client, from: &str, name: &str, password: &str) -> Response {
    let request = browser.post(format!("{}/login", app.address)).header("x-forwarded-for", from);
    request.form(&[("username", name), ("password", password)]).send().await.unwrap()
}

async fn try_by_api(app: &TestApp, from: &str, name: &str, password: &str) -> Response {
    let request = app.visitor().request(Method::POST, "/api/v1/auth/login").header("x-forwarded-for", from);
    request.json(&json!({"username": name, "password": password})).send().await.unwrap()
}

/// What the answers to wrong passwords say, without what names the request.
async fn guesses(app: &TestApp, name: &str, from: &str) -> Vec<(u16, Option<String>, serde_json::Value)> {
    let mut said = Vec::new();
    for _ in 0..12 {
        let answer = try_by_api(app, from, name, "not the password at all").await;
        let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let mut problem: serde_json::Value = answer.json().await.unwrap();
        problem.as_object_mut().unwrap().remove("instance");
        said.push((status, wait, problem));
    }
    said
}

#[tokio::test]
async fn guessing_is_slowed_alike_for_every_name_and_locks_nobody_out() {
    let app = behind_proxy();
    let officer = app.user("approver", app.county()).await;
    let signed_in = try_by_form(app, &browser(), "203.0.113.9", &officer.name, PASSWORD).await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    let cookies = signed_in.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let device = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with("mj_device="));
    // What is left of it after the session has ended.
    let own = Client::builder()
        .default_headers([("cookie".parse().unwrap(), device.unwrap().parse().unwrap())].into_iter().collect())
        .redirect(Policy::none())
        .build()
        .unwrap();
    let real = guesses(app, &officer.name, "198.51.100.1").await;
    let made_up = guesses(app, "nobody.at.all", "198.51.100.2").await;
    assert_eq!(real, made_up, "nothing tells whether the account exists");
    assert_eq!(real[9].0, 401);
    assert_eq!((real[10].0, real[10].1.as_deref()), (429, Some("31")));
    let answer = try_by_api(app, "198.51.100.1", &officer.name, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "the right password gains the guesser nothing now");
    // The owner's browser is known, whatever address it comes from, even the guesser's.
    let answer = try_by_form(app, &own, "198.51.100.1", &officer.name, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    // A stranger from elsewhere still may try.
    let answer = try_by_form(app, &browser(), "192.0.2.80", &officer.name, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    // The page says so as well, and keeps the name.
    let answer = try_by_form(app, &browser(), "198.51.100.1", &officer.name, "x").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let page = answer.text().await.unwrap();
    assert!(page.contains("尝试次数过多") && page.contains(&officer.name), "{page}");
}

#[tokio::test]
async fn many_addresses_at_once_gain_nothing_and_the_failures_outlive_the_process() {
    let app = behind_proxy();
    let name = app.stranger("approver", app.county());
    let tries = (0..80).map(|n| {
        let (name, from) = (name.clone(), format!("2001:db8:{n:x}::1"));
        async move { try_by_api(app, &from, &name, "not the password at all").await.status() }
    });
    let answers = futures_util::future::join_all(tries).await;
    let judged = answers.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(judged, 60, "as many guesses as the name's own limit");
    let kept = app.run_sql("SELECT count(*)::text FROM attempts WHERE failures >= 60");
    assert_eq!(kept.await, "1", "in the database, and by no name");
}

#[tokio::test]
async fn what_a_visitor_says_of_the_own_address_is_not_believed() {
    let app = app();
    let name = app.stranger("approver", app.county());
    let mut last = StatusCode::OK;
    for n in 0..11 {
        last = try_by_api(app, &format!("203.0.113.{n}"), &name, "not the password at all").await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS, "all came from one address");
}

#[tokio::test]
async fn one_address_that_asks_too_fast_is_told_to_wait() {
    let app = behind_proxy();
    let ask = |from: &'static str| async move {
        app.visitor().request(Method::GET, "/healthz").header("x-forwarded-for", from).send().await.unwrap()
    };
    let mut answers = Vec::new();
    for _ in 0..400 {
        answers.push(ask("203.0.113.200").await);
    }
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS).collect();
    assert!(!refused.is_empty() && refused.iter().all(|answer| answer.headers().contains_key("retry-after")));
    assert_eq!(ask("203.0.113.201").await.status(), StatusCode::OK);
    let figures = reqwest::get(format!("http://{}/metrics", metrics())).await.unwrap().text().await.unwrap();
    let counted = figures.lines().find_map(|line| line.strip_prefix("http_requests_total{status=\"429\"} "));
    assert!(refused.len() <= counted.unwrap().parse::<usize>().unwrap(), "they are counted: {figures}");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_is_told_by_mail() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let elsewhere = app.sign_in(&officer.name).await;
    for (current, new, status, says) in [
        ("not my password", "velvet harbor lantern", 422, "当前密码不对"),
        (PASSWORD, "short", 422, "至少要 15 个字符"),
        (PASSWORD, "password2026!!!!", 422, "已泄露"),
        (PASSWORD, &format!("{}-2026", officer.name), 422, "容易被猜到"),
    ] {
        let answer = officer.submit("/account/password", &[("current", current), ("new", new)]).await;
        assert_eq!(answer.status().as_u16(), status, "{new}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(says) && !page.contains(new), "{says}: {page}");
    }
    assert_eq!(elsewhere.get("/b").await.status(), StatusCode::OK, "nothing was changed");
    let answer =
        officer.submit("/account/password", &[("current", PASSWORD), ("new", "白鹭 velvet 灯笼 harbor")]).await;
    assert_eq!(answer.headers()["location"], "/account/security?done=password");
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK);
    assert_eq!(elsewhere.get("/b").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(elsewhere.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(try_by_api(app, "", &officer.name, PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
    // However the keyboard composes it: full width here.
    let answer = try_by_api(app, "", &officer.name, "白鹭　ｖｅｌｖｅｔ　灯笼　ｈａｒｂｏｒ").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mail = mail_to(app, &officer.name, "密码已修改").await;
    assert!(!mail.contains("velvet"), "{mail}");
    let told =
        format!("SELECT string_agg(action, ' ' ORDER BY seq) FROM audit_events WHERE actor_name = '{}'", officer.name);
    let trail = app.run_sql(&told).await;
    assert!(trail.contains("password.changed") && trail.contains("session.ended"), "{trail}");
}

/// The newest mail to somebody that says something, as it left the system, waiting for it.
async fn mail_to(app: &TestApp, name: &str, says: &str) -> String {
    let until = Instant::now() + Duration::from_secs(15);
    loop {
        let mails = std::fs::read_dir(app.data.join("mail")).into_iter().flatten().flatten();
        let read = mails.filter_map(|mail| std::fs::read_to_string(mail.path()).ok());
        let to = format!("To: {name}@test.example");
        if let Some(mail) =
            read.filter(|mail| mail.contains(&to)).map(|mail| text_of(&mail)).find(|text| text.contains(says))
        {
            return mail;
        }
        assert!(Instant::now() < until, "a mail to {name} says {says}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The body of a mail, whose lines may be encoded.
fn text_of(mail: &str) -> String {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("base64") {
        return body.to_owned();
    }
    let joined: String = body.split_whitespace().collect();
    String::from_utf8(base64::Engine::decode(&base64::engine::general_purpose::STANDARD, joined).unwrap()).unwrap()
}

async fn ask_for_link(app: &TestApp, asked: &str) -> String {
    let request = app.visitor().request(Method::POST, "/reset").form(&[("asked", asked)]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap().replace(asked, "…")
}

#[tokio::test]
async fn a_new_password_by_mail_works_once_and_says_nothing_of_who_exists() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let real = ask_for_link(app, &officer.name).await;
    assert!(real.contains("请查看邮箱"), "{real}");
    assert_eq!(real, ask_for_link(app, "nobody.at.all").await);
    let mail = mail_to(app, &officer.name, "/reset/").await;
    let path = mail[mail.find("/reset/").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let browser = browser();
    let page = browser.get(format!("{}{path}", app.address)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains(&officer.name));
    let set = |new: &'static str| {
        let request = browser.post(format!("{}{path}", app.address)).form(&[("new", new)]);
        async move { request.send().await.unwrap() }
    };
    assert_eq!(set("too short").await.status(), StatusCode::UNPROCESSABLE_ENTITY, "and the link stays good");
    let answer = set("velvet harbor lantern").await;
    assert_eq!(answer.headers()["location"], "/login?done=reset");
    assert_eq!(officer.get("/b").await.status(), StatusCode::SEE_OTHER, "every session has ended");
    assert_eq!(set("another velvet lantern").await.status(), StatusCode::NOT_FOUND, "the link is used");
    for made_up in ["/reset/nothing", "/reset/%00", "/reset/x%27%20OR%201=1"] {
        let page = app.visitor().get(made_up).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{made_up}");
    }
    assert_eq!(try_by_api(app, "", &officer.name, "velvet harbor lantern").await.status(), StatusCode::OK);
    mail_to(app, &officer.name, "密码已通过邮件重设").await;
    // The address on record works as well as the name, and a mailbox is not flooded.
    for _ in 0..6 {
        ask_for_link(app, &format!("{}@TEST.example", officer.name)).await;
    }
    let sent = format!(
        "SELECT count(*)::text FROM outbox WHERE recipient = '{}@test.example' AND subject LIKE '%重设密码 /%' AND body = ''",
        officer.name
    );
    let begun = Instant::now();
    while app.run_sql(&sent).await != "3" && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(app.run_sql(&sent).await, "3");
}

#[tokio::test]
async fn a_link_is_good_for_half_an_hour_and_a_disabled_person_gets_none() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    ask_for_link(app, &officer.name).await;
    let mail = mail_to(app, &officer.name, "/reset/").await;
    let path = mail[mail.find("/reset/").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let half_an_hour = format!(
        "SELECT (expires_at - '{NOW}')::text FROM steps s JOIN people p ON p.id = s.person_id \
         WHERE s.purpose = 'reset' AND p.username = '{}'",
        officer.name
    );
    assert_eq!(app.run_sql(&half_an_hour).await, "00:30:00");
    app.run_sql(&format!(
        "UPDATE steps s SET expires_at = '2026-03-18T09:00:00+08:00' FROM people p WHERE p.id = s.person_id AND p.username = '{}' RETURNING '1'",
        officer.name
    ))
    .await;
    assert_eq!(app.visitor().get(&path).await.status(), StatusCode::NOT_FOUND, "at the very end it is over");
    let other = app.user("approver", app.county()).await;
    app.run_sql(&format!("UPDATE people SET status = 'disabled' WHERE username = '{}' RETURNING '1'", other.name))
        .await;
    ask_for_link(app, &other.name).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = format!("SELECT count(*)::text FROM outbox WHERE recipient = '{}@test.example'", other.name);
    assert_eq!(app.run_sql(&sent).await, "0");
}
