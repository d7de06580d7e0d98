//! The watch page: every institution and bank of the range with an open warning, the gravest first, kept up to date while it is open.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;

use super::{
    brief, events,
    model::due_workdays,
    shown,
    store::{
        accounts::{self, Extent},
        warnings::{self, LevelCount, Warning},
    },
};
use crate::{
    db::{DbError, ScopedConn},
    identity::Caller,
    institutions,
    kernel::Calendar,
    policies::{self, InForce},
    web::{Page, Problem, Query, page::State, paging, show},
};

/// Rows of the table; a bureau with more open warnings than this filters by level or name.
const ROWS_MAX: i64 = 300;

/// What is asked for; anything else in the query is left alone.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct WatchQuery {
    #[serde(default)]
    level: String,
    #[serde(default)]
    q: String,
}

impl WatchQuery {
    fn level(&self) -> Option<&str> {
        matches!(self.level.as_str(), "red" | "orange" | "yellow" | "blue").then_some(self.level.as_str())
    }

    /// As part of an address, with `level` in place of its own.
    fn with_level(&self, level: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("level", level)
            .append_pair("q", self.q.trim())
            .finish()
    }
}

/// One counter of the ramp, which is a filter.
struct Counter {
    level: &'static str,
    count: i64,
    /// Workdays within which somebody must act, by the caller's own policy; none for what is only shown.
    due_workdays: Option<u32>,
    href: String,
    current: bool,
}

impl Counter {
    fn duty(&self, page: &Page) -> String {
        let Some(days) = self.due_workdays else { return page.lang.t("提示关注", "For your notice").to_owned() };
        let (zh, en) = match self.level {
            "orange" => ("约谈", "Talk"),
            "yellow" => ("说明", "Answer"),
            _ => ("处置", "Act"),
        };
        match (page.lang.is_en(), days) {
            (false, 0) => format!("须当日{zh}"),
            (false, days) => format!("{days} 个工作日内{zh}"),
            (true, 0) => format!("{en} today"),
            (true, 1) => format!("{en} within 1 workday"),
            (true, days) => format!("{en} within {days} workdays"),
        }
    }

    fn word(&self, page: &Page) -> &'static str {
        show::level_word(page.lang, self.level)
    }
}

/// What the fragment shows.
pub struct Watch {
    counters: Vec<Counter>,
    rows: Vec<Warning>,
    /// Ids of those whose account's data are older than two bank days.
    stale: Vec<i64>,
    filtered: bool,
    more: bool,
    /// Whether the range is more than one county, so that each row names its own.
    many_counties: bool,
}

impl Watch {
    /// Reads it within the caller's scope, with the times to act of a day.
    pub async fn read(
        conn: &mut ScopedConn,
        query: &WatchQuery,
        (calendar, on): (&Calendar, NaiveDate),
    ) -> Result<Watch, DbError> {
        let tenant = conn.tenant();
        let in_force = policies::in_force(conn, tenant, on).await?;
        let counts = warnings::counts(conn).await?;
        let mut rows = warnings::watch(conn, query.level(), query.q.trim(), ROWS_MAX + 1).await?;
        let more = paging::cut(&mut rows, ROWS_MAX);
        let stale = rows.iter().filter(|row| row.is_stale(calendar, on)).map(|row| row.id).collect();
        Ok(Watch {
            stale,
            counters: counters(&counts, query, &in_force),
            rows,
            filtered: query.level().is_some() || !query.q.trim().is_empty(),
            more,
            many_counties: conn.scope().is_wide(),
        })
    }

    /// The part of the page that is kept up to date.
    pub fn fragment(&self, page: &Page) -> Result<String, Problem> {
        let rendered = Fragment { page, watch: self }.render();
        rendered.map_err(|error| {
            tracing::error!(%error, "the watch table could not be rendered");
            Problem::internal()
        })
    }
}

fn counters(counts: &[LevelCount], query: &WatchQuery, in_force: &InForce) -> Vec<Counter> {
    let counter = |level: &'static str| {
        let current = query.level() == Some(level);
        Counter {
            level,
            count: counts.iter().find(|count| count.level == level).map_or(0, |count| count.subjects),
            due_workdays: level.parse().ok().and_then(|level| due_workdays(in_force, level)),
            // A second press takes the filter off.
            href: format!("/b/escrow?{}", query.with_level(if current { "" } else { level })),
            current,
        }
    };
    ["red", "orange", "yellow", "blue"].map(counter).into()
}

#[derive(Template)]
#[template(path = "escrow/watch_table.html")]
struct Fragment<'a> {
    page: &'a Page,
    watch: &'a Watch,
}

impl Fragment<'_> {
    fn reason(&self, row: &Warning) -> String {
        brief::reason(self.page.lang, &row.kind, &row.evidence)
    }

    fn href(&self, row: &Warning) -> String {
        shown::href(row)
    }

    /// Names a row from one state of the page to the next.
    fn row_id(&self, row: &Warning) -> String {
        match row.institution_id {
            Some(institution) => format!("row-{institution}"),
            None => format!("row-w{}", row.id),
        }
    }

    fn county(&self, row: &Warning) -> String {
        institutions::words::region(row.tenant_id)
    }

    fn status(&self, row: &Warning) -> &'static str {
        brief::status_word(self.page.lang, &row.status)
    }

    fn stale(&self, row: &Warning) -> bool {
        self.watch.stale.contains(&row.id)
    }

    fn late(&self, row: &Warning) -> bool {
        row.due_on.is_some_and(|due| due < self.page.today())
    }
}

#[derive(Template)]
#[template(path = "escrow/watch.html")]
struct WatchPage<'a> {
    page: &'a Page,
    query: &'a WatchQuery,
    events: String,
    extent: Extent,
    fragment: String,
}

/// GET /b/escrow
pub(super) async fn page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<WatchQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "资金监管", "Escrow watch");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let watch = Watch::read(&mut conn, &query.0, (state.calendar.as_ref(), caller.today())).await?;
    let extent = accounts::extent(&mut conn).await?;
    conn.commit().await?;
    let events = format!("/b/escrow/events?{}", query.with_level(query.level().unwrap_or_default()));
    let fragment = watch.fragment(&page)?;
    page.render(&WatchPage { page: &page, query: &query.0, events, extent, fragment })
}

/// GET /b/escrow/events
pub(super) async fn events(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<WatchQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "资金监管", "Escrow watch");
    Ok(events::answer(&state, caller, page, query.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_a_filter_and_a_second_press_takes_it_off() {
        let query = WatchQuery { level: "red".to_owned(), q: "启明".to_owned() };
        let counts = [LevelCount { level: "orange".to_owned(), subjects: 3 }];
        let counters = counters(&counts, &query, &policies::Chain::default().on(NaiveDate::MIN));
        assert_eq!(
            counters.iter().map(|c| (c.level, c.count)).collect::<Vec<_>>(),
            [("red", 0), ("orange", 3), ("yellow", 0), ("blue", 0)]
        );
        assert_eq!(counters[0].href, "/b/escrow?level=&q=%E5%90%AF%E6%98%8E");
        assert_eq!(counters[1].href, "/b/escrow?level=orange&q=%E5%90%AF%E6%98%8E");
        assert!(counters[0].current && !counters[1].current);
        assert_eq!(counters.iter().map(|c| c.due_workdays).collect::<Vec<_>>(), [Some(0), Some(2), Some(3), None]);
        assert_eq!(WatchQuery { level: "purple".to_owned(), q: String::new() }.level(), None);
    }
}
