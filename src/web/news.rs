//! What one process must hear of the others: warnings that changed, sessions that ended, signing keys that were made.
//!
//! PostgreSQL's NOTIFY carries it after the writer's commit, on one connection apart from the pools. While that connection
//! is down nothing is missed: ended sessions are asked of the database, and all is read again once it is back.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use super::{AppState, live};
use crate::identity::{
    sessions,
    tokens::{signing, store as keys},
};

/// Pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the connection is tried, and how long it may take to answer: a network that drops packets says nothing.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Listens until the process ends.
pub async fn listen(state: AppState, config: Config) {
    loop {
        if let Err(error) = listen_once(&state, &config).await {
            tracing::warn!(%error, "the connection for news was lost; connecting again");
        }
        state.tokens.ended().inform(false);
        sleep(PAUSE).await;
    }
}

async fn listen_once(state: &AppState, config: &Config) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    tokio::pin!(messages);
    let attend = attend(state, &client);
    tokio::pin!(attend);
    loop {
        tokio::select! {
            result = &mut attend => return result,
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => heard(state, note.channel(), note.payload()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}

/// Begins to listen, catches up with what was missed, and ends when the connection no longer answers.
async fn attend(state: &AppState, client: &Client) -> Result<(), tokio_postgres::Error> {
    for channel in [live::CHANNEL, sessions::store::CHANNEL, keys::CHANNEL] {
        client.batch_execute(&format!("LISTEN {channel}")).await?;
    }
    let now = state.clock.now();
    let caught_up = async {
        sessions::commands::remember_ended(&state.pools, &state.tokens, now).await.map_err(|e| e.to_string())?;
        signing::load(&state.pools, &state.secrets, &state.tokens, now).await.map_err(|e| e.to_string())
    };
    if let Err(error) = caught_up.await {
        tracing::warn!(error, "what happened while nothing was heard could not be read");
        return Ok(());
    }
    state.tokens.ended().inform(true);
    loop {
        sleep(HEARTBEAT).await;
        match timeout(HEARTBEAT, client.batch_execute("")).await {
            Ok(answered) => answered?,
            Err(_) => return Ok(()),
        }
    }
}

fn heard(state: &AppState, channel: &str, payload: &str) {
    match channel {
        live::CHANNEL => {
            if let Ok(tenant) = payload.parse() {
                state.live.wake(tenant);
            }
        }
        sessions::store::CHANNEL => state.tokens.end(payload, state.clock.now()),
        keys::CHANNEL => {
            let state = state.clone();
            tokio::spawn(async move {
                let now = state.clock.now();
                if let Err(error) = signing::load(&state.pools, &state.secrets, &state.tokens, now).await {
                    tracing::error!(%error, "the new signing key could not be read; trying again within the hour");
                }
            });
        }
        _ => {}
    }
}
