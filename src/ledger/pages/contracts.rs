//! The institution's contracts: the list with its search and its export, and one contract with all that became of it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{NaiveDate, NaiveTime};
use serde::Deserialize;

use super::{
    shown::{ShownLesson, ShownRefund, bar, link, typed_fen},
    store::{self, ContractRow, Filter},
};
use crate::{
    db::ScopedConn,
    identity::{Action, Caller},
    kernel::{Fen, Finding, Private, clock::BEIJING, private::PersonName},
    ledger::{
        commands::{
            lessons as telling,
            payments::{self as paying, NewPayment},
        },
        error::LedgerError,
        model::{Channel, ContractStatus, LessonState, Product},
        pupils::Wanted,
        refunds,
        store::{contracts as kept, payments},
    },
    web::{
        Access, FieldError, Lang, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        sheet::{self, harmless},
    },
};

/// Contracts on one page, and at most in one file.
const PER_PAGE: i64 = 50;
const FILE_MAX: i64 = 20_000;
/// Refunds that a contract's page shows.
const REFUNDS: i64 = 20;

pub(super) fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepLedger);
    vec![
        Route::get("/org/contracts", keep, || web::get().to(list)),
        Route::get("/org/contracts.csv", keep, || web::get().to(export)),
        Route::get("/org/contracts/{id}", keep, || web::get().to(one)),
        Route::post("/org/contracts/{id}/payments", keep, || web::post().to(post_payment)),
        Route::post("/org/contracts/{id}/lessons", keep, || web::post().to(post_lesson)),
        Route::post("/org/lessons/{id}/void", keep, || web::post().to(post_void)),
    ]
}

#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    before: i64,
}

#[derive(Template)]
#[template(path = "ledger/contracts.html")]
struct ListPage<'a> {
    page: &'a Page,
    rows: &'a [(ContractRow, Private<PersonName>)],
    query: &'a ListQuery,
    next: Option<String>,
}

impl ListPage<'_> {
    fn status(&self, row: &ContractRow) -> &'static str {
        status_word(self.page, &row.status)
    }

    /// The search's part of an address.
    fn search(&self) -> String {
        search(self.query)
    }
}

fn search(query: &ListQuery) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("q", query.q.trim()).append_pair("status", &query.status);
    text.finish()
}

pub(super) fn status_word(page: &Page, status: &str) -> &'static str {
    status.parse::<ContractStatus>().map_or("", |status| page.lang.t(status.zh(), status.en()))
}

/// How a fee was paid.
pub(super) fn channel_word(page: &Page, payment: &payments::Payment) -> &'static str {
    payment.channel.parse::<Channel>().map_or("", |one| page.lang.t(one.zh(), one.en()))
}

/// The contracts of the caller's institution with their pupils.
async fn rows_of(
    conn: &mut ScopedConn,
    caller: &Caller,
    query: &ListQuery,
    limit: i64,
) -> Result<Vec<(ContractRow, Private<PersonName>)>, Problem> {
    let institution = caller.actor.institution.ok_or_else(Problem::forbidden)?;
    let wanted = Wanted::of(conn.vault(), query.q.trim());
    let status = Some(query.status.as_str()).filter(|text| !text.is_empty());
    let filter = Filter { text: query.q.trim(), wanted: Some(&wanted), status };
    let found = store::contracts(conn, (caller.actor.tenant, institution), &filter, query.before, limit).await?;
    let rows = found.into_iter().map(|row| row.pupil(conn.vault()).map(|pupil| (row, pupil)));
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "合同", "Contracts");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = rows_of(&mut conn, &caller, &query, PER_PAGE + 1).await?;
    conn.commit().await?;
    let full = usize::try_from(PER_PAGE).unwrap_or_default();
    let more = rows.len() > full;
    rows.truncate(full);
    let next = rows.last().filter(|_| more);
    let next = next.map(|(last, _)| format!("/org/contracts?{}&before={}", search(&query), last.id));
    page.render(&ListPage { page: &page, rows: &rows, query: &query, next })
}

/// GET /org/contracts.csv: what the list shows, for a spreadsheet. Pupils' names are masked: a file goes where it likes.
async fn export(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(&request);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = rows_of(&mut conn, &caller, &query, FILE_MAX).await?;
    conn.commit().await?;
    let headings = [
        ("合同编号", "contract_no"),
        ("学员", "pupil"),
        ("课程", "subject"),
        ("签约日", "signed_on"),
        ("首课", "first_lesson_on"),
        ("末课", "last_lesson_on"),
        ("合同金额", "price"),
        ("已缴", "paid"),
        ("已消课", "consumed"),
        ("已退费", "refunded"),
        ("未消课", "unearned"),
        ("课时", "units"),
        ("已消课时", "units_consumed"),
        ("状态", "status"),
    ]
    .map(|(zh, en)| lang.t(zh, en).to_owned());
    let lines = rows.iter().map(|(row, pupil)| {
        let yuan = |fen: i64| Fen(fen).to_string();
        [
            harmless(&row.contract_no),
            harmless(&pupil.masked()),
            harmless(&row.subject),
            row.signed_on.to_string(),
            row.first_lesson_on.to_string(),
            row.last_lesson_on.to_string(),
            yuan(row.price_fen),
            yuan(row.paid_fen),
            yuan(row.consumed_fen),
            yuan(row.refunded_fen),
            yuan(row.unearned_fen()),
            row.units().to_string(),
            row.consumed_units.to_string(),
            row.status.clone(),
        ]
    });
    sheet::answer("contracts.csv", std::iter::once(headings).chain(lines))
}

/// A form of the page that was not right, as it was typed.
#[derive(Default)]
struct Refused {
    form: SafeForm,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "ledger/contract.html")]
struct OnePage<'a> {
    page: &'a Page,
    contract: &'a ContractRow,
    pupil: &'a Private<PersonName>,
    findings: &'a [Finding],
    payments: &'a [payments::Payment],
    lessons: &'a [ShownLesson],
    links: &'a [(i64, String, String)],
    refunds: &'a [ShownRefund],
    refused: &'a Refused,
}

impl OnePage<'_> {
    fn bar(&self) -> String {
        bar(self.page, self.contract)
    }

    fn status(&self) -> &'static str {
        status_word(self.page, &self.contract.status)
    }

    fn product(&self) -> &'static str {
        self.contract.product.parse::<Product>().map_or("", |one| self.page.lang.t(one.zh(), one.en()))
    }

    fn is_open(&self) -> bool {
        self.contract.status == <&str>::from(ContractStatus::Open)
    }

    fn has_open_refund(&self) -> bool {
        self.refunds.iter().any(ShownRefund::is_open)
    }

    fn at(&self, path: &str) -> Vec<&FieldError> {
        self.refused.errors.iter().filter(|error| error.path == path).collect()
    }

    fn typed(&self, name: &str) -> &str {
        self.refused.form.get(name)
    }

    fn channels(&self) -> Vec<(&'static str, &'static str)> {
        use strum::VariantArray;
        Channel::VARIANTS.iter().map(|one| ((*one).into(), self.page.lang.t(one.zh(), one.en()))).collect()
    }

    fn channel(&self, payment: &payments::Payment) -> &'static str {
        channel_word(self.page, payment)
    }

    /// The link that the parent of a lesson confirms it by, with its drawing; while it waits.
    fn link(&self, lesson: &ShownLesson) -> Option<(&str, &str)> {
        let found = self.links.iter().find(|(id, ..)| *id == lesson.row.id)?;
        Some((&found.1, &found.2))
    }

    fn may_void(&self, lesson: &ShownLesson) -> bool {
        matches!(lesson.state(self.page), LessonState::Awaiting | LessonState::Disputed)
    }

    /// Refund cards ask for these; no form of theirs is answered here.
    fn comment_errors(&self, _: &i64) -> &[FieldError] {
        &[]
    }

    fn comment_typed(&self, _: &i64) -> &'static str {
        ""
    }
}

fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "recorded" => (
            page.t("合同已登记", "The contract is recorded"),
            page.t(
                "下一步：登记收款，每次课后登记考勤。",
                "Next: record the payment, then attendance after each lesson.",
            ),
        ),
        "paid" => (
            page.t("收款已登记", "The payment is recorded"),
            page.t("银行流水到了自动核对。", "It is matched when the bank's entry comes."),
        ),
        "lesson" => (
            page.t("考勤已登记", "Attendance is recorded"),
            page.t(
                "请把下面的链接发给家长；家长确认或到期未提异议后计入消课。",
                "Send the parent the link below; confirmed, or not disputed in time, it counts as consumed.",
            ),
        ),
        "void" => (page.t("已作废", "Taken back"), page.t("课时退回合同。", "The unit is the family's again.")),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn one(request: HttpRequest, state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, *id, &Refused::default()).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    refused: &Refused,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "合同", "Contract");
    page.note = note(&page);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let contract = store::contract(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let pupil = contract.pupil(conn.vault())?;
    let payments = payments::of_contract(&mut conn, contract.tenant_id, id).await?;
    let lessons = store::lessons(&mut conn, id).await?;
    let lessons = ShownLesson::plain(lessons, conn.vault())?;
    let mut links = Vec::new();
    for lesson in lessons.iter().filter(|lesson| lesson.is_waiting(&page)) {
        let (address, drawing) = link(state, conn.vault(), &lesson.row)?;
        links.push((lesson.row.id, address, drawing));
    }
    let filter = refunds::store::Filter { contract: Some(id), ..refunds::store::Filter::default() };
    let refunds = ShownRefund::of_range(&mut conn, caller, &filter, 0, REFUNDS).await?;
    conn.commit().await?;
    let findings: Vec<Finding> = serde_json::from_value(contract.findings.clone()).unwrap_or_default();
    let template = OnePage {
        page: &page,
        contract: &contract,
        pupil: &pupil,
        findings: &findings,
        payments: &payments,
        lessons: &lessons,
        links: &links,
        refunds: &refunds,
        refused,
    };
    let status = if refused.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &template)
}

/// An instant of a day and a time of day in Beijing, as two fields say it.
pub(super) fn instant(
    posted: &SafeForm,
    (day, time): (&str, &str),
    errors: &mut Vec<FieldError>,
) -> Option<chrono::DateTime<chrono::Utc>> {
    let on: Option<NaiveDate> = posted.get(day).parse().ok();
    let at = NaiveTime::parse_from_str(posted.get(time), "%H:%M").ok();
    if on.is_none() {
        errors.push(FieldError::new(day, "required", "请选择日期。", "Choose the day."));
    }
    if at.is_none() {
        errors.push(FieldError::new(time, "required", "请填时间，如 19:00。", "Give the time, such as 19:00."));
    }
    Some(on?.and_time(at?).and_local_timezone(BEIJING).single()?.to_utc())
}

async fn post_payment(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut errors = Vec::new();
    let paid_at = instant(&posted, ("paid_on", "paid_time"), &mut errors);
    let amount = typed_fen(posted.get("amount_fen"), "amount_fen", &mut errors);
    if posted.get("amount_fen").is_empty() {
        errors.push(FieldError::new("amount_fen", "required", "请填金额。", "Give the amount."));
    }
    let channel = posted.get("channel").parse::<Channel>();
    if channel.is_err() {
        errors.push(FieldError::new("channel", "required", "请选择付款方式。", "Choose how it was paid."));
    }
    let outcome = match (paid_at, amount, channel) {
        (Some(paid_at), Some(amount), Ok(channel)) if errors.is_empty() => {
            let new = NewPayment {
                receipt_no: posted.get("receipt_no").to_owned(),
                paid_at,
                amount,
                channel,
                payee_account: Private::new(posted.get("payee_account")),
                payee_is_person: posted.get("payee_is_person") == "yes",
                already_taken: posted.get("already_taken") == "yes",
            };
            paying::record(&state.pools, &caller, *id, &new).await.map(drop)
        }
        _ => Err(LedgerError::Invalid(errors)),
    };
    finish(&request, &state, &caller, *id, (posted, "paid"), outcome).await
}

/// Where a form leads: back to the contract with a word, or to the form with what is to be mended.
async fn finish(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    (form, done): (SafeForm, &str),
    outcome: Result<(), LedgerError>,
) -> Result<HttpResponse, Problem> {
    match outcome {
        Ok(()) => Ok(see_other(&format!("/org/contracts/{id}?done={done}"))),
        Err(error) if !error.fields().is_empty() => {
            let errors =
                error.fields().into_iter().map(|error| FieldError { path: field(&error.path), ..error }).collect();
            render(request, state, caller, id, &Refused { form, errors }).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The field of the page that an error speaks of.
fn field(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "paid_at" => "paid_on",
        "ended_at" => "ended_on",
        "contract_no" | "attendance" => "units",
        "comment" => "lessons",
        other => other,
    }
    .to_owned()
}

async fn post_lesson(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let contract = kept::contract(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let mut errors = Vec::new();
    let ended_at = instant(&posted, ("ended_on", "ended_time"), &mut errors);
    let units = posted.get("units").parse::<u32>();
    if units.is_err() {
        errors.push(FieldError::new("units", "required", "请填课时数。", "Give the number of units."));
    }
    let outcome = match (ended_at, units) {
        (Some(ended_at), Ok(units)) if errors.is_empty() => {
            let attended = telling::Attended { contract_no: contract.contract_no.clone(), units };
            let session = telling::Session { ended_at, attendance: vec![attended] };
            telling::tell(&state.pools, &caller, &session).await.map(drop)
        }
        _ => Err(LedgerError::Invalid(errors)),
    };
    finish(&request, &state, &caller, *id, (posted, "lesson"), outcome).await
}

async fn post_void(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let lesson = crate::ledger::store::lessons::lesson(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let outcome = telling::void(&state.pools, &caller, *id, posted.get("comment")).await;
    finish(&request, &state, &caller, lesson.contract_id, (posted, "void"), outcome).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_time_are_an_instant_in_beijing() {
        let form = |day: &str, time: &str| {
            SafeForm::from_pairs(vec![("d".to_owned(), day.to_owned()), ("t".to_owned(), time.to_owned())])
        };
        let mut errors = Vec::new();
        let at = instant(&form("2026-03-18", "19:00"), ("d", "t"), &mut errors).unwrap();
        assert_eq!((at.to_rfc3339().as_str(), errors.len()), ("2026-03-18T11:00:00+00:00", 0));
        assert_eq!(instant(&form("2026-03-18", "7pm"), ("d", "t"), &mut errors), None);
        assert_eq!(errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(), ["t"]);
    }
}
