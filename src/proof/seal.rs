//! The signature under the outcome of a day.

use chrono::NaiveDate;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use super::model::Outcome;
use crate::secrets::Secrets;

/// Digest and signature of an outcome.
pub struct Seal {
    pub digest: [u8; 32],
    pub signature: [u8; 64],
}

/// What is signed: every figure and every item, a line each, after the form's name, the bureau, the institution and the day.
fn words(tenant: i32, institution: i64, day: NaiveDate, outcome: &Outcome) -> String {
    let figures = [
        outcome.bank_in_fen,
        outcome.bank_out_fen,
        outcome.paid_fen,
        outcome.refunded_fen,
        outcome.released_fen,
        outcome.consumed_fen,
        i64::from(outcome.matched),
        i64::from(outcome.waiting),
    ];
    let mut words = format!("mingjian three-way proof 1\n{tenant:06}\n{institution}\n{day}\n");
    for figure in figures {
        words.push_str(&format!("{figure}\n"));
    }
    for item in &outcome.items {
        // Length-prefixed: a reference may hold whatever a bank wrote.
        words.push_str(&format!(
            "{} {}:{} {} {}\n",
            item.kind,
            item.subject.len(),
            item.subject,
            item.bank_fen,
            item.ledger_fen
        ));
    }
    words
}

/// Signs an outcome with the key that the service's secret gives for it.
pub fn seal(secrets: &Secrets, tenant: i32, institution: i64, day: NaiveDate, outcome: &Outcome) -> Seal {
    let words = words(tenant, institution, day, outcome);
    let key = SigningKey::from_bytes(&secrets.derive("three-way-proof:1"));
    Seal { digest: Sha256::digest(&words).into(), signature: key.sign(words.as_bytes()).to_bytes() }
}
