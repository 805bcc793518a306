//! Files of SQLite: one writer and two readers each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aredvi_events::Clock;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};

use super::{DbError, Durability};

/// How long a caller waits for one of the readers.
const READER_LIMIT: Duration = Duration::from_secs(5);
/// How long a caller waits for the one writer: the length of a few big batches.
const WRITER_LIMIT: Duration = Duration::from_secs(30);
/// How long a statement waits for a writer of another process.
pub(super) const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// Between two tries to open a file that others are making.
const OPEN_AGAIN: Duration = Duration::from_millis(10);
/// Connections that read beside the writer.
const READERS: u32 = 2;
/// A reader that nobody used for this long is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// Prepared statements a connection keeps.
const PREPARED_STATEMENTS: usize = 64;
/// What a connection caches: KiB when negative.
const CACHE_SIZE: &str = "-512";

pub(super) fn file(dir: &Path, schema: &str) -> PathBuf {
    dir.join(format!("{schema}.db"))
}

/// The writer's pool of one and the readers' pool.
pub(super) async fn pools(dir: &Path, schema: &str, durability: Durability) -> Result<(SqlitePool, SqlitePool), DbError> {
    std::fs::create_dir_all(dir).map_err(|source| DbError::File { path: dir.to_owned(), source })?;
    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Normal => SqliteSynchronous::Normal,
    };
    let options = SqliteConnectOptions::new()
        .filename(file(dir, schema))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(BUSY_LIMIT)
        .foreign_keys(false)
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .pragma("cache_size", CACHE_SIZE)
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    // The writer connects at once: it makes the file, and what is wrong with it shows at start.
    let writer = writer(&options).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_LIMIT)
        .idle_timeout(IDLE_LIMIT)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((writer, readers))
}

/// The pool of the one writer. Others may be making the file at this moment: who switches it to its write-ahead log waits
/// for nobody, and is refused while another is at it.
async fn writer(options: &SqliteConnectOptions) -> Result<SqlitePool, DbError> {
    // Only the time that passes is asked for, so any clock will do.
    let clock = Clock::default();
    let began = clock.since();
    loop {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WRITER_LIMIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false);
        match pool.connect_with(options.clone()).await.map_err(DbError::from) {
            Err(DbError::Unavailable(_)) if clock.since().saturating_sub(began) < BUSY_LIMIT => clock.sleep(OPEN_AGAIN).await,
            opened => return opened,
        }
    }
}

/// Removes the file and what stands beside it.
pub(super) fn remove(dir: &Path, schema: &str) -> Result<(), DbError> {
    let path = file(dir, schema);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(DbError::File { path: name.into(), source }),
        }
    }
    Ok(())
}
