//! The CSV form of what is known to have become of accounts, as `mingjian simulate escrow --outcomes` reads it.

use std::{collections::BTreeMap, str::FromStr};

use chrono::NaiveDate;

use super::outcomes::{About, Flight, Found, Ground, Known};
use crate::escrow::detector::{RowError, Table, WarningKind};

const COLUMNS: [&str; 3] = ["account", "on", "outcome"];

/// Reads outcomes by account. `flight`: the institution fled on that day, the earliest of several counts. `founded` and
/// `unfounded`: people found so of all warnings of `kind` (empty: of every kind) that were raised up to that day and after
/// the day of the finding before it.
pub fn read_outcomes(csv: &[u8]) -> Result<BTreeMap<String, Known>, RowError> {
    let mut table = Table::open(csv, &COLUMNS, &["kind"])?;
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let day = row.cell("on");
        let on = NaiveDate::from_str(day).map_err(|_| row.refuse("on", day, "is no day", "write e.g. 2026-03-02"))?;
        let kind: Option<WarningKind> = match row.cell("kind") {
            "" => None,
            word => {
                let mend = "write a warning's kind such as FUND-LARGE-SINGLE, or leave it empty for all";
                Some(word.parse().map_err(|_| row.refuse("kind", word, "is no kind of warning", mend))?)
            }
        };
        let account = row.filled("account")?.to_owned();
        let outcome = row.cell("outcome");
        let known = known.entry(account).or_default();
        match outcome {
            "flight" => {
                let earlier = known.flight.filter(|flight| flight.on <= on);
                known.flight = earlier.or(Some(Flight { on, ground: Ground::Told }));
            }
            "founded" | "unfounded" => {
                known.found.push(Found { kind, about: About::Until(on), founded: outcome == "founded" });
            }
            other => {
                return Err(row.refuse("outcome", other, "is no outcome", "write flight, founded or unfounded"));
            }
        }
    }
    for known in known.values_mut() {
        // The first finding that reaches a warning is the one about it.
        known.found.sort_by_key(|found| match found.about {
            About::Until(day) => (day, found.kind.is_none()),
            About::Steps(_) => (NaiveDate::MIN, false),
        });
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_by_account_and_what_is_wrong_is_named() {
        let known = read_outcomes(
            "account,on,outcome,kind\nA,2026-03-10,flight,\nA,2026-03-01,flight,\nB,2026-04-01,unfounded,FUND-LARGE-SINGLE\nB,2026-02-01,founded,\n"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(known["A"].flight.unwrap().on.to_string(), "2026-03-01", "the earliest");
        let found: Vec<_> = known["B"].found.iter().map(|found| (found.kind.is_some(), found.founded)).collect();
        assert_eq!(found, [(false, true), (true, false)], "in order of day");
        for (csv, column) in [
            ("account,on,outcome\nA,tomorrow,flight\n", "on"),
            ("account,on,outcome\nA,2026-03-01,gone\n", "outcome"),
            ("account,on,outcome\n,2026-03-01,flight\n", "account"),
            ("account,on,outcome,kind\nA,2026-03-01,founded,W1\n", "kind"),
            ("account,on\nA,2026-03-01\n", "outcome"),
        ] {
            assert_eq!(read_outcomes(csv.as_bytes()).unwrap_err().column.as_deref(), Some(column), "{csv}");
        }
    }
}
