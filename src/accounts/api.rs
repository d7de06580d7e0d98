//! Posts for programs.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Listing, PostRow, commands,
    invitations::{self, Invite},
    model::{Of, Status},
};
use crate::{
    identity::{Action, Caller, Department, Role},
    kernel::RegionCode,
    web::{Access, FieldError, Input, Paging, Problem, Query, Route, page::State},
};

/// The routes of the API.
pub fn routes() -> Vec<Route> {
    let manage = Access::May(Action::ManageUsers);
    vec![
        Route::get("/api/v1/users", manage, || web::get().to(list)),
        Route::post("/api/v1/users", manage, || web::post().to(invite)),
        Route::get("/api/v1/users/{id}", manage, || web::get().to(one)),
        Route::post("/api/v1/users/{id}/actions", manage, || web::post().to(act)),
    ]
}

#[derive(Debug, Deserialize)]
struct UsersQuery {
    #[serde(default)]
    q: String,
    role: Option<Role>,
    status: Option<Status>,
    #[serde(default)]
    of: Of,
    limit: Option<i64>,
    cursor: Option<String>,
}

fn document(row: &PostRow) -> Value {
    json!({
        "id": row.id,
        "username": row.username,
        "name": row.display_name,
        "email": row.email,
        "role": row.role,
        "department": row.department,
        "township": row.township.map(|code| code.to_string()),
        "credit_code": row.credit_code,
        "status": row.status,
        "second_factor": if row.second_factor_off { "off" } else { "required" },
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_sign_in_at": row.last_sign_in,
        "successor": row.successor,
    })
}

async fn list(state: State, caller: Caller, query: Query<UsersQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let listing = Listing {
        text: query.q.trim().to_owned(),
        role: query.role.map(|role| role.to_string()).unwrap_or_default(),
        status: query.status.map(|status| status.to_string()).unwrap_or_default(),
        of: query.of,
        before: paging.id()?,
        limit: paging.rows(),
    };
    let rows = commands::list(&state.pools, &caller, &listing).await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| document(&row)).into())
}

fn id_of(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

async fn one(state: State, caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (row, _) = commands::show(&state.pools, &caller, id_of(&id)?).await?;
    Ok(HttpResponse::Ok().json(document(&row)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteInput {
    email: String,
    name: String,
    role: Role,
    department: Option<Department>,
    township: Option<RegionCode>,
    #[serde(default)]
    credit_code: String,
    /// The bureau; it can only be the caller's own.
    region: Option<RegionCode>,
}

async fn invite(state: State, caller: Caller, input: Input<InviteInput>) -> Result<HttpResponse, Problem> {
    if let Some(region) = input.region.filter(|region| region.tenant_id() != caller.actor.tenant) {
        return Err(another_bureau(region));
    }
    let invite = Invite {
        email: &input.email,
        name: &input.name,
        role: input.role,
        department: input.department,
        township: input.township,
        credit_code: &input.credit_code,
    };
    let row = invitations::invite(&state.pools, &caller, state.public_url(), &invite).await?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(document(&row)))
}

/// An administrator invites to the own bureau alone; whether the other one exists makes no difference.
fn another_bureau(region: RegionCode) -> Problem {
    let (zh, en) = match region.name() {
        Some(_) => ("只能邀请到自己的单位", "people are invited to one's own bureau only"),
        None => ("没有这个行政区划代码", "no division has this code"),
    };
    Problem::invalid(vec![FieldError::new("region", "REGION", zh, en)])
}

/// What to do with a post or an invitation.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum ActionInput {
    Disable {
        #[serde(default)]
        reason: String,
    },
    Enable {},
    SetRole {
        role: Role,
        department: Option<Department>,
        township: Option<RegionCode>,
    },
    HandOver {
        /// Who takes over.
        to: i64,
    },
    Resend {},
    Withdraw {},
}

async fn act(
    state: State,
    caller: Caller,
    id: web::Path<String>,
    input: Input<ActionInput>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let (pools, tokens) = (&state.pools, &state.tokens);
    match input.0 {
        ActionInput::Disable { reason } => commands::disable(pools, tokens, &caller, id, &reason).await?,
        ActionInput::Enable {} => commands::enable(pools, &caller, id).await?,
        ActionInput::SetRole { role, department, township } => {
            commands::set_role(pools, tokens, &caller, id, (role, department, township)).await?;
        }
        ActionInput::HandOver { to } => {
            commands::hand_over(pools, tokens, &caller, state.public_url(), id, to).await?;
        }
        ActionInput::Resend {} => invitations::resend(pools, &caller, state.public_url(), id).await?,
        ActionInput::Withdraw {} => {
            invitations::withdraw(pools, &caller, id).await?;
            return Ok(HttpResponse::Ok().json(json!({"id": id, "status": "withdrawn"})));
        }
    }
    let (row, _) = commands::show(&state.pools, &caller, id).await?;
    Ok(HttpResponse::Ok().json(document(&row)))
}
