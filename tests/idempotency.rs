//! Repeating a write under its key.

use std::future::IntoFuture as _;

use serde_json::json;

use crate::world::{World, columns};

columns! {
    the_same_key_and_body_make_one_note,
    the_same_key_with_another_body_is_refused,
    a_repeated_sign_up_is_the_same_person,
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

async fn a_repeated_sign_up_is_the_same_person(world: &World) {
    let ana = world.newcomer("Ana");
    let first = ana.post("/v1/people", ana.sign_up()).key("k-1").await.expect(201).json();
    let again = ana.post("/v1/people", ana.sign_up()).key("k-1").await.expect(201).json();
    assert_eq!(first["person"]["id"], again["person"]["id"]);
    assert_ne!(first["session"]["token"], again["session"]["token"]);
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
