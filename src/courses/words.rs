//! The names of a filing's fields and of a finding's evidence, as people read them. Pure.

use serde_json::{Map, Value};

use super::model::{Category, CertificateStage, Delivery, Stage, Subject};
use crate::{kernel::Fen, web::Lang};

/// A field of the filing by its path, in Chinese and in English; a path without a name is its own.
pub fn field(path: &str) -> (String, String) {
    let number = |text: &str| text.split(['[', ']']).nth(1).and_then(|at| at.parse::<usize>().ok()).map(|at| at + 1);
    let last = path.rsplit('.').next().unwrap_or_default();
    let Some((zh, en)) = name(path).or_else(|| name(last)) else { return (path.to_owned(), path.to_owned()) };
    match number(path) {
        Some(at) if path.starts_with("instructors[") => (format!("第 {at} 人的{zh}"), format!("{en} of person {at}")),
        Some(at) => (format!("第 {at} 节课的{zh}"), format!("{en} of lesson {at}")),
        None => (zh.to_owned(), en.to_owned()),
    }
}

fn name(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "calendar.vacations" => ("本县校历的寒暑假起止日", "the county's school vacations"),
        "calendar.school_hours" => ("本县中小学的上课时间", "the school hours of the county"),
        "institution.stages" => ("机构获准的学段", "the stages that the licence allows"),
        "institution.delivery" => ("机构获准的线上或线下", "the delivery that the licence allows"),
        "institution.licensed_categories" => ("机构获准的类别", "the categories that the licence allows"),
        "institution.credit_code" => ("机构的统一社会信用代码", "the institution's credit code"),
        "institution.for_profit" => ("机构是否营利性", "whether the institution is for profit"),
        "institution.list_status" => ("机构的名单状态", "where the institution stands on the lists"),
        "instructors" => ("教学人员", "the instructors"),
        "course.sessions" => ("排课", "the lessons"),
        "course.repeat_from" => ("按周重复排课", "the weekly repeat"),
        "course.name" => ("课程名称", "the course's name"),
        "course.category" => ("类别", "the category"),
        "course.subject" => ("科目", "the subject"),
        "course.stage" => ("学段", "the stage"),
        "course.grade" => ("年级", "the grade"),
        "course.delivery" => ("线上或线下", "the delivery"),
        "course.lesson_minutes" => ("每课时分钟数", "the minutes of a unit"),
        "course.break_minutes" => ("课间分钟数", "the minutes of a break"),
        "course.class_size" => ("班级人数", "the class size"),
        "course.area_m2" => ("教室面积", "the room's area"),
        "course.lessons" => ("课时数", "the number of units"),
        "course.fee_fen" => ("课程总价", "the price"),
        "course.benchmark_fen" => ("政府指导价基准", "the guided price"),
        "course.first_payment_on" => ("最早收费日", "the first payment's day"),
        "course.materials_filed" => ("培训材料是否备案", "whether the materials are filed"),
        "course.homework" => ("是否布置作业", "whether homework is set"),
        "course.overseas_curriculum" => ("是否含境外课程", "whether it is an overseas curriculum"),
        "course.photo_search" => ("是否提供拍照搜题", "whether it offers photo search"),
        "date" => ("日期", "the day"),
        "start" => ("上课时间", "the start"),
        "end" => ("下课时间", "the end"),
        "role" => ("岗位", "the role"),
        "nationality" => ("国籍", "the nationality"),
        "located_in" => ("授课所在地", "the place taught from"),
        "teacher_certificate" => ("教师资格证", "the teacher's certificate"),
        "certificate_subject" => ("资格证学科", "the certificate's subject"),
        "certificate_stage" => ("资格证学段", "the certificate's stage"),
        "skill_certificate" => ("专业技能证书", "the professional certificate"),
        "published" => ("是否公示", "whether they are published"),
        "in_service_teacher" => ("是否在职中小学教师", "whether they are a school's teacher in service"),
        "banned" => ("从业禁止查询结果", "the result of the inquiry into bans"),
        "inquiry_on" => ("违法犯罪查询日期", "the day of the inquiry into offences"),
        _ => return None,
    })
}

/// Several fields in one phrase.
pub(super) fn fields(paths: &[String]) -> (String, String) {
    let (zh, en): (Vec<String>, Vec<String>) = paths.iter().map(|path| field(path)).unzip();
    (zh.join("、"), en.join(", "))
}

/// What a finding measured against what, on one line. What the message says already is left out: the fields that are
/// missing, the side of the limit, the weekday and the time zone.
pub(super) fn evidence(lang: Lang, evidence: &Map<String, Value>) -> String {
    let told =
        |name: &str| matches!(name, "missing" | "boundary" | "weekday" | "timezone" | "unit" | "reason" | "name");
    let said_here = |name: &str, value: &Value| !told(name) && (name == "measured" || !value.is_null());
    let parts = evidence.iter().filter(|(name, value)| said_here(name, value));
    parts.map(|(name, value)| said(lang, name, value)).collect::<Vec<_>>().join(lang.t("，", ", "))
}

fn said(lang: Lang, name: &str, value: &Value) -> String {
    let (zh, en, unit_zh, unit_en) = measure(name);
    let value = match (value, name) {
        (Value::Null, _) => lang.t("无", "none").to_owned(),
        (Value::Bool(yes), _) => if *yes { lang.t("是", "yes") } else { lang.t("否", "no") }.to_owned(),
        (Value::Number(fen), name) if name.ends_with("_fen") => {
            fen.as_i64().map_or_else(|| fen.to_string(), |fen| Fen(fen).yuan())
        }
        (Value::String(text), _) => coded(lang, text),
        (Value::Array(items), _) => {
            let items =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), |text| coded(lang, text)));
            items.collect::<Vec<_>>().join(lang.t("、", "/"))
        }
        (other, _) => other.to_string(),
    };
    let unit = lang.t(unit_zh, unit_en);
    format!("{} {value}{}{unit}", lang.t(zh, en), if unit.is_empty() { "" } else { " " })
}

/// The names of codes; any other text as it stands.
pub fn coded(lang: Lang, text: &str) -> String {
    let word = text
        .parse::<Category>()
        .map(|c| lang.t(c.zh(), c.en()))
        .or_else(|_| text.parse::<Stage>().map(|s| lang.t(s.zh(), s.en())))
        .or_else(|_| text.parse::<CertificateStage>().map(|s| lang.t(s.zh(), s.en())))
        .or_else(|_| text.parse::<Delivery>().map(|d| lang.t(d.zh(), d.en())))
        .or_else(|_| text.parse::<Subject>().map(|s| lang.t(s.zh(), s.en())));
    match (word, text) {
        (Ok(word), _) => word.to_owned(),
        (Err(_), "rest") => lang.t("休息日", "day of rest").to_owned(),
        (Err(_), "holiday") => lang.t("节假日", "holiday").to_owned(),
        (Err(_), "workday") => lang.t("工作日", "workday").to_owned(),
        (Err(_), "makeup") => lang.t("调休上班日", "make-up workday").to_owned(),
        (Err(_), other) => other.to_owned(),
    }
}

/// Name and unit of one part of the evidence.
fn measure(name: &str) -> (&str, &str, &'static str, &'static str) {
    match name {
        "measured" => ("实际", "measured", "", ""),
        "measured_minutes" => ("实际", "measured", "分钟", "min"),
        "measured_fen" => ("实际", "measured", "", ""),
        "measured_m2" => ("实际", "measured", "平方米", "m²"),
        "limit" => ("规定", "limit", "", ""),
        "limit_minutes" => ("规定", "limit", "分钟", "min"),
        "limit_fen" | "fee_limit_fen" => ("规定", "limit", "", ""),
        "limit_m2" => ("规定", "limit", "平方米", "m²"),
        "limit_length" => ("应为", "should be", "位", "characters"),
        "gap" => ("相差", "gap", "", ""),
        "gap_minutes" => ("相差", "gap", "分钟", "min"),
        "gap_days" => ("相差", "gap", "天", "days"),
        "gap_fen" => ("相差", "gap", "", ""),
        "gap_cm2" => ("相差", "gap", "平方厘米", "cm²"),
        "date" => ("日期", "day", "", ""),
        "start" => ("上课", "start", "", ""),
        "end" => ("下课", "end", "", ""),
        "previous_end" => ("上一节下课", "lesson before ends", "", ""),
        "school_start" => ("学校上课", "school begins", "", ""),
        "school_end" => ("学校放学", "school ends", "", ""),
        "vacation_from" => ("假期自", "vacation from", "", ""),
        "vacation_to" => ("至", "to", "", ""),
        "first_lesson_on" => ("首课", "first lesson", "", ""),
        "as_of" => ("今天", "today", "", ""),
        "festival" => ("节日", "festival", "", ""),
        "students" => ("学员", "pupils", "人", ""),
        "percent" => ("比例", "share", "%", "%"),
        "lessons" => ("课时", "units", "", ""),
        "lesson_minutes" => ("每课时", "a unit", "分钟", "min"),
        "standard_minutes" => ("标准课时", "a standard unit", "分钟", "min"),
        "fee_fen" => ("总价", "price", "", ""),
        "benchmark_fen" => ("基准价", "guided price", "", ""),
        "float_bp" => ("上浮（基点）", "float in basis points", "", ""),
        "category" => ("类别", "category", "", ""),
        "subject" => ("科目", "subject", "", ""),
        "delivery" => ("形式", "delivery", "", ""),
        "matched" => ("命中", "matched", "", ""),
        "nationality" => ("国籍", "nationality", "", ""),
        "length" => ("位数", "length", "", ""),
        "kind" => ("证书种类码", "kind of certificate", "", ""),
        "certificate_stage" => ("证书学段", "certificate's stage", "", ""),
        "credit_code" => ("信用代码", "credit code", "", ""),
        "doubts" => ("存疑", "doubts", "", ""),
        "registered_in" => ("登记地", "registered in", "", ""),
        "region" => ("本县", "county", "", ""),
        "for_profit" => ("营利性", "for profit", "", ""),
        other => (other, other, "", ""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(value: Value) -> String {
        let Value::Object(map) = value else { unreachable!() };
        evidence(Lang::Zh, &map)
    }

    #[test]
    fn fields_are_named_with_the_row_they_stand_in() {
        assert_eq!(field("calendar.vacations").0, "本县校历的寒暑假起止日");
        assert_eq!(field("instructors[1].banned").0, "第 2 人的从业禁止查询结果");
        assert_eq!(field("course.sessions[0].end").1, "the end of lesson 1");
        assert_eq!(field("something.new").0, "something.new");
        assert_eq!(fields(&["course.class_size".to_owned(), "course.area_m2".to_owned()]).0, "班级人数、教室面积");
    }

    #[test]
    fn evidence_is_said_with_names_and_units() {
        assert_eq!(
            line(
                json!({"date": "2026-03-26", "start": "18:30", "measured": "20:31", "limit": "20:30", "boundary": "<=", "gap_minutes": 1})
            ),
            "日期 2026-03-26，上课 18:30，实际 20:31，规定 20:30，相差 1 分钟"
        );
        assert_eq!(line(json!({"measured": null, "limit": "junior"})), "实际 无，规定 初中");
        assert_eq!(line(json!({"measured_fen": 500_001, "limit_fen": 500_000})), "实际 ¥5,000.01，规定 ¥5,000.00");
        assert_eq!(line(json!({"missing": ["course.class_size"]})), "");
    }

    /// Whatever the rules write into evidence has a name here, so that no page shows the name of a field.
    #[test]
    fn every_part_of_the_evidence_has_a_name() {
        let rules = [
            include_str!("rules/content.rs"),
            include_str!("rules/fees.rs"),
            include_str!("rules/licence.rs"),
            include_str!("rules/qualification.rs"),
            include_str!("rules/staff.rs"),
            include_str!("rules/time.rs"),
        ];
        let mut seen = 0;
        for block in rules.iter().flat_map(|file| file.split("json!({").skip(1)) {
            let block = block.split("})").next().unwrap();
            for part in
                block.split('"').collect::<Vec<_>>().windows(2).filter(|pair| pair[1].trim_start().starts_with(':'))
            {
                let told = evidence(Lang::En, &Map::from_iter([(part[0].to_owned(), json!("x"))])).is_empty();
                assert!(told || measure(part[0]).0 != part[0], "{} has no name", part[0]);
                seen += 1;
            }
        }
        assert!(seen > 60, "the evidence was found: {seen}");
    }
}
