//! Passkeys over HTTP, with an authenticator in software that can also lie.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{DerSignature, SigningKey, signature::Signer};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::{PASSWORD, TestApp};

const ORIGIN: &str = "http://localhost:8080";

/// A service whose address is a name, as passkeys need it.
fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::start(&["--public-url", ORIGIN]))
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A passkey in software.
struct Authenticator {
    key: SigningKey,
    id: [u8; 16],
    handle: String,
    counter: u32,
    origin: &'static str,
    flags: u8,
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const NEW_KEY: u8 = 0x40;

impl Authenticator {
    fn new(seed: u8) -> Authenticator {
        let key = SigningKey::from_bytes(&[seed; 32].into()).unwrap();
        Authenticator {
            key,
            id: [seed; 16],
            handle: String::new(),
            counter: 0,
            origin: ORIGIN,
            flags: PRESENT | VERIFIED,
        }
    }

    fn client_data(&self, kind: &str, question: &Value) -> Vec<u8> {
        let challenge = question["publicKey"]["challenge"].as_str().unwrap();
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.counter += 1;
        let mut data = Sha256::digest("localhost").to_vec();
        data.push(self.flags | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn create(&mut self, question: &Value) -> Value {
        self.handle = question["publicKey"]["user"]["id"].as_str().unwrap().to_owned();
        let mut data = self.data(NEW_KEY);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.id);
        let point = self.key.verifying_key().to_encoded_point(false);
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().unwrap());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().unwrap());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        json!({"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "extensions": {}, "response": {
            "attestationObject": b64(object), "clientDataJSON": b64(self.client_data("webauthn.create", question))}})
    }

    fn sign(&mut self, question: &Value) -> Value {
        let (data, client) = (self.data(0), self.client_data("webauthn.get", question));
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: DerSignature = self.key.sign(&signed);
        json!({"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "extensions": {}, "response": {
            "authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature.as_bytes()),
            "userHandle": self.handle}})
    }
}

struct Person {
    name: String,
    browser: Client,
}

impl Person {
    fn new() -> Person {
        Person { name: app().stranger("approver", app().county()), browser: browser() }
    }

    async fn password(&self) -> String {
        let request = self.browser.post(format!("{}/login", app().address));
        let answer = request.form(&[("username", self.name.as_str()), ("password", PASSWORD)]).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Signs in for the first time, with a new passkey as the second factor that is required.
    async fn enrol(&self, authenticator: &mut Authenticator) {
        assert_eq!(self.password().await, "/login/enrol");
        let (status, question) = post(&self.browser, "/auth/passkeys/question", json!({})).await;
        assert_eq!(status, StatusCode::OK, "{question}");
        let made =
            json!({"token": question["token"], "name": "办公电脑", "credential": authenticator.create(&question)});
        let (status, answer) = post(&self.browser, "/auth/passkeys", made).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["recovery_codes"].as_array().unwrap().len(), 10);
        assert_eq!(answer["next"], "/b");
    }
}

fn browser() -> Client {
    Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap()
}

async fn post(browser: &Client, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = browser.post(format!("{}/api/v1{path}", app().address)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn inside(browser: &Client) -> bool {
    browser.get(format!("{}/b", app().address)).send().await.unwrap().status() == StatusCode::OK
}

/// Signs in with no password; what was answered.
async fn alone(browser: &Client, authenticator: &mut Authenticator) -> (StatusCode, Value) {
    let (_, question) = post(browser, "/auth/passkey/question", json!({"second": false})).await;
    let answer = json!({"token": question["token"], "credential": authenticator.sign(&question)});
    post(browser, "/auth/passkey/answer", answer).await
}

#[tokio::test]
async fn a_passkey_is_the_second_factor_and_signs_in_alone() {
    let (person, mut authenticator) = (Person::new(), Authenticator::new(11));
    person.enrol(&mut authenticator).await;
    assert!(inside(&person.browser).await);
    let page = person.browser.get(format!("{}/account/security", app().address)).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("办公电脑"));
    let second = Person { name: person.name.clone(), browser: browser() };
    assert_eq!(second.password().await, "/login/second");
    let (_, question) = post(&second.browser, "/auth/passkey/question", json!({"second": true})).await;
    assert_eq!(question["publicKey"]["allowCredentials"][0]["id"], b64(authenticator.id));
    assert_eq!(question["publicKey"]["userVerification"], "required");
    let answer = json!({"token": question["token"], "next": "/b/audit", "credential": authenticator.sign(&question)});
    let (status, answer) = post(&second.browser, "/auth/passkey/answer", answer).await;
    assert_eq!((status, &answer["next"]), (StatusCode::OK, &json!("/b/audit")));
    assert!(inside(&second.browser).await);
    let third = browser();
    assert_eq!(alone(&third, &mut authenticator).await.0, StatusCode::OK);
    assert!(inside(&third).await);
}

#[tokio::test]
async fn an_authenticator_that_lies_gets_nowhere() {
    let (person, mut authenticator) = (Person::new(), Authenticator::new(21));
    person.enrol(&mut authenticator).await;
    let refused = json!("/problems/passkey-refused");
    // Another website's answer.
    authenticator.origin = "http://localhost.evil.example:8080";
    assert_eq!(alone(&browser(), &mut authenticator).await.1["type"], refused);
    authenticator.origin = ORIGIN;
    // One that did not ask its owner for a finger or a PIN.
    authenticator.flags = PRESENT;
    assert_eq!(alone(&browser(), &mut authenticator).await.1["type"], refused);
    authenticator.flags = PRESENT | VERIFIED;
    // A copy, whose counter went another way.
    let counter = authenticator.counter;
    authenticator.counter = 0;
    assert_eq!(alone(&browser(), &mut authenticator).await.1["type"], refused);
    authenticator.counter = counter;
    // Another's key under this name, and this one's key under another's.
    let mut other = Authenticator { id: authenticator.id, ..Authenticator::new(22) };
    other.handle = authenticator.handle.clone();
    other.counter = 100;
    assert_eq!(alone(&browser(), &mut other).await.1["type"], refused);
    let handle = std::mem::replace(&mut authenticator.handle, b64([9; 16]));
    assert_eq!(alone(&browser(), &mut authenticator).await.1["type"], refused);
    authenticator.handle = handle;
    // An answer that was given before, and one to a question that was asked of nobody.
    let visitor = browser();
    let (_, question) = post(&visitor, "/auth/passkey/question", json!({"second": false})).await;
    let answer = json!({"token": question["token"], "credential": authenticator.sign(&question)});
    assert_eq!(post(&visitor, "/auth/passkey/answer", answer.clone()).await.0, StatusCode::OK);
    assert_eq!(post(&browser(), "/auth/passkey/answer", answer.clone()).await.1["type"], "/problems/step-ended");
    let (_, newer) = post(&browser(), "/auth/passkey/question", json!({"second": false})).await;
    let replayed = json!({"token": newer["token"], "credential": answer["credential"]});
    assert_eq!(post(&browser(), "/auth/passkey/answer", replayed).await.1["type"], refused);
    for nonsense in [json!({}), json!("x"), json!({"id": "AA", "rawId": "AA", "type": "public-key", "response": {}})] {
        let (_, question) = post(&browser(), "/auth/passkey/question", json!({"second": false})).await;
        let answer = json!({"token": question["token"], "credential": nonsense});
        assert_eq!(post(&browser(), "/auth/passkey/answer", answer).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(alone(&browser(), &mut authenticator).await.0, StatusCode::OK, "the owner is not kept out by all this");
}

#[tokio::test]
async fn one_persons_passkey_is_no_second_factor_of_another() {
    let (one, mut own) = (Person::new(), Authenticator::new(31));
    one.enrol(&mut own).await;
    let (victim, mut theirs) = (Person::new(), Authenticator::new(32));
    victim.enrol(&mut theirs).await;
    // The thief knows the victim's password and has a passkey of their own.
    let thief = Person { name: victim.name.clone(), browser: browser() };
    assert_eq!(thief.password().await, "/login/second");
    let (_, question) = post(&thief.browser, "/auth/passkey/question", json!({"second": true})).await;
    let answer = json!({"token": question["token"], "credential": own.sign(&question)});
    let (status, answer) = post(&thief.browser, "/auth/passkey/answer", answer).await;
    assert_eq!((status, &answer["type"]), (StatusCode::UNAUTHORIZED, &json!("/problems/passkey-refused")));
    assert!(!inside(&thief.browser).await);
    // Nor can the thief add a key to an account that has one, nor register the victim's again.
    let (status, _) = post(&thief.browser, "/auth/passkeys/question", json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let another = Person::new();
    another.password().await;
    let (_, question) = post(&another.browser, "/auth/passkeys/question", json!({})).await;
    let made = json!({"token": question["token"], "name": "x", "credential": theirs.create(&question)});
    assert_eq!(post(&another.browser, "/auth/passkeys", made).await.0, StatusCode::UNAUTHORIZED);
    assert!(!inside(&another.browser).await);
}
