//! The published facts for programs.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    model::{Detail, LicenceState, Watch, watch},
    query::Asked,
    store::{reader::Reader, search},
    words,
};
use crate::{
    kernel::CreditCode,
    web::{Access, Problem, Query, Route, page::State},
};

/// Routes for programs.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/public/institutions", Access::Anyone, || web::get().to(list)),
        Route::get("/api/v1/public/institutions/{credit_code}", Access::Anyone, || web::get().to(one)),
    ]
}

/// The answer is put together from JSON that is stored as text: nothing is parsed on the way out.
async fn list(state: State, reader: web::Data<Reader>, asked: Query<Asked>) -> Result<HttpResponse, Problem> {
    let Some(wanted) = asked.search()? else { return Ok(json(r#"{"items":[],"next_cursor":null}"#.to_owned())) };
    let found = search::search(&reader, &state.pools, &wanted).await?;
    let cards: Vec<&str> = found.cards().collect();
    let mut body = String::with_capacity(128 + cards.iter().map(|card| card.len() + 1).sum::<usize>());
    body.push_str(r#"{"items":["#);
    for (index, card) in cards.into_iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(card);
    }
    match found.next() {
        Some(cursor) => {
            body.push_str(r#"],"next_cursor":""#);
            body.push_str(&cursor.encode());
            body.push_str("\"}");
        }
        None => body.push_str(r#"],"next_cursor":null}"#),
    }
    Ok(json(body))
}

fn json(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}

#[derive(Debug, Deserialize)]
struct Where {
    /// Chooses among the counties that keep a record under the code.
    #[serde(default)]
    region: String,
}

#[derive(Debug, Serialize)]
struct RecordView<'a> {
    #[serde(flatten)]
    detail: &'a Detail,
    licence_state: LicenceState,
    watch: Watch,
    statement_on: Option<NaiveDate>,
    /// Other counties that keep a record under the same code.
    also_in: Vec<&'a str>,
    published_at: DateTime<Utc>,
}

async fn one(
    state: State,
    reader: web::Data<Reader>,
    code: web::Path<String>,
    place: Query<Where>,
) -> Result<HttpResponse, Problem> {
    let code: CreditCode = code.parse().map_err(|error| {
        let (zh, en) = words::code_error(&code, error);
        Problem::bad_request(zh, en)
    })?;
    let today = state.clock.today();
    let records = search::records(&reader, &state.pools, code.as_str(), today).await?;
    let chosen = records.iter().find(|record| place.region.is_empty() || record.detail.region == place.region);
    let record = chosen.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(RecordView {
        detail: &record.detail,
        licence_state: record.detail.licence.state(today),
        watch: watch(record.detail.escrow.is_some(), record.statement_on, today, &state.calendar),
        statement_on: record.statement_on,
        also_in: records
            .iter()
            .map(|other| other.detail.region.as_str())
            .filter(|region| *region != record.detail.region)
            .collect(),
        published_at: record.published_at,
    }))
}
