//! What is tried upon: one county with everything in it, and the requests that would do something there.

use std::collections::BTreeMap;

use mingjian::{
    db::open::connect,
    identity::Role,
    kernel::RegionCode,
    web::{Access, Route},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_postgres::{Client, Config};

use crate::{
    app::{HEADER, World, app, credit_code, row},
    attacker::{Attacker, Stand},
    samples::{GRAB, OPENING, camt},
};

/// A body as a caller would send it.
#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    File(Vec<(String, String)>, String, String),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Body,
}

/// A county whose desk nobody else may see.
pub struct Target {
    pub world: World,
    /// The next county, and an institution there.
    pub sibling: RegionCode,
    pub sibling_institution: String,
    /// Another institution of the same county.
    pub other_institution: String,
    /// What no answer to an attacker may hold.
    pub secrets: Vec<String>,
    ids: BTreeMap<&'static str, String>,
    database: Client,
}

fn form(fields: &[(&str, &str)]) -> Body {
    Body::Form(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

impl Target {
    /// A county with two institutions, a course on file, an approval that waits, a statement and its warning, an import.
    pub async fn new() -> Target {
        let world = World::new().await;
        let sibling = World::new().await;
        let code = world.credit_code.clone();
        world.list().await;
        let proposal = json!({"credit_code": code, "reason": "涉嫌抽逃资金，拟列入黑名单", "ground": "run_off"});
        let (status, approval) = world.admin.post_json("/lists/black", proposal).await;
        assert!(status.is_success(), "{status} {approval}");
        let (status, course) = world.org.post_json("/courses", course(COURSE)).await;
        assert!(status.is_success(), "{course}");
        let course = course["id"].to_string();
        world.org.post_json(&format!("/courses/{course}/submit"), json!({})).await;
        let account = world.account_id().await.to_string();
        let part =
            reqwest::multipart::Part::bytes(camt(&world.account, OPENING, &GRAB).into_bytes()).file_name("d.xml");
        let request = world.admin.api(Method::POST, &format!("/escrow/accounts/{account}/statements"));
        let answer = request.multipart(reqwest::multipart::Form::new().part("file", part)).send().await.unwrap();
        assert!(answer.status().is_success());
        let warnings = world.admin.json("/warnings").await;
        let warning = warnings["items"][0]["id"].to_string();
        let other_institution = credit_code(world.county, 90_001);
        let import = imported(&world, &other_institution).await;
        let (layout, draft) = asked_about(&world).await;
        let users = world.admin.json("/users").await;
        let id_of = |users: &Value, name: &str| {
            let found = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name);
            found.unwrap_or_else(|| panic!("{name} in {users}"))["id"].to_string()
        };
        let post = id_of(&users, &world.approver.name);
        let staff = id_of(&world.org.json("/users").await, &world.org.name);
        let sessions = world.admin.json("/auth/sessions").await;
        let session = sessions["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{sessions}")).to_owned();
        let added = app().run(&["key", "add", "--region", &world.county.to_string(), "目标银行"], "");
        let key =
            added.split('"').find(|part| part.starts_with("mjk-")).unwrap_or_else(|| panic!("{added}")).to_owned();
        let city = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
        let above = app().user("city_officer", city).await;
        let wish =
            json!({"kind": "institution", "id": code, "field": "phone", "purpose": "inspection", "reason": "市级抽查"});
        let (status, asked) = above.post_json("/personal/unmask", wish).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{asked}");
        let requests = world.approver.json("/personal/requests").await;
        let request = requests["items"][0]["id"].to_string();
        let ids = BTreeMap::from([
            ("post", post),
            ("staff", staff),
            ("session", session),
            ("key", key),
            ("request", request),
            ("course", course),
            ("approval", approval["id"].to_string()),
            ("account", account),
            ("warning", warning),
            ("import", import),
            ("layout", layout),
            ("draft", draft),
            // Everybody has these of their own: parameters have names, a bureau's events are numbered from 1.
            ("parameter", "course.makeup_day".to_owned()),
            ("event", "1".to_owned()),
            ("passkey", "AAAA".to_owned()),
        ]);
        let mut config = Config::new();
        config.host_path(app().data.join("run")).user("mingjian_root").dbname("mingjian");
        let secrets = vec![COURSE.to_owned(), world.account.clone(), world.admin.name.clone(), PHONE.to_owned()];
        let (sibling, sibling_institution) = (sibling.county, sibling.credit_code);
        Target {
            world,
            sibling,
            sibling_institution,
            other_institution,
            secrets,
            ids,
            database: connect(&config).await.unwrap(),
        }
    }

    /// What stands for the variables of a route's path.
    ///
    /// # Panics
    /// For a variable that is not known here: whoever adds a route says what it would be tried with.
    fn path(&self, route: &Route) -> String {
        let mut path = String::new();
        for part in route.path.split_inclusive('/') {
            let bare = part.trim_end_matches('/');
            let Some(name) = bare.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
                path.push_str(part);
                continue;
            };
            let before = path.trim_end_matches('/');
            let kind = match (before.rsplit('/').next().unwrap_or_default(), name) {
                (_, "credit_code" | "code") => "",
                ("courses", "id") => "course",
                ("approvals", "id") => "approval",
                ("accounts", "id") | ("escrow", "account_id") => "account",
                ("warnings", "id") => "warning",
                ("layouts", "id") => "layout",
                ("drafts", "id") => "draft",
                ("imports", "id") => "import",
                ("users", "id") => "post",
                ("staff", "id") => "staff",
                ("sessions", "id") => "session",
                ("keys", "key") => "key",
                ("requests" | "access", "id") => "request",
                ("policies", "parameter") => "parameter",
                ("audit", "seq") => "event",
                ("passkeys", "id") => "passkey",
                // What anyone may ask for: an asset, an invitation, a new password, a provider.
                _ if matches!(route.access, Access::Anyone) => "event",
                (parent, name) => {
                    panic!("{}: what stands for {name} after {parent}? Say it in tests/attack/target.rs", route.path)
                }
            };
            path.push_str(if kind.is_empty() { &self.world.credit_code } else { &self.ids[kind] });
            path.push_str(&part[bare.len()..]);
        }
        path
    }

    /// The requests that would do something on this route in the right hands.
    pub fn requests(&self, route: &Route, role: Option<Role>) -> Vec<Request> {
        let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
        let path = self.path(route);
        if method == Method::GET {
            let path = match route.path {
                "/b/unmask" => format!("{path}?kind=institution&id={}&field=phone", self.world.credit_code),
                _ => path,
            };
            return vec![Request { method, path, body: Body::None }];
        }
        let code = self.world.credit_code.as_str();
        let step = if role.is_some_and(Role::is_institution) { "explain" } else { "acknowledge" };
        let sheet = || {
            let csv = format!("{HEADER}\n{}\n", row(self.world.county, "攻击者改名", code, "1"));
            Body::File(vec![("region".to_owned(), self.world.county.to_string())], "a.csv".to_owned(), csv)
        };
        let statement = || {
            let lines = [("2026-03-17", false, 100, "ATTACK")];
            Body::File(Vec::new(), "a.xml".to_owned(), camt(&self.world.account, OPENING, &lines))
        };
        let body = match route.path {
            "/api/v1/institutions/import" | "/b/imports" => sheet(),
            "/api/v1/escrow/accounts/{id}/statements" | "/b/escrow/upload" => statement(),
            "/api/v1/lists/white" | "/api/v1/lists/black" => {
                Body::Json(json!({"credit_code": code, "reason": "攻击", "ground": "run_off"}))
            }
            "/api/v1/approvals/{id}/decisions" | "/api/v1/courses/{id}/decisions" => {
                Body::Json(json!({"decision": "approve", "comment": "攻击"}))
            }
            "/api/v1/courses" => Body::Json(course("攻击者的课")),
            "/b/imports/{id}/cells" | "/b/imports/{id}/confirm" => form(&[("version", "1")]),
            "/api/v1/warnings/{id}/actions" => Body::Json(json!({"action": step, "comment": "攻击"})),
            "/api/v1/escrow/accounts" => Body::Json(json!({
                "credit_code": code, "bank": "攻击银行", "account": "999999999", "mode": "custody", "agreement_no": "A1",
                "payee_account": "888888888"})),
            "/b/approvals" => form(&[("id", &self.ids["approval"]), ("decision", "approve"), ("comment", "攻击")]),
            "/b/courses/{id}" => form(&[("decision", "approve"), ("comment", "攻击")]),
            "/b/escrow/layouts/{id}" => form(&[("sure", "yes")]),
            "/b/escrow/drafts/{id}" => form(&[("action", "discard"), ("sure", "yes")]),
            "/b/escrow/warnings/{id}" => form(&[("action", "acknowledge"), ("comment", "攻击")]),
            "/org/escrow/warnings/{id}" => form(&[("action", "explain"), ("comment", "攻击")]),
            "/b/lists/propose" | "/b/institutions/{credit_code}/proposals" => {
                form(&[("credit_code", code), ("list", "black"), ("reason", "攻击"), ("ground", "run_off")])
            }
            "/api/v1/users" => Body::Json(json!({"email": "attack@test.example", "name": "攻击", "role": "approver"})),
            "/api/v1/users/{id}/actions" => Body::Json(json!({"action": "disable", "reason": "攻击"})),
            "/b/users/{id}" | "/org/staff/{id}" => form(&[("action", "disable"), ("sure", "yes"), ("reason", "攻击")]),
            "/api/v1/personal/requests/{id}/decisions" => Body::Json(json!({"decision": "approve", "comment": "攻击"})),
            "/b/access/{id}" | "/b/approvals/{id}" => form(&[("decision", "approve"), ("comment", "攻击")]),
            "/api/v1/personal/unmask" => Body::Json(json!({
                "kind": "institution", "id": code, "field": "phone", "purpose": "inspection", "reason": "攻击"})),
            "/b/unmask" => form(&[
                ("kind", "institution"),
                ("id", code),
                ("field", "phone"),
                ("purpose", "inspection"),
                ("reason", "攻击"),
            ]),
            "/b/keys/{key}/revoke" | "/org/keys/{key}/revoke" => form(&[("sure", "yes")]),
            "/b/keys/{key}/rotate" | "/org/keys/{key}/rotate" => form(&[("overlap", "1")]),
            path if path.starts_with("/api/") => Body::Json(json!({})),
            _ => form(&[]),
        };
        vec![Request { method, path, body }]
    }

    /// Somebody of the target's county who may call the route.
    pub fn rightful(&self, route: &Route) -> Attacker {
        let org = route.path.starts_with("/org");
        let user = if org { &self.world.org } else { &self.world.admin };
        let role = if org { "institution_admin" } else { "bureau_admin" };
        Attacker::new(user.name.clone(), role.parse().ok(), Stand::Own, Some(user.token.clone()))
    }

    /// A checksum of all of the county's rows, by table. Not of sessions and the like, which attackers of the own bureau
    /// have there too.
    pub async fn fingerprint(&self) -> BTreeMap<String, String> {
        let tables = self
            .database
            .query(
                "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
                 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
                &[],
            )
            .await
            .unwrap();
        let mut sums = BTreeMap::new();
        for table in
            tables.iter().map(|row| row.get::<_, String>(0)).filter(|table| !OF_SESSIONS.contains(&table.as_str()))
        {
            let sql = format!(
                "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t WHERE tenant_id = $1"
            );
            let county = i32::try_from(self.world.county.number()).unwrap();
            let row = self.database.query_one(&sql, &[&county]).await.unwrap();
            sums.insert(table, row.get(0));
        }
        assert!(sums.len() > 12, "{sums:?}");
        sums
    }
}

/// Tables that signing in, or being refused, may write to.
const OF_SESSIONS: [&str; 3] = ["sessions", "refresh_tokens", "idempotency_keys"];

/// An attacker who calls these is none any more.
pub const ENDS_THE_SESSION: [&str; 4] = ["/logout", "/session/post", "/api/v1/auth/post", "/account/sessions"];

/// Routes whose bodies name the target, whatever their paths.
pub const BODY_NAMES_THE_TARGET: [&str; 8] = [
    "/api/v1/lists/white",
    "/api/v1/lists/black",
    "/api/v1/escrow/accounts",
    "/api/v1/personal/unmask",
    "/api/v1/institutions/import",
    "/b/unmask",
    "/b/escrow/upload",
    "/b/lists/propose",
];

/// Whether the path of a route names something of the target's own, rather than what everybody has of their own.
pub fn names_the_target(route: &Route) -> bool {
    route.path.contains('{') && !["{parameter}", "{seq}", "passkeys/{id}"].iter().any(|own| route.path.contains(own))
}

const COURSE: &str = "只有本县看得见的课";
/// The telephone number of the target's institution, and the one that [`row`] gives all others.
pub const PHONE: &str = "15487654321";
const USUAL_PHONE: &str = "15412345678";

fn course(name: &str) -> Value {
    json!({
        "course": {"name": name, "category": "academic", "subject": "mathematics", "stage": "junior", "grade": 7, "delivery": "offline",
            "lesson_minutes": 45, "break_minutes": 10, "class_size": 30, "area_m2": 120, "lessons": 40, "fee_fen": 200_000,
            "benchmark_fen": 5_000, "first_payment_on": "2026-03-20", "materials_filed": true, "homework": false,
            "overseas_curriculum": false, "photo_search": false,
            "sessions": [{"date": "2026-03-26", "start": "18:30", "end": "20:30"}]},
        "instructors": [{"name": "林晓", "role": "teaching", "nationality": "CN", "located_in": "CN",
            "teacher_certificate": "20153301032000123", "certificate_subject": "mathematics", "certificate_stage": "junior",
            "skill_certificate": null, "published": true, "in_service_teacher": false, "banned": false, "inquiry_on": "2026-01-05"}]
    })
}

/// Takes a table in whose columns had to be told, and leaves another one waiting; the numbers of the layout and of the draft.
async fn asked_about(world: &World) -> (String, String) {
    let table = |header: &str, day: &str| format!("{header}\n{day},100.00,,1100.00,甲\n{day},,50.00,1050.00,乙\n");
    let account = world.account_id().await.to_string();
    let mut left = Vec::new();
    for header in ["发生日,贷记额,借记额,结余,对方单位", "发生日,进,出,结余,往来单位"] {
        let fields = [("account", account.as_str())];
        let bytes = table(header, "20260105").into_bytes();
        let answer = world.admin.upload("/b/escrow/upload", &fields, "told.csv", bytes).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
        left.push(answer.headers()["location"].to_str().unwrap().to_owned());
    }
    let roles = ["date", "credit", "debit", "balance", "counterparty_name"];
    let mut fields: Vec<(String, String)> = Vec::new();
    roles.iter().enumerate().for_each(|(at, role)| fields.push((format!("role-{at}"), (*role).to_owned())));
    fields.extend(
        [("header", "1"), ("header_was", "1"), ("bank", "台州银行")].map(|(a, b)| (a.to_owned(), b.to_owned())),
    );
    let page = world.admin.page(&left[0]).await;
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    fields.extend([("seen".to_owned(), seen), ("action".to_owned(), "keep".to_owned())]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let answer = world.admin.submit(&left[0], &fields).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    let layouts = world.admin.page("/b/escrow/layouts").await;
    let layout = layouts.split("action=\"/b/escrow/layouts/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (layout, left[1].rsplit('/').next().unwrap().to_owned())
}

async fn taken_in(world: &World, sheet: String) {
    let part = reqwest::multipart::Part::bytes(sheet.into_bytes()).file_name("sheet.csv");
    let form = reqwest::multipart::Form::new().text("region", world.county.to_string()).part("file", part);
    let answer = world.admin.api(Method::POST, "/institutions/import").multipart(form).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Gives the target a telephone number of its own, takes a second institution into the register, and leaves a sheet with a
/// third one open; the id of that import.
async fn imported(world: &World, code: &str) -> String {
    let sheet =
        |name: &str, code: &str, account: &str| format!("{HEADER}\n{}\n", row(world.county, name, code, account));
    taken_in(world, sheet(&world.name, &world.credit_code, &world.account).replace(USUAL_PHONE, PHONE)).await;
    taken_in(world, sheet("邻座培训中心（样例）", code, &format!("8{}", &world.account[1..]))).await;
    let third =
        sheet("还没登记的培训中心（样例）", &credit_code(world.county, 90_002), &format!("9{}", &world.account[1..]));
    let region = world.county.to_string();
    let answer = world.admin.upload("/b/imports", &[("region", &region)], "third.csv", third.into_bytes()).await;
    let place = answer.headers()["location"].to_str().unwrap();
    place.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
}
