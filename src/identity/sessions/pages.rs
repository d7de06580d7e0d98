//! The page of one's own sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{commands, device_words, store::Session};
use crate::{
    identity::Caller,
    web::{
        Access, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
        session, show,
    },
};

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/account/sessions", Access::SignedIn, || web::get().to(list)),
        Route::post("/account/sessions", Access::SignedIn, || web::post().to(end)),
    ]
}

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage<'a> {
    page: &'a Page,
    sessions: Vec<Session>,
    current: String,
}

impl SessionsPage<'_> {
    fn is_current(&self, session: &Session) -> bool {
        session.id == self.current
    }

    fn device(&self, session: &Session) -> String {
        match device_words(&session.agent) {
            words if words.is_empty() => self.page.t("未知程序", "Unknown program").to_owned(),
            words => words,
        }
    }

    /// Role and bureau in which the session was begun.
    fn post(&self, session: &Session) -> String {
        format!("{} · {}", show::role(self.page.lang, &session.role), show::bureau(session.tenant_id))
    }

    fn others(&self) -> usize {
        self.sessions.iter().filter(|session| !self.is_current(session)).count()
    }
}

async fn list(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&request, "登录设备", "Signed-in devices");
    page.note = match page.done() {
        Some("one") => Some(Note::new(page.t("已结束这次登录", "That session has ended"), "")),
        Some("others") => Some(Note::new(page.t("其他登录都已结束", "All other sessions have ended"), "")),
        _ => None,
    };
    // The present session stands first.
    let mut sessions = commands::own(&state.pools, &caller).await?;
    sessions.sort_by_key(|session| session.id != caller.actor.session);
    page.render(&SessionsPage { page: &page, sessions, current: caller.actor.session.clone() })
}

async fn end(state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    match form.get("session") {
        "others" => {
            commands::end_others(&state.pools, &state.tokens, &caller).await?;
            Ok(see_other("/account/sessions?done=others"))
        }
        id if !commands::end_one(&state.pools, &state.tokens, &caller, id).await? => Err(Problem::not_found()),
        id if id == caller.actor.session => {
            let mut response = see_other("/login");
            for cookie in session::removal_cookies() {
                response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
            }
            Ok(response)
        }
        _ => Ok(see_other("/account/sessions?done=one")),
    }
}
