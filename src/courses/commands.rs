//! Filing a course, and deciding on it.

use serde_json::{Value, json};

use super::{
    form::CourseForm,
    model::{Course, Filing, Instructor, Known, Licensee, Policy, SchoolCalendar},
    policy, private,
    rules::Verdict,
    store::{self, CourseRow, Decided, Filer, Saved},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::{Calendar, RegionCode, finding::Decision},
    policies::{self, Chain},
    web::{FieldError, Problem},
};

/// Why a course was not filed or decided.
#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    #[error("your role may not do this")]
    Role,
    #[error("no such course")]
    NotFound,
    #[error("the form cannot be read: {} fields", .0.len())]
    Unreadable(Vec<FieldError>),
    #[error("the rules do not allow this course")]
    Blocked(Box<Verdict>),
    #[error("a course that is {0} cannot be changed like this")]
    State(String),
    #[error("the course is at version {0} by now")]
    Changed(i32),
    #[error("say why the course is returned")]
    Comment,
    #[error("say what was found of the findings that only an official can decide")]
    Opinion,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<CourseError> for Problem {
    fn from(error: CourseError) -> Problem {
        match error {
            CourseError::Role => Problem::forbidden(),
            CourseError::NotFound => Problem::not_found(),
            CourseError::Unreadable(errors) => Problem::invalid(errors),
            CourseError::Blocked(verdict) => {
                let errors = verdict
                    .findings
                    .iter()
                    .filter(|f| f.severity == crate::kernel::Severity::Block)
                    .map(|f| {
                        FieldError::new(
                            &f.path,
                            &f.rule,
                            format!("{} {}", f.message_zh, f.fix_zh),
                            format!("{} {}", f.message_en, f.fix_en),
                        )
                    })
                    .collect();
                Problem::invalid(errors).with_more(json!({"decision": verdict.decision, "findings": verdict.findings}))
            }
            CourseError::State(status) => Problem::conflict(
                "courses/state",
                format!("这门课程的状态是“{}”，不能这样办理。请刷新页面查看最新状态。", status_zh(&status)),
                format!("The course is {status}; this cannot be done to it. Reload to see where it stands."),
            ),
            CourseError::Changed(version) => Problem::conflict(
                "courses/changed",
                "这门课程在您打开之后又改过。请看过最新内容再办理。",
                "The course was changed after you read it. Look at it again, then act.",
            )
            .with_more(json!({"version": version})),
            CourseError::Comment => Problem::invalid(vec![FieldError::new(
                "comment",
                "required",
                "请写明退回的理由。",
                "Say why it is returned.",
            )]),
            CourseError::Opinion => Problem::invalid(vec![FieldError::new(
                "comment",
                "required",
                "有须核定的项目，请写明核定意见。",
                "Some findings need an official's decision; say what it is.",
            )]),
            CourseError::Db(error) => error.into(),
        }
    }
}

/// A course's status as people read it.
pub fn status_zh(status: &str) -> &'static str {
    match status {
        "draft" => "草稿",
        "submitted" => "待审批",
        "approved" => "已备案",
        _ => "已退回",
    }
}

/// The course and its people, as an institution files them; the register adds the rest.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourseRequest {
    pub course: Course,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub instructors: Known<Vec<Instructor>>,
}

/// A course as it was handed in: the filing, or why it cannot be read, and the form that shows it to people.
///
/// What a program sent is kept as it was sent. The form has one empty for both unknown and none, so that a filing that
/// went through it would come out as another one.
#[derive(Debug, Clone)]
pub struct Handed {
    request: Result<CourseRequest, Vec<FieldError>>,
    form: CourseForm,
}

impl From<CourseForm> for Handed {
    fn from(form: CourseForm) -> Handed {
        Handed { request: form.request(), form }
    }
}

impl From<CourseRequest> for Handed {
    fn from(request: CourseRequest) -> Handed {
        let form = CourseForm::from_request(&request);
        let errors = form.incomplete();
        Handed { request: if errors.is_empty() { Ok(request) } else { Err(errors) }, form }
    }
}

impl From<&CourseRow> for Handed {
    fn from(row: &CourseRow) -> Handed {
        let form = CourseForm::from_stored(&row.form);
        match stored(row) {
            Some(request) => Handed { request: Ok(request), form },
            // A draft that could not be read has its form alone.
            None => form.into(),
        }
    }
}

/// The filing that a course was kept with; `None` for a draft that could not be read.
fn stored(row: &CourseRow) -> Option<CourseRequest> {
    let kept = row.filing.as_object()?;
    let parts =
        ["course", "instructors"].iter().filter_map(|name| Some(((*name).to_owned(), kept.get(*name)?.clone())));
    serde_json::from_value(Value::Object(parts.collect())).ok()
}

fn parsed<T: std::str::FromStr>(words: &[String]) -> Known<Vec<T>> {
    let values: Vec<T> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if values.is_empty() { Known::Unknown } else { Known::Value(values) }
}

/// What a course is judged by besides itself: what the register knows of the institution and the county's calendar, and
/// the policies that the county has by now.
struct Facts {
    filer: Filer,
    chain: Chain,
}

impl Facts {
    async fn read(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Facts, CourseError> {
        let filer = store::filer(conn, tenant, institution).await?.ok_or(CourseError::NotFound)?;
        Ok(Facts { filer, chain: policies::chain(conn, tenant).await? })
    }
}

/// The whole filing: what was filed, and the facts.
fn filing(facts: &Facts, request: CourseRequest, caller: &Caller) -> Result<Filing, CourseError> {
    let Facts { filer, chain } = facts;
    let tenant = chain.tenant;
    let policy = Policy::of(&chain.on(caller.today()));
    let region = RegionCode::from_i32(tenant).ok_or(CourseError::NotFound)?;
    let calendar = match (&filer.vacations, &filer.school_hours) {
        (None, None) => Known::Unknown,
        (vacations, hours) => Known::Value(SchoolCalendar {
            vacations: vacations.clone().and_then(|v| serde_json::from_value(v).ok()).into(),
            school_hours: hours.clone().and_then(|v| serde_json::from_value(v).ok()).into(),
        }),
    };
    Ok(Filing {
        region,
        as_of: caller.today(),
        institution: Licensee {
            credit_code: Known::Value(filer.credit_code.clone()),
            licensed_categories: parsed(std::slice::from_ref(&filer.category)),
            stages: parsed(&filer.stages),
            delivery: parsed(&filer.delivery),
            for_profit: Known::Value(filer.for_profit),
            list_status: filer.list_status.parse().ok().into(),
        },
        course: request.course,
        instructors: request.instructors,
        calendar,
        policy: (policy != Policy::NATIONAL).then_some(policy),
        dated: Policy::dated(chain),
    })
}

/// A filing with what the rules make of it.
#[derive(Debug, Clone)]
pub struct Judged {
    pub filing: Filing,
    pub verdict: Verdict,
    /// Of the policies it was judged by.
    pub policy_version: String,
}

fn judge(facts: &Facts, request: CourseRequest, calendar: &Calendar, caller: &Caller) -> Result<Judged, CourseError> {
    let filing = filing(facts, request, caller)?;
    filing.validate().map_err(|invalid| {
        CourseError::Unreadable(vec![FieldError::new(
            &invalid.path,
            "format",
            format!("无法采用：{}", invalid.message),
            invalid.message.clone(),
        )])
    })?;
    let verdict = Verdict::of(&filing, calendar);
    let policy_version = policy::version(&facts.chain, filing.as_of, filing.course.span().map(|(_, last)| last));
    Ok(Judged { filing, verdict, policy_version })
}

/// The caller's own institution, in a scoped transaction.
async fn own(pools: &Pools, caller: &Caller) -> Result<(ScopedConn, Facts), CourseError> {
    let institution =
        caller.actor.institution.filter(|_| may(caller.actor.role, Action::FileCourse)).ok_or(CourseError::Role)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let facts = Facts::read(&mut conn, caller.actor.tenant, institution).await?;
    Ok((conn, facts))
}

/// What the rules say of a course, saving nothing.
pub async fn check(
    pools: &Pools,
    calendar: &Calendar,
    caller: &Caller,
    handed: impl Into<Handed>,
) -> Result<Judged, CourseError> {
    let (conn, facts) = own(pools, caller).await?;
    conn.commit().await?;
    let request = handed.into().request.map_err(CourseError::Unreadable)?;
    judge(&facts, request, calendar, caller)
}

/// What to do with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Keep it, right or wrong.
    Draft,
    /// Hand it to the bureau; refused while a rule blocks it.
    Submit,
}

/// A course that is there already, and the version of it that was read.
#[derive(Debug, Clone, Copy)]
pub struct Edited {
    pub id: i64,
    /// Whoever says what was read does not overwrite what came after it.
    pub version: Option<i32>,
}

/// Saves or submits a course: a new one without `edited`. Returns its id.
pub async fn file(
    pools: &Pools,
    calendar: &Calendar,
    caller: &Caller,
    edited: Option<Edited>,
    handed: impl Into<Handed>,
    step: Step,
) -> Result<i64, CourseError> {
    let (mut conn, facts) = own(pools, caller).await?;
    let before = match edited {
        None => None,
        Some(edited) => {
            let row = store::lock(&mut conn, edited.id).await?.ok_or(CourseError::NotFound)?;
            same_version(&row, edited.version)?;
            Some(row)
        }
    };
    let handed = handed.into();
    keep(conn, Handing { facts, before, handed, step }, calendar, caller).await
}

/// Hands a kept draft to the bureau as it stands.
pub async fn submit(pools: &Pools, calendar: &Calendar, caller: &Caller, id: i64) -> Result<(), CourseError> {
    let (mut conn, facts) = own(pools, caller).await?;
    let row = store::lock(&mut conn, id).await?.ok_or(CourseError::NotFound)?;
    let handed = Handed::from(&row);
    let handing = Handing { facts, before: Some(row), handed, step: Step::Submit };
    keep(conn, handing, calendar, caller).await.map(drop)
}

fn same_version(row: &CourseRow, read: Option<i32>) -> Result<(), CourseError> {
    if read.is_some_and(|version| version != row.version) { Err(CourseError::Changed(row.version)) } else { Ok(()) }
}

/// A course on its way into the records.
struct Handing {
    facts: Facts,
    before: Option<CourseRow>,
    handed: Handed,
    step: Step,
}

async fn keep(
    mut conn: ScopedConn,
    handing: Handing,
    calendar: &Calendar,
    caller: &Caller,
) -> Result<i64, CourseError> {
    let Handing { facts, before, handed: Handed { request, form }, step } = handing;
    if let Some(row) = &before
        && !matches!(row.status.as_str(), "draft" | "returned")
    {
        return Err(CourseError::State(row.status.clone()));
    }
    let judged = request.map_err(CourseError::Unreadable).and_then(|request| judge(&facts, request, calendar, caller));
    let policy_version = judged.as_ref().ok().map(|judged| judged.policy_version.clone());
    let (filing, findings, decision) = match judged {
        Ok(judged) if step == Step::Submit && judged.verdict.decision == Decision::Block => {
            return Err(CourseError::Blocked(Box::new(judged.verdict)));
        }
        Ok(judged) => (json!(judged.filing), json!(judged.verdict.findings), judged.verdict.decision),
        Err(error) if step == Step::Submit => return Err(error),
        Err(_) => (json!({}), json!([]), Decision::Block),
    };
    let status = if step == Step::Submit { "submitted" } else { "draft" };
    let saved = Saved {
        name: form.name(),
        status,
        filing,
        form: json!(form),
        findings,
        decision: decision.to_string(),
        policy_version,
    };
    let id = match &before {
        None => store::add(&mut conn, facts.filer.id, &saved, caller.now).await?,
        Some(row) => {
            store::save(&mut conn, row.id, &saved, caller.now).await?;
            row.id
        }
    };
    let event = Event {
        action: if step == Step::Submit { "course.submitted" } else { "course.saved" },
        subject_kind: "course",
        subject_id: id.to_string(),
        institution: Some(facts.filer.id),
        before: before.map(|row| json!({"status": row.status, "filing": private::masked(&row.filing)})),
        after: Some(json!({"status": status, "filing": private::masked(&saved.filing), "decision": saved.decision})),
        reason: None,
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(id)
}

/// What an official makes of a submitted course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CourseDecision {
    /// 准予备案: published from now on.
    Approve,
    /// 退回补正, with the reason.
    Return,
}

/// An official's decision on a course.
#[derive(Debug, Clone, Copy)]
pub struct Deciding<'a> {
    pub decision: CourseDecision,
    pub comment: &'a str,
    /// The version that was read: what was changed since is not decided on unseen.
    pub version: Option<i32>,
}

/// Approves or returns a submitted course. It is judged again by the facts of this day before it is approved; a return
/// needs a comment, and so does the approval of what is referred to an official.
pub async fn decide(
    pools: &Pools,
    calendar: &Calendar,
    caller: &Caller,
    id: i64,
    deciding: Deciding<'_>,
) -> Result<(), CourseError> {
    let Deciding { decision, comment, version } = deciding;
    if !may(caller.actor.role, Action::DecideCourse) {
        return Err(CourseError::Role);
    }
    if decision == CourseDecision::Return && comment.trim().is_empty() {
        return Err(CourseError::Comment);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let row = store::lock(&mut conn, id).await?.ok_or(CourseError::NotFound)?;
    same_version(&row, version)?;
    if row.status != "submitted" {
        return Err(CourseError::State(row.status));
    }
    let judged = rejudge(&mut conn, &row, calendar, caller).await?;
    if decision == CourseDecision::Approve && judged.verdict.decision == Decision::Block {
        let findings = private::told(judged.verdict.findings, &row.filing);
        return Err(CourseError::Blocked(Box::new(Verdict { findings, ..judged.verdict })));
    }
    // What no rule can judge, the official decides, and says how.
    if judged.verdict.decision == Decision::Refer && comment.trim().is_empty() {
        return Err(CourseError::Opinion);
    }
    let status = if decision == CourseDecision::Approve { "approved" } else { "returned" };
    let decided = Decided {
        status,
        comment,
        findings: json!(judged.verdict.findings),
        by: caller.actor.user_id,
        policy_version: &judged.policy_version,
    };
    store::decide(&mut conn, id, &decided, caller.now).await?;
    let event = Event {
        action: if decision == CourseDecision::Approve { "course.approved" } else { "course.returned" },
        subject_kind: "course",
        subject_id: id.to_string(),
        institution: Some(row.institution_id),
        before: Some(json!({"status": row.status})),
        after: Some(json!({"status": status, "policy_version": judged.policy_version})),
        reason: (!comment.is_empty()).then_some(comment),
    };
    audit::store::record(&mut conn, caller, event).await?;
    crate::escrow::staff_filed(&mut conn, row.institution_id).await?;
    crate::public::publish(&mut conn, row.institution_id, caller.now).await?;
    conn.commit().await?;
    Ok(())
}

/// Judges a stored course by the facts of today.
pub async fn rejudge(
    conn: &mut ScopedConn,
    row: &CourseRow,
    calendar: &Calendar,
    caller: &Caller,
) -> Result<Judged, CourseError> {
    let facts = Facts::read(conn, row.tenant_id, row.institution_id).await?;
    let request = stored(row).ok_or_else(|| CourseError::State(row.status.clone()))?;
    judge(&facts, request, calendar, caller)
}

/// The county's school calendar, as `check course` takes it.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarRequest {
    pub vacations: Value,
    pub school_hours: Value,
    /// Where it stands, e.g. the notice's number.
    pub source: String,
}

/// Sets the school calendar of the caller's own county; courses filed from now on are judged by it.
pub async fn set_calendar(pools: &Pools, caller: &Caller, request: &CalendarRequest) -> Result<(), CourseError> {
    if !may(caller.actor.role, Action::SetCalendar) {
        return Err(CourseError::Role);
    }
    let read: Result<SchoolCalendar, _> =
        serde_json::from_value(json!({"vacations": request.vacations, "school_hours": request.school_hours}));
    if let Err(error) = read {
        return Err(CourseError::Unreadable(vec![FieldError::new(
            "calendar",
            "format",
            format!("校历无法读取：{error}"),
            error.to_string(),
        )]));
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let before = store::calendar(&mut conn).await?;
    store::set_calendar(&mut conn, &request.vacations, &request.school_hours, &request.source, caller.now).await?;
    let event = Event {
        action: "calendar.set",
        subject_kind: "school_calendar",
        subject_id: caller.actor.tenant.to_string(),
        before: before
            .map(|row| json!({"vacations": row.vacations, "school_hours": row.school_hours, "source": row.source})),
        after: Some(
            json!({"vacations": request.vacations, "school_hours": request.school_hours, "source": request.source}),
        ),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    Ok(conn.commit().await?)
}
