//! Demonstration counties: the nine of 台州, fictitious throughout, made by the same commands that people use.
//!
//! Everything is told relative to today, so that the warnings are fresh whenever the demonstration is loaded.

mod money;
pub(crate) mod people;
pub(crate) mod sheet;
mod story;

use chrono::{Days, NaiveDate};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    approvals::{self, Verdict},
    courses::commands as courses,
    db::{DbError, Pools},
    escrow::{
        EscrowError,
        ingest::{self, IngestError},
    },
    identity::{Actor, Caller, commands::AccountError},
    institutions::{self, RegisterError, commands::Direct, import::Limits},
    kernel::{Clock, RegionCode, clock::BEIJING},
    lists::{self, ListMove},
    simulate::SimulationError,
    web::{AppState, app},
};

/// The city whose counties are shown.
const CITY: &str = "331000";
/// The county with the most to see.
const MAIN_COUNTY: &str = "331002";
/// Password of every demonstration account.
const PASSWORD: &str = "look-before-you-pay-2026";

/// Why the demonstration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(
        "the database already holds institutions; load the demonstration into an empty data directory, e.g. --data ./demo-data"
    )]
    NotEmpty,
    #[error("demonstration accounts: {0}")]
    Account(#[from] AccountError),
    #[error("demonstration register: {0}")]
    Register(#[from] RegisterError),
    #[error("demonstration lists: {0}")]
    List(#[from] lists::ListError),
    #[error(transparent)]
    Approval(#[from] approvals::ApprovalError),
    #[error("demonstration courses: {0}")]
    Course(#[from] courses::CourseError),
    #[error("demonstration statements: {0}")]
    Ingest(#[from] IngestError),
    #[error("demonstration county: {0}")]
    Story(Box<SimulationError>),
    #[error("demonstration warnings: {0}")]
    Warning(#[from] EscrowError),
    #[error("demonstration data: {0}")]
    Made(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<serde_json::Error> for DemoError {
    fn from(error: serde_json::Error) -> Self {
        DemoError::Made(error.to_string())
    }
}

impl From<SimulationError> for DemoError {
    fn from(error: SimulationError) -> Self {
        DemoError::Story(Box::new(error))
    }
}

/// The demonstration sign-ins, a line each.
pub fn sign_ins() -> Vec<String> {
    let mut lines = vec![format!("demonstration accounts, password {PASSWORD}:")];
    lines.extend(people::shown().map(|(name, what)| format!("  {name:<22}{what}")));
    lines
}

/// Whether the database holds no institution yet.
async fn is_empty(pools: &Pools) -> Result<bool, DbError> {
    let mut conn = crate::db::Scope::ministry(0).begin(pools).await?;
    let empty = institutions::register_is_empty(&mut conn).await?;
    conn.commit().await?;
    Ok(empty)
}

/// Loads the demonstration when the database is empty; otherwise does nothing.
pub async fn load_if_empty(state: &AppState) -> Result<(), DemoError> {
    if is_empty(&state.pools).await? { load(state).await } else { Ok(()) }
}

/// Loads the demonstration; refused where there are institutions already.
pub async fn load(state: &AppState) -> Result<(), DemoError> {
    if !is_empty(&state.pools).await? {
        return Err(DemoError::NotEmpty);
    }
    let city: RegionCode = CITY.parse().map_err(|_| DemoError::Made("city".to_owned()))?;
    people::city(state, city, PASSWORD).await?;
    for county in city.counties() {
        load_county(state, county).await?;
    }
    Ok(())
}

fn caller(state: &AppState, actor: &Actor) -> Caller {
    Caller { actor: actor.clone(), request_id: "demonstration".to_owned(), now: state.clock.now() }
}

async fn load_county(state: &AppState, county: RegionCode) -> Result<(), DemoError> {
    let today = state.clock.today();
    let main = county.to_string() == MAIN_COUNTY;
    // The county that lives begins some weeks ago, and its clock goes on from there.
    let story = state.at(Clock::fixed(story::first_morning(today)));
    let then = if main { &story } else { state };
    let mut random = StdRng::seed_from_u64(u64::from(county.number()));
    let schools = sheet::schools(county, if main { 14 } else { 6 }, &mut random);
    let officials = people::county(then, county, PASSWORD).await?;
    let admin = caller(then, &officials.admin);
    courses::set_calendar(&state.pools, &admin, &school_calendar(today)).await?;
    let text = sheet::csv(county, &schools, then.clock.today());
    let direct = Direct {
        file_name: "机构台账.csv",
        bytes: text.as_bytes(),
        region: county,
        partial: false,
        limits: Limits::default(),
    };
    let report = institutions::commands::import(&state.pools, &admin, &direct).await?;
    if report.accepted != schools.len() {
        return Err(DemoError::Made(format!("the register of {county} took {} of {}", report.accepted, schools.len())));
    }
    // The last school of each county stays off the list, and the one before waits for the second official.
    let (listed, waiting) = schools.split_at(schools.len().saturating_sub(2));
    let proposed = propose_listing(then, &admin, listed).await?;
    let approver = caller(then, &officials.approver);
    for id in proposed {
        approvals::decide(&state.pools, &app::desks(), &approver, id, Verdict::Approve, "同意").await?;
    }
    let mut members = Vec::new();
    for school in schools.iter().take(if main { schools.len() } else { 2 }) {
        let institution = id_of(state, &admin, school).await?;
        members.push((institution, people::institution(then, county, school, institution, PASSWORD).await?));
    }
    if main {
        story::live(&story, &officials, &schools, &members, today).await?;
    }
    let (admin, approver) = (caller(state, &officials.admin), caller(state, &officials.approver));
    propose_listing(state, &admin, &waiting[..1.min(waiting.len())]).await?;
    if let (true, [.., fallen, _, outcast]) = (main, &schools[..]) {
        move_by_two(state, &admin, &approver, fallen, (ListMove::Suspend, None, "年检发现消防隐患，限期整改")).await?;
        let repeated = Some(lists::Ground::RepeatedViolations);
        move_by_two(state, &admin, &approver, outcast, (ListMove::Blacklist, repeated, "三次超时授课，拒不改正"))
            .await?;
    }
    for (school, (_, org)) in schools.iter().zip(&members).take(if main { 6 } else { 2 }) {
        file_courses(state, &caller(state, org), &approver, school, today).await?;
    }
    if main {
        return story::handle(state, &officials, &members).await;
    }
    let finance = caller(state, &officials.finance);
    for (at, school) in schools.iter().enumerate() {
        let told = money::statement(school, money::Story::of(at), today, &mut random)?;
        ingest::receive(state, &finance, told).await?;
    }
    Ok(())
}

/// The id of a school in the register.
async fn id_of(state: &AppState, admin: &Caller, school: &sheet::School) -> Result<i64, DemoError> {
    let ids = institutions::ids_of_codes(&state.pools, admin, &[school.credit_code.as_str()]).await?;
    let [institution] = ids[..] else { return Err(DemoError::Made(school.name.clone())) };
    Ok(institution)
}

/// Proposes schools for the white list; the proposals' ids.
async fn propose_listing(state: &AppState, admin: &Caller, schools: &[sheet::School]) -> Result<Vec<i64>, DemoError> {
    let codes: Vec<&str> = schools.iter().map(|school| school.credit_code.as_str()).collect();
    let ids = institutions::ids_of_codes(&state.pools, admin, &codes).await?;
    let proposals = lists::commands::Proposals {
        institutions: &ids,
        step: ListMove::WhiteList,
        ground: None,
        reason: "许可证、登记与监管账户齐全",
    };
    Ok(lists::commands::propose_many(&state.pools, admin, proposals).await?.ids)
}

/// One step of the lists, proposed by one official and decided by the other.
async fn move_by_two(
    state: &AppState,
    admin: &Caller,
    approver: &Caller,
    school: &sheet::School,
    (step, ground, reason): (ListMove, Option<lists::Ground>, &str),
) -> Result<(), DemoError> {
    let ids = institutions::ids_of_codes(&state.pools, admin, &[school.credit_code.as_str()]).await?;
    let proposals = lists::commands::Proposals { institutions: &ids, step, ground, reason };
    for id in lists::commands::propose_many(&state.pools, admin, proposals).await?.ids {
        approvals::decide(&state.pools, &app::desks(), approver, id, Verdict::Approve, "同意").await?;
    }
    Ok(())
}

/// Winter and summer vacations around `today`, and the teaching hours of a school day.
fn school_calendar(today: NaiveDate) -> courses::CalendarRequest {
    use chrono::Datelike;
    let vacations: Vec<_> = [today.year() - 1, today.year(), today.year() + 1]
        .iter()
        .flat_map(|year| {
            [
                json!({"from": format!("{year}-01-31"), "to": format!("{year}-03-01")}),
                json!({"from": format!("{year}-07-01"), "to": format!("{year}-08-31")}),
            ]
        })
        .collect();
    courses::CalendarRequest {
        vacations: json!(vacations),
        school_hours: json!([{"start": "08:00", "end": "16:30"}]),
        source: "示范校历".to_owned(),
    }
}

/// One course that is approved, and for the first schools one that waits.
async fn file_courses(
    state: &AppState,
    org: &Caller,
    approver: &Caller,
    school: &sheet::School,
    today: NaiveDate,
) -> Result<(), DemoError> {
    for (at, waits) in [(0_usize, false), (1, true)] {
        let form = sheet::course(school, at, lesson_days(state, today), today);
        let id = courses::file(&state.pools, &state.calendar, org, None, form, courses::Step::Draft).await?;
        match courses::submit(&state.pools, &state.calendar, org, id).await {
            // In a year or a vacation in which the rules allow no such course, the demonstration keeps it as a draft.
            Err(courses::CourseError::Blocked(_)) => continue,
            other => other?,
        };
        if !waits {
            let decision = courses::CourseDecision::Approve;
            let deciding = courses::Deciding { decision, comment: "符合要求", version: None };
            courses::decide(&state.pools, &state.calendar, approver, id, deciding).await?;
        }
    }
    Ok(())
}

/// The next eight school days that are certainly workdays.
fn lesson_days(state: &AppState, today: NaiveDate) -> Vec<NaiveDate> {
    let first = today.checked_add_days(Days::new(3)).unwrap_or(today);
    let works = |day: &NaiveDate| state.calendar.day_type(*day) == Some(crate::kernel::DayType::Workday);
    first.iter_days().take(60).filter(works).step_by(3).take(8).collect()
}

/// Today in Beijing as an instant's date.
fn instant(day: NaiveDate, hour: u32, minute: u32) -> String {
    let time = day.and_hms_opt(hour, minute, 0).unwrap_or_default();
    time.and_local_timezone(BEIJING).single().map(|at| at.to_rfc3339()).unwrap_or_default()
}
