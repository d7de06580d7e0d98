//! Pages of four eyes: what waits for a colleague, and one proposal with what it would change.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::Duration;
use serde::Deserialize;

use super::{
    Approval, ApprovalError, Change, Desks, Shown, State as Stands, Verdict,
    commands::{self, Decided},
    store::{self, Filter},
};
use crate::{
    identity::{Action, Caller},
    kernel::Finding,
    web::{
        Access, Lang, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging, show,
    },
};

/// Proposals a page.
const ROWS: i64 = 100;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let (read, decide) = (Access::Official(Action::ReadRegister), Access::Official(Action::DecideApproval));
    vec![
        Route::get("/b/approvals", read, || web::get().to(list)),
        Route::post("/b/approvals", decide, || web::post().to(decide_many)),
        Route::get("/b/approvals/{id}", read, || web::get().to(one)),
        Route::post("/b/approvals/{id}", decide, || web::post().to(decide_one)),
        Route::post("/b/approvals/{id}/withdrawal", Access::Official(Action::WithdrawProposal), || {
            web::post().to(withdraw)
        }),
    ]
}

/// A proposal with how it reads.
struct Line {
    approval: Approval,
    shown: Shown,
    /// Whether the one signed in may decide it: a colleague's, in their own bureau.
    decidable: bool,
}

impl Line {
    fn new(page: &Page, desks: &Desks, approval: Approval) -> Line {
        let tenant = page.actor.as_ref().map(|actor| actor.tenant);
        let decidable = page.may(Action::DecideApproval)
            && approval.state == Stands::Pending
            && !approval.own
            && tenant == Some(approval.tenant);
        Line { shown: desks.show(&approval), decidable, approval }
    }

    fn what(&self, page: &Page) -> &'static str {
        let (zh, en) = self.approval.kind.words();
        page.lang.t(zh, en)
    }

    fn subject<'a>(&'a self, page: &Page) -> &'a str {
        let (zh, en) = &self.shown.subject;
        page.lang.t(zh, en)
    }

    fn bureau(&self) -> String {
        show::bureau(self.approval.tenant)
    }

    fn outcome(&self, page: &Page) -> &'static str {
        let (zh, en) = self.approval.state.words();
        page.lang.t(zh, en)
    }

    /// How long it still waits, rounded down, in the largest unit.
    fn left(&self, page: &Page) -> String {
        let left = self.approval.expires_at - page.now();
        let (count, zh, en) = if left >= Duration::days(1) {
            (left.num_days(), "天", "d")
        } else if left >= Duration::hours(1) {
            (left.num_hours(), "小时", "h")
        } else {
            (left.num_minutes().max(0), "分钟", "min")
        };
        format!("{count} {}", page.t(zh, en))
    }

    /// The last day is drawn as such.
    fn near(&self, page: &Page) -> bool {
        self.approval.expires_at - page.now() < Duration::days(1)
    }

    fn own_pending(&self) -> bool {
        self.approval.own && self.approval.state == Stands::Pending
    }
}

fn said<'a>(page: &Page, zh: &'a str, en: &'a str) -> &'a str {
    page.lang.t(zh, en)
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    before: Option<i64>,
    /// How many the last form settled, for the message above the list.
    done: Option<usize>,
}

/// What a form of decisions could not do.
#[derive(Debug, Default)]
struct Trouble {
    error: Option<String>,
    /// Id of the field that the error is about; empty for the list as a whole.
    at: String,
    /// What it is about, and why the proposal stays.
    refused: Vec<(String, String)>,
    comment: String,
    chosen: Vec<String>,
    /// Those whose consequences were confirmed.
    sure: Vec<String>,
}

impl Trouble {
    fn of_form(form: &SafeForm) -> Trouble {
        let texts = |name: &str| form.all(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
        Trouble {
            comment: form.get("comment").to_owned(),
            chosen: texts("id"),
            sure: texts("sure"),
            ..Trouble::default()
        }
    }

    fn any(&self) -> bool {
        self.error.is_some() || !self.refused.is_empty()
    }

    /// Whether the error is about the field with this id.
    fn wrong(&self, id: &str) -> bool {
        self.error.is_some() && self.at == id
    }

    fn is_chosen(&self, id: &i64) -> bool {
        self.chosen.contains(&id.to_string())
    }

    fn is_sure(&self, id: &i64) -> bool {
        self.sure.contains(&id.to_string())
    }

    /// Puts what is wrong with the form as a whole where it belongs; what the database says is no matter of the form.
    fn told(&mut self, error: ApprovalError, lang: Lang) -> Result<(), Problem> {
        if let ApprovalError::Db(error) = error {
            return Err(error.into());
        }
        let about_comment = matches!(error, ApprovalError::CommentMissing | ApprovalError::TooLong(_));
        self.at = if about_comment { "comment".to_owned() } else { String::new() };
        self.error = Some(error.message(lang));
        Ok(())
    }
}

#[derive(Template)]
#[template(path = "approvals/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    pending: Vec<Line>,
    settled: Vec<Line>,
    next: Option<i64>,
    done: usize,
    trouble: Trouble,
    /// Whether several bureaus' proposals are shown.
    wide: bool,
}

impl ListPage<'_> {
    /// Whether there is anything here for the one signed in to decide.
    fn any_decidable(&self) -> bool {
        self.pending.iter().any(|line| line.decidable)
    }

    fn error_at(&self) -> &str {
        if self.trouble.at.is_empty() { "pending" } else { &self.trouble.at }
    }
}

async fn list(
    request: HttpRequest,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &desks, &caller, &query, Trouble::default()).await
}

async fn show_list(
    request: &HttpRequest,
    state: &State,
    desks: &Desks,
    caller: &Caller,
    query: &ListQuery,
    trouble: Trouble,
) -> Result<HttpResponse, Problem> {
    let before = query.before.unwrap_or_default();
    let user = caller.actor.user_id;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let waiting = Filter { pending: true, before, limit: ROWS + 1 };
    let mut pending = store::approvals(&mut conn, waiting, user, caller.now).await?;
    let past = Filter { pending: false, before: 0, limit: 20 };
    let settled = store::approvals(&mut conn, past, user, caller.now).await?;
    conn.commit().await?;
    let more = paging::cut(&mut pending, ROWS);
    let next = more.then(|| pending.last().map(|approval| approval.id)).flatten();
    let page = Page::new(request, "双人复核", "Approvals");
    let status = if trouble.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let lines = |approvals: Vec<Approval>| approvals.into_iter().map(|one| Line::new(&page, desks, one)).collect();
    let template = ListPage {
        page: &page,
        pending: lines(pending),
        settled: lines(settled),
        next,
        done: query.done.unwrap_or_default(),
        trouble,
        wide: caller.actor.scope().is_wide(),
    };
    page.render_as(status, &template)
}

fn verdict(form: &SafeForm) -> Result<Verdict, Problem> {
    form.get("decision")
        .parse()
        .map_err(|_| Problem::bad_request("须选择同意或不同意", "choose to approve or to reject"))
}

/// The first of the chosen proposals whose consequences were not confirmed.
async fn unconfirmed(
    state: &State,
    desks: &Desks,
    caller: &Caller,
    ids: &[i64],
    sure: &[String],
) -> Result<Option<i64>, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut found = None;
    for id in ids.iter().filter(|id| !sure.contains(&id.to_string())) {
        let approval = store::approval(&mut conn, *id, caller.actor.user_id, caller.now).await?;
        let grave = |one: &Approval| one.state == Stands::Pending && desks.show(one).confirm.is_some();
        if approval.as_ref().is_some_and(grave) {
            found = Some(*id);
            break;
        }
    }
    conn.commit().await?;
    Ok(found)
}

fn confirm_first(lang: Lang) -> String {
    lang.t("请核对后果，勾选“已核对”再同意", "Look at the consequences, tick that you did, then approve").to_owned()
}

async fn decide_many(
    request: HttpRequest,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(&request);
    let ids: Vec<i64> = form.all("id").iter().filter_map(|id| id.parse().ok()).collect();
    let verdict = verdict(&form)?;
    let mut trouble = Trouble::of_form(&form);
    if ids.is_empty() {
        trouble.error = Some(lang.t("请先勾选要审批的提议", "Tick the proposals that you decide").to_owned());
        return show_list(&request, &state, &desks, &caller, &ListQuery::default(), trouble).await;
    }
    if verdict == Verdict::Approve
        && let Some(id) = unconfirmed(&state, &desks, &caller, &ids, &trouble.sure).await?
    {
        (trouble.error, trouble.at) = (Some(confirm_first(lang)), format!("sure-{id}"));
        return show_list(&request, &state, &desks, &caller, &ListQuery::default(), trouble).await;
    }
    match commands::decide_many(&state.pools, &desks, &caller, &ids, verdict, form.get("comment")).await {
        Ok(Decided { count, refused }) if refused.is_empty() => Ok(see_other(&format!("/b/approvals?done={count}"))),
        Ok(Decided { count, refused }) => {
            let page = Page::new(&request, "", "");
            trouble.refused = refused
                .into_iter()
                .map(|(approval, why)| {
                    (Line::new(&page, &desks, approval).subject(&page).to_owned(), why.message(lang))
                })
                .collect();
            let query = ListQuery { before: None, done: Some(count) };
            show_list(&request, &state, &desks, &caller, &query, trouble).await
        }
        Err(error) => {
            trouble.told(error, lang)?;
            show_list(&request, &state, &desks, &caller, &ListQuery::default(), trouble).await
        }
    }
}

#[derive(Template)]
#[template(path = "approvals/one.html")]
struct OnePage<'a> {
    page: &'a Page,
    line: Line,
    trouble: Trouble,
}

impl OnePage<'_> {
    fn what(&self, change: &Change) -> String {
        said(self.page, &change.what_zh, &change.what_en).to_owned()
    }

    fn before(&self, change: &Change) -> String {
        said(self.page, &change.before_zh, &change.before_en).to_owned()
    }

    fn after(&self, change: &Change) -> String {
        said(self.page, &change.after_zh, &change.after_en).to_owned()
    }

    fn message(&self, finding: &Finding) -> String {
        said(self.page, &finding.message_zh, &finding.message_en).to_owned()
    }
}

/// What is said after a proposal was made, decided or taken back.
fn told_of(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "proposed" => (
            page.t("已提议，等待同事审批", "Proposed; a colleague decides on it next"),
            page.t("同意之前一切照旧。", "Until then everything stays as it is."),
        ),
        "approve" => (page.t("已同意，立即生效", "Approved and carried out"), ""),
        "reject" => (page.t("已答复不同意", "Rejected"), page.t("提议人会看到原因。", "Its author reads why.")),
        "withdrawn" => (page.t("已撤回", "Withdrawn"), ""),
        _ => return None,
    };
    Some(Note::new(title, text).with_link("/b/approvals", page.t("看所有待审批的提议", "See what else waits")))
}

async fn show_one(
    request: &HttpRequest,
    state: &State,
    desks: &Desks,
    caller: &Caller,
    id: i64,
    trouble: Trouble,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let approval = store::approval(&mut conn, id, caller.actor.user_id, caller.now).await?;
    conn.commit().await?;
    let approval = approval.ok_or_else(Problem::not_found)?;
    let (zh, en) = approval.kind.words();
    let mut page = Page::new(request, zh, en);
    page.note = told_of(&page);
    let status = if trouble.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let line = Line::new(&page, desks, approval);
    page.render_as(status, &OnePage { page: &page, line, trouble })
}

async fn one(
    request: HttpRequest,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    show_one(&request, &state, &desks, &caller, *id, Trouble::default()).await
}

async fn decide_one(
    request: HttpRequest,
    state: State,
    desks: web::Data<Desks>,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(&request);
    let verdict = verdict(&form)?;
    let mut trouble = Trouble::of_form(&form);
    if verdict == Verdict::Approve && unconfirmed(&state, &desks, &caller, &[*id], &trouble.sure).await?.is_some() {
        (trouble.error, trouble.at) = (Some(confirm_first(lang)), format!("sure-{id}"));
        return show_one(&request, &state, &desks, &caller, *id, trouble).await;
    }
    match commands::decide(&state.pools, &desks, &caller, *id, verdict, form.get("comment")).await {
        Ok(()) => Ok(see_other(&format!("/b/approvals/{id}?done={verdict}"))),
        Err(ApprovalError::NotFound) => Err(Problem::not_found()),
        Err(error) => {
            trouble.told(error, lang)?;
            show_one(&request, &state, &desks, &caller, *id, trouble).await
        }
    }
}

async fn withdraw(state: State, caller: Caller, id: web::Path<i64>, _form: SafeForm) -> Result<HttpResponse, Problem> {
    commands::withdraw(&state.pools, &caller, *id).await?;
    Ok(see_other(&format!("/b/approvals/{id}?done=withdrawn")))
}
