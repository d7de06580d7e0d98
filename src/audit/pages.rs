//! The audit trail as pages: who changed what, from what to what, and all of it as a CSV file.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{
    store::{self, EventRow, Search},
    words,
};
use crate::{
    identity::{Action, Caller, Role},
    kernel::clock::BEIJING,
    web::{Access, Lang, Page, Problem, Query, Route, page::State},
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
    /// First and last day in Beijing; what is no day asks for all.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    before: Option<i64>,
}

/// The start of a day in Beijing, `days` after the one that is written.
fn midnight(written: &str, days: u64) -> Option<DateTime<Utc>> {
    let day = written.parse::<NaiveDate>().ok()?.checked_add_days(Days::new(days))?;
    Some(day.and_time(NaiveTime::MIN).and_local_timezone(BEIJING).single()?.to_utc())
}

impl ListQuery {
    fn search(&self, limit: i64) -> Search {
        Search {
            text: self.q.trim().to_owned(),
            actions: words::actions_saying(self.q.trim()),
            from: midnight(&self.from, 0),
            until: midnight(&self.to, 1),
            kind: self.kind.clone(),
            before: self.before.unwrap_or_default(),
            limit,
        }
    }

    /// The query without the page.
    fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", &self.q), ("kind", &self.kind), ("from", &self.from), ("to", &self.to)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
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

/// Fields of a change that a page shows; a filing may have hundreds.
const CHANGES_MAX: usize = 40;

/// The leaves of a value with their paths, e.g. `filing.course.sessions[0].end`; a list of plain values is one leaf.
fn leaves<'a>(path: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, inner, into);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                leaves(&format!("{path}[{at}]"), item, into);
            }
        }
        _ => into.push((path.to_owned(), value)),
    }
}

/// The fields of both sides that differ, in the order of the later one.
fn changes(lang: Lang, event: &EventRow) -> Vec<Change> {
    let of = |side: &'_ Option<Value>| -> Vec<(String, Value)> {
        let mut found = Vec::new();
        if let Some(value) = side {
            leaves("", value, &mut found);
        }
        found.into_iter().map(|(path, value)| (path, value.clone())).collect()
    };
    let (before, after) = (of(&event.before), of(&event.after));
    let was: HashMap<&str, &Value> = before.iter().map(|(path, value)| (path.as_str(), value)).collect();
    let is: HashMap<&str, &Value> = after.iter().map(|(path, value)| (path.as_str(), value)).collect();
    let gone = before.iter().filter(|(path, _)| !is.contains_key(path.as_str()));
    let subject = event.subject_kind.as_str();
    after
        .iter()
        .chain(gone)
        .map(|(path, _)| path.as_str())
        .filter(|path| was.get(path) != is.get(path))
        .map(|path| Change {
            field: words::field(lang, subject, path),
            before: words::value(lang, subject, path, was.get(path).copied()),
            after: words::value(lang, subject, path, is.get(path).copied()),
        })
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

    /// What was changed: its page, where there is one, and its name.
    fn subject(&self, event: &EventRow) -> Option<(String, String)> {
        let id = &event.subject_id;
        match (event.subject_kind.as_str(), &event.institution_name, &event.credit_code) {
            ("course", ..) => {
                Some((format!("/b/courses/{id}"), event.course_name.clone().unwrap_or_else(|| id.clone())))
            }
            ("import", ..) if event.action != "import.discarded" => {
                Some((format!("/b/imports/{id}"), format!("{} {id}", self.page.t("表格", "Sheet"))))
            }
            ("school_calendar", ..) => {
                Some(("/b/calendar".to_owned(), self.page.t("校历", "School calendar").to_owned()))
            }
            (_, Some(name), Some(code)) => Some((format!("/b/institutions/{code}"), name.clone())),
            _ => None,
        }
    }

    /// How many changes are left out of a long list.
    fn left_out(&self, changes: &[Change]) -> usize {
        changes.len().saturating_sub(CHANGES_MAX)
    }

    fn shown<'b>(&self, changes: &'b [Change]) -> &'b [Change] {
        &changes[..changes.len().min(CHANGES_MAX)]
    }

    fn role(&self, event: &EventRow) -> String {
        event.actor_role.parse::<Role>().map_or_else(
            |_| self.page.t("系统", "The system itself").to_owned(),
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
    let page = Page::new(&request, "操作留痕", "Audit trail");
    let events = rows.into_iter().map(|row| (row.clone(), changes(page.lang, &row))).collect();
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
        let at = event.at.with_timezone(&BEIJING).to_rfc3339();
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
            institution_name: None,
            credit_code: None,
            course_name: None,
        }
    }

    #[test]
    fn a_change_shows_only_what_differs() {
        let told = changes(
            Lang::Zh,
            &event(
                Some(json!({"name": "旧", "phone": "1", "gone": 1})),
                Some(json!({"name": "新", "phone": "1", "new": true, "stages": ["primary", "junior"]})),
            ),
        );
        let told: Vec<_> = told.iter().map(|c| (c.field.as_str(), c.before.as_str(), c.after.as_str())).collect();
        assert_eq!(told, [("名称", "旧", "新"), ("new", "—", "是"), ("学段", "—", "小学、初中"), ("gone", "1", "—")]);
        assert_eq!(changes(Lang::Zh, &event(None, None)), []);
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
