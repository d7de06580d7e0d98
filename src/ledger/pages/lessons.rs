//! A whole class's attendance at once, and what is sent to each parent of it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    contracts::instant,
    shown::{ShownLesson, link},
    store::{self, ContractRow, SessionRow},
};
use crate::{
    identity::{Action, Caller},
    kernel::{Private, mask, private::PersonName},
    ledger::{
        commands::lessons::{Attended, Session, tell},
        error::LedgerError,
    },
    web::{
        Access, FieldError, Lang, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        show,
    },
};

/// Pupils of one class, and sessions that are listed.
const PUPILS: i64 = 500;
const SESSIONS: i64 = 20;

pub(super) fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepLedger);
    vec![
        Route::get("/org/lessons", keep, || web::get().to(page)),
        Route::post("/org/lessons", keep, || web::post().to(post)),
        Route::get("/org/lessons/session", keep, || web::get().to(session)),
    ]
}

#[derive(Debug, Default, Deserialize)]
struct ClassQuery {
    #[serde(default)]
    subject: String,
}

#[derive(Template)]
#[template(path = "ledger/lessons.html")]
struct ClassPage<'a> {
    page: &'a Page,
    subjects: &'a [String],
    subject: &'a str,
    pupils: &'a [(ContractRow, Private<PersonName>)],
    sessions: &'a [SessionRow],
    form: &'a SafeForm,
    errors: &'a [FieldError],
}

impl ClassPage<'_> {
    fn at(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == path).collect()
    }

    fn typed(&self, name: &str) -> &str {
        self.form.get(name)
    }

    /// Whoever was ticked stays so; before anything was sent everybody is.
    fn is_ticked(&self, contract: &ContractRow) -> bool {
        self.errors.is_empty() || self.form.all("contract").contains(&contract.contract_no.as_str())
    }

    fn at_of(&self, session: &SessionRow) -> i64 {
        session.ended_at.timestamp()
    }
}

async fn page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ClassQuery>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, &query.subject, (&SafeForm::default(), &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    subject: &str,
    (form, errors): (&SafeForm, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "上课消课", "Lessons");
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let subjects = store::subjects(&mut conn, institution).await?;
    let chosen = subjects.iter().find(|one| *one == subject).or_else(|| subjects.first()).cloned().unwrap_or_default();
    let class = store::class(&mut conn, institution, &chosen, PUPILS).await?;
    let pupils = class.into_iter().map(|row| row.pupil(conn.vault()).map(|pupil| (row, pupil)));
    let pupils = pupils.collect::<Result<Vec<_>, _>>()?;
    let sessions = store::sessions(&mut conn, institution, page.now(), SESSIONS).await?;
    conn.commit().await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(
        status,
        &ClassPage {
            page: &page,
            subjects: &subjects,
            subject: &chosen,
            pupils: &pupils,
            sessions: &sessions,
            form,
            errors,
        },
    )
}

async fn post(request: HttpRequest, state: State, caller: Caller, posted: SafeForm) -> Result<HttpResponse, Problem> {
    let mut errors = Vec::new();
    let ended_at = instant(&posted, ("ended_on", "ended_time"), &mut errors);
    let units = posted.get("units").parse::<u32>();
    if units.is_err() {
        errors.push(FieldError::new("units", "required", "请填课时数。", "Give the number of units."));
    }
    let numbers = posted.all("contract");
    if numbers.is_empty() {
        errors.push(FieldError::new("pupils", "required", "请勾选到课的学员。", "Tick the pupils who were there."));
    }
    let outcome = match (ended_at, units) {
        (Some(ended_at), Ok(units)) if errors.is_empty() => {
            let attended = |number: &&str| Attended { contract_no: (*number).to_owned(), units };
            let session = Session { ended_at, attendance: numbers.iter().map(attended).collect() };
            tell(&state.pools, &caller, &session).await.map(|_| ended_at)
        }
        _ => Err(LedgerError::Invalid(errors)),
    };
    match outcome {
        Ok(ended_at) => Ok(see_other(&format!("/org/lessons/session?at={}&done=told", ended_at.timestamp()))),
        Err(error) if !error.fields().is_empty() => {
            let named = |error: FieldError| FieldError { path: field(&error.path).to_owned(), ..error };
            let errors: Vec<_> = error.fields().into_iter().map(named).collect();
            render(&request, &state, &caller, posted.get("subject"), (&posted, &errors)).await
        }
        Err(error) => Err(error.into()),
    }
}

fn field(path: &str) -> &str {
    match path {
        "ended_at" => "ended_on",
        path if path.starts_with("attendance") && path.ends_with("units") => "units",
        path if path.starts_with("attendance") => "pupils",
        other => other,
    }
}

#[derive(Debug, Deserialize)]
struct SessionQuery {
    /// Seconds since 1970.
    at: i64,
}

/// One parent of a session: what is sent, the link in it and its drawing.
struct Message {
    lesson: ShownLesson,
    text: String,
    address: String,
    drawing: String,
}

#[derive(Template)]
#[template(path = "ledger/session.html")]
struct SessionPage<'a> {
    page: &'a Page,
    ended_at: DateTime<Utc>,
    messages: &'a [Message],
}

async fn session(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<SessionQuery>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&request, "一次课的确认", "One session");
    if page.done() == Some("told") {
        page.note = Some(Note::new(
            page.t("考勤已登记", "Attendance is recorded"),
            page.t(
                "把每位家长的短信发出去，或请家长扫码。",
                "Send each parent their message, or let them scan the code.",
            ),
        ));
    }
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let ended_at = DateTime::from_timestamp(query.at, 0).ok_or_else(Problem::not_found)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::session(&mut conn, institution, ended_at).await?;
    let lessons = ShownLesson::plain(rows, conn.vault())?;
    let mut messages: Vec<Message> = Vec::new();
    for lesson in lessons {
        // Units of one pupil in one session have one link.
        if messages.last().is_some_and(|last| last.lesson.row.contract_id == lesson.row.contract_id) {
            continue;
        }
        let (address, drawing) = link(&state, conn.vault(), &lesson.row)?;
        let text = message(&page, &lesson, &address);
        messages.push(Message { lesson, text, address, drawing });
    }
    conn.commit().await?;
    if messages.is_empty() {
        return Err(Problem::not_found());
    }
    page.render(&SessionPage { page: &page, ended_at, messages: &messages })
}

/// What the parent is told, as a message on the phone. It is read by families, so it is Chinese.
fn message(page: &Page, lesson: &ShownLesson, address: &str) -> String {
    let name = mask::name(&lesson.pupil);
    let zh = |at: DateTime<Utc>| show::time(Lang::Zh, at, page.today());
    format!(
        "{name}家长：{}，{} 下课，请确认是否上课：{address} 。{} 前没有异议视为确认。",
        lesson.row.subject,
        zh(lesson.row.ended_at),
        zh(lesson.row.due_at)
    )
}
