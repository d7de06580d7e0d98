//! Pages of an administrator: who holds which post, inviting, changing, ending. A bureau's stand at `/b/users`, an
//! institution's at `/org/staff`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    Listing, PostError, PostRow, Status, commands,
    invitations::{self, Invite},
    model::Of,
    rules,
    store::Colleague,
};
use crate::{
    identity::{Action, Caller, Department, Role},
    kernel::RegionCode,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging, show,
    },
};

/// Rows a page.
const ROWS: i64 = 50;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let (bureau, institution) = (Access::Official(Action::ManageUsers), Access::May(Action::ManageStaff));
    vec![
        Route::get("/b/users", bureau, || web::get().to(list)),
        Route::get("/b/users/new", bureau, || web::get().to(new)),
        Route::post("/b/users/new", bureau, || web::post().to(invite)),
        Route::get("/b/users/{id}", bureau, || web::get().to(one)),
        Route::post("/b/users/{id}", bureau, || web::post().to(act)),
        Route::get("/org/staff", institution, || web::get().to(list)),
        Route::get("/org/staff/new", institution, || web::get().to(new)),
        Route::post("/org/staff/new", institution, || web::post().to(invite)),
        Route::get("/org/staff/{id}", institution, || web::get().to(one)),
        Route::post("/org/staff/{id}", institution, || web::post().to(act)),
    ]
}

/// Where the pages of the caller's place stand.
fn base(caller: &Caller) -> &'static str {
    if caller.actor.institution.is_some() { "/org/staff" } else { "/b/users" }
}

fn title(caller: &Caller) -> (&'static str, &'static str) {
    if caller.actor.institution.is_some() { ("机构人员", "Our people") } else { ("账号管理", "Accounts") }
}

/// Words that every page of this feature needs.
trait Words {
    fn page(&self) -> &Page;

    fn role_word(&self, role: &str) -> String {
        show::role(self.page().lang, role)
    }

    /// The role with its department or township.
    fn role(&self, row: &PostRow) -> String {
        let role = self.role_word(&row.role);
        match show::part(self.page().lang, row.department.as_deref(), row.township) {
            Some(part) => format!("{role} · {part}"),
            None => role,
        }
    }

    /// A tag with word and icon.
    fn status_tag(&self, row: &PostRow) -> String {
        let (zh, en) = row.status().words();
        let (class, icon) = match row.status() {
            Status::Active => return self.page().t(zh, en).to_owned(),
            Status::Disabled => ("bad", "ban"),
            Status::Invited => ("info", "clock"),
            Status::Expired => ("warn", "triangle"),
        };
        format!(r#"<span class="tag tag--{class}">{}{}</span>"#, self.page().icon(icon), self.page().t(zh, en))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct UsersQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    of: Of,
    before: Option<i64>,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    base: &'static str,
    query: &'a UsersQuery,
    roles: Vec<Role>,
    rows: Vec<PostRow>,
    next: Option<String>,
    own: i64,
}

impl Words for ListPage<'_> {
    fn page(&self) -> &Page {
        self.page
    }
}

impl ListPage<'_> {
    fn is_bureau(&self) -> bool {
        self.base == "/b/users"
    }

    fn is_filtered(&self) -> bool {
        let query = self.query;
        !(query.q.is_empty() && query.role.is_empty() && query.status.is_empty()) || query.of != Of::All
    }

    fn chosen_role(&self, role: &Role) -> bool {
        self.query.role == role.to_string()
    }

    fn is_of(&self, of: &str) -> bool {
        self.query.of.to_string() == of
    }
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<UsersQuery>,
) -> Result<HttpResponse, Problem> {
    let listing = Listing {
        text: query.q.trim().to_owned(),
        role: query.role.clone(),
        status: query.status.clone(),
        of: query.of,
        before: query.before.unwrap_or_default(),
        limit: ROWS + 1,
    };
    let mut rows = commands::list(&state.pools, &caller, &listing).await?;
    let more = paging::cut(&mut rows, ROWS);
    let address = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("q", &query.q),
            ("role", &query.role),
            ("status", &query.status),
            ("of", &query.of.to_string()),
        ])
        .finish();
    let next = more.then(|| rows.last().map(|row| format!("{}?{address}&before={}", base(&caller), row.id))).flatten();
    let mut page = Page::new(&request, title(&caller).0, title(&caller).1);
    page.note = note(&page, query.done.as_deref());
    let (roles, own) = (rules::grantable(&caller.actor), caller.actor.user_id);
    page.render(&ListPage { page: &page, base: base(&caller), query: &query, roles, rows, next, own })
}

/// What was just done.
fn note(page: &Page, done: Option<&str>) -> Option<Note> {
    let (title_zh, title_en, text_zh, text_en) = match done? {
        "invited" => (
            "邀请已发出",
            "Invitation sent",
            "对方 7 天内打开邮件里的链接，设置登录名和密码后即可使用。",
            "They open the link within 7 days and choose a sign-in name and password.",
        ),
        "resent" => ("邀请已重新发送", "Invitation sent again", "旧链接已作废。", "The old link is void."),
        "withdrawn" => ("邀请已撤回", "Invitation withdrawn", "链接已作废。", "The link is void."),
        "disabled" => ("账号已停用", "Account disabled", "其所有登录已立即结束。", "All its sessions ended at once."),
        "enabled" => ("账号已启用", "Account enabled", "", ""),
        "role" => (
            "角色已变更",
            "Role changed",
            "其登录已结束，重新登录后按新角色办理。",
            "Their sessions ended; the new role holds from the next sign-in.",
        ),
        "handed-over" => (
            "工作已交接",
            "Work handed over",
            "原账号已停用，接手人会收到邮件。",
            "The account is disabled and the successor gets a mail.",
        ),
        _ => return None,
    };
    Some(Note::new(page.t(title_zh, title_en), page.t(text_zh, text_en)))
}

/// The form of an invitation as typed.
#[derive(Debug, Clone, Default)]
struct Typed {
    email: String,
    name: String,
    role: String,
    department: String,
    township: String,
    credit_code: String,
}

impl Typed {
    fn from_post(form: &SafeForm) -> Typed {
        let text = |name: &str| form.get(name).to_owned();
        Typed {
            email: text("email"),
            name: text("name"),
            role: text("role"),
            department: text("department"),
            township: text("township"),
            credit_code: text("credit_code"),
        }
    }

    /// Role, department and township as chosen; what does not belong to the role is left out, as the form says.
    fn chosen(&self) -> Result<(Role, Option<Department>, Option<RegionCode>), PostError> {
        let role: Role = self.role.parse().map_err(|_| PostError::NoRole)?;
        let department = (role == Role::DepartmentOfficer).then(|| self.department.parse().ok()).flatten();
        let township = (role == Role::TownshipOfficer).then(|| self.township.parse().ok()).flatten();
        Ok((role, department, township))
    }
}

/// An error beside its field: the field's name, and the sentence.
type Wrong = Option<(&'static str, String)>;

fn wrong(page: &Page, error: &PostError) -> Wrong {
    Some((error.field().map_or("", |(field, _)| field), error.message(page.lang)))
}

#[derive(Template)]
#[template(path = "accounts/new.html")]
struct NewPage<'a> {
    page: &'a Page,
    base: &'static str,
    /// The page above.
    above: &'static str,
    typed: Typed,
    error: Wrong,
    roles: Vec<Role>,
    departments: Vec<Department>,
    townships: Vec<RegionCode>,
}

impl NewPage<'_> {
    fn is_bureau(&self) -> bool {
        self.base == "/b/users"
    }

    fn value(&self, field: &str) -> &str {
        if field == "name" { &self.typed.name } else { &self.typed.email }
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|(at, _)| *at == field).map(|(_, message)| message.as_str())
    }

    fn is(&self, typed: &str, value: &impl ToString) -> bool {
        typed == value.to_string()
    }
}

fn new_page<'a>(page: &'a Page, caller: &Caller, typed: Typed, error: Wrong) -> NewPage<'a> {
    use strum::IntoEnumIterator;
    let (zh, en) = title(caller);
    let region = rules::region(&caller.actor);
    NewPage {
        page,
        base: base(caller),
        above: page.lang.t(zh, en),
        typed,
        error,
        roles: rules::grantable(&caller.actor),
        departments: Department::iter().collect(),
        townships: region.map(RegionCode::townships).unwrap_or_default(),
    }
}

#[derive(Debug, Default, Deserialize)]
struct NewQuery {
    #[serde(default)]
    role: String,
    #[serde(default)]
    credit_code: String,
}

async fn new(request: HttpRequest, caller: Caller, query: Query<NewQuery>) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "邀请人员", "Invite somebody");
    let typed = Typed { role: query.role.clone(), credit_code: query.credit_code.clone(), ..Typed::default() };
    page.render(&new_page(&page, &caller, typed, None))
}

async fn invite(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let typed = Typed::from_post(&form);
    let outcome = match typed.chosen() {
        Ok((role, department, township)) => {
            let institution = caller.actor.institution.is_none() && role.is_institution();
            let invite = Invite {
                email: &typed.email,
                name: &typed.name,
                role,
                department,
                township,
                credit_code: if institution { &typed.credit_code } else { "" },
            };
            invitations::invite(&state.pools, &caller, state.public_url(), &invite).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(see_other(&format!("{}?done=invited", base(&caller)))),
        Err(error @ (PostError::Forbidden | PostError::OwnPostEnded | PostError::Db(_))) => Err(error.into()),
        Err(error) => {
            let page = Page::new(&request, "邀请人员", "Invite somebody");
            let error = wrong(&page, &error);
            page.render_as(StatusCode::UNPROCESSABLE_ENTITY, &new_page(&page, &caller, typed, error))
        }
    }
}

#[derive(Template)]
#[template(path = "accounts/one.html")]
struct OnePage<'a> {
    page: &'a Page,
    base: &'static str,
    above: &'static str,
    row: PostRow,
    colleagues: Vec<Colleague>,
    roles: Vec<Role>,
    departments: Vec<Department>,
    townships: Vec<RegionCode>,
    open_proposals: i64,
    is_own: bool,
    typed: Typed,
    reason: String,
    error: Wrong,
}

impl Words for OnePage<'_> {
    fn page(&self) -> &Page {
        self.page
    }
}

impl OnePage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|(at, _)| *at == field).map(|(_, message)| message.as_str())
    }

    fn is(&self, typed: &str, value: &impl ToString) -> bool {
        typed == value.to_string()
    }

    fn is_active(&self) -> bool {
        self.row.status() == Status::Active
    }

    fn is_disabled(&self) -> bool {
        self.row.status() == Status::Disabled
    }

    /// Where the error summary leads: the field, or the forms as a whole.
    fn error_at(&self) -> &str {
        self.error.as_ref().map_or("", |(at, _)| if at.is_empty() { "acts" } else { at })
    }
}

async fn show_one(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    typed: Option<(Typed, String, PostError)>,
    done: Option<&str>,
) -> Result<HttpResponse, Problem> {
    use strum::IntoEnumIterator;
    let (row, colleagues) = commands::show(&state.pools, caller, id).await?;
    let open_proposals = commands::open_proposals(&state.pools, caller, id).await?;
    let mut page = Page::new(request, &row.display_name, &row.display_name);
    page.note = note(&page, done);
    let status = if typed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (typed, reason, error) = match typed {
        Some((typed, reason, error)) => (typed, reason, wrong(&page, &error)),
        None => {
            let typed = Typed {
                role: row.role.clone(),
                department: row.department.clone().unwrap_or_default(),
                township: row.township.map(|code| code.to_string()).unwrap_or_default(),
                ..Typed::default()
            };
            (typed, String::new(), None)
        }
    };
    let of_institution = row.institution_id.is_some();
    let template = OnePage {
        page: &page,
        base: base(caller),
        above: page.lang.t(title(caller).0, title(caller).1),
        is_own: row.id == caller.actor.user_id,
        colleagues,
        roles: rules::grantable(&caller.actor).into_iter().filter(|r| r.is_institution() == of_institution).collect(),
        departments: Department::iter().collect(),
        townships: rules::region(&caller.actor).map(RegionCode::townships).unwrap_or_default(),
        open_proposals,
        row,
        typed,
        reason,
        error,
    };
    page.render_as(status, &template)
}

#[derive(Debug, Default, Deserialize)]
struct DoneQuery {
    done: Option<String>,
}

fn id_of(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<String>,
    query: Query<DoneQuery>,
) -> Result<HttpResponse, Problem> {
    show_one(&request, &state, &caller, id_of(&id)?, None, query.done.as_deref()).await
}

/// One form of the page, told apart by its button.
async fn act(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let (pools, tokens) = (&state.pools, &state.tokens);
    let typed = Typed::from_post(&form);
    let (done, outcome) = match form.get("action") {
        "disable" if form.get("sure") != "yes" => ("", Err(PostError::Unconfirmed("sure"))),
        "disable" => ("disabled", commands::disable(pools, tokens, &caller, id, form.get("reason")).await),
        "enable" => ("enabled", commands::enable(pools, &caller, id).await),
        "set_role" => match typed.chosen() {
            Ok(chosen) => ("role", commands::set_role(pools, tokens, &caller, id, chosen).await),
            Err(error) => ("", Err(error)),
        },
        "hand_over" if form.get("handed") != "yes" => ("", Err(PostError::Unconfirmed("handed"))),
        "hand_over" => {
            let to = form.get("to").parse().unwrap_or_default();
            ("handed-over", commands::hand_over(pools, tokens, &caller, state.public_url(), id, to).await)
        }
        "resend" => ("resent", invitations::resend(pools, &caller, state.public_url(), id).await),
        "withdraw" => ("withdrawn", invitations::withdraw(pools, &caller, id).await),
        _ => return Err(Problem::bad_request("没有这项操作", "there is no such action")),
    };
    match outcome {
        Ok(()) if id == caller.actor.user_id => Ok(see_other("/login")),
        Ok(()) if done == "withdrawn" => Ok(see_other(&format!("{}?done=withdrawn", base(&caller)))),
        Ok(()) => Ok(see_other(&format!("{}/{id}?done={done}", base(&caller)))),
        Err(error @ (PostError::Forbidden | PostError::NotFound | PostError::OwnPostEnded | PostError::Db(_))) => {
            Err(error.into())
        }
        Err(error) => {
            let typed = if form.get("action") == "set_role" { typed } else { Typed::default() };
            let typed = (typed, form.get("reason").to_owned(), error);
            show_one(&request, &state, &caller, id, Some(typed), None).await
        }
    }
}
