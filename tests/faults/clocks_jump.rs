//! The clock of one api of two jumps under load: ids stay unique and below what the process may mint, sessions stand, and
//! pages stay exact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use aredvi_events::id::{EPOCH_MS, SEQUENCE_BITS, WORKER_BITS};
use aredvi_projectors::db::DbUrl;
use serde_json::json;
use sqlx::ConnectOptions as _;

use super::load::{Load, writers};
use super::log;
use crate::world::column::{Column, in_ci};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime, until};

/// What lies to a process about the time of day, and not about how time passes: where Debian puts it.
const FAKETIME: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];
/// The process that is lied to.
const WRONG: &str = "api-2";
/// What it is told, one after the other: seconds.
const JUMPS: [&str; 5] = ["+600", "-600", "+3600", "+0", "-3600"];
/// Clients that write at once, by both apis.
const WRITERS: usize = 3;
/// Notes that each gets acknowledged after each jump.
const NOTES: usize = 10;
/// Stories of a page: odd, so that a page ends anywhere.
const PAGE: usize = 7;
/// Within this both apis know what was written at one.
const FEED_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn production_a_clock_that_jumps_doubles_no_id_and_ends_no_session() {
    if !super::all_asked() {
        return;
    }
    if !Column::Production.can_run() {
        return;
    }
    let Some(library) = FAKETIME.into_iter().find(|library| Path::new(library).exists()) else {
        assert!(!in_ci(), "libfaketime is not installed");
        eprintln!("NOT RUN with clocks that jump: libfaketime is not installed");
        return;
    };
    on_runtime(jumps(library));
}

async fn jumps(library: &'static str) {
    let told = tempfile::NamedTempFile::new().expect("a file");
    let tell = |offset: &str| std::fs::write(told.path(), format!("{offset}\n")).expect("the time");
    tell("+0");
    let file: &'static str = told.path().display().to_string().leak();
    let lied_to = vec![
        (WRONG, "LD_PRELOAD", library),
        (WRONG, "FAKETIME_TIMESTAMP_FILE", file),
        (WRONG, "FAKETIME_NO_CACHE", "1"),
        (WRONG, "FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        (WRONG, "DONT_FAKE_MONOTONIC", "1"),
    ];
    let site = Mutex::new(Site::start(&Setting { env_of: lied_to, ..Setting::usual(Column::Production) }));
    let world = World::beside(&site).await;
    let people = writers(&world, WRITERS).await;
    let ben = world.sign_up("Ben").await;
    for person in &people {
        ben.follow(person).await;
    }
    world.settle().await;
    let load = Load::default();
    load.beside(&people, async {
        for jump in JUMPS {
            load.progress(&people, NOTES).await;
            tell(jump);
            load.progress(&people, NOTES).await;
            for api in 0..2 {
                still_known(&ben.at(api)).await;
            }
            once_each(&ben, &load.ids()).await;
        }
    })
    .await;
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
    world.settle().await;
    eprintln!("clocks: {}, slowest {:?}", load.outcome(&people).await, load.slowest());
    load.assert_pages(&people).await;
    let (journal, db) = {
        let site = site.lock().expect("the site");
        let engines = site.engines().expect("engines");
        (engines.journal.clone(), engines.db.clone())
    };
    load.assert_log(&log::notes(&journal).await);
    let minted = minted(&db).await;
    for id in load.ids() {
        let id: u64 = id.parse().expect("an id");
        let worker = (id >> SEQUENCE_BITS) & ((1 << WORKER_BITS) - 1);
        let ms = EPOCH_MS + i64::try_from(id >> (SEQUENCE_BITS + WORKER_BITS)).expect("a time");
        let until = minted.get(&worker).unwrap_or_else(|| panic!("{worker} is nobody's number"));
        assert!(ms < *until, "{id} was minted past the end of the lease of {worker}");
    }
}

/// His session stands, and he can open another; what cannot be told just now is 503, and never 401.
async fn still_known(ben: &Person) {
    let login = json!({"login": ben.username, "password": ben.password});
    until("his sessions stand", FEED_LIMIT, async || {
        let (me, opened) = (ben.get("/v1/me").await, ben.post("/v1/sessions", login.clone()).await);
        assert!([200, 503].contains(&me.status.as_u16()), "{me}");
        assert!([201, 503].contains(&opened.status.as_u16()), "{opened}");
        (me.status == 200 && opened.status == 201).then_some(())
    })
    .await;
}

/// Following `next` while others write shows every story exactly once, those before the first page as soon as both apis
/// have heard of them.
async fn once_each(ben: &Person, before: &BTreeSet<String>) {
    until("the feed holds all", FEED_LIMIT, async || {
        let stories = ben.all("/v1/feed", PAGE).await;
        let seen: Vec<String> = stories.iter().filter_map(|story| story["object"]["id"].as_str().map(str::to_owned)).collect();
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "a story came twice");
        before.iter().all(|note| once.contains(note)).then_some(())
    })
    .await;
}

/// Up to when ids may have been minted, by worker number.
async fn minted(db: &str) -> BTreeMap<u64, i64> {
    let DbUrl::MySql { server, prefix } = db.parse().expect("a database") else { panic!("{db} is no server") };
    let mut connection = server.database(&format!("{prefix}_control")).connect().await.expect("the database");
    let rows: Vec<(i32, i64)> =
        sqlx::query_as("SELECT worker, mint_until FROM workers").fetch_all(&mut connection).await.expect("the numbers");
    rows.into_iter().map(|(worker, until)| (u64::try_from(worker).expect("a number"), until)).collect()
}
