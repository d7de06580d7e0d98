//! Delivers the outbox: at least once, later and later after failures, dead after too many, visible all the while.

mod store;

use chrono::{DateTime, Duration, Utc};

use self::store::Due;
use super::mail::Mailer;
use crate::db::{DbError, Pools};

const BATCH: i64 = 20;
const ATTEMPTS_MAX: i32 = 8;
/// A message taken by a process that died is due again after this time.
const LEASE: Duration = Duration::seconds(60);

/// Sends what is due at `now`; returns how many messages were tried.
pub async fn deliver_due(pools: &Pools, mailer: &Mailer, now: DateTime<Utc>) -> Result<usize, DbError> {
    let client = pools.worker().get().await?;
    let due = store::lease(&client, now, now + LEASE, BATCH).await?;
    for message in &due {
        let outcome = mailer.send(&message.recipient, &message.subject, &message.body, &message_id(message)).await;
        match outcome {
            Ok(()) => store::sent(&client, message, now).await?,
            Err(error) => {
                tracing::warn!(%error, id = message.id, "a mail was not sent");
                let dead = message.attempts >= ATTEMPTS_MAX;
                store::failed(&client, message, dead, now + pause_after(message.attempts), &error.to_string()).await?;
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
