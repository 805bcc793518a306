//! Processes whose clocks differ by seconds: nothing is lost, doubled or misplaced by it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures_util::future::join_all;

use crate::world::answer::id;
use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns};

/// The process whose clock is wrong, where there are several.
const WRONG: (&str, &str) = ("api-2", "5000");
/// By how much it is wrong after it was started again, where there is one.
const BEHIND: &str = "-5000";
/// Notes before the pages are read, and while they are.
const BEFORE: usize = 30;
const MEANWHILE: usize = 20;
/// Stories of a page: odd, so that a page ends anywhere.
const PAGE: usize = 7;
/// How often somebody writes here and reads there.
const TURNS: usize = 10;

columns! {
    each alone:
    two_clocks_five_seconds_apart_lose_and_double_nothing,
}

async fn two_clocks_five_seconds_apart_lose_and_double_nothing(column: Column) {
    let clocks = if column == Column::Production { vec![WRONG] } else { Vec::new() };
    let site = Mutex::new(Site::start(&Setting { clocks, ..Setting::usual(column) }));
    let world = World::beside(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    ben.follow(&ana).await;
    world.settle().await;
    let mut notes = write(&ana, BEFORE).await;
    let (mut world, mut ana, mut ben) = (world, ana, ben);
    if column == Column::Embedded {
        site.lock().expect("the site").restart_later(0, BEHIND);
        world = World::beside(&site).await;
        (ana, ben) = (ana.again(&world), ben.again(&world));
        notes.extend(write(&ana, BEFORE).await);
    }
    world.settle().await;
    let (seen, meanwhile) = tokio::join!(pages(&ben), write(&ana, MEANWHILE));
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "a story came twice: {seen:?}");
    assert!(notes.iter().all(|note| once.contains(note)), "a story was left out");
    notes.extend(meanwhile);
    let every: BTreeSet<&String> = notes.iter().collect();
    assert_eq!(every.len(), notes.len(), "an id was given twice");
    world.settle().await;
    let again = pages(&ben).await;
    assert_eq!((again.iter().collect::<BTreeSet<_>>(), again.len()), (every, notes.len()));
    for turn in 0..TURNS {
        let note = ana.at(turn).note(&format!("turn {turn}")).await;
        ana.at(turn + 1).get(format!("/v1/nodes/{note}")).await.expect(200);
        let feed = ana.at(turn + 1).get("/v1/feed?limit=100").await.expect(200);
        assert!(feed.items().iter().any(|story| story["object"]["id"] == note.as_str()), "turn {turn}");
    }
}

/// Notes, several at once, by every api in turn.
async fn write(ana: &Person, count: usize) -> Vec<String> {
    let bodies: Vec<String> = (0..count).map(|number| format!("note {number}")).collect();
    let mut notes = Vec::new();
    for some in bodies.chunks(5) {
        notes.extend(join_all(some.iter().map(|body| ana.note(body))).await);
    }
    notes
}

/// The notes of the feed in the order of its pages, each page from the next api.
async fn pages(ben: &Person) -> Vec<String> {
    let stories = ben.all("/v1/feed", PAGE).await;
    stories.iter().filter(|story| story["verb"] == "note_add").map(|story| id(&story["object"])).collect()
}
