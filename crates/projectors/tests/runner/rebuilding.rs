//! New generations: filled, compared, switched to, rolled back, cancelled and dropped.

use std::sync::Arc;
use std::time::Duration;

use aredvi_events::{Event, Positions};
use aredvi_projectors::control::State;
use aredvi_projectors::db::{Db, Durability, PoolSizes, Value};
use aredvi_projectors::runner::limits::{ABANDONED_FOR, BIRTH_LEASE};
use aredvi_projectors::runner::{Difference, NotReady, Parking, Rebuild, RebuildError, Rebuilt, Stage, Status};
use tokio_util::sync::CancellationToken;

use crate::view::Pairs;
use crate::world::{World, each, follow, rows, tables, unfollow, until, vote};

fn rebuilding(world: &World, view: &Pairs) -> Rebuild {
    Rebuild::new(Arc::new(view.clone()), world.deps.clone())
}

async fn rebuild(world: &World, view: &Pairs) -> Result<Rebuilt, RebuildError> {
    rebuilding(world, view).rebuild(false, &|_| (), &CancellationToken::new()).await
}

fn some_events(world: &World, n: u64) -> Vec<Event> {
    let mint = &world.deps.mint;
    let event = |n: u64| match n % 3 {
        0 => follow(mint, 10 + n % 7, 100 + n % 5),
        1 => unfollow(mint, 10 + n % 7, 100 + n % 5),
        _ => vote(mint, 1_000 + n % 11),
    };
    (0..n).map(event).collect()
}

async fn states(world: &World) -> Vec<(u32, State)> {
    let found = world.deps.control.generations("pairs").await.expect("read");
    found.into_iter().map(|found| (found.n, found.state)).collect()
}

async fn exists(world: &World, n: u32) -> bool {
    Db::exists(&world.url, &format!("pairs_g{n}")).await.expect("asked")
}

#[tokio::test]
async fn a_rebuild_under_load_ends_equal_and_switches() {
    each(|world| async move {
        let view = Pairs::default();
        let (one, two) = (world.start(&view), world.start(&view));
        world.append(some_events(&world, 3_000)).await;
        let reader = world.reader(&view).await;
        let before = world.settle(&view).await;
        let load = async {
            loop {
                world.append(some_events(&world, 20)).await;
                world.deps.mint.clock().sleep(Duration::from_millis(20)).await;
            }
        };
        let stages = std::sync::Mutex::new(Vec::new());
        let tell = |stage| stages.lock().expect("no panic").push(stage);
        let (rebuilding, stop) = (rebuilding(&world, &view), CancellationToken::new());
        let rebuilt = tokio::select! {
            rebuilt = rebuilding.rebuild(false, &tell, &stop) => rebuilt.expect("rebuilt"),
            () = load => unreachable!("the load never ends"),
        };
        assert_eq!((rebuilt.generation, rebuilt.previous), (2, Some(1)));
        assert!(rebuilt.comparison.expect("compared").is_equal());
        let stages = stages.into_inner().expect("no panic");
        assert!(matches!(stages.first(), Some(Stage::Filling { total, .. }) if *total >= 3_000));
        assert!(stages.iter().any(|stage| matches!(stage, Stage::Comparing { rows } if *rows > 0)));
        until("the reader switches", async || reader.pin().is_ok_and(|pinned| pinned.generation == 2)).await;
        let after = world.settle(&view).await;
        assert_eq!(states(&world).await, [(1, State::Previous), (2, State::Serving)]);

        // The previous one stays up to date.
        let ends = world.deps.journal.ends(aredvi_projectors::view::View::topics(&view)).await.expect("ends");
        let positions = async || aredvi_projectors::runner::read_positions(&before).await.expect("read");
        until("the previous one follows", async || positions().await.covers(&ends, &aredvi_events::Topic::ALL)).await;
        let after_all = async || aredvi_projectors::runner::read_positions(&after).await.expect("read");
        until("the new one follows", async || after_all().await == positions().await).await;
        assert_eq!(tables(&before).await, tables(&after).await);
        one.end().await;
        two.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_fills_itself_when_no_projector_runs() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.append(some_events(&world, 100)).await;
        let before = world.settle(&view).await;
        process.end().await;
        let rebuilt = rebuild(&world, &view).await.expect("rebuilt");
        assert_eq!(rebuilt.generation, 2);
        let after = world.settle(&view).await;
        assert_eq!(after.schema(), "pairs_g2");
        assert_eq!(tables(&before).await, tables(&after).await);
    })
    .await;
}

/// A second generation whose maker died when he had made one table.
async fn begun(world: &World, table: &str) -> Db {
    world.deps.control.create_building("pairs", 1, uuid::Uuid::nil(), Duration::ZERO).await.expect("begun");
    let sizes = PoolSizes { write: 1, read: 1 };
    let begun = Db::open(&world.url, None, "pairs_g2", Durability::Normal, sizes).await.expect("opened");
    begun.run_schema(&[table]).await.expect("made");
    begun
}

#[tokio::test]
async fn a_rebuild_goes_on_where_its_schema_was_only_begun() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.append(some_events(&world, 100)).await;
        let before = world.settle(&view).await;
        begun(&world, "CREATE TABLE workers (holder INT NOT NULL, PRIMARY KEY (holder))").await.close().await;
        assert_eq!(rebuild(&world, &view).await.expect("rebuilt").generation, 2);
        let after = world.settle(&view).await;
        assert_eq!(tables(&before).await, tables(&after).await);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_does_not_answer_is_not_taken_for_unborn() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.settle(&view).await;
        // It cannot be asked what it was made from.
        let begun = begun(&world, "CREATE TABLE meta (other INT NOT NULL, PRIMARY KEY (other))").await;
        let refused = rebuild(&world, &view).await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(rows(&begun, "SELECT COUNT(other) FROM meta").await, [[0.into()]], "it was made anew");
        begun.close().await;
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn different_rows_of_equal_code_refuse_the_switch() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.append(some_events(&world, 100)).await;
        let db = world.settle(&view).await;
        db.execute("UPDATE media SET votes = votes + 1 WHERE medium = 1001", vec![]).await.expect("damaged");
        db.execute("DELETE FROM media WHERE medium = 1002", vec![]).await.expect("damaged");
        db.execute("INSERT INTO media (medium, votes) VALUES (5, 5)", vec![]).await.expect("damaged");
        let refused = rebuild(&world, &view).await.expect_err("different");
        let told = "generation 2 has other rows though its code is the same: ";
        assert!(refused.to_string().starts_with(told), "{refused}");
        assert!(refused.to_string().ends_with("`media`: 1 rows missing, 1 more, 1 changed"), "{refused}");
        assert_eq!(states(&world).await, [(1, State::Serving), (2, State::Building)]);
        let accepted = rebuilding(&world, &view).rebuild(true, &|_| (), &CancellationToken::new()).await.expect("accepted");
        assert_eq!(accepted.generation, 2);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn another_version_is_rebuilt_and_its_difference_told() {
    each(|world| async move {
        let old = Pairs::default();
        let process = world.start(&old);
        world.append(some_events(&world, 30)).await;
        world.settle(&old).await;
        let new = Pairs { newer: 1, skew: 1, ..Pairs::default() };
        assert!(!rebuilding(&world, &old).is_needed().await.expect("asked"));
        assert!(rebuilding(&world, &new).is_needed().await.expect("asked"));
        assert!(world.reader(&new).await.db().is_err_and(|error| matches!(error, NotReady::OtherVersion { found: 1, .. })));
        // The old program goes on beside the new one.
        let newer = world.start(&new);
        let rebuilt = rebuild(&world, &new).await.expect("rebuilt");
        let comparison = rebuilt.comparison.expect("compared");
        assert_eq!(comparison.differences, [Difference { table: "media".to_owned(), changed: 10, ..Difference::default() }]);
        world.append(some_events(&world, 30)).await;
        let db = world.settle(&new).await;
        assert_eq!(rows(&db, "SELECT CAST(SUM(votes) AS SIGNED) FROM media").await, [[40.into()]]);
        assert!(world.reader(&old).await.db().is_err(), "the old program does not know the new tables");
        let rolled = rebuilding(&world, &new).rollback().await.expect("the old program keeps it current");
        assert_eq!(rolled.generation, 1);
        process.end().await;
        newer.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_view_of_another_journal_stops_until_it_is_rebuilt() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        let db = world.settle(&view).await;
        process.end().await;
        let other = "UPDATE meta SET value = '00000000-0000-0000-0000-000000000001' WHERE name = 'journal'";
        db.execute(other, vec![]).await.expect("changed");
        world.append(some_events(&world, 9)).await;
        let process = world.start(&view);
        let stopped = async || {
            process.progress.of("pairs").iter().any(|report| {
                matches!(&report.status, Status::Stopped(reason) if reason.starts_with("it was made from journal 00000000-"))
            })
        };
        until("the view stops", stopped).await;
        assert!(world.reader(&view).await.db().is_err_and(|error| matches!(error, NotReady::OtherJournal { .. })));
        assert!(rebuilding(&world, &view).is_needed().await.expect("asked"));
        let rebuilt = rebuild(&world, &view).await.expect("rebuilt");
        assert_eq!((rebuilt.generation, rebuilt.comparison), (2, None));
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT COUNT(*) FROM media").await, [[3.into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_rebuild_leaves_no_trace() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.append(some_events(&world, 50)).await;
        let db = world.settle(&view).await;
        db.execute("DELETE FROM media", vec![]).await.expect("damaged");
        rebuild(&world, &view).await.expect_err("different");
        assert!(exists(&world, 2).await);
        assert_eq!(rebuilding(&world, &view).cancel().await.expect("cancelled"), 2);
        assert!(!exists(&world, 2).await);
        assert_eq!(states(&world).await, [(1, State::Serving)]);
        assert!(matches!(rebuilding(&world, &view).cancel().await, Err(RebuildError::None { .. })));
        world.append(some_events(&world, 50)).await;
        assert_eq!(world.settle(&view).await.schema(), "pairs_g1");
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_rebuild_left_is_gone_some_time_after_its_lease() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start_with(&view, |limits| limits.sweep_every = Duration::from_millis(100));
        world.append(some_events(&world, 50)).await;
        world.settle(&view).await;
        let (control, clock) = (&world.deps.control, world.deps.mint.clock());

        // Killed before it made a schema, and while it filled one.
        for n in [2, 3] {
            if n == 2 {
                let holder = world.deps.mint.event_id();
                control.create_building("pairs", 1, holder, BIRTH_LEASE).await.expect("created");
            } else {
                let (begun, filling) = tokio::sync::oneshot::channel::<()>();
                let begun = std::sync::Mutex::new(Some(begun));
                let rebuilding = rebuilding(&world, &view);
                let killed = tokio::spawn(async move {
                    let tell = |_: Stage| drop(begun.lock().expect("no panic").take());
                    rebuilding.rebuild(false, &tell, &CancellationToken::new()).await
                });
                filling.await.expect_err("it fills");
                killed.abort();
                assert!(killed.await.is_err_and(|error| error.is_cancelled()), "it was at work");
                assert!(exists(&world, n).await);
            }
            clock.shift(i64::try_from((BIRTH_LEASE + ABANDONED_FOR).as_millis()).expect("a number") + 1_000);
            until("it is given up", async || states(&world).await == [(1, State::Serving)]).await;
            until("its schema is gone", async || !exists(&world, n).await).await;
            world.append(some_events(&world, 50)).await;
            assert_eq!(world.settle(&view).await.schema(), "pairs_g1");
        }

        // One that ended in order waits, however long.
        let prepared = rebuilding(&world, &view).prepare(&|_| (), &CancellationToken::new()).await;
        prepared.expect("compared");
        clock.shift(i64::try_from((BIRTH_LEASE + ABANDONED_FOR).as_millis()).expect("a number") + 1_000);
        let holder = world.deps.mint.event_id();
        control.create_building("pairs", 9, holder, BIRTH_LEASE).await.expect("created");
        clock.shift(i64::try_from((BIRTH_LEASE + ABANDONED_FOR).as_millis()).expect("a number") + 1_000);
        let left = [(1, State::Serving), (4, State::Building)];
        until("what another version left is given up too", async || states(&world).await == left).await;
        assert!(exists(&world, 4).await);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_rollback_is_current_and_refused_while_its_target_lags() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start(&view);
        world.append(some_events(&world, 50)).await;
        world.settle(&view).await;
        assert!(matches!(rebuilding(&world, &view).rollback().await, Err(RebuildError::None { .. })));
        rebuild(&world, &view).await.expect("rebuilt");
        world.append(some_events(&world, 50)).await;
        let rolled = rebuilding(&world, &view).rollback().await.expect("rolled back");
        assert_eq!((rolled.generation, rolled.previous), (1, Some(2)));
        world.append(some_events(&world, 50)).await;
        let db = world.settle(&view).await;
        assert_eq!(db.schema(), "pairs_g1");
        let votes = rows(&db, "SELECT CAST(SUM(votes) AS SIGNED) FROM media").await;
        assert_eq!(votes, [[Value::Int(3 * 16)]]);
        process.end().await;

        // Nobody works any more: the other one cannot catch up with what this one is made to have.
        db.execute("UPDATE positions SET next = next + 3 WHERE topic = 3", vec![]).await.expect("ahead");
        let refused = rebuilding(&world, &view).rollback().await.expect_err("lags");
        assert!(matches!(refused, RebuildError::Lags { generation: 2, behind: 72.., .. }), "{refused}");
        assert_eq!(states(&world).await, [(1, State::Serving), (2, State::Previous)]);
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_agrees_after_a_drop() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let ill = [follow(mint, 1, 2), unfollow(mint, 1, 2), follow(mint, 1, 2), follow(mint, 3, 4)];
        view.poison(ill[0].id);
        view.poison(ill[3].id);
        let process = world.start(&view);
        world.append(ill.to_vec()).await;
        let before = world.settle(&view).await;
        let parking = Parking::new(Arc::new(view.clone()), world.deps.clone());
        parking.drop(ill[0].id).await.expect("dropped");
        world.settle(&view).await;
        assert_eq!(rows(&before, "SELECT pair, follows FROM pairs").await, [["1:2".into(), 1.into()]]);
        // Whether the fault is still there makes no difference to an event that was given up before.
        view.faults.lock().expect("no panic").remove(&ill[0].id);
        rebuild(&world, &view).await.expect("equal");
        let after = world.settle(&view).await;
        assert_eq!(after.schema(), "pairs_g2");
        assert_eq!(tables(&before).await, tables(&after).await);
        assert_eq!(rows(&after, "SELECT record_key FROM parked").await, [["3:4".into()]]);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_derived_is_appended_by_the_one_that_serves_alone() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        world.append((0..30).map(|n| vote(mint, 1 + n)).collect()).await;
        world.settle(&view).await;
        let derived = async || {
            let starts = world.deps.journal.starts(&[aredvi_events::Topic::Media]).await.expect("starts");
            let ends = world.deps.journal.ends(&[aredvi_events::Topic::Media]).await.expect("ends");
            let events = |positions: &Positions| positions.iter().map(|(_, next)| next).sum::<u64>();
            events(&ends) - events(&starts)
        };
        until("all are derived", async || derived().await == 60).await;
        rebuild(&world, &view).await.expect("rebuilt");
        world.settle(&view).await;
        assert_eq!(derived().await, 60, "the rebuild appended");
        world.append(vec![vote(mint, 99)]).await;
        let new = world.settle(&view).await;
        assert_eq!(new.schema(), "pairs_g2");
        until("the new one appends", async || derived().await >= 62).await;
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn of_several_that_served_before_the_last_is_kept_and_rolled_back_to() {
    each(|world| async move {
        let view = Pairs::default();
        let hour = Duration::from_secs(3_600);
        let process = world.start_with(&view, |limits| (limits.grace, limits.superseded_grace) = (hour, hour));
        world.append(some_events(&world, 10)).await;
        world.settle(&view).await;
        rebuild(&world, &view).await.expect("rebuilt");
        rebuilding(&world, &view).rollback().await.expect("rolled back");
        rebuild(&world, &view).await.expect("rebuilt");
        assert_eq!(states(&world).await, [(1, State::Previous), (2, State::Previous), (3, State::Serving)]);
        process.end().await;
        let process = world.start_with(&view, |limits| (limits.grace, limits.superseded_grace) = (hour, Duration::ZERO));
        until("the one before it is dropped", async || !exists(&world, 2).await).await;
        assert_eq!(states(&world).await, [(1, State::Previous), (3, State::Serving)], "1 served last, though 2 is younger");
        let rolled = rebuilding(&world, &view).rollback().await.expect("rolled back");
        assert_eq!(rolled.generation, 1);
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_previous_one_is_dropped_after_the_time_of_grace() {
    each(|world| async move {
        let view = Pairs::default();
        let process = world.start_with(&view, |limits| limits.grace = Duration::from_secs(3_600));
        world.append(some_events(&world, 10)).await;
        world.settle(&view).await;
        rebuild(&world, &view).await.expect("rebuilt");
        world.settle(&view).await;
        process.end().await;
        assert!(exists(&world, 1).await);
        let process = world.start_with(&view, |limits| limits.grace = Duration::ZERO);
        until("it is dropped", async || !exists(&world, 1).await).await;
        assert_eq!(states(&world).await, [(2, State::Serving)]);
        process.end().await;
    })
    .await;
}
