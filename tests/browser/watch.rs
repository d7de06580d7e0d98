//! The wall that an officer leaves open, in Chromium: driven by keys, renewed while somebody reads, and the chart and league beside it.

use std::time::{Duration, Instant};

use fantoccini::Locator;
use serde_json::{Value, json};

use crate::{
    app::{HEADER, World, app, credit_code, row},
    chromium::Browser,
    looks::check,
    samples::{OPENING, camt},
    story::accessible,
};

/// What a script of the page gives.
async fn eval(browser: &Browser, script: &str) -> Value {
    browser.client.execute(script, vec![]).await.unwrap()
}

/// Presses a key where the focus is.
async fn press(browser: &Browser, key: &str) {
    browser.client.active_element().await.unwrap().send_keys(key).await.unwrap();
}

async fn focused(browser: &Browser) -> String {
    eval(browser, "return document.activeElement.textContent.trim()").await.as_str().unwrap_or_default().to_owned()
}

/// Waits until a script of the page says true.
async fn until(browser: &Browser, what: &str, script: &str) {
    let end = Instant::now() + Duration::from_secs(10);
    while eval(browser, script).await != json!(true) {
        assert!(Instant::now() < end, "{what}:\n{}", browser.text().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A county with its institution and four more, each with an account.
async fn neighbours(world: &World) -> Vec<String> {
    let county = world.county;
    let account = |n: u32| format!("88{county}{n:06}");
    let sheet: String = (1..5)
        .map(|n| {
            row(county, &format!("邻里第{n}培训中心（样例）"), &credit_code(county, 70_000 + n), &account(n)) + "\n"
        })
        .collect();
    let (status, report) = world.admin.import(&[("region", &county.to_string())], format!("{HEADER}\n{sheet}")).await;
    assert!(status.is_success(), "{report}");
    (1..5).map(account).collect()
}

async fn deliver(world: &World, account: &str, text: String) {
    let accounts = world.admin.json("/escrow/accounts").await;
    let id = accounts["items"].as_array().unwrap().iter().find(|one| one["account"] == account).unwrap()["id"].clone();
    let answer = world.admin.post_file(&format!("/escrow/accounts/{id}/statements"), &[], "day.xml", text).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn an_officer_goes_through_the_wall_by_keys() {
    let world = World::new().await;
    let accounts = neighbours(&world).await;
    // Over a third, and less than what needs an order: orange.
    let orange = [("2026-03-17", false, 3_600_000, "O1")];
    world.delivered(camt(&world.account, 10_000_000, &orange)).await;
    deliver(&world, &accounts[0], camt(&accounts[0], OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let browser = Browser::open(1280).await;
    browser.sign_in(&world.admin).await;
    browser.go("/b/escrow").await;
    browser.wait("[data-keys-help]").await;

    press(&browser, "j").await;
    assert!(focused(&browser).await.contains("邻里第1"), "the first row is the red one");
    press(&browser, "j").await;
    assert!(focused(&browser).await.contains("启明星"));
    press(&browser, "\u{E015}").await;
    assert!(focused(&browser).await.contains("邻里第2"), "the arrow goes on");
    press(&browser, "k").await;
    assert!(focused(&browser).await.contains("启明星"));
    let ring = eval(&browser, "return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(ring, "solid", "the focus is seen");

    press(&browser, "?").await;
    browser.wait("dialog[open]").await;
    browser.says("签收这一行的预警").await;
    accessible(&browser, "the help on keys").await;
    browser.picture("watch-keys-1280").await;
    press(&browser, "\u{E00C}").await;
    until(&browser, "the help closes", "return !document.getElementById('keys-help').open").await;
    assert!(focused(&browser).await.contains("启明星"), "and gives the focus back");

    // Acknowledged from where one is; the row tells so, and neither focus nor place is lost.
    eval(&browser, "window.sameDocument = true; window.scrollTo(0, 120)").await;
    let place = eval(&browser, "return window.scrollY").await;
    press(&browser, "a").await;
    let told = "return document.activeElement.closest('tr')?.textContent.includes('已签收') === true";
    until(&browser, "the row tells that it was acknowledged", told).await;
    assert!(focused(&browser).await.contains("启明星"));
    assert_eq!(eval(&browser, "return window.sameDocument === true").await, true, "without a reload");
    assert_eq!(eval(&browser, "return window.scrollY").await, place);
    press(&browser, "a").await;
    until(
        &browser,
        "nothing more to acknowledge is said",
        "return document.getElementById('watch-news').textContent.includes('没有待签收')",
    )
    .await;

    // A letter typed into the filter is a letter.
    press(&browser, "/").await;
    press(&browser, "j").await;
    assert_eq!(browser.wait("#wq").await.prop("value").await.unwrap().as_deref(), Some("j"));
    // Whoever does not want them turns them off; the help stays within reach.
    eval(&browser, "document.activeElement.blur()").await;
    press(&browser, "?").await;
    browser.click("[data-keys-on]").await;
    browser.click("dialog[open] button").await;
    eval(&browser, "document.activeElement.blur()").await;
    press(&browser, "j").await;
    assert!(!focused(&browser).await.starts_with("邻里第1"));
    press(&browser, "?").await;
    browser.click("[data-keys-on]").await;
    browser.click("dialog[open] button").await;

    eval(&browser, "document.activeElement.blur()").await;
    press(&browser, "j").await;
    press(&browser, "\u{E007}").await;
    browser.says("依据和算法").await;
    // In English the help says the same.
    browser.go("/b/escrow?lang=en").await;
    press(&browser, "?").await;
    browser.says("Acknowledge the row's warning").await;
    accessible(&browser, "the help on keys in English").await;
    browser.close().await;
}

#[tokio::test]
async fn the_wall_renews_itself_under_the_reader() {
    let world = World::new().await;
    let accounts = neighbours(&world).await;
    let browser = Browser::open(1280).await;
    browser.sign_in(&world.admin).await;
    browser.go("/b/escrow").await;
    browser.says("没有待办的预警").await;
    eval(&browser, "window.sameDocument = true").await;
    // The officer reads the third row.
    for _ in 0..3 {
        press(&browser, "j").await;
    }
    let reading = focused(&browser).await;
    assert!(reading.contains("邻里第2"), "{reading}");
    eval(&browser, "window.read = document.activeElement; window.scrollTo(0, 60)").await;
    let place = eval(&browser, "return window.scrollY").await;

    // A balance changes, and nothing is wrong with it.
    deliver(&world, &accounts[1], camt(&accounts[1], OPENING, &[("2026-03-17", true, 500_000, "C1")])).await;
    until(
        &browser,
        "the balance is shown",
        "return document.activeElement.closest('tr').textContent.includes('¥455,000.00')",
    )
    .await;
    assert_eq!(focused(&browser).await, reading);
    // Another row becomes red and goes to the top; the reader stays.
    deliver(&world, &accounts[3], camt(&accounts[3], OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    until(
        &browser,
        "the red row stands first",
        "const row = document.querySelector('#watch tbody tr'); return row.textContent.includes('邻里第4') && !!row.querySelector('.lv--red')",
    )
    .await;
    until(&browser, "it flashes", "return document.querySelector('#watch tbody tr').classList.contains('is-news')")
        .await;
    assert_eq!(focused(&browser).await, reading);
    assert_eq!(eval(&browser, "return window.scrollY").await, place, "the place is kept");
    assert_eq!(eval(&browser, "return window.sameDocument === true").await, true);
    assert_eq!(browser.client.find_all(Locator::Css("#watch tbody tr")).await.unwrap().len(), 5, "each row once");
    let ids =
        eval(&browser, "return new Set(Array.from(document.querySelectorAll('#watch tbody tr'), row => row.id)).size")
            .await;
    assert_eq!(ids, 5);
    let news = eval(&browser, "return document.getElementById('watch-news').textContent").await;
    assert!(news.as_str().unwrap().contains("红色 1"), "told to those who do not see it: {news}");
    accessible(&browser, "the renewed wall").await;
    browser.picture("watch-live-1280").await;
    browser.close().await;
}

#[tokio::test]
async fn account_day_league_and_wall_are_accessible_and_fit_the_phone() {
    let world = World::new().await;
    let drained: Vec<(String, bool, i64, String)> =
        (1..=17).map(|day| (format!("2026-03-{day:02}"), false, 1_000_000, format!("D{day}"))).collect();
    let contract = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-01",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-09", "last_lesson_on": "2026-05-31"});
    let (_, contract) = world.org.post_json("/contracts", contract).await;
    let paid = json!({"receipt_no": "R-1", "paid_at": "2026-03-05T10:00:00+08:00", "amount_fen": 480_000, "channel": "wechat"});
    world.org.post_json(&format!("/contracts/{}/payments", contract["id"]), paid).await;
    let lines: Vec<_> = drained.iter().map(|(day, credit, fen, r)| (day.as_str(), *credit, *fen, r.as_str())).collect();
    world.delivered(camt(&world.account, OPENING, &lines)).await;
    let id = world.account_id().await;
    let city = (world.county.number() / 100 * 100).to_string().parse().unwrap();
    let above = app().user("city_officer", city).await;
    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.admin).await;
        for path in [
            format!("/b/escrow/{id}"),
            format!("/b/escrow/{id}/days/2026-03-17"),
            "/b/regions".to_owned(),
            "/b/escrow".to_owned(),
        ] {
            check(&browser, &path).await;
        }
        browser.go(&format!("/b/escrow/{id}?lang=zh-CN")).await;
        browser.wait(".chart canvas").await;
        browser.picture(&format!("account-drained-{width}")).await;
        if width == 1280 {
            // A click on the chart goes to the day's entries.
            let chart = "const box = document.querySelector('.chart canvas').getBoundingClientRect(); return [box.left, box.top, box.width, box.height]";
            let chart: Vec<f64> = serde_json::from_value(eval(&browser, chart).await).unwrap();
            let click = format!(
                "const at = {{clientX: {}, clientY: {}, bubbles: true}}; const canvas = document.querySelector('.chart canvas'); \
                 for (const kind of ['mousemove', 'mousedown', 'mouseup', 'click']) canvas.dispatchEvent(new MouseEvent(kind, at))",
                chart[0] + 60.0,
                chart[1] + chart[3] / 2.0
            );
            eval(&browser, &click).await;
            browser.says("当日流水").await;
        }
        browser.sign_in(&above).await;
        for path in [
            "/b/regions".to_owned(),
            format!("/b/regions?of={}&sort=red", world.county),
            format!("/b/escrow?of={}", world.county),
        ] {
            check(&browser, &path).await;
        }
        browser.go("/b/regions?lang=zh-CN").await;
        browser.picture(&format!("league-{width}")).await;
        browser.close().await;
    }
}
