//! Nothing about a person gets out where anybody, or the wrong body, reads it: the whole story is told with planted numbers and
//! names, then every public page, mail, line of the log and metric is searched for them.

use std::{collections::BTreeSet, net::TcpListener};

use mingjian::web::Access;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, World},
    samples::good_course,
};

const CITIZEN: &str = "11010519491231002X";
const PHONE: &str = "15488887777";
const PAYEE: &str = "6222999988887777666";
const PARENT: &str = "孙家长";
const PARENT_ACCOUNT: &str = "6222020200445566778";
const CHILD: &str = "孙小圣";
const CASHIER_ACCOUNT: &str = "6222020200990011223";
const UNPUBLISHED: &str = "沙助教";
const CERTIFICATE: &str = "20213301032009988";

const PLANTED: [&str; 9] =
    [CITIZEN, PHONE, PAYEE, PARENT, PARENT_ACCOUNT, CHILD, CASHIER_ACCOUNT, UNPUBLISHED, CERTIFICATE];

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn sheet(world: &World, code: &str, name: &str) {
    let csv = format!(
        "机构名称,统一社会信用代码,培训类别,县区代码,法定代表人,法定代表人身份证号,联系电话\n{name},{code},学科类,{},陈明,{CITIZEN},{PHONE}\n",
        world.county
    );
    assert!(world.admin.import(&[], csv).await.0.is_success());
}

/// A school with a course, money and a warning, and people behind all of it.
async fn story(world: &World) {
    sheet(world, &world.credit_code, &world.name).await;
    world.list().await;
    let mut course = good_course("七年级数学");
    let mut assistant = course["instructors"][0].clone();
    assistant["name"] = json!(UNPUBLISHED);
    assistant["published"] = json!(false);
    assistant["teacher_certificate"] = json!(CERTIFICATE);
    course["instructors"].as_array_mut().unwrap().push(assistant);
    let (status, filed) = world.org.post_json("/courses", course).await;
    assert_eq!(status, StatusCode::CREATED, "{filed}");
    let id = filed["id"].as_i64().unwrap();
    let (status, answer) = world.org.post_json(&format!("/courses/{id}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let decision = json!({"decision": "approve", "comment": "已核对"});
    let (status, answer) = world.approver.post_json(&format!("/courses/{id}/decisions"), decision).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    // A parent pays in, and most of the money leaves to somebody's own account.
    let csv = format!(
        "交易日期,借方发生额,贷方发生额,账户余额,对方户名,对方账号,摘要,交易流水号\n\
         2026-03-16,,480000.00,480000.00,{PARENT},{PARENT_ACCOUNT},学费 {CHILD} {PHONE},L1\n\
         2026-03-17,400000.00,,80000.00,钱出纳,{CASHIER_ACCOUNT},往来 {PHONE},L2\n"
    );
    let account = world.account_id().await;
    let path = format!("/escrow/accounts/{account}/statements");
    let answer = world.admin.post_file(&path, &[], "statement.csv", csv).await;
    let (status, received) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert!(status.is_success() && !received["warnings"].as_array().unwrap().is_empty(), "{received}");
    // Looked for, looked at, exported: each of these has the numbers in its hands.
    world.admin.json(&format!("/institutions?q={PHONE}")).await;
    for (kind, id, field) in
        [("institution", world.credit_code.clone(), "phone"), ("entry", format!("{account}.L1"), "remittance")]
    {
        let body = json!({"kind": kind, "id": id, "field": field, "purpose": "inspection", "reason": "核对现场情况"});
        assert_eq!(world.admin.post_json("/personal/unmask", body).await.0, StatusCode::OK);
    }
    assert_eq!(world.admin.submit("/b/personal/export", &[("person", CITIZEN)]).await.status(), StatusCode::OK);
    // What goes wrong must not tell either.
    let body = json!({"kind": "institution", "id": PHONE, "field": "phone", "purpose": "inspection", "reason": "核对现场情况"});
    assert_eq!(world.admin.post_json("/personal/unmask", body).await.0, StatusCode::NOT_FOUND);
    let filing = json!({"credit_code": world.credit_code, "bank": "台州银行", "account": "81230000099", "mode": "custody",
                        "agreement_no": "T-1", "payee_account": PAYEE});
    assert_eq!(world.admin.post_json("/escrow/accounts", filing).await.0, StatusCode::CONFLICT);
}

/// Every address that anybody may get, with the school's own code and name filled in.
fn public_addresses(world: &World) -> Vec<String> {
    let name: String = form_urlencoded::byte_serialize(world.name.as_bytes()).collect();
    let routes = mingjian::web::app::routes();
    let open: BTreeSet<&str> = routes
        .iter()
        .filter(|route| route.access == Access::Anyone && route.method == "GET")
        .map(|route| route.path)
        .collect();
    let mut addresses: Vec<String> = open
        .into_iter()
        .filter(|path| !path.starts_with("/static/"))
        .map(|path| path.replace("{credit_code}", &world.credit_code).replace("{code}", &world.credit_code))
        .collect();
    for path in ["/s", "/api/v1/public/institutions"] {
        addresses.push(format!("{path}?q={name}"));
        addresses.extend(PLANTED.iter().map(|planted| {
            let planted: String = form_urlencoded::byte_serialize(planted.as_bytes()).collect();
            format!("{path}?q={planted}")
        }));
    }
    addresses
}

#[tokio::test]
async fn nothing_planted_gets_onto_public_pages_into_mails_logs_or_metrics() {
    let metrics = format!("127.0.0.1:{}", free_port());
    let app = TestApp::start_with(&["--metrics-listen", &metrics], &[("MINGJIAN_LOG", "debug")]);
    let world = World::within(&app).await;
    story(&world).await;
    let mut read: Vec<(String, String)> = Vec::new();
    let visitor = app.visitor();
    for address in public_addresses(&world) {
        let text = visitor.get(&address).await.text().await.unwrap();
        // A search says what was looked for, and only that.
        let said_back = PLANTED.iter().find(|planted| {
            address.ends_with(&form_urlencoded::byte_serialize(planted.as_bytes()).collect::<String>())
        });
        let text = said_back.map_or(text.clone(), |planted| text.replace(planted, ""));
        read.push((address, text));
    }
    let school = read.iter().find(|(address, _)| *address == format!("/i/{}", world.credit_code)).unwrap();
    assert!(
        school.1.contains("七年级数学") && school.1.contains("林晓") && school.1.contains(&world.account),
        "the page is there"
    );
    let root = app.database("mingjian_root").await;
    let mails = root.query("SELECT subject || ' ' || body FROM outbox", &[]).await.unwrap();
    assert!(!mails.is_empty(), "the warning was mailed");
    read.extend(mails.iter().map(|row| ("a mail".to_owned(), row.get(0))));
    let log = std::fs::read_to_string(&app.log).unwrap();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "the log talks: {} bytes", log.len());
    read.push(("the log".to_owned(), log));
    let text = reqwest::get(format!("http://{metrics}/metrics")).await.unwrap().text().await.unwrap();
    assert!(text.contains("http_requests_total"));
    read.push(("the metrics".to_owned(), text));
    let leaks: Vec<String> = read
        .iter()
        .flat_map(|(place, text)| {
            PLANTED.iter().filter(|planted| text.contains(*planted)).map(move |planted| format!("{planted} in {place}"))
        })
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
