//! The page on which a bureau says which department is in charge of which category.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{PostError, departments, store::departments::RouteRow};
use crate::{
    identity::{Action, Caller},
    kernel::department::{Department, ROUTES},
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// The routes of this page.
pub fn routes() -> Vec<Route> {
    let assign = Access::Official(Action::AssignDepartments);
    vec![
        Route::get("/b/departments", assign, || web::get().to(show)),
        Route::post("/b/departments", assign, || web::post().to(set)),
    ]
}

#[derive(Template)]
#[template(path = "accounts/departments.html")]
struct DepartmentsPage<'a> {
    page: &'a Page,
    rows: Vec<RouteRow>,
    departments: Vec<Department>,
}

impl DepartmentsPage<'_> {
    /// Whether the row's department is another than the education bureau itself and has nobody to do the work.
    fn is_deserted(&self, row: &RouteRow) -> bool {
        row.officers == 0 && row.department != Department::Education.as_ref()
    }

    fn is(&self, row: &RouteRow, department: &Department) -> bool {
        row.department == department.as_ref()
    }
}

#[derive(Debug, Deserialize)]
struct DoneQuery {
    done: Option<String>,
}

async fn show(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<DoneQuery>,
) -> Result<HttpResponse, Problem> {
    use strum::IntoEnumIterator;
    let rows = departments::routes(&state.pools, &caller).await?;
    let mut page = Page::new(&request, "部门分工", "Departments");
    if query.done.is_some() {
        let text = page.t(
            "各部门人员从现在起按新分工查看和办理。",
            "From now on each department's officers see and decide by it.",
        );
        page.note = Some(Note::new(page.t("分工已保存", "Saved"), text));
    }
    page.render(&DepartmentsPage { page: &page, rows, departments: Department::iter().collect() })
}

async fn set(state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let chosen: Vec<Department> = ROUTES.iter().filter_map(|(category, _)| form.get(category).parse().ok()).collect();
    // The page's own lists offer no other departments.
    if chosen.len() != ROUTES.len() {
        return Err(PostError::Department.into());
    }
    departments::assign(&state.pools, &caller, &chosen).await?;
    Ok(see_other("/b/departments?done=yes"))
}
