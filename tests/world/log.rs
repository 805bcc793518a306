//! The log of a site, as it was exported: what other programs would read.

use std::fs::File;
use std::sync::Mutex;

use aredvi_archive::Reader;
use aredvi_archive::line::{Line, RecordLine};
use serde_json::{Value, json};

use super::site::Site;

/// Every record there was.
pub struct Log(Vec<RecordLine>);

impl Log {
    /// Reads it.
    pub fn of(site: &Mutex<Site>) -> Self {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("log.ndjson.zst");
        let exported = site.lock().expect("the site").run(&["journal", "export", file.to_str().expect("a path")]);
        assert!(exported.status.success(), "{exported:?}");
        let mut reader = Reader::open(&file, File::open(&file).expect("a file")).expect("an export");
        let mut records = Vec::new();
        while let Some(line) = reader.next_line().expect("a line") {
            if let Line::Record(record) = line {
                records.push(record);
            }
        }
        Self(records)
    }

    /// The newest event of a type in whose value `field` is `id`.
    pub fn find(&self, ty: &str, field: &str, id: &str) -> &RecordLine {
        let found = self.0.iter().rev().find(|record| header(record, "ce_type") == ty && value(record)[field] == id);
        found.unwrap_or_else(|| panic!("no {ty} of {id} on the log"))
    }

    /// One of its sealed fields, as the admin API wants to be asked for it.
    pub fn sealed(&self, ty: &str, field: &str, id: &str, sealed: &str) -> Value {
        let record = self.find(ty, field, id);
        json!({"event_id": header(record, "ce_id"), "sealed": value(record)[sealed]})
    }
}

fn header<'a>(record: &'a RecordLine, name: &str) -> &'a str {
    record.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).expect("a header")
}

fn value(record: &RecordLine) -> Value {
    record.value.as_ref().map_or(Value::Null, |value| serde_json::from_str(value.get()).expect("JSON"))
}
