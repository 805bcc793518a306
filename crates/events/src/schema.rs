//! What events look like to those who read the log in another language: JSON Schemas (2020-12), made from the types
//! themselves, each with a sample.
//!
//! They say what the codec writes, and no more than that: readers ignore fields they do not know, because shapes grow.

use std::fmt;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::actors::ActorEvent;
use crate::codec::AnyTopicEvent;
use crate::deliveries::DeliveryEvent;
use crate::graph::GraphEvent;
use crate::identity::IdentityEvent;
use crate::media::MediaEvent;
use crate::notifications::NotificationEvent;
use crate::sessions::SessionEvent;
use crate::topic::{IDENTITY_KEY, Topic};

/// A sample of every event ever shipped, by type and version: `note.added.1`.
const GOLDEN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/golden.rs"));
/// A UUID in its canonical form.
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
/// As [`crate::id::Id`] is written.
const ID: &str = "[1-9][0-9]{0,18}";

/// One type of event in its current version.
#[derive(Clone, Copy)]
pub struct Shape {
    /// `ce_type`.
    pub ty: &'static str,
    /// The end of `ce_dataschema`.
    pub version: u32,
    pub(crate) of_value: fn(SchemaGenerator) -> Schema,
}

/// An event's record as a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The record's key.
    pub key: String,
    /// Its headers, by name.
    pub headers: Value,
    /// Its value.
    pub value: Value,
}

/// The types that stand on a topic alone, in the order of their declaration.
pub const fn shapes_of(topic: Topic) -> &'static [Shape] {
    match topic {
        Topic::Identity => IdentityEvent::SHAPES,
        Topic::Actors => ActorEvent::SHAPES,
        Topic::Sessions => SessionEvent::SHAPES,
        Topic::Graph => GraphEvent::SHAPES,
        Topic::Media => MediaEvent::SHAPES,
        Topic::Notifications => NotificationEvent::SHAPES,
        Topic::Deliveries => DeliveryEvent::SHAPES,
    }
}

/// The types that may stand on any topic.
pub const fn shapes_of_any() -> &'static [Shape] {
    AnyTopicEvent::SHAPES
}

/// Every type.
pub fn shapes() -> impl Iterator<Item = &'static Shape> {
    Topic::ALL.into_iter().flat_map(shapes_of).chain(shapes_of_any())
}

/// What the keys on a topic are like.
pub fn key(topic: Topic) -> Value {
    let (pattern, description) = match topic {
        Topic::Identity => (format!("^{IDENTITY_KEY}$"), "A constant: all requests stand in one order."),
        Topic::Actors | Topic::Sessions => (format!("^{ID}$"), "The person's id."),
        Topic::Graph => (format!("^{ID}:{ID}$"), "The ids of the two actors, the numerically smaller first."),
        Topic::Media => (format!("^{ID}$"), "The medium's id."),
        Topic::Notifications | Topic::Deliveries => (format!("^{ID}$"), "The recipient's id."),
    };
    json!({"type": "string", "pattern": pattern, "description": description})
}

/// The headers of every record: CloudEvents 1.0 in Kafka's binary content mode.
pub fn headers() -> Value {
    let text = |pattern: &str, description: &str| json!({"type": "string", "pattern": pattern, "description": description});
    json!({
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": text(UUID, "The event's id: a UUIDv7, or a UUIDv5 of its cause. Another record with the same id is the \
                same event once more: ignore it. Seals are bound to it."),
            "ce_type": text(r"^[a-z_]+\.[a-z_]+$", "What happened."),
            "ce_source": text("^urn:aredvi:[0-9a-f-]{36}$", "The log that it was first appended to."),
            "ce_subject": {"type": "string", "description": "The record's key."},
            "ce_time": {"type": "string", "format": "date-time", "description": "When it happened, UTC, in milliseconds."},
            "ce_dataschema": text(r"^urn:aredvi:[a-z_]+\.[a-z_]+:[1-9][0-9]*$", "The type and the version of its shape: the \
                `$id` of its JSON Schema."),
            "ce_aredviorigin": {"type": "string", "const": "import", "description": "History that was brought in: nobody is \
                told of it, and nothing is sent. Missing otherwise."},
            "content-type": {"type": "string", "const": "application/json"},
            "traceparent": text("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", "The trace of the request that caused \
                it (W3C Trace Context). May be missing."),
        },
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_dataschema", "content-type"],
    })
}

impl Shape {
    /// `urn:aredvi:note.added:1`, as in `ce_dataschema`.
    pub fn id(&self) -> String {
        format!("urn:aredvi:{}:{}", self.ty, self.version)
    }

    /// The JSON Schema (2020-12) of the value; it stands alone.
    pub fn json_schema(&self) -> Value {
        let mut schema = (self.of_value)(SchemaSettings::draft2020_12().for_serialize().into_generator());
        schema.insert("$id".to_owned(), self.id().into());
        schema.insert("title".to_owned(), self.ty.into());
        schema.to_value()
    }

    /// The schema of the value for a document that keeps shared schemas under `definitions`, such as
    /// `/components/schemas`: first its own, then those that it refers to, by name. Nothing stands beside a `$ref`, which
    /// draft 7 would ignore.
    pub fn schema_in(&self, definitions: &str) -> (Value, Vec<(String, Value)>) {
        let settings = SchemaSettings::draft07().for_serialize().with(|settings| {
            settings.definitions_path = definitions.to_owned().into();
            settings.meta_schema = None;
        });
        let mut schema = (self.of_value)(settings.into_generator()).to_value();
        let shared = schema.pointer_mut(definitions).map(Value::take);
        let top = definitions.trim_start_matches('/').split('/').next().unwrap_or_default();
        if let Value::Object(members) = &mut schema {
            members.remove(top);
            members.insert("title".to_owned(), self.ty.into());
        }
        let Some(Value::Object(shared)) = shared else { return (schema, Vec::new()) };
        (schema, shared.into_iter().collect())
    }

    /// What happened, in a sentence or two.
    pub fn description(&self) -> String {
        let schema = self.json_schema();
        schema["description"].as_str().unwrap_or_default().to_owned()
    }

    /// The golden sample of it.
    pub fn sample(&self) -> Option<Sample> {
        let name = format!("{}.{}", self.ty, self.version);
        let (_, text) = GOLDEN.iter().find(|(kept, _)| *kept == name)?;
        let mut sample: Value = serde_json::from_str(text).ok()?;
        let key = sample["key"].as_str()?.to_owned();
        Some(Sample { key, headers: sample["headers"].take(), value: sample["value"].take() })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}
