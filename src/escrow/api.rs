//! Escrow over JSON: accounts, entries, balances, warnings; a bank's signed pushes.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    api_policy, balances, bank_fees, chart,
    commands::{self, Handled, Handling},
    documents::{AccountDocument, ActionDocument, EntryDocument, WarningDocument, entry_id},
    evidence::{self, api::Asked},
    filing::{self, Filing},
    ingest::{self, IngestError, Push, Pushed, Received, Target},
    model::{Status, account_number},
    oversight, shown,
    statement::Format,
    store::{
        accounts::{self, Account},
        entries::{self, Place},
        warnings::{self, Filter},
    },
    upload::{self, Fate, Taken, Wishes},
};
use crate::{
    approvals::{self, Desks},
    db::{DbError, ScopedConn},
    identity::{Action, Caller, machine::SignatureError, may, sign_in::Visitor},
    kernel::clock,
    web::{
        Access, Input, Items, Paging, Problem, Query, Route, extract, page::State, paging::bad_cursor, signed,
        upload::Uploads,
    },
};

/// The feature's routes of the API.
pub fn routes() -> Vec<Route> {
    use Action::{AnswerWarning, FileAccount, ReadEscrow, UploadStatement};
    let mut routes = vec![
        Route::post("/api/v1/escrow/accounts", Access::May(FileAccount), || web::post().to(file_account)),
        Route::get("/api/v1/escrow/accounts", Access::May(ReadEscrow), || web::get().to(list_accounts)),
        Route::get("/api/v1/escrow/accounts/{id}", Access::May(ReadEscrow), || web::get().to(read_account)),
        Route::get("/api/v1/escrow/accounts/{id}/entries", Access::May(ReadEscrow), || web::get().to(list_entries)),
        Route::get("/api/v1/escrow/accounts/{id}/balances", Access::May(ReadEscrow), || web::get().to(list_balances)),
        Route::post("/api/v1/escrow/accounts/{id}/withdrawal", Access::May(FileAccount), || {
            web::post().to(withdraw_account)
        }),
        Route::post("/api/v1/escrow/accounts/{id}/statements", Access::May(UploadStatement), || {
            web::post().to(add_statement)
        }),
        Route::post("/api/v1/bank/entries", Access::Machine, || web::post().to(push)),
        Route::get("/api/v1/warnings", Access::May(ReadEscrow), || web::get().to(list_warnings)),
        Route::get("/api/v1/warnings/{id}", Access::May(ReadEscrow), || web::get().to(read_warning)),
        Route::post("/api/v1/warnings/{id}/actions", Access::May(AnswerWarning), || web::post().to(act)),
    ];
    routes.extend(filing::amend::api::routes());
    routes.extend(api_policy::routes());
    routes.extend(evidence::api::routes());
    routes.extend(oversight::webhook::api::routes());
    routes.extend(oversight::sms::api::routes());
    routes
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilingRequest {
    credit_code: String,
    bank: String,
    account: String,
    mode: String,
    agreement_no: String,
    payee_account: String,
    /// The branches that it serves; `[]` for the whole institution.
    branches: Option<Vec<String>>,
    /// The day from which it takes the place of the account in use.
    in_use_from: Option<String>,
}

async fn file_account(state: State, caller: Caller, input: Input<FilingRequest>) -> Result<HttpResponse, Problem> {
    let request = input.0;
    let filing = Filing {
        credit_code: &request.credit_code,
        bank: &request.bank,
        account: &request.account,
        mode: &request.mode,
        agreement_no: &request.agreement_no,
        payee_account: &request.payee_account,
        branches: request.branches.clone(),
        in_use_from: request.in_use_from.as_deref().unwrap_or_default(),
    };
    let filed = filing::file(&state, &caller, &filing).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = of_range(&mut conn, filed.id).await?;
    conn.commit().await?;
    let mut answer = if filed.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer
        .insert_header(("location", format!("/api/v1/escrow/accounts/{}", filed.id)))
        .json(document(&state, &caller, account)?))
}

/// POST /api/v1/escrow/accounts/{id}/withdrawal
async fn withdraw_account(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    filing::withdraw(&state, &caller, *id).await?;
    read_account(state, caller, id).await
}

/// An account as the caller may read it.
fn document(state: &State, caller: &Caller, account: Account) -> Result<AccountDocument, DbError> {
    AccountDocument::of(account, state.pools.vault(), caller.actor.role.is_institution())
}

/// An account of the caller's range.
async fn of_range(conn: &mut ScopedConn, id: i64) -> Result<Account, Problem> {
    accounts::account(conn, id).await?.ok_or_else(Problem::not_found)
}

async fn list_accounts(state: State, caller: Caller, paging: Query<Paging>) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = accounts::accounts(&mut conn, paging.id()?, paging.rows()).await?;
    conn.commit().await?;
    let documents = rows.into_iter().map(|account| Ok((account.id, document(&state, &caller, account)?)));
    let documents = documents.collect::<Result<Vec<_>, DbError>>()?;
    Ok(paging.items(documents, |(id, _)| id.to_string(), |(_, document)| document).into())
}

async fn read_account(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = of_range(&mut conn, *id).await?;
    let open = warnings::of_account(&mut conn, account.tenant_id, account.id).await?;
    let from = clock::midnight(chart::span(&account, caller.today()).0);
    let fees = bank_fees::no_fee(entries::bank_fees(&mut conn, account.tenant_id, account.id, from).await?);
    conn.commit().await?;
    let open = open.iter().filter(|warning| warning.status.parse().is_ok_and(Status::is_open));
    let gaps = open.filter_map(shown::gap_of);
    let undetermined: Vec<_> = gaps.flat_map(|(after, before)| oversight::rules::undetermined(after, before)).collect();
    let mut document = serde_json::to_value(document(&state, &caller, account)?).map_err(|_| Problem::internal())?;
    document["undetermined"] = json!(undetermined);
    document["findings"] = json!(fees.into_iter().collect::<Vec<_>>());
    Ok(HttpResponse::Ok().json(document))
}

/// `microseconds.seq.reference` of the last entry of a page.
fn cursor_of(entry: &entries::Entry) -> String {
    format!("{}.{}.{}", entry.booked_at.timestamp_micros(), entry.seq, entry.bank_ref)
}

fn place_of(cursor: &str) -> Result<Place, Problem> {
    let parse = || {
        let mut parts = cursor.splitn(3, '.');
        let booked_at = DateTime::<Utc>::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        Some(Place { booked_at, seq: parts.next()?.parse().ok()?, bank_ref: parts.next()?.to_owned() })
    };
    parse().ok_or_else(bad_cursor)
}

async fn list_entries(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let place = paging.cursor().map(place_of).transpose()?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = of_range(&mut conn, *id).await?;
    let rows = entries::latest(&mut conn, account.tenant_id, account.id, place.as_ref(), paging.rows()).await?;
    conn.commit().await?;
    let own = caller.actor.role.is_institution();
    let shape = |entry| EntryDocument::of(account.tenant_id, account.id, entry, own);
    Ok(paging.items(rows, cursor_of, shape).into())
}

#[derive(Debug, Deserialize)]
struct Span {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

/// Most days of one answer.
const DAYS_MAX: u64 = 366;
const DAYS_DEFAULT: u64 = 89;

async fn list_balances(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    span: Query<Span>,
) -> Result<HttpResponse, Problem> {
    let today = caller.today();
    let to = span.to.unwrap_or(today);
    let from = span.from.or(to.checked_sub_days(Days::new(DAYS_DEFAULT))).unwrap_or(to);
    let within = from <= to && (to - from).num_days().unsigned_abs() < DAYS_MAX;
    if !within {
        return Err(Problem::bad_request(
            "from 须不晚于 to，最多 366 天。",
            "from must not be after to, and at most 366 days are given at a time",
        ));
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = of_range(&mut conn, *id).await?;
    let movements = entries::days(&mut conn, account.tenant_id, account.id, clock::midnight(from)).await?;
    conn.commit().await?;
    // What was there before the latest run of statements is not known from the present balance.
    let from = account.opening_on.map_or(from, |on| from.max(on));
    let items = balances::by_day(account.balance_fen, &movements, from, to);
    Ok(Items { items, next_cursor: None }.into())
}

async fn add_statement(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    uploads: Uploads,
) -> Result<HttpResponse, Problem> {
    let format = match uploads.form.get("format") {
        "" => None,
        text => Some(text.parse::<Format>().map_err(|_| {
            let known = "camt.052 camt.053 camt.054 mt940 mt942 csv xls xlsx txt";
            Problem::bad_request(format!("format 须为以下之一：{known}"), format!("the format is one of {known}"))
        })?),
    };
    let wishes = Wishes {
        format,
        target: Some(Target::Id(*id)),
        accept_unbalanced: uploads.form.get("unbalanced") == "accept",
        ..Wishes::default()
    };
    let mut taken = Vec::new();
    for (name, content) in uploads.files {
        taken.extend(upload::take_in(&state, &caller, &name, content, &wishes).await?);
    }
    answer_taken(taken)
}

/// What became of files: of a single one as it is, of several each by its name and all of them together.
fn answer_taken(taken: Vec<Taken>) -> Result<HttpResponse, Problem> {
    let kept = |parts: Vec<Received>| {
        let part = parts.into_iter().next().ok_or_else(Problem::internal)?;
        Ok::<Value, Problem>(json!({
            "statement_id": part.statement_id, "inserted": part.inserted, "duplicates": part.duplicates, "gap": part.gap,
            "repeats": part.repeats, "warnings": part.warnings,
        }))
    };
    let single = taken.len() == 1;
    let (mut files, mut good) = (Vec::with_capacity(taken.len()), 0);
    for Taken { name, fate } in taken {
        let problem: Problem = match fate {
            Fate::Kept(parts) if single => return Ok(HttpResponse::Ok().json(kept(parts)?)),
            Fate::Kept(parts) => {
                good += 1;
                files.push(json!({"name": name, "status": 200, "kept": kept(parts)?}));
                continue;
            }
            Fate::Refused(error) => error.into(),
            // Programs are not asked what columns mean.
            Fate::PutBy(_, error) => error.map_or_else(Problem::internal, |error| IngestError::from(error).into()),
        };
        if single {
            return Err(problem);
        }
        files.push(json!({"name": name, "status": problem.status.as_u16(), "problem": {
            "type": format!("/problems/{}", problem.kind), "detail": problem.detail_en, "detail_zh": problem.detail_zh, "errors": problem.errors}}));
    }
    let status = match good {
        0 => StatusCode::UNPROCESSABLE_ENTITY,
        good if good < files.len() => StatusCode::MULTI_STATUS,
        _ => StatusCode::OK,
    };
    Ok(HttpResponse::build(status).json(json!({"kept": good, "refused": files.len() - good, "files": files})))
}

async fn push(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let limit = state.max_upload();
    let (machine, body) = match signed::push(&request, &state, payload.into_inner(), limit).await? {
        Ok(signed) => signed,
        Err(forged) => return Err(refuse_forged(&state, forged, visitor.now).await),
    };
    let caller = Caller { actor: machine.actor.clone(), request_id: visitor.request_id, now: visitor.now };
    if !may(caller.actor.role, Action::PushEntries) || !machine.actions().contains(&Action::PushEntries) {
        return Err(Problem::forbidden());
    }
    let sha256: [u8; 32] = Sha256::digest(&body).into();
    let read = tokio::task::spawn_blocking(move || extract::from_json::<Push>(&body)).await;
    let Push { account, entries } = read.map_err(|_| Problem::internal())??;
    let refs: Vec<String> = entries.iter().map(|entry| entry.bank_ref.clone()).collect();
    let number = account_number(&account);
    if !machine.reaches(&number) {
        // As for one that is not there at all.
        return Err(IngestError::UnknownAccount(Some(number)).into());
    }
    let taken = match Pushed::new(caller.clone(), number, sha256, entries) {
        Ok(pushed) => ingest::push(&state, pushed).await,
        Err(error) => Err(error),
    };
    let part = match taken {
        Ok(part) => part,
        Err(error) => {
            oversight::after_refusal(&state, &caller, &error, None).await;
            return Err(error.into());
        }
    };
    // What only joins an open warning changes nothing beside it, and a bank does not wait for a look over its bureau.
    if part.faults_changed || part.turns() {
        oversight::after_delivery(&state, caller.actor.tenant, std::slice::from_ref(&part), caller.now).await;
    }
    let receipts: Vec<_> = refs
        .into_iter()
        .map(|bank_ref| {
            let id = entry_id(caller.actor.tenant, part.account_id, &bank_ref);
            json!({"bank_ref": bank_ref, "entry_id": id})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({"inserted": part.inserted, "duplicates": part.duplicates, "receipts": receipts})))
}

/// The account that a push names, whatever else it says.
#[derive(Debug, Deserialize)]
struct Named {
    account: String,
}

/// Refuses a push whose signature is not that of its key, and notes it where the key may push for the account that it names: who
/// knows of a bank's key is the bank, or somebody of whom the bureau has to hear.
async fn refuse_forged(state: &State, forged: signed::Forged, now: DateTime<Utc>) -> Problem {
    let signed::Forged { by, body } = forged;
    if may(by.role(), Action::PushEntries) && by.actions().contains(&Action::PushEntries) {
        let named = tokio::task::spawn_blocking(move || serde_json::from_slice::<Named>(&body)).await;
        if let Ok(Ok(Named { account })) = named
            && by.reaches(&account_number(&account))
        {
            oversight::after_forgery(state, &by, &account_number(&account), now).await;
        }
    }
    SignatureError::Forged(by).into()
}

#[derive(Debug, Deserialize)]
struct WarningQuery {
    status: Option<String>,
    level: Option<String>,
    kind: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list_warnings(state: State, caller: Caller, query: Query<WarningQuery>) -> Result<HttpResponse, Problem> {
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let given = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    let (status, level, kind) = (given(&query.status), given(&query.level), given(&query.kind));
    let filter = Filter { status: status.as_deref(), level: level.as_deref(), kind: kind.as_deref() };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = warnings::warnings(&mut conn, &filter, paging.id()?, paging.rows()).await?;
    conn.commit().await?;
    let shape = |warning| WarningDocument::of(warning, &state.calendar, caller.today());
    Ok(paging.items(rows, |warning| warning.id.to_string(), shape).into())
}

async fn act(
    request: HttpRequest,
    payload: web::Payload,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    let Asked { action, comment, version, to, conclusion, files, limit } = Asked::read(&request, payload).await?;
    let handling = Handling { step: action, comment: &comment, version, to, conclusion, files: (&files, limit) };
    let Handled { warning, proposed } = commands::handle(&state, &caller, *id, handling).await?;
    if let Some(proposal) = proposed {
        return approvals::accepted(&state, &desks, &caller, proposal).await;
    }
    one_warning(&state, &caller, warning.id).await
}

async fn read_warning(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    one_warning(&state, &caller, *id).await
}

/// A warning with what was done about it, as the caller may read that.
async fn one_warning(state: &State, caller: &Caller, id: i64) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let warning = warnings::warning(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let done = warnings::actions(&mut conn, warning.tenant_id, warning.id).await?;
    let attached = evidence::store::of_warnings(&mut conn, warning.tenant_id, &[warning.id]).await?;
    conn.commit().await?;
    let gap = shown::gap_of(&warning).filter(|_| warning.resolved_at.is_none());
    let held: Vec<_> = gap.into_iter().flat_map(|(after, before)| oversight::undetermined(after, before)).collect();
    let mut document = serde_json::to_value(WarningDocument::of(warning, &state.calendar, caller.today()))
        .map_err(|_| Problem::internal())?;
    // What cannot be judged while it is open, and between which days.
    document["undetermined"] = json!(held);
    let own = caller.actor.role.is_institution();
    let shape = |action| ActionDocument::of(action, &attached, own);
    document["actions"] = json!(done.into_iter().map(shape).collect::<Vec<_>>());
    Ok(HttpResponse::Ok().json(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_to_its_place_whatever_the_reference_holds() {
        let place = place_of("1767225600000001.3.A.1·b").unwrap();
        assert_eq!(
            (place.booked_at.timestamp_micros(), place.seq, place.bank_ref.as_str()),
            (1_767_225_600_000_001, 3, "A.1·b")
        );
        for wrong in ["", "1", "1.2", "x.2.A", "1.x.A", "99999999999999999999.1.A"] {
            assert!(place_of(wrong).is_err(), "{wrong}");
        }
    }
}
