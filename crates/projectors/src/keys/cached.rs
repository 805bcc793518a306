//! Keys in memory, for as long as it is known that they were not destroyed.
//!
//! A process that listens to the log forgets a key at the moment it hears of an erasure. One that does not, or is behind,
//! learns it from the schema itself: before it trusts what it holds, it asks which keys were destroyed of late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aredvi_events::{ActorId, Clock};
use moka::sync::Cache;

use super::store::Key;
use crate::db::{Db, DbError};

/// Keys kept unwrapped in memory.
const MOST: u64 = 200_000;
/// It is asked this often which keys were destroyed.
const CONFIRMED_EVERY: Duration = Duration::from_secs(10);
/// How long what is held is trusted while that cannot be learned: an erasure reaches every process within this time.
const TRUSTED_FOR: Duration = Duration::from_secs(60);
/// Keys destroyed within this time are asked for, each time anew: further than clocks are apart, longer than any
/// transaction that destroys one, in milliseconds.
const LOOK_BACK_MS: i64 = 24 * 60 * 60 * 1_000;
/// A key is read again after this, whatever was asked.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The keys of a process.
pub(super) struct CachedKeys {
    keys: Cache<ActorId, Key>,
    clock: Clock,
    /// When it was last asked what was destroyed, in milliseconds as the clock counts.
    asked: AtomicU64,
    /// The last of those times that was answered.
    confirmed: AtomicU64,
}

impl CachedKeys {
    /// Holds nothing yet.
    pub(super) fn new(clock: Clock) -> Self {
        let keys = Cache::builder().max_capacity(MOST).time_to_live(LONGEST).build();
        let now = millis(clock.since());
        Self { keys, clock, asked: AtomicU64::new(now), confirmed: AtomicU64::new(now) }
    }

    /// The key of an actor, when it is held and trusted.
    pub(super) fn get(&self, actor: ActorId) -> Option<Key> {
        self.is_trusted().then(|| self.keys.get(&actor)).flatten()
    }

    /// Holds a key as it was read a moment ago.
    pub(super) fn insert(&self, actor: ActorId, key: Key) {
        self.keys.insert(actor, key);
    }

    /// Forgets the key of an actor.
    pub(super) fn forget(&self, actor: ActorId) {
        self.keys.invalidate(&actor);
    }

    /// Asks `db` which keys were destroyed of late, when it is time: one caller in ten seconds, and every caller as long
    /// as nothing that is held is trusted.
    ///
    /// # Errors
    /// [`DbError`], when nothing that is held can be trusted.
    pub(super) async fn confirm(&self, db: &Db) -> Result<(), DbError> {
        let now = millis(self.clock.since());
        let asked = self.asked.load(Ordering::Acquire);
        let due = now.saturating_sub(asked) >= millis(CONFIRMED_EVERY)
            && self.asked.compare_exchange(asked, now, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !due && self.is_trusted() {
            return Ok(());
        }
        match self.ask(db, now).await {
            // What is held is trusted for some time yet, in which it is asked again.
            Err(_) if self.is_trusted() => Ok(()),
            asked => asked,
        }
    }

    async fn ask(&self, db: &Db, now: u64) -> Result<(), DbError> {
        // data_keys_by_destruction
        let sql = "SELECT actor FROM data_keys WHERE destroyed_at >= ?";
        let since = self.clock.now_ms().saturating_sub(LOOK_BACK_MS);
        for row in db.read_latest(sql, vec![since.into()]).await? {
            let actor: ActorId = row.id(0)?;
            if self.keys.contains_key(&actor) {
                self.keys.insert(actor, Key::Erased);
            }
        }
        self.confirmed.fetch_max(now, Ordering::AcqRel);
        Ok(())
    }

    fn is_trusted(&self) -> bool {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        millis(self.clock.since()).saturating_sub(confirmed) <= millis(TRUSTED_FOR)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
