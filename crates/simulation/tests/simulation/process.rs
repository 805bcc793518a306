//! One process of the play: a clock of its own, a directory of its own, and what happens to it between any two steps.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aredvi_events::{MasterKey, Mint};
use aredvi_journal::{BatchLimits, Journal};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::simulated::{Between, Fate, Simulated, Step};
use aredvi_projectors::db::{DbUrl, PoolSizes};
use aredvi_projectors::keys::{KeyError, KeyStore};
use aredvi_projectors::runner::{Deps, Limits, Progress, Sites};
use tokio::sync::Notify;

use crate::chance::LONGEST_FREEZE;
use crate::log::{Access, Log};
use crate::sky::Sky;

/// How far a process' clock may be off, in milliseconds.
const LARGEST_SKEW_MS: u64 = 1_500;
/// The most times that a step lets others go first.
const MOST_YIELDS: u64 = 4;

/// What happens to a process.
pub struct Process {
    pub name: String,
    sky: Arc<Sky>,
    /// As the hand counts.
    frozen_until: Mutex<Duration>,
    dead: AtomicBool,
    died: Notify,
    /// It cannot be killed or frozen: setting up, and looking.
    charmed: bool,
}

/// A process that can work.
pub struct Started {
    pub deps: Deps,
    _dir: Simulated,
}

impl Process {
    pub fn new(name: String, sky: &Arc<Sky>, charmed: bool) -> Arc<Self> {
        let (frozen_until, dead, died) = (Mutex::default(), AtomicBool::new(false), Notify::new());
        Arc::new(Self { name, sky: sky.clone(), frozen_until, dead, died, charmed })
    }

    /// Kills it: it does no further step.
    pub fn kill(&self) {
        if !self.dead.swap(true, Ordering::Relaxed) {
            self.sky.note(format!("{} is killed", self.name));
            self.died.notify_waiters();
        }
    }

    /// Waits until it is dead.
    pub async fn death(&self) {
        while !self.dead.load(Ordering::Relaxed) {
            self.died.notified().await;
        }
    }

    /// What happens before any step of it.
    pub async fn between(&self, step: &str) {
        let (chance, weather, calm) = (&self.sky.chance, &self.sky.weather, self.sky.is_calm());
        if !calm && !self.charmed {
            if chance.comes(weather.kills) {
                self.sky.note(format!("{} dies before {step}", self.name));
                self.kill();
            }
            if chance.comes(weather.freezes) {
                let span = chance.span(LONGEST_FREEZE);
                self.sky.note(format!("{} freezes for {} ms before {step}", self.name, span.as_millis()));
                *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner) = self.sky.hand.turned() + span;
            }
        }
        loop {
            if self.dead.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let frozen = *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner);
            let left = frozen.saturating_sub(self.sky.hand.turned());
            if left.is_zero() {
                break;
            }
            self.sky.clock.sleep(left).await;
        }
        if chance.comes(weather.waits) {
            self.sky.clock.sleep(chance.span(weather.longest_wait)).await;
        } else {
            for _ in 0..chance.below(MOST_YIELDS) {
                tokio::task::yield_now().await;
            }
        }
        // It may have died or frozen while it waited for its turn, by a step of another of its tasks.
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    fn fate(&self) -> Fate {
        let (chance, weather) = (&self.sky.chance, &self.sky.weather);
        if self.sky.is_calm() || self.charmed {
            Fate::Done
        } else if chance.comes(weather.fails) {
            Fate::Failed
        } else if chance.comes(weather.unanswered) {
            Fate::Unanswered
        } else {
            Fate::Done
        }
    }
}

impl Between for Process {
    fn before<'a>(&'a self, step: &'a Step<'a>) -> Pin<Box<dyn Future<Output = Fate> + Send + 'a>> {
        Box::pin(async move {
            self.between(short(step.sql)).await;
            let fate = self.fate();
            self.sky.note(format!("{} {} {} {fate:?}", self.name, step.schema, short(step.sql)));
            fate
        })
    }

    fn wait<'a>(&'a self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.sky.clock.sleep(span))
    }

    fn after(&self, step: &Step<'_>) {
        if let Err(promise) = self.sky.watch.look(step) {
            self.sky.broke(format!("{} in {}, after {}: {promise}", self.name, step.schema, short(step.sql)));
        }
    }
}

/// The beginning of a statement, which tells which it is.
fn short(sql: &str) -> &str {
    let line = sql.trim_start().split('\n').next().unwrap_or_default();
    match line {
        "" => "connect",
        line => &line[..line.floor_char_boundary(44)],
    }
}

impl Started {
    /// Begins to live: opens what a process of this program opens.
    pub async fn start(process: Arc<Process>, seed: u64, sky: &Arc<Sky>, log: &Log, dir: &Path) -> Result<Self, KeyError> {
        let skew = i64::try_from(sky.chance.below(LARGEST_SKEW_MS)).expect("small");
        let clock = sky.hand.clock(skew);
        let mint = Mint::seeded(clock.clone(), seed);
        let name = PathBuf::from(format!("{}/{}", dir.display(), process.name));
        let simulated = Simulated::new(&name, dir, process.clone());
        let url = DbUrl::Embedded { dir: name };
        let control = Control::open(&url, clock, PoolSizes::default()).await.map_err(KeyError::from)?;
        let keys = KeyStore::open(&url, MasterKey::new([7; 32]), mint.clone(), PoolSizes::default()).await?;
        let events = usize::try_from(1 + sky.chance.below(40)).expect("few");
        let workers = usize::try_from(1 + sky.chance.below(2)).expect("few");
        let limits = Limits {
            workers: Some(workers),
            batch: BatchLimits { events, wait: Duration::from_millis(500), ..BatchLimits::default() },
            grace: Duration::from_secs(3_600),
            // So that rebuilds do it, however short their log is.
            remember_from: 0,
            ..Limits::default()
        };
        let journal = Journal::simulated(Access::new(log.clone(), process.clone(), sky.clone()));
        let deps = Deps { journal, sites: Sites::new(url), control, keys, mint, limits, progress: Progress::default() };
        Ok(Self { deps, _dir: simulated })
    }
}
