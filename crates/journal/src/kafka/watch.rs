//! Looks now and then whether all records come to a consumer.
//!
//! A client that was told that a partition has no leader may never fetch it again, and says nothing (librdkafka 2.12.1,
//! `rd_kafka_metadata_update_op` passes over such a partition); what is not heard would be taken for what did not happen.

use std::time::Duration;

use aredvi_events::{Partition, Positions};
use tokio::time::Instant;

use super::reader::Reader;

/// How often it is looked whether a partition has records that never come.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// The watch over one consumer.
pub struct Watch {
    looked: Instant,
    then: Option<Look>,
}

/// How it stood at the last look.
struct Look {
    positions: Positions,
    ends: Positions,
}

impl Watch {
    /// Its first look is due after a while.
    pub fn new() -> Self {
        Self { looked: Instant::now(), then: None }
    }

    /// Whether it is time to look.
    pub fn is_due(&self) -> bool {
        self.looked.elapsed() >= WATCH_EVERY
    }

    /// Looks: a reader to which records of a partition do not come, though they are there up to `ends`, goes on with another
    /// consumer.
    pub fn renew_if_silent(&mut self, reader: &mut Reader, ends: Positions) {
        let silent = self.silent(reader.positions(), ends);
        if !silent.is_empty() {
            tracing::warn!(?silent, "records do not come though they are there; another consumer fetches them");
            reader.renew();
        }
    }

    /// The partitions that had records at the last look of which none has come since.
    fn silent(&mut self, positions: &Positions, ends: Positions) -> Vec<Partition> {
        self.looked = Instant::now();
        let then = self.then.replace(Look { positions: positions.clone(), ends });
        let Some(then) = then else { return Vec::new() };
        let silent =
            |(partition, next): &(Partition, u64)| then.ends.next(*partition) > *next && positions.get(*partition) == Some(*next);
        then.positions.iter().filter(silent).map(|(partition, _)| partition).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::Topic;

    const PARTITION: Partition = Partition { topic: Topic::Media, number: 3 };

    fn at(offset: u64) -> Positions {
        [(PARTITION, offset)].into_iter().collect()
    }

    #[test]
    fn a_partition_is_silent_when_what_it_had_has_not_come_by_the_next_look() {
        let mut watch = Watch::new();
        assert!(watch.silent(&at(5), at(9)).is_empty(), "there was no look before");
        assert!(watch.silent(&at(6), at(9)).is_empty(), "one has come");
        assert_eq!(watch.silent(&at(6), at(9)), [PARTITION]);
        assert!(watch.silent(&at(9), at(9)).is_empty());
        assert!(watch.silent(&at(9), at(12)).is_empty(), "they came a moment ago");
    }
}
