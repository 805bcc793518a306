//! The journal itself, read beside the program: the record of what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::{Clock, Mint, Partition, Topic};
use aredvi_journal::{BatchLimits, Journal, OpenOptions};

/// The events that added a note, by the note's id. A repeated append is the same event on the log twice.
pub async fn notes(url: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (url, options) = (url.parse().expect("a journal"), OpenOptions { single_broker: true });
    let journal = Journal::open(&url, options, &Mint::new(Clock::default())).await.expect("the journal opens");
    let partitions = Partition::all(&[Topic::Media]);
    let ends = journal.ends(&[Topic::Media]).await.expect("its ends");
    let starts = partitions.into_iter().map(|partition| (partition, 0)).collect();
    let mut tail = journal.tail(&starts).await.expect("a tail");
    let mut notes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while !tail.positions().covers(&ends, &[Topic::Media]) {
        for stored in tail.next(&BatchLimits::default()).await.expect("records") {
            let header = |name: &str| stored.record.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value);
            if header("ce_type").is_some_and(|kind| kind == "note.added") {
                notes.entry(stored.record.key).or_default().insert(header("ce_id").expect("an id").clone());
            }
        }
    }
    notes
}
