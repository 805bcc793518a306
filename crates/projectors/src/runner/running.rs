//! One generation at work in this process: its workers, and the eye on how far they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aredvi_events::Partition;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::control::State;
use crate::db::{Db, DbError, PoolSizes};
use crate::view::View;

use super::lease::{self, Lease};
use super::limits::{PUBLISH_EVERY, ROUND, STOPPED_FOR};
use super::pause::{Pause, sleep};
use super::progress::Gauge;
use super::project::Projector;
use super::worker::Worker;
use super::{Deps, parked, schema};

/// Connections of a generation beside those of its workers: heartbeats and looks.
const SPARE_CONNECTIONS: u32 = 2;

const NOT_READY: &str = "its schema is not ready";

/// The work on one generation.
pub(super) struct Running {
    stop: CancellationToken,
    serving: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts to work on generation `n`, which is in this state now, until [`Running::end`], or until `stop`.
    pub fn start(view: &Arc<dyn View>, deps: &Deps, n: u32, state: State, stop: &CancellationToken) -> Self {
        let stop = stop.child_token();
        let serving = Arc::new(AtomicBool::new(state == State::Serving));
        let work = Work {
            view: view.clone(),
            deps: deps.clone(),
            n,
            state,
            serving: serving.clone(),
            gauge: deps.progress.gauge(view.name(), n, deps.mint.now_ms()),
            stop: stop.clone(),
        };
        Self { stop, serving, task: tokio::spawn(work.run()) }
    }

    /// Says whether it is the serving one.
    pub fn serves(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    /// Ends the work; its leases are given back when this returns.
    pub async fn end(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(error = %error, "a projector ended badly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    view: Arc<dyn View>,
    deps: Deps,
    n: u32,
    state: State,
    serving: Arc<AtomicBool>,
    gauge: Gauge,
    stop: CancellationToken,
}

impl Work {
    async fn run(self) {
        tokio::join!(self.works(), self.tells());
        self.gauge.gone();
    }

    /// Tells how far it is behind, whether it goes on or not.
    async fn tells(&self) {
        let clock = self.deps.mint.clock();
        while sleep(clock, ROUND, &self.stop).await.is_ok() {
            self.gauge.tell(self.serving.load(Ordering::Relaxed), clock.now_ms());
        }
    }

    async fn works(&self) {
        let clock = self.deps.mint.clock();
        let mut pause = Pause::new(clock);
        loop {
            let ended = self.once().await;
            let waited = match ended {
                Ok(()) => break,
                Err(Ended::Again(reason)) => {
                    self.gauge.waiting(reason);
                    pause.wait(&self.stop).await
                }
                Err(Ended::Stopped(reason)) => {
                    self.gauge.stopped(reason);
                    pause.reset();
                    sleep(clock, STOPPED_FOR, &self.stop).await
                }
            };
            if waited.is_err() {
                break;
            }
        }
    }

    /// Works until the end, or until the view cannot go on.
    async fn once(&self) -> Result<(), Ended> {
        let partitions = Partition::all(self.view.topics()).len();
        let workers = self.deps.limits.workers(partitions, self.state);
        let write = u32::try_from(workers).unwrap_or(u32::MAX).saturating_add(SPARE_CONNECTIONS);
        let site = self.deps.sites.of(self.view.name());
        // Opening it would make it, and whether it is to be is not decided here.
        if !Db::exists(&site.write, &schema::name(self.view.name(), self.n)).await? {
            return Err(Ended::Again(NOT_READY.to_owned()));
        }
        let db = schema::open(site, self.view.name(), self.n, PoolSizes { write, read: 1 }).await?;
        let ended = self.work_on(&db, workers).await;
        db.close().await;
        ended
    }

    async fn work_on(&self, db: &Db, workers: usize) -> Result<(), Ended> {
        let Ok(Some(origin)) = schema::origin(db).await else {
            return Err(Ended::Again(NOT_READY.to_owned()));
        };
        let journal = self.deps.journal.id();
        if origin.journal != journal {
            let made = origin.journal;
            return Err(Ended::Stopped(format!("it was made from journal {made}, this is {journal}: rebuild it")));
        }
        if origin.version != self.view.schema_version() {
            return Err(Ended::Stopped(format!("its schema has version {}: rebuild it", origin.version)));
        }
        if self.deps.limits.alone {
            lease::clear(db).await?;
        }
        let stop = self.stop.child_token();
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let lease = Lease::new(db.clone(), &self.deps.mint);
            let worker = Worker::new(self.projector(db), lease, &self.deps.limits, self.serving.clone());
            let stop = stop.clone();
            tasks.spawn(async move { worker.run(&stop).await });
        }
        let watch = self.watch(db, &stop);
        let ended = async {
            let mut ended = Ok(());
            while let Some(worker) = tasks.join_next().await {
                let worker = worker.unwrap_or_else(|error| Err(format!("a worker ended badly: {error}")));
                if let (Err(reason), Ok(())) = (worker, &ended) {
                    ended = Err(Ended::Stopped(reason));
                }
                stop.cancel();
            }
            ended
        };
        tokio::join!(watch, ended).1
    }

    fn projector(&self, db: &Db) -> Projector {
        Projector {
            view: self.view.clone(),
            journal: self.deps.journal.clone(),
            keys: self.deps.keys.clone(),
            clock: self.deps.mint.clock().clone(),
            db: db.clone(),
            generation: self.n,
            max_parked: self.deps.limits.max_parked,
            gauge: self.gauge.clone(),
        }
    }

    /// Measures how far it is behind, and shows its positions to operators' tools.
    async fn watch(&self, db: &Db, stop: &CancellationToken) {
        let clock = self.deps.mint.clock();
        let group = format!("aredvi-{}", self.view.name());
        let mut looks: u64 = 0;
        while sleep(clock, ROUND, stop).await.is_ok() {
            let Ok(positions) = schema::latest_positions(db).await else { continue };
            let Ok(ends) = self.deps.journal.ends(self.view.topics()).await else { continue };
            self.gauge.look(&positions, &ends, clock.now_ms());
            if let Ok(keys) = parked::all_keys(db).await {
                self.gauge.parked_keys(keys.len());
            }
            looks += 1;
            let publishes = looks.is_multiple_of(PUBLISH_EVERY.as_secs() / ROUND.as_secs().max(1));
            if publishes
                && self.serving.load(Ordering::Relaxed)
                && let Err(error) = self.deps.journal.publish_positions(&group, &positions).await
            {
                tracing::debug!(view = self.view.name(), error = %error, "positions were not published");
            }
        }
    }
}

enum Ended {
    Again(String),
    Stopped(String),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Self {
        let reason = error.chain();
        if error.is_transient() { Self::Again(reason) } else { Self::Stopped(reason) }
    }
}
