//! Pages of documents: the file, and the erasure of one.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{api::download, commands, model::Attachment};
use crate::{
    escrow::{EscrowError, shown, store::warnings::Warning},
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
    },
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let erases = Access::Official(Action::ServeDataSubject);
    vec![
        Route::get("/b/escrow/warnings/{id}/documents/{document}", Access::Official(Action::ReadEscrow), || {
            web::get().to(download)
        }),
        Route::get("/org/escrow/warnings/{id}/documents/{document}", Access::May(Action::ExplainWarning), || {
            web::get().to(download)
        }),
        Route::get("/b/escrow/warnings/{id}/documents/{document}/erase", erases, || web::get().to(erase_page)),
        Route::post("/b/escrow/warnings/{id}/documents/{document}/erase", erases, || web::post().to(post_erase)),
    ]
}

#[derive(Template)]
#[template(path = "escrow/erase_document.html")]
struct ErasePage<'a> {
    page: &'a Page,
    warning: &'a Warning,
    document: &'a Attachment,
    back: String,
    typed: &'a str,
    errors: &'a [FieldError],
}

impl ErasePage<'_> {
    fn name(&self) -> String {
        self.document.called(false).unwrap_or_default()
    }
}

async fn erase_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    path: web::Path<(i64, i64)>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, path.into_inner(), ("", &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    (warning, id): (i64, i64),
    (typed, errors): (&str, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "删除预警材料", "Erase a document");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let (warning, document) = commands::find(&mut conn, warning, id).await?;
    conn.commit().await?;
    if document.erased_at.is_some() || warning.tenant_id != caller.actor.tenant {
        return Err(Problem::not_found());
    }
    let back = shown::href(&warning);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &ErasePage { page: &page, warning: &warning, document: &document, back, typed, errors })
}

/// POST /b/escrow/warnings/{id}/documents/{document}/erase
async fn post_erase(
    request: HttpRequest,
    state: State,
    caller: Caller,
    path: web::Path<(i64, i64)>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let (warning, id) = path.into_inner();
    match commands::erase(&state, &caller, (warning, id), form.get("reason")).await {
        Ok(()) => Ok(see_other(&format!("/b/escrow/warnings/{warning}?done=document_erased"))),
        Err(EscrowError::Invalid(errors)) => {
            render(&request, &state, &caller, (warning, id), (form.get("reason"), &errors)).await
        }
        Err(error) => Err(error.into()),
    }
}
