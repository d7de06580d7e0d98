//! Pages of an institution: its account, its entries, the warnings about it and its answers.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    EscrowError, brief,
    commands::{self, Handling},
    corrections,
    model::Step,
    pages::{mode_word, tie_words},
    shown::{self, ShownEntry, ShownWarning},
    store::{
        accounts::{self, Account},
        warnings::{self, Action as Done},
    },
};
use crate::{
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        attached::Attached,
        page::{Note, State, see_other},
        show,
    },
};

/// What an institution may do about a warning.
const STEPS: &[Step] = &[Step::Explain];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/org/escrow", Access::May(Action::ExplainWarning), || web::get().to(home)),
        Route::post("/org/escrow/warnings/{id}", Access::May(Action::ExplainWarning), || web::post().to(post_answer)),
    ]
}

/// An account with all that is shown of it.
struct Own {
    account: Account,
    /// Where releases go, in the clear: it is the institution's own.
    payee: Option<String>,
    warnings: Vec<ShownWarning>,
    latest: Vec<ShownEntry>,
    older: Vec<ShownEntry>,
}

/// An answer that was not right, as it was typed.
#[derive(Default)]
struct Refused {
    warning: i64,
    form: SafeForm,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "escrow/org.html")]
struct OrgPage<'a> {
    page: &'a Page,
    own: &'a [Own],
    /// Warnings about the institution as a whole.
    whole: &'a [ShownWarning],
    refused: &'a Refused,
}

impl OrgPage<'_> {
    /// The other half of a reversal, in words.
    fn tie(&self, entry: &ShownEntry) -> Option<String> {
        tie_words(self.page, entry.tie.as_ref()?)
    }

    fn may_file(&self) -> bool {
        self.page.may(Action::FileAccount)
    }

    /// Whether an account is on file by its number alone.
    fn lacks_filing(&self, account: &Account) -> bool {
        account.status == "active" && !account.is_filed()
    }

    fn standing(&self, account: &Account) -> &'static str {
        let lang = self.page.lang;
        match account.status.as_str() {
            "upcoming" => lang.t("待启用", "waits for its day"),
            "emptying" => lang.t("待转清", "to be emptied"),
            "closed" if account.in_use_until.is_none() => lang.t("未启用", "never in use"),
            "closed" => lang.t("已转清", "empty"),
            _ => lang.t("在用", "in use"),
        }
    }

    fn errors_of(&self, id: &i64) -> Vec<&FieldError> {
        self.refused.errors.iter().filter(|e| self.refused.warning == *id && e.path != "file").collect()
    }

    /// What is to be mended of the files of an answer.
    fn file_errors_of(&self, id: &i64) -> Vec<&FieldError> {
        self.refused.errors.iter().filter(|e| self.refused.warning == *id && e.path == "file").collect()
    }

    fn typed_of(&self, id: &i64) -> &str {
        if self.refused.warning == *id { self.refused.form.get("comment") } else { "" }
    }

    /// The id of the field that an error of the page speaks of.
    fn anchor(&self, error: &FieldError) -> String {
        format!("{}-{}", error.path, self.refused.warning)
    }

    fn mode(&self, mode: &str) -> &'static str {
        mode_word(self.page, mode)
    }

    fn kind(&self, kind: &str) -> &'static str {
        show::warning_kind(self.page.lang, kind)
    }

    fn status(&self, status: &str) -> &'static str {
        brief::status_word(self.page.lang, status)
    }

    fn done(&self, done: &Done) -> &'static str {
        brief::action_word(self.page.lang, &done.action)
    }
}

async fn home(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, Refused::default()).await
}

/// What was just done, for the page that follows.
fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "answered" => (
            page.t("说明已提交", "Your answer is sent"),
            page.t(
                "教育局已能看到，由其决定下一步；需要时可以再补充。",
                "The bureau sees it at once and decides what follows; you may add to it.",
            ),
        ),
        _ => return None,
    };
    Some(Note::new(title, text).with_link("/org", page.t("回到首页", "Back to the start")))
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    refused: Refused,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "资金监管", "Escrow");
    page.note = note(&page);
    let institution = caller.actor.institution.ok_or_else(Problem::not_found)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut own = Vec::new();
    for account in accounts::of_institution(&mut conn, institution).await? {
        let warnings = shown::warnings_of(&mut conn, page.lang, caller, &account, STEPS).await?;
        let (mut latest, mut older) = shown::entries_of(&mut conn, &account, &warnings, caller).await?;
        let corrections = corrections::of_account(&mut conn, &account, caller.today()).await?;
        corrections::mark(&mut latest, &corrections);
        corrections::mark(&mut older, &corrections);
        let payee = account.payee(state.pools.vault())?.map(|payee| payee.expose().to_owned());
        own.push(Own { account, payee, warnings, latest, older });
    }
    let tenant = caller.actor.tenant;
    let rows = warnings::of_institution(&mut conn, tenant, institution).await?;
    let whole = shown::shown(&mut conn, page.lang, caller, tenant, rows, STEPS).await?;
    conn.commit().await?;
    let status = if refused.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &OrgPage { page: &page, own: &own, whole: &whole, refused: &refused })
}

/// POST /org/escrow/warnings/{id}
async fn post_answer(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    sent: Attached,
) -> Result<HttpResponse, Problem> {
    let Attached { form, files, limit } = sent;
    let files = (files.as_slice(), limit);
    let comment = form.get("comment");
    let handling = Handling { step: Step::Explain, comment, version: None, to: None, conclusion: None, files };
    match commands::handle(&state, &caller, *id, handling).await {
        Ok(_) => Ok(see_other("/org/escrow?done=answered")),
        Err(EscrowError::Invalid(errors)) => {
            render(&request, &state, &caller, Refused { warning: *id, form, errors }).await
        }
        Err(error) => Err(error.into()),
    }
}
