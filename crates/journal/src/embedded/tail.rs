//! Reading the file in order, woken by the writer's commits.

use std::sync::Arc;

use aredvi_events::{Clock, Partition, Place, Positions, Record, Stored};
use rusqlite::Connection;
use tokio::sync::watch;

use super::offsets::{Offsets, offset_of, row_key};
use super::readers::{Readers, failed};
use super::row;
use crate::error::{Fault, ReadError};
use crate::limits::record_bytes;
use crate::tail::BatchLimits;

/// A range of keys is read without an index beside the table's own.
const SELECT: &str = "SELECT place, key, headers, value FROM record WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3";

/// Reads some partitions of the file.
pub struct Tail {
    readers: Arc<Readers>,
    ends: watch::Receiver<Offsets>,
    positions: Positions,
    clock: Clock,
    /// Which partition comes first in the next batch, so that a long one does not keep the others waiting.
    turn: usize,
}

/// A partition with something to read: from the first offset up to the second.
#[derive(Debug, Clone, Copy)]
struct Due {
    partition: Partition,
    next: u64,
    end: u64,
}

impl Tail {
    pub fn new(readers: Arc<Readers>, ends: watch::Receiver<Offsets>, positions: Positions, clock: Clock) -> Self {
        Self { readers, ends, positions, clock, turn: 0 }
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Only the end of this changes `self`, so that it can be dropped anywhere before.
    pub async fn next(&mut self, limits: &BatchLimits) -> Result<Vec<Stored>, ReadError> {
        let mut due = self.due();
        if due.is_empty() {
            let clock = self.clock.clone();
            match clock.timeout(limits.wait, self.wait()).await {
                Ok(arrived) => due = arrived?,
                Err(_timed_out) => return Ok(Vec::new()),
            }
        }
        let first = self.turn % due.len();
        due.rotate_left(first);
        let (events, bytes) = (limits.events.max(1), limits.bytes);
        let batch = self.readers.read(move |connection| read(connection, &due, events, bytes)).await?;
        self.turn = self.turn.wrapping_add(1);
        for stored in &batch {
            self.positions.include(stored.place);
        }
        Ok(batch)
    }

    async fn wait(&mut self) -> Result<Vec<Due>, ReadError> {
        loop {
            self.ends.changed().await.map_err(|closed| ReadError::Unavailable(Fault::new(closed)))?;
            let due = self.due();
            if !due.is_empty() {
                return Ok(due);
            }
        }
    }

    fn due(&mut self) -> Vec<Due> {
        let ends = self.ends.borrow_and_update();
        let due = self.positions.iter().map(|(partition, next)| Due { partition, next, end: ends.get(partition) });
        due.filter(|due| due.next < due.end).collect()
    }
}

/// Reads the due partitions in turn; each gets an equal share of what is left.
fn read(connection: &Connection, due: &[Due], events: usize, bytes: usize) -> Result<Vec<Stored>, ReadError> {
    let mut statement = connection.prepare_cached(SELECT).map_err(failed)?;
    let mut batch = Vec::new();
    let mut read_bytes = 0;
    for (index, &Due { partition, next, end }) in due.iter().enumerate() {
        let left = events - batch.len();
        let share = left.div_ceil(due.len() - index);
        let key = |offset| row_key(Place { partition, offset });
        let mut rows = statement.query((key(next), key(end), i64::try_from(share).unwrap_or(i64::MAX))).map_err(failed)?;
        let mut empty = true;
        while let Some(row) = rows.next().map_err(failed)? {
            empty = false;
            let stored = stored(partition, row)?;
            read_bytes += record_bytes(&stored.record);
            if read_bytes > bytes && !batch.is_empty() {
                return Ok(batch);
            }
            batch.push(stored);
        }
        if empty && share > 0 {
            return Err(damaged(format!("{partition} holds nothing from {next} up to {end}")));
        }
    }
    Ok(batch)
}

fn stored(partition: Partition, row: &rusqlite::Row<'_>) -> Result<Stored, ReadError> {
    let place = Place { partition, offset: offset_of(row.get(0).map_err(failed)?) };
    let headers = row.get_ref(2).map_err(failed)?.as_blob().ok().and_then(row::decode);
    let headers = headers.ok_or_else(|| damaged(format!("the headers of {place} are malformed")))?;
    let record = Record { topic: partition.topic, key: row.get(1).map_err(failed)?, headers, value: row.get(3).map_err(failed)? };
    Ok(Stored { place, record })
}

fn damaged(what: String) -> ReadError {
    ReadError::Damaged(Fault::new(what))
}
