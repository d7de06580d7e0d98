//! Delivers the outbox: at least once, later and later after failures, dead after too many, visible all the while.

use chrono::{DateTime, Duration, Utc};
use tokio_postgres::Row;

use super::mail::Mailer;
use crate::db::{DbError, Pools};

const BATCH: i64 = 20;
const ATTEMPTS_MAX: i32 = 8;
/// A message taken by a process that died is due again after this time.
const LEASE: Duration = Duration::seconds(60);

struct Due {
    tenant: i32,
    id: i64,
    recipient: String,
    subject: String,
    body: String,
    attempts: i32,
    key: String,
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
        }
    }
}

/// Sends what is due at `now`; returns how many messages were tried.
pub async fn deliver_due(pools: &Pools, mailer: &Mailer, now: DateTime<Utc>) -> Result<usize, DbError> {
    let client = pools.worker().get().await?;
    // Each batch is leased by moving its due time, so that two workers never send the same message at once.
    let rows = client
        .query(
            "UPDATE outbox o SET due_at = $2, attempts = attempts + 1 FROM ( \
               SELECT tenant_id, id FROM outbox WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $3 \
               FOR UPDATE SKIP LOCKED) d \
             WHERE o.tenant_id = d.tenant_id AND o.id = d.id \
             RETURNING o.tenant_id, o.id, o.recipient, o.subject, o.body, o.attempts, o.idempotency_key",
            &[&now, &(now + LEASE), &BATCH],
        )
        .await?;
    let due: Vec<Due> = rows.into_iter().map(Due::from).collect();
    for message in &due {
        let outcome = mailer.send(&message.recipient, &message.subject, &message.body, &message_id(message)).await;
        match outcome {
            Ok(()) => {
                client
                    .execute(
                        "UPDATE outbox SET state = 'sent', sent_at = $3, last_error = NULL, \
                         body = CASE WHEN confidential THEN '' ELSE body END WHERE tenant_id = $1 AND id = $2",
                        &[&message.tenant, &message.id, &now],
                    )
                    .await?;
            }
            Err(error) => {
                tracing::warn!(%error, id = message.id, "a mail was not sent");
                let state = if message.attempts >= ATTEMPTS_MAX { "dead" } else { "waiting" };
                client
                    .execute(
                        "UPDATE outbox SET state = $3, due_at = $4, last_error = $5, \
                         body = CASE WHEN confidential AND $3 = 'dead' THEN '' ELSE body END WHERE tenant_id = $1 AND id = $2",
                        &[
                            &message.tenant,
                            &message.id,
                            &state,
                            &(now + pause_after(message.attempts)),
                            &error.to_string(),
                        ],
                    )
                    .await?;
            }
        }
    }
    Ok(due.len())
}

/// 15 seconds after the first failure, doubling, an hour at most.
fn pause_after(attempts: i32) -> Duration {
    let doublings = attempts.clamp(1, 9) - 1;
    Duration::seconds((15_i64 << doublings).min(3600))
}

fn message_id(message: &Due) -> String {
    let key: String =
        message.key.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(80).collect();
    format!("{}.{}.{key}", message.tenant, message.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let pauses: Vec<i64> = (1..=9).map(|attempts| pause_after(attempts).num_seconds()).collect();
        assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 960, 1920, 3600]);
    }
}
