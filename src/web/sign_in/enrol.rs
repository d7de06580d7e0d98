//! Setting an app up: before the first session where a second factor is required, and later by choice.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use fast_qr::{
    QRBuilder,
    convert::{Builder, svg::SvgBuilder},
};

use super::{gone_on, leading_to, login::Going, safe_next, said, security::fresh_overview, step, with_cookies};
use crate::{
    identity::{
        Caller,
        commands::SignInError,
        sign_in::{self, App, Visitor},
    },
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
        session::Keepsake,
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/login/enrol", Access::Anyone, || web::get().to(enrol_page)),
        Route::post("/login/enrol", Access::Anyone, || web::post().to(enrol)),
        Route::get("/account/totp", Access::SignedIn, || web::get().to(own_page)),
        Route::post("/account/totp", Access::SignedIn, || web::post().to(begin)),
        Route::post("/account/totp/confirm", Access::SignedIn, || web::post().to(confirm)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/enrol.html")]
struct EnrolPage<'a> {
    page: &'a Page,
    next: &'a str,
    app: &'a App,
    picture: String,
    error: Option<&'a str>,
    /// Nobody is signed in before this is done.
    first: bool,
    passkeys: bool,
}

/// Recovery codes, shown this once.
#[derive(Template)]
#[template(path = "sign_in/codes.html")]
pub(super) struct CodesPage<'a> {
    pub page: &'a Page,
    /// What was done, in both languages.
    pub done: (&'static str, &'static str),
    pub codes: &'a [String],
    pub next: &'a str,
}

const SET_UP: (&str, &str) = ("两步验证已启用", "The second step is set up");

fn picture(app: &App) -> Result<String, Problem> {
    let code = QRBuilder::new(app.address.as_str()).build().map_err(|_| Problem::internal())?;
    Ok(SvgBuilder::default().margin(2).to_str(&code))
}

fn new_page(request: &HttpRequest) -> Page {
    Page::new(request, "启用两步验证", "Set up the second step")
}

async fn enrol_page(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    query: Query<Going>,
) -> Result<HttpResponse, Problem> {
    let Some(app) = sign_in::pending_totp(&state.doorway(), &visitor, &step(&request), true).await? else {
        return Ok(see_other(&leading_to("/login", &query.next)));
    };
    let page = new_page(&request);
    let (next, picture) = (safe_next(&query.next).unwrap_or_default(), picture(&app)?);
    let passkeys = state.passkeys.is_some();
    page.render(&EnrolPage { page: &page, next, app: &app, picture, error: None, first: true, passkeys })
}

async fn enrol(request: HttpRequest, state: State, visitor: Visitor, form: SafeForm) -> Result<HttpResponse, Problem> {
    let next = form.get("next");
    match sign_in::add_totp(&state.doorway(), &visitor, &step(&request), form.get("code"), true).await {
        Ok((codes, Some(passed))) => {
            let (target, cookies) = gone_on(&state, &visitor, &passed, next);
            let page = Page::new(&request, "保存恢复码", "Keep your recovery codes");
            with_cookies(page.render(&CodesPage { page: &page, done: SET_UP, codes: &codes, next: &target })?, cookies)
        }
        Ok((_, None)) => Err(Problem::internal()),
        Err(error) => wrong(request, state, visitor, next, error, true).await,
    }
}

/// The page again with what was wrong with the code.
async fn wrong(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    next: &str,
    error: SignInError,
    first: bool,
) -> Result<HttpResponse, Problem> {
    if !matches!(error, SignInError::CodeRefused) {
        return Err(error.into());
    }
    let app = sign_in::pending_totp(&state.doorway(), &visitor, &step(&request), first).await?;
    let app = app.ok_or(SignInError::StepEnded)?;
    let page = new_page(&request);
    let error = said(&page, &super::enrol::not_this_app());
    let (next, picture) = (safe_next(next).unwrap_or_default(), picture(&app)?);
    let passkeys = first && state.passkeys.is_some();
    let shown = EnrolPage { page: &page, next, app: &app, picture, error: Some(&error), first, passkeys };
    page.render_as(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

fn not_this_app() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "second-factor-refused",
        "验证码对不上。请确认扫的是本页的二维码、手机时间是自动校准的，再输入当前显示的 6 位数字。",
        "The code does not match. Check that the app read this picture and that the phone sets its clock by itself, then type the six digits it shows now.",
    )
}

async fn begin(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    _form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let own = fresh_overview(&request, &state, &caller).await?;
    let token = sign_in::begin_totp(&state.doorway(), &visitor, own.person, &own.username).await?;
    with_cookies(see_other("/account/totp"), vec![Keepsake::Step.keep(&state, token)])
}

async fn own_page(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let own = fresh_overview(&request, &state, &caller).await?;
    let app = sign_in::pending_totp(&state.doorway(), &visitor, &step(&request), false).await?;
    let Some(app) = app.filter(|app| app.username == own.username) else { return Ok(see_other("/account/security")) };
    let page = new_page(&request);
    let picture = picture(&app)?;
    page.render(&EnrolPage { page: &page, next: "", app: &app, picture, error: None, first: false, passkeys: false })
}

async fn confirm(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    fresh_overview(&request, &state, &caller).await?;
    match sign_in::add_totp(&state.doorway(), &visitor, &step(&request), form.get("code"), false).await {
        Ok((codes, _)) if codes.is_empty() => {
            let gone = vec![Keepsake::Step.keep(&state, String::new())];
            with_cookies(see_other("/account/security?done=totp"), gone)
        }
        Ok((codes, _)) => {
            let page = Page::new(&request, "保存恢复码", "Keep your recovery codes");
            page.render(&CodesPage { page: &page, done: SET_UP, codes: &codes, next: "/account/security?done=totp" })
        }
        Err(error) => wrong(request, state, visitor, "", error, false).await,
    }
}
