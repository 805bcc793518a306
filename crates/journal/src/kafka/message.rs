//! Between Kafka's messages and records.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aredvi_events::{Partition, Place, Record, Stored};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};

/// The headers as the producer takes them.
pub fn headers(record: &Record) -> OwnedHeaders {
    record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value.as_str()) })
    })
}

/// The record in a message of `partition`. Whatever else a foreign producer wrote is taken as text as far as it goes: the
/// decoder then says what is wrong with the event.
pub fn stored(partition: Partition, message: &BorrowedMessage<'_>) -> Stored {
    let place = Place { partition, offset: u64::try_from(message.offset()).unwrap_or(0) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let record = Record {
        topic: partition.topic,
        key: message.key().map(text).unwrap_or_default(),
        headers: received_headers(message),
        value: message.payload().map(<[u8]>::to_vec).unwrap_or_default(),
    };
    Stored { place, record }
}

/// A header's name that is not UTF-8 makes the client panic: such a record has no headers for us.
fn received_headers(message: &BorrowedMessage<'_>) -> Vec<(String, String)> {
    let all = || {
        let Some(headers) = message.headers() else { return Vec::new() };
        let text = |header: Header<'_, &[u8]>| {
            (header.key.to_owned(), String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned())
        };
        headers.iter().map(text).collect()
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_default()
}
