//! Lists of course filings, one filing as it was sent, and the bureau's decision.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    calendar_pages,
    commands::{self, CourseDecision, CourseError, Deciding, status_zh},
    form::CourseForm,
    form_pages, home,
    model::{Delivery, Stage},
    shown::{Shown, shown},
    store::{self, CourseRow, Filer},
};
use crate::{
    identity::{Action, Caller},
    kernel::Finding,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
    },
};

/// The feature's pages.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/org", Access::May(Action::FileCourse), || web::get().to(home::home)),
        Route::get("/org/courses", Access::May(Action::FileCourse), || web::get().to(own_list)),
        Route::get("/b/courses", Access::Official(Action::ReadRegister), || web::get().to(queue)),
        Route::get("/b/courses/{id}", Access::Official(Action::ReadRegister), || web::get().to(review)),
        Route::post("/b/courses/{id}", Access::Official(Action::DecideCourse), || web::post().to(post_review)),
    ];
    routes.extend(form_pages::routes());
    routes.extend(calendar_pages::routes());
    routes
}

#[derive(Template)]
#[template(path = "courses/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    rows: &'a [CourseRow],
    status: &'a str,
    own: bool,
    next: Option<i64>,
    filer: Option<&'a Filer>,
}

impl ListPage<'_> {
    fn status_tag(&self, status: &str) -> String {
        status_tag(self.page, status)
    }
}

pub(super) fn status_tag(page: &Page, status: &str) -> String {
    let (class, icon, word) = match status {
        "approved" => ("ok", "check", page.t("已备案", "Filed")),
        "submitted" => ("wait", "clock", page.t("待审批", "Waiting")),
        "returned" => ("warn", "triangle", page.t("已退回", "Returned")),
        _ => ("info", "progress", page.t("草稿", "Draft")),
    };
    format!(r#"<span class="tag tag--{class}">{}{word}</span>"#, page.icon(icon))
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    #[serde(default)]
    status: String,
    #[serde(default)]
    before: i64,
}

const PAGE: i64 = 50;

async fn show_list(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    status: &str,
    before: i64,
) -> Result<HttpResponse, Problem> {
    let own = caller.actor.role.is_institution();
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let filter = (!status.is_empty() && status != "all").then_some(status);
    let rows = store::courses(&mut conn, filter, None, before, PAGE).await?;
    let filer = match caller.actor.institution {
        Some(institution) => store::filer(&mut conn, caller.actor.tenant, institution).await?,
        None => None,
    };
    conn.commit().await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == PAGE;
    let next = rows.last().filter(|_| full).map(|row| row.id);
    let page = if own {
        Page::new(request, "课程备案", "Courses")
    } else {
        Page::new(request, "课程审批", "Course filings")
    };
    page.render(&ListPage { page: &page, rows: &rows, status, own, next, filer: filer.as_ref() })
}

async fn own_list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &caller, &query.status, query.before).await
}

async fn queue(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let status = if query.status.is_empty() { "submitted" } else { &query.status };
    show_list(&request, &state, &caller, status, query.before).await
}

#[derive(Template)]
#[template(path = "courses/show.html")]
struct ShowPage<'a> {
    page: &'a Page,
    row: &'a CourseRow,
    form: &'a CourseForm,
    findings: &'a [Shown],
    blocked: bool,
    may_decide: bool,
    error: Option<&'a str>,
    /// The comment as it was typed.
    comment: &'a str,
}

impl ShowPage<'_> {
    fn status_tag(&self, status: &str) -> String {
        status_tag(self.page, status)
    }

    fn value<'b>(&self, person: &'b std::collections::BTreeMap<String, String>, name: &str) -> &'b str {
        person.get(name).map_or("", String::as_str)
    }

    fn stage(&self) -> &'static str {
        self.form.get("stage").parse().map_or("—", |stage: Stage| self.page.t(stage.zh(), stage.en()))
    }

    /// The price as money; what was typed where it is none.
    fn fee(&self) -> String {
        let read = self.row.filing.pointer("/course/fee_fen").and_then(serde_json::Value::as_i64);
        read.map_or_else(|| self.form.get("fee_fen").to_owned(), |fen| self.page.yuan(fen))
    }

    fn delivery(&self) -> &'static str {
        self.form.get("delivery").parse().map_or("—", |delivery: Delivery| self.page.t(delivery.zh(), delivery.en()))
    }
}

pub(super) fn show_course(
    request: &HttpRequest,
    row: &CourseRow,
    findings: Vec<Shown>,
) -> Result<HttpResponse, Problem> {
    show_course_as(StatusCode::OK, request, row, findings, None)
}

fn show_course_as(
    status: StatusCode,
    request: &HttpRequest,
    row: &CourseRow,
    findings: Vec<Shown>,
    refused: Option<(&str, &str)>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, &format!("{} · {}", row.name, status_zh(&row.status)), &row.name);
    if page.actor.as_ref().is_some_and(|actor| actor.role.is_institution()) {
        page.note = form_pages::note(&page);
    }
    let form = CourseForm::from_stored(&row.form);
    let own_bureau = page.actor.as_ref().is_some_and(|actor| actor.tenant == row.tenant_id);
    let blocked = findings.iter().any(|finding| finding.class == "block");
    let may_decide = own_bureau && row.status == "submitted" && page.may(Action::DecideCourse);
    let (error, comment) = refused.map_or((None, ""), |(error, comment)| (Some(error), comment));
    let findings = &findings;
    page.render_as(status, &ShowPage { page: &page, row, form: &form, findings, blocked, may_decide, error, comment })
}

/// What the rules say today of a course that waits; what they said then of one that was decided.
async fn findings_of(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    row: &CourseRow,
) -> Result<Vec<Shown>, Problem> {
    let page = Page::new(request, "", "");
    let findings: Vec<Finding> = if row.status == "submitted" {
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        let judged = commands::rejudge(&mut conn, row, &state.calendar, caller).await?;
        conn.commit().await?;
        judged.verdict.findings
    } else {
        serde_json::from_value(row.findings.clone()).unwrap_or_default()
    };
    Ok(findings.iter().map(|finding| shown(&page, finding)).collect())
}

async fn review(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = own_course(&state, &caller, *id).await?;
    let findings = findings_of(&request, &state, &caller, &row).await?;
    show_course(&request, &row, findings)
}

async fn post_review(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let decision: CourseDecision = posted
        .get("decision")
        .parse()
        .map_err(|_| Problem::bad_request("请选择准予或退回。", "Choose to approve or to return."))?;
    // A page that does not say what it showed decides nothing.
    let version = Some(posted.get("version").parse().unwrap_or(0));
    let deciding = Deciding { decision, comment: posted.get("comment"), version };
    let lang = crate::web::Lang::of(&request);
    let (status, error) = match commands::decide(&state.pools, &state.calendar, &caller, *id, deciding).await {
        Ok(()) => return Ok(see_other("/b/courses")),
        Err(CourseError::Comment) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            lang.t("请写明退回的理由，机构据此改正。", "Say why it is returned; the institution mends it by that."),
        ),
        Err(CourseError::Changed(_)) => (
            StatusCode::CONFLICT,
            lang.t(
                "这门课程在您打开之后又改过。下面是最新内容，请看过再办理。",
                "The course was changed after you opened it. This is how it stands now; look at it, then decide.",
            ),
        ),
        Err(error) => return Err(error.into()),
    };
    let row = own_course(&state, &caller, *id).await?;
    let findings = findings_of(&request, &state, &caller, &row).await?;
    show_course_as(status, &request, &row, findings, Some((error, posted.get("comment"))))
}

pub(super) async fn own_course(state: &State, caller: &Caller, id: i64) -> Result<CourseRow, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = store::course(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok(row)
}
