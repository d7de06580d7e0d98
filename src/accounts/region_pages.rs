//! The bureaus below an upper level's: which have been established, who runs them, what they supervise. To look at only.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{
    rules,
    store::regions::{self as store, Bureau},
};
use crate::{
    identity::{Action, Caller},
    kernel::{RegionCode, region::Level},
    web::{Access, Page, Problem, Query, Route, page::State},
};

/// The route of this page.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/b/bureaus", Access::Official(Action::ReadRegister), || web::get().to(show))]
}

/// A division right below, with everything within it.
#[derive(Debug, Clone)]
struct Line {
    region: RegionCode,
    /// Its own bureau, where there is one.
    own: Option<Bureau>,
    /// Counties within it, and how many of them have a bureau.
    counties: usize,
    established: usize,
    /// The figures of all bureaus within it.
    sum: Bureau,
}

impl Line {
    fn of(region: RegionCode, bureaus: &BTreeMap<i32, Bureau>) -> Line {
        let (lo, hi) = region.range();
        let within = || bureaus.range(lo..=hi).map(|(_, bureau)| bureau);
        let counties = if region.level() == Level::County { Vec::new() } else { region.counties() };
        Line {
            region,
            own: bureaus.get(&region.tenant_id()).copied(),
            established: counties.iter().filter(|county| bureaus.contains_key(&county.tenant_id())).count(),
            counties: counties.len(),
            sum: within().fold(Bureau::default(), |sum, one| Bureau {
                tenant_id: sum.tenant_id,
                administrators: sum.administrators + one.administrators,
                officials: sum.officials + one.officials,
                institutions: sum.institutions + one.institutions,
                white: sum.white + one.white,
            }),
        }
    }

    fn name(&self) -> &'static str {
        self.region.name().unwrap_or_default()
    }

    fn is_leaf(&self) -> bool {
        self.counties == 0
    }

    /// The bureau is there and nobody administers it.
    fn is_orphaned(&self) -> bool {
        self.own.is_some_and(|own| own.administrators == 0)
    }
}

#[derive(Template)]
#[template(path = "accounts/regions.html")]
struct RegionsPage<'a> {
    page: &'a Page,
    /// The division whose children are listed; `None` is the whole country.
    of: Option<RegionCode>,
    /// From the caller's own division down to this one.
    trail: Vec<RegionCode>,
    lines: Vec<Line>,
    established: usize,
}

impl RegionsPage<'_> {
    fn of_name(&self) -> &'static str {
        self.of.and_then(RegionCode::name).unwrap_or("全国")
    }
}

#[derive(Debug, Default, Deserialize)]
struct RegionsQuery {
    /// A division within the caller's range; their own where it is absent.
    of: Option<RegionCode>,
}

async fn show(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<RegionsQuery>,
) -> Result<HttpResponse, Problem> {
    let own = rules::region(&caller.actor);
    let of = query.of.or(own);
    let within = match (own, of) {
        (Some(own), Some(of)) => own.contains(of) && of.name().is_some(),
        (None, of) => of.is_none_or(|of| of.name().is_some()),
        (Some(_), None) => false,
    };
    let children = of.map_or_else(RegionCode::provinces, RegionCode::children);
    // A county has nothing below it, and whoever asks for another division's page is told nothing of it.
    if !within || children.is_empty() {
        return Err(Problem::not_found());
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let bureaus = store::bureaus(&mut conn, of.map_or((0, 999_999), RegionCode::range)).await?;
    conn.commit().await?;
    let bureaus: BTreeMap<i32, Bureau> = bureaus.into_iter().map(|bureau| (bureau.tenant_id, bureau)).collect();
    let lines: Vec<Line> = children.into_iter().map(|child| Line::of(child, &bureaus)).collect();
    let trail = of.map(|of| trail(own, of)).unwrap_or_default();
    let page = Page::new(&request, "下级单位", "Bureaus below");
    let established = lines.iter().filter(|line| line.own.is_some()).count();
    page.render(&RegionsPage { page: &page, of, trail, lines, established })
}

/// The divisions above `of`, from the caller's own down.
fn trail(own: Option<RegionCode>, of: RegionCode) -> Vec<RegionCode> {
    let number = of.number();
    let above = [number / 10_000 * 10_000, number / 100 * 100];
    let mut trail: Vec<RegionCode> = above
        .into_iter()
        .filter_map(|code| RegionCode::from_number(code).ok())
        .filter(|code| *code != of && own.is_none_or(|own| own.contains(*code)) && !code.is_grouping())
        .collect();
    trail.dedup();
    trail
}
