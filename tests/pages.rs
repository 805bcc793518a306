//! One's own page: what it says of oneself, and what friends write on it.

use serde_json::json;

use crate::world::{World, columns};

columns! {
    a_profile_says_what_was_said_last,
    a_friend_writes_on_a_page_and_its_owner_takes_it_away,
    me_stands_for_ones_own_id,
    nobody_is_registered_by_asking_for_it,
}

async fn a_profile_says_what_was_said_last(world: &World) {
    let ana = world.sign_up("Ana").await;
    let first = json!({"name": "Ana N.", "bio": "I write.", "language": "de-CH", "time_zone": "Europe/Zurich"});
    let me = ana.patch("/v1/me", first.clone()).await.expect(200).json();
    for (field, value) in first.as_object().expect("fields") {
        assert_eq!(&me[field], value);
    }
    let me = ana.patch("/v1/me", json!({"bio": "I read.", "name": null, "unknown": 7})).await.expect(200).json();
    assert_eq!((&me["bio"], &me["name"], &me["language"]), (&json!("I read."), &json!("Ana N."), &json!("de-CH")));
    world.settle().await;
    let seen = world.guest().get(format!("/v1/people/{}", ana.id)).await.expect(200).json();
    assert_eq!((&seen["bio"], &seen["name"], &seen["viewer"]), (&json!("I read."), &json!("Ana N."), &json!(null)));
    for (field, value) in [("language", "x y"), ("time_zone", "Mars/Olympus Mons"), ("access", "nobody"), ("name", " ")] {
        let refused = ana.patch("/v1/me", json!({field: value})).await.expect(422);
        assert_eq!(refused.pointers(), [format!("/{field}")]);
    }
}

async fn a_friend_writes_on_a_page_and_its_owner_takes_it_away(world: &World) {
    let (ana, ben, eve) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Eve").await);
    world.settle().await;
    ben.follow(&ana).await;
    world.settle().await;
    let there = json!({"body": "Happy birthday", "owner": ana.id});
    eve.post("/v1/notes", there.clone()).await.refused(403, "not-allowed");
    eve.post("/v1/notes", json!({"body": "Hm", "owner": "1"})).await.refused(404, "not-found");
    let note = ben.post("/v1/notes", there).await.expect(201).json();
    assert_eq!((&note["owner"]["id"], &note["author"]["id"]), (&json!(ana.id), &json!(ben.id)));
    world.settle().await;
    let page = world.guest().get(format!("/v1/actors/{}/stories", ana.id)).await.expect(200).items();
    assert_eq!((&page[0]["object"]["id"], &page[0]["subject"]["id"]), (&note["id"], &json!(ben.id)));
    let told = ana.get("/v1/notifications").await.expect(200).items();
    assert!(told.iter().any(|told| told["verb"] == "note_add" && told["object"]["id"] == note["id"]), "{told:?}");
    let path = format!("/v1/nodes/{}", note["id"].as_str().expect("an id"));
    ana.patch(&path, json!({"body": "changed"})).await.refused(403, "not-allowed");
    ana.delete(&path).await.expect(204);
    world.settle().await;
    ben.get(&path).await.refused(404, "not-found");
}

async fn me_stands_for_ones_own_id(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    ana.note("mine").await;
    world.settle().await;
    ben.follow(&ana).await;
    world.settle().await;
    for list in ["followers", "leaders", "stories"] {
        let here = ana.get(format!("/v1/me/{list}")).await.expect(200).items();
        assert_eq!(here, ana.get(format!("/v1/actors/{}/{list}", ana.id)).await.expect(200).items());
        assert_eq!(here, ana.get(format!("/v1/actors/me/{list}")).await.expect(200).items());
        assert_eq!(here.is_empty(), list == "leaders");
        world.guest().get(format!("/v1/me/{list}")).await.refused(401, "sign-in-required");
    }
}

async fn nobody_is_registered_by_asking_for_it(world: &World) {
    let guest = world.guest();
    let nothing = guest.get("/v1/registrations/018f0000-0000-7000-8000-000000000000").await.expect(200).json();
    assert_eq!(nothing, json!({"state": "pending", "code": null, "person_id": null}));
    guest.get("/v1/registrations/me").await.refused(404, "not-found");
}
