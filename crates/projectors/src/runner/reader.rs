//! Reading a view: the generation that serves, how far it is, and waiting until it is far enough.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aredvi_events::{Clock, Partition, Place, Positions, Topic};
use aredvi_journal::Journal;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::control::Control;
use crate::db::{Db, DbError, PoolSizes};
use crate::view::View;

use super::limits::{POLL_EVERY, REREAD};
use super::not_ready::NotReady;
use super::sites::Site;
use super::{Deps, parked, schema};

/// Reads one view; clones share the connections.
#[derive(Clone)]
pub struct ViewReader(Arc<Inner>);

struct Inner {
    view: &'static str,
    topics: &'static [Topic],
    versions: Vec<u32>,
    control: Control,
    site: Site,
    sizes: PoolSizes,
    journal: Journal,
    clock: Clock,
    pinned: ArcSwapOption<Pinned>,
    unready: ArcSwapOption<NotReady>,
    known: watch::Sender<Known>,
    reached: ArcSwapOption<Reached>,
    polling: Mutex<()>,
    lag: watch::Sender<Lag>,
}

/// A generation to read from for the length of a request.
#[derive(Debug)]
pub struct Pinned {
    /// Its number.
    pub generation: u32,
    /// The schema version of its tables.
    pub version: u32,
    /// Its schema.
    pub db: Db,
}

/// How far a generation was at some moment, as its readers see it; it is at least there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its number.
    pub generation: u32,
    /// How far.
    pub positions: Positions,
}

/// How far a view is behind the log, looked at every second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    /// Records at most.
    pub events: u64,
    /// For how long the oldest of them has been on the log, in milliseconds.
    pub ms: i64,
}

#[derive(Debug, Clone, Default)]
struct Known {
    generation: u32,
    positions: Positions,
    parked: HashSet<Place>,
    /// When the schema was asked for it.
    asked_at: Option<Instant>,
}

impl ViewReader {
    /// Opens a view for reading; it need not serve yet. `versions` are the schema versions that the caller's queries
    /// know. From now on the serving generation is looked up every second.
    pub async fn open(view: &dyn View, versions: &[u32], deps: &Deps, sizes: PoolSizes) -> Self {
        let inner = Arc::new(Inner {
            view: view.name(),
            topics: view.topics(),
            versions: versions.to_vec(),
            control: deps.control.clone(),
            site: deps.sites.of(view.name()).clone(),
            sizes,
            journal: deps.journal.clone(),
            clock: deps.mint.clock().clone(),
            pinned: ArcSwapOption::empty(),
            unready: ArcSwapOption::empty(),
            known: watch::Sender::default(),
            reached: ArcSwapOption::empty(),
            polling: Mutex::default(),
            lag: watch::Sender::default(),
        });
        inner.look().await;
        let (weak, clock) = (Arc::downgrade(&inner), inner.clock.clone());
        tokio::spawn(async move {
            let mut since = None;
            loop {
                clock.sleep(REREAD).await;
                let Some(inner) = weak.upgrade() else { break };
                inner.look().await;
                inner.measure(&mut since).await;
            }
        });
        Self(inner)
    }

    /// Looks the serving generation up now, without waiting for the next second.
    pub async fn reread(&self) {
        self.0.look().await;
    }

    /// The view's name.
    pub fn view(&self) -> &'static str {
        self.0.view
    }

    /// The topics that it is made of.
    pub fn topics(&self) -> &'static [Topic] {
        self.0.topics
    }

    /// The generation that serves, to be kept for one request.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn pin(&self) -> Result<Arc<Pinned>, NotReady> {
        self.0.pinned()
    }

    /// The schema of the generation that serves.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn db(&self) -> Result<Db, NotReady> {
        Ok(self.0.pinned()?.db.clone())
    }

    /// How far the serving generation is, asked now.
    ///
    /// # Errors
    /// [`NotReady`].
    pub async fn positions(&self) -> Result<Positions, NotReady> {
        let pinned = self.0.pinned()?;
        self.0.poll(&pinned).await.map_err(|error| self.0.unavailable(&error))?;
        Ok(self.0.known.borrow().positions.clone())
    }

    /// How far the serving generation is known to be: asked by one of all who want to know, at most every [`POLL_EVERY`].
    /// It may be further.
    ///
    /// # Errors
    /// [`NotReady`].
    pub async fn known_positions(&self) -> Result<Positions, NotReady> {
        let inner = &*self.0;
        let pinned = inner.pinned()?;
        let recent = || {
            let known = inner.known.borrow();
            let age = known.asked_at.map(|at| at.elapsed());
            let is_recent = known.generation == pinned.generation && age.is_some_and(|age| age < POLL_EVERY);
            is_recent.then(|| known.positions.clone())
        };
        if let Some(positions) = recent() {
            return Ok(positions);
        }
        let _one = inner.polling.lock().await;
        if let Some(positions) = recent() {
            return Ok(positions);
        }
        inner.poll(&pinned).await.map_err(|error| inner.unavailable(&error))?;
        Ok(inner.known.borrow().positions.clone())
    }

    /// How far the generation that serves is at least, from the last look of anybody's: every second without being asked.
    pub fn reached(&self) -> Option<Arc<Reached>> {
        let serving = self.0.pinned.load().as_ref()?.generation;
        self.0.reached.load_full().filter(|reached| reached.generation == serving)
    }

    /// How far it was behind the log at the last look.
    pub fn lag(&self) -> Lag {
        *self.0.lag.borrow()
    }

    /// Waits until the view includes everything that `wanted` includes of its topics, at most for `limit`. `false`: it
    /// does not, because it is late, not ready, or has put an event aside that `wanted` ends with.
    ///
    /// Of all who wait one asks the database, every [`POLL_EVERY`]; while nobody waits nobody asks.
    pub async fn wait_for(&self, wanted: &Positions, limit: Duration) -> bool {
        let wanted = wanted.only(self.0.topics);
        if wanted.is_empty() {
            return true;
        }
        self.0.clock.timeout(limit, self.0.arrive(&wanted)).await.unwrap_or(false)
    }
}

impl Inner {
    fn pinned(&self) -> Result<Arc<Pinned>, NotReady> {
        self.pinned
            .load_full()
            .ok_or_else(|| self.unready.load_full().map_or(NotReady::None { view: self.view }, |unready| (*unready).clone()))
    }

    /// Whether `wanted` is there, as soon as it is or cannot be.
    async fn arrive(&self, wanted: &Positions) -> bool {
        let mut news = self.known.subscribe();
        loop {
            let Ok(pinned) = self.pinned() else {
                self.clock.sleep(POLL_EVERY).await;
                continue;
            };
            {
                let known = news.borrow_and_update();
                if known.generation == pinned.generation && known.positions.covers(wanted, self.topics) {
                    return !known.put_aside(wanted);
                }
            }
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return false },
                guard = self.polling.lock() => {
                    if news.has_changed().unwrap_or(false) {
                        continue;
                    }
                    // Whoever waits keeps trying: the database may come back in time.
                    if self.poll(&pinned).await.is_ok() {
                        let known = self.known.borrow();
                        if known.positions.covers(wanted, self.topics) {
                            return !known.put_aside(wanted);
                        }
                    }
                    self.clock.sleep(POLL_EVERY).await;
                    drop(guard);
                }
            }
        }
    }

    /// Asks the schema how far it is, and tells all who wait.
    async fn poll(&self, pinned: &Pinned) -> Result<(), DbError> {
        let asked_at = Some(Instant::now());
        // Positions first: what was parked at or before them is seen after them.
        let positions = schema::read_positions(&pinned.db).await?;
        self.note(pinned.generation, &positions);
        let parked = parked::places(&pinned.db).await?;
        self.known.send_replace(Known { generation: pinned.generation, positions, parked, asked_at });
        Ok(())
    }

    /// Looks which generation serves.
    async fn look(&self) {
        match self.serving().await {
            Ok(Some(pinned)) => {
                self.pinned.store(Some(Arc::new(pinned)));
                self.unready.store(None);
            }
            Ok(None) => {}
            Err(NotReady::Unavailable { reason, .. }) if self.pinned.load().is_some() => {
                tracing::debug!(view = self.view, reason, "the generations cannot be read");
            }
            Err(unready) => {
                self.pinned.store(None);
                self.unready.store(Some(Arc::new(unready)));
            }
        }
    }

    /// The generation that serves now, opened; `None` when it is the pinned one.
    async fn serving(&self) -> Result<Option<Pinned>, NotReady> {
        let view = self.view;
        let serving = self.control.serving(view).await.map_err(|error| self.unavailable(&error))?;
        let Some(serving) = serving else { return Err(NotReady::None { view }) };
        let generation = serving.n;
        if self.pinned.load().as_ref().is_some_and(|pinned| pinned.generation == generation) {
            return Ok(None);
        }
        let version = serving.version;
        if !self.versions.contains(&version) {
            return Err(NotReady::OtherVersion { view, generation, found: version });
        }
        let db = schema::open(&self.site, view, generation, self.sizes).await.map_err(|error| self.unavailable(&error))?;
        let origin = schema::origin(&db).await.map_err(|error| self.unavailable(&error))?;
        if origin.is_none_or(|origin| origin.journal != self.journal.id()) {
            return Err(NotReady::OtherJournal { view, generation });
        }
        Ok(Some(Pinned { generation, version, db }))
    }

    /// Notes how far behind the log the view is; `since` remembers the log's end that it has not reached, and when that
    /// was seen.
    async fn measure(&self, since: &mut Option<(Positions, i64)>) {
        let Ok(pinned) = self.pinned() else { return };
        let now = self.clock.now_ms();
        let (Ok(ends), Ok(positions)) = (self.journal.ends(self.topics).await, schema::read_positions(&pinned.db).await) else {
            return;
        };
        self.note(pinned.generation, &positions);
        if since.as_ref().is_some_and(|(end, _)| positions.covers(end, self.topics)) {
            *since = None;
        }
        let behind = |(partition, end): (Partition, u64)| end.saturating_sub(positions.next(partition));
        let events: u64 = ends.iter().map(behind).sum();
        let seen = if events == 0 { now } else { since.get_or_insert((ends, now)).1 };
        self.lag.send_replace(Lag { events, ms: now.saturating_sub(seen).max(0) });
    }

    fn note(&self, generation: u32, positions: &Positions) {
        self.reached.store(Some(Arc::new(Reached { generation, positions: positions.clone() })));
    }

    fn unavailable(&self, error: &DbError) -> NotReady {
        NotReady::Unavailable { view: self.view, reason: error.chain() }
    }
}

impl Known {
    /// Whether an event that `wanted` ends with is parked.
    fn put_aside(&self, wanted: &Positions) -> bool {
        !self.parked.is_empty()
            && wanted.iter().any(|(partition, next)| {
                next.checked_sub(1).is_some_and(|offset| self.parked.contains(&Place { partition, offset }))
            })
    }
}
