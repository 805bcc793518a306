//! What a tail returns, and that it loses and repeats nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use aredvi_events::{Partition, Place, Positions, Topic};
use aredvi_journal::{BatchLimits, ReadError};

use crate::world::{PATIENCE, from_start, on_both_engines, read, record, tail_from_end, value};

on_both_engines! {
    async fn a_tail_starts_at_its_positions_inclusively(world) {
        let journal = world.open().await;
        let records = (0..6).map(|n| record(Topic::Sessions, 5, n)).collect();
        let places = journal.append(records).await.expect("appends");
        let from: Positions = [(places[3].partition, places[3].offset)].into_iter().collect();
        let mut tail = journal.tail(&from).await.expect("tails");
        assert_eq!(tail.positions(), &from);
        let values: Vec<_> = read(&mut tail, 3).await.iter().map(value).collect();
        assert_eq!(values, ["3", "4", "5"]);
        assert_eq!(tail.positions().next(places[5].partition), places[5].offset + 1);
    }

    async fn a_tail_reads_only_the_partitions_named(world) {
        let journal = world.open().await;
        let key = (1..).find(|key: &i32| Topic::Media.partition(&key.to_string()) == 3).expect("a key");
        let other = (1..).find(|key: &i32| Topic::Media.partition(&key.to_string()) == 4).expect("a key");
        let from: Positions = [(Partition { topic: Topic::Media, number: 3 }, 0)].into_iter().collect();
        journal.append(vec![record(Topic::Media, other, "other"), record(Topic::Media, key, "mine")]).await.expect("appends");
        let mut tail = journal.tail(&from).await.expect("tails");
        assert_eq!(read(&mut tail, 1).await.iter().map(value).collect::<Vec<_>>(), ["mine"]);
        assert_eq!(tail.positions().len(), 1);
    }

    async fn a_position_outside_of_the_log_is_refused(world) {
        let journal = world.open().await;
        let place = journal.append(vec![record(Topic::Media, 1, 1)]).await.expect("appends")[0];
        let end = place.offset + 1;
        let at = |next| -> Positions { [(place.partition, next)].into_iter().collect() };
        journal.tail(&at(end)).await.expect("the end is inside");
        let refused = journal.tail(&at(end + 1)).await.err().expect("refused");
        let ReadError::OutsideLog { partition, position, start, end: found } = refused else { panic!("{refused}") };
        assert_eq!((partition, position, start, found), (place.partition, end + 1, 0, end));
    }

    async fn waiting_ends_with_nothing_when_nothing_comes(world) {
        let journal = world.open().await;
        let mut tail = tail_from_end(&journal, &[Topic::Media]).await;
        let limits = BatchLimits { wait: Duration::from_millis(20), ..BatchLimits::default() };
        assert_eq!(tail.next(&limits).await.expect("reads"), Vec::new());
        journal.append(vec![record(Topic::Media, 1, "late")]).await.expect("appends");
        assert_eq!(read(&mut tail, 1).await.iter().map(value).collect::<Vec<_>>(), ["late"]);
    }

    async fn a_batch_keeps_to_its_limits(world) {
        let journal = world.open().await;
        let from = journal.ends(&[Topic::Media]).await.expect("ends");
        let mut records: Vec<_> = (0..100).map(|n| record(Topic::Media, n, n)).collect();
        records[50].value = vec![b'x'; 100_000];
        journal.append(records).await.expect("appends");
        let mut tail = journal.tail(&from).await.expect("tails");
        let limits = BatchLimits { events: 7, bytes: 10_000, wait: PATIENCE };
        let mut places = Vec::new();
        while places.len() < 100 {
            let batch = tail.next(&limits).await.expect("reads");
            let bytes: usize = batch.iter().map(|stored| stored.record.value.len()).sum();
            assert!(!batch.is_empty() && batch.len() <= 7);
            assert!(batch.len() == 1 || bytes <= 10_000, "{} records of {bytes} bytes", batch.len());
            places.extend(batch.into_iter().map(|stored| stored.place));
        }
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 100);
    }

    async fn a_dropped_read_loses_nothing(world) {
        const COUNT: usize = 400;
        let journal = world.open().await;
        let mut tail = tail_from_end(&journal, &[Topic::Media]).await;
        let appender = {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..COUNT {
                    journal.append(vec![record(Topic::Media, n % 30, n)]).await.expect("appends");
                }
            })
        };
        let limits = BatchLimits { events: 5, bytes: 100_000, wait: PATIENCE };
        let mut values = Vec::new();
        let mut dropped = 0;
        let mut polls = 0;
        while values.len() < COUNT {
            // Polled a few times and then dropped, wherever it stands.
            polls = (polls + 1) % 4;
            let before = tail.positions().clone();
            let mut left = polls;
            let batch = {
                let mut next = std::pin::pin!(tail.next(&limits));
                std::future::poll_fn(|context| match next.as_mut().poll(context) {
                    std::task::Poll::Ready(batch) => std::task::Poll::Ready(Some(batch.expect("reads"))),
                    std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                    std::task::Poll::Pending => {
                        left -= 1;
                        std::task::Poll::Pending
                    }
                })
                .await
            };
            match batch {
                Some(batch) => values.extend(batch.iter().map(|stored| value(stored).parse::<usize>().expect("a number"))),
                None => {
                    dropped += 1;
                    assert_eq!(tail.positions(), &before);
                    tokio::task::yield_now().await;
                }
            }
        }
        appender.await.expect("appended");
        assert!(dropped > 0);
        assert_eq!(values.len(), COUNT);
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), COUNT);
    }

    async fn each_partition_comes_in_its_order(world) {
        let journal = world.open().await;
        let topics = [Topic::Media, Topic::Graph, Topic::Identity];
        let from = journal.ends(&topics).await.expect("ends");
        let records = (0..3_000).map(|n| record(topics[n % 3], n % 90, n)).collect();
        journal.append(records).await.expect("appends");
        let mut tail = journal.tail(&from).await.expect("tails");
        let mut last: std::collections::BTreeMap<Partition, u64> = Default::default();
        for stored in read(&mut tail, 3_000).await {
            let Place { partition, offset } = stored.place;
            assert!(last.insert(partition, offset).is_none_or(|before| before < offset));
        }
    }

    async fn two_tails_do_not_disturb_each_other(world) {
        let journal = world.open().await;
        let mut one = tail_from_end(&journal, &[Topic::Media]).await;
        let mut other = journal.tail(&from_start(&journal, &[Topic::Media]).await).await.expect("tails");
        journal.append((0..50).map(|n| record(Topic::Media, n, n)).collect()).await.expect("appends");
        let values = |read: Vec<_>| read.iter().map(value).collect::<BTreeSet<_>>();
        assert_eq!(values(read(&mut one, 50).await), values(read(&mut other, 50).await));
    }
}
