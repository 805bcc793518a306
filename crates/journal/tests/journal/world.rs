//! A journal of its own for each test, on each engine.

use std::time::Duration;

use aredvi_events::{Clock, Mint, Positions, Record, Stored, Topic};
use aredvi_journal::{BatchLimits, Journal, JournalUrl, OpenOptions, Tail, topics};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a journal may take to close.
pub const CLOSING: Duration = Duration::from_secs(10);

/// Declares each test once for both engines.
macro_rules! on_both_engines {
    ($(async fn $name:ident($world:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of them")]
            use super::*;

            async fn check($world: &crate::world::World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                check(&crate::world::World::embedded()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn kafka() {
                if let Some(world) = crate::world::World::kafka().await {
                    check(&world).await;
                    world.leave().await;
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;

/// Where the real Kafka is, as `scripts/engines env` prints it.
const KAFKA: &str = "AREDVI_JOURNAL";

/// How many tests may have topics on the cluster at once.
static ROOM: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(3);

/// An address nobody else uses.
pub struct World {
    pub url: JournalUrl,
    pub mint: Mint,
    _directory: tempfile::TempDir,
    _room: Option<tokio::sync::SemaphorePermit<'static>>,
}

/// The cluster's addresses; says aloud when there is none.
pub fn bootstrap() -> Option<String> {
    let url = std::env::var(KAFKA).ok().and_then(|url| url.parse().ok());
    if let Some(JournalUrl::Kafka { bootstrap, .. }) = url {
        return Some(bootstrap);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{KAFKA} names no Kafka: eval \"$(scripts/engines env)\"");
    eprintln!("NOT RUN on Kafka: {KAFKA} names none; eval \"$(scripts/engines env)\"");
    None
}

impl World {
    pub fn embedded() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = JournalUrl::Embedded { path: directory.path().join("journal.db") };
        Self { url, mint: Mint::new(Clock::default()), _directory: directory, _room: None }
    }

    /// Topics of its own on the cluster; without one, `None`.
    pub async fn kafka() -> Option<Self> {
        let world = Self::kafka_without_topics().await?;
        topics::create(&world.url, true, &world.mint).await.expect("creates topics");
        Some(world)
    }

    pub async fn kafka_without_topics() -> Option<Self> {
        let bootstrap = bootstrap()?;
        let room = ROOM.acquire().await.expect("room");
        let mint = Mint::new(Clock::default());
        let prefix = Some(format!("t{}", mint.event_id().simple()));
        let url = JournalUrl::Kafka { bootstrap, prefix };
        let directory = tempfile::tempdir().expect("a directory");
        Some(Self { url, mint, _directory: directory, _room: Some(room) })
    }

    /// Leaves nothing behind on the cluster. A test that fails leaves its topics to be looked at.
    pub async fn leave(self) {
        topics::delete_prefixed(&self.url).await.expect("deletes topics");
    }

    pub async fn open(&self) -> Journal {
        Journal::open(&self.url, OpenOptions { single_broker: true }, &self.mint).await.expect("opens")
    }
}

/// A record with a value by which it is known.
pub fn record(topic: Topic, key: impl ToString, value: impl ToString) -> Record {
    let headers = vec![("ce_id".to_owned(), value.to_string()), ("unusual".to_owned(), "ü".to_owned())];
    Record { topic, key: key.to_string(), headers, value: value.to_string().into_bytes() }
}

/// The value of [`record`].
pub fn value(stored: &Stored) -> String {
    String::from_utf8(stored.record.value.clone()).expect("text")
}

/// Reads until `count` records have come.
pub async fn read(tail: &mut Tail, count: usize) -> Vec<Stored> {
    let limits = BatchLimits { wait: PATIENCE, ..BatchLimits::default() };
    let mut records = Vec::new();
    while records.len() < count {
        let batch = tail.next(&limits).await.expect("reads");
        assert!(!batch.is_empty(), "only {} of {count} records came", records.len());
        records.extend(batch);
    }
    records
}

/// A tail of whole topics from their ends.
pub async fn tail_from_end(journal: &Journal, topics: &[Topic]) -> Tail {
    let ends = journal.ends(topics).await.expect("ends");
    journal.tail(&ends).await.expect("tails")
}

/// Every partition of `topics` from its start.
pub async fn from_start(journal: &Journal, topics: &[Topic]) -> Positions {
    journal.starts(topics).await.expect("starts")
}
