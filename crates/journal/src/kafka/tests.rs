//! Trouble with the cluster, on librdkafka's own stand-in for one, which fails on command.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Clock, Partition, Place, Positions, Record, Stored, Topic};
use rdkafka::consumer::Consumer as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::live::Live;
use super::offsets::{Edge, Offsets};
use super::producer::Appender;
use super::reader::Reader;
use super::tail::Tail;
use crate::error::{AppendError, CloseError, ReadError};
use crate::limits::APPEND_LIMIT;
use crate::tail::BatchLimits;

/// The only broker.
const BROKER: i32 = 1;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

const KEY: &str = "7";

struct World {
    mock: MockCluster<'static, DefaultProducerContext>,
    cluster: Cluster,
    offsets: Arc<Offsets>,
    appender: Appender,
}

impl World {
    fn new() -> Self {
        let mock = MockCluster::new(1).expect("a cluster");
        for topic in Topic::ALL {
            let partitions = i32::try_from(topic.partitions()).expect("few");
            mock.create_topic(topic.name(), partitions, 1).expect("a topic");
        }
        let cluster = Cluster::new(&mock.bootstrap_servers(), None);
        let offsets = Arc::new(Offsets::new(&cluster, Clock::default()).expect("a client"));
        let appender = Appender::new(cluster.clone(), offsets.clone(), Clock::default()).expect("a producer");
        Self { mock, cluster, offsets, appender }
    }

    async fn tail(&self) -> Tail {
        let from: Positions = [(Partition::of(Topic::Media, KEY), 0)].into_iter().collect();
        let (cluster, offsets, clock) = (self.cluster.clone(), self.offsets.clone(), Clock::default());
        let live = Arc::new(Live::new(Reader::new(cluster.clone(), offsets.clone(), clock.clone()), clock.clone()));
        Tail::open(cluster, offsets, live, from, clock).await.expect("tails")
    }

    /// Appends until it works again.
    async fn append_in_the_end(&self, value: u8) -> Place {
        let started = Instant::now();
        loop {
            match self.appender.append(&[record(value)]).await {
                Ok(places) => return places[0],
                Err(error) => assert!(started.elapsed() < PATIENCE, "{error:?}"),
            }
        }
    }
}

fn record(value: u8) -> Record {
    Record { topic: Topic::Media, key: KEY.to_owned(), headers: Vec::new(), value: vec![value] }
}

fn limits(wait: Duration) -> BatchLimits {
    BatchLimits { wait, ..BatchLimits::default() }
}

/// Reads through trouble until something comes.
async fn read_in_the_end(tail: &mut Tail) -> Vec<Stored> {
    let started = Instant::now();
    loop {
        match tail.next(&limits(Duration::from_millis(100))).await {
            Ok(batch) if !batch.is_empty() => return batch,
            other => assert!(started.elapsed() < PATIENCE, "{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_every_append_is_answered_in_time_and_soon_with_certainty() {
    let world = World::new();
    let before = world.appender.append(&[record(1)]).await.expect("appends")[0];
    world.mock.broker_down(BROKER).expect("stops");
    let mut certain = false;
    for _ in 0..5 {
        let started = Instant::now();
        let result = world.appender.append(&[record(2)]).await;
        assert!(started.elapsed() <= APPEND_LIMIT, "{:?}", started.elapsed());
        match result {
            Err(AppendError::Unknown(_)) => assert!(!certain, "it was known before that no broker is there"),
            Err(AppendError::Unavailable(_)) => certain = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(certain);
    world.mock.broker_up(BROKER).expect("starts");
    assert!(world.append_in_the_end(3).await.offset > before.offset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_failed_for_good_is_replaced() {
    let world = World::new();
    world.appender.append(&[record(1)]).await.expect("appends");
    let desynchronised = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    world.mock.request_errors(RDKafkaApiKey::Produce, &[desynchronised]);
    let failed = world.appender.append(&[record(2), record(3)]).await;
    assert!(matches!(failed, Err(AppendError::Unknown(_))), "{failed:?}");
    assert_eq!(world.appender.append(&[record(4)]).await.expect("the new producer appends").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_sends_what_is_queued() {
    let world = World::new();
    let records: Vec<_> = (0..200).map(record).collect();
    let (appended, closed) = tokio::join!(world.appender.append(&records), world.appender.close(PATIENCE));
    closed.expect("closes");
    assert_eq!(appended.expect("appends").len(), 200);
    let refused = world.appender.append(&[record(0)]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_at_its_deadline() {
    let world = World::new();
    world.appender.append(&[record(1)]).await.expect("appends");
    world.mock.broker_round_trip_time(BROKER, Duration::from_secs(30)).expect("slows down");
    let records = [record(2)];
    let (appended, closed) = tokio::join!(world.appender.append(&records), world.appender.close(Duration::from_millis(100)));
    assert!(matches!(closed, Err(CloseError::Deadline)), "{closed:?}");
    assert!(matches!(appended, Err(AppendError::Unknown(_))), "{appended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_says_that_no_broker_is_there_and_goes_on_from_its_place() {
    let world = World::new();
    let mut tail = world.tail().await;
    let first = world.append_in_the_end(1).await;
    assert_eq!(read_in_the_end(&mut tail).await[0].place, first);
    let place = tail.positions().clone();

    world.mock.broker_down(BROKER).expect("stops");
    let started = Instant::now();
    let told = loop {
        match tail.next(&limits(Duration::from_millis(100))).await {
            Ok(batch) => assert_eq!(batch, Vec::new()),
            Err(error) => break error,
        }
        assert!(started.elapsed() < PATIENCE, "never told");
    };
    assert!(matches!(told, ReadError::Unavailable(_)), "{told:?}");
    assert_eq!(tail.positions(), &place);

    world.mock.broker_up(BROKER).expect("starts");
    world.append_in_the_end(2).await;
    let next = read_in_the_end(&mut tail).await;
    assert!(next[0].place.offset >= place.next(first.partition));
    assert_eq!(next[0].record.value, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_that_a_partition_has_no_leader_asks_again() {
    let world = World::new();
    let asked = || world.offsets.of(Edge::End, Partition::all(&[Topic::Media, Topic::Graph]));
    let ends = asked().await.expect("the ends");
    let media = Topic::Media.name();
    // As a broker that is just starting says.
    world.mock.partition_leader(media, 3, None).expect("no leader");
    let client = world.offsets.client();
    tokio::task::spawn_blocking(move || client.fetch_metadata(None, PATIENCE).map(drop))
        .await
        .expect("asked")
        .expect("told that there is no leader");
    assert!(asked().await.is_err());
    world.mock.partition_leader(media, 3, Some(BROKER)).expect("a leader");
    assert_eq!(asked().await.expect("the ends"), ends);
}
