//! Requests to follow, and blocks.

use serde_json::json;

use crate::world::{World, columns};

columns! {
    a_private_person_is_asked_and_accepts,
    a_block_ends_follows_and_hides_everything,
}

async fn a_private_person_is_asked_and_accepts(world: &World) {
    let (ana, ben, eve) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Eve").await);
    let follow = format!("/v1/actors/{}/follow", ana.id);
    ana.patch("/v1/me", json!({"access": "followers"})).await.expect(200);
    world.settle().await;
    ben.put(&follow).await.refused(404, "not-found");
    ana.patch("/v1/me", json!({"allow_follow_requests": true})).await.expect(200);
    world.settle().await;
    ben.put(&follow).await.expect(202);
    ben.put(&follow).await.expect(202);
    eve.put(&follow).await.expect(202);
    world.settle().await;
    ana.get("/v1/me/follow-requests").await.expect(200).assert_ids(&[&eve.id, &ben.id]);
    ana.put(format!("/v1/me/follow-requests/{}", ben.id)).await.expect(204);
    ana.delete(format!("/v1/me/follow-requests/{}", eve.id)).await.expect(204);
    world.settle().await;
    ana.get("/v1/me/follow-requests").await.expect(200).assert_ids::<&str>(&[]);
    ana.get("/v1/actors/me/followers").await.expect(200).assert_ids(&[&ben.id]);
    ben.get(format!("/v1/actors/{}/stories", ana.id)).await.expect(200);
    eve.get(format!("/v1/actors/{}/stories", ana.id)).await.refused(404, "not-found");
}

async fn a_block_ends_follows_and_hides_everything(world: &World) {
    let (ana, eve) = (world.sign_up("Ana").await, world.sign_up("Eve").await);
    let note = ana.note("Not for Eve.").await;
    world.settle().await;
    eve.follow(&ana).await;
    ana.follow(&eve).await;
    world.settle().await;
    ana.block(&eve).await;
    ana.block(&eve).await;
    world.settle().await;
    for path in [format!("/v1/people/{}", ana.id), format!("/v1/people/@{}", ana.username), format!("/v1/nodes/{note}")] {
        eve.get(path).await.refused(404, "not-found");
    }
    eve.put(format!("/v1/actors/{}/follow", ana.id)).await.refused(404, "not-found");
    eve.post(format!("/v1/nodes/{note}/comments"), json!({"body": "hm"})).await.refused(404, "not-found");
    assert!(eve.feed().await.items().iter().all(|story| story["owner"]["id"] != json!(ana.id)));
    ana.get("/v1/me/blocks").await.expect(200).assert_ids(&[&eve.id]);
    assert_eq!(ana.get("/v1/me").await.expect(200).json()["counts"], json!({"followers": 0, "leaders": 0}));
    ana.delete(format!("/v1/actors/{}/block", eve.id)).await.expect(204);
    world.settle().await;
    eve.get(format!("/v1/nodes/{note}")).await.expect(200);
    ana.get("/v1/me/blocks").await.expect(200).assert_ids::<&str>(&[]);
}
