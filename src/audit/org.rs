//! What an institution sees of the trail: who looked at its personal data, and the changes that concern it.
//!
//! An official is shown by bureau and role. What a bureau weighs before it decides, e.g. a proposal for a list, is not
//! shown: the actions that are, stand in one list.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    DOCUMENT_READ, UNMASKED,
    shown::{self, Change},
    store::search::{self, EventRow, Found, Search},
    words,
};
use crate::{
    identity::{Action, Caller, Role},
    web::{Access, Page, Problem, Query, Route, page::State},
};

const ROWS: i64 = 30;

/// Changes that an institution sees.
const OPEN: [&str; 21] = [
    "institution.added",
    "institution.changed",
    "list.changed",
    "course.saved",
    "course.submitted",
    "course.approved",
    "course.returned",
    "escrow.account_filed",
    "escrow.account_completed",
    "escrow.branches_named",
    "escrow.change_moved",
    "escrow.change_withdrawn",
    "escrow.account_in_use",
    "escrow.account_emptying",
    "escrow.account_closed",
    "escrow.entries_received",
    "warning.acknowledged",
    "warning.explained",
    "warning.resolved",
    "user.added",
    "session.begun",
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/org/audit", Access::May(Action::ReadOwnTrail), || web::get().to(home))]
}

#[derive(Debug, Clone, Default, Deserialize)]
struct OwnQuery {
    /// `changes` for the changes; otherwise the looks.
    #[serde(default)]
    show: String,
    before: Option<i64>,
}

/// An event as the institution sees it.
struct Line {
    event: EventRow,
    fields: Vec<Change>,
}

#[derive(Template)]
#[template(path = "audit/org.html")]
struct OrgPage<'a> {
    page: &'a Page,
    changes: bool,
    lines: Vec<Line>,
    next: Option<i64>,
    searched_to: Option<DateTime<Utc>>,
}

impl OrgPage<'_> {
    /// Whoever acted: a colleague by name, an official by bureau and role.
    fn who(&self, event: &EventRow) -> (String, String) {
        let own = event.actor_role.parse::<Role>().is_ok_and(Role::is_institution);
        let first = if own { event.actor_name.clone() } else { shown::bureau(event) };
        (first, shown::role(self.page.lang, event))
    }

    fn action(&self, event: &EventRow) -> String {
        words::action(self.page.lang, &event.action)
    }

    fn about<'e>(&self, event: &'e EventRow) -> Option<&'e str> {
        event.course_name.as_deref()
    }

    /// The names of the fields that a look showed.
    fn seen(&self, line: &Line) -> String {
        line.fields.iter().map(|change| change.after.as_str()).collect::<Vec<_>>().join(self.page.t("；", "; "))
    }
}

/// GET /org/audit
async fn home(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<OwnQuery>,
) -> Result<HttpResponse, Problem> {
    let institution = caller.actor.institution.ok_or_else(Problem::not_found)?;
    let changes = query.show == "changes";
    let open = OPEN.iter().map(|action| (*action).to_owned()).collect();
    let search = Search {
        institutions: Some(vec![institution]),
        actions: Some(if changes { open } else { vec![UNMASKED.to_owned(), DOCUMENT_READ.to_owned()] }),
        before: query.before.unwrap_or_default(),
        limit: ROWS,
        ..Search::default()
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let Found { rows, next, searched_to } = search::search(&mut conn, &search).await?;
    conn.commit().await?;
    let page = Page::new(&request, "谁查看过我们的信息", "Who looked at our data");
    let line = |event: EventRow| Line { fields: shown::changes(page.lang, &event), event };
    let lines = rows.into_iter().map(line).collect();
    page.render(&OrgPage { page: &page, changes, lines, next, searched_to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Lang;

    #[test]
    fn every_change_that_an_institution_sees_is_an_action_that_has_a_name() {
        for action in OPEN {
            assert_ne!(words::action(Lang::Zh, action), action, "no action is called {action}");
        }
    }
}
