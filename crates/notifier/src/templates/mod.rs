//! What a mail says: a subject, and the same as plain text and as HTML.
//!
//! Names are people's own texts: they are escaped in HTML and carry no control characters anywhere.

mod sentence;

use std::fmt::Write as _;

pub use sentence::{Told, sentence};

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The subject: one line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Writes the mail that tells `told`, with a link to `public_url`.
pub fn write(told: &Told<'_>, public_url: &str) -> Written {
    let subject = sentence(told);
    let recipient = one_line(told.recipient_name);
    let greeting = if recipient.is_empty() { "Hello,".to_owned() } else { format!("Hello {recipient},") };
    let why = "You are sent this because it concerns you or something you take part in.";
    let text = format!("{greeting}\n\n{subject}.\n\n{public_url}\n\n-- \n{why}\n");
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n<body>\n\
         <p>{greeting}</p>\n<p>{subject}.</p>\n<p><a href=\"{url}\">{url}</a></p>\n<hr>\n<p><small>{why}</small></p>\n\
         </body>\n</html>\n",
        subject = escape(&subject),
        greeting = escape(&greeting),
        url = escape(public_url),
    );
    Written { subject, text, html }
}

/// A text without control characters, its white space single.
pub(crate) fn one_line(text: &str) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as HTML, also between double quotes.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a String cannot fail.
                let _ = write!(html, "&#{};", u32::from(c));
            }
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::notifications::Verb;

    fn told(subject_name: &str) -> Told<'_> {
        Told { verb: Verb::ActorFollow, subject_name, recipient_name: "Ben", recipient_wrote_it: false, recipients_page: false }
    }

    #[test]
    fn a_mail_says_who_did_what_and_where_to_look() {
        let written = write(&told("Ana Núñez"), "https://example.org");
        assert_eq!(written.subject, "Ana Núñez follows you");
        assert!(written.text.starts_with("Hello Ben,\n\nAna Núñez follows you.\n\nhttps://example.org\n"), "{}", written.text);
        assert!(written.html.contains("<p>Ana Núñez follows you.</p>"), "{}", written.html);
        assert!(written.html.contains("<a href=\"https://example.org\">"), "{}", written.html);
    }

    #[test]
    fn a_name_is_no_markup_and_no_header() {
        let written = write(&told("<b onclick='x'>\"A&B\"</b>\r\nBcc: all@example.org"), "https://example.org/?a=1&b=2");
        assert!(!written.html.contains("<b "), "{}", written.html);
        assert!(written.html.contains("&#60;b onclick=&#39;x&#39;&#62;&#34;A&#38;B&#34;"), "{}", written.html);
        assert!(written.html.contains("href=\"https://example.org/?a=1&#38;b=2\""), "{}", written.html);
        assert!(!written.subject.contains(['\r', '\n']), "{}", written.subject);
    }
}
