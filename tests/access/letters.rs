//! What is taken away between the moment it is told of and the moment its letter is sent is not sent.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::world::answer::id;
use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, until};

/// How long a letter may take.
const MAIL_LIMIT: Duration = Duration::from_secs(60);
/// What the notifier says of an outbox that cannot be written.
const NOT_WRITTEN: &str = "the outbox cannot be written";
/// When a letter that failed is surely tried again, in milliseconds: its claim has run out too.
const LATER: &str = "1200000";

columns! {
    each alone:
    a_letter_is_not_sent_of_what_is_out_of_sight_by_then,
}

async fn a_letter_is_not_sent_of_what_is_out_of_sight_by_then(column: Column) {
    let site = Mutex::new(Site::start(&Setting::one(column)));
    let world = World::beside(&site).await;
    let (ana, ben, cai) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cai").await);
    let (dee, eve) = (world.sign_up("Dee").await, world.sign_up("Eve").await);
    let fay = world.sign_up("Fay").await;
    let readers = [&ben, &cai, &dee, &eve];
    world.settle().await;
    let outbox = world.outbox();
    close(&outbox);
    let names: Vec<String> = readers.iter().map(|reader| format!("@{}", reader.username)).collect();
    let seen = ana.note(&names.join(" ")).await;
    let hidden = ana.note(&names.join(" ")).await;
    let log = site.lock().expect("the site").logs()[0].clone();
    until("every letter was tried", MAIL_LIMIT, async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        (said.matches(NOT_WRITTEN).count() >= 2 * readers.len()).then_some(())
    })
    .await;
    let mut of_seen = Vec::new();
    for reader in readers {
        assert!(told(&world, reader, &hidden).await.is_some());
        of_seen.push(told(&world, reader, &seen).await.expect("told"));
    }
    // Nobody sees the one any more; of the other, Cai is blocked, Dee blocks, Eve has read it.
    ana.patch(format!("/v1/nodes/{hidden}"), json!({"access": "admins"})).await.expect(200);
    ana.block(&cai).await;
    dee.block(&ana).await;
    eve.post("/v1/notifications/read", json!({"ids": [of_seen[3]]})).await.expect(204);
    world.settle().await;
    open(&outbox);
    site.lock().expect("the site").restart_later(0, LATER);
    until("the one letter", MAIL_LIMIT, async || (!world.letters(&ben).is_empty()).then_some(())).await;
    // A note that all may see: its letters come after all that were due before.
    let world = World::beside(&site).await;
    let last = fay.again(&world).note(&names.join(" ")).await;
    until("a letter of the last note", MAIL_LIMIT, async || {
        let id = told(&world, &ben, &last).await?;
        world.letters(&ben).contains(&id).then_some(())
    })
    .await;
    for (reader, of_seen) in readers.into_iter().zip(of_seen) {
        let mut expected = BTreeSet::from([told(&world, reader, &last).await.expect("told")]);
        if reader.id == ben.id {
            expected.insert(of_seen);
        }
        until("the last letter", MAIL_LIMIT, async || world.letters(reader).is_superset(&expected).then_some(())).await;
        assert_eq!(world.letters(reader), expected, "{}", reader.name);
    }
}

/// The notification that tells somebody of a note.
async fn told(world: &World, reader: &Person, note: &str) -> Option<String> {
    let listed = reader.again(world).get("/v1/notifications").await.expect(200).items();
    listed.iter().find(|item| item["object"]["id"] == json!(note)).map(id)
}

/// Makes an outbox one that nothing can be written to, whoever the process is.
fn close(outbox: &Path) {
    std::fs::remove_dir_all(outbox).expect("the outbox");
    std::fs::write(outbox, "closed").expect("no outbox");
}

fn open(outbox: &Path) {
    std::fs::remove_file(outbox).expect("no outbox");
    std::fs::create_dir(outbox).expect("an outbox");
}
