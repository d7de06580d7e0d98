//! Officials' pages of the register: the list, and one institution with its steps on the lists.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    import_pages,
    model::SponsorKind,
    sponsor_pages::{self, SponsorForm},
    store::{
        AccountRow, Filter, InstitutionRow, register,
        sponsors::{self, Kept},
    },
    words,
};
use crate::{
    approvals::Approval,
    escrow,
    identity::{Action, Caller},
    kernel::{
        Finding, Private, credit_code,
        private::{CitizenNumber, Phone},
    },
    lists::{self, Ground, ListError, ListMove, OpenStep, Overview, commands::Proposals},
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging,
    },
};

/// Rows a page.
const ROWS: i64 = 50;

/// The routes of these pages and of the imports'.
pub fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadRegister);
    let mut routes = vec![
        Route::get("/b/institutions", read, || web::get().to(list)),
        Route::get("/b/institutions/{credit_code}", read, || web::get().to(one)),
        Route::post("/b/institutions/{credit_code}/proposals", Access::Official(Action::ProposeListing), || {
            web::post().to(propose)
        }),
    ];
    routes.extend(import_pages::routes());
    routes.extend(sponsor_pages::routes());
    routes
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    list: String,
    after: Option<i64>,
}

#[derive(Template)]
#[template(path = "institutions/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    query: &'a ListQuery,
    rows: Vec<InstitutionRow>,
    total: i64,
    /// Address of the next page.
    next: Option<String>,
    /// Whether rows of several counties are shown.
    wide: bool,
    /// Whether steps may be proposed for these rows.
    may_propose: bool,
}

impl ListPage<'_> {
    /// Whether this institution could be put on the white list by the one signed in.
    fn pickable(&self, row: &InstitutionRow) -> bool {
        self.page.actor.as_ref().is_some_and(|actor| pickable(row, actor.tenant))
    }

    fn status(&self, status: &str) -> &'static str {
        words::status(self.page.lang, status)
    }

    fn region(&self, tenant: &i32) -> String {
        words::region(*tenant)
    }
}

fn pickable(row: &InstitutionRow, tenant: i32) -> bool {
    row.tenant_id == tenant && matches!(row.list_status.as_str(), "none" | "suspended")
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let filter = Filter {
        q: query.q.trim().to_owned(),
        status: query.status.clone(),
        list: query.list.clone(),
        after: query.after.unwrap_or_default(),
        limit: ROWS + 1,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = register::search(&mut conn, &filter).await?;
    let total = register::count(&mut conn, &filter).await?;
    conn.commit().await?;
    let more = paging::cut(&mut rows, ROWS);
    let next = more.then(|| rows.last()).flatten().map(|last| {
        let mut next = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", &query.q), ("status", &query.status), ("list", &query.list)] {
            if !value.is_empty() {
                next.append_pair(name, value);
            }
        }
        next.append_pair("after", &last.id.to_string());
        format!("/b/institutions?{}", next.finish())
    });
    let page = Page::new(&request, "机构档案", "Institutions");
    let may_propose = page.may(Action::ProposeListing) && rows.iter().any(|row| pickable(row, caller.actor.tenant));
    page.render(&ListPage {
        page: &page,
        query: &query,
        rows,
        total,
        next,
        wide: caller.actor.scope().is_wide(),
        may_propose,
    })
}

/// What was typed into a form of the page that was not accepted.
#[derive(Debug, Default)]
pub(super) struct Typed {
    step: Option<ListMove>,
    reason: String,
    ground: String,
    error: Option<String>,
    /// The field that the error is about.
    field: &'static str,
    sponsor: SponsorForm,
}

impl Typed {
    /// A sponsor's form.
    pub(super) fn of(sponsor: SponsorForm) -> Typed {
        Typed { sponsor, ..Typed::default() }
    }
}

#[derive(Template)]
#[template(path = "institutions/one.html")]
struct OnePage<'a> {
    page: &'a Page,
    row: &'a InstitutionRow,
    accounts: Vec<AccountRow>,
    sponsors: Vec<Kept>,
    /// Whether the one who looks keeps this register.
    may_keep: bool,
    overview: Overview,
    grounds: Vec<Ground>,
    phone: Private<Phone>,
    legal_person_id: Private<CitizenNumber>,
    /// Whether the one who looks may ask to see what is masked.
    may_unmask: bool,
    may_propose: bool,
    may_decide: bool,
    typed: Typed,
    /// The institution's warning level and how many warnings are open, for those who may see them.
    level: Option<(String, i64)>,
}

impl OnePage<'_> {
    /// The steps that may be proposed and do not wait for a colleague already.
    fn steps(&self) -> Vec<&OpenStep> {
        let waits = |step: &OpenStep| self.overview.pending.iter().any(|(waits, _)| *waits == step.step);
        self.overview.steps.iter().filter(|step| !waits(step)).collect()
    }

    /// Whether the one signed in may decide this proposal, which is a colleague's.
    fn decidable(&self, approval: &Approval) -> bool {
        let actor = self.page.actor.as_ref();
        self.may_decide && !approval.own && actor.is_some_and(|actor| actor.tenant == approval.tenant)
    }

    fn sponsor_kinds(&self) -> Vec<(&'static str, &'static str)> {
        use strum::IntoEnumIterator;
        SponsorKind::iter().map(|kind| (kind.into(), self.page.lang.t(kind.words().0, kind.words().1))).collect()
    }

    /// Whether the look at a sponsor shows more than the page does.
    fn is_masked(&self, kept: &Kept) -> bool {
        self.may_unmask && kept.sponsor.kind == SponsorKind::Person
    }

    fn sponsor_kind(&self, kept: &Kept) -> &'static str {
        let (zh, en) = kept.sponsor.kind.words();
        self.page.lang.t(zh, en)
    }

    /// What is wrong with a field of the form that adds a sponsor.
    fn sponsor_errors(&self, path: &str) -> Vec<&FieldError> {
        let form = &self.typed.sponsor;
        form.errors.iter().filter(|error| form.of.is_none() && error.path == path).collect()
    }

    fn sponsor_typed(&self, name: &str) -> &str {
        if self.typed.sponsor.of.is_none() { self.typed.sponsor.typed.get(name) } else { "" }
    }

    /// What is wrong with taking one off.
    fn removal_errors(&self, id: &i64) -> Vec<&FieldError> {
        let form = &self.typed.sponsor;
        form.errors.iter().filter(|_| form.of == Some(*id)).collect()
    }

    fn status(&self) -> &'static str {
        words::status(self.page.lang, &self.row.status)
    }

    fn stages(&self) -> String {
        words::stages(self.page.lang, &self.row.stages)
    }

    fn delivery(&self) -> String {
        words::delivery(self.page.lang, &self.row.delivery)
    }

    fn area(&self) -> String {
        words::area(self.row.floor_area_cm2)
    }

    fn term(&self) -> String {
        words::term(self.row.licence_from, self.row.licence_to)
    }

    fn region(&self) -> String {
        words::region(self.row.tenant_id)
    }

    fn open(&self, step: &ListMove) -> bool {
        self.typed.step == Some(*step)
    }

    fn wrong(&self, step: &ListMove, field: &str) -> bool {
        self.open(step) && self.typed.error.is_some() && self.typed.field == field
    }

    fn message(&self, finding: &Finding) -> String {
        self.page.t(&finding.message_zh, &finding.message_en).to_owned()
    }
}

async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    show(&request, &state, &caller, &code, Typed::default()).await
}

/// What was just done, for the page that follows.
fn note(page: &Page) -> Option<Note> {
    Some(match page.done()? {
        "proposed" => Note::new(
            page.t("已提议，等待同事审批", "Proposed; a colleague decides on it next"),
            page.t(
                "同意之前名单不变；到期不审批即失效。",
                "The list stays as it is until then; undecided it runs out.",
            ),
        )
        .with_link("/b/approvals", page.t("看待审批的提议", "See what waits")),
        "sponsor" => Note::new(
            page.t("举办者已登记", "The sponsor is on the register"),
            page.t(
                "付给其的款项按“异常交易对手”预警，此前的流水一并重新判断。",
                "Money paid to it is told as to an unusual counterparty; earlier entries are judged anew.",
            ),
        ),
        "removed" => Note::new(page.t("举办者已移除", "The sponsor is taken off"), ""),
        _ => return None,
    })
}

pub(super) async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    code: &str,
    typed: Typed,
) -> Result<HttpResponse, Problem> {
    let code = credit_code::normalise(code);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = register::by_code(&mut conn, &code).await?.ok_or_else(Problem::not_found)?;
    let accounts = register::accounts(&mut conn, row.tenant_id, row.id).await?;
    let sponsors = sponsors::of(&mut conn, row.tenant_id, &[row.id]).await?;
    let overview = lists::overview(&mut conn, row.tenant_id, row.id, caller).await?;
    let mut page = Page::new(request, &row.name, &row.name);
    let level = match page.may(Action::ReadEscrow) {
        true => escrow::level_of(&mut conn, row.tenant_id, row.id).await?,
        false => None,
    };
    conn.commit().await?;
    page.note = note(&page);
    let may_propose = page.may(Action::ProposeListing) && row.tenant_id == caller.actor.tenant;
    let may_keep = page.may(Action::ImportInstitutions) && row.tenant_id == caller.actor.tenant;
    let wrong = typed.error.is_some() || !typed.sponsor.errors.is_empty();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let grounds = <Ground as strum::IntoEnumIterator>::iter().collect();
    let template = OnePage {
        page: &page,
        row: &row,
        accounts,
        sponsors,
        may_keep,
        overview,
        level,
        grounds,
        phone: row.phone(state.pools.vault())?,
        legal_person_id: row.legal_person_id(state.pools.vault())?,
        may_unmask: page.may(Action::UnmaskPersonal),
        may_propose,
        may_decide: page.may(Action::DecideApproval),
        typed,
    };
    page.render_as(status, &template)
}

async fn propose(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let normal = credit_code::normalise(&code);
    let institutions = super::ids_of_codes(&state.pools, &caller, &[&normal]).await?;
    if institutions.is_empty() {
        return Err(Problem::not_found());
    }
    let step: ListMove =
        form.get("step").parse().map_err(|_| Problem::bad_request("没有这个名单事项", "there is no such step"))?;
    let outcome = try_propose(&state, &caller, &institutions, step, &form).await;
    match outcome {
        Ok(()) => Ok(see_other(&format!("/b/institutions/{normal}?done=proposed"))),
        Err(ListError::Db(error)) => Err(error.into()),
        Err(error) => {
            let lang = crate::web::Lang::of(&request);
            let typed = Typed {
                step: Some(step),
                reason: form.get("reason").to_owned(),
                ground: form.get("ground").to_owned(),
                error: Some(error.message(lang)),
                field: error.field(),
                sponsor: SponsorForm::default(),
            };
            show(&request, &state, &caller, &normal, typed).await
        }
    }
}

async fn try_propose(
    state: &State,
    caller: &Caller,
    institutions: &[i64],
    step: ListMove,
    form: &SafeForm,
) -> Result<(), ListError> {
    let ground: Option<Ground> = form.get("ground").parse().ok();
    if step == ListMove::Blacklist && ground.is_none() {
        return Err(ListError::GroundMissing);
    }
    let ground = ground.filter(|_| step == ListMove::Blacklist);
    let proposals = Proposals { institutions, step, ground, reason: form.get("reason") };
    let mut proposed = lists::commands::propose_many(&state.pools, caller, proposals).await?;
    proposed.refused.pop().map_or(Ok(()), |refused| Err(refused.why))
}
