//! What others do to the same topics of a real Kafka.

use std::time::Duration;

use aredvi_events::{Partition, Topic};
use aredvi_journal::JournalUrl;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::world::{PATIENCE, World, read, record, tail_from_end, value};

fn address(world: &World) -> (String, String) {
    let JournalUrl::Kafka { bootstrap, prefix: Some(prefix) } = &world.url else { panic!("a world on Kafka") };
    (bootstrap.clone(), prefix.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_foreign_producer_is_returned_as_far_as_it_goes() {
    let Some(world) = World::kafka().await else { return };
    let (bootstrap, prefix) = address(&world);
    let journal = world.open().await;
    let mut tail = tail_from_end(&journal, &[Topic::Media]).await;
    let topic = format!("{prefix}.media");
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a producer");
    let headers = OwnedHeaders::new()
        .insert(Header { key: "ce_id", value: Some(&[0xff, b'x'][..]) })
        .insert(Header { key: "none", value: None::<&[u8]> });
    producer.send(BaseRecord::<(), ()>::to(&topic).partition(0)).map_err(|(error, _)| error).expect("queued");
    let odd = BaseRecord::to(&topic).partition(0).key(&[0xfe_u8][..]).payload(&[0xff_u8][..]).headers(headers);
    producer.send(odd).map_err(|(error, _)| error).expect("queued");
    producer.flush(PATIENCE).expect("sent");
    let stored = read(&mut tail, 2).await;
    assert_eq!((stored[0].record.key.as_str(), stored[0].record.value.len(), stored[0].record.headers.len()), ("", 0, 0));
    assert_eq!(stored[1].record.key, "\u{fffd}");
    assert_eq!(stored[1].record.value, [0xff]);
    assert_eq!(stored[1].record.headers, [("ce_id".to_owned(), "\u{fffd}x".to_owned()), ("none".to_owned(), String::new())]);
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_offsets_is_passed() {
    let Some(world) = World::kafka().await else { return };
    let (bootstrap, prefix) = address(&world);
    let journal = world.open().await;
    let partition = Partition::of(Topic::Media, "7");
    let mut tail = tail_from_end(&journal, &[Topic::Media]).await;
    // The mark that ends a transaction takes an offset and is no record.
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", format!("{prefix}-gap"))
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("begins");
    producer.begin_transaction().expect("begins");
    let topic = format!("{prefix}.media");
    let number = i32::try_from(partition.number).expect("small");
    let foreign = BaseRecord::to(&topic).partition(number).key("7").payload("first");
    producer.send(foreign).map_err(|(error, _)| error).expect("queued");
    producer.commit_transaction(PATIENCE).expect("commits");
    let marked = async { while journal.ends(&[Topic::Media]).await.expect("ends").next(partition) < 2 {} };
    world.mint.clock().timeout(PATIENCE, marked).await.expect("the mark is written");
    let second = journal.append(vec![record(Topic::Media, 7, "second")]).await.expect("appends")[0];
    let stored = read(&mut tail, 2).await;
    assert_eq!(stored.iter().map(value).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!((stored[0].place.offset, stored[1].place.offset), (0, 2));
    assert_eq!(second.offset, 2);
    let at_gap = [(partition, 1)].into_iter().collect();
    let mut from_gap = journal.tail(&at_gap).await.expect("the gap is inside of the log");
    assert_eq!(read(&mut from_gap, 1).await[0].place, second);
    world.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn published_positions_are_a_groups_offsets() {
    let Some(world) = World::kafka().await else { return };
    let (bootstrap, prefix) = address(&world);
    let journal = world.open().await;
    let places = journal.append((0..10).map(|n| record(Topic::Media, n, n)).collect()).await.expect("appends");
    let positions = places.iter().copied().collect();
    journal.publish_positions(&prefix, &positions).await.expect("publishes");
    let tool: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("group.id", &prefix).create().expect("a consumer");
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(&format!("{prefix}.media"), 0, 23);
    let committed = tokio::task::spawn_blocking(move || tool.committed_offsets(asked, PATIENCE)).await.expect("runs");
    for element in committed.expect("answers").elements() {
        let number = u32::try_from(element.partition()).expect("a number");
        let expected = positions.get(Partition { topic: Topic::Media, number });
        let found = match element.offset() {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        };
        assert_eq!(found, expected);
    }
    journal.close(Duration::from_secs(10)).await.expect("closes");
    world.leave().await;
}
