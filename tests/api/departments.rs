//! Departments see and decide what they are in charge of; townships see what lies in them; nobody sees less by a route
//! that was forgotten.

use mingjian::kernel::RegionCode;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{HEADER, PASSWORD, User, World, app, credit_code, row},
    samples::good_course,
};

/// A department's officer of the world's county.
async fn officer(world: &World, department: &str) -> User {
    let name = format!("{department}.{}", world.county);
    let county = world.county.to_string();
    let words = ["user", "add", "--role", "department_officer", "--department", department, "--region", &county];
    app().run(&[&words[..], &["--password-stdin", "--second-factor", "off", &name]].concat(), PASSWORD);
    app().sign_in(&name).await
}

/// A second institution in the world's county, for culture and arts, with its place.
async fn piano_house(admin: &User, county: RegionCode, township: &str) -> (String, String) {
    let code = credit_code(county, 70_000 + county.number() % 10_000);
    let name = format!("琴韵艺术培训{}（样例）", county);
    let place = county.name().unwrap();
    let line = row(county, &name, &code, &format!("{}99999999", county))
        .replace("学科类,初中数学", "文化艺术类,钢琴")
        .replace(&format!("{place},,"), &format!("{place},{township},"));
    import(admin, county, &line).await;
    (code, name)
}

async fn import(admin: &User, county: RegionCode, line: &str) {
    let (_, report) = admin.import(&[("region", &county.to_string())], format!("{HEADER}\n{line}\n")).await;
    assert_eq!(report["accepted"], 1, "{report}");
}

async fn submitted_course(world: &World) -> i64 {
    let (_, filed) = world.org.post_json("/courses", good_course("部门分工的课")).await;
    let course = filed["id"].as_i64().unwrap_or_else(|| panic!("{filed}"));
    let (status, answer) = world.org.post_json(&format!("/courses/{course}/submit"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    course
}

#[tokio::test]
async fn a_department_sees_and_decides_its_own_categories_and_the_bureau_says_which() {
    let world = World::new().await;
    let (arts, arts_name) = piano_house(&world.admin, world.county, "").await;
    let course = submitted_course(&world).await;
    let (culture, education, sports) =
        (officer(&world, "culture").await, officer(&world, "education").await, officer(&world, "sports").await);
    for (who, sees, not) in [(&culture, &arts, &world.credit_code), (&education, &world.credit_code, &arts)] {
        let register = who.json("/institutions").await.to_string();
        assert!(register.contains(sees.as_str()) && !register.contains(not.as_str()), "{}: {register}", who.name);
        assert_eq!(who.get(&format!("/b/institutions/{sees}")).await.status(), StatusCode::OK);
        assert_eq!(who.get(&format!("/b/institutions/{not}")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            who.api(Method::GET, &format!("/institutions/{not}")).send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(sports.json("/institutions").await["items"], json!([]), "in charge of what is not there");
    assert!(!sports.page("/b").await.contains(&arts_name));
    // The course is the education bureau's.
    let decide = json!({"decision": "return", "comment": "请补充材料"});
    assert_eq!(culture.json("/courses").await["items"], json!([]));
    assert_eq!(culture.get(&format!("/b/courses/{course}")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        culture.post_json(&format!("/courses/{course}/decisions"), decide.clone()).await.0,
        StatusCode::NOT_FOUND
    );
    assert!(education.page(&format!("/b/courses/{course}")).await.contains("name=\"decision\""));
    // The county gives the academic category to culture: what each sees and decides follows at once.
    let form = [
        ("academic", "culture"),
        ("arts", "culture"),
        ("sports", "sports"),
        ("sci_tech", "science"),
        ("vocational", "human_resources"),
        ("childcare", "health"),
        ("comprehensive", "education"),
    ];
    assert_eq!(world.admin.submit("/b/departments", &form).await.headers()["location"], "/b/departments?done=yes");
    assert_eq!(education.json("/institutions").await["items"], json!([]));
    assert_eq!(
        education.post_json(&format!("/courses/{course}/decisions"), decide.clone()).await.0,
        StatusCode::NOT_FOUND
    );
    let (status, answer) = culture.post_json(&format!("/courses/{course}/decisions"), decide).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let trail = world.admin.page("/b/audit").await;
    assert!(trail.contains("设置主管部门分工") && trail.contains("主管部门人员"), "{trail}");
    // A later sheet and a later course follow the table.
    let later = credit_code(world.county, 88_000);
    import(
        &world.admin,
        world.county,
        &row(world.county, "后来的学科培训（样例）", &later, &format!("{}88888888", world.county)),
    )
    .await;
    assert!(culture.json("/institutions").await.to_string().contains(&later));
    let again = submitted_course(&world).await;
    assert!(culture.json("/courses").await.to_string().contains(&format!("\"id\":{again}")));
}

#[tokio::test]
async fn a_department_reads_the_register_and_nothing_else_of_the_bureaus_desk() {
    let world = World::new().await;
    world.list().await;
    piano_house(&world.admin, world.county, "").await;
    let culture = officer(&world, "culture").await;
    let propose = json!({"credit_code": world.credit_code, "reason": "x"});
    assert_eq!(world.admin.post_json("/lists/black", propose).await.0, StatusCode::ACCEPTED);
    assert_eq!(culture.json("/approvals").await["items"], json!([]), "what is proposed is the bureau's");
    assert!(!culture.page("/b").await.contains(&world.name));
    for path in ["/b/escrow", "/b/audit", "/b/imports", "/b/users", "/b/departments", "/b/calendar"] {
        assert_eq!(culture.get(path).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let wrong = world.admin.submit("/b/departments", &[("academic", "nobody")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.admin.page("/b/departments").await.contains("还没有人员"), "sports has nobody yet");
}

#[tokio::test]
async fn a_township_sees_the_institutions_located_in_it() {
    // The townships of 台州 are in the reference table.
    let county: RegionCode = "331022".parse().unwrap();
    let admin = app().user("bureau_admin", county).await;
    let townships = county.townships();
    let (here, next) = (townships[0], townships[1]);
    let (code, _) = piano_house(&admin, county, &here.to_string()).await;
    let elsewhere = credit_code(county, 77_000);
    import(&admin, county, &row(county, "没有写乡镇的机构（样例）", &elsewhere, "33102277777777")).await;
    let (ours, theirs) = (app().user("township_officer", here).await, app().user("township_officer", next).await);
    let nowhere = app().user("township_officer", county).await;
    let register = ours.json("/institutions").await;
    assert_eq!(register["items"].as_array().unwrap().len(), 1, "{register}");
    assert_eq!(register["items"][0]["credit_code"], code.as_str());
    assert_eq!(ours.get(&format!("/b/institutions/{elsewhere}")).await.status(), StatusCode::NOT_FOUND);
    for other in [&theirs, &nowhere] {
        assert_eq!(other.json("/institutions").await["items"], json!([]), "{}", other.name);
        assert_eq!(other.get(&format!("/b/institutions/{code}")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(other.get("/b").await.status(), StatusCode::OK);
    }
    let decide = json!({"decision": "approve", "comment": "x"});
    assert_eq!(
        ours.post_json("/courses/1/decisions", decide).await.0,
        StatusCode::FORBIDDEN,
        "a township decides nothing"
    );
}
