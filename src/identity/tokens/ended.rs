//! The sessions that ended before their access tokens did: asked at every request, so that an end counts at once.

use std::{
    collections::HashMap,
    sync::{
        RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};

use super::ACCESS_LIFE;

/// The ended sessions that this process knows of.
///
/// Others tell of theirs by NOTIFY. While the connection that hears them is down, [`Ended::is_informed`] says so, and
/// whoever checks a token asks the database besides.
#[derive(Debug, Default)]
pub struct Ended {
    known: RwLock<Known>,
    informed: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<String, DateTime<Utc>>,
    /// How many there are when old ones are looked for again.
    sweep_at: usize,
}

/// Remembered ends are gone through when there are this many, and again at twice as many as were left.
const SWEEP_AT: usize = 1024;

impl Ended {
    /// From now on tokens of these sessions are refused.
    pub fn add<'a>(&self, sessions: impl IntoIterator<Item = &'a str>, now: DateTime<Utc>) {
        let Ok(mut known) = self.known.write() else { return };
        for session in sessions {
            if known.sessions.len() >= known.sweep_at.max(SWEEP_AT) {
                // No token lives longer than this, so older ends need not be remembered.
                known.sessions.retain(|_, at| now - *at < ACCESS_LIFE);
                known.sweep_at = 2 * known.sessions.len();
            }
            known.sessions.insert(session.to_owned(), now);
        }
    }

    /// Whether the session is known to have ended.
    pub fn holds(&self, session: &str) -> bool {
        self.known.read().map_or(true, |known| known.sessions.contains_key(session))
    }

    /// Whether ends in other processes are heard of at once.
    pub fn is_informed(&self) -> bool {
        self.informed.load(Ordering::Acquire)
    }

    /// Says whether ends in other processes are heard of from now on.
    pub fn inform(&self, informed: bool) {
        self.informed.store(informed, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn many_ends_are_remembered_for_as_long_as_a_token_lives_and_not_much_longer() {
        let (ended, start) = (Ended::default(), DateTime::UNIX_EPOCH);
        for second in 0..20_000_i64 {
            let name = format!("s{second}");
            ended.add([name.as_str()], start + Duration::seconds(second));
        }
        for second in 20_000 - ACCESS_LIFE.num_seconds()..20_000 {
            assert!(ended.holds(&format!("s{second}")), "{second}");
        }
        assert!(ended.known.read().unwrap().sessions.len() < 5_000);
    }
}
