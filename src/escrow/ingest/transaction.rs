//! A scoped transaction of the ingest role.

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use deadpool_postgres::{Client, Object};

use crate::{
    audit::{self, Event},
    db::{
        DbError, Pools, Scope,
        trail::{self, Draft},
    },
    identity::Caller,
};

/// Dropped without [`Transaction::commit`], nothing of it stays and its connection is closed: the pool would hand a
/// connection in the middle of a transaction to the next one who asks.
pub(super) struct Transaction {
    client: Option<Client>,
    /// Appended before the commit, so that the bureau's trail is not locked while a million entries are written.
    events: Mutex<Vec<Draft>>,
}

impl Transaction {
    /// Takes a connection and begins a transaction in `scope`.
    pub(super) async fn begin(pools: &Pools, scope: Scope) -> Result<Transaction, DbError> {
        let client = Transaction { client: Some(pools.ingest().get().await?), events: Mutex::default() };
        // A join by nested loops over a fresh partition without statistics would look through an account once for
        // each reference. So statements name what they look for by key (`id = ANY`), or look it up sideways. Where a loop
        // cannot be avoided, the ban makes a plan look so costly that workers would be started for a few rows. What is
        // planned so must not be kept for work by key on the same connection.
        let way = "SET LOCAL enable_nestloop = off; SET LOCAL max_parallel_workers_per_gather = 0; \
                   SET LOCAL plan_cache_mode = force_custom_plan";
        client.batch_execute(&format!("{}; {way}", scope.statement())).await?;
        Ok(client)
    }

    /// The same for work that finds all that it looks for by key, in statements that are planned once a connection.
    pub(super) async fn begin_by_key(pools: &Pools, scope: Scope) -> Result<Transaction, DbError> {
        let client = Transaction { client: Some(pools.ingest().get().await?), events: Mutex::default() };
        client.batch_execute(&scope.statement()).await?;
        Ok(client)
    }

    /// Keeps an audit event, which becomes durable with everything else.
    pub(super) fn record(&self, caller: &Caller, event: Event<'_>) {
        let event = audit::store::draft(caller, caller.actor.tenant, event);
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Makes everything done here durable.
    pub(super) async fn commit(mut self) -> Result<(), DbError> {
        let events = std::mem::take(self.events.get_mut().unwrap_or_else(PoisonError::into_inner));
        trail::append_pooled(&self, events).await?;
        if let Some(client) = self.client.take()
            && let Err(error) = client.batch_execute("COMMIT").await
        {
            drop(Object::take(client));
            return Err(error.into());
        }
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Client;

    /// # Panics
    /// Never: the connection is taken out only by `commit`, which takes `self`.
    #[expect(clippy::expect_used, reason = "the connection leaves only with self")]
    fn deref(&self) -> &Client {
        self.client.as_ref().expect("present until commit takes self")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
