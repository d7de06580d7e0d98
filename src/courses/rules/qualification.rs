//! What teachers must hold (domain-rules §4.4): a teacher's certificate, or one of skill.

use serde_json::json;

use super::{rule::Rule, staff::Person};
use crate::{
    courses::model::{Category, CertificateStage, Filing, Known, Role, Stage, Subject},
    kernel::{Finding, Severity},
};

pub(super) const ACAD_QUALIFICATION: Rule = Rule {
    id: "STAFF-ACAD-QUALIFICATION",
    title_zh: "教师资格",
    title_en: "the teacher's qualification",
    legal_basis: "双减意见（中办发〔2021〕40号）；教监管厅函〔2021〕9号；教师资格条例",
    fix_zh: "换由持有相应教师资格证的人员任教，或更正证书信息。",
    fix_en: "Have somebody with the right certificate teach, or correct the certificate's details.",
};
pub(super) const NONACAD_SKILL: Rule = Rule {
    id: "STAFF-NONACAD-SKILL",
    title_zh: "非学科类教学人员的职业（专业）能力证明",
    title_en: "the skill certificate of a non-academic teacher",
    legal_basis: "教监管厅函〔2021〕9号；教监管〔2022〕4号",
    fix_zh: "补充相应的职业（专业）能力证明。",
    fix_en: "Supply a certificate of skill in the field.",
};

/// How high a certificate reaches; a higher one may teach lower stages, senior and vocational count alike
/// (教师资格条例 Art 5).
fn reach(stage: CertificateStage) -> u8 {
    match stage {
        CertificateStage::Preschool => 1,
        CertificateStage::Primary => 2,
        CertificateStage::Junior => 3,
        CertificateStage::Senior | CertificateStage::Vocational => 4,
        CertificateStage::Higher => 5,
    }
}

/// What the taught stage asks for; for adults any certificate does.
fn required_reach(stage: Stage) -> u8 {
    match stage {
        Stage::Adult => 0,
        Stage::Preschool => 1,
        Stage::Primary => 2,
        Stage::Junior => 3,
        Stage::Senior => 4,
    }
}

/// The reach that a certificate's number shows: 17 digits, the tenth being its type; `None` when malformed.
///
/// Type 6, instructor of vocational practice, teaches no subject of any stage.
fn number_reach(number: &str) -> Option<u8> {
    let bytes = number.as_bytes();
    if bytes.len() != 17 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match bytes[9] {
        b'1' => Some(reach(CertificateStage::Preschool)),
        b'2' => Some(reach(CertificateStage::Primary)),
        b'3' => Some(reach(CertificateStage::Junior)),
        b'4' => Some(reach(CertificateStage::Senior)),
        b'5' => Some(reach(CertificateStage::Vocational)),
        b'6' => Some(0),
        b'7' => Some(reach(CertificateStage::Higher)),
        _ => None,
    }
}

/// STAFF-ACAD-QUALIFICATION: who teaches or researches for an academic course holds a teacher's certificate of the
/// stage or above (none, malformed, below: block) and of the subject (another: warn).
///
/// The stage is that of the number's type digit and that of `certificate_stage`; the lower of the two counts.
pub(super) fn qualification(filing: &Filing, person: &Person) -> Option<Finding> {
    if filing.course.category != Category::Academic {
        return None;
    }
    let finding = certificate(filing, person).or_else(|| certificate_subject(filing, person));
    person.if_role(&[Role::Teaching, Role::Research], &ACAD_QUALIFICATION, finding)
}

fn certificate(filing: &Filing, person: &Person) -> Option<Finding> {
    let path = person.path("teacher_certificate");
    let block = |zh: String, en: String, evidence| {
        ACAD_QUALIFICATION.found(Severity::Block, person.path("teacher_certificate"), (zh, en), evidence)
    };
    let stage = filing.course.stage;
    let (zh, en) = (person.zh(), person.en());
    let number = match &person.facts.teacher_certificate {
        Known::Unknown => return Some(ACAD_QUALIFICATION.unknown(path.clone(), &[path])),
        Known::Value(number) if !number.trim().is_empty() => number.trim(),
        Known::Nothing | Known::Value(_) => {
            return Some(block(
                format!("{zh}没有教师资格证，不得从事学科类教学、教研。"),
                format!("{en} has no teacher's certificate and must not teach or research for an academic course."),
                json!({"measured": null, "limit": stage}),
            ));
        }
    };
    let Some(by_number) = number_reach(number) else {
        return Some(block(
            format!("{zh}的教师资格证号「{number}」格式不对：须为 17 位数字，第 10 位为资格种类 1–7。"),
            format!("{en}'s certificate number {number:?} is malformed: 17 digits, the tenth (the kind) from 1 to 7."),
            json!({"measured": number, "length": number.chars().count(), "limit_length": 17}),
        ));
    };
    let stated = person.facts.certificate_stage.value().copied();
    let required = required_reach(stage);
    let reached = stated.map_or(by_number, |stated| by_number.min(reach(stated)));
    (reached < required).then(|| {
        let shown = stated.map_or("—", CertificateStage::zh);
        block(
            format!("{zh}的教师资格证（种类码 {}，填报学段 {shown}）低于任教学段「{}」。", &number[9..10], stage.zh()),
            format!(
                "{en}'s certificate (kind {}, stated stage {}) is below the taught stage, {}.",
                &number[9..10],
                stated.map_or("—", CertificateStage::en),
                stage.en()
            ),
            json!({"measured": number, "kind": &number[9..10], "certificate_stage": stated, "limit": stage,
                "boundary": ">=", "gap": required - reached}),
        )
    })
}

fn certificate_subject(filing: &Filing, person: &Person) -> Option<Finding> {
    let path = person.path("teacher_certificate");
    let (taught, held) = (filing.course.subject.value(), &person.facts.certificate_subject);
    let Some(taught) = taught.filter(|_| !held.is_unknown()) else {
        let mut missing = Vec::new();
        if taught.is_none() {
            missing.push("course.subject".to_owned());
        }
        if held.is_unknown() {
            missing.push(person.path("certificate_subject"));
        }
        return Some(ACAD_QUALIFICATION.unknown(path, &missing));
    };
    let held = held.value();
    let same = held.is_some_and(|held| match (Subject::named(held), Subject::named(taught)) {
        (Some(held), Some(taught)) => held == taught,
        _ => held.trim() == taught.trim(),
    });
    (!same).then(|| {
        let shown =
            |text: &str| Subject::named(text).map_or_else(|| text.to_owned(), |subject| subject.zh().to_owned());
        let held_zh = held.map_or_else(|| "无".to_owned(), |held| shown(held));
        ACAD_QUALIFICATION.found(
            Severity::Warn,
            path,
            (
                format!("{}的教师资格证任教学科为「{held_zh}」，与课程学科「{}」不一致。", person.zh(), shown(taught)),
                format!(
                    "{}'s certificate is for {}, the course is {taught}.",
                    person.en(),
                    held.map_or("no subject", String::as_str)
                ),
            ),
            json!({"measured": held, "limit": taught}),
        )
    })
}

/// STAFF-NONACAD-SKILL: who teaches a non-academic course holds a certificate of skill.
pub(super) fn skill(filing: &Filing, person: &Person) -> Option<Finding> {
    if filing.course.category == Category::Academic {
        return None;
    }
    let path = person.path("skill_certificate");
    let finding = match &person.facts.skill_certificate {
        Known::Unknown => NONACAD_SKILL.unknown(path.clone(), &[path]),
        Known::Value(text) if !text.trim().is_empty() => return None,
        Known::Nothing | Known::Value(_) => NONACAD_SKILL.found(
            Severity::Block,
            path,
            (
                format!("{}没有相应的职业（专业）能力证明。", person.zh()),
                format!("{} has no certificate of skill in the field.", person.en()),
            ),
            json!({"measured": null, "category": filing.course.category}),
        ),
    };
    person.if_role(&[Role::Teaching], &NONACAD_SKILL, Some(finding))
}
