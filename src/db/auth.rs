//! Transactions of the sign-in role, which has no scope: before anybody is signed in there is none to set.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::deadpool::Object};

use super::{
    DbError, Pools,
    trail::{self, Draft},
};

/// A connection inside a transaction of the sign-in role. It keeps its audit events to itself: see [`trail`].
pub struct AuthConn {
    connection: Option<Object<AsyncPgConnection>>,
    events: Vec<Draft>,
}

impl AuthConn {
    /// Does some work in one transaction, which stays if the work succeeds and of which nothing stays if it does not.
    pub async fn transaction<R, E: From<DbError>>(
        pools: &Pools,
        work: impl AsyncFnOnce(&mut AuthConn) -> Result<R, E>,
    ) -> Result<R, E> {
        let connection = pools.auth().get().await.map_err(DbError::from)?;
        let mut conn = AuthConn { connection: Some(connection), events: Vec::new() };
        conn.sql().batch_execute("BEGIN").await.map_err(DbError::from)?;
        let done = match work(&mut conn).await {
            Ok(result) => conn.append_events().await.map(|()| result).map_err(E::from),
            refused => refused,
        };
        conn.end(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        done
    }

    /// For the statements of a store.
    ///
    /// # Panics
    /// Never: the connection is taken out only by `end`, which takes `self`.
    #[expect(clippy::expect_used, reason = "the connection leaves only with self")]
    pub fn sql(&mut self) -> &mut AsyncPgConnection {
        self.connection.as_mut().expect("present until end takes self")
    }

    /// Keeps an audit event, which becomes durable with everything else.
    pub fn record(&mut self, event: Draft) {
        self.events.push(event);
    }

    async fn append_events(&mut self) -> Result<(), DbError> {
        let events = std::mem::take(&mut self.events);
        trail::append(self.sql(), events).await
    }

    /// Ends the transaction and gives the connection back.
    async fn end(mut self, statement: &str) -> Result<(), DbError> {
        self.sql().batch_execute(statement).await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for AuthConn {
    /// Diesel does not know of the transaction, so the connection may not go back to the pool in the middle of it.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
