//! What is told: the list, its count, the live stream and mail tell what the table lets pass when it happens, and show
//! it only as long as it passes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BLOCKED, Cast, GUEST, LEADER, MUTUAL, SELF, TABLE, VIEWERS, follows};
use crate::world::listening::Listening;
use crate::world::person::Person;
use crate::world::{World, columns, until};

/// How long letters may take to be written.
const MAIL_LIMIT: Duration = Duration::from_secs(60);

columns! {
    everybody_is_told_of_what_he_may_see_and_of_nothing_else,
    what_is_taken_away_is_neither_listed_nor_counted_nor_streamed,
}

/// A note that mentions everybody, and who could see it when it was written.
struct Mention {
    note: String,
    access: usize,
    told: Vec<bool>,
}

/// A viewer's ears.
struct Ears<'a> {
    column: usize,
    viewer: &'a Person,
    stream: Listening,
}

async fn everybody_is_told_of_what_he_may_see_and_of_nothing_else(world: &World) {
    let cast = Cast::meet(world).await;
    cast.block().await;
    let herald = world.sign_up("Hera").await;
    world.settle().await;
    // A guest has no bell, and nobody is told of what he does himself.
    let listeners: Vec<usize> = (0..VIEWERS.len()).filter(|&column| column != GUEST && column != SELF).collect();
    let names: Vec<String> = listeners.iter().map(|&column| format!("@{}", cast.viewers[column].username)).collect();
    let mut mentions: Vec<Mention> = Vec::new();
    let mut letters = vec![BTreeSet::new(); VIEWERS.len()];
    for (round, (page, of_page)) in TABLE.iter().enumerate() {
        cast.owner.patch("/v1/me", json!({"access": page})).await.expect(200);
        world.settle().await;
        let mut ears = Vec::new();
        for &column in &listeners {
            let viewer = &cast.viewers[column];
            ears.push(Ears { column, viewer, stream: viewer.at(round).listen(None).await });
        }
        for (access, (level, of_note)) in TABLE.iter().enumerate() {
            let note = json!({"body": format!("for {level}, {}", names.join(" ")), "access": level});
            let note = cast.owner.post("/v1/notes", note).await.expect(201).id();
            let told = (0..VIEWERS.len()).map(|column| of_page[column] && of_note[column]).collect();
            mentions.push(Mention { note, access, told });
        }
        world.settle().await;
        // Public, so that everybody hears it: what came before it has come.
        herald.note(&names.join(" ")).await;
        world.settle().await;
        for Ears { column, viewer, stream } in ears {
            let who = format!("{} of a page for {page}", VIEWERS[column]);
            let heard = hear(stream, &herald).await;
            let now: BTreeSet<&str> =
                mentions[round * TABLE.len()..].iter().filter(|mention| mention.told[column]).map(|m| m.note.as_str()).collect();
            assert_eq!(of(&heard, "notification", "actor_mention", &cast.owner), now, "{who}: mentions in the stream");
            let stories = if follows(column) { now.clone() } else { BTreeSet::new() };
            assert_eq!(of(&heard, "story", "note_add", &cast.owner), stories, "{who}: stories in the stream");
            let listed = viewer.all("/v1/notifications", 100).await;
            let still = |mention: &&Mention| mention.told[column] && of_page[column] && TABLE[mention.access].1[column];
            let expected: BTreeSet<&str> = mentions.iter().filter(still).map(|mention| mention.note.as_str()).collect();
            let shown = listed.iter().filter(|told| told["subject"]["id"] == json!(cast.owner.id));
            let shown: BTreeSet<&str> =
                shown.filter(|told| told["verb"] == "actor_mention").filter_map(|told| told["object"]["id"].as_str()).collect();
            assert_eq!(shown, expected, "{who}: in the list");
            // Beside them one of the herald a round, and the owner's follow.
            let others = round + 1 + usize::from(matches!(column, LEADER | MUTUAL));
            assert_eq!(listed.len(), expected.len() + others, "{who}: in the list");
            let count = viewer.get("/v1/notifications/count").await.expect(200).json();
            assert_eq!(count["unread"], json!(listed.len()), "{who}: counted");
            letters[column].extend(listed.iter().map(crate::world::answer::id));
            until("a letter of each", MAIL_LIMIT, async || world.letters(viewer).is_superset(&letters[column]).then_some(()))
                .await;
        }
    }
    assert!(mentions.iter().all(|mention| !mention.told[BLOCKED]));
    world.settle().await;
    for column in listeners {
        assert_eq!(world.letters(&cast.viewers[column]), letters[column], "{}: by mail", VIEWERS[column]);
    }
    assert_eq!(world.letters(&cast.owner).len(), 2, "of those who follow him");
}

async fn what_is_taken_away_is_neither_listed_nor_counted_nor_streamed(world: &World) {
    let cast = Cast::meet(world).await;
    let (owner, leader, blocked, stranger) = (&cast.owner, &cast.viewers[LEADER], &cast.viewers[BLOCKED], &cast.viewers[1]);
    world.settle().await;
    let mut before = Vec::new();
    for viewer in [leader, blocked, stranger] {
        before.push((viewer, viewer.listen(None).await.last_id, unread(viewer).await));
    }
    let body = format!("@{} @{} @{}", leader.username, blocked.username, stranger.username);
    let note = owner.note(&body).await;
    world.settle().await;
    for (viewer, _, count) in &before {
        assert_eq!((mentions(viewer).await, unread(viewer).await), (vec![note.clone()], count + 1), "{}", viewer.name);
    }
    owner.patch(format!("/v1/nodes/{note}"), json!({"access": "leaders"})).await.expect(200);
    owner.follow(blocked).await;
    owner.block(blocked).await;
    world.settle().await;
    // All three were mentioned, so all three are subscribed to what is said there.
    let comment = owner.comment(&note, "Only for some").await;
    world.settle().await;
    let herald = world.sign_up("Hera").await;
    world.settle().await;
    herald.note(&body).await;
    world.settle().await;
    for (viewer, last, count) in before {
        let sees = viewer.id == leader.id;
        let told = viewer.all("/v1/notifications", 100).await;
        let of_note: Vec<&Value> = told.iter().filter(|told| told["object"]["id"] == json!(note)).collect();
        let comments: Vec<&str> = of_note.iter().filter_map(|told| told["comment"]["id"].as_str()).collect();
        assert_eq!(of_note.len(), if sees { 2 } else { 0 }, "{}: {told:?}", viewer.name);
        assert_eq!(comments, if sees { vec![comment.as_str()] } else { vec![] }, "{}", viewer.name);
        // The herald's; and who was followed before he was blocked keeps nothing of the follower.
        assert_eq!(unread(viewer).await, count + 1 + of_note.len() as u64, "{}", viewer.name);
        let heard = hear_again(viewer, &last, &herald).await;
        let heard: Vec<&Value> =
            heard.iter().filter(|(_, data)| data["object"]["id"] == json!(note)).map(|(_, data)| data).collect();
        assert!(sees || heard.is_empty(), "{}: {heard:?}", viewer.name);
    }
}

/// What a stream told before it told of the herald.
async fn hear(mut stream: Listening, herald: &Person) -> Vec<(String, Value)> {
    let mut heard = Vec::new();
    loop {
        let frame = stream.next().await;
        if frame.event == "notification" && frame.data["subject"]["id"] == json!(herald.id) {
            return heard;
        }
        heard.push((frame.event, frame.data));
    }
}

/// What a stream tells that goes on behind `last`; nothing, when it says that all is to be fetched anew.
async fn hear_again(viewer: &Person, last: &str, herald: &Person) -> Vec<(String, Value)> {
    let mut stream = viewer.listen(Some(last)).await;
    let first = stream.next().await;
    if first.event == "reset" {
        return Vec::new();
    }
    let mut heard = vec![(first.event, first.data)];
    if heard[0].1["subject"]["id"] != json!(herald.id) {
        heard.extend(hear(stream, herald).await);
    }
    heard
}

/// The notes that these frames tell of somebody.
fn of<'a>(heard: &'a [(String, Value)], event: &str, verb: &str, subject: &Person) -> BTreeSet<&'a str> {
    let told = heard.iter().filter(|(name, data)| name == event && data["verb"] == verb);
    let told = told.filter(|(_, data)| data["subject"]["id"] == json!(subject.id));
    told.filter_map(|(_, data)| data["object"]["id"].as_str()).collect()
}

async fn mentions(viewer: &Person) -> Vec<String> {
    let told = viewer.all("/v1/notifications", 100).await;
    let mentions = told.iter().filter(|told| told["verb"] == "actor_mention");
    mentions.filter_map(|told| told["object"]["id"].as_str().map(str::to_owned)).collect()
}

async fn unread(viewer: &Person) -> u64 {
    viewer.get("/v1/notifications/count").await.expect(200).json()["unread"].as_u64().expect("a number")
}
