//! The one thread that writes: it takes what is queued, commits it as one transaction, and then answers all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aredvi_events::{Clock, Partition, Place, Record};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

use super::file;
use super::offsets::Offsets;
use crate::error::{AppendError, CloseError, Fault};
use crate::limits::{APPEND_LIMIT, MAX_APPEND_BYTES};

/// The most appends that wait for the writer.
const QUEUE_APPENDS: usize = 4_096;

/// The most bytes that wait for the writer.
const QUEUE_BYTES: usize = 2 * MAX_APPEND_BYTES;

/// A group is committed when it has this many records or bytes, or when nothing more is queued.
const GROUP_RECORDS: usize = 8_192;
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// The way to the writer thread.
pub struct Writer {
    /// Taken out by `close`.
    queue: Mutex<Option<SyncSender<Append>>>,
    queued_bytes: Arc<AtomicUsize>,
    ended: watch::Receiver<bool>,
    clock: Clock,
}

struct Append {
    records: Vec<Record>,
    bytes: usize,
    /// Whoever sets it first has it: the writer, or an appender that waited too long and withdraws.
    claimed: Arc<AtomicBool>,
    answer: oneshot::Sender<Result<Vec<Place>, AppendError>>,
}

impl Writer {
    /// Starts the thread; the receiver holds the partitions' next offsets as of the last commit.
    pub fn start(
        connection: Connection,
        ends: Offsets,
        clock: Clock,
    ) -> Result<(Self, watch::Receiver<Offsets>), std::io::Error> {
        let (queue, appends) = sync_channel(QUEUE_APPENDS);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let (publish, published) = watch::channel(ends.clone());
        let (end, ended) = watch::channel(false);
        let mut thread = Thread { connection, ends, publish, queued_bytes: queued_bytes.clone() };
        std::thread::Builder::new().name("journal-writer".to_owned()).spawn(move || {
            thread.run(&appends);
            drop(thread);
            end.send_replace(true);
        })?;
        Ok((Self { queue: Mutex::new(Some(queue)), queued_bytes, ended, clock }, published))
    }

    pub async fn append(&self, records: Vec<Record>, bytes: usize) -> Result<Vec<Place>, AppendError> {
        let claimed = Arc::new(AtomicBool::new(false));
        let (answer, answered) = oneshot::channel();
        self.enqueue(Append { records, bytes, claimed: claimed.clone(), answer })?;
        match self.clock.timeout(APPEND_LIMIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(died)) => Err(AppendError::Unknown(Fault::new(died))),
            Err(_) if !claimed.swap(true, Ordering::AcqRel) => Err(unavailable("the writer is behind by more than the limit")),
            Err(timed_out) => Err(AppendError::Unknown(Fault::new(timed_out))),
        }
    }

    /// Refuses further appends and waits for those in work.
    pub async fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        self.queue().take();
        let mut ended = self.ended.clone();
        match self.clock.timeout(deadline, ended.wait_for(|ended| *ended)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(died)) => Err(CloseError::Failed(Fault::new(died))),
            Err(_) => Err(CloseError::Deadline),
        }
    }

    fn enqueue(&self, append: Append) -> Result<(), AppendError> {
        let bytes = append.bytes;
        if self.queued_bytes.fetch_add(bytes, Ordering::AcqRel) + bytes > QUEUE_BYTES {
            self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(unavailable("too many bytes wait for the writer"));
        }
        let sent = match &*self.queue() {
            Some(queue) => queue.try_send(append),
            None => Err(TrySendError::Disconnected(append)),
        };
        sent.map_err(|refused| {
            self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            match refused {
                TrySendError::Full(_) => unavailable("too many appends wait for the writer"),
                TrySendError::Disconnected(_) => unavailable("the journal is closed"),
            }
        })
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Option<SyncSender<Append>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Thread {
    connection: Connection,
    ends: Offsets,
    publish: watch::Sender<Offsets>,
    queued_bytes: Arc<AtomicUsize>,
}

impl Thread {
    /// Ends when all senders are gone and everything queued is answered.
    fn run(&mut self, appends: &Receiver<Append>) {
        while let Ok(first) = appends.recv() {
            let group = self.group(first, appends);
            let batches: Vec<&[Record]> = group.iter().map(|append| append.records.as_slice()).collect();
            match commit(&mut self.connection, &mut self.ends, &batches) {
                Ok(places) => {
                    // Before the answers, so that whoever has one finds its records.
                    self.publish.send_replace(self.ends.clone());
                    for (append, places) in group.into_iter().zip(places) {
                        let _ = append.answer.send(Ok(places)); // It may have stopped waiting.
                    }
                }
                Err(failure) => {
                    for append in group {
                        let _ = append.answer.send(Err(failure.error()));
                    }
                }
            }
        }
    }

    fn group(&self, first: Append, appends: &Receiver<Append>) -> Vec<Append> {
        let mut group = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(append) = next {
            self.queued_bytes.fetch_sub(append.bytes, Ordering::AcqRel);
            if !append.claimed.swap(true, Ordering::AcqRel) {
                records += append.records.len();
                bytes += append.bytes;
                group.push(append);
            }
            next = if records < GROUP_RECORDS && bytes < GROUP_BYTES { appends.try_recv().ok() } else { None };
        }
        group
    }
}

/// Why a group was not committed.
#[derive(Debug)]
struct Failure {
    fault: Fault,
    /// Whether it failed in the commit itself, so that recovery after a crash may still find it.
    unknown: bool,
}

impl Failure {
    fn error(&self) -> AppendError {
        if self.unknown { AppendError::Unknown(self.fault.clone()) } else { AppendError::Unavailable(self.fault.clone()) }
    }
}

/// The disk has no room for the records.
#[derive(Debug, thiserror::Error)]
#[error("the disk of the journal is full: writes resume when there is room again")]
struct DiskFull(#[source] rusqlite::Error);

/// Writes all records as one transaction and returns their places, or changes nothing.
fn commit(connection: &mut Connection, ends: &mut Offsets, batches: &[&[Record]]) -> Result<Vec<Vec<Place>>, Failure> {
    let mut advanced = ends.clone();
    let transaction = connection.transaction().map_err(|error| failure(error, false))?;
    let places = insert_all(&transaction, &mut advanced, batches).map_err(|error| failure(error, false))?;
    transaction.commit().map_err(|error| failure(error, true))?;
    *ends = advanced;
    Ok(places)
}

fn insert_all(transaction: &Connection, ends: &mut Offsets, batches: &[&[Record]]) -> rusqlite::Result<Vec<Vec<Place>>> {
    let mut statement = transaction.prepare_cached(file::INSERT)?;
    let mut insert = |record: &Record| {
        let partition = Partition::of(record.topic, &record.key);
        let place = Place { partition, offset: ends.take(partition) };
        file::insert(&mut statement, place, record).map(|()| place)
    };
    batches.iter().map(|records| records.iter().map(&mut insert).collect()).collect()
}

/// A full disk cannot have taken the mark that ends a commit; any other failure of a commit may come after it.
fn failure(error: rusqlite::Error, committing: bool) -> Failure {
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        Failure { fault: Fault::new(DiskFull(error)), unknown: false }
    } else {
        Failure { fault: Fault::new(error), unknown: committing }
    }
}

fn unavailable(why: &'static str) -> AppendError {
    AppendError::Unavailable(Fault::new(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_events::{Mint, Topic};

    fn record(n: usize) -> Record {
        Record { topic: Topic::Media, key: n.to_string(), headers: Vec::new(), value: vec![b'x'; 1_000] }
    }

    /// The file may not grow beyond what it has: SQLite reports that as it does a full disk.
    #[test]
    fn a_full_disk_refuses_writes_loses_none_and_heals() {
        let directory = tempfile::tempdir().expect("a directory");
        let mint = Mint::new(Clock::default());
        let mut opened = file::open(&directory.path().join("journal.db"), &mint).expect("opens");
        let (connection, ends) = (&mut opened.connection, &mut opened.ends);
        let first = commit(connection, ends, &[&[record(0)]]).expect("commits");
        connection.pragma_update(None, "max_page_count", 8).expect("limits");
        let before = ends.clone();
        let batch: Vec<Record> = (0..100).map(record).collect();
        for _ in 0..3 {
            let failure = commit(connection, ends, &[&[record(0)], &batch]).expect_err("full");
            assert!(matches!(failure.error(), AppendError::Unavailable(_)));
            assert_eq!(failure.fault.to_string(), "the disk of the journal is full: writes resume when there is room again");
            assert_eq!(*ends, before);
        }
        connection.pragma_update(None, "max_page_count", 1_000_000).expect("frees");
        let second = commit(connection, ends, &[&[record(0)], &batch]).expect("commits");
        assert_eq!(second[0][0].offset, first[0][0].offset + 1);
        assert_eq!(file::edges(connection).expect("reads").1, *ends);
    }

    #[tokio::test]
    async fn more_bytes_than_the_queue_holds_are_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let opened = file::open(&directory.path().join("journal.db"), &Mint::new(Clock::default())).expect("opens");
        let (writer, _ends) = Writer::start(opened.connection, opened.ends, Clock::default()).expect("starts");
        let refused = writer.append(vec![record(0)], QUEUE_BYTES + 1).await;
        assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
        assert_eq!(writer.append(vec![record(0)], 1_000).await.expect("appends").len(), 1);
        assert_eq!(writer.queued_bytes.load(Ordering::Acquire), 0);
    }
}
