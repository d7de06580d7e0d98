//! The same movements delivered more than once, in parts, in other formats, under another date, and taken back.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{World, app},
    samples::{OPENING, camt},
};

async fn send(world: &World, name: &str, text: &str) -> (StatusCode, Value) {
    let id = world.account_id().await;
    let part = reqwest::multipart::Part::bytes(text.as_bytes().to_vec()).file_name(name.to_owned());
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = world.admin.api(Method::POST, &format!("/escrow/accounts/{id}/statements"));
    let answer = request.multipart(form).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn sent(world: &World, name: &str, text: &str) -> Value {
    let (status, answer) = send(world, name, text).await;
    assert_eq!(status, StatusCode::OK, "{name}: {answer}");
    answer
}

/// A movement: day, minute of the day, signed fen, reference.
type Fact = (&'static str, u32, i64, &'static str);

const FACTS: [Fact; 6] = [
    ("2026-03-10", 545, 480_000, "M1"),
    ("2026-03-10", 700, -9_000_000, "M2"),
    ("2026-03-10", 910, 240_000, "M3"),
    ("2026-03-11", 560, -12_000_000, "M4"),
    ("2026-03-11", 561, 90_000, "M5"),
    ("2026-03-12", 1_000, -3_000_000, "M6"),
];

fn yuan(fen: i64, point: &str) -> String {
    format!("{}{point}{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// A message of camt.052, 053 or 054 about some of the facts, with times of day or without, with balances or without.
fn message(kind: u32, account: &str, facts: &[Fact], timed: bool, opening: Option<i64>) -> String {
    let (root, inner) = match kind {
        52 => ("BkToCstmrAcctRpt", "Rpt"),
        53 => ("BkToCstmrStmt", "Stmt"),
        _ => ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    };
    let mark = |fen: i64| if fen < 0 { "DBIT" } else { "CRDT" };
    let entry = |(day, minute, fen, reference): &Fact| {
        let booked = match timed {
            true => format!("<DtTm>{day}T{:02}:{:02}:00+08:00</DtTm>", minute / 60, minute % 60),
            false => format!("<Dt>{day}</Dt>"),
        };
        // A report in the hour knows the movement; the day's statement knows whom, what for, and that it was a reversal.
        let whole = kind == 53;
        let reversal = if whole && *reference == "M5" { "<RvslInd>true</RvslInd>" } else { "" };
        let side = if *fen < 0 { "Cdtr" } else { "Dbtr" };
        let text = match (whole, kind) {
            (true, _) => format!(
                "<NtryDtls><TxDtls><RltdPties><{side}><Nm>对方{reference}有限公司</Nm></{side}></RltdPties><RmtInf><Ustrd>往来款 {reference}</Ustrd></RmtInf></TxDtls></NtryDtls>"
            ),
            (_, 54) => "<NtryDtls><TxDtls><RmtInf><Ustrd>往来款</Ustrd></RmtInf></TxDtls></NtryDtls>".to_owned(),
            _ => String::new(),
        };
        format!(
            "<Ntry><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>{}</CdtDbtInd>{reversal}<Sts>BOOK</Sts><BookgDt>{booked}</BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>{text}</Ntry>",
            yuan(*fen, "."),
            mark(*fen)
        )
    };
    let balance = |code: &str, fen: i64, day: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>",
            yuan(fen, "."),
            mark(fen)
        )
    };
    let balances = opening.map_or_else(String::new, |fen| {
        let closing = fen + facts.iter().map(|fact| fact.2).sum::<i64>();
        balance("OPBD", fen, facts[0].0) + &balance("CLBD", closing, facts[facts.len() - 1].0)
    });
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.{kind:03}.001.02\"><{root}><{inner}><Id>{kind}-{}</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id>\
         <Ccy>CNY</Ccy></Acct>{balances}{}</{inner}></{root}></Document>",
        facts[0].3,
        facts.iter().map(entry).collect::<String>()
    )
}

/// MT940, or MT942 which has no balances: no times of day.
fn swift(account: &str, facts: &[Fact], opening: Option<i64>) -> String {
    let short = |day: &str| day[2..].replace('-', "");
    let line = |(day, _, fen, reference): &Fact| {
        let day = short(day);
        let mark = if *fen < 0 { 'D' } else { 'C' };
        format!(":61:{day}{}{mark}{}NTRFNONREF//{reference}\r\n", &day[2..], yuan(*fen, ","))
    };
    let lines: String = facts.iter().map(line).collect();
    let (first, last) = (short(facts[0].0), short(facts[facts.len() - 1].0));
    match opening {
        Some(fen) => {
            let closing = fen + facts.iter().map(|fact| fact.2).sum::<i64>();
            format!(
                ":20:S{}\r\n:25:{account}\r\n:28C:1/1\r\n:60F:C{first}CNY{}\r\n{lines}:62F:C{last}CNY{}\r\n-\r\n",
                facts[0].3,
                yuan(fen, ","),
                yuan(closing, ",")
            )
        }
        None => format!(
            ":20:S{}\r\n:25:{account}\r\n:28C:1/1\r\n:34F:CNY0,\r\n:13D:{last}1800+0800\r\n{lines}-\r\n",
            facts[0].3
        ),
    }
}

/// What the account's books say: entries in their order, balance, warnings with their values.
async fn told(world: &World) -> Value {
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries?limit=100")).await;
    let fields = [
        "bank_ref",
        "booked_on",
        "booked_at",
        "direction",
        "amount_fen",
        "reversal",
        "counterparty_name",
        "remittance",
    ];
    let shape = |e: &Value| Value::from_iter(fields.map(|field| e[field].clone()));
    let entries: Vec<Value> = entries["items"].as_array().unwrap().iter().map(shape).collect();
    let warnings = world.admin.json("/warnings").await;
    let shape =
        |w: &Value| json!([w["kind"], w["level"], w["status"], w["raised_at"], w["bank_ref"], w["evidence"]["value"]]);
    // One that later facts no longer bear out, and a gap that was filled, tell of the order in which they came.
    let is_filled = |w: &Value| w["kind"] == "STMT-GAP" && (w["status"] == "resolved" || w["mended_at"].is_string());
    let stands = |w: &&Value| w["status"] != "withdrawn" && !is_filled(w);
    let mut warnings: Vec<Value> = warnings["items"].as_array().unwrap().iter().filter(stands).map(shape).collect();
    warnings.sort_by_key(Value::to_string);
    json!({"balance": account["balance_fen"], "entries": entries, "warnings": warnings})
}

/// Small, fast and the same everywhere.
fn shuffled(seed: u64, count: usize) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, usize::try_from(state % (at as u64 + 1)).unwrap());
    }
    order
}

#[tokio::test]
async fn intraday_and_end_of_day_are_one_truth_in_any_order_split_and_repetition() {
    let mut first: Option<(Value, Vec<usize>)> = None;
    for seed in 0..7 {
        let world = World::new().await;
        let account = world.account.as_str();
        let before = |until: usize| OPENING + FACTS[..until].iter().map(|fact| fact.2).sum::<i64>();
        // Hourly reports with times of day and without, notifications, the day's statement in two formats.
        let deliveries = [
            message(52, account, &FACTS[..2], true, None),
            message(52, account, &FACTS[1..3], true, None),
            message(54, account, &FACTS[2..4], false, None),
            message(53, account, &FACTS[..3], false, Some(OPENING)),
            message(53, account, &FACTS[3..5], true, Some(before(3))),
            swift(account, &FACTS[3..5], Some(before(3))),
            swift(account, &FACTS[4..], None),
            swift(account, &FACTS[5..], Some(before(5))),
        ];
        // The first time in the order of the day, then in others, some more than once.
        let mut order: Vec<usize> =
            if seed == 0 { (0..deliveries.len()).collect() } else { shuffled(seed, deliveries.len()) };
        order.extend(shuffled(seed + 99, deliveries.len()).into_iter().take(usize::try_from(seed).unwrap() % 4));
        for at in &order {
            let name = if deliveries[*at].starts_with('<') { "a.xml" } else { "a.sta" };
            sent(&world, name, &deliveries[*at]).await;
        }
        let books = told(&world).await;
        assert_eq!(books["entries"].as_array().unwrap().len(), FACTS.len(), "{order:?}");
        assert_eq!(books["balance"], json!(before(FACTS.len())), "{order:?}");
        let of =
            |bank_ref: &str| books["entries"].as_array().unwrap().iter().find(|entry| entry[0] == bank_ref).unwrap();
        assert_eq!(of("M5")[5], true, "a reversal is one wherever it is told: {order:?}");
        assert_eq!((&of("M4")[6], &of("M4")[7]), (&json!("对方M4有限公司"), &json!("往来款 M4")), "{order:?}");
        assert!(!books["warnings"].as_array().unwrap().is_empty(), "something left the account");
        let (known, how) = first.get_or_insert_with(|| (books.clone(), order.clone()));
        assert_eq!(*known, books, "{how:?} and {order:?}");
    }
}

/// How many mails are under way or sent about a warning.
async fn told_by_mail(world: &World, warning: &Value) -> String {
    let of = format!("tenant_id = {} AND idempotency_key LIKE 'warning:{warning}:%'", world.county);
    app().run_sql(&format!("SELECT count(*)::text FROM outbox WHERE {of}")).await
}

#[tokio::test]
async fn a_time_that_comes_later_opens_nothing_that_people_closed_and_breaks_no_tie() {
    let world = World::new().await;
    let contract = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-02",
        "price_fen": 480_000, "units_bought": 40, "first_lesson_on": "2026-03-03", "last_lesson_on": "2026-05-31",
    });
    let (status, made) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{made}");
    let paid = json!({"receipt_no": "SJ-1", "paid_at": "2026-03-10T10:00:00+08:00", "amount_fen": 480_000, "channel": "bank_transfer"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{}/payments", made["id"]), paid).await;
    assert!(status.is_success(), "{answer}");
    let before = [("2026-03-09", 600, 100, "M0")];
    sent(&world, "0.xml", &message(53, &world.account, &before, false, Some(OPENING - 100))).await;
    // At noon the day's movements are known without their times.
    sent(&world, "a.xml", &message(52, &world.account, &FACTS[..3], false, None)).await;
    let open = world.admin.json("/warnings?status=raised&kind=FUND-LARGE-SINGLE").await;
    let warning = &open["items"][0];
    let (id, level) = (&warning["id"], warning["level"].as_str().unwrap());
    assert_ne!(level, "red", "one official closes it: {open}");
    for (action, comment) in [("acknowledge", "已看"), ("resolve", "装修款，合同已核对")] {
        let step = json!({"action": action, "comment": comment});
        let (status, answer) = world.admin.post_json(&format!("/warnings/{id}/actions"), step).await;
        assert_eq!(status, StatusCode::OK, "{action}: {answer}");
    }
    let mails = told_by_mail(&world, id).await;
    assert_ne!(mails, "0");
    // In the evening the statement tells them.
    sent(&world, "b.xml", &message(53, &world.account, &FACTS[..3], true, Some(OPENING))).await;
    let all = world.admin.json("/warnings?kind=FUND-LARGE-SINGLE").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(all["items"][0]["status"], "resolved", "{all}");
    assert_eq!(told_by_mail(&world, id).await, mails, "nobody is told twice of the same thing");
    let books = told(&world).await;
    assert_eq!(books["entries"][0][2], "2026-03-10T15:10:00+08:00", "{books}");
    let proof = format!("/b/proof/{}", world.credit_code);
    world.admin.submit(&proof, &[]).await;
    let page = world.admin.page(&format!("{proof}?month=2026-03")).await;
    assert!(!page.contains("缴费收据 SJ-1"), "the receipt is borne out wherever in its day the entry stands: {page}");
}

const TABLE: &str = "交易日期,收入,支出,对方户名,摘要";

#[tokio::test]
async fn a_day_delivered_again_under_another_date_is_found() {
    let world = World::new().await;
    // Under the bank's own reference it is a conflict, with both versions.
    sent(&world, "a.xml", &camt(&world.account, OPENING, &[("2026-03-06", true, 5_000, "D1")])).await;
    let (status, problem) =
        send(&world, "a.xml", &camt(&world.account, OPENING, &[("2026-03-09", true, 5_000, "D1")])).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["conflicts"][0]["stored"]["booked_on"], "2026-03-06", "{problem}");
    assert_eq!(problem["conflicts"][0]["received"]["booked_on"], "2026-03-09", "{problem}");
    // Without one it is kept, and shown.
    let day =
        |date: &str| format!("{TABLE}\n{date},,1234.00,某文具店,办公用品\n{date},88.00,,,课时费\n{date},,50.00,,\n");
    let first = sent(&world, "a.csv", &day("20260306")).await;
    assert_eq!((&first["inserted"], &first["repeats"]), (&json!(3), &json!([])), "{first}");
    let again = sent(&world, "a.csv", &day("20260306")).await;
    assert_eq!((&again["duplicates"], &again["repeats"]), (&json!(3), &json!([])), "the same day is the same");
    let moved = sent(&world, "a.csv", &day("20260309")).await;
    assert_eq!(moved["inserted"], 3, "never dropped");
    // What says nothing but its amount is no sign of anything.
    let repeats = moved["repeats"].as_array().unwrap();
    assert_eq!(repeats.len(), 2, "{moved}");
    assert!(repeats.iter().all(|r| r["booked_on"] == "2026-03-09" && r["like_on"] == "2026-03-06"), "{moved}");
    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    assert!(page.contains("疑似重复") && page.contains("id=\"repeats\""), "{page}");
    // The same day once more, now with its times: nobody's reference tells that it is one.
    let timed = "交易时间,收入,支出,对方户名,摘要\n2026-03-09 10:11:12,,1234.00,某文具店,办公用品\n";
    let noon = sent(&world, "b.csv", timed).await;
    assert_eq!((&noon["inserted"], &noon["repeats"][0]["like_on"]), (&json!(1), &json!("2026-03-09")), "{noon}");
    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    let repeats = page.split("id=\"repeats\"").nth(1).unwrap();
    assert!(repeats.matches("办公用品").count() >= 2, "{repeats}");
    // Beyond the bound it is another month's bill.
    let late = sent(&world, "a.csv", &day("20260220")).await;
    assert_eq!(late["repeats"], json!([]), "{late}");
}

#[tokio::test]
async fn a_reversal_stands_beside_what_it_takes_back() {
    let world = World::new().await;
    let file = format!(
        ":20:S\r\n:25:{}\r\n:28C:1/1\r\n:60F:C260310CNY10000,00\r\n:61:2603100310D500,00NTRFNONREF//R100\r\n:86:代发工资\r\n\
         :61:2603110311RD500,00NTRFNONREF//R101\r\n:86:冲正 R100\r\n:61:2603110311RC70,00NTRFNONREF//R102\r\n:86:不明\r\n:62F:C260311CNY9930,00\r\n-\r\n",
        world.account
    );
    sent(&world, "a.sta", &file).await;
    for page in [
        world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await,
        world.org.page("/org/escrow").await,
    ] {
        assert!(page.contains("的 R100") && page.contains("被 R101 冲正"), "{page}");
        assert!(page.contains("未找到被冲的流水"), "{page}");
    }
}

/// A statement with balances whose day has one line of several payments, told with their references, amounts or neither.
fn batched(account: &str, opening: i64, details: &str, debit: i64) -> String {
    let balance = |code: &str, fen: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-12</Dt></Dt></Bal>",
            yuan(fen, ".")
        )
    };
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id>\
         <Ccy>CNY</Ccy></Acct>{}{}<Ntry><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-12</Dt></BookgDt>\
         <AcctSvcrRef>SUM-1</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>{details}</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", opening),
        balance("CLBD", opening - debit),
        yuan(debit, "."),
    )
}

const SINGLES: [Fact; 2] = [("2026-03-12", 600, -70_000, "P1"), ("2026-03-12", 640, -50_000, "P2")];

#[tokio::test]
async fn a_batch_whose_details_carry_the_references_of_its_payments_is_one_truth_with_them() {
    let mut first: Option<Value> = None;
    for order in [[0, 1], [1, 0]] {
        let world = World::new().await;
        let account = world.account.as_str();
        let detail = |reference: &str, fen: i64| {
            format!(
                "<TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs><Amt Ccy=\"CNY\">{}</Amt></TxDtls>",
                yuan(fen, ".")
            )
        };
        let details = detail("P1", 70_000) + &detail("P2", 50_000);
        let files = [message(54, account, &SINGLES, true, None), batched(account, OPENING, &details, 120_000)];
        for at in order {
            let answer = sent(&world, "a.xml", &files[at]).await;
            assert_eq!(answer["repeats"], json!([]), "{answer}");
        }
        let books = told(&world).await;
        assert_eq!(
            (&books["balance"], books["entries"].as_array().unwrap().len()),
            (&json!(OPENING - 120_000), 2),
            "{books}"
        );
        assert_eq!(*first.get_or_insert_with(|| books.clone()), books);
    }
}

#[tokio::test]
async fn a_batch_that_nothing_ties_to_its_payments_is_told_as_a_possible_repeat_whichever_came_first() {
    for (order, details) in
        [([0, 1], ""), ([1, 0], ""), ([0, 1], "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs></TxDtls>")]
    {
        let world = World::new().await;
        let account = world.account.as_str();
        // A day before, so that the balance is known.
        sent(&world, "a.xml", &camt(account, OPENING, &[("2026-03-11", true, 100, "D1")])).await;
        let files = [message(54, account, &SINGLES, true, None), batched(account, OPENING + 100, details, 120_000)];
        sent(&world, "a.xml", &files[order[0]]).await;
        let answer = sent(&world, "b.xml", &files[order[1]]).await;
        let repeats: Vec<(&Value, &Value)> =
            answer["repeats"].as_array().unwrap().iter().map(|one| (&one["bank_ref"], &one["like_ref"])).collect();
        assert_eq!(repeats, [(&json!("P1"), &json!("SUM-1")), (&json!("P2"), &json!("SUM-1"))], "{order:?} {answer}");
        let id = world.account_id().await;
        let page = world.admin.page(&format!("/b/escrow/{id}")).await;
        assert!(page.contains("疑似重复") && page.contains("SUM-1") && page.contains("等于另外 2 笔之和"), "{page}");
    }
}
