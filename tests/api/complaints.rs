//! A parent's complaint, recorded by the bureau, counts as evidence for fees outside escrow and for training loans.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{World, app},
    samples::{OPENING, camt},
};

async fn of_kind(world: &World, kind: &str) -> Option<Value> {
    world.admin.json(&format!("/warnings?kind={kind}")).await["items"].as_array().unwrap().first().cloned()
}

async fn complain(world: &World, kind: &str, more: &[(&str, &str)]) {
    let mut fields = vec![("credit_code", world.credit_code.as_str()), ("kind", kind), ("received_on", "2026-03-17")];
    fields.extend(more);
    let answer = world.approver.submit("/b/complaints", &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
}

/// The numbers of the complaints on the page, the latest first.
async fn numbers(world: &World) -> Vec<String> {
    let page = world.approver.page("/b/complaints").await;
    let forms = page.split("action=\"/b/complaints/").skip(1);
    forms.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_parents_receipt_of_a_persons_account_is_orange_and_three_confirmed_ones_are_red() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", true, 100, "A1")])).await;
    let empty = world.approver.page("/b/complaints").await;
    assert!(empty.contains("还没有登记投诉"));
    let parent = "13911112222";
    let person = ("personal_payee", "yes");
    complain(
        &world,
        "outside_escrow",
        &[("amount", "2000"), person, ("phone", parent), ("note", "转给张某 13800001111")],
    )
    .await;
    app().sweep(world.county, "2026-03-18T10:00");
    let warning = of_kind(&world, "FUND-OUTSIDE-ESCROW").await.expect("F19");
    assert_eq!((&warning["level"], &warning["evidence"]["complaints"]), (&json!("orange"), &json!(1)), "{warning}");
    // The same family again counts once.
    complain(&world, "outside_escrow", &[person, ("phone", "139-1111-2222")]).await;
    app().sweep(world.county, "2026-03-18T11:00");
    let warning = of_kind(&world, "FUND-OUTSIDE-ESCROW").await.unwrap();
    assert_eq!((&warning["level"], &warning["evidence"]["pupils_outside"]), (&json!("orange"), &json!(1)), "{warning}");
    // A second and a third, and somebody has seen the receipts.
    for _ in 0..2 {
        complain(&world, "outside_escrow", &[person]).await;
    }
    app().sweep(world.county, "2026-03-18T12:00");
    assert_eq!(of_kind(&world, "FUND-OUTSIDE-ESCROW").await.unwrap()["level"], "orange", "not confirmed yet");
    let recorded = numbers(&world).await;
    assert_eq!(recorded.len(), 4);
    for id in &recorded[..3] {
        let place = format!("/b/complaints/{id}");
        let refused = world.approver.submit(&place, &[("to", "confirmed"), ("reason", "")]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let done = world.approver.submit(&place, &[("to", "confirmed"), ("reason", "已看收据原件")]).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER);
    }
    app().sweep(world.county, "2026-03-18T13:00");
    let warning = of_kind(&world, "FUND-OUTSIDE-ESCROW").await.unwrap();
    assert_eq!((&warning["level"], &warning["evidence"]["value"]), (&json!("red"), &json!(3)), "F19: {warning}");

    // The institution learns that there is a warning, and nothing of who complained, what was said or what was paid.
    let own = world.org.page("/org/escrow").await + &world.org.page("/org/audit?show=changes").await;
    let api = world.org.json("/warnings").await.to_string();
    for secret in [parent, "139****2222", "张某", "2,000.00", ":200000", "已看收据原件"] {
        assert!(!own.contains(secret) && !api.contains(secret), "{secret}");
    }
    for path in ["/b/complaints", "/b/complaints/1"] {
        assert_ne!(world.org.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let page = world.approver.page("/b/complaints").await;
    assert!(
        page.contains("139****2222") && !page.contains(parent) && !page.contains("13800001111"),
        "masked for officials"
    );
    let sealed = format!(
        "SELECT count(*)::text FROM complaints WHERE tenant_id = {} AND (position('张某'::bytea IN note_sealed) > 0 OR \
         position('{parent}'::bytea IN phone_sealed) > 0)",
        world.county.tenant_id()
    );
    assert_eq!(app().run_sql(&sealed).await, "0");
    let told = world.admin.submit("/b/personal", &[("person", parent)]).await.text().await.unwrap();
    assert!(told.contains("投诉人电话"), "{told}");
    let other = World::new().await;
    assert!(!other.approver.page("/b/complaints").await.contains(&world.name), "another county's");
    let foreign =
        other.approver.submit(&format!("/b/complaints/{}", recorded[0]), &[("to", "refuted"), ("reason", "x")]).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_refuted_counts_no_more_and_a_loan_is_orange() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", true, 100, "A1")])).await;
    complain(&world, "training_loan", &[("phone", "13911113333")]).await;
    app().sweep(world.county, "2026-03-18T10:00");
    let warning = of_kind(&world, "TRAINING-LOAN").await.expect("a complaint with a loan");
    assert_eq!((&warning["level"], &warning["evidence"]["value"]), (&json!("orange"), &json!(1)), "{warning}");
    complain(&world, "outside_escrow", &[("amount", "9999.99")]).await;
    let id = numbers(&world).await.remove(0);
    let done =
        world.approver.submit(&format!("/b/complaints/{id}"), &[("to", "refuted"), ("reason", "实为教材费")]).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    let again = world.approver.submit(&format!("/b/complaints/{id}"), &[("to", "confirmed"), ("reason", "x")]).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    app().sweep(world.county, "2026-03-18T11:00");
    assert_eq!(of_kind(&world, "FUND-OUTSIDE-ESCROW").await, None, "it counts no more");
    for (fields, field) in [
        (vec![("credit_code", "1"), ("kind", "training_loan"), ("received_on", "2026-03-17")], "credit_code"),
        (vec![("kind", ""), ("received_on", "2026-03-17")], "kind"),
        (vec![("kind", "training_loan"), ("received_on", "2026-03-19")], "received_on"),
        (vec![("kind", "training_loan"), ("received_on", "2026-03-17"), ("amount", "0")], "amount"),
        (vec![("kind", "training_loan"), ("received_on", "2026-03-17"), ("phone", "1")], "phone"),
    ] {
        let mut fields = fields;
        fields.push(("note", "家长说的话"));
        if !fields.iter().any(|(name, _)| *name == "credit_code") {
            fields.push(("credit_code", &world.credit_code));
        }
        let answer = world.approver.submit("/b/complaints", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!("href=\"#{field}\"")) && page.contains("家长说的话"), "{field}");
    }
}

#[tokio::test]
async fn a_bureaus_own_system_records_lists_and_settles_complaints() {
    let world = World::new().await;
    let complaint = json!({"credit_code": world.credit_code, "kind": "outside_escrow", "received_on": "2026-03-17",
                           "amount_fen": 200_000, "personal_payee": true, "phone": "139-1111-3333", "note": "转给张某 13800001111"});
    let sent =
        || world.approver.api(Method::POST, "/complaints").header("idempotency-key", "complaint-1").json(&complaint);
    let first = sent().send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let place = first.headers()["location"].to_str().unwrap().trim_start_matches("/api/v1").to_owned();
    let first: Value = first.json().await.unwrap();
    let again = sent().send().await.unwrap();
    assert!(again.headers().contains_key("idempotency-replayed"), "the same once more is one complaint");
    assert_eq!(
        (&first["state"], &first["phone"], &first["amount_fen"], &first["note"]),
        (&json!("received"), &json!("139****3333"), &json!(200_000), &json!("转给张某 138****1111"))
    );
    app().sweep(world.county, "2026-03-18T10:00");
    assert_eq!(of_kind(&world, "FUND-OUTSIDE-ESCROW").await.expect("it is evidence")["level"], "orange");
    // What is wrong is told by the names that the program uses.
    let wrong = json!({"credit_code": "1", "kind": "x", "received_on": "2026-03-19", "amount_fen": 0, "phone": "12"});
    let (status, problem) = world.approver.post_json("/complaints", wrong).await;
    let paths: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert_eq!(
        (status, paths),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["credit_code", "kind", "received_on", "amount_fen", "phone"])
    );
    let loan = json!({"credit_code": world.credit_code, "kind": "training_loan", "received_on": "2026-03-17"});
    let (_, loan) = world.admin.post_json("/complaints", loan).await;
    for (query, expected) in [
        ("", vec![&loan["id"], &first["id"]]),
        ("?kind=training_loan", vec![&loan["id"]]),
        ("?state=confirmed", vec![]),
        ("?institution=52331002MJ0000018U", vec![]),
    ] {
        let listed = world.admin.json(&format!("/complaints{query}")).await;
        let ids: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, expected, "{query}");
    }
    let page = world.admin.json("/complaints?limit=1").await;
    assert_eq!(page["next_cursor"], loan["id"].to_string());
    let actions = format!("{place}/actions");
    let (status, _) = world.admin.post_json(&actions, json!({"action": "verify", "reason": " "})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "what was found is said");
    let (status, verified) = world.admin.post_json(&actions, json!({"action": "verify", "reason": "已看收据"})).await;
    assert_eq!((status, &verified["state"]), (StatusCode::OK, &json!("confirmed")), "{verified}");
    let (status, problem) = world.admin.post_json(&actions, json!({"action": "verify", "reason": "再来"})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/complaints/settled")));
    let (status, refuted) =
        world.admin.post_json(&actions, json!({"action": "refute", "reason": "已转入监管账户"})).await;
    assert_eq!((status, &refuted["settled_reason"]), (StatusCode::OK, &json!("已转入监管账户")));
    assert_eq!(world.admin.json(&place).await["state"], "refuted");
    // Neither the institution nor another county.
    let other = World::new().await;
    for (user, expected) in [(&world.org, StatusCode::FORBIDDEN), (&other.admin, StatusCode::NOT_FOUND)] {
        let answer = user.api(Method::GET, &place).send().await.unwrap();
        assert_eq!(answer.status(), expected);
        let body = json!({"action": "refute", "reason": "x"});
        assert_eq!(user.post_json(&actions, body).await.0, expected);
    }
    assert_eq!(world.org.api(Method::GET, "/complaints").send().await.unwrap().status(), StatusCode::FORBIDDEN);
}
