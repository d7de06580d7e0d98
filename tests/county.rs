//! A simulated county lives some weeks: money obeys its invariants at every check, and flights are seen.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

fn live(seed: &str, days: &str, schools: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["simulate", "county", "--seed", seed, "--days", days, "--schools", schools])
        .output()
        .unwrap()
}

/// Two of them flee; which two of the six ways they take depends on the seed.
const SCHOOLS: &str = "6";

/// What a county's life must come to.
fn obeys(seed: u32, days: &str) {
    let lived = live(&seed.to_string(), days, SCHOOLS);
    let said = String::from_utf8_lossy(&lived.stderr);
    assert!(lived.status.success(), "seed {seed}: {said}");
    let report: Value = serde_json::from_slice(&lived.stdout).unwrap();
    assert!(report["contracts"].as_u64().unwrap() > 20 && report["lessons"].as_u64().unwrap() > 20, "{report}");
    assert!(report["files"].as_u64().unwrap() > 50 && report["repeats"].as_u64().unwrap() > 0, "{report}");
    let false_alarms = report["false_alarms"].as_object().unwrap();
    assert!(!false_alarms.contains_key("ACCOUNT-NOT-FILED"), "seed {seed}: every school has filed: {report}");
    let [changed] = &report["changes"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(changed["old_account"], "closed", "seed {seed}: the old account is empty: {changed}");
    let told: Vec<&str> = changed["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for kind in ["FUND-LARGE-SINGLE", "FUND-CUM-ROLLING", "FUND-WITHDRAW-UNMATCHED", "FUND-COVERAGE", "FUND-BELOW-MIN"]
    {
        let grave = |one: &&&str| one.starts_with(kind) && !one.ends_with(" blue");
        assert_eq!(told.iter().find(grave), None, "seed {seed}: the change is no flight: {changed}");
    }
    let flights = report["flights"].as_array().unwrap();
    assert_eq!(flights.len(), SCHOOLS.parse::<usize>().unwrap() / 3, "{report}");
    let grave_in_time = |seen: &Value| {
        let of_the_bank = ["FEED-SILENT", "STMT-GAP", "STMT-CHAIN-BREAK"].contains(&seen["kind"].as_str().unwrap());
        let grave = ["orange", "red"].contains(&seen["level"].as_str().unwrap());
        !of_the_bank && grave && seen["lead_days"].as_i64().unwrap() >= 0
    };
    for flight in flights {
        let seen = flight["seen"].as_array().unwrap();
        assert!(seen.iter().any(grave_in_time), "seed {seed}: nobody saw in time {flight}");
    }
    // What a soak leaves behind, so that lead times and false alarms can be read.
    if let Some(folder) = std::env::var_os("SOAK_REPORTS") {
        std::fs::write(std::path::Path::new(&folder).join(format!("county-{seed}.json")), &lived.stdout).unwrap();
    }
}

/// A short round; `SOAK=1` lives twenty seeds for a year, as many at the same time as there are processors.
#[test]
fn money_is_neither_lost_nor_made_and_flights_are_seen() {
    if std::env::var_os("SOAK").is_none_or(|value| value != "1") {
        return obeys(1, "35");
    }
    let next = AtomicU32::new(1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let seed @ ..=20 = next.fetch_add(1, Ordering::Relaxed) {
                    obeys(seed, "365");
                    eprintln!("county of seed {seed} lived a year");
                }
            });
        }
    });
}
