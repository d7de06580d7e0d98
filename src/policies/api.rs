//! Policies for programs.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    PolicyError, Setting,
    commands::{self, Change},
    model::{Row, Standing, Stricter},
    parameter_of,
    registry::PARAMETERS,
    rules::{Chain, Resolved},
};
use crate::{
    approvals::{self, Desks},
    identity::{Action, Caller},
    web::{Access, Input, Problem, Route, page::State},
};

/// The routes of the API. `/api/v1/policies/escrow` is escrow's and stands before these.
pub fn routes() -> Vec<Route> {
    let read = Access::May(Action::ReadRegister);
    vec![
        Route::get("/api/v1/policies", read, || web::get().to(list)),
        Route::get("/api/v1/policies/{parameter}", read, || web::get().to(one)),
        Route::post("/api/v1/policies/{parameter}/proposals", Access::May(Action::SetPolicy), || {
            web::post().to(propose)
        }),
    ]
}

fn region(tenant: i32) -> String {
    format!("{tenant:06}")
}

fn row(resolved: &Resolved, row: &Row) -> Json {
    json!({
        "region": region(row.tenant), "value": resolved.parameter.write(&row.value), "effective_from": row.effective_from,
        "version": row.version, "reason": row.reason, "proposed_by_name": row.proposed_by, "approved_by_name": row.approved_by,
        "adopted_at": row.adopted_at,
    })
}

/// What holds today, from whom and since when, with what every level says and what is planned.
fn document(chain: &Chain, resolved: &Resolved, today: NaiveDate) -> Json {
    let parameter = resolved.parameter;
    let planned: Vec<Json> = chain
        .rows
        .iter()
        .filter(|one| one.parameter == parameter.id && today < one.effective_from)
        .map(|one| row(resolved, one))
        .collect();
    json!({
        "id": parameter.id,
        "title_zh": parameter.title_zh,
        "title_en": parameter.title_en,
        "value": parameter.write(&resolved.value),
        "from": resolved.from.iter().map(|tenant| region(*tenant)).collect::<Vec<_>>(),
        "since": resolved.row().map(|row| row.effective_from),
        "default": parameter.write(&parameter.default_value()),
        "default_binds": parameter.standing == Standing::Bound,
        "stricter": match parameter.stricter {
            Stricter::Lower => "lower",
            Stricter::Higher => "higher",
            Stricter::Subset => "subset",
            Stricter::Superset => "superset",
            Stricter::Local => "local",
        },
        "legal_basis": parameter.legal_basis,
        "certainty": parameter.certainty.to_string(),
        "chain": resolved.chain.iter().map(|link| json!({
            "region": region(link.tenant),
            "set": link.row.as_ref().map(|set| row(resolved, set)),
            "overridden": link.overridden,
        })).collect::<Vec<_>>(),
        "planned": planned,
    })
}

async fn chain_of(state: &State, caller: &Caller) -> Result<Chain, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let chain = super::chain(&mut conn, caller.actor.tenant).await?;
    conn.commit().await?;
    Ok(chain)
}

async fn list(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let chain = chain_of(&state, &caller).await?;
    let today = caller.today();
    let items: Vec<Json> = PARAMETERS.iter().map(|one| document(&chain, &chain.resolve(one, today), today)).collect();
    Ok(HttpResponse::Ok().json(json!({ "items": items, "next_cursor": null })))
}

async fn one(state: State, caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let parameter = parameter_of(&id).ok_or_else(Problem::not_found)?;
    let chain = chain_of(&state, &caller).await?;
    let resolved = chain.resolve(parameter, caller.today());
    Ok(HttpResponse::Ok().json(document(&chain, &resolved, caller.today())))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposalInput {
    value: Json,
    effective_from: NaiveDate,
    reason: String,
}

/// 202 with the pending approval: nothing has changed yet.
async fn propose(
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<String>,
    input: Input<ProposalInput>,
) -> Result<HttpResponse, Problem> {
    let tenant = caller.actor.tenant;
    let parameter = parameter_of(&id).ok_or_else(Problem::not_found)?;
    let value = parameter
        .read(&input.value)
        .map_err(|error| PolicyError::Invalid(vec![("value".to_owned(), error)]).problem(tenant))?;
    let change = Change {
        subject: parameter.id,
        settings: vec![Setting { parameter, value }],
        from: input.effective_from,
        reason: &input.reason,
        read: None,
    };
    let proposal = commands::propose(&state.pools, &caller, change).await.map_err(|error| error.problem(tenant))?;
    approvals::accepted(&state, &desks, &caller, proposal).await
}
