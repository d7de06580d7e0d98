//! Signing in by a province's identity provider, against a real one in a process of its own.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use mingjian::kernel::RegionCode;
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

use crate::app::TestApp;

const PUBLIC: &str = "http://mingjian.test";
const WAY: &str = "/login/oidc/330000/zwfw";
const JIAOJIANG: &str = "331002";
const WENLING: &str = "331081";

/// The provider's process; ends with the test.
struct Provider {
    process: Child,
    issuer: String,
    /// Kept open: what writes to a closed pipe dies of it.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    fn start() -> Provider {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");
        let mut process = Command::new("node")
            .args(["provider.mjs", &format!("{PUBLIC}{WAY}/callback")])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is there; script/bootstrap installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = lines.find_map(|line| line.ok().filter(|line| line.starts_with("http://")));
        let issuer = issuer.expect("the provider says its issuer; script/bootstrap installs it");
        Provider { process, issuer, _said: lines }
    }

    async fn put(&self, path: &str, body: Value) {
        let answer = Client::new().put(format!("{}/test/{path}", self.issuer)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    async fn person(&self, name: &str, groups: &[&str]) {
        self.put(
            &format!("people/{name}"),
            json!({"groups": groups, "name": format!("{name} 王"), "email": format!("{name}@test.example")}),
        )
        .await;
    }

    /// The person goes through the provider's pages; where the provider sends them in the end.
    async fn authorize(&self, address: &str, person: &str) -> String {
        let browser = Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        let hint = if person.is_empty() { String::new() } else { format!("&login_hint={person}") };
        let mut at = format!("{address}{hint}");
        for _ in 0..6 {
            let answer = browser.get(&at).send().await.unwrap();
            let (status, location) = (answer.status(), answer.headers().get(header::LOCATION).cloned());
            let Some(location) = location else { panic!("{at}: {status} {}", answer.text().await.unwrap()) };
            let location = location.to_str().unwrap();
            at = if location.starts_with('/') { format!("{}{location}", self.issuer) } else { location.to_owned() };
            if at.starts_with(PUBLIC) {
                return at;
            }
        }
        panic!("the provider sends nobody back: {at}");
    }
}

/// A service that knows the provider, with these lines of `group`, role and bureau.
fn connected(provider: &Provider, lines: &[(&str, &str, &str)]) -> TestApp {
    let app = TestApp::start(&["--public-url", PUBLIC]);
    let add = [
        "oidc",
        "add",
        "--region",
        "330000",
        "--issuer",
        &provider.issuer,
        "--client-id",
        "mingjian",
        "--secret-stdin",
    ];
    app.run(&[&add[..], &["--name", "浙江政务", "zwfw"]].concat(), "the-secret-of-this-client-0123456789\n");
    for (value, role, at) in lines {
        map(&app, value, role, at);
    }
    app
}

fn map(app: &TestApp, value: &str, role: &str, at: &str) {
    let line = [
        "oidc", "map", "--region", "330000", "--claim", "groups", "--value", value, "--role", role, "--at", at, "zwfw",
    ];
    app.run(&line, "");
}

/// Begins a sign-in: the address at the provider, and the cookie that waits.
async fn leave(app: &TestApp) -> (String, String) {
    let answer = app.visitor().get(&format!("{WAY}?next=%2Fb%2Finstitutions")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{:?}", answer.text().await);
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/login/oidc", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let address = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
    for part in ["code_challenge_method=S256", "response_type=code", "state=", "nonce="] {
        assert!(address.contains(part), "{address}");
    }
    (address, cookie)
}

async fn come_back(app: &TestApp, callback: &str, cookie: &str) -> Response {
    let path = callback.strip_prefix(PUBLIC).unwrap();
    app.visitor().request(reqwest::Method::GET, path).header(header::COOKIE, cookie).send().await.unwrap()
}

/// Goes the whole way; the answer of the service to who came back.
async fn sign_in(app: &TestApp, provider: &Provider, person: &str) -> Response {
    let (address, cookie) = leave(app).await;
    let callback = provider.authorize(&address, person).await;
    come_back(app, &callback, &cookie).await
}

/// The cookies of somebody who got in.
fn session(answer: &Response) -> Option<String> {
    let set = answer.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let own = set.filter(|cookie| cookie.starts_with("mj_access=") || cookie.starts_with("mj_refresh="));
    let cookies: Vec<&str> = own.map(|cookie| cookie.split(';').next().unwrap()).collect();
    (cookies.len() == 2).then(|| cookies.join("; "))
}

async fn page(app: &TestApp, cookies: &str, path: &str) -> Response {
    app.visitor().request(reqwest::Method::GET, path).header(header::COOKIE, cookies).send().await.unwrap()
}

/// Refused, with a page that says this, and nobody signed in.
async fn refused(answer: Response, status: StatusCode, words: &str, case: &str) {
    assert_eq!(answer.status(), status, "{case}");
    assert!(session(&answer).is_none(), "{case}");
    let text = answer.text().await.unwrap();
    assert!(text.contains(words), "{case}: {text}");
}

#[tokio::test]
async fn a_post_follows_what_the_provider_says_of_a_person() {
    let provider = Provider::start();
    let app = connected(&provider, &[("edu-331002-approver", "approver", JIAOJIANG)]);
    let county = |code: &str| code.parse::<RegionCode>().unwrap();
    let admin = app.user("bureau_admin", county(JIAOJIANG)).await;
    let login = app.visitor().page("/login?next=%2Fb").await;
    assert!(login.contains("用浙江政务账号登录") && login.contains(WAY), "{login}");

    provider.person("wang", &["edu-331081-approver"]).await;
    refused(sign_in(&app, &provider, "wang").await, StatusCode::FORBIDDEN, "还没有对应到明鉴的岗位", "unmapped").await;
    provider.person("wang", &["staff", "edu-331002-approver"]).await;
    let first = sign_in(&app, &provider, "wang").await;
    assert_eq!(
        (first.status(), &first.headers()[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/b/institutions".parse().unwrap())
    );
    let approver = session(&first).unwrap();
    let desk = page(&app, &approver, "/b/approvals").await;
    assert_eq!(desk.status(), StatusCode::OK);
    assert!(desk.text().await.unwrap().contains("wang 王"), "by the name that the provider gave");
    assert!(page(&app, &approver, "/b/keys").await.status() == StatusCode::FORBIDDEN, "an approver, and no more");

    // Again, and it is the same person.
    let again = session(&sign_in(&app, &provider, "wang").await).unwrap();
    let sessions = page(&app, &again, "/account/sessions").await.text().await.unwrap();
    assert_eq!(sessions.matches("name=\"session\"").count(), 3, "two sessions, and all others: {sessions}");

    // Another role: what was open under the old one ends.
    map(&app, "edu-331002-admin", "bureau_admin", JIAOJIANG);
    provider.person("wang", &["edu-331002-admin"]).await;
    assert_eq!(page(&app, &approver, "/b/approvals").await.status(), StatusCode::OK, "until the next sign-in");
    let administrator = session(&sign_in(&app, &provider, "wang").await).unwrap();
    assert_eq!(page(&app, &approver, "/b/approvals").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(page(&app, &administrator, "/b/keys").await.status(), StatusCode::OK);

    // Another bureau.
    map(&app, "edu-331081-inspector", "inspector", WENLING);
    provider.person("wang", &["edu-331081-inspector"]).await;
    let inspector = session(&sign_in(&app, &provider, "wang").await).unwrap();
    assert_eq!(page(&app, &administrator, "/b/approvals").await.status(), StatusCode::SEE_OTHER);
    assert!(page(&app, &inspector, "/b").await.text().await.unwrap().contains("温岭市教育局"));

    // None at all, and once more.
    provider.person("wang", &[]).await;
    refused(sign_in(&app, &provider, "wang").await, StatusCode::FORBIDDEN, "还没有对应到", "withdrawn").await;
    assert_eq!(page(&app, &inspector, "/b").await.status(), StatusCode::SEE_OTHER, "ended at once");
    provider.person("wang", &["edu-331002-approver"]).await;
    assert!(session(&sign_in(&app, &provider, "wang").await).is_some(), "back in the first bureau");
    let trail = admin.page("/b/audit").await;
    for words in ["新增账号", "变更角色", "停用账号", "浙江政务"] {
        assert!(trail.contains(words), "{words}: {trail}");
    }
    refused(sign_in(&app, &provider, "").await, StatusCode::BAD_REQUEST, "没有完成", "the person gave up").await;
}

#[tokio::test]
async fn nobody_gets_in_by_what_does_not_belong_to_their_own_sign_in() {
    let provider = Provider::start();
    let app = connected(&provider, &[("edu", "approver", JIAOJIANG)]);
    provider.person("li", &["edu"]).await;
    let mismatch = "不是从本浏览器开始的";
    let (address, cookie) = leave(&app).await;
    let callback = provider.authorize(&address, "li").await;
    let with = |name: &str, value: Option<&str>| {
        let (path, query) = callback.split_once('?').unwrap();
        let rest = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).map(str::to_owned);
        let all: Vec<String> = rest.chain(value.map(|value| format!("{name}={value}"))).collect();
        format!("{path}?{}", all.join("&"))
    };
    let (_, others) = leave(&app).await;
    for (case, callback, cookie) in [
        ("no cookie", callback.clone(), ""),
        ("another's sign-in (the state differs)", callback.clone(), &*others),
        ("a made-up cookie", callback.clone(), "mj_oidc=AAAA"),
        ("another state", with("state", Some("x")), &*cookie),
        ("no state", with("state", None), &*cookie),
        ("another provider's answer (iss differs)", with("iss", Some("https%3A%2F%2Fevil.example")), &*cookie),
        ("no iss, although the provider sends one", with("iss", None), &*cookie),
        ("nothing but the cookie", format!("{PUBLIC}{WAY}/callback"), &*cookie),
    ] {
        refused(come_back(&app, &callback, cookie).await, StatusCode::BAD_REQUEST, mismatch, case).await;
    }
    let made_up = with("code", Some("made-up"));
    refused(come_back(&app, &made_up, &cookie).await, StatusCode::BAD_REQUEST, "没有完成", "a made-up code").await;
    let late = app.beside("2026-03-18T09:10:00+08:00", &["--public-url", PUBLIC]);
    refused(come_back(&late, &callback, &cookie).await, StatusCode::BAD_REQUEST, mismatch, "ten minutes later").await;
    assert!(session(&come_back(&app, &callback, &cookie).await).is_some(), "the right one gets in");
    refused(come_back(&app, &callback, &cookie).await, StatusCode::BAD_REQUEST, "没有完成", "the same code again")
        .await;
    assert_eq!(app.visitor().get("/login/oidc/330000/another").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(app.visitor().get("/login/oidc/0x/zwfw").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_id_token_that_is_not_for_us_or_not_for_this_sign_in_is_refused() {
    let provider = Provider::start();
    let app = connected(&provider, &[("edu", "approver", JIAOJIANG)]);
    provider.person("zhao", &["edu"]).await;
    let mismatch = (StatusCode::BAD_REQUEST, "不是从本浏览器开始的");
    let broken = (StatusCode::BAD_GATEWAY, "没有正常应答");
    for (case, change, (status, words)) in [
        ("another nonce", json!({"claims": {"nonce": "another"}}), mismatch),
        ("no nonce", json!({"claims": {"nonce": null}}), mismatch),
        ("another audience", json!({"claims": {"aud": "another"}}), mismatch),
        ("another issuer", json!({"claims": {"iss": "https://evil.example"}}), mismatch),
        ("expired", json!({"claims": {"exp": 1_700_000_000}}), mismatch),
        ("unsigned", json!({"unsigned": true}), mismatch),
        ("signed by another key", json!({"key": "another", "claims": {}}), mismatch),
        ("somebody else than the userinfo says", json!({"claims": {"sub": "qian"}}), mismatch),
        ("an answer without end", json!({"huge": true}), broken),
    ] {
        provider.put("tamper", change).await;
        refused(sign_in(&app, &provider, "zhao").await, status, words, case).await;
    }
    provider.put("tamper", json!({"claims": {"name": "赵"}})).await;
    assert!(session(&sign_in(&app, &provider, "zhao").await).is_some(), "signed anew, but right");
    // A provider that is gone.
    let issuer = provider.issuer.clone();
    drop(provider);
    let fresh = app.beside(crate::app::NOW, &["--public-url", PUBLIC]);
    assert_eq!(fresh.visitor().get(WAY).await.status(), StatusCode::BAD_GATEWAY, "{issuer}");
    let login = fresh.visitor().get("/login").await;
    assert_eq!(login.status(), StatusCode::OK, "the password still works");
}

#[tokio::test]
async fn settings_that_open_too_much_are_refused() {
    let app = TestApp::start(&[]);
    let refusal = |arguments: &[&str], words: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mingjian"))
            .args(arguments)
            .arg("--data")
            .arg(&app.data)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    let add = |issuer: &'static str, id: &'static str| {
        ["oidc", "add", "--region", "330000", "--client-id", "x", "--issuer", issuer, id]
    };
    refusal(&add("http://id.example.gov.cn", "zwfw"), "https");
    refusal(&add("https://id.example.gov.cn", "../x"), "lower-case");
    app.run(&add("https://id.example.gov.cn", "zwfw"), "");
    refusal(&add("https://other.example.gov.cn", "zwfw"), "another issuer");
    let map = |role: &'static str, at: &'static str| {
        ["oidc", "map", "--region", "330000", "--claim", "g", "--value", "v", "--role", role, "--at", at, "zwfw"]
    };
    refusal(&map("approver", "320100"), "range");
    refusal(&map("bank", "331002"), "cannot give the role");
    refusal(&map("institution_admin", "331002"), "cannot give the role");
    refusal(&map("ministry_officer", "330000"), "cannot give the role");
    refusal(&map("province_officer", "331002"), "level");
    app.run(&map("approver", "331002"), "");
    app.run(&map("inspector", "331003"), "");
    let listed: Value = serde_json::from_str(&app.run(&["oidc", "list"], "")).unwrap();
    assert_eq!(listed[0]["mappings"], json!([{"claim": "g", "value": "v", "role": "inspector", "region": "331003"}]));
    assert_eq!(listed[0]["redirect_path"], "/login/oidc/330000/zwfw/callback");
    app.run(&["oidc", "unmap", "--region", "330000", "--claim", "g", "--value", "v", "zwfw"], "");
    app.run(&["oidc", "remove", "--region", "330000", "zwfw"], "");
    assert_eq!(serde_json::from_str::<Value>(&app.run(&["oidc", "list"], "")).unwrap(), json!([]));
}
