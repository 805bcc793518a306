//! The runner: everything about a view that is not its rows.
//!
//! It leases partitions, reads, decodes, applies each batch in one transaction with its position, waits for engines that
//! fail, parks events that fail, and keeps every generation of its view's schema version up to date. There are no
//! consumer groups: who reads what is decided by rows in the generation's own schema, which also fence what is written.

mod batch;
mod compare;
mod crew;
mod everywhere;
mod failure;
mod generations;
mod handover;
mod lease;
pub mod limits;
mod not_ready;
mod parked;
mod parking;
mod pause;
mod progress;
mod project;
mod reader;
mod rebuild;
mod rebuild_error;
mod rebuild_lease;
mod release;
mod rollback;
mod running;
mod schema;
mod sites;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use aredvi_events::Mint;
use aredvi_journal::Journal;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::control::{Control, State};
use crate::keys::KeyStore;
use crate::view::View;

pub use compare::{Comparison, Difference};
pub use everywhere::{Everywhere, Kept};
pub use generations::GenerationError;
pub use limits::Limits;
pub use not_ready::NotReady;
pub use parked::Parked;
pub(crate) use parking::give_up;
pub use parking::{Parking, ParkingError};
pub use progress::{Progress, Report, Status};
pub use reader::{Lag, Pinned, Reached, ViewReader};
pub use rebuild::{Rebuild, Rebuilt, Stage};
pub use rebuild_error::RebuildError;
pub use release::Released;
pub use schema::{name as generation_schema, positions_within, read_positions};
pub use sites::{Site, Sites};

use running::Running;

/// What every runner of a process shares.
#[derive(Clone)]
pub struct Deps {
    /// The log.
    pub journal: Journal,
    /// Where the views' schemas are.
    pub sites: Sites,
    /// Which generations there are.
    pub control: Control,
    /// The data keys.
    pub keys: KeyStore,
    /// Randomness and the clock.
    pub mint: Mint,
    /// The bounds.
    pub limits: Limits,
    /// Where it reports.
    pub progress: Progress,
}

/// Keeps one view up to date.
pub struct Runner {
    view: Arc<dyn View>,
    deps: Deps,
    process: Uuid,
}

impl Runner {
    /// The runner of a view; nothing happens before [`Runner::run`].
    pub fn new(view: Arc<dyn View>, deps: Deps) -> Self {
        let process = Uuid::from_bytes(deps.mint.random());
        Self { view, deps, process }
    }

    /// Works on every generation of the view's own schema version until `stop`; makes the first one when there is none.
    /// When it returns, its leases are given back.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.work(&stop), self.sweep(&stop));
    }

    async fn work(&self, stop: &CancellationToken) {
        let clock = self.deps.mint.clock();
        let mut at_work: BTreeMap<u32, Running> = BTreeMap::new();
        let mut told = None;
        loop {
            match generations::look(&*self.view, &self.deps, self.process).await {
                Ok(found) => {
                    told = None;
                    let wanted: BTreeMap<u32, State> = found.into_iter().map(|found| (found.n, found.state)).collect();
                    let gone: Vec<u32> = at_work.keys().copied().filter(|n| !wanted.contains_key(n)).collect();
                    for running in gone.iter().filter_map(|n| at_work.remove(n)).collect::<Vec<_>>() {
                        running.end().await;
                    }
                    for (n, state) in wanted {
                        let running = at_work.entry(n).or_insert_with(|| Running::start(&self.view, &self.deps, n, state, stop));
                        running.serves(state == State::Serving);
                    }
                }
                Err(error) => {
                    let line = error.to_string();
                    if told.as_ref() != Some(&line) {
                        tracing::warn!(view = self.view.name(), error = line, "the generations cannot be read");
                        told = Some(line);
                    }
                }
            }
            if pause::sleep(clock, limits::REREAD, stop).await.is_err() {
                break;
            }
        }
        for (_, running) in at_work {
            running.end().await;
        }
    }

    async fn sweep(&self, stop: &CancellationToken) {
        // Whoever starts together with this process may go on with what it left.
        let mut abandoned = false;
        loop {
            let sweep = async {
                if abandoned {
                    generations::sweep_abandoned(&*self.view, &self.deps, self.process).await?;
                }
                generations::sweep(&*self.view, &self.deps, self.process).await
            };
            let swept = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                swept = sweep => swept,
            };
            if let Err(error) = swept {
                tracing::warn!(view = self.view.name(), error = %error, "old generations were not swept");
            }
            if pause::sleep(self.deps.mint.clock(), self.deps.limits.sweep_every, stop).await.is_err() {
                return;
            }
            abandoned = true;
        }
    }
}
