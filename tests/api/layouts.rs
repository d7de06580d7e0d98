//! Tables whose columns are not understood: asked about once, remembered for the bank, used by every way in.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{World, app};

const HEADER: &str = "发生日,摘要代码,进账额,出账额,结余,往来单位";

fn table(header: &str, rows: &[&str]) -> Vec<u8> {
    format!("本行对公明细\n{header}\n{}\n", rows.join("\n")).into_bytes()
}

const ROWS: [&str; 3] = [
    "20260302,课时费,100.00,,1100.00,家长甲",
    "20260303,工资,,50.00,1050.00,教师乙",
    "20260304,课时费,30.00,,1080.00,家长丙",
];

/// The columns as an official would say them.
const ROLES: [&str; 6] = ["date", "remittance", "credit", "debit", "balance", "counterparty_name"];

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {text}")).split(after).next().unwrap()
}

async fn left(world: &World, fields: &[(&str, &str)], bytes: Vec<u8>) -> String {
    let answer = world.admin.upload("/b/escrow/upload", fields, "明细.csv", bytes).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// Says what the columns mean and presses a button; the status and the page.
async fn say(world: &World, at: &str, roles: &[&str], more: &[(&str, &str)]) -> (StatusCode, String) {
    let names: Vec<String> = (0..roles.len()).map(|column| format!("role-{column}")).collect();
    let mut fields: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(roles.iter().copied()).collect();
    for default in [("header", "2"), ("header_was", "2"), ("bank", "台州银行")] {
        if !more.iter().any(|(name, _)| *name == default.0) {
            fields.push(default);
        }
    }
    fields.extend(more);
    let answer = world.admin.submit(at, &fields).await;
    (answer.status(), answer.text().await.unwrap())
}

async fn entries(world: &World) -> Vec<Value> {
    let id = world.account_id().await;
    world.admin.json(&format!("/escrow/accounts/{id}/entries")).await["items"].as_array().unwrap().clone()
}

async fn by_api(world: &World, bytes: Vec<u8>) -> (StatusCode, Value) {
    let id = world.account_id().await;
    let part = reqwest::multipart::Part::bytes(bytes).file_name("明细.csv");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = world.admin.api(Method::POST, &format!("/escrow/accounts/{id}/statements"));
    let answer = request.multipart(form).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn columns_that_are_not_understood_are_asked_about_once_and_remembered_for_the_bank() {
    let world = World::new().await;
    let account = world.account_id().await.to_string();
    let file = table(HEADER, &ROWS);
    // A program is told; nobody asks it.
    let (status, problem) = by_api(&world, file.clone()).await;
    assert_eq!((status, &problem["errors"][0]["rule"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("NO_HEADER")));

    let draft = left(&world, &[("account", &account)], file.clone()).await;
    let page = world.admin.page(&draft).await;
    for shown in ["明细.csv", "摘要代码", "20260302", "家长甲", "往来单位", "value=\"counterparty_name\""]
    {
        assert!(page.contains(shown), "{shown}");
    }
    // Wrong choices are told beside their columns, and nothing that was typed is lost.
    let wrong = ["date", "remittance", "credit", "", "credit", ""];
    let (status, page) = say(&world, &draft, &wrong, &[("action", "preview"), ("bank", "台州银行总行")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("id=\"role-2-e\"") && page.contains("id=\"role-4-e\"") && page.contains("台州银行总行"),
        "{page}"
    );
    // What goes in is what was seen: without a preview of just these columns there is first a preview.
    let (status, page) = say(&world, &draft, &ROLES, &[("action", "keep"), ("seen", "x")]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("入账后是这样") && page.contains("余额相符") && page.contains("¥100.00"), "{page}");
    assert!(entries(&world).await.is_empty(), "looking keeps nothing");
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) = say(&world, &draft, &ROLES, &[("action", "keep"), ("seen", &seen)]).await;
    assert!(status == StatusCode::OK && page.contains("新入账 3 笔"), "{status} {page}");
    assert_eq!(entries(&world).await.len(), 3);
    assert_eq!(world.admin.get(&draft).await.status(), StatusCode::NOT_FOUND, "the file is let go");

    // The next file of the bank goes straight in, by every way.
    let next = table(HEADER, &["20260305,课时费,20.00,,1100.00,家长丁"]);
    let (status, kept) = by_api(&world, next.clone()).await;
    assert_eq!((status, &kept["inserted"]), (StatusCode::OK, &json!(1)), "{kept}");
    let again = world.admin.upload("/b/escrow/upload", &[("account", &account)], "明细.csv", next).await;
    let again = (again.status(), again.text().await.unwrap());
    assert!(again.0 == StatusCode::OK && again.1.contains("已有 1 笔"), "{again:?}");
    // Whoever wants to see the columns first is shown them as they are remembered.
    let asked = left(&world, &[("account", &account), ("columns", "show")], file).await;
    let page = world.admin.page(&asked).await;
    assert!(page.contains("value=\"counterparty_name\" selected"), "{page}");

    // It is listed, and removed only on purpose.
    let list = world.admin.page("/b/escrow/layouts").await;
    assert!(list.contains("台州银行") && list.contains("往来单位") && list.contains(&asked), "{list}");
    let remove = format!("/b/escrow/layouts/{}", between(&list, "action=\"/b/escrow/layouts/", "\""));
    assert_eq!(world.admin.submit(&remove, &[]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.admin.submit(&remove, &[("sure", "yes")]).await.status(), StatusCode::SEE_OTHER);
    let (status, _) = by_api(&world, table(HEADER, &["20260306,课时费,20.00,,1120.00,家长戊"])).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "and then it is asked about again");
    let (status, page) = say(&world, &asked, &ROLES, &[("action", "discard")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("请先勾选"), "{status}");
    let (status, _) = say(&world, &asked, &ROLES, &[("action", "discard"), ("sure", "yes")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_money_column_that_stands_twice_is_asked_about_and_not_guessed() {
    let world = World::new().await;
    let account = world.account_id().await.to_string();
    let file = table(
        "交易日期,金额,金额,余额,摘要",
        &["20260302,100.00,7.00,1100.00,课时费", "20260303,-50.00,7.00,1050.00,工资"],
    );
    let (status, problem) = by_api(&world, file.clone()).await;
    assert_eq!(
        (status, &problem["errors"][0]["rule"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("COLUMNS_AMBIGUOUS"))
    );
    let draft = left(&world, &[("account", &account)], file).await;
    let roles = ["date", "amount", "", "balance", "remittance"];
    let (_, page) = say(&world, &draft, &roles, &[("action", "preview")]).await;
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) = say(&world, &draft, &roles, &[("action", "keep"), ("seen", &seen)]).await;
    assert!(status == StatusCode::OK && page.contains("新入账 2 笔"), "{status} {page}");
}

#[tokio::test]
async fn a_file_without_an_account_is_told_which_it_is_and_a_county_keeps_its_own() {
    let (world, other) = (World::new().await, World::new().await);
    let draft = left(&world, &[], table(HEADER, &ROWS)).await;
    assert_eq!(other.admin.get(&draft).await.status(), StatusCode::NOT_FOUND);
    let (_, page) = say(&world, &draft, &ROLES, &[("action", "preview")]).await;
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) = say(&world, &draft, &ROLES, &[("action", "keep"), ("seen", &seen)]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("没有账号"), "{status} {page}");
    let keep = [("action", "keep"), ("seen", seen.as_str()), ("account", world.account.as_str())];
    let (status, page) = say(&world, &draft, &ROLES, &keep).await;
    assert!(status == StatusCode::OK && page.contains("新入账 3 笔"), "{status} {page}");
    let list = other.admin.page("/b/escrow/layouts").await;
    assert!(!list.contains("往来单位"), "another county knows nothing of it");
    // What lies waiting is sealed.
    let waiting = left(&world, &[], table("甲列,乙列,丙列,丁列", &["20260302,某家长,100.00,1"])).await;
    let id = waiting.rsplit('/').next().unwrap();
    let sql = format!(
        "SELECT encode(file_sealed, 'escape') FROM statement_drafts WHERE id = {id} AND tenant_id = {}",
        world.county.number()
    );
    assert!(!app().run_sql(&sql).await.contains("某家长"));
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn good_files_of_a_zip_go_in_and_the_bad_ones_are_told_with_place_and_mend() {
    let world = World::new().await;
    let account = world.account_id().await.to_string();
    let good = crate::samples::camt(&world.account, 100_000, &[("2026-03-02", true, 5_000, "Z1")]);
    let more = crate::samples::camt(&world.account, 105_000, &[("2026-03-03", false, 1_000, "Z2")]);
    let bundle = zip(&[
        ("一日.xml", good.as_bytes()),
        ("坏.xml", b"<Document><BkToCstmrStmt><Stmt>"),
        ("明细.csv", &table(HEADER, &ROWS)),
        ("二日.xml", more.as_bytes()),
    ]);
    let (status, answer) = by_api(&world, bundle.clone()).await;
    assert_eq!(status, StatusCode::MULTI_STATUS, "{answer}");
    assert_eq!((&answer["kept"], &answer["refused"]), (&json!(2), &json!(2)));
    let bad = &answer["files"][1];
    assert!(bad["name"].as_str().unwrap().ends_with("坏.xml"), "{bad}");
    assert!(bad["problem"]["errors"][0]["path"].as_str().unwrap().contains("line 1"), "{bad}");
    assert_eq!(entries(&world).await.len(), 2);
    // On the page the table waits for its columns, and the others are known already.
    let page = world.admin.upload("/b/escrow/upload", &[("account", &account)], "三月.zip", bundle).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(page.contains("坏.xml") && page.contains("说明各列的含义") && page.contains("已有 1 笔"), "{page}");
    assert!(page.contains("有的文件没有入账"), "{page}");
}

/// A workbook of sheets: name, and rows of cells.
fn workbook(sheets: &[(&str, &[&str])]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet().set_name(*name).unwrap();
        for (at, row) in (0..).zip(rows.iter()) {
            for (column, cell) in (0..).zip(row.split(',')) {
                sheet.write_string(at, column, cell).unwrap();
            }
        }
    }
    book.save_to_buffer().unwrap()
}

#[tokio::test]
async fn every_sheet_under_an_unknown_header_is_asked_for_and_none_is_left_out_in_silence() {
    let world = World::new().await;
    let account = world.account_id().await.to_string();
    let other = "过账日,说明,钱数,结存";
    let book = workbook(&[
        ("说明", &["本工作簿由网上银行导出", "打印日期,2026-03-18"]),
        ("一月", &["本行对公明细", HEADER, ROWS[0], ROWS[1], ROWS[2]]),
        ("二月", &["本行对公明细", other, "20260305,课时费,20.00,1100.00", "20260306,工资,-70.00,1030.00"]),
    ]);
    // A program is told of the first, with its place and the mend; nothing of the file goes in.
    let path = format!("/escrow/accounts/{account}/statements");
    let part = reqwest::multipart::Part::bytes(book.clone()).file_name("三月.xlsx");
    let form = reqwest::multipart::Form::new().part("file", part);
    let answer = world.admin.api(Method::POST, &path).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["errors"][0]["path"].as_str().unwrap().contains("一月"), "{problem}");
    // On the page one sheet is told of after the other.
    let answer = world.admin.upload("/b/escrow/upload", &[("account", &account)], "三月.xlsx", book).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let draft = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(world.admin.page(&draft).await.contains("一月"));
    let (status, page) = say(&world, &draft, &ROLES, &[("action", "preview")]).await;
    assert!(status == StatusCode::OK && page.contains("没说明的工作表") && page.contains("二月"), "{status} {page}");
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) =
        say(&world, &draft, &ROLES, &[("action", "keep"), ("seen", &seen), ("bank", "临海农商行")]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(entries(&world).await.is_empty(), "nothing half in");
    assert!(page.contains("value=\"临海农商行\""), "the bank's name stays: {page}");
    assert!(page.contains("列含义已记住") && page.contains("二月") && page.contains("过账日"), "{page}");
    let roles = ["date", "remittance", "amount", "balance"];
    let (status, page) = say(&world, &draft, &roles, &[("action", "preview")]).await;
    assert!(status == StatusCode::OK && !page.contains("没说明的工作表"), "{status} {page}");
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) = say(&world, &draft, &roles, &[("action", "keep"), ("seen", &seen)]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(entries(&world).await.len(), 5, "{page}");
}

#[tokio::test]
async fn what_was_told_for_a_bank_counts_for_its_files_whether_an_account_was_chosen_or_not() {
    let world = World::new().await;
    let account = world.account_id().await.to_string();
    // The names are known to everybody, and mean something else at this bank: its debit is what came in.
    let header = "交易日期,借方发生额,贷方发生额,余额,摘要";
    let file = |row: &str| format!("账号：{}\n{header}\n{row}\n", world.account).into_bytes();
    let first = file("2026-03-02,100.00,,1100.00,课时费");
    let draft = left(&world, &[("account", &account), ("columns", "show")], first).await;
    let roles = ["date", "credit", "debit", "balance", "remittance"];
    let (_, page) = say(&world, &draft, &roles, &[("action", "preview")]).await;
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let (status, page) = say(&world, &draft, &roles, &[("action", "keep"), ("seen", &seen)]).await;
    assert!(status == StatusCode::OK && page.contains("新入账 1 笔"), "{status} {page}");
    let next = file("2026-03-03,30.00,,1130.00,课时费");
    let answer = world.admin.upload("/b/escrow/upload", &[], "明细.csv", next).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    let kept = entries(&world).await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|entry| entry["direction"] == "credit"), "{kept:?}");
}

#[tokio::test]
async fn each_fault_of_the_columns_page_leads_to_its_own_field() {
    let world = World::new().await;
    let draft = left(&world, &[], table(HEADER, &ROWS)).await;
    let (_, page) = say(&world, &draft, &ROLES, &[("action", "preview")]).await;
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let keep = [("action", "keep"), ("seen", seen.as_str())];
    let (_, page) = say(&world, &draft, &ROLES, &keep).await;
    assert!(page.contains("href=\"#account\"") && page.contains("id=\"account-e\""), "{page}");
    let (_, page) = say(
        &world,
        &draft,
        &ROLES,
        &[keep[0], ("seen", between(&page, "name=\"seen\" value=\"", "\"")), ("bank", " ")],
    )
    .await;
    assert!(page.contains("href=\"#bank\"") && page.contains("id=\"bank-e\""), "{page}");
    assert!(!page.contains("href=\"#account\""), "{page}");
    // A remark is no amount: the row is told, and leads to the column.
    let roles = ["date", "credit", "remittance", "debit", "balance", "counterparty_name"];
    let (status, page) = say(&world, &draft, &roles, &[("action", "preview")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("href=\"#role-1\""), "{status} {page}");
    // Balances that do not follow are accepted at the box below.
    let wrong = [ROWS[0], ROWS[1], "20260304,课时费,30.00,,1200.00,家长丙"];
    let draft = left(&world, &[], table(HEADER, &wrong)).await;
    let (_, page) = say(&world, &draft, &ROLES, &[("action", "preview")]).await;
    assert!(page.contains("id=\"unbalanced\""), "{page}");
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let keep = [("action", "keep"), ("seen", seen.as_str()), ("account", world.account.as_str())];
    let (_, page) = say(&world, &draft, &ROLES, &keep).await;
    assert!(page.contains("href=\"#unbalanced\"") && !page.contains("href=\"#account\""), "{page}");
}

#[tokio::test]
async fn an_empty_file_among_several_is_told_by_its_name_and_a_form_says_each_thing_in_one_language() {
    let world = World::new().await;
    let day = crate::samples::camt(&world.account, 100_000, &[("2026-03-02", true, 5_000, "E1")]);
    let sent = |files: Vec<(&'static str, Vec<u8>)>| {
        let world = &world;
        async move {
            let mut form = reqwest::multipart::Form::new().text("_csrf", world.admin.csrf().await);
            for (name, bytes) in files {
                form = form.part("file", reqwest::multipart::Part::bytes(bytes).file_name(name));
            }
            let answer = world.admin.send_form("/b/escrow/upload", form).await;
            (answer.status(), answer.text().await.unwrap())
        }
    };
    let (status, page) = sent(vec![("三日.csv", Vec::new()), ("二日.xml", day.into_bytes())]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("三日.csv") && page.contains("文件是空的") && page.contains("新入账 1 笔"), "{page}");
    let (status, page) = sent(vec![("三日.csv", Vec::new())]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("文件是空的"), "{status} {page}");
    let (status, page) = sent((0..201).map(|_| ("一日.csv", b"x".to_vec())).collect()).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("一次最多传 200 个文件"), "{status} {page}");
    assert!(!page.contains("at most"), "{page}");
}
