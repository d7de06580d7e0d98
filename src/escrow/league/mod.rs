//! League and map of coverage within the caller's range: provinces, cities, counties, and a county's townships. To look at only.

mod map;
mod sums;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

pub use self::sums::{Rank, Sums};
use super::{figures::words, reach::reach, store::regions as store};
use crate::{
    db::ScopedConn,
    identity::{Action, Caller},
    kernel::{Fen, RegionCode, region::Level},
    web::{Access, Page, Problem, Query, Route, page::State, sheet, show},
};

/// The routes of the league.
pub(super) fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadEscrow);
    vec![
        Route::get("/b/regions", read, || web::get().to(show_page)),
        Route::get("/b/regions/league.csv", read, || web::get().to(file)),
    ]
}

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
struct LeagueQuery {
    /// A division within the caller's range; their own where it is absent.
    #[serde(default)]
    of: String,
    #[serde(default)]
    sort: String,
}

/// One place of the league.
#[derive(Debug, Clone)]
struct Place {
    /// `None`: institutions of which no township is known.
    region: Option<RegionCode>,
    sums: Sums,
    /// Whether a click goes down to it.
    opens: bool,
}

impl Place {
    fn name(&self, page: &Page) -> String {
        match self.region {
            None => page.t("未登记街道", "no township recorded").to_owned(),
            Some(region) => region.name().map_or_else(|| region.to_string(), str::to_owned),
        }
    }

    /// The league of the place itself.
    fn href(&self) -> Option<String> {
        self.region.filter(|_| self.opens).map(|region| format!("/b/regions?of={region}"))
    }

    fn short(&self, page: &Page) -> String {
        let name = self.name(page);
        // What is said of no place at all is not shortened.
        if self.region.is_some() { map::short(&name).to_owned() } else { name }
    }

    /// The classes of its tile: the shade, and where it stands.
    fn tile(&self) -> String {
        let shade = self.sums.shade().map_or_else(|| "qx".to_owned(), |shade| format!("q{shade}"));
        match self.region.and_then(|region| map::place(region.number())) {
            Some((column, row)) => format!("{shade} at c{column} r{row}"),
            None => shade,
        }
    }

    fn coverage(&self, page: &Page) -> String {
        match self.sums.coverage_bp() {
            Some(share) => show::percent(share),
            None if self.sums.accounts == 0 => "—".to_owned(),
            None => page.t("未知", "unknown").to_owned(),
        }
    }

    fn bar(&self) -> Option<i64> {
        self.sums.coverage_bp().map(|share| share / 100)
    }

    fn money(&self, page: &Page, fen: Option<i64>) -> String {
        if self.sums.accounts == 0 { "—".to_owned() } else { words::money(page.lang, fen) }
    }

    fn silent(&self, page: &Page) -> String {
        if self.sums.accounts == 0 {
            "—".to_owned()
        } else {
            words::silent(page.lang, self.sums.silent_days(page.today()))
        }
    }
}

/// The league of one division.
struct League {
    /// `None` is the whole country.
    of: Option<RegionCode>,
    /// From the caller's own division down to this one.
    trail: Vec<RegionCode>,
    places: Vec<Place>,
    all: Sums,
    rank: Rank,
    /// When the oldest of the sums was made; `None` where all are of now.
    summed_at: Option<DateTime<Utc>>,
}

impl League {
    async fn read(conn: &mut ScopedConn, caller: &Caller, query: &LeagueQuery) -> Result<League, Problem> {
        let own = RegionCode::from_i32(caller.actor.tenant);
        let asked = match query.of.as_str() {
            "" => None,
            text => Some(text.parse::<RegionCode>().map_err(|_| Problem::not_found())?),
        };
        let of = asked.or(own);
        // Whoever asks for a division outside of their own is told nothing of it.
        let range = reach(caller, of).ok_or_else(Problem::not_found)?;
        if of.is_some_and(|of| of.name().is_none()) {
            return Err(Problem::not_found());
        }
        let rank: Rank = query.sort.parse().unwrap_or_default();
        let county = of.filter(|of| of.level() == Level::County || of.children().is_empty());
        let mut summed_at = None;
        let mut places = match county {
            Some(county) => townships(store::by_township(conn, county.tenant_id()).await?),
            None => {
                let bureaus = store::by_bureau(conn, range).await?;
                summed_at = bureaus.summed_at;
                divisions(of, &bureaus.sums)
            }
        };
        let all = places.iter().fold(Sums::default(), |all, place| all.plus(place.sums));
        // Places without accounts stand at the end, whatever the order.
        places.sort_by(|one, other| {
            let empty = |place: &Place| place.sums.accounts == 0 && place.sums.red == 0;
            empty(one).cmp(&empty(other)).then(rank.compare(&one.sums, &other.sums))
        });
        Ok(League { of, trail: of.map(|of| trail(own, of)).unwrap_or_default(), places, all, rank, summed_at })
    }

    fn of_name(&self) -> &'static str {
        self.of.and_then(RegionCode::name).unwrap_or("全国")
    }

    /// As part of an address.
    fn query(&self, rank: Rank) -> String {
        let sort: &str = rank.into();
        self.of.map_or_else(|| format!("sort={sort}"), |of| format!("of={of}&sort={sort}"))
    }
}

/// The divisions right below one, each with the sums of all bureaus within it.
fn divisions(of: Option<RegionCode>, bureaus: &[(Option<i32>, Sums)]) -> Vec<Place> {
    let bureaus: BTreeMap<i32, Sums> = bureaus.iter().filter_map(|(place, sums)| Some(((*place)?, *sums))).collect();
    let children = of.map_or_else(RegionCode::provinces, RegionCode::children);
    let place = |region: RegionCode| {
        let (lo, hi) = region.range();
        let sums = bureaus.range(lo..=hi).fold(Sums::default(), |all, (_, sums)| all.plus(*sums));
        Place { region: Some(region), sums, opens: true }
    };
    children.into_iter().map(place).collect()
}

fn townships(found: Vec<(Option<i32>, Sums)>) -> Vec<Place> {
    let place =
        |(code, sums): (Option<i32>, Sums)| Place { region: code.and_then(RegionCode::from_i32), sums, opens: false };
    let mut places: Vec<Place> = found.into_iter().map(place).collect();
    places.sort_by_key(|place| (place.region.is_none(), place.region));
    places
}

/// The divisions above `of`, from the caller's own down.
fn trail(own: Option<RegionCode>, of: RegionCode) -> Vec<RegionCode> {
    let number = of.number();
    let above = [number / 10_000 * 10_000, number / 100 * 100];
    let mut trail: Vec<RegionCode> = above
        .into_iter()
        .filter_map(|code| RegionCode::from_number(code).ok())
        .filter(|code| *code != of && own.is_none_or(|own| own.contains(*code)) && !code.is_grouping())
        .filter(|code| code.name().is_some())
        .collect();
    trail.dedup();
    trail
}

/// One heading of the table that puts it in order.
struct Heading {
    rank: Rank,
    word: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "escrow/league.html")]
struct LeaguePage<'a> {
    page: &'a Page,
    league: &'a League,
    /// Places as the map has them: by code, whatever the order of the table.
    tiles: Vec<&'a Place>,
    /// Whether the tiles stand where the places lie.
    placed: bool,
    headings: Vec<Heading>,
    file: String,
    /// Whether the whole country lies above the division shown, for whoever sees it.
    has_top: bool,
}

impl LeaguePage<'_> {
    /// What the places are.
    fn kind(&self) -> &'static str {
        let lang = self.page.lang;
        match self.league.places.first().and_then(|place| place.region).map(RegionCode::level) {
            Some(Level::Province) => lang.t("省份", "Province"),
            Some(Level::City) => lang.t("市", "City"),
            Some(Level::County) => lang.t("区县", "County"),
            _ => lang.t("街道", "Township"),
        }
    }

    /// The county that is shown, where it is one.
    fn county(&self) -> Option<RegionCode> {
        self.league.of.filter(|of| of.level() == Level::County)
    }

    /// The bounds of the shades.
    fn legend(&self) -> [(&'static str, &'static str); 6] {
        let lang = self.page.lang;
        [
            ("q0", "≥ 100%"),
            ("q1", "95%–100%"),
            ("q2", "80%–95%"),
            ("q3", "50%–80%"),
            ("q4", "< 50%"),
            ("qx", lang.t("未知", "unknown")),
        ]
    }
}

async fn show_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<LeagueQuery>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let league = League::read(&mut conn, &caller, &query).await?;
    conn.commit().await?;
    let page = Page::new(&request, "区域与排行", "Regions");
    let mut tiles: Vec<&Place> = league.places.iter().collect();
    tiles.sort_by_key(|place| (place.region.is_none(), place.region));
    let heading =
        |rank, zh, en| Heading { rank, word: page.lang.t(zh, en), href: format!("/b/regions?{}", league.query(rank)) };
    let headings = vec![
        heading(Rank::Accounts, "账户", "Accounts"),
        heading(Rank::Unearned, "未消课金额", "Unearned fees"),
        heading(Rank::Balance, "监管余额", "In escrow"),
        heading(Rank::Coverage, "覆盖率", "Covered"),
        heading(Rank::Red, "红色预警", "Red"),
        heading(Rank::Silent, "最久未报送", "Longest silent"),
    ];
    let placed = tiles.iter().any(|place| place.region.is_some_and(|region| map::place(region.number()).is_some()));
    let has_top = RegionCode::from_i32(caller.actor.tenant).is_none() && league.of.is_some();
    let file = format!("/b/regions/league.csv?{}", league.query(league.rank));
    page.render(&LeaguePage { page: &page, league: &league, tiles, placed, headings, file, has_top })
}

/// GET /b/regions/league.csv: the table, amounts in yuan; an empty cell is what is not known.
async fn file(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<LeagueQuery>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let league = League::read(&mut conn, &caller, &query).await?;
    conn.commit().await?;
    let page = Page::new(&request, "区域与排行", "Regions");
    let headings = [
        ("代码", "code"),
        ("区域", "place"),
        ("账户", "accounts"),
        ("未消课金额", "unearned fees"),
        ("监管余额", "in escrow"),
        ("应有余额", "balance needed"),
        ("其中已覆盖", "covered of it"),
        ("覆盖率", "coverage"),
        ("红色预警", "red warnings"),
        ("最早的银行数据日", "oldest bank data"),
        ("无台账账户", "accounts without a ledger"),
        ("从未报送账户", "accounts never heard of"),
    ];
    let yuan = |fen: Option<i64>| fen.map(|fen| Fen(fen).to_string()).unwrap_or_default();
    let line = |place: &Place| {
        let sums = &place.sums;
        let known = (sums.unknown < sums.accounts).then_some(sums);
        [
            place.region.map(|region| region.to_string()).unwrap_or_default(),
            sheet::harmless(&place.name(&page)),
            sums.accounts.to_string(),
            yuan(sums.unearned()),
            yuan(sums.held()),
            yuan(known.map(|sums| sums.needed_fen)),
            yuan(known.map(|sums| sums.covered_fen)),
            sums.coverage_bp().map(show::percent).unwrap_or_default(),
            sums.red.to_string(),
            sums.oldest_on.map(|on| on.to_string()).unwrap_or_default(),
            sums.unknown.to_string(),
            sums.unheard.to_string(),
        ]
    };
    let lines = league.places.iter().map(line);
    let headings = headings.map(|(zh, en)| page.t(zh, en).to_owned());
    sheet::answer(&format!("league-{}.csv", page.today()), std::iter::once(headings).chain(lines))
}
