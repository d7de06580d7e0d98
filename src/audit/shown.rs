//! Events in words: what changed, who did it, what it was about.

use std::collections::HashMap;

use serde_json::Value;

use super::{store::search::EventRow, words};
use crate::{
    identity::Role,
    web::{Lang, show},
};

/// One field of a change.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub field: String,
    pub before: String,
    pub after: String,
}

/// The leaves of a value with their paths, e.g. `filing.course.sessions[0].end`; a list of plain values is one leaf.
fn leaves<'a>(path: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, inner, into);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                leaves(&format!("{path}[{at}]"), item, into);
            }
        }
        _ => into.push((path.to_owned(), value)),
    }
}

/// The fields of both sides that differ, in the order of the later one.
pub fn changes(lang: Lang, event: &EventRow) -> Vec<Change> {
    let read = |side: &Option<String>| side.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (before, after) = (read(&event.before), read(&event.after));
    let of = |side: &'_ Option<Value>| -> Vec<(String, Value)> {
        let mut found = Vec::new();
        if let Some(value) = side {
            leaves("", value, &mut found);
        }
        found.into_iter().map(|(path, value)| (path, value.clone())).collect()
    };
    let (before, after) = (of(&before), of(&after));
    let was: HashMap<&str, &Value> = before.iter().map(|(path, value)| (path.as_str(), value)).collect();
    let is: HashMap<&str, &Value> = after.iter().map(|(path, value)| (path.as_str(), value)).collect();
    let gone = before.iter().filter(|(path, _)| !is.contains_key(path.as_str()));
    let subject = event.subject_kind.as_str();
    after
        .iter()
        .chain(gone)
        .map(|(path, _)| path.as_str())
        .filter(|path| was.get(path) != is.get(path))
        .map(|path| Change {
            field: words::field(lang, subject, path),
            before: words::value(lang, subject, path, was.get(path).copied()),
            after: words::value(lang, subject, path, is.get(path).copied()),
        })
        .collect()
}

/// The role in which somebody acted.
pub fn role(lang: Lang, event: &EventRow) -> String {
    event.actor_role.parse::<Role>().map_or_else(
        |_| lang.t("系统", "The system itself").to_owned(),
        |role| lang.t(role.words().0, role.words().1).to_owned(),
    )
}

/// The bureau of whoever acted.
pub fn bureau(event: &EventRow) -> String {
    show::bureau(event.actor_tenant)
}

/// What was changed, for an official: its page, where there is one, and its name.
pub fn subject(lang: Lang, event: &EventRow) -> Option<(String, String)> {
    let id = &event.subject_id;
    match (event.subject_kind.as_str(), &event.institution_name, &event.credit_code) {
        ("course", ..) => Some((format!("/b/courses/{id}"), event.course_name.clone().unwrap_or_else(|| id.clone()))),
        ("import", ..) if event.action != "import.discarded" => {
            Some((format!("/b/imports/{id}"), format!("{} {id}", lang.t("表格", "Sheet"))))
        }
        ("school_calendar", ..) => Some(("/b/calendar".to_owned(), lang.t("校历", "School calendar").to_owned())),
        (_, Some(name), Some(code)) => Some((format!("/b/institutions/{code}"), name.clone())),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub fn event(before: Option<Value>, after: Option<Value>) -> EventRow {
        EventRow {
            seq: 7,
            at: "2026-03-18T01:00:00Z".parse().unwrap(),
            actor_id: Some(3),
            actor_tenant: 331_002,
            actor_name: "=王静怡".into(),
            actor_role: "approver".into(),
            action: "institution.changed".into(),
            subject_kind: "institution".into(),
            subject_id: "52331002MJ0000018U".into(),
            institution_id: Some(1),
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
            reason: None,
            request_id: "r".into(),
            hash: vec![0; 32],
            place: 1,
            asked_for: Some(true),
            institution_name: None,
            credit_code: None,
            course_name: None,
        }
    }

    #[test]
    fn a_change_shows_only_what_differs() {
        let told = changes(
            Lang::Zh,
            &event(
                Some(json!({"name": "旧", "phone": "1", "gone": 1})),
                Some(json!({"name": "新", "phone": "1", "new": true, "stages": ["primary", "junior"]})),
            ),
        );
        let told: Vec<_> = told.iter().map(|c| (c.field.as_str(), c.before.as_str(), c.after.as_str())).collect();
        assert_eq!(told, [("名称", "旧", "新"), ("new", "—", "是"), ("学段", "—", "小学、初中"), ("gone", "1", "—")]);
        assert_eq!(changes(Lang::Zh, &event(None, None)), []);
    }
}
