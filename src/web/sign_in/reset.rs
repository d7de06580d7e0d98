//! A new password by mail.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, rt, web};
use askama::Template;

use super::{said, with_cookies, with_wait};
use crate::{
    identity::{
        commands::SignInError,
        sign_in::{
            Visitor,
            reset::{self, Sending},
        },
    },
    web::{
        Access, Page, Problem, Route, SafeForm,
        page::{State, see_other},
        session::Keepsake,
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/reset", Access::Anyone, || web::get().to(ask_page)),
        Route::post("/reset", Access::Anyone, || web::post().to(ask)),
        Route::get("/reset/{token}", Access::Anyone, || web::get().to(set_page)),
        Route::post("/reset/{token}", Access::Anyone, || web::post().to(set)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/reset.html")]
struct AskPage<'a> {
    page: &'a Page,
    asked: &'a str,
    error: Option<&'a str>,
    sent: bool,
}

#[derive(Template)]
#[template(path = "sign_in/new_password.html")]
struct SetPage<'a> {
    page: &'a Page,
    /// `None` where the link is used, too old or made up.
    username: Option<&'a str>,
    /// Shortest password that is taken.
    min: usize,
    token: &'a str,
    refused: Option<&'a str>,
}

fn ask_frame(request: &HttpRequest) -> Page {
    Page::new(request, "重设密码", "Reset your password")
}

async fn ask_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let page = ask_frame(&request);
    page.render(&AskPage { page: &page, asked: "", error: None, sent: false })
}

async fn ask(request: HttpRequest, state: State, visitor: Visitor, form: SafeForm) -> Result<HttpResponse, Problem> {
    let page = ask_frame(&request);
    let asked = form.get("asked");
    if asked.is_empty() {
        let error = page.t("请填写账号或邮箱。", "Type your user name or e-mail address.");
        let shown = AskPage { page: &page, asked, error: Some(error), sent: false };
        return page.render_as(StatusCode::UNPROCESSABLE_ENTITY, &shown);
    }
    if let Err(error) = reset::may_ask(&state.doorway(), &visitor).await {
        let problem = Problem::from(error);
        let error = said(&page, &problem);
        let shown = AskPage { page: &page, asked, error: Some(&error), sent: false };
        return Ok(with_wait(page.render_as(problem.status, &shown)?, &problem));
    }
    let sending = Sending {
        pools: state.pools.clone(),
        secrets: state.secrets.clone(),
        public_url: state.public_url().to_owned(),
        asked: asked.to_owned(),
        request_id: visitor.request_id,
        now: visitor.now,
    };
    rt::spawn(sending.run());
    page.render(&AskPage { page: &page, asked, error: None, sent: true })
}

fn set_frame(request: &HttpRequest) -> Page {
    Page::new(request, "设置新密码", "Set a new password")
}

fn link_ended(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let page = set_frame(request);
    page.render_as(StatusCode::NOT_FOUND, &SetPage { page: &page, username: None, min: 0, token: "", refused: None })
}

async fn set_page(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let Some((username, min)) = reset::whose(&state.doorway(), &visitor, &token).await? else {
        return link_ended(&request);
    };
    let page = set_frame(&request);
    page.render(&SetPage { page: &page, username: Some(&username), min, token: &token, refused: None })
}

async fn set(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    token: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let door = state.doorway();
    match reset::set(&door, &visitor, &token, form.raw("new")).await {
        Ok(device) => {
            let kept = vec![Keepsake::Device.keep(&state, device), Keepsake::Step.keep(&state, String::new())];
            with_cookies(see_other("/login?done=reset"), kept)
        }
        Err(SignInError::StepEnded) => link_ended(&request),
        Err(SignInError::Password(error)) => {
            let problem = Problem::from(error);
            let Some(text) = problem.errors.as_slice().first() else { return Err(problem) };
            let Some((username, min)) = reset::whose(&door, &visitor, &token).await? else {
                return link_ended(&request);
            };
            let page = set_frame(&request);
            let refused = page.t(&text.message_zh, &text.message_en);
            let shown = SetPage { page: &page, username: Some(&username), min, token: &token, refused: Some(refused) };
            page.render_as(problem.status, &shown)
        }
        Err(error) => Err(error.into()),
    }
}
