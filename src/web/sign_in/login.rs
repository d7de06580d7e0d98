//! The page with name and password.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{cookies_of, leading_to, safe_next, said, with_cookies, with_wait};
use crate::{
    identity::{
        oidc::pages::{WayIn, ways_in},
        sign_in::{self, Next, Visitor},
    },
    web::{
        Access, Page, Problem, Query, Route, SafeForm, auth,
        page::{Note, State, see_other},
        session::Keepsake,
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/login", Access::Anyone, || web::get().to(login_page)),
        Route::post("/login", Access::Anyone, || web::post().to(login)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/login.html")]
struct LoginPage<'a> {
    page: &'a Page,
    next: &'a str,
    username: &'a str,
    error: Option<&'a str>,
    /// Passkeys can be used here.
    passkeys: bool,
    /// By identity providers.
    ways_in: Vec<WayIn>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Going {
    #[serde(default)]
    pub next: String,
}

/// What `?done=` says was done before coming here.
fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "reset" => (
            page.t("密码已重设", "Your password was reset"),
            page.t(
                "请用新密码登录。所有设备上的登录都已退出。",
                "Sign in with the new one. All devices were signed out.",
            ),
        ),
        "joined" => (
            page.t("邀请已接受", "Invitation accepted"),
            page.t("请用刚才设置的登录名和密码登录。", "Sign in with the name and password that you chose."),
        ),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn login_page(request: HttpRequest, state: State, query: Query<Going>) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&request, "登录", "Sign in");
    page.note = note(&page);
    let next = safe_next(&query.next).unwrap_or_default();
    let (passkeys, ways_in) = (state.passkeys.is_some(), ways_in(&state.pools, next).await);
    page.render(&LoginPage { page: &page, next, username: "", error: None, passkeys, ways_in })
}

async fn login(request: HttpRequest, state: State, visitor: Visitor, form: SafeForm) -> Result<HttpResponse, Problem> {
    let (username, next) = (form.get("username"), form.get("next"));
    match sign_in::password(&state.doorway(), &visitor, username, form.raw("password")).await {
        Ok(Next::SignedIn(signed_in)) => {
            let target = safe_next(next).unwrap_or(auth::home(&signed_in.actor));
            with_cookies(see_other(target), cookies_of(&state, &visitor, &signed_in, username))
        }
        Ok(Next::Second(token)) => {
            with_cookies(see_other(&leading_to("/login/second", next)), vec![Keepsake::Step.keep(&state, token)])
        }
        Ok(Next::Enrol(token)) => {
            with_cookies(see_other(&leading_to("/login/enrol", next)), vec![Keepsake::Step.keep(&state, token)])
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status.is_server_error() && problem.kind != "busy" {
                return Err(problem);
            }
            let page = Page::new(&request, "登录", "Sign in");
            let error = said(&page, &problem);
            let next = safe_next(next).unwrap_or_default();
            let (passkeys, ways_in) = (state.passkeys.is_some(), ways_in(&state.pools, next).await);
            let shown = LoginPage { page: &page, next, username, error: Some(&error), passkeys, ways_in };
            Ok(with_wait(page.render_as(problem.status, &shown)?, &problem))
        }
    }
}
