//! Nonces of signed requests on their way into the database: those that come at the same time are made durable together.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Duration, Utc};

use super::store;
use crate::db::{DbError, Gather, Pools};

/// Nonces that one statement uses up at most, and statements at the same time.
const AT_ONCE: usize = 256;
const STATEMENTS: usize = 2;
/// A key's last use is noted to the minute.
const NOTED: Duration = Duration::minutes(1);
/// Keys whose last use is remembered; more than are in use at any time.
const KEYS_MAX: usize = 10_000;

/// One nonce of one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Nonce {
    pub tenant: i32,
    pub key: String,
    pub nonce: String,
}

/// Cheap to clone; clones share what waits.
#[derive(Debug, Clone)]
pub struct Nonces {
    gather: Gather<(), (Nonce, DateTime<Utc>), Result<bool, String>>,
    /// When each key's last use was noted by this process.
    noted: Arc<Mutex<HashMap<String, DateTime<Utc>>>>,
}

impl Default for Nonces {
    fn default() -> Self {
        Nonces { gather: Gather::new(AT_ONCE, STATEMENTS), noted: Arc::default() }
    }
}

impl Nonces {
    /// Uses a nonce up, for good once this answers; `false` when it had been used.
    pub(super) async fn use_up(&self, pools: &Pools, nonce: Nonce, now: DateTime<Utc>) -> Result<bool, DbError> {
        let own = pools.clone();
        let work = move |waiting| {
            let pools = own.clone();
            async move { use_all(&pools, waiting).await }
        };
        let answer = self.gather.ask((), (nonce, now), work).await.map_err(|error| DbError::Pool(error.to_string()))?;
        answer.map_err(DbError::Pool)
    }

    /// Whether this use of a key is to be noted: a key's row is not written for every request.
    pub(super) fn is_to_be_noted(&self, key: &str, now: DateTime<Utc>) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(key).is_some_and(|last| *last <= now && now < *last + NOTED) {
            return false;
        }
        if noted.len() >= KEYS_MAX {
            noted.clear();
        }
        noted.insert(key.to_owned(), now);
        true
    }
}

async fn use_all(pools: &Pools, waiting: Vec<(Nonce, DateTime<Utc>)>) -> Vec<Result<bool, String>> {
    let used = async {
        let mut conn = pools.auth().get().await?;
        store::use_nonces(&mut conn, &waiting).await
    };
    let mut fresh: HashSet<Nonce> = match used.await {
        Ok(fresh) => fresh,
        Err(error) => {
            let told = error.to_string();
            return waiting.iter().map(|_| Err(told.clone())).collect();
        }
    };
    // The first of two that are alike has it.
    waiting.iter().map(|(nonce, _)| Ok(fresh.remove(nonce))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_of_a_key_is_noted_once_a_minute() {
        let nonces = Nonces::default();
        let at = |second: i64| DateTime::from_timestamp(1_773_795_600 + second, 0).unwrap();
        assert!(nonces.is_to_be_noted("a", at(0)));
        assert!(!nonces.is_to_be_noted("a", at(59)));
        assert!(nonces.is_to_be_noted("b", at(59)));
        assert!(nonces.is_to_be_noted("a", at(60)));
        assert!(nonces.is_to_be_noted("a", at(30)), "a clock that was set back");
    }
}
