//! What moved on one day of an account, and how it compares with the ledger: what stands behind a point of the chart.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::NaiveDate;

use super::{
    balances, corrections,
    documents::Balance,
    pages::tie_words,
    shown::{self, DAY_MAX, ShownEntry},
    store::{
        accounts::{self, Account},
        entries,
    },
};
use crate::{
    identity::Caller,
    kernel::clock,
    web::{Page, Problem, page::State},
};

#[derive(Template)]
#[template(path = "escrow/day.html")]
struct DayPage<'a> {
    page: &'a Page,
    account: &'a Account,
    day: NaiveDate,
    entries: &'a [ShownEntry],
    end: Balance,
    /// Whether the balance is known, which it is not before the latest run of statements.
    known: bool,
    before: Option<NaiveDate>,
    after: Option<NaiveDate>,
    /// Whether the day has more entries than are shown.
    more: bool,
}

impl DayPage<'_> {
    /// The other half of a reversal, in words.
    fn tie(&self, entry: &ShownEntry) -> Option<String> {
        tie_words(self.page, entry.tie.as_ref()?)
    }
}

/// GET /b/escrow/{account_id}/days/{day}
pub(super) async fn show(
    request: HttpRequest,
    state: State,
    caller: Caller,
    path: web::Path<(i64, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, day) = path.into_inner();
    let day: NaiveDate = day.parse().map_err(|_| Problem::not_found())?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = accounts::account(&mut conn, id).await?.ok_or_else(Problem::not_found)?;
    let (from, until) = (clock::midnight(day), clock::midnight(day.succ_opt().ok_or_else(Problem::not_found)?));
    let movements = entries::days(&mut conn, account.tenant_id, account.id, from).await?;
    let end = balances::by_day(account.balance_fen, &movements, day, day).pop().ok_or_else(Problem::not_found)?;
    let mut entries = shown::entries_of_day(&mut conn, &account, day, end.balance_fen, &caller).await?;
    let corrections = corrections::of_account(&mut conn, &account, caller.today()).await?;
    corrections::mark(&mut entries, &corrections);
    let (before, after) = entries::neighbours(&mut conn, (account.tenant_id, account.id), from, until).await?;
    conn.commit().await?;
    let page = Page::new(&request, &account.institution_name, &account.institution_name);
    page.render(&DayPage {
        page: &page,
        account: &account,
        day,
        more: entries.len() >= usize::try_from(DAY_MAX).unwrap_or(usize::MAX),
        entries: &entries,
        end,
        known: account.opening_on.is_none_or(|on| on <= day),
        before: before.map(clock::day),
        after: after.map(clock::day),
    })
}
