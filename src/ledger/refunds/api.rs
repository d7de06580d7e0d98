//! Refunds over JSON.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    RefundError,
    commands::{self, Acting, Request},
    model::Act,
    store::{self, Filter, RefundRow},
};
use crate::{
    db::ScopedConn,
    identity::{Action, Caller},
    ledger::rules::refund::{Limits, overdue},
    web::{Access, Input, Paging, Problem, Query, Route, page::State},
};

/// The routes of refunds.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/contracts/{id}/refunds", Access::May(Action::KeepLedger), || web::post().to(ask)),
        Route::get("/api/v1/refunds", Access::May(Action::ReadEscrow), || web::get().to(list)),
        Route::post("/api/v1/refunds/{id}/actions", Access::May(Action::HandleRefund), || web::post().to(act)),
    ]
}

/// A refund as the API gives it; `overdue` is the level of what is past its day.
fn document(row: &RefundRow, limits: &Limits, today: NaiveDate) -> Value {
    let open = matches!(row.state.as_str(), "asked" | "approved");
    let level = overdue(row.due_on, today, row.families_late, limits).filter(|_| open);
    json!({
        "id": row.id, "credit_code": row.credit_code, "contract_id": row.contract_id, "contract_no": row.contract_no,
        "order_ref": row.order_ref, "asked_on": row.asked_on, "reason": row.reason, "amount_fen": row.amount_fen,
        "steps": row.steps["steps"], "findings": row.steps["findings"], "policy_version": row.steps["policy_version"],
        "due_on": row.due_on, "target_on": row.target_on, "state": row.state, "overdue": level, "paid_at": row.paid_at,
        "elsewhere_account": row.steps["elsewhere_account"], "charged_units": row.steps["charged_units"], "route": row.route, "astray": row.astray,
        "created_at": row.created_at, "version": row.version,
    })
}

async fn read(conn: &mut ScopedConn, caller: &Caller, id: i64) -> Result<Value, Problem> {
    let row = store::refund(conn, caller.today(), id).await?.ok_or_else(Problem::not_found)?;
    let (limits, _) = commands::limits(conn, row.tenant_id, caller.today()).await?;
    Ok(document(&row, &limits, caller.today()))
}

async fn ask(state: State, caller: Caller, id: web::Path<i64>, input: Input<Request>) -> Result<HttpResponse, Problem> {
    let id = commands::ask(&state, &caller, *id, &input.0).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let document = read(&mut conn, &caller, id).await?;
    conn.commit().await?;
    Ok(HttpResponse::Created().json(document))
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    state: Option<String>,
    contract_id: Option<i64>,
    credit_code: Option<String>,
    #[serde(default)]
    overdue: bool,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (wanted, code) = (given(&query.state), given(&query.credit_code));
    let filter = Filter {
        state: wanted.as_deref(),
        contract: query.contract_id,
        credit_code: code.as_deref(),
        overdue: query.overdue,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::refunds(&mut conn, caller.today(), &filter, paging.id()?, paging.rows()).await?;
    let (limits, _) = commands::limits(&mut conn, caller.actor.tenant, caller.today()).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| document(&row, &limits, caller.today())).into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionRequest {
    action: Act,
    #[serde(default)]
    comment: String,
    charged_units: Option<u32>,
    version: Option<i32>,
}

async fn act(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<ActionRequest>,
) -> Result<HttpResponse, Problem> {
    let ActionRequest { action, comment, charged_units, version } = &input.0;
    let acting = Acting { act: *action, comment, charged_units: *charged_units, version: *version };
    commands::act(&state, &caller, *id, acting).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let document = read(&mut conn, &caller, *id).await?;
    conn.commit().await.map_err(RefundError::from)?;
    Ok(HttpResponse::Ok().json(document))
}
