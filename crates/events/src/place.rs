//! Where an event stands in the journal, and how far somebody has read.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::topic::Topic;

/// The identity of one journal, new at every creation and import. Offsets of different journals do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalId(pub Uuid);

impl JournalId {
    /// The first eight bytes, which compact encodings carry.
    pub fn short(self) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.0.as_bytes()[..8]);
        short
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Its topic.
    pub topic: Topic,
    /// 0 ..= [`Topic::partitions`] - 1.
    pub number: u32,
}

impl Partition {
    /// Every partition of these topics, in order.
    pub fn all(topics: &[Topic]) -> Vec<Self> {
        topics.iter().flat_map(|&topic| (0..topic.partitions()).map(move |number| Self { topic, number })).collect()
    }

    /// The partition that holds `key`.
    pub fn of(topic: Topic, key: &str) -> Self {
        Self { topic, number: topic.partition(key) }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// Where one event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its partition.
    pub partition: Partition,
    /// Its offset there. Offsets grow but are not dense.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}

/// How far: for some partitions, the offset of the next event to read, so that everything below it is included.
/// A partition that is not named asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Partition, u64>);

/// A text that is no encoding of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position token")]
pub struct NotPositions;

/// The most bytes an encoded token may have.
pub const MAX_TOKEN_BYTES: usize = 1024;

impl Positions {
    /// None named.
    pub fn new() -> Self {
        Self::default()
    }

    /// Includes the event at `place`.
    pub fn include(&mut self, place: Place) {
        self.raise(place.partition, place.offset.saturating_add(1));
    }

    /// Raises one partition's next offset to at least `next`.
    pub fn raise(&mut self, partition: Partition, next: u64) {
        let held = self.0.entry(partition).or_insert(0);
        *held = (*held).max(next);
    }

    /// Sets one partition's next offset, downwards too.
    pub fn set(&mut self, partition: Partition, next: u64) {
        self.0.insert(partition, next);
    }

    /// Raises every partition to what `other` holds.
    pub fn union(&mut self, other: &Self) {
        for (&partition, &next) in &other.0 {
            self.raise(partition, next);
        }
    }

    /// The next offset of one partition, 0 when it is not named.
    pub fn next(&self, partition: Partition) -> u64 {
        self.0.get(&partition).copied().unwrap_or(0)
    }

    /// The next offset of one partition, if it is named.
    pub fn get(&self, partition: Partition) -> Option<u64> {
        self.0.get(&partition).copied()
    }

    /// Whether everything that `wanted` includes on `topics` is included here.
    pub fn covers(&self, wanted: &Self, topics: &[Topic]) -> bool {
        wanted.0.iter().all(|(partition, next)| !topics.contains(&partition.topic) || self.next(*partition) >= *next)
    }

    /// Whether the event at `place` is included.
    pub fn includes(&self, place: Place) -> bool {
        self.next(place.partition) > place.offset
    }

    /// The named partitions with their next offsets, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Partition, u64)> + '_ {
        self.0.iter().map(|(&partition, &next)| (partition, next))
    }

    /// Only the partitions of these topics.
    pub fn only(&self, topics: &[Topic]) -> Self {
        Self(self.0.iter().filter(|(partition, _)| topics.contains(&partition.topic)).map(|(&p, &n)| (p, n)).collect())
    }

    /// Drops the partitions that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(Partition) -> bool) {
        self.0.retain(|&partition, _| keep(partition));
    }

    /// Whether no partition is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many partitions are named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The compact text: base64url of the journal's short id, then per partition one byte (topic in the upper three
    /// bits, number in the lower five) and the next offset as LEB128.
    pub fn encode(&self, journal: JournalId) -> String {
        URL_SAFE_NO_PAD.encode(self.to_bytes(journal))
    }

    /// The bytes behind [`Positions::encode`].
    pub fn to_bytes(&self, journal: JournalId) -> Vec<u8> {
        let mut bytes = journal.short().to_vec();
        for (partition, next) in &self.0 {
            bytes.push((partition.topic.number() << 5) | u8::try_from(partition.number & 31).unwrap_or(31));
            push_varint(&mut bytes, *next);
        }
        bytes
    }

    /// Reads what [`Positions::encode`] wrote; `Ok(None)` when it speaks of another journal.
    ///
    /// # Errors
    /// [`NotPositions`] for anything else, also when longer than [`MAX_TOKEN_BYTES`].
    pub fn decode(text: &str, journal: JournalId) -> Result<Option<Self>, NotPositions> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(NotPositions);
        }
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).map_err(|_| NotPositions)?, journal)
    }

    /// Reads what [`Positions::to_bytes`] wrote; `Ok(None)` when it speaks of another journal.
    ///
    /// # Errors
    /// [`NotPositions`] for anything else.
    pub fn from_bytes(bytes: &[u8], journal: JournalId) -> Result<Option<Self>, NotPositions> {
        let (short, mut rest) = bytes.split_at_checked(8).ok_or(NotPositions)?;
        let mut positions = Self::new();
        while let Some((&place, tail)) = rest.split_first() {
            let topic = Topic::from_number(place >> 5).ok_or(NotPositions)?;
            let number = u32::from(place & 31);
            if number >= topic.partitions() {
                return Err(NotPositions);
            }
            let next;
            (next, rest) = take_varint(tail).ok_or(NotPositions)?;
            positions.raise(Partition { topic, number }, next);
        }
        Ok((short == journal.short()).then_some(positions))
    }
}

impl FromIterator<(Partition, u64)> for Positions {
    fn from_iter<I: IntoIterator<Item = (Partition, u64)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

impl FromIterator<Place> for Positions {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        let mut positions = Self::new();
        for place in places {
            positions.include(place);
        }
        positions
    }
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(u32::try_from(index * 7).ok()?).filter(|shifted| shifted >> (index * 7) == bits)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));

    proptest! {
        #[test]
        fn positions_survive_their_encoding(named in proptest::collection::btree_map((0_u8..7, 0_u32..24), any::<u64>(), 0..30)) {
            let positions: Positions = named
                .into_iter()
                .filter_map(|((topic, number), next)| Some((Topic::from_number(topic)?, number, next)))
                .filter(|(topic, number, _)| *number < topic.partitions())
                .map(|(topic, number, next)| (Partition { topic, number }, next))
                .collect();
            prop_assert_eq!(Positions::decode(&positions.encode(JOURNAL), JOURNAL), Ok(Some(positions)));
        }

        #[test]
        fn no_text_makes_decoding_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _: Result<_, NotPositions> = Positions::decode(&text, JOURNAL);
            let _: Result<_, NotPositions> = Positions::from_bytes(&bytes, JOURNAL);
        }
    }

    #[test]
    fn another_journals_token_is_ignored() {
        let positions: Positions = [(Partition { topic: Topic::Media, number: 3 }, 9)].into_iter().collect();
        assert_eq!(Positions::decode(&positions.encode(JOURNAL), JournalId(Uuid::from_u128(u128::MAX))), Ok(None));
    }

    #[test]
    fn every_partition_at_a_million_events_fits_a_token() {
        let positions: Positions = Partition::all(&Topic::ALL).into_iter().map(|p| (p, 1_000_000)).collect();
        assert!(positions.encode(JOURNAL).len() <= MAX_TOKEN_BYTES);
    }
}
