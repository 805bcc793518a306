//! What must hold at every commit, looked at from outside: straight in the file, right after it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aredvi_events::{Partition, Topic};
use aredvi_projectors::db::simulated::Step;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::log::{Log, Mark};
use crate::tally;

/// Looks at each commit of a view's generation.
pub struct Watch {
    dir: PathBuf,
    log: Log,
    /// By schema.
    before: Mutex<BTreeMap<String, Seen>>,
}

/// A schema as it was seen last.
struct Seen {
    /// When its file was made.
    made_at: SystemTime,
    positions: BTreeMap<Partition, u64>,
}

/// Opens a schema to look at it.
pub fn look_into(dir: &Path, schema: &str) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(dir.join(format!("{schema}.db")), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// When the file of a schema was made; where the file system does not tell, always the same.
fn made_at(dir: &Path, schema: &str) -> SystemTime {
    let made_at = std::fs::metadata(dir.join(format!("{schema}.db"))).and_then(|file| file.created());
    made_at.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How far a generation is.
pub fn positions(file: &Connection) -> rusqlite::Result<BTreeMap<Partition, u64>> {
    let mut statement = file.prepare("SELECT topic, part, next FROM positions")?;
    let rows = statement.query_map([], |row| Ok((partition(row)?, unsigned(row, 2)?)))?;
    rows.collect()
}

/// The partition in the first two columns.
pub fn partition(row: &rusqlite::Row<'_>) -> rusqlite::Result<Partition> {
    let topic = Topic::from_number(row.get(0)?).expect("a topic");
    Ok(Partition { topic, number: row.get(1)? })
}

/// A number that is never negative.
pub fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

impl Watch {
    pub fn new(dir: &Path, log: Log) -> Self {
        Self { dir: dir.to_owned(), log, before: Mutex::default() }
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.log.marks().values().map(Vec::len).sum()
    }

    /// Whether all promises hold after a step.
    pub fn look(&self, step: &Step<'_>) -> Result<(), String> {
        let is_generation = step.schema.rsplit_once("_g").is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
        if step.sql != "COMMIT" || !is_generation {
            return Ok(());
        }
        // Dropped under the hands of who still worked on it: nobody reads it any more.
        if !self.dir.join(format!("{}.db", step.schema)).exists() {
            return Ok(());
        }
        let held = self.commit(step.schema);
        match held {
            Ok(held) => held,
            // It is made anew, and not all of it is there yet.
            Err(error) if error.to_string().contains("no such table") => Ok(()),
            Err(error) => Err(format!("it cannot be looked into: {error}")),
        }
    }

    fn commit(&self, schema: &str) -> rusqlite::Result<Result<(), String>> {
        let file = look_into(&self.dir, schema)?;
        let now = positions(&file)?;
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        // A birth that was interrupted begins again, also after an operator gave it up and its schema was dropped: that is
        // another file, which nobody reads.
        let made_at = made_at(&self.dir, schema);
        let seen = before.entry(schema.to_owned()).or_insert_with(|| Seen { made_at, positions: BTreeMap::new() });
        if seen.made_at != made_at {
            *seen = Seen { made_at, positions: BTreeMap::new() };
        }
        let before = &mut seen.positions;
        let marks = self.log.marks();
        for (partition, next) in &now {
            let last = before.get(partition).copied().unwrap_or_default();
            if *next < last {
                return Ok(Err(format!("{partition} went back from {last} to {next}")));
            }
            let ends_a_record = marks.get(partition).is_some_and(|held| held.iter().any(|mark| mark.offset + 1 == *next));
            if *next > 0 && !ends_a_record {
                return Ok(Err(format!("{partition} is at {next}, where no record ends")));
            }
        }
        *before = now;
        if schema.starts_with("tally_g") { tally(&file, before, &marks) } else { Ok(Ok(())) }
    }
}

/// Every record below the positions was counted once, put aside once, or is to be passed over; no other was.
fn tally(
    file: &Connection,
    now: &BTreeMap<Partition, u64>,
    marks: &BTreeMap<Partition, Vec<Mark>>,
) -> rusqlite::Result<Result<(), String>> {
    let mut dropped = file.prepare("SELECT event_id FROM dropped")?;
    let dropped = dropped.query_map([], |row| row.get::<_, Uuid16>(0).map(|id| id.0))?;
    let dropped: BTreeSet<Uuid> = dropped.collect::<rusqlite::Result<_>>()?;
    let mut parked = file.prepare("SELECT topic, part, off FROM parked")?;
    let parked = parked.query_map([], |row| Ok((partition(row)?, unsigned(row, 2)?)))?;
    let parked: BTreeSet<(Partition, u64)> = parked.collect::<rusqlite::Result<_>>()?;
    let mut counted = file.prepare("SELECT topic, part, n FROM strands")?;
    let counted = counted.query_map([], |row| Ok((partition(row)?, unsigned(row, 2)?)))?;
    let counted: BTreeMap<Partition, u64> = counted.collect::<rusqlite::Result<_>>()?;
    for partition in Partition::all(tally::TOPICS) {
        let next = now.get(&partition).copied().unwrap_or_default();
        let wanted = marks.get(&partition).into_iter().flatten().filter(|mark| {
            let gone = mark.id.is_some_and(|id| dropped.contains(&id));
            mark.offset < next && !gone && !mark.passed && !parked.contains(&(partition, mark.offset))
        });
        let (wanted, found) = (wanted.count() as u64, counted.get(&partition).copied().unwrap_or_default());
        if wanted != found {
            return Ok(Err(format!("{partition} is at {next}: {found} records counted, not {wanted}")));
        }
    }
    match parked.iter().find(|(partition, offset)| now.get(partition).is_none_or(|next| offset >= next)) {
        Some((partition, offset)) => Ok(Err(format!("{partition}@{offset} is put aside though nobody came to it"))),
        None => Ok(Ok(())),
    }
}

/// An id in a column of 16 bytes.
struct Uuid16(Uuid);

impl rusqlite::types::FromSql for Uuid16 {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        Uuid::from_slice(bytes).map(Self).map_err(|error| rusqlite::types::FromSqlError::Other(Box::new(error)))
    }
}
