//! The thresholds for programs: the document in force, a change of it, and what a change would do.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    back_test::{self, Difference},
    policy::{Policy, PolicyError as Fault},
    thresholds::is_threshold,
};
use crate::{
    approvals::{self, Desks},
    identity::{Action, Caller},
    policies::{
        self, PolicyError, Setting,
        commands::{Change, check, etag, with_settings},
    },
    web::{Access, FieldError, Input, Problem, Route, page::State},
};

/// The routes of the thresholds.
pub fn routes() -> Vec<Route> {
    let set = Access::May(Action::SetPolicy);
    vec![
        Route::get("/api/v1/policies/escrow", Access::May(Action::ReadEscrow), || web::get().to(read)),
        Route::put("/api/v1/policies/escrow", set, || web::put().to(change)),
        Route::post("/api/v1/policies/escrow/simulate", set, || web::post().to(simulate)),
    ]
}

async fn read(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let chain = policies::chain(&mut conn, caller.actor.tenant).await?;
    conn.commit().await?;
    let tag = etag(&chain, caller.today(), is_threshold);
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).json(Policy::of(&chain.on(caller.today()))))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    policy: Policy,
    effective_from: NaiveDate,
    reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateRequest {
    policy: Policy,
    /// The first day of the change; tomorrow where it is left out.
    effective_from: Option<NaiveDate>,
}

fn fault(fault: Fault) -> Problem {
    let path = format!("policy.{}", fault.path);
    Problem::invalid(vec![FieldError::new(&path, "VALUE", fault.message_zh, fault.message_en)])
}

/// Those of the document's values that are other than what holds on the day.
fn changed(chain: &policies::Chain, settings: Vec<Setting>, on: NaiveDate) -> Vec<Setting> {
    settings.into_iter().filter(|one| chain.resolve(one.parameter, on).value != one.value).collect()
}

async fn change(
    request: HttpRequest,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    input: Input<ChangeRequest>,
) -> Result<HttpResponse, Problem> {
    let tenant = caller.actor.tenant;
    let read = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let read = read.ok_or_else(|| PolicyError::NoMatch.problem(tenant))?;
    let settings = input.policy.settings().map_err(fault)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let chain = policies::chain(&mut conn, tenant).await?;
    conn.commit().await?;
    let settings = changed(&chain, settings, input.effective_from);
    let change =
        Change { subject: "escrow", settings, from: input.effective_from, reason: &input.reason, read: Some(read) };
    let id = policies::propose(&state.pools, &caller, change).await.map_err(|error| error.problem(tenant))?;
    approvals::accepted(&state, &desks, &caller, id).await
}

fn shown(one: &Difference) -> Value {
    json!({
        "region": format!("{:06}", one.tenant), "account_id": one.account_id, "account": one.account,
        "institution": one.institution, "kind": one.kind, "raised_at": one.raised_at, "level_before": one.before,
        "level_after": one.after, "outcome": one.verdict,
    })
}

async fn simulate(state: State, caller: Caller, input: Input<SimulateRequest>) -> Result<HttpResponse, Problem> {
    let tenant = caller.actor.tenant;
    let settings = input.policy.settings().map_err(fault)?;
    let from = input.effective_from.or(caller.today().succ_opt()).unwrap_or(caller.today());
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let chain = policies::with_below(&mut conn, tenant).await?;
    let settings = changed(&chain, settings, from);
    match check(&chain, &settings, from, caller.today()) {
        Ok(()) | Err(PolicyError::Unchanged) => {}
        Err(error) => return Err(error.problem(tenant)),
    }
    let after = with_settings(&chain, &settings, from);
    let test = back_test::back_test(&mut conn, &state.pools, &state.calendar, (&chain, &after), from).await?;
    conn.commit().await?;
    Ok(HttpResponse::Ok().json(json!({
        "policy_version": chain.on(from).version(&Policy::default().version, is_threshold),
        "effective_from": from,
        "accounts": test.accounts,
        "entries": test.entries,
        "complete": test.complete,
        "appear": test.come().map(shown).collect::<Vec<_>>(),
        "disappear": test.go().map(shown).collect::<Vec<_>>(),
        "changed": test.moved().map(shown).collect::<Vec<_>>(),
        "from": test.window.map(|(from, _)| from),
        "to": test.window.map(|(_, to)| to),
        "before": test.before.document("institution"),
        "after": test.after.document("institution"),
    })))
}
