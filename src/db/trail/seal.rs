//! The links of the chain: the bytes of an event, and their keyed hash.

use std::sync::OnceLock;

use super::Draft;
use crate::secrets::{Secrets, keyed_hash};

/// A link.
pub type Hash = [u8; 32];

/// What stands before the first event.
pub const GENESIS: Hash = [0; 32];

/// The version of the bytes and of the key. Another one needs another purpose of the key, and this one must stay readable.
pub const FORM: i16 = 1;

/// The key of the chain, derived from the service's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The process has no key, or has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("this process seals audit events with the key of another data directory")]
    Another,
    #[error("no database was opened, so there is no key for audit events")]
    Missing,
}

/// Events are appended wherever there is a connection, also where nothing else of the service is at hand; like the log,
/// the key belongs to the process.
static KEY: OnceLock<Key> = OnceLock::new();

impl Key {
    /// The key that the secret gives.
    pub fn new(secrets: &Secrets) -> Key {
        Key(secrets.derive("audit:1"))
    }

    /// Makes this the key with which the process seals. A process works on one data directory for all its life.
    pub fn install(self) -> Result<(), KeyError> {
        if *KEY.get_or_init(|| self.clone()) == self { Ok(()) } else { Err(KeyError::Another) }
    }

    /// The key of this process.
    pub(super) fn installed() -> Result<&'static Key, KeyError> {
        KEY.get().ok_or(KeyError::Missing)
    }

    /// The link of an event in its place: HMAC-SHA256 over the hash before it and its bytes.
    pub fn seal(&self, before: &Hash, seq: i64, event: &Draft) -> Hash {
        keyed_hash(&self.0, &[before, &bytes(seq, event)])
    }
}

/// The bytes of an event in form 1: a heading, then every field in this order. Whole numbers are big-endian; a text has
/// its length in bytes (eight bytes) before it; what may be absent begins with 0 or 1. No two events have the same bytes.
fn bytes(seq: i64, event: &Draft) -> Vec<u8> {
    let size = [&event.before, &event.after, &event.reason].into_iter().flatten().map(String::len).sum::<usize>();
    let mut out = Vec::with_capacity(size + 320);
    out.extend_from_slice(b"mingjian audit 1\n");
    out.extend_from_slice(&event.tenant.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&event.stored_at().timestamp_micros().to_be_bytes());
    number(&mut out, event.who.id);
    out.extend_from_slice(&event.who.tenant.to_be_bytes());
    for field in [&event.who.name, &event.who.role, &event.action, &event.subject_kind, &event.subject_id] {
        text(&mut out, field);
    }
    number(&mut out, event.institution);
    for field in [&event.before, &event.after, &event.reason] {
        match field {
            None => out.push(0),
            Some(field) => {
                out.push(1);
                text(&mut out, field);
            }
        }
    }
    text(&mut out, &event.request_id);
    out
}

fn number(out: &mut Vec<u8>, number: Option<i64>) {
    match number {
        None => out.push(0),
        Some(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::trail::Who;

    fn event() -> Draft {
        Draft {
            tenant: 331_002,
            at: "2026-03-18T01:00:00.123456789Z".parse().unwrap(),
            who: Who { id: Some(7), tenant: 331_002, name: "王静怡".into(), role: "approver".into() },
            action: "list.approved".into(),
            subject_kind: "approval".into(),
            subject_id: "12".into(),
            institution: Some(3),
            before: None,
            after: Some(r#"{"step":"list"}"#.into()),
            reason: Some("资料齐全".into()),
            request_id: "00ff".into(),
        }
    }

    fn seal(event: &Draft) -> String {
        hex::encode(Key([7; 32]).seal(&GENESIS, 1, event))
    }

    /// Stored chains are verified by this form for years.
    #[test]
    fn form_one_stays_what_it_is() {
        assert_eq!(seal(&event()), "90ce6193d45ba4093616f6aa461ff954afbf485df9047186ef5dbad1634c9918");
    }

    #[test]
    fn every_field_is_covered_and_none_runs_into_the_next() {
        let told = seal(&event());
        let changes: [fn(&mut Draft); 14] = [
            |e| e.tenant = 331_003,
            |e| e.at += chrono::TimeDelta::microseconds(1),
            |e| e.who.id = None,
            |e| e.who.tenant = 330_000,
            |e| e.who.name = "王静".into(),
            |e| e.who.role = "auditor".into(),
            |e| e.action = "list.rejected".into(),
            |e| (e.subject_kind, e.subject_id) = ("approva".into(), "l12".into()),
            |e| e.institution = None,
            |e| e.before = Some("null".into()),
            |e| e.after = Some(r#"{"step": "list"}"#.into()),
            |e| e.after = None,
            |e| e.reason = Some(String::new()),
            |e| e.request_id = "00fe".into(),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut changed = event();
            change(&mut changed);
            assert_ne!(seal(&changed), told, "change {at}");
        }
        let key = Key([7; 32]);
        assert_ne!(key.seal(&GENESIS, 2, &event()), key.seal(&GENESIS, 1, &event()));
        assert_ne!(key.seal(&[1; 32], 1, &event()), key.seal(&GENESIS, 1, &event()));
        assert_ne!(Key([8; 32]).seal(&GENESIS, 1, &event()), key.seal(&GENESIS, 1, &event()));
    }

    #[test]
    fn a_time_is_hashed_as_it_is_kept() {
        let mut finer = event();
        finer.at = "2026-03-18T01:00:00.123456001Z".parse().unwrap();
        assert_eq!(seal(&finer), seal(&event()));
    }
}
