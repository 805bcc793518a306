//! Where the log, the read models and the cache are.

use std::path::PathBuf;
use std::str::FromStr;

use aredvi_journal::JournalUrl;
use aredvi_projectors::cache::{CacheUrl, NotACacheUrl};
use aredvi_projectors::db::DbUrl;
use aredvi_projectors::runner::Sites;
use clap::Args;

use crate::failure::Misuse;

/// The views, and the schema beside them, that may have a database of their own.
pub const VIEWS: &[&str] = &[
    "accounts",
    "actors",
    "graph",
    "media",
    "story_feed",
    "notification_feed",
    "planner",
    "ledger",
    "janitor",
    "key_keeper",
    "webhooks",
];
/// The file of the embedded cache in the data directory.
const CACHE_FILE: &str = "cache.db";

/// The engines behind a process.
#[derive(Debug, Clone, Args)]
pub struct Engines {
    /// The directory of the embedded engines, the master key and the outbox; one process owns it.
    #[arg(long, env = "AREDVI_DATA", value_name = "DIR", default_value = "./data", help_heading = "Engines")]
    pub data: PathBuf,

    /// The log: `sqlite:[FILE]` (default: journal.db in --data) or `kafka://HOST:PORT[,HOST:PORT…][/PREFIX]`.
    #[arg(
        long,
        env = "AREDVI_JOURNAL",
        value_name = "URL",
        default_value = "sqlite:",
        hide_env_values = true,
        help_heading = "Engines"
    )]
    pub journal: JournalUrl,

    /// The read models: `sqlite:[DIR]` (default: --data) or `mysql://USER:PASSWORD@HOST:PORT/PREFIX`. AREDVI_DB_`VIEW`
    /// moves one view elsewhere, AREDVI_DB_`VIEW`_READ names its replica.
    #[arg(
        long,
        env = "AREDVI_DB",
        value_name = "URL",
        default_value = "sqlite:",
        hide_env_values = true,
        help_heading = "Engines"
    )]
    pub db: DbUrl,

    /// Sessions, reservations and rates: `sqlite:[FILE]` (default: cache.db in --data) or
    /// `redis://[:PASSWORD@]HOST:PORT/DB[?prefix=P]`.
    #[arg(
        long,
        env = "AREDVI_CACHE",
        value_name = "URL",
        default_value = "sqlite:",
        hide_env_values = true,
        help_heading = "Engines"
    )]
    pub cache: CacheSetting,

    /// Topics may have one replica only: for a single broker, which loses what its disk loses; default: false.
    #[arg(
        long,
        env = "AREDVI_SINGLE_BROKER",
        action = clap::ArgAction::SetTrue,
        value_parser = clap::builder::BoolishValueParser::new(),
        help_heading = "Engines"
    )]
    pub single_broker: bool,
}

/// The address of the cache; `None` is the embedded one in the data directory.
#[derive(Debug, Clone)]
pub struct CacheSetting(Option<CacheUrl>);

impl FromStr for CacheSetting {
    type Err = NotACacheUrl;

    fn from_str(text: &str) -> Result<Self, NotACacheUrl> {
        if text == "sqlite:" { Ok(Self(None)) } else { text.parse().map(|url| Self(Some(url))) }
    }
}

impl Engines {
    /// The log, its default file in the data directory.
    pub fn journal(&self) -> JournalUrl {
        self.journal.clone().within(&self.data)
    }

    /// The read models, their default directory the data directory.
    pub fn db(&self) -> DbUrl {
        self.db.clone().or_under(&self.data)
    }

    /// Where each view's schemas are.
    ///
    /// # Errors
    /// [`Misuse`] when a variable `AREDVI_DB_…` is malformed.
    pub fn sites(&self) -> Result<Sites, Misuse> {
        let var = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        Sites::from_vars(self.db(), VIEWS, var).map_err(|error| Misuse(format!("AREDVI_DB_<VIEW>: {error}")))
    }

    /// The cache, its default file in the data directory.
    pub fn cache(&self) -> CacheUrl {
        self.cache.0.clone().unwrap_or_else(|| CacheUrl::Sqlite(self.data.join(CACHE_FILE)))
    }

    /// Whether any engine is embedded, so that one process has to be all of it.
    pub fn embedded(&self) -> bool {
        matches!(self.journal, JournalUrl::Embedded { .. })
            || matches!(self.db, DbUrl::Embedded { .. })
            || matches!(self.cache(), CacheUrl::Sqlite(_))
    }

    /// Refuses to be one role of many on engines that many cannot share.
    ///
    /// # Errors
    /// [`Misuse`] that names the settings.
    pub fn check_shared(&self, role: &str) -> Result<(), Misuse> {
        if self.embedded() {
            return Err(Misuse(format!(
                "the role `{role}` needs engines that processes can share: set --journal kafka://…, --db mysql://… and \
                 --cache redis://…, or run all roles in one process with `aredvi serve`"
            )));
        }
        Ok(())
    }
}
