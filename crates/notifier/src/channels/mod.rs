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
use std::time::Duration;

use aredvi_events::Clock;
use mail_file::FileMail;
use smtp::SmtpMail;
use tokio::sync::Semaphore;

/// How long a letter waits for its turn before it is not tried this time.
pub(crate) const TURN_LIMIT: Duration = Duration::from_secs(15);
/// How long sending one letter may take in all, from when its turn has come.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(60);
/// Letters that are given to a mail server at once, each by a connection of its own: some servers refuse more. A pool of
/// lettre's bounds those that it keeps, not those that it makes.
const AT_ONCE: usize = 8;
/// Files that are written at once.
const FILES_AT_ONCE: usize = 32;

/// E-mail.
pub struct Mail {
    way: Way,
    turns: Semaphore,
}

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
    /// Its turn did not come: nothing was tried.
    #[error("others were sent first")]
    NotTried,
}

impl Mail {
    /// Opens the way of `url`; an outbox without a directory lies in `data`.
    ///
    /// # Errors
    /// [`OpenError`], one line that says what is wrong, without the password.
    pub fn open(url: &MailUrl, data: &Path) -> Result<Self, OpenError> {
        let (way, turns) = match url {
            MailUrl::File { dir } if dir.as_os_str().is_empty() => {
                (Way::File(FileMail::open(&data.join("outbox"))?), FILES_AT_ONCE)
            }
            MailUrl::File { dir } => (Way::File(FileMail::open(dir)?), FILES_AT_ONCE),
            MailUrl::Smtp(server) => (Way::Smtp(SmtpMail::open(server, AT_ONCE)?), AT_ONCE),
        };
        Ok(Self { way, turns: Semaphore::new(turns) })
    }

    /// Sends one letter when its turn has come; `Ok` when the provider, or the disk, has taken it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, letter: &Letter, clock: &Clock) -> Result<(), SendError> {
        let turn = clock.timeout(TURN_LIMIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(SendError::NotTried) };
        let sent = async {
            match &self.way {
                Way::File(file) => file.send(letter).await,
                Way::Smtp(smtp) => smtp.send(letter).await,
            }
        };
        clock.timeout(SEND_LIMIT, sent).await.unwrap_or_else(|_| Err(SendError::Transient("timeout".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::smtp_server::SmtpServer;
    use super::*;
    use crate::templates::Written;
    use aredvi_events::Id;

    #[tokio::test]
    async fn a_server_is_given_no_more_letters_at_once_than_it_may_be() {
        let server = SmtpServer::start().await;
        let url = format!("smtp://{}", server.address).parse().expect("a url");
        let mail = Mail::open(&url, Path::new("")).expect("a server");
        let postmark = Postmark::new("https://club.example", None).expect("a sender");
        let written = Written { subject: "Ana follows you".to_owned(), text: "plain".to_owned(), html: "html".to_owned() };
        let id = |n| Id::new(n).expect("in range");
        let letters: Vec<Letter> = (1..=4 * AT_ONCE as u64)
            .map(|n| postmark.letter((id(7).into(), "ben@example.org"), id(n).into(), &written, 0).expect("a letter"))
            .collect();
        let clock = Clock::default();
        let sent = futures_util::future::join_all(letters.iter().map(|letter| mail.send(letter, &clock))).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        assert_eq!(server.taken().len(), letters.len());
        let most = server.most_at_once();
        assert!((2..=AT_ONCE).contains(&most), "{most} at once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_letter_whose_turn_does_not_come_was_not_tried() {
        let mail = Mail::open(&"smtp://127.0.0.1:1".parse().expect("a url"), Path::new("")).expect("a server");
        let _others = mail.turns.acquire_many(AT_ONCE as u32).await.expect("all turns");
        let postmark = Postmark::new("https://club.example", None).expect("a sender");
        let written = Written { subject: String::new(), text: String::new(), html: String::new() };
        let id = |n| Id::new(n).expect("in range");
        let letter = postmark.letter((id(7).into(), "ben@example.org"), id(1).into(), &written, 0).expect("a letter");
        assert_eq!(mail.send(&letter, &Clock::default()).await, Err(SendError::NotTried));
    }
}
