//! Cards: what pages are made of, behind each process's own memory of it. On Redis alone: an embedded site is one
//! process, whose memory is all there is.
//!
//! **No card is older than what its asker has heard.** A card says of which event it is and how far its view was when it
//! was read. Whoever tails the log takes out what changes, partition by partition ([`CardStore::sweep`]), and leaves a
//! mark that refuses fills from before the change. From where to where that was done without a gap stands beside the
//! cards: one counts only if it was read at or after the beginning, and if the end has come to what its asker has taken
//! out himself; what he heard since he knows. Where there is a gap, because Redis was away, emptied or restored, the sweep
//! begins anew and what was put before is cleared.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aredvi_events::{Id, Partition, Positions, Topic};
use redis::Script;

use super::error::CacheError;
use super::redis::RedisEngine;
use super::{Cache, Engine};

/// How long a card, or a mark, stands: an hour, in milliseconds.
pub const CARD_TTL_MS: i64 = 3_600_000;
/// The longest card that is kept, in bytes; longer ones are not.
pub const MAX_CARD_BYTES: usize = 16 * 1024;
/// The topics whose events change cards.
pub const CARD_TOPICS: [Topic; 2] = [Topic::Actors, Topic::Media];
/// Changes that one script takes out, and old cards that one clears: so long everybody else waits for Redis.
const CHUNK: usize = 200;
/// How many hash tags hold the cards that nothing changes.
const UNCHANGING_TAGS: u64 = 24;
/// How many hash tags share the cards' bound: the partitions of both topics, and the rest.
const CARD_TAGS: u64 = 72;
/// Digits of an offset: they compare as text.
const DIGITS: usize = 20;
/// Digits of a generation's number.
const GENERATION_DIGITS: usize = 10;

const PUT_LUA: &str = concat!(include_str!("cards/hold.lua"), include_str!("cards/put.lua"));
const SWEEP_LUA: &str = concat!(include_str!("cards/hold.lua"), include_str!("cards/sweep.lua"));

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(PUT_LUA));
static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(SWEEP_LUA));

/// What a card is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CardKind {
    /// A person or a group.
    Actor = 1,
    /// A medium.
    Node = 2,
    /// A comment.
    Comment = 3,
    /// Who likes a comment.
    CommentVoters = 4,
    /// A story's row.
    Story = 5,
}

/// Which card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardKey {
    /// Of what.
    pub kind: CardKind,
    /// Of which.
    pub id: Id,
    /// Where the events stand that change it; none where nothing does.
    pub of: Option<Partition>,
}

/// A card, or a fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The offset of the last event in it.
    pub offset: u64,
    /// How far its view was, at least, when it was read.
    pub through: u64,
    /// Of which generation of its view it was read.
    pub generation: u32,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// What changed in one partition, without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Which.
    pub partition: Partition,
    /// The first offset that was heard.
    pub since: u64,
    /// The offset after the last one.
    pub heard: u64,
    /// The cards that must be as new as an offset.
    pub changed: Vec<(CardKind, Id, u64)>,
}

/// The cards on Redis; clones share the connection.
#[derive(Debug, Clone)]
pub struct CardStore(Cache);

impl Cache {
    /// Where cards stand that processes share; none where there is one process only.
    pub fn cards(&self) -> Option<CardStore> {
        match self.engine() {
            Engine::Redis(_) => Some(CardStore(self.clone())),
            Engine::Sqlite(_) => None,
        }
    }
}

impl CardStore {
    /// These cards, in the order asked; each with how far its asker has taken out what changed in its partition. One
    /// round trip, one try.
    ///
    /// # Errors
    /// [`CacheError`] when Redis does not answer within `limit`: read the views instead.
    pub async fn get(&self, asked: &[(CardKey, u64)], limit: Duration) -> Result<Vec<Option<Card>>, CacheError> {
        let Some(redis) = self.redis().filter(|_| !asked.is_empty()) else { return Ok(vec![None; asked.len()]) };
        let mut pipe = redis::pipe();
        let mut sweeps: BTreeMap<Partition, Option<(u64, u64)>> =
            asked.iter().filter_map(|(key, _)| Some((key.of?, None))).collect();
        for partition in sweeps.keys() {
            pipe.cmd("HMGET").arg(format!("{}:f", redis.base(&partition_tag(*partition)))).arg("from").arg("through");
        }
        for (key, _) in asked {
            pipe.cmd("GET").arg(format!("{}:{}", redis.base(&tag(key)), name(key.kind, key.id)));
        }
        let mut answers = redis.once::<Vec<redis::Value>>(&pipe, limit).await?.into_iter();
        for sweep in sweeps.values_mut() {
            let (from, through): (Option<String>, Option<String>) = value(answers.next())?;
            *sweep = from.zip(through).and_then(|(from, through)| Some((from.parse().ok()?, through.parse().ok()?)));
        }
        let mut cards = Vec::with_capacity(asked.len());
        for (key, taken_out) in asked {
            let held: Option<Vec<u8>> = value(answers.next())?;
            let counts = |card: &Card| match key.of.map(|partition| sweeps.get(&partition).copied().flatten()) {
                None => true,
                Some(sweep) => sweep.is_some_and(|(from, through)| card.through >= from && through >= *taken_out),
            };
            cards.push(held.as_deref().and_then(Card::read).filter(counts));
        }
        Ok(cards)
    }

    /// Keeps these cards, but for those where a newer stands or is needed, or whose partition is not swept.
    ///
    /// # Errors
    /// [`CacheError`] when Redis does not answer, or is full; some may be kept.
    pub async fn put(&self, cards: &[(CardKey, Card)]) -> Result<(), CacheError> {
        let fits = |card: &Card| !card.bytes.is_empty() && card.bytes.len() <= MAX_CARD_BYTES;
        let cards: Vec<_> = cards.iter().filter(|(_, card)| fits(card)).collect();
        let Some(redis) = self.redis().filter(|_| !cards.is_empty()) else { return Ok(()) };
        let mut pipe = redis::pipe();
        pipe.cmd("SCRIPT").arg("LOAD").arg(PUT_LUA).ignore();
        for (key, card) in cards {
            pipe.cmd("EVALSHA").arg(PUT.get_hash()).arg(1).arg(redis.base(&tag(key)));
            pipe.arg(name(key.kind, key.id)).arg(digits(card.offset));
            pipe.arg(key.of.map(|_| digits(card.through)).unwrap_or_default());
            pipe.arg(CARD_TTL_MS).arg(self.most()).arg(card.write());
        }
        redis.pipeline::<Vec<i64>>(&pipe).await.map(drop)
    }

    /// Takes out what changed. True when older cards are still to be cleared: sweep on.
    ///
    /// # Errors
    /// [`CacheError`] when Redis does not answer, or is full: sweep the same again.
    pub async fn sweep(&self, sweeps: &[Sweep]) -> Result<bool, CacheError> {
        let Some(redis) = self.redis().filter(|_| !sweeps.is_empty()) else { return Ok(false) };
        let mut pipe = redis::pipe();
        pipe.cmd("SCRIPT").arg("LOAD").arg(SWEEP_LUA).ignore();
        for sweep in sweeps {
            let mut chunks: Vec<&[(CardKind, Id, u64)]> = sweep.changed.chunks(CHUNK).collect();
            let last = chunks.pop().unwrap_or_default();
            let rest = chunks.into_iter().map(|chunk| (sweep.since, chunk));
            for (heard, changed) in rest.chain([(sweep.heard, last)]) {
                pipe.cmd("EVALSHA").arg(SWEEP.get_hash()).arg(1).arg(redis.base(&partition_tag(sweep.partition)));
                pipe.arg(digits(sweep.since)).arg(digits(heard)).arg(CARD_TTL_MS).arg(self.most()).arg(CHUNK);
                for (kind, id, offset) in changed {
                    pipe.arg(name(*kind, *id)).arg(digits(*offset));
                }
            }
        }
        Ok(redis.pipeline::<Vec<i64>>(&pipe).await?.contains(&1))
    }

    /// How far what changed is taken out of everything that stands here; a partition of which nothing stands is at its
    /// end.
    ///
    /// # Errors
    /// [`CacheError`] when Redis does not answer.
    pub async fn swept(&self) -> Result<Positions, CacheError> {
        let Some(redis) = self.redis() else { return Ok(Positions::new()) };
        let partitions = Partition::all(&CARD_TOPICS);
        let mut pipe = redis::pipe();
        for partition in &partitions {
            let base = redis.base(&partition_tag(*partition));
            pipe.cmd("HMGET").arg(format!("{base}:f")).arg("through").arg("stale");
            pipe.cmd("EXISTS").arg(format!("{base}:x"));
        }
        let mut answers = redis.pipeline::<Vec<redis::Value>>(&pipe).await?.into_iter();
        let mut swept = Positions::new();
        for partition in partitions {
            let (through, stale): (Option<String>, Option<String>) = value(answers.next())?;
            let holds_any: bool = value(answers.next())?;
            let through = match (through.and_then(|through| through.parse().ok()), stale) {
                (Some(through), None) => through,
                (None, None) if !holds_any => u64::MAX,
                _ => 0,
            };
            swept.set(partition, through);
        }
        Ok(swept)
    }

    fn redis(&self) -> Option<&RedisEngine> {
        match self.0.engine() {
            Engine::Redis(redis) => Some(redis),
            Engine::Sqlite(_) => None,
        }
    }

    fn most(&self) -> u64 {
        (self.0.limits.cards / CARD_TAGS).max(1)
    }
}

impl Card {
    fn write(&self) -> Vec<u8> {
        let mut written = format!("{}{}{:0GENERATION_DIGITS$}", digits(self.offset), digits(self.through), self.generation);
        written.reserve(self.bytes.len());
        let mut written = written.into_bytes();
        written.extend_from_slice(&self.bytes);
        written
    }

    /// None for a mark.
    fn read(held: &[u8]) -> Option<Self> {
        let (offset, rest) = held.split_at_checked(DIGITS)?;
        let (through, rest) = rest.split_at_checked(DIGITS)?;
        let (generation, bytes) = rest.split_at_checked(GENERATION_DIGITS)?;
        let [offset, through, generation] = [offset, through, generation].map(std::str::from_utf8);
        Some(Self {
            offset: offset.ok()?.parse().ok()?,
            through: through.ok()?.parse().ok()?,
            generation: generation.ok()?.parse().ok()?,
            bytes: bytes.to_vec(),
        })
    }
}

fn value<T: redis::FromRedisValue>(answer: Option<redis::Value>) -> Result<T, CacheError> {
    let unknown = CacheError::Unknown("a card");
    answer.and_then(|answer| redis::from_redis_value(answer).ok()).ok_or(unknown)
}

fn digits(offset: u64) -> String {
    format!("{offset:0DIGITS$}")
}

fn name(kind: CardKind, id: Id) -> String {
    format!("{}:{id}", kind as u8)
}

fn tag(key: &CardKey) -> String {
    match key.of {
        Some(partition) => partition_tag(partition),
        // Ids grow with time; their lower bits alone would favour some tags.
        None => format!("{{c{:02}}}", (key.id.get() ^ (key.id.get() >> 22)) % UNCHANGING_TAGS),
    }
}

fn partition_tag(partition: Partition) -> String {
    format!("{{c{}{:02}}}", partition.topic.name(), partition.number)
}
