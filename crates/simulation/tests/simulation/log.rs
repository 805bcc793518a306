//! The log of the play: what stands on it is certain, how it is appended to and read is not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aredvi_events::topic::IDENTITY_KEY;
use aredvi_events::{Event, JournalId, Origin, Partition, Place, Positions, Record, Stored, Topic, codec, identity};
use aredvi_journal::simulated::{Awaited, LogTail};
use aredvi_journal::{AppendError, BatchLimits, Fault, ReadError, simulated};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::process::Process;
use crate::sky::{BEGIN_MS, Sky};

/// How much later an append lands at most that nobody heard of any more.
const LATEST: Duration = Duration::from_secs(4);
/// Every so often an offset is skipped: offsets are not dense.
const SKIPPED_OF_100_000: u64 = 20_000;

/// The records, partition by partition; clones share them.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    id: JournalId,
    records: Mutex<BTreeMap<Partition, Vec<Stored>>>,
    /// What each record is, in the same order.
    marks: Mutex<BTreeMap<Partition, Vec<Mark>>>,
    grew: Notify,
    /// Appends that may land yet.
    late: Mutex<usize>,
}

/// What the watch must know of a record.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pub offset: u64,
    pub id: Option<Uuid>,
    /// Views pass it over.
    pub passed: bool,
}

/// What type of record views pass over.
const DROPPED: &str = "event.dropped";

impl Log {
    /// With the record that names it.
    pub fn new() -> Self {
        let id = Uuid::from_u128(1);
        let event = Event {
            id,
            key: IDENTITY_KEY.to_owned(),
            time_ms: BEGIN_MS,
            source: JournalId(id),
            origin: Origin::Here,
            traceparent: None,
            body: identity::JournalCreated { by: None }.into(),
        };
        let (records, marks, late) = <_>::default();
        let shared = Shared { id: JournalId(id), records, marks, grew: Notify::new(), late };
        let log = Self(Arc::new(shared));
        log.push(codec::encode(Topic::Identity, &event).expect("encodes"), 0);
        log
    }

    pub fn id(&self) -> JournalId {
        self.0.id
    }

    /// All of a partition.
    pub fn of(&self, partition: Partition) -> Vec<Stored> {
        self.records().get(&partition).cloned().unwrap_or_default()
    }

    /// All of some topics, partition by partition.
    pub fn on(&self, topics: &[Topic]) -> Vec<Stored> {
        Partition::all(topics).into_iter().flat_map(|partition| self.of(partition)).collect()
    }

    /// The ends of some topics.
    pub fn ends(&self, topics: &[Topic]) -> Positions {
        let records = self.records();
        let end = |partition| records.get(&partition).and_then(|held| held.last()).map_or(0, |last| last.place.offset + 1);
        Partition::all(topics).into_iter().map(|partition| (partition, end(partition))).collect()
    }

    /// Whether no append may land that nobody waits for.
    pub fn is_settled(&self) -> bool {
        *self.0.late.lock().unwrap_or_else(PoisonError::into_inner) == 0
    }

    fn push(&self, record: Record, skip: u64) -> Place {
        let partition = Partition::of(record.topic, &record.key);
        let mut records = self.records();
        let held = records.entry(partition).or_default();
        let offset = held.last().map_or(0, |last| last.place.offset + 1) + skip;
        let place = Place { partition, offset };
        let passed = codec::header(&record, "ce_type") == Some(DROPPED);
        self.marks().entry(partition).or_default().push(Mark { offset, id: codec::event_id(&record), passed });
        held.push(Stored { place, record });
        drop(records);
        self.0.grew.notify_waiters();
        place
    }

    /// What each record is.
    pub fn marks(&self) -> MutexGuard<'_, BTreeMap<Partition, Vec<Mark>>> {
        self.0.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Partition, Vec<Stored>>> {
        self.0.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process' way to the log.
pub struct Access {
    log: Log,
    process: Arc<Process>,
    sky: Arc<Sky>,
}

impl Access {
    pub fn new(log: Log, process: Arc<Process>, sky: Arc<Sky>) -> Self {
        Self { log, process, sky }
    }

    fn land(&self, records: Vec<Record>) -> Vec<Place> {
        land(&self.log, &self.sky, records)
    }

    async fn append(&self, mut records: Vec<Record>) -> Result<Vec<Place>, AppendError> {
        self.process.between("append").await;
        let (chance, weather) = (&self.sky.chance, &self.sky.weather);
        if !self.sky.is_calm() && chance.comes(weather.refused) {
            self.sky.note(format!("{} append refused", self.process.name));
            return Err(AppendError::Unavailable(Fault::new("refused")));
        }
        if !self.sky.is_calm() && chance.comes(weather.unknown) {
            let kept = chance.below(u64::try_from(records.len()).expect("few") + 1);
            let late = records.split_off(usize::try_from(kept).expect("few"));
            self.sky.note(format!("{} append unknown: {kept} landed, {} may", self.process.name, late.len()));
            self.land(records);
            if chance.comes(50_000) {
                self.land_later(late);
            }
            return Err(AppendError::Unknown(Fault::new("no answer")));
        }
        let places = self.land(records);
        self.sky.note(format!("{} appended {}", self.process.name, places.len()));
        // The answer takes its time, and whoever waits may be gone.
        self.process.between("appended").await;
        Ok(places)
    }

    fn land_later(&self, records: Vec<Record>) {
        let (log, sky, delay) = (self.log.clone(), self.sky.clone(), self.sky.chance.span(LATEST));
        *log.0.late.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        tokio::spawn(async move {
            sky.clock.sleep(delay).await;
            sky.note(format!("{} land late", records.len()));
            land(&log, &sky, records);
            *log.0.late.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        });
    }
}

fn land(log: &Log, sky: &Sky, records: Vec<Record>) -> Vec<Place> {
    let skip = || if sky.chance.comes(SKIPPED_OF_100_000) { 1 + sky.chance.below(3) } else { 0 };
    records.into_iter().map(|record| log.push(record, skip())).collect()
}

impl simulated::Log for Access {
    fn id(&self) -> JournalId {
        self.log.id()
    }

    fn append(&self, records: Vec<Record>) -> Awaited<'_, Result<Vec<Place>, AppendError>> {
        Box::pin(Self::append(self, records))
    }

    fn tail<'a>(&'a self, from: &'a Positions) -> Awaited<'a, Result<Box<dyn LogTail>, ReadError>> {
        Box::pin(async move {
            self.process.between("tail").await;
            let ends = self.log.ends(&Topic::ALL);
            for (partition, position) in from.iter() {
                let end = ends.next(partition);
                if position > end {
                    return Err(ReadError::OutsideLog { partition, position, start: 0, end });
                }
            }
            let tail =
                Tail { log: self.log.clone(), process: self.process.clone(), sky: self.sky.clone(), positions: from.clone() };
            Ok(Box::new(tail) as Box<dyn LogTail>)
        })
    }

    fn ends<'a>(&'a self, topics: &'a [Topic]) -> Awaited<'a, Result<Positions, ReadError>> {
        Box::pin(async move {
            self.process.between("ends").await;
            unread(&self.sky)?;
            Ok(self.log.ends(topics))
        })
    }

    fn starts<'a>(&'a self, topics: &'a [Topic]) -> Awaited<'a, Result<Positions, ReadError>> {
        Box::pin(async move {
            self.process.between("starts").await;
            unread(&self.sky)?;
            Ok(Partition::all(topics).into_iter().map(|partition| (partition, 0)).collect())
        })
    }
}

fn unread(sky: &Sky) -> Result<(), ReadError> {
    if !sky.is_calm() && sky.chance.comes(sky.weather.unread) {
        sky.note("a read fails");
        return Err(ReadError::Unavailable(Fault::new("no answer")));
    }
    Ok(())
}

/// Reads partitions in any interleaving, in batches that are cut anywhere.
struct Tail {
    log: Log,
    process: Arc<Process>,
    sky: Arc<Sky>,
    positions: Positions,
}

impl Tail {
    async fn next(&mut self, limits: &BatchLimits) -> Result<Vec<Stored>, ReadError> {
        self.process.between("next").await;
        unread(&self.sky)?;
        let log = self.log.clone();
        // Before looking, so that nothing comes in between.
        let grown = log.0.grew.notified();
        let mut batch = self.some(limits.events);
        if batch.is_empty() {
            let grown = self.sky.clock.timeout(limits.wait, grown).await;
            if grown.is_err() {
                return Ok(Vec::new());
            }
            self.process.between("next").await;
            batch = self.some(limits.events);
        }
        for stored in &batch {
            self.positions.include(stored.place);
        }
        Ok(batch)
    }

    /// Some of what there is.
    fn some(&self, most: usize) -> Vec<Stored> {
        let mut partitions: Vec<(Partition, u64)> = self.positions.iter().collect();
        self.sky.chance.shuffle(&mut partitions);
        let records = self.log.records();
        let mut batch = Vec::new();
        for (partition, next) in partitions {
            let Some(held) = records.get(&partition) else { continue };
            let due = &held[held.partition_point(|stored| stored.place.offset < next)..];
            if due.is_empty() {
                continue;
            }
            // Something must come, or nobody would look again.
            let take = 1 + self.sky.chance.below(u64::try_from(due.len()).expect("few"));
            let take = usize::try_from(take).expect("few").min(most.max(1) - batch.len());
            batch.extend_from_slice(&due[..take]);
            if batch.len() >= most || self.sky.chance.comes(20_000) {
                break;
            }
        }
        batch
    }
}

impl LogTail for Tail {
    fn next<'a>(&'a mut self, limits: &'a BatchLimits) -> Awaited<'a, Result<Vec<Stored>, ReadError>> {
        Box::pin(Self::next(self, limits))
    }

    fn positions(&self) -> &Positions {
        &self.positions
    }
}
