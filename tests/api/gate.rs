//! The gate, tried on every route of the table: however a path is written, by whomever, only those pass who may.

use mingjian::web::{Access, Route, app};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{User, World, app as service};

/// A path of the route, with something in place of its variables.
fn filled(route: &Route) -> String {
    let mut path = String::new();
    let mut within = false;
    for letter in route.path.chars() {
        match letter {
            '{' => {
                within = true;
                path.push('1');
            }
            '}' => within = false,
            _ if !within => path.push(letter),
            _ => {}
        }
    }
    path
}

/// The path with the first letter of its first part percent-encoded.
fn masked(path: &str) -> String {
    format!("/%{:02x}{}", path.as_bytes()[1], &path[2..])
}

/// The path with its last letter percent-encoded, which says the same to a router.
fn encoded(path: &str) -> String {
    let at = path.rfind(|letter: char| letter.is_ascii_lowercase()).unwrap();
    format!("{}%{:02x}{}", &path[..at], path.as_bytes()[at], &path[at + 1..])
}

async fn status(user: Option<&User>, method: &Method, path: &str) -> StatusCode {
    let address = format!("{}{path}", service().address);
    let request = match user {
        Some(user) => user.browser.request(method.clone(), address),
        None => reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
            .request(method.clone(), address),
    };
    request.send().await.unwrap().status()
}

fn guarded() -> Vec<Route> {
    let routes = app::routes();
    let guarded: Vec<Route> =
        routes.into_iter().filter(|route| !matches!(route.access, Access::Anyone | Access::Machine)).collect();
    assert!(guarded.len() > 40, "the guarded routes were found: {}", guarded.len());
    guarded
}

fn method(route: &Route) -> Method {
    Method::from_bytes(route.method.as_str().as_bytes()).unwrap()
}

#[tokio::test]
async fn nobody_passes_without_signing_in_however_the_path_is_written() {
    for route in guarded() {
        let path = filled(&route);
        for written in [path.clone(), encoded(&path)] {
            let found = status(None, &method(&route), &written).await;
            let sent_away = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::SEE_OTHER];
            assert!(sent_away.contains(&found), "{} {written}: {found}", route.method);
        }
    }
}

#[tokio::test]
async fn an_institution_passes_no_officials_route_however_the_path_is_written() {
    let world = World::new().await;
    for route in guarded().iter().filter(|route| matches!(route.access, Access::Official(_))) {
        let path = filled(route);
        for written in [path.clone(), encoded(&path)] {
            let found = status(Some(&world.org), &method(route), &written).await;
            assert_eq!(found, StatusCode::FORBIDDEN, "{} {written}", route.method);
        }
    }
}

#[tokio::test]
async fn nothing_changes_by_a_browsers_cookie_without_the_pages_token() {
    let world = World::new().await;
    for route in guarded().iter().filter(|route| route.method != "GET") {
        let path = filled(route);
        for (user, written) in [(&world.admin, &path), (&world.org, &path), (&world.admin, &masked(&path))] {
            let found = status(Some(user), &method(route), written).await;
            // A file's form is refused for want of a boundary before its token could be read.
            let refused =
                found == StatusCode::FORBIDDEN || (route.path.contains("upload") || route.path.contains("import"));
            assert!(refused && found.is_client_error(), "{} {}: {found}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_405_and_head_is_get_without_its_body() {
    let visitor = service().visitor();
    let answer = visitor.request(Method::DELETE, "/api/v1/public/institutions").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/method-not-allowed");
    assert!(problem["instance"].as_str().unwrap().starts_with("/api/v1/public/institutions#"), "{problem}");
    let head = visitor.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.text().await.unwrap().is_empty());
    let world = World::new().await;
    let answer = world.admin.api(Method::GET, "/escrow/accounts/abc").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["type"], "/problems/not-found");
}

#[tokio::test]
async fn the_character_nul_is_refused_with_the_field_wherever_text_is_taken() {
    let world = World::new().await;
    for path in ["/warnings?status=%00", "/courses?status=a%00", "/institutions?q=%00", "/escrow/accounts?cursor=%00"] {
        let answer = world.admin.api(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    for path in ["/b/escrow?q=%00", "/b/audit?q=%00", "/b/institutions?q=%00"] {
        assert_eq!(world.admin.get(path).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    let login = json!({"username": "a\u{0}b", "password": "x"});
    let answer = service().visitor().request(Method::POST, "/api/v1/auth/login").json(&login).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for path in ["/i/%00", "/v/%00", "/s?q=%00", "/api/v1/public/institutions/%00"] {
        let found = service().visitor().get(path).await.status();
        assert!(!found.is_server_error(), "{path}: {found}");
    }
    let found = world.admin.api(Method::GET, "/institutions/%00").send().await.unwrap().status();
    assert!(found.is_client_error(), "{found}");
}

#[tokio::test]
async fn a_stranger_sends_little_and_ends_nobodys_session() {
    let world = World::new().await;
    let big = json!({"refresh_token": "x".repeat(100_000)});
    let answer = service().visitor().request(Method::POST, "/api/v1/auth/refresh").json(&big).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let session = world.admin.refresh.split('.').nth(1).unwrap();
    let made_up = json!({"refresh_token": format!("{}.{session}.made-up", world.county)});
    let answer = service().visitor().request(Method::POST, "/api/v1/auth/refresh").json(&made_up).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    world.admin.json("/approvals").await;
    let unsigned = vec![b' '; 1 << 20];
    let answer = service().visitor().request(Method::POST, "/api/v1/bank/entries").body(unsigned).send().await;
    assert!(answer.is_err() || answer.unwrap().status() == StatusCode::UNAUTHORIZED, "before its body is read");
}

#[tokio::test]
async fn the_end_of_a_session_is_on_record() {
    let world = World::new().await;
    let stolen = json!({"refresh_token": world.approver.refresh});
    let again = || service().visitor().request(Method::POST, "/api/v1/auth/refresh").json(&stolen).send();
    assert_eq!(again().await.unwrap().status(), StatusCode::OK);
    assert_eq!(again().await.unwrap().status(), StatusCode::UNAUTHORIZED, "used twice");
    let trail = world.admin.page("/b/audit").await;
    assert!(trail.contains("session.ended") || trail.contains("会话结束"), "the trail says that it ended");
    let session = world.approver.refresh.split('.').nth(1).unwrap();
    let shown = trail.lines().find(|line| line.contains(session));
    assert_eq!(shown, None, "a session's name is not shown");
}

#[tokio::test]
async fn a_form_sent_after_the_session_ended_is_not_lost() {
    let world = World::new().await;
    let visitor = service().visitor();
    let fields = [("name", "初一数学班"), ("_csrf", "of a session that ended"), ("do", "draft")];
    let answer = visitor.request(Method::POST, "/org/courses/new").form(&fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let page = answer.text().await.unwrap();
    assert!(page.contains("/login?next=%2Forg%2Fcourses%2Fnew\" target=\"_blank\""), "{page}");
    // The page is loaded again after signing in, so that the form comes with the token of the session before.
    let address = &service().address;
    let again = world.org.browser.post(format!("{address}/org/courses/new")).form(&fields);
    let strange = again.try_clone().unwrap().send().await.unwrap();
    assert!(!strange.text().await.unwrap().contains("初一数学班"), "only the browser's own word is taken for it");
    let answer = again.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let page = answer.text().await.unwrap();
    assert!(page.contains("再提交一次") && page.contains("value=\"初一数学班\""), "{page}");
    assert!(!page.contains("of a session that ended"));
}

#[tokio::test]
async fn the_other_language_of_an_answer_to_a_form_is_a_page() {
    let address = service().address.clone();
    for (path, referer, language) in [
        ("/org/courses/new", Some("/org/courses/7"), "/org/courses/7?lang=en"),
        ("/org/escrow/warnings/5", Some("/org/escrow?x=1"), "/org/escrow?x=1&#38;lang=en"),
        ("/org/escrow/warnings/5", Some("/org/escrow/warnings/5"), "/org/escrow?lang=en"),
        ("/org/escrow/warnings/5", None, "/org/escrow?lang=en"),
        ("/org/courses/new", None, "/org/courses/new?lang=en"),
    ] {
        let mut request = service().visitor().request(Method::POST, path).header("accept-language", "zh-CN");
        if let Some(referer) = referer {
            request = request.header("referer", format!("{address}{referer}"));
        }
        let page = request.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("href=\"{language}\"")), "{path} from {referer:?}: {page}");
    }
}

#[tokio::test]
async fn a_write_sent_again_with_its_key_is_done_once_and_reads_the_same() {
    let world = World::new().await;
    let send = |key: &'static str, reason: &'static str| {
        let body = json!({"credit_code": world.credit_code, "reason": reason});
        world.admin.api(Method::POST, "/lists/white").header("idempotency-key", key).json(&body).send()
    };
    let first = send("k-1", "资料齐全").await.unwrap();
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let first: serde_json::Value = first.json().await.unwrap();
    let again = send("k-1", "资料齐全").await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<serde_json::Value>().await.unwrap(), first);
    assert_eq!(send("k-1", "另有理由").await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY, "another request");
    assert_eq!(send("k-2", "资料齐全").await.unwrap().status(), StatusCode::CONFLICT, "it is proposed already");
    let pending = world.admin.json("/approvals").await;
    assert_eq!(pending["items"].as_array().unwrap().len(), 1);
    let (one, other) = tokio::join!(send("k-3", "资料齐全"), send("k-3", "资料齐全"));
    assert!([one, other].into_iter().all(|answer| answer.unwrap().status() == StatusCode::CONFLICT));
}
