//! Adding and taking off sponsors: the forms on an institution's page, and the same for programs.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{
    RegisterError,
    model::basis_points,
    pages::{Typed, show},
    sponsors::{self, Told},
};
use crate::{
    identity::{Action, Caller},
    kernel::credit_code,
    web::{
        Access, FieldError, Input, Problem, Route, SafeForm,
        page::{State, see_other},
    },
};

/// The forms' routes.
pub(super) fn routes() -> Vec<Route> {
    let keeps = Access::Official(Action::ImportInstitutions);
    vec![
        Route::post("/b/institutions/{credit_code}/sponsors", keeps, || web::post().to(add)),
        Route::post("/b/institutions/{credit_code}/sponsors/{id}", keeps, || web::post().to(remove)),
    ]
}

/// The routes of the API.
pub(super) fn api() -> Vec<Route> {
    let keeps = Access::May(Action::ImportInstitutions);
    vec![
        Route::post("/api/v1/institutions/{credit_code}/sponsors", keeps, || web::post().to(add_told)),
        Route::post("/api/v1/institutions/{credit_code}/sponsors/{id}/removal", keeps, || web::post().to(remove_told)),
    ]
}

/// What was typed into one of the forms, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct SponsorForm {
    pub typed: SafeForm,
    /// The sponsor that was to be taken off; `None` for one to be added.
    pub of: Option<i64>,
    pub errors: Vec<FieldError>,
}

async fn finish(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    (code, of, typed): (&str, Option<i64>, SafeForm),
    outcome: Result<&str, RegisterError>,
) -> Result<HttpResponse, Problem> {
    match outcome {
        Ok(done) => Ok(see_other(&format!("/b/institutions/{}?done={done}#sponsors", credit_code::normalise(code)))),
        Err(RegisterError::Invalid(errors)) => {
            let sponsor = SponsorForm { typed, of, errors };
            show(request, state, caller, code, Typed::of(sponsor)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// POST /b/institutions/{credit_code}/sponsors
async fn add(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let share = form.get("share").trim();
    let share_bp = (!share.is_empty()).then(|| basis_points(share).ok_or(()));
    let told = Told { name: form.get("name"), kind: form.get("kind"), share_bp };
    let outcome = sponsors::add(&state.pools, &caller, &code, told).await.map(|_| "sponsor");
    finish(&request, &state, &caller, (&code, None, form), outcome).await
}

/// POST /b/institutions/{credit_code}/sponsors/{id}
async fn remove(
    request: HttpRequest,
    state: State,
    caller: Caller,
    path: web::Path<(String, i64)>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let (code, id) = path.into_inner();
    let outcome = sponsors::remove(&state.pools, &caller, &code, id, form.get("reason")).await.map(|()| "removed");
    finish(&request, &state, &caller, (&code, Some(id), form), outcome).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SponsorRequest {
    name: String,
    kind: String,
    share_bp: Option<i32>,
}

async fn add_told(
    state: State,
    caller: Caller,
    code: web::Path<String>,
    input: Input<SponsorRequest>,
) -> Result<HttpResponse, Problem> {
    let request = input.0;
    let told = Told { name: &request.name, kind: &request.kind, share_bp: request.share_bp.map(Ok) };
    let id = sponsors::add(&state.pools, &caller, &code, told).await?;
    Ok(HttpResponse::Created().json(json!({ "id": id })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovalRequest {
    reason: String,
}

async fn remove_told(
    state: State,
    caller: Caller,
    path: web::Path<(String, i64)>,
    input: Input<RemovalRequest>,
) -> Result<HttpResponse, Problem> {
    let (code, id) = path.into_inner();
    sponsors::remove(&state.pools, &caller, &code, id, &input.reason).await?;
    Ok(HttpResponse::NoContent().finish())
}
