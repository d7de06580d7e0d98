//! The workbench: a few figures, then what waits to be done.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{
    Approval,
    store::{self, ApprovalFilter},
};
use crate::{
    identity::{Action, Caller},
    institutions::{
        pages::officials_only,
        store::{
            drafts::{self, ImportRow},
            register::{self, Totals},
        },
    },
    web::{Access, Page, Problem, Route, page::State},
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/b", Access::May(Action::ReadRegister), || web::get().to(desk))]
}

/// One figure of the strip; at most four are shown.
#[derive(Debug, Clone)]
pub struct Figure {
    pub label: String,
    pub value: i64,
    pub unit: &'static str,
    /// One line of context.
    pub context: String,
    pub href: &'static str,
    /// Drawn in red: something must be done at once.
    pub alarming: bool,
}

/// What the workbench shows. Each feature adds the figures and the queue that are its own.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    pub figures: Vec<Figure>,
    pub approvals: Vec<Approval>,
    pub imports: Vec<ImportRow>,
}

impl Desk {
    fn add_lists(&mut self, page: &Page, (pending, own): (i64, i64), totals: Totals) {
        self.figures.push(Figure {
            label: page.t("待审批的名单提议", "List proposals waiting").to_owned(),
            value: pending,
            unit: page.lang.t("件", ""),
            context: match own {
                0 => page.t("7 天内须审批", "to be decided within 7 days").to_owned(),
                own => format!(
                    "{} {own}",
                    page.t("其中您提议的，须由同事审批：", "proposed by you, for a colleague to decide:")
                ),
            },
            href: "/b/approvals",
            alarming: false,
        });
        self.figures.push(Figure {
            label: page.t("白名单机构", "On the white list").to_owned(),
            value: totals.white,
            unit: page.lang.t("家", ""),
            context: format!("{} {}", page.t("档案中共", "registered:"), totals.institutions),
            href: "/b/institutions?list=white",
            alarming: false,
        });
        if totals.suspended + totals.black > 0 {
            self.figures.push(Figure {
                label: page.t("暂停展示、黑名单", "Suspended or blacklisted").to_owned(),
                value: totals.suspended + totals.black,
                unit: page.lang.t("家", ""),
                context: format!("{} {}", page.t("其中黑名单", "blacklisted:"), totals.black),
                href: "/b/institutions?list=suspended",
                alarming: false,
            });
        }
    }
}

#[derive(Template)]
#[template(path = "desk/desk.html")]
struct DeskPage<'a> {
    page: &'a Page,
    desk: Desk,
    may_import: bool,
}

impl DeskPage<'_> {
    fn step(&self, approval: &Approval) -> &'static str {
        self.page.lang.t(approval.step.words().0, approval.step.words().1)
    }
}

async fn desk(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    officials_only(&caller)?;
    let page = Page::new(&request, "工作台", "Workbench");
    let waiting = ApprovalFilter { pending: true, institution: None, before: 0, limit: 8 };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let counts = store::count_pending(&mut conn, caller.actor.user_id, caller.now).await?;
    let totals = register::totals(&mut conn).await?;
    let may_import = page.may(Action::ImportInstitutions);
    let mut desk = Desk { approvals: store::approvals(&mut conn, waiting, caller.now).await?, ..Desk::default() };
    if may_import {
        desk.imports = drafts::latest(&mut conn, 5).await?;
    }
    conn.commit().await?;
    desk.add_lists(&page, counts, totals);
    page.render(&DeskPage { page: &page, desk, may_import })
}
