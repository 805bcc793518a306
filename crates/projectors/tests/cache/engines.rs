//! Gives a test an empty cache on each engine.

use aredvi_events::{Clock, JournalId};
use aredvi_projectors::cache::{Cache, CacheUrl, Limits};
use tempfile::TempDir;
use uuid::Uuid;

/// The journal that the tests' caches belong to.
pub const JOURNAL: JournalId = JournalId(Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788));

/// An empty cache that a test has for itself.
pub struct Engine {
    /// For messages.
    pub name: &'static str,
    /// Where it is.
    pub url: CacheUrl,
    /// The clock that it reads.
    pub clock: Clock,
    _files: TempDir,
}

impl Engine {
    /// Opens it.
    pub async fn open(&self) -> Cache {
        self.open_with(Limits::default()).await
    }

    /// Opens it for another journal.
    pub async fn open_of(&self, journal: JournalId) -> Cache {
        Cache::open(&self.url, journal, self.clock.clone()).await.expect("the cache opens")
    }

    /// Opens it with other bounds.
    pub async fn open_with(&self, limits: Limits) -> Cache {
        Cache::open_with(&self.url, JOURNAL, self.clock.clone(), limits).await.expect("the cache opens")
    }
}

/// Both engines, or only the embedded one, aloud, where there is no Redis.
pub async fn engines(test: &str) -> Vec<Engine> {
    let engine = |name, url: String, files| Engine {
        name,
        url: url.parse().expect("a cache URL"),
        clock: Clock::default(),
        _files: files,
    };
    let files = TempDir::new().expect("a directory");
    let mut engines = vec![engine("sqlite", format!("sqlite:{}", files.path().join("cache.db").display()), files)];
    match redis_url() {
        Some(redis) => {
            let prefix = format!("{test}-{:x}", Uuid::from_u128(rand_u128()).simple());
            let url = format!("{}?prefix={}", redis.split('?').next().unwrap_or(&redis), &prefix[..prefix.len().min(64)]);
            engines.push(engine("redis", url, TempDir::new().expect("a directory")));
        }
        None => {
            assert!(std::env::var_os("CI").is_none(), "AREDVI_CACHE names no Redis: the production column must run in CI");
            eprintln!("{test}: AREDVI_CACHE names no Redis: the production column was NOT run");
        }
    }
    engines
}

/// Takes everything away that stands in a cache, as a restart without persistence does; others' keys stay.
pub async fn empty(engine: &Engine) {
    match &engine.url {
        CacheUrl::Sqlite(path) => {
            let db = rusqlite::Connection::open(path).expect("opens");
            let tables = ["sessions", "session_positions", "session_reads", "reservations"];
            let deletes: String = tables.iter().map(|table| format!("DELETE FROM {table};")).collect();
            db.execute_batch(&format!("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE; {deletes} COMMIT")).expect("empties");
        }
        CacheUrl::Redis(_) => {
            let url = engine.url.to_string();
            let (server, prefix) = url.split_once("?prefix=").expect("a prefix");
            let client = redis::Client::open(server).expect("a URL");
            let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
            emptying().arg(format!("{prefix}:*")).invoke_async::<i64>(&mut connection).await.expect("empties");
        }
    }
}

/// Leaves nothing behind on a shared server.
impl Drop for Engine {
    fn drop(&mut self) {
        let url = self.url.to_string();
        let Some((server, prefix)) = url.split_once("?prefix=") else { return };
        let Ok(mut connection) = redis::Client::open(server).and_then(|client| client.get_connection()) else { return };
        let _: redis::RedisResult<i64> = emptying().arg(format!("{prefix}:*")).invoke(&mut connection);
    }
}

/// One script, so that everything is gone at once, as after a restart.
fn emptying() -> redis::Script {
    redis::Script::new("for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end return 1")
}

/// The Redis that tests may use.
pub fn redis_url() -> Option<String> {
    std::env::var("AREDVI_CACHE").ok().filter(|url| url.starts_with("redis://"))
}

fn rand_u128() -> u128 {
    u128::from_le_bytes(aredvi_events::Mint::new(Clock::default()).random())
}
