//! People that the bureau keeps for its watch: who set an institution up, and whose a contract is.

use mingjian::kernel::RegionCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{User, World, app},
    escrow::Bank,
};

const SPONSOR: &str = "欧阳举办";
const COMPANY: &str = "星光教育控股有限公司";
const PUPIL: &str = "上官学童";
const PHONE: &str = "15476540001";
const FEE_PAYEE: &str = "6222020200445566778";

fn entry(bank_ref: &str, direction: &str, amount_fen: i64, name: &str) -> Value {
    let account = format!("62{:0>16}", bank_ref.bytes().map(u64::from).sum::<u64>());
    json!({"bank_ref": bank_ref, "booked_on": "2026-03-17", "direction": direction, "amount_fen": amount_fen,
           "counterparty_name": name, "counterparty_account": account, "remittance": "往来"})
}

/// The open warnings about unusual recipients: reference, level and relation.
async fn unusual(world: &World) -> Vec<(String, String, Value)> {
    let warnings = world.admin.json("/warnings?kind=FUND-UNUSUAL-COUNTERPARTY").await;
    let told = |one: &Value| {
        let level = one["level"].as_str().unwrap().to_owned();
        (one["bank_ref"].as_str().unwrap_or_default().to_owned(), level, one["evidence"]["relation"].clone())
    };
    warnings["items"].as_array().unwrap().iter().map(told).collect()
}

async fn sponsors(world: &World, user: &User) -> Value {
    user.json(&format!("/institutions/{}", world.credit_code)).await["sponsors"].clone()
}

async fn pushed(world: &World, nonce: &str, entries: Value) {
    let body = json!({"account": world.account, "entries": entries}).to_string();
    let answer = Bank::of(world).push(&body, nonce, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn money_to_a_sponsor_is_told_as_to_a_related_party_and_to_anybody_else_as_before() {
    // One world for each recipient: a later event joins the open warning.
    for (case, name, amount, expected) in [
        ("a sponsor who is a person", "欧阳 举办", 100, Some(("orange", json!("sponsor")))),
        ("a fen under 50,000", SPONSOR, 4_999_999, Some(("orange", json!("sponsor")))),
        ("50,000 to a person is red", SPONSOR, 5_000_000, Some(("red", Value::Null))),
        ("a sponsor that is a company", COMPANY, 5_000_000, Some(("orange", json!("sponsor")))),
        ("another company, 10,000", "某某商贸有限公司", 1_000_000, Some(("yellow", Value::Null))),
        ("another company, a fen less", "某某商贸有限公司", 999_999, None),
        ("another person", "张三丰", 100, Some(("yellow", Value::Null))),
    ] {
        let world = World::new().await;
        for (name, kind, share) in [(SPONSOR, "person", json!(6_000)), (COMPANY, "company", Value::Null)] {
            let body = json!({"name": name, "kind": kind, "share_bp": share});
            let (status, answer) =
                world.admin.post_json(&format!("/institutions/{}/sponsors", world.credit_code), body).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
        }
        let money = json!([entry("C1", "credit", 100_000_000, "家长"), entry("D1", "debit", amount, name)]);
        pushed(&world, "nonce-sponsor-0001", money).await;
        let told = unusual(&world).await;
        let expected: Vec<_> =
            expected.into_iter().map(|(level, relation)| ("D1".to_owned(), level.to_owned(), relation)).collect();
        assert_eq!(told, expected, "{case}");
    }
}

#[tokio::test]
async fn a_sponsor_added_later_is_judged_in_the_history_and_taken_off_with_a_reason() {
    let world = World::new().await;
    let money = json!([entry("C1", "credit", 100_000_000, "家长"), entry("D1", "debit", 900_000, COMPANY)]);
    pushed(&world, "nonce-sponsor-0002", money).await;
    assert_eq!(unusual(&world).await, [], "a company that nobody knows, under 10,000");
    let place = format!("/b/institutions/{}", world.credit_code);
    let empty = world.admin.page(&place).await;
    assert!(empty.contains("尚未登记。登记后，从监管账户付给举办者的款项会预警"));
    // What is wrong is told beside the field, and what was typed stays.
    let bad = [("name", COMPANY), ("kind", ""), ("share", "120")];
    let answer = world.admin.submit(&format!("{place}/sponsors"), &bad).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("请选择自然人或单位") && page.contains("出资比例应大于 0") && page.contains(COMPANY));
    for (name, kind, share) in [(COMPANY, "company", "40.5"), (SPONSOR, "person", "")] {
        let fields = [("name", name), ("kind", kind), ("share", share)];
        let answer = world.admin.submit(&format!("{place}/sponsors"), &fields).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    }
    let twice = [("name", "星光教育控股 有限公司"), ("kind", "company"), ("share", "")];
    let answer = world.admin.submit(&format!("{place}/sponsors"), &twice).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "the same name is one sponsor");
    app().sweep(world.county, "2026-03-18T10:00");
    assert_eq!(unusual(&world).await, [("D1".to_owned(), "orange".to_owned(), json!("sponsor"))]);

    // Officials read the mask of a person; the institution reads its own; one value is seen with a reason and on record.
    let page = world.admin.page(&place).await;
    assert!(page.contains("40.5%") && page.contains(COMPANY) && !page.contains(SPONSOR), "a person is masked");
    let (shown, own) = (sponsors(&world, &world.admin).await, sponsors(&world, &world.org).await);
    assert_eq!((&shown[1]["name"], &own[1]["name"]), (&json!("欧*"), &json!(SPONSOR)), "{shown} {own}");
    let (person, company) = (own[1]["id"].to_string(), own[0]["id"].to_string());
    let wish = |id: &str| json!({"kind": "sponsor", "id": id, "field": "sponsor_name", "purpose": "funds", "reason": "核对收款人"});
    let (status, seen) = world.admin.post_json("/personal/unmask", wish(&person)).await;
    assert_eq!((status, &seen["value"]), (StatusCode::OK, &json!(SPONSOR)));
    let neighbour = World::new().await;
    assert_eq!(neighbour.admin.post_json("/personal/unmask", wish(&person)).await.0, StatusCode::NOT_FOUND);

    // Nobody but who keeps the register, and not without a reason.
    let removal = format!("/institutions/{}/sponsors/{company}/removal", world.credit_code);
    let inspector = app().user("inspector", world.county).await;
    for user in [&world.org, &inspector] {
        assert_eq!(user.post_json(&removal, json!({"reason": "x"})).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(neighbour.admin.post_json(&removal, json!({"reason": "x"})).await.0, StatusCode::NOT_FOUND);
    let answer = world.admin.submit(&format!("{place}/sponsors/{company}"), &[("reason", " ")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.admin.post_json(&removal, json!({"reason": "股权已转让"})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(sponsors(&world, &world.admin).await.as_array().unwrap().len(), 1);
    let audit = world.admin.page("/b/audit?kind=institution").await;
    assert!(audit.contains("登记举办者") && audit.contains("股权已转让") && !audit.contains(SPONSOR), "masks alone");
    let sql = format!(
        "SELECT count(*)::text FROM sponsors s WHERE tenant_id = {} AND position('{SPONSOR}'::bytea IN name_sealed) > 0",
        world.county
    );
    assert_eq!(app().run_sql(&sql).await, "0", "a name is sealed");
}

#[tokio::test]
async fn a_sheet_brings_sponsors_and_a_column_of_them_alone_still_names_the_representative() {
    let world = World::new().await;
    let sheet = |header: &str, cells: &str| {
        format!(
            "机构名称,统一社会信用代码,培训类别,县区代码,{header}\n{},{},学科类,{},{cells}\n",
            world.name, world.credit_code, world.county
        )
    };
    let cell = format!("{SPONSOR}（60%）、{COMPANY}（40%）");
    let (status, report) = world.admin.import(&[], sheet("法定代表人,举办者", &format!("陈明,{cell}"))).await;
    assert!(status.is_success() && report["updated"] == 1, "{status} {report}");
    assert!(!report.to_string().contains(SPONSOR), "{report}");
    let own = world.org.json(&format!("/institutions/{}", world.credit_code)).await;
    let told: Vec<_> = own["sponsors"].as_array().unwrap().iter().map(|one| (&one["name"], &one["share_bp"])).collect();
    assert_eq!(told, [(&json!(SPONSOR), &json!(6_000)), (&json!(COMPANY), &json!(4_000))]);
    assert_eq!(own["legal_person"], "陈明");
    // The same once more changes nothing; an empty cell says nothing; another list takes the place of this one.
    let (_, report) = world.admin.import(&[], sheet("法定代表人,举办者", &format!("陈明,{cell}"))).await;
    assert_eq!((&report["updated"], &report["unchanged"]), (&json!(0), &json!(1)), "{report}");
    let (_, report) = world.admin.import(&[], sheet("法定代表人,举办者", "陈明,")).await;
    assert_eq!(report["unchanged"], 1, "{report}");
    let (_, report) = world.admin.import(&[], sheet("举办者", "司徒新任")).await;
    assert_eq!(report["updated"], 1, "{report}");
    let own = world.org.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!((own["sponsors"].as_array().unwrap().len(), &own["sponsors"][0]["name"]), (1, &json!("司徒新任")));
    assert_eq!(own["legal_person"], "司徒新任", "as sheets mean it that have no other column");
    let audit = world.admin.page("/b/audit?kind=institution").await;
    assert!(audit.contains("举办者") && audit.contains("欧* 60%") && !audit.contains(SPONSOR), "told by masks");
}

#[tokio::test]
async fn a_person_who_asks_is_told_of_being_a_sponsor() {
    let world = World::new().await;
    let citizen = "11010519491231002X";
    let csv = format!(
        "机构名称,统一社会信用代码,培训类别,县区代码,法定代表人,法定代表人身份证号,举办者\n{},{},学科类,{},{SPONSOR},{citizen},{SPONSOR}、{COMPANY}\n",
        world.name, world.credit_code, world.county
    );
    let (status, report) = world.admin.import(&[], csv).await;
    assert!(status.is_success(), "{report}");
    let page = world.admin.submit("/b/personal", &[("person", citizen)]).await.text().await.unwrap();
    assert!(page.contains("举办者姓名") && !page.contains(COMPANY), "{page}");
    let copy = world.admin.submit("/b/personal/export", &[("person", citizen)]).await.text().await.unwrap();
    assert!(copy.contains("举办者姓名"), "{copy}");
    let erased = world.admin.submit("/b/personal/erase", &[("person", citizen), ("sure", "yes")]).await;
    assert!(erased.status().is_success() || erased.status().is_redirection());
    let own = world.org.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(own["sponsors"].as_array().unwrap().len(), 2, "kept with the licence file, by law");
}

fn contract(number: &str, pupil: &str, phone: &str) -> Value {
    json!({"contract_no": number, "subject": "初中数学", "basis": "both", "pupil": pupil, "guardian_phone": phone,
           "signed_on": "2026-02-10", "price_fen": 480_000, "units_bought": 60,
           "first_lesson_on": "2026-03-01", "last_lesson_on": "2026-05-31"})
}

async fn recorded(world: &World, contract: Value) -> i64 {
    let (status, answer) = world.org.post_json("/contracts", contract).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["id"].as_i64().unwrap()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn numbers(user: &User, pupil: &str) -> Vec<String> {
    let found = user.json(&format!("/contracts?pupil={}", encoded(pupil))).await;
    let items = found["items"].as_array().unwrap().iter();
    items.map(|one| one["contract_no"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_contract_is_found_by_the_pupils_whole_name_and_shown_by_the_mask() {
    let world = World::new().await;
    recorded(&world, contract("HT-1", PUPIL, PHONE)).await;
    recorded(&world, contract("HT-2", "王小明", "15476540002")).await;
    // As a contract of before lies there: the sweep makes it to be found.
    let gone = format!(
        "UPDATE contracts SET pupil_name_index = NULL WHERE tenant_id = {} AND contract_no = 'HT-1'",
        world.county
    );
    app().run_sql(&format!("WITH gone AS ({gone} RETURNING 1) SELECT count(*)::text FROM gone")).await;
    assert_eq!(numbers(&world.org, PUPIL).await, Vec::<String>::new());
    app().sweep(world.county, "2026-03-18T10:00");
    for (text, found) in [
        (PUPIL, vec!["HT-1"]),
        (" 上官 学童 ", vec!["HT-1"]),
        ("上官", vec![]),
        ("学童", vec![]),
        ("%", vec![]),
        (PHONE, vec!["HT-1"]),
        ("154-7654-0001", vec!["HT-1"]),
        ("7654000", vec![]),
    ] {
        for user in [&world.org, &world.admin] {
            assert_eq!(numbers(user, text).await, found, "{text} by {}", user.name);
        }
    }
    let page = world.org.page(&format!("/org/contracts?q={}", encoded(PUPIL))).await;
    assert!(page.contains("HT-1") && !page.contains("HT-2"));
    let page = world.org.page("/org/contracts?q=HT-2").await;
    assert!(page.contains("HT-2") && !page.contains("HT-1"), "numbers and subjects are found as before");
    let page = world.inspector_page(&format!("/b/ledger?q={}", encoded(PUPIL))).await;
    assert!(page.contains("HT-1") && page.contains("上*") && !page.contains("HT-2") && page.contains(&world.name));
    let table = page.split("<table").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(!table.contains(PUPIL), "officials read the mask");
    let nobody = world.admin.page(&format!("/b/ledger?q={}", encoded("上官学"))).await;
    assert!(nobody.contains("没有找到合同"));
    let audit = world.admin.page("/b/audit?kind=contract").await;
    assert!(
        audit.contains("查找学员的合同") && !audit.contains(PUPIL),
        "an official's search is on record, by the mask"
    );
    // Neither another institution nor another county, and no bureau above.
    let neighbour = World::new().await;
    for user in [&neighbour.org, &neighbour.admin] {
        assert_eq!(numbers(user, PUPIL).await, Vec::<String>::new());
    }
    let city: RegionCode = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
    for role in ["city_officer", "auditor"] {
        let region = if role == "auditor" { world.county } else { city };
        let above = app().user(role, region).await;
        let path = format!("/contracts?pupil={}", encoded(PUPIL));
        let answer = above.api(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{role}");
        let page = above.get(&format!("/b/ledger?q={}", encoded(PUPIL))).await;
        assert_eq!(page.status(), StatusCode::FORBIDDEN, "{role}");
        assert!(!above.page("/b/ledger").await.contains("学员全名"), "{role} is offered no search");
    }
}

impl World {
    /// A page as an inspector of the county reads it.
    async fn inspector_page(&self, path: &str) -> String {
        app().user("inspector", self.county).await.page(path).await
    }
}

async fn unmask(user: &User, kind: &str, id: i64, field: &str) -> (StatusCode, Value) {
    let body =
        json!({"kind": kind, "id": id.to_string(), "field": field, "purpose": "complaint", "reason": "联系投诉家长"});
    user.post_json("/personal/unmask", body).await
}

#[tokio::test]
async fn whose_a_contract_is_is_seen_with_a_reason_and_the_county_decides_for_those_above() {
    let world = World::new().await;
    let id = recorded(&world, contract("HT-1", PUPIL, PHONE)).await;
    let paid = json!({"receipt_no": "R-1", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 100_000,
                      "channel": "bank_transfer", "payee_account": FEE_PAYEE, "already_taken": true});
    let (status, payment) = world.org.post_json(&format!("/contracts/{id}/payments"), paid).await;
    assert_eq!(status, StatusCode::CREATED, "{payment}");
    let payment = payment["id"].as_i64().unwrap();
    for (kind, id, field, value) in [
        ("contract", id, "pupil", PUPIL),
        ("contract", id, "guardian_phone", PHONE),
        ("payment", payment, "paid_to", FEE_PAYEE),
    ] {
        let (status, seen) = unmask(&world.admin, kind, id, field).await;
        assert_eq!((status, &seen["value"]), (StatusCode::OK, &json!(value)), "{seen}");
    }
    let page = world.admin.page(&format!("/b/ledger/{}", world.credit_code)).await;
    let link = format!("/b/unmask?kind=contract&amp;id={id}");
    assert!(page.contains(&link) && page.contains("上*") && !page.contains(PUPIL));
    let form = world.admin.page(&format!("/b/unmask?kind=contract&id={id}")).await;
    assert!(
        form.contains("学员姓名")
            && form.contains("监护人电话")
            && form.contains("154****0001")
            && !form.contains(PHONE)
    );
    let trail = world.admin.page("/b/audit?kind=personal").await;
    assert!(
        trail.contains("联系投诉家长") && !trail.contains(PUPIL) && !trail.contains(PHONE),
        "the look, not the value"
    );
    // Who looks after money sees where a fee went, not whose child it is.
    let finance = app().user("finance_officer", world.county).await;
    assert_eq!(unmask(&finance, "contract", id, "pupil").await.0, StatusCode::FORBIDDEN);
    assert_eq!(unmask(&finance, "payment", payment, "paid_to").await.0, StatusCode::OK);
    assert!(!finance.page(&format!("/b/ledger/{}", world.credit_code)).await.contains(&link));
    assert_eq!(unmask(&world.org, "contract", id, "pupil").await.0, StatusCode::FORBIDDEN);
    let neighbour = World::new().await;
    assert_eq!(unmask(&neighbour.admin, "contract", id, "pupil").await.0, StatusCode::NOT_FOUND);
    for (kind, field) in [("contract", "subject"), ("payment", "pupil"), ("sponsor", "sponsor_name")] {
        assert_eq!(unmask(&world.admin, kind, id, field).await.0, StatusCode::NOT_FOUND, "{kind} {field}");
    }
    // A bureau above asks, and the county decides.
    let city: RegionCode = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
    let officer = app().user("city_officer", city).await;
    let (status, asked) = unmask(&officer, "contract", id, "guardian_phone").await;
    assert_eq!((status, &asked["value"]), (StatusCode::ACCEPTED, &json!("154****0001")));
    let requests = world.approver.json("/personal/requests").await;
    assert_eq!(requests["items"][0]["field"], "guardian_phone");
    assert!(world.approver.page("/b/access").await.contains("监护人电话"));
    let request = requests["items"][0]["id"].as_i64().unwrap();
    let decision = json!({"decision": "approve"});
    let (status, _) = world.approver.post_json(&format!("/personal/requests/{request}/decisions"), decision).await;
    assert_eq!(status, StatusCode::OK);
    let (status, seen) = unmask(&officer, "contract", id, "guardian_phone").await;
    assert_eq!((status, &seen["value"]), (StatusCode::OK, &json!(PHONE)));
    assert_eq!(unmask(&officer, "contract", id, "pupil").await.0, StatusCode::ACCEPTED, "one value, not the record");
}
