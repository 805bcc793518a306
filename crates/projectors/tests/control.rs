//! What processes agree on, on every engine.

mod engines;

use std::collections::HashSet;
use std::time::Duration;

use aredvi_events::{Clock, Id, Mint};
use aredvi_projectors::control::{Control, ControlError, NamedLease, Renewal, State, WorkerLease};
use aredvi_projectors::db::{DbUrl, PoolSizes, Upsert, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const MINUTE_MS: i64 = 60_000;
const LEASE: Duration = Duration::from_secs(30);
const HOLDER: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

async fn open(url: &DbUrl, clock: &Clock) -> Control {
    Control::open(url, clock.clone(), PoolSizes::default()).await.expect("open")
}

async fn process(url: &DbUrl, clock: Clock) -> (Control, Mint, WorkerLease) {
    let control = open(url, &clock).await;
    let mint = Mint::new(clock);
    let lease = WorkerLease::acquire(&control, &mint, Uuid::new_v4()).await.expect("a number");
    (control, mint, lease)
}

/// Every number is taken, each a minute longer than the one before, the first `from_ms`.
async fn fill(control: &Control, from_ms: i64) {
    let rows = (0..1024).map(|n| [n.into(), OTHER.into(), (from_ms + n * MINUTE_MS).into()]).collect();
    let workers = Upsert {
        table: "workers",
        keys: &["worker"],
        columns: &[
            ("holder", aredvi_projectors::db::OnConflict::Replace),
            ("mint_until", aredvi_projectors::db::OnConflict::Replace),
        ],
    };
    let mut tx = control.db().begin().await.expect("begin");
    tx.upsert(&workers, rows).await.expect("written");
    tx.commit().await.expect("commit");
}

async fn mint_until(control: &Control, worker: u16) -> i64 {
    let sql = "SELECT mint_until FROM workers WHERE worker = ?";
    control.db().read(sql, vec![worker.into()]).await.expect("read")[0].int(0).expect("an integer")
}

#[tokio::test]
async fn processes_that_start_together_mint_different_ids() {
    engines::each(|url| async move {
        open(&url, &Clock::default()).await;
        let processes = futures_util::future::join_all((0..12).map(|_| process(&url, Clock::default()))).await;
        let workers: HashSet<u16> = processes.iter().map(|(_, _, lease)| lease.worker()).collect();
        assert_eq!(workers.len(), 12);
        let ids: HashSet<Id> =
            processes.iter().flat_map(|(_, mint, _)| (0..1_000).map(|_| mint.id().expect("a lease"))).collect();
        assert_eq!(ids.len(), 12_000);
    })
    .await;
}

#[tokio::test]
async fn a_number_is_held_ten_minutes_ahead_and_moved_on() {
    engines::each(|url| async move {
        let clock = Clock::default();
        let (control, mint, mut lease) = process(&url, clock.clone()).await;
        assert_eq!(mint_until(&control, lease.worker()).await, lease.until_ms());
        clock.shift(9 * MINUTE_MS);
        mint.id().expect("within the ten minutes");
        clock.shift(2 * MINUTE_MS);
        assert!(mint.id().is_err(), "past its end nothing is minted");
        let before = lease.until_ms();
        assert_eq!(lease.renew().await.expect("renewed"), Renewal::Renewed);
        assert!(lease.until_ms() >= before + 10 * MINUTE_MS);
        assert_eq!(mint_until(&control, lease.worker()).await, lease.until_ms());
        mint.id().expect("held again");
        // A clock that goes back shortens nothing.
        clock.shift(-60 * MINUTE_MS);
        let before = lease.until_ms();
        lease.renew().await.expect("renewed");
        assert_eq!(lease.until_ms(), before);
    })
    .await;
}

#[tokio::test]
async fn a_number_taken_over_starts_where_it_ended_whatever_the_clock_says() {
    engines::each(|url| async move {
        let clock = Clock::default();
        let control = open(&url, &clock).await;
        let now = clock.now_ms();
        // Number 0 ended 5 minutes ago, 1 four minutes ago, …, 6 and later are held.
        fill(&control, now - 5 * MINUTE_MS).await;
        let (_, mint, lease) = process(&url, clock.clone()).await;
        assert_eq!(lease.worker(), 0, "the longest-expired");
        assert!(mint.id().expect("a lease").minted_ms() >= now - 5 * MINUTE_MS);
        // One whose clock is an hour ahead takes a number that is still held, and mints only past its end.
        fill(&control, now + 20 * MINUTE_MS).await;
        let (_, mint, ahead) = process(&url, Clock::with_offset(60 * MINUTE_MS)).await;
        assert_eq!(ahead.worker(), 0);
        assert!(mint.id().expect("a lease").minted_ms() >= now + 20 * MINUTE_MS);
        assert!(ahead.until_ms() >= now + 70 * MINUTE_MS);
    })
    .await;
}

#[tokio::test]
async fn a_holder_that_was_robbed_takes_another_number_and_repeats_no_id() {
    engines::each(|url| async move {
        let (control, mint, mut lease) = process(&url, Clock::default()).await;
        let number = lease.worker();
        let old_until = lease.until_ms();
        let before: HashSet<Id> = (0..100).map(|_| mint.id().expect("a lease")).collect();
        // A thief whose clock is far ahead finds only numbers that seem to have ended.
        fill(&control, 0).await;
        let steal = "UPDATE workers SET holder = ?, mint_until = ? WHERE worker = ?";
        control.db().execute(steal, vec![OTHER.into(), (old_until + MINUTE_MS).into(), number.into()]).await.expect("stolen");
        mint.id().expect("up to its own end the holder may go on");
        assert_eq!(lease.renew().await.expect("another number"), Renewal::Replaced);
        assert_ne!(lease.worker(), number);
        let after: HashSet<Id> = (0..100).map(|_| mint.id().expect("a lease")).collect();
        assert!(before.is_disjoint(&after));
    })
    .await;
}

#[tokio::test]
async fn no_free_number_is_told_clearly() {
    engines::each(|url| async move {
        let clock = Clock::default();
        let control = open(&url, &clock).await;
        fill(&control, clock.now_ms() + MINUTE_MS).await;
        let mint = Mint::new(clock.clone());
        let error = WorkerLease::acquire(&control, &mint, HOLDER).await.expect_err("none is free");
        assert!(matches!(error, ControlError::NoWorkerFree), "{error}");
        assert!(mint.id().is_err());
    })
    .await;
}

#[tokio::test]
async fn a_number_is_given_back_at_shutdown() {
    engines::each(|url| async move {
        let (control, mint, lease) = process(&url, Clock::default()).await;
        let (number, until) = (lease.worker(), lease.until_ms());
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(lease.run(shutdown.clone()));
        mint.id().expect("a lease");
        shutdown.cancel();
        running.await.expect("no panic");
        assert!(mint.id().is_err(), "nothing is minted after it is given back");
        let row = control.db().read("SELECT holder, mint_until FROM workers WHERE worker = ?", vec![number.into()]).await;
        assert_eq!(row.expect("read")[0].values(), [Value::Null, until.into()]);
    })
    .await;
}

#[tokio::test]
async fn a_view_goes_from_generation_to_generation_and_back() {
    engines::each(|url| async move {
        let control = open(&url, &Clock::default()).await;
        let first = control.first_generation("graph", 1, HOLDER, LEASE).await.expect("begun");
        assert_eq!(first.iter().map(|g| (g.n, g.version, g.state)).collect::<Vec<_>>(), [(1, 1, State::Building)]);
        assert_eq!(control.serving("graph").await.expect("read"), None);
        control.switch("graph", None, 1).await.expect("switched");
        assert_eq!(control.first_generation("graph", 1, OTHER, LEASE).await.expect("found")[0].n, 1);

        let second = control.create_building("graph", 2, HOLDER, LEASE).await.expect("begun");
        assert_eq!((second.n, second.lease_holder), (2, Some(HOLDER)));
        control.switch("graph", Some(1), 2).await.expect("switched");
        assert_eq!(control.serving("graph").await.expect("read").map(|g| (g.n, g.version)), Some((2, 2)));
        control.rollback("graph", 2, 1).await.expect("rolled back");
        control.rollback("graph", 1, 2).await.expect("and forward");
        control.mark_dropped("graph", 1).await.expect("dropped");
        let states: Vec<_> = control.generations("graph").await.expect("read").iter().map(|g| (g.n, g.state)).collect();
        assert_eq!(states, [(2, State::Serving)]);

        // A number is never used again, and views do not meet.
        assert_eq!(control.create_building("graph", 2, HOLDER, LEASE).await.expect("begun").n, 3);
        control.cancel("graph", 3).await.expect("cancelled");
        assert_eq!(control.create_building("graph", 2, HOLDER, LEASE).await.expect("begun").n, 4);
        assert_eq!(control.first_generation("media", 1, HOLDER, LEASE).await.expect("begun")[0].n, 1);
        let all: Vec<_> = control.all_generations().await.expect("read").into_iter().map(|g| (g.view, g.n)).collect();
        assert_eq!(all, [("graph".to_owned(), 2), ("graph".to_owned(), 4), ("media".to_owned(), 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_starts_from_other_states_is_refused_and_changes_nothing() {
    engines::each(|url| async move {
        let control = open(&url, &Clock::default()).await;
        control.first_generation("graph", 1, HOLDER, LEASE).await.expect("begun");
        control.switch("graph", None, 1).await.expect("switched");
        control.create_building("graph", 1, HOLDER, LEASE).await.expect("begun");
        let before = control.generations("graph").await.expect("read");

        let error = control.create_building("graph", 1, OTHER, LEASE).await.expect_err("one is being built");
        assert!(matches!(error, ControlError::AlreadyBuilding { n: 2, .. }), "{error}");
        for from in [None, Some(2), Some(9)] {
            let error = control.switch("graph", from, 2).await.expect_err("1 serves");
            assert!(matches!(error, ControlError::OtherServing { found: Some(1) }), "{error}");
        }
        let error = control.switch("graph", Some(1), 9).await.expect_err("there is no 9");
        assert!(matches!(error, ControlError::NotInState { n: 9, expected: State::Building, .. }), "{error}");
        let error = control.rollback("graph", 1, 2).await.expect_err("2 never served");
        assert!(matches!(error, ControlError::NotInState { n: 2, expected: State::Previous, .. }), "{error}");
        control.mark_dropped("graph", 1).await.expect_err("it serves");
        control.cancel("graph", 1).await.expect_err("it serves");
        assert_eq!(control.generations("graph").await.expect("read"), before);
    })
    .await;
}

#[tokio::test]
async fn of_racing_processes_one_begins_and_one_switches() {
    engines::each(|url| async move {
        let clock = Clock::default();
        open(&url, &clock).await;
        let controls = futures_util::future::join_all((0..6).map(|_| open(&url, &clock))).await;
        let first =
            futures_util::future::join_all(controls.iter().map(|c| c.first_generation("graph", 1, Uuid::new_v4(), LEASE))).await;
        let numbers: HashSet<Vec<u32>> =
            first.into_iter().map(|found| found.expect("begun").iter().map(|g| g.n).collect()).collect();
        assert_eq!(numbers, HashSet::from([vec![1]]));
        let switched = futures_util::future::join_all(controls.iter().map(|c| c.switch("graph", None, 1))).await;
        assert_eq!(switched.iter().filter(|result| result.is_ok()).count(), 1);
        let begun =
            futures_util::future::join_all(controls.iter().map(|c| c.create_building("graph", 1, Uuid::new_v4(), LEASE))).await;
        assert_eq!(begun.iter().filter(|result| result.is_ok()).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_generations_lease_has_one_holder_until_it_ends() {
    engines::each(|url| async move {
        let clock = Clock::default();
        let control = open(&url, &clock).await;
        control.first_generation("graph", 1, HOLDER, LEASE).await.expect("begun");
        assert!(!control.hold_generation("graph", 1, OTHER, LEASE).await.expect("asked"));
        assert!(control.hold_generation("graph", 1, HOLDER, LEASE).await.expect("renewed"));
        clock.shift(31_000);
        assert!(control.hold_generation("graph", 1, OTHER, LEASE).await.expect("expired"));
        assert!(!control.hold_generation("graph", 1, HOLDER, LEASE).await.expect("lost"));
        control.release_generation("graph", 1, HOLDER).await.expect("not his");
        assert!(!control.hold_generation("graph", 1, HOLDER, LEASE).await.expect("still lost"));
        control.release_generation("graph", 1, OTHER).await.expect("released");
        assert!(control.hold_generation("graph", 1, HOLDER, LEASE).await.expect("free"));
    })
    .await;
}

#[tokio::test]
async fn a_named_lease_has_one_holder_until_it_ends() {
    engines::each(|url| async move {
        let clock = Clock::default();
        let control = open(&url, &clock).await;
        let mut claims: Vec<NamedLease> =
            (1..=5).map(|holder| control.lease("janitor", Uuid::from_u128(holder), LEASE)).collect();
        let held = futures_util::future::join_all(claims.iter_mut().map(NamedLease::hold)).await;
        let held: Vec<bool> = held.into_iter().map(|held| held.expect("asked")).collect();
        assert_eq!(held.iter().filter(|held| **held).count(), 1, "{held:?}");
        let winner = held.iter().position(|held| *held).expect("one");
        let mut winner = claims.swap_remove(winner);
        let mut loser = claims.remove(0);
        assert!(winner.is_held() && !loser.is_held());

        clock.shift(20_000);
        assert!(winner.hold().await.expect("renewed"));
        clock.shift(20_000);
        assert!(winner.is_held() && !loser.hold().await.expect("asked"));
        clock.shift(20_000);
        assert!(!winner.is_held(), "its own clock tells");
        assert!(loser.hold().await.expect("expired") && !winner.hold().await.expect("asked"));
        loser.release().await.expect("released");
        assert!(winner.hold().await.expect("free") && !loser.is_held());
        assert!(control.lease("sweep", HOLDER, LEASE).hold().await.expect("another name"));
    })
    .await;
}
