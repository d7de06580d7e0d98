//! Refunds on the institution's pages: work one out, see each step, ask for it; approve it or take it back.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;

use super::{
    shown::{ShownRefund, typed_fen},
    store::{self, ContractRow},
};
use crate::{
    identity::{Action, Caller},
    kernel::{Fen, Private, private::PersonName},
    ledger::{
        refunds::{
            RefundError,
            commands::{self, Acting, Request},
            error::blocking,
            model::Act,
            store::Filter,
        },
        rules::refund::{Ground, Refund},
    },
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// Refunds on one page.
const PER_PAGE: i64 = 50;

pub(super) fn routes() -> Vec<Route> {
    let ask = Access::May(Action::KeepLedger);
    vec![
        Route::get("/org/refunds", ask, || web::get().to(list)),
        Route::post("/org/refunds/{id}", ask, || web::post().to(act)),
        Route::get("/org/contracts/{id}/refund", ask, || web::get().to(form)),
        Route::post("/org/contracts/{id}/refund", ask, || web::post().to(post_form)),
    ]
}

/// The form of a refund, as it was typed, and what it came to.
#[derive(Template)]
#[template(path = "ledger/refund.html")]
struct AskPage<'a> {
    page: &'a Page,
    contract: &'a ContractRow,
    pupil: &'a Private<PersonName>,
    form: &'a SafeForm,
    refund: Option<&'a Refund>,
    errors: &'a [FieldError],
}

impl AskPage<'_> {
    fn at(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == path).collect()
    }

    fn typed(&self, name: &str) -> &str {
        self.form.get(name)
    }

    /// The day of the request; today before anything is typed.
    fn asked_on(&self) -> String {
        let typed = self.form.get("asked_on");
        if typed.is_empty() { self.page.today().to_string() } else { typed.to_owned() }
    }

    fn grounds(&self) -> Vec<(String, &'static str)> {
        use Ground::{AfterStart, BeforeStart, CoolingOff, Excess, InstitutionFault};
        let named = |ground: Ground| (ground.to_string(), self.page.lang.t(ground.words().0, ground.words().1));
        [BeforeStart, AfterStart, CoolingOff, InstitutionFault, Excess].map(named).to_vec()
    }

    fn ground(&self, refund: &Refund) -> &'static str {
        let (zh, en) = refund.ground.words();
        self.page.lang.t(zh, en)
    }
}

/// The field of the form that an error speaks of.
fn field(path: &str) -> &'static str {
    match path {
        "asked_on" => "asked_on",
        "amount_fen" => "amount",
        "fee_fen" => "fee",
        "elsewhere_reason" => "elsewhere_reason",
        "elsewhere_account" => "elsewhere_account",
        _ => "reason",
    }
}

fn named(errors: Vec<FieldError>) -> Vec<FieldError> {
    errors.into_iter().map(|error| FieldError { path: field(&error.path).to_owned(), ..error }).collect()
}

fn read(posted: &SafeForm) -> Result<Request, Vec<FieldError>> {
    let mut errors = Vec::new();
    let asked_on = posted.get("asked_on");
    if !asked_on.is_empty() && asked_on.parse::<NaiveDate>().is_err() {
        errors.push(FieldError::new("asked_on", "format", "请选择日期。", "Choose a day."));
    }
    let amount_fen = typed_fen(posted.get("amount"), "amount", &mut errors);
    let fee_fen = typed_fen(posted.get("fee"), "fee", &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let elsewhere = posted.get("elsewhere") == "yes";
    Ok(Request {
        asked_on: asked_on.parse().ok(),
        reason: posted.get("reason").parse().ok(),
        amount_fen,
        fee_fen: fee_fen.unwrap_or(Fen::ZERO),
        elsewhere_reason: elsewhere.then(|| posted.get("elsewhere_reason").to_owned()),
        elsewhere_account: Private::new(if elsewhere { posted.get("elsewhere_account").trim() } else { "" }),
        shown_fen: posted.get("shown_fen").parse().ok().map(Fen),
    })
}

async fn form(request: HttpRequest, state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    // The sum by the best ground stands there at once; what is typed changes it.
    match commands::work_out(&state, &caller, *id, &Request::default()).await {
        Ok(refund) => {
            let errors = named(blocking(&refund));
            show(&request, &state, &caller, *id, &SafeForm::default(), Some(&refund), &errors).await
        }
        Err(RefundError::Open(_)) => Ok(see_other(&format!("/org/refunds?contract={}", *id))),
        Err(error) => Err(error.into()),
    }
}

async fn post_form(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let asked = match read(&posted) {
        Ok(asked) => asked,
        Err(errors) => return show(&request, &state, &caller, *id, &posted, None, &errors).await,
    };
    let outcome = if posted.get("do") == "ask" {
        match commands::ask(&state, &caller, *id, &asked).await {
            Ok(_) => return Ok(see_other(&format!("/org/refunds?contract={}&done=asked", *id))),
            Err(RefundError::Sum(_)) => {
                let refund = commands::work_out(&state, &caller, *id, &asked).await?;
                let told = FieldError::new(
                    "reason",
                    "changed",
                    "合同在此期间有变化，请看过新的计算再申请。",
                    "The contract has changed; look at the new sum, then ask.",
                );
                return show(&request, &state, &caller, *id, &posted, Some(&refund), &[told]).await;
            }
            Err(error) => Err(error),
        }
    } else {
        commands::work_out(&state, &caller, *id, &asked).await
    };
    match outcome {
        Ok(refund) => {
            let errors = named(blocking(&refund));
            show(&request, &state, &caller, *id, &posted, Some(&refund), &errors).await
        }
        Err(RefundError::Blocked(refund)) => {
            let errors = named(blocking(&refund));
            show(&request, &state, &caller, *id, &posted, Some(&refund), &errors).await
        }
        Err(RefundError::Invalid(errors)) => show(&request, &state, &caller, *id, &posted, None, &named(errors)).await,
        Err(error) => Err(error.into()),
    }
}

async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    form: &SafeForm,
    refund: Option<&Refund>,
    errors: &[FieldError],
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "申请退费", "Ask for a refund");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let contract = store::contract(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let pupil = contract.pupil(conn.vault())?;
    conn.commit().await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    // Nothing is wrong with a page that was only opened.
    let status = if request.method().is_safe() { StatusCode::OK } else { status };
    page.render_as(status, &AskPage { page: &page, contract: &contract, pupil: &pupil, form, refund, errors })
}

#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    state: String,
    contract: Option<i64>,
    #[serde(default)]
    before: i64,
}

#[derive(Template)]
#[template(path = "ledger/refunds.html")]
struct ListPage<'a> {
    page: &'a Page,
    rows: &'a [ShownRefund],
    /// The one whose form was not right, and why.
    refused: Option<(i64, Vec<FieldError>, String)>,
    state: &'a str,
    next: Option<String>,
}

impl ListPage<'_> {
    fn comment_errors(&self, id: &i64) -> &[FieldError] {
        self.refused.as_ref().filter(|(at, ..)| at == id).map_or(&[], |(_, errors, _)| errors)
    }

    fn comment_typed(&self, id: &i64) -> &str {
        self.refused.as_ref().filter(|(at, ..)| at == id).map_or("", |(.., typed)| typed)
    }
}

fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "asked" => (
            page.t("已申请退费", "The refund is asked for"),
            page.t(
                "由本机构另一名人员核对每一步后同意；须核定的、只有一人的机构，由教育局决定。",
                "Somebody else of the institution checks each step and approves it; what is left to an official, and where \
                 there is nobody else, the bureau decides.",
            ),
        ),
        "approve" => (
            page.t("已同意退费", "The refund is approved"),
            page.t(
                "请在期限内从监管账户付出，摘要写明退费单号；银行流水到了自动办结。",
                "Pay it out of the escrow account in time and name the order number; the bank's entry settles it.",
            ),
        ),
        "withdraw" => (page.t("已撤回", "Taken back"), page.t("合同照旧。", "The contract stands as before.")),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, &query, None).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    query: &ListQuery,
    refused: Option<(i64, Vec<FieldError>, String)>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "退费", "Refunds");
    page.note = note(&page);
    let wanted = if query.state.is_empty() { None } else { Some(query.state.as_str()) };
    let filter = Filter { state: wanted, contract: query.contract, ..Filter::default() };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = ShownRefund::of_range(&mut conn, caller, &filter, query.before, PER_PAGE + 1).await?;
    conn.commit().await?;
    let more = rows.len() > usize::try_from(PER_PAGE).unwrap_or_default();
    rows.truncate(usize::try_from(PER_PAGE).unwrap_or_default());
    let next =
        rows.last().filter(|_| more).map(|last| format!("/org/refunds?state={}&before={}", query.state, last.row.id));
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(status, &ListPage { page: &page, rows: &rows, refused, state: &query.state, next })
}

async fn act(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    posted: SafeForm,
) -> Result<HttpResponse, Problem> {
    let act: Act = posted
        .get("action")
        .parse()
        .map_err(|_| Problem::bad_request("请选择同意或撤回。", "Choose to approve or to take it back."))?;
    let acting = Acting {
        act,
        comment: posted.get("comment"),
        charged_units: None,
        version: Some(posted.get("version").parse().unwrap_or(0)),
    };
    match commands::act(&state, &caller, *id, acting).await {
        Ok(()) => Ok(see_other(&format!("/org/refunds?done={act}"))),
        Err(RefundError::Invalid(errors)) => {
            let refused = Some((*id, errors, posted.get("comment").to_owned()));
            render(&request, &state, &caller, &ListQuery::default(), refused).await
        }
        Err(error) => Err(error.into()),
    }
}
