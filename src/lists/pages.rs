//! The page of one step on the lists proposed for many institutions.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    ListError, ListMove,
    commands::{self, Proposals, Proposed},
};
use crate::{
    identity::{Action, Caller},
    institutions,
    web::{Access, Lang, Page, Problem, Route, SafeForm, page::State},
};

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    vec![Route::post("/b/lists/propose", Access::Official(Action::ProposeListing), || web::post().to(propose))]
}

#[derive(Template)]
#[template(path = "lists/proposed.html")]
struct ProposedPage<'a> {
    page: &'a Page,
    step: ListMove,
    count: usize,
    /// Name, credit code and why.
    refused: Vec<(String, String, String)>,
    error: Option<String>,
    reason: String,
    codes: Vec<String>,
    import: String,
}

impl ProposedPage<'_> {
    /// Whether there is any institution that the form could send again.
    fn any(&self) -> bool {
        !self.codes.is_empty() || !self.import.is_empty()
    }

    fn step(&self) -> &'static str {
        self.page.lang.t(self.step.words().0, self.step.words().1)
    }
}

/// Proposes the white list for the institutions that were ticked, or for all of a finished import.
async fn propose(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(&request);
    let codes = form.all("code");
    let institutions = match form.get("import").parse::<i64>() {
        Ok(import) => institutions::ids_of_import(&state.pools, &caller, import).await?,
        Err(_) => institutions::ids_of_codes(&state.pools, &caller, &codes).await?,
    };
    let step = ListMove::WhiteList;
    let proposals = Proposals { institutions: &institutions, step, ground: None, reason: form.get("reason") };
    let outcome = if institutions.is_empty() {
        Err(lang.t("请先勾选机构", "Tick the institutions first").to_owned())
    } else {
        match commands::propose_many(&state.pools, &caller, proposals).await {
            Err(ListError::Db(error)) => return Err(error.into()),
            other => other.map_err(|error| error.message(lang)),
        }
    };
    let page = Page::new(&request, "提议列入白名单", "Propose for the white list");
    let mut template = ProposedPage {
        page: &page,
        step,
        count: 0,
        refused: Vec::new(),
        error: None,
        reason: form.get("reason").to_owned(),
        codes: codes.into_iter().map(str::to_owned).collect(),
        import: form.get("import").to_owned(),
    };
    match outcome {
        Ok(Proposed { ids, refused, .. }) => {
            template.count = ids.len();
            template.refused =
                refused.into_iter().map(|one| (one.name, one.credit_code.to_string(), one.why.message(lang))).collect();
            page.render(&template)
        }
        Err(error) => {
            template.error = Some(error);
            page.render_as(StatusCode::UNPROCESSABLE_ENTITY, &template)
        }
    }
}
