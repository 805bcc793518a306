//! Ids of people, groups, media, comments, stories, notifications and sessions: one space of 63 bits.
//!
//! 41 bits of milliseconds since 2026-01-01, 10 bits of worker, 12 bits of sequence. Numbers below
//! [`FIRST_MINTED`] are never minted; they belong to history brought in from elsewhere.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 2026-01-01T00:00:00Z in Unix milliseconds: the zero of every id's time.
pub const EPOCH_MS: i64 = 1_767_225_600_000;
/// Bits of an id that number the mints of one worker within a millisecond.
pub const SEQUENCE_BITS: u32 = 12;
/// Bits of an id that name the worker.
pub const WORKER_BITS: u32 = 10;
/// Ids below this are imported history's.
pub const FIRST_MINTED: u64 = 1 << 40;

/// An id: 1 ..= 2^63 - 1, written as a decimal string in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a decimal number from 1 to 9223372036854775807")]
pub struct NotAnId;

impl Id {
    /// The id of this number, if it is in range.
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 || number > i64::MAX as u64 { None } else { Some(Self(number)) }
    }

    /// Puts an id together; `ms` is Unix milliseconds and must not lie before 2026.
    pub(crate) fn assemble(ms: i64, worker: u16, sequence: u16) -> Option<Self> {
        let since = u64::try_from(ms.checked_sub(EPOCH_MS)?).ok()?;
        Self::new((since << (WORKER_BITS + SEQUENCE_BITS)) | (u64::from(worker) << SEQUENCE_BITS) | u64::from(sequence))
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as databases hold it.
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// When it was minted, in Unix milliseconds; meaningless below [`FIRST_MINTED`].
    pub const fn minted_ms(self) -> i64 {
        (self.0 >> (WORKER_BITS + SEQUENCE_BITS)).cast_signed() + EPOCH_MS
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let canonical =
            !text.is_empty() && text.len() <= 19 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        if !canonical {
            return Err(NotAnId);
        }
        text.parse().ok().and_then(Self::new).ok_or(NotAnId)
    }
}

impl TryFrom<i64> for Id {
    type Error = NotAnId;

    fn try_from(number: i64) -> Result<Self, NotAnId> {
        u64::try_from(number).ok().and_then(Self::new).ok_or(NotAnId)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;
        impl serde::de::Visitor<'_> for Decimal {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id as a decimal string")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Decimal)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[1-9][0-9]{0,18}$"})
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Id);

        impl $name {
            /// The number as databases hold it.
            pub const fn as_i64(self) -> i64 {
                self.0.as_i64()
            }

            /// The number itself.
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.parse().map(Self)
            }
        }

        impl TryFrom<i64> for $name {
            type Error = NotAnId;
            fn try_from(number: i64) -> Result<Self, NotAnId> {
                Id::try_from(number).map(Self)
            }
        }

        impl From<Id> for $name {
            fn from(id: Id) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Id {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A person or a group.
    ActorId;
    /// A note or another medium.
    MediumId;
    /// A comment on a medium.
    CommentId;
    /// A story: one line of an actor's page.
    StoryId;
    /// What a notification is about: the same number as its cause's minted id, unique per recipient.
    NotificationId;
    /// One sign-in on one device.
    SessionId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_decimal_string_in_json() {
        let id: Id = "9223372036854775807".parse().expect("the greatest id");
        assert_eq!(serde_json::to_string(&id).expect("json"), "\"9223372036854775807\"");
        assert_eq!(serde_json::from_str::<Id>("\"9223372036854775807\"").expect("json"), id);
        assert!(serde_json::from_str::<Id>("7").is_err());
    }

    #[test]
    fn only_canonical_decimals_in_range_are_ids() {
        for text in ["", "0", "-1", "+1", "01", " 1", "1 ", "9223372036854775808", "99999999999999999999", "1e3", "٣"] {
            assert_eq!(text.parse::<Id>(), Err(NotAnId), "{text:?}");
        }
    }

    #[test]
    fn an_id_tells_when_it_was_minted() {
        let id = Id::assemble(EPOCH_MS + 1_000_000, 1023, 4095).expect("in range");
        assert_eq!(id.minted_ms(), EPOCH_MS + 1_000_000);
        assert_eq!(id.get(), (1_000_000 << 22) | (1023 << 12) | 4095);
        assert_eq!(Id::assemble(EPOCH_MS - 1, 0, 0), None);
    }
}
