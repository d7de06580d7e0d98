//! Complaints over JSON: the same commands as the page's, for a bureau's own systems.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, Told},
    error::ComplaintError,
    model::{Complaint, Kind, State as Standing},
    store::{self, Filter},
};
use crate::{
    identity::{Action, Caller},
    kernel::{clock::BEIJING, mask},
    web::{Access, FieldError, Input, Paging, Problem, Query, Route, page::State},
};

/// The feature's routes of the API.
pub fn routes() -> Vec<Route> {
    let handles = Access::Official(Action::HandleComplaint);
    vec![
        Route::get("/api/v1/complaints", handles, || web::get().to(list)),
        Route::post("/api/v1/complaints", handles, || web::post().to(record)),
        Route::get("/api/v1/complaints/{id}", handles, || web::get().to(read)),
        Route::post("/api/v1/complaints/{id}/actions", handles, || web::post().to(act)),
    ]
}

/// A complaint as an official reads it: numbers of persons masked.
fn document(complaint: &Complaint) -> Value {
    json!({
        "id": complaint.id,
        "institution": complaint.institution,
        "credit_code": complaint.credit_code,
        "kind": complaint.kind,
        "received_on": complaint.received_on,
        "amount_fen": complaint.amount_fen,
        "personal_payee": complaint.personal_payee,
        "phone": complaint.phone,
        "note": complaint.note.as_deref().map(mask::numbers),
        "state": complaint.state,
        "settled_reason": complaint.settled_reason,
        "settled_by": complaint.settled_by,
        "recorded_by": complaint.recorded_by,
        "recorded_at": complaint.recorded_at.with_timezone(&BEIJING),
    })
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    institution: Option<String>,
    kind: Option<Kind>,
    state: Option<Standing>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let filter = Filter {
        credit_code: query.institution.as_deref().filter(|code| !code.is_empty()),
        kind: query.kind,
        state: query.state,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::list(&mut conn, &filter, paging.id()?, paging.rows()).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| document(&row)).into())
}

async fn one(state: &State, caller: &Caller, id: i64) -> Result<Complaint, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let complaint = store::complaint(&mut conn, id).await?;
    conn.commit().await?;
    complaint.ok_or_else(Problem::not_found)
}

async fn read(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(document(&one(&state, &caller, *id).await?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComplaintRequest {
    credit_code: String,
    kind: String,
    received_on: String,
    amount_fen: Option<i64>,
    #[serde(default)]
    personal_payee: bool,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    note: String,
}

/// Errors by the names that programs use.
fn named(error: ComplaintError) -> ComplaintError {
    match error {
        ComplaintError::Invalid(errors) => ComplaintError::Invalid(
            errors
                .into_iter()
                .map(|error| match error.path.as_str() {
                    "amount" => FieldError { path: "amount_fen".to_owned(), ..error },
                    _ => error,
                })
                .collect(),
        ),
        other => other,
    }
}

async fn record(state: State, caller: Caller, input: Input<ComplaintRequest>) -> Result<HttpResponse, Problem> {
    let request = input.0;
    let told = Told {
        credit_code: &request.credit_code,
        kind: &request.kind,
        received_on: &request.received_on,
        amount: request.amount_fen.map(Ok),
        personal_payee: request.personal_payee,
        phone: &request.phone,
        note: request.note.trim(),
    };
    let id = commands::record(&state, &caller, &told).await.map_err(named)?;
    Ok(HttpResponse::Created()
        .insert_header(("location", format!("/api/v1/complaints/{id}")))
        .json(document(&one(&state, &caller, id).await?)))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum ComplaintAction {
    /// An official has seen the evidence.
    Verify { reason: String },
    /// It is not so, or has been put right.
    Refute { reason: String },
}

async fn act(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<ComplaintAction>,
) -> Result<HttpResponse, Problem> {
    let (to, reason) = match &input.0 {
        ComplaintAction::Verify { reason } => (Standing::Confirmed, reason),
        ComplaintAction::Refute { reason } => (Standing::Refuted, reason),
    };
    commands::settle(&state, &caller, *id, (to, reason)).await?;
    read(state, caller, id).await
}
