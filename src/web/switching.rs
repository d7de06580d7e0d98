//! One person's posts, and going on in another of them.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{
    Access, Input, Page, Problem, Route, SafeForm, auth,
    page::{Note, State, see_other},
    session, show,
};
use crate::identity::{
    Caller,
    sign_in::Visitor,
    store::Post,
    switching::{self, SwitchError},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/session/post", Access::SignedIn, || web::get().to(posts_page)),
        Route::post("/session/post", Access::SignedIn, || web::post().to(switch)),
        Route::post("/api/v1/auth/post", Access::SignedIn, || web::post().to(api_switch)),
    ]
}

impl From<SwitchError> for Problem {
    fn from(error: SwitchError) -> Problem {
        match error {
            SwitchError::NotFound => Problem::not_found(),
            SwitchError::SignIn(error) => error.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "shared/posts.html")]
struct PostsPage<'a> {
    page: &'a Page,
    posts: Vec<Post>,
}

impl PostsPage<'_> {
    fn is_current(&self, post: &Post) -> bool {
        self.page.actor.as_ref().is_some_and(|actor| (actor.tenant, actor.user_id) == (post.tenant_id, post.id))
    }

    fn role(&self, post: &Post) -> String {
        show::role(self.page.lang, &post.role)
    }

    /// The bureau, or the institution with the bureau that supervises it.
    fn place(&self, post: &Post) -> String {
        let bureau = show::bureau(post.tenant_id);
        match &post.institution_name {
            Some(name) => format!("{name}（{bureau}）"),
            None => bureau,
        }
    }

    /// Department or township, for those who have one.
    fn part(&self, post: &Post) -> Option<String> {
        show::part(self.page.lang, post.department.as_deref(), post.township)
    }
}

async fn posts_page(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let posts = switching::posts(&state.pools, &caller).await?;
    let mut page = Page::new(&request, "我的身份", "My posts");
    if page.done() == Some("joined") {
        let text = page.t("在下面切换到新的身份即可开始。", "Switch to the new post below to begin.");
        page.note = Some(Note::new(page.t("邀请已接受", "Invitation accepted"), text));
    }
    page.render(&PostsPage { page: &page, posts })
}

async fn switch(state: State, caller: Caller, visitor: Visitor, form: SafeForm) -> Result<HttpResponse, Problem> {
    let post = form.get("user_id").parse().map_err(|_| Problem::not_found())?;
    let signed_in = switching::switch(&state.pools, &state.tokens, &caller, post, visitor.on).await?;
    let mut response = see_other(auth::home(&signed_in.actor));
    for cookie in session::cookies(&state, &signed_in) {
        response.add_cookie(&cookie).map_err(|_| Problem::internal())?;
    }
    Ok(response)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchRequest {
    user_id: i64,
}

async fn api_switch(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    input: Input<SwitchRequest>,
) -> Result<HttpResponse, Problem> {
    // A browser keeps its tokens where no script reads them.
    if request.extensions().get::<session::Visit>().is_some_and(|visit| visit.by_cookie) {
        return Err(Problem::forbidden());
    }
    let signed_in = switching::switch(&state.pools, &state.tokens, &caller, input.user_id, visitor.on).await?;
    auth::tokens_view(&signed_in)
}
