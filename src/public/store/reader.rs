//! Connections of the public role, a few for each worker thread.
//!
//! A connection lives on its worker's own thread and takes many searches at once, one after another in one stream, so that
//! an answer crosses no thread and waits for no free connection.

use std::{cell::Cell, rc::Rc, sync::Arc};

use deadpool_postgres::{ClientWrapper, Object};
use tokio::sync::Mutex;

use super::{
    breadth::Breadth,
    census::{Census, Counts},
};
use crate::db::{DbError, Pools};

/// Connections of one worker. More than one, so that a slow search does not hold up every other.
const LANES: usize = 2;
/// Plans are made once and for any value: see [`Breadth`] for who chooses among them.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET statement_timeout = '5s'; SET jit = off";

/// What a worker thread reads published facts with.
pub struct Reader {
    lanes: [Mutex<Option<Rc<ClientWrapper>>>; LANES],
    next: Cell<usize>,
    census: Arc<Census>,
}

impl Reader {
    /// A worker's own, beside the one census of all of them.
    pub fn new(census: Arc<Census>) -> Reader {
        Reader { lanes: Default::default(), next: Cell::default(), census }
    }

    /// A connection, made when first needed and again when the server has gone.
    pub(super) async fn client(&self, pools: &Pools) -> Result<Rc<ClientWrapper>, DbError> {
        let turn = self.next.get();
        self.next.set((turn + 1) % LANES);
        let mut lane = self.lanes[turn].lock().await;
        if let Some(client) = lane.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Rc::clone(client));
        }
        let client = Object::take(pools.public().get().await?);
        client.batch_execute(SESSION).await?;
        let client = Rc::new(client);
        *lane = Some(Rc::clone(&client));
        Ok(client)
    }

    /// How many institutions stand where, as of a minute ago at most.
    pub async fn counts(&self, pools: &Pools) -> Result<Arc<Counts>, DbError> {
        self.census.counts(pools).await
    }

    /// How common terms are, as of a minute ago at most.
    pub(super) async fn breadth(&self, pools: &Pools) -> Result<Arc<Breadth>, DbError> {
        self.census.breadth(pools).await
    }
}
