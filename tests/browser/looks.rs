//! How pages look to everybody: accessible by axe-core, no wider than the phone, at both sizes and in both languages.

use crate::{
    app::{World, app},
    chromium::Browser,
};

pub async fn check(browser: &Browser, path: &str) {
    for lang in ["zh-CN", "en"] {
        let separator = if path.contains('?') { '&' } else { '?' };
        browser.go(&format!("{path}{separator}lang={lang}")).await;
        let violations = browser.axe().await;
        assert!(violations.is_empty(), "{path} in {lang}: {violations:#?}");
        assert!(browser.overflow().await <= 0, "{path} in {lang} is wider than its window");
    }
}

#[tokio::test]
async fn public_pages_are_accessible_and_fit_the_phone() {
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        for path in [
            "/",
            "/s?q=启明",
            "/s?q=没有这家机构",
            "/v",
            "/v/52331002MJ0000018V",
            "/i/52331002MJ0000018U",
            "/login",
            "/login?next=/org",
            "/nothing",
        ] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn an_officers_pages_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    let unmask = format!("/b/unmask?kind=institution&id={}&field=phone", world.credit_code);
    let institution = format!("/b/institutions/{}", world.credit_code);
    let (draft, account) = statements(&world).await;
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.admin).await;
        let proof = format!("/b/proof/{}", world.credit_code);
        let filing = format!("/b/escrow/accounts/{}", world.credit_code);
        for path in [
            "/b",
            &institution,
            &unmask,
            "/b/access",
            "/b/personal",
            "/b/approvals",
            "/b/courses",
            "/b/escrow",
            "/b/proof",
            "/b/ledger?q=王小明",
            &proof,
            "/b/escrow/webhook",
            &filing,
            "/b/escrow/sms",
            "/b/complaints",
            "/b/escrow/upload",
            "/b/escrow/layouts",
            &draft,
            &account,
            "/b/institutions",
            "/b/imports",
            "/b/calendar",
            "/b/audit",
            "/b/policies",
            "/b/policies/approvals.four_eyes",
            "/b/policies/course.makeup_day",
            "/b/audit/1",
        ] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}

#[tokio::test]
async fn an_institutions_pages_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.org).await;
        for path in [
            "/org",
            "/org/courses",
            "/org/courses?status=draft",
            "/org/courses/new",
            "/org/escrow?done=answered",
            "/org/escrow/accounts",
            "/org/proof",
            "/org/audit",
            "/org/audit?show=changes",
        ] {
            check(&browser, path).await;
        }
        // Enter checks what is typed and adds no lessons; the answer has a page in the other language.
        browser.go("/org/courses/new?lang=zh-CN").await;
        browser.fill("#name", "初一数学班\u{E007}").await;
        browser.wait(".govuk-error-summary").await;
        assert_eq!(browser.wait("#name").await.prop("value").await.unwrap().as_deref(), Some("初一数学班"));
        browser.click(".mj-tools .lang").await;
        browser.says("Course filing").await;
        browser.close().await;
    }
}

/// A file that waits for its columns, and an account with reversals and possible repeats.
async fn statements(world: &World) -> (String, String) {
    let id = world.account_id().await.to_string();
    let fields = [("account", id.as_str())];
    let header = "交易日期,收入,支出,对方户名,摘要,冲正标志";
    for day in ["20260306", "20260309"] {
        let rows = format!(
            "{header}\n{day},,1234.00,某文具店有限责任公司第一分公司,办公用品采购,\n{day},88.00,,,不明来账,是\n"
        );
        let answer = world.admin.upload("/b/escrow/upload", &fields, "明细.csv", rows.into_bytes()).await;
        assert_eq!(answer.status(), reqwest::StatusCode::OK);
    }
    let table = "发生日,摘要代码,贷记额,借记额,结余,对方单位\n20260310,课时费,100.00,,1100.00,家长甲\n20260311,工资,,50.00,1050.00,教师乙\n";
    let answer = world.admin.upload("/b/escrow/upload", &fields, "明细.csv", table.into()).await;
    let draft = answer.headers()["location"].to_str().unwrap().to_owned();
    (draft, format!("/b/escrow/{id}"))
}

/// The path of the link in the first mail to an address.
async fn invitation(address: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    for _ in 0..300 {
        let files = std::fs::read_dir(app().data.join("mail")).into_iter().flatten().flatten();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        if let Some(text) = texts.into_iter().find(|text| text.contains(&format!("To: {address}"))) {
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            let body = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
            let body = String::from_utf8(body).unwrap();
            return body[body.find("/invite/").unwrap()..].split_whitespace().next().unwrap().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no mail to {address}");
}

#[tokio::test]
async fn the_pages_of_accounts_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    let (county, address) = (world.county, format!("looks.{}@test.example", world.county));
    let body =
        serde_json::json!({"email": address, "name": "周敏", "role": "department_officer", "department": "culture"});
    let (_, invited) = world.admin.post_json("/users", body).await;
    let users = world.admin.json(&format!("/users?q={}", world.approver.name)).await;
    let province = app().user("bureau_admin", "130000".parse().unwrap()).await;
    let link = invitation(&address).await;
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        for path in [link.as_str(), "/invite/1.nonsense"] {
            check(&browser, path).await;
        }
        browser.go(&format!("{link}?lang=zh-CN")).await;
        browser.fill("#username", "x\u{E007}").await;
        browser.wait(".govuk-error-summary").await;
        assert_eq!(browser.axe().await, Vec::<String>::new(), "with its error");
        browser.sign_in(&world.admin).await;
        for path in [
            "/b/users",
            "/b/users?q=nobody",
            "/b/users/new",
            &format!("/b/users/{}?done=role", users["items"][0]["id"]),
            &format!("/b/users/{}", invited["id"]),
            "/b/departments",
            "/session/post",
        ] {
            check(&browser, path).await;
        }
        // An irreversible act asks first, and says beside its field what is missing.
        browser.go(&format!("/b/users/{}?lang=zh-CN", users["items"][0]["id"])).await;
        browser.fill("#reason", "离职").await;
        browser.click("button[value=disable]").await;
        browser.wait("#sure-e").await;
        assert_eq!(browser.wait("#reason").await.prop("value").await.unwrap().as_deref(), Some("离职"));
        assert_eq!(browser.axe().await, Vec::<String>::new(), "with its error");
        browser.sign_in(&province).await;
        for path in ["/b/bureaus".to_owned(), format!("/b/bureaus?of={}", county.number() / 100 * 100)] {
            check(&browser, &path).await;
        }
        browser.sign_in(&world.org).await;
        for path in ["/org/staff", "/org/staff/new"] {
            check(&browser, path).await;
        }
        browser.close().await;
    }
}
