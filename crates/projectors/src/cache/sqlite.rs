//! The embedded engine: one SQLite file behind one thread.
//!
//! Rate windows stand in the thread's memory, so that reading costs no write.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use aredvi_events::{Clock, JournalId};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::Limits;
use super::error::CacheError;
use super::rates::Window;

/// How many operations wait at most.
const QUEUE: usize = 1024;
/// How long an operation may wait for its answer.
const COMMAND_LIMIT: Duration = Duration::from_secs(2);
/// How long the file may be locked by a reader outside, such as an operator's shell.
const BUSY_LIMIT: Duration = Duration::from_millis(500);
/// How many prepared statements are kept: all there are.
const STATEMENTS: usize = 64;
/// Raised whenever a table changes; the cache then starts empty.
const SCHEMA_VERSION: i64 = 2;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct SqliteEngine {
    jobs: mpsc::Sender<Job>,
    clock: Clock,
}

/// What the thread owns.
pub(crate) struct Store {
    db: Connection,
    pub(super) limits: Limits,
    pub(super) windows: HashMap<String, Window>,
}

impl SqliteEngine {
    pub(super) async fn open(path: &Path, journal: JournalId, clock: Clock, limits: Limits) -> Result<Self, CacheError> {
        if path.as_os_str().is_empty() {
            return Err(CacheError::NoPath);
        }
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let (opened, open) = oneshot::channel();
        let path = path.to_owned();
        let run = move || match Store::open(&path, journal, limits) {
            Ok(mut store) => {
                if opened.send(Ok(())).is_ok() {
                    while let Some(job) = queue.blocking_recv() {
                        job(&mut store);
                    }
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        std::thread::Builder::new().name("cache".to_owned()).spawn(run).map_err(CacheError::Thread)?;
        open.await.map_err(|_| CacheError::Ended)??;
        Ok(Self { jobs, clock })
    }

    /// Runs `work` on the thread.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CacheError> {
        let (answer, answered) = oneshot::channel();
        // Whoever asked may have gone; what was done stays done.
        let job: Job = Box::new(move |store| drop(answer.send(work(store))));
        let ask = async {
            self.jobs.send(job).await.map_err(|_| CacheError::Ended)?;
            answered.await.map_err(|_| CacheError::Ended)
        };
        Ok(self.clock.timeout(COMMAND_LIMIT, ask).await.map_err(|_| CacheError::TimedOut)???)
    }
}

impl Store {
    fn open(path: &Path, journal: JournalId, limits: Limits) -> rusqlite::Result<Self> {
        let mut db = Connection::open(path)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.busy_timeout(BUSY_LIMIT)?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "cache_size", -512)?;
        db.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !belongs_to(&tx, journal)? {
            tx.execute_batch(include_str!("schema.sql"))?;
            tx.execute_batch(include_str!("../sessions/schema.sql"))?;
            tx.execute("INSERT INTO belongs (journal) VALUES (?)", [journal.0.as_bytes()])?;
            tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        }
        tx.commit()?;
        Ok(Self { db, limits, windows: HashMap::new() })
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// For reading only.
    pub(crate) fn read(&self) -> &Connection {
        &self.db
    }
}

fn belongs_to(tx: &Transaction<'_>, journal: JournalId) -> rusqlite::Result<bool> {
    let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != SCHEMA_VERSION {
        return Ok(false);
    }
    let of = tx.query_row("SELECT journal FROM belongs", params![], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(of.as_deref() == Some(journal.0.as_bytes()))
}
