//! The journal itself, read beside the program: the record of what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::{Clock, Mint, Partition, Topic};
use aredvi_journal::{BatchLimits, Journal, OpenOptions};

/// The events that added a note, by the note's id.
pub async fn notes(url: &str) -> BTreeMap<String, BTreeSet<String>> {
    events(url, Topic::Media, "note.added").await
}

/// How many registrations were refused.
pub async fn refused_registrations(url: &str) -> usize {
    events(url, Topic::Actors, "registration.refused").await.values().map(BTreeSet::len).sum()
}

/// The events of a type, by their key. A repeated append is the same event on the log twice.
async fn events(url: &str, topic: Topic, ty: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (url, options) = (url.parse().expect("a journal"), OpenOptions { single_broker: true });
    let journal = Journal::open(&url, options, &Mint::new(Clock::default())).await.expect("the journal opens");
    let partitions = Partition::all(&[topic]);
    let ends = journal.ends(&[topic]).await.expect("its ends");
    let starts = partitions.into_iter().map(|partition| (partition, 0)).collect();
    let mut tail = journal.tail(&starts).await.expect("a tail");
    let mut events: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while !tail.positions().covers(&ends, &[topic]) {
        for stored in tail.next(&BatchLimits::default()).await.expect("records") {
            let header = |name: &str| stored.record.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value);
            if header("ce_type").is_some_and(|kind| kind == ty) {
                events.entry(stored.record.key).or_default().insert(header("ce_id").expect("an id").clone());
            }
        }
    }
    events
}
