//! The institution's form, with every finding beside its field.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    commands::{self, CourseError, Step},
    form::CourseForm,
    model::{Category, CertificateStage, Delivery, Role, Stage},
    pages::{own_course, show_course},
    rules::Verdict,
    shown::{Shown, anchor, shown, shown_error},
    store::{self, Filer},
};
use crate::{
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
    },
};

pub(super) fn routes() -> Vec<Route> {
    let file = Access::May(Action::FileCourse);
    vec![
        Route::get("/org/courses/new", file, || web::get().to(new)),
        Route::post("/org/courses/new", file, || web::post().to(post_new)),
        Route::get("/org/courses/{id}", file, || web::get().to(edit)),
        Route::post("/org/courses/{id}", file, || web::post().to(post_edit)),
    ]
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
        self.findings.iter().filter(|finding| finding.path == path && finding.class == "block").collect()
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
