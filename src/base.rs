//! What every role stands on: the engines, opened in order, and closed in order.
//!
//! Engines that are not up yet are waited for, a bounded time; embedded ones are up or broken.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aredvi_events::{Clock, Mint, Topic};
use aredvi_journal::{Journal, OpenError, OpenOptions, TopicsError};
use aredvi_projectors::cache::{Cache, CacheError};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{DbError, DbUrl, PoolSizes};
use aredvi_projectors::keys::master::BadMasterKey;
use aredvi_projectors::keys::{KeyError, KeyStore, master};
use aredvi_projectors::runner::{Deps, Limits, Progress, Sites};
use uuid::Uuid;

use crate::config::Engines;
use crate::data_dir::DataDir;
use crate::failure::{self, Misuse};

/// How long a starting process waits for an engine that does not answer.
const ENGINE_LIMIT: Duration = Duration::from_secs(60);
/// Between two tries to reach it.
const ENGINE_RETRY: Duration = Duration::from_millis(500);
/// How long the log may take to confirm what was appended, at the end of the process.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// Workers of each view where the engines are embedded: their one writer has no use for more.
const EMBEDDED_WORKERS: usize = 1;
/// Connections to the schemas `control` and `keys`, each.
const SMALL_POOL: PoolSizes = PoolSizes { write: 2, read: 2 };

/// The engines of one process.
pub struct Base {
    /// The clock, ids and randomness.
    pub mint: Mint,
    /// The data directory, owned where an engine is embedded.
    pub data: DataDir,
    /// The log.
    pub journal: Journal,
    /// Sessions, reservations, rates.
    pub cache: Cache,
    /// The data keys.
    pub keys: KeyStore,
    /// What the processes agree on.
    pub control: Control,
    /// Where each view's schemas are.
    pub sites: Sites,
    /// Whether those are embedded.
    embedded_views: bool,
    opening: Opening,
    /// This process, among all that hold leases.
    pub holder: Uuid,
}

impl Base {
    /// Opens everything; the data directory is its own where an engine is embedded.
    ///
    /// # Errors
    /// One line: which engine, and why.
    pub async fn open(engines: &Engines, clock: Clock) -> anyhow::Result<Self> {
        let mint = Mint::new(clock.clone());
        let sites = engines.sites()?;
        let data = if engines.embedded() { DataDir::own(&engines.data)? } else { DataDir::open(&engines.data)? };
        let setting = std::env::var(master::ENV).ok();
        let master_key = master::master_key(setting.as_deref(), Some(data.path()), &mint);
        let master_key = master_key.map_err(|error| match error {
            BadMasterKey::Form(_) | BadMasterKey::Mode { .. } | BadMasterKey::None => Misuse(error.to_string()).into(),
            BadMasterKey::File { .. } => anyhow::Error::new(error),
        })?;
        let db = engines.db();
        let opening = Opening { clock: clock.clone(), limit: if engines.embedded() { Duration::ZERO } else { ENGINE_LIMIT } };
        let options = OpenOptions { single_broker: engines.single_broker };
        let url = engines.journal();
        let (journal, control, keys) = tokio::try_join!(
            opening.open("the log", || Journal::open(&url, options, &mint), unreachable),
            opening.open("the schema `control`", || Control::open(&db, clock.clone(), SMALL_POOL), DbError::is_transient),
            opening.open(
                "the schema `keys`",
                || KeyStore::open(&db, master_key.clone(), mint.clone(), SMALL_POOL),
                KeyError::is_transient
            ),
        )?;
        check_keys(&journal, &keys).await?;
        let url = engines.cache();
        let cache = opening.open("the cache", || Cache::open(&url, journal.id(), clock.clone()), does_not_answer).await?;
        let holder = mint.event_id();
        let embedded_views = matches!(db, DbUrl::Embedded { .. });
        Ok(Self { mint, data, journal, cache, keys, control, sites, embedded_views, opening, holder })
    }

    /// Does what a start needs of an engine: while it does not answer, it is waited for as when it was opened.
    ///
    /// # Errors
    /// What went wrong, when it was not the engine's silence or lasted too long.
    pub async fn patiently<T, E, F>(&self, what: &str, act: impl Fn() -> F, may_come: impl Fn(&E) -> bool) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        self.opening.open(what, act, may_come).await
    }

    /// What runners of views share; `workers` of each view.
    pub fn deps(&self, workers: Option<u8>, progress: Progress) -> Deps {
        let workers = workers.map(usize::from).or(self.embedded_views.then_some(EMBEDDED_WORKERS));
        Deps {
            journal: self.journal.clone(),
            sites: self.sites.clone(),
            control: self.control.clone(),
            keys: self.keys.clone(),
            mint: self.mint.clone(),
            limits: Limits { workers, alone: self.embedded_views, ..Limits::default() },
            progress,
        }
    }

    /// Writes out what was appended; nothing is appended after this.
    ///
    /// # Errors
    /// When the log did not confirm everything within [`FLUSH_LIMIT`].
    pub async fn flush(&self) -> anyhow::Result<()> {
        self.journal.close(FLUSH_LIMIT).await.context("cannot close the log in order")
    }

    /// Closes what is left open.
    pub async fn close(self) {
        self.control.db().close().await;
        self.keys.db().close().await;
    }
}

/// Waits for engines.
#[derive(Clone)]
struct Opening {
    clock: Clock,
    limit: Duration,
}

impl Opening {
    async fn open<T, E, F>(&self, what: &str, open: impl Fn() -> F, may_come: impl Fn(&E) -> bool) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let began = self.clock.now_ms();
        let mut told = String::new();
        loop {
            let error = match open().await {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            let waited = u64::try_from(self.clock.now_ms().saturating_sub(began)).unwrap_or(0);
            if !may_come(&error) || Duration::from_millis(waited) >= self.limit {
                return Err(anyhow::Error::new(error).context(format!("cannot open {what}")));
            }
            let line = failure::line(&anyhow::Error::new(error));
            if line != told {
                tracing::warn!(engine = what, limit_s = self.limit.as_secs(), reason = line, "waiting for an engine");
                told = line;
            }
            self.clock.sleep(ENGINE_RETRY).await;
        }
    }
}

fn unreachable(error: &OpenError) -> bool {
    matches!(error, OpenError::Unreachable { .. } | OpenError::Topics(TopicsError::Unreachable { .. }))
}

fn does_not_answer(error: &CacheError) -> bool {
    matches!(error, CacheError::Redis(_) | CacheError::TimedOut)
}

/// Refuses new keys for a log that people stand on: their texts were sealed with others.
async fn check_keys(journal: &Journal, keys: &KeyStore) -> anyhow::Result<()> {
    if !keys.is_first_start() {
        return Ok(());
    }
    let (starts, ends) = (journal.starts(&[Topic::Actors]).await?, journal.ends(&[Topic::Actors]).await?);
    if ends != starts {
        bail!("the log holds people, but the schema `keys` is new: give back the one that belongs to this log");
    }
    Ok(())
}
