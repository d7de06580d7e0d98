//! Officers on duty hear of a red warning by short message, once, at whatever hour, and their numbers lie nowhere in the clear.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use mingjian::{identity::machine::signature, kernel::RegionCode};
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::{
    app::{TestApp, User, World},
    samples::{Line, camt},
};

const NIGHT: &str = "2026-03-18T23:30:00+08:00";
/// What is there in fen, and over a third of it that leaves: orange, and less than what needs an order.
const SMALL: i64 = 10_000_000;
const ORANGE: Line = ("2026-03-17", false, 3_600_000, "O1");
const ON_DUTY: &str = "13987654321";

/// A gateway: takes calls in; the head and the body of each.
fn gateway() -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/sms", listener.local_addr().unwrap());
    let (arrived, calls) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(count) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = count.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").unwrap();
            let _ = arrived.send((head, String::from_utf8(body).unwrap()));
        }
    });
    (url, calls)
}

async fn take(user: &User, account: i64, text: String) {
    let form = Form::new().part("file", Part::bytes(text.into_bytes()).file_name("day.xml"));
    let request = user.api(Method::POST, &format!("/escrow/accounts/{account}/statements")).multipart(form);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn queued(app: &TestApp, county: RegionCode) -> i64 {
    let sql = format!("SELECT count(*)::text FROM outbox WHERE tenant_id = {} AND kind = 'sms'", county.tenant_id());
    app.run_sql(&sql).await.parse().unwrap()
}

#[tokio::test]
async fn red_is_told_at_night_by_a_signed_call_once_and_orange_is_not() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_WEBHOOK_PRIVATE", "127.0.0.0/8"), ("MINGJIAN_CLOCK", NIGHT)]);
    let world = World::within(&app).await;
    let (url, calls) = gateway();
    let put =
        world.admin.api(Method::PUT, "/sms").json(&json!({"url": url, "template": "SMS_0317"})).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let secret = put.json::<Value>().await.unwrap()["secret"].as_str().unwrap().to_owned();
    let duty = |name: &str, phone: &str| json!({"name": name, "phone": phone});
    let (status, added) = world.admin.post_json("/sms/phones", duty("值班 王敏", "139 8765 4321")).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    let (status, twice) = world.admin.post_json("/sms/phones", duty("又一次", "+86 13987654321")).await;
    assert_eq!((status, &twice["errors"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("phone")), "{twice}");
    let (status, wrong) = world.admin.post_json("/sms/phones", duty("", "12")).await;
    assert_eq!((status, wrong["errors"].as_array().unwrap().len()), (StatusCode::UNPROCESSABLE_ENTITY, 2), "{wrong}");

    // The number is sealed, masked and nowhere in the clear.
    let told = world.admin.json("/sms").await;
    assert_eq!(told["phones"][0]["phone"], "139****4321", "{told}");
    assert!(!told.to_string().contains(&secret));
    let page = world.admin.page("/b/escrow/sms").await;
    assert!(page.contains("139****4321") && !page.contains(ON_DUTY) && !page.contains(&secret));
    let trail = app.run_sql("SELECT string_agg(after::text, ' ') FROM audit_events WHERE action LIKE 'sms.%'").await;
    assert!(trail.contains("139****4321") && !trail.contains(ON_DUTY), "{trail}");

    // A trial, to see that it arrives.
    let tried = world.admin.submit("/b/escrow/sms", &[("action", "try")]).await;
    assert_eq!(tried.status(), StatusCode::SEE_OTHER);
    let (_, trial) = calls.recv_timeout(Duration::from_secs(30)).expect("the trial arrives");
    assert!(trial.contains("测试") && trial.contains(ON_DUTY), "{trial}");

    // Orange at night: mails and webhooks, and no short message.
    let account = world.account_id().await;
    take(&world.admin, account, camt(&world.account, SMALL, &[ORANGE])).await;
    assert_eq!(queued(&app, world.county).await, 1, "the trial, and only red unless the policy says more");
    // Red at night: at once.
    let rest = SMALL - ORANGE.2;
    let red = [("2026-03-18", false, 5_000_000, "R1")];
    take(&world.admin, account, camt(&world.account, rest, &red)).await;
    let (head, body) = calls.recv_timeout(Duration::from_secs(30)).expect("the call arrives at night");
    let header = |name: &str| {
        let found =
            head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.unwrap_or_else(|| panic!("{name} in {head}")).1.trim().to_owned()
    };
    let (timestamp, nonce) = (header("x-mj-timestamp"), header("x-mj-nonce"));
    let expected = signature(secret.as_bytes(), &timestamp, &nonce, "POST", "/sms", body.as_bytes());
    assert_eq!(header("x-mj-signature"), expected);
    let sent: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&sent["template"], &sent["phones"]), (&json!("SMS_0317"), &json!([ON_DUTY])), "{sent}");
    let variables = &sent["variables"];
    assert_eq!((&variables["level"], &variables["name"]), (&json!("红色"), &json!(world.name)), "{sent}");
    assert!(variables["url"].as_str().unwrap().contains("/b/escrow/"));
    assert!(!body.contains("50000") && !body.contains("50,000") && !body.contains(&world.account), "{body}");

    // Nobody is told twice: not by the sweeps, not by the file again, not under another row of the same number.
    let before = queued(&app, world.county).await;
    assert!(before >= 1);
    app.sweep(world.county, "2026-03-18T23:40");
    app.sweep(world.county, "2026-03-18T23:50");
    take(&world.admin, account, camt(&world.account, rest, &red)).await;
    let off = world.admin.api(Method::DELETE, &format!("/sms/phones/{}", added["id"])).send().await.unwrap();
    assert_eq!(off.status(), StatusCode::NO_CONTENT);
    let (status, _) = world.admin.post_json("/sms/phones", duty("值班 王敏", ON_DUTY)).await;
    assert_eq!(status, StatusCode::CREATED);
    take(&world.admin, account, camt(&world.account, rest, &red)).await;
    app.sweep(world.county, "2026-03-18T23:55");
    let told = format!(
        "SELECT count(*)::text FROM (SELECT split_part(idempotency_key, ':', 3), count(*) FROM outbox \
        WHERE tenant_id = {} AND kind = 'sms' GROUP BY 1, split_part(idempotency_key, ':', 4) HAVING count(*) > 1) d",
        world.county.tenant_id()
    );
    assert_eq!(app.run_sql(&told).await, "0", "one message a warning, level and person");
    let clear = format!("SELECT count(*)::text FROM outbox WHERE (body || recipient) LIKE '%{ON_DUTY}%'");
    assert_eq!(app.run_sql(&clear).await, "0", "no number lies in the outbox");

    // Taken away, nothing is sent any more; others may not set it.
    for user in [&world.approver, &world.org] {
        let put = user.api(Method::PUT, "/sms").json(&json!({"url": url, "template": "x"})).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::FORBIDDEN, "{}", user.name);
    }
    // The officer's own copy says where the number is kept.
    let told = world.admin.submit("/b/personal", &[("person", ON_DUTY)]).await.text().await.unwrap();
    assert!(told.contains("短信值班名单"), "{told}");
    let gone = world.admin.api(Method::DELETE, "/sms").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(world.admin.json("/sms").await["gateway"].is_null());
}

#[tokio::test]
async fn where_the_policy_says_more_an_orange_one_waits_for_the_morning() {
    let app = TestApp::start_with(&[], &[("MINGJIAN_CLOCK", NIGHT)]);
    let world = World::within(&app).await;
    let form = [("action", "set"), ("url", "https://8.8.8.8/sms"), ("template", "SMS_1")];
    let page = world.admin.submit("/b/escrow/sms", &form).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("签名密钥只显示这一次"));
    let typed = [("action", "add"), ("holder", "值班 李强"), ("phone", "1398")];
    let refused = world.admin.submit("/b/escrow/sms", &typed).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("11 位手机号") && refused.contains("值班 李强"), "what was typed stays");
    let typed = [("action", "add"), ("holder", "值班 李强"), ("phone", ON_DUTY)];
    assert_eq!(world.admin.submit("/b/escrow/sms", &typed).await.status(), StatusCode::SEE_OTHER);
    let body = json!({"value": "orange", "effective_from": "2026-03-19", "reason": "县教〔2026〕9 号"});
    let (status, approval) = world.admin.post_json("/policies/warnings.sms.from/proposals", body).await;
    assert!(status.is_success(), "{approval}");
    let path = format!("/approvals/{}/decisions", approval["id"]);
    assert!(world.approver.post_json(&path, json!({"decision": "approve"})).await.0.is_success());
    assert!(world.admin.page("/b/escrow/sms").await.contains("只有红色"), "until its first day");
    let later = app.beside("2026-03-19T23:00:00+08:00", &[]);
    let admin = later.sign_in(&world.admin.name).await;
    assert!(admin.page("/b/escrow/sms").await.contains("橙色和红色"));
    take(&admin, world.account_id().await, camt(&world.account, SMALL, &[ORANGE])).await;
    let due = format!(
        "SELECT coalesce(string_agg(DISTINCT (due_at AT TIME ZONE interval '8 hours')::text, ' '), '') FROM outbox \
         WHERE tenant_id = {} AND kind = 'sms'",
        world.county.tenant_id()
    );
    assert_eq!(app.run_sql(&due).await, "2026-03-20 07:00:00", "an orange one wakes nobody");
}
