//! Where an institution begins its day: what waits for it, and its latest courses.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{
    pages::status_tag,
    store::{self, CourseRow, Filer},
};
use crate::{
    escrow::{self, Waiting},
    identity::Caller,
    web::{Page, Problem, page::State},
};

/// Courses shown; the rest is in the list.
const COURSES: i64 = 10;
/// Returned filings that are named one by one.
const RETURNED: i64 = 20;

#[derive(Template)]
#[template(path = "courses/home.html")]
struct HomePage<'a> {
    page: &'a Page,
    filer: &'a Filer,
    warnings: &'a [Waiting],
    returned: &'a [CourseRow],
    rows: &'a [CourseRow],
}

impl HomePage<'_> {
    fn status_tag(&self, status: &str) -> String {
        status_tag(self.page, status)
    }
}

/// GET /org
pub(super) async fn home(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "首页", "Home");
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let filer = store::filer(&mut conn, caller.actor.tenant, institution).await?.ok_or_else(Problem::not_found)?;
    let warnings = escrow::waiting(&mut conn, page.lang).await?;
    let returned = store::courses(&mut conn, Some("returned"), None, None, 0, RETURNED).await?;
    let rows = store::courses(&mut conn, None, None, None, 0, COURSES).await?;
    conn.commit().await?;
    page.render(&HomePage { page: &page, filer: &filer, warnings: &warnings, returned: &returned, rows: &rows })
}
