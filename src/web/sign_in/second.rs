//! The page that asks for the second factor.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{goes_on, leading_to, login::Going, safe_next, said, step, with_wait};
use crate::{
    identity::{
        commands::SignInError,
        sign_in::{
            Visitor,
            second::{self, Waiting},
        },
    },
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/login/second", Access::Anyone, || web::get().to(page_of_second)),
        Route::post("/login/second", Access::Anyone, || web::post().to(answer)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/second.html")]
struct SecondPage<'a> {
    page: &'a Page,
    next: &'a str,
    waiting: &'a Waiting,
    error: Option<&'a str>,
    passkeys: bool,
}

fn new_page(request: &HttpRequest) -> Page {
    Page::new(request, "两步验证", "Second step")
}

async fn page_of_second(
    request: HttpRequest,
    state: State,
    visitor: Visitor,
    query: Query<Going>,
) -> Result<HttpResponse, Problem> {
    let Some(waiting) = second::waiting(&state.doorway(), &visitor, &step(&request)).await? else {
        return Ok(see_other(&leading_to("/login", &query.next)));
    };
    let page = new_page(&request);
    let next = safe_next(&query.next).unwrap_or_default();
    let passkeys = state.passkeys.is_some() && 0 < waiting.factors.passkeys;
    page.render(&SecondPage { page: &page, next, waiting: &waiting, error: None, passkeys })
}

async fn answer(request: HttpRequest, state: State, visitor: Visitor, form: SafeForm) -> Result<HttpResponse, Problem> {
    let (door, token, next) = (state.doorway(), step(&request), form.get("next"));
    let error = match second::by_code(&door, &visitor, &token, form.get("code")).await {
        Ok(passed) => return goes_on(&state, &visitor, &passed, next),
        Err(error @ (SignInError::CodeRefused | SignInError::TooMany(_))) => error,
        Err(error) => return Err(error.into()),
    };
    let waiting = second::waiting(&door, &visitor, &token).await?.ok_or(SignInError::StepEnded)?;
    let problem = Problem::from(error);
    let page = new_page(&request);
    let error = said(&page, &problem);
    let passkeys = state.passkeys.is_some() && 0 < waiting.factors.passkeys;
    let next = safe_next(next).unwrap_or_default();
    let shown = SecondPage { page: &page, next, waiting: &waiting, error: Some(&error), passkeys };
    Ok(with_wait(page.render_as(problem.status, &shown)?, &problem))
}
