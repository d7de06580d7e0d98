//! One's own sessions over the API.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{commands, device_words, store::Session};
use crate::{
    identity::Caller,
    kernel::clock::BEIJING,
    web::{Access, Items, Problem, Route, page::State},
};

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/auth/sessions", Access::SignedIn, || web::get().to(list)),
        Route::delete("/api/v1/auth/sessions", Access::SignedIn, || web::delete().to(end_others)),
        Route::delete("/api/v1/auth/sessions/{id}", Access::SignedIn, || web::delete().to(end)),
    ]
}

#[derive(Debug, Serialize)]
struct SessionDocument {
    id: String,
    current: bool,
    region: String,
    role: String,
    device: String,
    network: String,
    begun_at: String,
    last_seen_at: String,
    expires_at: String,
}

fn instant(at: DateTime<Utc>) -> String {
    at.with_timezone(&BEIJING).to_rfc3339()
}

fn document(session: Session, caller: &Caller) -> SessionDocument {
    SessionDocument {
        current: session.id == caller.actor.session,
        region: format!("{:06}", session.tenant_id),
        device: device_words(&session.agent),
        begun_at: instant(session.created_at),
        last_seen_at: instant(session.last_seen_at),
        expires_at: instant(session.expires_at),
        id: session.id,
        role: session.role,
        network: session.network,
    }
}

async fn list(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let own = commands::own(&state.pools, &caller).await?;
    let items = own.into_iter().map(|session| document(session, &caller)).collect();
    Ok(Items { items, next_cursor: None }.into())
}

async fn end(state: State, caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    if !commands::end_one(&state.pools, &state.tokens, &caller, &id).await? {
        return Err(Problem::not_found());
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn end_others(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let ended = commands::end_others(&state.pools, &state.tokens, &caller).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({"ended": ended})))
}
