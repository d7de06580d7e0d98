use super::*;

const BENCHMARK: &str = "block FEE-BENCHMARK-CAP course.fee_fen";
const CAP: &str = "block PREPAY-CAP-5000 course.fee_fen";
const UNITS: &str = "block PREPAY-UNITS-60 course.lessons";
const SPAN: &str = "block PREPAY-SPAN-3M course.sessions";
const EARLIEST: &str = "block PREPAY-EARLIEST-PERIOD course.first_payment_on";

fn priced(fee_fen: i64, lessons: u32, lesson_minutes: u32, benchmark_fen: i64) -> Value {
    let mut filing = changed(good, "/course/fee_fen", json!(fee_fen));
    set(&mut filing, "/course/lessons", json!(lessons));
    set(&mut filing, "/course/lesson_minutes", json!(lesson_minutes));
    set(&mut filing, "/course/benchmark_fen", json!(benchmark_fen));
    filing
}

/// A dance class, whose price is free, from the first to the last day.
fn paid(lessons: u32, fee_fen: i64, first: &str, last: &str, paid_on: &str) -> Value {
    let mut filing = changed(dance, "/course/fee_fen", json!(fee_fen));
    set(&mut filing, "/course/lessons", json!(lessons));
    set(&mut filing, "/course/first_payment_on", json!(paid_on));
    set(
        &mut filing,
        "/course/sessions",
        json!([
        {"date": last, "start": "18:00", "end": "19:00"}, {"date": first, "start": "18:00", "end": "19:00"}]),
    );
    filing
}

#[test]
fn a_standard_unit_costs_at_most_the_benchmark_and_its_float() {
    for (case, filing, expected) in [
        ("C17", priced(13_200, 1, 90, 6_000), vec![]),
        ("C17, a fen more", priced(13_201, 1, 90, 6_000), vec![BENCHMARK]),
        ("C17, two fen more", priced(13_202, 1, 90, 6_000), vec![BENCHMARK]),
        ("exactly ten per cent", priced(264_000, 48, 45, 5_000), vec![]),
        ("a fen over the whole course", priced(264_001, 48, 45, 5_000), vec![BENCHMARK]),
        ("not a whole fen per unit", priced(10_000, 3, 45, 3_030), vec![BENCHMARK]),
        ("just enough benchmark", priced(10_000, 3, 45, 3_031), vec![]),
        ("a fee for no units", priced(1, 0, 45, 5_000), vec![BENCHMARK]),
        ("nothing for no units", priced(0, 0, 45, 5_000), vec![]),
        ("the largest numbers", priced(i64::MAX, u32::MAX, 65_535, i64::MAX), vec![CAP, UNITS]),
    ] {
        expect(case, &filing, &expected);
    }
    let facts = evidence(&priced(13_202, 1, 90, 6_000));
    assert_eq!((&facts["measured_fen"], &facts["limit_fen"]), (&json!(6_601), &json!(6_600)));
    assert_eq!((&facts["fee_limit_fen"], &facts["gap_fen"]), (&json!(13_200), &json!(2)));

    let mut five = priced(12_600, 1, 90, 6_000);
    set(&mut five, "/policy", json!({"float_bp": 500}));
    expect("C18 at 63.00", &five, &[]);
    set(&mut five, "/course/fee_fen", json!(12_601));
    expect("C18 over 63.00", &five, &[BENCHMARK]);
}

#[test]
fn an_online_unit_is_compared_at_thirty_minutes() {
    let mut filing = changed(online, "/course/fee_fen", json!(264_000));
    expect("48 units of 30 minutes at 55.00", &filing, &[]);
    set(&mut filing, "/course/fee_fen", json!(264_001));
    expect("a fen more", &filing, &[BENCHMARK]);
}

#[test]
fn the_benchmark_binds_academic_courses_of_schools() {
    expect("arts", &changed(dance, "/course/fee_fen", json!(400_000)), &[]);
    let mut senior = priced(264_001, 48, 45, 5_000);
    set(&mut senior, "/course/stage", json!("senior"));
    set(&mut senior, "/institution/stages", json!(["senior"]));
    set(&mut senior, "/instructors/0/teacher_certificate", json!("20153301042000123"));
    set(&mut senior, "/instructors/0/certificate_stage", json!("senior"));
    expect("senior by reference", &senior, &[BENCHMARK]);
    set(&mut senior, "/course/benchmark_fen", json!(null));
    expect("no benchmark set", &senior, &[]);
    for field in ["benchmark_fen", "lesson_minutes"] {
        let mut filing = good();
        unset(&mut filing, &format!("/course/{field}"));
        expect(field, &filing, &["refer FEE-BENCHMARK-CAP course.fee_fen"]);
        assert_eq!(evidence(&filing)["missing"], json!([format!("course.{field}")]));
    }
}

#[test]
fn one_payment_keeps_to_sixty_units_three_months_and_five_thousand_yuan() {
    for (case, filing, expected) in [
        ("F1", paid(60, 480_000, "2026-03-01", "2026-05-31", "2026-02-10"), vec![]),
        ("F2", paid(60, 480_000, "2026-03-01", "2026-06-01", "2026-02-10"), vec![SPAN]),
        ("F3", paid(61, 488_000, "2026-03-01", "2026-05-31", "2026-02-10"), vec![UNITS]),
        ("F4", paid(40 + 21, 400_000, "2026-03-01", "2026-05-31", "2026-02-10"), vec![UNITS]),
        ("F5", paid(60, 500_000, "2026-03-01", "2026-05-31", "2026-02-10"), vec![]),
        ("F5, a fen more", paid(60, 500_001, "2026-03-01", "2026-05-31", "2026-02-10"), vec![CAP]),
        ("F6, each alone", paid(30, 260_000, "2026-03-01", "2026-05-31", "2026-02-10"), vec![]),
        ("F7", paid(60, 480_000, "2026-03-31", "2026-05-31", "2026-02-28"), vec![]),
        ("F7, a day earlier", paid(60, 480_000, "2026-03-31", "2026-05-31", "2026-02-27"), vec![EARLIEST]),
        ("a month before", paid(60, 480_000, "2026-03-01", "2026-05-31", "2026-02-01"), vec![]),
        ("a month and a day", paid(60, 480_000, "2026-03-01", "2026-05-31", "2026-01-31"), vec![EARLIEST]),
        ("three months from a month's end", paid(60, 480_000, "2025-11-30", "2026-02-27", "2025-11-30"), vec![]),
        ("and a day", paid(60, 480_000, "2025-11-30", "2026-02-28", "2025-11-30"), vec![SPAN]),
    ] {
        expect(case, &filing, &expected);
    }
    let facts = evidence(&paid(60, 480_000, "2026-03-01", "2026-06-01", "2026-02-10"));
    assert_eq!((&facts["limit"], &facts["gap_days"]), (&json!("2026-05-31"), &json!(1)));
}

#[test]
fn what_is_not_known_of_a_payment_is_referred_and_what_is_not_paid_is_not() {
    let mut filing = dance();
    for (field, expected) in [
        ("fee_fen", "refer PREPAY-CAP-5000 course.fee_fen"),
        ("first_payment_on", "refer PREPAY-EARLIEST-PERIOD course.first_payment_on"),
        ("lessons", "refer PREPAY-UNITS-60 course.lessons"),
    ] {
        let mut filing = dance();
        unset(&mut filing, &format!("/course/{field}"));
        expect(field, &filing, &[expected]);
        set(&mut filing, &format!("/course/{field}"), json!(null));
        expect(&format!("{field}: null"), &filing, &[]);
    }
    set(&mut filing, "/course/sessions", json!([]));
    expect(
        "no sessions",
        &filing,
        &["refer PREPAY-EARLIEST-PERIOD course.first_payment_on", "refer PREPAY-SPAN-3M course.sessions"],
    );
    expect("free of charge", &paid(61, 0, "2026-03-02", "2026-12-01", "2025-01-01"), &[]);
    expect("before the rules", &paid(61, 600_000, "2021-07-01", "2021-07-23", "2021-05-01"), &[]);
}
