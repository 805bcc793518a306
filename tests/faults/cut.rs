//! The wire between some processes and an engine is slow, cut, silent, or carries questions and no answers, under load:
//! what cannot be done is said in time, the processes beside them go on, and nothing is lost or doubled.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::load::{Load, writers};
use super::log;
use crate::world::answer::Answer;
use crate::world::ask::Ask;
use crate::world::own_engines::{self, Engine, OwnEngines};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::wire::Carries;
use crate::world::{World, until};

/// Those on the wire: one of each role, and the only planner and notifier.
const WIRED: [&str; 4] = ["projector-1", "planner", "notifier", "api-1"];
/// The api on the wire, and the one beside it.
const CUT: usize = 0;
const WHOLE: usize = 1;
/// Clients that write at once, by both apis.
const WRITERS: usize = 3;
/// Notes that each gets acknowledged before, during and after.
const NOTES: usize = 5;
/// How the wire fails.
const FAULTS: [Carries; 3] = [Carries::Nothing, Carries::Silence, Carries::Questions];
/// A write is answered within this while the journal cannot be reached: two seconds for what its writer wrote elsewhere, which
/// this api cannot hear of, and two for the append. A machine at work may take a little longer.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// Whatever else is asked is answered within this.
const ANSWER_LIMIT: Duration = Duration::from_secs(9);
/// Who lost his engine loses his partitions within his lease and a round; the machine may be busy.
const MOVED_LIMIT: Duration = Duration::from_secs(40);
/// Within this all goes on when the wire is whole.
const HEALED_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn production_a_cut_wire_to_kafka_is_503_in_time_and_loses_nothing() {
    if !super::all_asked() {
        return;
    }
    own_engines::run(async |engines| cut(engines, Engine::Kafka).await);
}

#[test]
fn production_a_cut_wire_to_mariadb_moves_the_work_and_loses_nothing() {
    if !super::all_asked() {
        return;
    }
    own_engines::run(async |engines| cut(engines, Engine::MariaDb).await);
}

#[test]
fn production_a_cut_wire_to_redis_leaves_reads_and_loses_nothing() {
    if !super::all_asked() {
        return;
    }
    own_engines::run(async |engines| cut(engines, Engine::Redis).await);
}

async fn cut(engines: &OwnEngines, engine: Engine) {
    let (wire, wired) = engines.wire(engine);
    let wires = WIRED.map(|name| (name, wired.clone())).to_vec();
    let site = Mutex::new(Site::start(&Setting { wires, ..Setting::many_on(&engines.urls) }));
    let world = World::beside(&site).await;
    let people = writers(&world, WRITERS).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    ana.note("before").await;
    world.settle().await;
    for api in [CUT, WHOLE] {
        ana.at(api).note("before").await;
        reads(&ben.at(api)).await;
    }
    let load = Load::default();
    load.beside(&people, async {
        load.progress(&people, NOTES).await;
        wire.set(Carries::Late);
        in_time(ana.at(CUT).post("/v1/notes", json!({"body": "late"})), ANSWER_LIMIT).await.expect(201);
        reads(&ben.at(CUT)).await;
        for fault in FAULTS {
            eprintln!("{engine:?}: {fault:?}");
            wire.set(fault);
            match engine {
                Engine::Kafka => without_kafka(&ana, &ben).await,
                Engine::MariaDb => without_mariadb(&ana, &ben).await,
                Engine::Redis => without_redis(&ana, &ben).await,
            }
            load.progress(&people, NOTES).await;
            wire.set(Carries::All);
            healed(&ana, &ben).await;
            load.progress(&people, NOTES).await;
        }
    })
    .await;
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
    world.settle().await;
    eprintln!("{engine:?}: {}, slowest {:?}", load.outcome(&people).await, load.slowest());
    load.assert_pages(&people).await;
    let journal = site.lock().expect("the site").journal().expect("a journal");
    let mut notes = log::notes(&journal).await;
    for ana in [&ana, &ben] {
        for story in ana.all(&format!("/v1/actors/{}/stories", ana.id), 100).await {
            notes.remove(story["object"]["id"].as_str().unwrap_or_default());
        }
    }
    load.assert_log(&notes);
    assert!(!world.said().concat().contains("panicked"));
}

async fn without_kafka(ana: &Person, ben: &Person) {
    // What is under way when it is cut may have arrived.
    let refused = async || (in_time(keyless(&ana.at(CUT)), WRITE_LIMIT).await.status == 503).then_some(());
    until("writes are refused", MOVED_LIMIT, refused).await;
    for _ in 0..2 {
        in_time(keyless(&ana.at(CUT)), WRITE_LIMIT).await.expect(503);
        reads(&ben.at(CUT)).await;
        ana.at(WHOLE).note("beside").await;
    }
}

async fn without_mariadb(ana: &Person, ben: &Person) {
    // Keys of who wrote lately are in memory, and the journal is there.
    in_time(keyless(&ana.at(CUT)), ANSWER_LIMIT).await.expect(201);
    in_time(ben.at(CUT).get("/v1/people?q=an"), ANSWER_LIMIT).await.expect(503);
    // A page whose cards are all in memory or in Redis needs no database.
    let page = in_time(ben.at(CUT).get("/v1/feed"), ANSWER_LIMIT).await;
    assert!(page.status == 200 || page.status == 503, "{}", page.status);
    in_time(ben.at(CUT).get("/v1/notifications/count"), ANSWER_LIMIT).await.expect(200);
    // The other projector takes over what this one held.
    let (ana, ben) = (ana.at(WHOLE), ben.at(WHOLE));
    let note = ana.note("beside").await;
    until("the work has moved", MOVED_LIMIT, async || {
        let newest = ben.get("/v1/feed").await.expect(200).items();
        newest.iter().any(|story| story["object"]["id"] == note.as_str()).then_some(())
    })
    .await;
}

async fn without_redis(ana: &Person, ben: &Person) {
    for round in 0..2 {
        let keyed = ana.at(CUT);
        let keyed = keyed.post("/v1/notes", json!({"body": "keyed"})).key(format!("k-{round}"));
        in_time(keyed, ANSWER_LIMIT).await.expect(503);
        in_time(keyless(&ana.at(CUT)), ANSWER_LIMIT).await.expect(201);
        reads(&ben.at(CUT)).await;
        ana.at(WHOLE).note("beside").await;
    }
}

/// Both apis do all that they did before.
async fn healed(ana: &Person, ben: &Person) {
    for api in [CUT, WHOLE] {
        let (ana, ben) = (ana.at(api), ben.at(api));
        until("a write is taken again", HEALED_LIMIT, async || {
            let keyed = ana.post("/v1/notes", json!({"body": "healed"})).key(uuid::Uuid::new_v4().to_string());
            (keyed.await.status == 201).then_some(())
        })
        .await;
        until("everything is read again", HEALED_LIMIT, async || {
            let answer = ben.get("/v1/feed").await;
            (answer.status == 200 && answer.header("aredvi-stale").is_none()).then_some(())
        })
        .await;
    }
}

fn keyless(person: &Person) -> Ask<'_> {
    person.post("/v1/notes", json!({"body": "without a key"}))
}

async fn reads(ben: &Person) {
    for path in ["/v1/me", "/v1/feed", "/v1/notifications/count"] {
        in_time(ben.get(path), ANSWER_LIMIT).await.expect(200);
    }
}

async fn in_time(asked: Ask<'_>, limit: Duration) -> Answer {
    let began = Instant::now();
    let answer = asked.await;
    assert!(began.elapsed() < limit, "{:?}: {answer}", began.elapsed());
    answer
}
