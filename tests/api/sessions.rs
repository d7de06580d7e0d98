//! Signing in, staying in, getting out.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{PASSWORD, app};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_read_the_same() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let visitor = app.visitor();
    let mut answers = Vec::new();
    for (username, password) in [(officer.name.as_str(), "not the password at all"), ("nobody.at.all", PASSWORD)] {
        let login = json!({"username": username, "password": password});
        let answer = visitor.request(Method::POST, "/api/v1/auth/login").json(&login).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let mut problem: serde_json::Value = answer.json().await.unwrap();
        // Each answer names its own request, and differs in nothing else.
        assert!(problem.as_object_mut().unwrap().remove("instance").is_some());
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_session() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let visitor = app.visitor();
    let refresh = |token: String| {
        let request = visitor.request(Method::POST, "/api/v1/auth/refresh").json(&json!({"refresh_token": token}));
        async move { request.send().await.unwrap() }
    };
    let first = refresh(officer.refresh.clone()).await;
    assert_eq!(first.status(), StatusCode::OK);
    let second: serde_json::Value = first.json().await.unwrap();
    let second = second["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(second, officer.refresh);
    assert_eq!(refresh(officer.refresh.clone()).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(second).await.status(), StatusCode::UNAUTHORIZED, "whoever holds the newer one is out as well");
    assert_eq!(officer.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refresh("331002.nothing.real".to_owned()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_ends_access_at_once() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    assert_eq!(officer.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::OK);
    let visitor = app.visitor();
    let logout = json!({"refresh_token": officer.refresh});
    let answer = visitor.request(Method::POST, "/api/v1/auth/logout").json(&logout).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(officer.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_without_its_token_or_from_another_site_changes_nothing() {
    let app = app();
    let officer = app.user("approver", app.county()).await;
    let without = officer.browser.post(format!("{}/logout", app.address)).form(&[("x", "y")]).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    let csrf = officer.csrf().await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
        let request = officer
            .browser
            .post(format!("{}/logout", app.address))
            .header(name, value)
            .form(&[("_csrf", csrf.as_str())]);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK, "still signed in");
    assert_eq!(officer.submit("/logout", &[]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(officer.get("/b").await.status(), StatusCode::SEE_OTHER, "sent to sign in");
}

#[tokio::test]
async fn a_page_sends_its_visitor_to_sign_in_and_back() {
    let app = app();
    let answer = app.visitor().get("/b/escrow?level=red").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/login?next=%2Fb%2Fescrow%3Flevel%3Dred");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_scripts_out() {
    let app = app();
    for path in ["/login", "/nowhere", "/healthz", "/api/v1/public/institutions?q=x"] {
        let answer = app.visitor().get(path).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}
