//! The lease on a partition, and its position's beginning.

use std::sync::LazyLock;

use redis::Script;
use rusqlite::{OptionalExtension as _, params};

use super::Sessions;
use crate::cache::{CacheError, Engine, Store, partition_tag};

/// The check of a lease, for scripts.
pub(super) const LEASE_LUA: &str = include_str!("lease.lua");

pub(super) fn script(end: &str) -> Script {
    Script::new(&format!("{LEASE_LUA}\n{end}"))
}

static HOLD: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local free = redis.call('EXISTS', KEYS[1] .. ':h') == 0
         if not free and not holds(KEYS[1], ARGV[1]) then return {0, '', ''} end
         redis.call('SET', KEYS[1] .. ':h', ARGV[1], 'PX', ARGV[2])
         local place = redis.call('HMGET', KEYS[1] .. ':p', 'next', 'until')
         return {1, place[1] or '', place[2] or ''}",
    )
});
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not holds(KEYS[1], ARGV[1]) then return 0 end
         if redis.call('EXISTS', KEYS[1] .. ':p') == 0 then
           redis.call('HSET', KEYS[1] .. ':p', 'next', ARGV[2], 'until', ARGV[3])
         end
         return 1",
    )
});
static LET_GO: LazyLock<Script> =
    LazyLock::new(|| script("if holds(KEYS[1], ARGV[1]) then redis.call('DEL', KEYS[1] .. ':h') end return 1"));

/// How far a partition is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionPosition {
    /// The next offset to apply.
    pub next: u64,
    /// Where the log ended when the replay began; below it nothing is answered.
    pub until: u64,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is another's.
    Taken,
    /// It is ours; `None` when the partition has no position, so must be replayed.
    Held(Option<PartitionPosition>),
}

/// What came of beginning a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The partition has a position.
    Ready,
    /// The lease is another's.
    Fenced,
}

impl PartitionPosition {
    /// Whether what stood in the log when the replay began is applied.
    pub fn is_ready(&self) -> bool {
        self.next >= self.until
    }
}

impl Sessions {
    /// Takes or renews the lease on a partition for `ttl_ms`.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn hold(&self, partition: u32, holder: &str, ttl_ms: i64) -> Result<Hold, CacheError> {
        match self.cache.engine() {
            Engine::Redis(redis) => {
                let (held, next, until): (bool, String, String) = redis
                    .script(&HOLD, &partition_tag(partition), |script| {
                        script.arg(holder).arg(ttl_ms);
                    })
                    .await?;
                Ok(if held { Hold::Held(position_of(&next, &until)) } else { Hold::Taken })
            }
            Engine::Sqlite(sqlite) => {
                let (holder, now) = (holder.to_owned(), self.cache.clock().now_ms());
                sqlite.call(move |store| store.hold_sessions(partition, &holder, now, now + ttl_ms)).await
            }
        }
    }

    /// Gives a partition without a position one at `start`, to replay up to `until`.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn begin(&self, partition: u32, holder: &str, start: u64, until: u64) -> Result<Begun, CacheError> {
        let held = match self.cache.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(&BEGIN, &partition_tag(partition), |script| {
                        script.arg(holder).arg(start).arg(until);
                    })
                    .await?
            }
            Engine::Sqlite(sqlite) => {
                let (holder, now) = (holder.to_owned(), self.cache.clock().now_ms());
                let sql = "UPDATE session_positions SET next = coalesce(next, ?1), until = coalesce(until, ?2)
                           WHERE part = ?3 AND holder = ?4 AND held_until > ?5";
                let (start, until) = (start.cast_signed(), until.cast_signed());
                sqlite
                    .call(move |store| Ok(store.read().execute(sql, params![start, until, partition, holder, now])? == 1))
                    .await?
            }
        };
        Ok(if held { Begun::Ready } else { Begun::Fenced })
    }

    /// Gives a lease up, so that another need not wait for its end.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; it then ends by its time.
    pub async fn let_go(&self, partition: u32, holder: &str) -> Result<(), CacheError> {
        match self.cache.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(&LET_GO, &partition_tag(partition), |script| {
                        script.arg(holder);
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => {
                let holder = holder.to_owned();
                let sql = "UPDATE session_positions SET held_until = 0 WHERE part = ? AND holder = ?";
                sqlite.call(move |store| store.read().execute(sql, params![partition, holder]).map(drop)).await
            }
        }
    }
}

/// What the two fields of a position say; `None` when they are missing.
pub(super) fn position_of(next: &str, until: &str) -> Option<PartitionPosition> {
    Some(PartitionPosition { next: next.parse().ok()?, until: until.parse().ok()? })
}

impl Store {
    fn hold_sessions(&mut self, partition: u32, holder: &str, now: i64, until: i64) -> rusqlite::Result<Hold> {
        let tx = self.begin()?;
        tx.execute(
            "INSERT INTO session_positions (part, holder, held_until) VALUES (?1, ?2, ?3)
             ON CONFLICT (part) DO UPDATE SET holder = ?2, held_until = ?3 WHERE holder = ?2 OR held_until <= ?4",
            params![partition, holder, until, now],
        )?;
        let held = tx
            .query_row(
                "SELECT next, until FROM session_positions WHERE part = ? AND holder = ?",
                params![partition, holder],
                |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)),
            )
            .optional()?;
        tx.commit()?;
        Ok(match held {
            None => Hold::Taken,
            Some((next, until)) => Hold::Held(
                next.zip(until)
                    .map(|(next, until)| PartitionPosition { next: next.cast_unsigned(), until: until.cast_unsigned() }),
            ),
        })
    }
}
