//! The cache: what every process must agree on at once but nobody needs to find again.
//!
//! Reservations of idempotency keys and rate limits stand here, and the view of the sessions (in [`crate::sessions`]) is
//! kept in it. Redis in production, one SQLite file when embedded; each operation means the same on both. Cards stand on
//! Redis alone. All of it may be lost at any time: nothing but the journal is the record.
//!
//! Keys that change together carry one hash tag, so that one script can change them: `{sNN}` for everything of the
//! people whose sessions stand in partition NN, `{g}` for guests, `{cactorsNN}` and `{cmediaNN}` for the cards that the
//! events of a partition change, `{cNN}` for those that nothing changes.

mod cards;
mod error;
mod rates;
mod redis;
mod reservations;
mod sqlite;
mod url;

use std::sync::Arc;

use aredvi_events::{ActorId, Clock, JournalId, Topic};

pub use cards::{CARD_TOPICS, CARD_TTL_MS, Card, CardKey, CardKind, CardStore, MAX_CARD_BYTES, Sweep};
pub use error::CacheError;
pub use rates::{Hit, Rated};
pub use reservations::{Held, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, RESERVATION_TTL_MS, Reservation, ReservationKey, TAKEOVER_MS};
pub use url::{CacheUrl, NotACacheUrl, RedisUrl};

pub(crate) use rates::HIT_LUA;
pub(crate) use reservations::{RESERVE_LUA, ReserveAnswer};
pub(crate) use sqlite::Store;

use redis::RedisEngine;
use sqlite::SqliteEngine;

/// The most of each kind that the cache holds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Idempotency keys within 24 hours; past it writes that need one are refused.
    pub reservations: u64,
    /// Cards on Redis, and marks of changes; past it the oldest go.
    pub cards: u64,
    /// Rate windows in the memory of the embedded engine; past it the idle ones go.
    pub windows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reservations: 4_000_000, cards: 1_000_000, windows: 100_000 }
    }
}

/// A cache; clones share it.
#[derive(Clone)]
pub struct Cache {
    engine: Arc<Engine>,
    clock: Clock,
    limits: Limits,
}

pub(crate) enum Engine {
    Redis(RedisEngine),
    Sqlite(SqliteEngine),
}

/// Whom a reservation or a rate counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A person who is signed in.
    Person(ActorId),
    /// Whoever is not.
    Guests,
}

impl Scope {
    /// The hash tag that its keys carry.
    pub(crate) fn tag(self) -> String {
        match self {
            Self::Person(person) => partition_tag(Topic::Sessions.partition(&person.to_string())),
            Self::Guests => "{g}".to_owned(),
        }
    }
}

/// The hash tag of a partition of [`Topic::Sessions`].
pub(crate) fn partition_tag(partition: u32) -> String {
    format!("{{s{partition:02}}}")
}

/// How many hash tags share the reservations' bound: the partitions of [`Topic::Sessions`] and the guests.
const SCOPE_TAGS: u64 = 25;

impl Cache {
    /// Opens the cache of one journal: what stands there for another is not seen.
    ///
    /// # Errors
    /// [`CacheError`] when it does not answer, or when a Redis server may evict.
    pub async fn open(url: &CacheUrl, journal: JournalId, clock: Clock) -> Result<Self, CacheError> {
        Self::open_with(url, journal, clock, Limits::default()).await
    }

    /// As [`Cache::open`], with other bounds.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub async fn open_with(url: &CacheUrl, journal: JournalId, clock: Clock, limits: Limits) -> Result<Self, CacheError> {
        let engine = match url {
            CacheUrl::Redis(url) => Engine::Redis(RedisEngine::open(url, journal, clock.clone()).await?),
            CacheUrl::Sqlite(path) => Engine::Sqlite(SqliteEngine::open(path, journal, clock.clone(), limits).await?),
        };
        Ok(Self { engine: Arc::new(engine), clock, limits })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The clock it reads.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many reservations one hash tag may hold.
    pub(crate) fn reservations_of_a_tag(&self) -> u64 {
        (self.limits.reservations / SCOPE_TAGS).max(1)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match *self.engine {
            Engine::Redis(_) => "Cache(redis)",
            Engine::Sqlite(_) => "Cache(sqlite)",
        })
    }
}
