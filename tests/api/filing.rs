//! Accounts are filed whole and changed without a gap: what a sheet left out, a successor with its day, the branches served.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, User, World, app},
    oversight::{deliver, of_kind, standing},
};

const PAYEE: &str = "622202000011112222";

/// A line of a statement: day, whether money comes in, fen, reference, the other side's name and account.
type Line<'a> = (&'a str, bool, i64, &'a str, &'a str, &'a str);

/// A statement from `first` to the day of its last line, or of `first` alone.
fn camt(account: &str, first: &str, opening_fen: i64, lines: &[Line<'_>]) -> String {
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let closing = lines.iter().fold(opening_fen, |sum, line| if line.1 { sum + line.2 } else { sum - line.2 });
    let last = lines.last().map_or(first, |line| line.0);
    let balance = |code: &str, fen: i64, day: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Dt><Dt>{day}</Dt></Dt></Bal>",
            yuan(fen)
        )
    };
    let entry = |(day, credit, fen, reference, name, number): &Line<'_>| {
        let (mark, party) = if *credit { ("CRDT", "Dbtr") } else { ("DBIT", "Cdtr") };
        let number = if number.is_empty() {
            String::new()
        } else {
            format!("<{party}Acct><Id><Othr><Id>{number}</Id></Othr></Id></{party}Acct>")
        };
        format!(
            "<Ntry><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>\
             <AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><{party}><Nm>{name}</Nm></{party}>{number}</RltdPties>\
             <RmtInf><Ustrd>往来</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            yuan(*fen)
        )
    };
    let entries: String = lines.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>M1</MsgId><CreDtTm>{last}T20:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S-{first}-{opening_fen}</Id>\
         <CreDtTm>{last}T20:00:00+08:00</CreDtTm><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>\
         {}{}{entries}</Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", opening_fen, first),
        balance("CLBD", closing, last)
    )
}

fn filing(world: &World) -> Value {
    json!({"credit_code": world.credit_code, "bank": "台州银行椒江支行", "account": world.account, "mode": "custody",
           "agreement_no": "TG-2026-1", "payee_account": PAYEE})
}

fn with(mut value: Value, more: Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

async fn file(user: &User, filing: Value) -> (StatusCode, Value) {
    user.post_json("/escrow/accounts", filing).await
}

async fn filed(user: &User, filing: Value) -> Value {
    let (status, account) = file(user, filing).await;
    assert!(status.is_success(), "{status} {account}");
    account
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_a_sheet_left_out_is_filed_on_the_same_account_and_the_warning_closes_by_itself() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-03-18T09:00:00+08:00")]);
    let world = World::within(&app).await;
    let account = world.account_id().await;
    // Twice 9,000 to a company: unusual only once it is known where releases go.
    let lines = [
        ("2026-03-16", false, 900_000, "B1", "某某商贸有限公司", "9999000000000001"),
        ("2026-03-17", false, 900_000, "B2", "某某商贸有限公司", "9999000000000001"),
    ];
    deliver(&world.admin, account, camt(&world.account, "2026-03-16", 50_000_000, &lines)).await;
    assert!(of_kind(&world.admin, "FUND-UNUSUAL-COUNTERPARTY").await.is_empty());
    app.sweep(world.county, "2026-04-01T10:00");
    assert!(standing(&world.admin, "ACCOUNT-NOT-FILED").await.is_empty(), "ten workdays are not over");
    app.sweep(world.county, "2026-04-02T10:00");
    let open = || vec![("orange".to_owned(), "raised".to_owned())];
    assert_eq!(standing(&world.admin, "ACCOUNT-NOT-FILED").await, open());

    let elsewhere = with(filing(&world), json!({"bank": "农业银行"}));
    let (status, problem) = file(&world.org, elsewhere).await;
    assert_eq!((status, fields(&problem)), (StatusCode::CONFLICT, vec!["bank"]), "{problem}");
    assert_eq!(standing(&world.admin, "ACCOUNT-NOT-FILED").await, open());
    let (status, whole) = file(&world.org, filing(&world)).await;
    assert_eq!(status, StatusCode::OK, "the account was on file: {whole}");
    assert_eq!(
        (&whole["id"], &whole["agreement_no"], &whole["payee_account"], &whole["bank"]),
        (&json!(account), &json!("TG-2026-1"), &json!(PAYEE), &json!("台州银行椒江支行"))
    );
    let closed = vec![("orange".to_owned(), "resolved".to_owned())];
    assert_eq!(standing(&world.admin, "ACCOUNT-NOT-FILED").await, closed, "by the facts, at once");
    let unusual = of_kind(&world.admin, "FUND-UNUSUAL-COUNTERPARTY").await;
    assert_eq!((unusual.len(), &unusual[0]["level"]), (1, &json!("yellow")), "now it can be judged: {unusual:?}");

    let (status, again) = file(&world.admin, filing(&world)).await;
    assert_eq!((status, &again["payee_account"]), (StatusCode::OK, &json!("****2222")), "told again: {again}");
    let other = with(
        filing(&world),
        json!({"agreement_no": "TG-9", "payee_account": "622202000011113333", "mode": "risk_deposit"}),
    );
    let (status, problem) = file(&world.org, other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(fields(&problem), ["mode", "agreement_no", "payee_account"], "{problem}");
    assert!(problem["type"].as_str().unwrap().ends_with("escrow/filed-otherwise"), "{problem}");
    assert!(!problem.to_string().contains(PAYEE), "what is sealed stays so");
    let trail = format!(
        "SELECT string_agg(coalesce(before::text, '') || after::text, ' ') FROM audit_events WHERE tenant_id = {} AND action = 'escrow.account_completed'",
        world.county.tenant_id()
    );
    let trail = app.run_sql(&trail).await;
    assert!(trail.contains("TG-2026-1") && !trail.contains(PAYEE), "{trail}");
    let mails = format!(
        "SELECT count(*)::text FROM outbox WHERE tenant_id = {} AND idempotency_key LIKE 'account:{account}:completed:%'",
        world.county.tenant_id()
    );
    assert_eq!(app.run_sql(&mails).await, "1", "the bureau hears of it once");
    app.sweep(world.county, "2026-04-03T10:00");
    assert_eq!(standing(&world.admin, "ACCOUNT-NOT-FILED").await, closed);
}

#[tokio::test]
async fn the_institution_completes_its_filing_on_a_page_that_keeps_what_was_typed() {
    let world = World::new().await;
    let home = world.org.page("/org/escrow").await;
    assert!(home.contains("账户备案不完整") && home.contains("/org/escrow/accounts"));
    let page = world.org.page("/org/escrow/accounts").await;
    assert!(page.contains("补齐账户备案") && page.contains(&format!("value=\"{}\"", world.account)), "{page}");
    let typed = [
        ("bank", "台州银行"),
        ("account", &world.account),
        ("mode", "custody"),
        ("agreement_no", "TG-甲-77"),
        ("payee_account", "123"),
        ("branches", "东校区\n西校区"),
    ];
    let answer = world.org.submit("/org/escrow/accounts", &typed).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("value=\"TG-甲-77\"") && page.contains("id=\"payee_account-e0\"") && page.contains("西校区"),
        "{page}"
    );
    let mut right = typed;
    right[4].1 = PAYEE;
    let answer = world.org.submit("/org/escrow/accounts", &right).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/org/escrow/accounts?done=completed");
    assert!(!world.org.page("/org/escrow").await.contains("账户备案不完整"));
    let page = world.org.page("/org/escrow/accounts?done=completed").await;
    assert!(page.contains("备案已补齐") && page.contains(PAYEE) && page.contains("东校区、西校区"), "{page}");
    // The bureau reads the mask, and which branches the account serves; so do parents.
    let code = &world.credit_code;
    let page = world.admin.page(&format!("/b/escrow/accounts/{code}")).await;
    assert!(page.contains("****2222") && !page.contains(PAYEE) && page.contains("变更监管账户"), "{page}");
    let shown = app().visitor().json(&format!("/api/v1/public/institutions/{code}")).await;
    assert_eq!(shown["escrow"]["branches"], json!(["东校区", "西校区"]), "{shown}");
    let id = world.account_id().await.to_string();
    let named = [("what", "branches"), ("account_id", id.as_str()), ("branches", "东校区")];
    let answer = world.admin.submit(&format!("/b/escrow/accounts/{code}"), &named).await;
    assert_eq!(answer.headers()["location"], format!("/b/escrow/accounts/{code}?done=branches"));
    let shown = app().visitor().page(&format!("/i/{code}")).await;
    assert!(shown.contains("适用校区：") && !shown.contains("西校区"));
    assert!(world.admin.page(&format!("/b/escrow/{id}")).await.contains("东校区"));
}

#[tokio::test]
async fn the_bureau_files_for_its_own_institutions_and_for_no_others() {
    let (world, other) = (World::new().await, World::new().await);
    let path = format!("/b/escrow/accounts/{}", world.credit_code);
    assert_eq!(other.admin.get(&path).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(file(&other.admin, filing(&world)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(file(&other.org, filing(&world)).await.0, StatusCode::NOT_FOUND);
    let typed = [
        ("bank", "台州银行"),
        ("account", world.account.as_str()),
        ("mode", "custody"),
        ("agreement_no", "TG-1"),
        ("payee_account", PAYEE),
    ];
    assert_eq!(other.admin.submit(&path, &typed).await.status(), StatusCode::NOT_FOUND);
    let answer = world.admin.submit(&path, &typed).await;
    assert_eq!(answer.headers()["location"], format!("{path}?done=completed"));
    let (status, problem) = file(&world.admin, with(filing(&world), json!({"account": "81230000555"}))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["type"].as_str().unwrap().ends_with("escrow/account-in-use"), "{problem}");
    let (status, problem) = file(&world.admin, with(filing(&world), json!({"account": other.account}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
}

/// A school whose families have paid 48,000.00 ahead, which lies in its account by a statement of 17 March.
async fn paid_ahead(app: &TestApp) -> World {
    let world = World::within(app).await;
    filed(&world.org, filing(&world)).await;
    for number in 1..=10 {
        let contract = json!({
            "contract_no": format!("HT-{number}"), "subject": "初中数学", "basis": "both", "pupil": format!("学员{number}"),
            "guardian_phone": "13812345678", "signed_on": "2026-03-10", "price_fen": 480_000, "units_bought": 60,
            "first_lesson_on": "2026-03-12", "last_lesson_on": "2026-06-10"});
        let (status, contract) = world.org.post_json("/contracts", contract).await;
        assert_eq!(status, StatusCode::CREATED, "{contract}");
        let payment = json!({"receipt_no": format!("SJ-{number}"), "paid_at": "2026-03-16T10:00:00+08:00",
            "amount_fen": 480_000, "channel": "bank_transfer"});
        let path = format!("/contracts/{}/payments", contract["id"]);
        assert_eq!(world.org.post_json(&path, payment).await.0, StatusCode::CREATED);
    }
    let paid: Vec<String> = (1..=10).map(|number| format!("SJ-{number}")).collect();
    let lines: Vec<Line<'_>> =
        paid.iter().map(|receipt| ("2026-03-16", true, 480_000, receipt.as_str(), "家长", "")).collect();
    let account = world.account_id().await;
    deliver(&world.admin, account, camt(&world.account, "2026-03-16", 0, &lines)).await;
    deliver(&world.admin, account, camt(&world.account, "2026-03-17", 4_800_000, &[])).await;
    world
}

#[tokio::test]
async fn a_change_is_taken_back_until_its_day() {
    let world = World::new().await;
    filed(&world.org, filing(&world)).await;
    let id = changes(&world).await;
    let (status, account) = world.org.post_json(&format!("/escrow/accounts/{id}/withdrawal"), json!({})).await;
    assert_eq!((status, &account["status"]), (StatusCode::OK, &json!("closed")), "{account}");
    assert_eq!(
        world.org.post_json(&format!("/escrow/accounts/{id}/withdrawal"), json!({})).await.0,
        StatusCode::CONFLICT
    );
    let shown = app().visitor().json(&format!("/api/v1/public/institutions/{}", world.credit_code)).await;
    assert_eq!((&shown["escrow"]["account_no"], &shown["next_escrow"]), (&json!(world.account), &Value::Null));
    let right = json!({"account": format!("9{}", world.account), "in_use_from": "2026-03-25"});
    let next = filed(&world.org, with(filing(&world), right)).await;
    let page = world.org.page("/org/escrow/accounts").await;
    assert!(
        page.contains("待启用")
            && page.contains("确认撤回")
            && page.contains("账户变更进行中")
            && page.contains("未启用"),
        "{page}"
    );
    let again = [
        ("bank", "农业银行"),
        ("account", "81230000773"),
        ("mode", "custody"),
        ("agreement_no", "TG-3"),
        ("payee_account", PAYEE),
        ("in_use_from", "2026-03-26"),
    ];
    let answer = world.org.submit("/org/escrow/accounts", &again).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "a change is confirmed");
    let taken = [("what", "withdraw"), ("account_id", &*next["id"].to_string())];
    let answer = world.org.submit("/org/escrow/accounts", &taken).await;
    assert_eq!(answer.headers()["location"], "/org/escrow/accounts?done=withdrawn");
}

const NEW: &str = "81230000771";

/// Files the successor on 18 March, in use from the 20th; its id.
async fn changes(world: &World) -> i64 {
    let successor =
        json!({"account": NEW, "bank": "农业银行椒江支行", "agreement_no": "TG-2026-2", "in_use_from": "2026-03-20"});
    let (status, account) = file(&world.org, with(filing(world), successor)).await;
    assert_eq!((status, &account["status"]), (StatusCode::CREATED, &json!("upcoming")), "{account}");
    account["id"].as_i64().unwrap()
}

/// Kind and level of each warning about money that was not withdrawn.
async fn told(user: &User) -> Vec<String> {
    let warnings = user.json("/warnings").await;
    let one = |one: &Value| format!("{} {}", one["kind"].as_str().unwrap(), one["level"].as_str().unwrap());
    let mut told: Vec<String> = warnings["items"].as_array().unwrap().iter().map(one).collect();
    told.retain(|one| one.starts_with("FUND"));
    told.sort();
    told
}

#[tokio::test]
async fn an_account_is_changed_without_a_gap_and_without_a_false_alarm() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-03-18T09:00:00+08:00")]);
    let world = paid_ahead(&app).await;
    let old = world.account_id().await;
    let late = json!({"account": NEW, "in_use_from": "2026-03-17"});
    let (status, problem) = file(&world.org, with(filing(&world), late)).await;
    assert_eq!((status, fields(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["in_use_from"]), "{problem}");
    let new = changes(&world).await;
    let another = json!({"account": "81230000772", "in_use_from": "2026-03-25"});
    let (status, problem) = file(&world.org, with(filing(&world), another)).await;
    assert!(
        status == StatusCode::CONFLICT && problem["type"].as_str().unwrap().ends_with("change-under-way"),
        "{problem}"
    );
    // A wrong number is taken back, and the day is moved.
    let mend =
        json!({"account": NEW, "bank": "农业银行椒江支行", "agreement_no": "TG-2026-2", "in_use_from": "2026-03-21"});
    let moved = filed(&world.org, with(filing(&world), mend.clone())).await;
    assert_eq!((&moved["id"], &moved["in_use_from"]), (&json!(new), &json!("2026-03-21")));
    filed(&world.org, with(filing(&world), with(mend, json!({"in_use_from": "2026-03-20"})))).await;
    // Until its day parents pay into the old one, and are told of the new one.
    let path = format!("/api/v1/public/institutions/{}", world.credit_code);
    let shown = app.visitor().json(&path).await;
    assert_eq!(
        (&shown["escrow"]["account_no"], &shown["next_escrow"]["account_no"], &shown["next_escrow"]["from"]),
        (&json!(world.account), &json!(NEW), &json!("2026-03-20"))
    );
    let page = app.visitor().page(&format!("/i/{}", world.credit_code)).await;
    assert!(page.contains("起改缴至新账户") && page.contains(NEW), "{page}");

    let day = app.beside("2026-03-20T00:05:00+08:00", &[]);
    let shown = day.visitor().json(&path).await;
    assert_eq!(
        (&shown["escrow"]["account_no"], &shown["next_escrow"]),
        (&json!(NEW), &Value::Null),
        "from its day, to the minute"
    );
    app.sweep(world.county, "2026-03-20T00:30");
    assert_eq!(day.visitor().json(&path).await["escrow"]["account_no"], NEW);
    let evening = app.beside("2026-03-20T20:00:00+08:00", &[]);
    let admin = evening.sign_in(&world.admin.name).await;
    let standing_of = async |id: i64| admin.json(&format!("/escrow/accounts/{id}")).await["status"].clone();
    assert_eq!((standing_of(old).await, standing_of(new).await), (json!("emptying"), json!("active")));
    // The old bank sends all of it away; the new one books it three days later, over a weekend, with a family's payment between.
    let moved = [("2026-03-20", false, 4_800_000, "M1", world.name.as_str(), NEW)];
    deliver(&admin, old, camt(&world.account, "2026-03-20", 4_800_000, &moved)).await;
    deliver(&admin, new, camt(NEW, "2026-03-20", 0, &[])).await;
    assert_eq!(told(&admin).await, Vec::<String>::new(), "on its way");
    let account = admin.page(&format!("/b/escrow/{new}")).await;
    assert!(account.contains("其他监管账户及在途") && account.contains("100.0%"), "covered: {account}");
    let wall = admin.page("/b/escrow").await;
    let row = wall
        .split("<tr role=\"row\" id=")
        .find(|row| row.contains(&world.name))
        .unwrap()
        .split("</tr>")
        .next()
        .unwrap();
    assert!(
        row.contains("¥48,000.00") && row.contains("100.0%"),
        "the wall counts both, and what is on its way: {row}"
    );
    let league = admin.page("/b/regions").await;
    assert!(league.contains("¥48,000.00") && league.contains("100.0%"), "and so does the league: {league}");
    let file = admin.get("/b/escrow/accounts.csv").await.text().await.unwrap();
    assert!(file.contains("48000.00,48000.00,48000.00,100.0%"), "and the file: {file}");
    app.sweep(world.county, "2026-03-20T23:30");
    assert_eq!(standing_of(old).await, json!("emptying"), "not empty before the money has arrived");
    let monday = app.beside("2026-03-23T20:00:00+08:00", &[]);
    let admin = monday.sign_in(&world.admin.name).await;
    let arrived = [
        ("2026-03-21", true, 300_000, "N1", "家长", ""),
        ("2026-03-23", true, 4_800_000, "N2", world.name.as_str(), ""),
    ];
    deliver(&admin, new, camt(NEW, "2026-03-21", 0, &arrived)).await;
    app.sweep(world.county, "2026-03-23T21:00");
    assert_eq!(told(&admin).await, Vec::<String>::new(), "arrived");
    assert_eq!(
        admin.json(&format!("/escrow/accounts/{old}")).await["status"],
        "closed",
        "its last statement says zero"
    );
    let page = admin.page(&format!("/b/escrow/accounts/{}", world.credit_code)).await;
    assert!(page.contains("已转清") && page.contains("已到账"), "{page}");
    // Money in a closed account is watched again.
    let again = [("2026-03-23", true, 480_000, "M2", "家长", "")];
    deliver(&admin, old, camt(&world.account, "2026-03-23", 0, &again)).await;
    app.sweep(world.county, "2026-03-23T22:00");
    assert_eq!(admin.json(&format!("/escrow/accounts/{old}")).await["status"], "emptying");
}

#[tokio::test]
async fn money_that_leaves_the_old_account_and_does_not_arrive_is_seen_until_it_does() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-03-18T09:00:00+08:00")]);
    let world = paid_ahead(&app).await;
    let old = world.account_id().await;
    let new = changes(&world).await;
    app.sweep(world.county, "2026-03-20T00:30");
    let friday = app.beside("2026-03-20T20:00:00+08:00", &[]);
    let admin = friday.sign_in(&world.admin.name).await;
    // All of it is said to go to the new account; a part arrives.
    let moved = [
        ("2026-03-20", false, 3_000_000, "M1", world.name.as_str(), NEW),
        ("2026-03-20", false, 1_800_000, "M2", world.name.as_str(), NEW),
    ];
    deliver(&admin, old, camt(&world.account, "2026-03-20", 4_800_000, &moved)).await;
    let part = [("2026-03-20", true, 1_800_000, "N1", world.name.as_str(), world.account.as_str())];
    deliver(&admin, new, camt(NEW, "2026-03-20", 0, &part)).await;
    app.sweep(world.county, "2026-03-25T23:00");
    assert_eq!(told(&admin).await, Vec::<String>::new(), "three bank days");
    app.sweep(world.county, "2026-03-26T00:30");
    let seen = told(&admin).await;
    for kind in ["FUND-LARGE-SINGLE orange", "FUND-WITHDRAW-UNMATCHED yellow", "FUND-COVERAGE red"] {
        assert!(seen.iter().any(|one| one == kind), "{kind}: {seen:?}");
    }
    let large = of_kind(&admin, "FUND-LARGE-SINGLE").await.remove(0);
    assert_eq!(
        (&large["account_id"], &large["evidence"]["amount_fen"]),
        (&json!(old), &json!(3_000_000)),
        "what is missing alone"
    );
    let page = admin.page(&format!("/b/escrow/accounts/{}", world.credit_code)).await;
    assert!(page.contains("逾期未到账"), "{page}");
    // It arrives after all, a week late.
    let later = app.beside("2026-03-27T20:00:00+08:00", &[]);
    let admin = later.sign_in(&world.admin.name).await;
    let rest = [("2026-03-27", true, 3_000_000, "N2", world.name.as_str(), world.account.as_str())];
    deliver(&admin, new, camt(NEW, "2026-03-27", 1_800_000, &rest)).await;
    assert_eq!(told(&admin).await, Vec::<String>::new(), "facts that came later no longer bear it out");
}
