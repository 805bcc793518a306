//! The projector, from a journal to the view.

use std::time::Duration;

use aredvi_events::{Clock, Mint, Positions, Topic};
use aredvi_journal::{Journal, JournalUrl, OpenOptions, topics};
use aredvi_projectors::sessions::{Lookup, Sessions, SessionsProjector};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engines::{Engine, JOURNAL, empty, engines};
use crate::past::{DAY_MS, opened, revoked, token};

/// How long anything may take to come true here.
const LIMIT: Duration = Duration::from_secs(30);
/// How many people sign in, so that most partitions hold somebody.
const PEOPLE: u64 = 60;

/// Creates a journal's topics; a busy broker may still be electing leaders for them.
async fn created(url: &JournalUrl, mint: &Mint) {
    let create = async {
        while let Err(error) = topics::create(url, true, mint).await {
            eprintln!("{error}: once more");
        }
    };
    mint.clock().timeout(LIMIT, create).await.expect("the topics are created");
}

/// A journal that a test has for itself.
struct World {
    journal: Journal,
    url: JournalUrl,
    _files: TempDir,
}

impl World {
    /// A file.
    async fn embedded() -> Self {
        let (files, mint) = (TempDir::new().expect("a directory"), Mint::new(Clock::default()));
        Self::open(JournalUrl::Embedded { path: files.path().join("journal.db") }, files, &mint).await
    }

    /// The engine of the same column: Kafka beside Redis, where `AREDVI_JOURNAL` names one.
    async fn beside(engine: &Engine) -> Self {
        let (files, mint) = (TempDir::new().expect("a directory"), Mint::new(Clock::default()));
        let kafka = std::env::var("AREDVI_JOURNAL").ok().and_then(|url| url.parse().ok());
        match kafka {
            Some(JournalUrl::Kafka { bootstrap, .. }) if engine.name == "redis" => {
                let url = JournalUrl::Kafka { bootstrap, prefix: Some(format!("t{}", mint.event_id().simple())) };
                created(&url, &mint).await;
                Self::open(url, files, &mint).await
            }
            Some(_) | None => Self::embedded().await,
        }
    }

    async fn open(url: JournalUrl, files: TempDir, mint: &Mint) -> Self {
        let journal = Journal::open(&url, OpenOptions { single_broker: true }, mint).await.expect("opens");
        Self { journal, url, _files: files }
    }

    /// Leaves nothing behind.
    async fn leave(self) {
        if matches!(self.url, JournalUrl::Kafka { .. }) {
            topics::delete_prefixed(&self.url).await.expect("deletes topics");
        }
    }
}

struct Worker {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    fn start(sessions: &Sessions, journal: &Journal, holder: &str) -> Self {
        let stop = CancellationToken::new();
        let projector = SessionsProjector::new(sessions.clone(), journal.clone(), holder.to_owned());
        Self { task: tokio::spawn(projector.run(stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }

    /// Dies without a word.
    async fn die(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

/// Everybody signs in; the odd ones sign out again.
async fn signed_in(journal: &Journal, now: i64) {
    let mut records: Vec<_> = (1..=PEOPLE).map(|of| opened(of, 1, now, now + DAY_MS)).collect();
    records.extend((1..=PEOPLE).step_by(2).map(|of| revoked(of, 1, now)));
    journal.append(records).await.expect("appends");
}

/// Waits until every token is answered, and checks that each is answered right at any time before.
async fn settled(sessions: &Sessions, journal: &Journal, name: &str) {
    let ends: Positions = journal.ends(&[Topic::Sessions]).await.expect("answers");
    let clock = Clock::default();
    let settle = async {
        loop {
            let mut waiting = 0;
            for of in 1..=PEOPLE {
                let token = token(of, 1);
                match sessions.lookup(&token, ends.next(token.partition())).await {
                    Ok(Lookup::Found(session)) => {
                        assert_eq!(of % 2, 0, "{name}: signed out");
                        assert_eq!(session.person.get(), of);
                    }
                    Ok(Lookup::Unknown) => assert_eq!(of % 2, 1, "{name}: denied before it can be known"),
                    Ok(Lookup::NotReady) | Err(_) => waiting += 1,
                }
            }
            if waiting == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    clock.timeout(LIMIT, settle).await.unwrap_or_else(|_| panic!("{name}: the view does not come up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_cache_fills_itself_and_the_same_tokens_work_again() {
    for engine in engines("emptied").await {
        let world = World::beside(&engine).await;
        let journal = world.journal.clone();
        let sessions = Sessions::new(engine.open().await);
        signed_in(&journal, engine.clock.now_ms()).await;
        let worker = Worker::start(&sessions, &journal, "one");
        settled(&sessions, &journal, engine.name).await;
        empty(&engine).await;
        let started = engine.clock.now_ms();
        settled(&sessions, &journal, engine.name).await;
        assert!(engine.clock.now_ms() - started < 5_000, "{}", engine.name);
        // And it goes on from there.
        let now = engine.clock.now_ms();
        let place = journal.append(vec![opened(4, 2, now, now + DAY_MS)]).await.expect("appends")[0];
        until_found(&sessions, place.offset + 1).await;
        worker.stop().await;
        world.leave().await;
    }
}

/// Waits until the second session of person 4 is found.
async fn until_found(sessions: &Sessions, least: u64) {
    let token = token(4, 2);
    let found = async {
        while !matches!(sessions.lookup(&token, least).await, Ok(Lookup::Found(_))) {
            tokio::task::yield_now().await;
        }
    };
    Clock::default().timeout(LIMIT, found).await.expect("the view goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_workers_partitions_move_to_another() {
    for engine in engines("dies").await {
        let world = World::embedded().await;
        let journal = world.journal.clone();
        let sessions = Sessions::new(engine.open().await);
        signed_in(&journal, engine.clock.now_ms()).await;
        let first = Worker::start(&sessions, &journal, "one");
        settled(&sessions, &journal, engine.name).await;
        let second = Worker::start(&sessions, &journal, "two");
        first.die().await;
        let now = engine.clock.now_ms();
        let place = journal.append(vec![opened(4, 2, now, now + DAY_MS)]).await.expect("appends")[0];
        until_found(&sessions, place.offset + 1).await;
        assert!(engine.clock.now_ms() - now < 8_000, "{}", engine.name);
        second.stop().await;
        world.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_journal_finds_an_empty_cache() {
    for engine in engines("journal").await {
        let world = World::embedded().await;
        let journal = world.journal.clone();
        let sessions = Sessions::new(engine.open().await);
        signed_in(&journal, engine.clock.now_ms()).await;
        let worker = Worker::start(&sessions, &journal, "one");
        settled(&sessions, &journal, engine.name).await;
        worker.stop().await;
        drop(sessions);
        assert_ne!(journal.id(), JOURNAL);
        let other = Sessions::new(engine.open_of(journal.id()).await);
        assert_eq!(other.lookup(&token(2, 1), 0).await.expect("answers"), Lookup::NotReady, "{}", engine.name);
        world.leave().await;
    }
}
