//! Cards that processes share: what one api has read another need not read, and nobody is shown what was.

use std::sync::Mutex;
use std::time::Duration;

use aredvi_events::Clock;
use serde_json::{Value, json};

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, on_runtime, until};

/// The second api, among the processes of a site.
const SECOND: usize = 5;
/// The projectors, among them.
const PROJECTORS: [usize; 2] = [0, 1];
/// How long cards may take to get to where all find them, with starts of the second api.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two notes that are tried: each that is not told yet stands before what is.
const BETWEEN_NOTES: Duration = Duration::from_secs(1);
/// The schemas that cards are read from.
const SCHEMAS: [&str; 3] = ["actors", "media", "story_feed"];
/// Changes that must show.
const CHANGES: usize = 12;

columns! {
    a_change_shows_at_once_on_every_api_and_stays,
}

#[test]
fn an_api_that_starts_asks_no_view_for_what_another_has_read() {
    if !Column::Production.can_run() {
        return;
    }
    let site = Mutex::new(Site::start(&Setting::usual(Column::Production)));
    on_runtime(async {
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ben.follow(&ana).await;
        let note = ana.note("Look!").await;
        let comment = ana.comment(&note, "Again.").await;
        // Ben has not written what Ana wrote: he waits for her views as anybody does.
        world.settle().await;
        ben.put(format!("/v1/comments/{comment}/vote")).await.expect(204);
        world.settle().await;
        let told = items(&ben.at(0)).await;
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0]["comment"]["viewer"]["voted"], json!(true));
        until("cards that Redis has", LIMIT, async || {
            start_anew(&site, &ben).await;
            let found = world.counted_by(SECOND, "aredvi_cards_asked_total", &["found"]).await;
            let missing = world.counted_by(SECOND, "aredvi_cards_asked_total", &["missing"]).await;
            (found > 0.0 && missing < 1.0).then_some(())
        })
        .await;
        // The newest were read before it was ready: its first page asks nobody.
        let asked = async || {
            let of_views = world.counted_by(SECOND, "aredvi_db_reads_total", &SCHEMAS).await;
            of_views + world.counted_by(SECOND, "aredvi_cards_asked_total", &["outcome"]).await
        };
        let before = asked().await;
        assert_eq!(items(&ben.at(1)).await, told);
        assert!(asked().await - before < 1.0, "a page asked for what had been read ahead");

        // Nobody has read the edited note yet: what stands in Redis is older.
        ana.at(0).patch(format!("/v1/nodes/{note}"), json!({"body": "Look again!"})).await.expect(200);
        world.settle().await;
        start_anew(&site, &ben).await;
        assert_eq!(items(&ben.at(1)).await[1]["object"]["body"], json!("Look again!"));
    });
}

#[test]
fn a_new_note_is_told_while_no_projector_runs() {
    if !Column::Production.can_run() {
        return;
    }
    let site = Mutex::new(Site::start(&Setting::usual(Column::Production)));
    on_runtime(async {
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ben.follow(&ana).await;
        let before = ana.at(0).note("Before.").await;
        world.settle().await;
        assert_eq!(items(&ben.at(0)).await[0]["object"]["id"], json!(before));
        for projector in PROJECTORS {
            site.lock().expect("the site").kill(projector);
        }
        // What is older than a few seconds when a process begins to listen might be a repeat of what it has not heard.
        let told = until("a note is told that no view holds", LIMIT, async || {
            let note = ana.at(0).note("Nobody has it in a table.").await;
            let told = items(&ben.at(0)).await;
            assert!(told.iter().any(|story| story["object"]["id"] == json!(before)), "what is there is shown: {told:?}");
            if told[0]["object"]["id"] != json!(note) {
                Clock::default().sleep(BETWEEN_NOTES).await;
                return None;
            }
            Some(told)
        })
        .await;
        assert_eq!(told[0]["object"]["body"], json!("Nobody has it in a table."));
        assert_eq!(told[0]["object"]["viewer"], json!({"voted": false, "subscribed": false, "can": ["comment", "vote"]}));
        for projector in PROJECTORS {
            site.lock().expect("the site").restart(projector);
        }
        world.settle().await;
        for api in [0, 1] {
            assert_eq!(items(&ben.at(api)).await[0], told[0], "as the views tell it");
        }
    });
}

/// Starts the second api once more, and waits until it is ready.
async fn start_anew(site: &Mutex<Site>, person: &Person) {
    {
        let mut site = site.lock().expect("the site");
        site.kill(SECOND);
        site.restart(SECOND);
    }
    until("the second api is ready", LIMIT, async || {
        let answer = person.at(1).get("/readyz").sent().await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
}

async fn items(person: &Person) -> Vec<Value> {
    person.feed().await.items()
}

async fn a_change_shows_at_once_on_every_api_and_stays(world: &World) {
    let ana = world.sign_up("Ana").await;
    let note = ana.note("0").await;
    for change in 1..=CHANGES {
        let (body, name) = (change.to_string(), format!("Ana {change}"));
        ana.at(change).patch("/v1/me", json!({"name": name})).await.expect(200);
        ana.at(change).patch(format!("/v1/nodes/{note}"), json!({"body": body})).await.expect(200);
        for api in [change + 1, change, change + 1] {
            let told = items(&ana.at(api)).await.remove(0);
            assert_eq!((&told["object"]["body"], &told["subject"]["name"]), (&json!(body), &json!(name)));
        }
    }
}
