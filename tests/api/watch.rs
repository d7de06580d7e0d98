//! The wall that an officer leaves open: what each row says, that the account's page, the file and the API say the same, the league of
//! counties above, and who sees which of it.

use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, User, World, app},
    escrow::Bank,
    samples::{GRAB, Line, OPENING, camt},
};

/// Records a contract of 4,800 yuan that was paid for; what is owed from then on.
async fn owes(world: &World, paid_on: &str) -> i64 {
    let contract = json!({
        "contract_no": "HT-1", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-01",
        "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-09", "last_lesson_on": "2026-05-31"});
    let (status, contract) = world.org.post_json("/contracts", contract).await;
    assert!(status.is_success(), "{contract}");
    let paid = json!({"receipt_no": "R-1", "paid_at": format!("{paid_on}T10:00:00+08:00"), "amount_fen": 480_000, "channel": "wechat"});
    let (status, answer) = world.org.post_json(&format!("/contracts/{}/payments", contract["id"]), paid).await;
    assert!(status.is_success(), "{answer}");
    480_000
}

/// The row of the world's institution on a watch page.
fn row(page: &str, name: &str) -> String {
    let table = page.split("<tr role=\"row\" id=").find(|row| row.contains(name));
    table.unwrap_or_else(|| panic!("{name} in {page}")).split("</tr>").next().unwrap().to_owned()
}

/// Days in which a hundred yuan leave, and nothing else happens.
fn drain() -> Vec<(String, bool, i64, String)> {
    (1..=17).map(|day| (format!("2026-03-{day:02}"), false, 10_000, format!("D{day}"))).collect()
}

fn lines(of: &[(String, bool, i64, String)]) -> Vec<Line<'_>> {
    of.iter().map(|(day, credit, fen, reference)| (day.as_str(), *credit, *fen, reference.as_str())).collect()
}

async fn csv(user: &User, path: &str) -> Vec<Vec<String>> {
    let answer = user.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("attachment"));
    let text = answer.text().await.unwrap();
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn a_row_says_what_is_unknown_and_the_figures_once_they_are_known() {
    let world = World::new().await;
    let id = world.account_id().await;
    let watch = row(&world.admin.page("/b/escrow").await, &world.name);
    assert_eq!(watch.matches("未知").count(), 5, "balance, owed, minimum, coverage, run-off: {watch}");
    assert!(watch.contains("从未报送") && !watch.contains("¥0.00"), "{watch}");
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    for unknown in ["unearned_fen", "coverage_bp", "minimum_fen", "runoff_on"] {
        assert_eq!(account[unknown], Value::Null, "{unknown}");
    }

    // 1,700.00 there, 100.00 leave a day: nothing is left after 17 days, and the day after nothing leaves any more.
    let drained = drain();
    world.delivered(camt(&world.account, 340_000, &lines(&drained))).await;
    let watch = row(&world.admin.page("/b/escrow").await, &world.name);
    for told in ["¥1,700.00", "4 月 3 日", "16 天后", "1 天前", "<polyline points=", "没有合同"] {
        assert_eq!(watch.contains(told), told != "没有合同", "{told}: {watch}");
    }
    assert_eq!(watch.matches("未知").count(), 3, "owed, minimum, coverage: {watch}");

    // What the ledger books shows at once, without a delivery or a sweep.
    owes(&world, "2026-03-16").await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!(
        (&account["unearned_fen"], &account["coverage_bp"], &account["minimum_fen"], &account["runoff_on"]),
        (&json!(480_000), &json!(3_541), &json!(96_000), &json!("2026-04-03"))
    );
    let watch = row(&world.admin.page("/b/escrow").await, &world.name);
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    for told in ["¥1,700.00", "¥4,800.00", "35.4%", "¥960.00", "4 月 3 日", "16 天后"] {
        assert!(watch.contains(told), "the row lacks {told}: {watch}");
        assert!(page.contains(told), "the account's page lacks {told}");
    }
    let file = csv(&world.admin, "/b/escrow/accounts.csv?lang=zh-CN").await;
    let at = |heading: &str| file[0].iter().position(|cell| cell == heading).unwrap_or_else(|| panic!("{:?}", file[0]));
    for (heading, cell) in [
        ("机构", world.name.as_str()),
        ("余额", "1700.00"),
        ("未消课金额", "4800.00"),
        ("应有余额", "4800.00"),
        ("覆盖率", "35.4%"),
        ("最低余额", "960.00"),
        ("日均净流出", "100.00"),
        ("预计耗尽日", "2026-04-03"),
        ("银行数据截至", "2026-03-17"),
        ("距今天数", "1"),
    ] {
        assert_eq!(file[1][at(heading)], cell, "{heading}");
    }

    // Judged anew over the whole history the figures are what they were.
    app().sweep(world.county, "2026-03-18T09:00");
    assert_eq!(world.admin.json(&format!("/escrow/accounts/{id}")).await, account);
}

#[tokio::test]
async fn an_account_that_was_emptied_in_a_night_is_empty_whatever_ordinary_weeks_say() {
    let world = World::new().await;
    let id = world.account_id().await;
    owes(&world, "2026-03-16").await;
    // Four weeks in which 200.00 came in a day, and one night.
    let from: chrono::NaiveDate = "2026-02-18".parse().unwrap();
    let mut days: Vec<(String, bool, i64, String)> =
        (0..27).map(|n| ((from + chrono::Days::new(n)).to_string(), true, 20_000, format!("E{n}"))).collect();
    world.delivered(camt(&world.account, 0, &lines(&days))).await;
    let watch = row(&world.admin.page("/b/escrow").await, &world.name);
    assert!(watch.contains("不会耗尽"), "all of it is there: {watch}");
    days.push(("2026-03-17".to_owned(), false, 539_000, "E99".to_owned()));
    world.delivered(camt(&world.account, 0, &lines(&days))).await;
    let watch = row(&world.admin.page("/b/escrow").await, &world.name);
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    let file = world.admin.get("/b/escrow/accounts.csv?lang=zh-CN").await.text().await.unwrap();
    for (place, shown) in [("row", &watch), ("page", &page)] {
        assert!(shown.contains("已空") && shown.contains("缺 ¥4,790.00"), "{place}: {shown}");
        assert!(!shown.contains("不会耗尽"), "{place}: {shown}");
    }
    assert!(file.contains("已空 缺 ¥4,790.00"), "{file}");
}

#[tokio::test]
async fn red_stands_first_and_the_quiet_ones_after_it_page_by_page() {
    let world = World::new().await;
    let county = world.county;
    let code = |number| crate::app::credit_code(county, number);
    let sheet: String = (0..120)
        .map(|n| {
            crate::app::row(
                county,
                &format!("安静第{n:03}培训中心（样例）"),
                &code(60_000 + n),
                &format!("77{county}{n:06}"),
            ) + "\n"
        })
        .collect();
    let (status, report) =
        world.admin.import(&[("region", &county.to_string())], format!("{}\n{sheet}", crate::app::HEADER)).await;
    assert!(status.is_success() && report["accepted"] == 120, "{report}");
    world.delivered(camt(&world.account, OPENING, &[("2026-03-17", false, 30_000_000, "R1")])).await;
    let first = world.admin.page("/b/escrow").await;
    let names: Vec<&str> = first.split("<tr role=\"row\" id=").skip(1).collect();
    assert_eq!(names.len(), 100);
    assert!(names[0].contains(&world.name) && names[0].contains("lv--red"), "red first");
    assert!(!names[1].contains("class=\"lv"), "no badge for what is quiet");
    let next = first[first.find("after=").unwrap()..].split('"').next().unwrap();
    let second = world.admin.page(&format!("/b/escrow?{next}")).await;
    assert_eq!(second.split("<tr role=\"row\" id=").count() - 1, 21);
    assert!(!second.contains(&world.name) && !second.contains("其余没有预警的账户"));
    assert_eq!(csv(&world.admin, "/b/escrow/accounts.csv").await.len(), 122, "the file has all of them");
    let red = world.admin.page("/b/escrow?level=red").await;
    assert_eq!(red.split("<tr role=\"row\" id=").count() - 1, 1);
    let found = world.admin.page("/b/escrow?q=安静第007").await;
    assert!(found.contains("安静第007") && !found.contains("安静第008"));
}

#[tokio::test]
async fn a_warning_is_acknowledged_on_the_wall_itself() {
    let world = World::new().await;
    world.delivered(camt(&world.account, OPENING, &GRAB)).await;
    let watch = row(&world.admin.page("/b/escrow?q=启明").await, &world.name);
    let field = |name: &str| {
        let at = watch.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name} in {watch}"));
        watch[at..].split('"').nth(3).unwrap().replace("&amp;", "&").replace("&#38;", "&")
    };
    let id = watch[watch.find("/b/escrow/warnings/").unwrap()..].split('"').next().unwrap().to_owned();
    let (version, here) = (field("version"), field("watch"));
    let fields = [("action", "acknowledge"), ("version", version.as_str()), ("watch", here.as_str())];
    let answer = world.admin.submit(&id, &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with("/b/escrow?") && back.contains("q=%E5%90%AF%E6%98%8E"), "{back}");
    let page = world.admin.page(&back).await;
    assert!(row(&page, &world.name).contains("已签收"));
    assert!(!row(&page, &world.name).contains("class=\"ack"), "nothing is left to acknowledge");
    // Nobody is led elsewhere by what a form says.
    let evil = [("action", "note"), ("comment", "x"), ("watch", "//evil.example/?level=red")];
    let answer = world.admin.submit(&id, &evil).await;
    assert!(answer.headers()["location"].to_str().unwrap().starts_with("/b/escrow?level="), "{answer:?}");
}

#[tokio::test]
async fn the_chart_and_its_table_say_what_was_needed_and_when_nothing_is_left() {
    let world = World::new().await;
    let id = world.account_id().await;
    owes(&world, "2026-03-05").await;
    let drained = drain();
    world.delivered(camt(&world.account, 340_000, &lines(&drained))).await;
    let page = world.admin.page(&format!("/b/escrow/{id}")).await;
    let block = page.split("id=\"balance-data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let facts: Value = serde_json::from_str(block).unwrap();
    assert_eq!(facts["need"]["2026-03-04"], Value::Null, "before the ledger began it was unknown");
    assert_eq!(facts["need"]["2026-03-05"], 480_000);
    assert_eq!(facts["minimum"]["2026-03-05"], 96_000);
    assert_eq!((&facts["balance"]["2026-03-17"], &facts["forecast"]["2026-03-17"]), (&json!(170_000), &json!(170_000)));
    assert_eq!((&facts["forecast"]["2026-04-02"], &facts["forecast"]["2026-04-03"]), (&json!(10_000), &json!(0)));
    assert_eq!(facts["need"]["2026-04-03"], 480_000, "what is to be held goes on as it stands");
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!((&account["runoff_on"], &account["unearned_fen"]), (&json!("2026-04-03"), &facts["need"]["2026-03-17"]));
    // The table says the same, and leads to the entries of each day.
    for told in ["/days/2026-03-17\"", "2026-04-03 <small>预测", "35.4%"] {
        assert!(page.contains(told), "{told}");
    }
    let day = world.admin.page(&format!("/b/escrow/{id}/days/2026-03-16")).await;
    for told in ["¥1,800.00", "−¥100.00", "未核对", "/days/2026-03-15", "/days/2026-03-17"] {
        assert!(day.contains(told), "{told}");
    }
    let answer = world.admin.submit(&format!("/b/proof/{}", world.credit_code), &[]).await;
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let day = world.admin.page(&format!("/b/escrow/{id}/days/2026-03-16")).await;
    assert!(day.contains("银行有、台账无") && !day.contains("未核对"), "the proof's word stands beside the entry");
    assert!(world.admin.page(&format!("/b/escrow/{id}")).await.contains("银行有、台账无"));
    let other = World::new().await;
    assert_eq!(other.admin.get(&format!("/b/escrow/{id}/days/2026-03-16")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(world.admin.get(&format!("/b/escrow/{id}/days/never")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn recipients_have_their_share_of_the_period() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let entries = json!([
        {"bank_ref": "P1", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 50_000_000, "kind": "prepayment"},
        {"bank_ref": "P2", "booked_on": "2026-03-17", "direction": "debit", "amount_fen": 300_000, "counterparty_name": "台州教具有限公司"},
        {"bank_ref": "P3", "booked_on": "2026-03-17", "direction": "debit", "amount_fen": 100_000, "counterparty_name": "张三丰"},
    ]);
    let body = json!({"account": world.account, "entries": entries}).to_string();
    assert_eq!(bank.push(&body, "nonce-number-7001", None).await.status(), StatusCode::OK);
    let page = world.admin.page(&format!("/b/escrow/{}", world.account_id().await)).await;
    for told in ["台州教具有限公司", "占 75.0%", "张*", "占 25.0%", "共转出 ¥4,000.00"] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("三丰"));
}

#[tokio::test]
async fn an_open_page_hears_of_a_changed_balance_though_nothing_is_wrong() {
    let world = World::new().await;
    let bank = Bank::of(&world);
    let stream = world.admin.get("/b/escrow/events").await;
    let mut events = stream.bytes_stream();
    let listening = tokio::spawn(async move {
        let mut heard = String::new();
        while let Some(Ok(chunk)) = events.next().await {
            heard.push_str(&String::from_utf8_lossy(&chunk));
            if heard.contains("¥5,000.00") {
                return heard.matches("event: warnings").count();
            }
        }
        panic!("the stream ended: {heard}");
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let entries = json!([
        {"bank_ref": "Q1", "booked_on": "2026-03-17", "direction": "credit", "amount_fen": 500_000, "kind": "prepayment"}]);
    let body = json!({"account": world.account, "entries": entries}).to_string();
    assert_eq!(bank.push(&body, "nonce-number-7002", None).await.status(), StatusCode::OK);
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), listening).await.expect("it hears").unwrap();
    assert_eq!(told, 2, "as it was, and once with the news");
}

#[tokio::test]
async fn the_country_is_read_from_what_each_sweep_sums_up_and_says_since_when() {
    // A service of its own, so that its accounts are the country's.
    let app = TestApp::start(&[]);
    let world = World::within(&app).await;
    owes(&world, "2026-03-16").await;
    world.delivered(camt(&world.account, 340_000, &[("2026-03-17", false, 170_000, "R1")])).await;
    let add =
        ["user", "add", "--role", "bureau_admin", "--region", "000000", "--password-stdin", "--second-factor", "off"];
    app.run(&[&add[..], &["ministry.league"]].concat(), PASSWORD);
    let ministry = app.sign_in("ministry.league").await;
    app.sweep(world.county, "2026-03-18T08:30");
    let page = ministry.page("/b/regions").await;
    for told in ["1 个监管账户", "汇总于", "08:30", "¥4,800.00", "¥1,700.00", "35.4%", "<b class=\"red\">1</b>"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(ministry.page("/b/escrow").await.contains("1 个监管账户"));
    // What came since is summed up for the province at once, and for the country with the next sweep.
    world.delivered(camt(&world.account, 170_000, &[("2026-03-18", true, 10_000, "R2")])).await;
    assert!(ministry.page("/b/regions").await.contains("¥1,700.00"));
    let province = world.county.number() / 10_000 * 10_000;
    let below = ministry.page(&format!("/b/regions?of={province}")).await;
    assert!(below.contains("¥1,800.00") && !below.contains("汇总于"), "{below}");
    app.sweep(world.county, "2026-03-18T09:30");
    assert!(ministry.page("/b/regions").await.contains("¥1,800.00"));
    // What a school holds of which nobody knows what it owes covers nothing of what others owe.
    let other = World::within(&app).await;
    other.delivered(camt(&other.account, OPENING, &[("2026-03-17", true, 100, "A1")])).await;
    app.sweep(other.county, "2026-03-18T09:30");
    let page = ministry.page("/b/regions").await;
    assert!(page.contains("2 个监管账户") && page.contains("覆盖率 37.5%"), "{page}");
}

#[tokio::test]
async fn a_city_sees_the_league_of_its_own_counties_and_of_no_others() {
    let world = World::new().await;
    let (county, id) = (world.county, world.account_id().await);
    let city: mingjian::kernel::RegionCode = (county.number() / 100 * 100).to_string().parse().unwrap();
    let (officer, elsewhere) =
        (app().user("city_officer", city).await, app().user("city_officer", "331000".parse().unwrap()).await);
    let of = |page: &str| {
        let place = county.name().unwrap();
        let rows = page.split("<tr role=\"row\">").find(|row| row.contains(&format!(">{place}</a>")));
        rows.unwrap_or_else(|| panic!("{place} in {page}")).split("</tr>").next().unwrap().to_owned()
    };
    let league = of(&officer.page("/b/regions").await);
    assert!(league.contains("未知") && league.contains("从未报送") && !league.contains("¥0.00"), "{league}");
    owes(&world, "2026-03-16").await;
    world.delivered(camt(&world.account, 340_000, &[("2026-03-17", false, 170_000, "R1")])).await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    assert_eq!(account["coverage_bp"], 3_541, "{account}");
    let page = officer.page("/b/regions").await;
    let league = of(&page);
    let red = world.admin.json("/warnings?status=open&level=red").await["items"].as_array().unwrap().len();
    assert!(red > 0);
    for told in ["¥4,800.00", "¥1,700.00", "35.4%", "<b class=\"red\">1</b>", "1 天前"] {
        assert!(league.contains(told), "{told}: {league}");
    }
    assert!(page.contains("tile q4"), "less than half is the darkest shade");
    let file = csv(&officer, "/b/regions/league.csv?sort=red").await;
    let line = file.iter().find(|line| line[0] == county.to_string()).unwrap();
    assert_eq!(line[2..9], ["1", "4800.00", "1700.00", "4800.00", "1700.00", "35.4%", "1"].map(str::to_owned));

    // Down to the county, and on to its accounts.
    let below = officer.page(&format!("/b/regions?of={county}")).await;
    assert!(below.contains("未登记街道") && below.contains(&format!("/b/escrow?of={county}")), "{below}");
    assert!(officer.page(&format!("/b/escrow?of={county}")).await.contains(&world.name));
    assert!(world.admin.page("/b/regions").await.contains("35.4%"), "the county itself looks at its townships");
    // Nothing of it is told to others, whatever they ask for.
    for page in [elsewhere.page("/b/regions").await, elsewhere.page("/b/escrow").await] {
        assert!(!page.contains(&world.name) && !page.contains(county.name().unwrap()), "{page}");
    }
    let next: mingjian::kernel::RegionCode =
        if county.to_string() == "130102" { "130104" } else { "130102" }.parse().unwrap();
    for (who, path) in [
        (&elsewhere, format!("/b/regions?of={county}")),
        (&elsewhere, format!("/b/regions?of={city}")),
        (&elsewhere, format!("/b/regions/league.csv?of={county}")),
        (&elsewhere, format!("/b/escrow?of={county}")),
        (&elsewhere, format!("/b/escrow/events?of={county}")),
        (&elsewhere, format!("/b/escrow/accounts.csv?of={county}")),
        (&elsewhere, "/b/regions?of=330000".to_owned()),
        (&world.admin, format!("/b/regions?of={city}")),
        (&world.admin, format!("/b/regions?of={next}")),
        (&officer, "/b/regions?of=139999".to_owned()),
        (&officer, "/b/regions?of=x".to_owned()),
    ] {
        assert_eq!(who.get(&path).await.status(), StatusCode::NOT_FOUND, "{path} as {}", who.name);
    }
    let whole = csv(&elsewhere, "/b/escrow/accounts.csv").await;
    assert!(whole.iter().all(|line| line[1] != world.name));
}
