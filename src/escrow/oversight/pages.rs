//! Pages of a warning by itself, which is the only one of a warning about an institution without an account or about a bank.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{sms, store::telling, webhook};
use crate::{
    db::{DbError, ScopedConn},
    escrow::{
        brief,
        card::{Card, Refused, field_of},
        detector::Step,
        ingest::{self, Outcome, Reproduced},
        pages::{OFFICIALS, told_of},
        shown::{self, ShownWarning},
        store::warnings,
    },
    identity::{Action, Caller, may, roles},
    web::{
        Access, FieldError, Page, Problem, Route,
        page::{Note, State},
        show,
    },
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadEscrow);
    let mut routes = vec![
        Route::get("/b/escrow/warnings/{id}", read, || web::get().to(warning_page)),
        Route::get("/b/escrow/warnings/{id}/replay", read, || web::get().to(replay_page)),
        Route::get("/api/v1/warnings/{id}/replay", read, || web::get().to(replay)),
    ];
    routes.extend(webhook::pages::routes());
    routes.extend(sms::pages::routes());
    routes
}

#[derive(Template)]
#[template(path = "escrow/one.html")]
struct OnePage<'a> {
    page: &'a Page,
    shown: &'a ShownWarning,
    card: String,
    refused: bool,
    errors: &'a [FieldError],
}

impl OnePage<'_> {
    fn kind(&self) -> &'static str {
        show::warning_kind(self.page.lang, &self.shown.warning.kind)
    }

    fn status(&self) -> &'static str {
        brief::status_word(self.page.lang, &self.shown.warning.status)
    }

    fn anchor(&self, error: &FieldError) -> String {
        format!("{}-{}", field_of(error), self.shown.warning.id)
    }
}

async fn warning_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, *id, None).await
}

/// The officials to whom a warning may be handed over.
pub(in crate::escrow) async fn colleagues(conn: &mut ScopedConn) -> Result<Vec<telling::Colleague>, DbError> {
    let roles: Vec<String> = roles(Action::HandleWarning).iter().map(ToString::to_string).collect();
    telling::colleagues(conn, &roles).await
}

/// The page of one warning of the caller's range.
pub(in crate::escrow) async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    refused: Option<&Refused<'_>>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let warning = warnings::warning(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let tenant = warning.tenant_id;
    let name = warning.institution_name.clone();
    let mut page = Page::new(request, &name, &name);
    page.note = match page.done() {
        Some("document_erased") => Some(Note::new(page.t("文件已删除", "The file is erased"), "")),
        done => done.and_then(|done| done.parse().ok()).map(|step| told_of(&page, step)),
    };
    // Upper levels look and change nothing.
    let may_handle = tenant == caller.actor.tenant && may(caller.actor.role, Action::HandleWarning);
    let steps = if may_handle { OFFICIALS } else { &[] };
    let shown =
        shown::shown(&mut conn, (page.lang, state.calendar.as_ref()), caller, tenant, vec![warning], steps).await?;
    let colleagues = if may_handle { colleagues(&mut conn).await? } else { Vec::new() };
    conn.commit().await?;
    let shown = shown.into_iter().next().ok_or_else(Problem::not_found)?;
    let card =
        Card { page: &page, w: &shown, refused, colleagues: &colleagues, account: None, unfolded: true }.html()?;
    let errors = refused.map(|refused| refused.errors.as_slice()).unwrap_or_default();
    let template = OnePage { page: &page, shown: &shown, card, refused: refused.is_some(), errors };
    page.render_as(if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// What a replay of the account's history says of a warning of the caller's range; `None` where it has no account.
async fn reproduced(
    state: &State,
    caller: &Caller,
    id: i64,
) -> Result<(warnings::Warning, Option<Reproduced>), Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let warning = warnings::warning(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let found = match warning.account_id {
        Some(account) => Some(ingest::reproduce(state, (warning.tenant_id, account), id, caller.now).await?),
        None => None,
    };
    Ok((warning, found))
}

/// GET /api/v1/warnings/{id}/replay
async fn replay(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let (_, found) = reproduced(&state, &caller, *id).await?;
    let found = found.unwrap_or(Reproduced { entries: 0, last_on: None, outcome: Outcome::NotOfEntries });
    Ok(HttpResponse::Ok().json(found))
}

#[derive(Template)]
#[template(path = "escrow/replay.html")]
struct ReplayPage<'a> {
    page: &'a Page,
    warning: &'a warnings::Warning,
    found: Option<&'a Reproduced>,
}

impl ReplayPage<'_> {
    fn kind(&self) -> &'static str {
        show::warning_kind(self.page.lang, &self.warning.kind)
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.found.map(|found| &found.outcome)
    }

    /// Instant, level and entry of each step that the replay found.
    fn steps(&self) -> Vec<(String, &Step)> {
        let steps = match self.outcome() {
            Some(Outcome::Same { steps } | Outcome::Other { steps, .. }) => steps.as_slice(),
            Some(Outcome::NotOfEntries) | None => &[],
        };
        steps.iter().map(|step| (self.page.time(step.at.to_utc()), step)).collect()
    }
}

/// GET /b/escrow/warnings/{id}/replay
async fn replay_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    let (warning, found) = reproduced(&state, &caller, *id).await?;
    let page = Page::new(&request, "重放", "Replay");
    page.render(&ReplayPage { page: &page, warning: &warning, found: found.as_ref() })
}
