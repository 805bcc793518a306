//! One mail, ready to be sent.

use std::fmt;
use std::time::{Duration, SystemTime};

use aredvi_events::{ActorId, NotificationId};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::SendError;
use crate::templates::Written;

/// Who sends all mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postmark {
    /// The sender: `Name <address>` or an address.
    pub from: Mailbox,
    /// The right side of message ids.
    pub domain: String,
}

/// A mail to one recipient about one notification. `Debug` shows ids alone.
#[derive(Clone)]
pub struct Letter {
    /// To whom.
    pub recipient: ActorId,
    /// About what.
    pub notification: NotificationId,
    pub(super) message: Message,
}

impl Postmark {
    /// The sender of the community at `public_url`: `from`, or `no-reply` at the URL's host.
    ///
    /// # Errors
    /// The text that is no address.
    pub fn new(public_url: &str, from: Option<&str>) -> Result<Self, String> {
        let domain = host(public_url).to_owned();
        let from = from.map_or_else(|| format!("no-reply@{domain}"), str::to_owned);
        let from = from.parse().map_err(|_| from)?;
        Ok(Self { from, domain })
    }

    /// Puts a mail together. `now_ms` is its date; its `Message-ID` is the same however often it is sent (RFC 5322,
    /// section 3.6.4).
    ///
    /// # Errors
    /// [`SendError::Permanent`] when the address is none.
    pub fn letter(
        &self,
        (recipient, address): (ActorId, &str),
        notification: NotificationId,
        written: &Written,
        now_ms: i64,
    ) -> Result<Letter, SendError> {
        let unusable = |what: &str| SendError::Permanent(what.to_owned());
        let to = address.parse().map_err(|_| unusable("bad-address"))?;
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        let mut message = Message::builder()
            .message_id(Some(format!("<{notification}.{recipient}@{}>", self.domain)))
            .date(date)
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(written.subject.clone())
            .multipart(MultiPart::alternative_plain_html(written.text.clone(), written.html.clone()))
            .map_err(|_| unusable("bad-message"))?;
        // No vacation responder answers it (RFC 3834, section 5).
        let auto_submitted = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(auto_submitted, "auto-generated".to_owned()));
        Ok(Letter { recipient, notification, message })
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({} to {})", self.notification, self.recipient)
    }
}

/// The host of a URL; `localhost` when it is none that mail knows.
fn host(url: &str) -> &str {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = place.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if is_name { host } else { "localhost" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::Id;

    fn letter(address: &str) -> Result<Letter, SendError> {
        let written =
            Written { subject: "Ana Núñez follows you".to_owned(), text: "plain".to_owned(), html: "<p>html</p>".to_owned() };
        let postmark = Postmark::new("https://club.example:8443/x", None).expect("a sender");
        let id = |n| Id::new(n).expect("in range");
        postmark.letter((id(7).into(), address), id(9).into(), &written, 1_790_000_000_123)
    }

    #[test]
    fn a_letter_has_both_forms_and_a_stable_id() {
        let letter = letter("ben@example.org").expect("a letter");
        let raw = String::from_utf8(letter.message.formatted()).expect("text");
        for part in [
            "Message-ID: <9.7@club.example>\r\n",
            "From: no-reply@club.example\r\n",
            "To: ben@example.org\r\n",
            "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "text/plain",
            "text/html",
        ] {
            assert!(raw.contains(part), "{part} in {raw}");
        }
        assert!(!raw.contains("List-Unsubscribe"));
    }

    #[test]
    fn an_address_that_is_none_is_given_up_at_once_and_never_shown() {
        let refused = letter("not an address").expect_err("refused");
        assert_eq!(refused, SendError::Permanent("bad-address".to_owned()));
        assert_eq!(format!("{:?}", letter("ben@example.org").expect("a letter")), "Letter(9 to 7)");
    }

    #[test]
    fn the_sender_is_the_operators_choice() {
        let postmark = Postmark::new("http://[::1]:8080", Some("The Club <club@example.org>")).expect("a sender");
        assert_eq!(
            (postmark.from.to_string(), postmark.domain.as_str()),
            ("The Club <club@example.org>".to_owned(), "localhost")
        );
        assert_eq!(Postmark::new("http://x", Some("nobody")), Err("nobody".to_owned()));
    }
}
