//! Pages of the bureau's desk: the watch page, one account, handling a warning.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    EscrowError, bank_fees,
    batches::Batch,
    brief,
    card::{Card, Refused},
    chart::Chart,
    commands::{self, Handled, Handling},
    corrections::{self, Correction, PossibleRepeat, Tie},
    day_page,
    detector::WarningKind,
    draft_pages, entries_file, evidence,
    figures::{Beside, Figures, share_bp, words},
    filing, layout_pages, league,
    model::Step,
    org,
    oversight::{self, Undetermined, store::telling::Colleague},
    shown::{self, ShownEntry, ShownWarning},
    store::{
        accounts::{self, Account, Statement},
        entries::{self, Counterparty},
        siblings,
        warnings::Action as Done,
    },
    upload_pages,
    watch::{self, WatchQuery},
};
use crate::{
    approvals::ApprovalError,
    identity::{Action, Caller, may},
    kernel::{Finding, Private, clock, private::AccountNumber},
    ledger::{self, Glance},
    web::{
        Access, Lang, Page, Problem, Route,
        attached::Attached,
        page::{Note, State, see_other},
        show,
    },
};

/// The steps that officials may take.
pub(super) const OFFICIALS: &[Step] =
    &[Step::Acknowledge, Step::Investigate, Step::Escalate, Step::Resolve, Step::Note, Step::HandOver];

/// The feature's pages.
pub fn routes() -> Vec<Route> {
    use Action::{HandleWarning, ReadEscrow};
    // Routes are tried one after another: names come before what stands for an account.
    let mut routes = oversight::pages::routes();
    routes.extend(filing::pages::routes());
    routes.extend(upload_pages::routes());
    routes.extend(draft_pages::routes());
    routes.extend(layout_pages::routes());
    routes.extend([
        Route::get("/b/escrow", Access::Official(ReadEscrow), || web::get().to(watch::page)),
        Route::get("/b/escrow/accounts.csv", Access::Official(ReadEscrow), || web::get().to(watch::export)),
        Route::get("/b/escrow/events", Access::Official(ReadEscrow), || web::get().to(watch::events)),
        Route::post("/b/escrow/warnings/{id}", Access::Official(HandleWarning), || web::post().to(post_warning)),
        Route::get("/b/escrow/{account_id}/entries.xlsx", Access::Official(ReadEscrow), || {
            web::get().to(entries_workbook)
        }),
        Route::get("/b/escrow/{account_id}/days/{day}", Access::Official(ReadEscrow), || web::get().to(day_page::show)),
        Route::get("/b/escrow/{account_id}", Access::Official(ReadEscrow), || web::get().to(account_page)),
    ]);
    routes.extend(evidence::pages::routes());
    routes.extend(league::routes());
    routes.extend(org::routes());
    routes
}

#[derive(Template)]
#[template(path = "escrow/account.html")]
struct AccountPage<'a> {
    page: &'a Page,
    account: &'a Account,
    warnings: &'a [ShownWarning],
    undetermined: BTreeMap<WarningKind, Vec<String>>,
    /// What the bank took for itself.
    fees: Option<Finding>,
    latest: &'a [ShownEntry],
    older: &'a [ShownEntry],
    corrections: Vec<Correction>,
    repeats: Vec<PossibleRepeat>,
    batches: Vec<Batch>,
    course: &'a Chart,
    chart: String,
    counterparties: Vec<Counterparty>,
    payee: Option<Private<AccountNumber>>,
    /// `None`: the institution has recorded no contract.
    ledger: Option<Glance>,
    /// Whether the one who looks may ask to see what is masked.
    may_unmask: bool,
    statements: &'a [Statement],
    may_upload: bool,
    may_file: bool,
    /// What the institution's other accounts hold, and what is between them.
    elsewhere_fen: i64,
    /// Whether a colleague could be asked to suspend the listing.
    may_propose: bool,
    refused: Option<&'a Refused<'a>>,
    colleagues: &'a [Colleague],
    /// What cannot be judged while statements do not fit together.
    held: Vec<Undetermined>,
}

impl AccountPage<'_> {
    /// An open warning with what may be done about it.
    fn card(&self, warning: &ShownWarning, first: &bool) -> String {
        let card = Card {
            page: self.page,
            w: warning,
            refused: self.refused,
            colleagues: self.colleagues,
            account: Some(self.account.id),
            unfolded: *first,
        };
        card.html().unwrap_or_default()
    }

    fn open(&self) -> Vec<&ShownWarning> {
        self.warnings.iter().filter(|warning| warning.is_open()).collect()
    }

    fn closed(&self) -> Vec<&ShownWarning> {
        self.warnings.iter().filter(|warning| !warning.is_open()).collect()
    }

    fn kind(&self, kind: &str) -> &'static str {
        show::warning_kind(self.page.lang, kind)
    }

    /// The kinds that cannot be judged, each with the reason.
    fn unjudged(&self) -> Vec<(&'static str, String)> {
        let lang = self.page.lang;
        let said = |(kind, missing): (&WarningKind, &Vec<String>)| {
            let reasons: Vec<String> = missing.iter().map(|what| brief::lack(lang, what)).collect();
            (show::warning_kind(lang, (*kind).into()), reasons.join(lang.t("；", "; ")))
        };
        self.undetermined.iter().map(said).collect()
    }

    fn money(&self, fen: &Option<i64>) -> String {
        words::money(self.page.lang, *fen)
    }

    /// Money in the institution's other account, and on its way there, covers what is owed as well.
    fn together(&self) -> Figures {
        self.account.figures.clone().and(&Beside { held_fen: self.elsewhere_fen, flows: Vec::new() })
    }

    fn coverage(&self) -> String {
        words::coverage(self.page.lang, &self.together())
    }

    fn lasting(&self) -> (String, String) {
        words::lasting(self.page.lang, self.together().lasting(), self.page.today())
    }

    fn silent(&self) -> String {
        words::silent(self.page.lang, self.account.figures.silent_days(self.page.today()))
    }

    /// The share of all that was paid that one recipient got, in basis points.
    fn share(&self, paid_fen: &i64) -> Option<i64> {
        share_bp((*paid_fen).into(), self.course.paid_fen.into())
    }

    /// What others got than those listed.
    fn to_others(&self) -> i64 {
        let listed = self.counterparties.iter().fold(0_i64, |sum, one| sum.saturating_add(one.paid_fen));
        self.course.paid_fen.saturating_sub(listed)
    }

    fn held_kind(&self, held: &Undetermined) -> &'static str {
        show::warning_kind(self.page.lang, held.kind.into())
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
            "orange" => "orange",
            "yellow" => "yellow",
            _ => "info",
        }
    }

    /// The other half of a reversal, in words.
    fn tie(&self, entry: &ShownEntry) -> Option<String> {
        tie_words(self.page, entry.tie.as_ref()?)
    }

    fn mode(&self) -> &'static str {
        mode_word(self.page, &self.account.mode)
    }

    /// How the account stands where it is not the one in use.
    fn standing(&self) -> Option<&'static str> {
        match self.account.status.as_str() {
            "upcoming" => Some(self.page.lang.t("待启用", "Waits for its day")),
            "emptying" => Some(self.page.lang.t("待转清", "To be emptied")),
            "closed" if self.account.in_use_until.is_none() => Some(self.page.lang.t("未启用", "Never in use")),
            "closed" => Some(self.page.lang.t("已转清", "Empty")),
            _ => None,
        }
    }
}

/// What is said after a step.
pub(super) fn told_of(page: &Page, step: Step) -> Note {
    let (title, text) = match step {
        Step::Acknowledge => {
            (page.t("已签收", "Acknowledged"), page.t("请在期限内核查或办结。", "Investigate or close it in time."))
        }
        Step::Investigate => (
            page.t("已开始核查", "The investigation has begun"),
            page.t("机构看得到进度；查清后办结。", "The institution sees that; close it once it is clear."),
        ),
        Step::Escalate => (
            page.t("已升级上报", "Escalated"),
            page.t("红色预警同时提议暂停展示，由同事审批。", "For a red one a suspension was proposed to a colleague."),
        ),
        Step::Resolve => (page.t("已办结", "Closed"), page.t("经过保留在本页。", "Its history stays on this page.")),
        Step::Explain => (page.t("说明已保存", "The answer is kept"), ""),
        Step::Note => {
            (page.t("备注已保存", "The note is kept"), page.t("机构看不到。", "The institution does not see it."))
        }
        Step::HandOver => (
            page.t("已移交", "Handed over"),
            page.t("同事会收到邮件，由其继续办理。", "Your colleague hears of it by mail and goes on with it."),
        ),
    };
    Note::new(title, text).with_link("/b/escrow", page.t("回预警清单", "Back to the warnings"))
}

/// The other half of a reversal, in words.
pub(super) fn tie_words(page: &Page, tie: &Tie) -> Option<String> {
    let en = page.lang.is_en();
    Some(match tie {
        Tie::TakesBack(day, reference) if en => format!("Takes back {reference} of {}", page.day(*day)),
        Tie::TakesBack(day, reference) => format!("冲正{}的 {reference}", page.day(*day)),
        Tie::TakenBack(day, reference) if en => format!("Taken back on {} by {reference}", page.day(*day)),
        Tie::TakenBack(day, reference) => format!("已于{}被 {reference} 冲正", page.day(*day)),
        Tie::Untied if en => "A reversal; what it takes back was not found".to_owned(),
        Tie::Untied => "冲正，未找到被冲的流水".to_owned(),
    })
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
    render_account(&request, &state, &caller, *id, None).await
}

async fn entries_workbook(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = accounts::account(&mut conn, *id).await?.ok_or_else(Problem::not_found)?;
    let entries = entries_file::read(&mut conn, &account).await?;
    conn.commit().await?;
    let lang = Lang::of(&request);
    let name = format!("attachment; filename=\"entries-{id}.xlsx\"");
    let written = web::block(move || entries_file::workbook(lang, &account, &entries)).await;
    let bytes = written.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "a workbook of entries could not be written");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        .insert_header(("content-disposition", name))
        .body(bytes))
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
    let mut page = Page::new(request, &account.institution_name, &account.institution_name);
    page.note = page.done().and_then(|done| done.parse().ok()).map(|step| told_of(&page, step));
    // Upper levels look and change nothing.
    let own = account.tenant_id == caller.actor.tenant;
    let may_handle = own && may(caller.actor.role, Action::HandleWarning);
    let steps: &[Step] = if may_handle { OFFICIALS } else { &[] };
    let warnings = shown::warnings_of(&mut conn, (page.lang, state.calendar.as_ref()), caller, &account, steps).await?;
    let (mut latest, mut older) = shown::entries_of(&mut conn, &account, &warnings, caller).await?;
    let corrections = corrections::of_account(&mut conn, &account, page.today()).await?;
    corrections::mark(&mut latest, &corrections);
    corrections::mark(&mut older, &corrections);
    let repeats = corrections::repeats_of(&mut conn, &account, page.today()).await?;
    let course = Chart::read(&mut conn, &account, page.today()).await?;
    let from = clock::midnight(course.from);
    let counterparties = entries::counterparties(&mut conn, account.tenant_id, account.id, from).await?;
    let statements = accounts::statements(&mut conn, account.tenant_id, account.id, 10).await?;
    let batches = corrections::batches_of(&mut conn, &account, page.today()).await?;
    let fees = bank_fees::no_fee(entries::bank_fees(&mut conn, account.tenant_id, account.id, from).await?);
    let undetermined = accounts::undetermined(&mut conn, &account).await?;
    let colleagues = if may_handle { oversight::pages::colleagues(&mut conn).await? } else { Vec::new() };
    let elsewhere_fen = siblings::held_elsewhere(&mut conn, &account).await?;
    let ledger = ledger::glance(&mut conn, (account.tenant_id, account.institution_id), page.today()).await?;
    conn.commit().await?;
    let template = AccountPage {
        page: &page,
        account: &account,
        warnings: &warnings,
        undetermined,
        fees,
        latest: &latest,
        older: &older,
        corrections,
        repeats,
        batches,
        chart: course.json(&page, &account, &warnings),
        course: &course,
        counterparties: counterparties.into_iter().map(Counterparty::masked).collect(),
        payee: account.payee(state.pools.vault())?,
        ledger,
        may_unmask: page.may(Action::UnmaskPersonal),
        statements: &statements,
        may_upload: own && may(caller.actor.role, Action::UploadStatement),
        may_file: own && may(caller.actor.role, Action::FileAccount),
        elsewhere_fen,
        may_propose: own && may(caller.actor.role, Action::ProposeListing),
        refused,
        colleagues: &colleagues,
        held: shown::undetermined(&warnings),
    };
    page.render_as(if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// POST /b/escrow/warnings/{id}
async fn post_warning(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    sent: Attached,
) -> Result<HttpResponse, Problem> {
    let Attached { form, files, limit } = sent;
    let Ok(step) = form.get("action").parse::<Step>() else {
        return Err(Problem::bad_request("没有选办理动作。", "Choose what to do."));
    };
    let handling = Handling {
        step,
        comment: form.get("comment"),
        version: form.get("version").parse().ok(),
        to: form.get("to").parse().ok(),
        files: (&files, limit),
        conclusion: form.get("conclusion").parse().ok(),
    };
    // The page on which the form stood: an account's, the watch page, or the warning's own.
    let watch = form.get("watch");
    let account = form.get("account").parse::<i64>().ok();
    let errors = match commands::handle(&state, &caller, *id, handling).await {
        Ok(Handled { proposed: Some(id), .. }) => return Ok(see_other(&format!("/b/approvals/{id}?done=proposed"))),
        Ok(Handled { .. }) if !watch.is_empty() => {
            let query = WatchQuery::read(watch);
            let here = query.going_on(query.after());
            return Ok(see_other(&format!("/b/escrow?{here}&done={step}")));
        }
        Ok(Handled { .. }) => {
            let back = account.map_or_else(|| format!("/b/escrow/warnings/{id}"), |id| format!("/b/escrow/{id}"));
            return Ok(see_other(&format!("{back}?done={step}")));
        }
        Err(EscrowError::Invalid(errors)) => errors,
        Err(EscrowError::Approval(error @ (ApprovalError::TooLong(_) | ApprovalError::ReasonMissing))) => {
            Problem::from(error).errors
        }
        Err(error) => return Err(error.into()),
    };
    let refused = Refused { warning: *id, comment: form.get("comment"), errors };
    match account {
        Some(account) => render_account(&request, &state, &caller, account, Some(&refused)).await,
        None => oversight::pages::render(&request, &state, &caller, *id, Some(&refused)).await,
    }
}
