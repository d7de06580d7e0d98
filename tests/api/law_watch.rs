//! The warnings to the letter of the law, as people see them: feeds and chains that are filled in and signed, loans told once,
//! what is lacking, what is stale, what a province allows, what a bank may not charge.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, World, app},
    escrow::Bank,
    oversight::{deliver, is, of_kind, standing, take},
    samples::{OPENING, camt},
};

/// Runs statements as the database's own superuser.
async fn as_root(sql: &str) {
    let mut config = tokio_postgres::Config::new();
    config.host_path(app().data.join("run")).user("mingjian_root").dbname("mingjian");
    mingjian::db::open::connect(&config).await.unwrap().batch_execute(sql).await.unwrap();
}

/// What the institution owes by a day, as its ledger would have booked it.
async fn owes(world: &World, day: &str, contracted_fen: i64, consumed_fen: i64) {
    let tenant = world.county.tenant_id();
    as_root(&format!(
        "INSERT INTO owed_days (tenant_id, institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on, contracts) \
         SELECT {tenant}, id, '{day}', {contracted_fen}, {consumed_fen}, 0, '2026-05-31', 120 FROM institutions \
         WHERE tenant_id = {tenant} AND credit_code = '{}'",
        world.credit_code
    ))
    .await;
}

#[tokio::test]
async fn a_silent_feed_ends_with_the_last_missing_day_and_its_gap_with_a_signature() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", "2026-04-30T18:00:00+08:00")]);
    let world = World::within(&app).await;
    let account = world.account_id().await;
    deliver(&world.admin, account, camt(&world.account, OPENING, &[("2026-04-30", true, 100, "A1")])).await;
    app.sweep(world.county, "2026-05-08T10:00");
    assert_eq!(standing(&world.admin, "FEED-SILENT").await, is("yellow", "raised"));
    // The day itself comes, on the closing of the last one: two bank days are still missing.
    let later = app.beside("2026-05-09T09:00:00+08:00", &[]);
    let officer = later.sign_in(&world.admin.name).await;
    deliver(&officer, account, camt(&world.account, OPENING + 100, &[("2026-05-08", true, 300, "A4")])).await;
    assert_eq!(standing(&officer, "FEED-SILENT").await, is("yellow", "raised"), "two of three days are missing");
    assert_eq!(standing(&officer, "STMT-GAP").await, is("yellow", "raised"), "though the balances agree");
    let gap = of_kind(&officer, "STMT-GAP").await.remove(0);
    assert_eq!((&gap["evidence"]["value"], &gap["evidence"]["unit"]), (&json!(2), &json!("bank_days")), "{gap}");
    let page = officer.page(&format!("/b/escrow/{account}")).await;
    for told in ["有 2 个银行工作日没有报送，最早为 2026-05-06", "之间有 2 个银行工作日没有对账单", "部分预警无法判定"]
    {
        assert!(page.contains(told), "{told}");
    }
    // Nobody signs what does not connect.
    let path = format!("/warnings/{}/actions", gap["id"]);
    let sign = json!({"action": "resolve", "comment": "已与银行逐笔核对"});
    let (status, problem) = officer.post_json(&path, sign.clone()).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/warnings/not-mended")),
        "{problem}"
    );
    // One day comes: the other is missing still. In both, as much came in as went out.
    let day = |on: &'static str, reference: [&'static str; 2]| {
        [(on, true, 5_000_000, reference[0]), (on, false, 5_000_000, reference[1])]
    };
    deliver(&officer, account, camt(&world.account, OPENING + 100, &day("2026-05-06", ["B1", "B2"]))).await;
    app.sweep(world.county, "2026-05-09T09:30");
    let silent = of_kind(&officer, "FEED-SILENT").await.remove(0);
    assert_eq!((&silent["status"], &silent["evidence"]["value"]), (&json!("raised"), &json!(1)), "{silent}");
    deliver(&officer, account, camt(&world.account, OPENING + 100, &day("2026-05-07", ["B3", "B4"]))).await;
    assert_eq!(standing(&officer, "FEED-SILENT").await, is("yellow", "resolved"), "complete at last");
    let gap = of_kind(&officer, "STMT-GAP").await.remove(0);
    assert!(gap["status"] == "raised" && gap["mended_at"].is_string(), "it waits for a signature: {gap}");
    let page = officer.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains("已衔接，待对账签认") && page.contains("签认对账并办结"), "the page says what to do");
    app.sweep(world.county, "2026-05-09T09:40");
    assert_eq!(standing(&officer, "STMT-GAP").await, is("yellow", "raised"), "nor does it close by itself later");
    let (status, signed) = officer.post_json(&path, sign).await;
    assert!(status.is_success(), "{status} {signed}");
    assert_eq!(standing(&officer, "STMT-GAP").await, is("yellow", "resolved"));
    assert_eq!(officer.json(&format!("/escrow/accounts/{account}")).await["undetermined"], json!([]));
}

/// An MT940 statement of one day with its number in the series.
fn mt940(account: &str, number: u32, (year, day): (&str, &str), opening: &str, closing: &str, line: &str) -> String {
    format!(
        ":20:S{number}\r\n:25:{account}\r\n:28C:{number}/1\r\n:60F:C{year}{day}CNY{opening}\r\n:61:{year}{day}{day}{line}\r\n:62F:C{year}{day}CNY{closing}\r\n-\r\n"
    )
}

#[tokio::test]
async fn a_number_that_the_bank_left_out_is_a_gap_whatever_the_balances_say() {
    let world = World::new().await;
    let account = world.account_id().await;
    let first = mt940(&world.account, 51, ("26", "0316"), "1000,00", "1001,00", "C1,00NTRFN1");
    deliver(&world.admin, account, first).await;
    assert!(standing(&world.admin, "STMT-GAP").await.is_empty());
    let third = mt940(&world.account, 53, ("26", "0317"), "1001,00", "1002,00", "C1,00NTRFN3");
    deliver(&world.admin, account, third).await;
    assert_eq!(standing(&world.admin, "STMT-GAP").await, is("yellow", "raised"));
    assert!(world.admin.page(&format!("/b/escrow/{account}")).await.contains("第 51 号之后为第 53 号，缺 1 份对账单"));
}

#[tokio::test]
async fn f20_a_lenders_sum_is_one_red_warning_which_people_alone_close() {
    let world = World::new().await;
    let account = world.account_id().await;
    let entry = json!({"bank_ref": "L1", "booked_on": "2026-03-17", "direction": "credit", "amount_fen": 9_600_000,
        "counterparty_name": "××消费金融有限公司", "counterparty_account": "622900001"});
    let body = json!({"account": world.account, "entries": [entry]}).to_string();
    let answer = Bank::of(&world).push(&body, "nonce-of-law-f20-1", None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(standing(&world.admin, "TRAINING-LOAN").await, is("red", "raised"));
    for now in ["2026-03-18T10:00", "2026-06-20T10:00"] {
        app().sweep(world.county, now);
        assert_eq!(standing(&world.admin, "TRAINING-LOAN").await, is("red", "raised"), "told once, and open: {now}");
    }
    let told = of_kind(&world.admin, "TRAINING-LOAN").await.remove(0);
    assert_eq!((&told["account_id"], &told["evidence"]["value"]), (&json!(account), &json!(20)), "{told}");
    assert!(world.admin.page(&format!("/b/escrow/{account}")).await.contains("累计涉及至少 20 个家庭"));
}

#[tokio::test]
async fn f8_and_f21_one_withdrawal_makes_the_institution_red_and_a_feed_without_names_is_said_to_lack_them() {
    let world = World::new().await;
    let account = world.account_id().await;
    // U 430,000.00 after lessons of 40,000.00 in the period.
    owes(&world, "2026-02-20", 47_000_000, 0).await;
    owes(&world, "2026-03-05", 0, 4_000_000).await;
    take(&world, 48_000_000, &[("2026-03-16", false, 9_600_000, "F8"), ("2026-03-17", true, 1, "F9")]).await;
    for (kind, level) in
        [("FUND-LARGE-SINGLE", "yellow"), ("FUND-COVERAGE", "yellow"), ("FUND-WITHDRAW-UNMATCHED", "red")]
    {
        assert_eq!(standing(&world.admin, kind).await, is(level, "raised"), "{kind}");
    }
    let unmatched = of_kind(&world.admin, "FUND-WITHDRAW-UNMATCHED").await.remove(0);
    assert_eq!(
        (&unmatched["evidence"]["excess_fen"], &unmatched["evidence"]["excess_bp"]),
        (&json!(5_600_000), &json!(14_000)),
        "{unmatched}"
    );
    let watch = world.admin.page("/b/escrow").await;
    let row = watch.split("<tr").find(|row| row.contains(&world.name)).unwrap();
    assert!(row.contains("lv--red"), "institution level: {row}");
    assert!(world.admin.page(&format!("/b/institutions/{}", world.credit_code)).await.contains("lv--red"));
    // The file names nobody whom the account paid.
    assert!(standing(&world.admin, "FUND-UNUSUAL-COUNTERPARTY").await.is_empty());
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    let lacks = page.split("无法判断的预警").nth(1).unwrap();
    assert!(lacks.contains("异常交易对手") && lacks.contains("银行没有提供收款人"), "{lacks}");
}

#[tokio::test]
async fn f18_a_deposit_of_120_fees_is_short_by_a_fen_or_not() {
    for (case, opening_fen, expected) in
        [("432,000.00", 43_200_000, vec![]), ("431,999.99", 43_199_999, is("blue", "raised"))]
    {
        let world = World::new().await;
        let account = world.account_id().await;
        as_root(&format!("UPDATE escrow_accounts SET mode = 'risk_deposit' WHERE id = {account}")).await;
        owes(&world, "2026-03-02", 120 * 360_000, 0).await;
        let lines = [("2026-03-16", true, 1, "D1"), ("2026-03-16", false, 1, "D2")];
        take(&world, opening_fen, &lines).await;
        assert_eq!(standing(&world.admin, "FUND-COVERAGE").await, expected, "{case}");
    }
}

#[tokio::test]
async fn what_left_before_a_break_counts_in_the_week_and_the_break_is_signed() {
    let world = World::new().await;
    let account = world.account_id().await;
    take(&world, 30_000_000, &[("2026-03-13", false, 4_000_000, "A1"), ("2026-03-13", false, 4_000_000, "A2")]).await;
    // 45.00 are missing.
    take(&world, 21_995_500, &[("2026-03-16", true, 100, "A3")]).await;
    take(&world, 21_995_600, &[("2026-03-17", false, 6_000_000, "A4")]).await;
    assert_eq!(standing(&world.admin, "STMT-CHAIN-BREAK").await, is("orange", "raised"));
    let week = of_kind(&world.admin, "FUND-CUM-ROLLING").await.remove(0);
    assert_eq!((&week["level"], &week["evidence"]["debits_fen"]), (&json!("yellow"), &json!(14_000_000)), "{week}");
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains("流水曾中断，尚有时段没有对账单"), "what the week lacks is said");
}

#[tokio::test]
async fn what_is_older_than_two_bank_days_is_stale_wherever_it_is_read() {
    let app = TestApp::start(&[]);
    let world = World::within(&app).await;
    let account = world.account_id().await;
    take(&world, OPENING, &[("2026-03-17", false, 9_000_000, "Y1")]).await;
    let warning = of_kind(&world.admin, "FUND-LARGE-SINGLE").await.remove(0);
    assert_eq!((&warning["stale"], &warning["data_on"]), (&json!(false), &json!("2026-03-17")), "{warning}");
    assert!(!world.admin.page(&format!("/b/escrow/{account}")).await.contains("数据陈旧"));
    for (now, stale) in [("2026-03-19T10:00:00+08:00", false), ("2026-03-20T10:00:00+08:00", true)] {
        let later = app.beside(now, &[]);
        let officer = later.sign_in(&world.admin.name).await;
        let one = officer.json(&format!("/warnings/{}", warning["id"])).await;
        assert_eq!(one["stale"], json!(stale), "{now} {one}");
        for page in
            [format!("/b/escrow/{account}"), "/b/escrow".to_owned(), format!("/b/escrow/warnings/{}", warning["id"])]
        {
            assert_eq!(officer.page(&page).await.contains("数据陈旧"), stale, "{now} {page}");
        }
        let english = officer.page(&format!("/b/escrow/{account}?lang=en")).await;
        assert_eq!(english.contains("more than two bank days ago"), stale, "{now}");
    }
}

#[tokio::test]
async fn a_fee_of_the_bank_is_the_banks_matter_and_no_withdrawal_of_the_institution() {
    let world = World::new().await;
    let account = world.account_id().await;
    owes(&world, "2026-03-02", 100_000, 0).await;
    let fee = |reference: &str, kind: &str| json!({"bank_ref": reference, "booked_on": "2026-03-16", "direction": "debit", "amount_fen": 5_000, "kind": kind});
    let push = |nonce: &'static str, entry: Value| {
        let body = json!({"account": world.account, "entries": [entry]}).to_string();
        let bank = Bank::of(&world);
        async move { assert_eq!(bank.push(&body, nonce, None).await.status(), StatusCode::OK) }
    };
    assert_eq!(world.admin.json(&format!("/escrow/accounts/{account}")).await["findings"], json!([]));
    push("nonce-of-law-fee-1", fee("G1", "bank_fee")).await;
    assert!(standing(&world.admin, "FUND-WITHDRAW-UNMATCHED").await.is_empty());
    let found = world.admin.json(&format!("/escrow/accounts/{account}")).await["findings"].clone();
    assert_eq!(
        (&found[0]["rule"], &found[0]["severity"], &found[0]["evidence"]["measured_fen"]),
        (&json!("FUND-BANK-NO-FEE"), &json!("refer"), &json!(5_000)),
        "{found}"
    );
    let page = world.admin.page(&format!("/b/escrow/{account}")).await;
    assert!(page.contains("从监管账户扣收费用 1 笔，共 ¥50.00"), "the page says so");
    push("nonce-of-law-fee-2", fee("G2", "other")).await;
    assert_eq!(standing(&world.admin, "FUND-WITHDRAW-UNMATCHED").await.len(), 1, "what is no fee needs an order");
}

#[tokio::test]
async fn a_bureau_that_allows_one_mode_takes_no_account_of_the_other() {
    let world = World::new().await;
    let proposal = json!({"value": ["risk_deposit"], "effective_from": "2026-03-18", "reason": "省里只采用风险保证金"});
    let (status, proposed) = world.admin.post_json("/policies/fund.modes/proposals", proposal).await;
    assert!(status.is_success(), "{status} {proposed}");
    let decision = json!({"decision": "approve", "comment": "同意"});
    let path = format!("/approvals/{}/decisions", proposed["id"].as_i64().or(proposed["proposal"].as_i64()).unwrap());
    let (status, answer) = world.approver.post_json(&path, decision).await;
    assert!(status.is_success(), "{status} {answer}");
    let filing = |mode: &str| {
        json!({"credit_code": world.credit_code, "bank": "台州银行", "account": world.account, "mode": mode,
               "agreement_no": "XY-1", "payee_account": "6222021207001234567"})
    };
    let (status, problem) = world.org.post_json("/escrow/accounts", filing("custody")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let error = &problem["errors"][0];
    assert_eq!((&error["path"], &error["rule"]), (&json!("mode"), &json!("FUND-MODE")), "{problem}");
    let (status, answer) = world.org.post_json("/escrow/accounts", filing("risk_deposit")).await;
    assert!(status.is_success() && answer["mode"] == "risk_deposit", "{status} {answer}");
}
