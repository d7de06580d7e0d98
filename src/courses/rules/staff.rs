//! Who may work at an institution, and how many teachers a class needs (domain-rules §4.4); what they must hold is
//! in `qualification`.
//!
//! Whether a person teaches is their `role`; a rule that would find something if they taught, and does not know
//! whether they do, refers. Where the whole list is unknown, every rule that applies to the course says so once.

use serde_json::json;

use super::{
    qualification::{ACAD_QUALIFICATION, NONACAD_SKILL, qualification, skill},
    rule::{Rule, count, paths, with_fix},
};
use crate::{
    courses::model::{Category, Delivery, Filing, Instructor, Known, Role, Stage},
    kernel::{Finding, Severity, calendar::add_months},
};

pub(super) const INSERVICE_BAN: Rule = Rule {
    id: "STAFF-INSERVICE-BAN",
    title_zh: "在职中小学教师",
    title_en: "in-service school teachers",
    legal_basis: "教监管厅函〔2021〕9号；双减意见（中办发〔2021〕40号）",
    fix_zh: "停止聘用在职中小学、幼儿园教师（无论是否取酬）。",
    fix_en: "Stop employing in-service teachers, paid or unpaid.",
};
pub(super) const BLACKLIST: Rule = Rule {
    id: "STAFF-BLACKLIST",
    title_zh: "从业禁止",
    title_en: "bars from the trade",
    legal_basis: "未成年人保护法第六十二条；教监管厅函〔2021〕9号",
    fix_zh: "解聘该人员。",
    fix_en: "Dismiss the person.",
};
pub(super) const INQUIRY_FRESH: Rule = Rule {
    id: "STAFF-INQUIRY-FRESH",
    title_zh: "违法犯罪记录查询",
    title_en: "the yearly inquiry into offences",
    legal_basis: "未成年人保护法第六十二条",
    fix_zh: "重新查询违法犯罪记录并填写查询日期。",
    fix_en: "Inquire again and give the day of the inquiry.",
};
pub(super) const FOREIGN_ABROAD: Rule = Rule {
    id: "STAFF-FOREIGN-ABROAD",
    title_zh: "境外外籍人员",
    title_en: "foreigners teaching from abroad",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "停止聘请在境外的外籍人员开展培训。",
    fix_en: "Stop training by foreigners who are abroad.",
};
pub(super) const PUBLISH: Rule = Rule {
    id: "STAFF-PUBLISH",
    title_zh: "教学人员信息公示",
    title_en: "the publication of staff",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "在场所和网站显著位置公示姓名、照片、资格证号和任教科目。",
    fix_en: "Show name, photo, qualification and subjects at the site and on the website.",
};
pub(super) const RATIO_OFFLINE: Rule = Rule {
    id: "STAFF-RATIO-OFFLINE",
    title_zh: "专职教学人员配备",
    title_en: "the number of full-time teachers",
    legal_basis: "教监管厅函〔2021〕9号",
    fix_zh: "增加专职教学人员或减少人数。",
    fix_en: "Add full-time teachers or take fewer students.",
};

/// Chinese nationals of the mainland, Hong Kong, Macao and Taiwan are no foreigners.
const CHINESE: [&str; 4] = ["CN", "HK", "MO", "TW"];
const MAINLAND: &str = "CN";
/// Calendar months that an inquiry holds.
const INQUIRY_MONTHS: i32 = 12;

/// All rules of this file.
pub(super) fn check(filing: &Filing) -> Vec<Finding> {
    let mut findings = Vec::from_iter(ratio(filing));
    let Some(people) = filing.instructors.list() else {
        let qualification =
            if filing.course.category == Category::Academic { &ACAD_QUALIFICATION } else { &NONACAD_SKILL };
        let rules = [qualification, &INSERVICE_BAN, &BLACKLIST, &INQUIRY_FRESH, &FOREIGN_ABROAD, &PUBLISH];
        findings.extend(rules.map(|rule| rule.unknown(LIST_PATH, &paths([LIST_PATH]))));
        return findings;
    };
    for (i, person) in people.iter().enumerate() {
        let person = Person { i, facts: person };
        findings.extend(qualification(filing, &person));
        findings.extend(skill(filing, &person));
        findings.extend(in_service(&person));
        findings.extend(banned(&person));
        findings.extend(inquiry(filing, &person));
        findings.extend(foreign_abroad(&person));
        findings.extend(published(&person));
    }
    findings
}

const LIST_PATH: &str = "instructors";

/// One of the list, with their place in it.
pub(super) struct Person<'a> {
    i: usize,
    pub(super) facts: &'a Instructor,
}

impl Person<'_> {
    pub(super) fn path(&self, field: &str) -> String {
        format!("instructors[{}].{field}", self.i)
    }

    /// The name, else the place in the list counted from one.
    pub(super) fn zh(&self) -> String {
        self.facts.name.value().cloned().unwrap_or_else(|| format!("第 {} 名人员", self.i + 1))
    }

    pub(super) fn en(&self) -> String {
        self.facts.name.value().cloned().unwrap_or_else(|| format!("Person {}", self.i + 1))
    }

    /// `finding` if the person has one of `roles`, a reference if their role is not known, else nothing.
    pub(super) fn if_role(&self, roles: &[Role], rule: &Rule, finding: Option<Finding>) -> Option<Finding> {
        let finding = finding?;
        match self.facts.role.value() {
            Some(role) => roles.contains(role).then_some(finding),
            None => {
                let mut missing = vec![self.path("role")];
                let others = finding.evidence.get("missing").and_then(|all| all.as_array()).into_iter().flatten();
                missing.extend(others.filter_map(|path| path.as_str()).map(str::to_owned));
                Some(rule.unknown(finding.path, &missing))
            }
        }
    }
}

/// A finding when the answer of a yes-or-no field is `wrong`, a reference when there is none.
fn answered(
    (rule, severity): (&Rule, Severity),
    path: String,
    answer: Option<bool>,
    wrong: bool,
    messages: (String, String),
) -> Option<Finding> {
    match answer {
        None => Some(rule.unknown(path.clone(), &[path])),
        Some(answer) if answer == wrong => {
            Some(rule.found(severity, path, messages, json!({"measured": answer, "limit": !wrong})))
        }
        Some(_) => None,
    }
}

/// STAFF-INSERVICE-BAN: no in-service teacher of a school or kindergarten, paid or unpaid.
fn in_service(person: &Person) -> Option<Finding> {
    let messages = (
        format!("{}是在职中小学（幼儿园）教师，不得聘用。", person.zh()),
        format!("{} is an in-service school teacher and must not be employed.", person.en()),
    );
    let answer = person.facts.in_service_teacher.answer();
    answered((&INSERVICE_BAN, Severity::Block), person.path("in_service_teacher"), answer, true, messages)
}

/// STAFF-BLACKLIST: nobody who is barred from the trade.
fn banned(person: &Person) -> Option<Finding> {
    let messages = (
        format!("{}在从业禁止（黑名单、限制从业或违法犯罪记录）名单内，不得聘用。", person.zh()),
        format!("{} is barred from the trade and must not be employed.", person.en()),
    );
    answered((&BLACKLIST, Severity::Block), person.path("banned"), person.facts.banned.answer(), true, messages)
}

/// STAFF-PUBLISH: name, photo, qualification and subjects are shown to the public.
fn published(person: &Person) -> Option<Finding> {
    let messages = (format!("{}的信息未公示。", person.zh()), format!("{} is not shown to the public.", person.en()));
    answered((&PUBLISH, Severity::Warn), person.path("published"), person.facts.published.answer(), false, messages)
}

/// STAFF-INQUIRY-FRESH: the last inquiry is at most a year old (29 February counts to 28 February).
///
/// An inquiry dated after today has not been made, and counts as none.
fn inquiry(filing: &Filing, person: &Person) -> Option<Finding> {
    let path = person.path("inquiry_on");
    let today = filing.as_of;
    let made = match person.facts.inquiry_on {
        Known::Unknown => return Some(INQUIRY_FRESH.unknown(path.clone(), &[path])),
        Known::Nothing => None,
        Known::Value(made) => Some(made),
    };
    let (zh, en) = (person.zh(), person.en());
    let warn = |messages, evidence| Some(INQUIRY_FRESH.found(Severity::Warn, path.clone(), messages, evidence));
    match made {
        None => warn(
            (format!("{zh}没有查询过违法犯罪记录。"), format!("No inquiry into offences was made about {en}.")),
            json!({"measured": null, "as_of": today}),
        ),
        Some(made) if today < made => warn(
            (
                format!("{zh}的违法犯罪记录查询日期 {made} 在今天（{today}）之后。"),
                format!("The inquiry about {en} is dated {made}, after today, {today}."),
            ),
            json!({"measured": made, "limit": today, "boundary": "<=", "as_of": today}),
        ),
        Some(made) => {
            let limit = add_months(made, INQUIRY_MONTHS)?;
            let gap = (today - limit).num_days();
            if gap <= 0 {
                return None;
            }
            warn(
                (
                    format!("{zh}的违法犯罪记录查询于 {made}，有效至 {limit}，已过 {gap} 天。"),
                    format!(
                        "The inquiry about {en} was made {made} and held until {limit}, {} ago.",
                        count(gap, "day")
                    ),
                ),
                json!({"measured": made, "as_of": today, "limit": limit, "boundary": "as_of <= limit", "gap_days": gap}),
            )
        }
    }
}

/// STAFF-FOREIGN-ABROAD: no training by a foreigner outside the mainland, online or offline.
fn foreign_abroad(person: &Person) -> Option<Finding> {
    let path = person.path("located_in");
    let (nationality, located) = (person.facts.nationality.value(), person.facts.located_in.value());
    let chinese = nationality.is_some_and(|code| CHINESE.contains(&code.as_str()));
    if chinese || located.is_some_and(|code| code == MAINLAND) {
        return None;
    }
    let finding = match (nationality, located) {
        (Some(nationality), Some(located)) => FOREIGN_ABROAD.found(
            Severity::Block,
            path,
            (
                format!("{}为外籍（{nationality}）且身在境外（{located}），不得开展培训。", person.zh()),
                format!("{} is a foreigner ({nationality}) abroad ({located}) and must not train.", person.en()),
            ),
            json!({"measured": located, "limit": MAINLAND, "nationality": nationality}),
        ),
        (nationality, located) => {
            let mut missing = Vec::new();
            if nationality.is_none() {
                missing.push(person.path("nationality"));
            }
            if located.is_none() {
                missing.push(path.clone());
            }
            FOREIGN_ABROAD.unknown(path, &missing)
        }
    };
    person.if_role(&[Role::Teaching, Role::Research], &FOREIGN_ABROAD, Some(finding))
}

/// STAFF-RATIO-OFFLINE: offline, full-time teachers are at least 2 % of the pupils, 6 % of preschool children, rounded
/// up; everyone in the list who teaches counts as full-time.
fn ratio(filing: &Filing) -> Option<Finding> {
    let course = &filing.course;
    if course.delivery != Delivery::Offline || !course.stage.is_of_minors() {
        return None;
    }
    let percent: u64 = if course.stage == Stage::Preschool { 6 } else { 2 };
    let (Some(&students), Some(people)) = (course.class_size.value(), filing.instructors.list()) else {
        let mut missing = Vec::new();
        if course.class_size.value().is_none() {
            missing.push("course.class_size".to_owned());
        }
        if filing.instructors.is_unknown() {
            missing.push(LIST_PATH.to_owned());
        }
        return Some(RATIO_OFFLINE.unknown(LIST_PATH, &missing));
    };
    let need = (u64::from(students) * percent).div_ceil(100);
    let teaching = people.iter().filter(|person| person.role == Known::Value(Role::Teaching)).count() as u64;
    if need <= teaching {
        return None;
    }
    let unknown: Vec<String> = people
        .iter()
        .enumerate()
        .filter(|(_, person)| person.role.value().is_none())
        .map(|(i, _)| format!("instructors[{i}].role"))
        .collect();
    if need <= teaching + unknown.len() as u64 {
        return Some(RATIO_OFFLINE.unknown(LIST_PATH, &unknown));
    }
    let short = need - teaching;
    let finding = RATIO_OFFLINE.found(
        Severity::Warn,
        LIST_PATH,
        (
            format!("{students} 人的线下班配有 {teaching} 名教学人员，原则上不少于 {percent}%（{need} 名），还差 {short} 名。"),
            format!(
                "Teachers of the offline class of {students}: {teaching}; {percent} % of the students, {need}, are the \
                 least: {short} short."
            ),
        ),
        json!({"measured": teaching, "limit": need, "boundary": ">=", "students": students, "percent": percent,
            "gap": short}),
    );
    let most = teaching * 100 / percent;
    Some(with_fix(
        finding,
        format!("增加 {short} 名专职教学人员，或每班不超过 {most} 人。"),
        format!("Add full-time teachers ({short}), or take fewer students (at most {most})."),
    ))
}
