//! The chain of the trail: what is written verifies, whoever writes at the same time, and no tampering goes unnamed.

use std::process::{Command, Stdio};

use diesel_async::SimpleAsyncConnection;
use mingjian::{
    db::{
        AuthConn, DbError, Scope,
        trail::{self, Draft, Key, Who},
    },
    kernel::RegionCode,
    secrets::Secrets,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    app::{HEADER, TestApp, World, app, credit_code, row},
    samples::{GRAB, OPENING, camt, good_course},
};

/// Makes this process seal as the service does.
pub fn seal_as_the_service() {
    Key::new(&Secrets::load(&app().data).unwrap()).install().unwrap();
}

/// `mingjian audit verify` on one bureau's chain: its exit status and its verdict.
pub fn verify(app: &TestApp, region: RegionCode, more: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["audit", "verify", "--region", &region.to_string(), "--data"])
        .arg(&app.data)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (told, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    let own = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = own.into_iter().find(|verdict| verdict["region"] == region.to_string());
    (output.status.code().unwrap(), own.unwrap_or_else(|| panic!("{region}: {told} {complaint}")))
}

/// An event of the system in a county.
pub fn event(county: RegionCode, subject: &str) -> Draft {
    Draft {
        tenant: county.tenant_id(),
        at: "2020-03-18T01:00:00Z".parse().unwrap(),
        who: Who { id: None, tenant: county.tenant_id(), name: "明鉴".into(), role: "system".into() },
        action: "test.done".into(),
        subject_kind: "test".into(),
        subject_id: subject.into(),
        institution: None,
        before: None,
        after: None,
        reason: None,
        request_id: "test".into(),
    }
}

/// Appends events to a county's chain as the service's own role does.
pub async fn append(county: RegionCode, events: Vec<Draft>) {
    seal_as_the_service();
    let client = app().database("mingjian_app").await;
    client.batch_execute(&Scope::official(county, 1).statement()).await.unwrap();
    trail::append_by(&client, events).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
}

/// A county in which much was done, by all the roles that write.
pub async fn busy() -> World {
    let world = World::new().await;
    world.list().await;
    let (_, filed) = world.org.post_json("/courses", good_course("链上的课")).await;
    let course = filed["id"].as_i64().unwrap();
    world.org.post_json(&format!("/courses/{course}/submit"), json!({})).await;
    let decision = json!({"decision": "return", "comment": "请补充教材备案号\u{1F600}"});
    world.approver.post_json(&format!("/courses/{course}/decisions"), decision).await;
    let path = format!("/escrow/accounts/{}/statements", world.account_id().await);
    let answer = world.admin.post_file(&path, &[], "3月.xml", camt(&world.account, OPENING, &GRAB)).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    world
        .admin
        .api(Method::POST, "/auth/logout")
        .json(&json!({"refresh_token": world.admin.refresh}))
        .send()
        .await
        .unwrap();
    world
}

/// Each way to tamper, as the table's owner would: the name, the SQL, where it is found, and what it is called. `$T`
/// is the county.
const TAMPERINGS: [(&str, &str, i64, &str); 26] = [
    (
        "time",
        "UPDATE audit_events SET at = at + interval '1 microsecond' WHERE tenant_id = $T AND seq = 5",
        5,
        "edited",
    ),
    ("account", "UPDATE audit_events SET actor_id = 1 WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("bureau", "UPDATE audit_events SET actor_tenant = 0 WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("name", "UPDATE audit_events SET actor_name = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("role", "UPDATE audit_events SET actor_role = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("action", "UPDATE audit_events SET action = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("kind", "UPDATE audit_events SET subject_kind = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("subject", "UPDATE audit_events SET subject_id = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("institution", "UPDATE audit_events SET institution_id = 0 WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("before", "UPDATE audit_events SET before = '{}' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("after", "UPDATE audit_events SET after = 'null' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    (
        "space in after",
        "UPDATE audit_events SET after = (after::text || ' ')::json WHERE tenant_id = $T AND seq = 5",
        5,
        "edited",
    ),
    ("reason", "UPDATE audit_events SET reason = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("request", "UPDATE audit_events SET request_id = 'x' WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("hash", "UPDATE audit_events SET hash = sha256('x') WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("form", "UPDATE audit_events SET form = 2 WHERE tenant_id = $T AND seq = 5", 5, "edited"),
    ("removed", "DELETE FROM audit_events WHERE tenant_id = $T AND seq = 5", 5, "gap"),
    (
        "removed and moved up",
        "DELETE FROM audit_events WHERE tenant_id = $T AND seq = 5; \
      UPDATE audit_events SET seq = seq + 100000 WHERE tenant_id = $T AND seq > 5; UPDATE audit_events SET seq = seq - 100001 WHERE tenant_id = $T AND seq > 100000; \
      UPDATE audit_heads SET seq = seq - 1 WHERE tenant_id = $T",
        5,
        "gap",
    ),
    ("first removed", "DELETE FROM audit_events WHERE tenant_id = $T AND seq = 1", 1, "gap"),
    (
        "swapped",
        "UPDATE audit_events SET seq = CASE seq WHEN 5 THEN 100005 ELSE 100006 END WHERE tenant_id = $T AND seq IN (5, 6); \
      UPDATE audit_events SET seq = CASE seq WHEN 100005 THEN 6 ELSE 5 END WHERE tenant_id = $T AND seq > 100000",
        5,
        "reordered",
    ),
    (
        "forged in between",
        "UPDATE audit_events SET seq = seq + 100000 WHERE tenant_id = $T AND seq >= 5; \
      UPDATE audit_events SET seq = seq - 99999 WHERE tenant_id = $T AND seq > 100000; \
      INSERT INTO audit_events SELECT tenant_id, 5, form, at, actor_id, actor_tenant, actor_name, actor_role, 'x', subject_kind, subject_id, institution_id, \
        before, after, reason, request_id, hash FROM audit_events WHERE tenant_id = $T AND seq = 4; \
      UPDATE audit_heads SET seq = seq + 1 WHERE tenant_id = $T",
        5,
        "inserted",
    ),
    (
        "chained anew",
        "UPDATE audit_events SET reason = 'x', hash = sha256(hash) WHERE tenant_id = $T AND seq >= 5",
        5,
        "edited",
    ),
    ("tail cut off", "DELETE FROM audit_events WHERE tenant_id = $T AND seq > 5", 6, "truncated"),
    (
        "tail cut off, head moved back",
        "DELETE FROM audit_events WHERE tenant_id = $T AND seq > 5; DELETE FROM audit_checkpoints WHERE tenant_id = $T; \
      UPDATE audit_heads h SET seq = 5, hash = e.hash FROM audit_events e WHERE h.tenant_id = $T AND e.tenant_id = $T AND e.seq = 5",
        6,
        "truncated",
    ),
    (
        "all gone",
        "DELETE FROM audit_events WHERE tenant_id = $T; DELETE FROM audit_heads WHERE tenant_id = $T; DELETE FROM audit_checkpoints WHERE tenant_id = $T",
        1,
        "truncated",
    ),
    ("checkpoint forged", "UPDATE audit_checkpoints SET signature = sha256('x') WHERE tenant_id = $T", 0, "unsigned"),
];

#[tokio::test]
async fn a_busy_trail_verifies_and_each_kind_of_tampering_is_named() {
    let world = busy().await;
    let (status, sound) = verify(app(), world.county, &[]);
    assert_eq!((status, &sound["ok"], &sound["bad_seq"]), (0, &json!(true), &Value::Null), "{sound}");
    let through = sound["through"].as_i64().unwrap();
    assert!(through > 12 && sound["events"] == through, "{sound}");
    let kept = app().run(&["audit", "checkpoint", "--region", &world.county.to_string()], "");
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["seq"], through);
    let (root, tenant) = (app().database("mingjian_root").await, world.county.tenant_id().to_string());
    let on = |sql: &str| sql.replace("$T", &tenant);
    let tables = ["audit_events", "audit_heads", "audit_checkpoints"];
    for table in tables {
        root.batch_execute(&on(&format!(
            "CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table} WHERE tenant_id = $T"
        )))
        .await
        .unwrap();
    }
    for (case, sql, place, what) in TAMPERINGS {
        root.batch_execute(&on(sql)).await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        let (status, verdict) = verify(app(), world.county, &[]);
        let place = if place == 0 { through } else { place };
        assert_eq!(
            (status, &verdict["ok"], &verdict["bad_seq"], &verdict["what"]),
            (1, &json!(false), &json!(place), &json!(what)),
            "{case}: {verdict}"
        );
        for table in tables {
            root.batch_execute(&on(&format!(
                "DELETE FROM {table} WHERE tenant_id = $T; INSERT INTO {table} SELECT * FROM kept_{table}"
            )))
            .await
            .unwrap();
        }
    }
    assert_eq!(verify(app(), world.county, &[]).0, 0, "all was put back");
}

/// What the data directory keeps may be lost together with the database; a file that was kept elsewhere is not.
#[tokio::test]
async fn a_checkpoint_kept_elsewhere_shows_what_was_cut_off() {
    let county = app().county();
    append(county, (1..=9).map(|number| event(county, &number.to_string())).collect()).await;
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let file = elsewhere.path().to_str().unwrap();
    let kept = app().run(&["audit", "checkpoint", "--region", &county.to_string()], "");
    std::fs::write(file, &kept).unwrap();
    assert_eq!(verify(app(), county, &["--checkpoint", file]).0, 0);
    let root = app().database("mingjian_root").await;
    let tenant = county.tenant_id();
    root.batch_execute(&format!(
        "DELETE FROM audit_events WHERE tenant_id = {tenant} AND seq > 4; DELETE FROM audit_checkpoints WHERE tenant_id = {tenant}; \
         UPDATE audit_heads h SET seq = 4, hash = e.hash FROM audit_events e WHERE h.tenant_id = {tenant} AND e.tenant_id = {tenant} AND e.seq = 4"
    ))
    .await
    .unwrap();
    let (status, verdict) = verify(app(), county, &["--checkpoint", file]);
    assert_eq!((status, &verdict["bad_seq"], &verdict["what"]), (1, &json!(5), &json!("truncated")));
    std::fs::write(file, kept.replace("\"seq\":9", "\"seq\":4")).unwrap();
    assert_eq!(verify(app(), county, &["--checkpoint", file]).1["what"], "unsigned");
    for (bad, said) in [("{\"region\":\"x\"}", "line 1"), ("nonsense", "line 1")] {
        std::fs::write(file, bad).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mingjian"))
            .args(["audit", "verify", "--checkpoint", file, "--data"])
            .arg(&app().data)
            .output()
            .unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
        assert!(String::from_utf8_lossy(&output.stderr).contains(said));
    }
}

fn odd_text() -> impl Strategy<Value = String> {
    // PostgreSQL keeps no U+0000 in texts, and the gate lets none in.
    prop_oneof![
        any::<String>().prop_map(|text| text.replace('\0', "␀")),
        "[\u{4e00}-\u{4e20}𠀀-𠀄\u{1F600}-\u{1F610}\"\\\\\n\t\u{1}\u{7f}\u{2028}\u{feff}]{0,20}"
    ]
}

fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(1.0), Just(-0.0), Just(1e300), Just(5e-324), Just(0.1)].prop_map(Value::from),
        odd_text().prop_map(Value::from),
        Just(json!("\u{0}")),
    ];
    leaf.prop_recursive(24, 200, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((odd_text(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Odd numbers, every script, deep nesting, repeated names of other order: what was sealed is what is read back.
#[tokio::test]
async fn whatever_an_event_holds_verifies_after_it_was_read_back() {
    let county = app().county();
    let mut runner = TestRunner::default();
    let strategy = (
        (
            any::<i32>(),
            any::<Option<i64>>(),
            any::<Option<i64>>(),
            -60_000_000_000_000_000_i64..200_000_000_000_000_000,
        ),
        (odd_text(), odd_text(), odd_text(), odd_text(), odd_text(), odd_text()),
        (prop::option::of(odd_json()), prop::option::of(odd_json()), prop::option::of(odd_text())),
    );
    let mut drawn = Vec::new();
    for _ in 0..400 {
        let ((tenant, id, institution, at), (name, role, action, kind, subject, request), (before, after, reason)) =
            strategy.new_tree(&mut runner).unwrap().current();
        drawn.push(Draft {
            tenant: county.tenant_id(),
            at: chrono::DateTime::from_timestamp_micros(at).unwrap()
                + chrono::TimeDelta::nanoseconds(at.rem_euclid(1000)),
            who: Who { id, tenant, name, role },
            action,
            subject_kind: kind,
            subject_id: subject,
            institution,
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
            reason,
            request_id: request,
        });
    }
    append(county, drawn).await;
    let deep = (0..2_000).fold(String::from("1"), |inner, _| format!("[{inner}]"));
    let odd = r#"{"b": 1.00, "a": 1e2, "a": 12345678901234567890123456789012345678901234567890.5}"#;
    append(county, vec![Draft { before: Some(deep), after: Some(odd.into()), ..event(county, "deep") }]).await;
    let (status, verdict) = verify(app(), county, &[]);
    assert_eq!((status, &verdict["events"]), (0, &json!(401)), "{verdict}");
}

/// Somebody who has told the trail something waits for a row of somebody who is about to: neither holds the chain meanwhile.
#[tokio::test]
async fn what_the_sign_in_role_tells_holds_nobody_up_before_its_commit() {
    const HOLD: &str = "SELECT pg_advisory_xact_lock(20260318)";
    let (county, pools) = (app().county(), crate::audit::pools());
    let both = tokio::sync::Barrier::new(2);
    let teller = AuthConn::transaction(&pools, async |conn: &mut AuthConn| -> Result<(), DbError> {
        conn.record(event(county, "told before it waits"));
        both.wait().await;
        Ok(conn.sql().batch_execute(HOLD).await?)
    });
    let holder = AuthConn::transaction(&pools, async |conn: &mut AuthConn| -> Result<(), DbError> {
        conn.sql().batch_execute(HOLD).await?;
        both.wait().await;
        conn.record(event(county, "told while the other waits"));
        Ok(())
    });
    let (told, held) = tokio::join!(teller, holder);
    assert!(told.is_ok() && held.is_ok(), "{told:?} {held:?}");
    let refused = AuthConn::transaction(&pools, async |conn: &mut AuthConn| -> Result<(), DbError> {
        conn.record(event(county, "never so"));
        Err(DbError::Pool("refused".into()))
    });
    refused.await.unwrap_err();
    let (status, verdict) = verify(app(), county, &[]);
    assert_eq!((status, &verdict["events"]), (0, &json!(2)), "{verdict}");
}

/// Officials write in their county, people sign in, the system imports into many counties: nobody waits for ever, and
/// every chain has every event once.
#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_leave_whole_chains() {
    let (one, other) = (World::new().await, World::new().await);
    let worlds = [&one, &other];
    let sheet = |round: u32| {
        let rows = worlds.map(|world| {
            let code = |n: u32| credit_code(world.county, 90_000 + n);
            let name = |n: u32| format!("同时导入{n}（样例）第{round}次");
            (0..5).map(|n| row(world.county, &name(n), &code(n), "")).collect::<Vec<_>>().join("\n")
        });
        format!("{HEADER}\n{}\n", rows.join("\n"))
    };
    let imports = (0..4_u32).map(|round| {
        let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        std::fs::write(file.path(), sheet(round)).unwrap();
        tokio::task::spawn_blocking(move || {
            app().run(&["import", "institutions", file.path().to_str().unwrap(), "--region", "130000"], "");
        })
    });
    let imports: Vec<_> = imports.collect();
    let official = async |world: &World| {
        for round in 0..12 {
            let (status, answer) = world.org.post_json("/courses", good_course(&format!("同时的课{round}"))).await;
            assert!(status.is_success(), "{status} {answer}");
            // A proposal locks the institution, and a colleague's proposal waits for it.
            let proposal = json!({"credit_code": world.credit_code, "reason": "资料齐全"});
            let (a, b) = tokio::join!(
                world.admin.post_json("/lists/white", proposal.clone()),
                world.approver.post_json("/lists/white", proposal.clone())
            );
            assert!(!a.0.is_server_error() && !b.0.is_server_error(), "{a:?} {b:?}");
        }
    };
    let sign_ins = async |world: &World| {
        for _ in 0..6 {
            let body = json!({"username": world.admin.name, "password": crate::app::PASSWORD});
            let begun = world.admin.api(Method::POST, "/auth/login").json(&body);
            assert_eq!(begun.send().await.unwrap().status(), StatusCode::OK);
        }
    };
    tokio::join!(official(&one), official(&other), sign_ins(&one), sign_ins(&other));
    for import in imports {
        import.await.unwrap();
    }
    for world in worlds {
        let (status, verdict) = verify(app(), world.county, &[]);
        assert_eq!(status, 0, "{verdict}");
        let root = app().database("mingjian_root").await;
        let sql = "SELECT count(*) FILTER (WHERE action = 'course.saved'), count(*) FILTER (WHERE action = 'session.begun' AND actor_name = $2), \
                   count(*) FILTER (WHERE action = 'institution.added') FROM audit_events WHERE tenant_id = $1";
        let told = root.query_one(sql, &[&world.county.tenant_id(), &world.admin.name]).await.unwrap();
        let told: [i64; 3] = [told.get(0), told.get(1), told.get(2)];
        assert_eq!(told, [12, 8, 6], "courses, sign-ins, institutions");
    }
}
