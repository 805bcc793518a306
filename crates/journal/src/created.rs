//! The record that names a journal: the first one of `identity`.

use aredvi_events::identity::JournalCreated;
use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{Event, JournalId, Mint, Origin, Partition, Record, Topic, codec};

use crate::error::Fault;

/// The type of the event.
const TYPE: &str = "journal.created";

/// Where its first record stands.
pub fn identity() -> Partition {
    Partition { topic: Topic::Identity, number: 0 }
}

/// A record that names a journal anew. When two creators race, the first one on the log counts.
pub fn record(mint: &Mint) -> Result<Record, Fault> {
    let id = mint.event_id();
    let event = Event {
        id,
        key: IDENTITY_KEY.to_owned(),
        time_ms: mint.now_ms(),
        source: JournalId(id),
        origin: Origin::Here,
        traceparent: None,
        body: JournalCreated { by: None }.into(),
    };
    codec::encode(Topic::Identity, &event).map_err(Fault::new)
}

/// The id of the journal whose first record this is; `None` when it does not name one.
pub fn journal_id(first: &Record) -> Option<JournalId> {
    (codec::header(first, "ce_type") == Some(TYPE)).then(|| codec::event_id(first).map(JournalId))?
}
