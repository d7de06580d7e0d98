//! What a neighbour sees: nothing of the desk, all of what is published (story 6).

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{World, app},
    samples::good_course,
};

#[tokio::test]
async fn the_next_county_sees_nothing_of_this_ones_desk() {
    let ours = World::new().await;
    ours.list().await;
    let (_, filed) = ours.org.post_json("/courses", good_course("邻县看不到的课")).await;
    let course = filed["id"].as_i64().unwrap();
    ours.org.post_json(&format!("/courses/{course}/submit"), json!({})).await;
    let account = ours.account_id().await;
    let theirs = World::new().await;
    for path in [
        "/b",
        "/b/courses",
        "/b/courses?status=all",
        "/b/institutions",
        "/b/institutions?q=启明星",
        "/b/approvals",
        "/b/escrow",
        "/b/audit",
        "/b/imports",
    ] {
        let page = theirs.admin.page(path).await;
        for secret in [ours.name.as_str(), &ours.credit_code, &ours.account, "邻县看不到的课", &ours.admin.name]
        {
            assert!(!page.contains(secret), "{path} shows {secret}");
        }
    }
    let code = &ours.credit_code;
    for path in [format!("/b/courses/{course}"), format!("/b/institutions/{code}"), format!("/b/escrow/{account}")] {
        assert_eq!(theirs.admin.get(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        format!("/institutions/{code}"),
        format!("/escrow/accounts/{account}"),
        format!("/escrow/accounts/{account}/entries"),
    ] {
        assert_eq!(
            theirs.admin.api(Method::GET, &path).send().await.unwrap().status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for (path, body) in [
        (format!("/courses/{course}/decisions"), json!({"decision": "approve"})),
        ("/lists/white".to_owned(), json!({"credit_code": code, "reason": "x"})),
        ("/lists/black".to_owned(), json!({"credit_code": code, "reason": "x"})),
    ] {
        let (status, answer) = theirs.approver.post_json(&path, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {answer}");
    }
    for path in ["/institutions", "/courses", "/escrow/accounts", "/warnings", "/approvals"] {
        let text = theirs.admin.json(path).await.to_string();
        assert!(!text.contains(code.as_str()) && !text.contains(&ours.name), "{path} leaks");
    }
    // What is published is public to all, to the neighbour too.
    assert!(app().visitor().page(&format!("/i/{code}")).await.contains(&ours.name));
}

#[tokio::test]
async fn the_level_above_sees_its_counties_and_changes_nothing_in_them() {
    let ours = World::new().await;
    let code = &ours.credit_code;
    let city = (ours.county.number() / 100 * 100).to_string().parse().unwrap();
    let above = app().user("city_officer", city).await;
    let elsewhere = app().user("city_officer", "331000".parse().unwrap()).await;
    assert!(above.page("/b/institutions").await.contains(code.as_str()));
    assert_eq!(above.json(&format!("/institutions/{code}")).await["credit_code"], code.as_str());
    assert_eq!(elsewhere.get(&format!("/b/institutions/{code}")).await.status(), StatusCode::NOT_FOUND);
    let (_, filed) = ours.org.post_json("/courses", good_course("市里只看的课")).await;
    let course = filed["id"].as_i64().unwrap();
    ours.org.post_json(&format!("/courses/{course}/submit"), json!({})).await;
    assert!(above.page("/b/courses").await.contains("市里只看的课"));
    let review = above.page(&format!("/b/courses/{course}")).await;
    assert!(!review.contains("name=\"decision\""), "no form to decide with");
    for (path, body) in [
        (format!("/courses/{course}/decisions"), json!({"decision": "approve"})),
        ("/lists/white".to_owned(), json!({"credit_code": code, "reason": "x"})),
    ] {
        assert_eq!(above.post_json(&path, body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(
        above.submit(&format!("/b/courses/{course}"), &[("decision", "approve")]).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn an_institution_sees_itself_and_nobody_else() {
    let (one, other) = (World::new().await, World::new().await);
    let (_, filed) = one.org.post_json("/courses", good_course("自家的课")).await;
    let id = filed["id"].as_i64().unwrap();
    assert!(one.org.page("/org/courses").await.contains("自家的课"));
    assert_eq!(other.org.get(&format!("/org/courses/{id}")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(other.org.post_json(&format!("/courses/{id}/submit"), json!({})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(one.org.get("/b/audit").await.status(), StatusCode::FORBIDDEN);
    assert!(one.org.json("/institutions").await["items"].as_array().unwrap().len() <= 1);
}
