//! What is tried upon: one county with everything in it, and the requests that would do something there.

use std::collections::BTreeMap;

use mingjian::{
    identity::{Role, may},
    kernel::RegionCode,
    web::{Access, Route},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::{
    app::{HEADER, World, app, credit_code, row},
    attacker::{Attacker, Stand},
    samples::{GRAB, OPENING, camt, good_course},
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
        let (submitted, draft) = (filed(&world).await, filed(&world).await);
        let (status, answer) = world.org.post_json(&format!("/courses/{submitted}/submit"), json!({})).await;
        assert!(status.is_success(), "{answer}");
        let (status, contract) = world.org.post_json("/contracts", contract("HT-1")).await;
        assert!(status.is_success(), "{contract}");
        let session = json!({"ended_at": "2026-03-16T19:00:00+08:00", "attendance": [{"contract_no": "HT-1"}]});
        let (status, told) = world.org.post_json("/lessons", session).await;
        assert!(status.is_success(), "{told}");
        let contract = contract["id"].to_string();
        let (refund, release) = refund_and_release(&world, &contract).await;
        let (contract, lesson, disputed) = open_contract(&world).await;
        let webhook = world.admin.api(Method::PUT, "/webhook").json(&json!({"url": "https://8.8.8.8/target"}));
        assert!(webhook.send().await.unwrap().status().is_success());
        let account = world.account_id().await.to_string();
        world.delivered(camt(&world.account, OPENING, &GRAB)).await;
        let differs = format!(
            "WITH made AS (INSERT INTO proof_items (tenant_id, institution_id, day, kind, subject, bank_fen, ledger_fen, state, found_at) \
             SELECT tenant_id, id, '2026-03-17', 'only_bank', 'entry:1:A3', 1, 0, 'open', now() FROM institutions \
             WHERE tenant_id = {} AND credit_code = '{code}' RETURNING id) SELECT id::text FROM made",
            world.county
        );
        let proof = app().run_sql(&differs).await;
        let warnings = world.admin.json("/warnings").await;
        let warning = warnings["items"][0]["id"].to_string();
        // Another one, so that the first is still to be seen.
        let answered = warnings["items"][1]["id"].to_string();
        let (document, phone, complaint) = papers(&world, &answered).await;
        let told = json!({"name": "欧阳举办", "kind": "person"});
        let (status, sponsor) = world.admin.post_json(&format!("/institutions/{code}/sponsors"), told).await;
        assert!(status.is_success(), "{sponsor}");
        let sponsor = sponsor["id"].to_string();
        let waits = format!(
            "WITH made AS (INSERT INTO account_amendments (tenant_id, institution_id, account_id, agreement_no, reason, state, filed_by, \
               filed_person, filed_by_name, filed_at) SELECT tenant_id, institution_id, id, 'TG-9', '续签', 'filed', 0, 0, '机构', now() \
             FROM escrow_accounts WHERE tenant_id = {} AND id = {account} RETURNING id) SELECT id::text FROM made",
            world.county
        );
        let amendment = app().run_sql(&waits).await;
        let other_institution = credit_code(world.county, 90_001);
        let import = imported(&world, &other_institution).await;
        let (layout, waiting) = asked_about(&world).await;
        let inspector = app().stranger("inspector", world.county);
        let colleague = app().institution_user(world.county, &code).await;
        let users = world.admin.json("/users").await;
        let id_of = |users: &Value, name: &str| {
            let found = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name);
            found.unwrap_or_else(|| panic!("{name} in {users}"))["id"].to_string()
        };
        let post = id_of(&users, &inspector);
        let staff = id_of(&world.org.json("/users").await, &colleague.name);
        let sessions = world.admin.json("/auth/sessions").await;
        let of_browser = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false);
        let session = of_browser.unwrap_or_else(|| panic!("{sessions}"))["id"].as_str().unwrap().to_owned();
        let key = key_made(&world, "目标银行", &[]);
        let system = key_made(&world, "目标系统", &["--role", "institution_system", "--institution", &code]);
        let city = format!("{}00", &world.county.to_string()[..4]).parse().unwrap();
        let above = app().user("city_officer", city).await;
        let wish =
            json!({"kind": "institution", "id": code, "field": "phone", "purpose": "inspection", "reason": "市级抽查"});
        let (status, asked) = above.post_json("/personal/unmask", wish).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{asked}");
        let requests = world.approver.json("/personal/requests").await;
        let request = requests["items"][0]["id"].to_string();
        // Its turn is over, so that the background work changes nothing of it meanwhile.
        app().run(&["sweep", "--region", &world.county.to_string()], "");
        let ids = BTreeMap::from([
            ("post", post),
            ("staff", staff),
            ("session", session),
            ("key", key),
            ("system", system),
            ("request", request),
            ("course", submitted),
            ("draft", draft),
            ("contract", contract),
            ("lesson", lesson),
            ("disputed", disputed),
            ("refund", refund),
            ("release", release),
            ("proof", proof),
            ("approval", approval["id"].to_string()),
            ("account", account),
            ("warning", warning),
            ("answered", answered),
            ("document", document),
            ("phone", phone),
            ("complaint", complaint),
            ("sponsor", sponsor),
            ("amendment", amendment),
            ("import", import),
            ("layout", layout),
            ("waiting", waiting),
            // Everybody has these of their own: parameters have names, a bureau's events are numbered from 1.
            ("parameter", "course.makeup_day".to_owned()),
            ("event", "1".to_owned()),
            ("day", "2026-03-17".to_owned()),
            ("passkey", "AAAA".to_owned()),
        ]);
        let secrets = vec![
            COURSE.to_owned(),
            world.account.clone(),
            world.admin.name.clone(),
            PHONE.to_owned(),
            CHILD.to_owned(),
        ];
        let (sibling, sibling_institution) = (sibling.county, sibling.credit_code);
        Target {
            world,
            sibling,
            sibling_institution,
            other_institution,
            secrets,
            ids,
            database: app().database("mingjian_root").await,
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
                // An institution writes on what it has not submitted, and a bureau decides on what it has.
                ("courses", "id") if route.path.starts_with("/org") || route.path.ends_with("/submit") => "draft",
                ("courses", "id") => "course",
                ("approvals", "id") => "approval",
                ("items", "id") => "proof",
                ("contracts", "id") => "contract",
                // An institution takes back what nobody has confirmed, and a bureau settles what is disputed.
                ("lessons", "id") if route.path.starts_with("/org") => "lesson",
                ("lessons", "id") => "disputed",
                ("refunds", "id") => "refund",
                ("releases", "id") => "release",
                ("accounts", "id") | ("escrow", "account_id") => "account",
                ("warnings", "id") if route.path.contains("{document}") => "answered",
                ("warnings", "id") => "warning",
                ("documents", "document") => "document",
                ("phones", "id") => "phone",
                ("complaints", "id") => "complaint",
                ("sponsors", "id") => "sponsor",
                ("amendments", "id") => "amendment",
                ("layouts", "id") => "layout",
                ("drafts", "id") => "waiting",
                ("imports", "id") => "import",
                ("users", "id") => "post",
                ("staff", "id") => "staff",
                ("sessions", "id") => "session",
                ("keys", "key") if route.path.starts_with("/org") => "system",
                ("keys", "key") => "key",
                ("requests" | "access", "id") => "request",
                ("policies", "parameter") => "parameter",
                ("days", "day") => "day",
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
                // The target's one session.
                "/org/lessons/session" => format!("{path}?at=1773658800"),
                _ => path,
            };
            return vec![Request { method, path, body: Body::None }];
        }
        let bodies = self.bodies(route, role);
        bodies.into_iter().map(|body| Request { method: method.clone(), path: path.clone(), body }).collect()
    }

    /// The bodies of a write as its handler reads them. What names nothing but the caller's own may be empty.
    fn bodies(&self, route: &Route, role: Option<Role>) -> Vec<Body> {
        let (code, other) = (self.world.credit_code.as_str(), self.other_institution.as_str());
        let approval = self.ids["approval"].as_str();
        let step = if role.is_some_and(Role::is_institution) { "explain" } else { "acknowledge" };
        let decision = || Body::Json(json!({"decision": "approve", "comment": "攻击"}));
        vec![match route.path {
            "/api/v1/institutions/import" | "/b/imports" => {
                let csv = format!("{HEADER}\n{}\n", row(self.world.county, "攻击者改名", code, &self.world.account));
                Body::File(vec![("region".to_owned(), self.world.county.to_string())], "a.csv".to_owned(), csv)
            }
            "/b/imports/{id}/cells" => form(&[("version", "1"), ("cell-2-institution_name", "攻击者改名")]),
            "/b/imports/{id}/confirm" => form(&[("version", "1")]),
            "/b/imports/{id}/discard" => form(&[("version", "1"), ("sure", "yes")]),
            "/api/v1/escrow/accounts/{id}/statements" | "/b/escrow/upload" => {
                let lines = [("2026-03-17", false, 100, "ATTACK")];
                Body::File(Vec::new(), "a.xml".to_owned(), camt(&self.world.account, OPENING, &lines))
            }
            // One that waits already is proposed about the target itself, so these are about its neighbour.
            "/api/v1/lists/white" => Body::Json(json!({"credit_code": other, "reason": "攻击"})),
            "/api/v1/lists/black" => Body::Json(json!({"credit_code": other, "reason": "攻击", "ground": "run_off"})),
            "/b/lists/propose" => form(&[("code", other), ("reason", "攻击")]),
            "/b/institutions/{credit_code}/proposals" => form(&[("step", "suspend"), ("reason", "攻击")]),
            "/api/v1/approvals/{id}/decisions"
            | "/api/v1/courses/{id}/decisions"
            | "/api/v1/personal/requests/{id}/decisions" => decision(),
            "/b/approvals" => {
                form(&[("id", approval), ("sure", approval), ("decision", "approve"), ("comment", "攻击")])
            }
            "/b/approvals/{id}" => form(&[("sure", approval), ("decision", "approve"), ("comment", "攻击")]),
            "/b/access/{id}" => form(&[("decision", "approve"), ("comment", "攻击")]),
            "/b/courses/{id}" => form(&[("version", "2"), ("decision", "approve"), ("comment", "攻击")]),
            "/api/v1/courses" => Body::Json(good_course("攻击者的课")),
            "/org/courses/new" => form(&[("name", "攻击者的课"), ("do", "draft")]),
            "/org/courses/{id}" => form(&[("version", "1"), ("name", "攻击者的课"), ("do", "draft")]),
            "/api/v1/contracts" => {
                // An attacker's own pupil is no secret to the attacker.
                let mut own = contract("攻击者的合同");
                own["pupil"] = json!("攻击者的孩子");
                Body::Json(own)
            }
            "/api/v1/contracts/{id}/payments" => Body::Json(json!({
                "receipt_no": "攻击", "paid_at": "2026-03-17T10:00:00+08:00", "amount_fen": 100, "channel": "cash"})),
            "/api/v1/refunds/{id}/actions" => Body::Json(json!({"action": "approve", "comment": "攻击"})),
            "/api/v1/releases/{id}/actions" => Body::Json(json!({"action": "reject", "comment": "攻击"})),
            "/api/v1/releases" => Body::Json(json!({
                "credit_code": code, "period_from": "2026-03-01", "period_to": "2026-03-17", "seq": 9})),
            "/org/refunds/{id}" => form(&[("action", "withdraw"), ("version", "1"), ("comment", "攻击")]),
            "/b/refunds/{id}" => form(&[("action", "approve"), ("version", "1"), ("comment", "攻击")]),
            "/b/releases/{id}" => form(&[("action", "reject"), ("version", "1"), ("comment", "攻击")]),
            "/b/lessons/{id}" => form(&[("action", "given"), ("comment", "攻击")]),
            "/org/lessons/{id}/void" => form(&[("comment", "攻击")]),
            "/org/contracts/{id}/refund" => form(&[("do", "ask")]),
            "/org/contracts/{id}/payments" => form(&[
                ("paid_on", "2026-03-17"),
                ("paid_time", "10:00"),
                ("amount_fen", "1.00"),
                ("channel", "cash"),
                ("receipt_no", "攻击者的票据"),
            ]),
            "/org/contracts/{id}/lessons" => {
                form(&[("ended_on", "2026-03-17"), ("ended_time", "20:00"), ("units", "1")])
            }
            "/b/ledger/{credit_code}/releases" => {
                form(&[("period_from", "2026-03-01"), ("period_to", "2026-03-17"), ("seq", "9")])
            }
            "/org/contracts/import" => Body::File(
                vec![("sheet".to_owned(), "contracts".to_owned())],
                "a.csv".to_owned(),
                "合同编号,课程\nX,Y\n".to_owned(),
            ),
            "/api/v1/lessons" => Body::Json(json!({
                "ended_at": "2026-03-17T19:00:00+08:00", "attendance": [{"contract_no": "HT-1"}]})),
            "/api/v1/lessons/{id}/actions" if role.is_some_and(Role::is_institution) => {
                Body::Json(json!({"action": "void", "comment": "攻击"}))
            }
            "/api/v1/lessons/{id}/actions" => {
                Body::Json(json!({"action": "settle", "finding": "not_given", "comment": "攻击"}))
            }
            "/api/v1/contracts/import" | "/api/v1/lessons/import" => {
                let csv = "合同编号,下课时间\nHT-1,2026-03-17 19:00\n".to_owned();
                Body::File(Vec::new(), "a.csv".to_owned(), csv)
            }
            "/b/proof/{credit_code}" => form(&[]),
            "/b/proof/items/{id}" => {
                form(&[("version", "1"), ("comment", "攻击"), ("month", "2026-03"), ("code", code)])
            }
            "/api/v1/warnings/{id}/actions" => Body::Json(json!({"action": step, "comment": "攻击"})),
            "/b/escrow/warnings/{id}" => form(&[("action", "acknowledge"), ("comment", "攻击")]),
            "/org/escrow/warnings/{id}" => form(&[("comment", "攻击")]),
            "/api/v1/escrow/accounts" => Body::Json(json!({
                "credit_code": code, "bank": "攻击银行", "account": "999999999", "mode": "custody", "agreement_no": "A1",
                "payee_account": "888888888"})),
            "/b/escrow/accounts/{credit_code}" | "/org/escrow/accounts" => form(&[
                ("bank", "台州银行"),
                ("account", self.world.account.as_str()),
                ("mode", "custody"),
                ("agreement_no", "A1"),
                ("payee_account", "888888888"),
            ]),
            "/b/escrow/warnings/{id}/documents/{document}/erase" => form(&[("reason", "攻击演练")]),
            "/b/escrow/sms" => form(&[("action", "add"), ("holder", "攻击"), ("phone", "13900009999")]),
            "/api/v1/sms" => Body::Json(json!({"url": "https://8.8.8.8/attack", "template": "攻击"})),
            "/api/v1/sms/phones" => Body::Json(json!({"name": "攻击", "phone": "13900008888"})),
            "/api/v1/institutions/{credit_code}/sponsors" => Body::Json(json!({"name": "攻击者甲", "kind": "person"})),
            "/api/v1/institutions/{credit_code}/sponsors/{id}/removal" => Body::Json(json!({"reason": "攻击"})),
            "/b/institutions/{credit_code}/sponsors" => form(&[("name", "攻击者乙"), ("kind", "person")]),
            "/b/institutions/{credit_code}/sponsors/{id}" => form(&[("reason", "攻击")]),
            "/api/v1/complaints" => Body::Json(json!({
                "credit_code": code, "kind": "training_loan", "received_on": "2026-03-17"})),
            "/api/v1/complaints/{id}/actions" => Body::Json(json!({"action": "verify", "reason": "攻击"})),
            "/api/v1/escrow/accounts/{id}/amendments" => Body::Json(json!({"agreement_no": "攻击", "reason": "攻击"})),
            "/api/v1/escrow/amendments/{id}/actions" if role.is_some_and(Role::is_institution) => {
                Body::Json(json!({"action": "withdraw"}))
            }
            "/api/v1/escrow/amendments/{id}/actions" => Body::Json(json!({"action": "refuse", "comment": "攻击"})),
            "/b/complaints" => form(&[("credit_code", code), ("kind", "training_loan"), ("received_on", "2026-03-17")]),
            "/b/complaints/{id}" => form(&[("to", "refuted"), ("reason", "攻击")]),
            "/b/escrow/layouts/{id}" => form(&[("sure", "yes")]),
            "/b/escrow/drafts/{id}" => form(&[("action", "discard"), ("sure", "yes")]),
            "/b/escrow/webhook" => form(&[("action", "set"), ("url", "https://8.8.8.8/attack")]),
            "/api/v1/webhook" => Body::Json(json!({"url": "https://8.8.8.8/attack"})),
            "/api/v1/users" => {
                return vec![
                    Body::Json(json!({"email": "a@attack.example", "name": "攻击", "role": "institution_admin",
                        "credit_code": code})),
                    Body::Json(json!({"email": "b@attack.example", "name": "攻击", "role": "approver",
                        "region": self.world.county.to_string()})),
                ];
            }
            "/b/users/new" => form(&[
                ("email", "c@attack.example"),
                ("name", "攻击"),
                ("role", "institution_admin"),
                ("credit_code", code),
            ]),
            "/org/staff/new" => form(&[("email", "d@attack.example"), ("name", "攻击"), ("role", "institution_staff")]),
            "/api/v1/users/{id}/actions" => Body::Json(json!({"action": "disable", "reason": "攻击"})),
            "/b/users/{id}" | "/org/staff/{id}" => form(&[("action", "disable"), ("sure", "yes"), ("reason", "攻击")]),
            "/api/v1/personal/unmask" => Body::Json(json!({
                "kind": "institution", "id": code, "field": "phone", "purpose": "inspection", "reason": "攻击演练"})),
            "/b/unmask" => form(&[
                ("kind", "institution"),
                ("id", code),
                ("field", "phone"),
                ("purpose", "inspection"),
                ("reason", "攻击演练"),
            ]),
            "/b/personal" | "/b/personal/export" => form(&[("person", PHONE)]),
            "/b/personal/erase" => form(&[("person", PHONE), ("sure", "yes")]),
            "/b/keys/{key}/revoke" | "/org/keys/{key}/revoke" => form(&[("sure", "yes")]),
            "/b/keys/{key}/rotate" | "/org/keys/{key}/rotate" => form(&[("overlap", "1")]),
            "/api/v1/policies/{parameter}/proposals" => {
                Body::Json(json!({"value": "deny", "effective_from": "2026-04-01", "reason": "攻击"}))
            }
            "/b/policies/{parameter}" => {
                form(&[("value", "deny"), ("effective_from", "2026-04-01"), ("reason", "攻击"), ("do", "propose")])
            }
            path if path.starts_with("/api/") => Body::Json(json!({})),
            _ => form(&[]),
        }]
    }

    /// Somebody of the target's county who may call the route.
    pub fn rightful(&self, route: &Route) -> Attacker {
        let world = &self.world;
        // Who proposed it, the administrator, does not decide on it.
        let decides = route.path.contains("/approvals") && !route.path.ends_with("/withdrawal");
        let (user, role) = match is_for_institutions(route) {
            true => (&world.org, Role::InstitutionAdmin),
            false if decides => (&world.approver, Role::Approver),
            false => (&world.admin, Role::BureauAdmin),
        };
        Attacker::new(user.name.clone(), Some(role), Stand::Own, Some(user.token.clone()))
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
pub const BODY_NAMES_THE_TARGET: [&str; 6] = [
    "/api/v1/releases",
    "/api/v1/lists/white",
    "/api/v1/lists/black",
    "/api/v1/personal/unmask",
    "/b/unmask",
    "/api/v1/escrow/accounts",
];

/// The same, of forms and files: what they name and the caller's bureau does not have is said to be wrong there, with 422.
pub const SAYS_WHAT_IS_NOT_THERE: [&str; 7] = [
    "/b/complaints",
    "/api/v1/complaints",
    "/api/v1/users",
    "/b/users/new",
    "/api/v1/institutions/import",
    "/b/escrow/upload",
    "/b/lists/propose",
];

/// The same, where what the caller's bureau does not have is passed over.
pub const PASSES_OVER_WHAT_IS_NOT_THERE: [&str; 4] =
    ["/b/approvals", "/b/personal", "/b/personal/export", "/b/personal/erase"];

/// Requests to write that change nothing in the right hands either, what is answered then, and why.
pub const DOES_NOTHING: [(&str, StatusCode, &str); 6] = [
    (
        "/api/v1/escrow/accounts/{id}/amendments",
        StatusCode::CONFLICT,
        "a sheet named the target's account alone: it is filed whole first",
    ),
    ("/api/v1/releases", StatusCode::CONFLICT, "all that lessons earned is ordered already, and more is in dispute"),
    ("/b/ledger/{credit_code}/releases", StatusCode::UNPROCESSABLE_ENTITY, "the same, said on the page"),
    ("/api/v1/escrow/accounts", StatusCode::CONFLICT, "every institution of the target has its one account already"),
    ("/api/v1/escrow/accounts/{id}/withdrawal", StatusCode::CONFLICT, "no change of the target's account waits"),
    ("/b/personal", StatusCode::OK, "shows masks of what is kept about somebody"),
];

/// Reading these is itself on record, in the trail of the bureau whose record it is: whoever may look leaves it changed.
pub const LEAVES_A_TRACE: [&str; 2] =
    ["/api/v1/warnings/{id}/documents/{document}", "/b/escrow/warnings/{id}/documents/{document}"];

/// Whether an institution's administrator gets past the gate of a route, rather than a bureau's.
pub fn is_for_institutions(route: &Route) -> bool {
    let by_action = |action| !may(Role::BureauAdmin, action);
    route.path.starts_with("/org") || matches!(route.access, Access::May(action) if by_action(action))
}

/// Whether the path of a route names something of the target's own, rather than what everybody has of their own.
pub fn names_the_target(route: &Route) -> bool {
    route.path.contains('{') && !["{parameter}", "{seq}", "passkeys/{id}"].iter().any(|own| route.path.contains(own))
}

const COURSE: &str = "只有本县看得见的课";
/// A pupil of whom nobody else may learn.
const CHILD: &str = "欧阳小草";
/// The telephone number of the target's institution, and the one that [`row`] gives all others.
pub const PHONE: &str = "15487654321";
const USUAL_PHONE: &str = "15412345678";

/// Files a course; its id.
async fn filed(world: &World) -> String {
    let (status, course) = world.org.post_json("/courses", good_course(COURSE)).await;
    assert!(status.is_success(), "{course}");
    course["id"].to_string()
}

/// Makes a key; its id.
fn key_made(world: &World, name: &str, more: &[&str]) -> String {
    let region = world.county.to_string();
    let added = app().run(&[&["key", "add", "--region", &region], more, &[name]].concat(), "");
    added.split('"').find(|part| part.starts_with("mjk-")).unwrap_or_else(|| panic!("{added}")).to_owned()
}

fn contract(number: &str) -> Value {
    json!({
        "contract_no": number, "subject": "初中数学", "basis": "units", "pupil": CHILD, "signed_on": "2026-02-10",
        "price_fen": 480_000, "units_bought": 60, "first_lesson_on": "2026-03-01", "last_lesson_on": "2026-05-31",
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

/// Something paid, a refund that is asked for of it, and an order that waits for its approval; their ids.
async fn refund_and_release(world: &World, contract: &str) -> (String, String) {
    let paid = json!({
        "receipt_no": "R-1", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 100_000, "channel": "wechat"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{contract}/payments"), paid).await;
    assert!(status.is_success(), "{answer}");
    let (status, refund) = world.org.post_json(&format!("/contracts/{contract}/refunds"), json!({})).await;
    assert!(status.is_success(), "{refund}");
    // An order needs a confirmed lesson; what the parent says is told elsewhere.
    let page = world.org.page(&format!("/org/contracts/{contract}")).await;
    let link = page[page.find("/c/").unwrap()..].split('"').next().unwrap().to_owned();
    let said = app().visitor().request(Method::POST, &link).form(&[("do", "confirm")]).send().await.unwrap();
    assert!(said.status().is_redirection(), "{}", said.status());
    let period = json!({"period_from": "2026-03-01", "period_to": "2026-03-18"});
    let (status, release) = world.org.post_json("/releases", period).await;
    assert!(status.is_success(), "{release}");
    (refund["id"].to_string(), release["id"].to_string())
}

/// A contract under way with a lesson that awaits its confirmation and one that is disputed; the ids of all three.
async fn open_contract(world: &World) -> (String, String, String) {
    let (status, made) = world.org.post_json("/contracts", contract("HT-2")).await;
    assert!(status.is_success(), "{made}");
    let contract = made["id"].to_string();
    let paid = json!({
        "receipt_no": "R-2", "paid_at": "2026-03-02T10:00:00+08:00", "amount_fen": 100_000, "channel": "wechat"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{contract}/payments"), paid).await;
    assert!(status.is_success(), "{answer}");
    let mut lessons = Vec::new();
    for ended_at in ["2026-03-16T20:00:00+08:00", "2026-03-17T19:00:00+08:00"] {
        let session = json!({"ended_at": ended_at, "attendance": [{"contract_no": "HT-2"}]});
        let (status, told) = world.org.post_json("/lessons", session).await;
        assert!(status.is_success(), "{told}");
        lessons.push(told["lessons"][0]["id"].to_string());
    }
    // What a parent says is told elsewhere.
    let sql = format!(
        "WITH said AS (UPDATE lessons SET state = 'disputed' WHERE tenant_id = {} AND id = {} RETURNING id) SELECT count(*)::text FROM said",
        world.county, lessons[0]
    );
    assert_eq!(app().run_sql(&sql).await, "1");
    (contract, lessons.remove(1), lessons.remove(0))
}

/// A document attached to the answer to a warning, an officer on duty, and a complaint; their ids.
async fn papers(world: &World, warning: &str) -> (String, String, String) {
    let file = "%PDF-1.4\ntrailer<</Root 1 0 R>>\n%%EOF\n".to_owned();
    let path = format!("/warnings/{warning}/actions");
    let answer = world.org.post_file(&path, &[("action", "explain"), ("comment", "见附件")], "a.pdf", file).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let told = world.admin.json(&format!("/warnings/{warning}")).await;
    let document = told["actions"][0]["documents"][0]["id"].to_string();
    let gateway = world.admin.api(Method::PUT, "/sms").json(&json!({"url": "https://8.8.8.8/target", "template": "T"}));
    assert!(gateway.send().await.unwrap().status().is_success());
    let (status, phone) = world.admin.post_json("/sms/phones", json!({"name": "值班", "phone": "13900007777"})).await;
    assert!(status.is_success(), "{phone}");
    let code = world.credit_code.as_str();
    let said = [("credit_code", code), ("kind", "outside_escrow"), ("received_on", "2026-03-17")];
    let answer = world.admin.submit("/b/complaints", &said).await;
    assert!(answer.status().is_redirection(), "{}", answer.text().await.unwrap());
    let sql = format!("SELECT max(id)::text FROM complaints WHERE tenant_id = {}", world.county);
    (document, phone["id"].to_string(), app().run_sql(&sql).await)
}

async fn taken_in(world: &World, sheet: String) {
    let (status, report) = world.admin.import(&[("region", &world.county.to_string())], sheet).await;
    assert!(status.is_success(), "{status} {report}");
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
