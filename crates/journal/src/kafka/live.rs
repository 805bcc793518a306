//! One consumer for all tails of this process that are near the log's end.
//!
//! A process has a dozen tails, and each fetch costs client and broker the same whether it brings one record or a
//! thousand; so what is new is fetched once and kept for a while, and every tail takes what it asked for. A tail that is
//! too slow for what is kept goes on with a consumer of its own until it is near the end again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aredvi_events::{Clock, Partition, Positions, Stored};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::reader::{Pace, Reader};
use super::watch::Watch;
use crate::error::{Fault, ReadError};
use crate::limits::record_bytes;
use crate::tail::BatchLimits;

/// The most that is kept for tails, in records and bytes.
const KEPT_RECORDS: usize = 50_000;
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// A tail that has at most so many records before it is near the end.
const NEAR: u64 = 1_000;

/// What the consumer hands over at once.
const BATCH: BatchLimits = BatchLimits { events: 4_000, bytes: 4 * 1024 * 1024, wait: Duration::from_millis(500) };

/// Between two tries while the brokers cannot be read.
const RETRY: Duration = Duration::from_millis(100);

/// How long batches are counted before the pace is looked at again.
const RHYTHM: Duration = Duration::from_secs(1);

/// More batches in that time than this are too many to be fetched each by itself; fewer than that are worth it again.
const BUSY_BATCHES: u32 = 80;
const QUIET_BATCHES: u32 = 10;

/// The consumer that tails share; it ends with this.
pub struct Live {
    shared: Arc<Shared>,
    begin: Mutex<Option<(Reader, Clock)>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Says that something came, or went wrong.
    changed: watch::Sender<()>,
    /// Says that other partitions are followed.
    asked: Arc<Notify>,
    /// Whether people wait for what is read here.
    hurried: AtomicBool,
}

#[derive(Default)]
struct State {
    kept: VecDeque<Stored>,
    bytes: usize,
    /// The number of the first that is kept; they are numbered as they come.
    first: u64,
    /// The followed partitions.
    from: BTreeMap<Partition, From>,
    /// How many tails read each.
    seats: BTreeMap<Partition, usize>,
    /// Seats of an earlier time have missed something.
    time: u64,
    trouble: Option<Fault>,
    /// Rises with every trouble.
    troubles: u64,
}

/// From where on all records of a partition are kept. What stands before came when it was followed an earlier time, and
/// between that time and this one records may be missing.
#[derive(Clone, Copy)]
struct From {
    offset: u64,
    /// The number of the first that is kept, or will be.
    number: u64,
}

/// One tail's place among what is kept.
pub struct Seat {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    partitions: Vec<Partition>,
    time: u64,
    /// The number of the next record to look at.
    next: u64,
    troubles: u64,
}

/// What a tail gets.
pub enum Taken {
    /// Events; none when none came in time.
    Events(Vec<Stored>),
    /// The brokers cannot be read.
    Trouble(Fault),
    /// It was too slow: what comes next is not kept any more.
    Missed,
}

impl Live {
    /// Reads with `reader` from the first seat on.
    pub fn new(reader: Reader, clock: Clock) -> Self {
        Self { shared: Arc::default(), begin: Mutex::new(Some((reader, clock))) }
    }

    /// People wait for what is read here, from now on.
    pub fn hurry(&self) {
        self.shared.hurried.store(true, Ordering::Relaxed);
    }

    /// A seat for a tail that stands at `positions`, when that is near the `ends` and all that comes next is kept.
    /// Partitions that nobody followed yet are followed from there.
    pub fn join(&self, positions: &Positions, ends: &Positions) -> Option<Seat> {
        let left: u64 = positions.iter().map(|(partition, next)| ends.next(partition).saturating_sub(next)).sum();
        if left > NEAR {
            return None;
        }
        let shared = &self.shared;
        let mut state = shared.state();
        if positions.iter().any(|(partition, next)| state.from.get(&partition).is_some_and(|from| from.offset > next)) {
            return None;
        }
        let number = state.first + state.kept.len() as u64;
        for (partition, offset) in positions.iter() {
            state.from.entry(partition).or_insert(From { offset, number });
            *state.seats.entry(partition).or_default() += 1;
        }
        let seat = Seat {
            shared: Arc::clone(shared),
            changed: shared.changed.subscribe(),
            partitions: positions.iter().map(|(partition, _)| partition).collect(),
            time: state.time,
            next: state.first,
            troubles: state.troubles,
        };
        drop(state);
        shared.asked.notify_one();
        let begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((reader, clock)) = begin {
            tokio::spawn(run(Arc::downgrade(shared), Arc::clone(&shared.asked), reader, clock));
        }
        Some(seat)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.asked.notify_one();
    }
}

/// Reads what is followed, as long as there is somebody to read for.
async fn run(shared: Weak<Shared>, asked: Arc<Notify>, mut reader: Reader, clock: Clock) {
    let mut rhythm = Rhythm { since: Instant::now(), batches: 0 };
    let mut watch = Watch::new();
    loop {
        let Some(hurried) = shared.upgrade().map(|shared| shared.hurried.load(Ordering::Relaxed)) else { return };
        if let Some(pace) = rhythm.pace(reader.pace(), hurried) {
            tracing::debug!(?pace, "the shared consumer changes its pace");
            reader.keep_pace(pace);
        }
        if watch.is_due() {
            match reader.ends().await {
                Ok(ends) => watch.renew_if_silent(&mut reader, ends),
                Err(error) => tracing::debug!(%error, "not known whether all records come"),
            }
        }
        let Some(change) = shared.upgrade().map(|shared| shared.state().change(reader.positions())) else { return };
        let changed = reader.leave(&change.left).and_then(|()| reader.follow(&change.more));
        let idle = reader.positions().is_empty();
        let read = match changed {
            Err(error) => {
                // It may still read what it was to leave: the next consumer starts with what is followed.
                reader.renew();
                Err(error)
            }
            Ok(()) => tokio::select! {
                () = asked.notified() => continue,
                read = reader.next(&BATCH), if !idle => read,
            },
        };
        let Some(shared) = shared.upgrade() else { return };
        let failed = read.is_err();
        match read {
            Ok(batch) => {
                rhythm.batches += u32::from(!batch.is_empty());
                shared.state().keep(batch);
            }
            Err(ReadError::Unavailable(fault)) => shared.state().failed(fault),
            // Each tail finds out for itself whether it is the one.
            Err(ReadError::OutsideLog { .. } | ReadError::Damaged(_)) => {
                let all: Vec<Partition> = reader.positions().iter().map(|(partition, _)| partition).collect();
                if let Err(error) = reader.leave(&all) {
                    tracing::debug!(%error, "a consumer could not leave its partitions");
                }
                shared.state().reset();
            }
        }
        shared.changed.send_replace(());
        drop(shared);
        if failed {
            clock.sleep(RETRY).await;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often something comes.
struct Rhythm {
    since: Instant,
    batches: u32,
}

impl Rhythm {
    /// The pace to change to, looked at once in [`RHYTHM`].
    fn pace(&mut self, now: Pace, hurried: bool) -> Option<Pace> {
        if self.since.elapsed() < RHYTHM {
            return None;
        }
        let batches = std::mem::take(&mut self.batches);
        self.since = Instant::now();
        match now {
            Pace::Quiet => (batches > BUSY_BATCHES).then_some(if hurried { Pace::Busy } else { Pace::Unhurried }),
            Pace::Busy | Pace::Unhurried => (batches < QUIET_BATCHES).then_some(Pace::Quiet),
        }
    }
}

/// What the consumer has to follow from now on, and to leave.
struct Change {
    more: Positions,
    left: Vec<Partition>,
}

impl State {
    fn change(&mut self, followed: &Positions) -> Change {
        let seats = &self.seats;
        self.from.retain(|partition, _| seats.contains_key(partition));
        let left = followed.iter().map(|(partition, _)| partition).filter(|partition| !self.from.contains_key(partition));
        let more = self.from.iter().filter(|(partition, _)| followed.get(**partition).is_none());
        Change { left: left.collect(), more: more.map(|(&partition, from)| (partition, from.offset)).collect() }
    }

    fn keep(&mut self, batch: Vec<Stored>) {
        self.trouble = None;
        for stored in batch {
            self.bytes += record_bytes(&stored.record);
            self.kept.push_back(stored);
        }
        while self.kept.len() > KEPT_RECORDS || (self.bytes > KEPT_BYTES && self.kept.len() > 1) {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.first += 1;
            self.bytes = self.bytes.saturating_sub(record_bytes(&oldest.record));
            if let Some(from) = self.from.get_mut(&oldest.place.partition).filter(|from| from.number < self.first) {
                from.offset = from.offset.max(oldest.place.offset + 1);
            }
        }
    }

    fn failed(&mut self, fault: Fault) {
        self.trouble = Some(fault);
        self.troubles += 1;
    }

    /// Nothing is followed any more, and everybody has missed something.
    fn reset(&mut self) {
        let (time, troubles) = (self.time + 1, self.troubles);
        *self = Self { time, troubles, ..Self::default() };
    }
}

impl Seat {
    /// The next events at `positions`, which move past them: as soon as there is one, all that are kept, within `limits`.
    pub async fn take(&mut self, positions: &mut Positions, limits: &BatchLimits, clock: &Clock) -> Taken {
        let end = Instant::now() + limits.wait;
        loop {
            self.changed.mark_unchanged();
            if let Some(taken) = self.look(positions, limits) {
                return taken;
            }
            let left = end.saturating_duration_since(Instant::now());
            if clock.timeout(left, self.changed.changed()).await.is_err() {
                // That nothing came means nothing while the brokers may be gone.
                let trouble = self.shared.state().trouble.clone();
                return trouble.map_or_else(|| Taken::Events(Vec::new()), Taken::Trouble);
            }
        }
    }

    fn look(&mut self, positions: &mut Positions, limits: &BatchLimits) -> Option<Taken> {
        let state = self.shared.state();
        if self.time != state.time || self.next < state.first {
            return Some(Taken::Missed);
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let before = usize::try_from(self.next - state.first).unwrap_or(usize::MAX);
        for stored in state.kept.iter().skip(before) {
            let partition = stored.place.partition;
            let is_of_this_time = state.from.get(&partition).is_some_and(|from| self.next >= from.number);
            if is_of_this_time && positions.get(partition).is_some_and(|next| stored.place.offset >= next) {
                bytes += record_bytes(&stored.record);
                if batch.len() >= limits.events.max(1) || (bytes > limits.bytes && !batch.is_empty()) {
                    break;
                }
                positions.include(stored.place);
                batch.push(stored.clone());
            }
            self.next += 1;
        }
        if !batch.is_empty() {
            return Some(Taken::Events(batch));
        }
        let trouble = state.trouble.clone().filter(|_| self.troubles != state.troubles);
        self.troubles = state.troubles;
        trouble.map(Taken::Trouble)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if self.time != state.time {
            return;
        }
        for partition in &self.partitions {
            if let Some(seats) = state.seats.get_mut(partition) {
                *seats -= 1;
                if *seats == 0 {
                    state.seats.remove(partition);
                }
            }
        }
        drop(state);
        self.shared.asked.notify_one();
    }
}

#[cfg(test)]
mod tests;
