//! The lists for programs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::{
    Ground, ListError, ListMove,
    commands::{self, Proposals},
};
use crate::{
    approvals::{self, Desks},
    identity::{Action, Caller},
    institutions,
    kernel::credit_code,
    web::{Access, Input, Problem, Query, Route, page::State},
};

/// The routes of the API.
pub fn routes() -> Vec<Route> {
    let propose = Access::May(Action::ProposeListing);
    vec![
        Route::post("/api/v1/lists/white", propose, || web::post().to(enter)),
        Route::delete("/api/v1/lists/white/{credit_code}", propose, || web::delete().to(remove)),
        Route::post("/api/v1/lists/black", propose, || web::post().to(blacklist)),
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

async fn enter(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    entry: Input<Entry>,
) -> Result<HttpResponse, Problem> {
    propose(&state, &desks, &caller, &entry.credit_code, ListMove::WhiteList, None, &entry.reason).await
}

/// Without a ground the reason alone says why.
async fn blacklist(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    entry: Input<BlackEntry>,
) -> Result<HttpResponse, Problem> {
    propose(&state, &desks, &caller, &entry.credit_code, ListMove::Blacklist, entry.ground, &entry.reason).await
}

#[derive(Debug, Deserialize)]
struct RemoveQuery {
    reason: Option<String>,
}

async fn remove(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    code: web::Path<String>,
    query: Query<RemoveQuery>,
) -> Result<HttpResponse, Problem> {
    let reason = query.reason.as_deref().unwrap_or("移出白名单");
    propose(&state, &desks, &caller, &code, ListMove::Remove, None, reason).await
}

/// 202 with the pending approval: nothing has changed on a list yet.
async fn propose(
    state: &State,
    desks: &Desks,
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
    approvals::accepted(state, desks, caller, id).await
}
