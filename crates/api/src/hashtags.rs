//! The hashtags of a text: `#` and at least three letters and digits, of which the first is a letter.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The fewest characters of a hashtag, without the `#`.
pub const MIN_HASHTAG: usize = 3;
/// The most characters of a hashtag, without the `#`; a longer one is plain text.
pub const MAX_HASHTAG: usize = 100;
/// The most hashtags of one text; further ones are plain text.
pub const MAX_HASHTAGS: usize = 30;

/// The hashtags of a text in their [normal form](normalise), each once, in the order of the text, at most
/// [`MAX_HASHTAGS`].
///
/// `#` counts at the beginning and after whatever is no letter, digit or `_`; a tag ends at `-`, `_` and all other
/// punctuation. What stands within `<…>` is left out.
pub fn parse(text: &str) -> Vec<String> {
    let text: String = text.nfkc().collect();
    let last_close = text.rfind('>');
    let mut tags: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if tags.len() == MAX_HASHTAGS {
            break;
        }
        if at < skip_to {
            continue;
        }
        if c == '<' && last_close.is_some_and(|close| close > at) {
            skip_to = text[at..].find('>').map_or(at, |close| at + close);
        } else if c == '#' && !(c_continues(before) || before == '_') {
            let rest = &text[at + 1..];
            let ends = rest.find(|c| !c_continues(c)).unwrap_or(rest.len());
            if let Some(tag) = normalise(&rest[..ends])
                && !tags.contains(&tag)
            {
                tags.push(tag);
            }
        }
        before = c;
    }
    tags
}

/// The normal form of a hashtag without its `#`: NFKC, lowercase. `None` when it is none.
pub fn normalise(tag: &str) -> Option<String> {
    if tag.len() > MAX_HASHTAG * 4 {
        return None;
    }
    let tag: String = tag.nfkc().collect::<String>().to_lowercase().nfkc().collect();
    let fits = (MIN_HASHTAG..=MAX_HASHTAG).contains(&tag.chars().count());
    let usable = tag.starts_with(char::is_alphabetic) && tag.chars().all(c_continues);
    (fits && usable).then_some(tag)
}

/// Letters, digits, marks on them, and emoji with their joiners.
fn c_continues(c: char) -> bool {
    c.is_alphanumeric()
        || is_combining_mark(c)
        || matches!(c, '\u{200c}' | '\u{200d}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hashtag_is_a_letter_and_at_least_two_more() {
        assert_eq!(parse("#Rust #ab #a #12ab #_abc #a1b"), ["rust", "a1b"]);
        assert_eq!(parse("#tag-a #tag_b ##tagc (#tagd) http://x/#anchor"), ["tag", "tagc", "tagd", "anchor"]);
        assert_eq!(parse("a#tag 1#tag _#tag é#tag"), [""; 0]);
    }

    #[test]
    fn letters_of_all_scripts_count_and_have_one_form() {
        assert_eq!(parse("#Ünïcode #u\u{308}ni\u{308}code #ＷＩＤＥ #ﬁne"), ["ünïcode", "wide", "fine"]);
        assert_eq!(parse("#हिन्दी #日本語 #party🎉"), ["हिन्दी", "日本語", "party🎉"]);
    }

    #[test]
    fn what_stands_within_angle_brackets_is_left_out() {
        assert_eq!(parse("<a href=\"#anchor\">#inside</a> #after < #open"), ["inside", "after", "open"]);
    }

    #[test]
    fn each_counts_once_and_not_too_many() {
        assert_eq!(parse("#Tag #tag #TAG"), ["tag"]);
        let many: String = (0..MAX_HASHTAGS + 5).map(|n| format!("#tag{n} ")).collect();
        assert_eq!(parse(&many).len(), MAX_HASHTAGS);
        assert_eq!(parse(&format!("#{}", "a".repeat(MAX_HASHTAG + 1))), [""; 0]);
    }

    #[test]
    fn a_list_s_name_has_the_same_form() {
        assert_eq!(normalise("RUST"), Some("rust".to_owned()));
        for text in ["", "ab", "#rust", "a b c", "tag-a", "1abc"] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_every_tag_is_normal(text in "([@#<> a-zA-Z0-9_é\u{308}-]|.){0,200}") {
            let tags = parse(&text);
            prop_assert!(tags.len() <= MAX_HASHTAGS);
            for tag in tags {
                prop_assert_eq!(normalise(&tag), Some(tag.clone()));
                prop_assert!(!tag.contains(char::is_whitespace));
            }
        }
    }
}
