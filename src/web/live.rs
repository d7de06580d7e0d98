//! News for open pages: which bureau's warnings have just changed.
//!
//! PostgreSQL's NOTIFY carries the bureau's code from whichever process wrote the change, after its commit; each process
//! listens on one connection and wakes the pages it serves. It is a hint: a page asks the database what there is.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::broadcast;
use tokio_postgres::{AsyncMessage, Config, NoTls};

/// The channel of NOTIFY.
pub const CHANNEL: &str = "mingjian_warnings";

/// Wakes the pages of this process.
#[derive(Debug, Clone)]
pub struct Live(broadcast::Sender<i32>);

impl Default for Live {
    fn default() -> Self {
        Live::new()
    }
}

impl Live {
    /// With nobody listening yet.
    pub fn new() -> Live {
        Live(broadcast::channel(256).0)
    }

    /// From now on, the codes of bureaus whose warnings change.
    pub fn subscribe(&self) -> broadcast::Receiver<i32> {
        self.0.subscribe()
    }

    /// Listens on its own connection, and again after a lost one, until the process ends.
    pub async fn listen(self, config: Config) {
        loop {
            if let Err(error) = self.listen_once(&config).await {
                tracing::warn!(%error, "the connection for live news was lost; connecting again");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn listen_once(&self, config: &Config) -> Result<(), tokio_postgres::Error> {
        let (client, mut connection) = config.connect(NoTls).await?;
        let messages = stream::poll_fn(move |context| connection.poll_message(context));
        tokio::pin!(messages);
        let listen = async {
            client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
            std::future::pending::<Result<(), tokio_postgres::Error>>().await
        };
        tokio::pin!(listen);
        loop {
            tokio::select! {
                result = &mut listen => return result,
                message = messages.next() => match message {
                    Some(Ok(AsyncMessage::Notification(note))) => {
                        if let Ok(tenant) = note.payload().parse() {
                            // Nobody listening is no error.
                            let _ = self.0.send(tenant);
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
            }
        }
    }
}
