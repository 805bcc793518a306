//! MariaDB is away: what needs it says so in time, what does not goes on, and all is well again when it is back.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::log;
use crate::world::answer::Answer;
use crate::world::ask::Ask;
use crate::world::own_engines::{self, Engine, OwnEngines};
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// Whatever is asked is answered within this.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Rounds of questions while it is away.
const ROUNDS: usize = 2;
/// Within this all goes on when it is back.
const HEALED_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn production_what_needs_the_database_is_503_and_the_rest_goes_on() {
    own_engines::run(database_down);
}

async fn database_down(engines: &OwnEngines) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    let note = ana.note("before").await;
    world.settle().await;
    for api in 0..2 {
        ana.at(api).note("before").await;
        ben.at(api).feed().await;
        ben.at(api).get("/v1/notifications/count").await.expect(200);
    }
    world.settle().await;

    engines.kill(Engine::MariaDb).await;
    let mut written = 0;
    for round in 0..ROUNDS {
        for api in 0..2 {
            let (ana, ben) = (ana.at(api), ben.at(api));
            let guest = world.guest().at(api);
            // What stands in memory: keys of who wrote lately, sessions, facts, counts.
            for path in ["/healthz", "/readyz"] {
                in_time(guest.get(path)).await.expect(200);
            }
            let written_now = in_time(ana.post("/v1/notes", json!({"body": format!("meanwhile {round} {api}")})));
            written_now.await.expect(201);
            written += 1;
            in_time(ben.get("/v1/notifications/count")).await.expect(200);
            // What is read from rows.
            for path in ["/v1/feed".to_owned(), format!("/v1/actors/{}/stories", ana.id), "/v1/people?q=an".to_owned()] {
                in_time(ben.get(path)).await.expect(503);
            }
            let login = json!({"login": ana.username, "password": ana.password});
            in_time(guest.post("/v1/sessions", login)).await.expect(503);
        }
    }
    let journal = site.lock().expect("the site").journal().expect("a journal");
    assert_eq!(log::notes(&journal).await.len(), 3 + written);

    engines.up(Engine::MariaDb).await;
    until("the feed is read again", HEALED_LIMIT, async || (ben.get("/v1/feed").await.status == 200).then_some(())).await;
    world.settle().await;
    let notes = ana.all(&format!("/v1/actors/{}/stories", ana.id), 100).await.len();
    assert_eq!(notes, 3 + written);
    ben.get(format!("/v1/nodes/{note}")).await.expect(200);
    ana.sign_in().await;
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
}

async fn in_time(asked: Ask<'_>) -> Answer {
    let began = Instant::now();
    let answer = asked.await;
    assert!(began.elapsed() < ANSWER_LIMIT, "{:?}: {answer}", began.elapsed());
    answer
}
