//! Mail through a server (RFC 5321).

use std::time::Duration;

use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::mail_url::Server;
use super::{Letter, OpenError, SendError};

/// The longest a server may take over one command.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// A pooled connection that was not used for this long is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// A mail server.
pub(super) struct SmtpMail {
    pooled: AsyncSmtpTransport<Tokio1Executor>,
    /// Never has a connection in store: each send makes one.
    fresh: AsyncSmtpTransport<Tokio1Executor>,
}

impl SmtpMail {
    /// A server at a URL, not connected yet; `kept` connections stay open for the next letters.
    pub(super) fn open(server: &Server, kept: usize) -> Result<Self, OpenError> {
        let kept = u32::try_from(kept).unwrap_or(u32::MAX);
        let transport = |pool| {
            let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&server.url).map_err(|_| OpenError::Server)?;
            Ok(builder.timeout(Some(COMMAND_LIMIT)).pool_config(pool).build())
        };
        let pool = PoolConfig::new().min_idle(0).idle_timeout(IDLE_LIMIT);
        Ok(Self { pooled: transport(pool.clone().max_size(kept))?, fresh: transport(pool.max_size(0))? })
    }

    /// Sends one message. When the connection breaks, as a pooled one does that the server has closed, it is sent once
    /// more on a fresh one: the message id tells the receiving side that it is the same.
    pub(super) async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let failure = match self.pooled.send(letter.message.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if answered(&error) => error,
            Err(_) => match self.fresh.send(letter.message.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            },
        };
        Err(told(&failure))
    }
}

/// Whether the server said no, rather than nothing.
fn answered(error: &Error) -> bool {
    error.is_transient() || error.is_permanent()
}

/// What to do about it. The server's own words may repeat the address: only its code is kept.
fn told(error: &Error) -> SendError {
    let code = error.status().map(|code| code.to_string());
    if error.is_permanent() {
        return SendError::Permanent(format!("smtp-{}", code.unwrap_or_default()));
    }
    let why = match code {
        Some(code) => format!("smtp-{code}"),
        None if error.is_timeout() => "smtp-timeout".to_owned(),
        None if error.is_tls() => "smtp-tls".to_owned(),
        None => "smtp-connection".to_owned(),
    };
    SendError::Transient(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::smtp_server::{Mood, SmtpServer};
    use crate::channels::{MailUrl, Postmark};
    use crate::templates::Written;
    use aredvi_events::Id;

    fn mail(server: &SmtpServer) -> SmtpMail {
        let url: MailUrl = format!("smtp://{}", server.address).parse().expect("a url");
        let MailUrl::Smtp(server) = url else { unreachable!("a server's url") };
        SmtpMail::open(&server, 1).expect("a server")
    }

    fn letter(number: u64) -> Letter {
        let written = Written { subject: "Ana follows you".to_owned(), text: "plain".to_owned(), html: "html".to_owned() };
        let postmark = Postmark::new("https://club.example", None).expect("a sender");
        let id = |n| Id::new(n).expect("in range");
        postmark.letter((id(7).into(), "ben@example.org"), id(number).into(), &written, 0).expect("a letter")
    }

    #[tokio::test]
    async fn each_letter_is_taken_once() {
        let server = SmtpServer::start().await;
        let mail = mail(&server);
        mail.send(&letter(1)).await.expect("taken");
        mail.send(&letter(2)).await.expect("taken");
        let taken = server.taken();
        assert_eq!(taken.len(), 2);
        assert!(taken[0].contains("Message-ID: <1.7@club.example>\n"), "{taken:?}");
        assert!(taken[1].contains("Message-ID: <2.7@club.example>\n"), "{taken:?}");
    }

    #[tokio::test]
    async fn a_pooled_connection_that_the_server_closed_loses_no_letter() {
        let server = SmtpServer::start().await;
        let mail = mail(&server);
        mail.send(&letter(1)).await.expect("taken");
        server.hang_up().await;
        mail.send(&letter(2)).await.expect("taken");
        assert_eq!((server.taken().len(), server.connections()), (2, 2));
    }

    #[tokio::test]
    async fn a_connection_that_breaks_in_the_middle_of_a_letter_loses_it_not() {
        let server = SmtpServer::start().await;
        let mail = mail(&server);
        server.is(Mood::HangsUpOnce);
        mail.send(&letter(1)).await.expect("taken");
        assert_eq!((server.taken().len(), server.connections()), (1, 2));
    }

    #[tokio::test]
    async fn what_the_server_refuses_for_good_is_told_from_what_may_pass() {
        let server = SmtpServer::start().await;
        let mail = mail(&server);
        server.is(Mood::Busy);
        assert_eq!(mail.send(&letter(1)).await, Err(SendError::Transient("smtp-451".to_owned())));
        server.is(Mood::Refuses);
        assert_eq!(mail.send(&letter(1)).await, Err(SendError::Permanent("smtp-550".to_owned())));
        assert_eq!(server.taken(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn nobody_there_may_pass() {
        let url = "smtp://127.0.0.1:1".parse().expect("a url");
        let MailUrl::Smtp(server) = url else { unreachable!("a server's url") };
        let mail = SmtpMail::open(&server, 1).expect("a server");
        assert_eq!(mail.send(&letter(1)).await, Err(SendError::Transient("smtp-connection".to_owned())));
    }
}
