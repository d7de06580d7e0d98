//! The bureau's pages of the ledger: which institutions have what waiting, and one institution's contracts, disputes,
//! refunds and release orders. Names of pupils are masked.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;

use super::{
    contracts::{channel_word, status_word},
    shown::{ShownLesson, ShownOrder, ShownRefund},
    store::{self, ContractRow, InstitutionRow, Totals, Waiting},
};
use crate::{
    db::DbError,
    escrow::{self, model::Mode},
    identity::{Action, Caller, Role, may},
    kernel::Fen,
    ledger::{
        commands::lessons::{Finding as Found, settle},
        error::LedgerError,
        pupils::{self, Wanted},
        refunds::{self, RefundError, commands::Acting, model::Act},
        releases::{self, ReleaseError},
        rules::release::{deposit_needed, deposit_short, top_up_due},
        store::{
            contracts::{self, Contract},
            payments::{self, PastEscrow, PastEscrowSum},
        },
    },
    policies::{self, registry::TOP_UP_WORKDAYS},
    vault::Vault,
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        show,
    },
};

/// Rows of each part of the page.
const PER_PART: i64 = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/b/ledger", Access::Official(Action::ReadEscrow), || web::get().to(index)),
        Route::get("/b/ledger/{credit_code}", Access::Official(Action::ReadEscrow), || web::get().to(one)),
        Route::post("/b/ledger/{credit_code}/releases", Access::Official(Action::CalculateRelease), || {
            web::post().to(calculate)
        }),
        Route::post("/b/lessons/{id}", Access::Official(Action::SettleLesson), || web::post().to(post_lesson)),
        Route::post("/b/refunds/{id}", Access::Official(Action::DecideRefund), || web::post().to(post_refund)),
        Route::post("/b/releases/{id}", Access::Official(Action::DecideRelease), || web::post().to(post_release)),
    ]
}

/// Whether the caller may ask to see whose a contract is.
fn may_see_pupils(caller: &Caller) -> bool {
    may(caller.actor.role, Action::UnmaskPersonal) && caller.actor.role != Role::FinanceOfficer
}

#[derive(Debug, Default, Deserialize)]
struct IndexQuery {
    #[serde(default)]
    after: i64,
    /// The whole name of a pupil, or the whole number of a guardian.
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "ledger/index.html")]
struct IndexPage<'a> {
    page: &'a Page,
    rows: &'a [Waiting],
    q: &'a str,
    /// The family's contracts, with the pupil's mask; `None` where nobody was looked for.
    found: Option<&'a [(Contract, String)]>,
    may_find: bool,
    may_unmask: bool,
    /// More than one county is seen.
    wide: bool,
    next: Option<i64>,
}

impl IndexPage<'_> {
    fn status(&self, contract: &Contract) -> &'static str {
        status_word(self.page, &contract.status)
    }

    fn county(&self, row: &Waiting) -> String {
        show::bureau(row.tenant_id)
    }
}

async fn index(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<IndexQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "合同台账", "Contracts");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let may_find = pupils::may_find(&caller);
    let q = query.q.trim();
    if !q.is_empty() && !may_find {
        return Err(Problem::forbidden());
    }
    let mut found = None;
    if !q.is_empty() {
        let wanted = Wanted::of(conn.vault(), q);
        let filter = contracts::Filter { pupil: Some(&wanted), ..contracts::Filter::default() };
        let of_family = contracts::contracts(&mut conn, &filter, 0, PER_PART).await?;
        pupils::record(&mut conn, &caller, q, of_family.len()).await?;
        let masked = of_family.into_iter().map(|one| one.pupil(conn.vault()).map(|pupil| (one, pupil.masked())));
        found = Some(masked.collect::<Result<Vec<_>, _>>()?);
    }
    let mut rows = store::with_contracts(&mut conn, caller.today(), query.after, PER_PART + 1).await?;
    conn.commit().await?;
    let full = usize::try_from(PER_PART).unwrap_or_default();
    let more = rows.len() > full;
    rows.truncate(full);
    let next = rows.last().filter(|_| more).map(|last| last.id);
    page.render(&IndexPage {
        page: &page,
        rows: &rows,
        q,
        found: found.as_deref(),
        may_find,
        may_unmask: may_see_pupils(&caller),
        wide: caller.actor.tenant % 100 == 0,
        next,
    })
}

/// A form that was not right: where it stands, what was typed, and what to mend.
struct Refused {
    anchor: String,
    typed: String,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "ledger/bureau.html")]
struct OnePage<'a> {
    page: &'a Page,
    institution: &'a InstitutionRow,
    totals: &'a Totals,
    /// What a risk deposit has to hold and lacks.
    deposit: Option<(Fen, Option<Fen>)>,
    /// By when it is to be filled up, once it was found short at the end of a day, and whether that is past.
    top_up: Option<(NaiveDate, bool)>,
    disputes: &'a [ShownLesson],
    /// Fees that went past the escrow account: the latest, and all of them together.
    past: &'a [ShownPast],
    past_sum: PastEscrowSum,
    refunds: &'a [ShownRefund],
    orders: &'a [ShownOrder],
    contracts: &'a [(ContractRow, String)],
    may_settle: bool,
    may_calculate: bool,
    may_unmask: bool,
    /// Whether the caller may ask to see where a fee went.
    may_see_payees: bool,
    refused: Option<&'a Refused>,
}

/// A fee that went past the escrow account, its names masked.
struct ShownPast {
    row: PastEscrow,
    pupil: String,
    /// `None` where only the kind of the payee is known.
    payee: Option<String>,
}

impl ShownPast {
    fn masked(row: PastEscrow, vault: &Vault) -> Result<ShownPast, DbError> {
        let pupil = row.pupil(vault)?.masked();
        let payee = row.payment.payee(vault)?.map(|payee| payee.masked());
        Ok(ShownPast { row, pupil, payee })
    }

    fn channel(&self, page: &Page) -> &'static str {
        channel_word(page, &self.row.payment)
    }
}

impl OnePage<'_> {
    fn errors_at(&self, anchor: &str) -> &[FieldError] {
        self.refused.filter(|refused| refused.anchor == anchor).map_or(&[], |refused| &refused.errors)
    }

    fn typed_at(&self, anchor: &str) -> &str {
        self.refused.filter(|refused| refused.anchor == anchor).map_or("", |refused| &refused.typed)
    }

    fn comment_errors(&self, id: &i64) -> &[FieldError] {
        self.errors_at(&format!("comment-{id}"))
    }

    fn comment_typed(&self, id: &i64) -> &str {
        self.typed_at(&format!("comment-{id}"))
    }

    /// The first day of the period that is offered: that of the month.
    fn from(&self) -> String {
        use chrono::Datelike;
        self.page.today().with_day(1).unwrap_or(self.page.today()).to_string()
    }
}

fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "refund" => (
            page.t("已同意退费", "The refund is approved"),
            page.t(
                "机构在期限内付出；逾期会在这里标出。",
                "The institution pays it in time; what is late is marked here.",
            ),
        ),
        "calculated" => (
            page.t("划拨金额已计算", "The release is worked out"),
            page.t("批准后发给银行。", "Approve it, then send it to the bank."),
        ),
        "approve" => (page.t("已批准", "Approved"), page.t("下一步：发给银行。", "Next: send it to the bank.")),
        "send" => {
            (page.t("已发给银行", "Sent to the bank"), page.t("银行流水到了自动办结。", "The bank's entry settles it."))
        }
        "reject" => {
            (page.t("已退回", "Rejected"), page.t("金额留待下次划拨。", "Its sum stays to be released another time."))
        }
        "settled" => (
            page.t("异议已处理", "The dispute is settled"),
            page.t("家长的链接上看得到结果。", "The parent sees the outcome under the link."),
        ),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, &code, None).await
}

async fn render_refused(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    code: &str,
    (anchor, typed, errors): (String, &str, Vec<FieldError>),
) -> Result<HttpResponse, Problem> {
    render(request, state, caller, code, Some(&Refused { anchor, typed: typed.to_owned(), errors })).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    code: &str,
    refused: Option<&Refused>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let institution = store::institution(&mut conn, code).await?.ok_or_else(Problem::not_found)?;
    let place = (institution.tenant_id, institution.id);
    let mut page = Page::new(request, &institution.name, &institution.name);
    page.note = note(&page);
    let totals = store::totals(&mut conn, place, caller.today()).await?;
    let disputes = store::disputes(&mut conn, place, PER_PART).await?;
    let disputes = ShownLesson::masked(disputes, conn.vault())?;
    let past = payments::past_escrow(&mut conn, place, PER_PART).await?;
    let past = past.into_iter().map(|row| ShownPast::masked(row, conn.vault())).collect::<Result<Vec<_>, _>>()?;
    let past_sum = payments::past_escrow_sum(&mut conn, place).await?;
    let filter = refunds::store::Filter { credit_code: Some(code), ..refunds::store::Filter::default() };
    let refunds = ShownRefund::of_range(&mut conn, caller, &filter, 0, PER_PART).await?;
    let orders = releases::store::orders(&mut conn, None, Some(code), 0, PER_PART).await?;
    let orders = ShownOrder::of(orders, caller);
    let kept = store::contracts(&mut conn, place, &store::Filter::default(), 0, PER_PART).await?;
    let kept = kept
        .into_iter()
        .map(|contract| contract.pupil(conn.vault()).map(|pupil| (contract, pupil.masked())))
        .collect::<Result<Vec<_>, _>>()?;
    let in_force = policies::in_force(&mut conn, institution.tenant_id, caller.today()).await?;
    let short_since = escrow::short_since(&mut conn, institution.tenant_id, institution.id).await?;
    conn.commit().await?;
    let mode = institution.mode.as_deref().and_then(|mode| mode.parse::<Mode>().ok());
    let deposit = institution.balance_fen.filter(|_| mode == Some(Mode::RiskDeposit)).map(|balance| {
        let needed = deposit_needed(Fen(totals.fees_fen), Fen(in_force.number("escrow.minimum.fixed_fen")));
        (needed, deposit_short(Fen(balance), needed))
    });
    let workdays = u32::try_from(in_force.number(TOP_UP_WORKDAYS)).unwrap_or_default();
    let top_up = short_since.and_then(|since| top_up_due(&state.calendar, since, workdays));
    let top_up = top_up.map(|due| (due, due < caller.today()));
    let own = institution.tenant_id == caller.actor.tenant;
    let template = OnePage {
        page: &page,
        institution: &institution,
        totals: &totals,
        deposit,
        top_up,
        disputes: &disputes,
        past: &past,
        past_sum,
        refunds: &refunds,
        orders: &orders,
        contracts: &kept,
        may_settle: own && may(caller.actor.role, Action::SettleLesson),
        may_calculate: own && may(caller.actor.role, Action::CalculateRelease) && mode == Some(Mode::Custody),
        may_unmask: may_see_pupils(caller),
        may_see_payees: may(caller.actor.role, Action::UnmaskPersonal),
        refused,
    };
    page.render_as(if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// POST /b/lessons/{id}: what an official finds of a lesson in dispute.
async fn post_lesson(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let found = form
        .get("action")
        .parse::<Found>()
        .map_err(|_| Problem::bad_request("请选择认定的结果。", "Choose what was found."))?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let code = store::code_of_lesson(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    match settle(&state.pools, &caller, *id, found, form.get("comment")).await {
        Ok(()) => Ok(see_other(&format!("/b/ledger/{code}?done=settled"))),
        Err(LedgerError::Invalid(errors)) => {
            let refused = (format!("lesson-{id}"), form.get("comment"), errors);
            render_refused(&request, &state, &caller, &code, refused).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn post_refund(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = refunds::store::refund(&mut conn, caller.today(), *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let charged = form.get("charged_units").trim();
    let outcome = match charged.parse() {
        Err(_) if !charged.is_empty() => Err(RefundError::Invalid(vec![FieldError::new(
            "charged_units",
            "format",
            format!("“{charged}”不是课时数，请填 0 或以上的整数，或留空。"),
            format!("\"{charged}\" is no number of units; write a whole number, 0 or more, or leave it empty."),
        )])),
        parsed => {
            let acting = Acting {
                act: Act::Approve,
                comment: form.get("comment"),
                charged_units: parsed.ok(),
                version: Some(form.get("version").parse().unwrap_or(0)),
            };
            refunds::commands::act(&state, &caller, *id, acting).await
        }
    };
    let errors = match outcome {
        Ok(()) => return Ok(see_other(&format!("/b/ledger/{}?done=refund", row.credit_code))),
        Err(RefundError::Invalid(errors)) => errors,
        Err(RefundError::Blocked(refund)) => refunds::error::blocking(&refund),
        Err(error) => return Err(error.into()),
    };
    let refused = (format!("comment-{id}"), form.get("comment"), errors);
    render_refused(&request, &state, &caller, &row.credit_code, refused).await
}

async fn calculate(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let day = |name: &str| form.get(name).parse();
    let refused = |errors| (String::from("period_to"), "", errors);
    let (Ok(period_from), Ok(period_to)) = (day("period_from"), day("period_to")) else {
        let errors =
            vec![FieldError::new("period_to", "required", "请选择起止日期。", "Choose the first and the last day.")];
        return render_refused(&request, &state, &caller, &code, refused(errors)).await;
    };
    let asked = releases::commands::Request {
        credit_code: code.clone(),
        period_from,
        period_to,
        seq: form.get("seq").parse().unwrap_or(1),
    };
    match releases::commands::calculate(&state, &caller, &asked).await {
        Ok(_) => Ok(see_other(&format!("/b/ledger/{}?done=calculated#orders", *code))),
        Err(ReleaseError::Invalid(errors)) => render_refused(&request, &state, &caller, &code, refused(errors)).await,
        Err(error @ (ReleaseError::Nothing(_) | ReleaseError::NoAccount | ReleaseError::OtherPeriod)) => {
            let problem = Problem::from(error);
            let errors = vec![FieldError::new("period_to", problem.kind, problem.detail_zh, problem.detail_en)];
            render_refused(&request, &state, &caller, &code, refused(errors)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn post_release(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = releases::store::order(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let act = form
        .get("action")
        .parse::<releases::model::Act>()
        .map_err(|_| Problem::bad_request("请选择办理动作。", "Choose what to do."))?;
    let acting = releases::commands::Acting {
        act,
        comment: form.get("comment"),
        version: Some(form.get("version").parse().unwrap_or(0)),
    };
    match releases::commands::act(&state, &caller, *id, acting).await {
        Ok(_) => Ok(see_other(&format!("/b/ledger/{}?done={act}#orders", row.credit_code))),
        Err(ReleaseError::Invalid(errors)) => {
            let refused = (format!("order-{id}"), form.get("comment"), errors);
            render_refused(&request, &state, &caller, &row.credit_code, refused).await
        }
        Err(error) => Err(error.into()),
    }
}
