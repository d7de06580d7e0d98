//! The page on which statements are uploaded: what went in, what did not and why, what waits for its columns.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    detector::WarningKind,
    ingest::{IngestError, Received, Target},
    statement::StatementError,
    store::accounts,
    upload::{self, Fate, Taken, Unclear, Wishes},
};
use crate::{
    db::DbError,
    identity::{Action, Caller},
    web::{
        Access, Lang, Page, Problem, Query, Route,
        page::{State, see_other},
        show,
        upload::Uploads,
    },
};

pub(super) fn routes() -> Vec<Route> {
    let may = Access::Official(Action::UploadStatement);
    vec![
        Route::get("/b/escrow/upload", may, || web::get().to(upload_page)),
        Route::post("/b/escrow/upload", may, || web::post().to(post_upload)),
    ]
}

/// What became of the part of a file that was for one account.
pub(super) struct Kept {
    pub name: String,
    pub received: Received,
    /// Whether the statement's own balances agree; `None` when it names none.
    pub balanced: Option<bool>,
}

impl Kept {
    /// Whether something is to be cleared up with the bank.
    pub fn doubtful(&self) -> bool {
        self.balanced == Some(false) || self.received.gap.is_some() || !self.received.repeats.is_empty()
    }
}

/// What became of the files of one upload.
#[derive(Default)]
pub(super) struct Outcome {
    pub kept: Vec<Kept>,
    /// Files that were refused: name, and what is wrong with each place.
    pub refused: Vec<(String, Vec<String>)>,
    /// Files that wait for their columns: number, name, why.
    pub put_by: Vec<(i64, String, Option<String>)>,
    pub unbalanced: bool,
}

impl Outcome {
    /// Sorts what became of files, and looks up how the statements that were kept stand.
    pub async fn of(state: &State, caller: &Caller, lang: Lang, taken: Vec<Taken>) -> Result<Outcome, DbError> {
        let mut outcome = Outcome::default();
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        for Taken { name, fate } in taken {
            match fate {
                Fate::Kept(parts) => {
                    for received in parts {
                        let balanced = match received.statement_id {
                            Some(id) => accounts::balanced(&mut conn, id).await?,
                            None => None,
                        };
                        outcome.kept.push(Kept { name: name.clone(), received, balanced });
                    }
                }
                Fate::PutBy(id, why) => outcome.put_by.push((id, name, why.map(|why| told_of_file(lang, &why)))),
                Fate::Refused(error) => {
                    outcome.unbalanced |= matches!(error, IngestError::Unbalanced(_) | IngestError::CutOff);
                    outcome.refused.push((name, told(lang, error)));
                }
            }
        }
        conn.commit().await?;
        Ok(outcome)
    }
}

#[derive(Template)]
#[template(path = "escrow/upload.html")]
struct UploadPage<'a> {
    page: &'a Page,
    /// The account that the file is for; absent: the one that the statement names.
    account: Option<&'a str>,
    outcome: Outcome,
    /// Why no file came.
    errors: Vec<String>,
}

impl UploadPage<'_> {
    fn kind(&self, kind: &WarningKind) -> &'static str {
        show::warning_kind(self.page.lang, (*kind).into())
    }

    fn wrong(&self) -> bool {
        !self.errors.is_empty() || !self.outcome.refused.is_empty()
    }

    /// Whether nothing at all went in.
    fn nothing(&self) -> bool {
        self.outcome.kept.is_empty()
    }
}

fn new_page(request: &HttpRequest) -> Page {
    Page::new(request, "上传对账单", "Upload statements")
}

/// The page with what became of files.
pub(super) fn shown(request: &HttpRequest, account: Option<&str>, outcome: Outcome) -> Result<HttpResponse, Problem> {
    let page = new_page(request);
    let wrong = outcome.kept.is_empty() && !outcome.refused.is_empty();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(status, &UploadPage { page: &page, account, outcome, errors: Vec::new() })
}

async fn upload_page(request: HttpRequest, _caller: Caller) -> Result<HttpResponse, Problem> {
    shown(&request, None, Outcome::default())
}

#[derive(Debug, Default, Deserialize)]
struct UploadQuery {
    /// The account that the file is for, which survives a form whose file is missing.
    #[serde(default)]
    account: String,
}

/// What is said of a file that cannot be read: the place, what is wrong there, the mend.
pub(super) fn told_of_file(lang: Lang, error: &StatementError) -> String {
    let (place, message) = match lang {
        Lang::Zh => (error.path_zh(), error.message_zh()),
        Lang::En => (error.path(), error.message_en()),
    };
    let mark = if place.is_empty() { "" } else { lang.t("：", ": ") };
    format!("{place}{mark}{message}")
}

/// What is said of a refusal: each fault once, with its place.
pub(super) fn told(lang: Lang, error: IngestError) -> Vec<String> {
    upload::told(error).into_iter().map(|(zh, en)| lang.t(&zh, &en).to_owned()).collect()
}

/// POST /b/escrow/upload
async fn post_upload(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<UploadQuery>,
    uploads: Result<Uploads, Problem>,
) -> Result<HttpResponse, Problem> {
    let form = uploads.as_ref().map(|uploads| uploads.form.get("account")).unwrap_or_default();
    let account = if form.is_empty() { query.account.clone() } else { form.to_owned() };
    let account = Some(account).filter(|account| !account.is_empty());
    let uploads = match uploads {
        Ok(uploads) => uploads,
        // No file, an empty one or one that is too large: said on the form itself.
        Err(problem) if matches!(problem.status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE) => {
            let page = new_page(&request);
            let errors = vec![page.t(&problem.detail_zh, &problem.detail_en).to_owned()];
            let account = account.as_deref();
            let template = UploadPage { page: &page, account, outcome: Outcome::default(), errors };
            return page.render_as(StatusCode::UNPROCESSABLE_ENTITY, &template);
        }
        Err(problem) => return Err(problem),
    };
    let wishes = Wishes {
        target: account.as_deref().and_then(|id| id.parse().ok()).map(Target::Id),
        accept_unbalanced: uploads.form.get("unbalanced") == "accept",
        unclear: if uploads.form.get("columns") == "show" { Unclear::PutByAll } else { Unclear::PutBy },
        ..Wishes::default()
    };
    let mut taken = Vec::new();
    for (name, bytes) in uploads.files {
        taken.extend(upload::take_in(&state, &caller, &name, bytes, &wishes).await?);
    }
    if let [Taken { fate: Fate::PutBy(id, _), .. }] = taken.as_slice() {
        return Ok(see_other(&format!("/b/escrow/drafts/{id}")));
    }
    let outcome = Outcome::of(&state, &caller, Lang::of(&request), taken).await?;
    shown(&request, account.as_deref(), outcome)
}
