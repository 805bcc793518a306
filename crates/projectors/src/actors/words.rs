//! The normal form of names and of what is searched for, the same on every engine.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Words kept of one name.
pub(super) const WORDS: usize = 16;
/// What joins the parts of one word.
const HYPHENS: [char; 2] = ['-', '_'];
/// Code points kept of one word.
pub(super) const WORD_LENGTH: usize = 64;

/// The words of a text: NFKC, lowercase, split at what is neither letter, digit nor mark; hyphens stay within a word.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    let normal: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let words: Vec<String> = normal
        .split(|c: char| !(c.is_alphanumeric() || HYPHENS.contains(&c) || is_combining_mark(c)))
        .map(|word| word.trim_matches(HYPHENS))
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| word.chars().take(WORD_LENGTH).collect())
        .collect();
    words.into_iter()
}

/// What an actor is found by: each word, and the parts of each.
pub(super) fn of_actor(username: Option<&str>, name: Option<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in username.into_iter().chain(name).flat_map(words) {
        found.extend(word.split(HYPHENS).filter(|part| !part.is_empty()).map(str::to_owned));
        found.insert(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_words_in_any_case_and_form() {
        assert_eq!(words("  Ana  MARÍA (Ñ) ﬁne").collect::<Vec<_>>(), ["ana", "maría", "ñ", "fine"]);
        assert_eq!(words("e\u{301}").collect::<Vec<_>>(), ["é"]);
        assert_eq!(words("!!! ...").count(), 0);
        assert_eq!(words(&"x".repeat(100)).collect::<Vec<_>>(), ["x".repeat(WORD_LENGTH)]);
        let found: Vec<String> = of_actor(Some("ana_b"), Some("Ana B")).into_iter().collect();
        assert_eq!(found, ["ana", "ana_b", "b"]);
        let found: Vec<String> = of_actor(None, Some("Eva Smith-Jones")).into_iter().collect();
        assert_eq!(found, ["eva", "jones", "smith", "smith-jones"]);
    }
}
