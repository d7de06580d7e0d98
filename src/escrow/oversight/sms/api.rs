//! The gateway and the officers on duty over JSON.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::commands;
use crate::{
    escrow::{documents::local, oversight::store::sms as store},
    identity::{Action, Caller},
    web::{Access, Input, Problem, Route, page::State},
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepWebhook);
    vec![
        Route::get("/api/v1/sms", keep, || web::get().to(read)),
        Route::put("/api/v1/sms", keep, || web::put().to(set)),
        Route::delete("/api/v1/sms", keep, || web::delete().to(remove)),
        Route::post("/api/v1/sms/phones", keep, || web::post().to(add)),
        Route::delete("/api/v1/sms/phones/{id}", keep, || web::delete().to(take_off)),
    ]
}

async fn read(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let gateway = store::gateway(&mut conn).await?;
    let phones = store::phones(&mut conn).await?;
    conn.commit().await?;
    let gateway = gateway.map(|gateway| {
        json!({"url": gateway.url, "template": gateway.template, "set_by": gateway.set_by, "set_at": local(gateway.set_at),
               "version": gateway.version})
    });
    let phones: Vec<_> = phones
        .iter()
        .map(|one| {
            json!({"id": one.id, "name": one.holder, "phone": one.phone, "added_by": one.added_by,
                          "added_at": local(one.added_at)})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "gateway": gateway, "phones": phones })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    url: String,
    template: String,
}

async fn set(state: State, caller: Caller, input: Input<Setting>) -> Result<HttpResponse, Problem> {
    let secret = commands::set(&state, &caller, (&input.0.url, &input.0.template)).await?;
    Ok(HttpResponse::Ok().json(json!({
        "url": input.0.url.trim(), "template": input.0.template.trim(), "secret": secret,
    })))
}

async fn remove(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    commands::remove(&state, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDuty {
    name: String,
    phone: String,
}

async fn add(state: State, caller: Caller, input: Input<OnDuty>) -> Result<HttpResponse, Problem> {
    let id = commands::add_phone(&state, &caller, (&input.0.name, &input.0.phone)).await?;
    Ok(HttpResponse::Created().json(json!({ "id": id })))
}

async fn take_off(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    commands::remove_phone(&state, &caller, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
