//! The view on the embedded engines, run as in a server; and its tutorial, which must say what the code says.

mod quotes;
mod world;

use aredvi_events::actors::Access;
use serde_json::json;
use world::{ANA, BEN, World};

#[tokio::test]
async fn what_most_notes_carry_comes_first() {
    let world = World::new().await;
    world.note(ANA, "river", Access::Public).await;
    world.note(BEN, "river lake", Access::Public).await;
    assert_eq!(world.trending(None).await, ["river", "lake"]);
}

#[tokio::test]
async fn an_edit_and_a_deletion_take_their_hashtags_back() {
    let world = World::new().await;
    let note = world.note(ANA, "river lake", Access::Public).await;
    world.edit(&note, "lake delta").await;
    assert_eq!(world.trending(None).await, ["delta", "lake"]);
    world.delete(&note).await;
    assert!(world.trending(None).await.is_empty());
    assert_eq!(world.count("SELECT COUNT(*) FROM uses").await, 0);
}

#[tokio::test]
async fn what_is_appended_again_counts_once() {
    let world = World::new().await;
    let note = world.note(ANA, "river", Access::Public).await;
    let edit = world.edit(&note, "lake").await;
    let other = world.edit(&note, "delta").await;
    world.append(vec![note.added.clone(), edit, other.clone(), other]).await;
    assert_eq!(world.trending(None).await, ["delta"]);
    assert_eq!(world.count("SELECT CAST(SUM(n) AS SIGNED) FROM uses").await, 1);
}

#[tokio::test]
async fn a_hashtag_of_private_notes_is_told_to_nobody_else() {
    let world = World::new().await;
    world.note(ANA, "secret", Access::Admins).await;
    world.note(ANA, "open", Access::Registered).await;
    assert!(world.trending(None).await.is_empty());
    assert_eq!(world.trending(Some(BEN)).await, ["open"]);
    assert_eq!(world.trending(Some(ANA)).await, ["open", "secret"]);
    world.private_page(ANA).await;
    assert!(world.trending(Some(BEN)).await.is_empty());
}

#[tokio::test]
async fn the_route_answers_what_a_guest_may_be_told() {
    let world = World::new().await;
    world.note(ANA, "river", Access::Public).await;
    world.note(BEN, "secret", Access::Registered).await;
    assert_eq!(world.get("/trending").await, (200, json!({"items": ["river"]})));
    world.private_page(ANA).await;
    assert_eq!(world.get("/trending").await, (200, json!({"items": []})));
}

#[tokio::test]
async fn a_hashtag_of_last_week_trends_no_more() {
    let world = World::new().await;
    world.note(ANA, "river", Access::Public).await;
    let week = 7 * 24 * 60 * 60 * 1_000;
    world.clock().shift(week);
    assert!(world.trending(None).await.is_empty());
}

#[tokio::test]
async fn a_rebuild_makes_the_same_rows_also_after_an_erasure() {
    let world = World::new().await;
    let note = world.note(ANA, "river lake", Access::Public).await;
    world.edit(&note, "river").await;
    let gone = world.note(BEN, "anonymous", Access::Public).await;
    world.delete(&gone).await;
    world.forget(BEN).await;
    let rebuilt = world.rebuild().await;
    assert_eq!((rebuilt.generation, rebuilt.previous), (2, Some(1)));
    assert!(rebuilt.comparison.expect("compared").is_equal());
    assert_eq!(world.trending(None).await, ["river"]);
}
