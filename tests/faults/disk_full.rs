//! The disk is full: writes are 503, reads go on, nothing that was acknowledged is lost, and all goes on by itself when
//! there is room again.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::load::{Load, writers};
use super::log;
use crate::world::column::Column;
use crate::world::own_engines::{self, Engine};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::small_disk::SmallDisk;
use crate::world::{World, on_runtime, until};

/// The disk of the embedded column, in megabytes: room for everything that is made at the start.
const MEGABYTES: usize = 64;
/// Those of MariaDB and of Kafka.
const MARIADB_MEGABYTES: usize = 320;
const KAFKA_MEGABYTES: usize = 192;
/// A large note, in bytes: tables have to grow for it.
const LARGE: usize = 5_000;
/// Clients that write at once.
const WRITERS: usize = 3;
/// Notes that each gets acknowledged before it is full, and again when there is room.
const NOTES: usize = 10;
/// Writes that are refused one after the other before it counts as full: what stands in SQLite's logs has to be used up.
const REFUSED: usize = 20;
/// Within this it is full, and within this all goes on when there is room again.
const LIMIT: Duration = Duration::from_secs(60);
/// Lines that a process may say of it: one when it begins and one when it ends, for each part of it.
const MAX_LINES: usize = 60;

#[test]
fn embedded_a_full_disk_refuses_writes_loses_nothing_and_heals() {
    let Some(disk) = SmallDisk::of(MEGABYTES) else { return };
    on_runtime(async {
        let setting = Setting { data: Some(disk.dir().join("data")), ..Setting::one(Column::Embedded) };
        let site = Mutex::new(Site::start(&setting));
        let world = World::beside(&site).await;
        let (people, load) = (writers(&world, WRITERS).await, Load::default());
        let reader = world.sign_up("Ben").await;
        reader.follow(&people[0]).await;
        let mut lines = 0;
        load.beside(&people, async {
            load.progress(&people, NOTES).await;
            lines = lines_said(&world);
            disk.fill();
            refused(&world, &people[0]).await;
            for path in ["/v1/me", "/v1/feed", "/v1/notifications", "/v1/people?q=wim", "/healthz"] {
                reader.get(path).await.expect(200);
            }
            disk.free();
            load.progress(&people, NOTES).await;
        })
        .await;
        let said = world.said().concat();
        assert!(said.contains("the disk of the journal is full: writes resume when there is room again"), "{said}");
        calm(&world, lines);
        assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
        world.settle().await;
        load.assert_pages(&people).await;
        // The file itself holds it, and not a process's memory alone.
        site.lock().expect("the site").kill(0);
        site.lock().expect("the site").restart(0);
        let world = World::beside(&site).await;
        let people: Vec<Person> = people.iter().map(|person| person.again(&world)).collect();
        world.settle().await;
        load.assert_pages(&people).await;
    });
}

#[test]
fn production_views_wait_while_mariadbs_disk_is_full_and_go_on() {
    if !super::all_asked() {
        return;
    }
    own_engines::run_on_small_disk(Engine::MariaDb, MARIADB_MEGABYTES, async |engines, disk| {
        let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
        let world = World::beside(&site).await;
        let (people, load) = (writers(&world, WRITERS).await, Load::default());
        let ana = world.sign_up("Ana").await;
        let (mut lines, mut large) = (0, 0);
        load.beside(&people, async {
            load.progress(&people, NOTES).await;
            lines = lines_said(&world);
            let waits = || world.said().concat().matches(" waiting view=").count();
            let before = waits();
            disk.fill();
            until("a view waits", LIMIT, async || {
                ana.note(&"x".repeat(LARGE)).await;
                large += 1;
                (waits() > before).then_some(())
            })
            .await;
            // The record has room: only what is read of it lags.
            load.progress(&people, NOTES).await;
            ana.get("/v1/me").await.expect(200);
            disk.free();
            load.progress(&people, NOTES).await;
        })
        .await;
        world.settle().await;
        calm(&world, lines);
        assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
        load.assert_pages(&people).await;
        assert_eq!(ana.all(&format!("/v1/actors/{}/stories", ana.id), 100).await.len(), large);
    });
}

#[test]
fn production_a_full_disk_of_kafka_refuses_writes_loses_nothing_and_heals() {
    if !super::all_asked() {
        return;
    }
    own_engines::run_on_small_disk(Engine::Kafka, KAFKA_MEGABYTES, async |engines, disk| {
        let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
        let world = World::beside(&site).await;
        let (people, load) = (writers(&world, WRITERS).await, Load::default());
        let reader = world.sign_up("Ben").await;
        reader.follow(&people[0]).await;
        world.settle().await;
        let mut lines = 0;
        load.beside(&people, async {
            load.progress(&people, NOTES).await;
            for api in 0..2 {
                reader.at(api).feed().await;
            }
            lines = lines_said(&world);
            disk.fill();
            refused(&world, &reader).await;
            for path in ["/v1/me", "/v1/feed", "/v1/notifications/count"] {
                reader.get(path).await.expect(200);
            }
            disk.free();
            // A broker whose only disk has failed ends, and somebody has to start it again.
            engines.kill(Engine::Kafka).await;
            engines.up(Engine::Kafka).await;
            load.progress(&people, NOTES).await;
        })
        .await;
        world.settle().await;
        calm(&world, lines);
        assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
        load.assert_pages(&people).await;
        let journal = site.lock().expect("the site").journal().expect("a journal");
        let on_the_log = log::notes(&journal).await;
        assert!(load.ids().iter().all(|note| on_the_log.get(note).is_some_and(|events| events.len() == 1)));
    });
}

/// Few lines are said of it, and nothing has panicked.
fn calm(world: &World, before: usize) {
    let said = world.said().concat();
    assert!(!said.contains("panicked"), "{said}");
    let lines = lines_said(world) - before;
    eprintln!("{lines} lines were said of it");
    assert!(lines <= MAX_LINES, "{lines} lines of a full disk:\n{said}");
}

/// Waits until nothing more can be written.
async fn refused(world: &World, person: &Person) {
    let mut refused = 0;
    until("the disk is full", LIMIT, async || {
        let answer = person.post("/v1/notes", json!({"body": "x".repeat(4_000)})).await;
        assert!([201, 503].contains(&answer.status.as_u16()), "{answer}\n{}", world.said().concat());
        refused = if answer.status == 503 { refused + 1 } else { 0 };
        (refused >= REFUSED).then_some(())
    })
    .await;
}

fn lines_said(world: &World) -> usize {
    world.said().iter().map(|said| said.lines().count()).sum()
}
