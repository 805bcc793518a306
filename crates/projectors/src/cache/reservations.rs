//! Idempotency keys: what was promised to a client that repeats a request.
//!
//! A reservation stands before the append and already holds the ids the append will carry, so that a repeat after an
//! unknown outcome, or after its holder died, appends the same ids and the folds drop what they have.

mod rows;

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation};

use super::error::CacheError;
use super::sqlite::Store;
use super::{Cache, Engine, Scope};

/// How long a reservation stands: 24 hours, in milliseconds.
pub const RESERVATION_TTL_MS: i64 = 24 * 3_600_000;
/// How long its holder may be in work before a repeat takes over, in milliseconds.
pub const TAKEOVER_MS: i64 = 10_000;
/// The longest key, in bytes: a hash in hex or base64url.
pub const MAX_KEY_BYTES: usize = 64;
/// The longest payload, in bytes; with its state and the body's hash an entry stays below 160.
pub const MAX_PAYLOAD_BYTES: usize = 128;
/// How much of the body's keyed hash is kept, in bytes.
const BODY_HASH_BYTES: usize = 16;

/// Ends the work of the holder since then, on the embedded engine.
type EndWork = fn(&mut Store, tag: &str, key: &str, since: i64) -> rusqlite::Result<()>;

/// What `reserve` answers: a word, since when (Unix milliseconds), and a payload.
pub(crate) type ReserveAnswer = (String, i64, Vec<u8>);

/// The functions of a reservation, for scripts.
pub(crate) const RESERVE_LUA: &str = include_str!("reservations/reservations.lua");

fn script(end: &str) -> Script {
    Script::new(&format!("{RESERVE_LUA}\n{end}"))
}

static RESERVE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "return reserve(KEYS[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[1]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]))",
    )
});
static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local held = read_reservation(KEYS[1], ARGV[1])
         if held and (held.state == 'D' or held.body ~= ARGV[2]) then return 0 end
         local now = tonumber(ARGV[4])
         write_reservation(KEYS[1], ARGV[1], {state = 'D', since = now, body = ARGV[2], payload = ARGV[3]}, now, tonumber(ARGV[5]))
         return 1",
    )
});
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local held = read_reservation(KEYS[1], ARGV[1])
         if not held or held.state ~= 'P' or held.since ~= tonumber(ARGV[2]) then return 0 end
         forget_reservation(KEYS[1], ARGV[1])
         return 1",
    )
});
static MARK_UNKNOWN: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local held = read_reservation(KEYS[1], ARGV[1])
         if not held or held.state ~= 'P' or held.since ~= tonumber(ARGV[2]) then return 0 end
         redis.call('HSET', KEYS[1] .. ':r', ARGV[1], entry_of('U', held.since, held.body, held.payload))
         return 1",
    )
});

/// What is reserved: whose, the idempotency key, and which body came with it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReservationKey {
    scope: Scope,
    key: String,
    body: [u8; BODY_HASH_BYTES],
}

/// The right to do the write of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    key: ReservationKey,
    since_ms: i64,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// Nobody asked before: do the write, with the ids in the payload given.
    Fresh(Held),
    /// Somebody asked before and the outcome is not known: do the write again, with the ids in this payload.
    Repeat(Held, Vec<u8>),
    /// Somebody is at it.
    InProgress {
        /// Since when, Unix milliseconds; past [`TAKEOVER_MS`] the next repeat takes over.
        since_ms: i64,
    },
    /// It was done: what [`Cache::complete`] kept.
    Done(Vec<u8>),
    /// The key was used with another body.
    OtherBody,
    /// There is no room for another reservation.
    Full,
}

impl ReservationKey {
    /// `key` is the client's idempotency key hashed, and for guests their body with it; `body_hash` is a keyed hash of
    /// the body, of which 16 bytes are kept.
    ///
    /// # Errors
    /// [`CacheError::TooLong`] past [`MAX_KEY_BYTES`].
    pub fn new(scope: Scope, key: &str, body_hash: [u8; 32]) -> Result<Self, CacheError> {
        CacheError::check("the idempotency key", key.len(), MAX_KEY_BYTES)?;
        let mut body = [0; BODY_HASH_BYTES];
        body.copy_from_slice(&body_hash[..BODY_HASH_BYTES]);
        Ok(Self { scope, key: key.to_owned(), body })
    }

    /// Adds what `reserve` of `reservations.lua` takes beside the time.
    pub(crate) fn push(&self, script: &mut ScriptInvocation<'_>, payload: &[u8], most: u64) {
        script.arg(&self.key).arg(&self.body[..]).arg(payload).arg(RESERVATION_TTL_MS).arg(TAKEOVER_MS).arg(most);
    }

    /// Whose it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

impl std::fmt::Debug for ReservationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReservationKey({:?})", self.scope)
    }
}

impl Reservation {
    /// Reads what `reserve` of `reservations.lua` returns.
    pub(crate) fn of(key: &ReservationKey, word: &str, since_ms: i64, payload: Vec<u8>) -> Result<Self, CacheError> {
        let held = || Held { key: key.clone(), since_ms };
        Ok(match word {
            "fresh" => Self::Fresh(held()),
            "repeat" => Self::Repeat(held(), payload),
            "work" => Self::InProgress { since_ms },
            "done" => Self::Done(payload),
            "other" => Self::OtherBody,
            "full" => Self::Full,
            _ => return Err(CacheError::Unknown("what became of a reservation")),
        })
    }
}

impl Cache {
    /// Asks to do the write of `key` with the ids in `payload`. The payload must be unique, so hold an id minted for
    /// this request: the same payload again counts as the same asking.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer, so that nothing may be written; [`CacheError::TooLong`] past
    /// [`MAX_PAYLOAD_BYTES`].
    pub async fn reserve(&self, key: &ReservationKey, payload: &[u8]) -> Result<Reservation, CacheError> {
        CacheError::check("the reservation's payload", payload.len(), MAX_PAYLOAD_BYTES)?;
        let (now, tag) = (self.clock.now_ms(), key.scope.tag());
        let (word, since, payload): ReserveAnswer = match self.engine() {
            Engine::Redis(redis) => {
                let most = self.reservations_of_a_tag();
                redis
                    .script(&RESERVE, &tag, |script| {
                        script.arg(now);
                        key.push(script, payload, most);
                    })
                    .await?
            }
            Engine::Sqlite(sqlite) => {
                let (wanted, payload) = (key.clone(), payload.to_vec());
                sqlite.call(move |store| store.reserve(&tag, &wanted, &payload, now)).await?
            }
        };
        Reservation::of(key, &word, since, payload)
    }

    /// The write is on the log: keeps what a repeat needs for the same answer. The first of several wins.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; a repeat then takes over and appends the same ids.
    pub async fn complete(&self, held: &Held, payload: &[u8]) -> Result<(), CacheError> {
        CacheError::check("the reservation's payload", payload.len(), MAX_PAYLOAD_BYTES)?;
        let (now, key, tag) = (self.clock.now_ms(), &held.key, held.key.scope.tag());
        match self.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(&COMPLETE, &tag, |script| {
                        script.arg(&key.key).arg(&key.body[..]).arg(payload).arg(now).arg(RESERVATION_TTL_MS);
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => {
                let (key, payload) = (key.clone(), payload.to_vec());
                sqlite.call(move |store| store.complete(&tag, &key, &payload, now)).await
            }
        }
    }

    /// The write was refused: nothing is reserved any more. Whoever took over meanwhile keeps his.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; the reservation then ends by takeover.
    pub async fn release(&self, held: &Held) -> Result<(), CacheError> {
        self.end_work(held, &RELEASE, Store::release).await
    }

    /// Whether the write is on the log is not known: the next repeat takes over at once.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; the reservation then ends by takeover.
    pub async fn mark_unknown(&self, held: &Held) -> Result<(), CacheError> {
        self.end_work(held, &MARK_UNKNOWN, Store::mark_unknown).await
    }

    async fn end_work(&self, held: &Held, script: &Script, end: EndWork) -> Result<(), CacheError> {
        let (tag, key, since) = (held.key.scope.tag(), held.key.key.clone(), held.since_ms);
        match self.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(script, &tag, |script| {
                        script.arg(key).arg(since);
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => sqlite.call(move |store| end(store, &tag, &key, since)).await,
        }
    }
}
