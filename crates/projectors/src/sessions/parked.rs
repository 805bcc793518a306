//! Events that the view cannot apply: skipped, and kept in a bounded list until somebody decides.

use std::time::Duration;

use aredvi_events::{Partition, Place, Positions, Record, Stored, Topic, codec};
use aredvi_journal::{BatchLimits, Journal, ReadError};
use rusqlite::{Transaction, params};
use uuid::Uuid;

use super::Sessions;
use super::runner::VIEW;
use crate::cache::{CacheError, Engine, partition_tag};
use crate::runner::{Deps, ParkingError, give_up};

/// The most events parked a partition; past it the partition stops.
pub const MAX_PARKED: usize = 1000;
/// The longest reason that is kept, in code points.
const MAX_REASON_CHARS: usize = 200;
/// Stands for the id of an event that has none.
const NO_EVENT: &str = "-";
/// How a record that is looked at is read back: itself alone.
const LOOK: BatchLimits = BatchLimits { events: 1, bytes: 1, wait: Duration::from_secs(2) };

/// An event that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its partition of the topic `sessions`.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its `ce_id`, if it could be read.
    pub event: Option<String>,
    /// Why, without content.
    pub reason: String,
}

/// An event to park.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Park {
    pub(super) offset: u64,
    pub(super) event: String,
    pub(super) reason: String,
}

impl Park {
    pub(super) fn new(stored: &Stored, reason: &str) -> Self {
        Self {
            offset: stored.place.offset,
            event: codec::event_id(&stored.record).map_or_else(|| NO_EVENT.to_owned(), |id| id.to_string()),
            reason: reason.chars().take(MAX_REASON_CHARS).collect(),
        }
    }
}

impl Sessions {
    /// What is parked of one partition, in log order; at most [`MAX_PARKED`].
    ///
    /// # Errors
    /// [`CacheError`] when the cache does not answer.
    pub async fn parked(&self, partition: u32) -> Result<Vec<Parked>, CacheError> {
        let mut held: Vec<(u64, String)> = match self.cache.engine() {
            Engine::Redis(redis) => {
                let mut pipe = redis::pipe();
                pipe.cmd("HGETALL").arg(format!("{}:x", redis.base(&partition_tag(partition))));
                let (held,): (Vec<(u64, String)>,) = redis.pipeline(&pipe).await?;
                held
            }
            Engine::Sqlite(sqlite) => {
                sqlite
                    .call(move |store| {
                        store
                            .read()
                            .prepare_cached("SELECT position, event || ':' || reason FROM session_parked WHERE part = ?")?
                            .query_map([partition], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?
                            .collect()
                    })
                    .await?
            }
        };
        held.sort_unstable();
        let parked = |(offset, held): (u64, String)| {
            let (event, reason) = held.split_once(':').unwrap_or((NO_EVENT, &held));
            let event = (event != NO_EVENT).then(|| event.to_owned());
            Parked { partition, offset, event, reason: reason.to_owned() }
        };
        Ok(held.into_iter().map(parked).collect())
    }
}

/// What operators do about them: look, or give one up. There is no retry: the view is made anew by emptying the cache.
impl Sessions {
    /// A parked event and its record, read from the log.
    ///
    /// # Errors
    /// [`ParkingError::NotParked`], the cache's or the log's.
    pub async fn show_parked(&self, journal: &Journal, event: Uuid) -> Result<(Parked, Record), ParkingError> {
        let (id, not_parked) = (event.to_string(), || ParkingError::NotParked { view: VIEW.to_owned(), event });
        for partition in Partition::all(&[Topic::Sessions]) {
            let held = self.parked(partition.number).await?;
            if let Some(parked) = held.into_iter().find(|parked| parked.event.as_ref() == Some(&id)) {
                let place = Place { partition, offset: parked.offset };
                return Ok((parked, record_at(journal, place).await?.ok_or_else(not_parked)?));
            }
        }
        Err(not_parked())
    }

    /// Gives a parked event up: writes so on the log, and the projector obeys when it comes to it.
    ///
    /// # Errors
    /// [`ParkingError::NotParked`], [`ParkingError::Append`], the cache's or the log's.
    pub async fn drop_parked(&self, deps: &Deps, event: Uuid) -> Result<(), ParkingError> {
        let (_, record) = self.show_parked(&deps.journal, event).await?;
        give_up(deps, VIEW, &record, event).await.map(drop)
    }
}

async fn record_at(journal: &Journal, place: Place) -> Result<Option<Record>, ReadError> {
    let from = Positions::from_iter([(place.partition, place.offset)]);
    let found = journal.tail(&from).await?.next(&LOOK).await?;
    Ok(found.into_iter().find(|stored| stored.place == place).map(|stored| stored.record))
}

pub(super) fn count(tx: &Transaction<'_>, partition: u32) -> rusqlite::Result<usize> {
    let count: i64 = tx.query_row("SELECT count(*) FROM session_parked WHERE part = ?", [partition], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

pub(super) fn insert(tx: &Transaction<'_>, partition: u32, park: &Park) -> rusqlite::Result<()> {
    let (offset, event, reason) = (park.offset.cast_signed(), &park.event, &park.reason);
    tx.execute("INSERT OR IGNORE INTO session_parked VALUES (?, ?, ?, ?)", params![partition, offset, event, reason])?;
    Ok(())
}

pub(super) fn forget(tx: &Transaction<'_>, partition: u32, event: &str) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM session_parked WHERE part = ? AND event = ?", params![partition, event])?;
    Ok(())
}
