//! From what the bureau's records say to what is published: pure, so that it can be read as the list of what leaves.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde_json::Value;

use super::{
    model::{Account, Card, Course, Decision, Detail, Instructor, Licence, ListStatus, Listing, NextAccount, Slot},
    store::publish::Facts,
};
use crate::kernel::{RegionCode, mask};

/// The institution's own page. Fails only when a stored decision or account is not in its own table's shape.
pub(super) fn detail(facts: &Facts) -> Result<Detail, serde_json::Error> {
    let region = RegionCode::from_i32(facts.tenant_id);
    let history: Vec<Decision> = facts.decisions.clone().map_or(Ok(Vec::new()), serde_json::from_value)?;
    let latest = history.first();
    let filings = facts.filings.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Ok(Detail {
        credit_code: facts.credit_code.clone(),
        name: facts.name.clone(),
        region: format!("{:06}", facts.tenant_id),
        region_name: region.map(RegionCode::full_name).unwrap_or_default(),
        bureau: crate::web::show::bureau(facts.tenant_id),
        status: facts.status.clone(),
        org_kind: facts.org_kind.clone(),
        category: facts.category.clone(),
        stages: facts.stages.clone(),
        delivery: facts.delivery.clone(),
        for_profit: facts.for_profit,
        address: facts.address.clone(),
        legal_person: facts.legal_person.clone(),
        courses_text: facts.courses_text.clone(),
        licence: Licence {
            number: facts.licence_no.clone(),
            authority: facts.licence_authority.clone(),
            from: facts.licence_from,
            to: facts.licence_to,
        },
        list: Listing {
            status: latest.map_or(ListStatus::None, |decision| decision.status),
            since: latest.map(|decision| decision.effective_on),
            ground: latest.map(|decision| decision.ground.clone()),
            history,
        },
        courses: filings.iter().map(course).collect(),
        escrow: facts.account.clone().map(serde_json::from_value::<Account>).transpose()?,
        next_escrow: facts.next_account.clone().map(serde_json::from_value::<NextAccount>).transpose()?,
    })
}

/// The row of search results.
pub(super) fn card(detail: &Detail) -> Card {
    let fees = || detail.courses.iter().filter_map(|course| course.fee_fen);
    let blamed = matches!(detail.list.status, ListStatus::Suspended | ListStatus::Black);
    Card {
        credit_code: detail.credit_code.clone(),
        name: detail.name.clone(),
        region: detail.region.clone(),
        region_name: detail.region_name.clone(),
        category: detail.category.clone(),
        stages: detail.stages.clone(),
        delivery: detail.delivery.clone(),
        address: detail.address.clone(),
        list_status: detail.list.status,
        list_since: detail.list.since,
        list_ground: detail.list.ground.clone().filter(|_| blamed),
        licence_to: detail.licence.to,
        courses: detail.courses.len(),
        fee_min_fen: fees().min(),
        fee_max_fen: fees().max(),
        escrow_account: detail.escrow.is_some(),
        coverage: detail.escrow.as_ref().and_then(|account| account.coverage),
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A filing in the shape of `check course`. A field that was left open stays open.
fn course(filing: &Value) -> Course {
    let course = filing.get("course").unwrap_or(&Value::Null);
    let number = |field: &str| course.get(field).and_then(Value::as_i64);
    let sessions: Vec<Session> = course
        .get("sessions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(session)
        .collect();
    let instructors = filing.get("instructors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Course {
        name: text(course, "name").unwrap_or_default(),
        category: text(course, "category").unwrap_or_default(),
        subject: text(course, "subject"),
        stage: text(course, "stage").unwrap_or_default(),
        delivery: text(course, "delivery").unwrap_or_default(),
        lessons: number("lessons"),
        lesson_minutes: number("lesson_minutes"),
        fee_fen: number("fee_fen"),
        first_on: sessions.iter().map(|session| session.date).min(),
        last_on: sessions.iter().map(|session| session.date).max(),
        latest_end: sessions.iter().map(|session| session.end.clone()).max(),
        slots: slots(&sessions),
        instructors: instructors
            .iter()
            .filter(|person| person.get("published") != Some(&Value::Bool(false)))
            .map(instructor)
            .collect(),
    }
}

struct Session {
    date: NaiveDate,
    start: String,
    end: String,
}

fn session(value: &Value) -> Option<Session> {
    Some(Session { date: text(value, "date")?.parse().ok()?, start: text(value, "start")?, end: text(value, "end")? })
}

fn slots(sessions: &[Session]) -> Vec<Slot> {
    let mut counted: BTreeMap<(u32, &str, &str), usize> = BTreeMap::new();
    for session in sessions {
        *counted.entry((session.date.weekday().number_from_monday(), &session.start, &session.end)).or_default() += 1;
    }
    counted
        .into_iter()
        .map(|((weekday, start, end), sessions)| Slot {
            weekday: u8::try_from(weekday).unwrap_or_default(),
            start: start.to_owned(),
            end: end.to_owned(),
            sessions,
        })
        .collect()
}

fn instructor(person: &Value) -> Instructor {
    Instructor {
        name: text(person, "name").unwrap_or_default(),
        role: text(person, "role").unwrap_or_default(),
        teacher_certificate: text(person, "teacher_certificate").map(|number| mask::certificate(&number)),
        certificate_subject: text(person, "certificate_subject"),
        certificate_stage: text(person, "certificate_stage"),
        skill_certificate: text(person, "skill_certificate").map(|number| mask::certificate(&number)),
    }
}
