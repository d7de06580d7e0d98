//! What is kept about people: sealed at rest, masked on every page, seen one value at a time with a reason, given to the
//! person and erased when they ask.

use std::fs;

use mingjian::kernel::RegionCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{HEADER, TestApp, User, World, app, credit_code, row},
    escrow::Bank,
};

const PHONE: &str = "15412345678";
const CITIZEN: &str = "11010519491231002X";

/// Gives the world's institution a telephone of its own, a legal representative's number, and another telephone.
async fn with_person(world: &World, phone: &str) {
    let csv = format!(
        "机构名称,统一社会信用代码,培训类别,县区代码,法定代表人,法定代表人身份证号,联系电话\n{},{},学科类,{},陈明,{CITIZEN},{phone}\n",
        world.name, world.credit_code, world.county
    );
    let (status, report) = world.admin.import(&[], csv).await;
    assert!(status.is_success() && report["updated"] == 1, "{status} {report}");
}

async fn unmask(user: &User, kind: &str, id: &str, field: &str) -> (StatusCode, Value) {
    let body = json!({"kind": kind, "id": id, "field": field, "purpose": "inspection", "reason": "核对现场联系人"});
    user.post_json("/personal/unmask", body).await
}

/// Every row of every table as text, for looking whether something is legible in it.
async fn everything(app: &TestApp) -> Vec<(String, String)> {
    let root = app.database("mingjian_root").await;
    let tables = root
        .query(
            "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
            &[],
        )
        .await
        .unwrap();
    let mut all = Vec::new();
    for table in tables {
        let table: String = table.get(0);
        for row in root.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap() {
            all.push((table.clone(), row.get(0)));
        }
    }
    all
}

#[tokio::test]
async fn nothing_of_a_number_is_legible_in_the_database() {
    let world = World::new().await;
    let phone = "15498765401";
    with_person(&world, phone).await;
    let org = &world.org;
    let own = org.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(own["phone"], phone, "the institution reads its own");
    // A sheet that is mended, with numbers where they belong and where they do not.
    let code = credit_code(world.county, 77_777);
    let csv = format!(
        "机构名称,统一社会信用代码,培训类别,县区代码,联系电话,备注\n,{code},体育类,{},{phone},找{phone}\n甲学校,{code},体育类,{},1549876,{CITIZEN}\n",
        world.county, world.county
    );
    let answer = world.admin.upload("/b/imports", &[], "draft.csv", csv.into_bytes()).await;
    let draft = answer.headers()["location"].to_str().unwrap().to_owned();
    let fields = [("version", "1"), ("cell-2-机构名称", "乙学校"), ("cell-2-联系电话", phone), ("cell-2-备注", phone)];
    assert_eq!(world.admin.submit(&format!("{draft}/cells"), &fields).await.status(), StatusCode::SEE_OTHER);
    let payee = "6222000011112222333";
    let filing = json!({"credit_code": world.credit_code, "bank": "台州银行", "account": "81230000099", "mode": "custody",
                        "agreement_no": "T-1", "payee_account": payee});
    let closed = world.admin.post_json("/escrow/accounts", filing).await;
    assert_eq!(closed.0, StatusCode::CONFLICT, "one account in use at a time: {}", closed.1);
    let all = everything(app()).await;
    assert!(all.iter().any(|(_, row)| row.contains(&world.name)), "what is not sealed is seen");
    let found: Vec<_> = all
        .into_iter()
        .filter(|(_, row)| {
            [phone, CITIZEN, payee].iter().any(|number| row.contains(number) || row.contains(&hex::encode(number)))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn officials_read_masks_and_find_by_the_whole_number() {
    let world = World::new().await;
    with_person(&world, "154-1111-2233/0576-88881234").await;
    let shown = world.admin.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(
        (&shown["phone"], &shown["legal_person_id"]),
        (&json!("154****2233/057****1234"), &json!("110105********002X"))
    );
    let page = world.admin.page(&format!("/b/institutions/{}", world.credit_code)).await;
    assert!(page.contains("154****2233") && !page.contains("1111-2233") && !page.contains(CITIZEN));
    for (q, count) in [("15411112233", 1), ("0576 8888 1234", 1), (CITIZEN, 1), ("1541111223", 0), ("15411112234", 0)] {
        let q: String = form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let found = world.admin.json(&format!("/institutions?q={q}")).await;
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{q}: {found}");
    }
    let neighbour = World::new().await;
    let found = neighbour.admin.json("/institutions?q=15411112233").await;
    assert_eq!(found["items"], json!([]), "a bureau finds its own alone");
    // What an import changes is told by masks.
    with_person(&world, "15400002233").await;
    let audit = world.admin.page("/b/audit?kind=institution").await;
    assert!(audit.contains("154****2233") && !audit.contains("15400002233"), "the trail holds masks");
}

#[tokio::test]
async fn one_value_is_seen_with_a_reason_and_on_record() {
    let world = World::new().await;
    let path = format!("/b/unmask?kind=institution&id={}&field=phone", world.credit_code);
    let form = world.admin.page(&path).await;
    assert!(form.contains("154****5678") && !form.contains(PHONE));
    let fields = |purpose: &'static str, reason: &'static str| {
        [("kind", "institution"), ("field", "phone"), ("purpose", purpose), ("reason", reason)]
    };
    for (purpose, reason, told) in [
        ("", "核对现场联系人", "请选择查看的法定事由"),
        ("inspection", "", "请写明理由"),
        ("inspection", "查", "请写明理由"),
    ] {
        let mut fields = fields(purpose, reason).to_vec();
        fields.push(("id", &world.credit_code));
        let answer = world.admin.submit("/b/unmask", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{purpose} {reason}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(told) && !page.contains(PHONE), "{told}");
        assert!(reason.is_empty() || page.contains(reason), "what was typed stays");
    }
    let mut good = fields("inspection", "核对现场联系人").to_vec();
    good.push(("id", &world.credit_code));
    let answer = world.admin.submit("/b/unmask", &good).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.text().await.unwrap().contains(PHONE));
    assert!(!world.admin.page(&path).await.contains(PHONE), "for that one answer");
    let audit = world.admin.page("/b/audit?kind=personal").await;
    assert!(
        audit.contains("监督检查：核对现场联系人") && !audit.contains(PHONE),
        "the look is on record, the value is not"
    );
    // Roles and scopes.
    let finance = app().user("finance_officer", world.county).await;
    assert_eq!(unmask(&finance, "institution", &world.credit_code, "phone").await.0, StatusCode::FORBIDDEN);
    assert_eq!(unmask(&world.org, "institution", &world.credit_code, "phone").await.0, StatusCode::FORBIDDEN);
    let neighbour = World::new().await;
    assert_eq!(unmask(&neighbour.admin, "institution", &world.credit_code, "phone").await.0, StatusCode::NOT_FOUND);
    assert_eq!(unmask(&world.admin, "institution", &world.credit_code, "name").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        unmask(&world.admin, "institution", &world.credit_code, "legal_person_id").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_look_is_a_look_even_when_the_same_request_comes_again_and_the_day_has_a_limit() {
    let app = TestApp::start(&[]);
    let world = World::within(&app).await;
    let body = json!({"kind": "institution", "id": world.credit_code, "field": "phone", "purpose": "complaint", "reason": "回复投诉人"});
    // The policy's default.
    for round in 1..=20 {
        let answer = world
            .admin
            .api(Method::POST, "/personal/unmask")
            .header("idempotency-key", "one-and-the-same")
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{round}");
        assert!(!answer.headers().contains_key("idempotency-replayed"), "{round}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.json::<Value>().await.unwrap()["value"], PHONE);
    }
    let (status, refused) = world.admin.post_json("/personal/unmask", body.clone()).await;
    assert_eq!((status, &refused["type"]), (StatusCode::TOO_MANY_REQUESTS, &json!("/problems/personal/too-many")));
    assert_eq!(world.approver.post_json("/personal/unmask", body).await.0, StatusCode::OK, "each has their own day");
    let kept = everything(&app).await.into_iter().filter(|(table, _)| table == "idempotency_keys");
    assert!(kept.into_iter().all(|(_, row)| !row.contains(PHONE)), "no answer with a value is kept");
}

#[tokio::test]
async fn a_bureau_above_asks_and_the_county_decides() {
    let world = World::new().await;
    let city: RegionCode = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
    let (officer, colleague) = (app().user("city_officer", city).await, app().user("city_officer", city).await);
    let shown = officer.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(shown["phone"], "154****5678", "upper levels read masks");
    let (status, answer) = unmask(&officer, "institution", &world.credit_code, "phone").await;
    assert_eq!((status, &answer["value"]), (StatusCode::ACCEPTED, &json!("154****5678")), "asked, not shown");
    assert_eq!(
        unmask(&officer, "institution", &world.credit_code, "phone").await.0,
        StatusCode::CONFLICT,
        "once is enough"
    );
    let page = world.approver.page("/b/access").await;
    assert!(page.contains(&world.name) && page.contains("核对现场联系人") && page.contains("同意查看"));
    let requests = world.approver.json("/personal/requests").await;
    let id = requests["items"][0]["id"].as_i64().unwrap();
    let decisions = format!("/personal/requests/{id}/decisions");
    assert_eq!(officer.post_json(&decisions, json!({"decision": "approve"})).await.0, StatusCode::FORBIDDEN);
    let neighbour = World::new().await;
    assert_eq!(neighbour.approver.post_json(&decisions, json!({"decision": "approve"})).await.0, StatusCode::NOT_FOUND);
    let refused = world.approver.submit(&format!("/b/access/{id}"), &[("decision", "reject")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "a refusal says why");
    let allowed = world.approver.submit(&format!("/b/access/{id}"), &[("decision", "approve")]).await;
    assert_eq!(allowed.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        world.approver.post_json(&decisions, json!({"decision": "reject", "comment": "不再需要"})).await.0,
        StatusCode::CONFLICT
    );
    let (status, answer) = unmask(&officer, "institution", &world.credit_code, "phone").await;
    assert_eq!((status, &answer["value"]), (StatusCode::OK, &json!(PHONE)));
    assert_eq!(
        unmask(&colleague, "institution", &world.credit_code, "phone").await.0,
        StatusCode::ACCEPTED,
        "for one person"
    );
    let account = world.account_id().await.to_string();
    assert_eq!(
        unmask(&officer, "escrow_account", &account, "payee_account").await.0,
        StatusCode::NOT_FOUND,
        "nothing is filed"
    );
    let audit = world.admin.page("/b/audit?kind=personal").await;
    assert!(audit.contains("同意上级查看个人信息"), "the county's trail has its decision");
}

#[tokio::test]
async fn parents_and_children_in_bank_entries_are_masked_and_companies_are_not() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let entry = |bank_ref: &str, direction: &str, name: &str, account: &str, remark: &str| {
        json!({"bank_ref": bank_ref, "booked_on": "2026-03-17", "direction": direction, "amount_fen": 10_000,
               "counterparty_name": name, "counterparty_account": account, "remittance": remark})
    };
    let body = json!({"account": world.account, "entries": [
        entry("P1", "credit", "赵家长", "6222020200112233445", "学费 赵小宝 13800138000"),
        entry("P2", "debit", "某某商贸有限公司", "33100112233445566", "货款 联系 13800138000"),
        entry("P3", "debit", "钱出纳", "6222020200998877665", "备用金"),
    ]});
    assert_eq!(bank.push(&body.to_string(), "nonce-persons-0001", None).await.status(), StatusCode::OK);
    let id = world.account_id().await;
    let shown = world.admin.json(&format!("/escrow/accounts/{id}/entries")).await.to_string();
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    let file = world.admin.get(&format!("/b/escrow/{id}/entries.xlsx")).await.bytes().await.unwrap();
    use calamine::Reader;
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(file)).unwrap();
    let cells: Vec<String> =
        book.worksheet_range_at(0).unwrap().unwrap().cells().map(|(_, _, cell)| cell.to_string()).collect();
    for (place, text) in [("API", shown), ("page", page), ("workbook", cells.join(" "))] {
        for hidden in ["赵家长", "赵小宝", "13800138000", "6222020200112233445", "钱出纳", "6222020200998877665"]
        {
            assert!(!text.contains(hidden), "{hidden} on the {place}");
        }
        for plain in ["赵*", "某某商贸有限公司", "138****8000", "钱*", "备用金"] {
            assert!(text.contains(plain), "the {place} lacks {plain}");
        }
    }
    let own = world.org.page("/org/escrow").await;
    assert!(own.contains("赵家长"), "the institution knows its own parents");
    let finance = app().user("finance_officer", world.county).await;
    let (status, seen) = unmask(&finance, "entry", &format!("{id}.P3"), "counterparty_account").await;
    assert_eq!((status, &seen["value"]), (StatusCode::OK, &json!("6222020200998877665")));
    let page = finance.page(&format!("/b/unmask?kind=entry&id={id}.P1")).await;
    assert!(page.contains("赵*") && page.contains("****3445"), "of three values one is chosen");
}

#[tokio::test]
async fn where_releases_go_is_sealed_and_the_published_account_is_not() {
    let world = World::new().await;
    let code = credit_code(world.county, 88_888);
    let csv = format!("机构名称,统一社会信用代码,培训类别,县区代码\n丙学校,{code},体育类,{}\n", world.county);
    let (status, report) = world.admin.import(&[], csv).await;
    assert!(status.is_success(), "{status} {report}");
    let org = app().institution_user(world.county, &code).await;
    let payee = "6222111100002222777";
    let filing = json!({"credit_code": code, "bank": "台州银行", "account": "81230000077", "mode": "custody",
                        "agreement_no": "T-1", "payee_account": payee});
    let (status, filed) = world.admin.post_json("/escrow/accounts", filing).await;
    assert_eq!(
        (status, &filed["payee_account"], &filed["account"]),
        (StatusCode::CREATED, &json!("****2777"), &json!("81230000077"))
    );
    let id = filed["id"].to_string();
    assert_eq!(org.json(&format!("/escrow/accounts/{id}")).await["payee_account"], payee);
    assert!(org.page("/org/escrow").await.contains(payee));
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    assert!(page.contains("****2777") && !page.contains(payee));
    assert_eq!(unmask(&world.approver, "escrow_account", &id, "payee_account").await.1["value"], payee);
    assert!(everything(app()).await.iter().all(|(_, row)| !row.contains(payee)), "sealed, and masked in the trail");
}

#[tokio::test]
async fn keys_are_changed_while_the_service_goes_on() {
    let app = TestApp::start(&[]);
    let mut world = World::within(&app).await;
    let (org, path) = (world.org.name.clone(), format!("/institutions/{}", world.credit_code));
    // Signed in anew each time: the commands between take longer than a connection is kept open.
    let read = async || app.sign_in(&org).await.json(&path).await["phone"].clone();
    let keys = |app: &TestApp| -> Value { serde_json::from_str(&app.run(&["keys", "list"], "")).unwrap() };
    assert_eq!((&keys(&app)[0]["id"], &keys(&app)[0]["current"]), (&json!(1), &json!(true)));
    let sealed = keys(&app)[0]["values"].as_i64().unwrap();
    assert!(sealed >= 4, "a telephone and an import: {sealed}");
    let done: Value = serde_json::from_str(&app.run(&["keys", "rotate"], "")).unwrap();
    assert_eq!((&done["key"], &done["values"]), (&json!(2), &json!(sealed)));
    assert_eq!(read().await, PHONE, "what the new key sealed opens in the running service");
    let again: Value = serde_json::from_str(&app.run(&["keys", "rotate", "--resume"], "")).unwrap();
    assert_eq!((&again["key"], &again["values"]), (&json!(2), &json!(0)), "done is done");
    let admin = app.sign_in(&world.admin.name).await;
    world.admin = admin;
    with_person(&world, "15400001111").await;
    let list = keys(&app);
    assert_eq!((&list[0]["values"], list[1]["values"].as_i64().unwrap() > sealed), (&json!(0), true), "{list}");
    assert!(world.admin.page("/b/audit").await.contains("更换加密密钥"));
    // An old key goes when nothing needs it and nothing can come any more that does.
    let refused = |app: &TestApp, id: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mingjian"))
            .args(["keys", "drop", id, "--data"])
            .arg(&app.data)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&app, "1").contains("10 minutes later"));
    assert!(refused(&app, "2").contains("is the one that seals"));
    assert!(refused(&app, "9").contains("no key 9"));
    let path = app.data.join("keys/data");
    let ring = fs::read_to_string(&path).unwrap();
    let aged: Vec<String> =
        ring.lines().map(|line| format!("{} 2026-01-01T00:00:00Z", line.rsplit_once(' ').unwrap().0)).collect();
    // While the first key is set back as if it sealed, it is needed.
    let (first, second) = (&aged[0], &aged[1]);
    fs::write(&path, format!("{second}\n{first}\n")).unwrap();
    assert!(refused(&app, "2").contains("still seals"));
    fs::write(&path, format!("{first}\n{second}\n")).unwrap();
    app.run(&["keys", "drop", "1"], "");
    assert_eq!(keys(&app).as_array().unwrap().len(), 1);
    assert_eq!(read().await, "15400001111");
}

#[tokio::test]
async fn a_person_gets_a_copy_and_what_may_go_is_erased() {
    let world = World::new().await;
    let phone = "15455556666";
    with_person(&world, &format!("{phone}/0576-88880000")).await;
    let page = world.admin.submit("/b/personal", &[("person", "15455556666")]).await.text().await.unwrap();
    for told in ["154****6666", "机构联系电话", "上传的表格", "可删除", "依法保存"] {
        assert!(page.contains(told), "the page lacks {told}");
    }
    let wrong = world.admin.submit("/b/personal", &[("person", "陈明")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.approver.get("/b/personal").await.status(), StatusCode::FORBIDDEN);
    let copy: Value = world.admin.submit("/b/personal/export", &[("person", phone)]).await.json().await.unwrap();
    assert!(copy["places"][0]["value"].as_str().unwrap().contains(phone), "{copy}");
    let by_id: Value = world.admin.submit("/b/personal/export", &[("person", CITIZEN)]).await.json().await.unwrap();
    let kept = &by_id["places"][0]["kept"]["zh"];
    assert!(kept.as_str().unwrap().contains("许可"), "{by_id}");
    let unsure = world.admin.submit("/b/personal/erase", &[("person", phone)]).await;
    assert_eq!(unsure.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let done = world.admin.submit("/b/personal/erase", &[("person", phone), ("sure", "yes")]).await;
    let page = done.text().await.unwrap();
    assert!(page.contains("已删除 2 项"), "the telephone and the sheet");
    let own = world.org.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(own["phone"], "0576-88880000", "the other number is not theirs");
    let page = world.admin.submit("/b/personal", &[("person", phone)]).await.text().await.unwrap();
    assert!(page.contains("没有找到"), "nothing is left under it");
    // The identity number stays with the licence, and the answer says why.
    let printed =
        app().run(&["personal", "erase", "--region", &world.county.to_string(), "--person", "-", "--yes"], CITIZEN);
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert!(told["kept"].to_string().contains("行政许可法"), "{told}");
    assert_eq!(
        world.admin.json(&format!("/institutions/{}", world.credit_code)).await["legal_person_id"],
        "110105********002X"
    );
    let audit = world.admin.page("/b/audit?kind=personal").await;
    assert!(audit.contains("按请求删除个人信息") && !audit.contains(phone) && !audit.contains(CITIZEN));
}

#[tokio::test]
async fn whole_numbers_alone_are_found_and_a_neighbour_in_the_same_cell_stays() {
    let world = World::new().await;
    with_person(&world, "15455556668 0576-88880000").await;
    let found = |person: &'static str| {
        let admin = &world.admin;
        async move { admin.submit("/b/personal", &[("person", person)]).await.text().await.unwrap() }
    };
    for other in ["54555566", "555566680576"] {
        assert!(found(other).await.contains("没有找到"), "{other} is a part of a number");
    }
    for written in ["１５４５５５５６６６８", "+86 154-5555-6668"] {
        let page = found(written).await;
        assert!(page.contains("机构联系电话") && page.contains("上传的表格"), "{written}");
    }
    let done = world.admin.submit("/b/personal/erase", &[("person", "15455556668"), ("sure", "yes")]).await;
    assert!(done.text().await.unwrap().contains("已删除 2 项"));
    let own = world.org.json(&format!("/institutions/{}", world.credit_code)).await;
    assert_eq!(own["phone"], "0576-88880000", "the other number is not theirs");
    assert!(found("0576-88880000").await.contains("上传的表格"), "nor is it cut out of the sheet");
}

#[tokio::test]
async fn everybody_has_a_copy_of_their_own_account() {
    let world = World::new().await;
    for user in [&world.org, &world.admin] {
        let answer = user.get("/account/data").await;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let own: Value = answer.json().await.unwrap();
        assert!(own.to_string().contains(&user.name), "{own}");
        assert!(!own.to_string().contains("argon2"), "nothing to sign in by");
        assert!(!own["sessions"].as_array().unwrap().is_empty() && !own["deeds"].as_array().unwrap().is_empty());
    }
    assert_ne!(app().visitor().get("/account/data").await.status(), StatusCode::OK);
    let email = format!("{}@test.example", world.org.name);
    let found = world.admin.submit("/b/personal", &[("person", email.as_str())]).await.text().await.unwrap();
    assert!(found.contains("账号的电子邮箱") && found.contains("账号在用"), "an address in use stays");
}

/// A button that is pressed twice, a program that tries again, a second post of the same person: the county is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn one_person_asks_for_one_value_once_at_a_time() {
    let world = World::new().await;
    with_person(&world, PHONE).await;
    let city: RegionCode = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
    let (officer, other) = (app().user("city_officer", city).await, app().user("city_officer", city).await);
    let mut waiting = 0;
    for field in ["phone", "legal_person_id"] {
        let tries = (0..8).map(|_| unmask(&officer, "institution", &world.credit_code, field));
        let answers = futures_util::future::join_all(tries).await;
        let of = |status: StatusCode| answers.iter().filter(|(answer, _)| *answer == status).count();
        assert_eq!((of(StatusCode::ACCEPTED), of(StatusCode::CONFLICT)), (1, 7), "{field}: {answers:?}");
        waiting += 1;
        let requests = world.approver.json("/personal/requests").await;
        assert_eq!(requests["items"].as_array().unwrap().len(), waiting, "{requests}");
    }
    assert_eq!(unmask(&other, "institution", &world.credit_code, "phone").await.0, StatusCode::ACCEPTED, "a colleague");
    // The colleague's request is the officer's own from another post, and the officer's is nobody's.
    let sql = format!(
        "WITH gone AS (DELETE FROM access_requests r USING users u WHERE r.tenant_id = {0} AND u.tenant_id = r.asked_by_tenant \
         AND u.id = r.asked_by AND u.person_id = (SELECT id FROM people WHERE username = '{1}') RETURNING u.person_id), \
         moved AS (UPDATE access_requests SET asked_person = (SELECT person_id FROM gone LIMIT 1) WHERE tenant_id = {0} \
         AND asked_person <> (SELECT person_id FROM gone LIMIT 1) RETURNING 1) SELECT count(*)::text FROM moved",
        world.county, officer.name
    );
    assert_eq!(app().run_sql(&sql).await, "1");
    assert_eq!(
        unmask(&officer, "institution", &world.credit_code, "phone").await.0,
        StatusCode::CONFLICT,
        "in that post"
    );
}

#[tokio::test]
async fn requests_that_fill_their_page_to_the_last_row_lead_nowhere() {
    let world = World::new().await;
    let city: RegionCode = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
    let officer = app().user("city_officer", city).await;
    assert_eq!(unmask(&officer, "institution", &world.credit_code, "phone").await.0, StatusCode::ACCEPTED);
    let ask = async |more: u32| {
        let columns = "tenant_id, asked_by_tenant, asked_by, asked_person, asked_by_name, asked_by_role, subject_kind, \
             field, institution_id, purpose, reason, asked_at, expires_at, state";
        let sql = format!(
            "WITH made AS (INSERT INTO access_requests (subject_id, {columns}) SELECT subject_id || '.' || n, {columns} \
             FROM (SELECT * FROM access_requests WHERE tenant_id = {} ORDER BY id LIMIT 1) first, generate_series(1, {more}) n \
             RETURNING 1) SELECT count(*)::text FROM made",
            world.county
        );
        assert_eq!(app().run_sql(&sql).await, more.to_string());
    };
    ask(49).await;
    let page = world.approver.page("/b/access").await;
    assert!(page.contains(&world.name) && !page.contains("更早的"), "all 50 are on this page");
    ask(1).await;
    let page = world.approver.page("/b/access").await;
    let older = page.split("before=").nth(1).expect("a link to the one that is left").split('"').next().unwrap();
    let page = world.approver.page(&format!("/b/access?before={older}")).await;
    assert!(page.contains(&world.name) && !page.contains("更早的"), "the one that is left");
}

/// Else the tests that look for the number on pages would be blind.
#[test]
fn the_samples_hold_the_number_that_is_looked_for() {
    let sheet = format!("{HEADER}\n{}\n", row("331002".parse().unwrap(), "甲学校", "b", "c"));
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let phone = reader.headers().unwrap().iter().position(|column| column == "phone").unwrap();
    assert_eq!(&reader.records().next().unwrap().unwrap()[phone], PHONE);
}
