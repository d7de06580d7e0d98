//! Pages of course filing: the institution's form with every finding beside its field, the bureau's queue.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    commands::{self, CourseDecision, CourseError, Step, status_zh},
    form::CourseForm,
    model::{Category, CertificateStage, Delivery, Role, Stage},
    rules::Verdict,
    store::{self, CourseRow, Filer},
};
use crate::{
    identity::{Action, Caller},
    kernel::{Finding, Severity},
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
    },
};

/// The feature's pages.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/org", Access::May(Action::FileCourse), || web::get().to(home)),
        Route::get("/org/courses", Access::May(Action::FileCourse), || web::get().to(own_list)),
        Route::get("/org/courses/new", Access::May(Action::FileCourse), || web::get().to(new)),
        Route::post("/org/courses/new", Access::May(Action::FileCourse), || web::post().to(post_new)),
        Route::get("/org/courses/{id}", Access::May(Action::FileCourse), || web::get().to(edit)),
        Route::post("/org/courses/{id}", Access::May(Action::FileCourse), || web::post().to(post_edit)),
        Route::get("/b/courses", Access::Official(Action::ReadRegister), || web::get().to(queue)),
        Route::get("/b/courses/{id}", Access::Official(Action::ReadRegister), || web::get().to(review)),
        Route::post("/b/courses/{id}", Access::Official(Action::DecideCourse), || web::post().to(post_review)),
    ]
}

/// A finding as the pages show it: a rule's, or a text that could not be read.
struct Shown {
    class: &'static str,
    tag: &'static str,
    icon: &'static str,
    word: String,
    rule: String,
    path: String,
    message: String,
    fix: String,
    basis: String,
    evidence: String,
}

fn shown(page: &Page, finding: &Finding) -> Shown {
    let (class, tag, icon, word) = match finding.severity {
        Severity::Block => ("block", "bad", "cross", page.t("须改正", "Must be mended")),
        Severity::Refer => ("refer", "info", "circle", page.t("须核定", "An official decides")),
        Severity::Warn => ("warn", "warn", "triangle", page.t("请留意", "Please note")),
    };
    let evidence = finding
        .evidence
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    Shown {
        class,
        tag,
        icon,
        word: word.to_owned(),
        rule: finding.rule.to_string(),
        path: finding.path.clone(),
        message: page.t(&finding.message_zh, &finding.message_en).to_owned(),
        fix: page.t(&finding.fix_zh, &finding.fix_en).to_owned(),
        basis: finding.legal_basis.to_string(),
        evidence: evidence.collect::<Vec<_>>().join(" · "),
    }
}

fn shown_error(page: &Page, error: &FieldError) -> Shown {
    Shown {
        class: "block",
        tag: "bad",
        icon: "cross",
        word: page.t("须改正", "Must be mended").to_owned(),
        rule: error.rule.clone(),
        path: error.path.clone(),
        message: page.t(&error.message_zh, &error.message_en).to_owned(),
        fix: String::new(),
        basis: String::new(),
        evidence: String::new(),
    }
}

/// The id of the field that a finding speaks of, so that its link leads there.
fn anchor(path: &str) -> String {
    path.replace("course.sessions[", "session-")
        .replace("instructors[", "person-")
        .replace("].", "-")
        .replace("course.", "")
        .replace(['[', ']', '.'], "-")
}

#[derive(Template)]
#[template(path = "courses/form.html")]
struct FormPage<'a> {
    page: &'a Page,
    filer: &'a Filer,
    form: &'a CourseForm,
    id: Option<i64>,
    returned: Option<&'a str>,
    findings: &'a [Shown],
    checked: bool,
    categories: &'a [Category],
}

impl FormPage<'_> {
    fn at(&self, path: &str) -> Vec<&Shown> {
        self.findings.iter().filter(|finding| finding.path == path && finding.class != "warn").collect()
    }

    fn row(&self, at: &usize, field: &str) -> Vec<&Shown> {
        self.at(&format!("course.sessions[{at}].{field}"))
    }

    fn person(&self, at: &usize, field: &str) -> Vec<&Shown> {
        self.at(&format!("instructors[{at}].{field}"))
    }

    fn blocking(&self) -> Vec<&Shown> {
        self.findings.iter().filter(|finding| finding.class == "block").collect()
    }

    fn anchor(&self, path: &str) -> String {
        anchor(path)
    }

    fn value<'b>(&self, person: &'b std::collections::BTreeMap<String, String>, name: &str) -> &'b str {
        person.get(name).map_or("", String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.form.get(name) == value
    }

    fn person_is(&self, person: &std::collections::BTreeMap<String, String>, name: &str, value: &str) -> bool {
        self.value(person, name) == value
    }

    fn stages(&self) -> Vec<(String, &'static str)> {
        named(
            self.page,
            [Stage::Preschool, Stage::Primary, Stage::Junior, Stage::Senior, Stage::Adult]
                .map(|s| (s.to_string(), s.zh(), s.en())),
        )
    }

    fn deliveries(&self) -> Vec<(String, &'static str)> {
        named(self.page, [Delivery::Offline, Delivery::Online].map(|d| (d.to_string(), d.zh(), d.en())))
    }

    fn roles(&self) -> Vec<(String, &'static str)> {
        named(self.page, [Role::Teaching, Role::Research, Role::Other].map(|r| (r.to_string(), r.zh(), r.en())))
    }

    fn certificate_stages(&self) -> Vec<(String, &'static str)> {
        use CertificateStage::{Higher, Junior, Preschool, Primary, Senior, Vocational};
        named(
            self.page,
            [Preschool, Primary, Junior, Senior, Vocational, Higher].map(|s| (s.to_string(), s.zh(), s.en())),
        )
    }
}

fn named<const N: usize>(page: &Page, words: [(String, &'static str, &'static str); N]) -> Vec<(String, &'static str)> {
    words.into_iter().map(|(id, zh, en)| (id, page.t(zh, en))).collect()
}

const CATEGORIES: [Category; 7] = [
    Category::Academic,
    Category::Arts,
    Category::Sports,
    Category::SciTech,
    Category::Vocational,
    Category::Childcare,
    Category::Comprehensive,
];

/// What a form came to, for showing it again.
#[derive(Default)]
struct Outcome {
    verdict: Option<Verdict>,
    errors: Vec<FieldError>,
}

struct FormView<'a> {
    request: &'a HttpRequest,
    caller: &'a Caller,
    id: Option<i64>,
    returned: Option<String>,
}

async fn show_form(
    view: FormView<'_>,
    state: &State,
    form: CourseForm,
    outcome: Outcome,
) -> Result<HttpResponse, Problem> {
    let institution = view.caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let mut conn = view.caller.actor.scope().begin(&state.pools).await?;
    let filer = store::filer(&mut conn, view.caller.actor.tenant, institution).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let page = Page::new(view.request, "课程备案", "Course filing");
    let checked = outcome.verdict.is_some() || !outcome.errors.is_empty();
    let mut findings: Vec<Shown> = outcome.errors.iter().map(|error| shown_error(&page, error)).collect();
    findings.extend(outcome.verdict.iter().flat_map(|verdict| &verdict.findings).map(|finding| shown(&page, finding)));
    let refused = findings.iter().any(|finding| finding.class == "block");
    let form = form.with_room(2, 1);
    let status = if checked && refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(
        status,
        &FormPage {
            page: &page,
            filer: &filer,
            form: &form,
            id: view.id,
            returned: view.returned.as_deref(),
            findings: &findings,
            checked,
            categories: &CATEGORIES,
        },
    )
}

async fn new(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let filer = store::filer(&mut conn, caller.actor.tenant, institution).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let form = CourseForm::blank(&filer.category);
    show_form(
        FormView { request: &request, caller: &caller, id: None, returned: None },
        &state,
        form,
        Outcome::default(),
    )
    .await
}

async fn own_course(state: &State, caller: &Caller, id: i64) -> Result<CourseRow, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = store::course(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok(row)
}

async fn edit(request: HttpRequest, state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let row = own_course(&state, &caller, *id).await?;
    if !matches!(row.status.as_str(), "draft" | "returned") {
        return show_course(&request, &row, Vec::new());
    }
    let form = CourseForm::from_stored(&row.form);
    let view = FormView {
        request: &request,
        caller: &caller,
        id: Some(*id),
        returned: row.comment.filter(|_| row.status == "returned"),
    };
    show_form(view, &state, form, Outcome::default()).await
}

async fn post_new(
    request: HttpRequest,
    state: State,
    caller: Caller,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    post(&request, &state, &caller, None, &posted).await
}

async fn post_edit(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    own_course(&state, &caller, *id).await?;
    post(&request, &state, &caller, Some(*id), &posted).await
}

/// The buttons of the form: more rows, repeat weekly, check, keep as draft, submit.
async fn post(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: Option<i64>,
    posted: &SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut form = CourseForm::from_post(posted);
    let view = FormView { request, caller, id, returned: None };
    match posted.get("do") {
        "more" => show_form(view, state, form.with_room(5, 1), Outcome::default()).await,
        "repeat" => {
            let days = posted.get("repeat_from").parse().ok().zip(posted.get("repeat_to").parse().ok());
            let weekdays: Vec<u32> = posted.all("repeat_on").iter().filter_map(|day| day.parse().ok()).collect();
            let mut outcome = Outcome::default();
            match days {
                Some((from, to)) if !weekdays.is_empty() => {
                    form.repeat(from, to, &weekdays, posted.get("repeat_start"), posted.get("repeat_end"))
                }
                _ => outcome.errors.push(FieldError::new(
                    "course.repeat_from",
                    "required",
                    "按周排课须填写起止日期，并至少选一个星期几。",
                    "To repeat weekly give both dates and at least one weekday.",
                )),
            }
            show_form(view, state, form, outcome).await
        }
        "draft" => {
            let id = commands::file(&state.pools, &state.calendar, caller, id, &form, Step::Draft).await?;
            Ok(see_other(&format!("/org/courses/{id}")))
        }
        "submit" => match commands::file(&state.pools, &state.calendar, caller, id, &form, Step::Submit).await {
            Ok(id) => Ok(see_other(&format!("/org/courses/{id}"))),
            Err(CourseError::Unreadable(errors)) => {
                show_form(view, state, form, Outcome { errors, verdict: None }).await
            }
            Err(CourseError::Blocked(verdict)) => {
                show_form(view, state, form, Outcome { errors: Vec::new(), verdict: Some(*verdict) }).await
            }
            Err(error) => Err(error.into()),
        },
        _ => match commands::check(&state.pools, &state.calendar, caller, &form).await {
            Ok(judged) => {
                show_form(view, state, form, Outcome { errors: Vec::new(), verdict: Some(judged.verdict) }).await
            }
            Err(CourseError::Unreadable(errors)) => {
                show_form(view, state, form, Outcome { errors, verdict: None }).await
            }
            Err(error) => Err(error.into()),
        },
    }
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

fn status_tag(page: &Page, status: &str) -> String {
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

async fn home(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &caller, "", 0).await
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

    fn delivery(&self) -> &'static str {
        self.form.get("delivery").parse().map_or("—", |delivery: Delivery| self.page.t(delivery.zh(), delivery.en()))
    }
}

fn show_course(request: &HttpRequest, row: &CourseRow, findings: Vec<Shown>) -> Result<HttpResponse, Problem> {
    show_course_as(StatusCode::OK, request, row, findings, None)
}

fn show_course_as(
    status: StatusCode,
    request: &HttpRequest,
    row: &CourseRow,
    findings: Vec<Shown>,
    error: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, &format!("{} · {}", row.name, status_zh(&row.status)), &row.name);
    let form = CourseForm::from_stored(&row.form);
    let own_bureau = page.actor.as_ref().is_some_and(|actor| actor.tenant == row.tenant_id);
    let blocked = findings.iter().any(|finding| finding.class == "block");
    let may_decide = own_bureau && row.status == "submitted" && page.may(Action::DecideCourse);
    page.render_as(status, &ShowPage { page: &page, row, form: &form, findings: &findings, blocked, may_decide, error })
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
    match commands::decide(&state.pools, &state.calendar, &caller, *id, decision, posted.get("comment")).await {
        Ok(()) => Ok(see_other("/b/courses")),
        Err(CourseError::Comment) => {
            let row = own_course(&state, &caller, *id).await?;
            let findings = findings_of(&request, &state, &caller, &row).await?;
            let lang = crate::web::Lang::of(&request);
            let error =
                lang.t("请写明退回的理由，机构据此改正。", "Say why it is returned; the institution mends it by that.");
            show_course_as(StatusCode::UNPROCESSABLE_ENTITY, &request, &row, findings, Some(error))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::anchor;

    #[test]
    fn a_finding_leads_to_its_field() {
        assert_eq!(anchor("course.sessions[3].end"), "session-3-end");
        assert_eq!(anchor("course.fee_fen"), "fee_fen");
        assert_eq!(anchor("instructors[0].teacher_certificate"), "person-0-teacher_certificate");
    }
}
