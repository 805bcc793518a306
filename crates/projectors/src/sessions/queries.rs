//! What may be asked of the view.

use std::sync::LazyLock;

use aredvi_events::{ActorId, Id, Partition, Positions, SessionId, Topic};
use redis::Script;
use rusqlite::{OptionalExtension as _, Row, params};

use super::lease::{PartitionPosition, position_of};
use super::token::{Token, TokenHash};
use super::{Session, Sessions};
use crate::cache::{CacheError, Engine, Store, partition_tag};

/// The most sessions of a person that a list tells: the newest.
pub const MAX_LISTED: u32 = 100;

/// `find`, for scripts.
pub(super) const FIND_LUA: &str = include_str!("lookup.lua");

static FIND: LazyLock<Script> =
    LazyLock::new(|| Script::new(&format!("{FIND_LUA}\nreturn {{find(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]))}}")));
static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{FIND_LUA}
         local base, person, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
         if find(base, '', ARGV[2], now) == 'behind' then return {{0}} end
         local answer = {{1}}
         local live = redis.call('ZREVRANGEBYSCORE', base .. ':o:' .. person, '+inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])
         for _, session in ipairs(live) do
           local held = redis.call('GET', base .. ':i:' .. person .. ':' .. session)
           if held and held ~= 'R' then
             answer[#answer + 1] = session .. ':' .. (redis.call('GET', base .. ':n:' .. session) or '') .. ':' .. held
           end
         end
         return answer"
    ))
});

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It stands for this session.
    Found(Session),
    /// It stands for nothing: never opened, ended, or revoked.
    Unknown,
    /// The view cannot say yet: answer 503.
    NotReady,
}

/// The sessions of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Those that stand, the newest first, at most [`MAX_LISTED`].
    Of(Vec<Listed>),
    /// The view cannot say yet: answer 503.
    NotReady,
}

/// One session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which, whose, from when and until when.
    pub session: Session,
    /// What the device calls itself.
    pub device: String,
    /// When it last asked for something, Unix milliseconds, to the minute; `None` when it is not known.
    pub last_seen_at: Option<i64>,
}

impl Sessions {
    /// The session of a token, once the view includes everything below `least` of the token's partition: what the asker
    /// knows to be on the log, 0 for nothing.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn lookup(&self, token: &Token, least: u64) -> Result<Lookup, CacheError> {
        let (partition, hash, now) = (token.partition().number, token.hash().clone(), self.cache.clock().now_ms());
        match self.cache.engine() {
            Engine::Redis(redis) => {
                let (word, held): (String, String) = redis
                    .script(&FIND, &partition_tag(partition), |script| {
                        script.arg(hash.as_str()).arg(least).arg(now);
                    })
                    .await?;
                found(&word, &held)
            }
            Engine::Sqlite(sqlite) => sqlite.call(move |store| store.find_session(partition, &hash, least, now)).await,
        }
    }

    /// The sessions of a person, once the view includes everything below `least` of the person's partition.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn list(&self, person: ActorId, least: u64) -> Result<Listing, CacheError> {
        let partition = Topic::Sessions.partition(&person.to_string());
        let now = self.cache.clock().now_ms();
        let listed = match self.cache.engine() {
            Engine::Redis(redis) => {
                let answer: Vec<String> = redis
                    .script(&LIST, &partition_tag(partition), |script| {
                        script.arg(person.get()).arg(least).arg(now).arg(MAX_LISTED);
                    })
                    .await?;
                match answer.split_first() {
                    Some((ready, listed)) if ready == "1" => {
                        Some(listed.iter().map(|text| listed_of(person, text)).collect::<Result<Vec<_>, _>>()?)
                    }
                    _ => None,
                }
            }
            Engine::Sqlite(sqlite) => sqlite.call(move |store| store.list_sessions(partition, person, least, now)).await?,
        };
        Ok(listed.map_or(Listing::NotReady, |mut listed| {
            listed.sort_unstable_by_key(|one| std::cmp::Reverse((one.session.opened_at, one.session.session)));
            Listing::Of(listed)
        }))
    }

    /// How far a partition of the view is applied; `None` when it has no position.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn position(&self, partition: u32) -> Result<Option<PartitionPosition>, CacheError> {
        Ok(self.every_position().await?.get(partition as usize).copied().flatten())
    }

    /// How far the view is applied: the partitions that can answer. One round trip.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn positions(&self) -> Result<Positions, CacheError> {
        let every = self.every_position().await?;
        let ready = every.into_iter().zip(Partition::all(&[Topic::Sessions])).filter_map(|(position, partition)| {
            let position = position.filter(PartitionPosition::is_ready)?;
            Some((partition, position.next))
        });
        Ok(ready.collect())
    }

    async fn every_position(&self) -> Result<Vec<Option<PartitionPosition>>, CacheError> {
        let partitions = 0..Topic::Sessions.partitions();
        match self.cache.engine() {
            Engine::Redis(redis) => {
                let mut pipe = redis::pipe();
                for partition in partitions {
                    pipe.cmd("HMGET").arg(format!("{}:p", redis.base(&partition_tag(partition)))).arg("next").arg("until");
                }
                let held: Vec<(Option<String>, Option<String>)> = redis.pipeline(&pipe).await?;
                Ok(held.into_iter().map(|(next, until)| position_of(&next?, &until?)).collect())
            }
            Engine::Sqlite(sqlite) => {
                sqlite.call(move |store| partitions.map(|partition| store.sessions_position(partition)).collect()).await
            }
        }
    }
}

/// Reads what `find` of `lookup.lua` returns.
pub(super) fn found(word: &str, held: &str) -> Result<Lookup, CacheError> {
    match word {
        "behind" => Ok(Lookup::NotReady),
        "unknown" => Ok(Lookup::Unknown),
        "found" => session_of(held).map(Lookup::Found).ok_or(CacheError::Unknown("the record of a token")),
        _ => Err(CacheError::Unknown("what became of a lookup")),
    }
}

fn session_of(held: &str) -> Option<Session> {
    let mut fields = held.split(':');
    let person = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    Some(Session { person, session, opened_at: fields.next()?.parse().ok()?, expires_at: fields.next()?.parse().ok()? })
}

/// Reads `session:last seen:hash:opened:expires:device`.
fn listed_of(person: ActorId, text: &str) -> Result<Listed, CacheError> {
    let read = || {
        let mut fields = text.splitn(6, ':');
        let session = fields.next()?.parse().ok()?;
        let last_seen_at = fields.next()?.parse().ok();
        let (opened_at, expires_at) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        let session = Session { person, session, opened_at, expires_at };
        Some(Listed { session, device: fields.next()?.to_owned(), last_seen_at })
    };
    read().ok_or(CacheError::Unknown("the record of a session"))
}

impl Store {
    fn sessions_position(&self, partition: u32) -> rusqlite::Result<Option<PartitionPosition>> {
        let held: Option<(Option<i64>, Option<i64>)> = self
            .read()
            .prepare_cached("SELECT next, until FROM session_positions WHERE part = ?")?
            .query_row([partition], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let position = |next: i64, until: i64| PartitionPosition { next: next.cast_unsigned(), until: until.cast_unsigned() };
        Ok(held.and_then(|(next, until)| Some(position(next?, until?))))
    }

    fn is_behind(&self, partition: u32, least: u64) -> rusqlite::Result<bool> {
        let position = self.sessions_position(partition)?;
        Ok(!position.is_some_and(|position| position.is_ready() && position.next >= least))
    }

    pub(super) fn find_session(&self, partition: u32, hash: &TokenHash, least: u64, now: i64) -> rusqlite::Result<Lookup> {
        if self.is_behind(partition, least)? {
            return Ok(Lookup::NotReady);
        }
        // sessions_token_hash
        let found = self
            .read()
            .prepare_cached(
                "SELECT person, session, opened_at, expires_at FROM sessions
                 WHERE token_hash = ? AND revoked = 0 AND expires_at > ?",
            )?
            .query_row(params![hash.as_str(), now], session_of_row)
            .optional()?;
        Ok(found.flatten().map_or(Lookup::Unknown, Lookup::Found))
    }

    fn list_sessions(&self, partition: u32, person: ActorId, least: u64, now: i64) -> rusqlite::Result<Option<Vec<Listed>>> {
        if self.is_behind(partition, least)? {
            return Ok(None);
        }
        // The primary key.
        let mut select = self.read().prepare_cached(
            "SELECT person, session, opened_at, expires_at, device, last_seen_at FROM sessions
             WHERE person = ? AND revoked = 0 AND expires_at > ? ORDER BY expires_at DESC LIMIT ?",
        )?;
        let rows = select.query_map(params![person.as_i64(), now, MAX_LISTED], |row| {
            let (device, last_seen_at) = (row.get(4)?, row.get(5)?);
            Ok(session_of_row(row)?.map(|session| Listed { session, device, last_seen_at }))
        })?;
        Ok(Some(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect()))
    }
}

fn session_of_row(row: &Row<'_>) -> rusqlite::Result<Option<Session>> {
    let (person, session) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
    let (opened_at, expires_at) = (row.get(2)?, row.get(3)?);
    Ok(Id::try_from(person).ok().zip(Id::try_from(session).ok()).map(|(person, session)| Session {
        person: person.into(),
        session: SessionId(session),
        opened_at,
        expires_at,
    }))
}
