//! An engine is killed under load and comes back: what was acknowledged is there, once, and every process goes on.

use std::sync::Mutex;

use super::load::{Load, writers};
use super::log;
use crate::world::World;
use crate::world::own_engines::{self, Engine, OwnEngines};
use crate::world::site::{Setting, Site};

/// Clients that write at once.
const WRITERS: usize = 4;
/// Notes that each gets acknowledged before the engine is killed, and again when it is back.
const NOTES: usize = 10;

#[test]
fn production_kafka_is_killed_and_nothing_acknowledged_is_lost_or_doubled() {
    own_engines::run(async |engines| killed(engines, Engine::Kafka).await);
}

#[test]
fn production_mariadb_is_killed_and_nothing_acknowledged_is_lost_or_doubled() {
    own_engines::run(async |engines| killed(engines, Engine::MariaDb).await);
}

async fn killed(engines: &OwnEngines, engine: Engine) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let people = writers(&world, WRITERS).await;
    let load = Load::default();
    load.beside(&people, async {
        load.progress(&people, NOTES).await;
        engines.kill(engine).await;
        engines.up(engine).await;
        load.progress(&people, NOTES).await;
    })
    .await;
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
    world.settle().await;
    load.assert_pages(&people).await;
    let journal = site.lock().expect("the site").journal().expect("a journal");
    load.assert_log(&log::notes(&journal).await);
}
