//! A scoped transaction of the ingest role.

use std::ops::Deref;

use deadpool_postgres::{Client, Object};

use crate::db::{DbError, Pools, Scope};

/// Dropped without [`Transaction::commit`], nothing of it stays and its connection is closed: the pool would hand a
/// connection in the middle of a transaction to the next one who asks.
pub(super) struct Transaction(Option<Client>);

impl Transaction {
    /// Takes a connection and begins a transaction in `scope`.
    pub(super) async fn begin(pools: &Pools, scope: Scope) -> Result<Transaction, DbError> {
        let client = Transaction(Some(pools.ingest().get().await?));
        // A join by nested loops over a fresh partition without statistics would look through an account once for
        // each reference.
        client.batch_execute(&format!("{}; SET LOCAL enable_nestloop = off", scope.statement())).await?;
        Ok(client)
    }

    /// Makes everything done here durable.
    pub(super) async fn commit(mut self) -> Result<(), DbError> {
        if let Some(client) = self.0.take()
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
        self.0.as_ref().expect("present until commit takes self")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}
