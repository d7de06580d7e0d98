use super::*;

/// Every yes-or-no field: pointer, path, rule, and what true, false, null and nothing come to.
#[test]
fn yes_or_no_fields_of_a_course() {
    for (base, field, rule, expected) in [
        (good as fn() -> Value, "homework", "COURSE-HOMEWORK-NONE", [Some("warn"), None, None, Some("refer")]),
        (good, "overseas_curriculum", "COURSE-FOREIGN-CURRICULUM", [Some("block"), None, None, Some("refer")]),
        (good, "materials_filed", "COURSE-MATERIAL-FILED", [None, Some("block"), Some("block"), Some("refer")]),
        (online, "photo_search", "COURSE-PHOTO-SEARCH", [Some("block"), None, None, Some("refer")]),
        (good, "photo_search", "COURSE-PHOTO-SEARCH", [None, None, None, None]),
    ] {
        let answers = [Some(json!(true)), Some(json!(false)), Some(json!(null)), None];
        for (answer, severity) in answers.into_iter().zip(expected) {
            let mut filing = base();
            let pointer = format!("/course/{field}");
            match &answer {
                Some(value) => set(&mut filing, &pointer, value.clone()),
                None => unset(&mut filing, &pointer),
            }
            let line = severity.map(|severity| format!("{severity} {rule} course.{field}"));
            let expected: Vec<&str> = line.iter().map(String::as_str).collect();
            expect(&format!("{field} {answer:?}"), &filing, &expected);
            if severity == Some("refer") {
                assert_eq!(evidence(&filing)["missing"], json!([format!("course.{field}")]));
            }
        }
    }
    expect("homework is for academic courses", &changed(dance, "/course/homework", json!(true)), &[]);
}

#[test]
fn a_name_that_hints_at_an_overseas_curriculum_is_referred() {
    let referred = ["refer COURSE-FOREIGN-CURRICULUM course.overseas_curriculum"];
    for (name, expected) in [
        ("A-Level 数学", &referred[..]),
        ("AP微积分", &referred),
        ("ib数学", &referred),
        ("igcse maths", &referred),
        ("APP 开发", &[]),
        ("LIBRARY 阅读", &[]),
        ("七年级数学", &[]),
    ] {
        expect(name, &changed(good, "/course/name", json!(name)), expected);
    }
}

#[test]
fn preschool_children_are_taught_neither_subjects_nor_online() {
    let academic = "block COURSE-PRESCHOOL-ACADEMIC course.stage";
    let mut filing = good();
    set(&mut filing, "/course/stage", json!("preschool"));
    set(&mut filing, "/course/name", json!("思维训练"));
    set(&mut filing, "/course/subject", json!("arithmetic"));
    set(&mut filing, "/course/class_size", json!(16));
    set(&mut filing, "/institution/stages", json!(["preschool"]));
    set(&mut filing, "/instructors/0/certificate_subject", json!("arithmetic"));
    expect("C14", &filing, &[academic]);

    let mut arts = changed(dance, "/course/stage", json!("preschool"));
    set(&mut arts, "/course/class_size", json!(16));
    expect("arts", &arts, &[]);
    set(&mut arts, "/course/subject", json!("英语"));
    expect("a foreign language under another name", &arts, &[academic]);
    set(&mut arts, "/course/subject", json!("drawing"));
    set(&mut arts, "/course/delivery", json!("online"));
    set(&mut arts, "/course/sessions", units("2026-03-14", &[("09:00", "09:30")]));
    expect("C15", &arts, &["block COURSE-PRESCHOOL-ONLINE course.stage"]);
    set(&mut arts, "/course/stage", json!("primary"));
    expect("online arts for pupils", &arts, &[]);
}

#[test]
fn category_stage_and_delivery_lie_within_the_licence() {
    let mut filing = good();
    set(&mut filing, "/institution/licensed_categories", json!(["arts", "sports"]));
    set(&mut filing, "/institution/stages", json!([]));
    set(&mut filing, "/institution/delivery", json!(null));
    let all = [
        "COURSE-SCOPE-LICENCE course.category",
        "COURSE-SCOPE-LICENCE course.delivery",
        "COURSE-SCOPE-LICENCE course.stage",
    ];
    assert_eq!(found(&filing), all.map(|line| format!("block {line}")));
    assert_eq!(findings(&filing)[0].evidence["limit"], json!(["arts", "sports"]));
    for field in ["licensed_categories", "stages", "delivery"] {
        unset(&mut filing, &format!("/institution/{field}"));
    }
    assert_eq!(found(&filing), all.map(|line| format!("refer {line}")));
    assert_eq!(findings(&filing)[2].evidence["missing"], json!(["institution.stages"]));
}

#[test]
fn a_room_has_three_square_metres_per_student() {
    let room = |area: Value, students: Value| {
        let mut filing = changed(good, "/course/area_m2", area);
        set(&mut filing, "/course/class_size", students);
        filing
    };
    let block = ["block ROOM-CAPACITY course.area_m2"];
    for (area, students, expected) in [
        (json!(135), 45, &[][..]),
        (json!(135.00), 45, &[]),
        (json!(134.99), 45, &block),
        (json!(134.9999), 45, &block),
        (json!(null), 45, &block),
        (json!(90), 30, &[]),
        (json!(0), 0, &[]),
    ] {
        expect(&format!("{area} for {students}"), &room(area, json!(students)), expected);
    }
    assert_eq!(evidence(&room(json!(134.99), json!(45)))["gap_cm2"], 100);
    let mut filing = room(json!(null), json!(null));
    expect("no size", &filing, &["refer ROOM-CAPACITY course.area_m2", "refer STAFF-RATIO-OFFLINE instructors"]);
    unset(&mut filing, "/course/area_m2");
    unset(&mut filing, "/course/class_size");
    assert_eq!(findings(&filing)[0].evidence["missing"], json!(["course.area_m2", "course.class_size"]));
    let mut without_room = online();
    unset(&mut without_room, "/course/area_m2");
    expect("online has no room", &without_room, &[]);
}

#[test]
fn academic_institutions_are_not_for_profit() {
    let code = |code: &str| changed(good, "/institution/credit_code", json!(code));
    let block = "block ADM-NONPROFIT-ACADEMIC institution.credit_code";
    let warn = "warn ADM-USCC-VALID institution.credit_code";
    expect("C22", &code("91331003MA2A00018Y"), &[block, warn]);
    expect("public institution of the province", &code("12330000470000187Q"), &[warn]);
    let mut profit = changed(good, "/institution/for_profit", json!(true));
    expect("says so itself", &profit, &[block]);
    unset(&mut profit, "/institution/for_profit");
    expect("the code tells", &profit, &[]);
    let mut company = changed(dance, "/institution/credit_code", json!("91331003MA2A00018Y"));
    set(&mut company, "/region", json!("331003"));
    expect("arts may be for profit", &company, &[]);
}

#[test]
fn the_credit_code_is_valid_and_of_the_place() {
    let block = ["block ADM-USCC-VALID institution.credit_code"];
    let warn = ["warn ADM-USCC-VALID institution.credit_code"];
    for (case, code, region, expected) in [
        ("X1", json!("52331002MJ0000018U"), "331002", &[][..]),
        ("township", json!("52331002MJ0000018U"), "331002001", &[]),
        ("elsewhere", json!("52331002MJ0000018U"), "331003", &warn),
        ("X3", json!("5233108150000012X6"), "331081", &[]),
        ("X6", json!("52331002MJ0000018V"), "331002", &block),
        ("X7", json!("52331002MJ0000081U"), "331002", &block),
        ("X10", json!("52331002MJ000001U"), "331002", &block),
        ("X11", json!("52331002mj0000018u"), "331002", &[]),
        ("none", json!(null), "331002", &block),
    ] {
        let mut filing = changed(good, "/institution/credit_code", code);
        set(&mut filing, "/region", json!(region));
        expect(case, &filing, expected);
    }
    let mut farmers = changed(dance, "/institution/credit_code", json!("93331022MA2B00094P"));
    set(&mut farmers, "/region", json!("331022"));
    expect("X5", &farmers, &warn);
    assert_eq!(evidence(&farmers)["doubts"], json!(["kind"]));
    let mut absent = good();
    unset(&mut absent, "/institution/credit_code");
    expect(
        "absent",
        &absent,
        &["refer ADM-NONPROFIT-ACADEMIC institution.credit_code", "refer ADM-USCC-VALID institution.credit_code"],
    );
}
