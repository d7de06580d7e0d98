//! The open warnings that an institution sees of itself, for its first page.

use chrono::NaiveDate;

use super::{brief, store::warnings};
use crate::{
    db::{DbError, ScopedConn},
    web::Lang,
};

/// Open warnings that are named one by one.
const SHOWN: i64 = 20;

/// An open warning about the caller's institution.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: i64,
    pub level: String,
    pub claim: String,
    pub due_on: Option<NaiveDate>,
    /// The institution has said something about it.
    pub answered: bool,
}

/// The open warnings of the caller's range, the gravest first.
pub async fn waiting(conn: &mut ScopedConn, lang: Lang) -> Result<Vec<Waiting>, DbError> {
    let open = warnings::Filter { status: Some("open"), ..warnings::Filter::default() };
    let mut rows = warnings::warnings(conn, &open, 0, SHOWN).await?;
    let place = |level: &str| ["red", "orange", "yellow"].iter().position(|known| *known == level).unwrap_or(3);
    rows.sort_by_key(|row| (place(&row.level), row.due_on.unwrap_or(NaiveDate::MAX)));
    let mut waiting = Vec::with_capacity(rows.len());
    for row in rows {
        let actions = warnings::actions(conn, row.tenant_id, row.id).await?;
        waiting.push(Waiting {
            id: row.id,
            claim: brief::claim(lang, &row.kind, &row.evidence),
            level: row.level,
            due_on: row.due_on,
            answered: actions.iter().any(|action| action.action == "explain"),
        });
    }
    Ok(waiting)
}
