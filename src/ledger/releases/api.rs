//! Release orders over JSON.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, Acting, Request},
    model::Act,
    store::{self, OrderRow},
};
use crate::{
    identity::{Action, Caller},
    web::{Access, Input, Paging, Problem, Query, Route, page::State},
};

/// The routes of release orders.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/releases", Access::May(Action::CalculateRelease), || web::post().to(calculate)),
        Route::get("/api/v1/releases", Access::May(Action::ReadEscrow), || web::get().to(list)),
        Route::post("/api/v1/releases/{id}/actions", Access::May(Action::DecideRelease), || web::post().to(act)),
    ]
}

fn document(row: &OrderRow) -> Value {
    json!({
        "id": row.id, "credit_code": row.credit_code, "account": row.account_no, "period_from": row.period_from,
        "period_to": row.period_to, "seq": row.seq, "order_ref": row.order_ref, "amount_fen": row.amount_fen,
        "inputs": row.inputs, "state": row.state, "approved_by": row.approved_by, "calculated_at": row.calculated_at,
        "settled_at": row.settled_at, "version": row.version,
    })
}

async fn calculate(state: State, caller: Caller, input: Input<Request>) -> Result<HttpResponse, Problem> {
    let (row, new) = commands::calculate(&state, &caller, &input.0).await?;
    let mut answer = if new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(document(&row)))
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    state: Option<String>,
    credit_code: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (wanted, code) = (given(&query.state), given(&query.credit_code));
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::orders(&mut conn, wanted.as_deref(), code.as_deref(), paging.id()?, paging.rows()).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| document(&row)).into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionRequest {
    action: Act,
    #[serde(default)]
    comment: String,
    version: Option<i32>,
}

async fn act(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<ActionRequest>,
) -> Result<HttpResponse, Problem> {
    let acting = Acting { act: input.0.action, comment: &input.0.comment, version: input.0.version };
    let row = commands::act(&state, &caller, *id, acting).await?;
    Ok(HttpResponse::Ok().json(document(&row)))
}
