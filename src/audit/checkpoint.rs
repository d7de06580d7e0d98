//! Signed statements about a chain: how far it went, and what was removed from its beginning.
//!
//! A checkpoint says that the event `seq` of a bureau had the hash `hash`. Kept outside the database, it shows that later
//! events which are missing were cut off. An archive says the same of the last event that was removed because its time was
//! over; the chain goes on from there. Both are signed with Ed25519 by a key derived from the service's secret, each with
//! its own heading, so that the one cannot pass for the other.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};

use crate::{db::trail::Hash, kernel::clock::BEIJING, secrets::Secrets};

/// Signs statements, and checks what it signed.
#[derive(Debug, Clone)]
pub struct Notary(SigningKey);

/// A place in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub tenant: i32,
    pub seq: i64,
    pub hash: Hash,
}

/// A signed statement of how far a chain went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub link: Link,
    pub at: DateTime<Utc>,
    pub signature: Vec<u8>,
}

/// A signed statement of what was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The last event that was removed.
    pub link: Link,
    /// How many events were removed, and their times.
    pub events: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub at: DateTime<Utc>,
    pub signature: Vec<u8>,
}

fn micros(at: DateTime<Utc>) -> i64 {
    at.trunc_subsecs(6).timestamp_micros()
}

impl Link {
    fn words(&self) -> String {
        format!("{:06}\n{}\n{}\n", self.tenant, self.seq, hex::encode(self.hash))
    }
}

impl Checkpoint {
    fn words(&self) -> String {
        format!("mingjian audit checkpoint 1\n{}{}\n", self.link.words(), micros(self.at))
    }
}

impl Archive {
    fn words(&self) -> String {
        let times = [self.first_at, self.last_at, self.at].map(|at| micros(at).to_string()).join("\n");
        format!("mingjian audit archive 1\n{}{}\n{times}\n", self.link.words(), self.events)
    }
}

impl Notary {
    /// The one whose key the secret gives.
    pub fn new(secrets: &Secrets) -> Notary {
        Notary(SigningKey::from_bytes(&secrets.derive("audit-checkpoint:1")))
    }

    /// Signs that the chain goes as far as `link`.
    pub fn checkpoint(&self, link: Link, at: DateTime<Utc>) -> Checkpoint {
        let mut checkpoint = Checkpoint { link, at, signature: Vec::new() };
        checkpoint.signature = self.sign(&checkpoint.words());
        checkpoint
    }

    /// Signs what is being removed; the signature that `archive` has counts for nothing.
    pub fn archive(&self, mut archive: Archive) -> Archive {
        archive.signature = self.sign(&archive.words());
        archive
    }

    /// Whether this is a checkpoint of ours.
    pub fn knows(&self, checkpoint: &Checkpoint) -> bool {
        self.signed(&checkpoint.words(), &checkpoint.signature)
    }

    /// Whether this is an archive record of ours.
    pub fn knows_archive(&self, archive: &Archive) -> bool {
        self.signed(&archive.words(), &archive.signature)
    }

    fn sign(&self, words: &str) -> Vec<u8> {
        self.0.sign(words.as_bytes()).to_bytes().to_vec()
    }

    fn signed(&self, words: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(words.as_bytes(), &signature).is_ok())
    }
}

/// A checkpoint as one line of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine {
    region: String,
    seq: i64,
    hash: String,
    at: DateTime<Utc>,
    signature: String,
}

impl From<&Checkpoint> for CheckpointLine {
    fn from(checkpoint: &Checkpoint) -> CheckpointLine {
        CheckpointLine {
            region: region(checkpoint.link.tenant),
            seq: checkpoint.link.seq,
            hash: hex::encode(checkpoint.link.hash),
            at: checkpoint.at.trunc_subsecs(6),
            signature: BASE64.encode(&checkpoint.signature),
        }
    }
}

impl CheckpointLine {
    /// The checkpoint, if the line can be one; its signature is not checked here.
    pub fn read(&self) -> Option<Checkpoint> {
        let hash = hex::decode(&self.hash).ok()?.try_into().ok()?;
        let link = Link { tenant: self.region.parse().ok()?, seq: self.seq, hash };
        Some(Checkpoint { link, at: self.at, signature: BASE64.decode(&self.signature).ok()? })
    }
}

/// A bureau's code as files and answers write it.
pub fn region(tenant: i32) -> String {
    format!("{tenant:06}")
}

/// An instant as files and answers write it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.with_timezone(&BEIJING).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notary() -> Notary {
        Notary::new(&Secrets::load(tempfile::tempdir().unwrap().path()).unwrap())
    }

    #[test]
    fn a_checkpoint_survives_its_file_and_no_change() {
        let ours = notary();
        let at = "2026-03-18T01:00:00.123456789Z".parse().unwrap();
        let made = ours.checkpoint(Link { tenant: 110_101, seq: 7, hash: [3; 32] }, at);
        let line = serde_json::to_string(&CheckpointLine::from(&made)).unwrap();
        let read = serde_json::from_str::<CheckpointLine>(&line).unwrap().read().unwrap();
        assert!(ours.knows(&made) && ours.knows(&read), "{line}");
        assert!(!notary().knows(&read), "another secret's");
        for changed in [
            Checkpoint { link: Link { seq: 8, ..read.link }, ..read.clone() },
            Checkpoint { link: Link { tenant: 110_102, ..read.link }, ..read.clone() },
            Checkpoint { link: Link { hash: [4; 32], ..read.link }, ..read.clone() },
            Checkpoint { at: read.at + chrono::TimeDelta::seconds(1), ..read.clone() },
            Checkpoint { signature: vec![0; 3], ..read.clone() },
        ] {
            assert!(!ours.knows(&changed), "{changed:?}");
        }
    }

    #[test]
    fn a_checkpoint_is_no_archive() {
        let ours = notary();
        let link = Link { tenant: 110_101, seq: 7, hash: [3; 32] };
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let archive = ours.archive(Archive { link, events: 7, first_at: at, last_at: at, at, signature: Vec::new() });
        assert!(ours.knows_archive(&archive));
        assert!(!ours.knows_archive(&Archive { events: 8, ..archive.clone() }));
        assert!(!ours.knows_archive(&Archive { signature: ours.checkpoint(link, at).signature, ..archive }));
    }
}
