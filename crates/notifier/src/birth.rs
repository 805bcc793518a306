//! Since when a generation counts: what stood on the journal before its birth makes nobody told, and nothing sent.
//!
//! Without this, a schema that was lost and is made again would take history for news.

use std::time::Duration;

use aredvi_events::{Clock, Partition, Positions, Topic};
use aredvi_journal::ReadError;
use aredvi_projectors::db::{Db, DbError, PoolSizes, Row, Tx, Value};
use aredvi_projectors::runner::{Deps, ViewReader};
use aredvi_projectors::view::{Table, View};
use tokio_util::sync::CancellationToken;

use crate::sweep::stopped;

/// Between two tries while an engine does not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// Connections that a birth is read with.
const SIZES: PoolSizes = PoolSizes { write: 1, read: 1 };

/// Where the journal ended at the birth of a view; not compared, because a later generation may be born later.
pub(crate) const BIRTHS: Table = Table {
    name: "births",
    ddl: &["CREATE TABLE births (
            topic INT NOT NULL,
            part INT NOT NULL,
            next_offset BIGINT NOT NULL,
            PRIMARY KEY (topic, part))"],
    compared: &[],
};

const SELECT: &str = "SELECT topic, part, next_offset FROM births";

/// The birth of the generation of `tx`: the stored one, or `now`, which is stored.
///
/// # Errors
/// A transient one when neither is known: a view that was opened only to be looked at must not take history for news,
/// so whoever applies waits for the view's own role.
pub(crate) async fn of(tx: &mut Tx, now: &Positions) -> Result<Positions, DbError> {
    let stored = positions(&tx.read(SELECT, vec![]).await?)?;
    if !stored.is_empty() {
        return Ok(stored);
    }
    if now.is_empty() {
        return Err(unborn());
    }
    store(tx, now).await?;
    // Another worker of the same generation may have been first.
    positions(&tx.read(SELECT, vec![]).await?)
}

/// Stores the birth of the generation that serves as soon as there is one: what comes while the process is down again
/// must be news, even if nothing came before.
pub(crate) async fn register(reader: &ViewReader, now: &Positions, clock: &Clock, stop: &CancellationToken) {
    loop {
        match reader.db() {
            Ok(db) => match register_in(&db, now).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(view = reader.view(), error = error.chain(), "its birth is not stored yet"),
            },
            Err(not_ready) => tracing::debug!(view = reader.view(), %not_ready, "its birth is not stored yet"),
        }
        if stopped(clock, AGAIN, stop).await {
            return;
        }
    }
}

async fn register_in(db: &Db, now: &Positions) -> Result<(), DbError> {
    if !stored(db).await?.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    store(&mut tx, now).await?;
    tx.commit().await
}

async fn store(tx: &mut Tx, now: &Positions) -> Result<(), DbError> {
    let rows: Vec<[Value; 3]> = now.iter().map(|(at, next)| [at.topic.number().into(), at.number.into(), next.into()]).collect();
    tx.insert_ignore(BIRTHS.name, ["topic", "part", "next_offset"], rows).await
}

fn unborn() -> DbError {
    let source = std::io::Error::other("the view was opened to be looked at; the role that keeps it knows its birth");
    DbError::File { path: BIRTHS.name.into(), source }
}

/// Why it cannot be told yet since when a view counts.
#[derive(Debug, thiserror::Error)]
pub enum BirthError {
    /// The journal.
    #[error("the end of the journal cannot be read")]
    Journal(#[from] ReadError),
    /// The generation that serves.
    #[error("the serving generation cannot be read")]
    Db(#[from] DbError),
}

impl BirthError {
    /// Whether it may pass by itself.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Journal(error) => matches!(error, ReadError::Unavailable(_)),
            Self::Db(error) => error.is_transient(),
        }
    }
}

/// The birth of generations made from now on: that of the one that serves; without one, what stands on `topics` now.
pub(crate) async fn next(view: &dyn View, topics: &[Topic], deps: &Deps) -> Result<Positions, BirthError> {
    if let Ok(serving) = ViewReader::open(view, &[view.schema_version()], deps, SIZES).await.db() {
        let birth = stored(&serving).await?;
        if !birth.is_empty() {
            return Ok(birth);
        }
    }
    Ok(deps.journal.ends(topics).await?)
}

/// Like [`next`], tried again until it can be told; `None` when it is time to stop.
pub(crate) async fn wait(view: &dyn View, topics: &[Topic], deps: &Deps, stop: &CancellationToken) -> Option<Positions> {
    loop {
        match next(view, topics, deps).await {
            Ok(birth) => return Some(birth),
            Err(error) => tracing::warn!(view = view.name(), %error, "it cannot begin yet"),
        }
        if stopped(deps.mint.clock(), AGAIN, stop).await {
            return None;
        }
    }
}

/// The birth that a schema has stored; empty when it has none yet.
async fn stored(db: &Db) -> Result<Positions, DbError> {
    positions(&db.read_latest(SELECT, vec![]).await?)
}

fn positions(rows: &[Row]) -> Result<Positions, DbError> {
    rows.iter()
        .map(|row| {
            let expected = "a topic's number";
            let unknown = || DbError::Column { column: 0, expected, found: "another number".to_owned() };
            let topic = Topic::from_number(row.id(0)?).ok_or_else(unknown)?;
            Ok((Partition { topic, number: row.id(1)? }, row.id(2)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aredvi_projectors::db::{DbUrl, Durability};

    #[tokio::test]
    async fn a_generation_is_born_once_and_never_by_a_view_that_is_only_looked_at() {
        let dir = tempfile::tempdir().expect("a directory");
        let url = DbUrl::Embedded { dir: dir.path().to_owned() };
        let db = Db::open(&url, None, "view", Durability::Normal, SIZES).await.expect("a schema");
        db.run_schema(BIRTHS.ddl).await.expect("a table");
        let mut tx = db.begin().await.expect("begun");
        let refused = of(&mut tx, &Positions::new()).await.expect_err("unborn");
        assert!(refused.is_transient(), "it is waited out, and no event is parked for it");
        let at = |next| Positions::from_iter([(Partition { topic: Topic::Notifications, number: 3 }, next)]);
        assert_eq!(of(&mut tx, &at(7)).await.expect("born"), at(7));
        assert_eq!(of(&mut tx, &at(9)).await.expect("known"), at(7), "the first birth counts");
        assert_eq!(of(&mut tx, &Positions::new()).await.expect("known"), at(7));
        tx.commit().await.expect("committed");
    }
}
