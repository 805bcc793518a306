//! An api and a projector are asked to end under load: no answer is cut short, and the writes that stand are those that
//! were answered.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::own_engines::{self, OwnEngines};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// Which process of a [`Shape::Many`](crate::world::site::Shape) is which.
const PROJECTOR_1: usize = 0;
/// The first api.
const API_1: usize = 4;
/// Clients that write at once.
const WRITERS: usize = 4;
/// Notes that stand before the signal comes.
const BEFORE: usize = 20;
/// Within this so many stand.
const BEFORE_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn production_a_signal_under_load_cuts_no_answer_and_loses_no_write() {
    own_engines::run(ended);
}

async fn ended(engines: &OwnEngines) {
    let site = Arc::new(Mutex::new(Site::start(&Setting::many_on(&engines.urls))));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    let url = site.lock().expect("the site").urls()[0].clone();
    let written = Cell::new(0);
    let writing = join_all((0..WRITERS).map(|_| write(&url, &ana, &written)));
    let ending = async {
        until("notes stand", BEFORE_LIMIT, async || (written.get() >= BEFORE).then_some(())).await;
        let site = Arc::clone(&site);
        let ended = tokio::task::spawn_blocking(move || {
            let mut site = site.lock().expect("the site");
            [PROJECTOR_1, API_1].map(|index| site.end(index))
        });
        assert!(ended.await.expect("they end").iter().all(std::process::ExitStatus::success));
    };
    let (answered, ()) = tokio::join!(writing, ending);
    let answered: BTreeSet<String> = answered.into_iter().flatten().collect();
    assert!(answered.len() >= BEFORE);
    let ana = ana.at(1);
    ana.note("by the other api").await;
    let all = || async {
        let stories = ana.all(&format!("/v1/actors/{}/stories", ana.id), 100).await;
        stories.iter().skip(1).filter_map(|story| story["object"]["id"].as_str().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    until("the other projector has all", BEFORE_LIMIT, async || (all().await.len() >= answered.len()).then_some(())).await;
    assert_eq!(all().await, answered, "a note is there that was not answered, or the reverse");
}

/// Writes until nobody listens; the ids of what was answered. A connection that nobody accepted any more is refused or
/// reset: then nothing was written. An answer that has begun is whole.
async fn write(url: &str, ana: &Person, written: &Cell<usize>) -> Vec<String> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().expect("a client");
    let (token, mut ids) = (ana.token.as_ref().expect("a token"), Vec::new());
    loop {
        let body = json!({"body": format!("note {}", ids.len())});
        let sent = client.post(format!("{url}/v1/notes")).bearer_auth(token).json(&body).send();
        let Ok(response) = sent.await else { return ids };
        assert_eq!(response.status(), 201);
        let note: Value = response.json().await.expect("a whole answer");
        ids.push(note["id"].as_str().expect("an id").to_owned());
        written.set(written.get() + 1);
    }
}
