use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;
use crate::{
    courses::{
        Verdict,
        model::{Policy, Session},
        rules::RULES,
    },
    kernel::finding::Decision,
};

#[test]
fn the_contracts_example_passes_but_for_what_it_leaves_out() {
    expect("good", &good(), &[]);
    expect("dance", &dance(), &[]);
    expect("online", &online(), &[]);
    assert_eq!(Verdict::of(&read(&good()), Calendar::statutory()).decision, Decision::Pass);
}

#[test]
fn a_filing_of_required_fields_only_is_referred_by_every_rule_that_lacks_something() {
    let minimal = json!({"region": "331002", "as_of": "2026-02-20", "institution": {}, "course": {
        "category": "academic", "stage": "junior", "delivery": "offline",
        "sessions": [{"date": "2026-03-13", "start": "18:30", "end": "20:30"}]}});
    let all = findings(&minimal);
    assert!(all.iter().all(|f| f.severity == crate::kernel::Severity::Refer && f.evidence.contains_key("missing")));
    let rules: BTreeSet<&str> = all.iter().map(|f| f.rule.as_ref()).collect();
    let silent: Vec<&str> = RULES.iter().map(|rule| rule.id).filter(|id| !rules.contains(id)).collect();
    // These need no optional field, or do not apply offline, to academic courses or to pupils.
    assert_eq!(
        silent,
        [
            "COURSE-TIME-OFFLINE-END",
            "COURSE-TIME-ONLINE-END",
            "COURSE-TIME-CROSS-MIDNIGHT",
            "COURSE-ONLINE-UNIT",
            "COURSE-ONLINE-GAP",
            "COURSE-DAY-HOLIDAY",
            "COURSE-DAY-REST",
            "COURSE-DAY-MAKEUP",
            "COURSE-PHOTO-SEARCH",
            "COURSE-PRESCHOOL-ACADEMIC",
            "COURSE-PRESCHOOL-ONLINE",
            "PREPAY-SPAN-3M",
            "STAFF-NONACAD-SKILL",
        ]
    );
}

#[test]
fn findings_stand_by_severity_then_path_with_numbers_then_rule() {
    let mut filing = changed(good, "/course/homework", json!(true));
    unset(&mut filing, "/course/materials_filed");
    let late = json!({"date": "2026-03-14", "start": "18:30", "end": "20:31"});
    set(&mut filing, "/course/sessions", json!(vec![late; 11]));
    let all = found(&filing);
    assert_eq!(all.len(), 24);
    assert_eq!(all[4], "block COURSE-DAY-REST course.sessions[2].date");
    assert_eq!(all[5], "block COURSE-TIME-OFFLINE-END course.sessions[2].end");
    assert_eq!(all[20], "block COURSE-DAY-REST course.sessions[10].date");
    assert_eq!(all[22], "refer COURSE-MATERIAL-FILED course.materials_filed");
    assert_eq!(all[23], "warn COURSE-HOMEWORK-NONE course.homework");
}

#[test]
fn a_filing_is_written_as_it_was_read() {
    for base in [good, dance, online] {
        let mut filing = base();
        set(&mut filing, "/course/area_m2", json!(134.99));
        unset(&mut filing, "/course/grade");
        set(&mut filing, "/course/benchmark_fen", json!(null));
        assert_eq!(serde_json::to_value(read(&filing)).unwrap(), filing);
    }
}

#[test]
fn what_no_rule_could_judge_is_refused_with_its_path() {
    for (pointer, value, path) in [
        ("/course/fee_fen", json!(-1), "course.fee_fen"),
        ("/course/benchmark_fen", json!(-1), "course.benchmark_fen"),
        ("/course/subject", json!("奥数"), "course.subject"),
        ("/calendar/vacations/0/to", json!("2026-01-30"), "calendar.vacations[0].to"),
        ("/calendar/school_hours/0/end", json!("08:00"), "calendar.school_hours[0].end"),
        ("/instructors/0/nationality", json!("China"), "instructors[0].nationality"),
        ("/instructors/0/located_in", json!("cn"), "instructors[0].located_in"),
        ("/policy", json!({"float_bp": 1200}), "policy.float_bp"),
        ("/policy", json!({"offline_end": "20:31"}), "policy.offline_end"),
        ("/policy", json!({"online_end": "21:01"}), "policy.online_end"),
        ("/course/sessions", json!(vec![good()["course"]["sessions"][0].clone(); 10_001]), "course.sessions"),
        (
            "/calendar/vacations",
            json!(vec![json!({"from": "2026-01-24", "to": "2026-02-28"}); 101]),
            "calendar.vacations",
        ),
        (
            "/calendar/school_hours",
            json!(vec![json!({"start": "08:00", "end": "16:30"}); 101]),
            "calendar.school_hours",
        ),
        ("/instructors", json!(vec![good()["instructors"][0].clone(); 1_001]), "instructors"),
    ] {
        let filing: Filing = serde_json::from_value(changed(good, pointer, value)).unwrap();
        assert_eq!(filing.validate().unwrap_err().path, path);
    }
    let many = json!(vec![good()["course"]["sessions"][0].clone(); 10_000]);
    assert_eq!(read(&changed(good, "/course/sessions", many)).validate(), Ok(()));
    let any = chrono::NaiveDate::MAX;
    let national = json!({"makeup_day": "refer", "offline_end": "20:30", "online_end": "21:00", "float_bp": 1000});
    assert_eq!(read(&changed(good, "/policy", national)).policy_on(any), Policy::NATIONAL);
    assert_eq!(
        read(&changed(good, "/policy", json!({"float_bp": 500}))).policy_on(any).offline_end,
        Policy::NATIONAL.offline_end
    );
}

#[test]
fn every_rule_is_documented() {
    let page = include_str!("../../../../docs/regulations.md");
    let ids: HashSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for id in ids {
        assert!(page.contains(&format!("| `{id}` |")), "docs/regulations.md lacks {id}");
    }
}

fn session() -> impl Strategy<Value = Value> {
    (0u64..700, 0u16..1440, 0u16..1440).prop_map(|(day, start, end)| {
        let date = chrono::NaiveDate::from_ymd_opt(2025, 6, 1).unwrap() + chrono::Days::new(day);
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        json!({"date": date, "start": time(start), "end": time(end)})
    })
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    proptest::sample::select(words).prop_map(|word| json!(word))
}

/// A value, null, or the field taken away.
fn maybe(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![3 => value.prop_map(Some), 1 => Just(Some(Value::Null)), 1 => Just(None)]
}

const OPTIONAL: [&str; 10] = [
    "/course/fee_fen",
    "/course/lessons",
    "/course/class_size",
    "/course/area_m2",
    "/course/lesson_minutes",
    "/instructors/0/teacher_certificate",
    "/instructors/0/role",
    "/institution/credit_code",
    "/course/subject",
    "/instructors/0/inquiry_on",
];

prop_compose! {
    fn filing()(
        sessions in proptest::collection::vec(session(), 0..8),
        category in word(&["academic", "arts", "childcare"]),
        stage in word(&["preschool", "primary", "junior", "senior", "adult"]),
        delivery in word(&["offline", "online"]),
        makeup in word(&["allow", "refer", "deny"]),
        numbers in proptest::collection::vec(maybe((0u32..70_000).prop_map(|n| json!(n))), 4),
        minutes in maybe((0u16..=u16::MAX).prop_map(|n| json!(n))),
        certificate in maybe("\\PC{0,3}[0-9]{14,18}".prop_map(|text| json!(text))),
        role in maybe(word(&["teaching", "research", "other"])),
        code in maybe("\\PC{0,18}".prop_map(|text| json!(text))),
        subject in maybe(word(&["mathematics", "英语"])),
        inquiry in maybe(session().prop_map(|session| session["date"].clone())),
        bare in any::<bool>(),
    ) -> Value {
        let mut filing = good();
        set(&mut filing, "/course/sessions", json!(sessions));
        set(&mut filing, "/course/category", category);
        set(&mut filing, "/course/stage", stage);
        set(&mut filing, "/course/delivery", delivery);
        set(&mut filing, "/policy", json!({"makeup_day": makeup}));
        let values = numbers.into_iter().chain([minutes, certificate, role, code, subject, inquiry]);
        for (pointer, value) in OPTIONAL.into_iter().zip(values) {
            match value {
                Some(value) => set(&mut filing, pointer, value),
                None => unset(&mut filing, pointer),
            }
        }
        if bare {
            unset(&mut filing, "/calendar");
        }
        filing
    }
}

/// A finding without the index of its session, which the order of the input decides.
fn nameless(finding: &Finding, sessions: &[Session]) -> String {
    let at = finding.path.strip_prefix("course.sessions[").and_then(|rest| rest.split_once(']'));
    let place = at.map_or_else(
        || finding.path.clone(),
        |(i, field)| format!("{:?}{field}", sessions[i.parse::<usize>().unwrap()]),
    );
    format!("{} {} {place} {} {}", finding.severity, finding.rule, finding.message_zh, finding.message_en)
}

fn nameless_findings(filing: &Filing) -> Vec<String> {
    let mut all: Vec<String> =
        check(filing, Calendar::statutory()).iter().map(|f| nameless(f, &filing.course.sessions)).collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn it_never_panics_and_its_findings_are_unique_ordered_and_told_in_both_languages(filing in filing()) {
        let all = findings(&filing);
        let places: HashSet<_> = all.iter().map(|f| (f.rule.clone(), f.path.clone())).collect();
        prop_assert_eq!(places.len(), all.len());
        prop_assert!(all.iter().map(|f| f.severity).rev().is_sorted());
        for f in &all {
            let texts = [&f.message_zh, &f.message_en, &f.fix_zh, &f.fix_en];
            prop_assert!(texts.iter().all(|text| !text.is_empty()) && !f.legal_basis.is_empty(), "{:?}", f);
            prop_assert!(RULES.iter().any(|rule| rule.id == f.rule));
        }
        let verdict = Verdict::of(&read(&filing), Calendar::statutory());
        let text = serde_json::to_string(&verdict).unwrap();
        prop_assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
    }

    #[test]
    fn the_order_of_sessions_does_not_matter(filing in filing(), seed in any::<u64>()) {
        let filing = read(&filing);
        let mut turned = filing.clone();
        turned.course.sessions.sort_by_key(|s| {
            u64::try_from(s.start.minutes() * 7 + s.end.minutes()).unwrap().wrapping_mul(seed | 1).rotate_left(17)
        });
        prop_assert_eq!(nameless_findings(&filing), nameless_findings(&turned));
    }

    #[test]
    fn a_stricter_policy_never_takes_a_finding_away(filing in filing(), end in 0u16..=1230, float_bp in 0u16..=1000) {
        let lenient = read(&filing);
        let mut strict = lenient.clone();
        let end = format!("{:02}:{:02}", end / 60, end % 60).parse().unwrap();
        strict.policy = Some(Policy { offline_end: end, online_end: end, float_bp, ..lenient.policy_on(lenient.as_of) });
        let rules = |filing: &Filing| -> HashSet<(String, String)> {
            check(filing, Calendar::statutory()).iter().map(|f| (f.rule.to_string(), f.path.clone())).collect()
        };
        prop_assert!(rules(&lenient).is_subset(&rules(&strict)));
    }
}
