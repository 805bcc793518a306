//! The engine of a simulation: SQLite without threads, each statement a step that a simulation may delay, fail, or carry
//! out without telling so. No server is built with it.
//!
//! A simulation gives directories that exist nowhere to the processes it plays; what is opened there is a file of the real
//! directory, and every step on it is asked of the [`Between`] of that process first.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{Value as SqliteValue, ValueRef};
use rusqlite::{CachedStatement, params_from_iter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Source;
use super::sqlite::{BUSY_LIMIT, file};
use super::{DbError, Row, Value};

/// How long a statement waits before it looks again whether the file is free.
const BUSY_PAUSE: Duration = Duration::from_millis(3);
/// Connections that read beside the writer.
const READERS: usize = 2;

/// What happens between any two steps of a process.
pub trait Between: Send + Sync {
    /// Waits before a step as long as it pleases, for ever when the process is gone, and says what becomes of the step.
    fn before<'a>(&'a self, step: &'a Step<'a>) -> Pin<Box<dyn Future<Output = Fate> + Send + 'a>>;

    /// Waits.
    fn wait<'a>(&'a self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// A step was carried out, and nothing else was meanwhile.
    fn after(&self, step: &Step<'_>);
}

/// A statement, or the opening of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The schema.
    pub schema: &'a str,
    /// Its SQL; empty when a connection is opened.
    pub sql: &'a str,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out.
    Done,
    /// The connection is gone before it is.
    Failed,
    /// It is carried out, and the connection is gone before the answer comes.
    Unanswered,
}

struct Site {
    dir: PathBuf,
    between: Arc<dyn Between>,
}

/// Directories that exist for simulations alone.
static SITES: Mutex<BTreeMap<PathBuf, Arc<Site>>> = Mutex::new(BTreeMap::new());

fn sites() -> MutexGuard<'static, BTreeMap<PathBuf, Arc<Site>>> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory that is simulated as long as this lives.
pub struct Simulated(PathBuf);

impl Simulated {
    /// What is opened in `name`, which exists nowhere, is opened in `dir`, with `between` asked at every step.
    pub fn new(name: &Path, dir: &Path, between: Arc<dyn Between>) -> Self {
        sites().insert(name.to_owned(), Arc::new(Site { dir: dir.to_owned(), between }));
        Self(name.to_owned())
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        sites().remove(&self.0);
    }
}

/// Where a directory's files really are.
pub(super) fn real(dir: &Path) -> Option<PathBuf> {
    sites().get(dir).map(|site| site.dir.clone())
}

/// The connections of one handle to a schema.
#[derive(Clone)]
pub(super) struct Pool {
    site: Arc<Site>,
    schema: Arc<str>,
    kinds: Arc<[Kind; 2]>,
    closed: Arc<AtomicBool>,
}

struct Kind {
    free: Arc<Semaphore>,
    most: usize,
    idle: Mutex<VecDeque<rusqlite::Connection>>,
}

impl Kind {
    fn of(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<rusqlite::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Writing,
    Reading,
}

impl Pool {
    /// Of a simulated directory; `None` of any other. It makes the file, as a server would.
    pub async fn open(dir: &Path, schema: &str) -> Result<Option<Self>, DbError> {
        let site = sites().get(dir).cloned();
        let Some(site) = site else { return Ok(None) };
        let kinds = [Kind::of(1), Kind::of(READERS)];
        let pool = Self { site, schema: schema.into(), kinds: Arc::new(kinds), closed: Arc::default() };
        drop(pool.take(For::Writing).await?);
        Ok(Some(pool))
    }

    /// A connection.
    pub async fn take(&self, kind: For) -> Result<SimulatedConnection, DbError> {
        let free = self.kinds[kind as usize].free.clone();
        let permit = free.acquire_owned().await.map_err(|_| closed())?;
        let idle = self.kinds[kind as usize].idle().pop_front();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let step = Step { schema: &self.schema, sql: "" };
                if self.site.between.before(&step).await != Fate::Done {
                    return Err(torn());
                }
                if self.closed.load(Ordering::Relaxed) {
                    return Err(closed());
                }
                connect(&file(&self.site.dir, &self.schema))?
            }
        };
        Ok(SimulatedConnection { connection: Some(connection), pool: self.clone(), kind, _permit: permit })
    }

    /// Closes every connection, when it was given back.
    pub async fn close(&self) {
        for kind in &*self.kinds {
            let _all = kind.free.acquire_many(u32::try_from(kind.most).unwrap_or(1)).await;
            kind.free.close();
            kind.idle().clear();
        }
        self.closed.store(true, Ordering::Relaxed);
    }
}

fn connect(path: &Path) -> Result<rusqlite::Connection, DbError> {
    let connection = rusqlite::Connection::open(path).map_err(DbError::from)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
    Ok(connection)
}

/// A connection taken from a pool; dropped, it goes back.
pub(super) struct SimulatedConnection {
    connection: Option<rusqlite::Connection>,
    pool: Pool,
    kind: For,
    _permit: OwnedSemaphorePermit,
}

impl SimulatedConnection {
    pub async fn read(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.step(sql, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut rows = query(&mut statement, &args)?;
            let mut read = Vec::new();
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|column| Ok(value(row.get_ref(column)?))).collect::<rusqlite::Result<_>>();
                read.push(Row(values?));
            }
            Ok(read)
        })
        .await
    }

    pub async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
        self.step(sql, |connection| {
            let changed = connection.prepare_cached(sql)?.execute(params_from_iter(args.iter().map(bound)))?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
        .await
    }

    pub async fn raw(&mut self, sql: &str) -> Result<(), DbError> {
        self.step(sql, |connection| connection.execute_batch(sql)).await
    }

    /// Closes it, which also rolls back.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// Carries a step out, when its fate allows and the file is free; nothing else happens meanwhile.
    async fn step<T>(
        &mut self,
        sql: &str,
        mut act: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        let (between, schema) = (self.pool.site.between.clone(), self.pool.schema.clone());
        let step = Step { schema: &schema, sql };
        let mut fate = between.before(&step).await;
        let mut waited = Duration::ZERO;
        loop {
            if fate == Fate::Failed {
                self.close();
                return Err(torn());
            }
            let done = act(self.connection.as_ref().ok_or_else(torn)?);
            let busy =
                done.as_ref().err().and_then(rusqlite::Error::sqlite_error_code) == Some(rusqlite::ErrorCode::DatabaseBusy);
            if busy && waited < BUSY_LIMIT {
                between.wait(BUSY_PAUSE).await;
                waited += BUSY_PAUSE;
                fate = between.before(&step).await;
                continue;
            }
            if done.is_ok() {
                between.after(&step);
            }
            if fate == Fate::Unanswered {
                self.close();
                return Err(torn());
            }
            return Ok(done?);
        }
    }
}

impl Drop for SimulatedConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.is_autocommit()
            && !self.pool.closed.load(Ordering::Relaxed)
        {
            self.pool.kinds[self.kind as usize].idle().push_back(connection);
        }
    }
}

fn query<'s>(statement: &'s mut CachedStatement<'_>, args: &[Value]) -> rusqlite::Result<rusqlite::Rows<'s>> {
    statement.query(params_from_iter(args.iter().map(bound)))
}

fn bound(value: &Value) -> SqliteValue {
    match value {
        Value::Null => SqliteValue::Null,
        Value::Int(int) => SqliteValue::Integer(*int),
        Value::Text(text) => SqliteValue::Text(text.clone()),
        Value::Bytes(bytes) => SqliteValue::Blob(bytes.clone()),
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(int) => Value::Int(int),
        ValueRef::Real(real) => Value::Text(real.to_string()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn torn() -> DbError {
    sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()).into()
}

fn closed() -> DbError {
    sqlx::Error::PoolClosed.into()
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        let failure = if let rusqlite::Error::SqlInputError { error, .. } = &error { Some(error) } else { error.sqlite_error() };
        let code = failure.map_or(rusqlite::ffi::SQLITE_ERROR, |failure| failure.extended_code);
        Self::of_sqlite(Source::Engine { code: code.to_string(), message })
    }
}
