//! Who is mentioned in a text: `@username` at its beginning or after white space.

use crate::text::{MAX_USERNAME, MIN_USERNAME};

/// The most people one text mentions; further ones are plain text.
pub const MAX_MENTIONS: usize = 50;

/// The usernames mentioned, ASCII lowercase, each once, in the order of the text, at most [`MAX_MENTIONS`].
///
/// A name has 3 to 30 characters and ends where another character stands; `(@ana)` and `x@ana` mention nobody.
pub fn parse(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if names.len() == MAX_MENTIONS {
            break;
        }
        if c == '@'
            && before.is_whitespace()
            && let Some(name) = username_at(&text[at + 1..])
        {
            let name = name.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        before = c;
    }
    names
}

fn username_at(rest: &str) -> Option<&str> {
    let ends = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    let name = &rest[..ends];
    let usable = (MIN_USERNAME..=MAX_USERNAME).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_alphabetic());
    // `@ana@example.org` is an address elsewhere, not our Ana.
    (usable && !rest[ends..].starts_with('@')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::is_username;
    use proptest::prelude::*;

    #[test]
    fn a_mention_stands_at_the_beginning_or_after_white_space() {
        assert_eq!(parse("@Ana, hi\n@ben! and @c-d_9."), ["ana", "ben", "c-d_9"]);
        assert_eq!(parse("(@ana) x@ana @@ana .@ana ana@x.org @ana@x.org"), [""; 0]);
        assert_eq!(parse("é @ana\u{3000}@ben"), ["ana", "ben"]);
    }

    #[test]
    fn a_name_has_3_to_30_characters_and_begins_with_a_letter() {
        assert_eq!(parse("@an @1ana @_ana @ @änna"), [""; 0]);
        let (fits, too_long) = ("a".repeat(30), "b".repeat(31));
        assert_eq!(parse(&format!("@{fits} @{too_long}")), [fits]);
    }

    #[test]
    fn each_is_mentioned_once_and_not_too_many() {
        assert_eq!(parse("@ana @ANA @Ana"), ["ana"]);
        let crowd: String = (0..MAX_MENTIONS + 5).map(|n| format!("@user{n} ")).collect();
        assert_eq!(parse(&crowd).len(), MAX_MENTIONS);
    }

    proptest! {
        #[test]
        fn whatever_is_written_only_usernames_are_mentioned(text in "([@#<> a-zA-Z0-9_é-]|.){0,200}") {
            let names = parse(&text);
            prop_assert!(names.len() <= MAX_MENTIONS);
            prop_assert!(names.iter().all(|name| is_username(name)), "{:?}", names);
        }
    }
}
