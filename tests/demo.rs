//! The first start of a newcomer: `mingjian serve --demo` on an empty data directory, and the sign-ins that it prints.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// The service, which goes with its data when the test is over.
struct Service {
    child: Child,
    directory: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Starts it; the lines that it prints, the last of which is about the address or the sign-ins.
fn first_start() -> (Service, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    // The service may hand its PostgreSQL to another user, who must get at the data.
    let data = directory.path().join("data");
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut child = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            env!("CARGO_BIN_EXE_mingjian"),
            "serve",
            "--demo",
            "--listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(&data)
        .env("MINGJIAN_CLOCK", "2026-03-18T09:00:00+08:00")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines {
        said.push(line);
        if said.iter().any(|line| line.starts_with("mingjian serves ")) && said.len() > 8 {
            break;
        }
    }
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
    assert!(said.len() > 8, "it starts and prints the sign-ins: {said:?}\n{log}");
    (Service { child, directory }, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_signs_in_as_is_printed_and_sees_counties_with_live_warnings() {
    let (service, said) = tokio::task::spawn_blocking(first_start).await.unwrap();
    let address = said.iter().find_map(|line| line.strip_prefix("mingjian serves ")).unwrap().trim().to_owned();
    let password =
        said.iter().find_map(|line| line.rsplit_once("password ")).unwrap().1.trim_end_matches(':').to_owned();
    let names: Vec<&str> = said
        .iter()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '.'))
        .collect();
    assert!(names.len() >= 6, "{said:?}");
    let client = Client::new();
    let (mut levels, mut kinds) = (Vec::new(), std::collections::BTreeSet::new());
    for name in names {
        let login =
            client.post(format!("{address}/api/v1/auth/login")).json(&json!({"username": name, "password": password}));
        let answer = login.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        if name.ends_with(".finance") {
            let warnings = client.get(format!("{address}/api/v1/warnings?status=open")).bearer_auth(&token);
            let warnings: Value = warnings.send().await.unwrap().json().await.unwrap();
            levels.extend(
                warnings["items"].as_array().unwrap().iter().map(|one| one["level"].as_str().unwrap().to_owned()),
            );
            let told = warnings["items"].as_array().unwrap().iter();
            kinds.extend(told.map(|one| one["kind"].as_str().unwrap().to_owned()));
            let read = async |path: &str| -> Value {
                let answer = client.get(format!("{address}/api/v1/{path}")).bearer_auth(&token).send().await.unwrap();
                answer.json().await.unwrap()
            };
            let contracts = read("contracts?limit=100").await;
            let contracts = contracts["items"].as_array().unwrap();
            assert!(contracts.len() == 100, "families have signed and paid: {}", contracts.len());
            let accounts = read("escrow/accounts?limit=50").await;
            let accounts = accounts["items"].as_array().unwrap();
            assert!(accounts.iter().all(|account| account["agreement_no"].is_string()), "all accounts are filed whole");
            assert!(accounts.iter().any(|account| account["status"] == "emptying"), "a school changes its account");
        }
    }
    assert!(levels.contains(&"red".to_owned()) && levels.contains(&"orange".to_owned()), "{levels:?}");
    for kind in [
        "FUND-COVERAGE",
        "FUND-WITHDRAW-UNMATCHED",
        "FUND-UNUSUAL-COUNTERPARTY",
        "FUND-OUTSIDE-ESCROW",
        "TRAINING-LOAN",
    ] {
        assert!(kinds.contains(kind), "live warnings of several kinds: {kinds:?}");
    }
    assert!(!kinds.contains("ACCOUNT-NOT-FILED"), "{kinds:?}");
    let found = client.get(format!("{address}/api/v1/public/institutions?q=qmx")).send().await.unwrap();
    let found: Value = found.json().await.unwrap();
    assert!(!found["items"].as_array().unwrap().is_empty(), "a parent finds 启明星 by its initials");
    assert!(service.directory.path().join("data/mail").exists() || service.directory.path().join("data/pg").exists());
}
