//! What a line of a file says. Shapes only grow.

use std::collections::BTreeMap;

use aredvi_events::{Partition, Place, Positions, Record, Stored, Topic};
use aredvi_projectors::control::MintedUntil;
use aredvi_projectors::keys::wrapped::{Material, WrappedKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The format of files that this program writes.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Begin(Begin),
    /// A record of the log.
    Record(RecordLine),
    /// A data key, wrapped by the master key, or the tombstone of one.
    Key(WrappedKey),
    /// Another key, wrapped by the master key.
    Material(Material),
    /// Up to when ids were minted under a worker number.
    Worker(MintedUntil),
    /// The last line.
    End(End),
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// [`FORMAT`].
    pub aredvi: u32,
    /// The journal that it was made from.
    pub journal: Uuid,
    /// When, Unix milliseconds.
    pub made_ms: i64,
    /// By `topic/partition`, the offset before which nothing is in it.
    pub from: BTreeMap<String, u64>,
}

/// A record with the place it had.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordLine {
    /// The topic's name.
    pub topic: String,
    /// Its partition there.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its key.
    pub key: String,
    /// Its headers in order.
    pub headers: Vec<(String, String)>,
    /// Its value, where that is JSON on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
    /// Its value in base64, where that is anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
}

/// How a file ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many records are in it.
    pub records: u64,
    /// By `topic/partition`, the offset before which everything from `from` on is in it.
    pub to: BTreeMap<String, u64>,
}

impl RecordLine {
    /// The line of a record.
    pub fn of(stored: Stored) -> Self {
        let Stored { place, record } = stored;
        let text = std::str::from_utf8(&record.value).ok().filter(|text| !text.contains('\n'));
        let json = text.and_then(|text| RawValue::from_string(text.to_owned()).ok());
        let value = json.filter(|json| json.get().as_bytes() == record.value);
        let bytes = value.is_none().then(|| STANDARD.encode(&record.value));
        Self {
            topic: place.partition.topic.name().to_owned(),
            partition: place.partition.number,
            offset: place.offset,
            key: record.key,
            headers: record.headers,
            value,
            bytes,
        }
    }

    /// The record; `None` when the line does not say one.
    pub fn into_stored(self) -> Option<Stored> {
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == self.topic)?;
        let value = match (self.value, self.bytes) {
            (Some(value), None) => String::from(Box::<str>::from(value)).into_bytes(),
            (None, Some(bytes)) => STANDARD.decode(bytes).ok()?,
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let record = Record { topic, key: self.key, headers: self.headers, value };
        let partition = Partition { topic, number: self.partition };
        let is_there = self.partition < topic.partitions();
        is_there.then_some(Stored { place: Place { partition, offset: self.offset }, record })
    }
}

/// Positions as files name them.
pub fn named(positions: &Positions) -> BTreeMap<String, u64> {
    positions.iter().map(|(partition, next)| (partition.to_string(), next)).collect()
}

/// What [`named`] named; `None` when there is no such partition.
pub fn positions(named: &BTreeMap<String, u64>) -> Option<Positions> {
    let partitions = Partition::all(&Topic::ALL);
    let of = |name: &str| partitions.iter().copied().find(|partition| partition.to_string() == name);
    named.iter().map(|(name, &next)| Some((of(name)?, next))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_survives_its_line_byte_by_byte(
            key in "[0-9]{1,5}",
            headers in proptest::collection::vec((".{0,9}", ".{0,30}"), 0..4),
            value in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                Just(br#"{"by":null, "n":1.50}"#.to_vec()),
                Just(b" {}".to_vec()),
                Just(b"{\n}".to_vec()),
            ],
        ) {
            let place = Place { partition: Partition::of(Topic::Media, &key), offset: 7 };
            let stored = Stored { place, record: Record { topic: Topic::Media, key, headers, value } };
            let text = serde_json::to_string(&Line::Record(RecordLine::of(stored.clone()))).expect("a line");
            prop_assert!(!text.contains('\n'));
            let Ok(Line::Record(line)) = serde_json::from_str(&text) else { panic!("{text}") };
            prop_assert_eq!(line.into_stored(), Some(stored));
        }
    }

    #[test]
    fn positions_survive_their_names() {
        let all: Positions = Partition::all(&Topic::ALL).into_iter().zip(1..).collect();
        assert_eq!(positions(&named(&all)), Some(all));
        assert_eq!(positions(&BTreeMap::from([("media/24".to_owned(), 1)])), None);
    }
}
