//! What is taught, to whom and in what room (domain-rules §4.2, ROOM-CAPACITY of §4.3, homework of §4.1).

use serde_json::json;

use super::rule::{Rule, paths, with_fix};
use crate::{
    courses::model::{Category, Delivery, Filing, Known, SquareMetres, Stage, Subject},
    kernel::{Finding, Severity},
};

pub(super) const HOMEWORK: Rule = Rule {
    id: "COURSE-HOMEWORK-NONE",
    title_zh: "是否留作业",
    title_en: "homework",
    legal_basis: "国办发〔2018〕80号",
    fix_zh: "取消课后作业。",
    fix_en: "Drop the homework.",
};
pub(super) const FOREIGN_CURRICULUM: Rule = Rule {
    id: "COURSE-FOREIGN-CURRICULUM",
    title_zh: "境外教育课程",
    title_en: "overseas curricula",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "删除境外教育课程内容。",
    fix_en: "Remove the overseas curriculum.",
};
pub(super) const PHOTO_SEARCH: Rule = Rule {
    id: "COURSE-PHOTO-SEARCH",
    title_zh: "拍照搜题",
    title_en: "photo search for answers",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "关闭拍照搜题功能。",
    fix_en: "Remove the photo search.",
};
pub(super) const MATERIAL_FILED: Rule = Rule {
    id: "COURSE-MATERIAL-FILED",
    title_zh: "培训材料备案",
    title_en: "the filing of materials",
    legal_basis: "教监管厅函〔2021〕6号",
    fix_zh: "完成培训材料内部审核和备案后再提交。",
    fix_en: "Have the materials reviewed and filed, then submit again.",
};
pub(super) const PRESCHOOL_ACADEMIC: Rule = Rule {
    id: "COURSE-PRESCHOOL-ACADEMIC",
    title_zh: "学龄前学科类培训",
    title_en: "academic training of preschool children",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "停止面向学龄前儿童的学科类（含外语）培训。",
    fix_en: "Stop academic and foreign-language training of preschool children.",
};
pub(super) const PRESCHOOL_ONLINE: Rule = Rule {
    id: "COURSE-PRESCHOOL-ONLINE",
    title_zh: "学龄前线上培训",
    title_en: "online training of preschool children",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "改为线下非学科类课程。",
    fix_en: "Offer an offline, non-academic course instead.",
};
pub(super) const ROOM_CAPACITY: Rule = Rule {
    id: "ROOM-CAPACITY",
    title_zh: "教室人均面积",
    title_en: "the room's area per student",
    legal_basis: "教监管厅函〔2022〕9号；国办发〔2018〕80号",
    fix_zh: "减少每班人数或换更大的教室。",
    fix_en: "Take fewer students or a larger room.",
};

/// Least room per student, itself allowed.
const CM2_PER_STUDENT_MIN: i64 = 30_000;

/// Words in a course's name that hint at an overseas curriculum; a hint goes to an official, never more.
const OVERSEAS_WORDS: [&str; 9] = ["A-LEVEL", "A LEVEL", "ALEVEL", "IB", "AP", "IGCSE", "GCSE", "US K12", "美国K12"];

/// All rules of this file.
pub(super) fn check(filing: &Filing) -> Vec<Finding> {
    [
        homework(filing),
        foreign_curriculum(filing),
        photo_search(filing),
        material_filed(filing),
        preschool_academic(filing),
        preschool_online(filing),
        room_capacity(filing),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A finding about a yes-or-no field that is not as it must be.
fn answered(rule: &Rule, severity: Severity, path: &str, measured: bool, zh: &str, en: &str) -> Finding {
    rule.found(severity, path, (zh.to_owned(), en.to_owned()), json!({"measured": measured, "limit": !measured}))
}

/// COURSE-HOMEWORK-NONE: academic courses of minors give no homework.
fn homework(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.homework";
    let course = &filing.course;
    if course.category != Category::Academic || !course.stage.is_of_minors() {
        return None;
    }
    match course.homework.answer() {
        None => Some(HOMEWORK.unknown(PATH, &paths([PATH]))),
        Some(false) => None,
        Some(true) => Some(answered(
            &HOMEWORK,
            Severity::Warn,
            PATH,
            true,
            "学科类课程留有课后作业；不得留作业。",
            "The academic course gives homework; it must give none.",
        )),
    }
}

/// COURSE-FOREIGN-CURRICULUM: no overseas curriculum; a name that sounds like one goes to an official.
fn foreign_curriculum(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.overseas_curriculum";
    let course = &filing.course;
    match course.overseas_curriculum.answer() {
        None => Some(FOREIGN_CURRICULUM.unknown(PATH, &paths([PATH]))),
        Some(true) => Some(answered(
            &FOREIGN_CURRICULUM,
            Severity::Block,
            PATH,
            true,
            "课程含境外教育课程内容，严禁提供。",
            "The course offers an overseas curriculum, which is prohibited.",
        )),
        Some(false) => {
            let name = course.name.value()?;
            let word = overseas_word(name)?;
            let finding = FOREIGN_CURRICULUM.found(
                Severity::Refer,
                PATH,
                (
                    format!("课程名称「{name}」含「{word}」，疑为境外教育课程，由工作人员核实。"),
                    format!(
                        "The course's name {name:?} contains {word:?}, maybe an overseas curriculum: to be verified."
                    ),
                ),
                json!({"measured": name, "matched": word, "limit": false}),
            );
            Some(with_fix(
                finding,
                "修改课程名称，或附教学大纲说明不是境外课程。".to_owned(),
                "Rename the course, or show by its syllabus that it is none.".to_owned(),
            ))
        }
    }
}

/// The first listed word that stands in `name` by itself, not inside a longer Latin word.
fn overseas_word(name: &str) -> Option<&'static str> {
    let name = name.to_uppercase();
    let is_word_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    OVERSEAS_WORDS.into_iter().find(|word| {
        name.match_indices(word).any(|(at, _)| {
            let (before, after) = (&name[..at], &name[at + word.len()..]);
            !is_word_part(before.chars().next_back()) && !is_word_part(after.chars().next())
        })
    })
}

/// COURSE-PHOTO-SEARCH: an online course offers no photo search for answers.
fn photo_search(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.photo_search";
    if filing.course.delivery != Delivery::Online {
        return None;
    }
    match filing.course.photo_search.answer() {
        None => Some(PHOTO_SEARCH.unknown(PATH, &paths([PATH]))),
        Some(false) => None,
        Some(true) => Some(answered(
            &PHOTO_SEARCH,
            Severity::Block,
            PATH,
            true,
            "线上课程提供拍照搜题，不得提供。",
            "The online course offers photo search for answers, which is prohibited.",
        )),
    }
}

/// COURSE-MATERIAL-FILED: every material is reviewed and filed. Null: none is filed.
fn material_filed(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.materials_filed";
    match filing.course.materials_filed.answer() {
        None => Some(MATERIAL_FILED.unknown(PATH, &paths([PATH]))),
        Some(true) => None,
        Some(false) => Some(answered(
            &MATERIAL_FILED,
            Severity::Block,
            PATH,
            false,
            "培训材料未备案；须先审核并备案。",
            "The materials are not filed; they must be reviewed and filed first.",
        )),
    }
}

/// COURSE-PRESCHOOL-ACADEMIC: no academic or foreign-language training of preschool children, under any name.
///
/// A course of another category counts when its subject is an academic one; the foreign languages are among them.
fn preschool_academic(filing: &Filing) -> Option<Finding> {
    let course = &filing.course;
    let subject = course.subject.value();
    let academic = course.category == Category::Academic || subject.is_some_and(|text| Subject::named(text).is_some());
    (course.stage == Stage::Preschool && academic).then(|| {
        PRESCHOOL_ACADEMIC.found(
            Severity::Block,
            "course.stage",
            (
                "面向学龄前儿童开展学科类（含外语）培训，严禁开展。".to_owned(),
                "Academic or foreign-language training of preschool children is prohibited.".to_owned(),
            ),
            json!({"measured": course.stage, "category": course.category, "subject": subject,
                "name": course.name.value()}),
        )
    })
}

/// COURSE-PRESCHOOL-ONLINE: no online training of preschool children, whatever is taught.
fn preschool_online(filing: &Filing) -> Option<Finding> {
    let course = &filing.course;
    (course.stage == Stage::Preschool && course.delivery == Delivery::Online).then(|| {
        PRESCHOOL_ONLINE.found(
            Severity::Block,
            "course.stage",
            (
                "面向学龄前儿童开展线上培训，严禁开展。".to_owned(),
                "Online training of preschool children is prohibited.".to_owned(),
            ),
            json!({"measured": course.stage, "delivery": course.delivery}),
        )
    })
}

/// ROOM-CAPACITY: an offline room has at least 3.00 m² per student, compared as `area >= 3 × students` in cm².
///
/// An area of null is no room at all; a class without a size cannot be judged.
fn room_capacity(filing: &Filing) -> Option<Finding> {
    const PATH: &str = "course.area_m2";
    let course = &filing.course;
    if course.delivery != Delivery::Offline {
        return None;
    }
    let area = match course.area_m2 {
        Known::Unknown => None,
        Known::Nothing => Some(SquareMetres::default()),
        Known::Value(area) => Some(area),
    };
    let (Some(area), Some(&students)) = (area, course.class_size.value()) else {
        let mut missing = Vec::new();
        if area.is_none() {
            missing.push(PATH.to_owned());
        }
        if course.class_size.value().is_none() {
            missing.push("course.class_size".to_owned());
        }
        return Some(ROOM_CAPACITY.unknown(PATH, &missing));
    };
    let need_cm2 = i64::from(students) * CM2_PER_STUDENT_MIN;
    (area.cm2() < need_cm2).then(|| {
        let (need, short) = (i64::from(students) * 3, need_cm2 - area.cm2());
        let most = area.cm2() / CM2_PER_STUDENT_MIN;
        let short_m2 = SquareMetres::from_cm2(short).map_or_else(|| "—".to_owned(), |short| short.to_string());
        let finding = ROOM_CAPACITY.found(
            Severity::Block,
            PATH,
            (
                format!("教室 {area} 平方米、{students} 人，人均须不少于 3 平方米（共 {need} 平方米），还差 {short_m2} 平方米。"),
                format!(
                    "The room has {area} m² for {students} students; 3 m² each, {need} m² in all, are the least: \
                     {short_m2} m² short."
                ),
            ),
            json!({"measured_m2": area, "students": students, "limit_m2": need, "boundary": ">=", "gap_cm2": short}),
        );
        with_fix(
            finding,
            format!("每班不超过 {most} 人，或换不小于 {need} 平方米的教室。"),
            format!("Take at most {most} students, or a room of at least {need} m²."),
        )
    })
}
