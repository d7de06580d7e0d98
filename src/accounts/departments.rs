//! Which department is in charge of which category, as each county's government has it.

use serde_json::{Map, Value, json};

use super::{
    PostError,
    store::departments::{self as store, RouteRow},
};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::department::{Department, ROUTES},
};

/// The caller's own bureau's division of work, in the order of the categories.
pub async fn routes(pools: &Pools, caller: &Caller) -> Result<Vec<RouteRow>, PostError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let rows = read(&mut conn).await?;
    conn.commit().await?;
    Ok(rows)
}

async fn read(conn: &mut ScopedConn) -> Result<Vec<RouteRow>, PostError> {
    let mut rows = store::routes(conn).await?;
    let place = |row: &RouteRow| ROUTES.iter().position(|(category, _)| *category == row.category);
    rows.sort_by_key(|row| place(row).unwrap_or(ROUTES.len()));
    Ok(rows)
}

/// Puts departments in charge of all categories, in their order; what they see and decide changes at once.
pub async fn assign(pools: &Pools, caller: &Caller, departments: &[Department]) -> Result<(), PostError> {
    if !may(caller.actor.role, Action::AssignDepartments) {
        return Err(PostError::Forbidden);
    }
    if departments.len() != ROUTES.len() {
        return Err(PostError::Department);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let told = |rows: &[RouteRow]| -> Map<String, Value> {
        rows.iter().map(|row| (row.category.clone(), json!(row.department))).collect()
    };
    let before = told(&read(&mut conn).await?);
    let categories: Vec<&str> = ROUTES.iter().map(|(category, _)| *category).collect();
    let names: Vec<&str> = departments.iter().map(AsRef::as_ref).collect();
    store::set(&mut conn, &categories, &names, caller.now).await?;
    let after = told(&read(&mut conn).await?);
    if before != after {
        let changed = |of: &Map<String, Value>| -> Value {
            let differs = |(category, department): &(&String, &Value)| {
                before.get(*category) != after.get(*category) && !department.is_null()
            };
            of.iter().filter(differs).map(|(category, department)| (category.clone(), department.clone())).collect()
        };
        let event = Event {
            action: "departments.routed",
            subject_kind: "departments",
            subject_id: caller.actor.tenant.to_string(),
            before: Some(changed(&before)),
            after: Some(changed(&after)),
            ..Event::default()
        };
        audit::store::record(&mut conn, caller, event).await?;
    }
    Ok(conn.commit().await?)
}
