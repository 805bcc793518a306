//! A journal, a database and the runners on them.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::graph::{Followed, Unfollowed};
use aredvi_events::media::MediumVoted;
use aredvi_events::topic::pair_key;
use aredvi_events::{Body, Clock, Event, Id, MasterKey, Mint, Origin, Place, Positions, Record, Topic, codec};
use aredvi_journal::{BatchLimits, Journal, JournalUrl, OpenOptions, topics};
use aredvi_projectors::control::Control;
use aredvi_projectors::db::{Db, DbUrl, PoolSizes, Row, Value};
use aredvi_projectors::keys::KeyStore;
use aredvi_projectors::runner::{Deps, Limits, Progress, Runner, Sites, ViewReader};
use aredvi_projectors::view::View;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::view::Pairs;

/// No condition takes longer.
const PATIENCE: Duration = Duration::from_secs(40);

/// Everything that a view lives in.
pub struct World {
    pub deps: Deps,
    pub url: DbUrl,
    journal: JournalUrl,
    _dir: TempDir,
}

/// A runner at work.
pub struct Process {
    stop: CancellationToken,
    task: JoinHandle<()>,
    pub progress: Progress,
}

impl World {
    pub async fn new(url: DbUrl) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mint = Mint::new(Clock::default());
        let journal_url = journal_url(&url, dir.path());
        topics::create(&journal_url, true, &mint).await.expect("topics");
        let journal = Journal::open(&journal_url, OpenOptions { single_broker: true }, &mint).await.expect("a journal");
        let control = Control::open(&url, mint.clock().clone(), PoolSizes::default()).await.expect("control");
        let keys = KeyStore::open(&url, MasterKey::new([7; 32]), mint.clone(), PoolSizes::default()).await.expect("keys");
        let limits = Limits {
            workers: Some(1),
            batch: BatchLimits { wait: Duration::from_millis(100), ..Limits::default().batch },
            ..Limits::default()
        };
        let sites = Sites::new(url.clone());
        let deps = Deps { journal, sites, control, keys, mint, limits, progress: Progress::default() };
        Self { deps, url, journal: journal_url, _dir: dir }
    }

    /// Starts a process that projects `view`.
    pub fn start(&self, view: &Pairs) -> Process {
        self.start_with(view, |_| ())
    }

    /// Starts a process with other settings.
    pub fn start_with(&self, view: &Pairs, change: impl FnOnce(&mut Limits)) -> Process {
        let mut deps = Deps { progress: Progress::default(), ..self.deps.clone() };
        change(&mut deps.limits);
        let (stop, progress) = (CancellationToken::new(), deps.progress.clone());
        let runner = Runner::new(Arc::new(view.clone()), deps);
        let stopped = stop.clone();
        Process { stop, task: tokio::spawn(async move { runner.run(stopped).await }), progress }
    }

    pub async fn reader(&self, view: &Pairs) -> ViewReader {
        ViewReader::open(view, &[view.schema_version()], &self.deps, PoolSizes::default()).await
    }

    /// Appends events, each a record; their places.
    pub async fn append(&self, events: Vec<Event>) -> Vec<Place> {
        let records = events.iter().map(|event| codec::encode(topic(event), event).expect("encodes")).collect();
        self.append_records(records).await
    }

    pub async fn append_records(&self, records: Vec<Record>) -> Vec<Place> {
        self.deps.journal.append(records).await.expect("appended")
    }

    /// The serving generation's schema.
    pub async fn db(&self, view: &Pairs) -> Db {
        let reader = self.reader(view).await;
        until("a generation serves", async || reader.db().is_ok()).await;
        reader.db().expect("serving")
    }

    /// Waits until the serving generation has everything that is on the log now, and what it derived from that.
    pub async fn settle(&self, view: &Pairs) -> Db {
        let reader = self.reader(view).await;
        let mut ends = self.deps.journal.ends(view.topics()).await.expect("ends");
        loop {
            until("the view settles", async || covers(&reader, &ends, view).await).await;
            let now = self.deps.journal.ends(view.topics()).await.expect("ends");
            if now == ends {
                return reader.db().expect("serving");
            }
            ends = now;
        }
    }
}

impl Process {
    /// Ends it in order.
    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("ends");
    }

    /// Ends it as if it were killed, between any two of its steps.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}

async fn covers(reader: &ViewReader, ends: &Positions, view: &Pairs) -> bool {
    // The log may end with records that are not events of ours, so positions may stay below its end.
    reader.positions().await.is_ok_and(|positions| positions.covers(ends, view.topics()))
}

/// Kafka beside a server, a file beside files.
fn journal_url(db: &DbUrl, dir: &Path) -> JournalUrl {
    let kafka = std::env::var("AREDVI_JOURNAL").ok().filter(|url| url.starts_with("kafka://"));
    let url = match (db, kafka) {
        (DbUrl::MySql { prefix, .. }, Some(kafka)) => {
            format!("{}/{prefix}-{}", kafka.trim_end_matches('/'), &Uuid::new_v4().simple().to_string()[..8])
        }
        (DbUrl::MySql { .. }, None) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI runs the production column: set AREDVI_JOURNAL");
            eprintln!("AREDVI_JOURNAL names no Kafka: the embedded journal stands in for it");
            format!("sqlite:{}", dir.join("journal.db").display())
        }
        (DbUrl::Embedded { .. }, _) => format!("sqlite:{}", dir.join("journal.db").display()),
    };
    url.parse().expect("a url")
}

impl Drop for World {
    fn drop(&mut self) {
        let url = self.journal.clone();
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(topics::delete_prefixed(&url)).expect("deleted");
        });
        let _: Result<(), _> = cleaning.join();
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let clock = Clock::default();
    let wait = async {
        while !so().await {
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    clock.timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// Runs a test on every engine.
pub async fn each<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    for engine in crate::engines::engines() {
        eprintln!("on {}", engine.url);
        test(World::new(engine.url.clone()).await).await;
    }
}

/// The rows of a query.
pub async fn rows(db: &Db, sql: &str) -> Vec<Vec<Value>> {
    db.read(sql, vec![]).await.expect("rows").iter().map(Row::values).map(<[Value]>::to_vec).collect()
}

/// Everything that the view made.
pub async fn tables(db: &Db) -> Vec<Vec<Vec<Value>>> {
    vec![
        rows(db, "SELECT pair, follows, part, off FROM pairs ORDER BY pair").await,
        rows(db, "SELECT leader, part, n FROM leaders ORDER BY leader, part").await,
        rows(db, "SELECT medium, votes FROM media ORDER BY medium").await,
    ]
}

pub fn id<T: From<Id>>(number: u64) -> T {
    Id::new(number).expect("an id").into()
}

fn topic(event: &Event) -> Topic {
    if matches!(event.body, Body::Media(_)) { Topic::Media } else { Topic::Graph }
}

fn event(mint: &Mint, key: String, body: Body) -> Event {
    let source = aredvi_events::JournalId(Uuid::from_u128(1));
    Event { id: mint.event_id(), key, time_ms: mint.now_ms(), source, origin: Origin::Here, traceparent: None, body }
}

/// `follower` follows `leader`.
pub fn follow(mint: &Mint, follower: u64, leader: u64) -> Event {
    let body = Followed { by: None, follower: id(follower), leader: id(leader), story: id(9) };
    event(mint, pair_key(id(follower), id(leader)), body.into())
}

/// `follower` follows `leader` no longer.
pub fn unfollow(mint: &Mint, follower: u64, leader: u64) -> Event {
    let body = Unfollowed { by: None, follower: id(follower), leader: id(leader) };
    event(mint, pair_key(id(follower), id(leader)), body.into())
}

/// Somebody votes for `medium`.
pub fn vote(mint: &Mint, medium: u64) -> Event {
    let body = MediumVoted { by: None, medium: id(medium), owner: id(1), voter: id(2), notice: id(3) };
    event(mint, medium.to_string(), body.into())
}
