//! Records of the log: the envelope, the value of every type, and versions that are lifted.
//!
//! `TOPIC KEY`, a line for each header (`NAME: TEXT`), an empty line, the value.

use aredvi_events::codec::{decode, encode, event_id};
use aredvi_events::{Partition, Place, Record, Stored};

/// What decodes says the same when it was encoded again.
pub fn target(data: &[u8]) {
    let Some(stored) = read(data) else { return };
    let Ok(placed) = decode(&stored) else { return };
    assert_eq!(placed.place, stored.place);
    assert_eq!(event_id(&stored.record), Some(placed.event.id), "an event is known by its id");
    placed.event.body.each_seal(&mut |sealed| assert!(sealed.actor.get() > 0));
    let record = encode(stored.record.topic, &placed.event).expect("what was read can be written");
    assert_eq!((record.topic, &record.key), (stored.record.topic, &stored.record.key));
    let again = decode(&Stored { place: stored.place, record }).expect("what was written can be read");
    assert_eq!(again, placed);
}

fn read(data: &[u8]) -> Option<Stored> {
    let end = data.windows(2).position(|two| two == b"\n\n")?;
    let mut lines = std::str::from_utf8(&data[..end]).ok()?.split('\n');
    let (topic, key) = lines.next()?.split_once(' ')?;
    let topic = topic.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, text)| (name.to_owned(), text.to_owned()));
    let record = Record { topic, key: key.to_owned(), headers: headers.collect(), value: data[end + 2..].to_vec() };
    Some(Stored { place: Place { partition: Partition::of(topic, key), offset: 7 }, record })
}
