//! The engines that are measured on, under names of their own, and what is left of them at the end.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use aredvi_events::{Clock, Mint};
use aredvi_journal::{Journal, JournalUrl, OpenOptions, topics};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{Db, DbUrl, PoolSizes};
use aredvi_projectors::keys::{KeyStore, master};
use aredvi_projectors::runner::generation_schema;

use crate::raw::redis;

/// Connections to `keys` and `control`.
const POOL: PoolSizes = PoolSizes { write: 2, read: 2 };
/// Schemas beside those of generations.
const SCHEMAS: [&str; 2] = ["keys", "control"];

/// Addresses of the engines, with a prefix that nobody else uses.
#[derive(Debug, Clone)]
pub struct Engines {
    /// `AREDVI_JOURNAL`.
    pub journal: String,
    /// `AREDVI_DB`.
    pub db: String,
    /// `AREDVI_CACHE`.
    pub cache: String,
    /// What their names begin with.
    pub prefix: String,
}

impl Engines {
    /// Those of the environment, under `prefix`.
    ///
    /// # Errors
    /// When one is not named or is no server.
    pub fn named(prefix: &str) -> anyhow::Result<Self> {
        let named = |name: &str| {
            let url = std::env::var(name).ok().filter(|url| !url.is_empty());
            url.with_context(|| format!("{name} names no engine: eval \"$(scripts/engines env)\""))
        };
        let (journal, db, cache) = (named("AREDVI_JOURNAL")?, named("AREDVI_DB")?, named("AREDVI_CACHE")?);
        let JournalUrl::Kafka { bootstrap, .. } = journal.parse()? else { bail!("AREDVI_JOURNAL is no Kafka") };
        if !db.contains("://") || !matches!(db.parse(), Ok(DbUrl::MySql { .. })) || !cache.starts_with("redis://") {
            bail!("AREDVI_DB must be a server of MySQL, AREDVI_CACHE one of Redis");
        }
        let (server, _) = db.split_once('?').unwrap_or((&db, ""));
        let server = server.rsplit_once('/').filter(|(server, _)| !server.ends_with('/')).map_or(server, |(server, _)| server);
        let cache = cache.split('?').next().unwrap_or(&cache);
        Ok(Self {
            journal: format!("kafka://{bootstrap}/{prefix}"),
            db: format!("{server}/{prefix}"),
            cache: format!("{cache}?prefix={prefix}"),
            prefix: prefix.to_owned(),
        })
    }

    /// `host:port` of each, by name.
    pub fn addresses(&self) -> [(&'static str, String); 3] {
        let host = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let authority = rest.split(['/', '?']).next().unwrap_or(rest);
            let host = authority.rsplit('@').next().unwrap_or(authority);
            host.split(',').next().unwrap_or(host).to_owned()
        };
        [("Kafka", host(&self.journal)), ("MariaDB", host(&self.db)), ("Redis", host(&self.cache))]
    }

    /// The database's server, user and password.
    ///
    /// # Errors
    /// When its address holds none.
    pub fn sql(&self) -> anyhow::Result<Sql> {
        let rest = self.db.split_once("://").map_or(self.db.as_str(), |(_, rest)| rest);
        let (who, host) =
            rest.split('/').next().and_then(|authority| authority.rsplit_once('@')).context("AREDVI_DB: no user")?;
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let (host, port) = host.rsplit_once(':').unwrap_or((host, "3306"));
        let [user, password, host, port] = [user, password, host, port].map(str::to_owned);
        Ok(Sql { host, port, user, password, prefix: self.prefix.clone() })
    }

    /// Opens the log.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub async fn open_journal(&self, mint: &Mint) -> anyhow::Result<Journal> {
        Ok(Journal::open(&self.journal.parse()?, OpenOptions { single_broker: true }, mint).await?)
    }

    /// Makes the topics.
    ///
    /// # Errors
    /// Why they were not made.
    pub async fn create_topics(&self, mint: &Mint) -> anyhow::Result<()> {
        topics::create(&self.journal.parse()?, true, mint).await?;
        Ok(())
    }

    /// Opens the data keys, with the master key that the processes find in `data` too.
    ///
    /// # Errors
    /// Why they cannot be opened.
    pub async fn open_keys(&self, data: &Path, mint: &Mint) -> anyhow::Result<KeyStore> {
        let master = master::master_key(std::env::var(master::ENV).ok().as_deref(), Some(data), mint)?;
        Ok(KeyStore::open(&self.db.parse()?, master, mint.clone(), POOL).await?)
    }

    /// Removes everything under the prefix: topics, schemas, keys of the cache.
    ///
    /// # Errors
    /// The first that could not be removed.
    pub async fn wipe(&self) -> anyhow::Result<()> {
        let db: DbUrl = self.db.parse()?;
        if Db::exists(&db, "control").await? {
            let control = Control::open(&db, Clock::default(), POOL).await?;
            let mut generations = control.all_generations().await?;
            let mut views: Vec<String> = generations.iter().map(|generation| generation.view.clone()).collect();
            views.dedup();
            for view in &views {
                generations.extend(control.dropped(view).await?);
            }
            control.db().close().await;
            for generation in generations {
                Db::drop_schema(&db, &generation_schema(&generation.view, generation.n)).await?;
            }
        }
        for schema in SCHEMAS {
            Db::drop_schema(&db, schema).await?;
        }
        topics::delete_prefixed(&self.journal.parse()?).await?;
        let [_, _, (_, address)] = self.addresses();
        redis::remove_prefix(&address, &self.prefix).await.context("the cache")?;
        Ok(())
    }
}

/// How the database's own client reaches it.
#[derive(Clone)]
pub struct Sql {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: String,
    /// Who we are there.
    pub user: String,
    /// In the environment of the client only.
    pub password: String,
    /// What the databases' names begin with.
    pub prefix: String,
}

/// Where a run keeps its files.
#[derive(Debug, Clone)]
pub struct Dir(pub PathBuf);

impl Dir {
    /// The data directory of the processes, with the master key.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Their logs.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// What the loaded community was made from.
    pub fn community(&self) -> PathBuf {
        self.0.join("community.json")
    }
}
