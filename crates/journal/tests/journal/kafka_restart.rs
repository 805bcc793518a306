//! A real broker that is killed and comes back, of this test's own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aredvi_events::{Clock, Mint, Place, Topic};
use aredvi_journal::{APPEND_LIMIT, AppendError, BatchLimits, Journal, JournalUrl, OpenOptions, ReadError, topics};

use crate::world::{CLOSING, bootstrap, from_start, record, value};

/// How long everything may take to work again.
const RECOVERY: Duration = Duration::from_secs(60);

/// A broker with a directory and ports of its own; it ends with the test.
struct Broker {
    directory: tempfile::TempDir,
    port: u16,
    controller_port: u16,
}

impl Broker {
    fn start() -> Self {
        let port = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a port").port();
        let directory = tempfile::tempdir().expect("a directory");
        let broker = Self { directory, port: port(), controller_port: port() };
        broker.engines("up");
        broker
    }

    fn engines(&self, command: &str) {
        let run = self.run(command).expect("runs");
        assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    }

    fn run(&self, command: &str) -> std::io::Result<Output> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/engines");
        Command::new(script)
            .args([command, "kafka"])
            .env("AREDVI_ENGINES_DIR", self.directory.path())
            .env("AREDVI_ENGINES_KAFKA_PORT", self.port.to_string())
            .env("AREDVI_ENGINES_KAFKA_CONTROLLER_PORT", self.controller_port.to_string())
            .env("AREDVI_ENGINES_KAFKA_HEAP", "256m")
            .output()
    }

    fn url(&self) -> JournalUrl {
        JournalUrl::Kafka { bootstrap: format!("127.0.0.1:{}", self.port), prefix: None }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.run("kill") {
            eprintln!("a broker stays behind: {error}");
        }
    }
}

async fn append_in_the_end(journal: &Journal, n: usize) -> Place {
    let started = Instant::now();
    loop {
        match journal.append(vec![record(Topic::Media, n, n)]).await {
            Ok(places) => return places[0],
            Err(error) => assert!(started.elapsed() < RECOVERY, "{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing_confirmed_and_all_go_on_when_it_is_back() {
    if bootstrap().is_none() {
        return;
    }
    let broker = tokio::task::spawn_blocking(Broker::start).await.expect("starts");
    let mint = Mint::new(Clock::default());
    topics::create(&broker.url(), true, &mint).await.expect("creates");
    let options = OpenOptions { single_broker: true };
    let journal = Journal::open(&broker.url(), options, &mint).await.expect("opens");
    let mut tail = journal.tail(&from_start(&journal, &[Topic::Media]).await).await.expect("tails");

    let mut confirmed: BTreeMap<Place, String> = BTreeMap::new();
    for n in 0..100 {
        confirmed.insert(append_in_the_end(&journal, n).await, n.to_string());
    }
    let broker = tokio::task::spawn_blocking(move || {
        broker.engines("kill");
        broker
    });
    let broker = broker.await.expect("kills");

    let mut certain = false;
    for n in 100..104 {
        let started = Instant::now();
        let result = journal.append(vec![record(Topic::Media, n, n)]).await;
        assert!(started.elapsed() <= APPEND_LIMIT + Duration::from_millis(500), "{:?}", started.elapsed());
        match result {
            Err(AppendError::Unavailable(_)) => certain = true,
            Err(AppendError::Unknown(_)) => assert!(!certain),
            other => panic!("{other:?}"),
        }
    }
    assert!(certain);

    let mut seen: BTreeMap<Place, String> = BTreeMap::new();
    let limits = BatchLimits { wait: Duration::from_millis(200), ..BatchLimits::default() };
    let started = Instant::now();
    let told = loop {
        match tail.next(&limits).await {
            Ok(batch) => seen.extend(batch.iter().map(|stored| (stored.place, value(stored)))),
            Err(error) => break error,
        }
        assert!(started.elapsed() < RECOVERY, "never told");
    };
    assert!(matches!(told, ReadError::Unavailable(_)), "{told:?}");
    assert!(journal.ends(&[Topic::Media]).await.is_err());

    let broker = tokio::task::spawn_blocking(move || {
        broker.engines("up");
        broker
    });
    let _broker = broker.await.expect("starts");
    for n in 200..300 {
        confirmed.insert(append_in_the_end(&journal, n).await, n.to_string());
    }
    let started = Instant::now();
    while !confirmed.keys().all(|place| seen.contains_key(place)) {
        assert!(started.elapsed() < RECOVERY, "{} of {}", seen.len(), confirmed.len());
        if let Ok(batch) = tail.next(&limits).await {
            for stored in &batch {
                assert_eq!(seen.insert(stored.place, value(stored)), None, "{} came twice", stored.place);
            }
        }
    }
    for (place, value) in &confirmed {
        assert_eq!(seen.get(place), Some(value));
    }
    journal.close(CLOSING).await.expect("closes");
}
