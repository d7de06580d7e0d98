//! A statement so large that it is taken in while it is read comes to what its parts come to.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::World,
    samples::{OPENING, camt},
};

type Owned = (String, bool, i64, String);

/// Money that comes in every day of a year, some that goes out, and half of it at last: more than sixteen megabytes of camt.
fn year() -> Vec<Owned> {
    const COUNT: i64 = 72_000;
    let first: chrono::NaiveDate = "2025-03-10".parse().unwrap();
    let line = |number: i64| {
        let day = first + chrono::TimeDelta::days(number * 360 / COUNT);
        let (credit, fen) = match number {
            _ if number == COUNT - 1 => (false, 400_000_000),
            _ if number % 50 == 0 => (false, 4_000),
            _ => (true, 12_000 + number * 37 % 9_000),
        };
        (day.to_string(), credit, fen, format!("L{number:07}"))
    };
    (0..COUNT).map(line).collect()
}

fn statement(account: &str, opening_fen: i64, lines: &[Owned]) -> (String, i64) {
    let borrowed: Vec<_> =
        lines.iter().map(|(day, credit, fen, at)| (day.as_str(), *credit, *fen, at.as_str())).collect();
    let effect: i64 = lines.iter().map(|(_, credit, fen, _)| if *credit { *fen } else { -fen }).sum();
    (camt(account, opening_fen, &borrowed), opening_fen + effect)
}

/// What an account comes to: the account without its own numbers, and its warnings.
async fn told(world: &World) -> (Value, Vec<String>) {
    let id = world.account_id().await;
    let mut account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    for own in [
        "id",
        "account",
        "account_name",
        "region",
        "institution_id",
        "institution_name",
        "credit_code",
        "institution",
        "created_at",
        "bank",
    ] {
        account.as_object_mut().unwrap().remove(own);
    }
    let warnings = world.admin.json("/warnings?limit=100").await;
    let line =
        |w: &Value| format!("{} {} {} {} {}", w["kind"], w["level"], w["bank_ref"], w["raised_at"], w["evidence"]);
    let mut warnings: Vec<String> = warnings["items"].as_array().unwrap().iter().map(line).collect();
    warnings.sort();
    (account, warnings)
}

#[tokio::test]
async fn a_large_statement_comes_to_what_its_parts_come_to() {
    let lines = year();
    // By months, each small enough to be read in memory.
    let parts = World::new().await;
    let mut opening = OPENING;
    for part in lines.chunk_by(|a, b| a.0[..7] == b.0[..7]) {
        let (text, closing) = statement(&parts.account, opening, part);
        assert_eq!(parts.delivered(text).await["inserted"], part.len());
        opening = closing;
    }
    let expected = told(&parts).await;
    assert!(expected.1.iter().any(|warning| warning.contains("FUND-LARGE-SINGLE")), "{expected:?}");

    // All of it at once, on an account that has nothing yet.
    let whole = World::new().await;
    let (text, _) = statement(&whole.account, OPENING, &lines);
    assert!(text.len() > 16 << 20, "{}", text.len());
    let answer = whole.delivered(text.clone()).await;
    assert_eq!((&answer["inserted"], &answer["gap"]), (&json!(lines.len()), &Value::Null), "{answer}");
    assert!(!answer["warnings"].as_array().unwrap().is_empty(), "{answer}");
    assert_eq!(told(&whole).await, expected);
    // The same file again is no news.
    let again = whole.delivered(text).await;
    assert_eq!((&again["inserted"], &again["duplicates"]), (&json!(0), &json!(lines.len())), "{again}");
    assert_eq!(told(&whole).await, expected);

    // The first month, then all the rest, which goes on from there.
    let onward = World::new().await;
    let month = lines.partition_point(|(day, ..)| day.as_str() < "2025-04-01");
    let (text, closing) = statement(&onward.account, OPENING, &lines[..month]);
    onward.delivered(text).await;
    let (text, _) = statement(&onward.account, closing, &lines[month..]);
    assert!(text.len() > 16 << 20, "{}", text.len());
    assert_eq!(onward.delivered(text).await["inserted"], lines.len() - month);
    assert_eq!(told(&onward).await, expected);
}

/// The same as a bank's table, each line with a long remark; its closing balance.
fn table(opening_fen: i64, lines: &[Owned]) -> (String, i64) {
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let remark = "课程预收费，家长经手机银行缴存，".repeat(5);
    let mut balance = opening_fen;
    let mut text = "交易日期,收入,支出,余额,摘要,流水号\n".to_owned();
    for (day, credit, fen, reference) in lines {
        balance += if *credit { *fen } else { -fen };
        let (income, outgo) = if *credit { (yuan(*fen), String::new()) } else { (String::new(), yuan(*fen)) };
        text.push_str(&format!("{day},{income},{outgo},{},{remark},{reference}\n", yuan(balance)));
    }
    (text, balance)
}

async fn deliver_table(world: &World, text: String) -> Value {
    let id = world.account_id().await;
    let path = format!("/escrow/accounts/{id}/statements");
    let answer = world.admin.post_file(&path, &[], "明细.csv", text).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_large_table_comes_to_what_its_parts_come_to() {
    let lines = year();
    let parts = World::new().await;
    let mut opening = OPENING;
    for part in lines.chunk_by(|a, b| a.0[..7] == b.0[..7]) {
        let (text, closing) = table(opening, part);
        assert_eq!(deliver_table(&parts, text).await["inserted"], part.len());
        opening = closing;
    }
    let expected = told(&parts).await;
    assert!(expected.1.iter().any(|warning| warning.contains("FUND-LARGE-SINGLE")), "{expected:?}");
    let whole = World::new().await;
    let (text, _) = table(OPENING, &lines);
    assert!(text.len() > 16 << 20, "{}", text.len());
    let answer = deliver_table(&whole, text.clone()).await;
    assert_eq!((&answer["inserted"], &answer["gap"]), (&json!(lines.len()), &Value::Null), "{answer}");
    assert_eq!(told(&whole).await, expected);
    let again = deliver_table(&whole, text).await;
    assert_eq!((&again["inserted"], &again["duplicates"]), (&json!(0), &json!(lines.len())), "{again}");
    // Newest first, as many banks export it, it is read as a whole and says the same.
    let backwards = World::new().await;
    let (text, _) = table(OPENING, &lines);
    let mut rows: Vec<&str> = text.lines().collect();
    rows[1..].reverse();
    deliver_table(&backwards, rows.join("\n")).await;
    assert_eq!(told(&backwards).await, expected);
}

#[tokio::test]
async fn nothing_of_a_large_statement_stays_that_must_not_enter_the_books() {
    let world = World::new().await;
    let lines = year();
    let (text, closing) = statement(&world.account, OPENING, &lines);
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let mis_summed = text.replace(&yuan(closing), &yuan(closing + 100));
    let answer = world.deliver(mis_summed).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("escrow/unbalanced"));
    // A fault in the last line is told with its place, as that of a small file is.
    let at = text.rfind("<BookgDt><Dt>").unwrap();
    let faulty = format!("{}{}", &text[..at], text[at..].replacen("2026-", "2026-99-", 1));
    let answer = world.deliver(faulty).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!((&account["balance_fen"], &account["statement_on"]), (&json!(0), &Value::Null), "{account}");
    let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries")).await;
    assert!(entries["items"].as_array().unwrap().is_empty(), "{entries}");
    // A line that is given twice is kept once, as in a small file.
    let from = text.rfind("<Ntry>").unwrap();
    let line = &text[from..text.rfind("</Ntry>").unwrap() + "</Ntry>".len()];
    let twice = text.replace(line, &format!("{line}{line}"));
    assert_eq!(world.delivered(twice).await["inserted"], lines.len());
}
