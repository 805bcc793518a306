//! The journal is away: writes say so in time, reads go on, and all is well again when it is back.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::log;
use crate::world::answer::Answer;
use crate::world::ask::Ask;
use crate::world::own_engines::{self, Engine, OwnEngines};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// A write is answered within this, and a machine at work may take a little longer.
const WRITE_LIMIT: Duration = Duration::from_millis(2_300);
/// A read is answered within this.
const READ_LIMIT: Duration = Duration::from_secs(2);
/// For this long it is away: longer than facts are trusted without news, and than a broken connection is waited for.
const AWAY: Duration = Duration::from_secs(8);
/// Within this all goes on when it is back.
const HEALED_LIMIT: Duration = Duration::from_secs(20);
/// Processes: two projectors, planner, notifier, two apis.
const ROLES: usize = 6;

#[test]
fn production_writes_are_503_in_time_and_reads_go_on() {
    own_engines::run(journal_down);
}

#[test]
fn production_a_sign_up_refused_after_nobody_waited_is_refused_when_repeated() {
    own_engines::run(refused_unheard);
}

async fn refused_unheard(engines: &OwnEngines) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    let mut namesake = world.newcomer("Ana");
    namesake.username.clone_from(&ana.username);
    world.settle().await;
    let ask = || namesake.post("/v1/people", namesake.sign_up()).key("k-1");
    engines.freeze(Engine::Kafka);
    in_time(ask()).await.refused(503, "outcome-unknown");
    engines.thaw(Engine::Kafka);
    let journal = site.lock().expect("the site").journal().expect("a journal");
    until("it was taken, and refused", HEALED_LIMIT, async || (log::refused_registrations(&journal).await == 1).then_some(()))
        .await;
    // What he asked is erased by then, its key with it.
    world.settle().await;
    in_time(ask()).await.refused(409, "username-taken");
    assert_eq!(log::refused_registrations(&journal).await, 1);
}

async fn journal_down(engines: &OwnEngines) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    let hello = format!("Hello, @{}", ben.username);
    let note = ana.note(&hello).await;
    world.settle().await;
    for api in 0..2 {
        reads(&ben.at(api), &ana, &note).await;
    }

    // Silent first: whether it took the write cannot be known, and it does when it goes on.
    let journal = site.lock().expect("the site").journal().expect("a journal");
    let repeated = |text: &'static str| ana.post("/v1/notes", json!({"body": text})).key(text);
    engines.freeze(Engine::Kafka);
    let (unknown, ()) = tokio::join!(in_time(repeated("one")), reads(&ben, &ana, &note));
    unknown.refused(503, "outcome-unknown");
    engines.thaw(Engine::Kafka);
    engines.kill(Engine::Kafka).await;
    in_time(repeated("one")).await.expect(503);

    let began = Instant::now();
    let mut rounds = 0;
    while began.elapsed() < AWAY || rounds < 2 {
        for answer in writes(&world, &ana, &ben, &note).await {
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status, 503, "{answer}");
            assert!(["unavailable", "outcome-unknown"].contains(&code.as_str()), "{answer}");
        }
        for api in 0..2 {
            reads(&ben.at(api), &ana, &note).await;
        }
        rounds += 1;
    }

    world.guest().get("/readyz").await.expect(503);
    assert_eq!(world.statuses("/healthz").await, [200; ROLES]);
    // Projectors hold nothing in memory that grows old.
    assert_eq!(world.statuses("/readyz").await, [200, 200, 503, 503, 503, 503]);
    assert_eq!(ben.feed().await.header("aredvi-stale"), Some("true"));

    engines.up(Engine::Kafka).await;
    until("the unknown write is done", HEALED_LIMIT, async || (repeated("one").await.status == 201).then_some(())).await;
    for api in 0..2 {
        ana.at(api).note("after").await;
    }
    world.settle().await;
    let ready = async || (world.statuses("/readyz").await == [200; ROLES]).then_some(());
    until("every role is ready", HEALED_LIMIT, ready).await;
    let stories = ana.all(&format!("/v1/actors/{}/stories", ana.id), 100).await;
    let mut texts: Vec<&str> = stories.iter().filter_map(|story| story["object"]["body"].as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, [hello.as_str(), "after", "after", "one"]);
    assert_eq!(log::notes(&journal).await.len(), texts.len());
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
}

/// One of each kind of write.
async fn writes(world: &World, ana: &Person, ben: &Person, note: &str) -> Vec<Answer> {
    let newcomer = world.newcomer("Cai");
    let guest = world.guest();
    let login = json!({"login": ana.username, "password": ana.password});
    vec![
        in_time(ana.post("/v1/notes", json!({"body": "nothing"}))).await,
        in_time(ben.post(format!("/v1/nodes/{note}/comments"), json!({"body": "nothing"}))).await,
        in_time(ben.put(format!("/v1/nodes/{note}/vote"))).await,
        in_time(ana.put(format!("/v1/actors/{}/follow", ben.id))).await,
        in_time(ana.patch("/v1/me", json!({"name": "Anna"}))).await,
        in_time(guest.post("/v1/sessions", login)).await,
        in_time(newcomer.post("/v1/people", newcomer.sign_up())).await,
    ]
}

async fn in_time(write: Ask<'_>) -> Answer {
    let began = Instant::now();
    let answer = write.await;
    assert!(began.elapsed() < WRITE_LIMIT, "{:?}: {answer}", began.elapsed());
    answer
}

/// What a follower reads.
async fn reads(ben: &Person, ana: &Person, note: &str) {
    let profile = format!("/v1/people/@{}", ana.username);
    let page = format!("/v1/actors/{}/stories", ana.id);
    let node = format!("/v1/nodes/{note}");
    for path in ["/v1/me", "/v1/feed", "/v1/notifications", "/v1/notifications/count", &profile, &page, &node] {
        let began = Instant::now();
        let answer = ben.get(path).await.expect(200);
        assert!(began.elapsed() < READ_LIMIT, "{:?}: {answer}", began.elapsed());
    }
    let feed = ben.feed().await;
    assert_eq!(feed.items().first().map(|story| story["object"]["id"].clone()), Some(json!(note)), "{feed}");
}
