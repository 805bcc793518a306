//! Folds the events of a partition into the view.
//!
//! Opened twice is opened once; what was revoked stays revoked, also when its opening comes again; what has ended by
//! its time is not kept.

use std::sync::LazyLock;

use aredvi_events::codec::AnyTopicEvent;
use aredvi_events::sessions::SessionEvent;
use aredvi_events::{ActorId, Body, Event, SessionId, Stored, codec};
use redis::Script;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::Sessions;
use super::lease::script;
use super::parked::{self, MAX_PARKED, Park};
use super::runner::VIEW;
use super::token::TokenHash;
use crate::cache::{CacheError, Engine, Store, partition_tag};

/// How long the mark of a revoked session stands whose opening is not known: 90 days, in milliseconds.
pub const REVOKED_MARK_MS: i64 = 90 * 24 * 3_600_000;
/// The longest name of a device, in code points; the rest is cut off.
pub const MAX_DEVICE_CHARS: usize = 200;
/// How many ended rows of each table a batch clears away.
const PURGE: u32 = 200;

static APPLY: LazyLock<Script> = LazyLock::new(|| script(include_str!("apply.lua")));

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The partition stands at the batch's end.
    Applied,
    /// The lease is another's: nothing was changed.
    Fenced,
    /// The partition stands elsewhere than expected: nothing was changed.
    Moved,
    /// The partition has no position, so the cache was emptied: nothing was changed.
    Missing,
    /// There is no room to park another event: nothing was changed.
    Full,
}

/// One change that an event makes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Op {
    Opened { person: ActorId, session: SessionId, hash: TokenHash, device: String, at: i64, expires: i64 },
    Revoked { person: ActorId, session: SessionId, mark_until: i64 },
    Park(Park),
    Drop(String),
}

impl Sessions {
    /// Applies records of one partition, in log order, and moves its position from `expected` to `next`: at once and
    /// all, or not at all. Records that are no events of sessions are parked.
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer; applying the same again is safe.
    pub async fn apply_batch(
        &self,
        partition: u32,
        holder: &str,
        expected: u64,
        records: &[Stored],
        next: u64,
    ) -> Result<Applied, CacheError> {
        let now = self.cache.clock().now_ms();
        let ops: Vec<Op> = records.iter().filter_map(op).collect();
        let word: String = match self.cache.engine() {
            Engine::Redis(redis) => {
                redis
                    .script(&APPLY, &partition_tag(partition), |script| {
                        script.arg(holder).arg(expected).arg(next).arg(now).arg(MAX_PARKED);
                        for op in &ops {
                            push(script, op);
                        }
                    })
                    .await?
            }
            Engine::Sqlite(sqlite) => {
                let holder = holder.to_owned();
                sqlite.call(move |store| store.apply_sessions(partition, &holder, expected, &ops, next, now)).await?
            }
        };
        match word.as_str() {
            "applied" => Ok(Applied::Applied),
            "fenced" => Ok(Applied::Fenced),
            "moved" => Ok(Applied::Moved),
            "missing" => Ok(Applied::Missing),
            "full" => Ok(Applied::Full),
            _ => Err(CacheError::Unknown("what became of a batch of sessions")),
        }
    }
}

/// What a record changes; nothing when it is another view's concern.
fn op(stored: &Stored) -> Option<Op> {
    match codec::decode(stored) {
        Ok(placed) => match op_of(placed.event) {
            Ok(op) => op,
            Err(reason) => Some(park(stored, reason)),
        },
        Err(reason) => Some(park(stored, &reason.to_string())),
    }
}

fn op_of(event: Event) -> Result<Option<Op>, &'static str> {
    let of = |person: ActorId| if person.to_string() == event.key { Ok(person) } else { Err("the person is not the key") };
    Ok(match event.body {
        Body::Sessions(SessionEvent::SessionOpened(opened)) => Some(Op::Opened {
            person: of(opened.person)?,
            session: opened.session,
            hash: TokenHash::parse(&opened.token_hash).ok_or("the token's hash is malformed")?,
            device: opened.device.chars().take(MAX_DEVICE_CHARS).collect(),
            at: event.time_ms,
            expires: opened.expires_at,
        }),
        Body::Sessions(SessionEvent::SessionRevoked(revoked)) => Some(Op::Revoked {
            person: of(revoked.person)?,
            session: revoked.session,
            mark_until: event.time_ms.saturating_add(REVOKED_MARK_MS),
        }),
        Body::Any(AnyTopicEvent::EventDropped(dropped)) => (dropped.view == VIEW).then(|| Op::Drop(dropped.event.to_string())),
        Body::Identity(_) | Body::Actors(_) | Body::Graph(_) | Body::Media(_) | Body::Notifications(_) | Body::Deliveries(_) => {
            None
        }
    })
}

fn park(stored: &Stored, reason: &str) -> Op {
    tracing::error!(view = VIEW, place = %stored.place, reason, "an event cannot be applied and is parked");
    metrics::counter!("aredvi_projector_parked_total", "view" => VIEW).increment(1);
    Op::Park(Park::new(stored, reason))
}

fn push(script: &mut redis::ScriptInvocation<'_>, op: &Op) {
    match op {
        Op::Opened { person, session, hash, device, at, expires } => {
            script.arg("O").arg(person.get()).arg(session.get()).arg(hash.as_str()).arg(device).arg(at).arg(expires);
        }
        Op::Revoked { person, session, mark_until } => {
            script.arg("R").arg(person.get()).arg(session.get()).arg(mark_until);
        }
        Op::Park(park) => {
            script.arg("P").arg(park.offset).arg(&park.event).arg(&park.reason);
        }
        Op::Drop(event) => {
            script.arg("U").arg(event);
        }
    }
}

impl Store {
    fn apply_sessions(
        &mut self,
        partition: u32,
        holder: &str,
        expected: u64,
        ops: &[Op],
        next: u64,
        now: i64,
    ) -> rusqlite::Result<String> {
        let tx = self.begin()?;
        let answer = |word: &str| Ok(word.to_owned());
        let place: Option<Option<i64>> = tx
            .prepare_cached("SELECT next FROM session_positions WHERE part = ? AND holder = ? AND held_until > ?")?
            .query_row(params![partition, holder, now], |row| row.get(0))
            .optional()?;
        match place.map(|next| next.map(i64::cast_unsigned)) {
            None => return answer("fenced"),
            Some(None) => return answer("missing"),
            Some(Some(at)) if at == next => return answer("applied"),
            Some(Some(at)) if at != expected => return answer("moved"),
            Some(Some(_)) => {}
        }
        let more = ops.iter().filter(|op| matches!(op, Op::Park(_))).count();
        if more > 0 && parked::count(&tx, partition)? + more > MAX_PARKED {
            return answer("full");
        }
        for op in ops {
            apply(&tx, partition, op, now)?;
        }
        purge(&tx, now)?;
        tx.prepare_cached("UPDATE session_positions SET next = ? WHERE part = ?")?
            .execute(params![next.cast_signed(), partition])?;
        tx.commit()?;
        answer("applied")
    }
}

fn apply(tx: &Transaction<'_>, partition: u32, op: &Op, now: i64) -> rusqlite::Result<()> {
    match op {
        Op::Opened { expires, .. } if *expires <= now => {}
        Op::Opened { person, session, hash, device, at, expires } => {
            tx.prepare_cached("INSERT OR IGNORE INTO sessions VALUES (?, ?, 0, ?, ?, ?, ?, NULL)")?.execute(params![
                person.as_i64(),
                session.as_i64(),
                hash.as_str(),
                device,
                at,
                expires
            ])?;
        }
        Op::Revoked { person, session, mark_until } => {
            let ids = [person.as_i64(), session.as_i64()];
            let known = tx
                .prepare_cached("UPDATE sessions SET revoked = 1, token_hash = '', device = '' WHERE person = ? AND session = ?")?
                .execute(ids)?;
            if known == 0 && *mark_until > now {
                tx.prepare_cached("INSERT INTO sessions VALUES (?, ?, 1, '', '', 0, ?, NULL)")?
                    .execute(params![ids[0], ids[1], mark_until])?;
            }
            tx.prepare_cached("DELETE FROM session_reads WHERE person = ? AND session = ?")?.execute(ids)?;
        }
        Op::Park(park) => parked::insert(tx, partition, park)?,
        Op::Drop(event) => parked::forget(tx, partition, event)?,
    }
    Ok(())
}

fn purge(tx: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM sessions WHERE (person, session) IN
             (SELECT person, session FROM sessions INDEXED BY sessions_expires_at WHERE expires_at <= ? LIMIT ?)",
    )?
    .execute((now, PURGE))?;
    tx.prepare_cached(
        "DELETE FROM session_reads WHERE (person, session, part) IN
             (SELECT person, session, part FROM session_reads INDEXED BY session_reads_expires_at WHERE expires_at <= ? LIMIT ?)",
    )?
    .execute((now, PURGE))?;
    Ok(())
}
