//! The watch page: the accounts of the range, those of institutions with an open warning first and the gravest of them foremost, kept
//! up to date while it is open.

mod counters;
mod file;
mod query;
mod rows;

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;

use self::{
    counters::{Counter, counters},
    rows::{Row, SPARK},
};
use super::{
    events,
    model::Step,
    pages,
    reach::reach,
    store::{
        regions::{self, Extent},
        warnings,
        watch::{self as store, Holding},
    },
};
use crate::{
    db::{DbError, ScopedConn},
    identity::{Action, Caller, may},
    kernel::{Calendar, RegionCode},
    policies,
    web::{Page, Problem, Query, page::State, paging, sheet},
};

pub use query::WatchQuery;

/// Rows with an open warning; a bureau with more of them filters by level or name.
const WARNED_MAX: i64 = 300;
/// Rows of the page, as long as those with a warning are fewer.
const ROWS_MAX: i64 = 100;
/// Rows of the file.
const FILE_MAX: i64 = 5_000;

/// What the fragment shows.
pub struct Watch {
    counters: Vec<Counter>,
    rows: Vec<Row>,
    /// How many of the rows have an open warning.
    warned: usize,
    /// Whether the page begins behind those.
    is_later: bool,
    filtered: bool,
    /// Whether there are more rows with a warning than are shown.
    more_warned: bool,
    /// Where the next page begins.
    next: Option<String>,
    /// The same page, for coming back to it.
    here: String,
    /// Whether the range is more than one county, so that each row names its own.
    many_counties: bool,
}

impl Watch {
    /// Reads it within the caller's scope.
    pub async fn read(
        conn: &mut ScopedConn,
        query: &WatchQuery,
        caller: &Caller,
        calendar: &Calendar,
    ) -> Result<Watch, DbError> {
        Watch::read_rows(conn, query, (caller, calendar), ROWS_MAX).await
    }

    async fn read_rows(
        conn: &mut ScopedConn,
        query: &WatchQuery,
        (caller, calendar): (&Caller, &Calendar),
        rows_max: i64,
    ) -> Result<Watch, DbError> {
        let tenant = conn.tenant();
        // Whoever asks for a division beyond the own range was told before that there is none.
        let range = reach(caller, query.of()).unwrap_or((1, 0));
        let in_force = policies::in_force(conn, tenant, caller.today()).await?;
        let counts = warnings::counts(conn, range).await?;
        let place = query.after();
        let mut warned = match place {
            None => warnings::watch(conn, range, query.level(), query.text(), WARNED_MAX + 1).await?,
            Some(_) => Vec::new(),
        };
        let more_warned = paging::cut(&mut warned, WARNED_MAX);
        let own = |w: &warnings::Warning| Some((w.tenant_id, w.institution_id?));
        let institutions: BTreeSet<(i32, i64)> = warned.iter().filter_map(own).collect();
        let institutions: Vec<(i32, i64)> = institutions.into_iter().collect();
        let holdings = store::of_institutions(conn, &institutions).await?;
        let holdings = store::put_together(conn, holdings).await?;
        let handled_by = may(caller.actor.role, Action::HandleWarning).then_some(tenant);
        let mut rows = Row::warned(warned, &holdings, handled_by, (calendar, caller.today()));
        let warned = rows.len();
        let mut next = None;
        if query.level().is_none() {
            let left = (rows_max - i64::try_from(warned).unwrap_or(rows_max)).max(0);
            let place = place.unwrap_or_default();
            let mut quiet = store::quiet(conn, range, query.text(), place, left + 1).await?;
            if paging::cut(&mut quiet, left) {
                let last = quiet.last().map_or(place, |last: &Holding| (last.tenant_id, last.id));
                next = Some(format!("/b/escrow?{}", query.going_on(Some(last))));
            }
            rows.extend(store::put_together(conn, quiet).await?.into_iter().map(Row::quiet));
        }
        Ok(Watch {
            counters: counters(&counts, query, &in_force),
            rows,
            warned,
            is_later: query.after().is_some(),
            filtered: query.level().is_some() || !query.text().is_empty(),
            more_warned,
            next,
            here: query.going_on(query.after()),
            many_counties: range.0 != range.1,
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

#[derive(Template)]
#[template(path = "escrow/watch_table.html")]
struct Fragment<'a> {
    page: &'a Page,
    watch: &'a Watch,
}

impl Fragment<'_> {
    fn box_of_spark(&self) -> String {
        format!("-1 -1 {} {}", SPARK.0 + 2, SPARK.1 + 2)
    }

    fn late(&self, due: &NaiveDate) -> bool {
        *due < self.page.today()
    }
}

#[derive(Template)]
#[template(path = "escrow/watch.html")]
struct WatchPage<'a> {
    page: &'a Page,
    query: &'a WatchQuery,
    /// The division that alone is shown, within a wider range.
    of: Option<RegionCode>,
    events: String,
    file: String,
    extent: Extent,
    fragment: String,
}

impl WatchPage<'_> {
    fn of_name(&self) -> &'static str {
        self.of.and_then(RegionCode::name).unwrap_or_default()
    }
}

/// GET /b/escrow
pub(super) async fn page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<WatchQuery>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&request, "资金监管", "Escrow watch");
    page.note = page.done().and_then(|done| done.parse::<Step>().ok()).map(|step| pages::told_of(&page, step));
    let range = reach(&caller, query.of()).ok_or_else(Problem::not_found)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let watch = Watch::read(&mut conn, &query, &caller, &state.calendar).await?;
    let extent = regions::extent(&mut conn, range).await?;
    conn.commit().await?;
    let here = &watch.here;
    let (events, file) = (format!("/b/escrow/events?{here}"), format!("/b/escrow/accounts.csv?{here}"));
    let fragment = watch.fragment(&page)?;
    let of = query.of().filter(|_| caller.actor.scope().is_wide());
    page.render(&WatchPage { page: &page, query: &query, of, events, file, extent, fragment })
}

/// GET /b/escrow/accounts.csv: what the page shows, all of its pages.
pub(super) async fn export(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<WatchQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "资金监管", "Escrow watch");
    reach(&caller, query.of()).ok_or_else(Problem::not_found)?;
    let query = query.0.first_page();
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let watch = Watch::read_rows(&mut conn, &query, (&caller, state.calendar.as_ref()), FILE_MAX).await?;
    conn.commit().await?;
    let rows = watch.rows.iter().map(|row| file::cells(&page, row));
    sheet::answer(&format!("escrow-{}.csv", page.today()), std::iter::once(file::headings(page.lang)).chain(rows))
}

/// GET /b/escrow/events
pub(super) async fn events(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<WatchQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "资金监管", "Escrow watch");
    reach(&caller, query.of()).ok_or_else(Problem::not_found)?;
    Ok(events::answer(&state, caller, page, query.0))
}
