//! Every route of the table, tried by every role from every side: own bureau, next bureau, the levels above, another
//! institution, and without a good token. Who may not gets 401, 403 or 404, learns nothing, and changes nothing.
//!
//! The matrix is made from `web::app::routes()` and the permission table: a new route or role is in it at once, and a
//! route with a variable that [`target`] does not know fails the test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../api/app.rs"]
#[allow(dead_code, reason = "this program needs only some of what the harness offers")]
mod app;
#[path = "../api/samples.rs"]
mod samples;

mod attacker;
mod injection;
mod target;

use std::collections::BTreeMap;

use attacker::{Attacker, Stand};
use mingjian::{
    identity::{Role, may},
    web::{Access, Route, app::routes},
};
use reqwest::{Method, StatusCode};
use target::Target;

/// What the tables say must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Not signed in: 401, or off to the sign-in page.
    SignIn,
    /// The role may not: 403.
    Forbidden,
    /// The role may, but not there: 404.
    NotThere,
    /// A list or a form of the attacker's own: any answer that shows nothing of the target.
    OwnOnly,
    /// What the attacker may see: 200.
    Seen,
    /// What a bureau above may see, or what only the county sees: 200 or 404.
    SeenOrNot,
    /// What only the county may do: 403 or 404.
    Refused,
    /// A form or file about what is not the attacker's: 422.
    NotTaken,
}

fn expected(route: &Route, attacker: &Attacker) -> Option<Expected> {
    let reads = route.method == Method::GET.as_str();
    let (action, official) = match route.access {
        // What anyone may see is no secret (tests/api/personal_leaks.rs looks at it); signed requests have their own tests.
        Access::Anyone | Access::Machine => return None,
        Access::SignedIn => (None, false),
        Access::May(action) => (Some(action), false),
        Access::Official(action) => (Some(action), true),
    };
    let Some(role) = attacker.role else { return Some(Expected::SignIn) };
    if official && role.is_institution() || action.is_some_and(|action| !may(role, action)) {
        return Some(Expected::Forbidden);
    }
    let names_something = target::names_the_target(route);
    let of_the_same_bureau = matches!(attacker.stand, Stand::OtherInstitution | Stand::OtherPart);
    match attacker.stand {
        _ if !reads && target::BODY_NAMES_THE_TARGET.contains(&route.path) && attacker.stand != Stand::Own => {
            let asks = attacker.stand == Stand::Above && route.path.ends_with("/unmask");
            // That a bureau above may ask the county for a look is what these two are for.
            (!asks).then_some(Expected::Refused)
        }
        // A bureau that is no county takes no sheets at all.
        Stand::Above | Stand::Elsewhere if route.path.ends_with("/institutions/import") => Some(Expected::Refused),
        _ if !reads && target::SAYS_WHAT_IS_NOT_THERE.contains(&route.path) && attacker.stand != Stand::Own => {
            Some(Expected::NotTaken)
        }
        // What they do among their own is their own doing, in rows of the same bureau.
        _ if of_the_same_bureau && !names_something && !reads => None,
        // A colleague who may is no attacker.
        Stand::Own => None,
        Stand::Above if reads && names_something && is_officer_above(role) => Some(Expected::Seen),
        Stand::Above if reads => Some(Expected::SeenOrNot),
        Stand::Above if names_something => Some(Expected::Refused),
        Stand::Elsewhere if route.path.starts_with("/b/imports/") => Some(Expected::Refused),
        _ if names_something => Some(Expected::NotThere),
        _ => Some(Expected::OwnOnly),
    }
}

fn is_officer_above(role: Role) -> bool {
    matches!(role, Role::MinistryOfficer | Role::ProvinceOfficer | Role::CityOfficer)
}

fn agrees(expected: Expected, status: StatusCode) -> bool {
    match expected {
        Expected::SignIn => matches!(status, StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER),
        Expected::Forbidden => status == StatusCode::FORBIDDEN,
        Expected::NotThere => status == StatusCode::NOT_FOUND,
        Expected::OwnOnly => !status.is_server_error(),
        Expected::Seen => status.is_success(),
        Expected::SeenOrNot => {
            status.is_success()
                || status.is_redirection()
                || [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&status)
        }
        Expected::Refused => [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status),
        Expected::NotTaken => status == StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_where_the_tables_do_not_let_them() {
    let target = Target::new().await;
    let attackers = attacker::all(&target).await;
    let routes = routes();
    let before = target.fingerprint().await;
    let mut wrong = Vec::new();
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for attacker in &attackers {
        for route in &routes {
            if target::ENDS_THE_SESSION.contains(&route.path) {
                continue;
            }
            let Some(expected) = expected(route, attacker) else { continue };
            if target::LEAVES_A_TRACE.contains(&route.path) && matches!(expected, Expected::Seen | Expected::SeenOrNot)
            {
                continue;
            }
            let tries = target.requests(route, attacker.role);
            for request in tries {
                let answer = attacker.send(&request).await;
                *tried.entry(format!("{expected:?}")).or_default() += 1;
                let (status, shown) = answer;
                let line = format!("{} ({:?}): {} {}", attacker.name, attacker.stand, route.method, request.path);
                if !agrees(expected, status) {
                    wrong.push(format!("{line}: {status}, not {expected:?}"));
                }
                // What a request said itself may be said back.
                let said = format!("{:?}", request.body);
                if shown.contains(target::PHONE) && !said.contains(target::PHONE) {
                    wrong.push(format!("{line}: shows a telephone number"));
                }
                let learns = |secret: &&String| shown.contains(secret.as_str()) && !said.contains(secret.as_str());
                if attacker.stand != Stand::Above
                    && let Some(secret) = target.secrets.iter().find(learns)
                {
                    wrong.push(format!("{line}: shows {secret}"));
                }
            }
        }
        let after = target.fingerprint().await;
        let changed: Vec<_> = before.iter().filter(|(table, sum)| after.get(*table) != Some(*sum)).collect();
        assert!(changed.is_empty(), "{} ({:?}) changed {changed:?}", attacker.name, attacker.stand);
    }
    assert!(wrong.is_empty(), "{} of {tried:?}:\n{}", wrong.len(), wrong.join("\n"));
    for kind in ["SignIn", "Forbidden", "NotThere", "OwnOnly", "Seen", "SeenOrNot", "Refused", "NotTaken"] {
        assert!(tried.get(kind).is_some_and(|count| *count >= 10), "{kind} was hardly tried: {tried:?}");
    }
}

/// The other half of the proof: the same requests do something in the hands of those who may. Were they all refused for
/// another reason, the matrix would say nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_requests_work_for_those_who_may() {
    let target = Target::new().await;
    // Not what strangers are sent by mail, what asks another service, and what only bureaus above have.
    let apart =
        |route: &Route| route.access == Access::Anyone && route.path.contains('{') || route.path == "/b/bureaus";
    let reads = routes().into_iter().filter(|route| route.method == Method::GET.as_str() && !apart(route));
    let mut wrong = Vec::new();
    for route in reads {
        for request in target.requests(&route, None) {
            let status = target.rightful(&route).send(&request).await.0;
            if !(status.is_success() || status == StatusCode::SEE_OTHER) {
                wrong.push(format!("{} {}: {status}", route.method, request.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each of the writes on a target that the others have not worn out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_writes_work_for_those_who_may() {
    let names_the_target = |route: &Route| {
        let lists: [&[&str]; 3] =
            [&target::BODY_NAMES_THE_TARGET, &target::SAYS_WHAT_IS_NOT_THERE, &target::PASSES_OVER_WHAT_IS_NOT_THERE];
        target::names_the_target(route) || lists.concat().contains(&route.path)
    };
    let writes = routes().into_iter().filter(|route| {
        route.method != Method::GET.as_str() && route.access != Access::Anyone && names_the_target(route)
    });
    let mut target = Target::new().await;
    let mut wrong = Vec::new();
    for route in writes {
        let mut done = works(&target, &route).await;
        if done.is_err() {
            target = Target::new().await;
            done = works(&target, &route).await;
        }
        wrong.extend(done.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sends the requests of a route by somebody who may; an error where one is refused or leaves everything as it was.
async fn works(target: &Target, route: &Route) -> Result<(), String> {
    let rightful = target.rightful(route);
    let idle = target::DOES_NOTHING.iter().find(|(path, ..)| *path == route.path);
    for request in target.requests(route, rightful.role) {
        let before = target.fingerprint().await;
        let (status, _) = rightful.send(&request).await;
        let changed = target.fingerprint().await != before;
        let as_said = match idle {
            Some((_, said, _)) => status == *said,
            None => changed && (status.is_success() || status == StatusCode::SEE_OTHER),
        };
        if !as_said {
            let what = if changed { "something changed" } else { "nothing changed" };
            return Err(format!("{} {} by {}: {status}, {what}", route.method, request.path, rightful.name));
        }
    }
    Ok(())
}
