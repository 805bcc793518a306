//! One worker of one generation: it holds some partitions, reads them and has them applied.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aredvi_events::Stored;
use aredvi_journal::{BatchLimits, ReadError, Tail};
use tokio_util::sync::CancellationToken;

use crate::db::DbError;

use super::lease::Lease;
use super::limits::{BUSY_COMMITS, LARGE_BATCH, LONGEST_PACE, Limits, PACE, PACE_BY_LAST, RENEW_EVERY, ROUND};
use super::pause::{Pause, sleep};
use super::project::{Left, Projector};

const SECOND: Duration = Duration::from_secs(1);

/// A worker and what it holds.
pub(super) struct Worker {
    projector: Projector,
    lease: Lease,
    limits: BatchLimits,
    remember_from: u64,
    tail: Option<Tail>,
    /// When it last looked around, as the clock counts.
    round: Option<Duration>,
    /// When it last renewed its leases, as the clock counts.
    renewed: Duration,
    beat: Beat,
    /// Whether its generation is the one that serves.
    serving: Arc<AtomicBool>,
}

/// How often a worker makes small transactions; times as the clock counts.
struct Beat {
    /// When the second began in which they are counted, and how many there were.
    second: Duration,
    commits: u32,
    /// When the last one began, and how long it took.
    last: Duration,
    took: Duration,
}

/// Why a turn was not finished.
enum Broken {
    Again(String),
    Stopped(String),
    Shutdown,
}

impl Worker {
    /// It holds nothing yet.
    pub fn new(projector: Projector, lease: Lease, limits: &Limits, serving: Arc<AtomicBool>) -> Self {
        let now = projector.clock.since();
        let beat = Beat::at(now);
        Self {
            projector,
            lease,
            limits: limits.batch,
            remember_from: limits.remember_from,
            tail: None,
            round: None,
            renewed: now,
            beat,
            serving,
        }
    }

    /// Works until `stop`, then gives its partitions back.
    ///
    /// # Errors
    /// Why the view cannot go on.
    pub async fn run(mut self, stop: &CancellationToken) -> Result<(), String> {
        let mut pause = Pause::new(&self.projector.clock);
        let mut waiting = false;
        let ended = loop {
            match self.turn(stop).await {
                Ok(()) => {
                    pause.reset();
                    if std::mem::take(&mut waiting) {
                        self.projector.gauge.running();
                    }
                }
                Err(Broken::Stopped(reason)) => break Err(reason),
                Err(Broken::Shutdown) => break Ok(()),
                Err(Broken::Again(reason)) => {
                    self.projector.gauge.waiting(reason);
                    waiting = true;
                    if pause.wait(stop).await.is_err() {
                        break Ok(());
                    }
                }
            }
        };
        if let Err(error) = self.lease.leave().await {
            tracing::warn!(view = self.projector.view.name(), error = error.chain(), "leases were left to run out");
        }
        ended
    }

    /// Looks around when it is time, reads, and applies what it read.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<(), Broken> {
        if stop.is_cancelled() {
            return Err(Broken::Shutdown);
        }
        if self.round.is_none_or(|last| self.ago(last) >= ROUND) {
            if self.lease.round().await? {
                self.tail = None;
            }
            self.round = Some(self.projector.clock.since());
        }
        let wait = ROUND.saturating_sub(self.round.map(|last| self.ago(last)).unwrap_or_default());
        let pause = self.beat.pause(self.projector.clock.since());
        if !pause.is_zero() {
            sleep(&self.projector.clock, pause, stop).await.map_err(|_| Broken::Shutdown)?;
        }
        let Some(stored) = self.read(wait, stop).await? else { return Ok(()) };
        if stored.is_empty() {
            return self.renew().await;
        }
        self.beat.begins(self.projector.clock.since(), stored.len());
        let projected = self.projector.project(&mut self.lease, stored, stop).await;
        self.beat.ends(self.projector.clock.since());
        match projected {
            Ok(()) => {
                self.projector.gauge.took(self.beat.took, self.serving.load(Ordering::Relaxed));
                self.renew().await
            }
            Err(Left::Lost) => {
                self.tail = None;
                self.lease.reread().await?;
                Ok(())
            }
            Err(Left::Stopped(reason)) => Err(Broken::Stopped(reason)),
            Err(Left::Shutdown) => Err(Broken::Shutdown),
        }
    }

    /// The next records below every hold; `None` when there is nothing to read from.
    async fn read(&mut self, wait: Duration, stop: &CancellationToken) -> Result<Option<Vec<Stored>>, Broken> {
        if self.tail.is_none() {
            let readable = self.lease.readable();
            if readable.is_empty() {
                self.renew().await?;
                sleep(&self.projector.clock, wait, stop).await.map_err(|_| Broken::Shutdown)?;
                return Ok(None);
            }
            if self.lease.asks_for_end() {
                self.lease.remember_until(self.projector.journal.ends(self.projector.view.topics()).await?, self.remember_from);
            }
            self.tail = Some(self.projector.journal.tail(&readable).await?);
        }
        let Some(tail) = &mut self.tail else { return Ok(None) };
        let limits = BatchLimits { wait: wait.min(self.limits.wait), ..self.limits };
        let mut stored = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Broken::Shutdown),
            read = tail.next(&limits) => read?,
        };
        let read = stored.len();
        let held = self.lease.held();
        stored.retain(|stored| {
            let held = held.get(&stored.place.partition);
            held.is_some_and(|held| held.hold.is_none_or(|hold| stored.place.offset < hold))
        });
        if stored.len() < read {
            self.tail = None;
        }
        Ok(Some(stored))
    }

    fn ago(&self, then: Duration) -> Duration {
        self.projector.clock.since().saturating_sub(then)
    }

    async fn renew(&mut self) -> Result<(), Broken> {
        if self.ago(self.renewed) >= RENEW_EVERY {
            if !self.lease.renew().await? {
                self.tail = None;
                self.lease.reread().await?;
            }
            self.renewed = self.projector.clock.since();
        }
        Ok(())
    }
}

impl Beat {
    /// None yet.
    const fn at(now: Duration) -> Self {
        Self { second: now, commits: 0, last: now, took: Duration::ZERO }
    }

    /// A transaction of so many events begins.
    fn begins(&mut self, now: Duration, events: usize) {
        self.last = now;
        if now.saturating_sub(self.second) >= SECOND {
            // A busy second makes the beginning of the next one busy.
            let commits = self.commits.saturating_sub(BUSY_COMMITS).min(BUSY_COMMITS);
            (self.second, self.commits) = (now, commits);
        }
        if events < LARGE_BATCH {
            self.commits += 1;
        }
    }

    /// The last one that began has ended.
    fn ends(&mut self, now: Duration) {
        self.took = now.saturating_sub(self.last);
    }

    /// How long to wait before the next one.
    fn pause(&self, now: Duration) -> Duration {
        let busy = self.commits > BUSY_COMMITS && self.last.saturating_sub(self.second) < SECOND;
        if !busy {
            return Duration::ZERO;
        }
        let pace = self.took.saturating_mul(PACE_BY_LAST).clamp(PACE, LONGEST_PACE);
        pace.saturating_sub(now.saturating_sub(self.last))
    }
}

impl From<DbError> for Broken {
    fn from(error: DbError) -> Self {
        let reason = error.chain();
        if error.is_transient() { Self::Again(reason) } else { Self::Stopped(reason) }
    }
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        let reason = error.to_string();
        match error {
            ReadError::Unavailable(_) => Self::Again(reason),
            ReadError::OutsideLog { .. } | ReadError::Damaged(_) => Self::Stopped(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(transactions: u64, apart_ms: u64, events: usize) -> Beat {
        let mut beat = Beat::at(Duration::ZERO);
        for n in 0..transactions {
            beat.begins(Duration::from_millis(n * apart_ms), events);
            beat.ends(beat.last);
        }
        beat
    }

    fn after(transactions: u64, apart_ms: u64, events: usize) -> Duration {
        let beat = beat(transactions, apart_ms, events);
        beat.pause(beat.last)
    }

    #[test]
    fn who_makes_many_small_transactions_leaves_room_between_them_and_nobody_else_does() {
        assert_eq!(after(u64::from(BUSY_COMMITS) + 1, 1, 1), PACE);
        assert_eq!(after(200, 50, 1), PACE, "from one second into the next");
        assert_eq!(after(u64::from(BUSY_COMMITS), 1, 1), Duration::ZERO);
        assert_eq!(after(100, 200, 1), Duration::ZERO, "now and then");
        assert_eq!(after(100, 1, LARGE_BATCH), Duration::ZERO, "large ones");
    }

    #[test]
    fn who_waits_for_the_database_leaves_more_room_within_a_bound() {
        let mut beat = beat(u64::from(BUSY_COMMITS) + 1, 1, 1);
        let pause_after = |beat: &mut Beat, took: Duration| {
            let end = beat.last + took;
            beat.ends(end);
            took + beat.pause(end)
        };
        assert_eq!(pause_after(&mut beat, PACE / 10), PACE);
        assert_eq!(pause_after(&mut beat, PACE / 2), PACE / 2 * PACE_BY_LAST);
        assert_eq!(pause_after(&mut beat, PACE), LONGEST_PACE);
        assert_eq!(pause_after(&mut beat, LONGEST_PACE * 2), LONGEST_PACE * 2);
    }
}
