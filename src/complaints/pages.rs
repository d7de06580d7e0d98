//! The page on which officials record complaints and say what became of them.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use strum::IntoEnumIterator;

use super::{
    commands::{self, Told},
    error::ComplaintError,
    model::{Complaint, Kind, State as Standing},
    store,
};
use crate::{
    identity::{Action, Caller},
    kernel::mask,
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// Complaints shown.
const SHOWN: i64 = 100;

/// Its routes.
pub fn routes() -> Vec<Route> {
    let handles = Access::Official(Action::HandleComplaint);
    vec![
        Route::get("/b/complaints", handles, || web::get().to(list)),
        Route::post("/b/complaints", handles, || web::post().to(record)),
        Route::post("/b/complaints/{id}", handles, || web::post().to(settle)),
    ]
}

#[derive(Template)]
#[template(path = "complaints/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    complaints: Vec<Complaint>,
    typed: &'a SafeForm,
    /// The complaint whose settling was refused; `None`: the recording.
    of: Option<i64>,
    errors: &'a [FieldError],
}

impl ListPage<'_> {
    fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        Kind::iter().map(|kind| (kind.into(), self.page.lang.t(kind.words().0, kind.words().1))).collect()
    }

    /// Whether a kind was chosen in the form that was refused.
    fn is_kind(&self, value: &str) -> bool {
        self.typed("kind") == value
    }

    fn paid_a_person(&self) -> bool {
        self.typed("personal_payee") == "yes"
    }

    fn kind(&self, complaint: &Complaint) -> &'static str {
        let (zh, en) = complaint.kind.words();
        self.page.lang.t(zh, en)
    }

    fn state(&self, complaint: &Complaint) -> &'static str {
        let (zh, en) = complaint.state.words();
        self.page.lang.t(zh, en)
    }

    fn tag(&self, complaint: &Complaint) -> &'static str {
        match complaint.state {
            Standing::Received => "wait",
            Standing::Confirmed => "warn",
            Standing::Refuted => "info",
        }
    }

    fn may_confirm(&self, complaint: &Complaint) -> bool {
        complaint.state == Standing::Received
    }

    fn may_refute(&self, complaint: &Complaint) -> bool {
        complaint.state != Standing::Refuted
    }

    /// What was said, with the numbers of persons masked.
    fn note(&self, complaint: &Complaint) -> String {
        complaint.note.as_deref().map(mask::numbers).unwrap_or_default()
    }

    fn phone(&self, complaint: &Complaint) -> String {
        complaint.phone.as_ref().map_or_else(|| self.page.t("匿名", "anonymous").to_owned(), |phone| phone.masked())
    }

    fn errors(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| self.of.is_none() && error.path == path).collect()
    }

    fn errors_of(&self, id: &i64) -> Vec<&FieldError> {
        self.errors.iter().filter(|_| self.of == Some(*id)).collect()
    }

    fn typed(&self, name: &str) -> &str {
        if self.of.is_none() { self.typed.get(name) } else { "" }
    }

    fn typed_of(&self, id: &i64) -> &str {
        if self.of == Some(*id) { self.typed.get("reason") } else { "" }
    }

    fn anchor(&self, error: &FieldError) -> String {
        self.of.map_or_else(|| error.path.clone(), |id| format!("reason-{id}"))
    }
}

#[derive(Debug, serde::Deserialize)]
struct About {
    /// The institution that the form is filled in for.
    #[serde(default)]
    i: String,
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    about: Query<About>,
) -> Result<HttpResponse, Problem> {
    let typed = SafeForm::from_pairs(vec![("credit_code".to_owned(), about.i.clone())]);
    render(&request, &state, &caller, (&typed, None, &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    (typed, of, errors): (&SafeForm, Option<i64>, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "投诉线索", "Complaints as evidence");
    page.note = match page.done() {
        Some("recorded") => Some(Note::new(
            page.t("投诉已登记", "The complaint is recorded"),
            page.t("一小时内计入“账外收费”“培训贷”预警。", "Within the hour it counts for the warnings it speaks for."),
        )),
        Some("settled") => Some(Note::new(page.t("结论已保存", "What was found is kept"), "")),
        _ => None,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let complaints = store::latest(&mut conn, SHOWN).await?;
    conn.commit().await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &ListPage { page: &page, complaints, typed, of, errors })
}

/// POST /b/complaints
async fn record(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    match commands::record(&state, &caller, &Told::of(&form)).await {
        Ok(_) => Ok(see_other("/b/complaints?done=recorded")),
        Err(ComplaintError::Invalid(errors)) => render(&request, &state, &caller, (&form, None, &errors)).await,
        Err(error) => Err(error.into()),
    }
}

/// POST /b/complaints/{id}
async fn settle(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let Ok(to) = form.get("to").parse::<Standing>() else {
        return Err(Problem::bad_request("没有选结论。", "Choose what was found."));
    };
    match commands::settle(&state, &caller, *id, (to, form.get("reason"))).await {
        Ok(()) => Ok(see_other("/b/complaints?done=settled")),
        Err(ComplaintError::Invalid(errors)) => render(&request, &state, &caller, (&form, Some(*id), &errors)).await,
        Err(error) => Err(error.into()),
    }
}
