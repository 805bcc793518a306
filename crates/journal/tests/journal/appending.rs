//! What an answered append means.

use std::collections::{BTreeMap, BTreeSet};

use aredvi_events::{Partition, Place, Topic};
use aredvi_journal::{AppendError, BatchLimits, MAX_RECORD_BYTES};

use crate::world::{CLOSING, from_start, on_both_engines, read, record, tail_from_end, value};

on_both_engines! {
    async fn a_record_stands_in_the_partition_of_its_key(world) {
        let journal = world.open().await;
        let records: Vec<_> = (0..200).map(|key| record(Topic::Media, key, key)).collect();
        let places = journal.append(records.clone()).await.expect("appends");
        for (record, place) in records.iter().zip(&places) {
            assert_eq!(place.partition.number, Topic::Media.partition(&record.key));
        }
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 200);
    }

    async fn what_was_appended_comes_back_whole(world) {
        let journal = world.open().await;
        let mut tail = tail_from_end(&journal, &[Topic::Graph]).await;
        let records = vec![record(Topic::Graph, "1:2", "first"), record(Topic::Graph, "1:2", "")];
        let places = journal.append(records.clone()).await.expect("appends");
        let stored = read(&mut tail, 2).await;
        assert_eq!(stored.iter().map(|stored| stored.place).collect::<Vec<_>>(), places);
        assert_eq!(stored.into_iter().map(|stored| stored.record).collect::<Vec<_>>(), records);
    }

    async fn concurrent_appends_keep_each_keys_order(world) {
        const APPENDERS: usize = 16;
        const EACH: usize = 50;
        let journal = world.open().await;
        let mut tail = tail_from_end(&journal, &[Topic::Actors]).await;
        let appenders: Vec<_> = (0..APPENDERS)
            .map(|key| {
                let journal = journal.clone();
                tokio::spawn(async move {
                    let mut places = Vec::new();
                    for n in 0..EACH {
                        places.extend(journal.append(vec![record(Topic::Actors, key, n)]).await.expect("appends"));
                    }
                    places
                })
            })
            .collect();
        let mut answered = BTreeSet::new();
        for appender in appenders {
            let places = appender.await.expect("appended");
            assert!(places.is_sorted_by(|a, b| a < b));
            answered.extend(places);
        }
        let stored = read(&mut tail, APPENDERS * EACH).await;
        assert_eq!(stored.iter().map(|stored| stored.place).collect::<BTreeSet<_>>(), answered);
        let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for stored in &stored {
            by_key.entry(stored.record.key.clone()).or_default().push(value(stored));
        }
        let in_order: Vec<String> = (0..EACH).map(|n| n.to_string()).collect();
        assert_eq!(by_key.len(), APPENDERS);
        assert!(by_key.values().all(|values| *values == in_order));
    }

    async fn thousands_of_records_in_one_append_keep_their_order(world) {
        let journal = world.open().await;
        let before = journal.ends(&[Topic::Media]).await.expect("ends");
        let records: Vec<_> = (0..5_000).map(|n| record(Topic::Media, n % 700, n)).collect();
        let places = journal.append(records).await.expect("appends");
        let mut tail = journal.tail(&before).await.expect("tails");
        let stored = read(&mut tail, 5_000).await;
        let by_place: BTreeMap<Place, String> = stored.iter().map(|stored| (stored.place, value(stored))).collect();
        assert_eq!(by_place.len(), 5_000);
        for (n, place) in places.iter().enumerate() {
            assert_eq!(by_place[place], n.to_string());
        }
        assert_eq!(tail.positions(), &journal.ends(&[Topic::Media]).await.expect("ends"));
    }

    async fn a_record_as_large_as_allowed_comes_back(world) {
        let journal = world.open().await;
        let mut large = record(Topic::Media, 1, "");
        // Nothing that a compressing engine could make smaller.
        large.value = std::iter::repeat_with(|| world.mint.random::<4096>()).flatten().take(MAX_RECORD_BYTES - 400).collect();
        let mut tail = tail_from_end(&journal, &[Topic::Media]).await;
        journal.append(vec![large.clone()]).await.expect("appends");
        assert!(read(&mut tail, 1).await[0].record == large);
    }

    async fn a_larger_record_is_refused_and_nothing_of_its_append_is_on_the_log(world) {
        let journal = world.open().await;
        let before = journal.ends(&Topic::ALL).await.expect("ends");
        let mut large = record(Topic::Media, 1, "");
        large.value = vec![b'x'; MAX_RECORD_BYTES];
        let refused = journal.append(vec![record(Topic::Media, 1, 1), large]).await;
        assert!(matches!(refused, Err(AppendError::TooLarge)), "{refused:?}");
        assert_eq!(journal.ends(&Topic::ALL).await.expect("ends"), before);
    }

    async fn an_append_of_nothing_is_answered(world) {
        let journal = world.open().await;
        assert_eq!(journal.append(Vec::new()).await.expect("appends"), Vec::new());
    }

    async fn a_closed_journal_takes_no_more(world) {
        let journal = world.open().await;
        journal.append(vec![record(Topic::Media, 1, 1)]).await.expect("appends");
        journal.close(CLOSING).await.expect("closes");
        let refused = journal.clone().append(vec![record(Topic::Media, 1, 2)]).await;
        assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    }

    async fn ends_are_one_past_the_last_record(world) {
        let journal = world.open().await;
        let starts = from_start(&journal, &[Topic::Media]).await;
        let ends = journal.ends(&[Topic::Media]).await.expect("ends");
        assert_eq!(ends, starts);
        assert_eq!(ends.len(), 24);
        let places = journal.append(vec![record(Topic::Media, 7, 1), record(Topic::Media, 7, 2)]).await.expect("appends");
        let ends = journal.ends(&[Topic::Media, Topic::Identity]).await.expect("ends");
        assert_eq!(ends.get(Partition::of(Topic::Media, "7")), Some(places[1].offset + 1));
        assert_eq!(ends.len(), 25);
        assert_eq!(from_start(&journal, &[Topic::Media]).await, starts);
        let mut tail = journal.tail(&ends).await.expect("tails");
        let none = BatchLimits { wait: std::time::Duration::ZERO, ..BatchLimits::default() };
        assert_eq!(tail.next(&none).await.expect("reads"), Vec::new());
    }
}
