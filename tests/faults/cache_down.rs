//! Redis is killed and starts again, empty: reads go on, nobody is told that he is not signed in, and it heals by itself.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::world::own_engines::{self, Engine, OwnEngines};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// Within this the same tokens work again.
const HEALED_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn production_reads_go_on_and_the_same_tokens_work_again() {
    own_engines::run(cache_down);
}

async fn cache_down(engines: &OwnEngines) {
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    let note = ana.note("before").await;
    world.settle().await;
    for api in 0..2 {
        reads(&ben.at(api), &note).await;
    }
    // Only the first api has seen this session.
    let cai = world.sign_up("Cai").await;
    world.settle().await;
    let elsewhere = cai.sign_in().await;
    elsewhere.at(0).get("/v1/me").await.expect(200);

    engines.kill(Engine::Redis).await;
    for api in 0..2 {
        reads(&ben.at(api), &note).await;
        let ben = ben.at(api);
        ben.post("/v1/notes", json!({"body": "keyed"})).key("k-1").await.refused(503, "unavailable");
        let new = ben.note("without a key").await;
        // Its cards are not in memory: the views are asked at once.
        until("the new note", HEALED_LIMIT, async || {
            ben.feed().await.items().iter().any(|story| story["object"]["id"] == json!(new)).then_some(())
        })
        .await;
    }
    elsewhere.at(0).get("/v1/me").await.expect(200);
    elsewhere.at(1).get("/v1/me").await.refused(503, "unavailable");

    engines.up(Engine::Redis).await;
    for person in [&ana, &ben, &elsewhere] {
        until("the token works again", HEALED_LIMIT, async || {
            // The list of sessions is read from the cache itself.
            let answer = person.get("/v1/sessions").await;
            assert!([200, 503].contains(&answer.status.as_u16()), "{answer}");
            (answer.status == 200).then_some(())
        })
        .await;
    }
    let keyed = async || (ben.post("/v1/notes", json!({"body": "keyed"})).key("k-1").await.status == 201).then_some(());
    until("a reservation can be had again", HEALED_LIMIT, keyed).await;
    world.settle().await;
    let stories = ben.all(&format!("/v1/actors/{}/stories", ben.id), 100).await;
    assert_eq!(stories.iter().filter(|story| story["object"]["body"] == "keyed").count(), 1);
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
}

async fn reads(ben: &Person, note: &str) {
    for path in ["/v1/me", "/v1/feed", "/v1/notifications/count", &format!("/v1/nodes/{note}")] {
        ben.get(path).await.expect(200);
    }
}
