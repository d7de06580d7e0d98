//! Proposals for programs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Approval, Desks, Verdict, commands,
    store::{self, Filter},
};
use crate::{
    identity::{Action, Caller},
    web::{Access, FieldError, Input, Paging, Problem, Query, Route, page::State},
};

/// The routes of the API.
pub fn routes() -> Vec<Route> {
    let decide = Access::May(Action::DecideApproval);
    vec![
        Route::get("/api/v1/approvals", Access::May(Action::ReadRegister), || web::get().to(list)),
        Route::get("/api/v1/approvals/{id}", Access::May(Action::ReadRegister), || web::get().to(one)),
        Route::post("/api/v1/approvals/{id}/decisions", decide, || web::post().to(settle)),
        Route::post("/api/v1/approvals/{id}/withdrawal", Access::May(Action::WithdrawProposal), || {
            web::post().to(withdraw)
        }),
    ]
}

/// A proposal as a program reads it, with what its feature adds.
pub(super) fn document(desks: &Desks, approval: &Approval) -> Value {
    let shown = desks.show(approval);
    let mut document = json!({
        "id": approval.id,
        "region": format!("{:06}", approval.tenant),
        "kind": approval.kind,
        "subject": approval.subject,
        "credit_code": approval.institution.as_ref().map(|one| &one.credit_code),
        "name": approval.institution.as_ref().map(|one| &one.name),
        "reason": approval.reason,
        "proposed_by_name": approval.proposed_by_name,
        "proposed_at": approval.proposed_at,
        "expires_at": approval.expires_at,
        "state": approval.state,
        "decided_by_name": approval.decided_by_name,
        "decided_at": approval.decided_at,
        "comment": approval.comment,
        "changes": shown.changes,
        "findings": shown.findings,
    });
    if let Some(members) = document.as_object_mut() {
        members.extend(shown.document);
    }
    document
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    /// `pending` (default) or `settled`.
    state: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let pending = match query.state.as_deref() {
        None | Some("" | "pending") => true,
        Some("settled") => false,
        Some(_) => {
            let error = FieldError::new("state", "STATE", "须填 pending 或 settled", "must be pending or settled");
            return Err(Problem::invalid(vec![error]));
        }
    };
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let filter = Filter { pending, before: paging.id()?, limit: paging.rows() };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::approvals(&mut conn, filter, caller.actor.user_id, caller.now).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| document(&desks, &row)).into())
}

async fn read(state: &State, caller: &Caller, id: i64) -> Result<Approval, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let approval = store::approval(&mut conn, id, caller.actor.user_id, caller.now).await?;
    conn.commit().await?;
    approval.ok_or_else(Problem::not_found)
}

async fn one(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(document(&desks, &read(&state, &caller, *id).await?)))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionInput {
    decision: Verdict,
    #[serde(default)]
    comment: String,
}

async fn settle(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<DecisionInput>,
) -> Result<HttpResponse, Problem> {
    commands::decide(&state.pools, &desks, &caller, *id, input.decision, &input.comment).await?;
    Ok(HttpResponse::Ok().json(document(&desks, &read(&state, &caller, *id).await?)))
}

async fn withdraw(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    commands::withdraw(&state.pools, &caller, *id).await?;
    Ok(HttpResponse::Ok().json(document(&desks, &read(&state, &caller, *id).await?)))
}

/// 202 with a proposal that was just made: nothing has changed yet.
pub async fn accepted(state: &State, desks: &Desks, caller: &Caller, id: i64) -> Result<HttpResponse, Problem> {
    let approval = read(state, caller, id).await?;
    Ok(HttpResponse::Accepted()
        .insert_header(("location", format!("/api/v1/approvals/{id}")))
        .json(document(desks, &approval)))
}
