//! The lists for programs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{
    Ground, ListError, ListMove, Verdict,
    commands::{self, Proposals},
    store::{self, ApprovalFilter},
};
use crate::{
    identity::{Action, Caller},
    institutions,
    kernel::credit_code,
    web::{Access, FieldError, Input, Paging, Problem, Query, Route, page::State},
};

/// The routes of the API.
pub fn routes() -> Vec<Route> {
    let propose = Access::May(Action::ProposeListing);
    vec![
        Route::post("/api/v1/lists/white", propose, || web::post().to(enter)),
        Route::delete("/api/v1/lists/white/{credit_code}", propose, || web::delete().to(remove)),
        Route::post("/api/v1/lists/black", propose, || web::post().to(blacklist)),
        Route::get("/api/v1/approvals", Access::May(Action::ReadRegister), || web::get().to(approvals)),
        Route::post("/api/v1/approvals/{id}/decisions", Access::May(Action::DecideApproval), || web::post().to(decide)),
    ]
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    credit_code: String,
    reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlackEntry {
    credit_code: String,
    reason: String,
    ground: Option<Ground>,
}

async fn enter(state: State, caller: Caller, entry: Input<Entry>) -> Result<HttpResponse, Problem> {
    propose(&state, &caller, &entry.credit_code, ListMove::WhiteList, None, &entry.reason).await
}

/// Without a ground the reason alone says why.
async fn blacklist(state: State, caller: Caller, entry: Input<BlackEntry>) -> Result<HttpResponse, Problem> {
    propose(&state, &caller, &entry.credit_code, ListMove::Blacklist, entry.ground, &entry.reason).await
}

#[derive(Debug, Deserialize)]
struct RemoveQuery {
    reason: Option<String>,
}

async fn remove(
    state: State,
    caller: Caller,
    code: web::Path<String>,
    query: Query<RemoveQuery>,
) -> Result<HttpResponse, Problem> {
    let reason = query.reason.as_deref().unwrap_or("移出白名单");
    propose(&state, &caller, &code, ListMove::Remove, None, reason).await
}

/// 202 with the pending approval: nothing has changed on a list yet.
async fn propose(
    state: &State,
    caller: &Caller,
    code: &str,
    step: ListMove,
    ground: Option<Ground>,
    reason: &str,
) -> Result<HttpResponse, Problem> {
    let code = credit_code::normalise(code);
    let institutions = institutions::ids_of_codes(&state.pools, caller, &[&code]).await?;
    if institutions.is_empty() {
        return Err(Problem::not_found());
    }
    let proposals = Proposals { institutions: &institutions, step, ground, reason };
    let mut proposed = commands::propose_many(&state.pools, caller, proposals).await?;
    if let Some(refused) = proposed.refused.pop() {
        return Err(refused.why.into());
    }
    let id = proposed.ids.pop().ok_or(ListError::NotFound)?;
    Ok(HttpResponse::Accepted().json(json!({
        "id": id,
        "state": "pending",
        "step": step,
        "expires_at": caller.now + commands::PROPOSAL_LIFE,
        "findings": proposed.findings,
    })))
}

#[derive(Debug, Deserialize)]
struct ApprovalsQuery {
    /// `pending` (default) or `settled`.
    state: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn approvals(state: State, caller: Caller, query: Query<ApprovalsQuery>) -> Result<HttpResponse, Problem> {
    let pending = match query.state.as_deref() {
        None | Some("" | "pending") => true,
        Some("settled") => false,
        Some(_) => {
            let error = FieldError::new("state", "STATE", "须填 pending 或 settled", "must be pending or settled");
            return Err(Problem::invalid(vec![error]));
        }
    };
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let filter = ApprovalFilter { pending, institution: None, before: paging.id()?, limit: paging.rows() };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = store::approvals(&mut conn, filter, caller.now).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| row).into())
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionInput {
    decision: Verdict,
    #[serde(default)]
    comment: String,
}

async fn decide(
    state: State,
    caller: Caller,
    id: web::Path<String>,
    input: Input<DecisionInput>,
) -> Result<HttpResponse, Problem> {
    let id: i64 = id.parse().map_err(|_| Problem::not_found())?;
    commands::decide(&state.pools, &caller, id, input.decision, &input.comment).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let approval = store::approval(&mut conn, id, caller.now).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let list_status = (input.decision == Verdict::Approve).then(|| approval.step.leads_to());
    let mut document = json!(approval);
    document["list_status"] = json!(list_status);
    Ok(HttpResponse::Ok().json(document))
}
