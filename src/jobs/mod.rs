//! Background work: what must leave the system, and what the night must do. Each job may run twice without harm.

use std::time::Duration;

use crate::{
    approvals,
    audit::keep::Keeper,
    escrow::{self, oversight},
    identity::{machine, sessions, sign_in, tokens::signing},
    proof,
    web::{AppState, once},
};

pub mod mail;
pub mod outbox;
pub mod webhook;

/// How often the queue is looked at when nothing is known to wait.
const PAUSE: Duration = Duration::from_millis(500);
/// How often what is kept for a day is gone through.
const SWEEP_EVERY: chrono::Duration = chrono::Duration::hours(1);

/// How often the audit trail is gone through from end to end.
const NIGHTLY: chrono::Duration = chrono::Duration::hours(24);
/// How often it is looked whether proposals have run out; until then they read as run out all the same.
const EXPIRE_EVERY: chrono::Duration = chrono::Duration::minutes(1);
/// How often it is looked whose turn it is to be looked over.
const OVERSEE_EVERY: Duration = Duration::from_secs(60);

/// Works until the process ends. A failing round is logged and tried again.
pub async fn run(state: AppState) {
    let mailer = match mail::Mailer::new(&state.service.mail, &state.directory) {
        Ok(mailer) => mailer,
        Err(error) => {
            tracing::error!(%error, "mail is not configured rightly; nothing will be sent");
            return;
        }
    };
    let webhooks = match webhook::Webhooks::new(&state.service.webhook_private) {
        Ok(webhooks) => webhooks,
        Err(error) => {
            tracing::error!(%error, "the client for webhooks cannot be made; nothing will be sent");
            return;
        }
    };
    let ways = outbox::Ways { mailer, webhooks, secrets: state.secrets.clone(), vault: state.pools.vault().clone() };
    tokio::spawn(keep_trail(state.clone()));
    tokio::spawn(oversee(state.clone()));
    tokio::spawn(prove(state.clone()));
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
            if let Err(error) = escrow::forget_old_drafts(&state.pools, swept).await {
                tracing::warn!(%error, "statements that nobody settled could not be let go; trying again in an hour");
            }
            if let Err(error) = sign_in::sweep(&state.pools, swept).await {
                tracing::warn!(%error, "old failures to sign in could not be forgotten; trying again in an hour");
            }
            if let Err(error) = signing::keep_fresh(&state.pools, &state.secrets, &state.tokens, swept).await {
                tracing::error!(%error, "the signing keys could not be looked after; trying again in an hour");
            }
            if let Err(error) = machine::keys::announce_ends(&state.pools, swept).await {
                tracing::warn!(%error, "the ends of keys could not be announced; trying again in an hour");
            }
            if let Err(error) = sessions::commands::sweep(&state.pools, swept).await {
                tracing::warn!(%error, "old refresh tokens and nonces could not be forgotten; trying again in an hour");
            }
        }
        state.pace.forget();
        match outbox::deliver_due(&state.pools, &ways, state.clock.now()).await {
            Ok(0) => tokio::time::sleep(PAUSE).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the outbox could not be worked on; trying again");
                tokio::time::sleep(PAUSE * 4).await;
            }
        }
    }
}

/// Looks over every bureau each hour, and tells how long the one has waited whose turn is next.
async fn oversee(state: AppState) {
    loop {
        if let Err(error) = oversight::sweep(&state, state.clock.now()).await {
            tracing::error!(%error, "it could not be found out which bureaus are to be looked over; trying again in a minute");
        }
        match oversight::oldest(&state.pools).await {
            Ok(Some(oldest)) => {
                let age = (state.clock.now() - oldest).num_seconds().max(0);
                metrics::gauge!("oversight_sweep_age_seconds").set(age as f64);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the age of the oldest sweep could not be read"),
        }
        tokio::time::sleep(OVERSEE_EVERY).await;
    }
}

/// Proves bank, ledger and attendance against each other at start and every 24 hours.
async fn prove(state: AppState) {
    let mut proven = state.clock.now() - NIGHTLY;
    loop {
        let now = state.clock.now();
        if now - proven >= NIGHTLY {
            proven = now;
            match proof::nightly(&state, now).await {
                Ok(ran) => {
                    tracing::info!(days = ran.days, differences = ran.exceptions, "the three-way proof was made")
                }
                Err(error) => tracing::error!(%error, "the three-way proof broke off; going on tomorrow"),
            }
        }
        tokio::time::sleep(OVERSEE_EVERY).await;
    }
}

/// Signs every hour how far the audit trail goes; checks it and removes what is over at start and every 24 hours.
async fn keep_trail(state: AppState) {
    let keeper = Keeper::new(&state.pools, &state.secrets, &state.directory);
    let hour = std::time::Duration::from_secs(3600);
    let mut checked = state.clock.now() - NIGHTLY;
    loop {
        let now = state.clock.now();
        if let Err(error) = keeper.checkpoint((0, 999_999), now).await {
            tracing::error!(%error, "how far the audit trail goes could not be signed; trying again in an hour");
        }
        if now - checked >= NIGHTLY {
            checked = now;
            if let Err(error) = keeper.nightly(state.public_url(), now).await {
                tracing::error!(%error, "the audit trail could not be checked; trying again tomorrow");
            }
        }
        tokio::time::sleep(hour).await;
    }
}
