//! Who holds what, and that nobody else writes.

use std::collections::BTreeSet;
use std::time::Duration;

use aredvi_events::mint::derived_id;
use aredvi_events::{Topic, codec};
use aredvi_journal::BatchLimits;
use aredvi_projectors::db::Value;

use crate::view::Pairs;
use crate::world::{each, follow, rows, until, vote};

const HELD: &str = "SELECT holder, COUNT(*) FROM positions WHERE holder IS NOT NULL GROUP BY holder";

#[tokio::test]
async fn two_processes_share_and_a_dead_ones_partitions_move() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let (one, two) = (world.start(&view), world.start(&view));
        let db = world.db(&view).await;
        let halves = async || {
            let held = rows(&db, HELD).await;
            held.len() == 2 && held.iter().all(|row| row[1] == Value::Int(24))
        };
        until("each holds its half", halves).await;
        two.kill().await;
        world.append((0..50).map(|n| follow(mint, 100 + n, 7)).collect()).await;
        let db = world.settle(&view).await;
        let count = rows(&db, "SELECT CAST(SUM(n) AS SIGNED) FROM leaders WHERE leader = 7").await;
        assert_eq!(count, [[50.into()]]);
        let all = async || rows(&db, HELD).await.iter().map(|row| row[1].clone()).eq([Value::Int(48)]);
        until("the survivor holds all", all).await;
        let three = world.start(&view);
        until("the newcomer gets its half", halves).await;
        one.end().await;
        three.end().await;
        assert_eq!(rows(&db, HELD).await, Vec::<Vec<Value>>::new());
    })
    .await;
}

#[tokio::test]
async fn a_killed_process_loses_and_doubles_nothing() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        for round in 0..6_u64 {
            let process = world.start(&view);
            let events = (0..40).map(|n| if n % 2 == 0 { vote(mint, 1 + n) } else { follow(mint, 100 + n, 200 + round) });
            world.append(events.collect()).await;
            if round > 0 {
                let db = world.db(&view).await;
                let some = async || !rows(&db, HELD).await.is_empty();
                until("it works", some).await;
            } else {
                world.db(&view).await;
            }
            process.kill().await;
        }
        let process = world.start(&view);
        let db = world.settle(&view).await;
        let votes: BTreeSet<Value> = rows(&db, "SELECT votes FROM media").await.into_iter().flatten().collect();
        assert_eq!(votes, BTreeSet::from([6.into()]));
        let followers = rows(&db, "SELECT leader, CAST(SUM(n) AS SIGNED) FROM leaders GROUP BY leader ORDER BY leader").await;
        assert_eq!(followers, (200..206).map(|leader| vec![leader.into(), 20.into()]).collect::<Vec<Vec<Value>>>());
        process.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_zombies_commit_changes_nothing() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let process = world.start(&view);
        world.append(vec![vote(mint, 3)]).await;
        let db = world.settle(&view).await;
        // Another takes everything while the worker believes to hold it.
        let stolen = "UPDATE positions SET holder = ?, lease_until = ?";
        let late = world.deps.mint.now_ms() + 3_000;
        db.execute(stolen, vec![[9_u8; 16].into(), late.into()]).await.expect("stolen");
        world.append(vec![vote(mint, 3)]).await;
        let until_ms = late - 500;
        until("the thief's time passes", async || {
            let votes = rows(&db, "SELECT votes FROM media").await;
            let thief = rows(&db, "SELECT COUNT(*) FROM positions WHERE holder = X'09090909090909090909090909090909'").await;
            assert!(thief != [[48.into()]] || votes == [[1.into()]], "a zombie wrote");
            world.deps.mint.now_ms() > until_ms
        })
        .await;
        // Then the worker may take them back, and goes on where the rows are.
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT votes FROM media").await, [[2.into()]]);
        process.end().await;
    })
    .await;
}

/// The process is killed when what it derived is on the log, which is before its commit or just after.
#[tokio::test]
async fn a_kill_between_append_and_commit_changes_nothing() {
    each(|world| async move {
        let (view, mint) = (Pairs::default(), &world.deps.mint);
        let mut log = Vec::new();
        for _ in 0..12 {
            let process = world.start_with(&view, |limits| limits.alone = true);
            let cause = vote(mint, 1);
            let derived = derived_id(cause.id, "after");
            world.append(vec![cause]).await;
            let starts = world.deps.journal.starts(&[Topic::Media]).await.expect("starts");
            let mut tail = world.deps.journal.tail(&starts).await.expect("tail");
            log.clear();
            until("it is on the log", async || {
                let limits = BatchLimits { wait: Duration::from_millis(100), ..BatchLimits::default() };
                log.extend(tail.next(&limits).await.expect("read").iter().filter_map(|s| codec::event_id(&s.record)));
                log.contains(&derived)
            })
            .await;
            process.kill().await;
        }
        let process = world.start_with(&view, |limits| limits.alone = true);
        let db = world.settle(&view).await;
        assert_eq!(rows(&db, "SELECT votes FROM media").await, [[12.into()]]);
        process.end().await;
    })
    .await;
}
