//! A sheet of contracts or of attendance, taken in by upload: all rows or none, with a report that says what to mend.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use crate::{
    identity::{Action, Caller},
    institutions::report::Line,
    ledger::{
        api::file_limits,
        commands::import::{File, FileError, Report, Sheet, import},
    },
    web::{Access, Page, Problem, Route, page::State, upload::Upload},
};

pub(super) fn routes() -> Vec<Route> {
    let keep = Access::May(Action::KeepLedger);
    vec![
        Route::get("/org/contracts/import", keep, || web::get().to(page)),
        Route::post("/org/contracts/import", keep, || web::post().to(post)),
    ]
}

#[derive(Template)]
#[template(path = "ledger/import.html")]
struct ImportPage<'a> {
    page: &'a Page,
    sheet: &'a str,
    file_name: &'a str,
    report: Option<&'a Report>,
    /// Why the file as a whole could not be read.
    error: Option<String>,
}

impl ImportPage<'_> {
    fn lines<'a>(&self, report: &'a Report) -> &'a [Line] {
        if report.rejected.is_empty() { &report.notes } else { &report.rejected }
    }
}

async fn page(request: HttpRequest, _caller: Caller) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "表格导入", "Import a sheet");
    page.render(&ImportPage { page: &page, sheet: "contracts", file_name: "", report: None, error: None })
}

async fn post(request: HttpRequest, state: State, caller: Caller, upload: Upload) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "表格导入", "Import a sheet");
    let chosen = upload.form.get("sheet");
    let sheet = match chosen {
        "lessons" => Sheet::Lessons,
        _ => Sheet::Contracts { already_taken: upload.form.get("already_taken") == "yes" },
    };
    let file =
        File { name: &upload.file_name, bytes: &upload.bytes, sheet, limits: file_limits(&state), institution: None };
    let (report, error) = match import(&state.pools, &caller, &file).await {
        Ok(report) => (Some(report), None),
        Err(FileError::Unreadable(error)) => (None, Some(page.t(&error.message_zh(), &error.message_en()).to_owned())),
        Err(error) => return Err(error.into()),
    };
    let refused = error.is_some() || report.as_ref().is_some_and(|report| !report.rejected.is_empty());
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template =
        ImportPage { page: &page, sheet: chosen, file_name: &upload.file_name, report: report.as_ref(), error };
    page.render_as(status, &template)
}
