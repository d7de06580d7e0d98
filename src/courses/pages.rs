//! Lists of course filings, one filing as it was sent, and the bureau's decision.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    calendar_pages,
    commands::{self, CourseDecision, CourseError, Deciding, status_zh},
    form::CourseForm,
    form_pages, home,
    model::{CertificateStage, Delivery, Role, Stage, Subject},
    private,
    shown::{Shown, shown},
    store::{self, CourseRow, Filer},
};
use crate::{
    identity::{Action, Caller},
    institutions,
    kernel::{Finding, RegionCode},
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging,
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
    /// Address of the older rows.
    next: Option<String>,
    filer: Option<&'a Filer>,
    /// Whether rows of several counties are shown.
    wide: bool,
    /// The county whose courses alone are shown; empty for all.
    county: &'a str,
    /// Code and name of each county of a range; empty for a county's own bureau.
    counties: Vec<(String, &'static str)>,
}

impl ListPage<'_> {
    fn region(&self, row: &CourseRow) -> String {
        institutions::words::region(row.tenant_id)
    }

    /// This list with another status.
    fn with_status(&self, status: &str) -> String {
        address(status, self.county, None)
    }

    /// What the rules said, in a word; an official has had the last one about what was referred.
    fn verdict(&self, row: &CourseRow) -> &'static str {
        let t = |zh, en| self.page.lang.t(zh, en);
        match (row.decision.as_str(), row.status.as_str()) {
            ("pass", _) => t("通过", "pass"),
            ("warn", _) => t("请留意", "note"),
            ("refer", "approved") => t("已核定", "decided"),
            ("refer", _) => t("须核定", "to decide"),
            _ => t("须改正", "to mend"),
        }
    }

    fn status_tag(&self, status: &str) -> String {
        status_tag(self.page, status)
    }
}

/// The query of a list.
fn address(status: &str, county: &str, before: Option<i64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("status", status);
    if !county.is_empty() {
        query.append_pair("county", county);
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    format!("?{}", query.finish())
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

#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    status: String,
    #[serde(default)]
    before: i64,
    /// Six digits.
    #[serde(default)]
    county: String,
}

const PAGE: i64 = 50;

async fn show_list(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    query: &ListQuery,
    status: &str,
) -> Result<HttpResponse, Problem> {
    let own = caller.actor.role.is_institution();
    let wide = !own && caller.actor.scope().is_wide();
    let region = query.county.parse::<RegionCode>().ok().filter(|_| wide);
    let county = region.map(|_| query.county.as_str()).unwrap_or_default();
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let filter = (!status.is_empty() && status != "all").then_some(status);
    let region = region.map(RegionCode::tenant_id);
    let mut rows = store::courses(&mut conn, filter, None, region, query.before, PAGE + 1).await?;
    let filer = match caller.actor.institution {
        Some(institution) => store::filer(&mut conn, caller.actor.tenant, institution).await?,
        None => None,
    };
    let mut page = if own {
        Page::new(request, "课程备案", "Courses")
    } else {
        Page::new(request, "课程审批", "Course filings")
    };
    if let Some(id) = page.done().and_then(|id| id.parse().ok()).filter(|_| !own)
        && let Some(row) = store::course(&mut conn, id).await?
    {
        let next = store::longest_waiting(&mut conn, 1).await?.1.pop();
        page.note = decided(&page, &row, next.as_ref());
    }
    conn.commit().await?;
    let more = paging::cut(&mut rows, PAGE);
    let next = rows.last().filter(|_| more).map(|row| address(status, county, Some(row.id)));
    // The ministry has thousands of counties and looks for none of them in a list.
    let own_region = RegionCode::from_i32(caller.actor.tenant);
    let counties = own_region.filter(|_| wide).map(RegionCode::counties).unwrap_or_default();
    let counties = counties.into_iter().filter_map(|one| Some((one.to_string(), one.name()?))).collect();
    page.render(&ListPage {
        page: &page,
        rows: &rows,
        status,
        own,
        next,
        filer: filer.as_ref(),
        wide,
        county,
        counties,
    })
}

/// What is said after a decision, with what waits next.
fn decided(page: &Page, row: &CourseRow, next: Option<&CourseRow>) -> Option<Note> {
    let (title, text) = match row.status.as_str() {
        "approved" => (page.t("已准予备案：", "Approved: "), page.t("家长已经可以看到。", "Parents see it now.")),
        "returned" => (
            page.t("已退回：", "Returned: "),
            page.t("机构看得到理由，改正后可再提交。", "The institution reads why, and may submit it again."),
        ),
        _ => return None,
    };
    let note = Note::new(&format!("{title}{}", row.name), text);
    Some(match next {
        Some(next) => {
            let words = format!("{}{}", page.t("下一件：", "Next: "), next.name);
            note.with_link(&format!("/b/courses/{}", next.id), &words)
        }
        None => note,
    })
}

async fn own_list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &caller, &query, &query.status).await
}

async fn queue(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let status = if query.status.is_empty() { "submitted" } else { &query.status };
    show_list(&request, &state, &caller, &query, status).await
}

#[derive(Template)]
#[template(path = "courses/show.html")]
struct ShowPage<'a> {
    page: &'a Page,
    row: &'a CourseRow,
    form: &'a CourseForm,
    findings: &'a [Shown],
    blocked: bool,
    /// Whether something is referred to the official who decides.
    referred: bool,
    may_decide: bool,
    /// Whether an official looks at it, who may see the register.
    official: bool,
    /// Whether the one who looks may ask to see what is masked.
    may_unmask: bool,
    error: Option<&'a str>,
    /// The comment as it was typed.
    comment: &'a str,
}

impl ShowPage<'_> {
    /// A day with its weekday; what was typed where it is none.
    fn day(&self, typed: &str) -> String {
        match typed.parse::<chrono::NaiveDate>() {
            Ok(day) => format!("{} {}", self.page.day(day), self.page.weekday(day)),
            Err(_) if typed.is_empty() => "—".to_owned(),
            Err(_) => typed.to_owned(),
        }
    }

    /// Questions of the form that are answered yes or no, and the fields of their answers.
    fn questions(&self) -> [(&str, &'static str); 4] {
        [
            (self.page.t("培训材料已备案", "Materials filed"), "materials_filed"),
            (self.page.t("布置作业", "Homework"), "homework"),
            (self.page.t("境外课程", "Overseas curriculum"), "overseas_curriculum"),
            (self.page.t("提供拍照搜题", "Photo search"), "photo_search"),
        ]
    }

    fn answer<'b>(&'b self, typed: &'b str) -> &'b str {
        match typed {
            "yes" => self.page.t("是", "yes"),
            "no" => self.page.t("否", "no"),
            "" => self.page.t("未填", "not said"),
            other => other,
        }
    }

    fn subject<'b>(&'b self, typed: &'b str) -> &'b str {
        typed.parse::<Subject>().map_or(typed, |subject| self.page.t(subject.zh(), subject.en()))
    }

    fn role<'b>(&'b self, typed: &'b str) -> &'b str {
        typed.parse::<Role>().map_or(typed, |role| self.page.t(role.zh(), role.en()))
    }

    fn certificate_stage<'b>(&'b self, typed: &'b str) -> &'b str {
        typed.parse::<CertificateStage>().map_or(typed, |stage| self.page.t(stage.zh(), stage.en()))
    }

    /// Nationality and where the person teaches from; the country's code where it has no word here.
    fn origin(&self, person: &std::collections::BTreeMap<String, String>) -> String {
        let country = |name| match self.value(person, name) {
            "CN" => self.page.t("中国", "China").to_owned(),
            "" => "—".to_owned(),
            other => other.to_owned(),
        };
        format!("{}{}{}", country("nationality"), self.page.t("、", ", "), country("located_in"))
    }

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
    let official = page.actor.as_ref().is_some_and(|actor| !actor.role.is_institution());
    let form = CourseForm::from_stored(&row.form);
    let form = if official { private::masked_form(form) } else { form };
    let own_bureau = page.actor.as_ref().is_some_and(|actor| actor.tenant == row.tenant_id);
    let blocked = findings.iter().any(|finding| finding.class == "block");
    let may_decide = own_bureau && row.status == "submitted" && page.may(Action::DecideCourse);
    let (error, comment) = refused.map_or((None, ""), |(error, comment)| (Some(error), comment));
    let template = ShowPage {
        page: &page,
        row,
        form: &form,
        referred: findings.iter().any(|finding| finding.class == "refer"),
        official,
        may_unmask: official && page.may(Action::UnmaskPersonal),
        findings: &findings,
        blocked,
        may_decide,
        error,
        comment,
    };
    page.render_as(status, &template)
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
    let findings = private::told(findings, &row.filing);
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
        Ok(()) => return Ok(see_other(&format!("/b/courses?done={}", *id))),
        Err(CourseError::Comment) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            lang.t("请写明退回的理由，机构据此改正。", "Say why it is returned; the institution mends it by that."),
        ),
        Err(CourseError::Opinion) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            lang.t("有须核定的项目，请写明核定意见。", "Some findings need an official's decision; say what it is."),
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
