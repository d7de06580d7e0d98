//! Delivers the outbox: at least once, later and later after failures, dead after too many, visible all the while.

mod store;

use chrono::{DateTime, Duration, Utc};

use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use self::store::Due;
use super::{
    mail::Mailer,
    webhook::{CallError, Webhooks},
};
use crate::{
    db::{DbError, Pools},
    escrow::oversight::{sms, webhook::receiver},
    secrets::Secrets,
    vault::Vault,
};

const BATCH: i64 = 20;
const ATTEMPTS_MAX: i32 = 8;
/// A message taken by a process that died is due again after this time.
const LEASE: Duration = Duration::seconds(60);

/// The ways in which messages leave.
pub struct Ways {
    pub mailer: Mailer,
    pub webhooks: Webhooks,
    pub secrets: Secrets,
    pub vault: Vault,
}

/// Sends what is due at `now`; returns how many messages were tried.
pub async fn deliver_due(pools: &Pools, ways: &Ways, now: DateTime<Utc>) -> Result<usize, DbError> {
    let client = pools.worker().get().await?;
    let due = store::lease(&client, now, now + LEASE, BATCH).await?;
    for message in &due {
        match send(&client, ways, message, now).await? {
            Ok(()) => store::sent(&client, message, now).await?,
            Err(error) => {
                tracing::warn!(error, id = message.id, kind = message.kind, "a message was not sent");
                let dead = message.attempts >= ATTEMPTS_MAX;
                store::failed(&client, message, dead, now + pause_after(message.attempts), &error).await?;
            }
        }
    }
    Ok(due.len())
}

/// Sends one message by its way; why it did not arrive.
async fn send(client: &Client, ways: &Ways, message: &Due, now: DateTime<Utc>) -> Result<Result<(), String>, DbError> {
    let called = match message.kind.as_str() {
        "webhook" => {
            let receiver = receiver(client, &ways.secrets, message.tenant).await?;
            receiver.map(|receiver| (receiver, message.body.clone()))
        }
        "sms" => {
            let what = (message.tenant, message.recipient.as_str(), message.body.as_str());
            sms::call(client, (&ways.secrets, &ways.vault), what).await?
        }
        _ => {
            let sent =
                ways.mailer.send(&message.recipient, &message.subject, &message.body, &message_id(message)).await;
            return Ok(sent.map_err(|error| error.to_string()));
        }
    };
    let sent = match called {
        Some((receiver, body)) => ways.webhooks.send(&receiver, &call_id(message), &body, now).await,
        None => Err(CallError::NoReceiver),
    };
    Ok(sent.map_err(|error| error.to_string()))
}

/// Names a call, however often it is tried.
fn call_id(message: &Due) -> String {
    hex::encode(&Sha256::digest(message_id(message))[..16])
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
