//! The page on which an administrator sets where the bureau's own systems hear of warnings.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::commands;
use crate::{
    escrow::{
        EscrowError,
        oversight::store::webhooks::{self, Webhook},
    },
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let keep = Access::Official(Action::KeepWebhook);
    vec![
        Route::get("/b/escrow/webhook", keep, || web::get().to(page)),
        Route::post("/b/escrow/webhook", keep, || web::post().to(submit)),
    ]
}

#[derive(Template)]
#[template(path = "escrow/webhook.html")]
struct WebhookPage<'a> {
    page: &'a Page,
    webhook: Option<Webhook>,
    /// Shown once, right after the address was set.
    secret: Option<&'a str>,
    typed: &'a str,
    errors: &'a [FieldError],
}

async fn page(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, None, ("", &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    secret: Option<&str>,
    (typed, errors): (&str, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "预警推送", "Where warnings are sent");
    if page.done() == Some("removed") {
        page.note = Some(Note::new(page.t("已停止推送", "Nothing is sent any more"), ""));
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let webhook = webhooks::webhook(&mut conn).await?;
    conn.commit().await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &WebhookPage { page: &page, webhook, secret, typed, errors })
}

/// POST /b/escrow/webhook
async fn submit(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    if form.get("action") == "remove" {
        commands::remove(&state, &caller).await?;
        return Ok(see_other("/b/escrow/webhook?done=removed"));
    }
    match commands::set(&state, &caller, form.get("url")).await {
        Ok(secret) => render(&request, &state, &caller, Some(&secret), ("", &[])).await,
        Err(EscrowError::Invalid(errors)) => render(&request, &state, &caller, None, (form.get("url"), &errors)).await,
        Err(error) => Err(error.into()),
    }
}
