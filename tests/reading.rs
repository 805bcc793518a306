//! Reading: one's own writes, positions, pages, and what has not changed.

use serde_json::json;

use crate::world::{World, columns};

/// How often somebody writes and reads at another process.
const TURNS: usize = 20;

columns! {
    everybody_reads_his_own_writes_on_every_process,
    what_has_not_changed_is_not_sent_again,
    a_position_beyond_the_end_is_refused,
    pages_hold_everything_once_while_others_write,
    the_door_and_the_page_of_the_api_answer,
}

async fn everybody_reads_his_own_writes_on_every_process(world: &World) {
    let ana = world.sign_up("Ana").await;
    for turn in 0..TURNS {
        let note = ana.at(turn).note(&format!("note {turn}")).await;
        let read = ana.at(turn + 1).get(format!("/v1/nodes/{note}")).await.expect(200).json();
        assert_eq!(read["body"], json!(format!("note {turn}")));
        assert_eq!(ana.at(turn + 1).feed().await.items()[0]["object"]["id"], json!(note));
    }
}

async fn what_has_not_changed_is_not_sent_again(world: &World) {
    let ana = world.sign_up("Ana").await;
    let node = format!("/v1/nodes/{}", ana.note("the same").await);
    let tag = ana.get(&node).await.expect(200).header("etag").expect("a tag").to_owned();
    ana.get(&node).header("if-none-match", &tag).await.expect(304);
    ana.patch(&node, json!({"body": "another"})).await.expect(200);
    ana.get(&node).header("if-none-match", &tag).await.expect(200);
}

async fn a_position_beyond_the_end_is_refused(world: &World) {
    let ana = world.sign_up("Ana").await;
    let written = ana.post("/v1/notes", json!({"body": "here"})).await.expect(201);
    let note = written.id();
    ana.get(format!("/v1/nodes/{note}")).position(&written).await.expect(200);
    ana.get("/v1/feed").header("aredvi-position", "nonsense").await.refused(400, "bad-position");
}

async fn pages_hold_everything_once_while_others_write(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    ben.follow(&ana).await;
    let mut notes = Vec::new();
    for number in 0..12 {
        notes.push(ana.note(&format!("{number}")).await);
    }
    world.settle().await;
    let (mut seen, mut path) = (Vec::new(), "/v1/feed?limit=5".to_owned());
    loop {
        let page = ben.get(&path).await.expect(200);
        seen.extend(page.items().iter().filter(|story| story["verb"] == "note_add").map(|story| story["object"]["id"].clone()));
        ana.note("meanwhile").await;
        world.settle().await;
        match page.next() {
            Some(next) => path = format!("/v1/feed?limit=5&cursor={next}"),
            None => break,
        }
    }
    notes.reverse();
    assert_eq!(seen, notes);
}

async fn the_door_and_the_page_of_the_api_answer(world: &World) {
    let guest = world.guest();
    for (path, kind) in [("/healthz", "text/plain"), ("/readyz", "text/plain"), ("/docs", "text/html")] {
        let answer = guest.get(path).await.expect(200);
        assert!(answer.header("content-type").is_some_and(|value| value.starts_with(kind)), "{answer}");
    }
    guest.get("/v1/openapi.json").await.expect(200);
    guest.get("/v1/nothing").await.refused(404, "not-found");
}
