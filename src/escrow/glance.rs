//! What the workbench shows of escrow: how much money, how many warnings, the gravest of them.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    brief, shown,
    store::{regions, warnings},
};
use crate::{
    db::{DbError, ScopedConn},
    web::Lang,
};

/// The state of escrow in the caller's range.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Institutions and banks whose gravest open warning is red.
    pub red: i64,
    /// Institutions and banks whose gravest open warning is orange.
    pub orange: i64,
    /// Institutions and banks whose gravest open warning is yellow or blue.
    pub lesser: i64,
    /// All balances together.
    pub balance_fen: i64,
    /// To when the bank's data reach.
    pub latest: Option<DateTime<Utc>>,
    /// The gravest, first.
    pub rows: Vec<GlanceRow>,
}

/// One institution, or bank, with an open warning.
#[derive(Debug, Clone)]
pub struct GlanceRow {
    /// The page of its gravest warning.
    pub href: String,
    pub institution_name: String,
    pub level: String,
    pub reason: String,
    pub due_on: Option<NaiveDate>,
}

impl Glance {
    /// Institutions and banks with an open warning.
    pub fn warned(&self) -> i64 {
        self.red + self.orange + self.lesser
    }
}

/// The state of escrow in the caller's range, with at most `limit` rows.
pub async fn glance(conn: &mut ScopedConn, lang: Lang, limit: i64) -> Result<Glance, DbError> {
    let range = conn.scope().range();
    let counts = warnings::counts(conn, range).await?;
    let of = |level: &str| counts.iter().filter(|count| count.level == level).map(|count| count.subjects).sum::<i64>();
    let extent = regions::extent(conn, range).await?;
    let rows = warnings::watch(conn, range, None, "", limit).await?;
    Ok(Glance {
        red: of("red"),
        orange: of("orange"),
        lesser: of("yellow") + of("blue"),
        balance_fen: extent.balance_fen,
        latest: extent.latest,
        rows: rows
            .into_iter()
            .map(|row| GlanceRow {
                href: shown::href(&row),
                reason: brief::reason(lang, &row.kind, &row.evidence),
                institution_name: row.institution_name,
                level: row.level,
                due_on: row.due_on,
            })
            .collect(),
    })
}
