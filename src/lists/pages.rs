//! Pages of the lists: proposals that wait for a colleague, and one step proposed for many institutions.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    Approval, ListError, ListMove, Verdict,
    commands::{self, Decided, Proposals, Proposed},
    store::{self, ApprovalFilter},
};
use crate::{
    identity::{Action, Caller},
    institutions::{self, words},
    kernel::Finding,
    web::{
        Access, Lang, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
    },
};

/// Proposals a page.
const ROWS: i64 = 100;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/b/approvals", Access::Official(Action::ReadRegister), || web::get().to(approvals)),
        Route::post("/b/approvals", Access::Official(Action::DecideApproval), || web::post().to(decide)),
        Route::post("/b/lists/propose", Access::Official(Action::ProposeListing), || web::post().to(propose)),
    ]
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ApprovalsQuery {
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
    /// Name of the institution and why its proposal stays.
    refused: Vec<(String, String)>,
    comment: String,
    chosen: Vec<String>,
    /// The blacklistings that were confirmed.
    sure: Vec<String>,
}

#[derive(Template)]
#[template(path = "lists/approvals.html")]
struct ApprovalsPage<'a> {
    page: &'a Page,
    pending: Vec<Approval>,
    settled: Vec<Approval>,
    next: Option<i64>,
    done: usize,
    may_decide: bool,
    trouble: Trouble,
}

impl ApprovalsPage<'_> {
    /// Whether the one signed in may decide this proposal: a colleague's, in their own county.
    fn decidable(&self, approval: &Approval) -> bool {
        let actor = self.page.actor.as_ref();
        self.may_decide && actor.is_some_and(|a| a.user_id != approval.proposed_by && a.tenant == approval.region)
    }

    /// Whether there is anything here for the one signed in to decide.
    fn any_decidable(&self) -> bool {
        self.pending.iter().any(|approval| self.decidable(approval))
    }

    /// A blacklisting is announced at once and lasts: it is confirmed row by row.
    fn needs_confirming(&self, approval: &Approval) -> bool {
        approval.step == ListMove::Blacklist
    }

    fn confirmed(&self, approval: &Approval) -> bool {
        self.trouble.sure.contains(&approval.id.to_string())
    }

    /// Whether the error is about the field with this id.
    fn wrong(&self, id: &str) -> bool {
        self.trouble.error.is_some() && self.trouble.at == id
    }

    fn error_at(&self) -> &str {
        if self.trouble.at.is_empty() { "pending" } else { &self.trouble.at }
    }

    fn own(&self, approval: &Approval) -> bool {
        self.page.actor.as_ref().is_some_and(|actor| actor.user_id == approval.proposed_by)
    }

    fn chosen(&self, approval: &Approval) -> bool {
        self.trouble.chosen.contains(&approval.id.to_string())
    }

    fn step(&self, approval: &Approval) -> &'static str {
        let (zh, en) = approval.step.words();
        self.page.lang.t(zh, en)
    }

    fn ground(&self, approval: &Approval) -> String {
        approval.ground.map_or_else(String::new, |ground| {
            format!("{}{}", self.page.t(ground.words().0, ground.words().1), self.page.t("：", ": "))
        })
    }

    fn message<'b>(&self, finding: &'b Finding) -> &'b str {
        self.page.lang.t(&finding.message_zh, &finding.message_en)
    }

    fn region(&self, approval: &Approval) -> String {
        words::region(approval.region)
    }

    fn outcome(&self, approval: &Approval) -> &'static str {
        match approval.state.as_str() {
            "approved" => self.page.lang.t("同意", "Approved"),
            "rejected" => self.page.lang.t("不同意", "Rejected"),
            _ => self.page.lang.t("过期失效", "Ran out"),
        }
    }
}

async fn approvals(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ApprovalsQuery>,
) -> Result<HttpResponse, Problem> {
    show(&request, &state, &caller, &query, Trouble::default()).await
}

async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    query: &ApprovalsQuery,
    trouble: Trouble,
) -> Result<HttpResponse, Problem> {
    let before = query.before.unwrap_or_default();
    let waiting = ApprovalFilter { pending: true, institution: None, before, limit: ROWS + 1 };
    let past = ApprovalFilter { pending: false, institution: None, before: 0, limit: 20 };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut pending = store::approvals(&mut conn, waiting, caller.now).await?;
    let settled = store::approvals(&mut conn, past, caller.now).await?;
    conn.commit().await?;
    let more = i64::try_from(pending.len()).is_ok_and(|n| n > ROWS);
    pending.truncate(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let next = more.then(|| pending.last().map(|approval| approval.id)).flatten();
    let page = Page::new(request, "名单审批", "List approvals");
    let may_decide = page.may(Action::DecideApproval);
    let failed = trouble.error.is_some() || !trouble.refused.is_empty();
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let done = query.done.unwrap_or_default();
    page.render_as(status, &ApprovalsPage { page: &page, pending, settled, next, done, may_decide, trouble })
}

async fn decide(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let lang = Lang::of(&request);
    let ids: Vec<i64> = form.all("id").iter().filter_map(|id| id.parse().ok()).collect();
    let verdict: Verdict = form
        .get("decision")
        .parse()
        .map_err(|_| Problem::bad_request("须选择同意或不同意", "choose to approve or to reject"))?;
    let texts = |name: &str| form.all(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut trouble = Trouble {
        comment: form.get("comment").to_owned(),
        chosen: texts("id"),
        sure: texts("sure"),
        ..Trouble::default()
    };
    if ids.is_empty() {
        trouble.error = Some(lang.t("请先勾选要审批的提议", "Tick the proposals that you decide").to_owned());
        return show(&request, &state, &caller, &ApprovalsQuery::default(), trouble).await;
    }
    if verdict == Verdict::Approve
        && let Some(id) = unconfirmed(&state, &caller, &ids, &trouble.sure).await?
    {
        let message = lang.t(
            "列入黑名单会立即公布；请核对决定文书，勾选“已核对”再同意",
            "A blacklisting is announced at once; look at the decision, tick that you did, then approve",
        );
        (trouble.error, trouble.at) = (Some(message.to_owned()), format!("sure-{id}"));
        return show(&request, &state, &caller, &ApprovalsQuery::default(), trouble).await;
    }
    match commands::decide_many(&state.pools, &caller, &ids, verdict, form.get("comment")).await {
        Ok(Decided { count, refused }) if refused.is_empty() => Ok(see_other(&format!("/b/approvals?done={count}"))),
        Ok(Decided { count, refused }) => {
            trouble.refused = refused.into_iter().map(|one| (one.name, one.why.message(lang))).collect();
            let query = ApprovalsQuery { before: None, done: Some(count) };
            show(&request, &state, &caller, &query, trouble).await
        }
        Err(ListError::Db(error)) => Err(error.into()),
        Err(error) => {
            // What is too long here is the comment, the only text of this form.
            trouble.at = if error.field().is_empty() { String::new() } else { "comment".to_owned() };
            trouble.error = Some(error.message(lang));
            show(&request, &state, &caller, &ApprovalsQuery::default(), trouble).await
        }
    }
}

/// The first of the chosen blacklistings that was not confirmed.
async fn unconfirmed(state: &State, caller: &Caller, ids: &[i64], sure: &[String]) -> Result<Option<i64>, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let blacklistings = store::pending_of(&mut conn, ids, ListMove::Blacklist).await?;
    conn.commit().await?;
    Ok(blacklistings.into_iter().find(|id| !sure.contains(&id.to_string())))
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
