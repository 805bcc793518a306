//! Connections to a server that were used a moment ago, used again without a word to it.
//!
//! sqlx asks each connection that is given back whether it lives. Under load that is a question for every statement, so
//! what comes back waits here first, for whoever asks next; what nobody asked for goes back to sqlx, which keeps the
//! limits, the lifetimes and the new attempts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aredvi_events::Clock;
use sqlx::pool::PoolConnection;
use sqlx::{MySql, MySqlConnection, MySqlPool};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection rests here before sqlx has it back.
const RESTS: Duration = Duration::from_secs(1);
/// How long a connection may go from hand to hand before sqlx sees it again, and replaces it when it is too old.
const UNSEEN: Duration = Duration::from_secs(60);

/// A pool; clones share it.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    pool: MySqlPool,
    /// One for each connection of `pool`, so that whoever has one finds a connection resting or `pool` has one for him.
    permits: Arc<Semaphore>,
    /// How long a caller waits for a permit.
    patience: Duration,
    resting: Mutex<Vec<Resting>>,
    /// Whether somebody looks after those that rest.
    tended: AtomicBool,
}

struct Resting {
    connection: PoolConnection<MySql>,
    /// When sqlx handed it out.
    seen: Instant,
    since: Instant,
}

/// A connection; dropped, it goes back.
pub(super) struct Pooled {
    /// None once it went back.
    connection: Option<PoolConnection<MySql>>,
    seen: Instant,
    /// A statement was begun, and its answer is not read.
    busy: bool,
    closing: bool,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Hands out the connections of `pool`, `connections` at most; who waits longer than `patience` gets none.
    pub(super) fn of(pool: MySqlPool, connections: u32, patience: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared { pool, permits, patience, resting: Mutex::default(), tended: AtomicBool::new(false) }))
    }

    /// A connection.
    ///
    /// # Errors
    /// When the pool is closed, the server does not answer, or others hold every connection for too long.
    pub(super) async fn acquire(&self) -> Result<Pooled, sqlx::Error> {
        let shared = &self.0;
        // Only the limit is asked for, so any clock will do.
        let permit = Clock::default().timeout(shared.patience, Arc::clone(&shared.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let rested = shared.resting().pop().filter(|resting| resting.since.elapsed() < RESTS);
        let (connection, seen) = match rested {
            Some(resting) => (resting.connection, resting.seen),
            None => (shared.pool.acquire().await?, Instant::now()),
        };
        let shared = Arc::clone(shared);
        Ok(Pooled { connection: Some(connection), seen, busy: false, closing: false, shared, _permit: permit })
    }

    /// Closes every connection, those that are out as soon as they are back.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        self.0.resting().clear();
        self.0.pool.close().await;
    }
}

impl Shared {
    fn resting(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pooled {
    /// To ask something. Until [`Pooled::answered`] it counts as asked.
    ///
    /// # Errors
    /// When it went back, which only dropping it does.
    pub(super) fn asked(&mut self) -> Result<&mut MySqlConnection, sqlx::Error> {
        self.busy = true;
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// The answer was read to its end.
    pub(super) const fn answered(&mut self) {
        self.busy = false;
    }

    /// Closes it when it is dropped.
    pub(super) fn close_on_drop(&mut self) {
        self.closing = true;
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let runtime = Handle::try_current();
        // What was asked and not answered sqlx brings in order, or closes.
        let rests = !self.busy && !self.closing && self.seen.elapsed() <= UNSEEN && !self.shared.permits.is_closed();
        let (Ok(runtime), true) = (runtime, rests) else { return give_back(connection) };
        self.shared.resting().push(Resting { connection, seen: self.seen, since: Instant::now() });
        if self.shared.permits.is_closed() {
            // It was closed meanwhile: nobody else would look.
            self.shared.resting().clear();
        }
        if !self.shared.tended.swap(true, Ordering::AcqRel) {
            runtime.spawn(tend(Arc::clone(&self.shared)));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let resting = self.resting.get_mut().unwrap_or_else(PoisonError::into_inner);
        resting.drain(..).for_each(|resting| give_back(resting.connection));
    }
}

/// Lets sqlx have a connection back: a task of its own sees to it, so where none can be started it is closed at once.
fn give_back(connection: PoolConnection<MySql>) {
    if Handle::try_current().is_err() {
        drop(connection.leak());
    }
}

/// Gives back to sqlx what nobody asked for, until nothing rests.
async fn tend(shared: Arc<Shared>) {
    let clock = Clock::default();
    loop {
        clock.sleep(RESTS).await;
        let mut resting = shared.resting();
        resting.retain(|resting| resting.since.elapsed() < RESTS);
        if resting.is_empty() {
            shared.tended.store(false, Ordering::Release);
            return;
        }
    }
}
