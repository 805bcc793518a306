//! The live stream: what comes, what does not, where it goes on, and when it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use aredvi_events::Clock;
use serde_json::{Value, json};

use crate::world::listening::Listening;
use crate::world::person::Person;
use crate::world::{World, columns};

/// How long a stream may outlive its session.
const END_LIMIT: Duration = Duration::from_secs(5);

columns! {
    what_happens_is_told_as_it_happens,
    who_comes_back_misses_nothing_and_hears_nothing_twice,
    who_comes_back_is_told_what_was_taken_away,
    who_ends_a_follow_is_told_what_leaves_his_feed,
    who_is_parted_while_away_is_told_what_left_his_feed,
    a_block_takes_away_what_could_be_seen_and_tells_of_nothing_else,
    who_is_followed_no_longer_loses_what_was_for_leaders_alone,
    who_is_parted_from_a_page_that_lost_something_too_fetches_again,
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

/// Ana's page has what everybody may see, what is for her followers, and what is for her leaders alone.
async fn a_page_of_three_levels(ana: &Person) {
    for access in ["public", "followers", "leaders"] {
        ana.post("/v1/notes", json!({"body": access, "access": access})).await.expect(201);
    }
}

/// The stories that are told to be gone, until one's own note is told.
async fn removed_until_own_note(person: &Person, heard: &mut Listening) -> BTreeSet<String> {
    let own = person.note("My own").await;
    let mut removed = Vec::new();
    loop {
        let frame = heard.next().await;
        match frame.event.as_str() {
            "story_removed" => removed.push(frame.data["id"].to_string()),
            "notification_count" => {}
            other => {
                assert_eq!((other, &frame.data["object"]["id"]), ("story", &json!(own)));
                break;
            }
        }
    }
    let once: BTreeSet<String> = removed.iter().cloned().collect();
    assert_eq!(once.len(), removed.len(), "told twice: {removed:?}");
    once
}

async fn who_ends_a_follow_is_told_what_leaves_his_feed(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    for leader in [&ana, &cai] {
        ben.follow(leader).await;
    }
    ana.follow(&cai).await;
    a_page_of_three_levels(&ana).await;
    cai.note("Cai's").await;
    world.settle().await;
    let before = stories(&ben.feed().await.items());
    let mut heard = ben.at(0).listen(None).await;
    ben.at(0).delete(format!("/v1/actors/{}/follow", ana.id)).await.expect(204);
    world.settle().await;
    let after = stories(&ben.feed().await.items());
    let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
    assert_eq!(gone.len(), 4, "two notes, her follow, and his");
    assert_eq!(removed_until_own_note(&ben, &mut heard).await, gone);
}

async fn who_is_parted_while_away_is_told_what_left_his_feed(world: &World) {
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    for leader in [&ana, &cai] {
        ben.follow(leader).await;
        a_page_of_three_levels(leader).await;
    }
    world.settle().await;
    let before = stories(&ben.feed().await.items());
    let last = ben.at(0).listen(None).await.last_id;
    ben.at(0).delete(format!("/v1/actors/{}/follow", ana.id)).await.expect(204);
    cai.block(&ben).await;
    world.settle().await;
    let after = stories(&ben.feed().await.items());
    let mut heard = ben.at(1).listen(Some(&last)).await;
    let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
    assert_eq!(gone.len(), 6, "two notes of each, and both follows");
    assert_eq!(removed_until_own_note(&ben, &mut heard).await, gone);
}

async fn a_block_takes_away_what_could_be_seen_and_tells_of_nothing_else(world: &World) {
    for blocks in [true, false] {
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ben.follow(&ana).await;
        ana.follow(&ben).await;
        a_page_of_three_levels(&ana).await;
        ana.post("/v1/notes", json!({"body": "hers", "access": "admins"})).await.expect(201);
        world.settle().await;
        let before = stories(&ben.feed().await.items());
        let mut heard = ben.at(0).listen(None).await;
        if blocks {
            ben.at(0).block(&ana).await;
        } else {
            ana.block(&ben).await;
        }
        ana.note("Not for Ben").await;
        world.settle().await;
        let after = stories(&ben.feed().await.items());
        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        assert_eq!(gone.len(), 5, "three notes and both follows");
        assert_eq!(removed_until_own_note(&ben, &mut heard).await, gone, "blocks: {blocks}");
    }
}

async fn who_is_followed_no_longer_loses_what_was_for_leaders_alone(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    ana.follow(&ben).await;
    a_page_of_three_levels(&ana).await;
    world.settle().await;
    let before = stories(&ben.feed().await.items());
    let mut heard = ben.at(0).listen(None).await;
    ana.delete(format!("/v1/actors/{}/follow", ben.id)).await.expect(204);
    world.settle().await;
    let after = stories(&ben.feed().await.items());
    let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
    assert_eq!(gone.len(), 2, "the note for leaders, and the follow");
    assert_eq!(removed_until_own_note(&ben, &mut heard).await, gone);
}

async fn who_is_parted_from_a_page_that_lost_something_too_fetches_again(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ben.follow(&ana).await;
    let note = ana.note("Gone as well").await;
    world.settle().await;
    let last = ben.at(0).listen(None).await.last_id;
    ben.at(0).delete(format!("/v1/actors/{}/follow", ana.id)).await.expect(204);
    ana.delete(format!("/v1/nodes/{note}")).await.expect(204);
    world.settle().await;
    let mut heard = ben.at(1).listen(Some(&last)).await;
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
