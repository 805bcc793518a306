//! Every generation of every view at once: whether what happened has reached each place where rows are kept.
//!
//! Nothing is changed here but an embedded schema's write-ahead log, which is emptied.

use std::collections::BTreeSet;
use std::time::Duration;

use aredvi_events::{Positions, Topic};

use crate::control::Generation;
use crate::db::{Db, DbError, PoolSizes};

use super::limits::POLL_EVERY;
use super::{Deps, parked, schema};

/// Connections to each generation.
const LOOK: PoolSizes = PoolSizes { write: 1, read: 1 };

/// The generations of all views, opened to be looked at.
pub struct Everywhere<'a> {
    deps: &'a Deps,
    open: Vec<(Generation, Db)>,
}

/// A generation, and what it has put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The name of its schema: `media_g1`.
    pub schema: String,
    /// Since when it is known to have what was asked for, Unix milliseconds.
    pub reached_ms: i64,
    /// The keys that events are parked of.
    pub parked: BTreeSet<(Topic, String)>,
}

impl<'a> Everywhere<'a> {
    /// Opens every generation that is not dropped; those of other programs too.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open(deps: &'a Deps) -> Result<Self, DbError> {
        let mut found = Self { deps, open: Vec::new() };
        for generation in deps.control.all_generations().await? {
            match schema::open(deps.sites.of(&generation.view), &generation.view, generation.n, LOOK).await {
                Ok(db) => found.open.push((generation, db)),
                Err(error) => {
                    found.close().await;
                    return Err(error);
                }
            }
        }
        Ok(found)
    }

    /// Waits until each includes what `wanted` includes of its topics, at most for `limit`, and says what each has put
    /// aside. `None`: one of them does not, or a schema that was given up is not dropped yet.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn reaches(&self, wanted: &Positions, limit: Duration) -> Result<Option<Vec<Kept>>, DbError> {
        let clock = self.deps.mint.clock();
        let reached = async {
            let mut kept = Vec::new();
            for (generation, db) in &self.open {
                let parked = loop {
                    let positions = schema::latest_positions(db).await?;
                    if positions.iter().all(|(partition, next)| next >= wanted.next(partition)) {
                        break parked::all_keys(db).await?;
                    }
                    clock.sleep(POLL_EVERY).await;
                };
                db.scrub().await?;
                let schema = schema::name(&generation.view, generation.n);
                kept.push(Kept { schema, reached_ms: clock.now_ms(), parked });
            }
            Ok(kept)
        };
        match clock.timeout(limit, reached).await {
            Err(_) => Ok(None),
            Ok(Err(error)) => Err(error),
            Ok(Ok(kept)) => Ok((!self.remains_of_the_dropped().await?).then_some(kept)),
        }
    }

    /// Closes them.
    pub async fn close(self) {
        for (_, db) in self.open {
            db.close().await;
        }
    }

    async fn remains_of_the_dropped(&self) -> Result<bool, DbError> {
        let views: BTreeSet<&str> = self.open.iter().map(|(generation, _)| generation.view.as_str()).collect();
        for view in views {
            for dropped in self.deps.control.dropped(view).await? {
                if Db::exists(&self.deps.sites.of(view).write, &schema::name(view, dropped.n)).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
