//! The county's school calendar (校历): vacations and school hours, by which courses are judged.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    commands::{self, CalendarRequest, CourseError},
    model::TimeOfDay,
    store::{self, CalendarRow},
};
use crate::{
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
    },
};

/// Empty rows below those that are filled.
const SPARE: usize = 2;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/b/calendar", Access::Official(Action::SetCalendar), || web::get().to(show)),
        Route::post("/b/calendar", Access::Official(Action::SetCalendar), || web::post().to(set)),
    ]
}

/// The calendar as typed: pairs of days, pairs of times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CalendarForm {
    vacations: Vec<(String, String)>,
    hours: Vec<(String, String)>,
    source: String,
}

impl CalendarForm {
    fn from_stored(row: &CalendarRow) -> CalendarForm {
        let pairs = |value: &Value, first: &str, second: &str| {
            let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            value.as_array().into_iter().flatten().map(|item| (text(item, first), text(item, second))).collect()
        };
        CalendarForm {
            vacations: pairs(&row.vacations, "from", "to"),
            hours: pairs(&row.school_hours, "start", "end"),
            source: row.source.clone(),
        }
    }

    /// What a browser posted; rows that are wholly empty are left out.
    fn from_post(form: &SafeForm) -> CalendarForm {
        let pairs = |first: &str, second: &str| {
            let (ones, others) = (form.all(first), form.all(second));
            let pair = |at: usize| {
                let text = |all: &[&str]| all.get(at).copied().unwrap_or_default().trim().to_owned();
                (text(&ones), text(&others))
            };
            (0..ones.len().max(others.len())).map(pair).filter(|(a, b)| !(a.is_empty() && b.is_empty())).collect()
        };
        CalendarForm {
            vacations: pairs("from", "to"),
            hours: pairs("start", "end"),
            source: form.get("source").trim().to_owned(),
        }
    }

    /// Reads the form; each error names the field that it stands in.
    fn request(&self) -> Result<CalendarRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let vacations = self.read_vacations(&mut errors);
        let hours = self.read_hours(&mut errors);
        if self.source.is_empty() {
            errors.push(FieldError::new(
                "source",
                "REQUIRED",
                "请写明出处，如校历通知的文号。",
                "Say where it stands, e.g. the number of the notice.",
            ));
        }
        if errors.is_empty() {
            Ok(CalendarRequest { vacations: json!(vacations), school_hours: json!(hours), source: self.source.clone() })
        } else {
            Err(errors)
        }
    }

    fn read_vacations(&self, errors: &mut Vec<FieldError>) -> Vec<Value> {
        if self.vacations.is_empty() {
            errors.push(FieldError::new(
                "from-0",
                "REQUIRED",
                "请至少填一个假期：寒暑假里不得开展学科类培训。",
                "Give one vacation at least: academic training is not allowed in it.",
            ));
        }
        let mut read = Vec::new();
        for (at, (from, to)) in self.vacations.iter().enumerate() {
            match (from.parse::<NaiveDate>(), to.parse::<NaiveDate>()) {
                (Ok(first), Ok(last)) if first <= last => read.push(json!({"from": first, "to": last})),
                (Ok(_), Ok(_)) => errors.push(FieldError::new(
                    &format!("to-{at}"),
                    "ORDER",
                    "结束日不能早于开始日。",
                    "The last day cannot be before the first.",
                )),
                (first, _) => errors.push(FieldError::new(
                    &format!("{}-{at}", if first.is_err() { "from" } else { "to" }),
                    "DATE",
                    "请填完整日期，如 2026-07-01。",
                    "Give a full date, e.g. 2026-07-01.",
                )),
            }
        }
        read
    }

    fn read_hours(&self, errors: &mut Vec<FieldError>) -> Vec<Value> {
        if self.hours.is_empty() {
            errors.push(FieldError::new(
                "start-0",
                "REQUIRED",
                "请填学校上课时间，如 08:00 至 16:30。",
                "Give the school hours, e.g. 08:00 to 16:30.",
            ));
        }
        let mut read = Vec::new();
        for (at, (start, end)) in self.hours.iter().enumerate() {
            match (TimeOfDay::from_typed(start), TimeOfDay::from_typed(end)) {
                (Some(first), Some(last)) if first < last => read.push(json!({"start": first, "end": last})),
                (Some(_), Some(_)) => errors.push(FieldError::new(
                    &format!("end-{at}"),
                    "ORDER",
                    "放学须晚于上课。",
                    "School must end after it begins.",
                )),
                (first, _) => errors.push(FieldError::new(
                    &format!("{}-{at}", if first.is_none() { "start" } else { "end" }),
                    "TIME",
                    "请写成 08:00 这样的时间。",
                    "Write a time such as 08:00.",
                )),
            }
        }
        read
    }
}

#[derive(Template)]
#[template(path = "courses/calendar.html")]
struct CalendarPage<'a> {
    page: &'a Page,
    form: CalendarForm,
    errors: Vec<FieldError>,
    stored: Option<&'a CalendarRow>,
    saved: bool,
}

impl CalendarPage<'_> {
    fn at(&self, field: &str, row: &usize) -> Vec<&FieldError> {
        let path = format!("{field}-{row}");
        self.errors.iter().filter(|error| error.path == path).collect()
    }

    fn of(&self, field: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == field).collect()
    }
}

#[derive(Debug, Default, serde::Deserialize)]
struct SavedQuery {
    #[serde(default)]
    saved: String,
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    typed: Option<(CalendarForm, Vec<FieldError>)>,
    saved: bool,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let stored = store::calendar(&mut conn).await?;
    conn.commit().await?;
    let page = Page::new(request, "校历", "School calendar");
    let status = if typed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (mut form, errors) =
        typed.unwrap_or_else(|| (stored.as_ref().map(CalendarForm::from_stored).unwrap_or_default(), Vec::new()));
    form.vacations.extend(std::iter::repeat_n(Default::default(), SPARE));
    if form.hours.is_empty() {
        form.hours.push(Default::default());
    }
    form.hours.push(Default::default());
    page.render_as(status, &CalendarPage { page: &page, form, errors, stored: stored.as_ref(), saved })
}

async fn show(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<SavedQuery>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, None, query.saved == "yes").await
}

async fn set(request: HttpRequest, state: State, caller: Caller, posted: SafeForm) -> Result<HttpResponse, Problem> {
    let form = CalendarForm::from_post(&posted);
    let read = match form.request() {
        Ok(read) => read,
        Err(errors) => return render(&request, &state, &caller, Some((form, errors)), false).await,
    };
    match commands::set_calendar(&state.pools, &caller, &read).await {
        Ok(()) => Ok(see_other("/b/calendar?saved=yes")),
        Err(CourseError::Unreadable(errors)) => render(&request, &state, &caller, Some((form, errors)), false).await,
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(vacations: &[(&str, &str)], hours: &[(&str, &str)], source: &str) -> CalendarForm {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        CalendarForm { vacations: owned(vacations), hours: owned(hours), source: source.to_owned() }
    }

    #[test]
    fn a_whole_calendar_is_read() {
        let read = form(&[("2026-07-01", "2026-08-31")], &[("8:00", "11点30分"), ("14:00", "16:30")], "通知 3 号");
        let request = read.request().unwrap();
        assert_eq!(request.vacations, json!([{"from": "2026-07-01", "to": "2026-08-31"}]));
        assert_eq!(
            request.school_hours,
            json!([{"start": "08:00", "end": "11:30"}, {"start": "14:00", "end": "16:30"}])
        );
    }

    #[test]
    fn each_error_names_its_field() {
        let wrong = form(&[("2026-08-31", "2026-07-01"), ("2026-01-31", "")], &[("16:30", "08:00"), ("x", "9:00")], "");
        let fields: Vec<String> = wrong.request().unwrap_err().into_iter().map(|error| error.path).collect();
        assert_eq!(fields, ["to-0", "to-1", "end-0", "start-1", "source"]);
        let fields: Vec<String> = form(&[], &[], "a").request().unwrap_err().into_iter().map(|e| e.path).collect();
        assert_eq!(fields, ["from-0", "start-0"]);
    }
}
