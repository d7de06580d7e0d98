//! Verification by QR code or by hand: one verdict, readable at arm's length.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{
    model::{Detail, LicenceState, ListStatus},
    store::{
        reader::Reader,
        search::{self, Record},
    },
    words::{self, Words},
};
use crate::{
    kernel::{CreditCode, credit_code::normalise},
    web::{
        Access, Lang, Page, Problem, Query, Route,
        page::{State, see_other},
        show,
    },
};

/// Routes of verification.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v", Access::Anyone, || web::get().to(form)),
        Route::get("/v/{code}", Access::Anyone, || web::get().to(verify)),
    ]
}

/// Characters of a code that are shown back; what is longer is no code.
const SHOWN_MAX: usize = 40;

/// The address that verifies a text.
pub(super) fn address(code: &str) -> String {
    let code: String = normalise(code).chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
    format!("/v/{}", percent_encoding::utf8_percent_encode(&code, percent_encoding::NON_ALPHANUMERIC))
}

#[derive(Template)]
#[template(path = "public/verify_form.html")]
struct FormPage<'a> {
    page: &'a Page,
    /// The form was sent without a code.
    empty: bool,
}

#[derive(Debug, serde::Deserialize)]
struct Typed {
    c: Option<String>,
}

async fn form(request: HttpRequest, typed: Query<Typed>) -> Result<HttpResponse, Problem> {
    match &typed.c {
        Some(code) if !normalise(code).is_empty() => Ok(see_other(&address(code))),
        typed => {
            let page = Page::new(&request, "扫码核验", "Verify");
            page.render(&FormPage { page: &page, empty: typed.is_some() })
        }
    }
}

#[derive(Template)]
#[template(path = "public/verify.html")]
struct VerifyPage<'a> {
    page: &'a Page,
    words: Words,
    code: &'a str,
    record: Option<&'a Record>,
    /// Why it did not pass; empty when it did.
    faults: Vec<String>,
    /// The code itself is wrong.
    malformed: bool,
    at: String,
}

impl VerifyPage<'_> {
    fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

async fn verify(
    request: HttpRequest,
    state: State,
    reader: web::Data<Reader>,
    typed: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let code: String = normalise(&typed).chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
    let parsed = code.parse::<CreditCode>();
    let records = match parsed {
        Ok(code) => search::records(&reader, &state.pools, code.as_str(), state.clock.today()).await?,
        Err(_) => Vec::new(),
    };
    let record = records.first();
    let mut page = Page::new(&request, "", "");
    let told = match (parsed, record) {
        (Err(error), _) => vec![words::code_error(&code, error)],
        (Ok(_), None) => vec![(
            "本系统没有这个代码的机构：没有许可，也没有列入名单。".to_owned(),
            "No institution is recorded under this code: neither licensed nor listed.".to_owned(),
        )],
        (Ok(_), Some(record)) => faults(&record.detail, page.today()),
    };
    let faults: Vec<String> = told.into_iter().map(|(zh, en)| page.t(&zh, &en).to_owned()).collect();
    let passed = faults.is_empty();
    page.title = page
        .t(if passed { "核验通过" } else { "未通过核验" }, if passed { "Verified" } else { "Not verified" })
        .to_owned();
    page.render(&VerifyPage {
        words: Words(page.lang),
        code: &code,
        record,
        faults,
        malformed: parsed.is_err(),
        at: page.time(state.clock.now()),
        page: &page,
    })
}

/// Why an institution on record is not to be paid, in Chinese and English; empty when nothing speaks against it.
fn faults(detail: &Detail, today: chrono::NaiveDate) -> Vec<(String, String)> {
    let day = |lang, date| show::day(lang, date, today);
    let since_zh = detail.list.since.map(|on| format!("，自 {}起", day(Lang::Zh, on))).unwrap_or_default();
    let since_en = detail.list.since.map(|on| format!(" since {}", day(Lang::En, on))).unwrap_or_default();
    let mut faults = Vec::new();
    let list = match detail.list.status {
        ListStatus::White => None,
        ListStatus::Suspended => Some(("白名单已暂停展示", "It is suspended from the white list")),
        ListStatus::Black => Some(("已列入黑名单", "It is on the blacklist")),
        ListStatus::None => Some(("不在白名单", "It is not on the white list")),
    };
    if let Some((zh, en)) = list {
        faults.push((format!("{zh}{since_zh}"), format!("{en}{since_en}")));
    }
    match (detail.licence.state(today), detail.licence.from, detail.licence.to) {
        (LicenceState::Expired, _, Some(to)) => faults.push((
            format!("办学许可证已于 {}到期", day(Lang::Zh, to)),
            format!("Its licence ended on {}", day(Lang::En, to)),
        )),
        (LicenceState::NotYet, Some(from), _) => faults.push((
            format!("办学许可证自 {}起才有效", day(Lang::Zh, from)),
            format!("Its licence begins only on {}", day(Lang::En, from)),
        )),
        (LicenceState::Missing, ..) => {
            faults.push(("没有办学许可证的记录".to_owned(), "No licence is on record".to_owned()))
        }
        _ => {}
    }
    if detail.status != "operating" {
        faults.push((
            format!("办学状态：{}", Words(Lang::Zh).status(&detail.status)),
            format!("Status: {}", Words(Lang::En).status(&detail.status)),
        ));
    }
    faults
}
