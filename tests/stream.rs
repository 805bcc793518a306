//! The live stream: what comes, what does not, where it goes on, and when it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use aredvi_events::Clock;
use serde_json::{Value, json};

use crate::world::{World, columns};

/// How long a stream may outlive its session.
const END_LIMIT: Duration = Duration::from_secs(5);

columns! {
    what_happens_is_told_as_it_happens,
    who_comes_back_misses_nothing_and_hears_nothing_twice,
    who_comes_back_is_told_what_was_taken_away,
    who_ended_a_follow_himself_fetches_again,
    an_id_that_is_not_ones_own_is_answered_by_one_reset,
    nothing_is_told_of_who_blocks_the_listener,
    a_stream_ends_with_its_session,
}

async fn what_happens_is_told_as_it_happens(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    world.settle().await;
    let mut heard = ben.listen(None).await;
    let note = ana.note("Hello").await;
    let story = heard.next_of("story").await;
    assert_eq!((&story["verb"], &story["object"]["id"]), (&json!("note_add"), &json!(note)));
    ana.patch(format!("/v1/nodes/{note}"), json!({"body": "Hello again"})).await.expect(200);
    let changed = heard.next_of("story_changed").await;
    assert_eq!((&changed["id"], &changed["object"]["body"]), (&story["id"], &json!("Hello again")));
    ana.delete(format!("/v1/nodes/{note}")).await.expect(204);
    assert_eq!(heard.next_of("story_removed").await["id"], story["id"]);
    ana.note(&format!("Look, @{}", ben.username)).await;
    assert_eq!(heard.next_of("notification").await["verb"], "actor_mention");
}

async fn who_comes_back_misses_nothing_and_hears_nothing_twice(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    world.settle().await;
    let mut heard = ben.at(0).listen(None).await;
    ana.note("One").await;
    assert_eq!(heard.next_of("story").await["object"]["body"], "One");
    let last = heard.last_id.clone();
    drop(heard);
    ana.note("Two").await;
    ana.note("Three").await;
    world.settle().await;
    let mut heard = ben.at(1).listen(Some(&last)).await;
    ana.note("Four").await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let frame = heard.next().await;
        assert_eq!(frame.event, "story");
        told.push(frame.data["object"]["body"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(told.pop().as_deref(), Some("Four"));
    told.sort();
    assert_eq!(told, ["Three", "Two"]);
}

async fn who_comes_back_is_told_what_was_taken_away(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    ben.follow(&ana).await;
    ana.follow(&cai).await;
    let [gone, kept, hidden] = [ana.note("Gone").await, ana.note("Kept").await, ana.note("Hidden").await];
    ana.comment(&gone, "Gone with its note").await;
    let comment = ana.comment(&kept, "Gone alone").await;
    world.settle().await;
    let before = ben.feed().await;
    let last = ben.at(0).listen(None).await.last_id;
    ana.delete(format!("/v1/nodes/{gone}")).await.expect(204);
    ana.delete(format!("/v1/comments/{comment}")).await.expect(204);
    ana.patch(format!("/v1/nodes/{hidden}"), json!({"access": "admins"})).await.expect(200);
    ana.delete(format!("/v1/actors/{}/follow", cai.id)).await.expect(204);
    ana.note("Meanwhile").await;
    world.settle().await;
    let after = stories(&ben.feed().await.items());
    let mut heard = ben.at(1).listen(Some(&last)).await;
    ana.note("Live").await;
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    while added.last() != Some(&json!("Live")) {
        let frame = heard.next().await;
        match frame.event.as_str() {
            "story_removed" => removed.push(frame.data["id"].to_string()),
            "story" => added.push(frame.data["object"]["body"].clone()),
            other => assert_eq!((other, &frame.data["object"]["id"]), ("story_changed", &json!(kept))),
        }
    }
    let once: BTreeSet<String> = removed.iter().cloned().collect();
    let expected: BTreeSet<String> = stories(&before.items()).difference(&after).cloned().collect();
    assert_eq!((once.len(), expected.len()), (removed.len(), 5), "the note, both comments, the hidden, the follow: {removed:?}");
    assert_eq!(once, expected);
    assert_eq!(added, [json!("Meanwhile"), json!("Live")]);
}

async fn who_ended_a_follow_himself_fetches_again(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    world.settle().await;
    let last = ben.listen(None).await.last_id;
    ben.delete(format!("/v1/actors/{}/follow", ana.id)).await.expect(204);
    world.settle().await;
    let mut heard = ben.listen(Some(&last)).await;
    assert_eq!(heard.next().await.event, "reset");
    ben.note("After").await;
    assert_eq!(heard.next().await.event, "story");
}

/// The ids of a page's stories.
fn stories(page: &[Value]) -> BTreeSet<String> {
    page.iter().map(|story| story["id"].to_string()).collect()
}

async fn an_id_that_is_not_ones_own_is_answered_by_one_reset(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    let anas = ana.listen(None).await.last_id;
    for last in [anas.as_str(), "Zm9yZ2Vk", "x"] {
        let mut heard = ben.listen(Some(last)).await;
        assert_eq!(heard.next().await.event, "reset");
        ben.note("After").await;
        assert_eq!(heard.next().await.event, "story");
    }
}

async fn nothing_is_told_of_who_blocks_the_listener(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    ben.follow(&ana).await;
    ben.follow(&cai).await;
    world.settle().await;
    let mut heard = ben.listen(None).await;
    ana.block(&ben).await;
    let hidden = ana.note("Not for Ben").await;
    world.settle().await;
    let shown = cai.note("For Ben").await;
    loop {
        let frame = heard.next().await;
        assert_ne!(frame.data["object"]["id"], json!(hidden));
        if frame.event == "story" {
            assert_eq!(frame.data["object"]["id"], json!(shown));
            break;
        }
    }
}

async fn a_stream_ends_with_its_session(world: &World) {
    let here = world.sign_up("Ana").await;
    let there = here.sign_in().await;
    let mut heard = there.listen(None).await;
    here.delete(format!("/v1/sessions/{}", there.session)).await.expect(204);
    Clock::default().timeout(END_LIMIT, heard.ended()).await.expect("the stream outlived its session");
}
