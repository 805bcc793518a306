//! What texts may be: trimmed, counted by code points, without control characters.
//!
//! Each check gives the text as it is kept, or the field at fault.

mod rules;

use aredvi_events::fingerprint::normalise_email;

use crate::passwords::common;
use crate::problem::{FieldError, Problem};
use rules::{line, prose, within};

/// The fewest characters of a username.
pub const MIN_USERNAME: usize = 3;
/// The most characters of a username.
pub const MAX_USERNAME: usize = 30;
/// The most characters of a name.
pub const MAX_NAME: usize = 60;
/// The most characters of the text about a person.
pub const MAX_BIO: usize = 1_000;
/// The fewest characters of a password.
pub const MIN_PASSWORD: usize = 8;
/// The most characters of a password.
pub const MAX_PASSWORD: usize = 200;
/// The most characters of an e-mail address (RFC 5321, section 4.5.3.1.3, less the brackets).
pub const MAX_EMAIL: usize = 254;
/// The most characters of a note.
pub const MAX_NOTE: usize = 5_000;
/// The most characters of a comment.
pub const MAX_COMMENT: usize = 5_000;
/// The most characters of a title.
pub const MAX_TITLE: usize = 100;
/// The most characters of a topic or an article.
pub const MAX_ARTICLE: usize = 40_000;
/// The most characters of a search.
pub const MAX_SEARCH: usize = 100;
/// The most characters that a device calls itself.
pub const MAX_DEVICE: usize = 200;
/// The most characters of a BCP 47 tag (RFC 5646, section 4.4.1).
pub const MAX_LANGUAGE: usize = 35;
/// The most characters of the name of a time zone.
pub const MAX_TIME_ZONE: usize = 64;

/// Collects the fields at fault, so that a client learns of all at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Takes what was checked, or notes the fault and goes on with a default that [`Faults::refuse`] never lets out.
    pub fn take<T: Default>(&mut self, checked: Result<T, FieldError>) -> T {
        checked.unwrap_or_else(|fault| {
            self.0.push(fault);
            T::default()
        })
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// 422 with every fault noted.
    pub fn refuse(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}

/// Whether this is a username: `^[A-Za-z][A-Za-z0-9_-]*$`, [`MIN_USERNAME`] ..= [`MAX_USERNAME`].
pub fn is_username(text: &str) -> bool {
    (MIN_USERNAME..=MAX_USERNAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A username, in the case it was given in.
///
/// # Errors
/// `too-short`, `too-long`, `pattern`.
pub fn username(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    within(pointer, text, MIN_USERNAME, MAX_USERNAME)?;
    if is_username(text) {
        Ok(text.to_owned())
    } else {
        Err(FieldError::new(pointer, "pattern", "must begin with a letter and have only letters, digits, _ and -"))
    }
}

/// A display name: one line.
///
/// # Errors
/// `blank`, `too-long`, `control-character`.
pub fn name(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    line(pointer, text, MAX_NAME)
}

/// A title: one line.
///
/// # Errors
/// As [`name`].
pub fn title(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    line(pointer, text, MAX_TITLE)
}

/// What is searched for: one line.
///
/// # Errors
/// As [`name`].
pub fn search(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    line(pointer, text, MAX_SEARCH)
}

/// The text about a person; empty takes it away.
///
/// # Errors
/// `too-long`, `control-character`.
pub fn bio(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    prose(pointer, text, 0, MAX_BIO)
}

/// A note's body.
///
/// # Errors
/// `blank`, `too-long`, `control-character`.
pub fn note(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    prose(pointer, text, 1, MAX_NOTE)
}

/// A comment's body.
///
/// # Errors
/// As [`note`].
pub fn comment(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    prose(pointer, text, 1, MAX_COMMENT)
}

/// The body of a topic or an article.
///
/// # Errors
/// As [`note`].
pub fn article(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    prose(pointer, text, 1, MAX_ARTICLE)
}

/// An e-mail address, as it was written but trimmed.
///
/// # Errors
/// `too-long`, `not-an-address`.
pub fn email(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    let not_an_address = || FieldError::new(pointer, "not-an-address", "is not an e-mail address");
    let normal = normalise_email(text).map_err(|_| not_an_address())?;
    within(pointer, &normal, 0, MAX_EMAIL)?;
    within(pointer, text, 0, MAX_EMAIL)?;
    let unusable = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')');
    let one_at = text.matches('@').count() == 1;
    if one_at && !text.contains(unusable) { Ok(text.to_owned()) } else { Err(not_an_address()) }
}

/// A new password, exactly as it was typed.
///
/// # Errors
/// `too-short`, `too-long`; `common-password` when it is among the first that are tried, or the person's own `username`
/// or `email`.
pub fn password(pointer: &'static str, text: &str, username: &str, email: &str) -> Result<String, FieldError> {
    within(pointer, text, MIN_PASSWORD, MAX_PASSWORD)?;
    if common::is_common(text, username, email) {
        return Err(FieldError::new(pointer, "common-password", "is one of the first that would be tried"));
    }
    Ok(text.to_owned())
}

/// What a device calls itself (`User-Agent`): cut, never refused.
pub fn device(text: &str) -> String {
    let readable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    readable.take(MAX_DEVICE).collect::<String>().trim().to_owned()
}

/// A BCP 47 tag, by its form alone.
///
/// # Errors
/// `not-a-language`.
pub fn language(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    let mut subtags = text.split('-');
    let primary = subtags.next().is_some_and(|tag| (2..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
    if primary && rest && text.len() <= MAX_LANGUAGE {
        Ok(text.to_owned())
    } else {
        Err(FieldError::new(pointer, "not-a-language", "must be a tag like en or pt-BR"))
    }
}

/// The name of an IANA time zone, by its form alone.
///
/// # Errors
/// `not-a-time-zone`.
pub fn time_zone(pointer: &'static str, text: &str) -> Result<String, FieldError> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    if text.len() <= MAX_TIME_ZONE && text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err(FieldError::new(pointer, "not-a-time-zone", "must be a name like Europe/Berlin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T>(result: Result<T, FieldError>) -> &'static str {
        result.err().map_or("fine", |fault| fault.code)
    }

    #[test]
    fn a_username_is_3_to_30_letters_digits_underscores_and_hyphens() {
        for text in ["ana", "A1_", "a-b", &"a".repeat(30), " ana "] {
            assert_eq!(code(username("/username", text)), "fine", "{text}");
        }
        let refused = [
            ("an", "too-short"),
            ("", "blank"),
            (&"a".repeat(31), "too-long"),
            ("1ana", "pattern"),
            ("_ana", "pattern"),
            ("änna", "pattern"),
            ("a na", "pattern"),
            ("ana\n1", "pattern"),
        ];
        for (text, expected) in refused {
            assert_eq!(code(username("/username", text)), expected, "{text:?}");
        }
    }

    #[test]
    fn lengths_count_code_points() {
        assert_eq!(code(name("/name", &"é".repeat(60))), "fine");
        assert_eq!(code(name("/name", &"e\u{301}".repeat(60))), "fine");
        assert_eq!(code(name("/name", &"é".repeat(61))), "too-long");
        assert_eq!(code(note("/body", &"🦀".repeat(5_000))), "fine");
        assert_eq!(code(note("/body", &"🦀".repeat(5_001))), "too-long");
    }

    #[test]
    fn what_shows_nothing_is_blank() {
        for text in ["", "  ", "\u{200b}\u{200b}", "\n\t\n", "\u{3000}"] {
            assert_eq!(code(note("/body", text)), "blank", "{text:?}");
        }
        assert_eq!(bio("/bio", "  "), Ok(String::new()));
    }

    #[test]
    fn a_name_is_one_line_and_reads_in_one_direction() {
        for text in ["a\nb", "a\u{0}b", "a\u{85}b", "a\u{2028}b", "a\u{202e}b"] {
            assert_eq!(code(name("/name", text)), "control-character", "{text:?}");
        }
        assert_eq!(note("/body", " a\r\nb\rc\td "), Ok("a\nb\nc\td".to_owned()));
        assert_eq!(code(note("/body", "a\u{7}b")), "control-character");
    }

    #[test]
    fn an_address_has_one_at_and_at_most_254_characters() {
        assert_eq!(email("/email", " Ana@Bücher.example "), Ok("Ana@Bücher.example".to_owned()));
        for text in ["", "ana", "@x.org", "a@", "a@b@c.org", "a b@x.org", "Ana <a@x.org>", "a@x.org\r\nBcc: b@x.org"] {
            assert_eq!(code(email("/email", text)), "not-an-address", "{text:?}");
        }
        assert_eq!(code(email("/email", &format!("{}@x.org", "a".repeat(249)))), "too-long");
    }

    #[test]
    fn a_password_is_long_enough_and_not_the_first_that_is_tried() {
        let check = |text: &str| code(password("/password", text, "anastasia", "anastasia@x.org"));
        assert_eq!(check("correct horse battery"), "fine");
        assert_eq!(check(" spaces stay "), "fine");
        assert_eq!(check("short"), "too-short");
        assert_eq!(check("        "), "blank");
        assert_eq!(check(&"x".repeat(201)), "too-long");
        for common in ["password1", "PassWord1", "Anastasia", "anastasia@X.org"] {
            assert_eq!(check(common), "common-password", "{common}");
        }
    }

    #[test]
    fn languages_and_time_zones_are_checked_by_form() {
        assert_eq!(code(language("/language", "pt-BR")), "fine");
        assert_eq!(code(time_zone("/time_zone", "America/Argentina/Buenos_Aires")), "fine");
        assert_eq!(code(time_zone("/time_zone", "Etc/GMT+3")), "fine");
        for text in ["", "e", "en_US", "en-", "../etc"] {
            assert_eq!(code(language("/language", text)), "not-a-language", "{text}");
        }
        for text in ["", "/", "../etc/passwd", "Europe/", "a b"] {
            assert_eq!(code(time_zone("/time_zone", text)), "not-a-time-zone", "{text}");
        }
    }

    #[test]
    fn every_fault_of_a_request_is_told() {
        let mut faults = Faults::default();
        let kept = faults.take(name("/name", " Ana "));
        faults.take(username("/username", ""));
        faults.take(email("/email", "ana"));
        assert_eq!(kept, "Ana");
        let problem = faults.refuse().expect_err("two faults");
        assert_eq!(problem.errors.iter().map(|e| e.pointer.as_ref()).collect::<Vec<_>>(), ["/username", "/email"]);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_again(text in ".{0,80}") {
            if let Ok(kept) = note("/body", &text) {
                prop_assert_eq!(note("/body", &kept), Ok(kept.clone()));
            }
            if let Ok(kept) = name("/name", &text) {
                prop_assert_eq!(name("/name", &kept), Ok(kept.clone()));
            }
            let _: Result<_, FieldError> = email("/email", &text);
            prop_assert!(device(&text).chars().count() <= MAX_DEVICE);
        }
    }
}
