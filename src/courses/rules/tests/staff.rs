use super::*;

fn with_certificate(stage: &str, number: &str, stated: Value) -> Value {
    let mut filing = changed(good, "/course/stage", json!(stage));
    set(&mut filing, "/institution/stages", json!([stage]));
    set(&mut filing, "/instructors/0/teacher_certificate", json!(number));
    set(&mut filing, "/instructors/0/certificate_stage", stated);
    filing
}

fn number_of_kind(kind: u8) -> String {
    format!("201533010{kind}2000123")
}

const QUALIFICATION: &str = "STAFF-ACAD-QUALIFICATION instructors[0].teacher_certificate";

#[test]
fn a_certificate_reaches_its_stage_and_those_below() {
    // Kinds 1 to 7 in turn; 6, vocational practice, teaches no subject.
    for (stage, allowed) in [
        ("primary", [false, true, true, true, true, false, true]),
        ("junior", [false, false, true, true, true, false, true]),
        ("senior", [false, false, false, true, true, false, true]),
    ] {
        for (kind, allowed) in (1..).zip(allowed) {
            let filing = with_certificate(stage, &number_of_kind(kind), json!(null));
            let block = format!("block {QUALIFICATION}");
            let expected: &[&str] = if allowed { &[] } else { &[&block] };
            expect(&format!("kind {kind} for {stage}"), &filing, expected);
        }
    }
    let stages = ["preschool", "primary", "junior", "senior", "vocational", "higher"];
    for (stated, allowed) in stages.into_iter().zip([false, false, true, true, true, true]) {
        let filing = with_certificate("junior", &number_of_kind(7), json!(stated));
        assert_eq!(found(&filing).is_empty(), allowed, "stated {stated}");
    }
    let mut without_stage = good();
    unset(&mut without_stage, "/instructors/0/certificate_stage");
    expect("the number tells the stage", &without_stage, &[]);
}

#[test]
fn a_certificate_is_there_and_well_formed() {
    let block = format!("block {QUALIFICATION}");
    for (case, number, expected) in [
        ("C21, 17 digits", json!("20153301032000123"), vec![]),
        ("16 digits", json!("2015330103200012"), vec![block.as_str()]),
        ("18 digits", json!("201533010320001234"), vec![&block]),
        ("a letter", json!("2015330103200012X"), vec![&block]),
        ("full-width digits", json!("２０１５３３０１０３２０００１２３"), vec![&block]),
        ("kind 0", json!(number_of_kind(0)), vec![&block]),
        ("kind 8", json!(number_of_kind(8)), vec![&block]),
        ("empty", json!(""), vec![&block]),
        ("none", json!(null), vec![&block]),
    ] {
        expect(case, &changed(good, "/instructors/0/teacher_certificate", number), &expected);
    }
    let mut absent = good();
    unset(&mut absent, "/instructors/0/teacher_certificate");
    expect("absent", &absent, &[&format!("refer {QUALIFICATION}")]);
    assert_eq!(evidence(&absent)["missing"], json!(["instructors[0].teacher_certificate"]));
    for (role, expected) in [("research", vec![block.as_str()]), ("other", vec![])] {
        let mut filing = changed(good, "/instructors/0/teacher_certificate", json!(null));
        set(&mut filing, "/instructors/0/role", json!(role));
        set(&mut filing, "/course/class_size", json!(0));
        expect(role, &filing, &expected);
    }
}

#[test]
fn another_subject_is_a_warning() {
    let warn = format!("warn {QUALIFICATION}");
    let refer = format!("refer {QUALIFICATION}");
    for (case, subject, expected) in [
        ("by id", json!("mathematics"), vec![]),
        ("by name", json!("数学"), vec![]),
        ("another", json!("physics"), vec![warn.as_str()]),
        ("none", json!(null), vec![&warn]),
    ] {
        expect(case, &changed(good, "/instructors/0/certificate_subject", subject), &expected);
    }
    for pointer in ["/instructors/0/certificate_subject", "/course/subject"] {
        let mut filing = good();
        unset(&mut filing, pointer);
        expect(pointer, &filing, &[&refer]);
    }
}

#[test]
fn non_academic_teachers_show_a_skill() {
    const PATH: &str = "STAFF-NONACAD-SKILL instructors[0].skill_certificate";
    let mut filing = dance();
    set(&mut filing, "/instructors/0/teacher_certificate", json!(null));
    expect("no teacher's certificate needed", &filing, &[]);
    set(&mut filing, "/instructors/0/skill_certificate", json!(null));
    expect("none", &filing, &[&format!("block {PATH}")]);
    unset(&mut filing, "/instructors/0/skill_certificate");
    expect("absent", &filing, &[&format!("refer {PATH}")]);
    set(&mut filing, "/instructors/0/role", json!("research"));
    set(&mut filing, "/course/class_size", json!(0));
    expect("research does not teach", &filing, &[]);
}

#[test]
fn an_unknown_role_refers_only_where_it_matters() {
    let mut filing = good();
    unset(&mut filing, "/instructors/0/role");
    expect("one student needs a teacher", &filing, &["refer STAFF-RATIO-OFFLINE instructors"]);
    set(&mut filing, "/instructors/0/teacher_certificate", json!(null));
    set(&mut filing, "/course/class_size", json!(0));
    expect("would be blocked if teaching", &filing, &[&format!("refer {QUALIFICATION}")]);
    assert_eq!(evidence(&filing)["missing"], json!(["instructors[0].role"]));
    unset(&mut filing, "/instructors/0/teacher_certificate");
    let missing = json!(["instructors[0].role", "instructors[0].teacher_certificate"]);
    assert_eq!(evidence(&filing)["missing"], missing);
}

#[test]
fn yes_or_no_fields_of_a_person() {
    for (field, rule, expected) in [
        ("in_service_teacher", "STAFF-INSERVICE-BAN", [Some("block"), None, None, Some("refer")]),
        ("banned", "STAFF-BLACKLIST", [Some("block"), None, None, Some("refer")]),
        ("published", "STAFF-PUBLISH", [None, Some("warn"), Some("warn"), Some("refer")]),
    ] {
        let answers = [Some(json!(true)), Some(json!(false)), Some(json!(null)), None];
        for (answer, severity) in answers.into_iter().zip(expected) {
            let mut filing = good();
            let pointer = format!("/instructors/0/{field}");
            match &answer {
                Some(value) => set(&mut filing, &pointer, value.clone()),
                None => unset(&mut filing, &pointer),
            }
            let line = severity.map(|severity| format!("{severity} {rule} instructors[0].{field}"));
            let expected: Vec<&str> = line.iter().map(String::as_str).collect();
            expect(&format!("{field} {answer:?}"), &filing, &expected);
        }
    }
}

#[test]
fn an_inquiry_holds_for_a_year() {
    let warn = ["warn STAFF-INQUIRY-FRESH instructors[0].inquiry_on"];
    for (as_of, made, expected) in [
        ("2026-02-20", json!("2025-02-20"), &[][..]),
        ("2026-02-20", json!("2025-02-19"), &warn),
        ("2025-02-28", json!("2024-02-29"), &[]),
        ("2025-03-01", json!("2024-02-29"), &warn),
        ("2026-02-20", json!("2026-02-20"), &[]),
        ("2026-02-20", json!("2026-02-21"), &warn),
        ("2026-02-20", json!(null), &warn),
    ] {
        let mut filing = changed(good, "/as_of", json!(as_of));
        set(&mut filing, "/instructors/0/inquiry_on", made.clone());
        expect(&format!("{made} on {as_of}"), &filing, expected);
    }
    let mut absent = good();
    unset(&mut absent, "/instructors/0/inquiry_on");
    expect("absent", &absent, &["refer STAFF-INQUIRY-FRESH instructors[0].inquiry_on"]);
}

#[test]
fn foreigners_do_not_teach_from_abroad() {
    let block = ["block STAFF-FOREIGN-ABROAD instructors[0].located_in"];
    let refer = ["refer STAFF-FOREIGN-ABROAD instructors[0].located_in"];
    for (case, nationality, located, expected) in [
        ("C23", Some("US"), Some("PH"), &block[..]),
        ("a foreigner here", Some("US"), Some("CN"), &[]),
        ("a foreigner in Hong Kong", Some("US"), Some("HK"), &block),
        ("a Chinese abroad", Some("CN"), Some("US"), &[]),
        ("a Chinese of Hong Kong", Some("HK"), Some("HK"), &[]),
        ("anybody here", None, Some("CN"), &[]),
        ("somebody abroad", None, Some("PH"), &refer),
        ("a foreigner somewhere", Some("US"), None, &refer),
        ("a Chinese somewhere", Some("CN"), None, &[]),
        ("somebody somewhere", None, None, &refer),
    ] {
        let mut filing = good();
        for (field, value) in [("nationality", nationality), ("located_in", located)] {
            let pointer = format!("/instructors/0/{field}");
            match value {
                Some(value) => set(&mut filing, &pointer, json!(value)),
                None => unset(&mut filing, &pointer),
            }
        }
        expect(case, &filing, expected);
    }
}

#[test]
fn two_teachers_per_hundred_pupils() {
    let warn = ["warn STAFF-RATIO-OFFLINE instructors"];
    for (base, stage, students, teachers, expected) in [
        (good as fn() -> Value, "junior", 50, 1, &[][..]),
        (good, "junior", 51, 1, &warn),
        (good, "junior", 51, 2, &[]),
        (good, "junior", 100, 2, &[]),
        (good, "junior", 101, 2, &warn),
        (good, "junior", 1, 0, &warn),
        (good, "junior", 0, 0, &[]),
        (dance, "preschool", 16, 1, &[]),
        (dance, "preschool", 17, 1, &warn),
        (dance, "preschool", 33, 2, &[]),
    ] {
        let mut filing = changed(base, "/course/stage", json!(stage));
        set(&mut filing, "/course/class_size", json!(students));
        set(&mut filing, "/course/area_m2", json!(1000));
        let teacher = filing["instructors"][0].clone();
        set(&mut filing, "/instructors", json!(vec![teacher; teachers]));
        expect(&format!("C20: {teachers} for {students} of {stage}"), &filing, expected);
    }
    let mut others = changed(good, "/instructors/0/role", json!("research"));
    expect("research does not count", &others, &warn);
    set(&mut others, "/instructors", json!(null));
    expect("known to be nobody", &others, &warn);
    expect("online is not counted", &changed(online, "/instructors", json!([])), &[]);
}

#[test]
fn an_unknown_list_is_told_by_every_rule_that_applies() {
    let rules = |first: &'static str| {
        let mut all = vec![
            "STAFF-BLACKLIST",
            "STAFF-FOREIGN-ABROAD",
            "STAFF-INQUIRY-FRESH",
            "STAFF-INSERVICE-BAN",
            "STAFF-PUBLISH",
            "STAFF-RATIO-OFFLINE",
            first,
        ];
        all.sort_unstable();
        all.into_iter().map(|rule| format!("refer {rule} instructors")).collect::<Vec<_>>()
    };
    for (base, first) in [(good as fn() -> Value, "STAFF-ACAD-QUALIFICATION"), (dance, "STAFF-NONACAD-SKILL")] {
        let mut filing = base();
        unset(&mut filing, "/instructors");
        assert_eq!(found(&filing), rules(first));
    }
}
