//! A post is followed from its request through the log into every view and the letter; what is told of it is no secret.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::world::collector::{Receiver, Span};
use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::telling::Telling;
use crate::world::{World, columns, until};

/// How long the last span may take to arrive.
const LIMIT: Duration = Duration::from_secs(60);
/// A caller who asks to be followed.
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";

/// The steps of a note that mentions somebody: each with the one that it follows from.
const STEPS: [(&str, &str); 15] = [
    ("journal.append media", "api.POST /v1/notes"),
    ("project.media media", "journal.append media"),
    ("project.story_feed media", "journal.append media"),
    ("project.planner media", "journal.append media"),
    ("project.janitor media", "journal.append media"),
    ("hear.api media", "journal.append media"),
    ("journal.append notifications", "project.planner media"),
    ("project.notification_feed notifications", "journal.append notifications"),
    ("project.ledger notifications", "journal.append notifications"),
    ("hear.api notifications", "journal.append notifications"),
    ("notify.email", "project.ledger notifications"),
    ("journal.append deliveries", "notify.email"),
    ("project.ledger deliveries", "journal.append deliveries"),
    ("hear.facts media", "journal.append media"),
    ("hear.facts notifications", "journal.append notifications"),
];
/// Those of processes that have no api: there is none where one process holds all roles.
const OF_OTHERS: &str = "hear.facts";
/// The role of a process by the beginnings of its steps.
const ROLES: [(&str, &str); 9] = [
    ("api.", "api"),
    ("journal.append media", "api"),
    ("hear.api", "api"),
    ("project.planner", "planner"),
    ("project.janitor", "planner"),
    ("journal.append notifications", "planner"),
    ("project.ledger", "notifier"),
    ("notify.email", "notifier"),
    ("project.", "projector"),
];
/// `SPAN_KIND_…` of OTLP.
const KINDS: [(&str, i32); 5] = [("api.", 2), ("journal.append", 4), ("project.", 5), ("hear.", 5), ("notify.email", 3)];

columns! {
    each alone:
    a_post_is_followed_from_its_request_into_every_view_and_the_letter,
    what_is_told_of_a_trace_is_no_text_no_name_no_address_and_no_token,
    a_receiver_that_is_away_is_told_of_once_and_felt_by_nobody,
}

async fn a_post_is_followed_from_its_request_into_every_view_and_the_letter(column: Column) {
    let receiver = Receiver::start();
    let site = Site::start(&traced(column, receiver.url, "0"));
    let world = World::of(&site).await;
    let (ana, ben) = (world.sign_up("Ana").await, world.sign_up("Ben").await);
    world.settle().await;
    let written = ana.post("/v1/notes", json!({"body": format!("Look, @{}!", ben.username)}));
    let written = written.header("traceparent", CALLER).await.expect(201);
    assert_eq!(written.header("x-request-id"), Some(TRACE));
    let steps: Vec<_> =
        STEPS.into_iter().filter(|(name, _)| column == Column::Production || !name.starts_with(OF_OTHERS)).collect();
    let arrived = |name: &str| receiver.spans().iter().any(|span| span.name == name);
    for (name, _) in &steps {
        until(name, LIMIT, async || arrived(name).then_some(())).await;
    }
    let spans = receiver.spans();
    assert!(spans.iter().all(|span| span.trace == TRACE), "nobody else is followed: {spans:#?}");
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let request: Vec<_> = spans.iter().filter(|span| span.name == "api.POST /v1/notes").collect();
    assert_eq!((request.len(), request[0].parent.as_str()), (1, CALLERS_SPAN));
    assert_eq!(request[0].says["http.response.status_code"], "201");
    let header = written.header("traceparent").expect("a trace");
    assert_eq!(header, format!("00-{TRACE}-{}-01", request[0].id));
    for span in spans.iter().filter(|span| span.id != request[0].id) {
        let parent = by_id.get(span.parent.as_str()).map(|parent| parent.name.as_str());
        assert!(steps.iter().any(|(name, after)| *name == span.name && Some(*after) == parent), "{span:?} after {parent:?}");
    }
    for (name, _) in steps.iter().filter(|(name, _)| !name.starts_with("hear.")) {
        assert_eq!(spans.iter().filter(|span| span.name == *name).count(), 1, "{name}");
    }
    for span in &spans {
        let of = |table: &[(&str, &'static str)]| table.iter().find(|(begin, _)| span.name.starts_with(begin)).map(|(_, is)| *is);
        if column == Column::Production && !span.name.starts_with(OF_OTHERS) && !span.name.ends_with("deliveries") {
            assert_eq!(Some(span.role.as_str()), of(&ROLES), "{span:?}");
        }
        assert!(KINDS.iter().any(|(begin, kind)| span.name.starts_with(begin) && span.kind == *kind), "{span:?}");
    }
}

async fn what_is_told_of_a_trace_is_no_text_no_name_no_address_and_no_token(column: Column) {
    let receiver = Receiver::start();
    let mut site = Site::start(&traced(column, receiver.url, "1"));
    let world = World::of(&site).await;
    let Telling { texts, .. } = Telling::of(&world).await;
    for step in [
        "api.POST /v1/people",
        "api.POST /v1/sessions",
        "api.GET /v1/people",
        "project.accounts identity",
        "project.sessions sessions",
        "project.story_feed media",
        "notify.email",
    ] {
        until(step, LIMIT, async || receiver.spans().iter().any(|span| span.name == step).then_some(())).await;
    }
    let ended = site.end_all();
    assert!(ended.iter().all(std::process::ExitStatus::success), "{ended:?}: the last spans are sent");
    let told: Vec<_> = texts.iter().filter(|text| receiver.holds(text)).collect();
    assert!(told.is_empty(), "{told:?}");
}

async fn a_receiver_that_is_away_is_told_of_once_and_felt_by_nobody(column: Column) {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let url = format!("http://{nowhere}").leak();
    let site = Mutex::new(Site::start(&Setting { shape: crate::world::site::Shape::One, ..traced(column, url, "1") }));
    let world = World::beside(&site).await;
    let ana = world.sign_up("Ana").await;
    let mut dropped = 0.0;
    for body in ["one", "two", "three"] {
        ana.note(body).await;
        let more = until("spans are dropped", LIMIT, async || {
            let now = world.counted("aredvi_trace_spans_total", &["dropped"]).await;
            (now > dropped).then_some(now)
        });
        dropped = more.await;
    }
    let ended = site.lock().expect("the site").end(0);
    assert!(ended.success(), "{ended}");
    let log = std::fs::read_to_string(&site.lock().expect("the site").logs()[0]).expect("a log");
    let told: Vec<_> = log.lines().filter(|line| line.contains("traces are not taken")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
}

/// A site whose traces go to `url`, a share of them.
fn traced(column: Column, url: &'static str, share: &'static str) -> Setting {
    let env = vec![("AREDVI_OTLP_ENDPOINT", url), ("AREDVI_TRACE_SAMPLE", share)];
    Setting { env, ..Setting::usual(column) }
}
