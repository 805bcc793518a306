//! The bounds of a journal, the same for both engines.

use std::time::Duration;

use aredvi_events::Record;

/// The most bytes of one record, key, headers and framing included: the `max.message.bytes` of every topic.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes of all records of one append.
pub const MAX_APPEND_BYTES: usize = 32 * 1024 * 1024;

/// An append is answered within this, whatever the engine does.
pub const APPEND_LIMIT: Duration = Duration::from_secs(2);

/// What a Kafka record batch of one record needs besides key, headers and value, in bytes, rounded up.
const RECORD_FRAMING_BYTES: usize = 256;

/// What a header needs besides its name and value, in bytes: two varints.
const HEADER_FRAMING_BYTES: usize = 10;

/// The bytes of a record as the bounds count them.
pub fn record_bytes(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_FRAMING_BYTES).sum();
    RECORD_FRAMING_BYTES + record.key.len() + headers + record.value.len()
}

/// The bytes of an append; `None` when a bound is passed.
pub fn append_bytes(records: &[Record]) -> Option<usize> {
    let mut total = 0;
    for bytes in records.iter().map(record_bytes) {
        total += bytes;
        if bytes > MAX_RECORD_BYTES || total > MAX_APPEND_BYTES {
            return None;
        }
    }
    Some(total)
}
