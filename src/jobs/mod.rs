//! Background work: what must leave the system, and what the night must do. Each job may run twice without harm.

use std::time::Duration;

use crate::{
    approvals,
    identity::sign_in,
    web::{AppState, once},
};

pub mod mail;
pub mod outbox;

/// How often the queue is looked at when nothing is known to wait.
const PAUSE: Duration = Duration::from_millis(500);
/// How often what is kept for a day is gone through.
const SWEEP_EVERY: chrono::Duration = chrono::Duration::hours(1);

/// How often it is looked whether proposals have run out; until then they read as run out all the same.
const EXPIRE_EVERY: chrono::Duration = chrono::Duration::minutes(1);

/// Works until the process ends. A failing round is logged and tried again.
pub async fn run(state: AppState) {
    let mailer = match mail::Mailer::new(&state.service.mail, &state.directory) {
        Ok(mailer) => mailer,
        Err(error) => {
            tracing::error!(%error, "mail is not configured rightly; nothing will be sent");
            return;
        }
    };
    let mut swept = state.clock.now() - SWEEP_EVERY;
    let mut expired = state.clock.now() - EXPIRE_EVERY;
    loop {
        if state.clock.now() - expired >= EXPIRE_EVERY {
            expired = state.clock.now();
            if let Err(error) = approvals::expire_due(&state.pools, expired).await {
                tracing::warn!(%error, "proposals that ran out could not be marked; trying again in a minute");
            }
        }
        if state.clock.now() - swept >= SWEEP_EVERY {
            swept = state.clock.now();
            if let Err(error) = once::sweep(&state.pools, swept).await {
                tracing::warn!(%error, "old answers could not be forgotten; trying again in an hour");
            }
            if let Err(error) = sign_in::sweep(&state.pools, swept).await {
                tracing::warn!(%error, "old failures to sign in could not be forgotten; trying again in an hour");
            }
        }
        state.pace.forget();
        match outbox::deliver_due(&state.pools, &mailer, state.clock.now()).await {
            Ok(0) => tokio::time::sleep(PAUSE).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the outbox could not be worked on; trying again");
                tokio::time::sleep(PAUSE * 4).await;
            }
        }
    }
}
