//! A record as one JSON document: CloudEvents 1.0 in structured mode (JSON Event Format 1.0.2).
//!
//! It is what stands on the log, in the version that it was written in. Seals stay seals.

use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::envelope::Stored;

/// What every attribute of the envelope begins with in a record.
const PREFIX: &str = "ce_";

/// The document of a record; its place is told by the attributes `aredvitopic`, `aredvipartition` and `aredvioffset`.
///
/// # Errors
/// When the record's value is no JSON.
pub fn event(stored: &Stored) -> serde_json::Result<String> {
    serde_json::to_string(&Structured(stored))
}

struct Structured<'a>(&'a Stored);

impl Serialize for Structured<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Stored { place, record } = self.0;
        let data: &RawValue = serde_json::from_slice(&record.value).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &record.headers {
            match (name.strip_prefix(PREFIX), name.as_str()) {
                (Some(attribute), _) => map.serialize_entry(attribute, value)?,
                (None, "content-type") => map.serialize_entry("datacontenttype", value)?,
                // The extension "Distributed Tracing".
                (None, "traceparent") => map.serialize_entry("traceparent", value)?,
                (None, _) => {}
            }
        }
        map.serialize_entry("aredvitopic", record.topic.name())?;
        map.serialize_entry("aredvipartition", &place.partition.number)?;
        // An offset may be larger than the integers of an attribute.
        map.serialize_entry("aredvioffset", &place.offset.to_string())?;
        map.serialize_entry("data", data)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::envelope::{Event, Origin};
    use crate::graph::Followed;
    use crate::id::Id;
    use crate::place::{JournalId, Partition, Place};
    use crate::topic::Topic;
    use serde_json::{Value, json};
    use uuid::Uuid;

    #[test]
    fn a_record_is_a_structured_cloud_event() {
        let id = |n| Id::new(n).expect("in range");
        let body = Followed { by: Some(id(1).into()), follower: id(1).into(), leader: id(2).into(), story: id(3).into() };
        let event = Event {
            id: Uuid::from_u128(5),
            key: "1:2".to_owned(),
            time_ms: 1_790_000_000_123,
            source: JournalId(Uuid::from_u128(9)),
            origin: Origin::Here,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            body: body.into(),
        };
        let record = codec::encode(Topic::Graph, &event).expect("encodes");
        let place = Place { partition: Partition { topic: Topic::Graph, number: 7 }, offset: 1 << 40 };
        let document: Value = serde_json::from_str(&super::event(&Stored { place, record }).expect("json")).expect("json");
        assert_eq!(
            document,
            json!({
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000005",
                "type": "actor.followed",
                "source": "urn:aredvi:00000000-0000-0000-0000-000000000009",
                "subject": "1:2",
                "time": "2026-09-21T14:13:20.123Z",
                "dataschema": "urn:aredvi:actor.followed:1",
                "datacontenttype": "application/json",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "aredvitopic": "graph",
                "aredvipartition": 7,
                "aredvioffset": "1099511627776",
                "data": {"by": "1", "follower": "1", "leader": "2", "story": "3"},
            })
        );
    }
}
