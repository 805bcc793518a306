//! How often a request asks Redis, as Redis itself tells: once before anything is read or appended.

use std::collections::HashMap;
use std::sync::Mutex;

use futures_util::StreamExt as _;
use serde_json::json;

use crate::world::column::Column;
use crate::world::site::{Setting, Site};
use crate::world::{World, on_runtime};

/// Requests of each kind.
const REQUESTS: usize = 20;

#[test]
fn a_request_asks_redis_once_before_it_reads_or_appends() {
    if !Column::Production.can_run() {
        return;
    }
    let site = Mutex::new(Site::start(&Setting::usual(Column::Production)));
    let cache = site.lock().expect("the site").cache().expect("Redis");
    on_runtime(async {
        let world = World::beside(&site).await;
        // One api has one connection.
        let ana = world.sign_up("Ana").await.at(0);
        ana.note("Warm").await;
        world.settle().await;
        ana.feed().await;
        let mut watched = Watched::start(&cache).await;
        for _ in 0..REQUESTS {
            ana.feed().await;
        }
        let reads = watched.told().await;
        let here = reads.values().max_by_key(|commands| commands.len()).expect("commands");
        assert_eq!(here.len(), REQUESTS, "a read asks once: {here:?}");
        let here = reads.iter().find(|(_, commands)| commands.len() == REQUESTS).map(|(who, _)| who.clone()).expect("the api");

        for number in 0..REQUESTS {
            let note = json!({"body": format!("{number}")});
            ana.post("/v1/notes", note).key(format!("k-{number}")).await.expect(201);
        }
        let writes = &watched.told().await[&here];
        // The door with the reservation; then, after the append, what was done and what must be read.
        assert_eq!(writes.len(), 3 * REQUESTS, "{writes:?}");
        for write in writes.chunks(3) {
            assert_eq!(write, &writes[..3], "every write asks the same");
        }
        assert_eq!(writes[..3].iter().collect::<std::collections::HashSet<_>>().len(), 3, "{:?}", &writes[..3]);

        for number in 0..REQUESTS {
            ana.note(&format!("{number} without a key")).await;
        }
        let writes = &watched.told().await[&here];
        assert_eq!(writes.len(), 2 * REQUESTS, "{writes:?}");
    });
}

/// Which connection asked about which keys.
type Who = (String, String);

/// What Redis tells of the commands of one site.
struct Watched {
    lines: std::pin::Pin<Box<dyn futures_util::Stream<Item = String>>>,
    own: redis::aio::MultiplexedConnection,
    prefix: String,
    looks: u32,
}

impl Watched {
    async fn start(cache: &str) -> Self {
        let (server, prefix) = cache.split_once("?prefix=").expect("a prefix");
        let client = redis::Client::open(server).expect("an address");
        let monitor = client.get_async_monitor().await.expect("MONITOR");
        let own = client.get_multiplexed_async_connection().await.expect("Redis");
        Self { lines: Box::pin(monitor.into_on_message()), own, prefix: prefix.to_owned(), looks: 0 }
    }

    /// The scripts and commands since the last look, in order.
    async fn told(&mut self) -> HashMap<Who, Vec<String>> {
        self.looks += 1;
        let mark = format!("{}-look-{}", self.prefix, self.looks);
        let answer: String = redis::cmd("PING").arg(&mark).query_async(&mut self.own).await.expect("an echo");
        assert_eq!(answer, mark);
        let mut told = HashMap::<Who, Vec<String>>::new();
        loop {
            let line = self.lines.next().await.expect("Redis tells on");
            if line.contains(&mark) {
                return told;
            }
            // 1790812800.123456 [0 127.0.0.1:54321] "EVALSHA" "sha" "1" "key" …; what scripts do themselves is told as lua.
            let Some((who, command)) = line.split_once("] ") else { continue };
            let Some(who) = who.split_once("[0 ").map(|(_, who)| who).filter(|who| *who != "lua") else { continue };
            let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('"')).collect();
            let Some(key) = words.iter().find(|word| word.starts_with(&self.prefix)) else { continue };
            told.entry((who.to_owned(), (*key).to_owned())).or_default().push(words[..2].join(" "));
        }
    }
}
