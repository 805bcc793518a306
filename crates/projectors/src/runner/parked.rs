//! The records that a generation could not apply, and all later ones of their keys.

use std::collections::{BTreeSet, HashSet};

use aredvi_events::{Place, Record, Stored, Topic};
use uuid::Uuid;

use crate::db::{Db, DbError, Row, Tx, Value};

use super::batch::{Item, ParkingKey, cut};
use super::limits::MAX_REASON_BYTES;
use super::schema::partition;

/// One parked record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The record with its place.
    pub stored: Stored,
    /// The event's id, or one made of the place when it has none.
    pub event: Uuid,
    /// Why, without content.
    pub reason: String,
    /// When, in Unix milliseconds.
    pub parked_ms: i64,
}

/// Why a record is parked that may be sound.
pub(super) const BEHIND: &str = "an earlier event of its key is parked";

/// The keys that something is parked of.
pub(super) async fn keys(tx: &mut Tx) -> Result<HashSet<ParkingKey>, DbError> {
    let rows = tx.read("SELECT DISTINCT topic, record_key FROM parked", vec![]).await?;
    rows.iter().map(|row| Ok((topic(row, 0)?, row.text(1)?.to_owned()))).collect()
}

/// The keys that something is parked of, as they are where the generation is written.
pub(super) async fn all_keys(db: &Db) -> Result<BTreeSet<ParkingKey>, DbError> {
    let rows = db.read_latest("SELECT DISTINCT topic, record_key FROM parked", vec![]).await?;
    rows.iter().map(|row| Ok((topic(row, 0)?, row.text(1)?.to_owned()))).collect()
}

/// How many there are.
pub(super) async fn count(tx: &mut Tx) -> Result<u64, DbError> {
    let rows = tx.read("SELECT COUNT(*) FROM parked", vec![]).await?;
    rows.first().map_or(Ok(0), |row| row.id(0))
}

/// How many there are of one key.
pub(super) async fn count_of(tx: &mut Tx, key: &ParkingKey) -> Result<usize, DbError> {
    let sql = "SELECT COUNT(*) FROM parked WHERE topic = ? AND record_key = ?";
    let rows = tx.read(sql, vec![key.0.number().into(), key.1.as_str().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.id(0))
}

/// Parks records.
pub(super) async fn add(tx: &mut Tx, items: &[(&Item, &str)], now_ms: i64) -> Result<(), DbError> {
    let rows = items
        .iter()
        .map(|(item, reason)| {
            let Stored { place, record } = &item.stored;
            [
                place.partition.topic.number().into(),
                place.partition.number.into(),
                place.offset.into(),
                item.key().1.into(),
                item.id.into(),
                cut(reason, MAX_REASON_BYTES).into(),
                now_ms.into(),
                serde_json::to_string(&record.headers).unwrap_or_default().into(),
                record.value.as_slice().into(),
            ]
        })
        .collect();
    let columns = ["topic", "part", "off", "record_key", "event_id", "reason", "parked_ms", "headers", "record"];
    tx.insert_ignore("parked", columns, rows).await
}

/// The next parked records of a key, in order.
pub(super) async fn of_key(tx: &mut Tx, key: &ParkingKey, limit: usize) -> Result<Vec<Parked>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM parked WHERE topic = ? AND record_key = ? ORDER BY off LIMIT {limit}");
    let rows = tx.read(&sql, vec![key.0.number().into(), key.1.as_str().into()]).await?;
    rows.iter().map(read).collect()
}

/// The first parked record of a key.
pub(super) async fn first_of_key(db: &Db, key: &ParkingKey) -> Result<Option<Parked>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM parked WHERE topic = ? AND record_key = ? ORDER BY off LIMIT 1");
    let rows = db.read_latest(&sql, vec![key.0.number().into(), key.1.as_str().into()]).await?;
    rows.first().map(read).transpose()
}

/// The key of an event that is parked.
pub(super) async fn key_of(tx: &mut Tx, event: Uuid) -> Result<Option<ParkingKey>, DbError> {
    let sql = "SELECT topic, record_key FROM parked WHERE event_id = ? ORDER BY topic, part, off LIMIT 1";
    let rows = tx.read(sql, vec![event.into()]).await?;
    rows.first().map(|row| Ok((topic(row, 0)?, row.text(1)?.to_owned()))).transpose()
}

/// Takes records of a key away, up to and with the one at `through`.
pub(super) async fn remove_through(tx: &mut Tx, key: &ParkingKey, through: u64) -> Result<u64, DbError> {
    let sql = "DELETE FROM parked WHERE topic = ? AND record_key = ? AND off <= ?";
    tx.execute(sql, vec![key.0.number().into(), key.1.as_str().into(), through.into()]).await
}

/// Takes an event of a key away, as often as it was appended.
pub(super) async fn remove(tx: &mut Tx, key: &ParkingKey, event: Uuid) -> Result<u64, DbError> {
    let sql = "DELETE FROM parked WHERE topic = ? AND record_key = ? AND event_id = ?";
    tx.execute(sql, vec![key.0.number().into(), key.1.as_str().into(), event.into()]).await
}

/// Notes why a record is parked now.
pub(super) async fn explain(tx: &mut Tx, place: Place, reason: &str) -> Result<(), DbError> {
    let sql = "UPDATE parked SET reason = ? WHERE topic = ? AND part = ? AND off = ?";
    let [topic, part, off] = tuple(place);
    tx.execute(sql, vec![cut(reason, MAX_REASON_BYTES).into(), topic, part, off]).await.map(drop)
}

/// The parked records in the order of their places, after `after`.
///
/// # Errors
/// [`DbError`].
pub(super) async fn list(db: &Db, after: Option<Place>, limit: usize) -> Result<Vec<Parked>, DbError> {
    // The primary key serves it.
    let sql = format!(
        "SELECT {COLUMNS} FROM parked WHERE topic > ? OR (topic = ? AND (part > ? OR (part = ? AND off > ?))) \
         ORDER BY topic, part, off LIMIT {limit}"
    );
    let [topic, part, off] = after.map_or([Value::Int(-1), Value::Int(-1), Value::Int(-1)], tuple);
    let rows = db.read_latest(&sql, vec![topic.clone(), topic, part.clone(), part, off]).await?;
    rows.iter().map(read).collect()
}

/// One parked record.
pub(super) async fn show(db: &Db, event: Uuid) -> Result<Option<Parked>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM parked WHERE event_id = ? ORDER BY topic, part, off LIMIT 1");
    let rows = db.read_latest(&sql, vec![event.into()]).await?;
    rows.first().map(read).transpose()
}

/// Where the parked records stand.
///
/// # Errors
/// [`DbError`].
pub(super) async fn places(db: &Db) -> Result<HashSet<Place>, DbError> {
    let rows = db.look("SELECT topic, part, off FROM parked", vec![]).await?;
    rows.iter().map(|row| Ok(Place { partition: partition(row)?, offset: row.id(2)? })).collect()
}

/// The ids of events that this view gave up.
pub(super) async fn dropped(tx: &mut Tx) -> Result<HashSet<Uuid>, DbError> {
    let rows = tx.read("SELECT event_id FROM dropped", vec![]).await?;
    rows.iter().map(|row| uuid(row, 0)).collect()
}

const COLUMNS: &str = "topic, part, off, record_key, event_id, reason, parked_ms, headers, record";

fn read(row: &Row) -> Result<Parked, DbError> {
    let partition = partition(row)?;
    let record = Record {
        topic: partition.topic,
        key: row.text(3)?.to_owned(),
        headers: serde_json::from_str(row.text(7)?).unwrap_or_default(),
        value: row.bytes(8)?.to_vec(),
    };
    let stored = Stored { place: Place { partition, offset: row.id(2)? }, record };
    Ok(Parked { stored, event: uuid(row, 4)?, reason: row.text(5)?.to_owned(), parked_ms: row.int(6)? })
}

fn uuid(row: &Row, column: usize) -> Result<Uuid, DbError> {
    let wrong = |_| DbError::Column { column, expected: "16 bytes", found: "others".to_owned() };
    Uuid::from_slice(row.bytes(column)?).map_err(wrong)
}

fn topic(row: &Row, column: usize) -> Result<Topic, DbError> {
    let wrong = || DbError::Column { column, expected: "a topic's number", found: "another".to_owned() };
    Topic::from_number(row.id(column)?).ok_or_else(wrong)
}

fn tuple(place: Place) -> [Value; 3] {
    [place.partition.topic.number().into(), place.partition.number.into(), place.offset.into()]
}
