//! Signing up, and the first things a person does.

use serde_json::json;

use crate::world::{World, columns};

columns! {
    a_newcomer_is_signed_in_and_finds_himself,
    a_note_stands_in_the_feeds_of_its_writer_and_his_followers,
}

async fn a_newcomer_is_signed_in_and_finds_himself(world: &World) {
    let ana = world.newcomer("Ana");
    let answer = ana.post("/v1/people", ana.sign_up()).await.expect(201);
    let registered = answer.json();
    let id = registered["person"]["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), Some(format!("/v1/people/{id}").as_str()));
    let ana = ana.clone().in_session(&registered["session"]);
    let me = ana.get("/v1/me").await.expect(200).json();
    assert_eq!(me, registered["person"]);
    assert_eq!((me["username"].as_str(), me["name"].as_str()), (Some(ana.username.as_str()), Some(ana.name.as_str())));
    assert_eq!((&me["email"], &me["access"], &me["roles"]), (&json!(ana.email), &json!("public"), &json!([])));
    assert_eq!(me["counts"], json!({"followers": 0, "leaders": 0}));
    world.settle().await;
    let upper = format!("/v1/people/@{}", ana.username.to_uppercase());
    for path in [format!("/v1/people/{id}"), format!("/v1/actors/{id}"), upper] {
        assert_eq!(world.guest().get(path).await.expect(200).id(), id);
    }
}

async fn a_note_stands_in_the_feeds_of_its_writer_and_his_followers(world: &World) {
    let (ana, ben, eve) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Eve").await);
    world.settle().await;
    ben.follow(&ana).await;
    world.settle().await;
    let note = ana.note("The first words.").await;
    let mine = ana.feed().await.items();
    assert_eq!(mine[0]["object"]["id"], json!(note));
    world.settle().await;
    let followers = ben.feed().await.items();
    assert_eq!(followers[0]["verb"], "note_add");
    assert_eq!(followers[0]["object"]["body"], "The first words.");
    assert_eq!(followers[0]["subject"]["id"], json!(ana.id));
    assert_eq!(eve.feed().await.items(), Vec::<serde_json::Value>::new());
    let page = world.guest().get(format!("/v1/actors/{}/stories", ana.id)).await.expect(200);
    assert_eq!(page.items().len(), 1);
}
