//! Connection pools, one per role: what a part of the system may touch is settled by the pool it is given.
//!
//! The connection that came back last is given out first: it has the statements that are asked for prepared and planned.

use deadpool_postgres::{Manager, ManagerConfig, Pool as PgPool, QueueMode, RecyclingMethod};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig as DieselConfig, RecyclingMethod as DieselRecycling, deadpool::Pool,
    },
};
use futures_util::FutureExt;
use tokio_postgres::{Config, NoTls};

use super::roles::Role;
use crate::{secrets::Secrets, vault::Vault};

/// A pool of diesel connections.
pub type DieselPool = Pool<AsyncPgConnection>;

/// The pools of a running system. Connections are made when first needed.
#[derive(Clone)]
pub struct Pools {
    pub(super) app: DieselPool,
    auth: DieselPool,
    public: PgPool,
    ingest: PgPool,
    worker: PgPool,
    vault: Vault,
}

impl std::fmt::Debug for Pools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pools").field("app", &self.app.status()).finish_non_exhaustive()
    }
}

impl Pools {
    /// Pools on the database of `admin`, each with its role; `vault` opens what is sealed in it.
    pub fn new(
        admin: &Config,
        secrets: Option<&Secrets>,
        vault: Vault,
    ) -> Result<Pools, deadpool_postgres::BuildError> {
        let raw = |role: Role, size| {
            let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            PgPool::builder(Manager::from_config(role.config(admin, secrets), NoTls, manager_config))
                .max_size(size)
                .queue_mode(QueueMode::Lifo)
                .build()
        };
        Ok(Pools {
            app: diesel_pool(role_config(Role::App, admin, secrets), 12)?,
            auth: diesel_pool(role_config(Role::Auth, admin, secrets), 6)?,
            public: raw(Role::Public, 8)?,
            ingest: raw(Role::Ingest, 6)?,
            worker: raw(Role::Worker, 3)?,
            vault,
        })
    }

    /// For signing in: accounts, sessions, keys.
    pub fn auth(&self) -> &DieselPool {
        &self.auth
    }

    /// For what is published.
    pub fn public(&self) -> &PgPool {
        &self.public
    }

    /// For bank statements; inside [`Scope::statement`](super::Scope::statement).
    pub fn ingest(&self) -> &PgPool {
        &self.ingest
    }

    /// What seals and opens personal data.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// For background work.
    pub fn worker(&self) -> &PgPool {
        &self.worker
    }
}

fn role_config(role: Role, admin: &Config, secrets: Option<&Secrets>) -> Config {
    role.config(admin, secrets)
}

fn diesel_pool(config: Config, size: usize) -> Result<DieselPool, deadpool_postgres::BuildError> {
    let mut settings = DieselConfig::default();
    // The verified default asks the server before every use; a broken connection shows itself soon enough.
    settings.recycling_method = DieselRecycling::Fast;
    settings.custom_setup = Box::new(move |_| {
        let config = config.clone();
        async move {
            let (client, connection) =
                config.connect(NoTls).await.map_err(|e| diesel::ConnectionError::BadConnection(e.to_string()))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        }
        .boxed()
    });
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config("", settings);
    Pool::builder(manager).max_size(size).queue_mode(QueueMode::Lifo).build()
}
