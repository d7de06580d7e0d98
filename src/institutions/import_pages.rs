//! Pages of the import: upload, good and bad rows beside each other with the mend for every bad cell, and the outcome.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    RegisterError,
    api::limits,
    commands::{self, Edit},
    import::{CellFinding, Limits, Reading, Row, Severity},
    rejects,
    report::{Report, bad_rows, tally},
    store::drafts::{self, ImportRow},
};
use crate::{
    identity::{Action, Caller},
    kernel::RegionCode,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
        upload::Upload,
    },
};

/// Rows of each kind a page.
const ROWS: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    let import = Access::Official(Action::ImportInstitutions);
    vec![
        Route::get("/b/imports", import, || web::get().to(list)),
        Route::post("/b/imports", import, || web::post().to(upload)),
        Route::get("/b/imports/{id}", import, || web::get().to(one)),
        Route::post("/b/imports/{id}/cells", import, || web::post().to(mend)),
        Route::post("/b/imports/{id}/confirm", import, || web::post().to(confirm)),
        Route::post("/b/imports/{id}/discard", import, || web::post().to(discard)),
        Route::get("/b/imports/{id}/rejected.xlsx", import, || web::get().to(rejected)),
    ]
}

#[derive(Template)]
#[template(path = "institutions/imports.html")]
struct ListPage<'a> {
    page: &'a Page,
    rows: Vec<ImportRow>,
    error: Option<String>,
    limits: Limits,
}

async fn list(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    show_list(&request, &state, &caller, None).await
}

async fn show_list(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    error: Option<String>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = drafts::latest(&mut conn, 50).await?;
    conn.commit().await?;
    let page = Page::new(request, "表格导入", "Import");
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(status, &ListPage { page: &page, rows, error, limits: limits(state) })
}

async fn upload(request: HttpRequest, state: State, caller: Caller, upload: Upload) -> Result<HttpResponse, Problem> {
    match commands::upload(&state.pools, &caller, &upload.file_name, &upload.bytes, limits(&state)).await {
        Ok(id) => Ok(see_other(&format!("/b/imports/{id}"))),
        Err(error @ RegisterError::File(_)) => {
            let message = crate::web::Lang::of(&request).t(&error.message_zh(), &error.to_string()).to_owned();
            show_list(&request, &state, &caller, Some(format!("{}：{message}", upload.file_name))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A cell in which something was found, with a field to mend it where the sheet has the column.
struct Cell {
    column: String,
    /// Name of the form's field, e.g. `cell-3-统一社会信用代码`; `None` for what concerns the whole row.
    field: Option<String>,
    value: String,
    findings: Vec<CellFinding>,
}

impl Cell {
    fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// A refused row.
struct BadRow {
    number: u32,
    /// What the row says of itself, for recognising it.
    label: String,
    cells: Vec<Cell>,
}

impl BadRow {
    fn of(reading: &Reading, row: &Row) -> BadRow {
        let mut cells: Vec<Cell> = Vec::new();
        for finding in reading.findings_of(row.number) {
            if let Some(cell) = cells.iter_mut().find(|cell| cell.column == finding.column) {
                cell.findings.push(finding.clone());
                continue;
            }
            let at = reading.header.iter().position(|label| *label == finding.column);
            cells.push(Cell {
                column: finding.column.clone(),
                field: at.map(|_| format!("cell-{}-{}", row.number, finding.column)),
                value: at.and_then(|at| row.cells.get(at)).cloned().unwrap_or_default(),
                findings: vec![finding.clone()],
            });
        }
        cells.sort_by_key(|cell| !cell.is_wrong());
        let label =
            row.cells.iter().filter(|cell| cell.chars().count() > 3).take(2).cloned().collect::<Vec<_>>().join("  ");
        BadRow { number: row.number, label, cells }
    }
}

/// A row that can go in.
struct GoodRow {
    number: u32,
    name: String,
    credit_code: String,
    notes: Vec<CellFinding>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct OneQuery {
    bad: Option<usize>,
    good: Option<usize>,
}

#[derive(Template)]
#[template(path = "institutions/import.html")]
struct OnePage<'a> {
    page: &'a Page,
    import: &'a ImportRow,
    report: &'a Report,
    bad: Vec<BadRow>,
    good: Vec<GoodRow>,
    bad_total: usize,
    good_total: usize,
    bad_page: usize,
    good_page: usize,
    may_propose: bool,
    error: Option<String>,
}

impl OnePage<'_> {
    fn bad_pages(&self) -> usize {
        self.bad_total.div_ceil(ROWS)
    }

    fn good_pages(&self) -> usize {
        self.good_total.div_ceil(ROWS)
    }

    fn message<'b>(&self, finding: &'b CellFinding) -> &'b str {
        self.page.lang.t(&finding.message_zh, &finding.message_en)
    }
}

fn window<T>(items: impl Iterator<Item = T>, page: usize) -> Vec<T> {
    items.skip((page - 1) * ROWS).take(ROWS).collect()
}

async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    query: Query<OneQuery>,
) -> Result<HttpResponse, Problem> {
    show(&request, &state, &caller, *id, &query, None).await
}

async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    id: i64,
    query: &OneQuery,
    error: Option<String>,
) -> Result<HttpResponse, Problem> {
    let (import, reading) = load(state, caller, id).await?;
    let (good_total, _) = tally(&reading);
    let numbers = bad_rows(&reading);
    let bad_total = numbers.len();
    let bad_page = query.bad.unwrap_or(1).clamp(1, bad_total.div_ceil(ROWS).max(1));
    let good_page = query.good.unwrap_or(1).clamp(1, good_total.div_ceil(ROWS).max(1));
    let bad = window(numbers.into_iter(), bad_page);
    let bad = reading
        .rows
        .iter()
        .filter(|row| bad.binary_search(&row.number).is_ok())
        .map(|row| BadRow::of(&reading, row))
        .collect();
    let good = window(reading.institutions(), good_page).into_iter().map(|(row, institution)| GoodRow {
        number: row.number,
        name: institution.name.clone(),
        credit_code: institution.credit_code.to_string(),
        notes: reading.findings_of(row.number).cloned().collect(),
    });
    let page = Page::new(request, &import.row.file_name, &import.row.file_name);
    let may_propose = page.may(Action::ProposeListing);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = OnePage {
        page: &page,
        import: &import.row,
        report: &import.report,
        bad,
        good: good.collect(),
        bad_total,
        good_total,
        bad_page,
        good_page,
        may_propose,
        error,
    };
    page.render_as(status, &template)
}

/// An import with its sheet judged as it stands now.
async fn load(state: &State, caller: &Caller, id: i64) -> Result<(drafts::Import, Reading), Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let import = drafts::one(&mut conn, id, false).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let region = u32::try_from(import.row.region).ok().and_then(|code| RegionCode::from_number(code).ok());
    let region = region.ok_or_else(Problem::not_found)?;
    let (_, reading) = commands::judge(import.table.clone(), region).await?;
    Ok((import, reading))
}

fn version(form: &SafeForm) -> Result<i32, Problem> {
    form.get("version").parse().map_err(|_| RegisterError::Changed.into())
}

/// The cells of a form, by the names that [`Cell`] gave them. What was typed is kept as it is.
fn edits(form: &SafeForm) -> Vec<Edit> {
    form.pairs()
        .iter()
        .filter_map(|(name, value)| {
            let (row, column) = name.strip_prefix("cell-")?.split_once('-')?;
            Some((row.parse().ok()?, column.to_owned(), value.clone()))
        })
        .collect()
}

async fn mend(state: State, caller: Caller, id: web::Path<i64>, form: SafeForm) -> Result<HttpResponse, Problem> {
    commands::mend(&state.pools, &caller, *id, version(&form)?, &edits(&form)).await?;
    let page = form.get("bad").parse::<usize>().unwrap_or(1);
    Ok(see_other(&format!("/b/imports/{id}?bad={page}#bad")))
}

async fn confirm(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    match commands::finish(&state.pools, &caller, *id, version(&form)?, form.get("partial") == "yes").await {
        Ok(_) => Ok(see_other(&format!("/b/imports/{id}"))),
        Err(error @ (RegisterError::NotClean { .. } | RegisterError::NothingGood)) => {
            let message = crate::web::Lang::of(&request).t(&error.message_zh(), &error.to_string()).to_owned();
            show(&request, &state, &caller, *id, &OneQuery::default(), Some(message)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn discard(state: State, caller: Caller, id: web::Path<i64>, form: SafeForm) -> Result<HttpResponse, Problem> {
    commands::discard(&state.pools, &caller, *id, version(&form)?).await?;
    Ok(see_other("/b/imports"))
}

async fn rejected(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
) -> Result<HttpResponse, Problem> {
    let (_, reading) = load(&state, &caller, *id).await?;
    let lang = crate::web::Lang::of(&request);
    let bytes = tokio::task::spawn_blocking(move || rejects::workbook(&reading, lang)).await;
    let bytes = bytes.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "the workbook of refused rows could not be written");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        .insert_header(("content-disposition", format!("attachment; filename=\"rejected-{id}.xlsx\"")))
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_form_are_told_by_row_and_column() {
        let pairs =
            [("_csrf", "x"), ("cell-3-有效期止（年-月-日）", " 2026-01-01"), ("cell-x-名称", "a"), ("version", "2")];
        let form = SafeForm::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(edits(&form), [(3, "有效期止（年-月-日）".to_owned(), " 2026-01-01".to_owned())]);
    }
}
