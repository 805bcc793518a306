//! Workers that a rebuild brings along, for generations that nobody else works on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::control::State;
use crate::db::{Db, DbError};
use crate::view::View;

use super::Deps;
use super::handover::live_workers;
use super::lease::millis;
use super::limits::WORKERLESS;
use super::running::Running;

/// The workers of one rebuild, by generation.
#[derive(Default)]
pub(super) struct Crew {
    at_work: BTreeMap<u32, Running>,
    deserted_since: BTreeMap<u32, i64>,
}

impl Crew {
    /// Begins to work on generation `n` when it has been without workers for [`WORKERLESS`].
    pub async fn join(
        &mut self,
        db: &Db,
        n: u32,
        view: &Arc<dyn View>,
        deps: &Deps,
        stop: &CancellationToken,
    ) -> Result<(), DbError> {
        let clock = deps.mint.clock();
        if live_workers(db, clock).await? > 0 {
            self.deserted_since.remove(&n);
            return Ok(());
        }
        let now = clock.now_ms();
        if now.saturating_sub(*self.deserted_since.entry(n).or_insert(now)) >= millis(WORKERLESS) {
            self.at_work.entry(n).or_insert_with(|| Running::start(view, deps, n, State::Building, stop));
        }
        Ok(())
    }

    /// Ends their work.
    pub async fn end(self) {
        for running in self.at_work.into_values() {
            running.end().await;
        }
    }
}
