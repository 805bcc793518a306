//! Repeating a write under its key.

use std::future::IntoFuture as _;

use serde_json::json;

use crate::world::{World, columns};

/// How often two requests are sent at once.
const ROUNDS: usize = 10;

columns! {
    the_same_key_and_body_make_one_note,
    the_same_key_with_another_body_is_refused,
    of_two_at_once_under_one_key_one_acts,
    every_post_is_done_once_under_its_key,
    a_request_that_was_refused_leaves_its_key_free,
    a_repeated_sign_up_is_the_same_person,
    a_repeated_sign_up_that_was_refused_is_refused_in_the_same_way,
    a_sign_up_repeated_after_an_erasure_brings_nobody_back,
    of_two_sign_ups_for_one_name_exactly_one_is_accepted,
}

async fn the_same_key_and_body_make_one_note(world: &World) {
    let ana = world.sign_up("Ana").await;
    let body = json!({"body": "once"});
    let first = ana.post("/v1/notes", body.clone()).key("k-1").await.expect(201);
    let again = ana.post("/v1/notes", body).key("k-1").await.expect(201);
    assert_eq!((first.id(), first.json()["created_at"].clone()), (again.id(), again.json()["created_at"].clone()));
    world.settle().await;
    assert_eq!(ana.feed().await.items().len(), 1);
}

async fn the_same_key_with_another_body_is_refused(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ana.post("/v1/notes", json!({"body": "once"})).key("k-1").await.expect(201);
    ana.post("/v1/notes", json!({"body": "else"})).key("k-1").await.refused(422, "idempotency-mismatch");
    ben.post("/v1/notes", json!({"body": "else"})).key("k-1").await.expect(201);
    ana.post("/v1/notes", json!({"body": "once"})).key("a b").await.expect(422);
}

async fn of_two_at_once_under_one_key_one_acts(world: &World) {
    let ana = world.sign_up("Ana").await;
    for round in 0..ROUNDS {
        let (key, body) = (format!("k-{round}"), json!({"body": format!("round {round}")}));
        let (here, there) = (ana.at(round), ana.at(round + 1));
        let other = json!({"body": "another"});
        let asked = (here.post("/v1/notes", body.clone()).key(&key), there.post("/v1/notes", body.clone()).key(&key));
        let other = there.post("/v1/notes", other).key(&key);
        let (one, two, other) = tokio::join!(asked.0.into_future(), asked.1.into_future(), other.into_future());
        // Whichever came first acted; the others are told to wait, that the key is another's, or of the same note.
        let mut made: Vec<String> = Vec::new();
        let again = ana.post("/v1/notes", body).key(&key).await;
        let others_key = other.status == 201;
        for answer in [one, two, other, again] {
            match answer.status.as_u16() {
                201 => made.push(answer.id()),
                409 => assert!(answer.refused(409, "in-progress").header("retry-after").is_some()),
                _ => drop(answer.refused(422, "idempotency-mismatch")),
            }
        }
        assert_eq!(made.len() == 1, others_key, "{made:?}");
        assert!(made.windows(2).all(|pair| pair[0] == pair[1]), "{made:?}");
    }
    world.settle().await;
    assert_eq!(ana.all("/v1/feed", 100).await.len(), ROUNDS);
}

async fn every_post_is_done_once_under_its_key(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note(&format!("Hello, @{}", ben.username)).await;
    world.settle().await;
    let comment = || ben.post(format!("/v1/nodes/{note}/comments"), json!({"body": "once"})).key("k-2");
    let (first, again) = (comment().await.expect(201), comment().await.expect(201));
    assert_eq!(first.id(), again.id());
    world.settle().await;
    assert_eq!(ana.get(format!("/v1/nodes/{note}")).await.expect(200).json()["comment_count"], 1);
    // A key stands for one request: the same on another path is another.
    ben.post("/v1/notes", json!({"body": "once"})).key("k-2").await.refused(422, "idempotency-mismatch");
    let told = ben.get("/v1/notifications").await.expect(200).ids();
    for _ in 0..2 {
        ben.post("/v1/notifications/read", json!({"through": told[0]})).key("k-3").await.expect(204);
    }
    let sign_in = || world.guest().clone();
    let credentials = json!({"login": ana.username, "password": ana.password});
    let one = sign_in().post("/v1/sessions", credentials.clone()).key("k-4").await.expect(201).json();
    let two = sign_in().post("/v1/sessions", credentials).key("k-4").await.expect(201).json();
    assert_ne!(one["token"], two["token"], "a repeated sign-in gets a session of its own");
    for session in [one, two] {
        ana.clone().in_session(&session).get("/v1/me").await.expect(200);
    }
}

async fn a_request_that_was_refused_leaves_its_key_free(world: &World) {
    let ana = world.sign_up("Ana").await;
    ana.post("/v1/notes", json!({"body": ""})).key("k-1").await.expect(422);
    ana.post("/v1/notes", json!({"body": 1})).key("k-1").await.expect(422);
    let first = ana.post("/v1/notes", json!({"body": "once"})).key("k-1").await.expect(201);
    assert_eq!(ana.post("/v1/notes", json!({"body": "once"})).key("k-1").await.expect(201).id(), first.id());
}

async fn a_repeated_sign_up_is_the_same_person(world: &World) {
    let ana = world.newcomer("Ana");
    let first = ana.post("/v1/people", ana.sign_up()).key("k-1").await.expect(201).json();
    let again = ana.post("/v1/people", ana.sign_up()).key("k-1").await.expect(201).json();
    assert_eq!(first["person"]["id"], again["person"]["id"]);
    assert_ne!(first["session"]["token"], again["session"]["token"]);
    ana.post("/v1/people", ana.sign_up()).await.refused(409, "username-taken");
}

async fn a_repeated_sign_up_that_was_refused_is_refused_in_the_same_way(world: &World) {
    let ana = world.sign_up("Ana").await;
    let mut namesake = world.newcomer("Ana");
    namesake.username.clone_from(&ana.username);
    let mut neighbour = world.newcomer("Ben");
    neighbour.email.clone_from(&ana.email);
    for (newcomer, code) in [(namesake, "username-taken"), (neighbour, "email-taken")] {
        let ask = || newcomer.post("/v1/people", newcomer.sign_up()).key("k-1");
        for _ in 0..2 {
            ask().await.refused(409, code);
        }
        // By now what he asked is erased, its key with it.
        world.settle().await;
        ask().await.refused(409, code);
    }
}

async fn a_sign_up_repeated_after_an_erasure_brings_nobody_back(world: &World) {
    let ana = world.newcomer("Ana");
    let ask = || ana.post("/v1/people", ana.sign_up()).key("k-1");
    let signed_in = ana.clone().in_session(&ask().await.expect(201).json()["session"]);
    signed_in.post("/v1/me/erasure", json!({"password": ana.password})).await.expect(202);
    world.settle().await;
    ask().await.refused(409, "username-taken");
    ana.post("/v1/people", ana.sign_up()).await.refused(409, "username-taken");
}

async fn of_two_sign_ups_for_one_name_exactly_one_is_accepted(world: &World) {
    let one = world.newcomer("Ana");
    let mut other = world.newcomer("Ana");
    other.username = one.username.to_uppercase();
    // The last api of the site, where there are several.
    let (here, there) = (one.at(0), other.at(1));
    let asked = (here.post("/v1/people", one.sign_up()), there.post("/v1/people", other.sign_up()));
    let (a, b) = tokio::join!(asked.0.into_future(), asked.1.into_future());
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{a}\n{b}");
}
