//! What keeps two generations from stepping on each other: holds, and who appends.
//!
//! A generation that is being built never passes the one that serves: every partition has a *hold* that the fence obeys.
//! So when it is told to append what it derives, the serving one has appended everything up to there; from there on both
//! append the same ids until the switch, and nothing falls between them.

use aredvi_events::{Clock, Partition, Positions};

use crate::db::{Db, DbError, Value};

use super::limits::CLOSE;
use super::schema::latest_positions;

/// Lets a generation go up to these positions, and not beyond.
pub(super) async fn hold(db: &Db, at: &Positions) -> Result<(), DbError> {
    let held: Vec<(Partition, u64)> = at.iter().collect();
    if held.is_empty() {
        return Ok(());
    }
    let case = " WHEN topic = ? AND part = ? THEN ?".repeat(held.len());
    let mut args = Vec::new();
    for (partition, next) in held {
        args.extend([Value::from(partition.topic.number()), partition.number.into(), next.into()]);
    }
    db.execute(&format!("UPDATE positions SET hold = CASE{case} ELSE next END"), args).await.map(drop)
}

/// Lets a generation go on without bound, and append what it derives from where it is.
pub(super) async fn set_free(db: &Db) -> Result<(), DbError> {
    db.execute("UPDATE positions SET hold = NULL, appends = 1", vec![]).await.map(drop)
}

/// Says whether a generation appends what it derives, from where it is.
pub(super) async fn set_appends(db: &Db, appends: bool) -> Result<(), DbError> {
    db.execute("UPDATE positions SET appends = ?", vec![appends.into()]).await.map(drop)
}

/// Whether a generation was told to append.
pub(super) async fn appends(db: &Db) -> Result<bool, DbError> {
    let rows = db.read_latest("SELECT COUNT(*) FROM positions WHERE appends <> 0", vec![]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? > 0)
}

/// How many workers are alive on a generation.
pub(super) async fn live_workers(db: &Db, clock: &Clock) -> Result<u64, DbError> {
    let sql = "SELECT COUNT(*) FROM workers WHERE seen_until > ?";
    let rows = db.read_latest(sql, vec![clock.now_ms().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.id(0))
}

/// Events between two positions, at most: offsets are not dense.
pub(super) fn distance(from: &Positions, to: &Positions) -> u64 {
    to.iter().map(|(partition, next)| next.saturating_sub(from.next(partition))).sum()
}

/// Whether one generation is so near another that it can be compared with it.
pub(super) async fn is_close(follower: &Db, leader: &Db) -> Result<bool, DbError> {
    let leader = latest_positions(leader).await?;
    Ok(distance(&latest_positions(follower).await?, &leader) <= CLOSE)
}
