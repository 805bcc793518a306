//! Idempotency keys: what was promised to a client that repeats a request.
//!
//! A reservation stands before the append and already holds the ids the append will carry, so that a repeat after an
//! unknown outcome, or after its holder died, appends the same ids and the folds drop what they have.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation};
use rusqlite::{OptionalExtension as _, Transaction, named_params};

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
/// How many ended ones a reservation clears away.
const PURGE: u32 = 32;

/// What `reserve` answers: a word, since when (Unix milliseconds), and a payload.
pub(crate) type ReserveAnswer = (String, i64, Vec<u8>);

/// The functions of a reservation, for scripts.
pub(crate) const RESERVE_LUA: &str = include_str!("reservations.lua");

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
        self.end_work(
            held,
            &RELEASE,
            "DELETE FROM reservations WHERE tag = :tag AND key = :key AND state = 'P' AND since = :since",
        )
        .await
    }

    /// Whether the write is on the log is not known: the next repeat takes over at once.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; the reservation then ends by takeover.
    pub async fn mark_unknown(&self, held: &Held) -> Result<(), CacheError> {
        let sql = "UPDATE reservations SET state = 'U' WHERE tag = :tag AND key = :key AND state = 'P' AND since = :since";
        self.end_work(held, &MARK_UNKNOWN, sql).await
    }

    async fn end_work(&self, held: &Held, script: &Script, sql: &'static str) -> Result<(), CacheError> {
        let (key, since, tag) = (held.key.key.clone(), held.since_ms, held.key.scope.tag());
        match self.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(script, &tag, |script| {
                        script.arg(key).arg(since);
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => {
                sqlite
                    .call(move |store| {
                        let tx = store.begin()?;
                        let gone = tx.execute(sql, named_params! { ":tag": tag, ":key": key, ":since": since })?;
                        if sql.starts_with("DELETE") {
                            count(&tx, -i64::try_from(gone).unwrap_or(0))?;
                        }
                        tx.commit()
                    })
                    .await
            }
        }
    }
}

struct Row {
    state: String,
    since: i64,
    expires: i64,
    body: Vec<u8>,
    payload: Vec<u8>,
}

impl Store {
    /// The embedded `reserve` of `reservations.lua`, in a transaction of its own.
    pub(crate) fn reserve(
        &mut self,
        tag: &str,
        key: &ReservationKey,
        payload: &[u8],
        now: i64,
    ) -> rusqlite::Result<ReserveAnswer> {
        let most = self.limits.reservations;
        let tx = self.begin()?;
        let answer = reserve(&tx, tag, key, payload, now, most)?;
        tx.commit()?;
        Ok(answer)
    }

    fn complete(&mut self, tag: &str, key: &ReservationKey, payload: &[u8], now: i64) -> rusqlite::Result<()> {
        let tx = self.begin()?;
        match row(&tx, tag, &key.key)? {
            Some(held) if held.state == "D" || held.body != key.body => return Ok(()),
            Some(held) => put(&tx, tag, key, "D", now, held.expires, payload)?,
            None => {
                put(&tx, tag, key, "D", now, now + RESERVATION_TTL_MS, payload)?;
                count(&tx, 1)?;
            }
        }
        tx.commit()
    }
}

fn reserve(
    tx: &Transaction<'_>,
    tag: &str,
    key: &ReservationKey,
    payload: &[u8],
    now: i64,
    most: u64,
) -> rusqlite::Result<ReserveAnswer> {
    purge(tx, tag, &key.key, now)?;
    let answer = |word: &str, since, payload| Ok((word.to_owned(), since, payload));
    let Some(held) = row(tx, tag, &key.key)? else {
        let held: i64 = tx.query_row("SELECT held FROM counts WHERE kind = 'reservations'", [], |row| row.get(0))?;
        if held.cast_unsigned() >= most {
            return answer("full", 0, Vec::new());
        }
        put(tx, tag, key, "P", now, now + RESERVATION_TTL_MS, payload)?;
        count(tx, 1)?;
        return answer("fresh", now, Vec::new());
    };
    if held.body != key.body {
        return answer("other", 0, Vec::new());
    }
    match held.state.as_str() {
        "D" => answer("done", held.since, held.payload),
        "P" if held.payload == payload => answer("fresh", held.since, Vec::new()),
        "P" if now - held.since < TAKEOVER_MS => answer("work", held.since, Vec::new()),
        _ => {
            let since = now.max(held.since + 1);
            put(tx, tag, key, "P", since, held.expires, &held.payload)?;
            answer("repeat", since, held.payload)
        }
    }
}

/// Clears some ended ones away, and this one if it has ended.
fn purge(tx: &Transaction<'_>, tag: &str, key: &str, now: i64) -> rusqlite::Result<()> {
    let gone = tx
        .prepare_cached(
            "DELETE FROM reservations WHERE (tag, key) IN
             (SELECT tag, key FROM reservations INDEXED BY reservations_expires WHERE expires <= :now LIMIT :most)
             OR (tag = :tag AND key = :key AND expires <= :now)",
        )?
        .execute(named_params! { ":now": now, ":most": PURGE, ":tag": tag, ":key": key })?;
    if gone > 0 { count(tx, -i64::try_from(gone).unwrap_or(0)) } else { Ok(()) }
}

fn row(tx: &Transaction<'_>, tag: &str, key: &str) -> rusqlite::Result<Option<Row>> {
    tx.prepare_cached("SELECT state, since, expires, body, payload FROM reservations WHERE tag = ? AND key = ?")?
        .query_row([tag, key], |row| {
            let (state, since, expires) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Row { state, since, expires, body: row.get(3)?, payload: row.get(4)? })
        })
        .optional()
}

fn put(
    tx: &Transaction<'_>,
    tag: &str,
    key: &ReservationKey,
    state: &str,
    since: i64,
    expires: i64,
    payload: &[u8],
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO reservations VALUES (:tag, :key, :state, :since, :expires, :body, :payload)")?
        .execute(named_params! {
            ":tag": tag, ":key": key.key, ":state": state, ":since": since, ":expires": expires,
            ":body": key.body, ":payload": payload,
        })?;
    Ok(())
}

fn count(tx: &Transaction<'_>, by: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE counts SET held = held + ? WHERE kind = 'reservations'")?.execute([by])?;
    Ok(())
}
