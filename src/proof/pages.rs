//! Pages of the proof: the queue of what does not match, and one institution's month.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;

use super::{
    commands::{self, ProofError, Ran},
    model::Kind,
    store::{self, Proven, Queued, Subject},
};
use crate::{
    identity::{Action, Caller},
    kernel::Fen,
    web::{
        Access, Lang, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging, sheet, show,
    },
};

/// Items a page.
const ROWS: i64 = 100;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let (read, prove) = (Access::Official(Action::ReadEscrow), Access::Official(Action::ProveFunds));
    vec![
        Route::get("/b/proof", read, || web::get().to(queue)),
        Route::post("/b/proof/items/{id}", prove, || web::post().to(explain)),
        Route::get("/b/proof/{credit_code}", read, || web::get().to(month)),
        Route::post("/b/proof/{credit_code}", prove, || web::post().to(prove_now)),
        Route::get("/b/proof/{credit_code}/days.csv", read, || web::get().to(file)),
        Route::get("/org/proof", Access::May(Action::ExplainWarning), || web::get().to(own_month)),
    ]
}

/// What an item is about, in words.
fn subject(lang: Lang, text: &str) -> String {
    let (what, rest) = text.split_once(':').unwrap_or(("", text));
    let word = match what {
        "entry" => lang.t("银行流水", "Bank entry"),
        "payment" => lang.t("缴费收据", "Receipt"),
        "order" => lang.t("划拨或退费指令", "Release or refund order"),
        _ => lang.t("合同", "Contract"),
    };
    // Of an entry the account is known from the page.
    let number = if what == "entry" { rest.split_once(':').map_or(rest, |(_, bank_ref)| bank_ref) } else { rest };
    format!("{word} {number}")
}

fn kind_word(lang: Lang, kind: &str) -> &'static str {
    kind.parse::<Kind>().map_or("", |kind| lang.t(kind.words().0, kind.words().1))
}

#[derive(Debug, Clone, Default, Deserialize)]
struct QueueQuery {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    before: i64,
}

#[derive(Template)]
#[template(path = "proof/queue.html")]
struct QueuePage<'a> {
    page: &'a Page,
    kind: &'a str,
    rows: &'a [Queued],
    next: Option<i64>,
    /// Whether several counties' items are shown.
    wide: bool,
}

impl QueuePage<'_> {
    fn kinds(&self) -> [(&'static str, &'static str); 4] {
        let kinds = [Kind::OnlyBank, Kind::OnlyLedger, Kind::OnlyAttendance, Kind::AmountDiffers];
        kinds.map(|kind| (kind.into(), self.page.lang.t(kind.words().0, kind.words().1)))
    }

    fn word(&self, kind: &str) -> &'static str {
        kind_word(self.page.lang, kind)
    }

    fn subject(&self, text: &str) -> String {
        subject(self.page.lang, text)
    }

    fn county(&self, row: &Queued) -> String {
        show::bureau(row.tenant_id)
    }

    fn month(&self, row: &Queued) -> String {
        row.day.format("%Y-%m").to_string()
    }
}

/// GET /b/proof
async fn queue(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<QueueQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "三方核对", "Three-way proof");
    let kind = query.kind.parse::<Kind>().ok().map(<&'static str>::from);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = store::queue(&mut conn, kind, query.before.max(0), ROWS + 1).await?;
    conn.commit().await?;
    let more = paging::cut(&mut rows, ROWS);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    page.render(&QueuePage {
        page: &page,
        kind: kind.unwrap_or_default(),
        rows: &rows,
        next,
        wide: caller.actor.scope().is_wide(),
    })
}

#[derive(Debug, Clone, Default, Deserialize)]
struct MonthQuery {
    /// `2026-03`; the month of the latest statement when absent.
    #[serde(default)]
    month: String,
    /// What the run that was just asked for did: days and exceptions.
    #[serde(default)]
    days: Option<usize>,
    #[serde(default)]
    exceptions: usize,
}

/// A refused explanation: of which item, and what was typed.
struct Refused<'a> {
    id: i64,
    comment: &'a str,
    message: String,
}

#[derive(Template)]
#[template(path = "proof/month.html")]
struct MonthPage<'a> {
    page: &'a Page,
    subject: &'a Subject,
    /// The first day of the month shown.
    month: NaiveDate,
    days: &'a [Proven],
    items: &'a [Queued],
    /// Whether an official looks at it, rather than the institution.
    official: bool,
    may_prove: bool,
    refused: Option<Refused<'a>>,
}

impl MonthPage<'_> {
    fn label(&self) -> String {
        match self.page.lang {
            Lang::Zh => format!("{} 年 {} 月", self.month.year(), self.month.month()),
            Lang::En => self.month.format("%B %Y").to_string(),
        }
    }

    fn path(&self) -> String {
        if self.official { format!("/b/proof/{}", self.subject.credit_code) } else { "/org/proof".to_owned() }
    }

    fn address(&self, month: NaiveDate) -> String {
        format!("{}?month={}", self.path(), month.format("%Y-%m"))
    }

    fn month_before(&self) -> String {
        self.address(self.month - Months::new(1))
    }

    fn month_after(&self) -> String {
        self.address(self.month + Months::new(1))
    }

    fn total(&self, of: fn(&Proven) -> i64) -> String {
        self.page.yuan(self.days.iter().map(of).fold(0, i64::saturating_add))
    }

    fn bank_in(&self) -> String {
        self.total(|day| day.bank_in_fen)
    }

    fn paid(&self) -> String {
        self.total(|day| day.paid_fen)
    }

    fn bank_out(&self) -> String {
        self.total(|day| day.bank_out_fen)
    }

    fn ordered(&self) -> String {
        self.total(|day| day.released_fen.saturating_add(day.refunded_fen))
    }

    fn ordered_on(&self, day: &Proven) -> String {
        self.page.yuan(day.released_fen.saturating_add(day.refunded_fen))
    }

    fn open(&self) -> usize {
        self.items.iter().filter(|item| item.state == "open").count()
    }

    /// What stands against the proof; the same words as when it is refused.
    fn lacking(&self) -> Option<String> {
        let what = match (self.subject.ledger_from, self.subject.statement_on) {
            (None, _) => "ledger",
            (_, None) => "statements",
            _ => return None,
        };
        let problem = Problem::from(ProofError::Lacking(what));
        Some(self.page.t(&problem.detail_zh, &problem.detail_en).to_owned())
    }

    fn word(&self, kind: &str) -> &'static str {
        kind_word(self.page.lang, kind)
    }

    fn about(&self, text: &str) -> String {
        subject(self.page.lang, text)
    }

    fn refused_of(&self, id: &i64) -> Option<&Refused<'_>> {
        self.refused.as_ref().filter(|refused| refused.id == *id)
    }
}

/// The first day of the month that is asked for, else of the one that the statements reach, else of this one.
fn month_of(query: &MonthQuery, subject: &Subject, today: NaiveDate) -> NaiveDate {
    let asked = NaiveDate::parse_from_str(&format!("{}-01", query.month), "%Y-%m-%d").ok();
    // What no calendar of this service reaches is no month.
    let asked = asked.filter(|day| (2000..=2100).contains(&day.year()));
    asked.or_else(|| subject.statement_on.unwrap_or(today).with_day(1)).unwrap_or(today)
}

fn span(month: NaiveDate) -> (NaiveDate, NaiveDate) {
    (month, (month + Months::new(1)).pred_opt().unwrap_or(month))
}

/// Whose month is shown, and with what.
struct Shown<'a> {
    official: bool,
    refused: Option<Refused<'a>>,
    status: StatusCode,
}

async fn show_month(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    code: Option<&str>,
    query: &MonthQuery,
    shown: Shown<'_>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "三方核对", "Three-way proof");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let subject = match (code, caller.actor.institution) {
        (Some(code), _) => store::by_code(&mut conn, code).await?,
        (None, Some(own)) => store::by_id(&mut conn, own).await?,
        (None, None) => None,
    };
    let subject = subject.ok_or_else(Problem::not_found)?;
    let month = month_of(query, &subject, page.today());
    let days = store::days(&mut conn, subject.tenant_id, subject.id, span(month)).await?;
    let items = store::items(&mut conn, subject.tenant_id, subject.id, span(month)).await?;
    conn.commit().await?;
    if let Some(days) = query.days {
        page.note = Some(told(&page, Ran { days, exceptions: query.exceptions }));
    }
    let may_prove = shown.official && page.may(Action::ProveFunds) && subject.tenant_id == caller.actor.tenant;
    let Shown { official, refused, status } = shown;
    let template =
        MonthPage { page: &page, subject: &subject, month, days: &days, items: &items, official, may_prove, refused };
    page.render_as(status, &template)
}

fn told(page: &Page, ran: Ran) -> Note {
    let text = match (ran.days, page.lang) {
        (0, _) => page.t("结果与上次相同。", "The outcome is as before.").to_owned(),
        (days, Lang::Zh) => format!("{days} 天有新结果，其中差异 {} 项。", ran.exceptions),
        (days, Lang::En) => format!("{days} days have a new outcome, with {} differences.", ran.exceptions),
    };
    Note::new(page.t("已核对", "Proven"), &text)
}

/// GET /b/proof/{credit_code}
async fn month(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    query: Query<MonthQuery>,
) -> Result<HttpResponse, Problem> {
    let shown = Shown { official: true, refused: None, status: StatusCode::OK };
    show_month(&request, &state, &caller, Some(&code), &query, shown).await
}

/// GET /org/proof
async fn own_month(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<MonthQuery>,
) -> Result<HttpResponse, Problem> {
    let shown = Shown { official: false, refused: None, status: StatusCode::OK };
    show_month(&request, &state, &caller, None, &query, shown).await
}

/// POST /b/proof/{credit_code}
async fn prove_now(
    state: State,
    caller: Caller,
    code: web::Path<String>,
    _form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let ran = commands::prove(&state, &caller, &code).await?;
    Ok(see_other(&format!("/b/proof/{code}?days={}&exceptions={}", ran.days, ran.exceptions)))
}

/// POST /b/proof/items/{id}
async fn explain(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let comment = form.get("comment");
    let version = form.get("version").parse().unwrap_or_default();
    let lang = Lang::of(&request);
    match commands::explain(&state, &caller, *id, version, comment).await {
        Ok(code) => Ok(see_other(&format!("/b/proof/{code}?month={}#items", form.get("month")))),
        Err(ProofError::Comment) => {
            let code = form.get("code").to_owned();
            let problem = Problem::from(ProofError::Comment);
            let message = problem.errors.first().map(|error| lang.t(&error.message_zh, &error.message_en).to_owned());
            let refused = Refused { id: *id, comment, message: message.unwrap_or_default() };
            let query = MonthQuery { month: form.get("month").to_owned(), ..MonthQuery::default() };
            let shown = Shown { official: true, refused: Some(refused), status: StatusCode::UNPROCESSABLE_ENTITY };
            show_month(&request, &state, &caller, Some(&code), &query, shown).await
        }
        Err(error) => Err(error.into()),
    }
}

/// GET /b/proof/{credit_code}/days.csv: the month in yuan, with its digests.
async fn file(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    query: Query<MonthQuery>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "三方核对", "Three-way proof");
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let subject = store::by_code(&mut conn, &code).await?.ok_or_else(Problem::not_found)?;
    let month = month_of(&query, &subject, page.today());
    let days = store::days(&mut conn, subject.tenant_id, subject.id, span(month)).await?;
    conn.commit().await?;
    let name = format!("proof-{code}-{}.csv", month.format("%Y-%m"));
    sheet::answer(&name, lines(page.lang, &days))
}

fn lines(lang: Lang, days: &[Proven]) -> impl Iterator<Item = [String; 12]> {
    let yuan = |fen: i64| Fen(fen).to_string();
    let headings = [
        ("日期", "day"),
        ("银行收入", "bank in"),
        ("台账缴费", "paid"),
        ("银行支出", "bank out"),
        ("划拨", "released"),
        ("退费", "refunded"),
        ("消课", "lessons confirmed"),
        ("相符", "matched"),
        ("待到账", "waiting"),
        ("差异", "differences"),
        ("版本", "version"),
        ("sha256", "sha256"),
    ]
    .map(|(zh, en)| lang.t(zh, en).to_owned());
    let days = days.iter().rev().map(move |day| {
        [
            day.day.to_string(),
            yuan(day.bank_in_fen),
            yuan(day.paid_fen),
            yuan(day.bank_out_fen),
            yuan(day.released_fen),
            yuan(day.refunded_fen),
            yuan(day.consumed_fen),
            day.matched.to_string(),
            day.waiting.to_string(),
            day.exceptions.to_string(),
            day.version.to_string(),
            hex::encode(&day.digest),
        ]
    });
    std::iter::once(headings).chain(days)
}
