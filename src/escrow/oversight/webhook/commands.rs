//! Setting and removing the address, and finding it when something is to be sent.

use serde_json::json;
use tokio_postgres::Client;

use super::address;
use crate::{
    audit::{self, Event},
    db::DbError,
    escrow::{EscrowError, oversight::store::webhooks},
    identity::{Action, Caller, may},
    secrets::{self, Secrets},
    web::{AppState, FieldError},
};

fn label(tenant: i32) -> String {
    format!("webhook:{tenant}")
}

/// Sets the bureau's address; returns the secret that signs what is sent there, which is shown this once. Setting it anew, the
/// same address or another, makes another secret.
pub(super) async fn set(state: &AppState, caller: &Caller, url: &str) -> Result<String, EscrowError> {
    if !may(caller.actor.role, Action::KeepWebhook) {
        return Err(EscrowError::Forbidden);
    }
    let url = url.trim();
    if let Err(error) = address::check(url, &state.service.webhook_private) {
        let (zh, en) = error.words();
        return Err(EscrowError::Invalid(vec![FieldError::new("url", "url", zh, en)]));
    }
    let secret = hex::encode(secrets::random::<32>());
    let sealed = state.secrets.seal(&label(caller.actor.tenant), secret.as_bytes());
    let sealed = sealed.map_err(|error| DbError::Pool(error.to_string()))?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = webhooks::webhook(&mut conn).await?;
    webhooks::set(&mut conn, url, &sealed, &caller.actor.display_name, caller.now).await?;
    let event = Event {
        action: "webhook.set",
        subject_kind: "webhook",
        subject_id: caller.actor.tenant.to_string(),
        before: before.map(|before| json!({ "url": before.url })),
        after: Some(json!({ "url": url })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(secret)
}

/// Removes it; what waits to be sent there is given up.
pub(super) async fn remove(state: &AppState, caller: &Caller) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::KeepWebhook) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = webhooks::webhook(&mut conn).await?.ok_or(EscrowError::NotFound)?;
    webhooks::remove(&mut conn).await?;
    let event = Event {
        action: "webhook.removed",
        subject_kind: "webhook",
        subject_id: caller.actor.tenant.to_string(),
        before: Some(json!({ "url": before.url })),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

/// Where a bureau's messages go, and with which secret they are signed.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The receiver of a bureau, on a connection of the worker role; `None` where it has set none, or where the sealed secret does
/// not open.
pub async fn receiver(client: &Client, secrets: &Secrets, tenant: i32) -> Result<Option<Receiver>, DbError> {
    let Some((url, sealed)) = webhooks::address(client, tenant).await? else { return Ok(None) };
    Ok(secrets.open(&label(tenant), &sealed).ok().map(|secret| Receiver { url, secret }))
}
