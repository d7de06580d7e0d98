//! The audit trail as pages: who changed what, from what to what, and all of it as a CSV file.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::{
    store::{self, EventRow, Search},
    words,
};
use crate::{
    identity::{Action, Caller, Role},
    web::{Access, Page, Problem, Query, Route, page::State},
};

/// Events a page, and at most in a file.
const ROWS: i64 = 50;
const FILE_ROWS: i64 = 10_000;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadAudit);
    vec![Route::get("/b/audit", read, || web::get().to(list)), Route::get("/b/audit.csv", read, || web::get().to(file))]
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    /// Part of a name, an action or a subject.
    #[serde(default)]
    q: String,
    /// Beginning of the action, e.g. `list.`.
    #[serde(default)]
    kind: String,
    before: Option<i64>,
}

impl ListQuery {
    fn search(&self, limit: i64) -> Search {
        Search {
            text: self.q.trim().to_owned(),
            kind: self.kind.clone(),
            before: self.before.unwrap_or_default(),
            limit,
        }
    }

    /// The query without the page.
    fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &self.q).append_pair("kind", &self.kind);
        query.finish()
    }
}

/// One field of a change.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    field: String,
    before: String,
    after: String,
}

fn word(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "—".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The fields of both sides that differ, in the order of the later one.
fn changes(event: &EventRow) -> Vec<Change> {
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (object(&event.before), object(&event.after));
    let mut fields: Vec<&String> = after.keys().collect();
    fields.extend(before.keys().filter(|field| !after.contains_key(*field)));
    fields
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .map(|field| Change { field: field.clone(), before: word(before.get(field)), after: word(after.get(field)) })
        .collect()
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    query: &'a ListQuery,
    events: Vec<(EventRow, Vec<Change>)>,
    next: Option<i64>,
}

impl ListPage<'_> {
    fn action(&self, event: &EventRow) -> String {
        words::action(self.page.lang, &event.action)
    }

    fn role(&self, event: &EventRow) -> String {
        event.actor_role.parse::<Role>().map_or_else(
            |_| event.actor_role.clone(),
            |role| self.page.lang.t(role.words().0, role.words().1).to_owned(),
        )
    }
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = store::search(&mut conn, &query.search(ROWS + 1)).await?;
    conn.commit().await?;
    let more = i64::try_from(rows.len()).is_ok_and(|n| n > ROWS);
    rows.truncate(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let next = more.then(|| rows.last().map(|row| row.id)).flatten();
    let events = rows.into_iter().map(|row| (row.clone(), changes(&row))).collect();
    let page = Page::new(&request, "操作留痕", "Audit trail");
    page.render(&ListPage { page: &page, query: &query, events, next })
}

/// A text that no spreadsheet program takes for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn csv_file(events: &[EventRow]) -> Result<Vec<u8>, csv::Error> {
    // The mark tells spreadsheet programs that the text is UTF-8.
    let mut file = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    file.write_record([
        "id",
        "at",
        "actor",
        "role",
        "action",
        "subject_kind",
        "subject",
        "before",
        "after",
        "reason",
        "request_id",
    ])?;
    for event in events {
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        let at = event.at.with_timezone(&crate::kernel::clock::BEIJING).to_rfc3339();
        let (before, after) = (json(&event.before), json(&event.after));
        let id = event.id.to_string();
        let cells = [
            id.as_str(),
            &at,
            &event.actor_name,
            &event.actor_role,
            &event.action,
            &event.subject_kind,
            &event.subject_id,
            &before,
            &after,
            event.reason.as_deref().unwrap_or_default(),
            &event.request_id,
        ];
        file.write_record(cells.map(harmless))?;
    }
    file.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

async fn file(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::search(&mut conn, &query.search(FILE_ROWS)).await?;
    conn.commit().await?;
    let bytes = csv_file(&rows).map_err(|error| {
        tracing::error!(%error, "the audit trail could not be written as CSV");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", "attachment; filename=\"audit.csv\""))
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(before: Option<Value>, after: Option<Value>) -> EventRow {
        EventRow {
            id: 7,
            at: "2026-03-18T01:00:00Z".parse().unwrap(),
            actor_name: "=王静怡".into(),
            actor_role: "approver".into(),
            action: "institution.changed".into(),
            subject_kind: "institution".into(),
            subject_id: "52331002MJ0000018U".into(),
            before,
            after,
            reason: None,
            request_id: "r".into(),
        }
    }

    #[test]
    fn a_change_shows_only_what_differs() {
        let told = changes(&event(
            Some(json!({"name": "旧", "phone": "1", "gone": 1})),
            Some(json!({"name": "新", "phone": "1", "new": true})),
        ));
        let told: Vec<_> = told.iter().map(|c| (c.field.as_str(), c.before.as_str(), c.after.as_str())).collect();
        assert_eq!(told, [("name", "旧", "新"), ("new", "—", "true"), ("gone", "1", "—")]);
        assert_eq!(changes(&event(None, None)), []);
    }

    #[test]
    fn the_file_reads_back_and_holds_no_formula() {
        let bytes = csv_file(&[event(None, Some(json!({"a": "x,\"y\""})))]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(
            (&record[1], &record[2], &record[8]),
            ("2026-03-18T09:00:00+08:00", "'=王静怡", r#"{"a":"x,\"y\""}"#)
        );
    }
}
