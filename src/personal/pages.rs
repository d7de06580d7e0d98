//! Pages: see one value in the clear with a reason; requests of bureaus above, decided by the county.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;
use strum::IntoEnumIterator;

use super::{
    PersonalError,
    commands::{self, Seen, Wish, held, needs_permission, parsed},
    model::{Kind, Purpose, Request, Standing, Subject, field_words},
    own,
    store::requests,
    subject_pages,
};
use crate::{
    identity::{Action, Caller},
    kernel::private::Held,
    policies,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        paging, show,
    },
};

/// Requests a page.
const ROWS: i64 = 50;

/// The feature's pages.
pub fn routes() -> Vec<Route> {
    let see = Access::Official(Action::UnmaskPersonal);
    let mut routes = vec![
        Route::get("/b/unmask", see, || web::get().to(form)),
        Route::post("/b/unmask", see, || web::post().to(post)),
        Route::get("/b/access", see, || web::get().to(list)),
        Route::post("/b/access/{id}", Access::Official(Action::DecideAccess), || web::post().to(decide)),
    ];
    routes.extend(subject_pages::routes());
    routes.extend(own::routes());
    routes
}

#[derive(Debug, Deserialize)]
struct UnmaskQuery {
    kind: Kind,
    id: String,
    /// Absent: of all fields of the record one is chosen on the page.
    #[serde(default)]
    field: String,
}

#[derive(Template)]
#[template(path = "personal/unmask.html")]
struct UnmaskPage<'a> {
    page: &'a Page,
    kind: Kind,
    id: &'a str,
    /// The fields of the record that hold something, with their masks; the chosen one first.
    fields: Vec<(&'static str, Held)>,
    chosen: &'a str,
    purposes: Vec<Purpose>,
    purpose: &'a str,
    reason: &'a str,
    error: Option<PersonalError>,
    /// What may be seen, after the look.
    shown: Option<Held>,
    /// The bureau that must agree first.
    other: Option<String>,
    /// Where the caller's latest request about it stands.
    standing: Option<Standing>,
}

impl UnmaskPage<'_> {
    fn words(&self, field: &str) -> &'static str {
        let (zh, en) = field_words(field);
        self.page.lang.t(zh, en)
    }

    fn label(&self) -> &str {
        self.fields.first().map_or("", |(_, held)| held.label.as_str())
    }

    fn back(&self) -> &str {
        self.fields.first().map_or("/b", |(_, held)| held.back.as_str())
    }

    fn wrong(&self, field: &str) -> bool {
        self.error.as_ref().is_some_and(|error| error.field() == field)
    }

    fn message(&self) -> String {
        self.error.as_ref().map(|error| error.message(self.page.lang)).unwrap_or_default()
    }

    fn anchor(&self) -> &'static str {
        match self.error.as_ref().map(PersonalError::field) {
            Some("reason") => "reason",
            _ => "purpose",
        }
    }
}

/// What was typed, for a form that was not accepted.
#[derive(Default)]
struct Typed<'a> {
    purpose: &'a str,
    reason: &'a str,
    error: Option<PersonalError>,
    shown: Option<Held>,
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    asked: &UnmaskQuery,
    typed: Typed<'_>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut fields = Vec::new();
    for field in asked.kind.fields() {
        let subject = Subject { kind: asked.kind, id: asked.id.clone(), field: (*field).to_owned() };
        if let Some(held) = held(&mut conn, &subject).await?.filter(|held| held.value != held.masked) {
            fields.push((*field, held));
        }
    }
    if !asked.field.is_empty() {
        fields.retain(|(field, _)| *field == asked.field);
    }
    let (chosen, first) = fields.first().ok_or_else(Problem::not_found)?;
    let (chosen, tenant) = (*chosen, first.tenant);
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    let permission = needs_permission(&in_force, first, caller);
    let mut standing = None;
    if permission {
        let subject = Subject { kind: asked.kind, id: asked.id.clone(), field: chosen.to_owned() };
        let latest = requests::latest_of(&mut conn, caller, tenant, &subject).await?;
        standing = latest.map(|request| request.standing(caller.now));
    }
    conn.commit().await?;
    let page = Page::new(request, "查看完整信息", "See in the clear");
    let status = match &typed.error {
        Some(PersonalError::TooMany(_)) => StatusCode::TOO_MANY_REQUESTS,
        Some(PersonalError::AlreadyAsked) => StatusCode::CONFLICT,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let template = UnmaskPage {
        page: &page,
        kind: asked.kind,
        id: &asked.id,
        fields,
        chosen,
        purposes: Purpose::iter().collect(),
        purpose: typed.purpose,
        reason: typed.reason,
        error: typed.error,
        shown: typed.shown,
        other: permission.then(|| show::bureau(tenant)),
        standing,
    };
    page.render_as(status, &template)
}

async fn form(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<UnmaskQuery>,
) -> Result<HttpResponse, Problem> {
    if !query.kind.open_to(caller.actor.role) {
        return Err(Problem::forbidden());
    }
    render(&request, &state, &caller, &query, Typed::default()).await
}

async fn post(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let kind: Kind = form.get("kind").parse().map_err(|_| Problem::not_found())?;
    let subject = Subject { kind, id: form.get("id").to_owned(), field: form.get("field").to_owned() };
    let wish = Wish { subject: &subject, purpose: form.get("purpose").parse().ok(), reason: form.get("reason") };
    let asked = UnmaskQuery { kind, id: subject.id.clone(), field: subject.field.clone() };
    match commands::see(&state, &caller, &wish).await {
        Ok(Seen::Shown(held)) => {
            let typed = Typed { shown: Some(held), ..Typed::default() };
            render(&request, &state, &caller, &asked, typed).await
        }
        Ok(Seen::Asked(_)) => Ok(see_other("/b/access?done=asked")),
        Err(error) if error.is_mendable() => {
            let typed =
                Typed { purpose: form.get("purpose"), reason: form.get("reason"), error: Some(error), shown: None };
            render(&request, &state, &caller, &asked, typed).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A request ready to be shown.
struct Shown {
    request: Request,
    standing: Standing,
    region: String,
    asker: String,
    /// Where the value is seen once it may be.
    href: String,
}

#[derive(Template)]
#[template(path = "personal/access.html")]
struct AccessPage<'a> {
    page: &'a Page,
    waiting: Vec<Shown>,
    settled: Vec<Shown>,
    may_decide: bool,
    error: Option<(i64, String)>,
    comment: String,
    next: Option<i64>,
}

impl AccessPage<'_> {
    fn words(&self, field: &str) -> &'static str {
        let (zh, en) = field_words(field);
        self.page.lang.t(zh, en)
    }

    fn purpose(&self, purpose: &str) -> String {
        let words = purpose.parse::<Purpose>().map(Purpose::words);
        words.map_or_else(|_| purpose.to_owned(), |(zh, en)| self.page.t(zh, en).to_owned())
    }

    fn decidable(&self, shown: &Shown) -> bool {
        let before_us = self.page.actor.as_ref().is_some_and(|actor| actor.tenant == shown.request.region);
        self.may_decide && before_us && !shown.request.own && shown.standing == Standing::Waiting
    }

    fn tag(&self, shown: &Shown) -> String {
        let page = self.page;
        let (class, icon, word) = match shown.standing {
            Standing::Waiting => ("wait", "clock", page.t("待审批", "Waiting")),
            Standing::Open => ("ok", "check", page.t("已同意", "Allowed")),
            Standing::Refused => ("bad", "cross", page.t("不同意", "Refused")),
            Standing::Over => ("info", "circle", page.t("已过期", "Over")),
        };
        format!(r#"<span class="tag tag--{class}">{}{word}</span>"#, page.icon(icon))
    }

    fn error_of(&self, id: &i64) -> Option<&str> {
        self.error.as_ref().filter(|(of, _)| of == id).map(|(_, message)| message.as_str())
    }
}

#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    before: i64,
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &caller, query.before, None, "").await
}

async fn show_list(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    before: i64,
    error: Option<(i64, String)>,
    comment: &str,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let mut rows = requests::list(&mut conn, caller, before, ROWS + 1).await?;
    conn.commit().await?;
    let more = paging::cut(&mut rows, ROWS);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let shown = |request: Request| {
        let subject = parsed(&request);
        let query = subject.map(|subject| {
            form_urlencoded::Serializer::new(String::new())
                .append_pair("kind", subject.kind.into())
                .append_pair("id", &subject.id)
                .append_pair("field", &subject.field)
                .finish()
        });
        Shown {
            standing: request.standing(caller.now),
            region: show::bureau(request.region),
            asker: show::bureau(request.asked_by_tenant),
            href: format!("/b/unmask?{}", query.unwrap_or_default()),
            request,
        }
    };
    let (waiting, settled) = rows.into_iter().map(shown).partition(|shown| shown.standing == Standing::Waiting);
    let mut page = Page::new(request, "查看申请", "Requests to see data");
    page.note = page.done().and_then(|done| note(&page, done));
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = AccessPage {
        page: &page,
        waiting,
        settled,
        may_decide: page.may(Action::DecideAccess),
        error,
        comment: comment.to_owned(),
        next,
    };
    page.render_as(status, &template)
}

fn note(page: &Page, done: &str) -> Option<Note> {
    let (title, text) = match done {
        "asked" => (
            page.t("已提交申请", "The request is sent"),
            page.t("同意后 24 小时内可查看这一项。", "Once it is allowed you may see this one value for 24 hours."),
        ),
        "approved" => (
            page.t("已同意", "Allowed"),
            page.t(
                "对方 24 小时内可查看这一项；每次查看都留痕。",
                "They may see this one value for 24 hours; each look is on record.",
            ),
        ),
        "rejected" => (page.t("已告知不同意", "Refused"), page.t("对方看得到理由。", "They read why.")),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn decide(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let approve = match form.get("decision") {
        "approve" => true,
        "reject" => false,
        _ => return Err(Problem::bad_request("请选择同意或不同意。", "Choose to allow or to refuse.")),
    };
    match commands::decide(&state, &caller, *id, approve, form.get("comment")).await {
        Ok(_) if approve => Ok(see_other("/b/access?done=approved")),
        Ok(_) => Ok(see_other("/b/access?done=rejected")),
        Err(error @ PersonalError::Comment) => {
            let message = error.message(crate::web::Lang::of(&request));
            show_list(&request, &state, &caller, 0, Some((*id, message)), form.get("comment")).await
        }
        Err(error) => Err(error.into()),
    }
}
