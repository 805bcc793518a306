//! One record as a JSON file: its topic, key, headers and value.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use aredvi_events::codec::encode;
use aredvi_events::{Event, Partition, Place, Record, Stored, Topic};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What one file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    topic: String,
    pub key: String,
    pub headers: Value,
    pub value: Value,
}

impl Sample {
    /// As `event` is written on `topic` by this program.
    pub fn of((topic, event): &(Topic, Event)) -> Self {
        let record = encode(*topic, event).expect("encodes");
        let headers: Map<String, Value> = record.headers.into_iter().map(|(name, text)| (name, text.into())).collect();
        let value = serde_json::from_slice(&record.value).expect("a value in JSON");
        Self { topic: topic.to_string(), key: record.key, headers: headers.into(), value }
    }

    /// Every sample that is kept, by the name of its file.
    pub fn all_with_files() -> Vec<(String, Self)> {
        let files = fs::read_dir(directory()).expect("the directory of samples");
        let mut samples: Vec<(String, Self)> = files
            .map(|file| {
                let path = file.expect("a file").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).expect("a text");
                let sample = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                (name, sample)
            })
            .collect();
        samples.sort_by(|one, other| one.0.cmp(&other.0));
        samples
    }

    /// Every sample that is kept.
    pub fn all() -> Vec<Self> {
        Self::all_with_files().into_iter().map(|(_, sample)| sample).collect()
    }

    /// Its type and version: `note.added.1`.
    pub fn name(&self) -> String {
        let (_, version) = self.header("ce_dataschema").rsplit_once(':').expect("a version");
        format!("{}.{version}", self.header("ce_type"))
    }

    /// Where it stands.
    pub fn topic(&self) -> Topic {
        self.topic.parse().expect("a topic")
    }

    /// As a journal would give it back.
    pub fn stored(&self) -> Stored {
        let headers = self.headers.as_object().expect("headers");
        let headers = headers.keys().map(|name| (name.clone(), self.header(name).to_owned())).collect();
        let value = serde_json::to_vec(&self.value).expect("JSON");
        let place = Place { partition: Partition::of(self.topic(), &self.key), offset: 0 };
        Stored { place, record: Record { topic: self.topic(), key: self.key.clone(), headers, value } }
    }

    /// Writes its file, unless there is one.
    pub fn keep(&self) {
        let path = directory().join(format!("{}.json", self.name()));
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).expect("a new file");
        let text = serde_json::to_string_pretty(self).expect("JSON");
        writeln!(file, "{text}").expect("written");
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().expect("a header")
    }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}
