//! Keeps the view up to date: the projector of `sessions`.
//!
//! It holds a lease on each partition it can get, a second worker stands by. Where a partition has no position, because
//! the cache was emptied or belongs to another journal, it replays the log from its start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aredvi_events::{Partition, Positions, Stored, Topic};
use aredvi_journal::{BatchLimits, Journal, ReadError, Tail};
use aredvi_traces::{MAX_FOLLOWED, Step};
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::Sessions;
use super::apply::Applied;
use super::lease::{Begun, Hold};
use super::watch::Watch;
use crate::cache::CacheError;
use crate::followed;

/// The view's name.
pub const VIEW: &str = "sessions";
/// It has one generation: it is made anew by a replay.
const GENERATION: u32 = 1;
/// How long a lease stands without renewal, in milliseconds.
const LEASE_MS: i64 = 5_000;
/// How often leases are renewed, positions compared, and free partitions asked for, in milliseconds.
const RENEW_MS: i64 = 1_000;
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(200);
/// After how long a stopped partition is tried again, in milliseconds.
const STOPPED_MS: i64 = 30_000;
/// One batch; it waits less than a renewal.
const BATCH: BatchLimits = BatchLimits { events: 500, bytes: 1024 * 1024, wait: Duration::from_millis(250) };

/// The projector of the view.
pub struct SessionsProjector {
    sessions: Sessions,
    journal: Journal,
    holder: String,
    watch: Watch,
}

/// Why a step failed; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Journal(#[from] ReadError),
}

/// What it works at.
#[derive(Default)]
struct Work {
    /// The partitions held, with the next offset to apply.
    held: BTreeMap<u32, u64>,
    /// Reads the held ones that are not stopped; `None` when it must be opened anew.
    tail: Option<Tail>,
    /// Those that only an operator can help, until when they are left alone, Unix milliseconds.
    stopped: BTreeSet<u32>,
    retry_stopped_at: i64,
    renew_at: i64,
}

impl SessionsProjector {
    /// `holder` names this worker among all, such as a UUID of the process.
    pub fn new(sessions: Sessions, journal: Journal, holder: String) -> Self {
        Self { sessions, journal, holder, watch: Watch::default() }
    }

    /// Runs until `shutdown`; whatever fails is tried again for ever.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut work = Work::default();
        tokio::select! {
            () = self.work(&mut work, &shutdown) => {}
            () = self.watch.run(&self.sessions, &self.journal) => {}
        }
        // What cannot be given up now ends by its time.
        let _ = try_join_all(work.held.keys().map(|&partition| self.sessions.let_go(partition, &self.holder))).await;
    }

    async fn work(&self, work: &mut Work, shutdown: &CancellationToken) {
        let clock = self.sessions.cache().clock();
        let mut failing = false;
        while let Some(stepped) = shutdown.run_until_cancelled(self.step(work)).await {
            match stepped {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!(view = VIEW, "the projector goes on");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(view = VIEW, error = &error as &dyn std::error::Error, "the projector waits");
                    }
                    work.tail = None;
                    work.renew_at = 0;
                    shutdown.run_until_cancelled(clock.sleep(RETRY)).await;
                }
            }
        }
    }

    async fn step(&self, work: &mut Work) -> Result<(), Failed> {
        let clock = self.sessions.cache().clock();
        let now = clock.now_ms();
        if now >= work.retry_stopped_at {
            work.retry_stopped_at = now.saturating_add(STOPPED_MS);
            if !std::mem::take(&mut work.stopped).is_empty() {
                work.tail = None;
            }
        }
        // A clock that was set back must not keep it from renewing.
        let renewed = (work.renew_at.saturating_sub(RENEW_MS)..work.renew_at).contains(&now);
        if work.tail.is_none() || !renewed {
            let held = self.hold().await?;
            work.renew_at = now.saturating_add(RENEW_MS);
            if work.held != held {
                work.held = held;
                work.tail = None;
            }
        }
        if work.tail.is_none() {
            work.tail = self.open_tail(work).await?;
        }
        let Some(tail) = &mut work.tail else {
            clock.sleep(RETRY).await;
            return Ok(());
        };
        let records = tail.next(&BATCH).await?;
        self.apply(work, records).await
    }

    /// Takes and renews what it can, and begins the replay of what has no position.
    async fn hold(&self) -> Result<BTreeMap<u32, u64>, Failed> {
        let partitions = 0..Topic::Sessions.partitions();
        let asked = partitions.clone().map(|partition| self.sessions.hold(partition, &self.holder, LEASE_MS));
        let answers = try_join_all(asked).await?;
        let (mut held, mut empty) = (BTreeMap::new(), Vec::new());
        for (partition, answer) in partitions.zip(answers) {
            match answer {
                Hold::Held(Some(position)) => drop(held.insert(partition, position.next)),
                Hold::Held(None) => empty.push(partition),
                Hold::Taken => {}
            }
        }
        if !empty.is_empty() {
            let starts = self.journal.starts(&[Topic::Sessions]).await?;
            let ends = self.journal.ends(&[Topic::Sessions]).await?;
            tracing::info!(view = VIEW, partitions = empty.len(), "the log is replayed from its start");
            for number in empty {
                let partition = Partition { topic: Topic::Sessions, number };
                let (start, until) = (starts.next(partition), ends.next(partition));
                if self.sessions.begin(number, &self.holder, start, until).await? == Begun::Ready {
                    held.insert(number, start);
                }
            }
        }
        Ok(held)
    }

    /// Reads on where the view stands. A position that the log does not hold stops its partition: nothing ever resets.
    async fn open_tail(&self, work: &mut Work) -> Result<Option<Tail>, Failed> {
        loop {
            let open = work.held.iter().filter(|(number, _)| !work.stopped.contains(number));
            let from: Positions = open.map(|(&number, &next)| (Partition { topic: Topic::Sessions, number }, next)).collect();
            if from.is_empty() {
                return Ok(None);
            }
            match self.journal.tail(&from).await {
                Ok(tail) => return Ok(Some(tail)),
                Err(ReadError::OutsideLog { partition, position, start, end }) => {
                    let place = format_args!("{partition}@{position}");
                    tracing::error!(view = VIEW, %place, start, end, "the position is outside of the log: the partition stops");
                    work.stopped.insert(partition.number);
                }
                Err(error @ (ReadError::Unavailable(_) | ReadError::Damaged(_))) => return Err(error.into()),
            }
        }
    }

    async fn apply(&self, work: &mut Work, records: Vec<Stored>) -> Result<(), Failed> {
        let mut batches: BTreeMap<u32, Vec<Stored>> = BTreeMap::new();
        for record in records {
            batches.entry(record.place.partition.number).or_default().push(record);
        }
        for (number, records) in batches {
            let (Some(last), Some(&expected)) = (records.last(), work.held.get(&number)) else { continue };
            let next = Positions::from_iter([last.place]).next(last.place.partition);
            let applied = followed::Applied { view: VIEW, generation: GENERATION, batch: records.len() };
            let now = self.sessions.cache().clock().now_ms();
            let steps = records.iter().filter_map(|stored| applied.step(stored, now));
            let _steps: Vec<Step> = steps.take(MAX_FOLLOWED).collect();
            match self.sessions.apply_batch(number, &self.holder, expected, &records, next).await? {
                Applied::Applied => {
                    work.held.insert(number, next);
                    self.watch.applied(&records);
                }
                Applied::Fenced | Applied::Moved | Applied::Missing => work.tail = None,
                Applied::Full => {
                    tracing::error!(view = VIEW, partition = number, "too many events are parked: the partition stops");
                    work.stopped.insert(number);
                    work.tail = None;
                }
            }
        }
        Ok(())
    }
}
