//! What the holder of an invitation's link sees, whether they have an account or not.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    PostError,
    invitations::{self, NewPerson},
    store::Open,
};
use crate::{
    identity::{Caller, sign_in::Visitor},
    web::{
        Access, Page, Problem, Route, SafeForm,
        page::{State, see_other},
        show,
    },
};

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/invite/{token}", Access::Anyone, || web::get().to(show)),
        Route::post("/invite/{token}", Access::Anyone, || web::post().to(accept)),
    ]
}

#[derive(Template)]
#[template(path = "accounts/invite.html")]
struct InvitePage<'a> {
    page: &'a Page,
    token: &'a str,
    tenant: i32,
    open: &'a Open,
    name: &'a str,
    username: &'a str,
    error: Option<(&'static str, String)>,
}

impl InvitePage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|(at, _)| *at == field).map(|(_, message)| message.as_str())
    }

    /// What was typed; a password is typed anew.
    fn value(&self, field: &str) -> &str {
        match field {
            "name" => self.name,
            "username" => self.username,
            _ => "",
        }
    }

    fn place(&self) -> String {
        self.open.institution_name.clone().unwrap_or_else(|| show::bureau(self.tenant))
    }

    fn role(&self) -> String {
        show::role(self.page.lang, &self.open.role)
    }

    fn part(&self) -> Option<String> {
        show::part(self.page.lang, self.open.department.as_deref(), self.open.township)
    }

    /// `/login`, leading back here.
    fn sign_in(&self) -> String {
        let here = format!("/invite/{}", self.token);
        format!("/login?next={}", percent_encoding::utf8_percent_encode(&here, percent_encoding::NON_ALPHANUMERIC))
    }
}

#[derive(Template)]
#[template(path = "accounts/dead_link.html")]
struct DeadLinkPage<'a> {
    page: &'a Page,
}

/// The same page whatever is wrong with the link.
fn dead_link(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "邀请链接不能用了", "This link is not good any more");
    page.render_as(StatusCode::NOT_FOUND, &DeadLinkPage { page: &page })
}

async fn show(request: HttpRequest, state: State, token: web::Path<String>) -> Result<HttpResponse, Problem> {
    answer(&request, &state, &token, "", "", None).await
}

async fn answer(
    request: &HttpRequest,
    state: &State,
    token: &str,
    name: &str,
    username: &str,
    error: Option<PostError>,
) -> Result<HttpResponse, Problem> {
    let (link, open) = match invitations::look_up(&state.pools, token, state.clock.now()).await {
        Err(PostError::DeadLink) => return dead_link(request),
        other => other?,
    };
    let page = Page::new(request, "接受邀请", "Accept the invitation");
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let error = error.map(|error| (error.field().map_or("", |(field, _)| field), error.message(page.lang)));
    let name = if name.is_empty() { open.display_name.as_str() } else { name };
    page.render_as(status, &InvitePage { page: &page, token, tenant: link.tenant, open: &open, name, username, error })
}

async fn accept(
    request: HttpRequest,
    state: State,
    caller: Option<Caller>,
    visitor: Visitor,
    token: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let (outcome, target) = match caller {
        Some(caller) if form.get("as") == "self" => {
            (invitations::accept_signed_in(&state.pools, &caller, &token).await, "/session/post?done=joined")
        }
        // Whoever is signed in gets no second account by the way.
        Some(_) => return answer(&request, &state, &token, "", "", None).await,
        None => {
            let new =
                NewPerson { name: form.get("name"), username: form.get("username"), password: form.raw("password") };
            let accepted = invitations::accept_new(&state.pools, &token, &new, &visitor.request_id, visitor.now);
            (accepted.await, "/login?done=joined")
        }
    };
    match outcome {
        Ok(()) => Ok(see_other(target)),
        Err(PostError::DeadLink) => dead_link(&request),
        Err(error @ PostError::Db(_)) => Err(error.into()),
        Err(error) => answer(&request, &state, &token, form.get("name"), form.get("username"), Some(error)).await,
    }
}
