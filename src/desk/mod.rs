//! The workbench of an official (工作台): a few figures, then what waits to be done, from every feature.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use crate::{
    approvals, courses,
    db::ScopedConn,
    escrow::{self, Glance},
    identity::{Action, Caller},
    institutions::{self, ImportRow, Totals},
    web::{Access, Page, Problem, Route, page::State, show},
};

/// Rows of each queue; the rest is on the queue's own page.
const ROWS: i64 = 6;

/// The route of the workbench.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/b", Access::Official(Action::ReadRegister), || web::get().to(desk))]
}

/// One figure of the strip; at most four are shown.
#[derive(Debug, Clone)]
struct Figure {
    label: &'static str,
    value: String,
    unit: &'static str,
    /// One line of context.
    context: String,
    href: &'static str,
    /// Drawn in red: something must be done at once.
    alarming: bool,
}

/// One thing that waits for an official.
#[derive(Debug, Clone)]
struct Task {
    what: &'static str,
    /// The course that it is about, where it is about one.
    course: Option<String>,
    href: String,
    institution: String,
    since: DateTime<Utc>,
    /// Who asked for it, where that is an official.
    by: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/desk.html")]
struct DeskPage<'a> {
    page: &'a Page,
    figures: Vec<Figure>,
    tasks: Vec<Task>,
    task_count: i64,
    /// `None` for a role that may not see escrow.
    glance: Option<Glance>,
    imports: Vec<ImportRow>,
    may_import: bool,
    /// Whether this desk looks at several counties, which do the work.
    wide: bool,
}

/// What waits: the oldest first, because it runs out first.
struct Waiting {
    proposals: i64,
    courses: i64,
    tasks: Vec<Task>,
}

impl Waiting {
    async fn read(conn: &mut ScopedConn, page: &Page, caller: &Caller) -> Result<Waiting, Problem> {
        let (proposals, waiting) = approvals::waiting(conn, caller.actor.user_id, caller.now, ROWS).await?;
        let (courses, filings) = courses::waiting(conn, ROWS).await?;
        let mut tasks: Vec<Task> = waiting
            .into_iter()
            .map(|approval| Task {
                what: page.lang.t(approval.kind.words().0, approval.kind.words().1),
                course: None,
                href: format!("/b/approvals/{}", approval.id),
                institution: approval.institution.map_or_else(|| show::bureau(approval.tenant), |one| one.name),
                since: approval.proposed_at,
                by: Some(approval.proposed_by_name),
            })
            .chain(filings.into_iter().map(|filing| Task {
                what: page.t("课程备案", "Course filing"),
                course: Some(filing.name),
                href: format!("/b/courses/{}", filing.id),
                institution: filing.institution_name,
                since: filing.submitted_at.unwrap_or(filing.updated_at),
                by: None,
            }))
            .collect();
        tasks.sort_by_key(|task| task.since);
        Ok(Waiting { proposals, courses, tasks })
    }

    fn count(&self) -> i64 {
        self.proposals + self.courses
    }
}

fn figures(page: &Page, waiting: &Waiting, glance: Option<&Glance>, totals: Totals, wide: bool) -> Vec<Figure> {
    let t = |zh, en| page.t(zh, en);
    let mut figures = vec![Figure {
        label: if wide {
            t("各县待办", "Waiting in the counties")
        } else {
            t("待办审批", "Waiting for a decision")
        },
        value: waiting.count().to_string(),
        unit: t("件", ""),
        context: if page.lang.is_en() {
            format!(
                "{} {}, {} {}",
                waiting.proposals,
                if waiting.proposals == 1 { "proposal" } else { "proposals" },
                waiting.courses,
                if waiting.courses == 1 { "course" } else { "courses" }
            )
        } else {
            format!("双人复核 {} 件，课程 {} 件", waiting.proposals, waiting.courses)
        },
        href: if waiting.proposals == 0 { "/b/courses" } else { "/b/approvals" },
        alarming: false,
    }];
    if let Some(glance) = glance {
        let grave = glance.red + glance.orange;
        figures.push(Figure {
            label: t("红色、橙色预警", "Red and orange warnings"),
            value: grave.to_string(),
            unit: t("个", ""),
            context: if page.lang.is_en() {
                format!("{} institutions with a warning", glance.warned())
            } else {
                format!("有预警的机构 {} 家", glance.warned())
            },
            href: "/b/escrow",
            alarming: grave > 0,
        });
        figures.push(Figure {
            label: t("监管资金余额", "Money in escrow"),
            value: page.yuan(glance.balance_fen),
            unit: "",
            context: match glance.latest {
                Some(at) => format!("{}{}", t("银行数据截至 ", "bank data up to "), page.time(at)),
                None => t("还没有银行数据", "no bank data yet").to_owned(),
            },
            href: "/b/escrow",
            alarming: false,
        });
    }
    figures.push(Figure {
        label: t("白名单机构", "On the white list"),
        value: totals.white.to_string(),
        unit: t("家", ""),
        context: if page.lang.is_en() {
            format!("of {}; {} suspended or blacklisted", totals.institutions, totals.suspended + totals.black)
        } else {
            format!("档案共 {}，暂停和黑名单 {}", totals.institutions, totals.suspended + totals.black)
        },
        href: "/b/institutions",
        alarming: false,
    });
    figures
}

async fn desk(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "工作台", "Workbench");
    let may_import = page.may(Action::ImportInstitutions);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut waiting = Waiting::read(&mut conn, &page, &caller).await?;
    let totals = institutions::totals(&mut conn).await?;
    let glance =
        if page.may(Action::ReadEscrow) { Some(escrow::glance(&mut conn, page.lang, ROWS).await?) } else { None };
    let imports = if may_import { institutions::latest_imports(&mut conn, 5).await? } else { Vec::new() };
    conn.commit().await?;
    waiting.tasks.truncate(usize::try_from(ROWS).unwrap_or_default());
    let wide = caller.actor.scope().is_wide();
    let figures = figures(&page, &waiting, glance.as_ref(), totals, wide);
    let (task_count, tasks) = (waiting.count(), waiting.tasks);
    page.render(&DeskPage { page: &page, figures, tasks, task_count, glance, imports, may_import, wide })
}
