//! Every night each account is forecast by its whole history: what was kept of it is checked and put right.

use serde_json::{Value, json};

use crate::{
    app::{World, app},
    samples::{Line, camt},
};

/// Ten weeks in which ¥1,000.00 leave on each Monday, and the grab of the last day.
fn weeks() -> Vec<Line<'static>> {
    let mondays = [
        ("2026-01-05", "M1"),
        ("2026-01-12", "M2"),
        ("2026-01-19", "M3"),
        ("2026-01-26", "M4"),
        ("2026-02-02", "M5"),
        ("2026-02-09", "M6"),
        ("2026-02-16", "M7"),
        ("2026-02-23", "M8"),
        ("2026-03-02", "M9"),
        ("2026-03-09", "M10"),
    ];
    let mut lines: Vec<Line<'static>> = mondays.map(|(day, reference)| (day, false, 100_000, reference)).to_vec();
    lines.push(("2026-03-17", false, 6_000_000, "G1"));
    lines
}

async fn kept(world: &World) -> (Value, Value) {
    let account = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{account}")).await;
    let warnings = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    let told = |one: &Value| json!([one["level"], one["status"], one["raised_at"]]);
    let warnings = warnings["items"].as_array().unwrap().iter().map(told).collect::<Vec<_>>();
    (json!([account["balance_fen"], account["runoff_on"]]), json!(warnings))
}

#[tokio::test]
async fn the_night_puts_right_what_was_kept_of_an_account() {
    let world = World::new().await;
    world.delivered(camt(&world.account, 10_000_000, &weeks())).await;
    let (figures, warnings) = kept(&world).await;
    // 30,000.00 at 1,000.00 a week: 210 days from 17 March.
    assert_eq!((&figures, &warnings[0][0]), (&json!([3_000_000, "2026-10-13"]), &json!("red")));

    let region = world.county.to_string();
    let forecast = || app().run(&["sweep", "--forecast", "--region", &region], "");
    assert_eq!(
        forecast().trim(),
        "1 forecast, 0 rewritten, 0 judged anew",
        "what deliveries made of it is what it comes to"
    );
    let damage = |what: &str| {
        let sql = format!("WITH d AS ({what} RETURNING 1) SELECT count(*)::text FROM d");
        async move { app().run_sql(&sql).await }
    };
    let of = format!("WHERE tenant_id = {} ", world.county.tenant_id());
    assert_eq!(
        damage(&format!("UPDATE escrow_accounts SET runoff_on = '2027-01-01', flow_fen = NULL {of}")).await,
        "1"
    );
    assert_eq!(forecast().trim(), "1 forecast, 1 rewritten, 0 judged anew");
    assert_eq!(kept(&world).await, (figures.clone(), warnings.clone()));

    // More than figures: the account is judged under its lock. The first look of the next day does it by itself.
    app().sweep(world.county, "2026-03-18T10:00");
    damage(&format!("UPDATE escrow_accounts SET balance_fen = 1 {of}")).await;
    damage(&format!("UPDATE warnings SET level = 'blue', history = '[]' {of} AND kind = 'FUND-LARGE-SINGLE'")).await;
    app().sweep(world.county, "2026-03-18T11:00");
    assert_eq!(kept(&world).await.0[0], json!(1), "once a day");
    app().sweep(world.county, "2026-03-19T00:30");
    let (after, standing) = kept(&world).await;
    assert_eq!((&after, &standing[0][0]), (&figures, &json!("red")));
    assert_eq!(forecast().trim(), "1 forecast, 0 rewritten, 0 judged anew");
}
