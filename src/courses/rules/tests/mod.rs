//! The course rules by table: both sides of every boundary, the worked examples, and properties of the whole.

mod content;
mod fees;
mod staff;
mod time;
mod whole;

use serde_json::{Value, json};

use super::check;
use crate::{
    courses::model::Filing,
    kernel::{Calendar, Finding},
};

/// A filing that every rule passes: seventh-grade mathematics, offline, Friday 2026-03-13 18:30–20:30.
fn good() -> Value {
    json!({
        "region": "331002", "as_of": "2026-02-20",
        "institution": {"credit_code": "52331002MJ0000018U", "licensed_categories": ["academic"], "stages": ["junior"],
            "delivery": ["offline"], "for_profit": false, "list_status": "white"},
        "course": {"name": "七年级数学", "category": "academic", "subject": "mathematics", "stage": "junior", "grade": 7,
            "delivery": "offline", "lesson_minutes": 45, "break_minutes": 10, "class_size": 30, "area_m2": 120,
            "lessons": 48, "fee_fen": 240000, "benchmark_fen": 5000, "first_payment_on": "2026-02-20",
            "materials_filed": true, "homework": false, "overseas_curriculum": false, "photo_search": false,
            "sessions": [{"date": "2026-03-13", "start": "18:30", "end": "20:30"}]},
        "instructors": [{"name": "王老师", "role": "teaching", "nationality": "CN", "located_in": "CN",
            "teacher_certificate": "20153301032000123", "certificate_subject": "mathematics",
            "certificate_stage": "junior", "skill_certificate": null, "published": true, "in_service_teacher": false,
            "banned": false, "inquiry_on": "2026-01-05"}],
        "calendar": {"vacations": [{"from": "2026-01-31", "to": "2026-03-01"}],
            "school_hours": [{"start": "08:00", "end": "16:30"}]}
    })
}

/// A dance class that every rule passes: primary, offline, Saturday 2026-03-14 09:00–11:00 (worked example C12).
fn dance() -> Value {
    let mut filing = good();
    set(&mut filing, "/institution/licensed_categories", json!(["arts"]));
    set(&mut filing, "/institution/stages", json!(["primary", "preschool"]));
    set(&mut filing, "/institution/delivery", json!(["offline", "online"]));
    set(&mut filing, "/course/category", json!("arts"));
    set(&mut filing, "/course/subject", json!("dance"));
    set(&mut filing, "/course/stage", json!("primary"));
    set(&mut filing, "/course/sessions", json!([{"date": "2026-03-14", "start": "09:00", "end": "11:00"}]));
    set(&mut filing, "/instructors/0/skill_certificate", json!("舞蹈教师资格"));
    filing
}

/// An online class of primary mathematics that every rule passes, with the units of worked example C3.
fn online() -> Value {
    let mut filing = good();
    set(&mut filing, "/institution/stages", json!(["primary"]));
    set(&mut filing, "/institution/delivery", json!(["online"]));
    set(&mut filing, "/course/delivery", json!("online"));
    set(&mut filing, "/course/stage", json!("primary"));
    set(&mut filing, "/course/lesson_minutes", json!(30));
    set(&mut filing, "/course/sessions", units("2026-03-18", &[("20:00", "20:30"), ("20:40", "21:00")]));
    filing
}

fn units(date: &str, times: &[(&str, &str)]) -> Value {
    times.iter().map(|(start, end)| json!({"date": date, "start": start, "end": end})).collect()
}

/// Puts `value` at a JSON pointer, adding the last field when it is new.
fn set(filing: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match filing.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(field.to_owned(), value)),
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} has no parent"),
    }
}

/// Takes the field at a JSON pointer away.
fn unset(filing: &mut Value, pointer: &str) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    filing.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(field).unwrap();
}

fn changed(base: fn() -> Value, pointer: &str, value: Value) -> Value {
    let mut filing = base();
    set(&mut filing, pointer, value);
    filing
}

fn read(filing: &Value) -> Filing {
    let filing: Filing = serde_json::from_value(filing.clone()).unwrap();
    filing.validate().unwrap();
    filing
}

fn findings(filing: &Value) -> Vec<Finding> {
    check(&read(filing), Calendar::statutory())
}

/// The findings as `severity RULE path`.
fn found(filing: &Value) -> Vec<String> {
    findings(filing).iter().map(|f| format!("{} {} {}", f.severity, f.rule, f.path)).collect()
}

/// Asserts what a case finds; `expected` as [`found`] gives it.
fn expect(case: &str, filing: &Value, expected: &[&str]) {
    assert_eq!(found(filing), expected, "{case}");
}

/// The evidence of the only finding.
fn evidence(filing: &Value) -> Value {
    let all = findings(filing);
    assert_eq!(all.len(), 1, "{all:?}");
    Value::Object(all[0].evidence.clone())
}
