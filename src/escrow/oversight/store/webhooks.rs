//! SQL of the addresses to which bureaus have warnings sent.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Binary, Integer, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use tokio_postgres::Client;

use crate::db::{DbError, ScopedConn, prepared};

/// An address as its bureau sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Webhook {
    #[diesel(sql_type = Text)]
    pub url: String,
    #[diesel(sql_type = Text)]
    pub set_by: String,
    #[diesel(sql_type = Timestamptz)]
    pub set_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

/// That of the caller's own bureau.
pub async fn webhook(conn: &mut ScopedConn) -> Result<Option<Webhook>, DbError> {
    Ok(prepared("SELECT url, set_by, set_at, version FROM webhooks WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Sets it, with the sealed secret that signs what is sent.
pub async fn set(conn: &mut ScopedConn, url: &str, sealed: &[u8], by: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO webhooks (tenant_id, url, secret_sealed, set_by, set_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id) DO UPDATE SET url = $2, secret_sealed = $3, set_by = $4, set_at = $5, version = webhooks.version + 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(url)
    .bind::<Binary, _>(sealed)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Takes it away; whether there was one.
pub async fn remove(conn: &mut ScopedConn) -> Result<bool, DbError> {
    let removed = prepared("DELETE FROM webhooks WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .execute(conn.sql())
        .await?;
    Ok(removed == 1)
}

/// The address of a bureau and its sealed secret, on a connection of the worker role.
pub async fn address(client: &Client, tenant: i32) -> Result<Option<(String, Vec<u8>)>, DbError> {
    let sql = "SELECT url, secret_sealed FROM webhooks WHERE tenant_id = $1";
    Ok(client.query_opt(sql, &[&tenant]).await?.map(|row| (row.get(0), row.get(1))))
}
