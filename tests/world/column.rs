//! The two columns that every feature is tested on.

use std::fmt;

use aredvi_journal::JournalUrl;
use aredvi_projectors::db::DbUrl;

/// Which engines a world stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// SQLite files in a directory.
    Embedded,
    /// Kafka, MySQL and Redis, as the environment names them.
    Production,
}

/// Addresses of engines, with a prefix that nobody else uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engines {
    /// `AREDVI_JOURNAL`.
    pub journal: String,
    /// `AREDVI_DB`.
    pub db: String,
    /// `AREDVI_CACHE`.
    pub cache: String,
    /// Whether Kafka is one broker, and not three.
    pub single_broker: bool,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Production => "production",
        })
    }
}

impl Column {
    /// Whether its engines are there. Says aloud when they are not; in CI that is a failure.
    pub fn can_run(self) -> bool {
        if self == Self::Embedded || Engines::named().is_some() {
            return true;
        }
        let why = "AREDVI_JOURNAL, AREDVI_DB and AREDVI_CACHE name no engines; eval \"$(scripts/engines env)\"";
        assert!(!in_ci(), "the production column must run in CI: {why}");
        eprintln!("NOT RUN on the production column: {why}");
        false
    }
}

/// Whether everything has to run.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

impl Engines {
    /// Those of the environment, as they are named there.
    pub fn named() -> Option<Self> {
        let named = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        let (journal, db, cache) = (named("AREDVI_JOURNAL")?, named("AREDVI_DB")?, named("AREDVI_CACHE")?);
        Some(Self { journal, db, cache, single_broker: true })
    }

    /// The same servers, with names of their own on them.
    pub fn prefixed(&self, prefix: &str) -> Self {
        let journal = match self.journal.parse().expect("AREDVI_JOURNAL") {
            JournalUrl::Kafka { bootstrap, .. } => format!("kafka://{bootstrap}/{prefix}"),
            JournalUrl::Embedded { .. } => panic!("AREDVI_JOURNAL names no Kafka"),
        };
        assert!(matches!(self.db.parse(), Ok(DbUrl::MySql { .. })), "AREDVI_DB names no server");
        let (server, _) = self.db.rsplit_once('/').expect("a database");
        assert!(self.cache.starts_with("redis://"), "AREDVI_CACHE names no Redis");
        let cache = self.cache.split('?').next().unwrap_or(&self.cache);
        let (db, cache) = (format!("{server}/{prefix}"), format!("{cache}?prefix={prefix}"));
        Self { journal, db, cache, single_broker: self.single_broker }
    }

    /// The flags that name them.
    pub fn flags(&self) -> Vec<String> {
        let named = ["--journal", &self.journal, "--db", &self.db, "--cache", &self.cache];
        named.into_iter().chain(self.single_broker.then_some("--single-broker")).map(str::to_owned).collect()
    }
}
