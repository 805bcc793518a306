//! One of three brokers is killed after the other, under load: nothing acknowledged is lost, and whoever repeats as he is
//! told gets what he asks for.

use std::cell::Cell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::load::{Load, writers};
use super::log;
use crate::world::own_engines::{self, OwnEngines};
use crate::world::person::Person;
use crate::world::site::{Setting, Site};
use crate::world::{World, until};

/// How often each of the three is killed, unless this says more.
const ROUNDS: &str = "AREDVI_TEST_BROKER_ROUNDS";
/// How many there are.
const BROKERS: usize = 3;
/// Clients that write at once.
const WRITERS: usize = 4;
/// Notes that each gets acknowledged while a broker is away, and when it is back.
const NOTES: usize = 20;
/// A request counts as answered when what it asks for came within this, repeats included: a client's patience.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many of a thousand have to be.
const OF_A_THOUSAND: usize = 999;
/// Within this a broker that came back holds all that the others do.
const IN_SYNC_LIMIT: Duration = Duration::from_secs(90);

#[test]
fn production_any_of_three_brokers_is_killed_and_nothing_is_lost() {
    if !super::all_asked() {
        return;
    }
    own_engines::run_three_brokers(killed_in_turn);
}

/// What readers got.
#[derive(Default)]
struct Reads {
    asked: Cell<usize>,
    answered: Cell<usize>,
    stop: Cell<bool>,
}

async fn killed_in_turn(engines: &OwnEngines) {
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let site = Mutex::new(Site::start(&Setting::many_on(&engines.urls)));
    let world = World::beside(&site).await;
    let people = writers(&world, WRITERS).await;
    let reader = world.sign_up("Ben").await;
    reader.follow(&people[0]).await;
    let (load, reads, began) = (Load::default(), Reads::default(), Instant::now());
    let writing = async {
        load.beside(&people, async {
            for _ in 0..rounds {
                for broker in 1..=BROKERS {
                    load.progress(&people, NOTES).await;
                    engines.kill_broker(broker).await;
                    load.progress(&people, NOTES).await;
                    engines.up_broker(broker).await;
                    in_sync(engines).await;
                }
            }
        })
        .await;
        reads.stop.set(true);
    };
    tokio::join!(writing, reads.go_on(&reader));
    // A client library that ends its process takes it along.
    assert_eq!(site.lock().expect("the site").ended(), [""; 0]);
    world.settle().await;
    let (outcome, late) = (load.outcome(&people).await, load.later_than(PATIENCE));
    eprintln!(
        "three brokers, each killed {rounds}× in {} s: {outcome}, {late} later than {PATIENCE:?}, slowest {:?}; reads: {} of {} are 200",
        began.elapsed().as_secs(),
        load.slowest(),
        reads.answered.get(),
        reads.asked.get(),
    );
    load.assert_pages(&people).await;
    let journal = site.lock().expect("the site").journal().expect("a journal");
    load.assert_log(&log::notes(&journal).await);
    assert!(enough(outcome.acknowledged - late, outcome.acknowledged), "{late} of {} came too late", outcome.acknowledged);
    assert!(enough(reads.answered.get(), reads.asked.get()), "{} of {}", reads.answered.get(), reads.asked.get());
}

fn enough(answered: usize, asked: usize) -> bool {
    answered * 1_000 >= asked * OF_A_THOUSAND
}

/// Until every replica holds what its leader does: then the next may be lost.
async fn in_sync(engines: &OwnEngines) {
    let words = ["--describe", "--under-replicated-partitions"];
    until("the broker is in sync", IN_SYNC_LIMIT, async || {
        let behind = engines.kafka_tool("org.apache.kafka.tools.TopicCommand", &words).await;
        behind.trim().is_empty().then_some(())
    })
    .await;
}

impl Reads {
    /// Reads without pause, no repeats: each answer counts as it is.
    async fn go_on(&self, reader: &Person) {
        while !self.stop.get() {
            let own = format!("/v1/actors/{}/stories", reader.id);
            let paths = ["/v1/feed", "/v1/me", "/v1/notifications/count", &own];
            let answers = join_all(paths.iter().map(|path| reader.get(*path).sent())).await;
            self.asked.set(self.asked.get() + answers.len());
            let good = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 200));
            self.answered.set(self.answered.get() + good.count());
        }
    }
}
