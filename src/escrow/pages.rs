//! Pages of the bureau's desk: the watch page, one account, handling a warning, uploading a statement.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    EscrowError, brief,
    commands::{self, Handling},
    documents::Balance,
    ingest::{IngestError, Received, Target},
    model::Step,
    org,
    shown::{self, ShownEntry, ShownWarning},
    store::{
        accounts::{self, Account, Statement},
        entries::{self, Counterparty},
        warnings::Action as Done,
    },
    upload, watch,
};
use crate::{
    identity::{Action, Caller, may},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
        show,
        upload::Upload,
    },
};

/// The feature's pages.
pub fn routes() -> Vec<Route> {
    use Action::{HandleWarning, ReadEscrow, UploadStatement};
    let mut routes = vec![
        Route::get("/b/escrow", Access::Official(ReadEscrow), || web::get().to(watch::page)),
        Route::get("/b/escrow/events", Access::Official(ReadEscrow), || web::get().to(watch::events)),
        Route::get("/b/escrow/upload", Access::Official(UploadStatement), || web::get().to(upload_page)),
        Route::post("/b/escrow/upload", Access::Official(UploadStatement), || web::post().to(post_upload)),
        Route::post("/b/escrow/warnings/{id}", Access::Official(HandleWarning), || web::post().to(post_warning)),
        Route::get("/b/escrow/{account_id}", Access::Official(ReadEscrow), || web::get().to(account_page)),
    ];
    routes.extend(org::routes());
    routes
}

/// A refused form: of which warning, what was typed, and what to mend.
struct Refused<'a> {
    warning: i64,
    comment: &'a str,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "escrow/account.html")]
struct AccountPage<'a> {
    page: &'a Page,
    account: &'a Account,
    warnings: &'a [ShownWarning],
    latest: &'a [ShownEntry],
    older: &'a [ShownEntry],
    points: &'a [Balance],
    chart: String,
    counterparties: &'a [Counterparty],
    statements: &'a [Statement],
    may_upload: bool,
    refused: Option<&'a Refused<'a>>,
}

impl AccountPage<'_> {
    fn open(&self) -> Vec<&ShownWarning> {
        self.warnings.iter().filter(|warning| warning.is_open()).collect()
    }

    fn closed(&self) -> Vec<&ShownWarning> {
        self.warnings.iter().filter(|warning| !warning.is_open()).collect()
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

    fn banner(&self, level: &str) -> &'static str {
        match level {
            "red" => "red",
            "orange" | "yellow" => "orange",
            _ => "info",
        }
    }

    fn step(&self, step: &Step) -> &'static str {
        let page = self.page;
        match step {
            Step::Acknowledge => page.lang.t("签收", "Acknowledge"),
            Step::Investigate => page.lang.t("开始核查", "Investigate"),
            Step::Escalate => page.lang.t("升级上报", "Escalate"),
            Step::Resolve => page.lang.t("办结", "Close"),
            Step::Explain => page.lang.t("说明情况", "Answer"),
        }
    }

    /// What is to be mended in the form of a warning.
    fn errors(&self, id: &i64) -> Vec<&FieldError> {
        self.refused.iter().filter(|refused| refused.warning == *id).flat_map(|refused| &refused.errors).collect()
    }

    fn typed(&self, id: &i64) -> &str {
        self.refused.filter(|refused| refused.warning == *id).map_or("", |refused| refused.comment)
    }

    /// The table beneath the chart: fewer points than the line, the latest first.
    fn table(&self) -> Vec<&Balance> {
        self.points.iter().rev().step_by(self.points.len().div_ceil(20).max(1)).collect()
    }

    fn mode(&self) -> &'static str {
        mode_word(self.page, &self.account.mode)
    }
}

/// The word of a mode of supervision.
pub(super) fn mode_word(page: &Page, mode: &str) -> &'static str {
    if mode == "custody" {
        page.lang.t("银行托管", "Bank custody")
    } else {
        page.lang.t("风险保证金", "Risk deposit")
    }
}

async fn account_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    if caller.actor.role.is_institution() {
        return Ok(see_other("/org/escrow"));
    }
    render_account(&request, &state, &caller, *id, None).await
}

async fn render_account(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    refused: Option<&Refused<'_>>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = accounts::account(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let page = Page::new(request, &account.institution_name, &account.institution_name);
    // Upper levels look and change nothing.
    let own = account.tenant_id == caller.actor.tenant;
    let may_handle = own && may(caller.actor.role, Action::HandleWarning);
    let steps: &[Step] =
        if may_handle { &[Step::Acknowledge, Step::Investigate, Step::Escalate, Step::Resolve] } else { &[] };
    let warnings = shown::warnings_of(&mut conn, page.lang, caller, &account, steps).await?;
    let (latest, older) = shown::entries_of(&mut conn, &account, &warnings).await?;
    let points = shown::balances_of(&mut conn, &account, page.today()).await?;
    let from = shown::midnight(shown::span(&account, page.today()).0);
    let counterparties = entries::counterparties(&mut conn, account.tenant_id, account.id, from).await?;
    let statements = accounts::statements(&mut conn, account.tenant_id, account.id, 10).await?;
    conn.commit().await?;
    let template = AccountPage {
        page: &page,
        account: &account,
        warnings: &warnings,
        latest: &latest,
        older: &older,
        points: &points,
        chart: shown::chart(&page, &points, &warnings),
        counterparties: &counterparties,
        statements: &statements,
        may_upload: own && may(caller.actor.role, Action::UploadStatement),
        refused,
    };
    page.render_as(if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// POST /b/escrow/warnings/{id}
async fn post_warning(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let Ok(step) = form.get("action").parse::<Step>() else {
        return Err(Problem::bad_request("没有选办理动作。", "Choose what to do."));
    };
    let handling = Handling { step, comment: form.get("comment"), version: form.get("version").parse().ok() };
    match commands::handle(&state, &caller, *id, handling).await {
        Ok((warning, ..)) => Ok(see_other(&format!("/b/escrow/{}#w{}", warning.account_id, warning.id))),
        Err(EscrowError::Invalid(errors)) => {
            let account = form.get("account").parse().map_err(|_| Problem::not_found())?;
            let refused = Refused { warning: *id, comment: form.get("comment"), errors };
            render_account(&request, &state, &caller, account, Some(&refused)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "escrow/upload.html")]
struct UploadPage<'a> {
    page: &'a Page,
    /// The account that the file is for; absent: the one that the statement names.
    account: Option<&'a str>,
    received: &'a [Received],
    problem: Option<&'a Problem>,
    unbalanced: bool,
}

impl UploadPage<'_> {
    fn kind(&self, kind: &super::detector::WarningKind) -> &'static str {
        show::warning_kind(self.page.lang, (*kind).into())
    }
}

async fn upload_page(request: HttpRequest, _caller: Caller) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "上传对账单", "Upload a statement");
    page.render(&UploadPage { page: &page, account: None, received: &[], problem: None, unbalanced: false })
}

/// POST /b/escrow/upload
async fn post_upload(
    request: HttpRequest,
    state: State,
    caller: Caller,
    upload: Upload,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "上传对账单", "Upload a statement");
    let account = Some(upload.form.get("account").to_owned()).filter(|account| !account.is_empty());
    let file = upload::File {
        format: None,
        target: account.as_deref().and_then(|id| id.parse().ok()).map(Target::Id),
        accept_unbalanced: upload.form.get("unbalanced") == "accept",
        name: upload.file_name,
        bytes: upload.bytes,
    };
    let template =
        UploadPage { page: &page, account: account.as_deref(), received: &[], problem: None, unbalanced: false };
    match upload::take_in(&state, &caller, file).await {
        Ok(received) => page.render(&UploadPage { received: &received, ..template }),
        Err(error @ IngestError::Db(_)) => Err(error.into()),
        Err(error) => {
            let unbalanced = matches!(error, IngestError::Unbalanced);
            let problem = Problem::from(error);
            page.render_as(
                StatusCode::UNPROCESSABLE_ENTITY,
                &UploadPage { problem: Some(&problem), unbalanced, ..template },
            )
        }
    }
}
