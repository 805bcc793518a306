//! What was read once is in memory: pages ask no database, and still tell what has changed.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, on_runtime, until};

/// Pages of each kind asked for.
const PAGES: usize = 100;
/// How long letters may be due.
const LETTERS_LIMIT: Duration = Duration::from_secs(30);
/// The schemas that pages are made of.
const SCHEMAS: [&str; 5] = ["actors", "graph", "media", "story_feed", "notification_feed"];

columns! {
    the_viewers_own_flags_are_true_at_once,
}

#[test]
fn a_warm_page_asks_no_database_embedded() {
    a_warm_page_asks_no_database(Column::Embedded);
}

#[test]
fn a_warm_page_asks_no_database_in_production() {
    a_warm_page_asks_no_database(Column::Production);
}

fn a_warm_page_asks_no_database(column: Column) {
    if !column.can_run() {
        return;
    }
    // Others' pages must not be counted.
    let site = Mutex::new(Site::start(&Setting::one(column)));
    on_runtime(async {
        let world = World::beside(&site).await;
        let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
        ben.follow(&ana).await;
        world.settle().await;
        let note = ana.note(&format!("Look, @{}!", ben.username)).await;
        let comment = ana.comment(&note, "Again.").await;
        world.settle().await;
        ben.put(format!("/v1/nodes/{note}/vote")).await.expect(204);
        ben.put(format!("/v1/comments/{comment}/vote")).await.expect(204);
        world.settle().await;
        let paths = ["/v1/feed", "/v1/notifications", "/v1/notifications/count"];
        for path in paths {
            ben.get(path).await.expect(200);
        }
        let told = ben.feed().await.items();
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!((&told[0]["verb"], &told[0]["comment"]["viewer"]["voted"]), (&json!("note_comment"), &json!(true)));
        assert_eq!(told[1]["object"]["viewer"]["voted"], json!(true));
        assert!(world.counted("aredvi_db_reads_total", &SCHEMAS).await > 0.0, "nothing is counted");
        // The notifier in the same process asks who writes and who is written to, as long as letters are due.
        until("pages that ask nothing", LETTERS_LIMIT, async || {
            let before = world.counted("aredvi_db_reads_total", &SCHEMAS).await;
            for _ in 0..PAGES {
                for path in paths {
                    ben.get(path).await.expect(200);
                }
            }
            (world.counted("aredvi_db_reads_total", &SCHEMAS).await - before < 1.0).then_some(())
        })
        .await;
    });
}

async fn the_viewers_own_flags_are_true_at_once(world: &World) {
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    let note = ana.note("Like me, tell me.").await;
    world.settle().await;
    for turn in 0..4 {
        let flags = flags(&ben.at(turn), &note).await;
        assert_eq!(flags, (false, false), "before");
    }
    for turn in 0..4 {
        ben.at(turn).put(format!("/v1/nodes/{note}/vote")).await.expect(204);
        assert_eq!(flags(&ben.at(turn + 1), &note).await, (true, true), "who votes is told");
        ben.at(turn).delete(format!("/v1/nodes/{note}/subscription")).await.expect(204);
        assert_eq!(flags(&ben.at(turn + 1), &note).await, (true, false));
        ben.at(turn).delete(format!("/v1/nodes/{note}/vote")).await.expect(204);
        ben.at(turn).put(format!("/v1/nodes/{note}/subscription")).await.expect(204);
        assert_eq!(flags(&ben.at(turn + 1), &note).await, (false, true));
    }
    assert_eq!(flags(&ana, &note).await, (false, true), "another's votes are not hers");
}

/// Whether a person voted for a note, and is told of it, as he reads it.
async fn flags(person: &Person, note: &str) -> (bool, bool) {
    let viewer = person.get(format!("/v1/nodes/{note}")).await.expect(200).json()["viewer"].clone();
    (viewer["voted"] == json!(true), viewer["subscribed"] == json!(true))
}
