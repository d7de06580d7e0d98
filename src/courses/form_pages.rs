//! The institution's form, with every finding beside its field.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    commands::{self, CourseError, Edited, Step, status_zh},
    form::CourseForm,
    model::{Category, CertificateStage, Delivery, Role, Stage},
    pages::{own_course, show_course},
    rules::Verdict,
    shown::{Shown, anchor, shown, shown_error},
    store::{self, CourseRow, Filer},
};
use crate::{
    identity::{Action, Caller},
    web::{
        Access, FieldError, Lang, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

pub(super) fn routes() -> Vec<Route> {
    let file = Access::May(Action::FileCourse);
    vec![
        Route::get("/org/courses/new", file, || web::get().to(new)),
        Route::post("/org/courses/new", file, || web::post().to(post_new)),
        Route::post("/org/courses/check", file, || web::post().to(check)),
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
    kept: Option<Kept>,
    conflict: Option<&'a str>,
    returned: Option<&'a str>,
    findings: &'a [Shown],
    checked: bool,
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

    fn stages(&self) -> Vec<(String, String)> {
        named(
            self.page,
            [Stage::Preschool, Stage::Primary, Stage::Junior, Stage::Senior, Stage::Adult]
                .map(|s| (s.to_string(), s.zh(), s.en())),
        )
    }

    fn categories(&self) -> Vec<(String, String)> {
        named(self.page, CATEGORIES.map(|c| (c.to_string(), c.zh(), c.en())))
    }

    fn deliveries(&self) -> Vec<(String, String)> {
        named(self.page, [Delivery::Offline, Delivery::Online].map(|d| (d.to_string(), d.zh(), d.en())))
    }

    fn roles(&self) -> Vec<(String, String)> {
        named(self.page, [Role::Teaching, Role::Research, Role::Other].map(|r| (r.to_string(), r.zh(), r.en())))
    }

    fn certificate_stages(&self) -> Vec<(String, String)> {
        use CertificateStage::{Higher, Junior, Preschool, Primary, Senior, Vocational};
        named(
            self.page,
            [Preschool, Primary, Junior, Senior, Vocational, Higher].map(|s| (s.to_string(), s.zh(), s.en())),
        )
    }
}

fn named<const N: usize>(page: &Page, words: [(String, &'static str, &'static str); N]) -> Vec<(String, String)> {
    words.into_iter().map(|(id, zh, en)| (id, capital(page.t(zh, en)))).collect()
}

/// English words stand alone in a list of choices.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
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
    /// Why the course that is kept was left as it is.
    conflict: Option<String>,
}

/// The course that a form changes, as it was read.
#[derive(Debug, Clone, Copy)]
struct Kept {
    id: i64,
    version: i32,
}

struct FormView<'a> {
    request: &'a HttpRequest,
    caller: &'a Caller,
    kept: Option<Kept>,
    returned: Option<String>,
}

impl<'a> FormView<'a> {
    fn new(request: &'a HttpRequest, caller: &'a Caller) -> FormView<'a> {
        FormView { request, caller, kept: None, returned: None }
    }

    fn of(request: &'a HttpRequest, caller: &'a Caller, row: &CourseRow, version: i32) -> FormView<'a> {
        let returned = row.comment.clone().filter(|_| row.status == "returned");
        FormView { request, caller, kept: Some(Kept { id: row.id, version }), returned }
    }
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
    let mut page = Page::new(view.request, "课程备案", "Course filing");
    page.note = note(&page);
    let checked = outcome.verdict.is_some() || !outcome.errors.is_empty();
    let mut findings: Vec<Shown> = outcome.errors.iter().map(|error| shown_error(&page, error)).collect();
    findings.extend(outcome.verdict.iter().flat_map(|verdict| &verdict.findings).map(|finding| shown(&page, finding)));
    let refused = findings.iter().any(|finding| finding.class == "block");
    let form = form.with_room(2, 1);
    let status = match outcome.conflict {
        Some(_) => StatusCode::CONFLICT,
        None if checked && refused => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    page.render_as(
        status,
        &FormPage {
            page: &page,
            filer: &filer,
            form: &form,
            kept: view.kept,
            conflict: outcome.conflict.as_deref(),
            returned: view.returned.as_deref(),
            findings: &findings,
            checked,
        },
    )
}

/// The findings alone, for the form to show while it is being filled in. What is still empty is not held against it.
#[derive(Template)]
#[template(path = "courses/findings.html")]
struct FindingsPage<'a> {
    page: &'a Page,
    findings: Vec<Shown>,
    checked: bool,
}

async fn check(request: HttpRequest, state: State, caller: Caller, posted: SafeForm) -> Result<HttpResponse, Problem> {
    let form = CourseForm::from_post(&posted);
    let page = Page::new(&request, "课程备案", "Course filing");
    let (findings, checked) = match commands::check(&state.pools, &state.calendar, &caller, form).await {
        Ok(judged) => (judged.verdict.findings.iter().map(|finding| shown(&page, finding)).collect(), true),
        Err(CourseError::Unreadable(errors)) => {
            let typed = errors.iter().filter(|error| error.rule != "required");
            (typed.map(|error| shown_error(&page, error)).collect(), false)
        }
        Err(error) => return Err(error.into()),
    };
    page.render(&FindingsPage { page: &page, findings, checked })
}

async fn new(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let filer = store::filer(&mut conn, caller.actor.tenant, institution).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let form = CourseForm::blank(&filer.category);
    show_form(FormView::new(&request, &caller), &state, form, Outcome::default()).await
}

async fn edit(request: HttpRequest, state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let row = own_course(&state, &caller, *id).await?;
    if !matches!(row.status.as_str(), "draft" | "returned") {
        return show_course(&request, &row, Vec::new());
    }
    let form = CourseForm::from_stored(&row.form);
    let view = FormView::of(&request, &caller, &row, row.version);
    show_form(view, &state, form, Outcome::default()).await
}

/// What was just done to a course, for the page that follows.
pub(super) fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "draft" => (
            page.t("草稿已保存", "The draft is kept"),
            page.t("还没有提交；填好后按“提交备案”。", "Nothing is submitted yet; press Submit when it is complete."),
        ),
        "submitted" => (
            page.t("已提交，等待教育局审批", "Submitted; the bureau decides on it next"),
            page.t(
                "准予后家长才能看到这门课，请不要提前收费。",
                "Parents see the course once it is approved; take no fees before.",
            ),
        ),
        _ => return None,
    };
    Some(Note::new(title, text).with_link("/org/courses", page.t("查看全部课程", "See all courses")))
}

async fn post_new(
    request: HttpRequest,
    state: State,
    caller: Caller,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    post(FormView::new(&request, &caller), &state, &posted).await
}

async fn post_edit(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let row = own_course(&state, &caller, *id).await?;
    // A form that does not say what it showed changes nothing.
    let read = posted.get("version").parse().unwrap_or(0);
    post(FormView::of(&request, &caller, &row, read), &state, &posted).await
}

/// The buttons of the form: more rows, repeat weekly, check, keep as draft, submit.
async fn post(view: FormView<'_>, state: &State, posted: &SafeForm) -> Result<HttpResponse, Problem> {
    let mut form = CourseForm::from_post(posted);
    match posted.get("do") {
        "more" => show_form(view, state, form.with_room(5, 1), Outcome::default()).await,
        "repeat" => {
            let errors = repeat(&mut form, posted);
            show_form(view, state, form, Outcome { errors, ..Outcome::default() }).await
        }
        "draft" => save(view, state, form, Step::Draft).await,
        "submit" => save(view, state, form, Step::Submit).await,
        _ => match commands::check(&state.pools, &state.calendar, view.caller, form.clone()).await {
            Ok(judged) => {
                show_form(view, state, form, Outcome { verdict: Some(judged.verdict), ..Outcome::default() }).await
            }
            Err(error) => show_refused(view, state, form, error).await,
        },
    }
}

fn repeat(form: &mut CourseForm, posted: &SafeForm) -> Vec<FieldError> {
    let days = posted.get("repeat_from").parse().ok().zip(posted.get("repeat_to").parse().ok());
    let weekdays: Vec<u32> = posted.all("repeat_on").iter().filter_map(|day| day.parse().ok()).collect();
    match days {
        Some((from, to)) if !weekdays.is_empty() => {
            form.repeat(from, to, &weekdays, posted.get("repeat_start"), posted.get("repeat_end"));
            Vec::new()
        }
        _ => vec![FieldError::new(
            "course.repeat_from",
            "required",
            "按周排课须填写起止日期，并至少选一个星期几。",
            "To repeat weekly give both dates and at least one weekday.",
        )],
    }
}

async fn save(view: FormView<'_>, state: &State, form: CourseForm, step: Step) -> Result<HttpResponse, Problem> {
    let edited = view.kept.map(|kept| Edited { id: kept.id, version: Some(kept.version) });
    let done = if step == Step::Submit { "submitted" } else { "draft" };
    match commands::file(&state.pools, &state.calendar, view.caller, edited, form.clone(), step).await {
        Ok(id) => Ok(see_other(&format!("/org/courses/{id}?done={done}"))),
        Err(error) => show_refused(view, state, form, error).await,
    }
}

/// The form as it was typed, with why it was not taken.
async fn show_refused(
    mut view: FormView<'_>,
    state: &State,
    form: CourseForm,
    error: CourseError,
) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(view.request);
    let mut outcome = Outcome::default();
    match error {
        CourseError::Unreadable(errors) => outcome.errors = errors,
        CourseError::Blocked(verdict) => outcome.verdict = Some(*verdict),
        CourseError::Changed(version) => {
            // Whoever has read this and saves again means to replace it.
            view.kept = view.kept.map(|kept| Kept { version, ..kept });
            outcome.conflict = Some(
                lang.t(
                    "这门课程在另一个页面改过。下面是您刚才填的，还没有保存；再次保存或提交，将以下面的内容替换。",
                    "The course was changed in another window. Below is what you typed, not saved yet; if you save or submit again, it replaces what is kept.",
                )
                .to_owned(),
            );
        }
        CourseError::State(status) => {
            outcome.conflict = Some(match lang {
                Lang::Zh => {
                    format!("这门课程的状态已是“{}”，不能再改。下面是您刚才填的，没有保存。", status_zh(&status))
                }
                Lang::En => {
                    format!(
                        "The course is {status} by now and can no longer be changed. Below is what you typed; it is not saved."
                    )
                }
            });
        }
        error => return Err(error.into()),
    }
    show_form(view, state, form, outcome).await
}
