//! The first release's story as people live it, in Chromium: a spreadsheet becomes a register and a white list, a course
//! is filed, money leaves and the officer's open page shows it, a parent looks the school up on a phone.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use fantoccini::Locator;
use mingjian::kernel::RegionCode;
use reqwest::StatusCode;

use crate::{
    app::{HEADER, User, World, app, credit_code, row},
    chromium::Browser,
    samples::camt,
};

/// A file to choose in a form.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = app().data.with_extension("files");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn choose_file(browser: &Browser, path: &std::path::Path) {
    browser.wait("input[type=file]").await.send_keys(path.to_str().unwrap()).await.unwrap();
}

pub async fn accessible(browser: &Browser, what: &str) {
    let violations = browser.axe().await;
    assert!(violations.is_empty(), "{what}: {violations:#?}");
    assert!(browser.overflow().await <= 0, "{what} is wider than its window");
}

/// A register as a bureau keeps it, in GBK, with one wrong credit code.
fn spreadsheet(county: RegionCode, number: u32) -> (Vec<u8>, String, String) {
    let (good, mended) = (credit_code(county, number), credit_code(county, number + 1));
    let last = if mended.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &mended[..17]);
    let text = format!(
        "{HEADER}\r\n{}\r\n{}\r\n",
        row(county, "启明星学科培训中心（样例）", &good, &format!("{county}{number:08}")),
        row(county, "晨光学科培训中心（样例）", &wrong, &format!("{county}{:08}", number + 1))
    );
    let (bytes, _, unmappable) = encoding_rs::GBK.encode(&text);
    assert!(!unmappable);
    (bytes.into_owned(), wrong, mended)
}

#[tokio::test]
async fn a_bureau_imports_mends_and_lists_with_a_colleague() {
    let app = app();
    let county = app.county();
    let (admin, approver) = (app.user("bureau_admin", county).await, app.user("approver", county).await);
    let (bytes, wrong, mended) = spreadsheet(county, 77_001);
    let browser = Browser::open(1280).await;
    browser.sign_in(&admin).await;
    browser.go("/b/imports").await;
    choose_file(&browser, &file("机构台账.csv", &bytes)).await;
    browser.click("form[enctype] button[type=submit]").await;
    browser.says("1 行可以导入，1 行须改正").await;
    let text = browser.text().await;
    assert!(
        text.contains("启明星学科培训中心") && text.contains("晨光学科培训中心") && text.contains("校验位不符"),
        "{text}"
    );
    let field = browser.wait("input[aria-invalid=true]").await;
    assert_eq!(field.prop("value").await.unwrap().as_deref(), Some(wrong.as_str()), "what was typed is kept");
    accessible(&browser, "an import with a bad row").await;
    browser.picture("import-1280").await;
    browser.fill("input[aria-invalid=true]", &mended).await;
    browser.click("#bad form button[type=submit]").await;
    browser.says("2 行可以导入，0 行须改正").await;
    browser.click("form[action$='/confirm'] button").await;
    browser.says("已导入：新增 2").await;
    browser.click("form[action='/b/lists/propose'] button").await;
    browser.says("已提议 2 家").await;
    browser.go("/b/approvals").await;
    browser.says("您提议的").await;
    browser.close().await;

    let browser = Browser::open(1280).await;
    browser.sign_in(&approver).await;
    browser.go("/b/approvals").await;
    for pick in browser.client.find_all(Locator::Css("#pending input[type=checkbox]")).await.unwrap() {
        pick.click().await.unwrap();
    }
    browser.fill("#comment", "材料齐全").await;
    accessible(&browser, "the approvals").await;
    browser.picture("approvals-1280").await;
    browser.click("button[name=decision][value=approve]").await;
    browser.says("已审批 2 件").await;
    browser.go(&format!("/i/{mended}")).await;
    browser.says("在白名单，许可有效").await;
    browser.close().await;
}

async fn fill_course(browser: &Browser) {
    for (field, text) in [
        ("#name", "七年级数学"),
        ("#subject", "数学"),
        ("#grade", "7"),
        ("#lessons", "40"),
        ("#lesson_minutes", "45"),
        ("#fee_fen", "2000"),
        ("#benchmark_fen", "50"),
        ("#class_size", "30"),
        ("#area_m2", "120"),
        ("#session-0-start", "18:30"),
        ("#session-0-end", "20:31"),
        ("#session-1-start", "9:00"),
        ("#session-1-end", "11:00"),
        ("#person-0-name", "林晓"),
        ("#person-0-nationality", "CN"),
        ("#person-0-located_in", "CN"),
    ] {
        browser.fill(field, text).await;
    }
    for (field, value) in [
        ("#category", "academic"),
        ("#stage", "junior"),
        ("#delivery", "offline"),
        ("#materials_filed", "yes"),
        ("#homework", "no"),
        ("#overseas_curriculum", "no"),
        ("#photo_search", "no"),
        ("#person-0-role", "teaching"),
        ("#person-0-published", "yes"),
        ("#person-0-in_service_teacher", "no"),
        ("#person-0-banned", "no"),
    ] {
        browser.choose(field, value).await;
    }
    browser.set("#first_payment_on", "2026-03-20").await;
    browser.set("#person-0-inquiry_on", "2026-01-05").await;
    browser.set("#session-0-date", "2026-03-26").await;
    // A Saturday that is no adjusted workday.
    browser.set("#session-1-date", "2026-03-28").await;
}

#[tokio::test]
async fn an_institution_files_a_course_that_the_rules_first_refuse() {
    let world = World::new().await;
    world.list().await;
    let browser = Browser::open(1280).await;
    browser.sign_in(&world.admin).await;
    browser.go("/b/calendar").await;
    browser.says("还没有设置校历").await;
    for (field, day) in
        [("#from-0", "2026-01-31"), ("#to-0", "2026-03-01"), ("#from-1", "2026-07-01"), ("#to-1", "2026-08-31")]
    {
        browser.set(field, day).await;
    }
    browser.fill("#start-0", "8:00").await;
    browser.fill("#end-0", "16:30").await;
    browser.click("form.stack-l button[type=submit]").await;
    browser.says("请写明出处").await;
    browser.fill("#source", "关于印发学年校历的通知").await;
    accessible(&browser, "the school calendar").await;
    browser.picture("calendar-1280").await;
    browser.click("form.stack-l button[type=submit]").await;
    browser.says("已保存").await;
    browser.close().await;

    let browser = Browser::open(1280).await;
    browser.sign_in(&world.org).await;
    browser.go("/org/courses/new").await;
    fill_course(&browser).await;
    // The rules answer while the form is being filled in, before anything is sent.
    browser.wait("#findings .find--block").await;
    browser.says("超出 1 分钟").await;
    browser.click("button[name=do][value=submit]").await;
    browser.wait(".govuk-error-summary").await;
    for (beside, rule) in [
        ("#session-0-end-e0", "COURSE-TIME-OFFLINE-END"),
        ("#session-1-date-e0", "COURSE-DAY-REST"),
        ("#person-0-teacher_certificate-e0", "STAFF-ACAD-QUALIFICATION"),
    ] {
        let text = browser.wait(beside).await.text().await.unwrap();
        assert!(text.contains(rule) && text.contains("怎么改") && text.contains("依据"), "{beside}: {text}");
    }
    assert_eq!(browser.wait("#session-0-end").await.prop("value").await.unwrap().as_deref(), Some("20:31"));
    accessible(&browser, "a refused filing").await;
    browser.picture("course-refused-1280").await;
    browser.fill("#session-0-end", "20:30").await;
    browser.set("#session-1-date", "2026-04-02").await;
    browser.fill("#session-1-start", "18:30").await;
    browser.fill("#session-1-end", "20:30").await;
    browser.fill("#person-0-teacher_certificate", "20153301032000123").await;
    browser.fill("#person-0-certificate_subject", "数学").await;
    browser.choose("#person-0-certificate_stage", "junior").await;
    browser.click("button[name=do][value=submit]").await;
    browser.says("待审批").await;
    browser.close().await;

    let browser = Browser::open(1280).await;
    browser.sign_in(&world.approver).await;
    browser.go("/b/courses").await;
    browser.click("main table a").await;
    browser.says("规则检查").await;
    let text = browser.text().await;
    assert!(!text.contains("须改正") && !text.contains("不知道本县校历"), "{text}");
    accessible(&browser, "a filing to decide").await;
    browser.picture("course-review-1280").await;
    // The licence's stages are not in the register: the officer decides on that, and says how.
    browser.fill("#comment", "许可学段已核对原件").await;
    browser.click("button[name=decision][value=approve]").await;
    browser.arrived("/b/courses").await;
    browser.says("已准予备案").await;
    browser.go("/b/courses?status=approved").await;
    browser.says("七年级数学").await;
    browser.close().await;

    let browser = Browser::open(390).await;
    browser.go(&format!("/i/{}", world.credit_code)).await;
    browser.says("七年级数学").await;
    let text = browser.text().await;
    for words in ["学科类", "20:30", "2,000.00", "林晓", "教师资格证"] {
        assert!(text.contains(words), "the public page lacks {words}:\n{text}");
    }
    accessible(&browser, "the public page").await;
    browser.picture("institution-390").await;
    browser.close().await;
}

/// Uploads a statement as the finance officer does, in a browser of her own; when it was in the books.
async fn upload(officer: &User, bytes: &[u8]) -> Instant {
    let answer = officer.upload("/b/escrow/upload", &[], "day.xml", bytes.to_vec()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    Instant::now()
}

#[tokio::test]
async fn money_leaves_and_the_open_watch_page_shows_it() {
    let world = World::new().await;
    world.list().await;
    let finance = app().user("finance_officer", world.county).await;
    let watch = Browser::open(1280).await;
    watch.sign_in(&world.admin).await;
    watch.go("/b/escrow").await;
    watch.says("没有待办的预警").await;
    watch.client.execute("window.sameDocument = true", vec![]).await.unwrap();
    // Two fifths of what is there, under the sum that needs an order.
    let grab = [("2026-03-16", true, 72_000, "A1"), ("2026-03-17", false, 1_828_800, "A3")];
    let statement = camt(&world.account, 4_500_000, &grab);
    let kept = upload(&finance, statement.as_bytes()).await;
    let row = watch.client.wait().at_most(Duration::from_secs(5)).every(Duration::from_millis(20));
    row.for_element(Locator::Css("#watch tr[data-row] .lv--orange")).await.expect("an orange row");
    let waited = kept.elapsed();
    assert!(waited < Duration::from_secs(1), "seen {waited:?} after it was in the books");
    let same = watch.client.execute("return window.sameDocument === true", vec![]).await.unwrap();
    assert_eq!(same, true, "without a reload");
    accessible(&watch, "the watch page").await;
    watch.picture("watch-1280").await;
    upload(&finance, statement.as_bytes()).await;
    assert_eq!(
        watch.client.find_all(Locator::Css("#watch tr[data-row]")).await.unwrap().len(),
        1,
        "once, however often sent"
    );

    watch.click("#watch tr[data-row] a").await;
    watch.says("依据和算法").await;
    let text = watch.text().await;
    for words in ["FUND-LARGE-SINGLE", "18,288.00", "40", "A3"] {
        assert!(text.contains(words), "the evidence lacks {words}:\n{text}");
    }
    watch.wait(".chart canvas, .chart svg").await;
    accessible(&watch, "the account").await;
    watch.picture("account-1280").await;

    let org = Browser::open(390).await;
    org.sign_in(&world.org).await;
    accessible(&org, "the institution's first page").await;
    org.click("main .banner a[href^='/org/escrow#w']").await;
    org.fill("textarea[name=comment]", "购置教具，发票编号 0317").await;
    accessible(&org, "the institution's answer").await;
    org.picture("org-escrow-390").await;
    org.click("form[action^='/org/escrow/warnings/'] button[type=submit]").await;
    org.says("说明已提交").await;
    org.says("购置教具，发票编号 0317").await;
    org.close().await;

    watch.client.refresh().await.unwrap();
    watch.says("购置教具，发票编号 0317").await;
    watch.fill("textarea[name=comment]", "已核对发票").await;
    // Two kinds of warning rest on the withdrawal: each is answered for itself.
    watch.click("button[name=action][value=resolve]").await;
    watch.says("已办结 1 个").await;
    watch.fill("textarea[name=comment]", "同上，已核对发票").await;
    watch.click("button[name=action][value=resolve]").await;
    watch.says("没有待办的预警").await;
    watch.close().await;
}

#[tokio::test]
async fn a_parent_on_a_phone_finds_the_school_and_the_account_to_pay_into() {
    let world = World::new().await;
    world.list().await;
    let number: String = world.name.chars().filter(char::is_ascii_digit).collect();
    let parent = Browser::open(390).await;
    parent.go("/").await;
    parent.picture("home-390").await;
    for typed in [format!("启明星学科培训中心{number}"), format!("qmxxkpxzx{number}"), world.credit_code.clone()]
    {
        parent.go("/").await;
        parent.fill("#q", &typed).await;
        parent.click("form[role=search] button").await;
        parent.says(&world.name).await;
    }
    for typed in ["启明", "qiming", "qmx"] {
        parent.go(&format!("/s?q={typed}&region={}", world.county)).await;
        parent.says(&world.name).await;
    }
    accessible(&parent, "results").await;
    parent.picture("results-390").await;
    parent.click("main a[href^='/i/']").await;
    parent.says("在白名单，许可有效").await;
    let text = parent.text().await;
    for words in ["3 月 18 日", &world.account, "台州银行", "转入个人或其他账户的钱不受监管", "还没有收到银行流水"]
    {
        assert!(text.contains(words), "the page lacks {words}:\n{text}");
    }
    accessible(&parent, "the institution").await;
    // Without a script the page says the same.
    let plain = app().visitor().page(&format!("/i/{}", world.credit_code)).await;
    assert!(plain.contains(&world.account));
    parent.close().await;
}
