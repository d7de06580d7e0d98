//! SQL of what the doctor looks at and no feature keeps.

use chrono::{DateTime, Utc};
use tokio_postgres::Client;

use crate::db::{DbError, Pools};

/// Bureaus of a closed range of codes, in order.
pub async fn bureaus(pools: &Pools, (lo, hi): (i32, i32)) -> Result<Vec<i32>, DbError> {
    let client = pools.worker().get().await?;
    let sql = "SELECT tenant_id FROM tenants WHERE tenant_id BETWEEN $1 AND $2 ORDER BY tenant_id";
    Ok(client.query(sql, &[&lo, &hi]).await?.iter().map(|row| row.get(0)).collect())
}

/// The database as it says of itself.
#[derive(Debug)]
pub struct Engine {
    /// Such as 150013.
    pub number: i32,
    pub version: String,
    pub now: DateTime<Utc>,
    /// Settings by which a commit may be lost, and are not as they ought to be.
    pub careless: Vec<String>,
    pub encoding: String,
    /// Tables with a bureau's rows whose row-level security is not forced.
    pub open_tables: Vec<String>,
    /// Runtime roles that may pass by row-level security.
    pub strong_roles: Vec<String>,
}

/// Asks it.
pub async fn engine(client: &Client) -> Result<Engine, DbError> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), clock_timestamp(), \
             current_setting('server_encoding'), \
             ARRAY(SELECT name || ' = ' || setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') \
                   AND setting = 'off' ORDER BY name), \
             ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
                   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace \
                   AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1), \
             ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'mingjian\\_%' AND rolname <> 'mingjian_root' \
                   AND (rolsuper OR rolbypassrls) ORDER BY 1)",
            &[],
        )
        .await?;
    Ok(Engine {
        number: row.get(0),
        version: row.get(1),
        now: row.get(2),
        encoding: row.get(3),
        careless: row.get(4),
        open_tables: row.get(5),
        strong_roles: row.get(6),
    })
}

/// What waits to leave the system.
#[derive(Debug)]
pub struct Queue {
    pub dead: i64,
    pub overdue: i64,
    pub oldest: Option<DateTime<Utc>>,
}

/// The outbox: what was given up, and what was due before an instant and has not gone.
pub async fn queue(client: &Client, before: DateTime<Utc>) -> Result<Queue, DbError> {
    let row = client
        .query_one(
            "SELECT count(*) FILTER (WHERE state = 'dead'), count(*) FILTER (WHERE state = 'waiting' AND due_at < $1), \
             min(due_at) FILTER (WHERE state = 'waiting' AND due_at < $1) FROM outbox WHERE state IN ('waiting', 'dead')",
            &[&before],
        )
        .await?;
    Ok(Queue { dead: row.get(0), overdue: row.get(1), oldest: row.get(2) })
}
