use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;

fn now() -> DateTime<Utc> {
    "2026-03-18T01:00:00Z".parse().unwrap()
}

fn generation(number: i32, seed: u8, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Generation {
    Generation::new(number, &[seed; 32], from, until).unwrap()
}

fn tokens() -> Tokens {
    Tokens::new(Ring::new(vec![generation(1, 1, now(), None)]))
}

fn actor() -> Actor {
    Actor { session: "s1".to_owned(), ..Actor::system(331_002) }
}

/// The claims of a good token.
fn claims() -> Value {
    let at = now().timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "0", "tenant": 331_002, "role": "bureau_admin", "name": "明鉴",
           "sid": "s1", "iat": at, "nbf": at, "exp": at + 900})
}

/// A token with these claims and this header, signed by the key of the ring, whatever they say.
fn signed(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &generation(1, 1, now(), None).encoding).unwrap()
}

fn header() -> Header {
    Header { typ: Some(TYPE.to_owned()), kid: Some(kid_of(&[1; 32])), ..Header::new(Algorithm::EdDSA) }
}

#[test]
fn a_token_is_good_until_it_expires_or_its_session_ends() {
    let tokens = tokens();
    let token = tokens.access(&actor(), now()).unwrap();
    for _ in ["unseen", "seen"] {
        assert_eq!(tokens.check(&token, now()), Ok(actor()));
    }
    assert_eq!(tokens.check(&token, now() + ACCESS_LIFE - Duration::seconds(1)), Ok(actor()));
    assert_eq!(tokens.check(&token, now() + ACCESS_LIFE), Err(TokenError), "one seen before expires as well");
    tokens.end("s1", now());
    assert_eq!(tokens.check(&token, now()), Err(TokenError), "one seen before is refused at once");
}

#[test]
fn only_claims_of_ours_within_their_time_are_taken() {
    let at = now().timestamp();
    for (case, change, good) in [
        ("as issued", json!({}), true),
        ("another issuer", json!({"iss": "mingjian.example"}), false),
        ("another audience", json!({"aud": "another-service"}), false),
        ("no audience", json!({"aud": null}), false),
        ("one audience of several", json!({"aud": ["another-service", "mingjian-api"]}), false),
        ("expired", json!({"exp": at}), false),
        ("about to expire", json!({"exp": at + 1}), true),
        ("never expires", json!({"exp": null}), false),
        ("not yet valid", json!({"nbf": at + 31}), false),
        ("from a process whose clock is ahead", json!({"nbf": at + 30}), true),
        ("without a beginning", json!({"nbf": null}), false),
        ("an unknown role", json!({"role": "emperor"}), false),
        ("a subject that is no number", json!({"sub": "root"}), false),
        ("no session", json!({"sid": null}), false),
    ] {
        let mut claims = claims();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let tokens = tokens();
        let token = signed(&header(), &claims);
        for look in ["unseen", "seen"] {
            assert_eq!(tokens.check(&token, now()).is_ok(), good, "{case}, {look}");
        }
    }
}

#[test]
fn a_token_that_was_tampered_with_is_refused() {
    let tokens = tokens();
    let others = Tokens::new(Ring::new(vec![generation(1, 9, now(), None)]));
    let good = tokens.access(&actor(), now()).unwrap();
    let mut parts = good.split('.');
    let (head, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let kid = kid_of(&[1; 32]);
    let encoded = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let of = |alg: &str, kid: &str| encoded(&json!({"typ": TYPE, "alg": alg, "kid": kid}));
    let mut wider = claims();
    wider["tenant"] = json!(330_000);
    // The public key is known to all: as the secret of an HMAC it must open nothing.
    let jwks = tokens.jwks(now());
    let public = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
    let by_public = Header { typ: Some(TYPE.to_owned()), kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
    for (case, forged) in [
        ("no algorithm", format!("{}.{body}.", of("none", &kid))),
        ("no algorithm, its signature left", format!("{}.{body}.{signature}", of("none", &kid))),
        ("another algorithm", format!("{}.{body}.{signature}", of("HS256", &kid))),
        (
            "HMAC under the public key",
            jsonwebtoken::encode(&by_public, &claims(), &EncodingKey::from_secret(&public)).unwrap(),
        ),
        ("an unknown key", format!("{}.{body}.{signature}", of("EdDSA", "another"))),
        ("no key named", signed(&Header { kid: None, ..header() }, &claims())),
        ("another service's token", others.access(&actor(), now()).unwrap()),
        (
            "another service's token under our key's name",
            jsonwebtoken::encode(&header(), &claims(), &generation(1, 9, now(), None).encoding).unwrap(),
        ),
        ("another kind of token", signed(&Header { typ: Some("JWT".to_owned()), ..header() }, &claims())),
        ("a wider scope under the same signature", format!("{head}.{}.{signature}", encoded(&wider))),
        ("a changed signature", format!("{head}.{body}.{}", signature.replace(&signature[..4], "AAAA"))),
        ("no signature", format!("{head}.{body}.")),
        ("broken", good.replace('.', ".a")),
        ("endless", "a".repeat(1 << 20)),
        ("empty", String::new()),
    ] {
        assert_eq!(tokens.check(&forged, now()), Err(TokenError), "{case}");
        assert_eq!(tokens.check(&forged, now()), Err(TokenError), "{case}, again");
    }
    assert!(tokens.check(&good, now()).is_ok());
}

#[test]
fn a_swapped_key_name_is_refused_even_when_both_keys_are_ours() {
    let (old, new) = (generation(1, 1, now(), None), generation(2, 2, now() + Duration::hours(1), None));
    let tokens = Tokens::new(Ring::new(vec![old, new]));
    let swapped = Header { kid: Some(kid_of(&[2; 32])), ..header() };
    assert_eq!(tokens.check(&signed(&swapped, &claims()), now()), Err(TokenError));
    assert!(tokens.check(&signed(&header(), &claims()), now()).is_ok());
}

#[test]
fn keys_overlap_when_they_change_and_a_compromised_one_is_refused_at_once() {
    let tokens = tokens();
    let early = tokens.access(&actor(), now()).unwrap();
    assert!(tokens.check(&early, now()).is_ok());
    let change = now() + Duration::minutes(5);
    let overlapping = |until| Ring::new(vec![generation(1, 1, now(), Some(until)), generation(2, 2, change, None)]);
    tokens.change_keys(overlapping(change + ACCESS_LIFE + SKEW));
    let late = tokens.access(&actor(), change).unwrap();
    for token in [&early, &late] {
        assert!(tokens.check(token, change).is_ok());
    }
    assert!(jsonwebtoken::decode_header(&late).unwrap().kid != jsonwebtoken::decode_header(&early).unwrap().kid);
    tokens.change_keys(overlapping(change));
    assert_eq!(tokens.check(&early, change), Err(TokenError), "although it was seen before");
    assert!(tokens.check(&late, change).is_ok());
}
