//! The file: how it is created, checked and opened.

use std::path::Path;
use std::time::Duration;

use aredvi_events::{JournalId, Mint, Partition, Place, Record, Topic};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::offsets::{Offsets, key_range, offset_of, row_key};
use super::row;
use crate::created;
use crate::error::{Fault, OpenError};

/// `application_id` of the file: "Ardv".
const APPLICATION: i64 = 0x4172_6476;

/// `user_version` of the file.
const FORMAT: i64 = 1;

/// How long a connection waits for a lock that another holds, for example while the WAL is recovered. Less than an append
/// may take, so that a write which did not get the lock is answered with certainty.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

/// Files up to this size are checked as a whole when they are opened, larger ones where the partitions end.
const WHOLE_CHECK_BYTES: u64 = 16 * 1024 * 1024;

/// Page cache of the writer and of each reader, in KiB.
const WRITER_CACHE_KIB: i64 = 4_096;
const READER_CACHE_KIB: i64 = 512;

/// The WAL is written back after this many pages (4 KiB each), and cut to this many bytes.
const CHECKPOINT_PAGES: i64 = 4_000;
const WAL_BYTES: i64 = 32 * 1024 * 1024;

/// `place` is [`row_key`]: one B-tree in which each partition is a range. `headers` is [`row::encode`]d.
const SCHEMA: &str = "CREATE TABLE record (
    place INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    headers BLOB NOT NULL,
    value BLOB NOT NULL
)";

pub const INSERT: &str = "INSERT INTO record (place, key, headers, value) VALUES (?1, ?2, ?3, ?4)";

/// The journal as it was found.
pub struct Opened {
    pub id: JournalId,
    pub connection: Connection,
    pub starts: Offsets,
    pub ends: Offsets,
}

/// Opens the file for writing; creates it, and the record that names it, at first use.
pub fn open(path: &Path, mint: &Mint) -> Result<Opened, OpenError> {
    if path.as_os_str().is_empty() {
        return Err(OpenError::NoPath);
    }
    let said = |error| refused(path, error);
    let mut connection = Connection::open_with_flags(path, flags() | OpenFlags::SQLITE_OPEN_CREATE).map_err(said)?;
    check_format(path, &connection)?;
    writer_settings(&connection).map_err(said)?;
    let id = create(path, &mut connection, mint)?;
    check_whole(path, &connection)?;
    let (starts, ends) = edges(&connection).map_err(said)?;
    Ok(Opened { id, connection, starts, ends })
}

/// Opens the file for reading only.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    connection.busy_timeout(LOCK_LIMIT)?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// The partitions' first and next offsets.
pub fn edges(connection: &Connection) -> rusqlite::Result<(Offsets, Offsets)> {
    let (mut starts, mut ends) = (Offsets::zero(), Offsets::zero());
    let mut first = connection.prepare("SELECT place FROM record WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 1")?;
    let mut last = connection.prepare("SELECT place FROM record WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1")?;
    for partition in Partition::all(&Topic::ALL) {
        let range = key_range(partition);
        if let Some(place) = first.query_row(range, |row| row.get(0)).optional()? {
            starts.set(partition, offset_of(place));
        }
        if let Some(place) = last.query_row(range, |row| row.get(0)).optional()? {
            ends.set(partition, offset_of(place) + 1);
        }
    }
    Ok((starts, ends))
}

/// One record as [`INSERT`] takes it.
pub fn insert(statement: &mut rusqlite::CachedStatement<'_>, place: Place, record: &Record) -> rusqlite::Result<()> {
    statement.execute(params![row_key(place), record.key, row::encode(&record.headers), record.value]).map(drop)
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Touches nothing, so that a file of something else stays as it is.
fn check_format(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<_> {
        connection.busy_timeout(LOCK_LIMIT)?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((tables, number("application_id")?, number("user_version")?))
    };
    match read().map_err(|error| refused(path, error))? {
        (0, 0, 0) => Ok(()),
        (_, APPLICATION, FORMAT) => Ok(()),
        (_, APPLICATION, found) => Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

fn writer_settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", synchronous())?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.query_row(&format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"), [], |_| Ok(()))?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES}"), [], |_| Ok(()))
}

/// The one place that says when a commit is on the disk: `FULL`, an fsync of the WAL before each answer.
///
/// `AREDVI_TEST_JOURNAL_SYNCHRONOUS=OFF` exists for one test only, which looks for that fsync between append and answer
/// in a syscall trace and must fail without it. With it a power cut loses confirmed writes.
fn synchronous() -> &'static str {
    match std::env::var("AREDVI_TEST_JOURNAL_SYNCHRONOUS").as_deref() {
        Ok("OFF") => "OFF",
        _ => "FULL",
    }
}

/// The id of the journal, made in one transaction with the table when there is none.
fn create(path: &Path, connection: &mut Connection, mint: &Mint) -> Result<JournalId, OpenError> {
    let said = |error| refused(path, error);
    let inaccessible = |source| OpenError::Inaccessible { path: path.to_owned(), source };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    let exists: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(said)?;
    if exists == 0 {
        let record = created::record(mint).map_err(inaccessible)?;
        let fill = || -> rusqlite::Result<()> {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            insert(&mut transaction.prepare_cached(INSERT)?, Place { partition: created::identity(), offset: 0 }, &record)
        };
        fill().map_err(said)?;
    }
    let id = name(&transaction).map_err(said)?;
    transaction.commit().map_err(said)?;
    id.ok_or_else(|| OpenError::Unnamed { topic: Topic::Identity.name().to_owned() })
}

fn name(connection: &Connection) -> rusqlite::Result<Option<JournalId>> {
    let place = row_key(Place { partition: created::identity(), offset: 0 });
    let row = connection
        .query_row("SELECT key, headers, value FROM record WHERE place = ?1", [place], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(row.and_then(|(key, headers, value)| {
        let record = Record { topic: Topic::Identity, key, headers: row::decode(&headers)?, value };
        created::journal_id(&record)
    }))
}

fn check_whole(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= WHOLE_CHECK_BYTES);
    if !small {
        return Ok(());
    }
    let what: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| refused(path, error))?;
    if what == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.to_owned(), what: what.replace('\n', " ") }) }
}

fn refused(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, what: error.to_string() },
        _ => OpenError::Inaccessible { path, source: Fault::new(error) },
    }
}
