//! Machine users: keys that are made and shown once, changed with overlap, revoked; and what a signed request reaches.

use chrono::DateTime;
use mingjian::identity::machine::signature;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::app::{NOW, TestApp, World, app};

/// A key as a machine holds it.
#[derive(Clone)]
struct Key {
    key: String,
    secret: String,
}

/// The text of a field on the page that shows a secret.
fn shown(page: &str) -> Key {
    let codes: Vec<&str> =
        page.split("<code class=\"break\">").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let [key, secret] = codes[..] else { panic!("{page}") };
    Key { key: key.to_owned(), secret: secret.to_owned() }
}

fn made(json: &str) -> Key {
    let made: Value = serde_json::from_str(json).unwrap();
    Key { key: made["key"].as_str().unwrap().to_owned(), secret: made["secret"].as_str().unwrap().to_owned() }
}

impl Key {
    /// Sends a request as of `at`, signed over `signed_path` and `signed_body`.
    async fn send_as(
        &self,
        app: &TestApp,
        at: &str,
        method: Method,
        path: [&str; 2],
        body: [&str; 2],
        nonce: &str,
    ) -> Response {
        let timestamp = DateTime::parse_from_rfc3339(at).unwrap().timestamp().to_string();
        let signed = signature(self.secret.as_bytes(), &timestamp, nonce, method.as_str(), path[0], body[0].as_bytes());
        Client::new()
            .request(method, format!("{}{}", app.address, path[1]))
            .header("x-mj-key", &self.key)
            .header("x-mj-timestamp", timestamp)
            .header("x-mj-nonce", nonce)
            .header("x-mj-signature", signed)
            .body(body[1].to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: &str, nonce: &str) -> Response {
        self.send_as(app(), NOW, method, [path; 2], [body; 2], nonce).await
    }

    async fn push(&self, app: &TestApp, at: &str, account: &str, nonce: &str) -> StatusCode {
        let body = json!({"account": account, "entries": []}).to_string();
        self.send_as(app, at, Method::POST, ["/api/v1/bank/entries"; 2], [&body; 2], nonce).await.status()
    }
}

#[tokio::test]
async fn a_banks_key_is_shown_once_changed_with_overlap_and_revoked() {
    // A service of its own, because a process whose clock is ahead forgets the nonces of the others.
    let app = &TestApp::start(&[]);
    let (world, neighbour) = (World::within(app).await, World::within(app).await);
    for (user, home, href) in [(&world.admin, "/b", "/b/keys"), (&world.org, "/org", "/org/keys")] {
        assert!(user.page(home).await.contains(&format!("href=\"{href}\"")), "the way to {href}");
    }
    assert!(!world.approver.page("/b").await.contains("/b/keys"));
    let answer = world.admin.submit("/b/keys", &[("name", ""), ("days", "400")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("请填写这是谁的系统"));
    let answer =
        world.admin.submit("/b/keys", &[("name", "台州银行"), ("days", "90"), ("accounts", &world.account)]).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let first = shown(&answer.text().await.unwrap());
    let page = world.admin.page("/b/keys").await;
    assert!(page.contains("台州银行") && page.contains(&first.key) && page.contains(&world.account), "{page}");
    assert!(!page.contains(&first.secret), "never again");
    assert!(!neighbour.admin.page("/b/keys").await.contains(&first.key));
    assert_eq!(world.org.get("/b/keys").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.approver.get("/b/keys").await.status(), StatusCode::FORBIDDEN);

    assert_eq!(first.push(app, NOW, &world.account, "nonce-aaaa-0000-01").await, StatusCode::OK);
    assert_eq!(first.push(app, NOW, &neighbour.account, "nonce-aaaa-0000-02").await, StatusCode::NOT_FOUND);
    assert!(world.admin.page("/b/keys").await.contains("今天 09:00"), "when it was used");

    let path = |what: &str| format!("/b/keys/{}/{what}", first.key);
    let others = neighbour.admin.submit(&path("rotate"), &[("overlap", "7")]).await;
    assert_eq!(others.status(), StatusCode::NOT_FOUND);
    let second = shown(&world.admin.submit(&path("rotate"), &[("overlap", "7")]).await.text().await.unwrap());
    assert_eq!(second.key, first.key);
    assert_ne!(second.secret, first.secret);
    for (number, key) in [&first, &second].into_iter().enumerate() {
        let found = key.push(app, NOW, &world.account, &format!("nonce-bbbb-0000-{number}")).await;
        assert_eq!(found, StatusCode::OK, "both count for a week");
    }
    // Just before the week is over, and when it is.
    for (at, old) in
        [("2026-03-25T08:59:59+08:00", StatusCode::OK), ("2026-03-25T09:00:00+08:00", StatusCode::UNAUTHORIZED)]
    {
        let then = app.beside(at, &[]);
        let nonce = |number: u8| format!("nonce-cccc-{}-{number}", &at[11..19]);
        assert_eq!(first.push(&then, at, &world.account, &nonce(1)).await, old, "{at}");
        assert_eq!(second.push(&then, at, &world.account, &nonce(2)).await, StatusCode::OK, "{at}");
    }

    let unsure = world.admin.submit(&path("revoke"), &[]).await;
    assert_eq!(unsure.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(neighbour.admin.submit(&path("revoke"), &[("sure", "yes")]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(second.push(app, NOW, &world.account, "nonce-dddd-0000-01").await, StatusCode::OK, "nothing changed");
    assert_eq!(world.admin.submit(&path("revoke"), &[("sure", "yes")]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(second.push(app, NOW, &world.account, "nonce-dddd-0000-02").await, StatusCode::UNAUTHORIZED);
    let again = world.admin.submit(&path("rotate"), &[("overlap", "7")]).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY, "it is over");
    let trail = world.admin.page("/b/audit").await;
    for word in ["新增机器密钥", "更换机器密钥", "作废机器密钥"] {
        assert!(trail.contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_institutions_system_reaches_what_its_key_is_for_and_nothing_else() {
    let app = app();
    let world = World::new().await;
    assert!(!world.org.page("/org/keys").await.contains("mjk-"));
    let nothing = world.org.submit("/org/keys", &[("name", "教务系统"), ("days", "30")]).await;
    assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY, "nothing ticked is not everything");
    let form = [("name", "教务系统"), ("days", "30"), ("scope", "read_register")];
    let reader = shown(&world.org.submit("/org/keys", &form).await.text().await.unwrap());

    let listed = reader.send(Method::GET, "/api/v1/institutions?limit=5", "", "nonce-eeee-0000-01").await;
    assert_eq!(listed.status(), StatusCode::OK);
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "its own and no other: {listed}");
    assert_eq!(listed["items"][0]["credit_code"], world.credit_code.as_str());
    for (number, (method, path, expected)) in [
        (Method::GET, "/api/v1/courses", StatusCode::OK),
        (Method::GET, "/api/v1/escrow/accounts", StatusCode::FORBIDDEN),
        (Method::POST, "/api/v1/courses", StatusCode::FORBIDDEN),
        (Method::GET, "/api/v1/auth/sessions", StatusCode::UNAUTHORIZED),
        (Method::POST, "/api/v1/bank/entries", StatusCode::FORBIDDEN),
        (Method::POST, "/api/v1/lists/white", StatusCode::FORBIDDEN),
        (Method::GET, "/org", StatusCode::OK),
    ]
    .into_iter()
    .enumerate()
    {
        let found = reader.send(method.clone(), path, "{}", &format!("nonce-ffff-0000-{number}")).await;
        // A page is for people: the key opens none, and its visitor is asked to sign in.
        let signs_in = path == "/org" && found.url().path() == "/login";
        assert!(found.status() == expected && (path != "/org" || signs_in), "{method} {path}: {}", found.status());
    }

    // A writer's draft is the institution's, on record under the key's name; what was signed is what counts.
    let county = world.county.to_string();
    let arguments =
        ["key", "add", "--role", "institution_system", "--region", &county, "--institution", &world.credit_code];
    let writer = made(&app.run(&[&arguments[..], &["--scope", "file_courses", "排课系统"]].concat(), ""));
    let draft =
        json!({"course": {"name": "七年级数学", "category": "academic", "stage": "junior", "delivery": "offline",
        "sessions": [{"date": "2026-04-04", "start": "09:00", "end": "10:30"}]},
        "instructors": []})
        .to_string();
    let path = "/api/v1/courses";
    let answer = writer.send(Method::POST, path, &draft, "nonce-gggg-0000-01").await;
    assert!(answer.status().is_success(), "{} {}", answer.status(), answer.text().await.unwrap());
    assert!(world.admin.page("/b/audit").await.contains("排课系统"));
    let other = draft.replace("七年级", "八年级");
    for (what, paths, bodies, nonce, expected) in [
        ("the same nonce", [path; 2], [&draft[..]; 2], "nonce-gggg-0000-01", StatusCode::CONFLICT),
        ("another body", [path; 2], [&draft, &other], "nonce-gggg-0000-02", StatusCode::UNAUTHORIZED),
        ("another query", [path, "/api/v1/courses?x=1"], [&draft; 2], "nonce-gggg-0000-03", StatusCode::UNAUTHORIZED),
        ("a short nonce", [path; 2], [&draft; 2], "nonce", StatusCode::UNAUTHORIZED),
    ] {
        let answer = writer.send_as(app, NOW, Method::POST, paths, bodies, nonce).await;
        assert_eq!(answer.status(), expected, "{what}");
    }
    for (at, expected) in [
        ("2026-03-18T08:54:59+08:00", StatusCode::UNAUTHORIZED),
        ("2026-03-18T08:55:00+08:00", StatusCode::OK),
        ("2026-03-18T09:05:00+08:00", StatusCode::OK),
        ("2026-03-18T09:05:01+08:00", StatusCode::UNAUTHORIZED),
    ] {
        let nonce = format!("nonce-hhhh-{}", &at[11..19]);
        let answer = reader.send_as(app, at, Method::GET, [path; 2], [""; 2], &nonce).await;
        assert_eq!(answer.status(), expected, "{at}");
    }
    // The bureau sees the institution's keys, revokes them, and is never shown a secret of theirs.
    let page = world.admin.page("/b/keys").await;
    assert!(page.contains("教务系统") && page.contains(&reader.key), "{page}");
    let rotate = world.admin.submit(&format!("/b/keys/{}/rotate", reader.key), &[("overlap", "7")]).await;
    assert_eq!(rotate.status(), StatusCode::FORBIDDEN);
    let revoke = world.admin.submit(&format!("/b/keys/{}/revoke", reader.key), &[("sure", "yes")]).await;
    assert_eq!(revoke.status(), StatusCode::SEE_OTHER);
    let over = reader.send(Method::GET, path, "", "nonce-iiii-0000-01").await;
    assert_eq!(over.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_is_kept_from_the_command_line_and_its_end_is_announced_once() {
    let app = TestApp::start(&[]);
    let county = app.county();
    let admin = app.user("bureau_admin", county).await;
    let region = county.to_string();
    let key = made(&app.run(&["key", "add", "--role", "bank", "--region", &region, "--days", "20", "台州银行"], ""));
    let rotated = made(&app.run(&["key", "rotate", &key.key, "--overlap", "12h"], ""));
    assert_eq!(rotated.key, key.key);
    let listed: Value = serde_json::from_str(&app.run(&["key", "list", "--region", &region], "")).unwrap();
    assert_eq!(listed[0]["previous_until"], "2026-03-18T13:00:00Z");
    assert_eq!(listed[0]["expires_at"], "2026-04-07T01:00:00Z", "as long as it was made for");
    assert!(listed[0].get("sealed_secret").is_none());
    let database = app.database("mingjian_root").await;
    let mails = async || -> Vec<String> {
        let sql = "SELECT subject FROM outbox WHERE recipient = $1 AND idempotency_key LIKE 'key-ends:%' ORDER BY id";
        let rows = database.query(sql, &[&format!("{}@test.example", admin.name)]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    for (now, count) in [(NOW, 1), (NOW, 1), ("2026-04-01T09:00:00+08:00", 2), ("2026-04-08T09:00:00+08:00", 2)] {
        let _process = app.beside(now, &[]);
        for _ in 0..100 {
            if mails().await.len() == count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let told = mails().await;
        assert_eq!(told.len(), count, "{now}: {told:?}");
        assert!(told[0].contains("台州银行") && told[0].contains("2026-04-07"), "{told:?}");
    }
    // However many there are: this one stands behind all that a page shows.
    let crowd = format!(
        "INSERT INTO machine_keys (tenant_id, key_id, role, name, scopes, sealed_secret, created_by, created_at, expires_at) \
         SELECT tenant_id, key_id || n, role, name, scopes, sealed_secret, created_by, created_at + interval '1 second', \
           expires_at + interval '300 days' FROM machine_keys, generate_series(1, 500) n WHERE key_id = '{}'",
        key.key
    );
    database.batch_execute(&crowd).await.unwrap();
    assert_eq!(made(&app.run(&["key", "rotate", &key.key], "")).key, key.key);
    app.run(&["key", "revoke", &key.key], "");
    database.batch_execute("DELETE FROM machine_keys WHERE created_at > '2026-03-18T09:00:00+08:00'").await.unwrap();
    let listed: Value = serde_json::from_str(&app.run(&["key", "list", "--region", &region], "")).unwrap();
    assert_eq!(listed[0]["revoked_at"], "2026-03-18T01:00:00Z");
}
