//! What `/v1` answers and reads, as serde and OpenAPI see it. No logic; nothing here is stored.
//!
//! Every field is always there: what is not known or not to be told is null.

pub mod actors;
pub mod comments;
pub mod media;
pub mod names;
pub mod notifications;
pub mod sessions;
pub mod stories;

use std::fmt;

use aredvi_events::clock::rfc3339;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    /// At most `limit`, perhaps fewer than there are.
    pub items: Vec<T>,
    /// The cursor of the next page; null at the end of the list.
    #[schema(required)]
    pub next: Option<String>,
}

/// A time in Unix milliseconds, written in RFC 3339, UTC, with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T23:20:38.114Z")]
pub struct Time(pub i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

/// A text that is never printed: a password, a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(pub String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_always_says_what_is_next() {
        let page = Page { items: vec!["a".to_owned()], next: None };
        assert_eq!(serde_json::to_string(&page).expect("json"), r#"{"items":["a"],"next":null}"#);
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(serde_json::to_string(&Time(1_767_225_600_007)).expect("json"), r#""2026-01-01T00:00:00.007Z""#);
    }

    #[test]
    fn secrets_are_read_but_not_printed() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").expect("json");
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("hunter2", "…"));
    }
}
