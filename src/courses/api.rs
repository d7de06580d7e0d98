//! Courses over JSON.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, CourseDecision, CourseRequest, Deciding, Step},
    model::{Filing, Policy},
    rules::Verdict,
    store::{self, CourseRow},
};
use crate::{
    identity::{Action, Caller},
    kernel::{Calendar, RegionCode},
    policies,
    web::{Access, FieldError, Input, Paging, Problem, Query, Route, page::State},
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

impl OneOrMany {
    fn filings(&self) -> &[Value] {
        match self {
            OneOrMany::Many(filings) => filings,
            OneOrMany::One(filing) => std::slice::from_ref(filing),
        }
    }
}

type Policies = HashMap<i32, Vec<(NaiveDate, Policy)>>;

/// What the counties of the filings have set, where the caller sees them. A filing that brings a policy is judged by that.
async fn policies_of(state: &State, caller: &Caller, filings: &[Value]) -> Result<Policies, Problem> {
    let (lo, hi) = caller.actor.scope().range();
    let region = |filing: &Value| filing.get("region")?.as_str()?.parse::<RegionCode>().ok();
    let mut regions: Vec<i32> = filings
        .iter()
        .filter(|filing| filing.get("policy").is_none_or(Value::is_null))
        .filter_map(region)
        .map(RegionCode::tenant_id)
        .collect();
    regions.sort_unstable();
    regions.dedup();
    regions.retain(|region| (lo..=hi).contains(region));
    let mut found = Policies::new();
    if regions.is_empty() {
        return Ok(found);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    for region in regions {
        found.insert(region, Policy::dated(&policies::chain(&mut conn, region).await?));
    }
    conn.commit().await?;
    Ok(found)
}

/// Most sessions of all the filings of one request together.
const SESSIONS_MAX: usize = 10_000;

async fn check(state: State, caller: Caller, input: Input<Value>) -> Result<HttpResponse, Problem> {
    let asked: OneOrMany = serde_json::from_value(input.0)
        .map_err(|error| Problem::bad_request(format!("无法读取：{error}"), error.to_string()))?;
    let policies = policies_of(&state, &caller, asked.filings()).await?;
    let calendar = state.calendar.clone();
    // Thousands of sessions take a moment, in which a worker would answer nobody else.
    let judged = tokio::task::spawn_blocking(move || verdicts(asked, &policies, &calendar)).await.map_err(|error| {
        tracing::error!(%error, "a check of courses broke off");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok().json(judged?))
}

fn verdicts(asked: OneOrMany, policies: &Policies, calendar: &Calendar) -> Result<Value, Problem> {
    let filings = asked.filings();
    let sessions = |filing: &Value| filing.pointer("/course/sessions").and_then(Value::as_array).map_or(0, Vec::len);
    let sum: usize = filings.iter().map(sessions).sum();
    if SESSIONS_MAX < sum {
        return Err(Problem::invalid(vec![FieldError::new(
            "course.sessions",
            "too-many",
            format!("一次请求最多检查 {SESSIONS_MAX} 节课，这次有 {sum} 节，请分几次发送。"),
            format!("One request checks at most {SESSIONS_MAX} sessions; this one has {sum}. Send it in parts."),
        )]));
    }
    let mut judged = filings.iter().map(|filing| verdict(filing, policies, calendar)).collect::<Result<Vec<_>, _>>()?;
    match (&asked, judged.pop()) {
        (OneOrMany::One(_), Some(only)) => Ok(json!(only)),
        (_, last) => Ok(json!(judged.into_iter().chain(last).collect::<Vec<_>>())),
    }
}

fn verdict(filing: &Value, policies: &Policies, calendar: &Calendar) -> Result<Verdict, Problem> {
    let mut filing: Filing = crate::web::extract::from_json(filing.to_string().as_bytes())?;
    filing.validate().map_err(|invalid| {
        Problem::bad_request(
            format!("{} 处无法采用：{}", invalid.path, invalid.message),
            format!("at {}: {}", invalid.path, invalid.message),
        )
    })?;
    if filing.policy.is_none() {
        filing.dated = policies.get(&filing.region.tenant_id()).cloned().unwrap_or_default();
    }
    Ok(Verdict::of(&filing, calendar))
}

fn view(row: &CourseRow) -> Value {
    json!({
        "id": row.id, "region": row.tenant_id.to_string(), "credit_code": row.credit_code, "institution": row.institution_name,
        "name": row.name, "status": row.status, "version": row.version, "decision": row.decision, "findings": row.findings,
        "course": row.filing.get("course"), "instructors": row.filing.get("instructors"),
        "submitted_at": row.submitted_at, "decided_at": row.decided_at, "comment": row.comment,
        "policy_version": row.policy_version,
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
    let rows = store::courses(
        &mut conn,
        query.status.as_deref(),
        query.institution.as_deref(),
        None,
        paging.id()?,
        paging.rows(),
    )
    .await?;
    conn.commit().await?;
    Ok(paging.items(rows, |row| row.id.to_string(), |row| view(&row)).into())
}

async fn create(state: State, caller: Caller, input: Input<CourseRequest>) -> Result<HttpResponse, Problem> {
    let Input(request) = input;
    let judged = commands::check(&state.pools, &state.calendar, &caller, request.clone()).await?;
    let id = commands::file(&state.pools, &state.calendar, &caller, None, request, Step::Draft).await?;
    Ok(HttpResponse::Created().insert_header(("location", format!("/org/courses/{id}"))).json(
        json!({"id": id, "status": "draft", "decision": judged.verdict.decision, "findings": judged.verdict.findings}),
    ))
}

async fn submit(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    commands::submit(&state.pools, &state.calendar, &caller, *id).await?;
    Ok(HttpResponse::Ok().json(json!({"id": *id, "status": "submitted"})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    decision: CourseDecision,
    #[serde(default)]
    comment: String,
    /// The version that was read; a course changed since is not decided on.
    version: Option<i32>,
}

async fn decide(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<DecisionRequest>,
) -> Result<HttpResponse, Problem> {
    let DecisionRequest { decision, comment, version } = &input.0;
    let deciding = Deciding { decision: *decision, comment, version: *version };
    commands::decide(&state.pools, &state.calendar, &caller, *id, deciding).await?;
    let status = if *decision == CourseDecision::Approve { "approved" } else { "returned" };
    Ok(HttpResponse::Ok().json(json!({"id": *id, "status": status})))
}
