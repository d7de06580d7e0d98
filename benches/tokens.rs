//! How many access tokens one core checks in a second: never seen before, and seen before, beside the signature alone.
//!
//! `cargo bench --bench tokens` prints one line of JSON. Without `--bench` (as `cargo test` calls it) it takes one short
//! round and prints nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on fails, and prints")]

use std::{hint::black_box, time::Instant};

use chrono::{DateTime, Utc};
use ed25519_dalek::{Signer, SigningKey};
use mingjian::identity::{
    Actor,
    tokens::{Generation, Ring, Tokens},
};

const TOKENS: usize = 5_000;
const SEED: [u8; 32] = [7; 32];

fn now() -> DateTime<Utc> {
    "2026-03-18T01:00:00Z".parse().unwrap()
}

fn tokens() -> Tokens {
    Tokens::new(Ring::new(vec![Generation::new(1, &SEED, now(), None).unwrap()]))
}

/// Calls in a second, over all of `issued`, `rounds` times.
fn rate(issued: &[String], rounds: usize, mut call: impl FnMut(&str)) -> f64 {
    let start = Instant::now();
    for _ in 0..rounds {
        issued.iter().for_each(|token| call(token));
    }
    (issued.len() * rounds) as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let rounds = if full { 7 } else { 1 };
    let count = if full { TOKENS } else { 50 };
    let issuer = tokens();
    let issued: Vec<String> = (0..count)
        .map(|number| {
            let actor = Actor { session: format!("session-{number:016}"), user_id: 7, ..Actor::system(331_002) };
            issuer.access(&actor, now()).unwrap()
        })
        .collect();
    let key = SigningKey::from_bytes(&SEED);
    let public = key.verifying_key();
    let signatures: Vec<_> = issued.iter().map(|token| key.sign(token.as_bytes())).collect();
    let (mut unseen, mut seen, mut signature) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut of = signatures.iter();
        signature.push(rate(&issued, 1, |token| {
            assert!(public.verify_strict(black_box(token.as_bytes()), of.next().unwrap()).is_ok());
        }));
        let fresh = tokens();
        // As many ends as a busy quarter of an hour leaves behind.
        let ended: Vec<String> = (0..10_000).map(|number| format!("ended-{number:018}")).collect();
        fresh.ended().add(ended.iter().map(String::as_str), now());
        let mut check = |token: &str| assert!(fresh.check(black_box(token), now()).is_ok());
        unseen.push(rate(&issued, 1, &mut check));
        seen.push(rate(&issued, if full { 20 } else { 1 }, &mut check));
        fresh.end("session-0000000000000003", now());
        assert!(fresh.check(&issued[3], now()).is_err(), "a session's end counts for a token seen before");
    }
    if full {
        let spread = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            let at = |index: usize| rates[index].round();
            serde_json::json!({"min": at(0), "median": at(rates.len() / 2), "max": at(rates.len() - 1)})
        };
        let report = serde_json::json!({
            "unseen_per_second": spread(&mut unseen),
            "seen_per_second": spread(&mut seen),
            "signature_alone_per_second": spread(&mut signature),
        });
        println!("{report}");
    }
}
