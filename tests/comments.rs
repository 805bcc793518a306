//! Comments, votes and hashtags.

use serde_json::json;

use crate::world::answer::id;
use crate::world::{World, columns};

columns! {
    a_comment_is_counted_changed_and_taken_away,
    a_second_vote_changes_nothing,
    a_comment_is_liked_once_and_only_by_who_sees_it,
    a_hashtag_lists_what_carries_it_newest_first,
    a_deleted_note_is_gone_everywhere,
}

async fn a_comment_is_counted_changed_and_taken_away(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note("What do you think?").await;
    world.settle().await;
    let first = ben.comment(&note, "Much.").await;
    let second = ben.comment(&note, "And more.").await;
    world.settle().await;
    let list = format!("/v1/nodes/{note}/comments");
    ana.get(&list).await.expect(200).assert_ids(&[&first, &second]);
    assert_eq!(ana.get(format!("/v1/nodes/{note}")).await.expect(200).json()["comment_count"], 2);
    ana.patch(format!("/v1/comments/{first}"), json!({"body": "mine"})).await.refused(403, "not-allowed");
    let changed = ben.patch(format!("/v1/comments/{first}"), json!({"body": "Little."})).await.expect(200).json();
    assert_eq!((&changed["body"], changed["edited_at"].is_string()), (&json!("Little."), true));
    ben.delete(format!("/v1/comments/{first}")).await.expect(204);
    ana.delete(format!("/v1/comments/{second}")).await.expect(204);
    world.settle().await;
    ana.get(&list).await.expect(200).assert_ids::<&str>(&[]);
    assert_eq!(ana.get(format!("/v1/nodes/{note}")).await.expect(200).json()["comment_count"], 0);
    ana.get(format!("/v1/comments/{first}")).await.refused(404, "not-found");
}

async fn a_second_vote_changes_nothing(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note("Like me.").await;
    world.settle().await;
    let (node, vote) = (format!("/v1/nodes/{note}"), format!("/v1/nodes/{note}/vote"));
    ben.put(&vote).await.expect(204);
    ben.put(&vote).await.expect(204);
    world.settle().await;
    let seen = ben.get(&node).await.expect(200).json();
    assert_eq!((&seen["vote_count"], &seen["viewer"]["voted"]), (&json!(1), &json!(true)));
    ana.get(format!("{node}/voters")).await.expect(200).assert_ids(&[&ben.id]);
    ben.delete(&vote).await.expect(204);
    ben.delete(&vote).await.expect(204);
    world.settle().await;
    assert_eq!(ana.get(&node).await.expect(200).json()["vote_count"], 0);
    ana.get(format!("{node}/voters")).await.expect(200).assert_ids::<&str>(&[]);
}

async fn a_comment_is_liked_once_and_only_by_who_sees_it(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note("What do you think?").await;
    world.settle().await;
    let comment = format!("/v1/comments/{}", ben.comment(&note, "Much.").await);
    world.settle().await;
    ana.put(format!("{comment}/vote")).await.expect(204);
    ana.put(format!("{comment}/vote")).await.expect(204);
    world.settle().await;
    let seen = ana.get(&comment).await.expect(200).json();
    assert_eq!((&seen["vote_count"], &seen["viewer"]["voted"]), (&json!(1), &json!(true)));
    assert_eq!(ben.get(&comment).await.expect(200).json()["viewer"]["voted"], json!(false));
    world.guest().get(format!("{comment}/voters")).await.expect(200).assert_ids(&[&ana.id]);
    ana.delete(format!("{comment}/vote")).await.expect(204);
    ana.delete(format!("{comment}/vote")).await.expect(204);
    world.settle().await;
    ben.get(format!("{comment}/voters")).await.expect(200).assert_ids::<&str>(&[]);
    assert_eq!(ben.get(&comment).await.expect(200).json()["vote_count"], 0);
    ana.patch(format!("/v1/nodes/{note}"), json!({"access": "admins"})).await.expect(200);
    world.settle().await;
    ben.put(format!("{comment}/vote")).await.refused(404, "not-found");
    ben.get(format!("{comment}/voters")).await.refused(404, "not-found");
}

async fn a_hashtag_lists_what_carries_it_newest_first(world: &World) {
    let ana = world.sign_up("Ana").await;
    let tag = format!("tag{}", ana.username.replace('-', ""));
    let mut notes = Vec::new();
    for number in 0..5 {
        notes.push(ana.note(&format!("{number} of #{tag}")).await);
    }
    ana.note("Of nothing.").await;
    world.settle().await;
    notes.reverse();
    let listed = world.guest().all(&format!("/v1/hashtags/{}", tag.to_uppercase()), 2).await;
    assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), notes);
    ana.patch(format!("/v1/nodes/{}", notes[0]), json!({"body": "no more"})).await.expect(200);
    world.settle().await;
    world.guest().get(format!("/v1/hashtags/{tag}")).await.expect(200).assert_ids(&notes[1..]);
}

async fn a_deleted_note_is_gone_everywhere(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note("Soon gone.").await;
    world.settle().await;
    ben.follow(&ana).await;
    let comment = ben.comment(&note, "Oh.").await;
    world.settle().await;
    assert!(ben.feed().await.items().iter().any(|story| story["object"]["id"] == json!(note)));
    ben.delete(format!("/v1/nodes/{note}")).await.refused(403, "not-allowed");
    ana.delete(format!("/v1/nodes/{note}")).await.expect(204);
    world.settle().await;
    for path in [format!("/v1/nodes/{note}"), format!("/v1/nodes/{note}/comments"), format!("/v1/comments/{comment}")] {
        ben.get(path).await.refused(404, "not-found");
    }
    assert!(ben.feed().await.items().iter().all(|story| story["object"]["id"] != json!(note)));
    ben.put(format!("/v1/nodes/{note}/vote")).await.refused(404, "not-found");
}
