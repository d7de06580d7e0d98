//! Lessons as institutions tell them: the attendance of a session, many pupils at once. One told twice is one lesson.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Faults, Ledger, comment, parents};
use crate::{
    audit::{self, Event},
    db::{Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::clock::BEIJING,
    ledger::{
        booking::Booking,
        error::LedgerError,
        model::{ConfirmedBy, ContractStatus, LessonState},
        rules::silence,
        store::{
            contracts::{self, Contract},
            lessons::{self as store, Lesson, NewRow, Standing, Times},
            owed,
        },
    },
    web::FieldError,
};

/// Most pupils of one session, and most units that one takes.
const PUPILS_MAX: usize = 500;
const UNITS_MAX: u32 = 12;
/// A clock may be ahead of ours by so much.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(15);

/// One pupil's part in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    pub contract_no: String,
    pub units: u32,
}

/// A session as it is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub ended_at: DateTime<Utc>,
    pub attendance: Vec<Attended>,
}

/// What became of a session.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Units that are news, and those that were there already.
    pub recorded: usize,
    pub unchanged: usize,
    /// All lessons of the session.
    pub lessons: Vec<Lesson>,
}

/// Tells a session of the caller's own institution.
pub async fn tell(pools: &Pools, caller: &Caller, session: &Session) -> Result<Told, LedgerError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ledger = Ledger::own(&mut conn, caller).await?;
    let told = enter(&mut conn, caller, &ledger, session).await?;
    conn.commit().await?;
    Ok(told)
}

fn check(session: &Session, now: DateTime<Utc>) -> Result<(), LedgerError> {
    let mut faults = Faults::default();
    if session.ended_at > now + AHEAD_MAX {
        faults.add(
            "ended_at",
            "FUTURE",
            "下课时间晚于现在；请下课后再登记",
            "the session has not ended yet; tell it when it has",
        );
    }
    if session.attendance.is_empty() || session.attendance.len() > PUPILS_MAX {
        faults.add("attendance", "COUNT", "一次登记 1 至 500 名学员", "a session has 1 to 500 pupils");
    }
    let mut seen = HashSet::new();
    for (place, attended) in session.attendance.iter().enumerate() {
        if !(1..=UNITS_MAX).contains(&attended.units) {
            let path = format!("attendance[{place}].units");
            faults.add(&path, "UNITS", "一次课为 1 至 12 课时", "a session takes 1 to 12 units");
        }
        if !seen.insert(attended.contract_no.trim()) {
            let path = format!("attendance[{place}].contract_no");
            faults.add(
                &path,
                "TWICE",
                "同一合同在一次课里出现两次；请合并课时",
                "the contract stands twice; add its units up",
            );
        }
    }
    faults.none()
}

/// Tells a session within the caller's transaction.
pub async fn enter(
    conn: &mut ScopedConn,
    caller: &Caller,
    ledger: &Ledger,
    session: &Session,
) -> Result<Told, LedgerError> {
    check(session, caller.now)?;
    let institution = ledger.keeper.id;
    owed::lock_ledger(conn, institution).await?;
    let numbers: Vec<&str> = session.attendance.iter().map(|attended| attended.contract_no.trim()).collect();
    let found = contracts::by_numbers(conn, institution, &numbers).await?;
    let by_number: BTreeMap<&str, &Contract> = found.iter().map(|row| (row.contract_no.as_str(), row)).collect();
    let ids: Vec<i64> = found.iter().map(|row| row.id).collect();
    let tenant = conn.tenant();
    let mut kept: BTreeMap<i64, Vec<Lesson>> = BTreeMap::new();
    for lesson in store::of_contracts(conn, tenant, &ids).await? {
        kept.entry(lesson.contract_id).or_default().push(lesson);
    }
    let (mut told, mut rows, mut faults) = (Told::default(), Vec::new(), Faults::default());
    for (place, attended) in session.attendance.iter().enumerate() {
        let path = format!("attendance[{place}].contract_no");
        let number = attended.contract_no.trim();
        let Some(contract) = by_number.get(number) else {
            faults.add(
                &path,
                "UNKNOWN-CONTRACT",
                format!("没有合同 {number}；请先登记合同"),
                format!("there is no contract {number}; record it first"),
            );
            continue;
        };
        let lessons = kept.get(&contract.id).map_or(&[][..], Vec::as_slice);
        match units_of(contract, lessons, session.ended_at, attended.units) {
            Ok(None) => told.unchanged += attended.units as usize,
            Ok(Some(units)) => {
                let token = parents::token(conn.vault(), tenant, contract.id, session.ended_at);
                rows.extend(units.into_iter().map(|unit_no| NewRow {
                    contract: contract.id,
                    unit_no: i32::try_from(unit_no).unwrap_or(i32::MAX),
                    amount_fen: contract.terms().amount(unit_no).0,
                    token_hash: parents::hash(&token),
                }));
            }
            Err(error) => faults.0.push(FieldError { path, ..error }),
        }
    }
    faults.none()?;
    if !rows.is_empty() {
        let hours = ledger.limits(session.ended_at.with_timezone(&BEIJING).date_naive()).silence_hours;
        let due_at = silence::due_at(session.ended_at, caller.now, hours);
        let times = Times { ended_at: session.ended_at, due_at, told_at: caller.now };
        told.recorded = store::add(conn, institution, &rows, &times).await?;
        let event = Event {
            action: "lesson.recorded",
            subject_kind: "lesson",
            subject_id: session.ended_at.with_timezone(&BEIJING).to_rfc3339(),
            institution: Some(institution),
            after: Some(
                json!({"contracts": numbers, "units": told.recorded, "due_at": due_at.with_timezone(&BEIJING)}),
            ),
            ..Event::default()
        };
        audit::store::record(conn, caller, event).await?;
    }
    let all = store::of_contracts(conn, tenant, &ids).await?;
    told.lessons = all.into_iter().filter(|lesson| lesson.ended_at == session.ended_at).collect();
    Ok(told)
}

/// The numbers of the units that a pupil takes in a session; `None` where the session is known already.
fn units_of(
    contract: &Contract,
    lessons: &[Lesson],
    ended_at: DateTime<Utc>,
    units: u32,
) -> Result<Option<Vec<u32>>, FieldError> {
    let known = lessons.iter().filter(|lesson| lesson.ended_at == ended_at).count();
    let number = &contract.contract_no;
    if known == units as usize {
        return Ok(None);
    }
    if known > 0 {
        return Err(FieldError::new(
            "",
            "SESSION-DIFFERS",
            format!("合同 {number} 的这次课已登记 {known} 课时，这次是 {units} 课时；请核对，登记错的先作废"),
            format!(
                "contract {number} has {known} units of this session, not {units}; check it, and void what is wrong first"
            ),
        ));
    }
    if contract.status != <&str>::from(ContractStatus::Open) {
        return Err(FieldError::new(
            "",
            "CONTRACT-NOT-OPEN",
            format!("合同 {number} 已履行完或已解除；请核对合同编号"),
            format!("contract {number} is finished or cancelled; check its number"),
        ));
    }
    let is_void = |lesson: &&Lesson| lesson.state == <&str>::from(LessonState::Void);
    let taken: BTreeSet<u32> =
        lessons.iter().filter(|lesson| !is_void(lesson)).map(|lesson| lesson.unit_no.unsigned_abs()).collect();
    let free: Vec<u32> = (1..=contract.terms().units()).filter(|unit_no| !taken.contains(unit_no)).collect();
    match free.get(..units as usize) {
        Some(first) => Ok(Some(first.to_vec())),
        None => Err(FieldError::new(
            "",
            "NO-UNITS-LEFT",
            format!("合同 {number} 只剩 {} 课时；请核对，续费的用新合同登记", free.len()),
            format!(
                "contract {number} has only {} units left; check it, and record a renewal as a contract of its own",
                free.len()
            ),
        )),
    }
}

/// A lesson of the caller's own bureau or institution, with its contract locked for booking.
async fn open(conn: &mut ScopedConn, id: i64) -> Result<(Lesson, Booking), LedgerError> {
    let lesson = store::lesson(conn, id).await?.ok_or(LedgerError::NotFound)?;
    let booking = Booking::begin(conn, lesson.institution_id, &[lesson.contract_id]).await?;
    // As it stands now that nobody else writes.
    let lesson = store::lesson(conn, id).await?.ok_or(LedgerError::NotFound)?;
    Ok((lesson, booking))
}

fn state_of(lesson: &Lesson, now: DateTime<Utc>) -> LessonState {
    silence::state_at(lesson.state.parse().unwrap_or(LessonState::Confirmed), lesson.due_at, now)
}

/// Takes back a lesson that the caller's institution told by mistake, while nobody has confirmed it.
pub async fn void(pools: &Pools, caller: &Caller, id: i64, reason: &str) -> Result<(), LedgerError> {
    if !may(caller.actor.role, Action::KeepLedger) {
        return Err(LedgerError::Forbidden);
    }
    let reason = comment(reason)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let (lesson, booking) = open(&mut conn, id).await?;
    let state = state_of(&lesson, caller.now);
    if !matches!(state, LessonState::Awaiting | LessonState::Disputed) {
        return Err(LedgerError::LessonState(state));
    }
    let standing = Standing { state: LessonState::Void.into(), confirmed_at: None, confirmed_by: None };
    store::stand(&mut conn, &[id], &standing).await?;
    booking.finish(&mut conn).await?;
    record(&mut conn, caller, &lesson, "lesson.voided", LessonState::Void, Some(reason)).await?;
    Ok(conn.commit().await?)
}

/// What an official finds of a disputed lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Finding {
    /// It was given: it counts from now on.
    Given,
    /// It was not: the unit is the family's still.
    NotGiven,
}

/// Settles a disputed lesson of the caller's bureau.
pub async fn settle(
    pools: &Pools,
    caller: &Caller,
    id: i64,
    finding: Finding,
    reason: &str,
) -> Result<(), LedgerError> {
    if !may(caller.actor.role, Action::SettleLesson) {
        return Err(LedgerError::Forbidden);
    }
    let reason = comment(reason)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let (lesson, booking) = open(&mut conn, id).await?;
    let state = state_of(&lesson, caller.now);
    if state != LessonState::Disputed {
        return Err(LedgerError::LessonState(state));
    }
    let state = if finding == Finding::Given { LessonState::Confirmed } else { LessonState::Void };
    let confirmed = state == LessonState::Confirmed;
    let standing = Standing {
        state: state.into(),
        confirmed_at: confirmed.then_some(caller.now),
        confirmed_by: confirmed.then_some(ConfirmedBy::Official.into()),
    };
    store::stand(&mut conn, &[id], &standing).await?;
    booking.finish(&mut conn).await?;
    record(&mut conn, caller, &lesson, "lesson.settled", state, Some(reason)).await?;
    Ok(conn.commit().await?)
}

/// Puts what became of a lesson on record.
pub(super) async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    lesson: &Lesson,
    action: &str,
    state: LessonState,
    reason: Option<&str>,
) -> Result<(), LedgerError> {
    let told = |state: &str| json!({"contract_no": lesson.contract_no, "unit_no": lesson.unit_no, "state": state});
    let event = Event {
        action,
        subject_kind: "lesson",
        subject_id: lesson.id.to_string(),
        institution: Some(lesson.institution_id),
        before: Some(told(&lesson.state)),
        after: Some(told(state.into())),
        reason,
    };
    Ok(audit::store::record(conn, caller, event).await?)
}
