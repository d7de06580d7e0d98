//! What a parent sees behind the link of a lesson, without signing in: which lesson, and two buttons.
//!
//! The link alone says who it is for; the page shows masks, and after the parent's word only what became of it.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::store;
use crate::{
    db::Scope,
    kernel::{Private, private::PersonName},
    ledger::{
        commands::parents::{self, Word},
        error::LedgerError,
        model::{ConfirmedBy, LessonState},
        rules::silence,
        store::lessons::Lesson,
    },
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
        session::Visit,
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{token}", Access::Anyone, || web::get().to(show)),
        Route::post("/c/{token}", Access::Anyone, || web::post().to(say)),
    ]
}

#[derive(Template)]
#[template(path = "ledger/parent.html")]
struct ParentPage<'a> {
    page: &'a Page,
    token: &'a str,
    lessons: &'a [Lesson],
    first: &'a Lesson,
    pupil: &'a Private<PersonName>,
    state: LessonState,
    typed: &'a str,
    errors: &'a [FieldError],
}

impl ParentPage<'_> {
    /// What all units of the link cost together.
    fn amount(&self) -> String {
        self.page.yuan(self.lessons.iter().map(|lesson| lesson.amount_fen).sum::<i64>())
    }

    /// Who confirmed it, and when.
    fn confirmed(&self) -> String {
        let by = self.first.confirmed_by.as_deref().and_then(|by| by.parse::<ConfirmedBy>().ok());
        let by = by.unwrap_or(ConfirmedBy::Silence);
        let at = self.first.confirmed_at.unwrap_or(self.first.due_at);
        format!("{} · {}", self.page.t(by.zh(), by.en()), self.page.time(at))
    }
}

#[derive(Template)]
#[template(path = "ledger/dead_link.html")]
struct DeadLinkPage<'a> {
    page: &'a Page,
}

/// The same page whatever is wrong with the link.
fn dead_link(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "这个链接不能用", "This link does not work");
    page.render_as(StatusCode::NOT_FOUND, &DeadLinkPage { page: &page })
}

async fn show(request: HttpRequest, state: State, token: web::Path<String>) -> Result<HttpResponse, Problem> {
    render(&request, &state, &token, StatusCode::OK, ("", &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    token: &str,
    status: StatusCode,
    (typed, errors): (&str, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let lessons = match parents::lessons(&state.pools, token).await {
        Err(LedgerError::NotFound) => return dead_link(request),
        found => found?,
    };
    let Some(first) = lessons.first() else { return dead_link(request) };
    let mut conn = Scope::system(first.tenant_id).begin(&state.pools).await?;
    let contract = store::contract(&mut conn, first.contract_id).await?.ok_or_else(Problem::not_found)?;
    let pupil = contract.pupil(conn.vault())?;
    conn.commit().await?;
    let page = Page::new(request, "上课确认", "Confirm a lesson");
    let stored = first.state.parse().unwrap_or(LessonState::Void);
    let template = ParentPage {
        page: &page,
        token,
        lessons: &lessons,
        first,
        pupil: &pupil,
        state: silence::state_at(stored, first.due_at, state.clock.now()),
        typed,
        errors,
    };
    page.render_as(status, &template)
}

async fn say(
    request: HttpRequest,
    state: State,
    token: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let text = form.get("text");
    let word = match form.get("do") {
        "confirm" => Word::Confirm,
        "dispute" => Word::Dispute(text),
        _ => return Err(Problem::bad_request("请选择已上课或有异议。", "Say whether the lesson was given.")),
    };
    let request_id = request.extensions().get::<Visit>().map(|visit| visit.request_id.clone()).unwrap_or_default();
    match parents::say(&state.pools, &token, word, &request_id, state.clock.now()).await {
        Ok(()) => Ok(see_other(&format!("/c/{token}"))),
        Err(LedgerError::NotFound) => dead_link(&request),
        // Something was said before: the page tells what.
        Err(LedgerError::LessonState(_)) => render(&request, &state, &token, StatusCode::CONFLICT, ("", &[])).await,
        Err(LedgerError::Invalid(errors)) => {
            render(&request, &state, &token, StatusCode::UNPROCESSABLE_ENTITY, (text, &errors)).await
        }
        Err(error) => Err(error.into()),
    }
}
