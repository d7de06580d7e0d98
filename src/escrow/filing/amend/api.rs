//! Changes of agreement and payee over JSON.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, Confirmed},
    model::{Amendment, Wish},
    store,
};
use crate::{
    approvals::{self, Desks},
    escrow::{documents::local, store::accounts},
    identity::{Action, Caller},
    kernel::{Private, private::AccountNumber},
    web::{Access, Input, Problem, Route, page::State},
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let file = Access::May(Action::AmendAccount);
    vec![
        Route::get("/api/v1/escrow/accounts/{id}/amendments", Access::May(Action::ReadEscrow), || web::get().to(list)),
        Route::post("/api/v1/escrow/accounts/{id}/amendments", file, || web::post().to(add)),
        Route::post("/api/v1/escrow/amendments/{id}/actions", Access::May(Action::FileAccount), || web::post().to(act)),
    ]
}

/// A change; its own institution reads the numbers of payees.
fn document(change: &Amendment, own: bool) -> Value {
    let shown = |payee: &Private<AccountNumber>| if own { payee.expose().to_owned() } else { payee.masked() };
    json!({
        "id": change.id,
        "account_id": change.account,
        "account": change.account_no,
        "credit_code": change.credit_code,
        "agreement_no": change.agreement_no,
        "payee_account": change.payee.as_ref().map(shown),
        "reason": change.reason,
        "state": change.state,
        "filed_by": change.filed_by_name,
        "filed_at": local(change.filed_at),
        "decided_by": change.decided_by_name,
        "decided_at": change.decided_at.map(local),
        "comment": change.comment,
        "agreement_before": change.agreement_before,
        "payee_before": change.payee_before.as_ref().map(shown),
        "in_force_from": change.in_force_from,
    })
}

async fn of_account(state: &State, caller: &Caller, account: i64) -> Result<Vec<Amendment>, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = accounts::account(&mut conn, account).await?.ok_or_else(Problem::not_found)?;
    let changes = store::of(&mut conn, account.tenant_id, &[account.id]).await?;
    conn.commit().await?;
    Ok(changes)
}

async fn list(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let own = caller.actor.role.is_institution();
    let changes = of_account(&state, &caller, *id).await?;
    let items: Vec<Value> = changes.iter().map(|change| document(change, own)).collect();
    Ok(HttpResponse::Ok().json(json!({ "items": items, "next_cursor": null })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmendmentRequest {
    #[serde(default)]
    agreement_no: String,
    #[serde(default)]
    payee_account: String,
    reason: String,
}

async fn add(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<AmendmentRequest>,
) -> Result<HttpResponse, Problem> {
    let request = input.0;
    let wish =
        Wish { agreement_no: &request.agreement_no, payee_account: &request.payee_account, reason: &request.reason };
    let filed = commands::file(&state, &caller, *id, &wish).await?;
    let changes = of_account(&state, &caller, *id).await?;
    let change = changes.iter().find(|change| change.id == filed).ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Created().json(document(change, caller.actor.role.is_institution())))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum AmendmentAction {
    Confirm { comment: String },
    Refuse { comment: String },
    Withdraw {},
}

async fn act(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<AmendmentAction>,
) -> Result<HttpResponse, Problem> {
    match &input.0 {
        AmendmentAction::Confirm { comment } => {
            if let Confirmed::Proposed(proposal) = commands::confirm(&state, &caller, *id, comment).await? {
                return approvals::accepted(&state, &desks, &caller, proposal).await;
            }
        }
        AmendmentAction::Refuse { comment } => commands::refuse(&state, &caller, *id, comment).await?,
        AmendmentAction::Withdraw {} => commands::withdraw(&state, &caller, *id).await?,
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let change = store::lock(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok(HttpResponse::Ok().json(document(&change, caller.actor.role.is_institution())))
}
