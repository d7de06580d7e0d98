//! The auditor's pages: the trail with its filters, one event with its place in the chain, and the trail as a CSV file.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use serde::Deserialize;

use super::{
    Event,
    checkpoint::{instant, region},
    query::Filters,
    shown::{self, Change},
    store::{
        self,
        search::{self, CheckRow, EventRow, Found, RemovedRow},
    },
    verify::Fault,
    words,
};
use crate::{
    db::{
        DbError, Pools,
        trail::{Draft, GENESIS, Key, Who},
    },
    identity::{Action, Caller, Role},
    kernel::clock::BEIJING,
    web::{
        Access, Lang, Page, Problem, Query, Route,
        page::State,
        sheet::{self, harmless},
    },
};

/// Events a page, and a part of a file.
const ROWS: i64 = 50;
const FILE_ROWS: i64 = 500;
/// Fields of a change that the list shows; a filing may have hundreds.
const CHANGES_MAX: usize = 12;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadAudit);
    let mut routes = vec![
        Route::get("/b/audit", read, || web::get().to(list)),
        Route::get("/b/audit.csv", read, || web::get().to(file)),
        Route::get("/b/audit/{seq}", read, || web::get().to(one)),
    ];
    routes.extend(super::org::routes());
    routes
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    #[serde(flatten)]
    filters: Filters,
    before: Option<i64>,
}

/// An event of the list.
struct Line {
    event: EventRow,
    changes: Vec<Change>,
}

impl Line {
    fn shown(&self) -> &[Change] {
        &self.changes[..self.changes.len().min(CHANGES_MAX)]
    }

    /// How many changes are left out of a long list.
    fn left_out(&self) -> usize {
        self.changes.len().saturating_sub(CHANGES_MAX)
    }
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    filters: &'a Filters,
    lines: Vec<Line>,
    next: Option<i64>,
    /// How far back was searched, where the search stopped before the page was full.
    searched_to: Option<DateTime<Utc>>,
    check: Option<CheckRow>,
    removed: Option<RemovedRow>,
}

impl ListPage<'_> {
    fn action(&self, event: &EventRow) -> String {
        words::action(self.page.lang, &event.action)
    }

    fn subject(&self, event: &EventRow) -> Option<(String, String)> {
        shown::subject(self.page.lang, event)
    }

    fn role(&self, event: &EventRow) -> String {
        shown::role(self.page.lang, event)
    }

    /// What the latest check found wrong.
    fn fault(&self, check: &CheckRow) -> Option<&'static str> {
        let fault = check.fault.as_deref()?.parse::<Fault>().unwrap_or(Fault::Edited);
        Some(self.page.t(fault.words().0, fault.words().1))
    }

    /// The roles to choose from.
    fn roles(&self) -> Vec<(String, &'static str)> {
        use strum::IntoEnumIterator;
        let name = |role: Role| (role.to_string(), self.page.lang.t(role.words().0, role.words().1));
        let system = ("system".to_owned(), self.page.lang.t("系统", "The system itself"));
        Role::iter().map(name).chain([system]).collect()
    }
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "操作留痕", "Audit trail");
    let filters = query.filters.clone().bounded(page.today());
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let search = filters.search(&mut conn, query.before.unwrap_or_default(), ROWS).await?;
    let Found { rows, next, searched_to } = search::search(&mut conn, &search).await?;
    let (check, removed) = (search::check(&mut conn).await?, search::removed(&mut conn).await?);
    conn.commit().await?;
    let line = |event: EventRow| Line { changes: shown::changes(page.lang, &event), event };
    let lines = rows.into_iter().map(line).collect();
    page.render(&ListPage { page: &page, filters: &filters, lines, next, searched_to, check, removed })
}

#[derive(Template)]
#[template(path = "audit/event.html")]
struct EventPage<'a> {
    page: &'a Page,
    event: &'a EventRow,
    changes: Vec<Change>,
    before: String,
    hash: String,
    /// Whether the event is what was sealed, in this place.
    sealed: bool,
    is_first: bool,
}

impl EventPage<'_> {
    fn action(&self) -> String {
        words::action(self.page.lang, &self.event.action)
    }

    fn subject(&self) -> Option<(String, String)> {
        shown::subject(self.page.lang, self.event)
    }

    fn role(&self) -> String {
        shown::role(self.page.lang, self.event)
    }

    fn bureau(&self) -> String {
        shown::bureau(self.event)
    }

    /// The instant to the second, in Beijing.
    fn at(&self) -> String {
        self.event.at.with_timezone(&BEIJING).format("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// The event as it was sealed.
fn draft(tenant: i32, event: &EventRow) -> Draft {
    Draft {
        tenant,
        at: event.at,
        who: Who {
            id: event.actor_id,
            tenant: event.actor_tenant,
            name: event.actor_name.clone(),
            role: event.actor_role.clone(),
        },
        action: event.action.clone(),
        subject_kind: event.subject_kind.clone(),
        subject_id: event.subject_id.clone(),
        institution: event.institution_id,
        before: event.before.clone(),
        after: event.after.clone(),
        reason: event.reason.clone(),
        request_id: event.request_id.clone(),
    }
}

/// GET /b/audit/{seq}
async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    seq: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let seq: i64 = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(Problem::not_found)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let event = search::one(&mut conn, seq).await?.ok_or_else(Problem::not_found)?;
    let before = search::hash_before(&mut conn, seq).await?;
    conn.commit().await?;
    let before = if seq == 1 { GENESIS.to_vec() } else { before.unwrap_or_default() };
    let made = before
        .as_slice()
        .try_into()
        .ok()
        .map(|before| Key::new(&state.secrets).seal(before, seq, &draft(caller.actor.tenant, &event)));
    let page = Page::new(&request, "留痕详情", "Audit event");
    page.render(&EventPage {
        changes: shown::changes(page.lang, &event),
        before: hex::encode(&before),
        hash: hex::encode(&event.hash),
        sealed: made.is_some_and(|made| made.as_slice() == event.hash),
        is_first: seq == 1,
        page: &page,
        event: &event,
    })
}

const HEADINGS: [(&str, &str); 16] = [
    ("序号", "seq"),
    ("时间", "at"),
    ("人员", "actor"),
    ("角色", "role"),
    ("单位", "bureau"),
    ("动作", "action"),
    ("动作代码", "action_code"),
    ("对象类型", "subject_kind"),
    ("对象编号", "subject_id"),
    ("机构", "institution"),
    ("机构代码", "credit_code"),
    ("事前", "before"),
    ("事后", "after"),
    ("理由", "reason"),
    ("请求号", "request_id"),
    ("校验值", "hash"),
];

fn csv_lines(lang: Lang, headings: bool, events: &[EventRow]) -> Result<Vec<u8>, csv::Error> {
    let headings = headings.then(|| HEADINGS.map(|(zh, en)| lang.t(zh, en).to_owned()));
    sheet::part(headings.into_iter().chain(events.iter().map(|event| cells(lang, event))))
}

fn cells(lang: Lang, event: &EventRow) -> [String; 16] {
    let (role, bureau) = (shown::role(lang, event), shown::bureau(event));
    let cells: [&str; 16] = [
        &event.seq.to_string(),
        &instant(event.at),
        &event.actor_name,
        &role,
        &bureau,
        &words::action(lang, &event.action),
        &event.action,
        &event.subject_kind,
        &event.subject_id,
        event.institution_name.as_deref().unwrap_or_default(),
        event.credit_code.as_deref().unwrap_or_default(),
        event.before.as_deref().unwrap_or_default(),
        event.after.as_deref().unwrap_or_default(),
        event.reason.as_deref().unwrap_or_default(),
        &event.request_id,
        &hex::encode(&event.hash),
    ];
    cells.map(harmless)
}

/// Why a file broke off.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// A file under way.
struct Export {
    pools: Pools,
    caller: Caller,
    filters: Filters,
    lang: Lang,
    /// The event to go on before; `None` at the end.
    before: Option<i64>,
}

impl Export {
    /// The next part. Each is a transaction of its own: nothing is removed in between, and nobody waits for a download.
    async fn part(&mut self) -> Result<Option<Bytes>, FileError> {
        let Some(before) = self.before else { return Ok(None) };
        let mut conn = self.caller.actor.scope().begin(&self.pools).await?;
        let search = self.filters.search(&mut conn, before, FILE_ROWS).await?;
        let found = search::search(&mut conn, &search).await?;
        conn.commit().await?;
        self.before = found.next;
        let mut part = Vec::new();
        if before == 0 {
            // The mark tells spreadsheet programs that the text is UTF-8.
            part.extend_from_slice("\u{feff}".as_bytes());
        }
        part.extend(csv_lines(self.lang, before == 0, &found.rows)?);
        Ok(Some(part.into()))
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, FileError>> {
        stream::try_unfold(self, |mut export| async move { Ok(export.part().await?.map(|part| (part, export))) })
    }
}

/// GET /b/audit.csv: on record before the first byte leaves.
async fn file(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "操作留痕", "Audit trail");
    let filters = query.filters.clone().bounded(page.today());
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let event = Event {
        action: "audit.exported",
        subject_kind: "audit",
        subject_id: region(caller.actor.tenant),
        after: Some(filters.told()),
        ..Event::default()
    };
    store::record(&mut conn, &caller, event).await?;
    conn.commit().await?;
    let name = format!("attachment; filename=\"audit-{}-{}.csv\"", region(caller.actor.tenant), page.today());
    let export = Export { pools: state.pools.clone(), caller, filters, lang: page.lang, before: Some(0) };
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", name))
        .streaming(export.stream()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_file_reads_back_and_holds_no_formula() {
        let mut event = shown::tests::event(None, Some(json!({"a": "x,\"y\""})));
        event.reason = Some("@sum(a)\r\nb".into());
        let bytes = csv_lines(Lang::Zh, true, &[event]).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(
            [&record[1], &record[2], &record[3], &record[5], &record[12], &record[13]],
            ["2026-03-18T09:00:00+08:00", "'=王静怡", "审批员", "更新机构", r#"{"a":"x,\"y\""}"#, "'@sum(a)\r\nb"]
        );
        assert_eq!(csv_lines(Lang::En, false, &[]).unwrap(), b"");
    }
}
