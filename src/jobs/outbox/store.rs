//! SQL of the outbox, as the worker role has it.

use chrono::{DateTime, Utc};
use tokio_postgres::{Client, Error, Row};

/// A message whose time has come.
pub(super) struct Due {
    pub tenant: i32,
    pub id: i64,
    /// `mail`, `webhook` or `sms`.
    pub kind: String,
    pub recipient: String,
    pub subject: String,
    pub body: String,
    pub attempts: i32,
    pub key: String,
}

impl From<Row> for Due {
    fn from(row: Row) -> Due {
        Due {
            tenant: row.get(0),
            id: row.get(1),
            recipient: row.get(2),
            subject: row.get(3),
            body: row.get(4),
            attempts: row.get(5),
            key: row.get(6),
            kind: row.get(7),
        }
    }
}

/// Takes what is due at `now`, by moving its due time to `until`, so that two workers never send the same message at once.
pub(super) async fn lease(
    client: &Client,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    let rows = client
        .query(
            "UPDATE outbox o SET due_at = $2, attempts = attempts + 1 FROM ( \
               SELECT tenant_id, id FROM outbox WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $3 \
               FOR UPDATE SKIP LOCKED) d \
             WHERE o.tenant_id = d.tenant_id AND o.id = d.id \
             RETURNING o.tenant_id, o.id, o.recipient, o.subject, o.body, o.attempts, o.idempotency_key, o.kind",
            &[&now, &until, &limit],
        )
        .await?;
    Ok(rows.into_iter().map(Due::from).collect())
}

/// Marks a message as sent; what only its reader may know is not kept.
pub(super) async fn sent(client: &Client, message: &Due, now: DateTime<Utc>) -> Result<(), Error> {
    client
        .execute(
            "UPDATE outbox SET state = 'sent', sent_at = $3, last_error = NULL, \
             body = CASE WHEN confidential THEN '' ELSE body END WHERE tenant_id = $1 AND id = $2",
            &[&message.tenant, &message.id, &now],
        )
        .await?;
    Ok(())
}

/// Notes a failure: to be tried again at `due_at`, or never.
pub(super) async fn failed(
    client: &Client,
    message: &Due,
    dead: bool,
    due_at: DateTime<Utc>,
    error: &str,
) -> Result<(), Error> {
    let state = if dead { "dead" } else { "waiting" };
    client
        .execute(
            "UPDATE outbox SET state = $3, due_at = $4, last_error = $5, \
             body = CASE WHEN confidential AND $3 = 'dead' THEN '' ELSE body END WHERE tenant_id = $1 AND id = $2",
            &[&message.tenant, &message.id, &state, &due_at, &error],
        )
        .await?;
    Ok(())
}
