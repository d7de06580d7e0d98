//! Who holds which post: invited by mail, switched between, changed, handed over, ended at once.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use mingjian::kernel::RegionCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{NOW, PASSWORD, User, World, app};

/// Texts of the mails that were sent to an address, oldest first.
fn mails(address: &str) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(app().data.join("mail")) else { return Vec::new() };
    let mut files: Vec<_> =
        files.flatten().map(|file| (file.metadata().unwrap().modified().unwrap(), file.path())).collect();
    files.sort();
    let texts = files.iter().filter_map(|(_, path)| std::fs::read_to_string(path).ok());
    let ours = texts.filter(|text| text.contains(&format!("To: {address}")));
    ours.map(|text| {
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        String::from_utf8(STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()).unwrap()
    })
    .collect()
}

/// The path of the link in the `n`th mail to an address; waits until it was sent.
async fn link(address: &str, n: usize) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(text) = mails(address).get(n) {
            let at = text.find("/invite/").expect("the mail holds the link");
            return text[at..].split_whitespace().next().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "mail {n} to {address} arrives");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Accepts as somebody without an account, with the password of all tests.
async fn accept(link: &str, username: &str) -> reqwest::Response {
    let form = [("name", "周敏"), ("username", username), ("password", PASSWORD)];
    let answer = app().visitor().request(Method::POST, link).form(&form).send().await.unwrap();
    app().spare_second_factor(username).await;
    answer
}

/// Lets the invitations of a bureau run out so long after the present; the service's clock stands still.
async fn move_on(county: RegionCode, after: &str) {
    let client = app().database("mingjian_root").await;
    let sql = format!(
        "UPDATE invitations SET expires_at = '{NOW}'::timestamptz + interval '{after}' WHERE tenant_id = {county}"
    );
    client.batch_execute(&sql).await.unwrap();
}

/// Invites an address and accepts under a name made from it.
async fn joined(admin: &User, address: &str, role: &str, more: Value) -> User {
    let mut body = json!({"email": address, "name": "周敏", "role": role});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, invited) = admin.post_json("/users", body).await;
    assert_eq!(status, StatusCode::CREATED, "{invited}");
    let name = address.split('@').next().unwrap();
    let answer = accept(&link(address, 0).await, name).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    app().sign_in(name).await
}

async fn id_of(admin: &User, name: &str) -> i64 {
    let found = admin.json(&format!("/users?q={name}")).await;
    found["items"][0]["id"].as_i64().unwrap_or_else(|| panic!("{name}: {found}"))
}

async fn act(admin: &User, id: i64, body: Value) -> (StatusCode, Value) {
    admin.post_json(&format!("/users/{id}/actions"), body).await
}

fn city_of(county: RegionCode) -> RegionCode {
    (county.number() / 100 * 100).to_string().parse().unwrap()
}

#[tokio::test]
async fn an_invited_colleague_chooses_name_and_password_and_the_link_works_once() {
    let app = app();
    let county = app.county();
    let admin = app.user("bureau_admin", county).await;
    let address = format!("zhou.{county}@test.example");
    let form =
        [("name", "周敏"), ("email", address.as_str()), ("role", "approver"), ("department", ""), ("credit_code", "")];
    let roleless = form.map(|(field, text)| (field, if field == "role" { "" } else { text }));
    let roleless = admin.submit("/b/users/new", &roleless).await.text().await.unwrap();
    assert!(roleless.contains("请从列表中选择角色") && !roleless.contains("“银行”"), "{roleless}");
    let sent = admin.submit("/b/users/new", &form).await;
    assert_eq!(sent.headers()["location"], "/b/users?done=invited");
    let page = admin.page("/b/users?status=invited&done=invited").await;
    assert!(page.contains("邀请已发出") && page.contains("待接受") && page.contains("周敏"), "{page}");
    let link = link(&address, 0).await;
    let page = app.visitor().page(&link).await;
    assert!(page.contains("审批员") && page.contains("接受并开通账号"), "{page}");
    for (field, answer) in [
        ("username", accept(&link, "x").await),
        ("username", accept(&link, &admin.name).await),
        (
            "password",
            app.visitor()
                .request(Method::POST, &link)
                .form(&[("name", "周敏"), ("username", "zhou.short"), ("password", "short")])
                .send()
                .await
                .unwrap(),
        ),
    ] {
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(&format!("href=\"#{field}\"")), "the error leads to {field}");
    }
    let name = format!("zhou.{county}");
    assert_eq!(accept(&link, &name).await.headers()["location"], "/login?done=joined");
    let colleague = app.sign_in(&name).await;
    let page = colleague.page("/b/approvals").await;
    assert!(page.contains("周敏") && page.contains("审批员"), "the header says who acts in which role");
    assert!(!page.contains("/session/post"), "one post, nothing to switch");
    assert_eq!(accept(&link, "another.name").await.status(), StatusCode::NOT_FOUND);
    let dead = app.visitor().get(&link).await;
    assert_eq!(dead.status(), StatusCode::NOT_FOUND);
    let (dead, wrong) =
        (dead.text().await.unwrap(), app.visitor().get("/invite/331002.nonsense").await.text().await.unwrap());
    let said = |page: &str| page[page.find("<main").unwrap()..page.find("</main>").unwrap()].to_owned();
    assert_eq!(said(&dead), said(&wrong), "a used link and a wrong one read the same");
    let listed = admin.json("/users?status=active&role=approver").await;
    assert_eq!(listed["items"][0]["username"], name.as_str());
    assert!(listed["items"][0]["last_sign_in_at"].is_string());
    assert!(admin.page("/b/audit?kind=user").await.contains("接受邀请"));
}

#[tokio::test]
async fn a_person_with_two_posts_switches_and_the_old_session_ends() {
    let app = app();
    let (here, there) = (app.county(), app.county());
    let (one, other) = (app.user("bureau_admin", here).await, app.user("bureau_admin", there).await);
    let address = format!("two.{here}@test.example");
    let (status, _) =
        other.post_json("/users", json!({"email": address, "name": "两地任职", "role": "inspector"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let link = link(&address, 0).await;
    assert!(one.page(&link).await.contains("以本账号接受"));
    assert_eq!(one.submit(&link, &[("as", "self")]).await.headers()["location"], "/session/post?done=joined");
    let page = one.page("/session/post?done=joined").await;
    assert!(page.contains("当前身份") && page.contains("切换到这里"), "{page}");
    let post = id_of(&other, "两地任职").await;
    let before = one.token.clone();
    let moved = one.submit("/session/post", &[("user_id", &post.to_string())]).await;
    assert_eq!(moved.headers()["location"], "/b");
    let page = one.page("/b/institutions").await;
    assert!(page.contains(&format!("{}教育局", there.name().unwrap())) && page.contains("检查员"), "{page}");
    assert!(page.contains("href=\"/session/post\""), "the header offers to switch");
    assert_eq!(one.get("/b/users").await.status(), StatusCode::FORBIDDEN, "an inspector there, whatever here");
    // The program's session is another one and goes on; switching it ends it at once.
    let (status, tokens) = one.post_json("/auth/post", json!({"user_id": post})).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens["user"]["role"], "inspector");
    assert_eq!(tokens["user"]["region"], there.to_string());
    let old = app.visitor().request(Method::GET, "/api/v1/users").bearer_auth(&before).send().await.unwrap();
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED, "the session that was left has ended");
    let token = tokens["access_token"].as_str().unwrap();
    let foreign = id_of(&other, &other.name).await;
    let stolen = app
        .visitor()
        .request(Method::POST, "/api/v1/auth/post")
        .bearer_auth(token)
        .json(&json!({"user_id": foreign}))
        .send()
        .await
        .unwrap();
    assert_eq!(stolen.status(), StatusCode::NOT_FOUND, "another person's post");
    let again = app.sign_in(&one.name).await;
    assert!(again.page("/b").await.contains(there.name().unwrap()), "the next sign-in begins in the post used last");
}

#[tokio::test]
async fn disabling_ends_every_session_at_once_and_enabling_lets_in_again() {
    let app = app();
    let county = app.county();
    let (admin, officer) = (app.user("bureau_admin", county).await, app.user("approver", county).await);
    let id = id_of(&admin, &officer.name).await;
    let path = format!("/b/users/{id}");
    let unsure = admin.submit(&path, &[("action", "disable"), ("reason", "离职")]).await;
    assert_eq!(unsure.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = unsure.text().await.unwrap();
    assert!(page.contains("href=\"#sure\"") && page.contains("value=\"离职\""), "asks first and keeps what was typed");
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK);
    let done = admin.submit(&path, &[("action", "disable"), ("reason", "离职"), ("sure", "yes")]).await;
    assert_eq!(done.headers()["location"], format!("/b/users/{id}?done=disabled"));
    assert_eq!(officer.api(Method::GET, "/institutions").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(officer.get("/b").await.status(), StatusCode::SEE_OTHER, "the browser is out as well");
    let refresh = json!({"refresh_token": officer.refresh});
    let answer = app.visitor().request(Method::POST, "/api/v1/auth/refresh").json(&refresh).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let login = json!({"username": officer.name, "password": PASSWORD});
    let answer = app.visitor().request(Method::POST, "/api/v1/auth/login").json(&login).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let trail = admin.page("/b/audit?kind=user").await;
    assert!(trail.contains("停用账号") && trail.contains("离职"), "{trail}");
    assert_eq!(act(&admin, id, json!({"action": "disable"})).await.0, StatusCode::CONFLICT);
    assert_eq!(act(&admin, id, json!({"action": "enable"})).await.0, StatusCode::OK);
    let back = app.sign_in(&officer.name).await;
    let (status, changed) = act(&admin, id, json!({"action": "set_role", "role": "inspector"})).await;
    assert_eq!((status, &changed["role"]), (StatusCode::OK, &json!("inspector")));
    assert_eq!(back.get("/b").await.status(), StatusCode::SEE_OTHER, "a new role holds from the next sign-in");
}

/// Whoever ends sessions, begins them or disables posts at the same moment waits for the others and never for good.
#[tokio::test]
async fn sessions_begin_and_end_while_posts_are_disabled_and_passwords_changed() {
    let app = app();
    let county = app.county();
    let (admin, officer) = (app.user("bureau_admin", county).await, app.user("approver", county).await);
    let id = id_of(&admin, &officer.name).await;
    let login = json!({"username": officer.name, "password": PASSWORD});
    let log_in = || app.visitor().request(Method::POST, "/api/v1/auth/login").json(&login).send();
    for round in 0..3 {
        let (one, other) = (log_in().await.unwrap(), log_in().await.unwrap());
        let (one, other): (Value, Value) = (one.json().await.unwrap(), other.json().await.unwrap());
        let switch = |tokens: &Value| {
            let to = app.visitor().request(Method::POST, "/api/v1/auth/post").json(&json!({"user_id": id}));
            to.bearer_auth(tokens["access_token"].as_str().unwrap()).send()
        };
        let (a, b, (disabled, _)) =
            tokio::join!(switch(&one), switch(&other), act(&admin, id, json!({"action": "disable"})));
        assert_eq!(disabled, StatusCode::OK, "{round}");
        // Whoever comes after the disabling has no session or no such post any more.
        for status in [a.unwrap().status(), b.unwrap().status()] {
            let fine = [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND];
            assert!(fine.contains(&status), "{round}: {status}");
        }
        assert_eq!(act(&admin, id, json!({"action": "enable"})).await.0, StatusCode::OK, "{round}");
        // One person's sessions that begin at once.
        let begun = futures_util::future::join_all((0..3).map(|_| log_in())).await;
        assert!(begun.iter().all(|answer| answer.as_ref().unwrap().status() == StatusCode::OK), "{round}: {begun:?}");
    }
    let officer = app.sign_in(&officer.name).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let tokens: Value = log_in().await.unwrap().json().await.unwrap();
        sessions.push(json!({"refresh_token": tokens["refresh_token"]}));
    }
    let out = sessions.iter().map(|tokens| {
        let leaving = app.visitor().request(Method::POST, "/api/v1/auth/logout").json(tokens).send();
        async move { leaving.await.unwrap().status() }
    });
    let new = [("current", PASSWORD), ("new", "白鹭 velvet 灯笼 harbor")];
    let (changed, out) = tokio::join!(officer.submit("/account/password", &new), futures_util::future::join_all(out));
    assert_eq!(changed.headers()["location"], "/account/security?done=password");
    assert!(out.iter().all(|status| *status == StatusCode::NO_CONTENT), "{out:?}");
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK, "the session that asked goes on");
}

#[tokio::test]
async fn of_two_administrators_who_disable_each_other_one_stays() {
    let app = app();
    let county = app.county();
    let (one, other) = (app.user("bureau_admin", county).await, app.user("bureau_admin", county).await);
    let (first, second) = (id_of(&one, &one.name).await, id_of(&one, &other.name).await);
    let disable = json!({"action": "disable"});
    let ((a, _), (b, _)) = tokio::join!(act(&one, second, disable.clone()), act(&other, first, disable.clone()));
    let done = [a, b].iter().filter(|status| **status == StatusCode::OK).count();
    assert_eq!(done, 1, "{a} {b}");
    assert!([a, b].contains(&StatusCode::UNAUTHORIZED), "{a} {b}");
    let (last, own) = if a == StatusCode::OK { (&one, first) } else { (&other, second) };
    for body in [disable, json!({"action": "set_role", "role": "approver"})] {
        let (status, problem) = act(last, own, body).await;
        assert!(status.is_client_error(), "{problem}");
    }
    let (status, problem) = act(last, own, json!({"action": "disable"})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/accounts/last-administrator")));
    assert_eq!(last.get("/b/users").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_post_is_handed_over_to_a_colleague_who_is_told() {
    let world = World::new().await;
    let (admin, leaving) = (&world.admin, &world.approver);
    let body = json!({"credit_code": world.credit_code, "reason": "资料齐全"});
    let mine = app().user("bureau_admin", world.county).await;
    assert_eq!(mine.post_json("/lists/white", body).await.0, StatusCode::ACCEPTED);
    let (id, to, org) =
        (id_of(admin, &mine.name).await, id_of(admin, &leaving.name).await, id_of(admin, &world.org.name).await);
    assert!(admin.page(&format!("/b/users/{id}")).await.contains("未审批的提议"));
    for wrong in [0, id, org, i64::MAX] {
        let (status, problem) = act(admin, id, json!({"action": "hand_over", "to": wrong})).await;
        assert_eq!(
            (status, &problem["errors"][0]["path"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("to")),
            "{wrong}"
        );
    }
    let form = [("action", "hand_over"), ("to", &to.to_string()), ("handed", "yes")];
    assert_eq!(admin.submit(&format!("/b/users/{id}"), &form).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(mine.get("/b").await.status(), StatusCode::SEE_OTHER, "out at once");
    let page = admin.page(&format!("/b/users/{id}")).await;
    assert!(page.contains("接手人") && page.contains(&leaving.name), "{page}");
    let address = format!("{}@test.example", leaving.name);
    let until = Instant::now() + Duration::from_secs(30);
    while !mails(&address).iter().any(|text| text.contains("1 件")) {
        assert!(Instant::now() < until, "the successor is told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let approvals = admin.json("/approvals").await;
    assert_eq!(
        approvals["items"][0]["proposed_by_name"],
        mine.name.as_str(),
        "the record keeps who proposed: {approvals}"
    );
}

#[tokio::test]
async fn an_institution_manages_its_own_people_and_nobody_else() {
    let (world, other) = (World::new().await, World::new().await);
    let org = &world.org;
    let page = org.page("/org/staff").await;
    assert!(page.contains(&org.name) && !page.contains(&world.admin.name), "{page}");
    let address = format!("staff.{}@test.example", world.county);
    let staff = joined(org, &address, "institution_staff", json!({})).await;
    assert_eq!(staff.get("/org").await.status(), StatusCode::OK);
    assert_eq!(staff.get("/org/staff").await.status(), StatusCode::FORBIDDEN, "staff manage nobody");
    assert_eq!(world.admin.get("/org/staff").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(org.get("/b/users").await.status(), StatusCode::FORBIDDEN);
    let (official, theirs) = (id_of(&world.admin, &world.admin.name).await, id_of(&other.admin, &other.org.name).await);
    for stranger in [official, theirs] {
        assert_eq!(org.get(&format!("/org/staff/{stranger}")).await.status(), StatusCode::NOT_FOUND);
        for body in [json!({"action": "disable"}), json!({"action": "set_role", "role": "institution_staff"})] {
            assert_eq!(act(org, stranger, body).await.0, StatusCode::NOT_FOUND);
        }
        assert_eq!(
            org.api(Method::GET, &format!("/users/{stranger}")).send().await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
    let own = id_of(org, &org.name).await;
    let (status, problem) = act(org, own, json!({"action": "disable"})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/accounts/last-administrator")));
    assert_eq!(act(&world.admin, own, json!({"action": "disable"})).await.0, StatusCode::OK, "the bureau may");
    assert_eq!(org.get("/org").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn no_level_manages_another_bureaus_posts() {
    let app = app();
    let county = app.county();
    let (admin, officer) = (app.user("bureau_admin", county).await, app.user("approver", county).await);
    let id = id_of(&admin, &officer.name).await;
    let neighbour = app.user("bureau_admin", app.county()).await;
    let city = app.user("bureau_admin", city_of(county)).await;
    let name = format!("ministry.{county}");
    app.run(
        &[
            "user",
            "add",
            "--role",
            "bureau_admin",
            "--region",
            "000000",
            "--password-stdin",
            "--second-factor",
            "off",
            &name,
        ],
        PASSWORD,
    );
    let ministry = app.sign_in(&name).await;
    for above in [&neighbour, &city, &ministry] {
        assert!(!above.json("/users").await.to_string().contains(&officer.name));
        assert_eq!(above.get(&format!("/b/users/{id}")).await.status(), StatusCode::NOT_FOUND);
        for body in [
            json!({"action": "disable"}),
            json!({"action": "enable"}),
            json!({"action": "set_role", "role": "auditor"}),
            json!({"action": "hand_over", "to": id}),
            json!({"action": "resend"}),
            json!({"action": "withdraw"}),
        ] {
            assert_eq!(act(above, id, body.clone()).await.0, StatusCode::NOT_FOUND, "{body}");
        }
    }
    assert_eq!(officer.get("/b").await.status(), StatusCode::OK, "nothing was done");
    for role in ["city_officer", "auditor", "inspector"] {
        let level = if role == "city_officer" { city_of(county) } else { county };
        let user = app.user(role, level).await;
        assert_eq!(user.get("/b/users").await.status(), StatusCode::FORBIDDEN, "{role}");
        assert_eq!(user.api(Method::GET, "/users").send().await.unwrap().status(), StatusCode::FORBIDDEN, "{role}");
    }
}

#[tokio::test]
async fn what_may_not_be_asked_for_is_refused_with_its_field_and_changes_nothing() {
    let world = World::new().await;
    let (admin, org) = (&world.admin, &world.org);
    let (other, county) = (app().county(), world.county);
    let own = id_of(admin, &admin.name).await;
    let target = id_of(admin, &world.approver.name).await;
    let before = admin.json("/users").await;
    let staff_before = org.json("/users").await;
    let person = |role: &str, more: Value| {
        let mut body = json!({"email": format!("bad.{county}@test.example"), "name": "某某", "role": role});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let township = other.townships().first().map_or_else(|| other.to_string(), ToString::to_string);
    let unknown = format!("{}99", &county.to_string()[..4]);
    for (case, user, body, path) in [
        ("a role of another level", admin, person("city_officer", json!({})), "role"),
        ("a role of the ministry", admin, person("ministry_officer", json!({})), "role"),
        ("a machine", admin, person("bank", json!({})), "role"),
        ("an institution invites an official", org, person("bureau_admin", json!({})), "role"),
        ("an institution invites an approver", org, person("approver", json!({})), "role"),
        ("another bureau", admin, person("approver", json!({"region": other})), "region"),
        ("a code that does not exist", admin, person("approver", json!({"region": unknown})), "region"),
        ("no department", admin, person("department_officer", json!({})), "department"),
        ("a department too many", admin, person("approver", json!({"department": "sports"})), "department"),
        ("no township", admin, person("township_officer", json!({})), "township"),
        ("a township elsewhere", admin, person("township_officer", json!({"township": township})), "township"),
        ("no institution", admin, person("institution_admin", json!({})), "credit_code"),
        (
            "an institution elsewhere",
            admin,
            person("institution_admin", json!({"credit_code": "52130102MJY00000XX"})),
            "credit_code",
        ),
        (
            "an official with an institution",
            admin,
            person("approver", json!({"credit_code": world.credit_code})),
            "credit_code",
        ),
        ("no address", admin, json!({"email": "nobody", "name": "某某", "role": "approver"}), "email"),
        ("a local address", admin, json!({"email": "root@localhost", "name": "某某", "role": "approver"}), "email"),
        (
            "two addresses",
            admin,
            json!({"email": "a@b.example, c@d.example", "name": "某某", "role": "approver"}),
            "email",
        ),
        ("no name", admin, json!({"email": "a@b.example", "name": " ", "role": "approver"}), "name"),
    ] {
        let (status, problem) = user.post_json("/users", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{case}: {problem}");
        assert_eq!(problem["errors"][0]["path"], path, "{case}: {problem}");
    }
    for (case, id, body, expected) in [
        ("one's own role", own, json!({"action": "set_role", "role": "auditor"}), StatusCode::UNPROCESSABLE_ENTITY),
        (
            "beyond the level",
            target,
            json!({"action": "set_role", "role": "province_officer"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("the same role", target, json!({"action": "set_role", "role": "approver"}), StatusCode::UNPROCESSABLE_ENTITY),
        (
            "an official into an institution",
            target,
            json!({"action": "set_role", "role": "institution_admin"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("the last administrator", own, json!({"action": "disable"}), StatusCode::CONFLICT),
        ("the last administrator hands over", own, json!({"action": "hand_over", "to": target}), StatusCode::CONFLICT),
        (
            "a reason too long",
            target,
            json!({"action": "disable", "reason": "长".repeat(501)}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("enabling the active", target, json!({"action": "enable"}), StatusCode::CONFLICT),
        ("sending a post again", target, json!({"action": "resend"}), StatusCode::NOT_FOUND),
        ("nobody", i64::MAX, json!({"action": "disable"}), StatusCode::NOT_FOUND),
        ("no such action", target, json!({"action": "promote"}), StatusCode::BAD_REQUEST),
        ("a field too many", target, json!({"action": "disable", "role": "auditor"}), StatusCode::BAD_REQUEST),
    ] {
        let (status, problem) = act(admin, id, body).await;
        assert_eq!(status, expected, "{case}: {problem}");
    }
    assert_eq!(admin.json("/users").await, before);
    assert_eq!(org.json("/users").await, staff_before);
    let officer = format!("{}@test.example", world.approver.name);
    let (status, _) = admin.post_json("/users", json!({"email": officer, "name": "某某", "role": "inspector"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "who is here already");
}

#[tokio::test]
async fn an_invitation_is_sent_again_with_a_new_link_withdrawn_and_void_when_its_sender_is_out() {
    let app = app();
    let county = app.county();
    let admin = app.user("bureau_admin", county).await;
    let address = format!("again.{county}@test.example");
    let body = json!({"email": address, "name": "再次邀请", "role": "inspector"});
    let (_, invited) = admin.post_json("/users", body.clone()).await;
    let id = invited["id"].as_i64().unwrap();
    assert_eq!((&invited["status"], &invited["expires_at"]), (&json!("invited"), &json!("2026-03-25T01:00:00Z")));
    let (status, problem) = admin.post_json("/users", body.clone()).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/accounts/already-invited")));
    let first = link(&address, 0).await;
    assert_eq!(act(&admin, id, json!({"action": "resend"})).await.0, StatusCode::OK);
    let second = link(&address, 1).await;
    assert_eq!(app.visitor().get(&first).await.status(), StatusCode::NOT_FOUND, "the old link is void");
    assert_eq!(app.visitor().get(&second).await.status(), StatusCode::OK);
    move_on(county, "-1 second").await;
    assert_eq!(accept(&second, "too.late").await.status(), StatusCode::NOT_FOUND, "it ran out");
    assert!(admin.page("/b/users?status=invited").await.contains("邀请过期"));
    move_on(county, "1 second").await;
    assert_eq!(app.visitor().get(&second).await.status(), StatusCode::OK);
    assert_eq!(act(&admin, id, json!({"action": "withdraw"})).await.0, StatusCode::OK);
    assert_eq!(accept(&second, "too.late").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(act(&admin, id, json!({"action": "withdraw"})).await.0, StatusCode::NOT_FOUND);
    // The link is kept nowhere: neither with the invitation nor in the mail that was sent.
    let client = app.database("mingjian_root").await;
    let sql = format!("SELECT count(*) FROM outbox WHERE tenant_id = {county} AND body <> ''");
    let until = Instant::now() + Duration::from_secs(30);
    while client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(Instant::now() < until, "sent mails are emptied");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Whoever is shown out takes no open doors along.
    let other = app.user("bureau_admin", county).await;
    assert_eq!(other.post_json("/users", body).await.0, StatusCode::CREATED);
    let third = link(&address, 2).await;
    let sender = id_of(&admin, &other.name).await;
    assert_eq!(act(&admin, sender, json!({"action": "disable"})).await.0, StatusCode::OK);
    assert_eq!(app.visitor().get(&third).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nobody_supervises_the_institution_that_they_act_for() {
    let world = World::new().await;
    let address = format!("both.{}@test.example", world.county);
    let body = json!({"email": address, "name": "两边", "role": "institution_staff", "credit_code": world.credit_code});
    assert_eq!(world.admin.post_json("/users", body).await.0, StatusCode::CREATED);
    let link = link(&address, 0).await;
    let refused = world.approver.submit(&link, &[("as", "self")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("不能同时代表所监管的机构"));
    assert_eq!(accept(&link, &format!("both.{}", world.county)).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_upper_level_sees_which_bureaus_below_it_are_at_work() {
    let world = World::new().await;
    world.list().await;
    let city = app().user("bureau_admin", city_of(world.county)).await;
    let province = app().user("province_officer", "130000".parse().unwrap()).await;
    let page = city.page("/b/bureaus").await;
    let name = world.county.name().unwrap();
    let line = &page[page.find(&world.county.to_string()).unwrap()..];
    let line = &line[..line.find("</tr>").unwrap()];
    assert!(line.contains("已开通") && line.matches(">1<").count() == 2, "one institution, listed: {line}");
    assert!(page.contains(name) && page.contains("href=\"/b/bureaus\""), "the navigation leads there");
    let page = province.page("/b/bureaus").await;
    assert!(page.contains(&format!("href=\"/b/bureaus?of={}\"", city_of(world.county))), "{page}");
    assert!(province.page(&format!("/b/bureaus?of={}", city_of(world.county))).await.contains(name));
    for (who, path) in [
        (&city, "/b/bureaus?of=130000".to_owned()),
        (&city, "/b/bureaus?of=331000".to_owned()),
        (&city, "/b/bureaus?of=139999".to_owned()),
        (&city, format!("/b/bureaus?of={}", world.county)),
        (&world.admin, "/b/bureaus".to_owned()),
    ] {
        assert_eq!(who.get(&path).await.status(), StatusCode::NOT_FOUND, "{path} as {}", who.name);
    }
}

#[test]
fn a_bureau_is_established_for_a_division_that_exists_and_no_other() {
    for (code, role, said) in [
        ("331099", "bureau_admin", "no division"),
        ("419000", "bureau_admin", "no division"),
        ("331002", "city_officer", "does not belong"),
        ("331002", "ministry_officer", "does not belong"),
        ("33100", "bureau_admin", "6 digits"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mingjian"))
            .args(["user", "add", "--role", role, "--region", code, "nobody.at.all", "--data"])
            .arg(&app().data)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{code} {role}: {complaint}");
        assert!(complaint.contains(said) && complaint.lines().count() == 1, "{code} {role}: {complaint}");
        assert!(output.stdout.is_empty());
    }
}
