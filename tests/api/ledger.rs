//! What families bought and paid ahead (issue: the ledger): contracts, payments, lessons, and what the escrow watch makes of
//! them.

use chrono::{DateTime, Utc};
use clap::Parser;
use mingjian::{
    config::{Service, Storage},
    db::{Database, open::connect},
    escrow::ingest,
    kernel::Clock,
    ledger::{
        LedgerError,
        commands::parents::{self, Word},
        confirm_overdue,
    },
    web::AppState,
};
use reqwest::{Method, StatusCode, multipart};
use serde_json::{Value, json};

use crate::{
    app::{HEADER, NOW, TestApp, World, app, credit_code, row},
    samples::camt,
};

/// F1 of the worked examples: 60 units at 80.00, three months to the day, paid ten days ahead.
fn contract(number: &str) -> Value {
    json!({
        "contract_no": number, "subject": "初中数学", "basis": "both", "pupil": "王小明", "guardian_phone": "13812345678",
        "signed_on": "2026-02-10", "price_fen": 480_000, "units_bought": 60,
        "first_lesson_on": "2026-03-01", "last_lesson_on": "2026-05-31",
    })
}

fn payment(receipt: &str, at: &str, amount_fen: i64) -> Value {
    json!({"receipt_no": receipt, "paid_at": at, "amount_fen": amount_fen, "channel": "bank_transfer"})
}

fn with(mut value: Value, more: Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// Records a contract that must be right; its id.
async fn recorded(world: &World, contract: Value) -> i64 {
    let (status, answer) = world.org.post_json("/contracts", contract).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["id"].as_i64().unwrap()
}

async fn paid(world: &World, contract: i64, payment: Value) -> Value {
    let (status, answer) = world.org.post_json(&format!("/contracts/{contract}/payments"), payment).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

async fn taught(world: &World, ended_at: &str, contracts: &[(&str, u32)]) -> Value {
    let attendance: Vec<_> =
        contracts.iter().map(|(number, units)| json!({"contract_no": number, "units": units})).collect();
    let (status, answer) =
        world.org.post_json("/lessons", json!({"ended_at": ended_at, "attendance": attendance})).await;
    assert!(status.is_success(), "{answer}");
    answer
}

fn rules(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["rule"].as_str().unwrap().to_owned()).collect()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
}

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    service: Service,
}

/// The same database as the service's, as the nightly worker has it.
async fn worker() -> AppState {
    let settings = Settings::parse_from(["worker", "--data", app().data.to_str().unwrap(), "--clock", NOW]);
    let database = Database::open(&settings.storage).await.unwrap();
    AppState::new(&database, settings.service, Clock::fixed(at(NOW))).unwrap()
}

async fn root() -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(app().data.join("run")).user("mingjian_root").dbname("mingjian");
    connect(&config).await.unwrap()
}

fn tenant(world: &World) -> i32 {
    world.county.tenant_id()
}

/// Each contract comes to what was paid on it, and what is owed by day comes to all contracts together.
async fn books_balance(world: &World) {
    let database = root().await;
    let sums = database
        .query_one(
            "SELECT coalesce(sum(paid_fen), 0)::bigint, coalesce(sum(consumed_fen), 0)::bigint, coalesce(sum(refunded_fen), 0)::bigint, \
             coalesce(bool_and(consumed_fen + refunded_fen <= paid_fen), true) FROM contracts WHERE tenant_id = $1",
            &[&tenant(world)],
        )
        .await
        .unwrap();
    let owed = database
        .query_one(
            "SELECT coalesce(sum(contracted_fen), 0)::bigint, coalesce(sum(consumed_fen), 0)::bigint, coalesce(sum(refunded_fen), 0)::bigint \
             FROM owed_days WHERE tenant_id = $1",
            &[&tenant(world)],
        )
        .await
        .unwrap();
    let of = |row: &tokio_postgres::Row| [0, 1, 2].map(|at| row.get::<_, i64>(at));
    assert_eq!(of(&sums), of(&owed));
    assert!(sums.get::<_, bool>(3));
    let paid: i64 = database
        .query_one("SELECT coalesce(sum(amount_fen), 0)::bigint FROM payments WHERE tenant_id = $1", &[&tenant(world)])
        .await
        .unwrap()
        .get(0);
    assert_eq!(sums.get::<_, i64>(0), paid);
}

#[tokio::test]
async fn a_contract_over_a_cap_is_refused_with_its_mend_and_kept_as_found_where_it_was_taken() {
    let world = World::new().await;
    let over = with(contract("HT-1"), json!({"units_bought": 61, "price_fen": 488_000}));
    let (status, problem) = world.org.post_json("/contracts", over.clone()).await;
    assert_eq!((status, rules(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["PREPAY-UNITS-60".to_owned()]));
    assert!(problem["errors"][0]["message_zh"].as_str().unwrap().contains("分期收取，每次不超过 60 课时"), "{problem}");
    assert_eq!(problem["findings"][0]["evidence"]["limit"], 60);

    let kept = recorded(&world, with(over, json!({"already_taken": true}))).await;
    let document = world.org.json(&format!("/contracts/{kept}")).await;
    assert_eq!(document["findings"][0]["rule"], "PREPAY-UNITS-60");

    let id = recorded(&world, contract("HT-2")).await;
    let (status, again) = world.org.post_json("/contracts", contract("HT-2")).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &json!(id)), "the same contract twice is one");
    let other = with(contract("HT-2"), json!({"price_fen": 470_000, "pupil": "李小红"}));
    let (status, conflict) = world.org.post_json("/contracts", other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        (&conflict["stored"]["price_fen"], &conflict["received"]["price_fen"]),
        (&json!(480_000), &json!(470_000))
    );

    let unreadable = with(contract(" "), json!({"last_lesson_on": "2026-02-28", "materials_fen": 480_001}));
    let (status, problem) = world.org.post_json("/contracts", unreadable).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rules(&problem), ["TEXT", "AMOUNT", "DATES-REVERSED"]);
    books_balance(&world).await;
}

#[tokio::test]
async fn a_receipt_counts_once_and_what_the_rules_find_is_told() {
    let world = World::new().await;
    let id = recorded(&world, contract("HT-1")).await;
    let first = payment("SJ-1", "2026-02-10T10:00:00+08:00", 480_000);
    let answer = paid(&world, id, first.clone()).await;
    assert_eq!(
        (&answer["contract"]["paid_fen"], &answer["contract"]["unearned_fen"]),
        (&json!(480_000), &json!(480_000))
    );
    let path = format!("/contracts/{id}/payments");
    let (status, again) = world.org.post_json(&path, first.clone()).await;
    assert_eq!(
        (status, &again["id"], &again["contract"]["paid_fen"]),
        (StatusCode::OK, &answer["id"], &json!(480_000))
    );
    let (status, conflict) = world.org.post_json(&path, with(first, json!({"amount_fen": 470_000}))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(conflict["stored"], json!({"amount_fen": 480_000}));
    assert_eq!(conflict["received"], json!({"amount_fen": 470_000}));
    let (status, problem) = world.org.post_json(&path, payment("SJ-2", "2026-02-11T10:00:00+08:00", 1)).await;
    assert_eq!((status, rules(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["OVER-PRICE".to_owned()]));

    // F6: two payments for one pupil within minutes pass alone and are found together.
    let half = |number: &str| {
        with(contract(number), json!({"price_fen": 260_000, "units_bought": 30, "pupil": "周小舟", "subject": number}))
    };
    let (one, two) = (recorded(&world, half("HT-3")).await, recorded(&world, half("HT-4")).await);
    let first = paid(&world, one, payment("SJ-3", "2026-02-10T10:00:00+08:00", 260_000)).await;
    assert_eq!(first["findings"], json!([]));
    let second = paid(&world, two, payment("SJ-4", "2026-02-10T10:05:00+08:00", 260_000)).await;
    assert_eq!(second["findings"][0]["rule"], "PREPAY-CAP-5000");
    assert_eq!(second["findings"][0]["severity"], "warn");
    assert_eq!(second["findings"][0]["evidence"]["measured_fen"], 520_000);
    assert_eq!(second["findings"][0]["evidence"]["receipts"], json!(["SJ-3"]));

    // Earlier than a month ahead, and by a loan.
    let id = recorded(&world, with(contract("HT-5"), json!({"pupil": "吴小五"}))).await;
    let early = with(payment("SJ-5", "2026-01-31T23:59:00+08:00", 480_000), json!({"channel": "loan"}));
    let (status, problem) = world.org.post_json(&format!("/contracts/{id}/payments"), early).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rules(&problem), ["PREPAY-EARLIEST-PERIOD", "PREPAY-LOAN"]);
    // Cash that never reached the escrow account is told when it is looked at.
    let cash = with(payment("SJ-6", "2026-03-16T10:00:00+08:00", 480_000), json!({"channel": "cash"}));
    paid(&world, id, cash).await;
    let document = world.admin.json(&format!("/contracts/{id}")).await;
    assert_eq!(document["payments"][0]["findings"][0]["rule"], "PREPAY-CHANNEL");
    books_balance(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lessons_are_confirmed_by_silence_at_the_second_and_a_dispute_stops_one() {
    let world = World::new().await;
    let terms = |number: &str| {
        with(contract(number), json!({"pupil": number, "price_fen": 400_000, "units_bought": 40, "units_gifted": 8}))
    };
    let (one, two) = (recorded(&world, terms("HT-1")).await, recorded(&world, terms("HT-2")).await);
    paid(&world, one, payment("SJ-1", "2026-02-10T10:00:00+08:00", 400_000)).await;
    paid(&world, two, payment("SJ-2", "2026-02-10T10:00:00+08:00", 400_000)).await;
    // A month of lessons, twice a week, two pupils in one class.
    for day in ["02", "05", "09", "12", "16"] {
        let session = format!("2026-03-{day}T19:00:00+08:00");
        let told = taught(&world, &session, &[("HT-1", 2), ("HT-2", 2)]).await;
        assert_eq!((&told["recorded"], &told["unchanged"]), (&json!(4), &json!(0)));
    }
    let last = "2026-03-16T19:00:00+08:00";
    let again = taught(&world, last, &[("HT-1", 2), ("HT-2", 2)]).await;
    assert_eq!(
        (&again["recorded"], &again["unchanged"]),
        (&json!(0), &json!(4)),
        "the same batch twice changes nothing"
    );
    let differs =
        json!({"ended_at": last, "attendance": [{"contract_no": "HT-1", "units": 1}, {"contract_no": "HT-9"}]});
    let (status, problem) = world.org.post_json("/lessons", differs).await;
    assert_eq!(
        (status, rules(&problem)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["SESSION-DIFFERS".into(), "UNKNOWN-CONTRACT".into()])
    );
    let many = json!({"ended_at": "2026-03-17T19:00:00+08:00", "attendance": [{"contract_no": "HT-1", "units": 12}]});
    let future = with(many, json!({"ended_at": "2026-03-18T19:00:00+08:00"}));
    let (status, problem) = world.org.post_json("/lessons", future).await;
    assert_eq!((status, rules(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["FUTURE".to_owned()]));

    // The parent of one disputes the last lesson; the institution takes back a unit told by mistake.
    let state = worker().await;
    let token = parents::token(state.pools.vault(), tenant(&world), one, at(last));
    assert_eq!(parents::lessons(&state.pools, &token).await.unwrap().len(), 2);
    let late = parents::say(&state.pools, &token, Word::Confirm, "test", at("2026-03-21T09:00:00+08:00")).await;
    assert!(matches!(late, Ok(())), "what silence has confirmed already is confirmed: {late:?}");
    parents::say(&state.pools, &token, Word::Dispute("那天没有上课"), "test", at("2026-03-21T08:59:59+08:00"))
        .await
        .unwrap();
    let unknown =
        parents::say(&state.pools, &token.replace(&token[6..10], "ffff"), Word::Confirm, "test", at(NOW)).await;
    assert!(matches!(unknown, Err(LedgerError::NotFound)));
    let document = world.org.json(&format!("/contracts/{two}")).await;
    let mistake = document["lessons"][9]["id"].as_i64().unwrap();
    let void = json!({"action": "void", "comment": "多记了一课时"});
    let (status, answer) = world.org.post_json(&format!("/lessons/{mistake}/actions"), void.clone()).await;
    assert_eq!((status, &answer["state"]), (StatusCode::OK, &json!("void")), "{answer}");

    // Told on the 18th at 9: silence confirms on the 21st at 9, and not a second earlier.
    assert_eq!(confirm_overdue(&state.pools, tenant(&world), at("2026-03-21T08:59:59+08:00")).await.unwrap(), 0);
    assert_eq!(confirm_overdue(&state.pools, tenant(&world), at("2026-03-21T09:00:00+08:00")).await.unwrap(), 17);
    assert_eq!(
        confirm_overdue(&state.pools, tenant(&world), at("2026-03-22T09:00:00+08:00")).await.unwrap(),
        0,
        "safe to repeat"
    );
    let document = world.org.json(&format!("/contracts/{one}")).await;
    assert_eq!((&document["consumed_units"], &document["consumed_fen"]), (&json!(8), &json!(8 * 8_333)));
    assert_eq!(document["lessons"][0]["confirmed_at"], "2026-03-21T09:00:00+08:00");
    let document = world.org.json(&format!("/contracts/{two}")).await;
    assert_eq!((&document["consumed_units"], &document["consumed_fen"]), (&json!(9), &json!(9 * 8_333)));
    let (status, _) = world.org.post_json(&format!("/lessons/{}/actions", document["lessons"][0]["id"]), void).await;
    assert_eq!(status, StatusCode::CONFLICT, "what is confirmed is not taken back");

    // The dispute stays until an official settles it: one unit was given, the other was not.
    let document = world.admin.json(&format!("/contracts/{one}")).await;
    let disputed: Vec<i64> = document["lessons"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|lesson| lesson["state"] == "disputed")
        .map(|lesson| lesson["id"].as_i64().unwrap())
        .collect();
    assert_eq!(disputed.len(), 2, "{document}");
    for (lesson, finding) in disputed.iter().zip(["given", "not_given"]) {
        let settle = json!({"action": "settle", "finding": finding, "comment": "已向家长和机构核实"});
        let path = format!("/lessons/{lesson}/actions");
        let (status, _) = world.org.post_json(&path, settle.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "an institution settles nothing of its own");
        let (status, answer) = world.admin.post_json(&path, settle.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let (status, _) = world.admin.post_json(&path, settle).await;
        assert_eq!(status, StatusCode::CONFLICT, "settled once");
    }
    let document = world.org.json(&format!("/contracts/{one}")).await;
    assert_eq!((&document["consumed_units"], &document["unearned_fen"]), (&json!(9), &json!(400_000 - 9 * 8_333)));
    books_balance(&world).await;
}

async fn deliver(world: &World, opening_fen: i64, lines: &[(&str, bool, i64, &str)]) -> Value {
    let id = world.account_id().await;
    let part = multipart::Part::bytes(camt(&world.account, opening_fen, lines).into_bytes()).file_name("day.xml");
    let form = multipart::Form::new().part("file", part);
    let request = world.admin.api(Method::POST, &format!("/escrow/accounts/{id}/statements"));
    let answer = request.multipart(form).send().await.unwrap();
    let status = answer.status();
    let value: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{status} {value}");
    value
}

/// Kind, level, instant and what is owed of each open warning.
async fn warnings(world: &World) -> Vec<String> {
    let warnings = world.admin.json("/warnings").await;
    let told = |one: &Value| {
        format!(
            "{} {} {} {} {}",
            one["kind"], one["level"], one["status"], one["raised_at"], one["evidence"]["unearned_fen"]
        )
    };
    let mut found: Vec<String> = warnings["items"].as_array().unwrap().iter().map(told).collect();
    found.sort();
    found
}

/// Three contracts of 4,800.00 each, two of them paid before the statements' first day and one on their second.
async fn families(world: &World) {
    for (number, paid_at) in [("1", "2026-03-02"), ("2", "2026-03-03"), ("3", "2026-03-17")] {
        let id = recorded(
            world,
            with(
                contract(number),
                json!({"pupil": number, "first_lesson_on": "2026-03-20", "last_lesson_on": "2026-06-15"}),
            ),
        )
        .await;
        paid(world, id, payment(number, &format!("{paid_at}T10:00:00+08:00"), 480_000)).await;
    }
}

const DAYS: [(&str, bool, i64, &str); 2] = [("2026-03-16", true, 100, "A1"), ("2026-03-17", true, 100, "A2")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watch_judges_by_what_is_owed_whether_it_was_told_in_time_or_late() {
    let (early, late, nightly) = (World::new().await, World::new().await, World::new().await);
    // 20 % of 9,600.00 owed on the 16th are 1,920.00, of 14,400.00 on the 17th 2,880.00; there are 2,400.00.
    families(&early).await;
    deliver(&early, 240_000, &DAYS).await;
    deliver(&late, 240_000, &DAYS).await;
    deliver(&nightly, 240_000, &DAYS).await;
    assert!(warnings(&late).await.is_empty(), "nobody knows what is owed");
    families(&late).await;
    families(&nightly).await;
    let found = warnings(&early).await;
    let [minimum, coverage] = &found[..] else { panic!("{found:?}") };
    assert!(
        minimum.contains("FUND-BELOW-MIN") && minimum.contains("yellow") && minimum.contains("1440000"),
        "{found:?}"
    );
    assert!(minimum.contains("2026-03-17T23:59:59"), "{found:?}");
    // A quarter of what is owed is red from the first evening on.
    assert!(coverage.contains("FUND-COVERAGE") && coverage.contains("red"), "{found:?}");
    assert!(coverage.contains("2026-03-16T23:59:59"), "{found:?}");

    // The next delivery replays the account; the nightly run does without one.
    let state = worker().await;
    assert_eq!(ingest::changed_accounts(&state, tenant(&nightly)).await.unwrap(), [nightly.account_id().await]);
    let news = ingest::rejudge(&state, tenant(&nightly), nightly.account_id().await).await.unwrap();
    assert_eq!(news.len(), 2);
    assert_eq!(warnings(&nightly).await, found);
    assert!(ingest::changed_accounts(&state, tenant(&nightly)).await.unwrap().is_empty());
    assert!(ingest::rejudge(&state, tenant(&nightly), nightly.account_id().await).await.unwrap().is_empty());
    let next = [("2026-03-18", true, 100, "A3")];
    for world in [&early, &late, &nightly] {
        deliver(world, 240_200, &next).await;
    }
    let found = warnings(&early).await;
    assert_eq!(warnings(&late).await, found);
    assert_eq!(warnings(&nightly).await, found);

    // The back-test goes by the same obligations: at half the minimum the warning would not have come.
    let path = "/policies/escrow/simulate";
    let mut policy = early.admin.json("/policies/escrow").await;
    policy["minimum_balance"]["unearned_bp"] = json!(1_000);
    let (status, simulated) = early.admin.post_json(path, json!({ "policy": policy })).await;
    assert_eq!(status, StatusCode::OK, "{simulated}");
    assert_eq!(simulated["disappear"][0]["kind"], "FUND-BELOW-MIN", "{simulated}");
    books_balance(&late).await;
}

#[tokio::test]
async fn an_entry_carries_out_its_order_and_bears_out_its_payment() {
    let world = World::new().await;
    let account = world.account_id().await;
    let id = recorded(&world, contract("HT-1")).await;
    paid(&world, id, payment("SJ-1", "2026-03-16T10:00:00+08:00", 480_000)).await;
    let database = root().await;
    let institution: i64 = database
        .query_one("SELECT institution_id FROM escrow_accounts WHERE id = $1", &[&account])
        .await
        .unwrap()
        .get(0);
    database
        .execute(
            "INSERT INTO release_orders (tenant_id, institution_id, account_id, period_from, period_to, seq, order_ref, amount_fen, inputs, state, calculated_at) \
             VALUES ($1, $2, $3, '2026-03-01', '2026-03-15', 1, 'HB-7', 60000, '{}', 'approved', '2026-03-16T08:00:00+08:00')",
            &[&tenant(&world), &institution, &account],
        )
        .await
        .unwrap();
    database
        .execute(
            "INSERT INTO refunds (tenant_id, institution_id, contract_id, order_ref, asked_on, reason, amount_fen, steps, due_on, target_on, state, created_at) \
             VALUES ($1, $2, $3, 'TF-7', '2026-03-16', 'before_start', 100000, '[]', '2026-03-23', '2026-03-21', 'approved', '2026-03-16T08:00:00+08:00')",
            &[&tenant(&world), &institution, &id],
        )
        .await
        .unwrap();
    let lines = [
        ("2026-03-16", true, 480_000, "SJ-1"),
        ("2026-03-17", false, 60_000, "HB-7"),
        ("2026-03-17", false, 100_000, "X/TF-7"),
        ("2026-03-17", false, 60_000, "HB-7-2"),
    ];
    deliver(&world, 1_000_000, &lines).await;
    let entries = world.admin.json(&format!("/escrow/accounts/{account}/entries")).await;
    let told: Vec<(String, Value, Value)> = entries["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            (entry["bank_ref"].as_str().unwrap().to_owned(), entry["kind"].clone(), entry["order_ref"].clone())
        })
        .collect();
    assert!(told.contains(&("SJ-1".into(), json!("prepayment"), Value::Null)), "{told:?}");
    assert!(told.contains(&("HB-7".into(), json!("release"), json!("HB-7"))), "{told:?}");
    assert!(told.contains(&("X/TF-7".into(), json!("refund"), json!("TF-7"))), "{told:?}");
    let states: String = database
        .query_one(
            "SELECT concat((SELECT state || entry_ref FROM release_orders WHERE tenant_id = $1), ' ', (SELECT state || entry_ref FROM refunds WHERE tenant_id = $1))",
            &[&tenant(&world)],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(states, "settledHB-7 paidX/TF-7");
    let document = world.org.json(&format!("/contracts/{id}")).await;
    assert_eq!(document["payments"][0]["entry"], json!({"account_id": account, "bank_ref": "SJ-1"}));
    assert_eq!((&document["refunded_fen"], &document["unearned_fen"]), (&json!(100_000), &json!(380_000)));
    assert_eq!(document["refunds"][0]["state"], "paid");

    // A payment that is told after the bank's entry is tied to it as well.
    let id = recorded(&world, with(contract("HT-2"), json!({"pupil": "李小红", "price_fen": 70_000}))).await;
    deliver(&world, 1_260_000, &[("2026-03-18", true, 70_000, "A9")]).await;
    let answer = paid(&world, id, payment("SJ-2", "2026-03-18T08:00:00+08:00", 70_000)).await;
    assert_eq!(answer["entry"], json!({"account_id": account, "bank_ref": "A9"}));
    books_balance(&world).await;
}

#[tokio::test]
async fn another_county_and_another_institution_see_nothing_and_officials_see_masks() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let id = recorded(&world, contract("HT-1")).await;
    let lesson =
        taught(&world, "2026-03-16T19:00:00+08:00", &[("HT-1", 1)]).await["lessons"][0]["id"].as_i64().unwrap();
    let code = credit_code(world.county, 80_001);
    let csv = format!(
        "{HEADER}\n{}\n",
        row(world.county, "邻座培训中心（样例）", &code, &format!("7{}", &world.account[1..]))
    );
    let part = multipart::Part::bytes(csv.into_bytes()).file_name("institutions.csv");
    let form = multipart::Form::new().text("region", world.county.to_string()).part("file", part);
    let answer = world.admin.api(Method::POST, "/institutions/import").multipart(form).send().await.unwrap();
    assert!(answer.status().is_success());
    let neighbour = app().institution_user(world.county, &code).await;
    for stranger in [&elsewhere.admin, &elsewhere.org, &neighbour] {
        let answer = stranger.api(Method::GET, &format!("/contracts/{id}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{}", stranger.name);
        let list = stranger.json("/contracts").await;
        assert_eq!(list["items"], json!([]), "{}", stranger.name);
        let act = json!({"action": "void", "comment": "攻击"});
        let (status, _) = stranger.post_json(&format!("/lessons/{lesson}/actions"), act).await;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{} {status}", stranger.name);
        let (status, _) = stranger.post_json(&format!("/contracts/{id}/payments"), payment("SJ-9", NOW, 1)).await;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{} {status}", stranger.name);
    }
    let (status, _) = world.admin.post_json("/contracts", contract("HT-9")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a bureau keeps no institution's ledger");
    let own = world.org.json(&format!("/contracts/{id}")).await;
    assert_eq!((&own["pupil"], &own["guardian_phone"]), (&json!("王小明"), &json!("13812345678")));
    let official = world.admin.json(&format!("/contracts/{id}")).await;
    assert_eq!((&official["pupil"], &official["guardian_phone"]), (&json!("王*"), &json!("138****5678")));
    let list = world.org.json("/contracts?limit=1&contract_no=HT-1").await;
    assert_eq!((&list["items"][0]["pupil"], &list["next_cursor"]), (&json!("王*"), &Value::Null));
    // Nothing of the pupil is legible in the database or the trail.
    let legible: i64 = root()
        .await
        .query_one(
            "SELECT (SELECT count(*) FROM contracts c WHERE tenant_id = $1 AND (c::text LIKE '%小明%' OR c::text LIKE '%13812345678%')) \
             + (SELECT count(*) FROM audit_events e WHERE tenant_id = $1 AND (e::text LIKE '%小明%' OR e::text LIKE '%13812345678%'))",
            &[&tenant(&world)],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(legible, 0);
    let found =
        app().run(&["personal", "export", "--region", &world.county.to_string(), "--person", "13812345678"], "");
    assert!(found.contains("HT-1"), "{found}");
}

async fn imported(world: &World, path: &str, csv: &str) -> Value {
    let part = multipart::Part::bytes(csv.as_bytes().to_vec()).file_name("sheet.csv");
    let form = multipart::Form::new().part("file", part);
    let answer = world.org.api(Method::POST, path).multipart(form).send().await.unwrap();
    let status = answer.status();
    let report: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{status} {report}");
    report
}

#[tokio::test]
async fn a_sheet_goes_in_whole_or_not_at_all() {
    let world = World::new().await;
    let header = "合同编号,学员姓名,科目,收费方式,签订日期,合同金额,购买课时,首课日期,末课日期,票据号,收款时间,收款金额,收款方式";
    let good = "HT-1,王小明,初中数学,按课时,2026-02-10,4800,60,2026-03-01,2026-05-31,SJ-1,2026-02-10,4800,微信";
    let over = "HT-2,李小红,初中数学,按课时,2026-02-10,5000.01,60,2026-03-01,2026-05-31,,,,";
    let report = imported(&world, "/contracts/import", &format!("{header}\n{good}\n{over}\n")).await;
    assert_eq!((&report["accepted"], &report["recorded"]), (&json!(0), &json!(0)), "{report}");
    let line = &report["rejected"][0];
    assert_eq!(
        (&line["row"], &line["column"], &line["rule"]),
        (&json!(3), &json!("合同金额"), &json!("PREPAY-CAP-5000"))
    );
    assert!(line["message_zh"].as_str().unwrap().contains("分期收取"), "{line}");
    assert_eq!(world.org.json("/contracts").await["items"], json!([]), "nothing is half written");

    let report = imported(&world, "/contracts/import", &format!("{header}\n{good}\n")).await;
    assert_eq!((&report["accepted"], &report["recorded"], &report["unchanged"]), (&json!(1), &json!(2), &json!(0)));
    let report = imported(&world, "/contracts/import", &format!("{header}\n{good}\n")).await;
    assert_eq!(
        (&report["accepted"], &report["recorded"], &report["unchanged"]),
        (&json!(1), &json!(0), &json!(2)),
        "{report}"
    );
    let lessons = "合同编号,下课时间,课时\nHT-1,2026-03-16 19:00,2\nHT-9,2026-03-16 19:00,1\n";
    let report = imported(&world, "/lessons/import", lessons).await;
    assert_eq!(
        (&report["rejected"][0]["row"], &report["rejected"][0]["rule"]),
        (&json!(3), &json!("UNKNOWN-CONTRACT"))
    );
    let file = std::env::temp_dir().join(format!("mingjian-lessons-{}.csv", TestApp::next_number()));
    std::fs::write(&file, "合同编号,下课时间,课时\nHT-1,2026-03-16 19:00,2\n").unwrap();
    let (file, region) = (file.to_str().unwrap(), world.county.to_string());
    let told = app().run(&["import", "lessons", file, "--region", &region, "--institution", &world.credit_code], "");
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&report["accepted"], &report["recorded"]), (&json!(1), &json!(2)), "{report}");
    std::fs::remove_file(file).unwrap();
    let id = world.org.json("/contracts").await["items"][0]["id"].as_i64().unwrap();
    let document = world.org.json(&format!("/contracts/{id}")).await;
    assert_eq!(document["lessons"].as_array().unwrap().len(), 2);
    books_balance(&world).await;
}
