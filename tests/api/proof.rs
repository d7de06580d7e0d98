//! The three-way proof over HTTP: what agrees, what differs, and who may look.

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    app::{World, app},
    samples::{OPENING, camt},
};

/// A contract of which one payment is in the bank's books and another is not, and a withdrawal that nothing earned.
async fn busy() -> World {
    let world = World::new().await;
    let contract = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-02",
        "price_fen": 480_000, "units_bought": 40, "first_lesson_on": "2026-03-03", "last_lesson_on": "2026-05-31",
    });
    let (status, made) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{made}");
    for (receipt, on, fen) in [("SJ-1", "2026-03-09", 300_000), ("SJ-2", "2026-03-10", 180_000)] {
        let paid = json!({"receipt_no": receipt, "paid_at": format!("{on}T10:00:00+08:00"), "amount_fen": fen, "channel": "bank_transfer"});
        let (status, answer) = world.org.post_json(&format!("/contracts/{}/payments", made["id"]), paid).await;
        assert!(status.is_success(), "{answer}");
    }
    let lines = [("2026-03-09", true, 300_000, "SJ-1"), ("2026-03-16", false, 1_000, "ZC-1")];
    world.delivered(camt(&world.account, OPENING, &lines)).await;
    world
}

#[tokio::test]
async fn what_differs_is_found_to_the_fen_explained_and_kept() {
    let world = busy().await;
    let (path, admin) = (format!("/b/proof/{}", world.credit_code), &world.admin);
    let answer = admin.submit(&path, &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let page = admin.page(&format!("{path}?month=2026-03")).await;
    assert!(page.contains("缴费收据 SJ-2") && page.contains("台账有、银行无") && page.contains("¥1,800.00"), "{page}");
    assert!(page.contains("银行流水") && page.contains("银行有、台账无") && page.contains("¥10.00"), "{page}");
    assert!(!page.contains("缴费收据 SJ-1"), "what the bank bears out is no difference");
    let again = admin.submit(&path, &[]).await;
    assert!(again.headers()["location"].to_str().unwrap().contains("days=0"), "the same facts, the same outcome");

    let id = page.split("id=\"item-").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let item = format!("/b/proof/items/{id}");
    let fields =
        |comment| [("version", "1"), ("code", world.credit_code.as_str()), ("month", "2026-03"), ("comment", comment)];
    let refused = admin.submit(&item, &fields("")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("须写明差异的原因"));
    assert_eq!(admin.submit(&item, &fields("银行补记，次日到账")).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(admin.submit(&item, &fields("再说一次")).await.status(), StatusCode::CONFLICT);
    let page = admin.page(&format!("{path}?month=2026-03")).await;
    assert!(page.contains("银行补记，次日到账") && page.contains("已查明"), "{page}");

    let file = admin.page(&format!("{path}/days.csv?month=2026-03")).await;
    let day = file.lines().find(|line| line.starts_with("2026-03-09")).unwrap();
    assert!(day.starts_with("2026-03-09,3000.00,3000.00,0.00,0.00,0.00,0.00,1,0,0,1,"), "{day}");
}

#[tokio::test]
async fn an_institution_sees_its_own_and_a_neighbour_nothing() {
    let (world, neighbour) = (busy().await, World::new().await);
    let path = format!("/b/proof/{}", world.credit_code);
    world.admin.submit(&path, &[]).await;
    assert!(world.org.page("/org/proof?month=2026-03").await.contains("缴费收据 SJ-2"));
    assert!(world.admin.page("/b/proof").await.contains(&world.name));
    assert!(!neighbour.admin.page("/b/proof").await.contains(&world.name));
    assert_eq!(neighbour.admin.submit(&path, &[]).await.status(), StatusCode::NOT_FOUND);
    let own = format!("/b/proof/{}", neighbour.credit_code);
    let refused = neighbour.admin.submit(&own, &[]).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT, "nothing to compare with");
    assert!(neighbour.admin.page(&own).await.contains("还没有登记合同台账"));
    let inspector = app().user("approver", world.county).await;
    assert_eq!(inspector.submit(&path, &[]).await.status(), StatusCode::FORBIDDEN, "who may look may not all prove");
}
