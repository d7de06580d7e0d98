//! Statements that do not come one after the other: gaps, several of one day, overlaps, dates in the future.

use chrono::{Days, NaiveDate};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{World, app},
    escrow::Bank,
    samples::{GRAB, Line, OPENING, camt},
};

const GRABBED: i64 = OPENING + 480_000 + 240_000 - 18_288_000;

async fn balance(world: &World) -> i64 {
    let id = world.account_id().await;
    world.admin.json(&format!("/escrow/accounts/{id}")).await["balance_fen"].as_i64().unwrap()
}

async fn warnings(world: &World) -> Vec<String> {
    let found = world.admin.json("/warnings").await;
    let told = |w: &Value| format!("{} {} {} {}", w["kind"], w["level"], w["status"], w["bank_ref"]);
    let mut told: Vec<String> = found["items"].as_array().unwrap().iter().map(told).collect();
    told.sort();
    told
}

async fn disagreeing(world: &World) -> usize {
    world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await.matches("不相符").count()
}

/// An MT940 of one entry.
fn mt940(account: &str, day: &str, opening: &str, out: &str, closing: &str) -> String {
    format!(
        ":20:OLD\r\n:25:{account}\r\n:28C:1/1\r\n:60F:C{day}CNY{opening}\r\n:61:{day}{}D{out}NTRFNONREF//OLD1\r\n:86:往来\r\n:62F:C{day}CNY{closing}\r\n-\r\n",
        &day[2..]
    )
}

#[tokio::test]
async fn an_old_statement_behind_a_gap_leaves_the_balance_alone_and_shows_what_is_missing() {
    let (one, other) = (World::new().await, World::new().await);
    let lone = World::new().await;
    let old = |world: &World| mt940(&world.account, "250102", "1000,00", "400,00", "600,00");
    one.delivered(camt(&one.account, OPENING, &GRAB)).await;
    assert_eq!(disagreeing(&one).await, 0);
    let grab = warnings(&one).await;
    let late = one.delivered(old(&one)).await;
    assert_eq!(balance(&one).await, GRABBED, "the newest statements say what is there");
    let gap = json!({"after": "2025-01-02", "before": "2026-03-16", "fen": OPENING - 60_000});
    assert_eq!((&late["inserted"], &late["gap"]), (&json!(1), &gap), "{late}");
    assert_eq!(disagreeing(&one).await, 2, "both sides of the gap");
    assert!(one.admin.page(&format!("/b/escrow/{}", one.account_id().await)).await.contains("之间缺对账单"));
    // What happened since is judged as before; the old entry by its own statement.
    lone.delivered(old(&lone)).await;
    assert_eq!(balance(&lone).await, 60_000);
    for kept in &grab {
        let (kind, level) = kept.split_once(' ').map(|(kind, rest)| (kind, rest.split(' ').next().unwrap())).unwrap();
        assert!(warnings(&one).await.iter().any(|w| w.starts_with(kind) && w.contains(level)), "{kept}");
    }
    // The same, however it comes.
    other.delivered(old(&other)).await;
    other.delivered(camt(&other.account, OPENING, &GRAB)).await;
    assert_eq!((balance(&other).await, warnings(&other).await), (GRABBED, warnings(&one).await));
    assert_eq!(disagreeing(&other).await, 2);
    // The books hold every entry, and the same again changes nothing.
    let again = one.delivered(old(&one)).await;
    assert_eq!((&again["inserted"], &again["duplicates"]), (&json!(0), &json!(1)));
    assert_eq!((balance(&one).await, warnings(&one).await), (GRABBED, warnings(&other).await));
}

/// The warnings about money. Whether balances had a gap for a while follows from the order of the statements; what is left of
/// it is signed by an official.
async fn of_money(world: &World) -> Vec<String> {
    warnings(world).await.into_iter().filter(|told| !told.contains("STMT-") && !told.contains("FEED-")).collect()
}

#[tokio::test]
async fn a_gap_closes_when_the_missing_statement_comes() {
    let first: [Line<'_>; 1] = [("2026-02-02", true, 100_000, "G1")];
    let missing: [Line<'_>; 1] = [("2026-02-10", false, 30_000, "G2")];
    let last: [Line<'_>; 1] = [("2026-03-02", true, 5_000, "G3")];
    let mut told = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [2, 0, 1], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let world = World::new().await;
        let files = [
            camt(&world.account, OPENING, &first),
            camt(&world.account, OPENING + 100_000, &missing),
            camt(&world.account, OPENING + 70_000, &last),
        ];
        let mut newest = 0;
        for at in order {
            world.delivered(files[at].clone()).await;
            newest = newest.max(at);
            let wanted = [OPENING + 100_000, OPENING + 70_000, OPENING + 75_000][newest];
            assert_eq!(balance(&world).await, wanted, "{order:?} {at}");
        }
        assert_eq!(disagreeing(&world).await, 0, "{order:?}");
        told.push(of_money(&world).await);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

#[tokio::test]
async fn statements_of_one_day_follow_one_on_the_other() {
    let parts: [(i64, Line<'_>); 3] = [
        (100_000, ("2026-03-16", false, 40_000, "I1")),
        (60_000, ("2026-03-16", false, 10_000, "I2")),
        (50_000, ("2026-03-16", true, 7_000, "I3")),
    ];
    let mut told = Vec::new();
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [2, 0, 1]] {
        let world = World::new().await;
        for at in order {
            world.delivered(camt(&world.account, parts[at].0, &[parts[at].1])).await;
        }
        assert_eq!(balance(&world).await, 57_000, "{order:?}");
        assert_eq!(disagreeing(&world).await, 0, "{order:?}");
        told.push(of_money(&world).await);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

#[tokio::test]
async fn an_overlapping_statement_that_says_the_same_agrees() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let overlap = [GRAB[2], ("2026-03-18", true, 10_000, "A4")];
    let answer = world.delivered(camt(&world.account, OPENING + 720_000, &overlap)).await;
    assert_eq!((&answer["inserted"], &answer["duplicates"], &answer["gap"]), (&json!(1), &json!(1), &Value::Null));
    assert_eq!((balance(&world).await, disagreeing(&world).await), (GRABBED + 10_000, 0));
    let other = camt(&world.account, OPENING, &[GRAB[2], ("2026-03-18", true, 20_000, "A5")]);
    let answer = world.delivered(other).await;
    assert!(!answer["gap"].is_null(), "{answer}");
}

#[tokio::test]
async fn nothing_is_believed_of_the_future() {
    let world = World::new().await;
    let whole = camt(&world.account, OPENING, &GRAB);
    let dated = |code: &str, old: &str, new: &str| {
        let at = whole.find(&format!("<Cd>{code}</Cd>")).unwrap();
        let (head, tail) = whole.split_at(at);
        format!("{head}{}", tail.replacen(old, new, 1))
    };
    for (field, text) in [
        ("closing_on", dated("CLBD", "2026-03-17", "2062-11-26")),
        ("opening_on", dated("OPBD", "2026-03-16", "2026-03-20")),
        ("entries[2].booked_on", whole.replace("<BookgDt><Dt>2026-03-17", "<BookgDt><Dt>2026-03-20")),
    ] {
        let answer = world.deliver(text).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let problem: Value = answer.json().await.unwrap();
        let error = &problem["errors"][0];
        assert_eq!(error["path"], field, "{problem}");
        assert!(error["message_zh"].as_str().unwrap().contains("晚于今天"), "{problem}");
        assert!(error["message_en"].as_str().unwrap().contains("later than today"), "{problem}");
    }
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!((&account["statement_on"], &account["balance_fen"]), (&Value::Null, &json!(0)), "nothing was kept");
    let bank = Bank::of(&world);
    let entry = json!({"bank_ref": "F1", "booked_on": "2026-03-20", "direction": "credit", "amount_fen": 100});
    let pushed =
        bank.push(&json!({"account": world.account, "entries": [entry]}).to_string(), "nonce-future-0001", None).await;
    assert_eq!(pushed.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(pushed.text().await.unwrap().contains("entries[0].booked_on"));
    // The bank's clock may be a little ahead.
    world.delivered(dated("CLBD", "2026-03-17", "2026-03-19")).await;
}

#[tokio::test]
async fn parents_see_at_once_up_to_which_day_an_account_is_watched() {
    let world = World::new().await;
    let public = format!("/api/v1/public/institutions/{}", world.credit_code);
    let before = app().visitor().json(&public).await;
    assert_eq!((&before["watch"], &before["statement_on"]), (&json!("stale"), &Value::Null), "{before}");
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let after = app().visitor().json(&public).await;
    assert_eq!((&after["watch"], &after["statement_on"]), (&json!("watched"), &json!("2026-03-17")), "{after}");
    // An older statement does not set the day back.
    let day = NaiveDate::from_ymd_opt(2026, 3, 10).unwrap() - Days::new(1);
    world
        .delivered(camt(
            &world.account,
            OPENING,
            &[(&day.to_string(), true, 100, "W1"), (&day.to_string(), false, 100, "W2")],
        ))
        .await;
    assert_eq!(app().visitor().json(&public).await["statement_on"], "2026-03-17");
}

/// Half a file looks like a whole one that has no closing balance.
#[tokio::test]
async fn a_statement_that_was_cut_off_on_its_way_stays_out_until_somebody_decides() {
    let world = World::new().await;
    let whole = mt940(&world.account, "260316", "1000,00", "400,00", "600,00");
    let half = whole[..whole.find(":62F:").unwrap()].to_owned();
    let answer = world.deliver(half.clone()).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("escrow/cut-off"));
    let answer = world.delivered(whole).await;
    assert_eq!(answer["inserted"], 1, "{answer}");
}
