//! News for open pages: which bureau's warnings have just changed.
//!
//! PostgreSQL's NOTIFY carries the bureau's code from whichever process wrote the change, after its commit; each process
//! hears it ([`news`](super::news)) and wakes the pages it serves. It is a hint: a page asks the database what there is.

use tokio::sync::broadcast;

/// The channel of NOTIFY.
pub const CHANNEL: &str = "mingjian_warnings";

/// Wakes the pages of this process.
#[derive(Debug, Clone)]
pub struct Live(broadcast::Sender<i32>);

impl Default for Live {
    fn default() -> Self {
        Live::new()
    }
}

impl Live {
    /// With nobody listening yet.
    pub fn new() -> Live {
        Live(broadcast::channel(256).0)
    }

    /// From now on, the codes of bureaus whose warnings change.
    pub fn subscribe(&self) -> broadcast::Receiver<i32> {
        self.0.subscribe()
    }

    /// Wakes the pages that watch a bureau. Nobody listening is no error.
    pub fn wake(&self, tenant: i32) {
        let _ = self.0.send(tenant);
    }
}
