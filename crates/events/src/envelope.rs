//! The envelope: CloudEvents 1.0 in Kafka's binary content mode (Kafka Protocol Binding, section 3.2).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codec::Body;
use crate::place::{JournalId, Place};
use crate::topic::Topic;

/// One record as a journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its topic; the partition follows from the key.
    pub topic: Topic,
    /// Decimal ids; see [`Topic`].
    pub key: String,
    /// The CloudEvents attributes, `content-type` and `traceparent`: text, in order.
    pub headers: Vec<(String, String)>,
    /// The JSON value.
    pub value: Vec<u8>,
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands.
    pub place: Place,
    /// What stands there.
    pub record: Record,
}

/// Whether an event happened here or was brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It happened in this community.
    #[default]
    Here,
    /// It is history brought in: nobody is told of it.
    Import,
}

/// An event: the envelope and what happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `ce_id`: UUIDv7, or UUIDv5 of cause and purpose for derived events.
    pub id: Uuid,
    /// `ce_subject`, equal to the record's key.
    pub key: String,
    /// `ce_time` in Unix milliseconds.
    pub time_ms: i64,
    /// `ce_source`: the journal of the first append.
    pub source: JournalId,
    /// `ce_aredviorigin`.
    pub origin: Origin,
    /// `traceparent` (W3C Trace Context), when the request had one.
    pub traceparent: Option<String>,
    /// What happened.
    pub body: Body,
}

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Where it stands.
    pub place: Place,
    /// The event.
    pub event: Event,
}
