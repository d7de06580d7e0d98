//! Opens the system's database: the private cluster or the operator's, with roles, database and schema in place.

use std::{path::PathBuf, sync::Arc};

use tokio_postgres::{Client, Config, NoTls, error::SqlState};

use super::{
    Pools,
    cluster::{Cluster, ClusterError, SUPERUSER},
    migrate::{self, Direction, MigrateError},
    privileges::{self, DirectoryError},
    roles::{self, Role},
    trail,
};
use crate::{
    config::Storage,
    secrets::Secrets,
    vault::{RingError, Vault},
};

/// Name of the database on the private cluster.
const DATABASE: &str = "mingjian";

/// Why the database could not be opened; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("keys under {0}: {1}")]
    Keys(PathBuf, std::io::Error),
    #[error("key ring: {0}")]
    Ring(#[from] RingError),
    #[error("DATABASE_URL is not a PostgreSQL address: {0}")]
    Url(tokio_postgres::Error),
    #[error("the database cannot be reached: {0}; check DATABASE_URL, or that PostgreSQL runs")]
    Connect(tokio_postgres::Error),
    #[error(
        "the database user of DATABASE_URL may not prepare the database: {0}; it must be allowed to create roles and to own the schema"
    )]
    Prepare(tokio_postgres::Error),
    #[error(transparent)]
    Trail(#[from] trail::KeyError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Pool(#[from] deadpool_postgres::BuildError),
}

/// The opened database, with the secrets of its data directory.
#[derive(Debug, Clone)]
pub struct Database {
    pub pools: Pools,
    pub secrets: Secrets,
    /// The data directory.
    pub directory: PathBuf,
    /// How the schema's owner connects.
    pub owner: Config,
    admin: Config,
    cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// Settles the data directory (root becomes its unprivileged owner), starts or joins the private cluster unless
    /// `DATABASE_URL` names another, makes what is missing and applies pending migrations.
    pub async fn open(storage: &Storage) -> Result<Database, OpenError> {
        let directory = storage.directory().map_err(|e| OpenError::Keys(PathBuf::from("."), e))?;
        privileges::settle(&directory, storage.user.as_deref())?;
        let secrets = Secrets::load(&directory).map_err(|e| OpenError::Keys(directory.clone(), e))?;
        trail::Key::new(&secrets).install()?;
        let vault = Vault::open(&directory, storage.data_keys.as_deref(), &secrets)?;
        let (admin, cluster) = match &storage.database_url {
            Some(url) => (url.parse::<Config>().map_err(OpenError::Url)?, None),
            None => {
                let cluster = Cluster::start(&directory, storage.pg_bin.as_deref())?;
                (private_database(&cluster).await?, Some(Arc::new(cluster)))
            }
        };
        // On the private cluster whoever can reach the socket is the service itself; elsewhere roles need passwords.
        let passwords = storage.database_url.as_ref().map(|_| &secrets);
        let client = connect(&admin).await.map_err(OpenError::Connect)?;
        roles::ensure(&client, passwords).await.map_err(OpenError::Prepare)?;
        own_schema(&client).await.map_err(OpenError::Prepare)?;
        let_ingest_stage(&client).await.map_err(OpenError::Prepare)?;
        let owner = Role::Owner.config(&admin, passwords);
        let applied = migrate::run(&owner, Direction::Up).await?;
        if applied > 0 {
            tracing::info!(applied, "migrations applied");
        }
        let pools = Pools::new(&admin, passwords, vault)?;
        Ok(Database { pools, secrets, directory, owner, admin, cluster })
    }

    /// How an administrator connects to the same database, for tests and drills.
    pub fn admin(&self) -> &Config {
        &self.admin
    }

    /// Whether this process runs the private cluster.
    pub fn runs_cluster(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.is_own())
    }
}

/// Connects and drives the connection in the background until the client is dropped.
pub async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "a database connection ended");
        }
    });
    Ok(client)
}

/// The system's database on the private cluster, made if missing.
async fn private_database(cluster: &Cluster) -> Result<Config, OpenError> {
    let mut config = Config::new();
    config.host_path(cluster.socket_directory()).user(SUPERUSER).dbname("postgres");
    let client = connect(&config).await.map_err(OpenError::Connect)?;
    match client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await {
        Err(e) if e.code() != Some(&SqlState::DUPLICATE_DATABASE) => return Err(OpenError::Prepare(e)),
        _ => {}
    }
    config.dbname(DATABASE);
    Ok(config)
}

/// The owner role owns the schema, and nobody else may make anything in it.
async fn own_schema(admin: &Client) -> Result<(), tokio_postgres::Error> {
    admin
        .batch_execute(
            "DO $$ BEGIN \
               IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') <> 'mingjian_owner'::regrole THEN \
                 EXECUTE format('GRANT CREATE ON DATABASE %I TO mingjian_owner', current_database()); \
                 IF NOT pg_has_role(current_user, 'mingjian_owner', 'MEMBER') THEN EXECUTE format('GRANT mingjian_owner TO %I', current_user); END IF; \
                 ALTER SCHEMA public OWNER TO mingjian_owner; \
                 REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
               END IF; \
             END $$",
        )
        .await
}

/// A large statement is copied into a temporary table on its way in, which everybody may make unless an administrator
/// took that right away from all.
async fn let_ingest_stage(admin: &Client) -> Result<(), tokio_postgres::Error> {
    admin
        .batch_execute(
            "DO $$ BEGIN \
               IF NOT has_database_privilege('mingjian_ingest', current_database(), 'TEMPORARY') THEN \
                 EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO mingjian_ingest', current_database()); \
               END IF; \
             END $$",
        )
        .await
}
