//! Following.

use serde_json::json;

use crate::world::{World, columns};

columns! {
    following_twice_counts_once,
}

async fn following_twice_counts_once(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    ana.follow(&ben).await;
    ana.follow(&ben).await;
    world.settle().await;
    ben.get("/v1/actors/me/followers").await.expect(200).assert_ids(&[&ana.id]);
    ana.get("/v1/actors/me/leaders").await.expect(200).assert_ids(&[&ben.id]);
    assert_eq!(ben.get("/v1/me").await.expect(200).json()["counts"], json!({"followers": 1, "leaders": 0}));
    ana.delete(format!("/v1/actors/{}/follow", ben.id)).await.expect(204);
    ana.delete(format!("/v1/actors/{}/follow", ben.id)).await.expect(204);
    world.settle().await;
    ben.get("/v1/actors/me/followers").await.expect(200).assert_ids::<&str>(&[]);
    assert_eq!(ben.get("/v1/me").await.expect(200).json()["counts"], json!({"followers": 0, "leaders": 0}));
}
