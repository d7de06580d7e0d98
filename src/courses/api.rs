//! Courses over JSON.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, CourseDecision, CourseRequest, Step},
    form::CourseForm,
    model::Filing,
    rules::Verdict,
    store::{self, CourseRow},
};
use crate::{
    identity::{Action, Caller},
    web::{Access, Input, Paging, Problem, Query, Route, page::State},
};

/// The feature's routes of the API.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/courses/check", Access::SignedIn, || web::post().to(check)),
        Route::get("/api/v1/courses", Access::May(Action::ReadRegister), || web::get().to(list)),
        Route::post("/api/v1/courses", Access::May(Action::FileCourse), || web::post().to(create)),
        Route::post("/api/v1/courses/{id}/submit", Access::May(Action::FileCourse), || web::post().to(submit)),
        Route::post("/api/v1/courses/{id}/decisions", Access::May(Action::DecideCourse), || web::post().to(decide)),
    ]
}

/// One filing, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

async fn check(state: State, input: Input<Value>) -> Result<HttpResponse, Problem> {
    let judge = |value: Value| -> Result<Verdict, Problem> {
        let filing: Filing = crate::web::extract::from_json(value.to_string().as_bytes())?;
        filing.validate().map_err(|invalid| {
            Problem::bad_request(
                format!("{} 处无法采用：{}", invalid.path, invalid.message),
                format!("at {}: {}", invalid.path, invalid.message),
            )
        })?;
        Ok(Verdict::of(&filing, &state.calendar))
    };
    match serde_json::from_value(input.0) {
        Ok(OneOrMany::Many(filings)) => {
            let verdicts: Vec<Verdict> = filings.into_iter().map(judge).collect::<Result<_, _>>()?;
            Ok(HttpResponse::Ok().json(verdicts))
        }
        Ok(OneOrMany::One(filing)) => Ok(HttpResponse::Ok().json(judge(filing)?)),
        Err(error) => Err(Problem::bad_request(format!("无法读取：{error}"), error.to_string())),
    }
}

fn view(row: &CourseRow) -> Value {
    json!({
        "id": row.id, "region": row.tenant_id.to_string(), "credit_code": row.credit_code, "institution": row.institution_name,
        "name": row.name, "status": row.status, "decision": row.decision, "findings": row.findings,
        "course": row.filing.get("course"), "instructors": row.filing.get("instructors"),
        "submitted_at": row.submitted_at, "decided_at": row.decided_at, "comment": row.comment,
    })
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    institution: Option<String>,
    status: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows =
        store::courses(&mut conn, query.status.as_deref(), query.institution.as_deref(), paging.id()?, paging.rows())
            .await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| view(&row)).into())
}

async fn create(state: State, caller: Caller, input: Input<CourseRequest>) -> Result<HttpResponse, Problem> {
    let form = CourseForm::from_request(&input.0);
    let judged = commands::check(&state.pools, &state.calendar, &caller, &form).await?;
    let id = commands::file(&state.pools, &state.calendar, &caller, None, &form, Step::Draft).await?;
    Ok(HttpResponse::Created().insert_header(("location", format!("/org/courses/{id}"))).json(
        json!({"id": id, "status": "draft", "decision": judged.verdict.decision, "findings": judged.verdict.findings}),
    ))
}

async fn submit(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = store::course(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let form = CourseForm::from_stored(&row.form);
    commands::file(&state.pools, &state.calendar, &caller, Some(*id), &form, Step::Submit).await?;
    Ok(HttpResponse::Ok().json(json!({"id": *id, "status": "submitted"})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    decision: CourseDecision,
    #[serde(default)]
    comment: String,
}

async fn decide(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<DecisionRequest>,
) -> Result<HttpResponse, Problem> {
    commands::decide(&state.pools, &state.calendar, &caller, *id, input.0.decision, &input.0.comment).await?;
    let status = if input.0.decision == CourseDecision::Approve { "approved" } else { "returned" };
    Ok(HttpResponse::Ok().json(json!({"id": *id, "status": status})))
}
