//! The bureau's address over JSON.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::commands;
use crate::{
    escrow::{documents::local, oversight::store::webhooks},
    identity::{Action, Caller},
    web::{Access, Input, Problem, Route, page::State},
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepWebhook);
    vec![
        Route::get("/api/v1/webhook", keep, || web::get().to(read)),
        Route::put("/api/v1/webhook", keep, || web::put().to(set)),
        Route::delete("/api/v1/webhook", keep, || web::delete().to(remove)),
    ]
}

async fn read(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let webhook = webhooks::webhook(&mut conn).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok(HttpResponse::Ok().json(json!({
        "url": webhook.url, "set_by": webhook.set_by, "set_at": local(webhook.set_at), "version": webhook.version,
    })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    url: String,
}

async fn set(state: State, caller: Caller, input: Input<Setting>) -> Result<HttpResponse, Problem> {
    let secret = commands::set(&state, &caller, &input.0.url).await?;
    Ok(HttpResponse::Ok().json(json!({ "url": input.0.url.trim(), "secret": secret })))
}

async fn remove(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    commands::remove(&state, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
