//! One offset for every partition, and how a place is numbered in the file.

use aredvi_events::{Partition, Place, Positions, Topic};

/// A place in the file is `topic number << 53 | partition << 48 | offset`, so that a partition is one range of keys.
const OFFSET_BITS: u32 = 48;
const PARTITION_BITS: u32 = 5;
const SLOTS: usize = 8 << PARTITION_BITS;

/// An offset for each partition of every topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets([u64; SLOTS]);

impl Offsets {
    pub fn zero() -> Self {
        Self([0; SLOTS])
    }

    pub fn get(&self, partition: Partition) -> u64 {
        self.0[slot(partition)]
    }

    pub fn set(&mut self, partition: Partition, offset: u64) {
        self.0[slot(partition)] = offset;
    }

    /// Takes the next offset of `partition`.
    pub fn take(&mut self, partition: Partition) -> u64 {
        let next = &mut self.0[slot(partition)];
        *next += 1;
        *next - 1
    }

    pub fn positions(&self, topics: &[Topic]) -> Positions {
        Partition::all(topics).into_iter().map(|partition| (partition, self.get(partition))).collect()
    }
}

/// The key of a place in the file.
pub fn row_key(place: Place) -> i64 {
    (slot(place.partition) as i64) << OFFSET_BITS | (place.offset as i64 & MAX_OFFSET)
}

/// The offset in a key.
pub fn offset_of(row_key: i64) -> u64 {
    (row_key & MAX_OFFSET) as u64
}

/// The first and the last key that a partition may have.
pub fn key_range(partition: Partition) -> (i64, i64) {
    let first = row_key(Place { partition, offset: 0 });
    (first, first | MAX_OFFSET)
}

const MAX_OFFSET: i64 = (1 << OFFSET_BITS) - 1;

fn slot(partition: Partition) -> usize {
    usize::from(partition.topic.number()) << PARTITION_BITS | (partition.number as usize & ((1 << PARTITION_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_disjoint_ranges_in_order() {
        let partitions = Partition::all(&Topic::ALL);
        let ranges: Vec<_> = partitions.iter().map(|&partition| key_range(partition)).collect();
        assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(ranges[0].0 == 0 && ranges.iter().all(|(first, last)| first < last));
    }

    #[test]
    fn a_key_holds_its_offset() {
        let partition = Partition { topic: Topic::Deliveries, number: 23 };
        for offset in [0, 1, 7_000_000_000] {
            assert_eq!(offset_of(row_key(Place { partition, offset })), offset);
        }
    }
}
