//! SQL where text is expected, and a runtime role that tries to be more than it is.

use futures_util::TryStreamExt;
use mingjian::{
    db::Scope,
    identity::Role,
    web::{Access, app::routes},
};
use reqwest::{Method, StatusCode};
use tokio_postgres::error::SqlState;

use crate::{
    app::{User, World, app},
    attacker::{Attacker, Stand},
    target::{Body, ENDS_THE_SESSION, Request, Target, is_for_institutions},
};

/// Each closes the text that it is put into, if that text were ever put into a statement, and widens the scope.
const ATTEMPTS: [&str; 6] = [
    "'; SET LOCAL app.lo = '0'; SET LOCAL app.hi = '999999'; --",
    "x' OR '1'='1",
    "\\'; RESET ROLE; SET ROLE mingjian_owner; --",
    "$$; SELECT set_config('app.institution', 'all', true); --",
    "1); COMMIT; TRUNCATE audit_events; --",
    "%27%3B%20SET%20app.lo%3D0%3B--",
];

/// The names of query and form fields that any page or document reads.
const FIELDS: [&str; 22] = [
    "q",
    "region",
    "category",
    "list",
    "cursor",
    "limit",
    "status",
    "kind",
    "level",
    "institution",
    "from",
    "until",
    "to",
    "who",
    "action",
    "page",
    "id",
    "reason",
    "comment",
    "name",
    "role",
    "lang",
];

/// Answers 401 to who is signed in and has not begun to set an app up.
const OF_A_STEP_THAT_ENDED: &str = "/account/totp/confirm";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_reaches_a_statement_as_sql() {
    let target = Target::new().await;
    let outsider = World::new().await;
    let attacker =
        |user: &User, role| Attacker::new(user.name.clone(), Some(role), Stand::Elsewhere, Some(user.token.clone()));
    let admin = attacker(&outsider.admin, Role::BureauAdmin);
    let institution = attacker(&outsider.org, Role::InstitutionAdmin);
    let before = target.fingerprint().await;
    let mut wrong = Vec::new();
    for route in routes().into_iter().filter(|route| !ENDS_THE_SESSION.contains(&route.path)) {
        let attacker = if is_for_institutions(&route) { &institution } else { &admin };
        for attempt in ATTEMPTS {
            let encoded: String = form_urlencoded::byte_serialize(attempt.as_bytes()).collect();
            let path = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { encoded.replace('+', "%20") } else { part.to_owned() });
            let path = path.collect::<Vec<_>>().join("/");
            let fields: Vec<(String, String)> =
                FIELDS.iter().map(|name| ((*name).to_owned(), attempt.to_owned())).collect();
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            let request = if method == Method::GET {
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
                Request { method, path: format!("{path}?{query}"), body: Body::None }
            } else if route.is_api() {
                let object = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
                Request { method, path, body: Body::Json(serde_json::Value::Object(object)) }
            } else {
                Request { method, path, body: Body::Form(fields) }
            };
            let (status, shown) = attacker.send(&request).await;
            if status.is_server_error() {
                wrong.push(format!("{} {}: {status}", request.method, route.path));
            }
            let by_session = !matches!(route.access, Access::Anyone | Access::Machine);
            let signed_out = status == StatusCode::UNAUTHORIZED || shown.contains("\"location\": \"/login");
            if by_session && signed_out && route.path != OF_A_STEP_THAT_ENDED {
                wrong.push(format!("{} {}: {} is not signed in", request.method, route.path, attacker.name));
            }
            if let Some(secret) = target.secrets.iter().find(|secret| shown.contains(secret.as_str())) {
                wrong.push(format!("{} {}: shows {secret}", request.method, route.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(target.fingerprint().await, before);
    for user in [&outsider.admin, &outsider.org] {
        user.json("/auth/sessions").await;
    }
}

/// Each field by itself, so that one refused field does not shield the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_filter_of_a_list_reaches_a_statement_as_sql() {
    let target = Target::new().await;
    let outsider = World::new().await;
    let mut tried = 0;
    for path in ["/s", "/b/institutions", "/b/courses", "/b/escrow", "/b/audit", "/b/approvals"] {
        for field in FIELDS {
            for attempt in ATTEMPTS {
                let query = form_urlencoded::Serializer::new(String::new()).append_pair(field, attempt).finish();
                let answer = outsider.admin.get(&format!("{path}?{query}")).await;
                assert!(!answer.status().is_server_error(), "{path} {field}={attempt}");
                let shown = answer.text().await.unwrap();
                assert!(
                    !target.secrets.iter().any(|secret| shown.contains(secret.as_str())),
                    "{path} {field}={attempt}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 500);
}

/// What each runtime role can do in SQL by itself: nothing without a scope, nothing beyond it, and no other role.
#[tokio::test]
async fn a_runtime_role_is_held_by_the_database_itself() {
    let target = Target::new().await;
    let client = app().database("mingjian_app").await;
    let count = async |begin: &str, table: &str| -> i64 {
        client.batch_execute(begin).await.unwrap();
        let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        row.map_or(0, |row| row.get(0))
    };
    let (own, sibling) =
        (Scope::official(target.world.county, 1).statement(), Scope::official(target.sibling, 1).statement());
    for table in ["institutions", "courses", "entries", "warnings", "audit_events", "escrow_accounts", "users"] {
        assert_eq!(count("BEGIN", table).await, 0, "{table} without a scope");
        let empty = own.replace(&target.world.county.to_string(), "");
        assert_eq!(count(&empty, table).await, 0, "{table} with an empty scope");
        assert!(count(&own, table).await > 0, "the right scope does show {table}");
        let theirs = format!("{table} WHERE tenant_id = {}", target.world.county);
        assert_eq!(count(&sibling, &theirs).await, 0, "{table} from the next county");
    }
    for role in ["mingjian_owner", "mingjian_root", "mingjian_auth", "mingjian_ingest", "mingjian_worker", "postgres"] {
        assert!(client.batch_execute(&format!("SET ROLE {role}")).await.is_err(), "{role}");
        assert!(client.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await.is_err(), "{role}");
    }
    for statement in [
        "ALTER TABLE institutions DISABLE ROW LEVEL SECURITY",
        "DROP POLICY read ON institutions",
        "CREATE TABLE mine (a int)",
        "UPDATE audit_events SET reason = 'x'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DELETE FROM entries",
        "UPDATE entries SET amount_fen = 0",
        "SELECT password_hash FROM people",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        client.batch_execute(&sibling).await.unwrap();
        let error = client.batch_execute(statement).await.expect_err(statement);
        client.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
    }
    // What a whole table gives out is what the scope shows of it.
    client.batch_execute(&sibling).await.unwrap();
    let copied = client.copy_out("COPY institutions TO STDOUT").await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    client.batch_execute("ROLLBACK").await.unwrap();
    let copied = String::from_utf8(copied.concat()).unwrap();
    assert!(copied.contains(&target.sibling_institution), "{copied}");
    assert!(!copied.contains(&target.world.credit_code) && !copied.contains(&target.other_institution), "{copied}");
    let public = app().database("mingjian_public").await;
    for table in ["institutions", "courses", "users", "entries", "audit_events", "people"] {
        assert!(public.query(&format!("SELECT * FROM {table} LIMIT 1"), &[]).await.is_err(), "{table}");
    }
}
