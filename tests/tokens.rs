//! Tokens that are good for nothing: expired, of another log, beyond its end, of another list.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::world::answer::Answer;
use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, until};

/// A day longer than a session lasts, in milliseconds.
const AFTER_91_DAYS: &str = "7862400000";
/// Bytes of a position before its first partition: whose log it is of.
const JOURNAL_BYTES: usize = 8;
/// An offset that no test reaches, as it stands in a position.
const FAR: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x7f];

/// How long the lease of a killed process may hold others up; the machine may be busy.
const LEASE_LIMIT: Duration = Duration::from_secs(30);

columns! {
    each alone:
    a_session_ends_after_ninety_days_however_it_is_used,
    tokens_of_another_community_are_nothing_here,
    what_is_beyond_the_end_or_of_another_list_is_refused_with_its_pointer,
}

async fn a_session_ends_after_ninety_days_however_it_is_used(column: Column) {
    let site = Mutex::new(Site::start(&Setting::one(column)));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    ana.note("long ago").await;
    world.settle().await;
    site.lock().expect("the site").restart_later(0, AFTER_91_DAYS);
    let world = World::beside(&site).await;
    let ana = ana.again(&world);
    let turned =
        until("an answer", LEASE_LIMIT, async || Some(ana.get("/v1/me").await).filter(|answer| answer.status != 503)).await;
    turned.refused(401, "sign-in-required");
    ana.post("/v1/notes", json!({"body": "late"})).await.refused(401, "sign-in-required");
    let again = ana.sign_in().await;
    // The killed process still has the lease on the sessions for some seconds.
    let sessions = until("the list of sessions", LEASE_LIMIT, async || {
        let sessions = again.get("/v1/sessions").await;
        (sessions.status != 503).then_some(sessions)
    })
    .await;
    sessions.expect(200).assert_ids(&[&again.session]);
    assert_eq!(again.feed().await.items().len(), 1);
}

async fn tokens_of_another_community_are_nothing_here(column: Column) {
    let (here, there) = (Site::start(&Setting::one(column)), Site::start(&Setting::one(Column::Embedded)));
    let (here, there) = (World::of(&here).await, World::of(&there).await);
    let (ana, eve) = (here.sign_up("Ana").await, there.sign_up("Eve").await);
    let written = eve.post("/v1/notes", json!({"body": "there"})).await.expect(201);
    eve.note("and there").await;
    let next = eve.get("/v1/feed?limit=1").await.expect(200).next().expect("a next page");
    // Of another log: it says nothing about this one, so there is nothing to wait for.
    let fresh = ana.get("/v1/feed").position(&written).await.expect(200);
    assert_eq!(fresh.header("aredvi-stale"), None);
    ana.post("/v1/notes", json!({"body": "here"})).position(&written).await.expect(201);
    pointed(ana.get(format!("/v1/feed?cursor={next}")).await, "bad-cursor", "/cursor");
    ana.with_token(eve.token.clone().expect("a token")).get("/v1/me").await.refused(401, "sign-in-required");
    let heard = eve.listen(None).await.last_id;
    assert_eq!(ana.listen(Some(&heard)).await.next().await.event, "reset");
}

async fn what_is_beyond_the_end_or_of_another_list_is_refused_with_its_pointer(column: Column) {
    let site = Site::start(&Setting::one(column));
    let world = World::of(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    let written = ana.post("/v1/notes", json!({"body": "One"})).await.expect(201);
    let position = written.header("aredvi-position").expect("a position").to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&position).expect("base64url");
    let beyond = URL_SAFE_NO_PAD.encode([&bytes[..=JOURNAL_BYTES], &FAR].concat());
    for token in [beyond.as_str(), "x", "", "AAAA"] {
        let read = ana.get("/v1/feed").header("aredvi-position", token).await;
        pointed(read, "bad-position", "/Aredvi-Position");
        let write = ana.post("/v1/notes", json!({"body": "Two"})).header("aredvi-position", token).await;
        pointed(write, "bad-position", "/Aredvi-Position");
    }
    let (note, own) = (written.id(), ben.note("mine").await);
    world.settle().await;
    for body in ["a", "b", "c"] {
        ben.comment(&note, body).await;
        ana.note(body).await;
    }
    world.settle().await;
    let lists = [
        "/v1/feed".to_owned(),
        format!("/v1/actors/{}/stories", ana.id),
        format!("/v1/nodes/{note}/comments"),
        "/v1/notifications".to_owned(),
    ];
    for (n, list) in lists.iter().enumerate() {
        let next = ana.get(format!("{list}?limit=1")).await.expect(200).next().expect("a next page");
        for (m, other) in lists.iter().enumerate() {
            let page = ana.get(format!("{other}?limit=1&cursor={next}")).await;
            if n == m {
                page.expect(200);
            } else {
                pointed(page, "bad-cursor", "/cursor");
            }
        }
    }
    // A cursor says where, never who: with Ana's, Ben sees his own feed.
    let anas = ana.get("/v1/feed?limit=1").await.expect(200).next().expect("a next page");
    let bens = ben.get(format!("/v1/feed?cursor={anas}")).await.expect(200).items();
    assert_eq!(bens.iter().map(|story| &story["object"]["id"]).collect::<Vec<_>>(), [&json!(own)]);
}

#[track_caller]
fn pointed(answer: Answer, code: &str, pointer: &str) {
    assert_eq!(answer.clone().refused(400, code).pointers(), [pointer], "{answer}");
}
