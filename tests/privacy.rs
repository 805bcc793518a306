//! Requests to follow, and blocks.

use std::time::Duration;

use aredvi_events::Clock;
use serde_json::json;

use crate::world::{World, columns};

/// How long a stream may outlive its listener's account.
const END_LIMIT: Duration = Duration::from_secs(5);

columns! {
    a_private_person_is_asked_and_accepts,
    a_block_ends_follows_and_hides_everything,
    who_is_disabled_is_out_at_once_and_comes_back_whole,
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

async fn who_is_disabled_is_out_at_once_and_comes_back_whole(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let note = ana.note("Here I stand.").await;
    world.settle().await;
    ben.follow(&ana).await;
    let comment = ben.comment(&note, "So you do.").await;
    world.settle().await;
    let mut heard = ben.listen(None).await;
    world.disable(&ben).await;
    Clock::default().timeout(END_LIMIT, heard.ended()).await.expect("the stream outlived the account");
    world.settle().await;
    ben.get("/v1/me").await.refused(401, "sign-in-required");
    let credentials = json!({"login": ben.username, "password": ben.password});
    world.guest().post("/v1/sessions", credentials).await.refused(401, "bad-credentials");
    for path in [format!("/v1/people/{}", ben.id), format!("/v1/people/@{}", ben.username), format!("/v1/comments/{comment}")] {
        ana.get(path).await.refused(404, "not-found");
    }
    ana.get(format!("/v1/nodes/{note}/comments")).await.expect(200).assert_ids::<&str>(&[]);
    ana.get("/v1/me/followers").await.expect(200).assert_ids::<&str>(&[]);
    world.enable(&ben).await;
    world.settle().await;
    let ben = ben.sign_in().await;
    assert!(ben.feed().await.items().iter().any(|story| story["object"]["id"] == json!(note)));
    ana.get(format!("/v1/nodes/{note}/comments")).await.expect(200).assert_ids(&[&comment]);
    ana.get("/v1/me/followers").await.expect(200).assert_ids(&[&ben.id]);
}
