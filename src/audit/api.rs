//! The audit trail for programs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    checkpoint::{instant, region},
    query::Filters,
    store::search::{self, EventRow, Found},
};
use crate::{
    identity::{Action, Caller},
    web::{Access, Items, Paging, Problem, Query, Route, page::State},
};

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/api/v1/audit", Access::Official(Action::ReadAudit), || web::get().to(list))]
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    #[serde(flatten)]
    filters: Filters,
    // Numbers in a flattened query arrive as texts.
    limit: Option<String>,
    cursor: Option<String>,
}

fn item(event: &EventRow) -> Value {
    let side = |side: &Option<String>| side.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "seq": event.seq, "at": instant(event.at),
        "actor": {"id": event.actor_id, "name": event.actor_name, "role": event.actor_role, "region": region(event.actor_tenant)},
        "action": event.action, "subject": {"kind": event.subject_kind, "id": event.subject_id},
        "institution": event.credit_code, "before": side(&event.before), "after": side(&event.after),
        "reason": event.reason, "request_id": event.request_id, "hash": hex::encode(&event.hash),
    })
}

/// GET /api/v1/audit: newest first. A page may be short or empty and still have a next one: a search reads so many events
/// at a time and no more.
async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let limit = query.limit.as_deref().and_then(|limit| limit.parse().ok());
    let paging = Paging::of(limit, query.cursor.as_deref());
    let filters = query.filters.clone().bounded(caller.today());
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let search = filters.search(&mut conn, paging.id()?, paging.rows() - 1).await?;
    let Found { rows, next, .. } = search::search(&mut conn, &search).await?;
    conn.commit().await?;
    let items: Vec<Value> = rows.iter().map(item).collect();
    Ok(Items { items, next_cursor: next.map(|seq| seq.to_string()) }.into())
}
