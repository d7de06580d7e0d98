//! What the proof said of single entries, for whoever shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{model::Kind, store};
use crate::db::{DbError, ScopedConn};

/// How an entry of the bank compares with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Match {
    /// Its day was not proven since it came.
    #[default]
    Unproven,
    Agrees,
    Differs(Kind),
    /// It differs, and an official wrote down why.
    Explained(Kind),
}

/// What was proven of an institution's days.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    proven: BTreeMap<NaiveDate, DateTime<Utc>>,
    items: BTreeMap<(NaiveDate, String), Match>,
}

impl Matches {
    /// Of an entry of a day that came in at an instant.
    pub fn of(&self, day: NaiveDate, account: i64, bank_ref: &str, came: Option<DateTime<Utc>>) -> Match {
        if let Some(found) = self.items.get(&(day, format!("entry:{account}:{bank_ref}"))) {
            return *found;
        }
        match (self.proven.get(&day), came) {
            (Some(made), Some(came)) if came <= *made => Match::Agrees,
            _ => Match::Unproven,
        }
    }
}

/// What was proven of an institution from one day to another.
pub async fn matches(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    span: (NaiveDate, NaiveDate),
) -> Result<Matches, DbError> {
    let days = store::days(conn, tenant, institution, span).await?;
    let items = store::items(conn, tenant, institution, span).await?;
    let found = |item: store::Queued| {
        let kind = item.kind.parse::<Kind>().ok()?;
        let found = if item.state == "explained" { Match::Explained(kind) } else { Match::Differs(kind) };
        Some(((item.day, item.subject), found))
    };
    Ok(Matches {
        proven: days.into_iter().map(|day| (day.day, day.made_at)).collect(),
        items: items.into_iter().filter_map(found).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_came_after_the_proof_is_not_proven() {
        let day: NaiveDate = "2026-03-17".parse().unwrap();
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let matches = Matches {
            proven: BTreeMap::from([(day, at("2026-03-18T01:00:00Z").unwrap())]),
            items: BTreeMap::from([((day, "entry:7:B2".to_owned()), Match::Differs(Kind::OnlyBank))]),
        };
        for (bank_ref, came, expected) in [
            ("B1", at("2026-03-18T01:00:00Z"), Match::Agrees),
            ("B1", at("2026-03-18T01:00:01Z"), Match::Unproven),
            ("B1", None, Match::Unproven),
            ("B2", at("2026-03-17T01:00:00Z"), Match::Differs(Kind::OnlyBank)),
        ] {
            assert_eq!(matches.of(day, 7, bank_ref, came), expected, "{bank_ref} {came:?}");
        }
        assert_eq!(matches.of(day.pred_opt().unwrap(), 7, "B1", at("2026-03-17T01:00:00Z")), Match::Unproven);
    }
}
