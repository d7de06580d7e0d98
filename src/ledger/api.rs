//! The ledger over JSON.

use actix_web::{HttpResponse, http::StatusCode, web};
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{
        contracts::{self as recording, NewContract},
        import::{self, File, Sheet},
        lessons::{self, Attended, Finding, Session},
        payments::{self, NewPayment},
    },
    documents::{self, ContractDocument},
    model::{Basis, Channel, Product, Terms},
    policy::Limits,
    pupils::{self, Wanted},
    rules,
    store::{
        contracts::{self, Contract, Filter},
        lessons as lesson_rows, payments as payment_rows, refunds,
    },
};
use crate::{
    db::ScopedConn,
    identity::{Action, Caller},
    institutions::import::Limits as FileLimits,
    kernel::{Calendar, Fen, Private, clock::BEIJING},
    policies,
    web::{Access, Input, Paging, Problem, Query, Route, once::NotKept, page::State, upload::Upload},
};

/// The feature's routes of the API.
pub fn routes() -> Vec<Route> {
    use Action::{ActOnLesson, KeepLedger, ReadEscrow};
    vec![
        Route::get("/api/v1/contracts", Access::May(ReadEscrow), || web::get().to(list)),
        Route::post("/api/v1/contracts", Access::May(KeepLedger), || web::post().to(record)),
        // Before the contract of an id, which is any word.
        Route::post("/api/v1/contracts/import", Access::May(KeepLedger), || web::post().to(import_contracts)),
        Route::post("/api/v1/lessons/import", Access::May(KeepLedger), || web::post().to(import_lessons)),
        Route::get("/api/v1/contracts/{id}", Access::May(ReadEscrow), || web::get().to(read)),
        Route::post("/api/v1/contracts/{id}/payments", Access::May(KeepLedger), || web::post().to(pay)),
        Route::post("/api/v1/lessons", Access::May(KeepLedger), || web::post().to(tell)),
        Route::post("/api/v1/lessons/{id}/actions", Access::May(ActOnLesson), || web::post().to(act)),
    ]
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    institution: Option<String>,
    status: Option<String>,
    contract_no: Option<String>,
    /// The whole name of a pupil, or the whole number of a guardian.
    pupil: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

async fn list(state: State, caller: Caller, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    fn given(text: &Option<String>) -> Option<&str> {
        text.as_deref().filter(|text| !text.is_empty())
    }
    let paging = Paging::of(query.limit, query.cursor.as_deref());
    let pupil = given(&query.pupil).map(str::trim).filter(|text| !text.is_empty());
    let wanted = pupil.map(|pupil| Wanted::of(state.pools.vault(), pupil));
    let filter = Filter {
        credit_code: given(&query.institution),
        status: given(&query.status),
        contract_no: given(&query.contract_no),
        pupil: wanted.as_ref(),
    };
    if pupil.is_some() && !pupils::may_find(&caller) {
        return Err(Problem::forbidden());
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = contracts::contracts(&mut conn, &filter, paging.id()?, paging.rows()).await?;
    if let Some(pupil) = pupil {
        pupils::record(&mut conn, &caller, pupil, rows.len()).await?;
    }
    conn.commit().await?;
    let vault = state.pools.vault();
    // A list shows masks to everybody; one contract shows its own institution the rest.
    let documents = rows.into_iter().map(|row| ContractDocument::of(row, vault, false));
    let documents = documents.collect::<Result<Vec<_>, _>>()?;
    Ok(paging.items(documents, |document| document.id.to_string(), |document| document).into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractRequest {
    contract_no: String,
    course_id: Option<i64>,
    subject: String,
    #[serde(default = "course")]
    product: Product,
    basis: Basis,
    pupil: String,
    #[serde(default)]
    guardian_phone: String,
    signed_on: NaiveDate,
    #[serde(default)]
    renewal: bool,
    price_fen: i64,
    #[serde(default)]
    materials_fen: i64,
    units_bought: u32,
    #[serde(default)]
    units_gifted: u32,
    #[serde(default = "once")]
    instalments: u32,
    first_lesson_on: NaiveDate,
    last_lesson_on: NaiveDate,
    #[serde(default)]
    already_taken: bool,
}

fn course() -> Product {
    Product::Course
}

fn once() -> u32 {
    1
}

impl From<ContractRequest> for NewContract {
    fn from(request: ContractRequest) -> NewContract {
        NewContract {
            contract_no: request.contract_no,
            course_id: request.course_id,
            subject: request.subject,
            product: request.product,
            basis: request.basis,
            pupil: Private::new(request.pupil),
            guardian_phone: Private::new(request.guardian_phone),
            signed_on: request.signed_on,
            is_renewal: request.renewal,
            terms: Terms {
                price: Fen(request.price_fen),
                materials: Fen(request.materials_fen),
                units_bought: request.units_bought,
                units_gifted: request.units_gifted,
            },
            instalments: request.instalments,
            first_lesson_on: request.first_lesson_on,
            last_lesson_on: request.last_lesson_on,
            already_taken: request.already_taken,
        }
    }
}

/// A contract of the caller's range.
async fn of_range(conn: &mut ScopedConn, id: i64) -> Result<Contract, Problem> {
    contracts::contract(conn, id).await?.ok_or_else(Problem::not_found)
}

fn created(fresh: bool) -> StatusCode {
    if fresh { StatusCode::CREATED } else { StatusCode::OK }
}

async fn record(state: State, caller: Caller, input: Input<ContractRequest>) -> Result<HttpResponse, Problem> {
    let recorded = recording::record(&state.pools, &caller, &input.0.into()).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = of_range(&mut conn, recorded.id).await?;
    conn.commit().await?;
    Ok(HttpResponse::build(created(recorded.fresh))
        .insert_header(("location", format!("/api/v1/contracts/{}", recorded.id)))
        .json(ContractDocument::of(row, state.pools.vault(), false)?))
}

async fn read(state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let own = caller.actor.role.is_institution();
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = of_range(&mut conn, *id).await?;
    let tenant = row.tenant_id;
    let payments = payment_rows::of_contract(&mut conn, tenant, row.id).await?;
    let lessons = lesson_rows::of_contracts(&mut conn, tenant, &[row.id]).await?;
    let refunds = refunds::of_contract(&mut conn, tenant, row.id).await?;
    let chain = policies::chain(&mut conn, tenant).await?;
    conn.commit().await?;
    let vault = state.pools.vault();
    let version = row.version;
    let mut document = json!(ContractDocument::of(row, vault, own)?);
    let paid = payments.iter().map(|payment| {
        let mut shown = documents::payment(payment, vault, own)?;
        let on = payment.paid_at.with_timezone(&BEIJING).date_naive();
        shown["findings"] =
            json!(Vec::from_iter(unsettled(payment, &Limits::of(&chain.on(on)), &state.calendar, &caller)));
        Ok(shown)
    });
    document["payments"] = Value::Array(paid.collect::<Result<_, Problem>>()?);
    document["lessons"] = lessons.iter().map(|lesson| documents::lesson(lesson, caller.now)).collect();
    document["refunds"] = json!(refunds);
    let mut answer = HttpResponse::Ok().insert_header(("etag", format!("\"{version}\""))).json(document);
    answer.extensions_mut().insert(NotKept);
    Ok(answer)
}

/// Whether a payment should be in the escrow account by now and is not.
fn unsettled(
    payment: &payment_rows::Payment,
    limits: &Limits,
    calendar: &Calendar,
    caller: &Caller,
) -> Option<crate::kernel::Finding> {
    if payment.entry_ref.is_some() || payment.payee_sealed.is_some() {
        return None;
    }
    let paid_on = payment.paid_at.with_timezone(&BEIJING).date_naive();
    let path = format!("payments[{}]", payment.receipt_no);
    let channel = payment.channel.parse().unwrap_or(Channel::Other);
    rules::unsettled(limits, calendar, &path, (channel, paid_on), caller.today())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentRequest {
    receipt_no: String,
    paid_at: DateTime<Utc>,
    amount_fen: i64,
    channel: Channel,
    #[serde(default)]
    payee_account: String,
    #[serde(default)]
    payee_is_person: bool,
    #[serde(default)]
    already_taken: bool,
}

async fn pay(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<PaymentRequest>,
) -> Result<HttpResponse, Problem> {
    let request = input.0;
    let new = NewPayment {
        receipt_no: request.receipt_no,
        paid_at: request.paid_at.trunc_subsecs(6),
        amount: Fen(request.amount_fen),
        channel: request.channel,
        payee_account: Private::new(request.payee_account),
        payee_is_person: request.payee_is_person,
        already_taken: request.already_taken,
    };
    let recorded = payments::record(&state.pools, &caller, *id, &new).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let contract = of_range(&mut conn, *id).await?;
    let rows = payment_rows::of_contract(&mut conn, contract.tenant_id, contract.id).await?;
    conn.commit().await?;
    let row = rows.iter().find(|row| row.id == recorded.id).ok_or_else(Problem::not_found)?;
    let vault = state.pools.vault();
    let mut document = documents::payment(row, vault, false)?;
    let about = format!("payments[{}]", row.receipt_no);
    let found = contract.findings.as_array().into_iter().flatten();
    let own = found.filter(|finding| finding["path"].as_str().is_some_and(|path| path.starts_with(&about)));
    document["findings"] = own.cloned().collect();
    document["contract"] = json!(ContractDocument::of(contract, vault, false)?);
    Ok(HttpResponse::build(created(recorded.fresh)).json(document))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionRequest {
    ended_at: DateTime<Utc>,
    attendance: Vec<AttendedRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttendedRequest {
    contract_no: String,
    #[serde(default = "once")]
    units: u32,
}

async fn tell(state: State, caller: Caller, input: Input<SessionRequest>) -> Result<HttpResponse, Problem> {
    let SessionRequest { ended_at, attendance } = input.0;
    let attended = |one: AttendedRequest| Attended { contract_no: one.contract_no, units: one.units };
    let session =
        Session { ended_at: ended_at.trunc_subsecs(6), attendance: attendance.into_iter().map(attended).collect() };
    let told = lessons::tell(&state.pools, &caller, &session).await?;
    let items: Vec<Value> = told.lessons.iter().map(|lesson| documents::lesson(lesson, caller.now)).collect();
    Ok(HttpResponse::build(created(told.recorded > 0)).json(json!({
        "recorded": told.recorded, "unchanged": told.unchanged, "lessons": items,
    })))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum LessonAction {
    /// The institution told it by mistake.
    Void { comment: String },
    /// An official decides what the parent disputes.
    Settle { finding: Finding, comment: String },
}

async fn act(
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    input: Input<LessonAction>,
) -> Result<HttpResponse, Problem> {
    match &input.0 {
        LessonAction::Void { comment } => lessons::void(&state.pools, &caller, *id, comment).await?,
        LessonAction::Settle { finding, comment } => {
            lessons::settle(&state.pools, &caller, *id, *finding, comment).await?;
        }
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = lesson_rows::lesson(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok(HttpResponse::Ok().json(documents::lesson(&row, caller.now)))
}

async fn import_contracts(state: State, caller: Caller, upload: Upload) -> Result<HttpResponse, Problem> {
    let already_taken = matches!(upload.form.get("already_taken"), "true" | "1" | "yes" | "on");
    take_in(&state, &caller, &upload, Sheet::Contracts { already_taken }).await
}

async fn import_lessons(state: State, caller: Caller, upload: Upload) -> Result<HttpResponse, Problem> {
    take_in(&state, &caller, &upload, Sheet::Lessons).await
}

/// The operator's limits on uploads count for a sheet too.
pub(super) fn file_limits(state: &State) -> FileLimits {
    let defaults = FileLimits::default();
    let unpacked = usize::try_from(state.max_unpacked()).unwrap_or(usize::MAX);
    FileLimits {
        file_bytes: defaults.file_bytes.min(state.max_upload()),
        unpacked_bytes: defaults.unpacked_bytes.min(unpacked),
        ..defaults
    }
}

async fn take_in(state: &State, caller: &Caller, upload: &Upload, sheet: Sheet) -> Result<HttpResponse, Problem> {
    let limits = file_limits(state);
    let file = File { name: &upload.file_name, bytes: &upload.bytes, sheet, limits, institution: None };
    let report = import::import(&state.pools, caller, &file).await?;
    Ok(HttpResponse::Ok().json(report))
}
