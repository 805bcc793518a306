//! Records that no program of ours wrote: of an unknown type, of a version to come, of no shape at all. Each stops its key
//! in the views that read it, and nothing else; giving them up lets the key go on.

use std::sync::Mutex;
use std::time::Duration;

use aredvi_events::{Clock, Mint, Record, Topic};
use aredvi_journal::{Journal, JournalUrl, OpenOptions};

use crate::world::column::Column;
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, columns, until};

/// Within this every view has come to them, and later let them go.
const LIMIT: Duration = Duration::from_secs(60);
/// Within this all are given up, each by a command of its own.
const DROPPED_LIMIT: Duration = Duration::from_secs(300);
/// The views that each topic's records stop; other consumers may have to give them up too.
const STOPPED: [(Topic, &[&str]); 5] = [
    (Topic::Actors, &["actors"]),
    (Topic::Sessions, &["sessions"]),
    (Topic::Graph, &["graph", "story_feed"]),
    (Topic::Media, &["media", "story_feed"]),
    (Topic::Notifications, &["notification_feed"]),
];

columns! {
    each alone:
    a_strange_record_stops_its_key_alone_until_it_is_given_up,
}

async fn a_strange_record_stops_its_key_alone_until_it_is_given_up(column: Column) {
    if !super::all_asked() {
        return;
    }
    let site = Mutex::new(Site::start(&Setting::usual(column)));
    let world = World::beside(&site).await;
    let (ana, ben, cem) = (world.sign_up("Ana").await, world.sign_up("Ben").await, world.sign_up("Cem").await);
    ben.follow(&ana).await;
    let notes = [ana.note("one").await, ana.note("two").await, ana.note("three").await];
    world.settle().await;

    append_to(&site, column, strange(&cem, &notes)).await;
    let world = World::beside(&site).await;
    let (ana, ben) = (ana.again(&world), ben.again(&world));
    let parked = until("every view has come to them", LIMIT, async || {
        let parked = listed(&site);
        let holds = |view: &str, topic: Topic| parked.iter().any(|row| row.view == view && row.place.starts_with(topic.name()));
        STOPPED.iter().all(|(topic, views)| views.iter().all(|&view| holds(view, *topic))).then_some(parked)
    })
    .await;
    world.settle().await;
    let said = world.said().concat();
    for (topic, views) in STOPPED {
        for view in views {
            let first = parked.iter().find(|row| row.view == *view && row.place.starts_with(topic.name())).expect("parked");
            let line = [format!("view=\"{view}\" "), format!("place={} ", first.place)];
            let lines = said.lines().filter(|said| said.contains("parked") && line.iter().all(|part| said.contains(part)));
            assert_eq!(lines.count(), 1, "{view} says once that {} is parked:\n{said}", first.place);
        }
    }

    // Everybody else goes on, and `identity`, which must not stop, refused what it could not read.
    let after = ana.note("after").await;
    world.sign_up("Dan").await.follow(&ana).await;
    world.settle().await;
    let feed = ben.feed().await;
    assert!(feed.items().iter().any(|story| story["object"]["id"] == after.as_str()), "{feed}");
    assert!(parked.iter().all(|row| row.view != "accounts"), "accounts never parks");
    for note in &notes {
        assert!(parked.iter().filter(|row| row.view == "media").count() >= notes.len());
        ben.get(format!("/v1/nodes/{note}")).await.expect(200);
    }

    until("all are given up", DROPPED_LIMIT, async || {
        let parked = listed(&site);
        // What `sessions` lists without an id cannot be named, and holds nothing up.
        let named = |row: &&Row| row.view != "sessions" || uuid::Uuid::parse_str(&row.event).is_ok();
        let first = parked.iter().filter(|row| row.is_first()).filter(named);
        let given_up = first.map(|row| site.lock().expect("the site").run(&["parked", "drop", &row.view, &row.event]));
        // What was given up before may be listed until the projectors come to it.
        (given_up.count() == 0).then_some(())
    })
    .await;
    for note in &notes {
        let comment = ben.comment(note, "at last").await;
        world.settle().await;
        ben.get(format!("/v1/nodes/{note}/comments")).await.expect(200).assert_ids(&[comment]);
    }
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
}

/// Three kinds of each topic; those of `media` stand each under a note of their own.
fn strange(person: &Person, notes: &[String]) -> Vec<Record> {
    let mut records = Vec::new();
    for topic in Topic::ALL {
        for (number, note) in notes.iter().enumerate() {
            let key = match topic {
                Topic::Identity => "identity".to_owned(),
                Topic::Graph => format!("{0}:{0}1", person.id),
                Topic::Media => note.clone(),
                Topic::Actors | Topic::Sessions | Topic::Notifications | Topic::Deliveries => person.id.clone(),
            };
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let envelope = |ty: &str, version: u32| {
                vec![
                    header("ce_specversion", "1.0"),
                    header("ce_id", &uuid::Uuid::new_v4().to_string()),
                    header("ce_type", ty),
                    header("ce_source", &format!("urn:aredvi:{}", uuid::Uuid::new_v4())),
                    header("ce_subject", &key),
                    header("ce_time", "2026-01-01T00:00:00.000Z"),
                    header("ce_dataschema", &format!("urn:aredvi:{ty}:{version}")),
                    header("content-type", "application/json"),
                ]
            };
            let (headers, value) = match number {
                0 => (envelope("song.sung", 1), br#"{"by":null}"#.to_vec()),
                1 => (envelope("note.added", 9), br#"{"by":null}"#.to_vec()),
                _ => (Vec::new(), vec![0xff, 0x00, 0xfe, b'{']),
            };
            records.push(Record { topic, key, headers, value });
        }
    }
    records
}

/// As another producer; that of the embedded column is another owner of the file.
async fn append_to(site: &Mutex<Site>, column: Column, records: Vec<Record>) {
    let (url, single_broker) = match column {
        Column::Production => (site.lock().expect("the site").journal().expect("a journal"), true),
        Column::Embedded => {
            let mut site = site.lock().expect("the site");
            assert!(site.end(0).success());
            (format!("sqlite:{}", site.data.join("journal.db").display()), true)
        }
    };
    let url: JournalUrl = url.parse().expect("a journal");
    let journal = Journal::open(&url, OpenOptions { single_broker }, &Mint::new(Clock::default())).await.expect("the log");
    journal.append(records).await.expect("they are appended");
    journal.close(LIMIT).await.expect("closed");
    drop(journal);
    if column == Column::Embedded {
        site.lock().expect("the site").restart(0);
    }
}

struct Row {
    view: String,
    event: String,
    place: String,
    reason: String,
}

impl Row {
    /// Whether it is the one that stopped its key.
    fn is_first(&self) -> bool {
        !self.reason.contains("behind")
    }
}

/// What `aredvi parked list` shows.
fn listed(site: &Mutex<Site>) -> Vec<Row> {
    let ran = site.lock().expect("the site").run(&["parked", "list"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8(ran.stdout).expect("text");
    said.lines().skip(1).filter_map(row).collect()
}

/// A line of the table: columns stand two spaces apart, and the type may be empty.
fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().position(|word| word.contains('/') && word.contains('@'))?;
    let (view, event) = ((*words.first()?).to_owned(), (*words.get(1)?).to_owned());
    Some(Row { view, event, place: words[place].to_owned(), reason: words[place + 1..].join(" ") })
}
