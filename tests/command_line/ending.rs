//! A signal ends the process in order: no accepted write is lost, no request is cut off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::Server;

/// Requests in work are waited for longer than this: whoever ends sooner has not waited.
const DRAINED: Duration = Duration::from_secs(10);
/// People who write at once.
const WRITERS: usize = 8;
/// Notes that stand before the signal comes.
const BEFORE: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn the_writes_that_are_there_after_a_signal_are_those_that_were_answered() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    let server = Server::start_with(&data, &["--rate-limits", "off"]);
    let person = json!({"username": "ana", "email": "ana@club.example", "password": "correct horse battery", "name": "Ana"});
    let client = reqwest::Client::new();
    let registered = client.post(format!("{}/v1/admin/people", server.admin)).json(&person).send().await.expect("an answer");
    let registered: Value = registered.json().await.expect("json");
    let token: Arc<str> = registered["session"]["token"].as_str().expect("a token").into();
    let written = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| tokio::spawn(write(format!("{}/v1/notes", server.url), Arc::clone(&token), Arc::clone(&written))))
        .collect();
    while written.load(Ordering::Relaxed) < BEFORE {
        tokio::task::yield_now().await;
    }
    server.signal("-TERM");
    let status = server.ended();
    assert!(status.success(), "{status}");
    let mut answered = BTreeSet::new();
    for writer in writers {
        answered.extend(writer.await.expect("no answer was cut short"));
    }
    assert!(answered.len() >= BEFORE);

    let server = Server::start_with(&data, &["--rate-limits", "off"]);
    let settled = client.get(format!("{}/v1/admin/settled?wait=60", server.admin)).send().await.expect("an answer");
    assert!(settled.status().is_success());
    assert_eq!(notes_of(&server, &token).await, answered, "a note is there that was not answered, or the reverse");
    server.signal("-INT");
    assert!(server.ended().success());
}

/// Writes notes until the server is gone; the ids of those that were answered. A connection that nobody accepted any more
/// is refused or reset: then nothing was written.
async fn write(url: String, token: Arc<str>, written: Arc<AtomicUsize>) -> Vec<String> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let mut ids = Vec::new();
    loop {
        let body = json!({"body": format!("note {}", ids.len())});
        let Ok(response) = client.post(&url).bearer_auth(&token).json(&body).send().await else { return ids };
        assert_eq!(response.status(), 201);
        let node: Value = response.json().await.expect("a whole answer");
        ids.push(node["id"].as_str().expect("an id").to_owned());
        written.fetch_add(1, Ordering::Relaxed);
    }
}

/// The ids of all notes on the writer's page.
async fn notes_of(server: &Server, token: &str) -> BTreeSet<String> {
    let client = reqwest::Client::new();
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let url = format!("{}/v1/actors/me/stories?limit=100{cursor}", server.url);
        let page = client.get(url).bearer_auth(token).send().await.expect("an answer");
        let page: Value = page.json().await.expect("json");
        for story in page["items"].as_array().expect("stories") {
            ids.insert(story["object"]["id"].as_str().expect("a note").to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn open_streams_and_idle_connections_hold_nothing_up() {
    let temp = tempfile::tempdir().expect("a directory");
    let server = Server::start(&temp.path().join("data"));
    let person = json!({"username": "ana", "email": "ana@club.example", "password": "correct horse battery", "name": "Ana"});
    let client = reqwest::Client::new();
    let registered = client.post(format!("{}/v1/admin/people", server.admin)).json(&person).send().await.expect("an answer");
    let registered: Value = registered.json().await.expect("json");
    let token = registered["session"]["token"].as_str().expect("a token");
    let stream = client.get(format!("{}/v1/stream", server.url)).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let idle = client.get(format!("{}/healthz", server.url)).send().await.expect("an answer");
    assert_eq!(idle.text().await.expect("a text"), "alive\n");
    let began = Instant::now();
    server.signal("-TERM");
    let told = stream.text().await.expect("the stream ends, it does not break");
    assert!(server.ended().success(), "{told}");
    assert!(began.elapsed() < DRAINED, "{:?}", began.elapsed());
}

#[test]
fn a_directory_is_free_again_however_its_owner_ended() {
    let temp = tempfile::tempdir().expect("a directory");
    let data = temp.path().join("data");
    for signal in ["-KILL", "-TERM", "-INT"] {
        let server = Server::start(&data);
        server.signal(signal);
        assert_eq!(server.ended().success(), signal != "-KILL");
    }
    assert!(!data.join("control.sock").exists());
}
