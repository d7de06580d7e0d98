//! News for open pages: which bureau's warnings have just changed.
//!
//! PostgreSQL's NOTIFY carries the bureau's code from whichever process wrote the change, after its commit; each process
//! hears it ([`news`](super::news)) and wakes the pages it serves. It is a hint: a page asks the database what there is.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;

/// The channel of NOTIFY.
pub const CHANNEL: &str = "mingjian_warnings";

/// Wakes the pages of this process.
#[derive(Debug, Clone)]
pub struct Live {
    woken: broadcast::Sender<i32>,
    /// Bureaus of which it will be told shortly that figures changed.
    told: Arc<Mutex<HashSet<i32>>>,
}

impl Default for Live {
    fn default() -> Self {
        Live::new()
    }
}

impl Live {
    /// With nobody listening yet.
    pub fn new() -> Live {
        Live { woken: broadcast::channel(256).0, told: Arc::default() }
    }

    /// From now on, the codes of bureaus whose warnings change.
    pub fn subscribe(&self) -> broadcast::Receiver<i32> {
        self.woken.subscribe()
    }

    /// Wakes the pages that watch a bureau. Nobody listening is no error.
    pub fn wake(&self, tenant: i32) {
        let _ = self.woken.send(tenant);
    }

    /// Whether it falls to the caller to tell of a bureau's figures shortly; `false` where somebody is about to.
    pub fn takes_turn(&self, tenant: i32) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant)
    }

    /// From here on the next change is told anew.
    pub fn ends_turn(&self, tenant: i32) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_tells_of_a_bureau() {
        let live = Live::new();
        assert!(live.takes_turn(331_002) && !live.takes_turn(331_002) && live.clone().takes_turn(331_003));
        live.ends_turn(331_002);
        assert!(live.takes_turn(331_002));
    }
}
