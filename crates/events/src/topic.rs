//! The topics of the journal and the partition of a key.

use std::fmt;
use std::str::FromStr;

use crate::id::ActorId;

/// A topic of the journal. Names and partition counts can never change once a log exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Topic {
    /// Requests that need a verdict, in one order.
    Identity = 0,
    /// Accepted facts of people, keyed by the person.
    Actors = 1,
    /// Sign-ins and sign-outs, keyed by the person.
    Sessions = 2,
    /// All between two actors, keyed by the pair.
    Graph = 3,
    /// Media with their comments, votes and subscriptions, keyed by the medium.
    Media = 4,
    /// What a person is told, keyed by the recipient.
    Notifications = 5,
    /// What came of telling it, keyed by the recipient.
    Deliveries = 6,
}

impl Topic {
    /// Every topic, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Identity, Self::Actors, Self::Sessions, Self::Graph, Self::Media, Self::Notifications, Self::Deliveries];

    /// How many partitions it has, for ever.
    pub const fn partitions(self) -> u32 {
        match self {
            Self::Identity => 1,
            Self::Actors | Self::Sessions | Self::Graph | Self::Media | Self::Notifications | Self::Deliveries => 24,
        }
    }

    /// Its name in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Actors => "actors",
            Self::Sessions => "sessions",
            Self::Graph => "graph",
            Self::Media => "media",
            Self::Notifications => "notifications",
            Self::Deliveries => "deliveries",
        }
    }

    /// Its number in compact encodings.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The topic of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The partition of `key`, as Kafka's Java client chooses it: `(murmur2(key) & 0x7fffffff) % n`.
    pub fn partition(self, key: &str) -> u32 {
        (murmur2(key.as_bytes()) & 0x7fff_ffff) % self.partitions()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no topic's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no topic is called `{0}`")]
pub struct UnknownTopic(String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(name: &str) -> Result<Self, UnknownTopic> {
        Self::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(|| UnknownTopic(name.to_owned()))
    }
}

/// The key of everything between two actors: `a:b`, numerically smaller first.
pub fn pair_key(one: ActorId, other: ActorId) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}

/// The key of every record on [`Topic::Identity`].
pub const IDENTITY_KEY: &str = "identity";

/// Austin Appleby's MurmurHash2 with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, rest) = data.as_chunks::<4>();
    let mut hash = words.iter().fold(SEED ^ length, |hash, word| {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash.wrapping_mul(M) ^ k.wrapping_mul(M)
    });
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_the_java_clients() {
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key).cast_signed(), hash, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn a_pair_has_one_key_whoever_asks() {
        let id = |n| ActorId(crate::Id::new(n).expect("in range"));
        assert_eq!(pair_key(id(9), id(10)), "9:10");
        assert_eq!(pair_key(id(10), id(9)), "9:10");
    }

    #[test]
    fn topics_are_found_by_name_and_number() {
        for topic in Topic::ALL {
            assert_eq!(topic.name().parse(), Ok(topic));
            assert_eq!(Topic::from_number(topic.number()), Some(topic));
        }
        assert!("nonsense".parse::<Topic>().is_err());
        assert_eq!(Topic::from_number(7), None);
    }
}
