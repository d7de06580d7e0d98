//! Pages of the import: upload, good and bad rows beside each other with the mend for every bad cell, and the outcome.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{
    RegisterError,
    api::limits,
    commands::{self, Edit},
    import::{CellFinding, Limits, Reading, Row, Severity},
    intake::{self, Fate},
    rejects,
    report::{Report, bad_rows, tally},
    store::drafts::{self, ImportRow},
    words,
};
use crate::{
    identity::{Action, Caller},
    kernel::RegionCode,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
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
    let mut page = Page::new(request, "表格导入", "Import");
    page.note = page.done().filter(|done| *done == "discarded").map(|_| {
        Note::new(
            page.t("已放弃这次导入", "The import was discarded"),
            page.t("台账没有变化。", "The register is as it was."),
        )
    });
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(status, &ListPage { page: &page, rows, error, limits: limits(state) })
}

async fn upload(
    request: HttpRequest,
    state: State,
    caller: Caller,
    upload: Result<Upload, Problem>,
) -> Result<HttpResponse, Problem> {
    let lang = crate::web::Lang::of(&request);
    let upload = match upload {
        Ok(upload) => upload,
        // No file, an empty one or one that is too large: said on the form itself.
        Err(problem) if matches!(problem.status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE) => {
            let message = lang.t(&problem.detail_zh, &problem.detail_en).to_owned();
            return show_list(&request, &state, &caller, Some(message)).await;
        }
        Err(problem) => return Err(problem),
    };
    match commands::upload(&state.pools, &caller, &upload.file_name, &upload.bytes, limits(&state)).await {
        Ok(id) => Ok(see_other(&format!("/b/imports/{id}"))),
        Err(error @ RegisterError::File(_)) => {
            let message = lang.t(&error.message_zh(), &error.to_string()).to_owned();
            let message = format!("{}{}{message}", upload.file_name, lang.t("：", ": "));
            show_list(&request, &state, &caller, Some(message)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A cell in which something was found, with a field to mend it where the sheet has the column.
struct Cell {
    /// As we call the column; as the file calls it where that is something else.
    label: String,
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
            let known = reading.columns.iter().find(|(name, _)| *name == finding.column).map(|(_, field)| *field);
            cells.push(Cell {
                label: known.map_or_else(|| finding.column.clone(), |field| field.label_zh().to_owned()),
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
    /// `None` for an import that is finished.
    fate: Option<Fate>,
}

impl GoodRow {
    fn is_new(&self) -> bool {
        self.fate == Some(Fate::New)
    }

    fn is_same(&self) -> bool {
        self.fate == Some(Fate::Same)
    }

    /// What would change: the field, as it is, as it would be.
    fn changes(&self, page: &Page) -> Vec<(String, String, String)> {
        let Some(Fate::Changed { before, after }) = &self.fate else { return Vec::new() };
        let fields = after.as_object().into_iter().flatten();
        fields
            .map(|(name, now)| {
                let label = words::field(page.lang, name).unwrap_or(name).to_owned();
                let was = words::value(page.lang, name, before.get(name).unwrap_or(&serde_json::Value::Null));
                (label, was, words::value(page.lang, name, now))
            })
            .collect()
    }
}

/// How many of the good rows would do what.
#[derive(Debug, Clone, Copy, Default)]
struct Outlook {
    added: usize,
    updated: usize,
    same: usize,
}

impl Outlook {
    fn of(fates: &[Fate]) -> Outlook {
        fates.iter().fold(Outlook::default(), |mut sum, fate| {
            match fate {
                Fate::New => sum.added += 1,
                Fate::Changed { .. } => sum.updated += 1,
                Fate::Same => sum.same += 1,
            }
            sum
        })
    }
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
    outlook: Outlook,
    error: Option<Error>,
}

/// Why the draft stays, and where to mend it.
struct Error {
    at: &'static str,
    message: String,
}

impl OnePage<'_> {
    /// What the button does, so that nobody overwrites without having read it.
    fn act(&self) -> String {
        let Outlook { added, updated, same } = self.outlook;
        match (self.page.lang.is_en(), added + updated) {
            (true, 0) => format!("Import {same} rows that change nothing"),
            (false, 0) => format!("导入 {same} 行（没有变化）"),
            (true, _) => format!("Import: {added} new, {updated} changed"),
            (false, _) => format!("导入：新增 {added}、更新 {updated}"),
        }
    }

    /// Whether the box below the button to discard was left empty.
    fn discarding(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.at == "sure")
    }

    fn changes(&self, row: &GoodRow) -> Vec<(String, String, String)> {
        row.changes(self.page)
    }

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
    error: Option<Error>,
) -> Result<HttpResponse, Problem> {
    let (import, reading) = load(state, caller, id).await?;
    let fates = if import.row.state == "draft" {
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        let fates = intake::fates(&mut conn, &reading).await?;
        conn.commit().await?;
        fates
    } else {
        Vec::new()
    };
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
    let good =
        window(reading.institutions().enumerate(), good_page).into_iter().map(|(at, (row, institution))| GoodRow {
            number: row.number,
            name: institution.name.clone(),
            credit_code: institution.credit_code.to_string(),
            notes: reading.findings_of(row.number).cloned().collect(),
            fate: fates.get(at).cloned(),
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
        outlook: Outlook::of(&fates),
        error,
    };
    page.render_as(status, &template)
}

/// An import with its sheet judged as it stands now.
async fn load(state: &State, caller: &Caller, id: i64) -> Result<(drafts::Import, Reading), Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let import = drafts::one(&mut conn, id, false).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    let region = RegionCode::from_i32(import.row.region);
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
            show(&request, &state, &caller, *id, &OneQuery::default(), Some(Error { at: "bad", message })).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn discard(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    if form.get("sure") != "yes" {
        let message = crate::web::Lang::of(&request).t(
            "放弃后改正过的内容不能找回；确定要放弃的，请先勾选",
            "What was mended cannot be brought back; tick the box if you mean to discard it",
        );
        let error = Error { at: "sure", message: message.to_owned() };
        return show(&request, &state, &caller, *id, &OneQuery::default(), Some(error)).await;
    }
    commands::discard(&state.pools, &caller, *id, version(&form)?).await?;
    Ok(see_other("/b/imports?done=discarded"))
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
