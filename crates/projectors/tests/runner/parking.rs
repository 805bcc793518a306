//! Events that cannot be applied, and what operators do about them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aredvi_events::{Event, Positions, Record, Topic, codec};
use aredvi_projectors::db::{Db, Value};
use aredvi_projectors::runner::{Parking, ParkingError, Released, Status};

use crate::view::Pairs;
use crate::world::{World, each, follow, rows, unfollow, until, vote};

const PAIRS: &str = "SELECT pair, follows FROM pairs ORDER BY pair";

fn parking(world: &World, view: &Pairs) -> Parking {
    Parking::new(Arc::new(view.clone()), world.deps.clone())
}

async fn parked(db: &Db) -> Vec<Vec<Value>> {
    rows(db, "SELECT record_key, reason FROM parked ORDER BY record_key, off").await
}

/// Twenty sound events of other keys, and three of one key of which the first is poisoned.
async fn poisoned(world: &World, view: &Pairs) -> [Event; 3] {
    let mint = &world.deps.mint;
    let ill = [follow(mint, 1, 2), unfollow(mint, 1, 2), follow(mint, 1, 2)];
    view.poison(ill[0].id);
    let mut log: Vec<Event> = (0..20).map(|n| follow(mint, 10 + n, 2)).collect();
    for (at, event) in [(3, &ill[0]), (9, &ill[1]), (15, &ill[2])] {
        log.insert(at, event.clone());
    }
    world.append(log).await;
    ill
}

const BEHIND: &str = "an earlier event of its key is parked";

#[tokio::test]
async fn a_poisoned_event_parks_its_key_alone() {
    each(|world| async move {
        let view = Pairs::default();
        poisoned(&world, &view).await;
        let process = world.start(&view);
        let db = world.settle(&view).await;
        let reason = "the event cannot be applied: poisoned";
        let expected = [["1:2", reason], ["1:2", BEHIND], ["1:2", BEHIND]].map(|row| row.map(Value::from));
        assert_eq!(parked(&db).await, expected);
        assert_eq!(rows(&db, "SELECT COUNT(*) FROM pairs WHERE follows = 1").await, [[20.into()]]);

        // Later events of the key wait behind it, those of others do not.
        let mint = &world.deps.mint;
        let places = world.append(vec![unfollow(mint, 1, 2), follow(mint, 50, 2)]).await;
        world.settle(&view).await;
        assert_eq!(parked(&db).await.len(), 4);
        let reader = world.reader(&view).await;
        let wanted = |n: usize| Positions::from_iter([places[n]]);
        assert!(!reader.wait_for(&wanted(0), Duration::from_secs(20)).await, "a parked event is not there");
        assert!(reader.wait_for(&wanted(1), Duration::from_secs(20)).await);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_passes_over_a_generation_that_is_only_begun() {
    each(|world| async move {
        let view = Pairs::default();
        let ill = poisoned(&world, &view).await;
        let process = world.start(&view);
        world.settle(&view).await;
        // Whoever began the second one died before he made its schema.
        let lease = Duration::from_secs(30);
        world.deps.control.create_building("pairs", 1, uuid::Uuid::nil(), lease).await.expect("begun");
        view.mend();
        let retried = parking(&world, &view).retry(ill[0].id).await.expect("retried");
        assert_eq!(retried, [(1, Released { applied: 3, fault: None })]);
        assert!(!Db::exists(&world.url, "pairs_g2").await.expect("asked"), "the retry made a schema");
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_applies_the_keys_events_in_order_or_up_to_the_next_fault() {
    each(|world| async move {
        let view = Pairs::default();
        let ill = poisoned(&world, &view).await;
        let process = world.start(&view);
        let db = world.settle(&view).await;
        let parking = parking(&world, &view);
        let fault = Some("the event cannot be applied: poisoned".to_owned());
        let outcome = parking.retry(ill[0].id).await.expect("tried");
        assert_eq!(outcome, [(1, Released { applied: 0, fault: fault.clone() })]);

        view.mend();
        view.poison(ill[2].id);
        assert_eq!(parking.retry(ill[0].id).await.expect("tried"), [(1, Released { applied: 2, fault })]);
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[0.into()]]);
        let left = parking.list(None, 10).await.expect("listed");
        assert_eq!(left.iter().map(|parked| parked.event).collect::<Vec<_>>(), [ill[2].id]);

        view.mend();
        assert_eq!(parking.retry(ill[2].id).await.expect("tried"), [(1, Released { applied: 1, fault: None })]);
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[1.into()]]);
        assert!(parking.retry(ill[2].id).await.is_err(), "nothing is parked");

        // The key flows again.
        world.append(vec![unfollow(&world.deps.mint, 1, 2)]).await;
        world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[0.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_dropped_event_is_skipped_and_the_later_ones_of_its_key_follow() {
    each(|world| async move {
        let view = Pairs::default();
        let ill = poisoned(&world, &view).await;
        view.poison(ill[2].id);
        let process = world.start(&view);
        let db = world.settle(&view).await;
        let parking = parking(&world, &view);
        let place = parking.drop(ill[0].id).await.expect("dropped");
        assert_eq!(place.partition.topic, Topic::Graph);
        world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[0.into()]]);
        assert_eq!(parked(&db).await, [["1:2", "the event cannot be applied: poisoned"].map(Value::from)]);
        parking.drop(ill[2].id).await.expect("dropped");
        world.settle(&view).await;
        assert_eq!(parked(&db).await, Vec::<Vec<Value>>::new());
        assert_eq!(rows(&db, "SELECT COUNT(*) FROM dropped").await, [[2.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_appended_again_is_dropped_as_often_as_it_is_parked() {
    each(|world| async move {
        let view = Pairs::default();
        let ill = poisoned(&world, &view).await;
        world.append(vec![ill[0].clone(), unfollow(&world.deps.mint, 1, 2)]).await;
        let process = world.start(&view);
        let db = world.settle(&view).await;
        assert_eq!(parked(&db).await.len(), 5);
        let behind = parking(&world, &view).drop(ill[1].id).await;
        assert!(matches!(behind, Err(ParkingError::Behind { behind, .. }) if behind == ill[0].id), "{behind:?}");
        parking(&world, &view).drop(ill[0].id).await.expect("dropped");
        world.settle(&view).await;
        assert_eq!(parked(&db).await, Vec::<Vec<Value>>::new(), "its repeat holds nobody up");
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[0.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_event_is_parked_too() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let sound = codec::encode(Topic::Media, &vote(mint, 7)).expect("encodes");
        let broken = Record { value: b"{".to_vec(), ..sound.clone() };
        let foreign = Record { topic: Topic::Media, key: "7".repeat(300), headers: Vec::new(), value: vec![0xff] };
        world.append_records(vec![broken, sound, foreign]).await;
        world.append(vec![vote(mint, 8)]).await;
        let process = world.start(&view);
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, PAIRS).await, Vec::<Vec<Value>>::new());
        assert_eq!(rows(&db, "SELECT medium FROM media").await, [[8.into()]]);
        let listed = parking(&world, &view).list(None, 10).await.expect("listed");
        let mut reasons: Vec<String> = listed.into_iter().map(|parked| parked.reason).collect();
        reasons.sort();
        assert_eq!(
            reasons,
            [
                BEHIND,
                "the envelope's `ce_specversion` is missing or malformed",
                "the value of `medium.voted` is malformed at line 1, column 1"
            ]
        );
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_view_whose_parking_is_full_stops_with_one_line_and_goes_on_after_a_retry() {
    each(|world| async move {
        let view = Pairs::default();
        let ill = poisoned(&world, &view).await;
        let process = world.start_with(&view, |limits| {
            limits.max_parked = 1;
            limits.batch.events = 1;
        });
        let stopped = async || match process.progress.of("pairs").first().map(|report| report.status.clone()) {
            Some(Status::Stopped(reason)) => {
                assert_eq!(reason, "1 records are parked, and it may hold 1: retry or drop them");
                true
            }
            _ => false,
        };
        until("the view stops", stopped).await;
        view.mend();
        parking(&world, &view).retry(ill[0].id).await.expect("applied");
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT follows FROM pairs WHERE pair = '1:2'").await, [[1.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_view_that_never_parks_refuses_in_the_order_of_the_log() {
    each(|world| async move {
        let (view, mint) = (Pairs { refuses: true, ..Pairs::default() }, &world.deps.mint);
        let log: Vec<Event> = (0..9).map(|_| vote(mint, 1)).collect();
        view.poison(log[2].id);
        view.poison(log[6].id);
        let mut records: Vec<Record> = log.iter().map(|event| codec::encode(Topic::Media, event).expect("encodes")).collect();
        records[4].value = b"{".to_vec();
        let offsets: Vec<u64> = world.append_records(records).await.iter().map(|place| place.offset).collect();
        let process = world.start(&view);
        let db = world.settle(&view).await;
        let refused = rows(&db, "SELECT off, votes FROM refused ORDER BY off").await;
        let expected = [(2, 2), (4, 3), (6, 4)].map(|(n, votes): (usize, i64)| [offsets[n].into(), votes.into()]);
        assert_eq!(refused, expected);
        assert_eq!(rows(&db, "SELECT votes FROM media").await, [[6.into()]]);
        assert_eq!(parked(&db).await, Vec::<Vec<Value>>::new());
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_to_be_applied_is_there_when_the_engine_goes_before_it_is() {
    each(|world| async move {
        let (view, mint) = (Pairs { refuses: true, ..Pairs::default() }, &world.deps.mint);
        let mut records: Vec<Record> = (0..5).map(|_| codec::encode(Topic::Media, &vote(mint, 1)).expect("encodes")).collect();
        records[2].value = b"{".to_vec();
        world.append_records(records).await;
        view.breaks.store(true, Ordering::Relaxed);
        let process = world.start(&view);
        let db = world.settle(&view).await;
        assert!(!view.breaks.load(Ordering::Relaxed), "nothing broke");
        assert_eq!(rows(&db, "SELECT votes FROM media").await, [[4.into()]]);
        process.end().await;
    })
    .await;
}

/// Whatever is poisoned, and however the log is cut: a key stops at its first poisoned event, and no other does.
#[tokio::test]
async fn poison_stops_its_key_alone_however_the_log_is_cut() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let mut expected = std::collections::BTreeMap::new();
        let mut stopped = std::collections::BTreeSet::new();
        let mut log = Vec::new();
        for n in 0..200_u64 {
            let medium = 1 + n * 7 % 13;
            let event = vote(mint, medium);
            if n % 23 == 5 || n == 0 {
                view.poison(event.id);
                stopped.insert(medium);
            }
            if !stopped.contains(&medium) {
                *expected.entry(medium).or_insert(0_i64) += 1;
            }
            log.push(event);
        }
        world.append(log).await;
        let process = world.start_with(&view, |limits| {
            limits.batch.events = 37;
            limits.workers = Some(3);
        });
        let db = world.settle(&view).await;
        let votes: Vec<Vec<Value>> = expected.iter().map(|(medium, votes)| vec![(*medium).into(), (*votes).into()]).collect();
        assert_eq!(rows(&db, "SELECT medium, votes FROM media ORDER BY medium").await, votes);
        let keys = rows(&db, "SELECT COUNT(DISTINCT record_key) FROM parked").await;
        assert_eq!(keys, [[Value::Int(i64::try_from(stopped.len()).expect("few"))]]);
        process.end().await;
    })
    .await;
}
