//! Every warning can be found again from what is kept.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    app::{World, app},
    samples::{GRAB, OPENING, camt},
};

#[tokio::test]
async fn an_official_replays_a_warning_and_sees_whether_it_still_follows_from_the_facts() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    app().sweep(world.county, "2026-03-26T10:00");
    let warnings = world.admin.json("/warnings").await["items"].as_array().unwrap().clone();
    let of = |kind: &str| warnings.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{warnings:?}"));
    let large = of("FUND-LARGE-SINGLE");
    let found = world.admin.json(&format!("/warnings/{}/replay", large["id"])).await;
    assert_eq!((&found["entries"], &found["outcome"]["outcome"]), (&Value::from(3), &Value::from("same")), "{found}");
    assert_eq!(found["outcome"]["steps"], large["history"], "{found}");
    let page = format!("/b/escrow/warnings/{}/replay", large["id"]);
    let shown = world.admin.page(&page).await;
    assert!(shown.contains("重放结果一致") && shown.contains("A3"), "{shown}");
    assert!(world.admin.page(&format!("/b/escrow/warnings/{}", large["id"])).await.contains(&page), "it is linked");
    // What no entry brought about is said to be so.
    let silent = of("FEED-SILENT");
    let shown = world.admin.page(&format!("/b/escrow/warnings/{}/replay", silent["id"])).await;
    assert!(shown.contains("不由流水判断"), "{shown}");
    // Not for the institution, nor for the neighbours.
    let path = format!("/warnings/{}/replay", large["id"]);
    assert_eq!(world.org.api(Method::GET, &path).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let other = World::new().await;
    assert_eq!(other.admin.api(Method::GET, &path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // Whoever changes it behind the service's back is found out.
    let root = app().database("mingjian_root").await;
    let id = large["id"].as_i64().unwrap();
    root.execute("UPDATE warnings SET bank_ref = 'nowhere' WHERE id = $1", &[&id]).await.unwrap();
    let found = world.admin.json(&path).await;
    assert_eq!(found["outcome"]["outcome"], "other", "{found}");
    assert!(world.admin.page(&page).await.contains("得出不同结果"));
    root.execute("UPDATE warnings SET bank_ref = 'A3' WHERE id = $1", &[&id]).await.unwrap();
}
