//! Sessions and the keys that sign for them: seen and ended by their owner, in every process at once.

use std::time::Duration;

use mingjian::kernel::RegionCode;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{PASSWORD, TestApp, User, app};

const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.49";

/// Signs in by API with a browser's name.
async fn tokens_of(app: &TestApp, name: &str, agent: &str) -> Value {
    let login = json!({"username": name, "password": PASSWORD});
    let request = Client::new().post(format!("{}/api/v1/auth/login", app.address)).header("user-agent", agent);
    let answer = request.json(&login).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

async fn status(app: &TestApp, token: &str, path: &str) -> StatusCode {
    Client::new().get(format!("{}{path}", app.address)).bearer_auth(token).send().await.unwrap().status()
}

async fn refresh(app: &TestApp, token: &Value) -> (StatusCode, Value) {
    let body = json!({"refresh_token": token["refresh_token"]});
    let answer = Client::new().post(format!("{}/api/v1/auth/refresh", app.address)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

/// The county that stands in the name of an official of the harness.
fn county_of(user: &User) -> RegionCode {
    user.name.split('.').nth(1).unwrap().parse().unwrap()
}

/// Waits until a condition holds; news between processes takes some milliseconds.
async fn soon(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..100 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test]
async fn a_person_sees_their_sessions_and_ends_one_or_all_others() {
    let app = app();
    let county = app.county();
    let (officer, colleague) = (app.user("approver", county).await, app.user("inspector", county).await);
    let (desk, phone) = (tokens_of(app, &officer.name, EDGE).await, tokens_of(app, &officer.name, PHONE).await);
    let listed = officer.json("/auth/sessions").await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 4, "two from the harness, two here: {listed}");
    let of = |device: &str| items.iter().find(|item| item["device"] == device).unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(of("Edge · Windows")["network"], "127.0.0.0/24");
    assert_eq!(of("微信 · iPhone")["current"], false);
    assert_eq!(items.iter().filter(|item| item["current"] == true).count(), 1);

    let page = officer.page("/account/sessions").await;
    assert!(page.contains("Edge · Windows") && page.contains("本机") && page.contains("结束其他 3 处登录"), "{page}");

    let phone_id = text(&of("微信 · iPhone")["id"]).to_owned();
    let end = |user: &User, id: &str| {
        let request = user.api(Method::DELETE, &format!("/auth/sessions/{id}"));
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(end(&colleague, &phone_id).await, StatusCode::NOT_FOUND, "another person's");
    assert_eq!(status(app, text(&phone["access_token"]), "/api/v1/institutions").await, StatusCode::OK);
    assert_eq!(end(&officer, &phone_id).await, StatusCode::NO_CONTENT);
    assert_eq!(status(app, text(&phone["access_token"]), "/api/v1/institutions").await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(app, &phone).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(end(&officer, &phone_id).await, StatusCode::NOT_FOUND, "it is over");

    let answer = officer.submit("/account/sessions", &[("session", "others")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(status(app, text(&desk["access_token"]), "/api/v1/institutions").await, StatusCode::UNAUTHORIZED);
    assert_eq!(officer.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let page = officer.page("/account/sessions?done=others").await;
    assert!(page.contains("其他登录都已结束") && !page.contains("Edge"), "{page}");
    assert_eq!(colleague.json("/auth/sessions").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn all_others_are_as_many_as_there_are_and_what_ran_out_is_not_ended_again() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let database = app.database("mingjian_root").await;
    let add = async |ids: &str, expires: &str| {
        let sql = format!(
            "INSERT INTO sessions (tenant_id, id, user_id, created_at, last_seen_at, expires_at, agent, network, device) \
             SELECT u.tenant_id, md5(u.id || '.' || n), u.id, '2026-03-17T09:00:00+08:00', '2026-03-17T09:00:00+08:00', \
               '{expires}', '', '', '' \
             FROM users u JOIN people p ON p.id = u.person_id, generate_series({ids}) n WHERE p.username = '{}'",
            officer.name
        );
        database.batch_execute(&sql).await.unwrap();
    };
    add("1, 250", "2026-03-18T19:00:00+08:00").await;
    add("251, 260", "2026-03-18T08:59:59+08:00").await;
    let ended: Value = officer.api(Method::DELETE, "/auth/sessions").send().await.unwrap().json().await.unwrap();
    assert_eq!(ended, json!({"ended": 251}), "these and the harness's browser");
    let ended_late = format!(
        "SELECT count(*)::text FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id \
         JOIN people p ON p.id = u.person_id WHERE p.username = '{}' AND s.expires_at < s.ended_at",
        officer.name
    );
    assert_eq!(app.run_sql(&ended_late).await, "0");
    add("261, 262", "2026-03-18T08:59:59+08:00").await;
    let login = tokens_of(app, &officer.name, EDGE).await;
    let browser = app.sign_in(&officer.name).await;
    let new = [("current", PASSWORD), ("new", "白鹭 velvet 灯笼 harbor")];
    assert_eq!(browser.submit("/account/password", &new).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(status(app, text(&login["access_token"]), "/api/v1/institutions").await, StatusCode::UNAUTHORIZED);
    assert_eq!(app.run_sql(&ended_late).await, "0", "a changed password ends what is open alone");
}

#[tokio::test]
async fn a_sign_in_on_an_unknown_device_is_told_to_the_owner_and_a_known_one_is_not() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let database = app.database("mingjian_root").await;
    let mails = async || -> Vec<String> {
        let sql = "SELECT body FROM outbox WHERE recipient = $1 AND idempotency_key LIKE 'new-device:%' ORDER BY id";
        let rows = database.query(sql, &[&format!("{}@test.example", officer.name)]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert!(mails().await.is_empty(), "the first sign-in is no news");
    tokens_of(app, &officer.name, PHONE).await;
    tokens_of(app, &officer.name, PHONE).await;
    let told = mails().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("微信 · iPhone") && told[0].contains("127.0.0.0/24"), "{told:?}");
}

#[tokio::test]
async fn a_session_that_ends_in_one_process_is_over_in_the_others_at_once() {
    let one = TestApp::start(&[]);
    let other = one.beside(crate::app::NOW, &[]);
    let officer = one.user("approver", one.county()).await;
    let token = tokens_of(&one, &officer.name, EDGE).await;
    let access = text(&token["access_token"]);
    for process in [&one, &other] {
        assert_eq!(status(process, access, "/api/v1/institutions").await, StatusCode::OK, "and seen from now on");
    }
    assert_eq!(officer.submit("/account/sessions", &[("session", "others")]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(status(&one, access, "/api/v1/institutions").await, StatusCode::UNAUTHORIZED);
    soon("the other process hears of it", async || {
        status(&other, access, "/api/v1/institutions").await == StatusCode::UNAUTHORIZED
    })
    .await;

    // Whoever is disabled or given another role is out everywhere, too.
    let admin = one.user("bureau_admin", one.county()).await;
    let colleague = one.user("inspector", county_of(&admin)).await;
    let users = admin.json("/users").await;
    let id = users["items"].as_array().unwrap().iter().find(|user| user["username"] == colleague.name.as_str());
    let path = format!("/users/{}/actions", id.unwrap()["id"]);
    for action in [json!({"action": "set_role", "role": "approver"}), json!({"action": "disable"})] {
        let session = tokens_of(&one, &colleague.name, EDGE).await;
        let access = text(&session["access_token"]);
        assert_eq!(status(&other, access, "/api/v1/institutions").await, StatusCode::OK);
        assert_eq!(admin.post_json(&path, action.clone()).await.0, StatusCode::OK, "{action}");
        assert_eq!(status(&one, access, "/api/v1/institutions").await, StatusCode::UNAUTHORIZED, "{action}");
        soon("it counts in the other process", async || {
            status(&other, access, "/api/v1/institutions").await == StatusCode::UNAUTHORIZED
        })
        .await;
        assert_eq!(refresh(&other, &session).await.0, StatusCode::UNAUTHORIZED);
    }

    // While a process hears nothing, it asks the database.
    let again = tokens_of(&one, &officer.name, EDGE).await;
    let access = text(&again["access_token"]);
    assert_eq!(status(&other, access, "/api/v1/institutions").await, StatusCode::OK);
    let database = one.database("mingjian_root").await;
    let deafen = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE usename = 'mingjian_worker' AND query LIKE 'LISTEN%' OR usename = 'mingjian_worker' AND query = ''";
    database.query(deafen, &[]).await.unwrap();
    let end =
        "UPDATE sessions SET ended_at = '2026-03-18T09:00:00+08:00', end_reason = 'by hand' WHERE ended_at IS NULL";
    database.execute(end, &[]).await.unwrap();
    soon("the end is found in the database", async || {
        status(&other, access, "/api/v1/institutions").await == StatusCode::UNAUTHORIZED
    })
    .await;
    soon("and is known still when news is heard again", async || {
        tokio::time::sleep(Duration::from_millis(800)).await;
        status(&other, access, "/api/v1/institutions").await == StatusCode::UNAUTHORIZED
    })
    .await;
}

#[tokio::test]
async fn a_browser_whose_session_cannot_be_asked_for_is_told_to_wait_and_stays_signed_in() {
    let app = TestApp::start(&[]);
    let officer = app.user("approver", app.county()).await;
    // The access token has run out, as a browser sees it after a quarter of an hour: the refresh token alone is left.
    let visit = async |path: &str| {
        let cookie = format!("mj_refresh={}", officer.refresh);
        app.visitor().request(Method::GET, path).header("cookie", cookie).send().await.unwrap()
    };
    let database = app.database("mingjian_root").await;
    database.batch_execute("ALTER TABLE refresh_tokens RENAME TO away").await.unwrap();
    let answer = visit("/b").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers().get("set-cookie"), None, "nothing is taken from the browser");
    assert_eq!(visit("/login").await.status(), StatusCode::OK, "what is open to anyone stays open");
    database.batch_execute("ALTER TABLE away RENAME TO refresh_tokens").await.unwrap();
    assert_eq!(visit("/b").await.status(), StatusCode::OK);
    let cookie = app.visitor().request(Method::GET, "/b").header("cookie", "mj_refresh=331002.nothing.real");
    assert_eq!(cookie.send().await.unwrap().status(), StatusCode::SEE_OTHER, "a wrong token is no token");
}

#[tokio::test]
async fn signing_keys_rotate_with_overlap_and_a_compromised_one_ends_at_once() {
    let app = TestApp::start(&["--idle-minutes", "30"]);
    let officer = app.user("approver", app.county()).await;
    let visitor = app.visitor();
    let kids = async |app: &TestApp| -> Vec<String> {
        let answer = app.visitor().get("/.well-known/jwks.json").await;
        assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
        let set: Value = answer.json().await.unwrap();
        assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none() && key["crv"] == "Ed25519"));
        set["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"]).to_owned()).collect()
    };
    let kid_of = |token: &str| -> String {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        text(&header["kid"]).to_owned()
    };
    let first = kids(&app).await;
    assert_eq!(first.len(), 1);
    let made: Value = serde_json::from_str(&app.run(&["signing-key", "rotate"], "")).unwrap();
    soon("the new key is published", async || kids(&app).await.len() == 2).await;
    let now = tokens_of(&app, &officer.name, EDGE).await;
    assert_eq!(kid_of(text(&now["access_token"])), first[0], "published, it does not sign yet");

    // A process whose clock is a day on signs with the new key; tokens of both are good for it.
    let tomorrow = app.beside("2026-03-19T09:00:01+08:00", &[]);
    let later = tokens_of(&tomorrow, &officer.name, EDGE).await;
    assert_eq!(kid_of(text(&later["access_token"])), text(&made["kid"]));
    assert_eq!(status(&tomorrow, text(&later["access_token"]), "/api/v1/institutions").await, StatusCode::OK);
    let quarter = app.beside("2026-03-19T09:20:00+08:00", &[]);
    assert_eq!(kids(&quarter).await, [text(&made["kid"])], "the old key is gone when its last token has expired");

    assert_eq!(status(&app, text(&now["access_token"]), "/api/v1/institutions").await, StatusCode::OK);
    let stolen: Value = serde_json::from_str(&app.run(&["signing-key", "rotate", "--at-once"], "")).unwrap();
    soon("tokens of the old key are refused", async || {
        status(&app, text(&now["access_token"]), "/api/v1/institutions").await == StatusCode::UNAUTHORIZED
    })
    .await;
    let (renewed_status, renewed) = refresh(&app, &now).await;
    assert_eq!(renewed_status, StatusCode::OK, "the session goes on");
    assert_eq!(kid_of(text(&renewed["access_token"])), text(&stolen["kid"]));
    let listed: Value = serde_json::from_str(&app.run(&["signing-key", "list"], "")).unwrap();
    let states: Vec<&str> = listed.as_array().unwrap().iter().map(|one| text(&one["state"])).collect();
    assert_eq!(states, ["signing", "retired", "retired"]);
    assert_eq!(visitor.get("/.well-known/jwks.json").await.status(), StatusCode::OK);

    // Rested for half an hour, an official signs in again.
    let half_an_hour = app.beside("2026-03-18T09:29:59+08:00", &["--idle-minutes", "30"]);
    let (answer, renewed) = refresh(&half_an_hour, &renewed).await;
    assert_eq!(answer, StatusCode::OK, "{renewed}");
    let too_long = app.beside("2026-03-18T09:59:59+08:00", &["--idle-minutes", "30"]);
    assert_eq!(refresh(&too_long, &renewed).await.0, StatusCode::UNAUTHORIZED);
}
