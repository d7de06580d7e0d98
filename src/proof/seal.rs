//! The signature under the outcome of a day.

use chrono::NaiveDate;
use ed25519_dalek::{Signature, Signer, SigningKey};
use sha2::{Digest, Sha256};

use super::model::{Item, Outcome};
use crate::secrets::Secrets;

/// Whose day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    pub tenant: i32,
    pub institution: i64,
    pub day: NaiveDate,
}

/// The figures of an outcome, in the order in which they are signed.
pub type Figures = [i64; 8];

/// Those of an outcome.
pub fn figures(outcome: &Outcome) -> Figures {
    [
        outcome.bank_in_fen,
        outcome.bank_out_fen,
        outcome.paid_fen,
        outcome.refunded_fen,
        outcome.released_fen,
        outcome.consumed_fen,
        i64::from(outcome.matched),
        i64::from(outcome.waiting),
    ]
}

/// The digest of all that an outcome says: every figure and every item, in whatever order they were found.
pub fn digest(of: &Subject, figures: &Figures, items: &[Item]) -> [u8; 32] {
    let mut words = format!("mingjian three-way proof 2\n{:06}\n{}\n{}\n", of.tenant, of.institution, of.day);
    for figure in figures {
        words.push_str(&format!("{figure}\n"));
    }
    // Length-prefixed: a reference may hold whatever a bank wrote.
    let mut lines: Vec<String> = items
        .iter()
        .map(|item| {
            let Item { kind, subject, bank_fen, ledger_fen } = item;
            format!("{kind} {}:{subject} {bank_fen} {ledger_fen}\n", subject.len())
        })
        .collect();
    lines.sort_unstable();
    words.extend(lines);
    Sha256::digest(&words).into()
}

/// What is signed of a version: its digest, and the figures once more, so that a version is checked by its own row when
/// the items have gone on.
fn words(of: &Subject, version: i32, figures: &Figures, digest: &[u8]) -> String {
    let figures = figures.map(|figure| figure.to_string()).join(" ");
    format!(
        "mingjian three-way proof 2, version {version}\n{:06}\n{}\n{}\n{figures}\n{}\n",
        of.tenant,
        of.institution,
        of.day,
        hex::encode(digest)
    )
}

/// The key that the service's secret gives for it.
fn key(secrets: &Secrets) -> SigningKey {
    SigningKey::from_bytes(&secrets.derive("three-way-proof:1"))
}

/// Signs a version of an outcome.
pub fn sign(secrets: &Secrets, of: &Subject, version: i32, figures: &Figures, digest: &[u8; 32]) -> [u8; 64] {
    key(secrets).sign(words(of, version, figures, digest).as_bytes()).to_bytes()
}

/// Whether the service signed this version so.
pub fn is_signed(
    secrets: &Secrets,
    of: &Subject,
    version: i32,
    figures: &Figures,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key(secrets).verifying_key().verify_strict(words(of, version, figures, digest).as_bytes(), &signature).is_ok()
}
