//! Being told of what happens to a note, or on somebody's page.

use serde_json::json;

use crate::world::person::Person;
use crate::world::{World, columns};

columns! {
    a_subscriber_of_a_note_is_told_of_comments_until_he_says_no,
    a_subscriber_of_a_page_is_told_of_its_notes_until_he_says_no,
    an_unfollow_and_a_block_end_the_subscription_of_a_page,
    nobody_subscribes_to_himself_or_to_what_he_does_not_see,
}

/// How often somebody was told `verb` about what stands there.
async fn told(person: &Person, verb: &str, object: &str) -> usize {
    let told = person.all("/v1/notifications", 100).await;
    told.iter().filter(|told| told["verb"] == verb && told["object"]["id"] == object).count()
}

async fn subscribed(person: &Person, note: &str) -> bool {
    let node = person.get(format!("/v1/nodes/{note}")).await.expect(200).json();
    node["viewer"]["subscribed"].as_bool().expect("a flag")
}

async fn a_subscriber_of_a_note_is_told_of_comments_until_he_says_no(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    let note = ana.note("What is new?").await;
    world.settle().await;
    let path = format!("/v1/nodes/{note}/subscription");
    assert!(subscribed(&ana, &note).await && !subscribed(&ben, &note).await);
    ben.put(&path).await.expect(204);
    ben.put(&path).await.expect(204);
    assert!(subscribed(&ben, &note).await);
    cai.comment(&note, "One").await;
    world.settle().await;
    assert_eq!((told(&ben, "note_comment", &note).await, told(&ana, "note_comment", &note).await), (1, 1));
    assert_eq!(told(&cai, "note_comment", &note).await, 0, "his own");
    ben.delete(&path).await.expect(204);
    ben.delete(&path).await.expect(204);
    assert!(!subscribed(&ben, &note).await);
    cai.comment(&note, "Two").await;
    world.settle().await;
    assert_eq!((told(&ben, "note_comment", &note).await, told(&ana, "note_comment", &note).await), (1, 2));
    // Who takes part is told; who owns the note may have enough of it.
    assert!(subscribed(&cai, &note).await);
    ana.delete(&path).await.expect(204);
    ben.comment(&note, "Three").await;
    world.settle().await;
    assert!(subscribed(&ben, &note).await && !subscribed(&ana, &note).await);
    assert_eq!(told(&cai, "note_comment", &note).await, 1);
}

async fn a_subscriber_of_a_page_is_told_of_its_notes_until_he_says_no(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    let path = format!("/v1/actors/{}/subscription", ana.id);
    ben.put(&path).await.expect(204);
    ben.put(&path).await.expect(204);
    let first = ana.note("One").await;
    world.settle().await;
    assert_eq!(told(&ben, "note_add", &first).await, 1);
    let feed = ben.feed().await;
    assert!(feed.items().is_empty(), "to be told is not to follow: {feed}");
    ben.delete(&path).await.expect(204);
    ben.delete(&path).await.expect(204);
    let second = ana.note("Two").await;
    world.settle().await;
    assert_eq!(told(&ben, "note_add", &second).await, 0);
}

async fn an_unfollow_and_a_block_end_the_subscription_of_a_page(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    world.settle().await;
    for person in [&ben, &cai] {
        person.follow(&ana).await;
        person.put(format!("/v1/actors/{}/subscription", ana.id)).await.expect(204);
    }
    world.settle().await;
    ben.delete(format!("/v1/actors/{}/follow", ana.id)).await.expect(204);
    ana.block(&cai).await;
    ana.delete(format!("/v1/actors/{}/block", cai.id)).await.expect(204);
    world.settle().await;
    cai.follow(&ana).await;
    world.settle().await;
    let note = ana.note("Who hears this?").await;
    world.settle().await;
    assert_eq!((told(&ben, "note_add", &note).await, told(&cai, "note_add", &note).await), (0, 0));
    assert!(cai.feed().await.items().iter().any(|story| story["object"]["id"] == note.as_str()));
}

async fn nobody_subscribes_to_himself_or_to_what_he_does_not_see(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let private = ana.post("/v1/notes", json!({"body": "mine", "access": "admins"})).await.expect(201).id();
    world.settle().await;
    ana.put(format!("/v1/actors/{}/subscription", ana.id)).await.refused(403, "not-allowed");
    ben.put(format!("/v1/nodes/{private}/subscription")).await.refused(404, "not-found");
    world.guest().put(format!("/v1/actors/{}/subscription", ana.id)).await.refused(401, "sign-in-required");
    ana.patch("/v1/me", json!({"access": "followers"})).await.expect(200);
    world.settle().await;
    ben.put(format!("/v1/actors/{}/subscription", ana.id)).await.refused(404, "not-found");
}
