//! From the log to rows, and waiting for them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aredvi_events::{Positions, Topic, codec};
use aredvi_journal::BatchLimits;
use aredvi_projectors::runner::{Limits, Status};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::view::Pairs;
use crate::world::{World, each, follow, rows, tables, unfollow, until, vote};

#[tokio::test]
async fn events_become_rows_and_a_reader_can_wait_for_them() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        let reader = world.reader(&view).await;
        let mut wanted = Positions::new();
        for place in world.append(vec![follow(mint, 10, 20), follow(mint, 11, 20), unfollow(mint, 10, 20)]).await {
            wanted.include(place);
        }
        until("a generation serves", async || reader.db().is_ok()).await;
        assert!(reader.wait_for(&wanted, Duration::from_secs(20)).await);
        let db = reader.db().expect("serving");
        assert_eq!(reader.pin().expect("serving").generation, 1);
        assert_eq!(
            rows(&db, "SELECT pair, follows FROM pairs ORDER BY pair").await,
            [["10:20".into(), 0.into()], ["11:20".into(), 1.into()]]
        );
        let count = rows(&db, "SELECT CAST(SUM(n) AS SIGNED) FROM leaders WHERE leader = 20").await;
        assert_eq!(count, [[1.into()]]);

        let (partition, _) = wanted.iter().next().expect("named");
        wanted.raise(partition, 1_000_000);
        assert!(!reader.wait_for(&wanted, Duration::from_millis(50)).await);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        world.append(vec![vote(mint, 5)]).await;
        world.settle(&view).await;
        process.end().await;
        world.append(vec![vote(mint, 5)]).await;
        let process = world.start(&view);
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT medium, votes FROM media").await, [[5.into(), 2.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_fails_is_waited_for() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        view.outage.store(true, Ordering::Relaxed);
        world.append(vec![follow(mint, 1, 2)]).await;
        let waits = async || process.progress.of("pairs").iter().any(|report| matches!(report.status, Status::Waiting(_)));
        until("the view waits", waits).await;
        view.outage.store(false, Ordering::Relaxed);
        let db = world.settle(&view).await;
        assert_eq!(tables(&db).await[0].len(), 1);
        assert_eq!(rows(&db, "SELECT COUNT(*) FROM parked").await, [[0.into()]]);
        let runs = async || process.progress.of("pairs")[0].status == Status::Running;
        until("the view runs", runs).await;
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_follows_from_an_event_is_appended_once_however_often_it_is_tried() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        let cause = vote(mint, 7);
        let derived = aredvi_events::mint::derived_id(cause.id, "after");
        world.append(vec![cause]).await;
        world.settle(&view).await;
        let mut tail =
            world.deps.journal.tail(&world.deps.journal.starts(&[Topic::Media]).await.expect("starts")).await.expect("tail");
        let mut found = Vec::new();
        until("it is on the log", async || {
            let limits = BatchLimits { wait: Duration::from_millis(10), ..BatchLimits::default() };
            found.extend(tail.next(&limits).await.expect("read").iter().filter_map(|s| codec::event_id(&s.record)));
            found.contains(&derived)
        })
        .await;
        assert_eq!(found.iter().filter(|id| **id == derived).count(), 1);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_position_outside_the_log_stops_the_view_and_nothing_resets() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        let db = world.db(&view).await;
        process.end().await;
        let moved = "UPDATE positions SET next = 500 WHERE topic = 3 AND part = 4";
        db.execute(moved, vec![]).await.expect("moved");
        let process = world.start(&view);
        let stopped = async || match process.progress.of("pairs").first().map(|report| report.status.clone()) {
            Some(Status::Stopped(reason)) => {
                assert_eq!(reason, "position 500 of graph/4 is outside of the log, which holds 0 up to 0");
                true
            }
            _ => false,
        };
        until("the view stops", stopped).await;
        assert_eq!(rows(&db, "SELECT next FROM positions WHERE topic = 3 AND part = 4").await, [[500.into()]]);
        process.end().await;
    })
    .await;
}

/// However the log is cut into batches and shared between workers, and however often records are appended again, the
/// rows are the same.
#[tokio::test]
async fn rows_do_not_depend_on_batches_or_workers() {
    let mut runner = TestRunner::deterministic();
    let log = proptest::collection::vec((0_u64..4, 0_u64..3, any::<bool>(), 1_usize..3), 1..60);
    for engine in crate::engines::engines() {
        for _ in 0..3 {
            let drawn = log.new_tree(&mut runner).expect("a log").current();
            let (events, workers) = (1 + drawn.len() % 7, 1 + drawn.len() % 3);
            let dir = tempfile::tempdir().expect("a directory");
            let url = match &engine.url {
                aredvi_projectors::db::DbUrl::Embedded { .. } => {
                    aredvi_projectors::db::DbUrl::Embedded { dir: dir.path().to_owned() }
                }
                server @ aredvi_projectors::db::DbUrl::MySql { .. } => server.clone(),
            };
            rows_are_those_of_the_log(World::new(url).await, &drawn, events, workers).await;
        }
    }
}

async fn rows_are_those_of_the_log(world: World, drawn: &[(u64, u64, bool, usize)], events: usize, workers: usize) {
    let (view, mint) = (Pairs::default(), &world.deps.mint);
    let mut standing = std::collections::BTreeMap::new();
    let change = |limits: &mut Limits| {
        limits.workers = Some(workers);
        limits.batch.events = events;
    };
    let process = world.start_with(&view, change);
    for &(follower, leader, follows, times) in drawn {
        let (follower, leader) = (10 + follower, 100 + leader);
        let event = if follows { follow(mint, follower, leader) } else { unfollow(mint, follower, leader) };
        world.append(vec![event; times]).await;
        standing.insert(format!("{follower}:{leader}"), i64::from(follows));
    }
    let db = world.settle(&view).await;
    let expected: Vec<Vec<_>> = standing.iter().map(|(pair, follows)| vec![pair.into(), (*follows).into()]).collect();
    assert_eq!(rows(&db, "SELECT pair, follows FROM pairs ORDER BY pair").await, expected);
    let count = rows(&db, "SELECT CAST(COALESCE(SUM(n), 0) AS SIGNED) FROM leaders").await;
    assert_eq!(count, [[standing.values().sum::<i64>().into()]]);
    process.end().await;
    drop_schemas(&world).await;
}

async fn drop_schemas(world: &World) {
    for schema in ["pairs_g1", "control", "keys"] {
        aredvi_projectors::db::Db::drop_schema(&world.url, schema).await.expect("dropped");
    }
}
