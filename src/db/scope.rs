//! Who is asking, as row-level security sees it.
//!
//! A [`Scope`] is set inside a transaction in the same round trip that begins it; without one no row is visible.
//! `SET LOCAL` and not `set_config`, because Citus carries only the statement to its workers.

use std::fmt::Write;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::deadpool::Object};

use super::{
    Pools,
    pools::DieselPool,
    trail::{self, Draft},
};
use crate::{
    kernel::{Department, RegionCode},
    vault::{Vault, VaultError},
};

/// The database refused or could not be reached. What PostgreSQL said is logged, never shown.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("no connection to the database: {0}")]
    Pool(String),
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Key(#[from] super::trail::KeyError),
    #[error(transparent)]
    Sealed(#[from] VaultError),
}

impl From<diesel_async::pooled_connection::deadpool::PoolError> for DbError {
    fn from(error: diesel_async::pooled_connection::deadpool::PoolError) -> Self {
        DbError::Pool(error.to_string())
    }
}

impl From<deadpool_postgres::PoolError> for DbError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => DbError::Postgres(error),
            other => DbError::Pool(other.to_string()),
        }
    }
}

/// The range of bureaus that is visible, the one that may be written, and whose rows within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    lo: i32,
    hi: i32,
    tenant: i32,
    institution: Option<i64>,
    part: Part,
    user: i64,
}

/// Which of the range's institutions are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// Those of the categories that this department is in charge of.
    Department(Department),
    /// Those located in this township.
    Township(i32),
    None,
}

impl Scope {
    /// An official of the bureau of `region`: sees the division's whole range, writes in the bureau's own rows.
    pub fn official(region: RegionCode, user: i64) -> Scope {
        let (lo, hi) = region.range();
        Scope { lo, hi, tenant: region.tenant_id(), institution: None, part: Part::All, user }
    }

    /// An official of the ministry, whose bureau has the code 0 and who sees every division.
    pub fn ministry(user: i64) -> Scope {
        Scope { lo: 0, hi: 999_999, tenant: 0, institution: None, part: Part::All, user }
    }

    /// Nothing at all: an empty range, for an account whose bureau is none.
    pub fn nowhere(user: i64) -> Scope {
        Scope { lo: 1, hi: 0, tenant: -1, institution: None, part: Part::All, user }
    }

    /// A user of one institution, in the bureau that supervises it.
    pub fn institution(tenant: i32, institution: i64, user: i64) -> Scope {
        Scope { lo: tenant, hi: tenant, tenant, institution: Some(institution), part: Part::All, user }
    }

    /// The system itself, at work in one bureau's rows.
    pub fn system(tenant: i32) -> Scope {
        Scope { lo: tenant, hi: tenant, tenant, institution: None, part: Part::All, user: 0 }
    }

    /// The same, of the institutions that a department is in charge of alone; without a department, of none.
    pub fn of_department(self, department: Option<Department>) -> Scope {
        Scope { part: department.map_or(Part::None, Part::Department), ..self }
    }

    /// The same, of the institutions located in a township alone; without a township, of none.
    pub fn of_township(self, township: Option<i32>) -> Scope {
        Scope { part: township.map_or(Part::None, Part::Township), ..self }
    }

    fn is_system(&self) -> bool {
        self.user == 0 && self.institution.is_none()
    }

    /// The bureau whose rows may be written.
    pub fn tenant(&self) -> i32 {
        self.tenant
    }

    /// The closed range of bureaus that is visible.
    pub fn range(&self) -> (i32, i32) {
        (self.lo, self.hi)
    }

    /// Whether several bureaus are visible.
    pub fn is_wide(&self) -> bool {
        self.lo != self.hi
    }

    /// Whether all institutions of the range are visible.
    pub fn is_of_all(&self) -> bool {
        self.institution.is_none() && self.part == Part::All
    }

    /// The one institution whose rows are visible, or `None` for all of the range.
    pub fn institution_id(&self) -> Option<i64> {
        self.institution
    }

    /// The statement that begins a transaction in this scope. Holds integers and words of this program only, so nothing can
    /// be injected.
    pub fn statement(&self) -> String {
        let mut sql = String::with_capacity(320);
        let _ = write!(
            sql,
            "BEGIN; SET LOCAL app.lo = '{}'; SET LOCAL app.hi = '{}'; SET LOCAL app.tenant = '{}'; ",
            self.lo, self.hi, self.tenant
        );
        let _ = match self.institution {
            Some(id) => write!(sql, "SET LOCAL app.institution = '{id}'; "),
            None => write!(sql, "SET LOCAL app.institution = 'all'; "),
        };
        let (department, township) = match self.part {
            Part::All => ("all", "none".to_owned()),
            Part::Department(department) => (department.into(), "none".to_owned()),
            Part::Township(code) => ("township", code.to_string()),
            Part::None => ("none", "none".to_owned()),
        };
        let _ = write!(
            sql,
            "SET LOCAL app.department = '{department}'; SET LOCAL app.township = '{township}'; SET LOCAL app.\"user\" = '{}'",
            self.user
        );
        // Plans that are kept are made for one county's rows; what looks at many is planned for what it looks at.
        if self.is_wide() {
            sql.push_str("; SET LOCAL plan_cache_mode = force_custom_plan");
        }
        sql
    }

    /// Takes a connection and begins a transaction in this scope, in one round trip.
    pub async fn begin(&self, pools: &Pools) -> Result<ScopedConn, DbError> {
        self.begin_on(&pools.app, pools).await
    }

    /// The same for reading alone, everything as it is at one instant however long it takes.
    pub async fn begin_snapshot(&self, pools: &Pools) -> Result<ScopedConn, DbError> {
        let mut conn = self.begin(pools).await?;
        conn.sql().batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(conn)
    }

    /// The same as the sign-in role, which alone may write people, posts and sessions. Inside a scope it reaches those of
    /// the own bureau or institution only.
    pub async fn begin_accounts(&self, pools: &Pools) -> Result<ScopedConn, DbError> {
        self.begin_on(pools.auth(), pools).await
    }

    async fn begin_on(&self, pool: &DieselPool, pools: &Pools) -> Result<ScopedConn, DbError> {
        let mut connection = pool.get().await?;
        connection.batch_execute(&self.statement()).await?;
        Ok(ScopedConn { connection: Some(connection), scope: *self, vault: pools.vault().clone(), events: Vec::new() })
    }
}

/// A connection inside a scoped transaction. Dropped without [`ScopedConn::commit`], nothing of it stays.
pub struct ScopedConn {
    connection: Option<Object<AsyncPgConnection>>,
    scope: Scope,
    /// Audit events of this transaction, appended before its commit: see [`trail`].
    events: Vec<Draft>,
    vault: Vault,
}

impl ScopedConn {
    /// For the statements of a store.
    ///
    /// # Panics
    /// Never: the connection is taken out only by `commit`, which takes `self`.
    #[expect(clippy::expect_used, reason = "the connection leaves only with self")]
    pub fn sql(&mut self) -> &mut AsyncPgConnection {
        self.connection.as_mut().expect("present until commit takes self")
    }

    /// What seals and opens personal data.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Whose transaction this is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Goes on in another bureau's rows within the same transaction, so that work on several counties is kept or
    /// undone as one. For the system alone: an official stays where they are, and this does nothing.
    pub async fn go_on_in(&mut self, tenant: i32) -> Result<(), DbError> {
        if !self.scope.is_system() {
            return Ok(());
        }
        self.scope = Scope::system(tenant);
        let statement =
            format!("SET LOCAL app.lo = '{tenant}'; SET LOCAL app.hi = '{tenant}'; SET LOCAL app.tenant = '{tenant}'");
        Ok(self.sql().batch_execute(&statement).await?)
    }

    /// The tenant whose rows this transaction may write.
    pub fn tenant(&self) -> i32 {
        self.scope.tenant
    }

    /// Keeps an audit event, which becomes durable with everything else.
    pub fn record(&mut self, event: Draft) {
        self.events.push(event);
    }

    /// The system's work in several counties is told in each county's trail.
    async fn append_events(&mut self) -> Result<(), DbError> {
        let events = std::mem::take(&mut self.events);
        if !self.scope.is_system() {
            return trail::append(self.sql(), events).await;
        }
        for (tenant, events) in trail::by_tenant(events) {
            if tenant != self.scope.tenant {
                self.go_on_in(tenant).await?;
            }
            trail::append(self.sql(), events).await?;
        }
        Ok(())
    }

    /// Makes everything done here durable and gives the connection back.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.append_events().await?;
        if let Some(mut connection) = self.connection.take()
            && let Err(error) = connection.batch_execute("COMMIT").await
        {
            drop(Object::take(connection));
            return Err(error.into());
        }
        Ok(())
    }
}

impl Drop for ScopedConn {
    /// Diesel does not know of the transaction, so the connection may not go back to the pool in the middle of it.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
