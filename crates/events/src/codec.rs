//! Between events and records: the only place that knows how an event is written.
//!
//! Shapes only grow. When one breaks, its version rises and an upcaster here lifts each older version by one step;
//! golden samples of every version ever shipped are decoded by a test.

use serde_json::Value;
use uuid::Uuid;

use crate::actors::ActorEvent;
use crate::clock::{parse_rfc3339, rfc3339};
use crate::deliveries::DeliveryEvent;
use crate::envelope::{Event, Origin, Placed, Record, Stored};
use crate::event::events;
use crate::graph::GraphEvent;
use crate::id::ActorId;
use crate::identity::IdentityEvent;
use crate::media::MediaEvent;
use crate::notifications::NotificationEvent;
use crate::place::{JournalId, Place};
use crate::sealing::Sealed;
use crate::sessions::SessionEvent;
use crate::topic::Topic;

events! {
    /// What may stand on any topic.
    enum AnyTopicEvent;

    /// A view gave up an event it could not apply: its rebuilds skip it too, other views ignore this.
    "event.dropped" 1 => EventDropped {
        /// The view.
        view: String,
        /// The event it gave up.
        event: Uuid,
    }
}

/// What happened, by topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// On `identity`.
    Identity(IdentityEvent),
    /// On `actors`.
    Actors(ActorEvent),
    /// On `sessions`.
    Sessions(SessionEvent),
    /// On `graph`.
    Graph(GraphEvent),
    /// On `media`.
    Media(MediaEvent),
    /// On `notifications`.
    Notifications(NotificationEvent),
    /// On `deliveries`.
    Deliveries(DeliveryEvent),
    /// On any topic.
    Any(AnyTopicEvent),
}

macro_rules! each_body {
    ($body:expr, $event:ident => $then:expr) => {
        match $body {
            Body::Identity($event) => $then,
            Body::Actors($event) => $then,
            Body::Sessions($event) => $then,
            Body::Graph($event) => $then,
            Body::Media($event) => $then,
            Body::Notifications($event) => $then,
            Body::Deliveries($event) => $then,
            Body::Any($event) => $then,
        }
    };
}

macro_rules! body_of {
    ($($event:ty => $variant:ident),* $(,)?) => {$(
        impl From<$event> for Body {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        }
    )*};
}
body_of!(
    IdentityEvent => Identity,
    ActorEvent => Actors,
    SessionEvent => Sessions,
    GraphEvent => Graph,
    MediaEvent => Media,
    NotificationEvent => Notifications,
    DeliveryEvent => Deliveries,
    AnyTopicEvent => Any,
);

impl Body {
    /// `ce_type`.
    pub const fn type_name(&self) -> &'static str {
        each_body!(self, event => event.type_name())
    }

    /// The version of its shape.
    pub const fn version(&self) -> u32 {
        each_body!(self, event => event.version())
    }

    /// The acting actor.
    pub const fn by(&self) -> Option<ActorId> {
        each_body!(self, event => event.by())
    }

    /// Calls `visit` for every seal in it.
    pub fn each_seal<'a>(&'a self, visit: &mut dyn FnMut(&'a Sealed)) {
        each_body!(self, event => event.each_seal(visit));
    }

    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        each_body!(self, event => event.to_json())
    }

    fn from_json(topic: Topic, ty: &str, value: &[u8]) -> Option<serde_json::Result<Self>> {
        if let Some(any) = AnyTopicEvent::from_json(ty, value) {
            return Some(any.map(Self::Any));
        }
        Some(match topic {
            Topic::Identity => IdentityEvent::from_json(ty, value)?.map(Self::Identity),
            Topic::Actors => ActorEvent::from_json(ty, value)?.map(Self::Actors),
            Topic::Sessions => SessionEvent::from_json(ty, value)?.map(Self::Sessions),
            Topic::Graph => GraphEvent::from_json(ty, value)?.map(Self::Graph),
            Topic::Media => MediaEvent::from_json(ty, value)?.map(Self::Media),
            Topic::Notifications => NotificationEvent::from_json(ty, value)?.map(Self::Notifications),
            Topic::Deliveries => DeliveryEvent::from_json(ty, value)?.map(Self::Deliveries),
        })
    }
}

/// The types that may stand on a topic, with their current versions; those of any topic included.
pub fn types_on(topic: Topic) -> impl Iterator<Item = (&'static str, u32)> {
    let own = match topic {
        Topic::Identity => IdentityEvent::TYPES,
        Topic::Actors => ActorEvent::TYPES,
        Topic::Sessions => SessionEvent::TYPES,
        Topic::Graph => GraphEvent::TYPES,
        Topic::Media => MediaEvent::TYPES,
        Topic::Notifications => NotificationEvent::TYPES,
        Topic::Deliveries => DeliveryEvent::TYPES,
    };
    own.iter().chain(AnyTopicEvent::TYPES).copied()
}

/// Why a record is no event. It names no content: the reason may be logged.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// An attribute of the envelope is missing or malformed.
    #[error("the envelope's `{0}` is missing or malformed")]
    Envelope(&'static str),
    /// Nothing of this type stands on the topic.
    #[error("unknown event type `{ty}` on `{topic}`")]
    UnknownType {
        /// The topic.
        topic: Topic,
        /// The type.
        ty: String,
    },
    /// A newer program wrote it.
    #[error("`{ty}` has version {version}; this program knows up to {known}")]
    UnknownVersion {
        /// The type.
        ty: String,
        /// Its version.
        version: u32,
        /// The newest known.
        known: u32,
    },
    /// The value is not of the type's shape.
    #[error("the value of `{ty}` is malformed at line {line}, column {column}")]
    Value {
        /// The type.
        ty: String,
        /// Where, as serde_json counts.
        line: usize,
        /// Where, as serde_json counts.
        column: usize,
    },
}

/// An event could not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode the event")]
pub struct Unencodable(#[source] serde_json::Error);

/// Writes an event as a record for `topic`.
///
/// # Errors
/// [`Unencodable`] when its value cannot be written as JSON.
pub fn encode(topic: Topic, event: &Event) -> Result<Record, Unencodable> {
    let ty = event.body.type_name();
    let mut headers = vec![
        ("ce_specversion".to_owned(), "1.0".to_owned()),
        ("ce_id".to_owned(), event.id.to_string()),
        ("ce_type".to_owned(), ty.to_owned()),
        ("ce_source".to_owned(), format!("{SOURCE_PREFIX}{}", event.source)),
        ("ce_subject".to_owned(), event.key.clone()),
        ("ce_time".to_owned(), rfc3339(event.time_ms)),
        ("ce_dataschema".to_owned(), format!("{SOURCE_PREFIX}{ty}:{}", event.body.version())),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    if event.origin == Origin::Import {
        headers.push(("ce_aredviorigin".to_owned(), "import".to_owned()));
    }
    if let Some(traceparent) = &event.traceparent {
        headers.push(("traceparent".to_owned(), traceparent.clone()));
    }
    let value = event.body.to_json().map_err(Unencodable)?;
    Ok(Record { topic, key: event.key.clone(), headers, value })
}

/// Reads the event in a record, lifting older versions.
///
/// # Errors
/// [`Undecodable`], with no word of the content.
pub fn decode(stored: &Stored) -> Result<Placed, Undecodable> {
    let event = decode_record(stored.place, &stored.record)?;
    Ok(Placed { place: stored.place, event })
}

fn decode_record(place: Place, record: &Record) -> Result<Event, Undecodable> {
    let attribute = |name: &'static str| header(record, name).ok_or(Undecodable::Envelope(name));
    if attribute("ce_specversion")? != "1.0" {
        return Err(Undecodable::Envelope("ce_specversion"));
    }
    let id = Uuid::parse_str(attribute("ce_id")?).map_err(|_| Undecodable::Envelope("ce_id"))?;
    let source = attribute("ce_source")?
        .strip_prefix(SOURCE_PREFIX)
        .and_then(|id| Uuid::parse_str(id).ok())
        .map(JournalId)
        .ok_or(Undecodable::Envelope("ce_source"))?;
    if attribute("ce_subject")? != record.key {
        return Err(Undecodable::Envelope("ce_subject"));
    }
    let time_ms = parse_rfc3339(attribute("ce_time")?).ok_or(Undecodable::Envelope("ce_time"))?;
    let origin = match header(record, "ce_aredviorigin") {
        None => Origin::Here,
        Some("import") => Origin::Import,
        Some(_) => return Err(Undecodable::Envelope("ce_aredviorigin")),
    };
    let ty = attribute("ce_type")?;
    let version = attribute("ce_dataschema")?
        .strip_prefix(SOURCE_PREFIX)
        .and_then(|schema| schema.strip_prefix(ty)?.strip_prefix(':')?.parse().ok())
        .ok_or(Undecodable::Envelope("ce_dataschema"))?;
    let body = decode_value(place.partition.topic, ty, version, &record.value)?;
    let traceparent = header(record, "traceparent").map(str::to_owned);
    Ok(Event { id, key: record.key.clone(), time_ms, source, origin, traceparent, body })
}

/// Reads the id of the event in a record, even when the rest cannot be decoded.
pub fn event_id(record: &Record) -> Option<Uuid> {
    Uuid::parse_str(header(record, "ce_id")?).ok()
}

/// One attribute of a record's envelope.
pub fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

const SOURCE_PREFIX: &str = "urn:aredvi:";

/// Lifts a type from one version to the next; it moves seals and never opens them.
struct Upcaster {
    ty: &'static str,
    from: u32,
    lift: fn(Value) -> Value,
}

/// Every break of a shape so far: none.
const UPCASTERS: &[Upcaster] = &[];

fn decode_value(topic: Topic, ty: &str, version: u32, value: &[u8]) -> Result<Body, Undecodable> {
    let known = types_on(topic)
        .find(|(name, _)| *name == ty)
        .map(|(_, known)| known)
        .ok_or_else(|| Undecodable::UnknownType { topic, ty: ty.to_owned() })?;
    let malformed =
        |error: serde_json::Error| Undecodable::Value { ty: ty.to_owned(), line: error.line(), column: error.column() };
    let lifted;
    let value = if version == known {
        value
    } else if version > known || version == 0 {
        return Err(Undecodable::UnknownVersion { ty: ty.to_owned(), version, known });
    } else {
        lifted = lift(UPCASTERS, ty, version..known, value).map_err(malformed)?;
        &lifted
    };
    Body::from_json(topic, ty, value).ok_or_else(|| Undecodable::UnknownType { topic, ty: ty.to_owned() })?.map_err(malformed)
}

fn lift(upcasters: &[Upcaster], ty: &str, versions: std::ops::Range<u32>, value: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(value)?;
    for version in versions {
        if let Some(upcaster) = upcasters.iter().find(|upcaster| upcaster.ty == ty && upcaster.from == version) {
            value = (upcaster.lift)(value);
        }
    }
    serde_json::to_vec(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Followed;
    use crate::id::Id;
    use crate::place::Partition;
    use serde_json::json;

    fn event() -> Event {
        let id = |n| Id::new(n).expect("in range");
        Event {
            id: Uuid::from_u128(5),
            key: "1:2".to_owned(),
            time_ms: 1_790_000_000_123,
            source: JournalId(Uuid::from_u128(9)),
            origin: Origin::Import,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            body: Followed { by: Some(id(1).into()), follower: id(1).into(), leader: id(2).into(), story: id(3).into() }.into(),
        }
    }

    fn stored(record: Record) -> Stored {
        Stored { place: Place { partition: Partition::of(record.topic, &record.key), offset: 4 }, record }
    }

    #[test]
    fn an_event_is_a_cloudevent_and_comes_back() {
        let record = encode(Topic::Graph, &event()).expect("encodes");
        assert_eq!(header(&record, "ce_type"), Some("actor.followed"));
        assert_eq!(header(&record, "ce_dataschema"), Some("urn:aredvi:actor.followed:1"));
        assert_eq!(header(&record, "ce_time"), Some("2026-09-21T14:13:20.123Z"));
        let value: Value = serde_json::from_slice(&record.value).expect("json");
        assert_eq!(value, json!({"by": "1", "follower": "1", "leader": "2", "story": "3"}));
        assert_eq!(decode(&stored(record)).expect("decodes").event, event());
    }

    #[test]
    fn what_cannot_be_decoded_says_why_without_the_content() {
        let change = |name: &str, value: &str| {
            let mut record = encode(Topic::Graph, &event()).expect("encodes");
            for header in &mut record.headers {
                if header.0 == name {
                    value.clone_into(&mut header.1);
                }
            }
            decode(&stored(record)).expect_err("refused").to_string()
        };
        assert_eq!(change("ce_id", "x"), "the envelope's `ce_id` is missing or malformed");
        assert_eq!(change("ce_subject", "2:1"), "the envelope's `ce_subject` is missing or malformed");
        assert_eq!(
            change("ce_dataschema", "urn:aredvi:actor.followed:2"),
            "`actor.followed` has version 2; this program knows up to 1"
        );
        let mut record = encode(Topic::Graph, &event()).expect("encodes");
        record.value = b"{\"by\":null,\"follower\":\"secret\"}".to_vec();
        let reason = decode(&stored(record)).expect_err("refused").to_string();
        assert!(reason.starts_with("the value of `actor.followed` is malformed"), "{reason}");
        assert!(!reason.contains("secret"));
    }

    #[test]
    fn a_type_stands_on_its_own_topic_only() {
        let record = encode(Topic::Media, &event()).expect("encodes");
        assert!(matches!(decode(&stored(record)), Err(Undecodable::UnknownType { topic: Topic::Media, .. })));
    }

    #[test]
    fn an_older_version_is_lifted_step_by_step() {
        let upcasters = [
            Upcaster {
                ty: "a",
                from: 1,
                lift: |mut v| {
                    v["two"] = v["one"].take();
                    v
                },
            },
            Upcaster {
                ty: "a",
                from: 2,
                lift: |mut v| {
                    v["three"] = v["two"].take();
                    v
                },
            },
        ];
        let lifted: Value = serde_json::from_slice(&lift(&upcasters, "a", 1..3, b"{\"one\":7}").expect("lifts")).expect("json");
        assert_eq!(lifted["three"], 7);
    }
}
