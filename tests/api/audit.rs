//! The trail on pages: what an auditor finds, takes along and is told of it; what an institution sees of itself.

use mingjian::{
    audit::{self, Look},
    db::{Pools, trail::Draft},
    identity::{Actor, Caller, Role},
    kernel::RegionCode,
    secrets::Secrets,
    vault::Vault,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{World, app},
    audit_chain::{append, event, seal_as_the_service, verify},
    samples::good_course,
};

/// The service's pools in this process, which seals and chains as the service does.
pub fn pools() -> Pools {
    seal_as_the_service();
    let config = app().database_config("mingjian_root");
    let vault = Vault::open(&app().data, None, &Secrets::load(&app().data).unwrap()).unwrap();
    Pools::new(&config, None, vault).unwrap()
}

/// An official of a bureau who looks at an institution's data.
async fn look_as(region: RegionCode, role: Role, world: &World, reason: &str) -> Result<(), mingjian::db::DbError> {
    let caller = Caller {
        actor: Actor {
            user_id: 4711,
            display_name: "周查看".into(),
            role,
            session: "s".into(),
            ..Actor::system(region.tenant_id())
        },
        request_id: "look-1".into(),
        now: crate::app::NOW.parse().unwrap(),
    };
    let root = app().database("mingjian_root").await;
    let sql = "SELECT id FROM institutions WHERE credit_code = $1";
    let institution: i64 = root.query_one(sql, &[&world.credit_code]).await.unwrap().get(0);
    let mut conn = caller.actor.scope().begin(&pools()).await?;
    let look = Look {
        tenant: world.county.tenant_id(),
        subject: ("institution", &world.credit_code),
        institution: Some(institution),
        fields: &["phone", "legal_person"],
        reason,
    };
    audit::look(&mut conn, &caller, look).await?;
    conn.commit().await
}

#[tokio::test]
async fn an_institution_sees_who_looked_at_its_data_and_what_was_changed_about_it() {
    let (world, other) = (World::new().await, World::new().await);
    assert!(world.org.page("/org/audit").await.contains("没有人查看过"));
    look_as(world.county, Role::Inspector, &world, "核对投诉人所述法定代表人").await.unwrap();
    let province: RegionCode = "130000".parse().unwrap();
    look_as(province, Role::ProvinceOfficer, &world, "省级抽查").await.unwrap();
    let page = world.org.page("/org/audit").await;
    let bureau = |region: RegionCode| mingjian::web::show::bureau(region.tenant_id());
    let (county, upper) = (bureau(world.county), bureau(province));
    for words in [&county, "检查员", "电话", "法定代表人", "核对投诉人所述法定代表人", &upper, "省级抽查"]
    {
        assert!(page.contains(words), "the page lacks {words}");
    }
    assert!(!page.contains("周查看"), "an official is shown by bureau and role");
    assert!(!other.org.page("/org/audit").await.contains("省级抽查"), "another institution's");
    // The bureau weighs a proposal: no business of the institution's until it is decided.
    let proposal = json!({"credit_code": world.credit_code, "reason": "内部意见"});
    let (_, proposal) = world.admin.post_json("/lists/white", proposal).await;
    let changes = world.org.page("/org/audit?show=changes").await;
    assert!(changes.contains("新增机构") && changes.contains(&county), "{changes}");
    assert!(!changes.contains("内部意见") && !changes.contains("提议，待复核") && !changes.contains(&world.admin.name));
    assert!(!changes.contains("名单变更"), "nothing is decided yet");
    let decision = format!("/approvals/{}/decisions", proposal["id"]);
    world.approver.post_json(&decision, json!({"decision": "approve", "comment": "内部批注"})).await;
    let changes = world.org.page("/org/audit?show=changes").await;
    assert!(changes.contains("名单变更") && changes.contains("白名单"), "{changes}");
    assert!(!changes.contains("内部") && !changes.contains(&world.approver.name), "{changes}");
    assert_eq!(world.admin.get("/org/audit").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.org.get("/b/audit").await.status(), StatusCode::FORBIDDEN);
    // The county's auditor finds both looks, the province's chain has its own, and both chains are whole.
    let looks = world.admin.page("/b/audit?looks=yes").await;
    assert!(looks.contains("省级抽查") && looks.contains("核对投诉人所述法定代表人") && !looks.contains("新增机构"));
    for region in [world.county, province] {
        assert_eq!(verify(app(), region, &[]).1["ok"], true);
    }
    let root = app().database("mingjian_root").await;
    let own = "SELECT count(*) FROM audit_events WHERE tenant_id = 130000 AND reason = '省级抽查' AND subject_id = $1";
    let own: i64 = root.query_one(own, &[&world.credit_code]).await.unwrap().get(0);
    assert_eq!(own, 1);
    // Looks go down, never sideways, and an upper level writes nothing else below.
    let sideways = look_as(other.county, Role::Inspector, &world, "x").await;
    assert!(sideways.is_err());
    let app_role = app().database("mingjian_app").await;
    app_role.batch_execute(&mingjian::db::Scope::official(province, 1).statement()).await.unwrap();
    let error = mingjian::db::trail::append_by(&app_role, vec![event(world.county, "x")]).await.unwrap_err();
    assert!(error.to_string().contains("db error"), "{error}");
}

#[tokio::test]
async fn an_auditor_finds_an_event_by_every_filter_and_sees_its_place_in_the_chain() {
    let world = World::new().await;
    let (_, filed) = world.org.post_json("/courses", good_course("留痕的课")).await;
    let course = filed["id"].as_i64().unwrap().to_string();
    world.list().await;
    let auditor = app().user("auditor", world.county).await;
    let code = &world.credit_code;
    let other_filter = "role=system&kind=course";
    for (query, finds, not) in [
        ("kind=course".to_owned(), "保存课程", "提议，待复核"),
        (format!("of=course&subject={course}"), "保存课程", "提议，待复核"),
        ("who=approver".to_owned(), "复核同意", "提议，待复核"),
        ("role=institution_admin".to_owned(), "保存课程", "提议，待复核"),
        (format!("institution={code}&kind=approval"), "提议，待复核", "保存课程"),
        (format!("institution={code}&role=approver"), "复核同意", "提议，待复核"),
        ("q=留痕的课".to_owned(), "保存课程", "提议，待复核"),
        ("q=资料齐全".to_owned(), "提议，待复核", "保存课程"),
        ("q=提议&from=2026-03-18&to=2026-03-18".to_owned(), "提议，待复核", "保存课程"),
        (other_filter.to_owned(), "没有符合的记录", "保存课程"),
        ("institution=查无此校".to_owned(), "没有符合的记录", "保存课程"),
        ("to=2026-03-17".to_owned(), "没有符合的记录", "保存课程"),
        ("looks=yes".to_owned(), "没有符合的记录", "保存课程"),
    ] {
        let page = auditor.page(&format!("/b/audit?{query}")).await;
        // The choice of kinds names them too; the table alone is looked at.
        let found = page.split("<table").nth(1).unwrap_or(page.split("</form>").last().unwrap());
        assert!(found.contains(finds) && !found.contains(not), "{query} finds {found}");
    }
    let page = auditor.page("/b/audit?kind=approval").await;
    assert!(
        page.contains(r#"<option value="approval" selected>双人复核</option>"#),
        "it can be chosen, and stays chosen"
    );
    let page = auditor.page("/b/audit?kind=list.changed").await;
    let at = page.find("href=\"/b/audit/").unwrap() + "href=\"".len();
    let path = page[at..].split('"').next().unwrap().to_owned();
    let one = auditor.page(&path).await;
    for words in ["名单变更", "名单状态", "不在名单", "白名单", "审批员", "与写入时一致", "前一条校验值", "只看此人"]
    {
        assert!(one.contains(words), "the event's page lacks {words}");
    }
    let (seq, root) = (path.rsplit('/').next().unwrap().to_owned(), app().database("mingjian_root").await);
    let edit = |reason: &str| {
        format!(
            "UPDATE audit_events SET reason = '{reason}' WHERE tenant_id = {} AND seq = {seq}",
            world.county.tenant_id()
        )
    };
    root.batch_execute(&edit("被改了")).await.unwrap();
    assert!(auditor.page(&path).await.contains("与写入时不一致"));
    assert_eq!(verify(app(), world.county, &[]).1["bad_seq"].to_string(), seq);
    assert!(auditor.page("/b/audit").await.contains("记录被改动"), "the page says what the check found");
    root.batch_execute(&edit("同意")).await.unwrap();
    assert_eq!(verify(app(), world.county, &[]).0, 0);
    assert!(auditor.page("/b/audit").await.contains("校验通过"));
    for nothing in ["/b/audit/0", "/b/audit/x", "/b/audit/99999999"] {
        assert_eq!(auditor.get(nothing).await.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
    assert_eq!(world.approver.get(&path).await.status(), StatusCode::FORBIDDEN);
    // Every bureau numbers its events from one: the same address is the neighbour's own event, or nothing.
    assert!(one.contains(code.as_str()), "the event's page names the institution");
    let neighbour = World::new().await;
    assert_eq!(neighbour.admin.get(&path).await.status(), StatusCode::NOT_FOUND, "they have not so many yet");
    let own = (0..seq.parse().unwrap()).map(|_| event(neighbour.county, "邻县自己的事"));
    append(neighbour.county, own.collect()).await;
    let theirs = neighbour.admin.page(&path).await;
    assert!(theirs.contains("邻县自己的事") && !theirs.contains(code.as_str()), "{theirs}");
}

#[tokio::test]
async fn the_file_holds_every_event_once_without_formulas_and_taking_it_is_on_record() {
    let county = app().county();
    let admin = app().user("bureau_admin", county).await;
    let many =
        (0..1_234).map(|n| Draft { reason: Some("=HYPERLINK(\"http://x\")".into()), ..event(county, &n.to_string()) });
    append(county, many.collect()).await;
    let answer = admin.get("/b/audit.csv?kind=test").await;
    assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("attachment"));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(&bytes[..3], "\u{feff}".as_bytes());
    let mut reader = csv::Reader::from_reader(&bytes[3..]);
    assert_eq!(&reader.headers().unwrap()[0], "序号");
    let mut subjects: Vec<u32> = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        assert_eq!(&record[13], "'=HYPERLINK(\"http://x\")");
        subjects.push(record[8].parse().unwrap());
    }
    subjects.sort_unstable();
    assert!(subjects.into_iter().eq(0..1_234), "every event stands in the file once");
    let told = admin.json("/audit?kind=audit.exported").await;
    assert_eq!(told["items"][0]["after"], json!({"kind": "test"}));
    // The API pages through the same, newest first.
    let first = admin.json("/audit?kind=test&limit=100").await;
    let items = first["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["subject"]["id"]), (100, &json!("1233")));
    let next =
        admin.json(&format!("/audit?kind=test&limit=100&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(next["items"][0]["subject"]["id"], "1133");
    let refused = app().user("approver", county).await.api(Method::GET, "/audit").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let bad = admin.api(Method::GET, "/audit?cursor=x").send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
