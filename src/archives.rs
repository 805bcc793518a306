//! The log, the wrapped keys and the worker numbers, opened to be copied or to be filled. No role runs on them.

use anyhow::{Context as _, bail};
use aredvi_archive::backup::Source;
use aredvi_archive::import::Target;
use aredvi_events::{Clock, Mint};
use aredvi_journal::{Journal, JournalUrl, OpenOptions, topics};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::PoolSizes;
use aredvi_projectors::keys::wrapped::WrappedKeys;
use aredvi_projectors::keys::{KeyStore, master};

use crate::config::{self, Engines};
use crate::data_dir::DataDir;
use crate::failure::Misuse;
use crate::progress::Progress;

/// Connections to the schemas `control` and `keys`, each.
const SMALL_POOL: PoolSizes = PoolSizes { write: 1, read: 1 };
/// How long the log may take to confirm what was appended.
const FLUSH_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// The engines that hold what cannot be made again.
pub struct Archives {
    journal: Journal,
    keys: WrappedKeys,
    control: Control,
    mint: Mint,
    owned: Option<DataDir>,
}

impl Archives {
    /// Opens engines to be copied from. An embedded log may be a running server's: it is only read.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub async fn to_copy(engines: &Engines) -> anyhow::Result<Self> {
        if let JournalUrl::Embedded { path } = engines.journal()
            && !path.exists()
        {
            bail!("there is no log at {}", path.display());
        }
        Self::open(engines, None).await
    }

    /// Opens engines to be filled; Kafka's topics are made.
    ///
    /// # Errors
    /// When another process owns them, or they cannot be opened.
    pub async fn to_fill(engines: &Engines) -> anyhow::Result<Self> {
        let owned = if engines.embedded() { DataDir::own(&engines.data)? } else { DataDir::open(&engines.data)? };
        if std::env::var_os(master::ENV).is_none() && !owned.path().join(master::FILE).exists() {
            let (name, dir) = (master::FILE, owned.path().display());
            return Err(Misuse(format!("the master key is missing: set {}, or copy {name} to {dir}", master::ENV)).into());
        }
        let mint = Mint::new(config::clock()?);
        if let JournalUrl::Kafka { .. } = engines.journal() {
            topics::create(&engines.journal(), engines.single_broker, &mint).await?;
        }
        Self::open(engines, Some(owned)).await
    }

    async fn open(engines: &Engines, owned: Option<DataDir>) -> anyhow::Result<Self> {
        let mint = Mint::new(config::clock()?);
        let options = OpenOptions { single_broker: engines.single_broker };
        let journal = Journal::open(&engines.journal(), options, &mint).await?;
        let keys = WrappedKeys::open(&engines.db(), SMALL_POOL).await.context("cannot open the schema `keys`")?;
        let control = Control::open(&engines.db(), mint.clock().clone(), SMALL_POOL).await;
        let control = control.context("cannot open the schema `control`")?;
        Ok(Self { journal, keys, control, mint, owned })
    }

    /// As a backup takes it.
    pub fn source(&self) -> Source<'_> {
        Source { journal: &self.journal, keys: &self.keys, control: &self.control, clock: self.mint.clock() }
    }

    /// As an import takes it.
    pub fn target(&self) -> Target<'_> {
        Target { journal: &self.journal, keys: &self.keys, control: &self.control, clock: self.mint.clock() }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        self.mint.clock()
    }

    /// Whether the master key that is set here is the one that the keys were wrapped with.
    ///
    /// # Errors
    /// When it is another.
    pub async fn check_master_key(&self, engines: &Engines) -> anyhow::Result<()> {
        let setting = std::env::var(master::ENV).ok();
        let dir = self.owned.as_ref().map(DataDir::path);
        let master = master::master_key(setting.as_deref(), dir, &self.mint)?;
        KeyStore::open(&engines.db(), master, self.mint.clone(), SMALL_POOL).await?.db().close().await;
        Ok(())
    }

    /// Ends what was done in order.
    ///
    /// # Errors
    /// `outcome`'s, or when the log did not confirm everything.
    pub async fn close<T>(self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        let flushed = self.journal.close(FLUSH_LIMIT).await;
        self.keys.close().await;
        self.control.db().close().await;
        let done = outcome?;
        flushed.context("cannot close the log in order")?;
        Ok(done)
    }
}

/// Tells how many records are done.
pub fn telling<'a>(progress: &'a mut Progress, stage: &'a str) -> impl FnMut(u64) + 'a {
    move |done| progress.show(stage, None, None, Some(done))
}
