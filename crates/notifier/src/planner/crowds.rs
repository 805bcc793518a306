//! Works off the continuations: those of the generation that serves, and those that one before it has left.

use std::collections::BTreeMap;
use std::time::Duration;

use aredvi_projectors::control::State;
use aredvi_projectors::db::{Db, DbError, Durability, PoolSizes};
use aredvi_projectors::runner::{ViewReader, generation_schema};
use aredvi_projectors::view::View as _;

use super::{Asked, NAME, Planner, fanout};
use crate::sweep::{Failed, Sweep};
use crate::{Deps, millis};

/// How often it is looked whether another generation has taken the place of one.
const LOOK_BACK_EVERY: Duration = Duration::from_secs(5);
/// Connections to a generation that served before.
const SIZES: PoolSizes = PoolSizes { write: 1, read: 1 };

/// The sweep over continuations.
pub(super) struct Crowds {
    reader: ViewReader,
    asked: Asked,
    deps: Deps,
    earlier: BTreeMap<u32, Db>,
    looked_back_ms: i64,
}

impl Crowds {
    /// Nothing happens before its first turn.
    pub(super) fn new(reader: ViewReader, deps: &Deps) -> Self {
        Self { reader, asked: Asked::of(deps), deps: deps.clone(), earlier: BTreeMap::new(), looked_back_ms: i64::MIN }
    }

    /// Opens the generations that served before, and closes those that are given up.
    async fn look_back(&mut self) -> Result<(), DbError> {
        let now_ms = self.asked.clock.now_ms();
        if now_ms < self.looked_back_ms.saturating_add(millis(LOOK_BACK_EVERY)) {
            return Ok(());
        }
        self.looked_back_ms = now_ms;
        let version = Planner::born(&self.deps, aredvi_events::Positions::new()).schema_version();
        let found = self.deps.runner.control.generations(NAME).await?;
        let before: Vec<u32> = found
            .into_iter()
            .filter(|found| found.state == State::Previous && found.version == version)
            .map(|found| found.n)
            .collect();
        let gone: Vec<u32> = self.earlier.keys().copied().filter(|n| !before.contains(n)).collect();
        for db in gone.iter().filter_map(|n| self.earlier.remove(n)).collect::<Vec<_>>() {
            db.close().await;
        }
        let site = &self.deps.runner.sites.of(NAME).write;
        for n in before {
            let schema = generation_schema(NAME, n);
            if !self.earlier.contains_key(&n) && Db::exists(site, &schema).await? {
                let db = Db::open(site, None, &schema, Durability::Normal, SIZES).await?;
                self.earlier.insert(n, db);
            }
        }
        Ok(())
    }
}

impl Sweep for Crowds {
    const LEASE_NAME: &'static str = "planner-fanout";

    async fn turn(&mut self) -> Result<bool, Failed> {
        let Ok(serving) = self.reader.db() else { return Ok(false) };
        self.look_back().await.map_err(|error| Failed(error.chain()))?;
        let mut waiting = 0;
        for db in std::iter::once(&serving).chain(self.earlier.values()) {
            waiting += fanout::work(db, &self.asked).await.map_err(|error| Failed(error.to_string()))?;
        }
        Ok(waiting > 0)
    }
}
