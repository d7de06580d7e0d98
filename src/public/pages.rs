//! The published facts for people: home, search results, an institution's record.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use fast_qr::{
    QRBuilder,
    convert::{Builder, svg::SvgBuilder},
};

use super::{
    model::{Card, Course, Detail, Instructor, LicenceState, ListStatus, Slot, Watch, watch},
    query::{Asked, CATEGORIES},
    store::{
        census::Counts,
        reader::Reader,
        search::{self, Record},
    },
    words::Words,
};
use crate::{
    kernel::{CreditCode, RegionCode},
    web::{
        Access, Page, Problem, Query, Route,
        page::{State, see_other},
    },
};

/// Regions that a visitor can choose among before the list is drawn one level higher.
const REGIONS_MAX: usize = 60;

/// Pages for people.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/", Access::Anyone, || web::get().to(home)),
        Route::get("/s", Access::Anyone, || web::get().to(results)),
        Route::get("/i/{credit_code}", Access::Anyone, || web::get().to(institution)),
    ];
    routes.extend(super::verify::routes());
    routes
}

#[derive(Template)]
#[template(path = "public/home.html")]
struct HomePage<'a> {
    page: &'a Page,
    counts: &'a Counts,
}

impl HomePage<'_> {
    fn count(&self, status: &str) -> i64 {
        status.parse().map_or(0, |status| self.counts.of(status))
    }
}

async fn home(request: HttpRequest, state: State, reader: web::Data<Reader>) -> Result<HttpResponse, Problem> {
    let page = Page::new(&request, "查一查，再报名", "Check before you enrol");
    let counts = reader.counts(&state.pools).await?;
    page.render(&HomePage { page: &page, counts: &counts })
}

#[derive(Template)]
#[template(path = "public/results.html")]
struct ResultsPage<'a> {
    page: &'a Page,
    words: Words,
    q: &'a str,
    asked: &'a Asked,
    hits: Vec<Hit>,
    regions: Vec<(String, String)>,
    /// The address of the next page.
    next: Option<String>,
    /// Words were given by which nothing can be found.
    too_short: bool,
}

impl ResultsPage<'_> {
    fn statuses(&self) -> Vec<(&'static str, &'static str)> {
        const CODES: [&str; 4] = ["white", "suspended", "none", "black"];
        CODES.into_iter().map(|code| (code, crate::web::show::list_word(self.page.lang, code))).collect()
    }

    fn categories(&self) -> Vec<(&'static str, &'static str)> {
        CATEGORIES.into_iter().map(|code| (code, self.page.category(code))).collect()
    }

    fn narrowed(&self) -> bool {
        [&self.asked.region, &self.asked.category, &self.asked.list].iter().any(|value| !value.trim().is_empty())
    }
}

/// A card, with the searched words marked in its name.
struct Hit {
    card: Card,
    before: String,
    matched: String,
    after: String,
    expired: bool,
}

impl Hit {
    fn new(card: Card, q: &str, today: chrono::NaiveDate) -> Hit {
        let (before, matched, after) = match card.name.find(q).filter(|_| !q.is_empty()) {
            Some(at) => (card.name[..at].to_owned(), q.to_owned(), card.name[at + q.len()..].to_owned()),
            None => (card.name.clone(), String::new(), String::new()),
        };
        Hit { expired: card.licence_to.is_some_and(|to| to < today), card, before, matched, after }
    }

    fn warned(&self) -> bool {
        self.card.list_status != ListStatus::White
    }
}

async fn results(
    request: HttpRequest,
    state: State,
    reader: web::Data<Reader>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let q = asked.words();
    let (zh, en) = if q.is_empty() {
        ("机构查询".to_owned(), "Institutions".to_owned())
    } else {
        (format!("“{q}”的查询结果"), format!("Results for “{q}”"))
    };
    let page = Page::new(&request, &zh, &en);
    let wanted = asked.search()?;
    let mut hits = Vec::new();
    let mut next = None;
    if let Some(wanted) = &wanted {
        let found = search::search(&reader, &state.pools, wanted).await?;
        for card in found.cards() {
            let card = serde_json::from_str(card).map_err(|error| {
                tracing::error!(%error, "a published card cannot be read");
                Problem::internal()
            })?;
            hits.push(Hit::new(card, &q, page.today()));
        }
        next = found.next().map(|cursor| address(&asked, &q, &cursor.encode()));
    }
    let too_short = wanted.is_none() || (q.chars().count() == 1 && hits.is_empty());
    let counts = reader.counts(&state.pools).await?;
    let regions = regions(&counts.counties(), asked.region.trim());
    page.render(&ResultsPage {
        page: &page,
        words: Words(page.lang),
        q: &q,
        asked: &asked,
        hits,
        regions,
        next,
        too_short,
    })
}

fn address(asked: &Asked, q: &str, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("/s?"));
    for (name, value) in
        [("q", q), ("list", &asked.list), ("cat", &asked.category), ("region", &asked.region), ("cursor", cursor)]
    {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

/// Counties to choose among; cities or provinces where that would be too many. What is chosen already is always there.
fn regions(counties: &[i32], chosen: &str) -> Vec<(String, String)> {
    let level = |step: i32| {
        let mut codes: Vec<i32> = counties.iter().map(|county| county / step * step).collect();
        codes.dedup();
        codes
    };
    let mut codes =
        [1, 100, 10_000].into_iter().map(level).find(|codes| codes.len() <= REGIONS_MAX).unwrap_or_default();
    let chosen = chosen.parse::<RegionCode>().ok().map(RegionCode::tenant_id);
    if let Some(chosen) = chosen.filter(|chosen| !codes.contains(chosen)) {
        codes.push(chosen);
        codes.sort_unstable();
    }
    codes.into_iter().filter_map(RegionCode::from_i32).map(|region| (region.to_string(), region.full_name())).collect()
}

#[derive(Template)]
#[template(path = "public/institution.html")]
struct InstitutionPage<'a> {
    page: &'a Page,
    words: Words,
    record: &'a Record,
    detail: &'a Detail,
    licence: LicenceState,
    watch: Watch,
    courses: Vec<CourseView<'a>>,
    teachers: Vec<(&'a Instructor, String)>,
    others: Vec<&'a Detail>,
    qr: String,
}

impl InstitutionPage<'_> {
    fn good(&self) -> bool {
        self.detail.list.status == ListStatus::White
            && self.licence == LicenceState::Valid
            && self.detail.status == "operating"
    }
}

/// A course with what the page computes of it.
struct CourseView<'a> {
    course: &'a Course,
    /// Fee of one lesson, rounded half up.
    lesson_fen: Option<i64>,
}

/// Slots of the week that are shown at once; those after them are folded.
const SLOTS: usize = 6;

impl CourseView<'_> {
    fn first(&self) -> &[Slot] {
        &self.course.slots[..self.course.slots.len().min(SLOTS)]
    }

    fn rest(&self) -> &[Slot] {
        self.course.slots.get(SLOTS..).unwrap_or_default()
    }
}

#[derive(Debug, serde::Deserialize)]
struct Where {
    #[serde(default)]
    region: String,
}

async fn institution(
    request: HttpRequest,
    state: State,
    reader: web::Data<Reader>,
    code: web::Path<String>,
    place: Query<Where>,
) -> Result<HttpResponse, Problem> {
    // What is no code, and what nobody published, is explained by the page of verification.
    let elsewhere = || Ok(see_other(&super::verify::address(&code)));
    let Ok(credit_code) = code.parse::<CreditCode>() else { return elsewhere() };
    let records = search::records(&reader, &state.pools, credit_code.as_str(), state.clock.today()).await?;
    let chosen = records.iter().find(|record| record.detail.region == place.region).or_else(|| records.first());
    let Some(record) = chosen else { return elsewhere() };
    let detail = &record.detail;
    let page = Page::new(&request, &detail.name, &detail.name);
    let words = Words(page.lang);
    let today = page.today();
    page.render(&InstitutionPage {
        page: &page,
        words,
        record,
        detail,
        licence: detail.licence.state(today),
        watch: watch(detail.escrow.is_some(), record.statement_on, today, &state.calendar),
        courses: detail.courses.iter().map(|course| CourseView { course, lesson_fen: lesson_fen(course) }).collect(),
        teachers: teachers(detail, page.t("、", ", ")),
        others: records.iter().map(|other| &other.detail).filter(|other| other.region != detail.region).collect(),
        qr: qr(&format!("{}/v/{}", state.public_url(), detail.credit_code))?,
    })
}

fn lesson_fen(course: &Course) -> Option<i64> {
    let (fee, lessons) = (course.fee_fen?, course.lessons.filter(|lessons| *lessons > 0)?);
    i64::try_from((i128::from(fee) * 2 + i128::from(lessons)) / (i128::from(lessons) * 2)).ok()
}

/// Each person once, with the courses that they teach.
fn teachers<'a>(detail: &'a Detail, comma: &str) -> Vec<(&'a Instructor, String)> {
    let mut teachers: Vec<(&Instructor, String)> = Vec::new();
    for course in &detail.courses {
        for person in &course.instructors {
            match teachers.iter_mut().find(|(known, _)| *known == person) {
                Some((_, courses)) => {
                    courses.push_str(comma);
                    courses.push_str(&course.name);
                }
                None => teachers.push((person, course.name.clone())),
            }
        }
    }
    teachers
}

/// The QR code of an address as a drawing for the page.
fn qr(address: &str) -> Result<String, Problem> {
    let code = QRBuilder::new(address).build().map_err(|error| {
        tracing::error!(%error, "an address does not fit a QR code");
        Problem::internal()
    })?;
    Ok(SvgBuilder::default().margin(2).to_str(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_offered_at_the_level_that_fits() {
        let taizhou = [331_002, 331_003, 331_081];
        let codes =
            |counties: &[i32], chosen| regions(counties, chosen).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
        assert_eq!(codes(&taizhou, ""), ["331002", "331003", "331081"]);
        assert_eq!(codes(&taizhou, "331000"), ["331000", "331002", "331003", "331081"]);
        let many: Vec<i32> =
            RegionCode::all().into_iter().map(RegionCode::tenant_id).filter(|code| code % 100 != 0).collect();
        assert!(codes(&many, "").iter().all(|code| code.ends_with("0000")));
        assert!(codes(&many, "331002").contains(&"331002".to_owned()));
    }

    #[test]
    fn the_searched_words_are_marked() {
        let hit = |name: &str, q: &str| {
            let card = Card { name: name.to_owned(), ..card() };
            let hit = Hit::new(card, q, chrono::NaiveDate::default());
            (hit.before, hit.matched, hit.after)
        };
        let parts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(hit("椒江启明星美术", "启明"), parts("椒江", "启明", "星美术"));
        assert_eq!(hit("椒江启明星美术", "qiming"), parts("椒江启明星美术", "", ""));
        assert_eq!(hit("椒江启明星美术", ""), parts("椒江启明星美术", "", ""));
    }

    fn card() -> Card {
        Card {
            credit_code: String::new(),
            name: String::new(),
            region: String::new(),
            region_name: String::new(),
            category: String::new(),
            stages: Vec::new(),
            delivery: Vec::new(),
            address: String::new(),
            list_status: ListStatus::None,
            list_since: None,
            list_ground: None,
            licence_to: None,
            courses: 0,
            fee_min_fen: None,
            fee_max_fen: None,
            escrow_account: false,
            coverage: None,
        }
    }

    #[test]
    fn the_price_of_a_lesson_is_rounded_half_up() {
        let course = |fee, lessons| Course {
            name: String::new(),
            category: String::new(),
            subject: None,
            stage: String::new(),
            delivery: String::new(),
            lessons,
            lesson_minutes: None,
            fee_fen: fee,
            first_on: None,
            last_on: None,
            latest_end: None,
            slots: Vec::new(),
            instructors: Vec::new(),
        };
        assert_eq!(lesson_fen(&course(Some(240_000), Some(48))), Some(5_000));
        assert_eq!(lesson_fen(&course(Some(101), Some(2))), Some(51));
        assert_eq!(lesson_fen(&course(Some(100), Some(3))), Some(33));
        assert_eq!(lesson_fen(&course(Some(100), Some(0))), None);
        assert_eq!(lesson_fen(&course(None, Some(3))), None);
    }

    #[test]
    fn a_qr_code_has_no_inline_style() {
        let drawing = qr("http://127.0.0.1:8080/v/52331002MJ0000018U").unwrap();
        assert!(drawing.starts_with("<svg") && !drawing.contains("style="), "{}", &drawing[..120]);
    }
}
