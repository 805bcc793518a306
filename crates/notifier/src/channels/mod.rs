//! The ways out of the system. Only the ledger uses them.

mod letter;
mod mail_file;
mod mail_url;
mod smtp;
#[cfg(test)]
mod smtp_server;

pub use letter::{Letter, Postmark};
pub use mail_url::{MailUrl, NotAMailUrl, Server};

use std::path::Path;

use mail_file::FileMail;
use smtp::SmtpMail;

/// E-mail.
pub struct Mail(Way);

enum Way {
    File(FileMail),
    Smtp(SmtpMail),
}

/// Mail cannot be sent this way at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The outbox's directory.
    #[error("cannot use the outbox {path}")]
    Outbox {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server's URL.
    #[error("the mail server's URL cannot be used: smtp://[user:password@]host[:port] or smtps://…")]
    Server,
}

/// Why a letter was not taken. The code is short and names no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The same letter may be taken later.
    #[error("not taken for now ({0})")]
    Transient(String),
    /// It will never be taken.
    #[error("refused ({0})")]
    Permanent(String),
}

impl Mail {
    /// Opens the way of `url`; an outbox without a directory lies in `data`.
    ///
    /// # Errors
    /// [`OpenError`], one line that says what is wrong, without the password.
    pub fn open(url: &MailUrl, data: &Path) -> Result<Self, OpenError> {
        Ok(Self(match url {
            MailUrl::File { dir } if dir.as_os_str().is_empty() => Way::File(FileMail::open(&data.join("outbox"))?),
            MailUrl::File { dir } => Way::File(FileMail::open(dir)?),
            MailUrl::Smtp(server) => Way::Smtp(SmtpMail::open(server)?),
        }))
    }

    /// Sends one letter; `Ok` when the provider, or the disk, has taken it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        match &self.0 {
            Way::File(file) => file.send(letter).await,
            Way::Smtp(smtp) => smtp.send(letter).await,
        }
    }
}
