//! The ring of data keys: several to open with, the last one to seal with.
//!
//! In the data directory it is `keys/data`, readable by the service's user alone, a key a line: number, 64 hex digits,
//! since when. The environment gives `number:hex` separated by commas instead.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aes_gcm::{Aes256Gcm, KeyInit};
use chrono::{DateTime, Utc};

use crate::secrets::random;

/// The variable that gives a ring.
pub const ENVIRONMENT: &str = "MINGJIAN_DATA_KEYS";

/// Why there is no ring, or it was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    #[error("{place} is no key ring: {fault}; restore it from the backup")]
    Unreadable { place: String, fault: &'static str },
    #[error("the keys come from {ENVIRONMENT}; change them there")]
    NotOurs,
    #[error("the ring has no key {0}")]
    NoSuchKey(u16),
    #[error("key {0} is the one that seals; begin a new one first (mingjian keys rotate)")]
    InUse(u16),
}

/// One key. Shows nothing of itself.
pub(super) struct DataKey {
    pub id: u16,
    pub cipher: Aes256Gcm,
    bytes: [u8; 32],
    since: Option<DateTime<Utc>>,
}

/// What may be told of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    pub id: u16,
    /// Since when it seals, where the ring says so.
    pub since: Option<DateTime<Utc>>,
    /// Since when it does not seal any more.
    pub retired: Option<DateTime<Utc>>,
    pub current: bool,
}

/// The keys in the order in which they came; never empty.
pub(super) struct Ring(Vec<DataKey>);

impl Ring {
    /// The key that seals.
    #[expect(clippy::expect_used, reason = "a ring without keys is refused when it is read")]
    pub(super) fn current(&self) -> &DataKey {
        self.0.last().expect("a ring is never empty")
    }

    /// The key of a number.
    pub(super) fn key(&self, id: u16) -> Option<&DataKey> {
        self.0.iter().find(|key| key.id == id)
    }

    pub(super) fn infos(&self) -> Vec<KeyInfo> {
        let next = self.0.iter().skip(1).map(|key| key.since).chain([None]);
        let current = self.current().id;
        let info = |(key, retired): (&DataKey, _)| KeyInfo {
            id: key.id,
            since: key.since,
            retired,
            current: key.id == current,
        };
        self.0.iter().zip(next).map(info).collect()
    }
}

/// Where a ring is kept.
pub(super) enum Source {
    File(PathBuf),
    Environment(String),
}

fn key(id: &str, hex_digits: &str, since: Option<&str>) -> Result<DataKey, &'static str> {
    let id: u16 = id.trim().parse().map_err(|_| "a key's number is between 1 and 65535")?;
    let bytes = hex::decode(hex_digits.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or("a key has 64 hex digits")?;
    let since = since.map(|text| text.trim().parse().map_err(|_| "the third word is an instant")).transpose()?;
    if id == 0 {
        return Err("a key's number is between 1 and 65535");
    }
    Ok(DataKey { id, cipher: Aes256Gcm::new(&bytes.into()), bytes, since })
}

fn ring(keys: Result<Vec<DataKey>, &'static str>, place: &str) -> Result<Ring, RingError> {
    let unreadable = |fault| RingError::Unreadable { place: place.to_owned(), fault };
    let keys = keys.map_err(unreadable)?;
    if keys.is_empty() {
        return Err(unreadable("it holds no key"));
    }
    let mut ids: Vec<u16> = keys.iter().map(|key| key.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != keys.len() {
        return Err(unreadable("two keys have the same number"));
    }
    Ok(Ring(keys))
}

impl Source {
    pub(super) fn read(&self) -> Result<Ring, RingError> {
        match self {
            Source::File(path) => {
                let text = fs::read_to_string(path).map_err(|e| RingError::Io(path.clone(), e))?;
                let line = |line: &str| {
                    let mut words = line.split_whitespace();
                    key(words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next())
                };
                ring(
                    text.lines().filter(|text| !text.trim().is_empty()).map(line).collect(),
                    &path.display().to_string(),
                )
            }
            Source::Environment(text) => {
                let part = |part: &str| {
                    let (id, digits) =
                        part.split_once(':').ok_or("keys are written number:hex, with commas between")?;
                    key(id, digits, None)
                };
                ring(text.split(',').filter(|text| !text.trim().is_empty()).map(part).collect(), ENVIRONMENT)
            }
        }
    }

    /// The ring; one of the data directory is made if there is none.
    pub(super) fn read_or_make(&self, now: DateTime<Utc>) -> Result<Ring, RingError> {
        match (self.read(), self) {
            (Err(RingError::Io(_, error)), Source::File(path)) if error.kind() == io::ErrorKind::NotFound => {
                // Two processes may start at once: whoever links its file first has made the ring.
                let made = write_aside(path, &[line(1, &random(), now)])?;
                let linked = fs::hard_link(&made, path);
                let _ = fs::remove_file(&made);
                match linked {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(RingError::Io(path.clone(), e)),
                    _ => self.read(),
                }
            }
            (read, _) => read,
        }
    }

    /// Adds a key that seals from now on.
    pub(super) fn add(&self, now: DateTime<Utc>) -> Result<u16, RingError> {
        let Source::File(path) = self else { return Err(RingError::NotOurs) };
        let ring = self.read()?;
        let id = ring.0.iter().map(|key| key.id).max().and_then(|id| id.checked_add(1));
        let id =
            id.ok_or(RingError::Unreadable { place: path.display().to_string(), fault: "its numbers are used up" })?;
        let mut lines: Vec<String> = ring.0.iter().map(written).collect();
        lines.push(line(id, &random(), now));
        replace(path, &lines)?;
        Ok(id)
    }

    pub(super) fn remove(&self, id: u16) -> Result<(), RingError> {
        let Source::File(path) = self else { return Err(RingError::NotOurs) };
        let ring = self.read()?;
        if ring.key(id).is_none() {
            return Err(RingError::NoSuchKey(id));
        }
        if ring.current().id == id {
            return Err(RingError::InUse(id));
        }
        let lines: Vec<String> = ring.0.iter().filter(|key| key.id != id).map(written).collect();
        replace(path, &lines)
    }
}

fn written(key: &DataKey) -> String {
    match key.since {
        Some(since) => line(key.id, &key.bytes, since),
        None => format!("{} {}", key.id, hex::encode(key.bytes)),
    }
}

fn line(id: u16, bytes: &[u8; 32], since: DateTime<Utc>) -> String {
    format!("{id} {} {}", hex::encode(bytes), since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// The whole ring in a file beside it, on disk, so that no crash leaves half a ring.
fn write_aside(path: &Path, lines: &[String]) -> Result<PathBuf, RingError> {
    let aside = path.with_extension(format!("new{}", std::process::id()));
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let _ = fs::remove_file(&aside);
        let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&aside)?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()
    };
    write().map_err(|e| RingError::Io(aside.clone(), e))?;
    Ok(aside)
}

fn replace(path: &Path, lines: &[String]) -> Result<(), RingError> {
    let aside = write_aside(path, lines)?;
    fs::rename(&aside, path).map_err(|e| RingError::Io(path.to_owned(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_made_once_and_told_without_its_keys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/data");
        let source = Source::File(path.clone());
        let now: DateTime<Utc> = "2026-03-18T01:00:00Z".parse().unwrap();
        let first = source.read_or_make(now).unwrap();
        assert_eq!(source.read_or_make(now).unwrap().current().bytes, first.current().bytes);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let later = now + chrono::Duration::days(90);
        assert_eq!(source.add(later).unwrap(), 2);
        let infos = source.read().unwrap().infos();
        assert_eq!(
            infos,
            [
                KeyInfo { id: 1, since: Some(now), retired: Some(later), current: false },
                KeyInfo { id: 2, since: Some(later), retired: None, current: true },
            ]
        );
        assert!(matches!(source.remove(2), Err(RingError::InUse(2))));
        assert!(matches!(source.remove(9), Err(RingError::NoSuchKey(9))));
        source.remove(1).unwrap();
        assert_eq!(source.add(later).unwrap(), 3, "a number is not given twice while its successor is there");
    }

    #[test]
    fn what_is_no_ring_is_refused() {
        let digits = "ab".repeat(32);
        for (text, good) in [
            (format!("1:{digits}"), true),
            (format!("1:{digits}, 2:{digits}"), true),
            (format!("1:{digits},1:{digits}"), false),
            (format!("0:{digits}"), false),
            (digits.clone(), false),
            ("1:abcd".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(Source::Environment(text.clone()).read().is_ok(), good, "{text}");
        }
        assert!(matches!(Source::Environment(format!("1:{digits}")).add(Utc::now()), Err(RingError::NotOurs)));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        fs::write(&path, "1 short").unwrap();
        let told = Source::File(path).read_or_make(Utc::now()).err().unwrap().to_string();
        assert!(told.contains("64 hex digits") && told.contains("backup"), "{told}");
    }
}
