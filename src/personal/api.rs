//! One value in the clear, and requests from above, for programs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, Seen, Wish},
    model::{Kind, Purpose, Request, Subject},
    store::requests,
};
use crate::{
    approvals::Verdict,
    identity::{Action, Caller},
    web::{Access, Input, Paging, Problem, Query, Route, once::NotKept, page::State},
};

/// The feature's routes of the API.
pub fn routes() -> Vec<Route> {
    let see = Access::Official(Action::UnmaskPersonal);
    vec![
        Route::post("/api/v1/personal/unmask", see, || web::post().to(unmask)),
        Route::get("/api/v1/personal/requests", see, || web::get().to(list)),
        Route::post("/api/v1/personal/requests/{id}/decisions", Access::Official(Action::DecideAccess), || {
            web::post().to(decide)
        }),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnmaskRequest {
    kind: Kind,
    id: String,
    field: String,
    purpose: Purpose,
    reason: String,
}

async fn unmask(state: State, caller: Caller, input: Input<UnmaskRequest>) -> Result<HttpResponse, Problem> {
    let UnmaskRequest { kind, id, field, purpose, reason } = input.0;
    let subject = Subject { kind, id, field };
    let wish = Wish { subject: &subject, purpose: Some(purpose), reason: &reason };
    match commands::see(&state, &caller, &wish).await? {
        Seen::Shown(held) => {
            let mut response = HttpResponse::Ok().json(json!({"kind": kind, "id": subject.id, "field": subject.field, "value": held.value}));
            // Not even as the answer to a repeat of the same request: each look is a look.
            response.extensions_mut().insert(NotKept);
            Ok(response)
        }
        Seen::Asked(held) => Ok(HttpResponse::Accepted().json(json!({
            "kind": kind, "id": subject.id, "field": subject.field, "value": held.masked, "asked": format!("{:06}", held.tenant),
        }))),
    }
}

fn view(request: &Request, now: chrono::DateTime<chrono::Utc>) -> Value {
    let mut view = json!(request);
    view["standing"] = json!(request.standing(now));
    view["region"] = json!(format!("{:06}", request.region));
    view["asked_by_tenant"] = json!(format!("{:06}", request.asked_by_tenant));
    view
}

async fn list(state: State, caller: Caller, paging: Query<Paging>) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = requests::list(&mut conn, &caller, paging.id()?, paging.rows()).await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| view(&row, caller.now)).into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    decision: Verdict,
    #[serde(default)]
    comment: String,
}

async fn decide(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<DecisionRequest>,
) -> Result<HttpResponse, Problem> {
    let approve = input.decision == Verdict::Approve;
    commands::decide(&state, &caller, *id, approve, &input.comment).await?;
    Ok(HttpResponse::Ok().json(json!({"id": *id, "state": if approve { "approved" } else { "rejected" }})))
}
