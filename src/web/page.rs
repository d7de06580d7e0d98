//! What every page has: language, who is signed in, navigation, and how money, days and levels are written.

use std::sync::LazyLock;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    dev::ResourceDef,
    http::{Method, StatusCode},
};
use askama::Template;
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{AppState, Lang, Problem, icons, lang, session::Visit, show};
use crate::identity::{Action, Actor, Role, may};

/// The frame of a page, and the tools of its template.
#[derive(Debug, Clone)]
pub struct Page {
    pub lang: Lang,
    pub title: String,
    pub actor: Option<Actor>,
    /// The bureau, or the service's own name, beside the brand.
    pub bureau: String,
    /// For the hidden field `_csrf` of every form.
    pub csrf: String,
    /// Path of this page, for marking the navigation.
    pub path: String,
    /// What the visitor has just done, said above the content.
    pub note: Option<Note>,
    query: String,
    /// Path and query by which this page, or the one that its form stands on, is got.
    here: (String, String),
    now: DateTime<Utc>,
    today: NaiveDate,
}

/// A value or a reference to it: templates give now the one, now the other.
pub trait Plain<T: Copy> {
    /// The value.
    fn plain(self) -> T;
}

impl<T: Copy> Plain<T> for T {
    fn plain(self) -> T {
        self
    }
}

impl<T: Copy> Plain<T> for &T {
    fn plain(self) -> T {
        *self
    }
}

impl<T: Copy> Plain<T> for &&T {
    fn plain(self) -> T {
        **self
    }
}

/// A word after the act: what was done, what comes next, and where to go for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub title: String,
    pub text: String,
    /// Address and words.
    pub link: Option<(String, String)>,
}

impl Note {
    /// A note without a link.
    pub fn new(title: &str, text: &str) -> Note {
        Note { title: title.to_owned(), text: text.to_owned(), link: None }
    }

    /// With a link to the next step.
    pub fn with_link(mut self, href: &str, words: &str) -> Note {
        self.link = Some((href.to_owned(), words.to_owned()));
        self
    }
}

/// One entry of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    /// What the entries from this one on have in common, where a group begins that has a name.
    pub heading: &'static str,
    pub href: &'static str,
    pub icon: &'static str,
    pub label: &'static str,
    pub current: bool,
}

impl Page {
    /// The frame for a request, with a title in both languages.
    pub fn new(request: &HttpRequest, title_zh: &str, title_en: &str) -> Page {
        let lang = Lang::of(request);
        let visit = request.extensions().get::<Visit>().cloned();
        let actor = visit.as_ref().and_then(|visit| visit.actor.clone());
        let bureau = actor.as_ref().map_or_else(
            || lang.t("校外培训公共服务", "Off-campus training, in the open").to_owned(),
            |actor| {
                // The bureau's name beside the brand would pass for the institution's own.
                if actor.role.is_institution() {
                    lang.t("校外培训机构端", "For training institutions").to_owned()
                } else {
                    show::bureau(actor.tenant)
                }
            },
        );
        let now = visit.as_ref().map_or_else(Utc::now, |visit| visit.now);
        Page {
            lang,
            title: lang.t(title_zh, title_en).to_owned(),
            actor,
            bureau,
            csrf: visit.as_ref().map(|visit| visit.csrf.clone()).unwrap_or_default(),
            path: request.path().to_owned(),
            note: None,
            query: request.query_string().to_owned(),
            here: here(request),
            now,
            today: crate::kernel::clock::day(now),
        }
    }

    /// The wording in the page's language.
    pub fn t<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.lang.t(zh, en)
    }

    /// The drawing of an icon; use with `|safe`.
    pub fn icon(&self, name: &str) -> String {
        icons::icon(name)
    }

    /// The address of a file under `static/`.
    pub fn asset(&self, name: &str) -> String {
        super::assets::asset(name)
    }

    /// `¥12,345.67`.
    pub fn yuan(&self, fen: impl Plain<i64>) -> String {
        crate::kernel::Fen(fen.plain()).yuan()
    }

    /// `¥12,345.67`, or a dash for what is not known.
    pub fn yuan_or_dash(&self, fen: &Option<i64>) -> String {
        fen.map_or_else(|| "—".to_owned(), |fen| self.yuan(fen))
    }

    /// `3 月 18 日`, with the year when it is not this one; `18 Mar 2026` in English.
    pub fn day(&self, day: impl Plain<NaiveDate>) -> String {
        show::day(self.lang, day.plain(), self.today)
    }

    /// The weekday of a day.
    pub fn weekday(&self, day: impl Plain<NaiveDate>) -> &'static str {
        show::weekday(self.lang, day.plain().weekday().number_from_monday())
    }

    /// The day in Beijing of an instant.
    pub fn day_of(&self, at: impl Plain<DateTime<Utc>>) -> String {
        self.day(crate::kernel::clock::day(at.plain()))
    }

    /// A day, or a dash.
    pub fn day_or_dash(&self, day: &Option<NaiveDate>) -> String {
        day.map_or_else(|| "—".to_owned(), |day| self.day(day))
    }

    /// Day and time of day in Beijing.
    pub fn time(&self, at: impl Plain<DateTime<Utc>>) -> String {
        show::time(self.lang, at.plain(), self.today)
    }

    /// Day and time of day of the request in Beijing, in full, as it stands on paper.
    pub fn stamp(&self) -> String {
        self.now.with_timezone(&crate::kernel::clock::BEIJING).format("%Y-%m-%d %H:%M").to_string()
    }

    /// `12.34 %` of basis points.
    pub fn percent(&self, bp: impl Plain<i64>) -> String {
        show::percent(bp.plain())
    }

    /// The badge of a warning level, with its own shape; use with `|safe`.
    pub fn level(&self, level: impl AsRef<str>) -> String {
        show::level_badge(self.lang, level.as_ref())
    }

    /// The tag of a list status; use with `|safe`.
    pub fn list_tag(&self, status: impl AsRef<str>) -> String {
        show::list_tag(self.lang, status.as_ref())
    }

    /// The official name of a course category.
    pub fn category(&self, category: impl AsRef<str>) -> &'static str {
        show::category(self.lang, category.as_ref())
    }

    /// Whether the one signed in may do `action`, by its name in the permission table.
    pub fn may(&self, action: Action) -> bool {
        self.actor.as_ref().is_some_and(|actor| may(actor.role, action))
    }

    /// The instant of the request.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Today in Beijing, by the service's clock.
    pub fn today(&self) -> NaiveDate {
        self.today
    }

    /// Whether an official is signed in, who gets the desk with the side navigation.
    pub fn is_desk(&self) -> bool {
        self.actor.as_ref().is_some_and(|actor| !actor.role.is_institution()) && !self.is_public_path()
    }

    /// Whether an official is signed in who looks at other bureaus' work and does none of it.
    pub fn only_reads(&self) -> bool {
        let looks =
            |role| matches!(role, Role::CityOfficer | Role::ProvinceOfficer | Role::MinistryOfficer | Role::Auditor);
        self.is_desk() && self.actor.as_ref().is_some_and(|actor| looks(actor.role))
    }

    /// Whether this is one of the pages that anyone may see.
    pub fn is_public_path(&self) -> bool {
        !["/b", "/org", "/account", "/session"].iter().any(|desk| self.path.starts_with(desk))
    }

    /// This page in the other language.
    pub fn other_language(&self) -> String {
        let (path, query) = &self.here;
        let rest = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
        let mut query: Vec<&str> = rest.collect();
        let choice = format!("lang={}", self.lang.other().code());
        query.push(&choice);
        format!("{path}?{}", query.join("&"))
    }

    /// The address at which this page, or the one that its form stands on, is got again.
    pub fn address(&self) -> String {
        match &self.here {
            (path, query) if query.is_empty() => path.clone(),
            (path, query) => format!("{path}?{query}"),
        }
    }

    /// What was just done, by `?done=`.
    pub fn done(&self) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix("done="))
    }

    /// The language of [`Page::bureau`].
    pub fn bureau_lang(&self) -> &'static str {
        match &self.actor {
            Some(actor) if !actor.role.is_institution() => "zh-CN",
            _ => self.lang.code(),
        }
    }

    /// The role that the one signed in acts in.
    pub fn role(&self) -> &'static str {
        self.actor.as_ref().map_or("", |actor| self.lang.t(actor.role.words().0, actor.role.words().1))
    }

    /// Where the one signed in begins the day; visitors begin at the search.
    pub fn home(&self) -> &'static str {
        self.actor.as_ref().map_or("/", super::auth::home)
    }

    /// The entries of the navigation that this visitor may use.
    pub fn nav(&self) -> Vec<NavItem> {
        let entry = |href: &'static str, icon, zh, en| NavItem {
            href,
            heading: "",
            icon,
            label: self.lang.t(zh, en),
            current: self.path == href || (href.len() > 4 && self.path.starts_with(&format!("{href}/"))),
        };
        let Some(actor) = self.actor.as_ref().filter(|_| !self.is_public_path()) else {
            return vec![entry("/", "search", "机构查询", "Find a school"), entry("/v", "qr", "扫码核验", "Verify")];
        };
        if actor.role.is_institution() {
            let mut entries = vec![
                entry("/org", "home", "首页", "Home"),
                entry("/org/courses", "list-check", "课程备案", "Courses"),
                entry("/org/contracts", "compass", "合同", "Contracts"),
                entry("/org/lessons", "school", "上课消课", "Lessons"),
                entry("/org/refunds", "refund", "退费", "Refunds"),
                entry("/org/escrow", "bank", "资金监管", "Escrow"),
                entry("/org/proof", "list-check", "三方核对", "Three-way proof"),
                entry("/org/audit", "clock", "查看记录", "Who looked"),
            ];
            if may(actor.role, Action::ManageStaff) {
                entries.push(entry("/org/staff", "user", "机构人员", "Our people"));
            }
            if may(actor.role, Action::KeepSystemKeys) {
                entries.push(entry("/org/keys", "shield", "接口密钥", "Keys"));
            }
            return entries;
        }
        let groups = [
            (
                "",
                vec![
                    (Action::ReadRegister, entry("/b", "home", "工作台", "Workbench")),
                    (Action::ReadRegister, entry("/b/approvals", "list-check", "双人复核", "Approvals")),
                    (Action::ReadRegister, entry("/b/bureaus", "building", "下级单位", "Bureaus below")),
                ],
            ),
            (
                self.lang.t("监管", "Supervision"),
                vec![
                    (Action::ReadEscrow, entry("/b/escrow", "bank", "资金监管", "Escrow watch")),
                    (Action::ReadEscrow, entry("/b/regions", "map", "区域与排行", "Regions")),
                    (Action::ReadEscrow, entry("/b/ledger", "refund", "合同台账", "Contracts")),
                    (Action::ReadEscrow, entry("/b/proof", "list-check", "三方核对", "Three-way proof")),
                    (Action::HandleComplaint, entry("/b/complaints", "message", "投诉线索", "Complaints")),
                    (Action::ReadRegister, entry("/b/courses", "check", "课程审批", "Courses")),
                    (Action::ReadRegister, entry("/b/institutions", "building", "机构档案", "Institutions")),
                    (Action::ImportInstitutions, entry("/b/imports", "download", "表格导入", "Import")),
                ],
            ),
            (
                self.lang.t("规则", "Rules"),
                vec![
                    (Action::ReadRegister, entry("/b/policies", "compass", "政策参数", "Policies")),
                    (Action::SetCalendar, entry("/b/calendar", "calendar", "校历", "School calendar")),
                    (Action::AssignDepartments, entry("/b/departments", "list-check", "部门分工", "Departments")),
                ],
            ),
            (
                self.lang.t("人员与数据", "People and data"),
                vec![
                    (Action::ManageUsers, entry("/b/users", "user", "账号管理", "Accounts")),
                    (Action::UnmaskPersonal, entry("/b/access", "user", "查看申请", "Requests to see data")),
                    (Action::ServeDataSubject, entry("/b/personal", "search", "个人信息权利", "Personal data")),
                    (Action::KeepBankKeys, entry("/b/keys", "shield", "接口密钥", "Keys")),
                    (Action::ReadAudit, entry("/b/audit", "clock", "操作留痕", "Audit trail")),
                ],
            ),
        ];
        let shown = |action: Action, entry: &NavItem| {
            may(actor.role, action)
                && match entry.href {
                    "/b/approvals" => !actor.sees_a_part(),
                    "/b/bureaus" => actor.tenant % 100 == 0,
                    _ => true,
                }
        };
        let mut entries = Vec::new();
        for (heading, group) in groups {
            let mut group = group.into_iter().filter(|(action, entry)| shown(*action, entry)).map(|(_, entry)| entry);
            entries.extend(group.next().map(|first| NavItem { heading, ..first }));
            entries.extend(group);
        }
        entries
    }

    /// The current year, for the footer.
    pub fn year(&self) -> i32 {
        self.today.year()
    }

    /// The page itself.
    pub fn render(&self, template: &impl Template) -> Result<HttpResponse, Problem> {
        self.render_as(StatusCode::OK, template)
    }

    /// The page with another status, e.g. 422 with the form as it was typed.
    pub fn render_as(&self, status: StatusCode, template: &impl Template) -> Result<HttpResponse, Problem> {
        let body = template.render().map_err(|error| {
            tracing::error!(%error, "a page could not be rendered");
            Problem::internal()
        })?;
        let mut response = HttpResponse::build(status);
        response.content_type("text/html; charset=utf-8").insert_header(("content-language", self.lang.code()));
        if Lang::chosen(&self.query).is_some() {
            let cookie = actix_web::cookie::Cookie::build(lang::COOKIE, self.lang.code())
                .path("/")
                .same_site(actix_web::cookie::SameSite::Lax)
                .permanent()
                .finish();
            response.cookie(cookie);
        }
        Ok(response.body(body))
    }
}

/// The page of a [`Problem`].
#[derive(Template)]
#[template(path = "shared/problem.html")]
struct ProblemPage<'a> {
    page: &'a Page,
    problem: &'a Problem,
    request_id: &'a str,
    /// It is certain that nothing was changed.
    unchanged: bool,
}

impl ProblemPage<'_> {
    /// Nobody is signed in any more, and what was typed stands in the page before.
    fn session_ended(&self) -> bool {
        self.problem.kind == "unauthorized"
    }

    /// `/login`, leading back to the page that the form stood on.
    fn sign_in(&self) -> String {
        let next =
            percent_encoding::utf8_percent_encode(&self.page.address(), percent_encoding::NON_ALPHANUMERIC).to_string();
        format!("/login?next={next}")
    }
}

/// A problem as a person sees it.
pub(super) fn problem_page(request: &HttpRequest, problem: &Problem, request_id: &str) -> HttpResponse {
    let (zh, en) = match problem.status {
        StatusCode::NOT_FOUND => ("没有找到", "Not found"),
        StatusCode::FORBIDDEN => ("无权办理", "Not allowed"),
        StatusCode::UNAUTHORIZED => ("请先登录", "Sign in first"),
        _ => ("没有办成", "That did not work"),
    };
    let page = Page::new(request, zh, en);
    // A fault of ours may have happened after the change was made.
    let unchanged = !request.method().is_safe() && problem.status.is_client_error();
    page.render_as(problem.status, &ProblemPage { page: &page, problem, request_id, unchanged })
        .unwrap_or_else(|_| HttpResponse::build(problem.status).body(problem.detail_zh.clone()))
}

/// Every path that can be got.
static PAGES: LazyLock<Vec<ResourceDef>> = LazyLock::new(|| {
    let routes = super::app::routes();
    routes.iter().filter(|route| route.method == Method::GET).map(|route| ResourceDef::new(route.path)).collect()
});

/// Path and query by which the page of a request is got. What answers a form has often no address of its own: that of
/// the page which the form stands on is taken, or the nearest above.
fn here(request: &HttpRequest) -> (String, String) {
    let own = (request.path(), request.query_string());
    if request.method().is_safe() {
        return (own.0.to_owned(), own.1.to_owned());
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let referer = header("referer").zip(header("host")).and_then(|(referer, host)| {
        let rest = referer.split_once("://")?.1.strip_prefix(host).filter(|rest| rest.starts_with('/'))?;
        let rest = rest.split('#').next()?;
        Some(rest.split_once('?').unwrap_or((rest, "")))
    });
    let (mut path, query) = referer.unwrap_or((own.0, ""));
    let there = |path: &str| PAGES.iter().any(|page| page.is_match(path));
    if there(path) {
        return (path.to_owned(), query.to_owned());
    }
    while let Some((above, _)) = path.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
        if there(above) {
            return (above.to_owned(), String::new());
        }
        path = above;
    }
    ("/".to_owned(), String::new())
}

/// Redirects after a form was accepted (303), optionally with a message code that the next page shows.
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", path)).finish()
}

/// The state of the service, for handlers.
pub type State = actix_web::web::Data<AppState>;
