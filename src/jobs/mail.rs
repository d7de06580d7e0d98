//! Mail by lettre: to a server when one is configured, into files under the data directory otherwise.

use std::path::{Path, PathBuf};

use lettre::{
    AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};

use crate::config::Mail;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the address {0} is not a mail address")]
    Address(String),
    #[error("the mail could not be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server refused or did not answer: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error("the mail could not be written to a file: {0}")]
    File(#[from] lettre::transport::file::Error),
    #[error("the directory for mails cannot be made: {0}")]
    Directory(#[from] std::io::Error),
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(AsyncFileTransport<Tokio1Executor>),
}

/// Sends mails.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

impl Mailer {
    /// By the operator's settings; files lie in `mail/` under `directory`.
    pub fn new(settings: &Mail, directory: &Path) -> Result<Mailer, MailError> {
        let from = settings.mail_from.parse().map_err(|_| MailError::Address(settings.mail_from.clone()))?;
        let way = match &settings.smtp_url {
            Some(url) => Way::Smtp(AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build()),
            None => {
                let mails = mail_directory(directory);
                std::fs::create_dir_all(&mails)?;
                Way::Files(AsyncFileTransport::new(mails))
            }
        };
        Ok(Mailer { from, way })
    }

    /// Whether the mail server answers; without one there is nothing to reach.
    pub async fn reach(&self) -> Result<(), MailError> {
        match &self.way {
            Way::Smtp(transport) => Ok(transport.test_connection().await.map(drop)?),
            Way::Files(_) => Ok(()),
        }
    }

    /// Sends one plain-text mail. `message_id` ties repeats of the same message together at the receiver.
    pub async fn send(&self, to: &str, subject: &str, body: &str, message_id: &str) -> Result<(), MailError> {
        let to: Mailbox = to.parse().map_err(|_| MailError::Address(crate::kernel::mask::email(to)))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{message_id}@mingjian>")))
            .header(ContentType::TEXT_PLAIN)
            .body(body.to_owned())?;
        match &self.way {
            Way::Smtp(transport) => transport.send(message).await.map(drop)?,
            Way::Files(transport) => transport.send(message).await.map(drop)?,
        }
        Ok(())
    }
}

/// Where mails lie as files when no server is configured.
pub fn mail_directory(directory: &Path) -> PathBuf {
    directory.join("mail")
}
