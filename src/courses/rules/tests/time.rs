use super::*;

fn junior(date: &str, start: &str, end: &str) -> Value {
    let mut filing = changed(good, "/course/sessions", units(date, &[(start, end)]));
    // The payment follows the lesson, so that only the rules of time speak.
    set(&mut filing, "/course/first_payment_on", json!(date));
    filing
}

fn primary_online(times: &[(&str, &str)]) -> Value {
    changed(online, "/course/sessions", units("2026-03-18", times))
}

const END: &str = "course.sessions[0].end";
const START: &str = "course.sessions[0].start";
const DATE: &str = "course.sessions[0].date";

#[test]
fn offline_lessons_end_by_half_past_eight() {
    expect("C1", &junior("2026-03-13", "18:30", "20:30"), &[]);
    let late = junior("2026-03-13", "18:31", "20:31");
    expect("C2", &late, &[&format!("block COURSE-TIME-OFFLINE-END {END}")]);
    let facts = evidence(&late);
    assert_eq!(
        (&facts["measured"], &facts["limit"], &facts["gap_minutes"]),
        (&json!("20:31"), &json!("20:30"), &json!(1))
    );

    let mut tightened = junior("2026-03-13", "18:00", "20:00");
    set(&mut tightened, "/policy", json!({"offline_end": "20:00"}));
    expect("a place's own limit is allowed", &tightened, &[]);
    set(&mut tightened, "/course/sessions/0/end", json!("20:01"));
    expect("a place's own limit", &tightened, &[&format!("block COURSE-TIME-OFFLINE-END {END}")]);

    let mut adult = junior("2026-03-13", "18:30", "22:00");
    set(&mut adult, "/course/stage", json!("adult"));
    set(&mut adult, "/institution/stages", json!(["adult"]));
    expect("adults may learn late", &adult, &[]);
    expect(
        "every category of minors",
        &changed(dance, "/course/sessions", units("2026-03-14", &[("19:00", "20:31")])),
        &[&format!("block COURSE-TIME-OFFLINE-END {END}")],
    );
}

#[test]
fn online_units_end_by_nine_take_thirty_minutes_and_have_ten_between() {
    let unit = |i| format!("block COURSE-ONLINE-UNIT course.sessions[{i}].end");
    let gap = |i| format!("block COURSE-ONLINE-GAP course.sessions[{i}].start");
    expect("C3", &online(), &[]);
    expect("21:01", &primary_online(&[("20:31", "21:01")]), &[&format!("block COURSE-TIME-ONLINE-END {END}")]);
    expect("C4", &primary_online(&[("19:00", "19:31"), ("19:40", "20:05")]), &[&unit(0), &gap(1)]);
    expect("unordered", &primary_online(&[("19:40", "20:05"), ("19:00", "19:31")]), &[&gap(0), &unit(1)]);
    expect("9 minutes", &primary_online(&[("19:00", "19:30"), ("19:39", "20:05")]), &[&gap(1)]);
    expect("10 minutes", &primary_online(&[("19:00", "19:30"), ("19:40", "20:10")]), &[]);
    expect(
        "overlapping",
        &primary_online(&[("19:00", "19:30"), ("19:10", "19:20"), ("19:35", "20:00")]),
        &[&gap(1), &gap(2)],
    );
    expect("the same unit twice", &primary_online(&[("19:00", "19:30"), ("19:00", "19:30")]), &[&gap(1)]);
    let mut days = primary_online(&[("20:00", "20:30")]);
    set(
        &mut days,
        "/course/sessions",
        json!([
        {"date": "2026-03-18", "start": "20:00", "end": "20:30"}, {"date": "2026-03-19", "start": "19:00", "end": "19:30"}]),
    );
    expect("another day is no neighbour", &days, &[]);
    let mut offline = junior("2026-03-13", "18:00", "18:45");
    set(&mut offline, "/course/sessions", units("2026-03-13", &[("18:00", "18:45"), ("18:46", "19:31")]));
    expect("offline units are not measured", &offline, &[]);
}

#[test]
fn a_lesson_across_midnight_is_malformed_and_not_wrapped() {
    let malformed = format!("block COURSE-TIME-CROSS-MIDNIGHT {END}");
    expect("C26", &junior("2026-03-13", "23:30", "00:10"), &[&malformed]);
    expect("of no length", &junior("2026-03-13", "18:30", "18:30"), &[&malformed]);
    expect("a minute long", &junior("2026-03-13", "18:30", "18:31"), &[]);
    expect(
        "its day still counts",
        &junior("2026-03-14", "23:30", "00:10"),
        &[&format!("block COURSE-DAY-REST {DATE}"), &malformed],
    );
    expect("no neighbour of units", &primary_online(&[("19:00", "18:00"), ("19:05", "19:30")]), &[&malformed]);
}

#[test]
fn academic_lessons_of_compulsory_stages_keep_off_days_off() {
    let rest = format!("block COURSE-DAY-REST {DATE}");
    let holiday = format!("block COURSE-DAY-HOLIDAY {DATE}");
    let vacation = format!("block COURSE-DAY-VACATION {DATE}");
    for (case, date, expected) in [
        ("C5", "2026-04-06", vec![holiday.as_str()]),
        ("C6", "2026-06-19", vec![&holiday]),
        ("a holiday on a Saturday is not also a rest day", "2026-04-04", vec![&holiday]),
        ("C7", "2026-03-14", vec![&rest]),
        ("Sunday", "2026-03-15", vec![&rest]),
        ("Monday", "2026-03-16", vec![]),
        ("C9", "2026-02-14", vec![&vacation, "refer COURSE-DAY-MAKEUP course.sessions[0].date"]),
        ("C10", "2026-02-24", vec![&vacation]),
        ("holiday within the vacation", "2026-02-17", vec![&holiday, &vacation]),
        ("first day of the vacation, a Saturday", "2026-01-31", vec![&rest, &vacation]),
        ("the day before it", "2026-01-30", vec![]),
        ("last day of the vacation, a Sunday", "2026-03-01", vec![&rest, &vacation]),
        ("the day after it", "2026-03-02", vec![]),
        ("C11", "2026-10-08", vec![]),
        ("C11, a year before", "2025-10-08", vec![&holiday]),
    ] {
        expect(case, &junior(date, "18:00", "19:30"), &expected);
    }
    for (case, pointer, value) in [("senior", "/course/stage", "senior"), ("adult", "/course/stage", "adult")] {
        let mut filing = junior("2026-03-14", "18:00", "19:30");
        set(&mut filing, pointer, json!(value));
        set(&mut filing, "/institution/stages", json!([value]));
        set(&mut filing, "/instructors/0/teacher_certificate", json!("20153301042000123"));
        set(&mut filing, "/instructors/0/certificate_stage", json!("senior"));
        expect(case, &filing, &[]);
    }
    expect("C12", &dance(), &[]);
}

#[test]
fn make_up_days_go_by_the_countys_policy() {
    let day = junior("2025-09-28", "18:00", "19:30");
    let refer = format!("refer COURSE-DAY-MAKEUP {DATE}");
    let block = format!("block COURSE-DAY-MAKEUP {DATE}");
    expect("C8 by default", &day, &[&refer]);
    for (policy, expected) in [("refer", vec![refer.as_str()]), ("allow", vec![]), ("deny", vec![&block])] {
        let mut filing = day.clone();
        set(&mut filing, "/policy", json!({"makeup_day": policy}));
        expect(policy, &filing, &expected);
    }
}

#[test]
fn what_the_calendars_do_not_say_is_referred() {
    let unknown_year = junior("2027-01-01", "18:00", "19:30");
    expect("C25", &unknown_year, &[&format!("refer COURSE-DAY-HOLIDAY {DATE}")]);
    assert_eq!(evidence(&unknown_year)["missing"], json!(["holidays.2027"]));
    expect(
        "only where days off matter",
        &changed(dance, "/course/sessions", units("2026-03-14", &[("17:00", "18:00")])),
        &[],
    );
    expect(
        "an unknown day in school hours",
        &{
            let mut filing = changed(dance, "/course/sessions", units("2027-03-14", &[("09:00", "10:00")]));
            set(&mut filing, "/course/first_payment_on", json!("2027-03-14"));
            filing
        },
        &[&format!("refer COURSE-TIME-SCHOOL-HOURS {START}")],
    );

    let mut filing = junior("2026-03-13", "18:30", "20:30");
    unset(&mut filing, "/calendar/vacations");
    expect("no vacations", &filing, &[&format!("refer COURSE-DAY-VACATION {DATE}")]);
    set(&mut filing, "/calendar/vacations", json!(null));
    expect("known to have none", &filing, &[]);
    unset(&mut filing, "/calendar/school_hours");
    expect("no school hours", &filing, &[&format!("refer COURSE-TIME-SCHOOL-HOURS {START}")]);
    unset(&mut filing, "/calendar");
    expect(
        "no calendar",
        &filing,
        &[&format!("refer COURSE-DAY-VACATION {DATE}"), &format!("refer COURSE-TIME-SCHOOL-HOURS {START}")],
    );
    set(&mut filing, "/calendar", json!(null));
    expect("known to have no calendar", &filing, &[]);
    let mut rest = dance();
    unset(&mut rest, "/calendar");
    expect("no school on a rest day, whatever the calendar", &rest, &[]);
}

#[test]
fn nothing_overlaps_the_schools_teaching_time() {
    let overlap = format!("block COURSE-TIME-SCHOOL-HOURS {START}");
    let at = |date: &str, start: &str, end: &str| {
        let mut filing = changed(dance, "/course/sessions", units(date, &[(start, end)]));
        set(&mut filing, "/course/first_payment_on", json!(date));
        filing
    };
    for (case, date, start, end, expected) in [
        ("C13", "2026-03-18", "15:30", "17:00", vec![overlap.as_str()]),
        ("from the end on", "2026-03-18", "16:30", "17:30", vec![]),
        ("a minute before the end", "2026-03-18", "16:29", "17:30", vec![&overlap]),
        ("until the start", "2026-03-18", "07:00", "08:00", vec![]),
        ("a minute after the start", "2026-03-18", "07:00", "08:01", vec![&overlap]),
        ("Saturday", "2026-03-14", "09:00", "10:00", vec![]),
        ("holiday", "2026-04-06", "09:00", "10:00", vec![]),
        ("vacation", "2026-02-25", "09:00", "10:00", vec![]),
        ("make-up workday", "2026-05-09", "09:00", "10:00", vec![&overlap]),
    ] {
        expect(case, &at(date, start, end), &expected);
    }
    assert_eq!(evidence(&at("2026-03-18", "15:30", "17:00"))["gap_minutes"], 60);
    let mut unsure = at("2026-03-18", "15:30", "17:00");
    unset(&mut unsure, "/calendar/vacations");
    expect("maybe a vacation", &unsure, &[&format!("refer COURSE-TIME-SCHOOL-HOURS {START}")]);
}

#[test]
fn lessons_before_the_rules_are_not_judged_by_them() {
    let mut before = junior("2021-07-23", "18:00", "21:00");
    set(&mut before, "/course/sessions/0/end", json!("21:30"));
    expect("the day before", &before, &[]);
    expect(
        "the first day",
        &junior("2021-07-24", "18:00", "21:30"),
        &[&format!("block COURSE-TIME-OFFLINE-END {END}"), &format!("refer COURSE-DAY-HOLIDAY {DATE}")],
    );
}
