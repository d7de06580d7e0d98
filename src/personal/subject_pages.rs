//! The page on which a bureau answers a person who asks what is kept about them.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde_json::json;

use super::{
    PersonalError,
    subject::{self, Erased, Person, Place},
};
use crate::{
    identity::{Action, Caller},
    web::{Access, Page, Problem, Route, SafeForm, page::State},
};

pub(super) fn routes() -> Vec<Route> {
    let serve = Access::Official(Action::ServeDataSubject);
    vec![
        Route::get("/b/personal", serve, || web::get().to(page)),
        // Looked for by a form that is posted: a number in an address would stay in logs and histories.
        Route::post("/b/personal", serve, || web::post().to(find)),
        Route::post("/b/personal/export", serve, || web::post().to(export)),
        Route::post("/b/personal/erase", serve, || web::post().to(erase)),
    ]
}

#[derive(Template)]
#[template(path = "personal/subject.html")]
struct SubjectPage<'a> {
    page: &'a Page,
    typed: &'a str,
    /// Who was looked for, masked.
    person: Option<String>,
    places: Vec<Place>,
    erased: Option<Erased>,
    error: Option<PersonalError>,
}

impl SubjectPage<'_> {
    fn message(&self) -> String {
        self.error.as_ref().map(|error| error.message(self.page.lang)).unwrap_or_default()
    }

    fn wrong(&self, field: &str) -> bool {
        self.error.as_ref().is_some_and(|error| error.field() == field)
    }

    fn what<'b>(&self, place: &'b Place) -> &'b str {
        self.page.lang.t(&place.what_zh, &place.what_en)
    }

    fn basis(&self, place: &Place) -> &'static str {
        place.kept.map_or("", |basis| self.page.lang.t(basis.zh, basis.en))
    }

    fn going(&self) -> usize {
        self.places.iter().filter(|place| place.kept.is_none()).count()
    }
}

fn render(
    request: &HttpRequest,
    typed: &str,
    found: Option<(&Person, Vec<Place>)>,
    erased: Option<Erased>,
    error: Option<PersonalError>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "个人信息权利", "Personal data");
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (person, places) = found.map_or((None, Vec::new()), |(person, places)| (Some(person.masked()), places));
    let template = SubjectPage { page: &page, typed, person, places, erased, error };
    page.render_as(status, &template)
}

async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    render(&request, "", None, None, None)
}

async fn find(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let typed = form.get("person");
    let Some(person) = Person::parse(typed) else {
        return render(&request, typed, None, None, Some(PersonalError::Query));
    };
    let places = subject::find(&state.pools, &caller, &person).await?;
    render(&request, typed, Some((&person, places)), None, None)
}

async fn export(state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let person = Person::parse(form.get("person")).ok_or(PersonalError::Query)?;
    let places = subject::export(&state.pools, &caller, &person).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("content-disposition", "attachment; filename=\"personal-data.json\""))
        .json(json!({"person": person.masked(), "by": person.by, "made_at": caller.now, "places": places})))
}

async fn erase(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let typed = form.get("person");
    let Some(person) = Person::parse(typed) else {
        return render(&request, typed, None, None, Some(PersonalError::Query));
    };
    if form.get("sure") != "yes" {
        let places = subject::find(&state.pools, &caller, &person).await?;
        return render(&request, typed, Some((&person, places)), None, Some(PersonalError::NotSure));
    }
    let erased = subject::erase(&state.pools, &caller, &person).await?;
    render(&request, "", None, Some(erased), None)
}
