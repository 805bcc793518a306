//! The engines that a test runs on: always the embedded ones, and the servers that the environment names.

use std::path::Path;

use aredvi_events::Mint;
use aredvi_journal::JournalUrl;
use aredvi_projectors::db::DbUrl;

/// A journal and a database that nobody else uses.
pub struct Engines {
    pub journal: JournalUrl,
    pub db: DbUrl,
}

/// Those of the embedded column.
pub fn embedded(dir: &Path) -> Engines {
    let journal = JournalUrl::Embedded { path: dir.join("journal.db") };
    Engines { journal, db: DbUrl::Embedded { dir: dir.to_owned() } }
}

/// Those of the production column; `None`, said aloud, when the environment names none.
pub fn production(mint: &Mint) -> Option<Engines> {
    let named = |name: &str| std::env::var(name).ok();
    let (Some(journal), Some(db)) = (named("AREDVI_JOURNAL"), named("AREDVI_DB")) else {
        assert!(named("CI").is_none_or(|ci| ci != "true"), "CI runs the production column: set AREDVI_JOURNAL and AREDVI_DB");
        eprintln!("NOT RUN on the production column: AREDVI_JOURNAL and AREDVI_DB are not set; see scripts/engines env");
        return None;
    };
    let prefix = format!("n{}", &mint.event_id().simple().to_string()[12..]);
    let journal = match journal.parse().expect("AREDVI_JOURNAL") {
        JournalUrl::Kafka { bootstrap, .. } => JournalUrl::Kafka { bootstrap, prefix: Some(prefix.clone()) },
        JournalUrl::Embedded { .. } => panic!("AREDVI_JOURNAL names no Kafka"),
    };
    let db = match db.parse().expect("AREDVI_DB") {
        DbUrl::MySql { server, .. } => DbUrl::MySql { server, prefix },
        DbUrl::Embedded { .. } => panic!("AREDVI_DB names no server"),
    };
    Some(Engines { journal, db })
}
