//! Migrations, built into the program.

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio_postgres::{Config, NoTls};

/// All migrations, oldest first.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Why migrations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Diesel(#[from] diesel::ConnectionError),
    #[error("migration failed: {0}")]
    Migration(String),
}

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Apply all that are pending.
    Up,
    /// Undo all, newest first.
    Down,
}

/// Connects as the owner and applies or undoes migrations; returns how many.
///
/// Needs a multi-threaded runtime: the harness blocks on its connection.
pub async fn run(owner: &Config, direction: Direction) -> Result<usize, MigrateError> {
    let (client, connection) = owner.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    // Several processes may start at once; the lock lasts as long as this connection.
    client.batch_execute("SELECT pg_advisory_lock(7121)").await?;
    let connection = AsyncPgConnection::try_from(client).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = match direction {
        Direction::Up => harness.run_pending_migrations(MIGRATIONS),
        Direction::Down => harness.revert_all_migrations(MIGRATIONS),
    }
    .map(|applied| applied.len())
    .map_err(|e| MigrateError::Migration(e.to_string()))?;
    drop(harness);
    driver.abort();
    Ok(done)
}
