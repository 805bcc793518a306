//! The projector of the sessions dies with its lease: who signs up meanwhile waits, and is never taken for a stranger.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, until};

/// A dead projector's partitions move within its lease and a round; the machine may be busy.
const MOVED_LIMIT: Duration = Duration::from_secs(30);
/// People who sign up, so that some come while the lease still stands.
const PEOPLE: usize = 4;

columns! {
    each alone:
    who_signs_up_right_after_a_crash_is_never_told_to_sign_in,
}

async fn who_signs_up_right_after_a_crash_is_never_told_to_sign_in(column: Column) {
    let site = Mutex::new(Site::start(&Setting::one(column)));
    World::beside(&site).await.sign_up("Ana").await;
    {
        let mut site = site.lock().expect("the site");
        site.kill(0);
        site.restart(0);
    }
    let world = World::beside(&site).await;
    for _ in 0..PEOPLE {
        let newcomer = signs_up(&world).await;
        until("the newcomer's note", MOVED_LIMIT, async || {
            let answer = newcomer.post("/v1/notes", json!({"body": "I am here"})).await;
            assert!([201, 503].contains(&answer.status.as_u16()), "{answer}");
            (answer.status == 201).then_some(())
        })
        .await;
    }
}

/// Somebody new, signed in. The decider died too: while its lease stands the verdict may come later than the answer.
async fn signs_up(world: &World) -> Person {
    let newcomer = world.newcomer("Ben");
    let answer = newcomer.post("/v1/people", newcomer.sign_up()).await;
    if answer.status == 201 {
        return newcomer.in_session(&answer.json()["session"]);
    }
    let state = answer.expect(202).header("location").expect("where to ask").to_owned();
    until("the verdict", MOVED_LIMIT, async || {
        let registration = newcomer.get(state.as_str()).await.expect(200).json();
        (registration["state"] == "accepted").then_some(())
    })
    .await;
    until("the session", MOVED_LIMIT, async || {
        let login = json!({"login": newcomer.username, "password": newcomer.password});
        let answer = newcomer.post("/v1/sessions", login).await;
        assert!([201, 503].contains(&answer.status.as_u16()), "{answer}");
        (answer.status == 201).then(|| newcomer.clone().in_session(&answer.json()))
    })
    .await
}
