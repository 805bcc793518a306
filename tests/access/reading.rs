//! What can be asked for: every list and every resource shows what the table lets pass, and nothing else.

use serde_json::{Value, json};

use super::{ADMINISTRATOR, BLOCKED, Cast, GUEST, SELF, TABLE, VIEWERS, follows};
use crate::world::person::Person;
use crate::world::{World, columns};

columns! {
    every_level_is_kept_on_every_way_out,
    a_closed_page_that_may_be_asked_shows_its_card_to_people,
    administrators_pass_blocks_but_nobody_passes_an_erasure,
}

/// Notes of one owner, one of each level, each with a comment.
struct Notes {
    ids: Vec<String>,
    comments: Vec<String>,
    tag: String,
}

async fn every_level_is_kept_on_every_way_out(world: &World) {
    let cast = Cast::meet(world).await;
    let owner = &cast.owner;
    let mut notes = Notes { ids: Vec::new(), comments: Vec::new(), tag: format!("tag{}", owner.username.replace('-', "")) };
    for (access, _) in TABLE {
        let note = json!({"body": format!("{access} #{}", notes.tag), "access": access});
        let note = owner.post("/v1/notes", note).await.expect(201).id();
        notes.comments.push(owner.comment(&note, "first").await);
        notes.ids.push(note);
    }
    cast.block().await;
    for (page, of_page) in TABLE {
        owner.patch("/v1/me", json!({"access": page})).await.expect(200);
        world.settle().await;
        for (column, viewer) in cast.viewers.iter().enumerate() {
            let who = format!("{} of a page for {page}", VIEWERS[column]);
            let visible: Vec<bool> = TABLE.iter().map(|(_, of_note)| of_page[column] && of_note[column]).collect();
            look(viewer, owner, &who, of_page[column], &notes, &visible).await;
            if follows(column) {
                let feed = viewer.all("/v1/feed", 100).await;
                assert_eq!(notes_of(&feed), newest_first(&notes.ids, &visible), "{who}: in the feed");
            }
        }
    }
}

/// Asks on every way out, and tries to write where nothing is to be seen.
async fn look(viewer: &Person, owner: &Person, who: &str, page: bool, notes: &Notes, visible: &[bool]) {
    for ((note, comment), &visible) in notes.ids.iter().zip(&notes.comments).zip(visible) {
        let expected = if visible { 200 } else { 404 };
        let node = format!("/v1/nodes/{note}");
        for path in [&node, &format!("{node}/comments"), &format!("{node}/voters"), &format!("/v1/comments/{comment}")] {
            let answer = viewer.get(path).await;
            assert_eq!(answer.status.as_u16(), expected, "{who}: {answer}");
        }
        if !visible {
            let refused = if viewer.token.is_some() { 404 } else { 401 };
            for answer in [
                viewer.post(format!("{node}/comments"), json!({"body": "hm"})).await,
                viewer.put(format!("{node}/vote")).await,
                viewer.put(format!("{node}/subscription")).await,
                viewer.put(format!("/v1/comments/{comment}/vote")).await,
                viewer.delete(node).await,
            ] {
                assert_eq!(answer.status.as_u16(), refused, "{who}: {answer}");
            }
        }
    }
    let newest_first = newest_first(&notes.ids, visible);
    let tagged = viewer.get(format!("/v1/hashtags/{}", notes.tag)).await.expect(200).ids();
    assert_eq!(tagged, newest_first, "{who}: by hashtag");
    let expected = if page { 200 } else { 404 };
    for list in ["stories", "followers", "leaders"] {
        let answer = viewer.get(format!("/v1/actors/{}/{list}", owner.id)).await;
        assert_eq!(answer.status.as_u16(), expected, "{who}: {answer}");
        if list == "stories" && page {
            assert_eq!(notes_of(&answer.items()), newest_first, "{who}: on the page");
        }
    }
    for path in [format!("/v1/people/{}", owner.id), format!("/v1/people/@{}", owner.username)] {
        let profile = viewer.get(path).await;
        assert_eq!(profile.status.as_u16(), expected, "{who}: {profile}");
    }
    assert_eq!(finds(viewer, owner).await, page, "{who}: by name");
}

async fn a_closed_page_that_may_be_asked_shows_its_card_to_people(world: &World) {
    let cast = Cast::meet(world).await;
    let owner = &cast.owner;
    cast.block().await;
    for (page, of_page) in TABLE {
        let open = json!({"access": page, "bio": "mine", "allow_follow_requests": true});
        owner.patch("/v1/me", open).await.expect(200);
        world.settle().await;
        for (column, viewer) in cast.viewers.iter().enumerate() {
            let who = format!("{} of a page for {page} that may be asked", VIEWERS[column]);
            let passes = of_page[column];
            let card = passes || (column != GUEST && column != BLOCKED);
            let profile = viewer.get(format!("/v1/people/{}", owner.id)).await;
            assert_eq!(profile.status.as_u16(), if card { 200 } else { 404 }, "{who}: {profile}");
            assert_eq!(finds(viewer, owner).await, card, "{who}: by name");
            if card {
                let shown = profile.json();
                assert_eq!((shown["bio"] == "mine", shown["counts"].is_object()), (passes, passes), "{who}: {profile}");
            }
            let stories = viewer.get(format!("/v1/actors/{}/stories", owner.id)).await;
            assert_eq!(stories.status.as_u16(), if passes { 200 } else { 404 }, "{who}: {stories}");
        }
    }
}

async fn administrators_pass_blocks_but_nobody_passes_an_erasure(world: &World) {
    let cast = Cast::meet(world).await;
    let (owner, administrator) = (&cast.owner, &cast.viewers[ADMINISTRATOR]);
    let note = owner.post("/v1/notes", json!({"body": "mine", "access": "admins"})).await.expect(201).id();
    owner.block(administrator).await;
    world.settle().await;
    administrator.get(format!("/v1/nodes/{note}")).await.expect(200);
    administrator.get(format!("/v1/people/{}", owner.id)).await.expect(200);
    assert!(finds(administrator, owner).await);
    owner.post("/v1/me/erasure", json!({"password": "not the one"})).await.refused(401, "bad-credentials");
    owner.post("/v1/me/erasure", json!({"password": owner.password})).await.expect(202);
    world.settle().await;
    for (column, viewer) in cast.viewers.iter().enumerate().filter(|(column, _)| *column != SELF) {
        for path in [format!("/v1/nodes/{note}"), format!("/v1/people/{}", owner.id), format!("/v1/people/@{}", owner.username)] {
            let answer = viewer.get(path).await;
            assert_eq!(answer.status.as_u16(), 404, "{}: {answer}", VIEWERS[column]);
        }
        assert!(!finds(viewer, owner).await, "{}", VIEWERS[column]);
    }
    owner.get("/v1/me").await.refused(401, "sign-in-required");
    let again = json!({"login": owner.username, "password": owner.password});
    world.guest().post("/v1/sessions", again).await.refused(401, "bad-credentials");
}

/// Whether the owner is found by his name, and by his username.
async fn finds(viewer: &Person, owner: &Person) -> bool {
    let mut found = Vec::new();
    for words in [owner.name.replace(' ', "%20"), owner.username.clone()] {
        let people = viewer.all(&format!("/v1/people?q={words}"), 100).await;
        found.push(people.iter().any(|card| card["id"] == json!(owner.id)));
    }
    assert_eq!(found[0], found[1], "by name and by username");
    found[0]
}

fn newest_first<'a>(notes: &'a [String], visible: &[bool]) -> Vec<&'a str> {
    notes.iter().zip(visible).rev().filter(|(_, visible)| **visible).map(|(note, _)| note.as_str()).collect()
}

fn notes_of(stories: &[Value]) -> Vec<&str> {
    stories.iter().filter(|story| story["verb"] == "note_add").filter_map(|story| story["object"]["id"].as_str()).collect()
}
