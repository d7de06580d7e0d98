//! When lessons may be (domain-rules §4.1): end of day, school hours, days off, units and gaps online.

use chrono::{Datelike, NaiveDate};
use serde_json::json;

use super::rule::{Rule, count, paths, with_fix};
use crate::{
    courses::model::{Delivery, Filing, MakeupDay, Session, TimeOfDay},
    kernel::{Calendar, DayType, Finding, Severity},
};

pub(super) const OFFLINE_END: Rule = Rule {
    id: "COURSE-TIME-OFFLINE-END",
    title_zh: "线下培训结束时间",
    title_en: "the end of an offline lesson",
    legal_basis: "国办发〔2018〕80号；教监管〔2022〕4号",
    fix_zh: "把下课时间提前。",
    fix_en: "Move the lesson earlier.",
};
pub(super) const ONLINE_END: Rule = Rule {
    id: "COURSE-TIME-ONLINE-END",
    title_zh: "线上培训结束时间",
    title_en: "the end of an online lesson",
    legal_basis: "双减意见（中办发〔2021〕40号）；教监管〔2022〕4号",
    fix_zh: "把下课时间提前。",
    fix_en: "Move the lesson earlier.",
};
pub(super) const CROSS_MIDNIGHT: Rule = Rule {
    id: "COURSE-TIME-CROSS-MIDNIGHT",
    title_zh: "上下课时间的先后",
    title_en: "the order of start and end",
    legal_basis: "课程备案填报要求",
    fix_zh: "更正上课或下课时间；一次课不得跨越零点。",
    fix_en: "Correct the start or the end; a lesson does not cross midnight.",
};
pub(super) const ONLINE_UNIT: Rule = Rule {
    id: "COURSE-ONLINE-UNIT",
    title_zh: "线上每课时长度",
    title_en: "the length of an online unit",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "把这次课拆成每课时不超过 30 分钟，课间至少休息 10 分钟。",
    fix_en: "Split the lesson into units of at most 30 minutes with breaks of at least 10 minutes.",
};
pub(super) const ONLINE_GAP: Rule = Rule {
    id: "COURSE-ONLINE-GAP",
    title_zh: "线上课程间隔",
    title_en: "the gap between online units",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "推迟这一课时，使其与前一课时间隔不少于 10 分钟。",
    fix_en: "Start this unit later, at least 10 minutes after the one before ends.",
};
pub(super) const SCHOOL_HOURS: Rule = Rule {
    id: "COURSE-TIME-SCHOOL-HOURS",
    title_zh: "与当地中小学教学时间是否冲突",
    title_en: "overlap with the local schools' teaching time",
    legal_basis: "国办发〔2018〕80号；教监管〔2022〕4号",
    fix_zh: "改到放学以后或非上学日。",
    fix_en: "Move the lesson after school or to a day without school.",
};
pub(super) const HOLIDAY: Rule = Rule {
    id: "COURSE-DAY-HOLIDAY",
    title_zh: "法定节假日",
    title_en: "statutory holidays",
    legal_basis: "双减意见（中办发〔2021〕40号）；国务院办公厅节假日安排通知",
    fix_zh: "改到工作日（寒暑假以外）。",
    fix_en: "Move the lesson to a workday outside vacations.",
};
pub(super) const REST: Rule = Rule {
    id: "COURSE-DAY-REST",
    title_zh: "休息日",
    title_en: "rest days",
    legal_basis: "双减意见（中办发〔2021〕40号）",
    fix_zh: "改到周一至周五（周五晚可以）。",
    fix_en: "Move the lesson to Monday to Friday (Friday evening is allowed).",
};
pub(super) const MAKEUP: Rule = Rule {
    id: "COURSE-DAY-MAKEUP",
    title_zh: "调休上班日",
    title_en: "make-up workdays",
    legal_basis: "双减意见（中办发〔2021〕40号）；国务院办公厅节假日安排通知；县级政策",
    fix_zh: "改到周一至周五的工作日，或由教育部门确认当日学校上课。",
    fix_en: "Move the lesson to a weekday, or have the bureau confirm that schools are open that day.",
};
pub(super) const VACATION: Rule = Rule {
    id: "COURSE-DAY-VACATION",
    title_zh: "寒暑假",
    title_en: "school vacations",
    legal_basis: "双减意见（中办发〔2021〕40号）；县级校历",
    fix_zh: "改到开学以后的工作日。",
    fix_en: "Move the lesson to a workday after the vacation.",
};

/// Longest online unit, itself allowed.
const ONLINE_UNIT_MINUTES_MAX: i32 = 30;
/// Shortest gap between online units, itself allowed.
const ONLINE_GAP_MINUTES_MIN: i32 = 10;

/// The rules hold for lessons from this day on (双减意见).
const IN_FORCE: Option<NaiveDate> = NaiveDate::from_ymd_opt(2021, 7, 24);

/// Whether the rules held on `date`.
pub(super) fn in_force(date: NaiveDate) -> bool {
    IN_FORCE.is_some_and(|first| first <= date)
}

fn path(i: usize, field: &str) -> String {
    format!("course.sessions[{i}].{field}")
}

fn is_well_formed(session: &Session) -> bool {
    session.start < session.end
}

/// All rules of this file. A session that ends at or before its start is malformed: of the rules about its times it
/// gets [`cross_midnight`] alone, those about its day still hold.
pub(super) fn check(filing: &Filing, statutory: &Calendar) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (i, session) in filing.course.sessions.iter().enumerate() {
        findings.extend(cross_midnight(i, session));
        if !in_force(session.date) {
            continue;
        }
        if filing.course.stage.is_of_minors() && is_well_formed(session) {
            findings.extend(latest_end(filing, i, session));
            findings.extend(online_unit(filing, i, session));
            findings.extend(school_hours(filing, statutory, i, session));
        }
        if filing.course.is_compulsory_academic() {
            findings.extend(day_off(filing, statutory, i, session.date));
            findings.extend(vacation(filing, i, session.date));
        }
    }
    findings.extend(online_gaps(filing));
    findings
}

/// COURSE-TIME-CROSS-MIDNIGHT: a session ends after it starts, on the same day.
fn cross_midnight(i: usize, session: &Session) -> Option<Finding> {
    let Session { date, start, end } = session;
    (!is_well_formed(session)).then(|| {
        CROSS_MIDNIGHT.found(
            Severity::Block,
            path(i, "end"),
            (
                format!("{date} 的课 {start} 上课、{end} 下课：下课时间须晚于上课时间，且不跨零点。"),
                format!("The lesson of {date} starts {start} and ends {end}: it must end after its start, on one day."),
            ),
            json!({"date": date, "start": start, "measured": end, "limit": start, "boundary": ">"}),
        )
    })
}

/// COURSE-TIME-OFFLINE-END, COURSE-TIME-ONLINE-END: lessons of minors end by 20:30 offline, 21:00 online.
fn latest_end(filing: &Filing, i: usize, session: &Session) -> Option<Finding> {
    let policy = filing.policy_on(session.date);
    let delivery = filing.course.delivery;
    let (rule, limit) = match delivery {
        Delivery::Offline => (&OFFLINE_END, policy.offline_end),
        Delivery::Online => (&ONLINE_END, policy.online_end),
    };
    let Session { date, start, end } = session;
    let gap = end.minutes() - limit.minutes();
    (gap > 0).then(|| {
        let finding = rule.found(
            Severity::Block,
            path(i, "end"),
            (
                format!("{date} 的{}课 {end} 下课，须不晚于 {limit}，超出 {gap} 分钟。", delivery.zh()),
                format!(
                    "The {} lesson of {date} ends {end}; {limit} is the latest, {} too late.",
                    delivery.en(),
                    count(gap, "minute")
                ),
            ),
            json!({"date": date, "start": start, "measured": end, "limit": limit, "boundary": "<=", "gap_minutes": gap,
                "timezone": "Asia/Shanghai"}),
        );
        with_fix(
            finding,
            format!("整次课提前 {gap} 分钟，或缩短到 {limit} 下课。"),
            format!("Move the lesson {} earlier, or let it end at {limit}.", count(gap, "minute")),
        )
    })
}

/// COURSE-ONLINE-UNIT: an online unit takes at most 30 minutes.
fn online_unit(filing: &Filing, i: usize, session: &Session) -> Option<Finding> {
    let Session { date, start, end } = session;
    let measured = end.minutes() - start.minutes();
    let gap = measured - ONLINE_UNIT_MINUTES_MAX;
    (filing.course.delivery == Delivery::Online && gap > 0).then(|| {
        ONLINE_UNIT.found(
            Severity::Block,
            path(i, "end"),
            (
                format!("{date} {start}–{end} 的线上课时长 {measured} 分钟，每课时不得超过 30 分钟，超出 {gap} 分钟。"),
                format!(
                    "The online unit {date} {start}–{end} takes {measured} minutes; 30 is the most, {gap} too many."
                ),
            ),
            json!({"date": date, "start": start, "end": end, "measured_minutes": measured,
                "limit_minutes": ONLINE_UNIT_MINUTES_MAX, "boundary": "<=", "gap_minutes": gap}),
        )
    })
}

/// COURSE-ONLINE-GAP: at least 10 minutes between the online units of one day.
///
/// The time before a unit counts from the latest end of the units that start before it, so that a unit within
/// another is found too; malformed units are left out.
fn online_gaps(filing: &Filing) -> Vec<Finding> {
    let course = &filing.course;
    if course.delivery != Delivery::Online || !course.stage.is_of_minors() {
        return Vec::new();
    }
    let mut units: Vec<(usize, &Session)> = course.sessions.iter().enumerate().collect();
    units.retain(|(_, unit)| is_well_formed(unit) && in_force(unit.date));
    units.sort_by_key(|(i, unit)| (unit.date, unit.start, unit.end, *i));
    let mut before: Option<&Session> = None;
    let mut findings = Vec::new();
    for (i, unit) in units {
        let same_day = before.filter(|before| before.date == unit.date);
        findings.extend(same_day.and_then(|before| online_gap(i, before, unit)));
        before = Some(same_day.filter(|before| unit.end <= before.end).unwrap_or(unit));
    }
    findings
}

fn online_gap(i: usize, before: &Session, unit: &Session) -> Option<Finding> {
    let measured = unit.start.minutes() - before.end.minutes();
    let short = ONLINE_GAP_MINUTES_MIN - measured;
    let (date, start, ended) = (unit.date, unit.start, before.end);
    (short > 0).then(|| {
        let (apart_zh, apart_en) = if measured < 0 {
            (format!("与前一课时重叠 {} 分钟", -measured), format!("overlaps the one before by {}", count(-measured, "minute")))
        } else {
            (format!("间隔 {measured} 分钟"), format!("is {} after it", count(measured, "minute")))
        };
        ONLINE_GAP.found(
            Severity::Block,
            path(i, "start"),
            (
                format!("{date} 前一课时 {ended} 结束，本课时 {start} 开始，{apart_zh}；间隔须不少于 10 分钟，还差 {short} 分钟。"),
                format!(
                    "{date}: the unit before ends {ended}; this one starts {start} and {apart_en}; \
                     10 minutes are the least, {short} short."
                ),
            ),
            json!({"date": date, "start": start, "previous_end": ended, "measured_minutes": measured,
                "limit_minutes": ONLINE_GAP_MINUTES_MIN, "boundary": ">=", "gap_minutes": short}),
        )
    })
}

/// COURSE-TIME-SCHOOL-HOURS: on a school day no lesson of minors overlaps the schools' teaching time (half open).
///
/// A school day is a workday, make-up workdays included, outside the vacations. A day that is certainly none, or a
/// lesson that certainly overlaps nothing, is not referred for what is unknown of it.
fn school_hours(filing: &Filing, statutory: &Calendar, i: usize, session: &Session) -> Option<Finding> {
    let Session { date, start, end } = *session;
    let workday = statutory.is_workday(date);
    let vacation = filing.vacations().map(|all| all.iter().any(|v| (v.from..=v.to).contains(&date)));
    if workday == Some(false) || vacation == Some(true) {
        return None;
    }
    let Some(hours) = filing.school_hours() else {
        return Some(SCHOOL_HOURS.unknown(path(i, "start"), &paths(["calendar.school_hours"])));
    };
    let taught = hours.iter().find(|taught| start < taught.end && taught.start < end)?;
    let mut missing = Vec::new();
    if workday.is_none() {
        missing.push(holiday_table(date));
    }
    if vacation.is_none() {
        missing.push("calendar.vacations".to_owned());
    }
    if !missing.is_empty() {
        return Some(SCHOOL_HOURS.unknown(path(i, "start"), &missing));
    }
    let from: TimeOfDay = start.max(taught.start);
    let to = end.min(taught.end);
    let gap = to.minutes() - from.minutes();
    Some(SCHOOL_HOURS.found(
        Severity::Block,
        path(i, "start"),
        (
            format!(
                "{date}（上学日）{start}–{end} 的课与当地学校教学时间 {}–{} 冲突，重叠 {from}–{to} 共 {gap} 分钟。",
                taught.start, taught.end
            ),
            format!(
                "{date} is a school day: the lesson {start}–{end} overlaps school ({}–{}) for {}, \
                 {from}–{to}.",
                taught.start,
                taught.end,
                count(gap, "minute")
            ),
        ),
        json!({"date": date, "start": start, "end": end, "school_start": taught.start, "school_end": taught.end,
            "measured_minutes": gap, "limit_minutes": 0, "boundary": "<=", "gap_minutes": gap}),
    ))
}

/// How evidence names the State Council's notice for the year of `date`.
fn holiday_table(date: NaiveDate) -> String {
    format!("holidays.{}", date.year())
}

/// COURSE-DAY-HOLIDAY, COURSE-DAY-REST, COURSE-DAY-MAKEUP: no academic lessons of the compulsory stages on days off.
///
/// Both the festival and the rest days adjusted to it are HOLIDAY, then not also REST.
fn day_off(filing: &Filing, statutory: &Calendar, i: usize, date: NaiveDate) -> Option<Finding> {
    let Some(kind) = statutory.day_type(date) else {
        return Some(unknown_year(i, date));
    };
    let festival = statutory.festival(date);
    let evidence = json!({"date": date, "weekday": date.format("%A").to_string(), "measured": kind,
        "limit": DayType::Workday, "festival": festival});
    match kind {
        DayType::Workday => None,
        DayType::Holiday => {
            let name = festival.unwrap_or("节假日");
            let messages = (
                format!("{date} 是法定节假日（{name}），不得开展学科类培训。"),
                format!("{date} is a statutory holiday ({name}): no academic training."),
            );
            Some(HOLIDAY.found(Severity::Block, path(i, "date"), messages, evidence))
        }
        DayType::Rest => {
            let messages = (
                format!("{date} 是休息日（{}），不得开展学科类培训。", weekday_zh(date)),
                format!("{date} is a rest day ({}): no academic training.", date.format("%A")),
            );
            Some(REST.found(Severity::Block, path(i, "date"), messages, evidence))
        }
        DayType::MakeupWorkday => {
            let (severity, zh, en) = match filing.policy_on(date).makeup_day {
                MakeupDay::Allow => return None,
                MakeupDay::Refer => (Severity::Refer, "能否开展学科类培训由教育部门决定", "the bureau decides"),
                MakeupDay::Deny => (Severity::Block, "本地不允许开展学科类培训", "no academic training here"),
            };
            let messages = (
                format!("{date} 是调休上班日（{}），{zh}。", weekday_zh(date)),
                format!("{date} is a make-up workday ({}): {en}.", date.format("%A")),
            );
            Some(MAKEUP.found(severity, path(i, "date"), messages, evidence))
        }
    }
}

fn weekday_zh(date: NaiveDate) -> &'static str {
    ["周一", "周二", "周三", "周四", "周五", "周六", "周日"][date.weekday().num_days_from_monday() as usize % 7]
}

fn unknown_year(i: usize, date: NaiveDate) -> Finding {
    let year = date.year();
    let mut finding = HOLIDAY.unknown(path(i, "date"), &[holiday_table(date)]);
    finding.message_zh = format!("{date} 是否为节假日无法判断：没有 {year} 年的节假日安排。");
    finding.message_en = format!("Cannot tell whether {date} is a day off: there is no holiday table of {year}.");
    finding.evidence.insert("date".to_owned(), json!(date));
    with_fix(
        finding,
        format!("等国务院办公厅公布 {year} 年节假日安排并录入后再检查，或由工作人员决定。"),
        format!("Check again when the notice of {year} is out and loaded, or let an official decide."),
    )
}

/// COURSE-DAY-VACATION: no academic lessons of the compulsory stages in a vacation, weekdays too; stands beside any
/// other finding about the day.
fn vacation(filing: &Filing, i: usize, date: NaiveDate) -> Option<Finding> {
    let Some(vacations) = filing.vacations() else {
        return Some(VACATION.unknown(path(i, "date"), &paths(["calendar.vacations"])));
    };
    let vacation = vacations.iter().find(|vacation| (vacation.from..=vacation.to).contains(&date))?;
    let (from, to) = (vacation.from, vacation.to);
    Some(VACATION.found(
        Severity::Block,
        path(i, "date"),
        (
            format!("{date} 在寒暑假（{from} 至 {to}）内，不得开展学科类培训。"),
            format!("{date} lies in the school vacation {from} to {to}: no academic training."),
        ),
        json!({"measured": date, "vacation_from": from, "vacation_to": to}),
    ))
}
