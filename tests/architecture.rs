//! The house rules, read off the source: what is pure stays pure, features keep to themselves, every route is listed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use mingjian::{
    identity::Action,
    web::{Access, app},
};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The code of a file without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn rules_and_other_pure_parts_know_no_clock_no_database_no_http_and_no_async() {
    let pure = |path: &str| {
        path.contains("/rules")
            || path.starts_with("src/kernel/")
            || path.starts_with("src/escrow/detector/")
            || path.starts_with("src/escrow/statement/")
            || path.starts_with("src/escrow/policy")
            || path.starts_with("src/institutions/import/")
            || path.starts_with("src/courses/model/")
            || path.starts_with("src/escrow/thresholds")
            || path.starts_with("src/policies/model")
            || path.starts_with("src/policies/registry")
    };
    let files: Vec<PathBuf> = sources(&root().join("src")).into_iter().filter(|path| pure(&short(path))).collect();
    assert!(files.len() > 25, "the pure parts were found: {}", files.len());
    for path in files {
        let code = code(&path);
        for forbidden in
            ["diesel", "tokio_postgres", "actix_web", "async fn", "Utc::now", "Local::now", "SystemTime", "reqwest"]
        {
            let allowed = short(&path) == "src/kernel/clock.rs" && forbidden == "Utc::now";
            assert!(allowed || !code.contains(forbidden), "{} uses {forbidden}", short(&path));
        }
    }
}

#[test]
fn sql_stands_in_stores_and_the_database_module_only() {
    let may = |path: &str| path.contains("store") || path.starts_with("src/db/") || path.contains("/ingest");
    for path in sources(&root().join("src")) {
        let name = short(&path);
        if may(&name) {
            continue;
        }
        let code = code(&path);
        for sign in ["sql_query(", "prepared(", "\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
            assert!(!code.contains(sign), "{name} holds SQL: {sign}");
        }
    }
}

/// The features; `web`, `cli`, `jobs` and `demo` stand above them, `kernel`, `db` and the like below.
const FEATURES: [&str; 15] = [
    "accounts",
    "identity",
    "audit",
    "approvals",
    "policies",
    "institutions",
    "lists",
    "courses",
    "escrow",
    "complaints",
    "proof",
    "ledger",
    "personal",
    "public",
    "desk",
];

/// Whether code names `feature::part`, alone or within the braces of a `use`.
fn uses(code: &str, feature: &str, part: &str) -> bool {
    let code: String = code.split_whitespace().collect();
    let named = code.match_indices(&format!("{feature}::{{")).any(|(at, opening)| {
        let mut depth = 1;
        let mut items = vec![String::new()];
        for letter in code[at + opening.len()..].chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            match (depth, letter) {
                (0, _) => break,
                (1, ',') => items.push(String::new()),
                _ => items.last_mut().unwrap().push(letter),
            }
        }
        items.iter().any(|item| item == part || item.starts_with(&format!("{part}::")))
    });
    named || code.contains(&format!("{feature}::{part}"))
}

#[test]
fn a_use_within_braces_is_seen() {
    assert!(uses("use crate::{db, escrow::{self, store::{a, b}}};", "escrow", "store"));
    assert!(uses("use crate::escrow::{self,\n    pages};", "escrow", "pages"));
    assert!(!uses("use crate::escrow::{self, glance::{store, pages}};", "escrow", "store"));
}

#[test]
fn no_feature_reaches_into_anothers_store_or_pages() {
    for path in sources(&root().join("src")) {
        let name = short(&path);
        let own = name.split('/').nth(1).unwrap_or_default().to_owned();
        let code = code(&path);
        for feature in FEATURES.iter().filter(|feature| **feature != own && FEATURES.contains(&own.as_str())) {
            // The audit trail is written by every command: its store is its interface.
            for part in ["store", "pages", "api"].iter().filter(|part| !(*feature == "audit" && **part == "store")) {
                assert!(!uses(&code, feature, part), "{name} reaches into {feature}::{part}");
            }
        }
    }
}

#[test]
fn the_kernel_uses_nothing_of_ours() {
    for path in sources(&root().join("src/kernel")) {
        for line in code(&path).lines().filter(|line| line.contains("crate::")) {
            assert!(line.contains("crate::kernel"), "{}: {line}", short(&path));
        }
    }
}

#[test]
fn every_route_is_listed_once_and_says_who_may_call_it() {
    let routes = app::routes();
    let mut seen = BTreeSet::new();
    for route in &routes {
        assert!(seen.insert((route.method.to_string(), route.path)), "{} {} stands twice", route.method, route.path);
    }
    // What is open to anyone is written out here: a new open door must be added to this list on purpose.
    let open: BTreeSet<String> =
        routes.iter().filter(|r| r.access == Access::Anyone).map(|r| format!("{} {}", r.method, r.path)).collect();
    let expected: BTreeSet<String> = OPEN.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(open, expected);
    let machines: Vec<_> = routes.iter().filter(|r| r.access == Access::Machine).map(|r| r.path).collect();
    assert_eq!(machines, ["/api/v1/bank/entries"]);
    // Pages of a desk belong to somebody, and nothing that changes state is open to whoever is signed in but signing out and checking.
    for route in &routes {
        if route.path.starts_with("/b") {
            assert!(matches!(route.access, Access::Official(_)), "{} {}", route.method, route.path);
        }
        if route.path.starts_with("/org") {
            assert!(matches!(route.access, Access::May(_)), "{} {}", route.method, route.path);
        }
        if route.method != "GET" && route.access == Access::SignedIn {
            let own = ["/logout", "/session/post", "/api/v1/auth/post", "/api/v1/courses/check"].contains(&route.path)
                || ["/account/", "/api/v1/auth/sessions"].iter().any(|start| route.path.starts_with(start));
            assert!(own, "{} {}", route.method, route.path);
        }
        if route.method != "GET" && !matches!(route.access, Access::Anyone | Access::Machine) {
            let reading = [Action::ReadRegister, Action::ReadEscrow, Action::ReadAudit];
            let by_reading = reading.iter().any(|a| [Access::May(*a), Access::Official(*a)].contains(&route.access));
            assert!(!by_reading, "{} {} changes state by a right to read", route.method, route.path);
        }
    }
}

const OPEN: &[&str] = &[
    "GET /",
    "GET /.well-known/jwks.json",
    "GET /.well-known/security.txt",
    "GET /api/v1/public/institutions",
    "GET /api/v1/public/institutions/{credit_code}",
    "GET /c/{token}",
    "GET /healthz",
    "GET /i/{credit_code}",
    "GET /invite/{token}",
    "GET /login",
    "GET /login/enrol",
    "GET /login/second",
    "GET /login/oidc/{region}/{provider}",
    "GET /login/oidc/{region}/{provider}/callback",
    "GET /readyz",
    "GET /reset",
    "GET /reset/{token}",
    "GET /s",
    "GET /static/{hash}/{name}",
    "GET /v",
    "GET /v/{code}",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/passkey/answer",
    "POST /api/v1/auth/passkey/question",
    "POST /api/v1/auth/passkeys",
    "POST /api/v1/auth/passkeys/question",
    "POST /api/v1/auth/refresh",
    "POST /c/{token}",
    "POST /invite/{token}",
    "POST /login",
    "POST /login/enrol",
    "POST /login/second",
    "POST /reset",
    "POST /reset/{token}",
];

#[test]
fn templates_hold_no_inline_script_or_style_and_every_form_carries_its_token() {
    let mut forms = BTreeMap::new();
    let mut folders = vec![root().join("templates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = short(&path);
            assert!(!text.contains(" style="), "{name} has an inline style");
            for event in [" onclick=", " onload=", " onchange=", " onsubmit=", "javascript:"] {
                assert!(!text.contains(event), "{name} has {event}");
            }
            for script in text.split("<script").skip(1) {
                assert!(script.contains("src=") || script.contains("application/json"), "{name} has an inline script");
            }
            let posts = text.matches("method=\"post\"").count();
            if posts > 0 {
                forms.insert(name.clone(), posts);
                assert!(text.matches("name=\"_csrf\"").count() >= posts, "{name}: a form without its token");
            }
        }
    }
    assert!(forms.len() > 5, "forms were found: {forms:?}");
}

/// The fuzz targets are a crate of their own, which is built in a soak alone: what its readers name must be there by then.
#[test]
fn the_fuzz_crate_declares_what_its_readers_use() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (readers, manifest) = (read("fuzz/src/readers.rs"), read("fuzz/Cargo.toml"));
    let ours = read("Cargo.toml");
    let names =
        ours.lines().skip_while(|line| *line != "[dependencies]").skip(1).take_while(|line| !line.starts_with('['));
    let mut used = 0;
    for name in names.filter_map(|line| line.split_once(" = ").map(|(name, _)| name)) {
        if readers.contains(&format!("{}::", name.replace('-', "_"))) {
            used += 1;
            assert!(manifest.contains(&format!("\n{name} = ")), "fuzz/Cargo.toml lacks {name}");
        }
    }
    assert!(used > 1, "the readers use nothing that we know of: {used}");
}
