//! A scoped transaction of the ingest role.

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use deadpool_postgres::{Client, Object};
use tokio_postgres::{Error, Row, types::ToSql};

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
        // each reference.
        client.batch_execute(&format!("{}; SET LOCAL enable_nestloop = off", scope.statement())).await?;
        Ok(client)
    }

    /// The same for work that finds all that it looks for by key, in statements that are planned once a connection.
    pub(super) async fn begin_by_key(pools: &Pools, scope: Scope) -> Result<Transaction, DbError> {
        let client = Transaction { client: Some(pools.ingest().get().await?), events: Mutex::default() };
        client.batch_execute(&scope.statement()).await?;
        Ok(client)
    }

    /// Rows of a statement that the connection keeps prepared.
    pub(super) async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare_cached(sql).await?;
        self.query(&statement, values).await
    }

    /// How many rows such a statement changed.
    pub(super) async fn change(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let statement = self.prepare_cached(sql).await?;
        self.execute(&statement, values).await
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
