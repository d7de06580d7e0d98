//! A simulated county lives some weeks: money obeys its invariants at every check, and flights are seen.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

use serde_json::Value;

fn live(seed: &str, days: &str, schools: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["simulate", "county", "--seed", seed, "--days", days, "--schools", schools])
        .output()
        .unwrap()
}

/// A short round; `SOAK=1` lives twenty seeds for a year.
#[test]
fn money_is_neither_lost_nor_made_and_flights_are_seen() {
    let soak = std::env::var_os("SOAK").is_some_and(|value| value == "1");
    let (seeds, days, schools) = if soak { (1..=20, "365", "12") } else { (1..=1, "35", "6") };
    for seed in seeds {
        let lived = live(&seed.to_string(), days, schools);
        let said = String::from_utf8_lossy(&lived.stderr);
        assert!(lived.status.success(), "seed {seed}: {said}");
        let report: Value = serde_json::from_slice(&lived.stdout).unwrap();
        assert!(report["contracts"].as_u64().unwrap() > 20 && report["lessons"].as_u64().unwrap() > 20, "{report}");
        assert!(report["files"].as_u64().unwrap() > 50, "{report}");
        let false_alarms = report["false_alarms"].as_object().unwrap();
        assert!(!false_alarms.contains_key("ACCOUNT-NOT-FILED"), "seed {seed}: every school has filed: {report}");
        let [changed] = &report["changes"].as_array().unwrap()[..] else { panic!("{report}") };
        assert_eq!(changed["old_account"], "closed", "seed {seed}: the old account is empty: {changed}");
        let told: Vec<&str> = changed["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for kind in
            ["FUND-LARGE-SINGLE", "FUND-CUM-ROLLING", "FUND-WITHDRAW-UNMATCHED", "FUND-COVERAGE", "FUND-BELOW-MIN"]
        {
            let grave = |one: &&&str| one.starts_with(kind) && !one.ends_with(" blue");
            assert_eq!(told.iter().find(grave), None, "seed {seed}: the change is no flight: {changed}");
        }
        let flights = report["flights"].as_array().unwrap();
        assert_eq!(flights.len(), schools.parse::<usize>().unwrap() / 3, "{report}");
        for flight in flights {
            assert!(!flight["seen"].as_array().unwrap().is_empty(), "seed {seed}: nobody saw {flight}");
        }
    }
}
