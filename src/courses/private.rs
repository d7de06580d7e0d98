//! What a filing says of the people who teach, as officials see it: numbers of certificates masked, and the names of those
//! who are not published. Published teachers stand on the parents' page by name.

use serde_json::Value;

use super::{form::CourseForm, store};
use crate::{
    db::{DbError, ScopedConn},
    kernel::{Finding, mask, private::Held},
};

/// The fields that hold a number, or its name.
const CERTIFICATES: [&str; 2] = ["teacher_certificate", "skill_certificate"];

fn people(filing: &Value) -> &[Value] {
    filing.get("instructors").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(person: &'a Value, name: &str) -> &'a str {
    person.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether parents read the name.
fn is_published(person: &Value) -> bool {
    person.get("published") != Some(&Value::Bool(false))
}

/// The filing with its people masked.
pub(super) fn masked(filing: &Value) -> Value {
    let mut filing = filing.clone();
    if let Some(people) = filing.get_mut("instructors").and_then(Value::as_array_mut) {
        for person in people {
            for name in CERTIFICATES {
                let shown = mask::certificate(text(person, name));
                if !shown.is_empty() {
                    person[name] = Value::String(shown);
                }
            }
            if !is_published(person) && !text(person, "name").is_empty() {
                person["name"] = Value::String(mask::name(text(person, "name")));
            }
        }
    }
    filing
}

/// A value, such as findings, in which what [`masked`] hides is masked wherever it is quoted.
pub(super) fn without_people(value: &Value, filing: &Value) -> Value {
    let mut hidden: Vec<(&str, String)> = Vec::new();
    for person in people(filing) {
        let name = text(person, "name");
        if !is_published(person) && name.chars().count() > 1 {
            hidden.push((name, mask::name(name)));
        }
        hidden.extend(CERTIFICATES.map(|field| text(person, field)).map(|number| (number, mask::certificate(number))));
    }
    hidden.retain(|(plain, masked)| !plain.is_empty() && plain != masked);
    if hidden.is_empty() { value.clone() } else { replaced(value, &hidden) }
}

/// Findings as an official reads them.
pub(super) fn told(findings: Vec<Finding>, filing: &Value) -> Vec<Finding> {
    serde_json::from_value(without_people(&serde_json::json!(findings), filing)).unwrap_or(findings)
}

fn replaced(value: &Value, hidden: &[(&str, String)]) -> Value {
    match value {
        Value::String(text) => {
            Value::String(hidden.iter().fold(text.clone(), |text, (plain, masked)| text.replace(plain, masked)))
        }
        Value::Array(items) => items.iter().map(|item| replaced(item, hidden)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), replaced(value, hidden))).collect())
        }
        other => other.clone(),
    }
}

/// The form with its people masked, as [`masked`] does with the filing.
pub(super) fn masked_form(mut form: CourseForm) -> CourseForm {
    for person in &mut form.people {
        let published = person.get("published").is_none_or(|answer| answer != "no");
        for (name, value) in person.iter_mut() {
            match name.as_str() {
                "name" if !published => *value = mask::name(value),
                name if CERTIFICATES.contains(&name) => *value = mask::certificate(value),
                _ => {}
            }
        }
    }
    form
}

/// What stands in one field of one person of a course in the caller's range; `id` is `course.person`, counted from 0.
pub async fn private_value(conn: &mut ScopedConn, id: &str, field: &str) -> Result<Option<Held>, DbError> {
    let parsed = id.split_once('.').and_then(|(course, at)| Some((course.parse().ok()?, at.parse::<usize>().ok()?)));
    let Some((course, at)) = parsed else { return Ok(None) };
    if field != "name" && !CERTIFICATES.contains(&field) {
        return Ok(None);
    }
    let Some(row) = store::course(conn, course).await? else { return Ok(None) };
    let form = CourseForm::from_stored(&row.form);
    let Some(value) = form.people.get(at).and_then(|person| person.get(field)).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let masked = if field == "name" { mask::name(value) } else { mask::certificate(value) };
    Ok(Some(Held {
        tenant: row.tenant_id,
        institution: row.institution_id,
        label: format!("{} · {}", row.institution_name, row.name),
        back: format!("/b/courses/{course}"),
        value: value.clone(),
        masked,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unpublished_people_and_all_certificates_are_masked() {
        let filing = json!({"course": {"name": "王小明的画"}, "instructors": [
            {"name": "李四光", "published": true, "teacher_certificate": "20213310012345678", "skill_certificate": null},
            {"name": "王小明", "published": false, "skill_certificate": "中级证书"},
        ]});
        let shown = masked(&filing);
        assert_eq!(shown["instructors"][0]["name"], "李四光");
        assert_eq!(shown["instructors"][0]["teacher_certificate"], "2021****78");
        assert_eq!(shown["instructors"][0]["skill_certificate"], Value::Null);
        assert_eq!(
            (&shown["instructors"][1]["name"], &shown["instructors"][1]["skill_certificate"]),
            (&json!("王*"), &json!("中级证书"))
        );
        let findings = json!([{"message_zh": "王小明的信息未公示。李四光已公示。", "evidence": {"measured": "20213310012345678"}}]);
        let told = without_people(&findings, &filing);
        assert_eq!(told[0]["message_zh"], "王*的信息未公示。李四光已公示。");
        assert_eq!(told[0]["evidence"]["measured"], "2021****78");
    }
}
