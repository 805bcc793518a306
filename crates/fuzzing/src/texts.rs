//! Texts that people write: checked, counted and brought to one form; what is found in them. The first byte chooses.

use aredvi_api::text::{self, is_username};
use aredvi_api::{hashtags, mentions};
use aredvi_events::fingerprint::{FingerprintKey, normalise_email};

use crate::choice;

type Check = fn(&'static str, &str) -> Result<String, aredvi_api::problem::FieldError>;

const CHECKS: [(Check, usize); 11] = [
    (text::username, text::MAX_USERNAME),
    (text::name, text::MAX_NAME),
    (text::title, text::MAX_TITLE),
    (text::search, text::MAX_SEARCH),
    (text::bio, text::MAX_BIO),
    (text::note, text::MAX_NOTE),
    (text::comment, text::MAX_COMMENT),
    (text::article, text::MAX_ARTICLE),
    (text::email, text::MAX_EMAIL),
    (text::language, text::MAX_LANGUAGE),
    (text::time_zone, text::MAX_TIME_ZONE),
];

/// A text that was taken is within its bounds, and is taken again as it is; what is found in one is of one form.
pub fn target(data: &[u8]) {
    let Some((first, given)) = choice(data) else { return };
    let (check, most) = CHECKS[usize::from(first) % CHECKS.len()];
    if let Ok(taken) = check("/x", given) {
        assert!(taken.chars().count() <= most);
        assert_eq!(check("/x", &taken).as_ref(), Ok(&taken), "a text that was taken is no longer taken as it is");
    }
    let _ = text::password("/x", given, "ana", "ana@club.example");
    assert!(text::device(given).chars().count() <= text::MAX_DEVICE);
    address(given);
    let tags = hashtags::parse(given);
    assert!(tags.len() <= hashtags::MAX_HASHTAGS);
    for tag in &tags {
        assert_eq!(hashtags::normalise(tag).as_ref(), Some(tag), "a hashtag has one form");
    }
    let names = mentions::parse(given);
    assert!(names.len() <= mentions::MAX_MENTIONS);
    assert!(names.iter().all(|name| is_username(name) && *name == name.to_ascii_lowercase()));
}

/// An address is found by whatever way of writing it its normal form was made from.
fn address(given: &str) {
    let Ok(normal) = normalise_email(given) else { return };
    assert_eq!(normalise_email(&normal).as_ref(), Ok(&normal), "an address has one form");
    let key = FingerprintKey::new([7; 32]);
    assert_eq!(key.email(given), key.email(&normal));
}
