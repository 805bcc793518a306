//! A server that goes away is an outage, soon; and when it is back it is used again.

#[path = "../engines/mod.rs"]
mod engines;
mod wire;

use std::time::Instant;

use aredvi_events::{Clock, Mint};
use aredvi_projectors::control::{Control, Renewal, WorkerLease};
use aredvi_projectors::db::{Db, DbUrl, Durability, PoolSizes};
use wire::{State, Wire};

/// More attempts than there are connections that may be found dead one by one.
const ATTEMPTS: usize = 20;

/// The real server behind a wire; `None` without a server.
async fn wired_server() -> Option<(engines::Engine, Wire, DbUrl)> {
    let engine = engines::engines().into_iter().find(|engine| matches!(engine.url, DbUrl::MySql { .. }))?;
    let DbUrl::MySql { server, prefix } = engine.url.clone() else { return None };
    let wire = Wire::to(format!("{}:{}", server.get_host(), server.get_port())).await;
    let server = Box::new(server.host("127.0.0.1").port(wire.entry.port()));
    Some((engine, wire, DbUrl::MySql { server, prefix }))
}

async fn wired() -> Option<(engines::Engine, Wire, Db)> {
    let (engine, wire, url) = wired_server().await?;
    let db = Db::open(&url, None, "things", Durability::Normal, PoolSizes::default()).await.expect("open");
    db.run_schema(&["CREATE TABLE texts (id BIGINT NOT NULL, PRIMARY KEY (id))"]).await.expect("schema");
    Some((engine, wire, db))
}

async fn is_back(db: &Db) -> bool {
    for _ in 0..ATTEMPTS {
        match db.ping().await {
            Ok(()) => return true,
            Err(error) => assert!(error.is_transient(), "{}", error.chain()),
        }
    }
    false
}

#[tokio::test]
async fn a_cut_connection_is_an_outage_that_ends_by_itself() {
    let Some((_engine, wire, db)) = wired().await else { return };
    let reads = (0..8).map(|_| db.read("SELECT id FROM texts", vec![]));
    futures_util::future::try_join_all(reads).await.expect("read");
    let mut tx = db.begin().await.expect("begin");
    tx.execute("INSERT INTO texts (id) VALUES (1)", vec![]).await.expect("written");

    wire.set(State::Cut);
    let error = tx.execute("INSERT INTO texts (id) VALUES (2)", vec![]).await.expect_err("cut");
    assert!(error.is_transient(), "{}", error.chain());
    tx.commit().await.expect_err("undone");
    for _ in 0..3 {
        let asked = Instant::now();
        let error = db.read("SELECT id FROM texts", vec![]).await.expect_err("cut");
        assert!(error.is_transient(), "{}", error.chain());
        assert!(asked.elapsed().as_secs() < 3, "told after {:?}", asked.elapsed());
    }

    wire.set(State::Whole);
    assert!(is_back(&db).await);
    assert_eq!(db.read("SELECT id FROM texts", vec![]).await.expect("read").len(), 0);
    db.execute("INSERT INTO texts (id) VALUES (3)", vec![]).await.expect("written");
}

#[tokio::test]
async fn a_server_that_falls_silent_does_not_hold_anybody_for_ever() {
    let Some((_engine, wire, db)) = wired().await else { return };
    db.ping().await.expect("alive");
    wire.set(State::Silent);
    let asked = Instant::now();
    let error = db.read("SELECT id FROM texts", vec![]).await.expect_err("silent");
    assert!(error.is_transient(), "{}", error.chain());
    assert!(asked.elapsed().as_secs() <= 11, "told after {:?}", asked.elapsed());
    wire.set(State::Cut);
    wire.set(State::Whole);
    assert!(is_back(&db).await);
}

#[tokio::test]
async fn ids_are_minted_while_the_worker_number_cannot_be_renewed() {
    let Some((_engine, wire, url)) = wired_server().await else { return };
    let clock = Clock::default();
    let control = Control::open(&url, clock.clone(), PoolSizes::default()).await.expect("open");
    let mint = Mint::new(clock.clone());
    let mut lease = WorkerLease::acquire(&control, &mint, mint.event_id()).await.expect("a number");
    let worker = lease.worker();

    wire.set(State::Cut);
    assert!(lease.renew().await.expect_err("cut").is_transient());
    clock.shift(9 * 60_000);
    let minted = mint.id().expect("within the ten minutes");
    clock.shift(2 * 60_000);
    assert!(mint.id().is_err(), "not past them");

    wire.set(State::Whole);
    let mut renewal = lease.renew().await;
    for _ in 0..ATTEMPTS {
        if renewal.is_ok() {
            break;
        }
        renewal = lease.renew().await;
    }
    assert_eq!(renewal.expect("renewed"), Renewal::Renewed);
    assert_eq!(lease.worker(), worker);
    assert!(mint.id().expect("held again") > minted);
}
