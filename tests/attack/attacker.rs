//! Who tries.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use mingjian::identity::Role;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use strum::IntoEnumIterator;

use crate::{
    app::{self, PASSWORD, TestApp},
    target::{Body, Request, Target},
};

/// From where, as seen from the target's county.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// In the target's own bureau, or its own institution.
    Own,
    /// In the same bureau, but of another institution.
    OtherInstitution,
    /// In the same bureau, but in charge of other institutions.
    OtherPart,
    /// The next county of the same city.
    Sibling,
    /// A bureau whose range holds the county.
    Above,
    /// A city or province that does not hold it.
    Elsewhere,
    /// Without a token that is good.
    Outside,
}

/// Somebody with an access token, or something like one.
pub struct Attacker {
    pub name: String,
    /// `None`: the token is not good, whatever it says.
    pub role: Option<Role>,
    pub stand: Stand,
    token: Option<String>,
    client: Client,
}

impl Attacker {
    pub fn new(name: String, role: Option<Role>, stand: Stand, token: Option<String>) -> Attacker {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Attacker { name, role, stand, token, client }
    }

    /// Sends a request; the status and what is shown, headers too.
    pub async fn send(&self, request: &Request) -> (StatusCode, String) {
        let mut building =
            self.client.request(request.method.clone(), format!("{}{}", app::app().address, request.path));
        if let Some(token) = &self.token {
            building = building.bearer_auth(token);
        }
        building = match &request.body {
            Body::None => building,
            Body::Json(value) => building.json(value),
            Body::Form(fields) => building.form(fields),
            Body::File(fields, name, text) => {
                let part = reqwest::multipart::Part::bytes(text.clone().into_bytes()).file_name(name.clone());
                let form = reqwest::multipart::Form::new().part("file", part);
                building
                    .multipart(fields.iter().fold(form, |form, (name, value)| form.text(name.clone(), value.clone())))
            }
        };
        let mut answer = building.send().await.unwrap();
        let status = answer.status();
        let headers = format!("{:?}", answer.headers());
        // A stream of events has no end: what it begins with must do.
        if answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            let first = tokio::time::timeout(Duration::from_millis(300), answer.chunk()).await;
            let first = first.ok().and_then(Result::ok).flatten().unwrap_or_default();
            return (status, headers + &String::from_utf8_lossy(&first));
        }
        let bytes = answer.bytes().await.unwrap();
        (status, headers + &String::from_utf8_lossy(&bytes))
    }
}

/// An account of `role` in `region`, signed in as a program.
pub async fn signed_in(app: &TestApp, role: Role, region: &str, institution: Option<&str>, stand: Stand) -> Attacker {
    // Not as accounts of the target are named: one of those with a short number would be found in its own name.
    let name = format!("attacker.{role}.{region}.{}", TestApp::next_number());
    let role_text = role.to_string();
    let mut arguments = vec!["user", "add", "--role", &role_text, "--region", region, "--password-stdin"];
    arguments.extend(["--second-factor", "off"]);
    if let Some(code) = institution {
        arguments.extend(["--institution", code]);
    }
    if role == Role::DepartmentOfficer {
        arguments.extend(["--department", "culture"]);
    }
    arguments.push(&name);
    app.run(&arguments, PASSWORD);
    let answer = Client::new()
        .post(format!("{}/api/v1/auth/login", app.address))
        .json(&json!({"username": name, "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{name} signs in");
    let tokens: Value = answer.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    Attacker::new(name, Some(role), stand, Some(token))
}

/// All of them.
pub async fn all(target: &Target) -> Vec<Attacker> {
    let app = app::app();
    let world = &target.world;
    let county = world.county.to_string();
    let sibling = target.sibling.to_string();
    let city = format!("{}00", &county[..4]);
    let province = format!("{}0000", &county[..2]);
    let mut attackers = Vec::new();
    // Machines have no password to sign in by; what their keys reach is told in tests/api/machines.rs.
    for role in Role::iter().filter(|role| !matches!(role, Role::Bank | Role::InstitutionSystem)) {
        let mut places: Vec<(&str, Option<&str>, Stand)> = Vec::new();
        match role {
            Role::MinistryOfficer => places.push(("000000", None, Stand::Above)),
            Role::ProvinceOfficer => {
                places.extend([(&*province, None, Stand::Above), ("330000", None, Stand::Elsewhere)])
            }
            Role::CityOfficer => places.extend([(&*city, None, Stand::Above), ("331000", None, Stand::Elsewhere)]),
            role if role.is_institution() => places.extend([
                (&*county, Some(&*world.credit_code), Stand::Own),
                (&*county, Some(&*target.other_institution), Stand::OtherInstitution),
                (&*sibling, Some(&*target.sibling_institution), Stand::Sibling),
            ]),
            Role::DepartmentOfficer | Role::TownshipOfficer => {
                places.extend([(&*county, None, Stand::OtherPart), (&*sibling, None, Stand::Sibling)]);
            }
            _ => {
                places.extend([(&*county, None, Stand::Own), (&*sibling, None, Stand::Sibling)]);
                if role.fits(Some(mingjian::kernel::region::Level::City)) {
                    places.extend([(&*city, None, Stand::Above), ("331000", None, Stand::Elsewhere)]);
                }
            }
        }
        for (region, institution, stand) in places {
            attackers.push(signed_in(app, role, region, institution, stand).await);
        }
    }
    attackers.extend(outside(&target.world.admin.token));
    attackers.push(ended().await);
    attackers
}

/// Without a token, and with tokens that are none. `good` is an administrator's of the target's own bureau.
fn outside(good: &str) -> Vec<Attacker> {
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (head, body) = (decode(header), decode(claims));
    let with = |value: &Value, key: &str, new: Value| {
        let mut value = value.clone();
        value[key] = new;
        value
    };
    // Somebody's own key under the name of ours.
    let own = SigningKey::from_bytes(&[7; 32]);
    let signed = |head: &Value, body: &Value| {
        let text = format!("{}.{}", encode(head), encode(body));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(own.sign(text.as_bytes()).to_bytes()))
    };
    let mut broken = URL_SAFE_NO_PAD.decode(signature).unwrap();
    broken[0] ^= 1;
    let ministry = with(&with(&body, "tenant", json!(0)), "role", json!("ministry_officer"));
    let tokens = [
        ("nobody", None),
        ("an empty token", Some(String::new())),
        ("a wrong signature", Some(format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(broken)))),
        ("other claims", Some(format!("{header}.{}.{signature}", encode(&ministry)))),
        ("alg none", Some(format!("{}.{claims}.", encode(&with(&head, "alg", json!("none")))))),
        (
            "alg none with a signature",
            Some(format!("{}.{claims}.{signature}", encode(&with(&head, "alg", json!("none"))))),
        ),
        ("HMAC by a public key", Some(format!("{}.{claims}.{signature}", encode(&with(&head, "alg", json!("HS256")))))),
        ("a swapped kid", Some(signed(&with(&head, "kid", json!("other")), &body))),
        ("a foreign key under our kid", Some(signed(&head, &body))),
        (
            "a key of its own",
            Some(signed(&with(&head, "jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})), &body)),
        ),
    ];
    tokens.into_iter().map(|(name, token)| Attacker::new(name.to_owned(), None, Stand::Outside, token)).collect()
}

/// A token that was good and whose session has ended.
async fn ended() -> Attacker {
    let region = app::app().county().to_string();
    let attacker = signed_in(app::app(), Role::BureauAdmin, &region, None, Stand::Outside).await;
    let request = Request { method: Method::POST, path: "/logout".to_owned(), body: Body::None };
    assert!(attacker.send(&request).await.0.is_redirection());
    Attacker { role: None, name: "an ended session".to_owned(), ..attacker }
}
