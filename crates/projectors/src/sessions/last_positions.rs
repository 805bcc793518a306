//! How far a session's next read must see: the union of its writes' positions, at most one offset a partition.

use std::sync::LazyLock;

use aredvi_events::{Partition, Positions, Topic};
use redis::Script;
use rusqlite::params;

use super::{Session, Sessions};
use crate::cache::{CacheError, Engine, Store, partition_tag};

static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key = KEYS[1] .. ':w:' .. ARGV[1]
         for i = 3, #ARGV, 2 do
           local held = redis.call('HGET', key, ARGV[i])
           if not held or tonumber(held) < tonumber(ARGV[i + 1]) then redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
         end
         redis.call('PEXPIREAT', key, ARGV[2])
         return 1",
    )
});

impl Sessions {
    /// Raises a session's last positions to at least these, partition by partition; they end with the session.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn positions_raise(&self, session: &Session, positions: &Positions) -> Result<(), CacheError> {
        if positions.is_empty() {
            return Ok(());
        }
        let partition = Topic::Sessions.partition(&session.person.to_string());
        let session = *session;
        match self.cache.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(&RAISE, &partition_tag(partition), |script| {
                        script.arg(session.session.get()).arg(session.expires_at);
                        for (partition, next) in positions.iter() {
                            script.arg(part(partition)).arg(next);
                        }
                    })
                    .await
            }
            Engine::Sqlite(sqlite) => {
                let positions = positions.clone();
                sqlite.call(move |store| store.raise_positions(&session, &positions)).await
            }
        }
    }

    /// A session's last positions.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn positions_of(&self, session: &Session) -> Result<Positions, CacheError> {
        let tag = partition_tag(Topic::Sessions.partition(&session.person.to_string()));
        let session = *session;
        match self.cache.engine() {
            Engine::Redis(redis) => {
                let mut pipe = redis::pipe();
                pipe.cmd("HGETALL").arg(format!("{}:w:{}", redis.base(&tag), session.session));
                let (held,): (Vec<(u8, u64)>,) = redis.pipeline(&pipe).await?;
                Ok(positions(held))
            }
            Engine::Sqlite(sqlite) => sqlite.call(move |store| store.positions_of(&session)).await,
        }
    }
}

/// A partition as one byte: the topic in the upper three bits, the number in the lower five.
fn part(partition: Partition) -> u8 {
    (partition.topic.number() << 5) | u8::try_from(partition.number & 31).unwrap_or(31)
}

pub(super) fn positions(held: impl IntoIterator<Item = (u8, u64)>) -> Positions {
    let partition = |byte: u8| Some(Partition { topic: Topic::from_number(byte >> 5)?, number: u32::from(byte & 31) });
    held.into_iter().filter_map(|(byte, next)| Some((partition(byte)?, next))).collect()
}

impl Store {
    fn raise_positions(&mut self, session: &Session, positions: &Positions) -> rusqlite::Result<()> {
        let tx = self.begin()?;
        for (partition, next) in positions.iter() {
            tx.prepare_cached(
                "INSERT INTO session_reads VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET next = max(next, excluded.next), expires_at = excluded.expires_at",
            )?
            .execute(params![
                session.person.as_i64(),
                session.session.as_i64(),
                part(partition),
                next.cast_signed(),
                session.expires_at
            ])?;
        }
        tx.commit()
    }

    pub(super) fn positions_of(&self, session: &Session) -> rusqlite::Result<Positions> {
        let mut select = self.read().prepare_cached("SELECT part, next FROM session_reads WHERE person = ? AND session = ?")?;
        let held = select
            .query_map([session.person.as_i64(), session.session.as_i64()], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(positions(held))
    }
}
