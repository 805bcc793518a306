//! The topics on a real Kafka: created, checked, refused.

use std::time::Duration;

use aredvi_events::{Topic, codec};
use aredvi_journal::{Journal, JournalUrl, OpenError, OpenOptions, TopicsError, topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::world::{World, from_start, read};

const SINGLE: OpenOptions = OpenOptions { single_broker: true };

fn admin(world: &World) -> AdminClient<DefaultClientContext> {
    let JournalUrl::Kafka { bootstrap, .. } = &world.url else { panic!("a world on Kafka") };
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client")
}

fn name(world: &World, topic: Topic) -> String {
    let JournalUrl::Kafka { prefix: Some(prefix), .. } = &world.url else { panic!("a world on Kafka") };
    format!("{prefix}.{topic}")
}

async fn create_by_hand(world: &World, topic: Topic, partitions: i32, settings: &[(&str, &str)]) {
    let name = name(world, topic);
    let new = settings.iter().fold(NewTopic::new(&name, partitions, TopicReplication::Fixed(1)), |new, (k, v)| new.set(k, v));
    let created = admin(world).create_topics(&[new], &AdminOptions::new()).await.expect("answers");
    created[0].as_ref().expect("creates");
}

const RIGHT: [(&str, &str); 6] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("unclean.leader.election.enable", "false"),
    ("max.message.bytes", "4194304"),
    ("min.insync.replicas", "1"),
];

/// The only line that a refusal has.
async fn refusal(world: &World) -> String {
    let line = topics::check(&world.url, true).await.expect_err("refused").to_string();
    let opened = Journal::open(&world.url, SINGLE, &world.mint).await;
    let OpenError::Topics(TopicsError::Unfit(said)) = opened.err().expect("refused") else { panic!("another refusal") };
    assert_eq!(said, line);
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_again_changes_nothing() {
    let Some(world) = World::kafka_without_topics().await else { return };
    let id = topics::create(&world.url, true, &world.mint).await.expect("creates");
    assert_eq!(topics::create(&world.url, true, &world.mint).await.expect("creates"), id);
    topics::check(&world.url, true).await.expect("fits");
    let journal = world.open().await;
    assert_eq!(journal.id(), id);
    assert_eq!(journal.ends(&[Topic::Identity]).await.expect("ends").iter().map(|(_, next)| next).sum::<u64>(), 1);
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_creators_agree_on_the_first_name() {
    let Some(world) = World::kafka_without_topics().await else { return };
    let create = || topics::create(&world.url, true, &world.mint);
    let (one, two, three) = tokio::join!(create(), create(), create());
    let ids = [one.expect("creates"), two.expect("creates"), three.expect("creates")];
    let journal = world.open().await;
    assert_eq!(ids, [journal.id(); 3]);
    let mut tail = journal.tail(&from_start(&journal, &[Topic::Identity]).await).await.expect("tails");
    assert_eq!(codec::event_id(&read(&mut tail, 1).await[0].record), Some(journal.id().0));
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_name_is_ignored() {
    let Some(world) = World::kafka().await else { return };
    let journal = world.open().await;
    let mut tail = journal.tail(&from_start(&journal, &[Topic::Identity]).await).await.expect("tails");
    let mut second = read(&mut tail, 1).await.remove(0).record;
    second.headers.iter_mut().find(|(name, _)| name == "ce_id").expect("an id").1 = world.mint.event_id().to_string();
    journal.append(vec![second]).await.expect("appends");
    assert_eq!(world.open().await.id(), journal.id());
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_refused_with_the_command_that_creates_them() {
    let Some(world) = World::kafka_without_topics().await else { return };
    let refused = refusal(&world).await;
    let lines: Vec<_> = refused.lines().collect();
    assert_eq!(lines.len(), Topic::ALL.len());
    let name = name(&world, Topic::Identity);
    let line = format!("topic `{name}`: missing; run: aredvi topics create --journal {} --single-broker", world.url);
    assert_eq!(lines[0], line);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_kafkas_usual_retention_is_refused_and_not_changed() {
    let Some(world) = World::kafka_without_topics().await else { return };
    let mut old = RIGHT;
    old[1].1 = "604800000";
    create_by_hand(&world, Topic::Media, 24, &old).await;
    let refused = topics::create(&world.url, true, &world.mint).await.expect_err("refused").to_string();
    let (bootstrap, name) = match &world.url {
        JournalUrl::Kafka { bootstrap, .. } => (bootstrap, name(&world, Topic::Media)),
        JournalUrl::Embedded { .. } => unreachable!("a world on Kafka"),
    };
    assert_eq!(
        refused,
        format!(
            "topic `{name}`: retention.ms is 604800000, wanted -1; run: kafka-configs --bootstrap-server {bootstrap} --alter \
             --entity-type topics --entity-name {name} --add-config retention.ms=-1"
        )
    );
    assert_eq!(refusal(&world).await, refused);
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_another_number_of_partitions_is_refused() {
    let Some(world) = World::kafka_without_topics().await else { return };
    create_by_hand(&world, Topic::Graph, 12, &RIGHT).await;
    topics::create(&world.url, true, &world.mint).await.expect_err("refused");
    let line = refusal(&world).await;
    let start = format!("topic `{}`: partitions is 12, wanted 24; ", name(&world, Topic::Graph));
    assert!(line.starts_with(&start), "{line}");
    assert!(!line.contains('\n'));
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_record_limit_is_refused() {
    let Some(world) = World::kafka_without_topics().await else { return };
    let mut small = RIGHT;
    small[4].1 = "1048588";
    create_by_hand(&world, Topic::Actors, 24, &small).await;
    topics::create(&world.url, true, &world.mint).await.expect_err("refused");
    let line = refusal(&world).await;
    assert!(line.contains("max.message.bytes is 1048588, wanted 4194304"), "{line}");
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_is_refused_where_three_are_wanted() {
    let Some(world) = World::kafka().await else { return };
    let refused = Journal::open(&world.url, OpenOptions { single_broker: false }, &world.mint).await.err().expect("refused");
    let line = refused.to_string();
    assert_eq!(line.lines().count(), Topic::ALL.len());
    assert!(line.contains("replication is 1, wanted 3"), "{line}");
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_broker_is_named_in_time() {
    // Bound and not listening: nobody else can take the port meanwhile, and a connection is refused.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let url: JournalUrl = format!("kafka://{unused}").parse().expect("a url");
    let mint = aredvi_events::Mint::new(aredvi_events::Clock::default());
    let opening = Journal::open(&url, SINGLE, &mint);
    let opened = mint.clock().timeout(Duration::from_secs(10), opening).await.expect("in time");
    let line = opened.err().expect("no broker").to_string();
    assert_eq!(line, format!("cannot reach Kafka at {unused}"));
}
