//! Who sees what: the table of access levels as data, held against every way out. It calls no product code.

use serde_json::{Value, json};

use crate::world::person::Person;
use crate::world::{World, columns};

/// Who looks, in the order of the table's columns.
const VIEWERS: [&str; 7] = ["guest", "stranger", "follower", "leader", "mutual", "self", "blocked"];

/// Who passes each level: `access` of the owner or of a medium.
#[rustfmt::skip]
const TABLE: [(&str, [bool; 7]); 6] = [
    //             guest  stranger follower leader mutual self  blocked
    ("public",     [true,  true,  true,  true,  true,  true, false]),
    ("registered", [false, true,  true,  true,  true,  true, false]),
    ("followers",  [false, false, true,  true,  true,  true, false]),
    ("leaders",    [false, false, false, true,  true,  true, false]),
    ("mutuals",    [false, false, false, false, true,  true, false]),
    ("admins",     [false, false, false, false, false, true, false]),
];

columns! {
    every_level_is_kept_on_every_way_out,
}

async fn every_level_is_kept_on_every_way_out(world: &World) {
    let owner = world.sign_up("Olga").await;
    let mut viewers = vec![world.guest()];
    for name in ["Stan", "Fred", "Lena", "Mina"] {
        viewers.push(world.sign_up(name).await);
    }
    viewers.push(owner.clone());
    viewers.push(world.sign_up("Bert").await);
    world.settle().await;
    let (follower, leader, mutual, blocked) = (&viewers[2], &viewers[3], &viewers[4], &viewers[6]);
    follower.follow(&owner).await;
    owner.follow(leader).await;
    mutual.follow(&owner).await;
    owner.follow(mutual).await;
    let tag = format!("tag{}", owner.username.replace('-', ""));
    let mut notes = Vec::new();
    for (access, _) in TABLE {
        let note = json!({"body": format!("{access} #{tag}"), "access": access});
        let note = owner.post("/v1/notes", note).await.expect(201).id();
        owner.comment(&note, "first").await;
        notes.push(note);
    }
    owner.block(blocked).await;
    for (page, of_page) in TABLE {
        owner.patch("/v1/me", json!({"access": page})).await.expect(200);
        world.settle().await;
        for (column, viewer) in viewers.iter().enumerate() {
            let who = format!("{} of a page for {page}", VIEWERS[column]);
            let visible: Vec<&String> =
                (0..TABLE.len()).filter(|&row| of_page[column] && TABLE[row].1[column]).map(|row| &notes[row]).collect();
            look(viewer, &owner, &who, of_page[column], &notes, &visible, &tag).await;
        }
    }
}

/// Asks on every way out.
async fn look(viewer: &Person, owner: &Person, who: &str, page: bool, notes: &[String], visible: &[&String], tag: &str) {
    for note in notes {
        let expected = if visible.contains(&note) { 200 } else { 404 };
        for path in [format!("/v1/nodes/{note}"), format!("/v1/nodes/{note}/comments"), format!("/v1/nodes/{note}/voters")] {
            let answer = viewer.get(path).await;
            assert_eq!(answer.status.as_u16(), expected, "{who}: {answer}");
        }
    }
    let mut newest_first: Vec<&String> = visible.to_vec();
    newest_first.reverse();
    let tagged = viewer.get(format!("/v1/hashtags/{tag}")).await.expect(200).ids();
    assert_eq!(tagged.iter().collect::<Vec<_>>(), newest_first, "{who}: by hashtag");
    let expected = if page { 200 } else { 404 };
    for list in ["stories", "followers", "leaders"] {
        let answer = viewer.get(format!("/v1/actors/{}/{list}", owner.id)).await;
        assert_eq!(answer.status.as_u16(), expected, "{who}: {answer}");
        if list == "stories" && page {
            assert_eq!(notes_of(&answer.items()), newest_first, "{who}: on the page");
        }
    }
    let profile = viewer.get(format!("/v1/people/{}", owner.id)).await;
    assert_eq!(profile.status.as_u16(), expected, "{who}: {profile}");
    let follows = who.starts_with("follower") || who.starts_with("mutual") || who.starts_with("self");
    if follows {
        assert_eq!(notes_of(&viewer.feed().await.items()), newest_first, "{who}: in the feed");
    }
}

fn notes_of(stories: &[Value]) -> Vec<&str> {
    stories.iter().filter(|story| story["verb"] == "note_add").filter_map(|story| story["object"]["id"].as_str()).collect()
}
